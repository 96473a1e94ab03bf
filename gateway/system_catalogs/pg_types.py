"""DuckDB's types as PostgreSQL's: oid, length, modifier; and what holds a catalog's types in DuckDB. Pure.

A catalog has types that DuckDB has not, such as oid or name: their kind is written `pg.oid`, `pg.name`. Source: pg_type
of PostgreSQL 15.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

CATALOG_KIND = "pg."


@dataclass(frozen=True, slots=True)
class PgType:
    """A type of PostgreSQL. `size` is pg_type.typlen: bytes, -1 where it varies. `array` is the oid of its array."""

    name: str
    oid: int
    size: int
    array: int
    modifier: int = -1


# Name, oid, length, oid of the array; those behind the blank line stand in catalogs only.
_LINES = """
bool 16 1 1000
bytea 17 -1 1001
int8 20 8 1016
int2 21 2 1005
int4 23 4 1007
text 25 -1 1009
json 114 -1 199
float4 700 4 1021
float8 701 8 1022
unknown 705 -2 0
varchar 1043 -1 1015
date 1082 4 1182
time 1083 8 1183
timestamp 1114 8 1115
timestamptz 1184 8 1185
timetz 1266 12 1270
interval 1186 16 1187
numeric 1700 -1 1231
uuid 2950 16 2951
jsonb 3802 -1 3807

char 18 1 1002
name 19 64 1003
int2vector 22 -1 1006
regproc 24 4 1008
oid 26 4 1028
xid 28 4 1011
cid 29 4 1012
oidvector 30 -1 1013
pg_node_tree 194 -1 0
inet 869 -1 1041
aclitem 1033 12 1034
bpchar 1042 -1 1014
regprocedure 2202 4 2207
regoper 2203 4 2208
regclass 2205 4 2210
regtype 2206 4 2211
anyarray 2277 -4 0
pg_lsn 3220 8 3221
pg_ndistinct 3361 -1 0
pg_dependencies 3402 -1 0
regnamespace 4089 4 4090
regrole 4096 4 4097
pg_mcv_list 5017 -1 0
"""
PG_TYPES: Mapping[str, PgType] = {
    name: PgType(name, int(oid), int(size), int(array))
    for name, oid, size, array in (line.split() for line in _LINES.splitlines() if line)
}
_OF_DUCKDB: Mapping[str, str] = {
    "BOOLEAN": "bool", "TINYINT": "int2", "UTINYINT": "int2", "SMALLINT": "int2", "USMALLINT": "int4",
    "INTEGER": "int4", "UINTEGER": "int8", "BIGINT": "int8", "UBIGINT": "numeric", "HUGEINT": "numeric",
    "UHUGEINT": "numeric", "FLOAT": "float4", "DOUBLE": "float8", "BLOB": "bytea", "DATE": "date", "TIME": "time",
    "TIME_NS": "time", "INTERVAL": "interval", "UUID": "uuid", "JSON": "json", "TIMESTAMP": "timestamp",
    "TIMESTAMP_S": "timestamp", "TIMESTAMP_MS": "timestamp", "TIMESTAMP_NS": "timestamp",
    "TIMESTAMP WITH TIME ZONE": "timestamptz", "TIMESTAMP_NS WITH TIME ZONE": "timestamptz",
    "TIMESTAMPTZ_NS": "timestamptz", "TIME WITH TIME ZONE": "timetz",
}  # fmt: skip
_DECIMAL = re.compile(r"DECIMAL\((\d+),\s*(\d+)\)")
_JSON_LIKE = ("STRUCT(", "MAP(", "UNION(", "TUPLE(")
_HELD_IN: Mapping[str, str] = {
    "bool": "BOOLEAN", "bytea": "BLOB", "int8": "BIGINT", "int2": "SMALLINT", "int4": "INTEGER", "json": "JSON",
    "jsonb": "JSON", "float4": "FLOAT", "float8": "DOUBLE", "date": "DATE", "time": "TIME", "timestamp": "TIMESTAMP",
    "timestamptz": "TIMESTAMP WITH TIME ZONE", "interval": "INTERVAL", "numeric": "DECIMAL(38,6)", "uuid": "UUID",
    "int2vector": "SMALLINT[]", "oidvector": "UINTEGER[]",
    **dict.fromkeys(("oid", "xid", "cid", "regproc", "regprocedure", "regoper", "regclass", "regtype"), "UINTEGER"),
    **dict.fromkeys(("regnamespace", "regrole"), "UINTEGER"),
}  # fmt: skip
_NATURAL = frozenset(_OF_DUCKDB.values()) | {"text"}
_OWN_OF: Mapping[str, str] = {"UINTEGER": "oid", "UINTEGER[]": "_oid"}


def pg_type(kind: str) -> PgType:
    """The type for one of DuckDB's, by its name, or for a catalog's kind: text where PostgreSQL has none."""
    if kind.startswith(CATALOG_KIND):
        return _named(kind.removeprefix(CATALOG_KIND))
    if kind.endswith("]"):
        item = pg_type(re.sub(r"\[\d*\]$", "", kind))
        # PostgreSQL's arrays of several dimensions are rectangular, DuckDB's lists of lists need not be.
        return PgType(f"_{item.name}", item.array, -1, 0) if item.array else PG_TYPES["json"]
    found = _OF_DUCKDB.get(kind)
    if found is not None:
        return PG_TYPES[found]
    decimal = _DECIMAL.fullmatch(kind)
    if decimal is not None:
        # numeric's modifier: precision and scale in one number, behind a header of four bytes.
        modifier = (int(decimal[1]) << 16 | int(decimal[2])) + 4
        return PgType("numeric", PG_TYPES["numeric"].oid, -1, PG_TYPES["numeric"].array, modifier)
    return PG_TYPES["json"] if kind.startswith(_JSON_LIKE) else PG_TYPES["text"]


def _named(name: str) -> PgType:
    if not name.startswith("_"):
        return PG_TYPES[name]
    item = PG_TYPES[name[1:]]
    return PgType(name, item.array, -1, 0)


def held_in(name: str) -> str:
    """DuckDB's type for values of one of PostgreSQL's, by its name, such as `oid` or `_text`: VARCHAR for many."""
    if name.startswith("_"):
        return f"{held_in(name[1:])}[]"
    return _HELD_IN.get(name, "VARCHAR")


def catalog_kind(name: str | None, held: str) -> str:
    """The kind of a catalog's column of the type `name` (None: not known) that DuckDB holds as `held`."""
    known = name if name is not None and held_in(name) == held else _OWN_OF.get(held)
    if known is None or known.removeprefix("_") in _NATURAL - {"varchar"}:
        return held
    return CATALOG_KIND + known
