"""The metadata commands of Flight SQL as Arrow tables, of what a principal may see. Pure: visible products to rows.

Source: apache/arrow, format/FlightSql.proto; the comment on each command there fixes its schema and order.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import pyarrow as pa

from gateway import SEMANTIC_RELATIONS, SEMANTIC_SCHEMA, BadQuery, Relationship, VisibleProduct, VisibleTable
from ports.flight import messages as m
from ports.flight import sqlinfo, xdbc
from ports.flight.columns import CATALOG

TABLE_TYPE = "TABLE"
NO_ACTION = 3  # enum UpdateDeleteRules
Metadata = (
    m.CommandGetSqlInfo
    | m.CommandGetXdbcTypeInfo
    | m.CommandGetCatalogs
    | m.CommandGetDbSchemas
    | m.CommandGetTables
    | m.CommandGetTableTypes
    | m.CommandGetPrimaryKeys
    | m.CommandGetExportedKeys
    | m.CommandGetImportedKeys
    | m.CommandGetCrossReference
)
PATTERN_LIMIT = 256
SchemaOf = Callable[[VisibleProduct, VisibleTable], pa.Schema]
_Row = tuple[Any, ...]


def _text(name: str, *, nullable: bool = False) -> pa.Field:
    return pa.field(name, pa.string(), nullable)


CATALOGS = pa.schema([_text("catalog_name")])
DB_SCHEMAS = pa.schema([_text("catalog_name", nullable=True), _text("db_schema_name")])
TABLES = pa.schema(
    [
        _text("catalog_name", nullable=True),
        _text("db_schema_name", nullable=True),
        _text("table_name"),
        _text("table_type"),
    ]
)
TABLES_WITH_SCHEMA = TABLES.append(pa.field("table_schema", pa.binary(), False))
TABLE_TYPES = pa.schema([_text("table_type")])
PRIMARY_KEYS = pa.schema(
    [
        _text("catalog_name", nullable=True),
        _text("db_schema_name", nullable=True),
        _text("table_name"),
        _text("column_name"),
        _text("key_name", nullable=True),
        pa.field("key_sequence", pa.int32(), False),
    ]
)
FOREIGN_KEYS = pa.schema(
    [
        _text("pk_catalog_name", nullable=True),
        _text("pk_db_schema_name", nullable=True),
        _text("pk_table_name"),
        _text("pk_column_name"),
        _text("fk_catalog_name", nullable=True),
        _text("fk_db_schema_name", nullable=True),
        _text("fk_table_name"),
        _text("fk_column_name"),
        pa.field("key_sequence", pa.int32(), False),
        _text("fk_key_name", nullable=True),
        _text("pk_key_name", nullable=True),
        pa.field("update_rule", pa.uint8(), False),
        pa.field("delete_rule", pa.uint8(), False),
    ]
)


def schema(command: Metadata) -> pa.Schema:
    """The schema of what `command` answers."""
    match command:
        case m.CommandGetSqlInfo():
            return sqlinfo.SCHEMA
        case m.CommandGetXdbcTypeInfo():
            return xdbc.SCHEMA
        case m.CommandGetCatalogs():
            return CATALOGS
        case m.CommandGetDbSchemas():
            return DB_SCHEMAS
        case m.CommandGetTables():
            return TABLES_WITH_SCHEMA if command.include_schema else TABLES
        case m.CommandGetTableTypes():
            return TABLE_TYPES
        case m.CommandGetPrimaryKeys():
            return PRIMARY_KEYS
        case _:
            return FOREIGN_KEYS


def table(
    command: Metadata,
    products: Callable[[], Sequence[VisibleProduct]],
    schema_of: SchemaOf,
    semantic_of: Callable[[str], pa.Schema],
) -> pa.Table:
    """What `command` answers, of the `products` that the principal may see, read only where they are needed.

    `schema_of` tells a table's schema, `semantic_of` that of a relation which tells of measures.
    """
    match command:
        case m.CommandGetSqlInfo():
            return sqlinfo.table(command.info)
        case m.CommandGetXdbcTypeInfo():
            return xdbc.table(command.data_type)
        case m.CommandGetCatalogs():
            return _table(CATALOGS, [(CATALOG,)])
        case m.CommandGetTableTypes():
            return _table(TABLE_TYPES, [(TABLE_TYPE,)])
        case m.CommandGetDbSchemas():
            return _table(DB_SCHEMAS, _db_schemas(command, products()))
        case m.CommandGetTables():
            return _table(schema(command), _tables(command, products(), schema_of, semantic_of))
        case m.CommandGetPrimaryKeys():
            return _table(PRIMARY_KEYS, _primary_keys(command, products()))
        case m.CommandGetImportedKeys():
            fk = _Named(command.catalog, command.db_schema, command.table)
            return _table(FOREIGN_KEYS, _references(products(), _ANY, fk, by_fk=False))
        case m.CommandGetExportedKeys():
            pk = _Named(command.catalog, command.db_schema, command.table)
            return _table(FOREIGN_KEYS, _references(products(), pk, _ANY, by_fk=True))
        case m.CommandGetCrossReference():
            pk = _Named(command.pk_catalog, command.pk_db_schema, command.pk_table)
            fk = _Named(command.fk_catalog, command.fk_db_schema, command.fk_table)
            return _table(FOREIGN_KEYS, _references(products(), pk, fk, by_fk=True))


def _table(columns: pa.Schema, rows: Iterable[_Row]) -> pa.Table:
    values = list(zip(*rows, strict=True)) or [()] * len(columns)
    arrays = [pa.array(column, field.type) for column, field in zip(values, columns, strict=True)]
    return pa.Table.from_arrays(arrays, schema=columns)


def _db_schemas(command: m.CommandGetDbSchemas, products: Sequence[VisibleProduct]) -> list[_Row]:
    fits = _pattern(command.db_schema_filter_pattern)
    names = {one.product.name for one in _within(command.catalog, products)}
    return [(CATALOG, name) for name in sorted(names | ({SEMANTIC_SCHEMA} if names else set())) if fits(name)]


def _tables(
    command: m.CommandGetTables,
    products: Sequence[VisibleProduct],
    schema_of: SchemaOf,
    semantic_of: Callable[[str], pa.Schema],
) -> Iterator[_Row]:
    fits_schema, fits = _pattern(command.db_schema_filter_pattern), _pattern(command.table_name_filter_pattern)
    if command.table_types and TABLE_TYPE not in command.table_types:
        return
    listed: dict[tuple[str, str], Callable[[], pa.Schema]] = {}
    within = _within(command.catalog, products)
    for product in within:
        for one in product.tables:
            listed[product.product.name, one.table.name] = partial(schema_of, product, one)
    if within and not any(product.product.name == SEMANTIC_SCHEMA for product in within):
        listed |= {(SEMANTIC_SCHEMA, name): partial(semantic_of, name) for name in SEMANTIC_RELATIONS}
    for (schema, name), columns in sorted(listed.items(), key=lambda one: one[0]):
        if fits_schema(schema) and fits(name):
            row = (CATALOG, schema, name, TABLE_TYPE)
            yield (*row, _ipc(columns())) if command.include_schema else row


def _ipc(columns: pa.Schema) -> bytes:
    """A schema as an encapsulated IPC message."""
    return bytes(columns.serialize().to_pybytes())


def _primary_keys(command: m.CommandGetPrimaryKeys, products: Sequence[VisibleProduct]) -> Iterator[_Row]:
    named = _Named(command.catalog, command.db_schema, command.table)
    for product in sorted(products, key=lambda one: one.product.name):
        for table in product.tables:
            if named.fits(product.product.name, table.table.name):
                for place, column in enumerate(table.key, start=1):
                    yield CATALOG, product.product.name, table.table.name, column, _key_name(table.table.name), place


@dataclass(frozen=True)
class _Named:
    """A table as a command names it: None does not narrow, "" means without one."""

    catalog: str | None
    db_schema: str | None
    table: str | None

    def fits(self, db_schema: str, table: str) -> bool:
        """Whether the table `db_schema.table` is meant; names are matched without regard to ASCII case."""
        found = ((self.catalog, CATALOG), (self.db_schema, db_schema), (self.table, table))
        return all(asked is None or asked.lower() == name for asked, name in found)


_ANY = _Named(None, None, None)


def _references(products: Sequence[VisibleProduct], pk: _Named, fk: _Named, *, by_fk: bool) -> list[_Row]:
    """The foreign keys from a table that is `fk` to one that is `pk`, ordered by either end."""
    found = [
        row
        for product in products
        for table in product.tables
        if fk.fits(product.product.name, table.table.name)
        for relationship in table.relationships
        if pk.fits(relationship.to_product or product.product.name, relationship.to_table)
        for row in _reference(product.product.name, table.table.name, relationship)
    ]
    end, name, place = (slice(4, 7), 9, 8) if by_fk else (slice(0, 3), 10, 8)
    return sorted(found, key=lambda row: (row[end], row[name], row[place]))


def _reference(product: str, table: str, to: Relationship) -> Iterator[_Row]:
    key = f"{table}_{'_'.join(to.columns)}_fkey"
    for place, (column, target) in enumerate(zip(to.columns, to.to_columns, strict=True), start=1):
        pk = (CATALOG, to.to_product or product, to.to_table, target)
        yield (*pk, CATALOG, product, table, column, place, key, _key_name(to.to_table), NO_ACTION, NO_ACTION)


def _key_name(table: str) -> str:
    return f"{table}_pkey"


def _within(catalog: str | None, products: Sequence[VisibleProduct]) -> Sequence[VisibleProduct]:
    return products if catalog is None or catalog.lower() == CATALOG else ()


def _pattern(text: str | None) -> Callable[[str], bool]:
    """Whether a name fits a pattern of `%`, `_` and `\\` as escape, without regard to ASCII case.

    Raises BadQuery (limit) for a pattern longer than any name could need.
    """
    if text is None:
        return lambda name: True
    if len(text) > PATTERN_LIMIT:
        raise BadQuery(f"a pattern has at most {PATTERN_LIMIT} characters", reason="limit")
    symbols = re.findall(r"\\.|.", text.lower(), re.DOTALL)
    return lambda name: _fits(symbols, name)


def _fits(symbols: Sequence[str], name: str) -> bool:
    """Greedy matching that goes back to the last `%` only: a regular expression could take exponential time."""
    at = place = 0
    star: tuple[int, int] | None = None
    while place < len(name):
        symbol = symbols[at] if at < len(symbols) else ""
        if symbol == "%":
            star, at = (at, place), at + 1
        elif symbol and (symbol == "_" or symbol[-1] == name[place]):
            at, place = at + 1, place + 1
        elif star is not None:
            at, place, star = star[0] + 1, star[1] + 1, (star[0], star[1] + 1)
        else:
            return False
    return all(symbol == "%" for symbol in symbols[at:])
