"""Protocol Buffers (proto3) for dataclasses: one table of fields for each message, bytes to values and back. Pure.

Source: protobuf.dev, "Encoding". What a client sends is never trusted: wire types are checked against the declared
kind, lengths against what is there, and unknown fields are skipped as the format asks.
"""

from __future__ import annotations

import dataclasses
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from gateway import BadQuery

Kind = Literal["text", "bytes", "bool", "uint32", "int32", "int64", "sfixed64", "double", "message"]
_Raw = int | bytes
_M = TypeVar("_M")
VARINT, FIXED64, LENGTH, FIXED32 = 0, 1, 2, 5
_WIRE: dict[Kind, int] = {
    "text": LENGTH,
    "bytes": LENGTH,
    "message": LENGTH,
    "bool": VARINT,
    "uint32": VARINT,
    "int32": VARINT,
    "int64": VARINT,
    "sfixed64": FIXED64,
    "double": FIXED64,
}
MESSAGE_LIMIT_BYTES = 8 << 20
ITEM_LIMIT = 10_000


@dataclass(frozen=True)
class Field:
    """One field of a message; `message` is the class of a nested one."""

    number: int
    kind: Kind
    repeated: bool
    optional: bool
    message: type | None


def field(
    number: int, kind: Kind, *, repeated: bool = False, optional: bool = False, message: type | None = None
) -> Any:
    """A dataclass field with its place in the message.

    Absent on the wire means (), None where `optional` or nested, else the kind's zero.
    """
    zero: dict[Kind, object] = {"text": "", "bytes": b"", "bool": False, "double": 0.0, "message": None}
    default: object = () if repeated else None if optional else zero.get(kind, 0)
    return dataclasses.field(default=default, metadata={"field": Field(number, kind, repeated, optional, message)})


def _table(kind: type) -> tuple[tuple[str, Field], ...]:
    return tuple((one.name, one.metadata["field"]) for one in dataclasses.fields(kind))


def encode(message: Any) -> bytes:
    """`message` in wire format, fields in the order of their class; what has its default is left out."""
    parts = bytearray()
    for name, spec in _table(type(message)):
        value = getattr(message, name)
        if spec.repeated and spec.kind in {"uint32", "int32", "int64", "bool"}:
            packed = b"".join(_varint(int(item)) for item in value)
            parts += _tagged(spec.number, LENGTH, packed) if value else b""
        elif spec.repeated:
            for item in value:
                parts += _encoded(spec, item)
        elif value is not None and (spec.optional or spec.kind == "message" or value):
            parts += _encoded(spec, value)
    return bytes(parts)


def _encoded(spec: Field, value: Any) -> bytes:
    match spec.kind:
        case "text":
            return _tagged(spec.number, LENGTH, value.encode())
        case "bytes":
            return _tagged(spec.number, LENGTH, value)
        case "message":
            return _tagged(spec.number, LENGTH, encode(value))
        case "double":
            return _tagged(spec.number, FIXED64, struct.pack("<d", value))
        case "sfixed64":
            return _tagged(spec.number, FIXED64, struct.pack("<q", value))
        case _:
            return _tagged(spec.number, VARINT, _varint(int(value)))


def _tagged(number: int, wire: int, body: bytes) -> bytes:
    length = _varint(len(body)) if wire == LENGTH else b""
    return _varint(number << 3 | wire) + length + body


def _varint(value: int) -> bytes:
    value &= (1 << 64) - 1
    parts = bytearray()
    while value > 0x7F:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    parts.append(value)
    return bytes(parts)


def decode(kind: type[_M], data: bytes) -> _M:
    """The `kind` message that `data` holds; of a field that comes twice the last counts. Raises BadQuery (value)."""
    if len(data) > MESSAGE_LIMIT_BYTES:
        raise BadQuery(f"a message has at most {MESSAGE_LIMIT_BYTES} bytes", reason="limit")
    known = {spec.number: (name, spec) for name, spec in _table(kind)}
    values: dict[str, Any] = {}
    for number, wire, raw in _fields(data):
        if number not in known:
            continue
        name, spec = known[number]
        if spec.repeated:
            items = values.setdefault(name, [])
            items += _items(spec, wire, raw)
            if len(items) > ITEM_LIMIT:
                raise BadQuery(f"a list has at most {ITEM_LIMIT} items", reason="limit")
        else:
            values[name] = _value(spec, wire, raw)
    return kind(**{name: tuple(value) if isinstance(value, list) else value for name, value in values.items()})


def _fields(data: bytes) -> Iterator[tuple[int, int, _Raw]]:
    """Field number, wire type and raw value of each field."""
    place = 0
    while place < len(data):
        key, place = _read_varint(data, place)
        number, wire = key >> 3, key & 7
        if not 0 < number < 1 << 29:
            raise _malformed()
        value: _Raw
        if wire == VARINT:
            value, place = _read_varint(data, place)
        elif wire == LENGTH:
            length, place = _read_varint(data, place)
            value, place = _take(data, place, length)
        elif wire in (FIXED64, FIXED32):
            value, place = _take(data, place, 8 if wire == FIXED64 else 4)
        else:
            raise _malformed()
        yield number, wire, value


def _items(spec: Field, wire: int, raw: _Raw) -> list[Any]:
    """The items of one occurrence of a repeated field: one, or a packed run of numbers."""
    if wire != LENGTH or _WIRE[spec.kind] != VARINT:
        return [_value(spec, wire, raw)]
    assert isinstance(raw, bytes)
    if len(raw) > 10 * ITEM_LIMIT:
        raise BadQuery(f"a list has at most {ITEM_LIMIT} items", reason="limit")
    items, place = [], 0
    while place < len(raw):
        number, place = _read_varint(raw, place)
        items.append(_value(spec, VARINT, number))
    return items


def _value(spec: Field, wire: int, raw: _Raw) -> Any:
    if wire != _WIRE[spec.kind]:
        raise _malformed()
    if isinstance(raw, int):
        return _integer(spec.kind, raw)
    return _body(spec, raw)


def _integer(kind: Kind, raw: int) -> int | bool:
    """A varint as its kind: longer ones are cut to the kind's bits, as the format asks."""
    if kind == "bool":
        return raw != 0
    bits = 64 if kind == "int64" else 32
    value = raw & (1 << bits) - 1
    return value if kind == "uint32" or value < 1 << bits - 1 else value - (1 << bits)


def _body(spec: Field, raw: bytes) -> Any:
    fixed: dict[Kind, Callable[[bytes], Any]] = {
        "double": lambda body: struct.unpack("<d", body)[0],
        "sfixed64": lambda body: struct.unpack("<q", body)[0],
    }
    if spec.kind in fixed:
        return fixed[spec.kind](raw)
    if spec.kind == "message":
        assert spec.message is not None
        return decode(spec.message, raw)
    if spec.kind == "bytes":
        return raw
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        raise _malformed() from error


def _read_varint(data: bytes, place: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if place >= len(data):
            raise _malformed()
        byte = data[place]
        place += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            if value >= 1 << 64:
                raise _malformed()
            return value, place
    raise _malformed()


def _take(data: bytes, place: int, length: int) -> tuple[bytes, int]:
    if length > len(data) - place:
        raise _malformed()
    return data[place : place + length], place + length


def _malformed() -> BadQuery:
    return BadQuery("the message is not valid protobuf of the expected type", reason="value")
