"""GetXdbcTypeInfo: the engine's types as JDBC and ODBC number them. Pure: one table of types.

Source: apache/arrow, format/FlightSql.proto, CommandGetXdbcTypeInfo and the enums beside it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import pyarrow as pa

# XdbcDataType
_UNKNOWN, _CHAR, _NUMERIC, _DECIMAL, _INTEGER, _SMALLINT = 0, 1, 2, 3, 4, 5
_REAL, _DOUBLE, _DATETIME, _INTERVAL, _VARCHAR, _DATE, _TIME, _TIMESTAMP = 7, 8, 9, 10, 12, 91, 92, 93
_VARBINARY, _BIGINT, _TINYINT, _BIT = -3, -5, -6, -7
NULLABLE, BASIC, FULL = 1, 2, 3  # Nullable, Searchable

SCHEMA = pa.schema(
    [
        pa.field("type_name", pa.string(), False),
        pa.field("data_type", pa.int32(), False),
        pa.field("column_size", pa.int32()),
        pa.field("literal_prefix", pa.string()),
        pa.field("literal_suffix", pa.string()),
        pa.field("create_params", pa.list_(pa.field("item", pa.string(), False))),
        pa.field("nullable", pa.int32(), False),
        pa.field("case_sensitive", pa.bool_(), False),
        pa.field("searchable", pa.int32(), False),
        pa.field("unsigned_attribute", pa.bool_()),
        pa.field("fixed_prec_scale", pa.bool_(), False),
        pa.field("auto_increment", pa.bool_()),
        pa.field("local_type_name", pa.string()),
        pa.field("minimum_scale", pa.int32()),
        pa.field("maximum_scale", pa.int32()),
        pa.field("sql_data_type", pa.int32(), False),
        pa.field("datetime_subcode", pa.int32()),
        pa.field("num_prec_radix", pa.int32()),
        pa.field("interval_precision", pa.int32()),
    ]
)


@dataclass(frozen=True)
class _Type:
    """One type: `size` in digits, bits or characters (None where it has none), `subcode` of a time or interval."""

    name: str
    code: int
    kind: Literal["exact", "unsigned", "approximate", "text", "time", "other"]
    size: int | None = None
    scale: tuple[int, int] | None = None
    subcode: int | None = None
    parameters: tuple[str, ...] | None = None


_TYPES = (
    _Type("BOOLEAN", _BIT, "other", 1),
    _Type("TINYINT", _TINYINT, "exact", 3, (0, 0)),
    _Type("UTINYINT", _TINYINT, "unsigned", 3, (0, 0)),
    _Type("SMALLINT", _SMALLINT, "exact", 5, (0, 0)),
    _Type("USMALLINT", _SMALLINT, "unsigned", 5, (0, 0)),
    _Type("INTEGER", _INTEGER, "exact", 10, (0, 0)),
    _Type("UINTEGER", _INTEGER, "unsigned", 10, (0, 0)),
    _Type("BIGINT", _BIGINT, "exact", 19, (0, 0)),
    _Type("UBIGINT", _BIGINT, "unsigned", 20, (0, 0)),
    _Type("HUGEINT", _NUMERIC, "exact", 39, (0, 0)),
    _Type("UHUGEINT", _NUMERIC, "unsigned", 39, (0, 0)),
    _Type("BIGNUM", _NUMERIC, "exact", None, (0, 0)),
    _Type("DECIMAL", _DECIMAL, "exact", 38, (0, 38), parameters=("precision", "scale")),
    _Type("FLOAT", _REAL, "approximate", 24),
    _Type("DOUBLE", _DOUBLE, "approximate", 53),
    _Type("VARCHAR", _VARCHAR, "text"),
    _Type("JSON", _VARCHAR, "text"),
    _Type("BIT", _VARCHAR, "text"),
    _Type("UUID", _CHAR, "text", 36),
    _Type("BLOB", _VARBINARY, "other"),
    _Type("DATE", _DATE, "time", 10, subcode=1),
    _Type("TIME", _TIME, "time", 15, (6, 6), 2),
    _Type("TIME_NS", _TIME, "time", 18, (9, 9), 2),
    _Type("TIME WITH TIME ZONE", _TIME, "time", 21, (6, 6), 4),
    _Type("TIMESTAMP", _TIMESTAMP, "time", 26, (6, 6), 3),
    _Type("TIMESTAMP_S", _TIMESTAMP, "time", 19, (0, 0), 3),
    _Type("TIMESTAMP_MS", _TIMESTAMP, "time", 23, (3, 3), 3),
    _Type("TIMESTAMP_NS", _TIMESTAMP, "time", 29, (9, 9), 3),
    _Type("TIMESTAMP WITH TIME ZONE", _TIMESTAMP, "time", 32, (6, 6), 5),
    _Type("INTERVAL", _INTERVAL, "time", subcode=0),
    _Type("LIST", _UNKNOWN, "other"),
    _Type("ARRAY", _UNKNOWN, "other", parameters=("length",)),
    _Type("STRUCT", _UNKNOWN, "other"),
    _Type("MAP", _UNKNOWN, "other"),
    _Type("UNION", _UNKNOWN, "other"),
)


def table(data_type: int | None) -> pa.Table:
    """The types of that number, or all, by number and name."""
    chosen = sorted((one for one in _TYPES if data_type in {None, one.code}), key=lambda one: (one.code, one.name))
    return pa.Table.from_pylist([_row(one) for one in chosen], schema=SCHEMA)


def _row(one: _Type) -> dict[str, object]:
    numeric = one.kind in {"exact", "unsigned", "approximate"}
    quote = "'" if one.kind in {"text", "time"} or one.name == "BLOB" else None
    low, high = one.scale or (None, None)
    return {
        "type_name": one.name,
        "data_type": one.code,
        "column_size": one.size,
        "literal_prefix": quote,
        "literal_suffix": quote,
        "create_params": one.parameters,
        "nullable": NULLABLE,
        "case_sensitive": one.kind == "text",
        "searchable": FULL if one.kind == "text" else BASIC,
        "unsigned_attribute": one.kind == "unsigned" if numeric else None,
        "fixed_prec_scale": False,
        "auto_increment": False if numeric else None,
        "local_type_name": one.name,
        "minimum_scale": low,
        "maximum_scale": high,
        # Dates and times share one number here, which the subcode tells apart.
        "sql_data_type": _DATETIME if one.code in {_DATE, _TIME, _TIMESTAMP} else one.code,
        "datetime_subcode": one.subcode,
        "num_prec_radix": 2 if one.kind == "approximate" else 10 if numeric else None,
        "interval_precision": None,
    }
