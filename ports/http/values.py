"""A value as a client writes it in an address, read by its column's declared type. Pure.

Types are DuckDB's canonical texts, such as DECIMAL(18,2). What cannot be read is refused with what the type takes, and
never reaches SQL in any form.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from datetime import date, datetime, time
from decimal import Decimal
from uuid import UUID

from gateway import BadQuery

Scalar = str | int | float | bool | Decimal | date | datetime | time | bytes | UUID

_INTEGERS: Mapping[str, tuple[int, int]] = {
    **{name: (-(1 << bits - 1), (1 << bits - 1) - 1) for name, bits in
       {"TINYINT": 8, "SMALLINT": 16, "INTEGER": 32, "BIGINT": 64, "HUGEINT": 128}.items()},
    **{name: (0, (1 << bits) - 1) for name, bits in
       {"UTINYINT": 8, "USMALLINT": 16, "UINTEGER": 32, "UBIGINT": 64, "UHUGEINT": 128}.items()},
}  # fmt: skip
_DECIMAL = re.compile(r"DECIMAL\((\d+),\s*(\d+)\)")
_DECIMAL_DIGITS = 38  # the widest DECIMAL of DuckDB
_TIMESTAMP = re.compile(
    r"(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2}(?::\d{2}(?:\.\d{1,6})?)?))?(Z|z|[+-]\d{2}(?::?\d{2})?)?"
)


class WrongValue(ValueError):
    """A text that is no value of its type; the message says what the type takes."""


def comparable(kind: str) -> bool:
    """Whether a value of the type can be written in an address, and compared and ordered there."""
    return kind in _INTEGERS or kind in _READ or kind.startswith("DECIMAL(")


def item(kind: str) -> str | None:
    """The type of a list's items if they can be written in an address; None for any other type."""
    inside = kind.removesuffix("[]")
    return inside if inside != kind and comparable(inside) else None


def numeric(kind: str) -> bool:
    """Whether sums and averages exist of the type."""
    return kind in _INTEGERS or kind in {"DOUBLE", "FLOAT"} or kind.startswith("DECIMAL(")


def total(kind: str) -> str:
    """The type of a sum of values of `kind`. Source: `typeof(sum(...))` of DuckDB 2.0."""
    declared = _DECIMAL.fullmatch(kind)
    if declared is not None:
        return f"DECIMAL({_DECIMAL_DIGITS},{declared[2]})"
    return "HUGEINT" if kind in _INTEGERS and kind != "UHUGEINT" else "DOUBLE"


def textual(kind: str) -> bool:
    """Whether patterns (like, match) apply to the type."""
    return kind == "VARCHAR"


def read(text: str, kind: str, column: str) -> Scalar:
    """`text` as a value of `kind`. Raises BadQuery (value) that names the column and what it takes."""
    try:
        if kind in _INTEGERS:
            return _integer(text, kind)
        if kind.startswith("DECIMAL("):
            return _decimal(text, kind)
        return _READ[kind](text)
    except (WrongValue, ValueError, ArithmeticError) as error:
        takes = str(error) if isinstance(error, WrongValue) else _TAKES.get(kind, kind)
        shown = text if len(text) <= 64 else text[:64] + "..."
        raise BadQuery(f'"{shown}" is not a value of column "{column}": {kind} takes {takes}', reason="value") from None


def _integer(text: str, kind: str) -> int:
    least, most = _INTEGERS[kind]
    if not re.fullmatch(r"[+-]?[0-9]{1,40}", text) or not least <= int(text) <= most:
        raise WrongValue(f"whole numbers from {least} to {most}")
    return int(text)


def _decimal(text: str, kind: str) -> Decimal:
    declared = _DECIMAL.fullmatch(kind)
    assert declared is not None
    width, scale = int(declared[1]), int(declared[2])
    number = re.fullmatch(r"[+-]?([0-9]{0,38})(?:\.([0-9]{0,38}))?", text)
    whole, fraction = (number[1], number[2] or "") if number else ("", "")
    digits = max(len(whole.lstrip("0")), width - scale) + max(len(fraction), scale)
    if not whole + fraction or digits > _DECIMAL_DIGITS:
        raise WrongValue(f"decimal numbers such as 12.50, of at most {_DECIMAL_DIGITS} digits in all")
    return Decimal(text)


def _float(text: str) -> float:
    if not re.fullmatch(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,3})?|NaN|[+-]?Infinity", text):
        raise ValueError
    return float(text)


def _boolean(text: str) -> bool:
    return {"true": True, "false": False}[text.lower()] if text.lower() in {"true", "false"} else _refuse()


def _refuse() -> bool:
    raise ValueError


def _date(text: str) -> date:
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
        raise ValueError
    return date.fromisoformat(text)


def _time(text: str) -> time:
    if not re.fullmatch(r"[0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?", text):
        raise ValueError
    return time.fromisoformat(text)


def _moment(text: str, zoned: bool) -> datetime:
    parts = _TIMESTAMP.fullmatch(text)
    if parts is None or not text.isascii() or bool(parts[3]) is not zoned:
        raise ValueError
    return datetime.fromisoformat(f"{parts[1]}T{parts[2] or '00:00'}{(parts[3] or '').upper()}")


def _blob(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError from error


def _uuid(text: str) -> UUID:
    if not re.fullmatch(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", text):
        raise ValueError
    return UUID(text)


_READ: Mapping[str, Callable[[str], Scalar]] = {
    "VARCHAR": str,
    "BOOLEAN": _boolean,
    "DOUBLE": _float,
    "FLOAT": _float,
    "DATE": _date,
    "TIME": _time,
    "UUID": _uuid,
    "BLOB": _blob,
    "TIMESTAMP WITH TIME ZONE": lambda text: _moment(text, zoned=True),
    **dict.fromkeys(
        ("TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS"), lambda text: _moment(text, zoned=False)
    ),
}
_TAKES: Mapping[str, str] = {
    "BOOLEAN": "true or false",
    "DOUBLE": "numbers such as 1.5 or 1e-3, NaN, Infinity and -Infinity",
    "FLOAT": "numbers such as 1.5 or 1e-3, NaN, Infinity and -Infinity",
    "DATE": "dates such as 2018-01-31",
    "TIME": "times such as 23:59:59.5",
    "UUID": "UUIDs such as 6f1c2f7e-0000-4000-8000-000000000000",
    "BLOB": "base64",
    "TIMESTAMP WITH TIME ZONE": "times with their zone such as 2018-01-31T12:00:00Z (in an address + is written %2B)",
    **dict.fromkeys(
        ("TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS"),
        "times without a zone such as 2018-01-31T12:00:00",
    ),
}
