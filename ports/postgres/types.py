"""The types of the wire: the gateway's table of PostgreSQL's types, by name, by oid and by array. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from gateway import PG_TYPES, pg_type
from gateway import PgType as Type

BOOL, BYTEA, INT8, INT2, INT4 = (PG_TYPES[name] for name in ("bool", "bytea", "int8", "int2", "int4"))
TEXT, JSON, VARCHAR, UUID = (PG_TYPES[name] for name in ("text", "json", "varchar", "uuid"))
FLOAT4, FLOAT8, NUMERIC, OID = (PG_TYPES[name] for name in ("float4", "float8", "numeric", "oid"))
DATE, TIME, TIMESTAMP = (PG_TYPES[name] for name in ("date", "time", "timestamp"))
TIMESTAMPTZ, INTERVAL, UNKNOWN = (PG_TYPES[name] for name in ("timestamptz", "interval", "unknown"))

BY_OID: Mapping[int, Type] = {one.oid: one for one in PG_TYPES.values()}
# Arrays by their own oid, to the type of an element; the vectors of catalogs are arrays as well.
ARRAYS: Mapping[int, Type] = {
    **{one.array: one for one in PG_TYPES.values() if one.array},
    PG_TYPES["int2vector"].oid: INT2,
    PG_TYPES["oidvector"].oid: OID,
}
VECTORS = frozenset({PG_TYPES["int2vector"].oid, PG_TYPES["oidvector"].oid})
of = pg_type
