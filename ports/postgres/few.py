"""A few rows as messages, value by value: for an answer of one row the columns' arithmetic costs ten times as much.

The bytes are those that rows.py makes of many. Pure. Source: the send functions of PostgreSQL 15.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence

import numpy as np
import pyarrow as pa

from ports.postgres import binary
from ports.postgres.backend import Field

Cell = bytes | None
_NULL = b"\xff\xff\xff\xff"
_SIZE, _HEAD = struct.Struct("!i"), struct.Struct("!ih")
_LONG = struct.Struct("!q")
_FLOAT, _DOUBLE = struct.Struct("!f"), struct.Struct("!d")
_BASE = 10_000


def messages(kind: bytes, batch: pa.RecordBatch, fields: Sequence[Field]) -> memoryview:
    """A message of that type for each row."""
    columns = [_cells(column, field) for column, field in zip(batch.columns, fields, strict=True)]
    made = bytearray()
    for row in zip(*columns, strict=True):
        body = b"".join([_NULL if cell is None else _SIZE.pack(len(cell)) + cell for cell in row])
        made += kind + _HEAD.pack(len(body) + 6, len(row)) + body
    return memoryview(made)


def _cells(column: pa.Array, field: Field) -> list[Cell]:
    if not field.format:
        return _texts(column)
    column = binary.fitted(column, field.oid)
    encode = _ENCODERS.get(column.type.id)
    if encode is not None:
        return encode(column)
    values = binary.encoded(column)
    if not isinstance(values, np.ndarray):
        return _texts(values)
    return [row.tobytes() if valid else None for row, valid in zip(values, column.is_valid().to_pylist(), strict=True)]


def _texts(column: pa.Array) -> list[Cell]:
    return [value.encode() if isinstance(value, str) else value for value in column.to_pylist()]


def _dates(column: pa.Array) -> list[Cell]:
    """As binary.py has them: infinities are the ends of the range."""
    last = binary.LAST_DAY
    moved = [
        None if day is None else -last - 1 if day <= -last else last if day >= last else day - binary.EPOCH_DAYS
        for day in column.view(pa.int32()).to_pylist()
    ]
    return [None if day is None else _SIZE.pack(day) for day in moved]


def _timestamps(column: pa.Array) -> list[Cell]:
    factor = {"s": 1_000_000, "ms": 1_000, "us": 1}.get(column.type.unit)
    return [None if raw is None else _moment(raw, factor) for raw in column.view(pa.int64()).to_pylist()]


def _moment(raw: int, factor: int | None) -> bytes:
    if raw >= binary.MOST or raw <= -binary.MOST:
        return _LONG.pack(binary.MOST if raw > 0 else binary.LEAST)
    moved = (raw * factor if factor else raw // 1000) - binary.EPOCH_US
    return (moved & 0xFFFF_FFFF_FFFF_FFFF).to_bytes(8, "big")


def _integers(width: int) -> Callable[[pa.Array], list[Cell]]:
    def encode(column: pa.Array) -> list[Cell]:
        return [None if one is None else one.to_bytes(width, "big", signed=True) for one in column.to_pylist()]

    return encode


def _floats(form: struct.Struct) -> Callable[[pa.Array], list[Cell]]:
    return lambda column: [None if one is None else form.pack(one) for one in column.to_pylist()]


def _booleans(column: pa.Array) -> list[Cell]:
    return [None if one is None else bytes([one]) for one in column.to_pylist()]


def _numerics(column: pa.Array) -> list[Cell]:
    raw, scale, valid = column.buffers()[1], column.type.scale, column.is_valid()
    places = range(column.offset, column.offset + len(column))
    return [
        _numeric(int.from_bytes(raw[place * 16 : place * 16 + 16], "little", signed=True), scale) if one else None
        for place, one in zip(places, valid.to_pylist(), strict=True)
    ]


def _numeric(unscaled: int, scale: int) -> bytes:
    """Digits of base 10000 without zeros at either end, behind their number, weight, sign and scale."""
    padding = -scale % 4
    left, digits, weight = abs(unscaled) * 10**padding, list[int](), -1 - (scale + padding) // 4
    while left:
        left, digit = divmod(left, _BASE)
        weight += 1
        if digit or digits:
            digits.append(digit)
    sign = 0x4000 if unscaled < 0 else 0
    head = (len(digits), weight if digits else 0, sign, scale)
    return struct.pack(f"!hhHh{len(digits)}h", *head, *reversed(digits))


_ENCODERS: dict[int, Callable[[pa.Array], list[Cell]]] = {
    pa.bool_().id: _booleans,
    **{kind.id: _integers(2) for kind in (pa.int8(), pa.uint8(), pa.int16())},
    **{kind.id: _integers(4) for kind in (pa.uint16(), pa.int32())},
    **{kind.id: _integers(8) for kind in (pa.uint32(), pa.int64())},
    pa.float32().id: _floats(_FLOAT),
    pa.float64().id: _floats(_DOUBLE),
    pa.decimal128(1, 0).id: _numerics,
    **{kind.id: _texts for kind in (pa.string(), pa.large_string(), pa.binary(), pa.large_binary())},
    pa.date32().id: _dates,
    pa.timestamp("us").id: _timestamps,
}
