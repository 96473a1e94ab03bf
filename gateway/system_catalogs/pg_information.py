"""The rows of information_schema for what a principal may see. Pure. Source: PostgreSQL 15, chapter 37."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from gateway.system_catalogs.pg_objects import Oids, PgAttribute, PgTable, Visible
from gateway.system_catalogs.pg_relations import CATALOG, INFORMATION, Row, relations
from gateway.system_catalogs.pg_rows import DATABASE, OWNER, Rows, key_name, named_references
from gateway.system_catalogs.pg_types import PG_TYPES, PgType

# What a type is called in SQL; others are called as in pg_type.
SQL_NAMES = {
    "bool": "boolean", "int2": "smallint", "int4": "integer", "int8": "bigint", "float4": "real",
    "float8": "double precision", "varchar": "character varying", "bpchar": "character", "char": '"char"',
    "time": "time without time zone", "timestamp": "timestamp without time zone",
    "timestamptz": "timestamp with time zone",
}  # fmt: skip
_INTEGERS = {"int2": 16, "int4": 32, "int8": 64}
_FLOATS = {"float4": 24, "float8": 53}
_SECONDS = {"time": 6, "timestamp": 6, "timestamptz": 6, "interval": 6, "date": 0}


def information(visible: Visible) -> Rows:
    """The rows by relation of information_schema. Those that speak of the principal itself are made by the engine."""
    rows: dict[str, list[Row]] = defaultdict(list)
    for name in (*(one.name for one in visible), "public", CATALOG, INFORMATION):
        rows["schemata"].append({"catalog_name": DATABASE, "schema_name": name, "schema_owner": OWNER})
    for (schema, name), one in relations().items():
        kind = "BASE TABLE" if one.kind == "r" else "VIEW"
        rows["tables"].append(_table_row(schema, name, kind, "NO"))
        if one.kind == "v":
            rows["views"].append(
                {**_of_table(schema, name), "check_option": "NONE", "is_updatable": "NO", "is_insertable_into": "NO",
                 "is_trigger_updatable": "NO", "is_trigger_deletable": "NO", "is_trigger_insertable_into": "NO"}
            )  # fmt: skip
        for place, column in enumerate(one.columns, 1):
            kind_of = _type(column.type)
            attribute = PgAttribute(column.name, kind_of, column.required, "")
            rows["columns"].append(_column_row(schema, name, place, attribute, column.required, "NO"))
    for schema_ in visible:
        for table in schema_.tables:
            _table(rows, schema_.name, table)
    rows["character_sets"].append(
        {"character_set_name": "UTF8", "character_repertoire": "UCS", "form_of_use": "UTF8",
         "default_collate_catalog": DATABASE, "default_collate_schema": CATALOG, "default_collate_name": "ucs_basic"}
    )  # fmt: skip
    rows["information_schema_catalog_name"].append({"catalog_name": DATABASE})
    return rows


def _table(rows: dict[str, list[Row]], schema: str, table: PgTable) -> None:
    rows["tables"].append(_table_row(schema, table.name, "BASE TABLE", "YES"))
    for place, column in enumerate(table.columns, 1):
        required = column.required or column.name in table.key
        rows["columns"].append(_column_row(schema, table.name, place, column, required, "YES"))
    if table.key:
        name = key_name(table)
        rows["table_constraints"].append(_constraint(schema, table.name, name, "PRIMARY KEY"))
        for place, column_name in enumerate(table.key, 1):
            rows["key_column_usage"].append(_key_column(schema, table.name, name, column_name, place, None))
            rows["constraint_column_usage"].append(_used(schema, table.name, column_name, schema, name))
    for one, name in named_references(table):
        rows["table_constraints"].append(_constraint(schema, table.name, name, "FOREIGN KEY"))
        target = f"{one.table[:58]}_pkey"
        rows["referential_constraints"].append(
            {"constraint_catalog": DATABASE, "constraint_schema": schema, "constraint_name": name,
             "unique_constraint_catalog": DATABASE, "unique_constraint_schema": one.schema,
             "unique_constraint_name": target, "match_option": "NONE", "update_rule": "NO ACTION",
             "delete_rule": "NO ACTION"}
        )  # fmt: skip
        for place, column_name in enumerate(one.columns, 1):
            rows["key_column_usage"].append(_key_column(schema, table.name, name, column_name, place, place))
        for column_name in one.to_columns:
            rows["constraint_column_usage"].append(_used(one.schema, one.table, column_name, schema, name))
    for name in required_columns(table):
        text = _not_null(schema, table, name)
        rows["table_constraints"].append(_constraint(schema, table.name, text, "CHECK"))
        rows["check_constraints"].append(
            {"constraint_catalog": DATABASE, "constraint_schema": schema, "constraint_name": text,
             "check_clause": f"{name} IS NOT NULL"}
        )  # fmt: skip


def required_columns(table: PgTable) -> Iterator[str]:
    """The columns that are never NULL."""
    return (one.name for one in table.columns if one.required or one.name in table.key)


def _not_null(schema: str, table: PgTable, column: str) -> str:
    oids = Oids()
    place = table.number(column)
    return f"{oids.of('schema', schema)}_{oids.of('table', schema, table.name)}_{place}_not_null"


def _of_table(schema: str, name: str) -> dict[str, object]:
    return {"table_catalog": DATABASE, "table_schema": schema, "table_name": name}


def _table_row(schema: str, name: str, kind: str, insertable: str) -> Row:
    return {**_of_table(schema, name), "table_type": kind, "is_insertable_into": insertable, "is_typed": "NO"}


def _constraint(schema: str, table: str, name: str, kind: str) -> Row:
    return {"constraint_catalog": DATABASE, "constraint_schema": schema, "constraint_name": name,
            **_of_table(schema, table), "constraint_type": kind, "is_deferrable": "NO", "initially_deferred": "NO",
            "enforced": "YES"}  # fmt: skip


def _key_column(schema: str, table: str, name: str, column: str, place: int, position: int | None) -> Row:
    return {"constraint_catalog": DATABASE, "constraint_schema": schema, "constraint_name": name,
            **_of_table(schema, table), "column_name": column, "ordinal_position": place,
            "position_in_unique_constraint": position}  # fmt: skip


def _used(schema: str, table: str, column: str, constraint_schema: str, constraint: str) -> Row:
    return {**_of_table(schema, table), "column_name": column, "constraint_catalog": DATABASE,
            "constraint_schema": constraint_schema, "constraint_name": constraint}  # fmt: skip


def _type(name: str) -> PgType:
    if name.startswith("_"):
        return PgType(name, 0, -1, 0)
    return PG_TYPES[name]


def _column_row(schema: str, table: str, place: int, one: PgAttribute, required: bool, updatable: str) -> Row:
    kind = one.type
    row: dict[str, object] = {
        **_of_table(schema, table), "column_name": one.name, "ordinal_position": place,
        "is_nullable": "NO" if required else "YES", "udt_catalog": DATABASE, "udt_schema": CATALOG,
        "udt_name": kind.name, "dtd_identifier": str(place), "is_self_referencing": "NO", "is_identity": "NO",
        "identity_cycle": "NO", "is_generated": "NEVER", "is_updatable": updatable,
        "data_type": "ARRAY" if kind.name.startswith("_") else SQL_NAMES.get(kind.name, kind.name),
    }  # fmt: skip
    if kind.name in _INTEGERS:
        row |= {"numeric_precision": _INTEGERS[kind.name], "numeric_precision_radix": 2, "numeric_scale": 0}
    if kind.name in _FLOATS:
        row |= {"numeric_precision": _FLOATS[kind.name], "numeric_precision_radix": 2}
    if kind.name == "numeric":
        row |= {"numeric_precision_radix": 10}
        if kind.modifier > 0:
            packed = kind.modifier - 4
            row |= {"numeric_precision": packed >> 16, "numeric_scale": packed & 0xFFFF}
    if kind.name in {"text", "varchar"}:
        row |= {"character_octet_length": 1 << 30}
    if kind.name in _SECONDS:
        row |= {"datetime_precision": _SECONDS[kind.name]}
    return row
