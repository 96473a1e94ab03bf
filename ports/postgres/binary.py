"""Arrow columns to PostgreSQL's binary formats, without a loop over rows. Pure.

A type whose values all have one width gives a matrix of bytes, a row each (arbitrary where NULL); any other an array.
Source: the send functions of PostgreSQL 15 (int8send, timestamp_send, interval_send, ...).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ports.postgres import numeric, types

Bytes = npt.NDArray[np.uint8]
Integers = npt.NDArray[np.int64]
EPOCH_DAYS = 10_957  # from 1970-01-01 to 2000-01-01
EPOCH_US = EPOCH_DAYS * 86_400_000_000
LEAST, MOST = np.iinfo(np.int64).min, np.iinfo(np.int64).max
LAST_DAY = np.iinfo(np.int32).max


def big(values: npt.NDArray[np.integer], width: int) -> Bytes:
    """Integers as big-endian bytes, a row each."""
    return values.astype(f">i{width}").view(np.uint8).reshape(len(values), width)


def encoded(column: pa.Array) -> Bytes | pa.Array:
    """The values in the binary format of the type that `types.of` gives the column."""
    for fits, encode in _ENCODERS:
        if fits(column.type):
            return encode(column)
    return column


def fitted(column: pa.Array, oid: int) -> pa.Array:
    """`column` as the Arrow type of what was described: a parameter's own value may have made it narrower or wider.

    Raises pa.ArrowInvalid where a value does not fit.
    """
    kind = _DESCRIBED.get(oid, column.type)
    if oid == types.NUMERIC.oid and not (pa.types.is_decimal(column.type) or column.type == pa.uint64()):
        kind = pa.decimal128(38, 0 if pa.types.is_integer(column.type) else 18)
    same = column.type == kind or (pa.types.is_integer(kind) and width(column.type) == width(kind))
    return column if same else column.cast(kind)


def width(kind: pa.DataType) -> int:
    """The bytes in which an integer type of Arrow is sent, 0 for any other type."""
    return next((size for kinds, size in _WIDTHS if kind in kinds), 0)


def _numbers(column: pa.Array, kind: pa.DataType) -> npt.NDArray[np.integer]:
    """The values as numbers, 0 where NULL."""
    values = column.cast(kind) if column.type != kind else column
    filled: npt.NDArray[np.integer] = pc.fill_null(values, 0).to_numpy(zero_copy_only=False)
    return filled


def _integers(width: int) -> Callable[[pa.Array], Bytes]:
    return lambda column: big(_numbers(column, pa.int64()), width)


def _floats(kind: pa.DataType, width: int) -> Callable[[pa.Array], Bytes]:
    return lambda column: _numbers(column, kind).astype(f">f{width}").view(np.uint8).reshape(-1, width)


def _booleans(column: pa.Array) -> Bytes:
    return _numbers(column, pa.uint8()).astype(np.uint8).reshape(-1, 1)


def _dates(column: pa.Array) -> Bytes:
    """Days since 2000-01-01; DuckDB's infinities become PostgreSQL's, the ends of the range."""
    days = _numbers(column.view(pa.int32()), pa.int64())
    finite = np.where(days <= -LAST_DAY, -LAST_DAY - 1, days - EPOCH_DAYS)
    return big(np.where(days >= LAST_DAY, LAST_DAY, finite), 4)


def _timestamps(column: pa.Array) -> Bytes:
    """Microseconds since 2000-01-01; infinities are the ends of the range."""
    raw = _numbers(column.view(pa.int64()), pa.int64())
    factor = {"s": 1_000_000, "ms": 1_000, "us": 1}.get(column.type.unit)
    with np.errstate(over="ignore"):
        moved = (raw * factor if factor else raw // 1000) - EPOCH_US
    return big(np.where(raw >= MOST, MOST, np.where(raw <= -MOST, LEAST, moved)), 8)


def _times(column: pa.Array) -> Bytes:
    return big(_numbers(column.cast(pa.time64("us")).view(pa.int64()), pa.int64()), 8)


def _intervals(column: pa.Array) -> Bytes:
    """Arrow's months, days and nanoseconds to PostgreSQL's microseconds, days and months."""
    raw = np.frombuffer(column.buffers()[1], np.uint8)[column.offset * 16 : (column.offset + len(column)) * 16]
    parts = np.ascontiguousarray(raw).view(np.dtype([("months", "<i4"), ("days", "<i4"), ("nanos", "<i8")]))
    return np.concatenate([big(parts["nanos"] // 1000, 8), big(parts["days"], 4), big(parts["months"], 4)], axis=1)


_WIDTHS = (
    ((pa.int8(), pa.int16(), pa.uint8()), 2),
    ((pa.int32(), pa.uint16()), 4),
    ((pa.int64(), pa.uint32()), 8),
)
# What names an object of a catalog is an oid below 2^31 here.
_OIDS = {"oid", "xid", "cid", "regproc", "regprocedure", "regoper", "regclass", "regtype", "regnamespace", "regrole"}
_DESCRIBED = {
    types.INT2.oid: pa.int16(),
    types.INT4.oid: pa.int32(),
    types.INT8.oid: pa.int64(),
    types.FLOAT4.oid: pa.float32(),
    types.FLOAT8.oid: pa.float64(),
    **{one.oid: pa.int32() for one in types.BY_OID.values() if one.name in _OIDS},
}
_ENCODERS: tuple[tuple[Callable[[pa.DataType], bool], Callable[[pa.Array], Bytes | pa.Array]], ...] = (
    (pa.types.is_boolean, _booleans),
    (lambda kind: width(kind) == 2, _integers(2)),
    (lambda kind: width(kind) == 4, _integers(4)),
    (lambda kind: width(kind) == 8, _integers(8)),
    (lambda kind: kind == pa.float32(), _floats(pa.float32(), 4)),
    (lambda kind: kind == pa.float64(), _floats(pa.float64(), 8)),
    (lambda kind: kind == pa.uint64() or pa.types.is_decimal(kind), numeric.encoded),
    (lambda kind: kind == pa.date32(), _dates),
    (pa.types.is_timestamp, _timestamps),
    (pa.types.is_time64, _times),
    (lambda kind: kind == pa.month_day_nano_interval(), _intervals),
)
