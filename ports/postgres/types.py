"""The engine's types as PostgreSQL's: oid, length, modifier. Pure. Source: pg_type of PostgreSQL 15."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Type:
    """A type of the wire. `size` is pg_type.typlen: bytes, -1 where it varies. `array` is the oid of its array."""

    name: str
    oid: int
    size: int
    array: int
    modifier: int = -1


BOOL = Type("bool", 16, 1, 1000)
BYTEA = Type("bytea", 17, -1, 1001)
INT8 = Type("int8", 20, 8, 1016)
INT2 = Type("int2", 21, 2, 1005)
INT4 = Type("int4", 23, 4, 1007)
TEXT = Type("text", 25, -1, 1009)
JSON = Type("json", 114, -1, 199)
FLOAT4 = Type("float4", 700, 4, 1021)
FLOAT8 = Type("float8", 701, 8, 1022)
VARCHAR = Type("varchar", 1043, -1, 1015)
DATE = Type("date", 1082, 4, 1182)
TIME = Type("time", 1083, 8, 1183)
TIMESTAMP = Type("timestamp", 1114, 8, 1115)
TIMESTAMPTZ = Type("timestamptz", 1184, 8, 1185)
INTERVAL = Type("interval", 1186, 16, 1187)
NUMERIC = Type("numeric", 1700, -1, 1231)
UUID = Type("uuid", 2950, 16, 2951)
UNKNOWN = Type("unknown", 705, -2, 0)

_TYPES: Mapping[str, Type] = {
    "BOOLEAN": BOOL,
    "TINYINT": INT2,
    "UTINYINT": INT2,
    "SMALLINT": INT2,
    "USMALLINT": INT4,
    "INTEGER": INT4,
    "UINTEGER": INT8,
    "BIGINT": INT8,
    "UBIGINT": NUMERIC,
    "HUGEINT": NUMERIC,
    "UHUGEINT": NUMERIC,
    "FLOAT": FLOAT4,
    "DOUBLE": FLOAT8,
    "BLOB": BYTEA,
    "DATE": DATE,
    "TIME": TIME,
    "TIME_NS": TIME,
    "INTERVAL": INTERVAL,
    "UUID": UUID,
    "JSON": JSON,
    "TIMESTAMP WITH TIME ZONE": TIMESTAMPTZ,
    "TIMESTAMP_NS WITH TIME ZONE": TIMESTAMPTZ,
    "TIMESTAMPTZ_NS": TIMESTAMPTZ,
    **dict.fromkeys(("TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS"), TIMESTAMP),
}
_DECIMAL = re.compile(r"DECIMAL\((\d+),\s*(\d+)\)")
_JSON_LIKE = ("STRUCT(", "MAP(", "UNION(", "TUPLE(")
BY_OID: Mapping[int, Type] = {one.oid: one for one in (*_TYPES.values(), TEXT, VARCHAR, UNKNOWN)}
# Arrays by their own oid, to the type of an element.
ARRAYS: Mapping[int, Type] = {one.array: one for one in BY_OID.values() if one.array}


def of(kind: str) -> Type:
    """The wire's type for one of DuckDB's, by its name: text where PostgreSQL has none."""
    if kind.endswith("]"):
        item = of(re.sub(r"\[\d*\]$", "", kind))
        # PostgreSQL's arrays of several dimensions are rectangular, DuckDB's lists of lists need not be.
        if not item.array:
            return JSON
        return Type(f"_{item.name}", item.array, -1, 0)
    found = _TYPES.get(kind)
    if found is not None:
        return found
    decimal = _DECIMAL.fullmatch(kind)
    if decimal is not None:
        # numeric's modifier: precision and scale in one number, behind a header of four bytes.
        return Type("numeric", NUMERIC.oid, -1, NUMERIC.array, (int(decimal[1]) << 16 | int(decimal[2])) + 4)
    return JSON if kind.startswith(_JSON_LIKE) else TEXT
