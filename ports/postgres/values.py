"""Parameters of a Bind message to values: text and binary, by the type of each. Pure.

Source: the input and receive functions of PostgreSQL 15.
"""

from __future__ import annotations

import re
import struct
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Context, Decimal, InvalidOperation
from zoneinfo import ZoneInfo

from gateway import BadQuery, Value
from gateway import PgType as Type
from ports.postgres import moments, types

_WIDE = Context(prec=200)


class TooLarge(ValueError):
    """A number that its type cannot hold."""


class Malformed(ValueError):
    """A value that is not of its type."""


def read(data: bytes | None, code: int, oid: int, place: int, zone: str = "UTC") -> Value:
    """The value of the parameter at `place` (from 1); a time without an offset is in `zone`.

    Raises BadQuery (value) that names place and type.
    """
    if data is None:
        return None
    item = types.ARRAYS.get(oid)
    kind = types.BY_OID.get(oid, types.TEXT)
    name = kind.name if item is None else f"{item.name}[]"
    try:
        if item is not None:
            return _binary_array(data) if code else _text_array(data.decode("utf-8"), item)
        found = _binary(data, kind) if code else _text(data.decode("utf-8"), kind)
        if kind is types.TIMESTAMPTZ and isinstance(found, datetime) and found.tzinfo is None:
            return found.replace(tzinfo=UTC if zone == "UTC" else ZoneInfo(zone))
        return found
    except UnicodeDecodeError as error:
        raise BadQuery('invalid byte sequence for encoding "UTF8"', reason="encoding") from error
    except TooLarge as error:
        raise BadQuery(f"a value is out of range for type {name} in parameter ${place}", reason="range") from error
    except (moments.NoMoment, moments.OutOfRange) as error:
        reason = "moment" if isinstance(error, moments.NoMoment) else "moment_range"
        raise BadQuery(f"invalid input syntax for type {name} in parameter ${place}", reason=reason) from error
    except (ValueError, ArithmeticError, struct.error, KeyError, IndexError) as error:
        form = "binary data" if code else "input syntax"
        raise BadQuery(f"invalid {form} for type {name} in parameter ${place}", reason="value") from error


def sample(oid: int) -> Value:
    """Some value of the type, as wide as any; None for a type that is not known."""
    return _SAMPLES.get(types.BY_OID.get(oid, types.UNKNOWN).name)


def _text(text: str, kind: Type) -> Value:
    if "\0" in text:
        raise Malformed
    return _FROM_TEXT.get(kind.name, str)(text)


def _boolean(text: str) -> bool:
    word = text.strip().lower()
    for meaning, words in ((True, ("true", "yes", "on", "1")), (False, ("false", "no", "off", "0"))):
        if word and any(one.startswith(word) and (word != "o") for one in words):
            return meaning
    raise Malformed


def _integer(bits: int) -> Callable[[str], int]:
    def of(text: str) -> int:
        number = int(text.strip()) if text.isascii() and "_" not in text else _refuse()
        if not -(1 << bits - 1) <= number < 1 << bits - 1:
            raise TooLarge
        return number

    return of


def _refuse() -> int:
    raise Malformed


def _decimal(text: str) -> Decimal | float:
    word = text.strip()
    if word.lower() in {"nan", "infinity", "-infinity", "inf", "-inf"}:
        return float(word)
    try:
        return _WIDE.create_decimal(word) if "_" not in word else Decimal(_refuse())
    except InvalidOperation as error:
        raise Malformed from error


def _bytes(text: str) -> bytes:
    if text.startswith("\\x"):
        return bytes.fromhex(text[2:])
    parts, place = bytearray(), 0
    while place < len(text):
        if text[place] != "\\":
            parts += text[place].encode()
            place += 1
        elif text[place + 1] == "\\":
            parts += b"\\"
            place += 2
        else:
            parts.append(int(text[place + 1 : place + 4], 8))
            place += 4
    return bytes(parts)


_SAMPLES: Mapping[str, Value] = {
    "bool": True,
    "int2": 1,
    "int4": 1 << 30,
    "int8": 1 << 62,
    "float4": 1.5,
    "float8": 1.5,
    "numeric": Decimal("1.5"),
    "text": "",
    "varchar": "",
    "name": "",
    "char": "",
    "oid": 1,
    "bytea": b"",
    "date": moments.START.date(),
    "time": moments.START.time(),
    "timestamp": moments.START,
    "timestamptz": moments.START.replace(tzinfo=UTC),
    "uuid": uuid.UUID(int=0),
}
_FROM_TEXT: Mapping[str, Callable[[str], Value]] = {
    "bool": _boolean,
    "int2": _integer(16),
    "int4": _integer(32),
    "int8": _integer(64),
    "float4": float,
    "float8": float,
    "numeric": _decimal,
    "oid": lambda text: int(text.strip()),
    "bytea": _bytes,
    "date": moments.day,
    "time": moments.clock,
    "timestamp": lambda text: moments.moment(text, zoned=False),
    "timestamptz": lambda text: moments.moment(text, zoned=True),
    "interval": moments.interval,
    "uuid": lambda text: uuid.UUID(text.strip()),
}


def _unpacked(form: str) -> Callable[[bytes], Value]:
    reader = struct.Struct(form)

    def of(data: bytes) -> Value:
        if len(data) != reader.size:
            raise Malformed
        value: Value = reader.unpack(data)[0]
        return value

    return of


def _numeric(data: bytes) -> Value:
    count, weight, sign, scale = struct.unpack_from("!hhHh", data)
    digits = struct.unpack(f"!{count}h", data[8:])
    if sign in {0xC000, 0xD000, 0xF000}:
        return {0xC000: float("nan"), 0xD000: float("inf"), 0xF000: float("-inf")}[sign]
    if sign not in {0, 0x4000} or any(not 0 <= one < 10_000 for one in digits) or not 0 <= scale <= 100 or weight > 40:
        raise Malformed
    # Whole numbers, as sums of decimals keep no more digits than the context has.
    whole = 0
    for one in digits:
        whole = whole * 10_000 + one
    total = Decimal(whole).scaleb(4 * (weight + 1 - count), _WIDE)
    shown = _WIDE.quantize(total, Decimal(1).scaleb(-scale))
    return shown.copy_negate() if sign else shown


def _jsonb(data: bytes) -> str:
    """The text behind its version."""
    if data[:1] != b"\x01":
        raise Malformed
    return data[1:].decode("utf-8")


_FROM_BINARY: Mapping[str, Callable[[bytes], Value]] = {
    "bool": _unpacked("!?"),
    "int2": _unpacked("!h"),
    "int4": _unpacked("!i"),
    "int8": _unpacked("!q"),
    "float4": _unpacked("!f"),
    "float8": _unpacked("!d"),
    "numeric": _numeric,
    **dict.fromkeys(("oid", "xid", "cid", "regclass", "regtype", "regproc", "regnamespace"), _unpacked("!I")),
    "bytea": bytes,
    "date": moments.binary_day,
    "time": moments.binary_clock,
    "timestamp": lambda data: moments.binary_moment(data, zoned=False),
    "timestamptz": lambda data: moments.binary_moment(data, zoned=True),
    "interval": moments.binary_interval,
    "jsonb": _jsonb,
    "uuid": lambda data: uuid.UUID(bytes=data),
}


def _binary(data: bytes, kind: Type) -> Value:
    reader = _FROM_BINARY.get(kind.name)
    return reader(data) if reader is not None else _text(data.decode("utf-8"), types.TEXT)


def _binary_array(data: bytes) -> Value:
    dimensions, _, oid = struct.unpack_from("!iiI", data)
    if dimensions == 0:
        return []
    if dimensions != 1:
        raise Malformed
    kind = types.BY_OID[oid]
    (count,) = struct.unpack_from("!i", data, 12)
    found, place = [], 20
    for _ in range(count):
        (size,) = struct.unpack_from("!i", data, place)
        place += 4
        found.append(None if size < 0 else _binary(data[place : place + size], kind))
        place += max(0, size)
    if place != len(data):
        raise Malformed
    return found  # type: ignore[return-value]


# An element in quotes or without, blanks around it ignored (PostgreSQL 15, 8.15.6).
_ELEMENT = re.compile(
    r"""\s*+(?:"([^"\\]*+(?:\\.[^"\\]*+)*)"|((?:[^"\\{},\s]++|\\.|\s++(?=[^\s,]))+))\s*+""", re.DOTALL
)


def _text_array(text: str, kind: Type) -> Value:
    """One dimension: `{a, "b c", NULL}`."""
    written = text.strip()
    if not (written.startswith("{") and written.endswith("}")):
        raise Malformed
    found: list[Value] = []
    place, end = 1, len(written) - 1
    if not written[place:end].strip():
        return []
    while True:
        element = _ELEMENT.match(written, place, end)
        if element is None:
            raise Malformed
        quoted, plain = element.groups()
        absent = quoted is None and plain.lower() == "null"
        item = plain if quoted is None else quoted
        found.append(None if absent else _text(re.sub(r"\\(.)", r"\1", item, flags=re.DOTALL), kind))
        place = element.end() + 1
        if place > end:
            return found  # type: ignore[return-value]
        if written[place - 1] != ",":
            raise Malformed
