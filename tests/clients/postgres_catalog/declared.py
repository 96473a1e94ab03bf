"""What a principal may see as PostgreSQL declares it: schemas, tables, keys, references, comments. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from gateway.contracts.visibility import visible_relationships
from gateway.reach.semantic_views import DESCRIPTIONS, RELATIONS, kind
from gateway.reach.visible import VisibleProduct, VisibleTable

OWNER = "outport"
_TYPES = {"VARCHAR": "text", "DOUBLE": "double precision", "TIMESTAMP": "timestamp without time zone"}


def statements(products: Sequence[VisibleProduct], subject: str) -> Iterator[str]:
    """What makes them, in order; `subject` may read all of it and change nothing."""
    yield f'CREATE ROLE "{subject}" LOGIN'
    for product in products:
        name = product.product.name
        yield f'CREATE SCHEMA "{name}"'
        yield _comment("SCHEMA", f'"{name}"', product.product.purpose)
        for table in product.tables:
            yield from _table(name, table)
    for product in products:
        for table in product.tables:
            yield from _references(products, product.product.name, table)
    yield from _semantic(subject)
    for product in products:
        yield f'GRANT USAGE ON SCHEMA "{product.product.name}" TO "{subject}"'
        yield f'GRANT SELECT ON ALL TABLES IN SCHEMA "{product.product.name}" TO "{subject}"'


def _semantic(subject: str) -> Iterator[str]:
    """The schema in which a principal reads what is defined, as an owner of a database would have it."""
    yield "CREATE SCHEMA semantic"
    yield _comment("SCHEMA", "semantic", "Measures, dimensions and metric trees by name")
    for name, columns in RELATIONS.items():
        kinds = ", ".join(f'"{column}" {"boolean" if kind(column) == "BOOLEAN" else "text"}' for column in columns)
        yield f'CREATE TABLE semantic."{name}" ({kinds})'
        yield _comment("TABLE", f'semantic."{name}"', DESCRIPTIONS[name])
    yield f'GRANT USAGE ON SCHEMA semantic TO "{subject}"'
    yield f'GRANT SELECT ON ALL TABLES IN SCHEMA semantic TO "{subject}"'


def _table(schema: str, table: VisibleTable) -> Iterator[str]:
    path = f'"{schema}"."{table.table.name}"'
    measures = [one for one in table.semantics if one.kind == "measure"]
    nullable = {one.column.name for one in table.origins if one.nullable}
    columns = [
        f'"{one.name}" {_type(one.type)}{"" if one.name in nullable - set(table.key) else " NOT NULL"}'
        for one in table.columns
    ]
    # A measure is a column that a BI tool can aggregate.
    columns += [f'"{one.name}" numeric' for one in measures]
    if table.key:
        columns.append(f"PRIMARY KEY ({_listed(table.key)})")
    yield f"CREATE TABLE {path} ({', '.join(columns)})"
    yield _comment("TABLE", path, table.table.description)
    for one in (*table.columns, *measures):
        yield _comment("COLUMN", f'{path}."{one.name}"', one.description)


def _references(products: Sequence[VisibleProduct], schema: str, table: VisibleTable) -> Iterator[str]:
    keys = {(one.product.name, part.table.name): part.key for one in products for part in one.tables}
    decisions = {f"{name}.{part.table.name}": part.decision for name, part in _tables(products)}
    decisions |= {part.table.name: part.decision for name, part in _tables(products) if name == schema}
    for one in visible_relationships(table.decision, table.table, decisions):
        if keys.get((one.to_product, one.to_table)) == one.to_columns:
            yield (
                f'ALTER TABLE "{schema}"."{table.table.name}" ADD FOREIGN KEY ({_listed(one.columns)})'
                f' REFERENCES "{one.to_product}"."{one.to_table}" ({_listed(one.to_columns)})'
            )


def _tables(products: Sequence[VisibleProduct]) -> Iterator[tuple[str, VisibleTable]]:
    return ((one.product.name, part) for one in products for part in one.tables)


def _type(kind: str) -> str:
    decimal = re.fullmatch(r"DECIMAL\((\d+),(\d+)\)", kind)
    return f"numeric({decimal[1]},{decimal[2]})" if decimal else _TYPES.get(kind, kind.lower())


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)


def _comment(kind: str, path: str, text: str) -> str:
    quoted = "'" + text.replace("'", "''") + "'"
    return f"COMMENT ON {kind} {path} IS {quoted if text else 'NULL'}"
