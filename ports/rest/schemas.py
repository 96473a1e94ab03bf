"""Types as JSON Schema (2020-12): what a cell looks like in an answer, and what a filter on it may say. Pure.

What is said of a cell is what the gateway renders for its type, and what is said of a filter is what `values` reads.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from gateway import Column
from ports.http import values

Json = dict[str, Any]
_INTEGERS: Mapping[str, int] = {"TINYINT": 8, "SMALLINT": 16, "INTEGER": 32, "BIGINT": 64, "HUGEINT": 128}
_DECIMAL = re.compile(r"DECIMAL\((\d+),\s*(\d+)\)")
_SPECIAL = ["NaN", "Infinity", "-Infinity"]
_STRINGS: Mapping[str, Json] = {
    "VARCHAR": {},
    "UUID": {"format": "uuid"},
    "DATE": {"description": "RFC 3339 full-date; years outside 1 to 9999 with a sign and six digits"},
    "TIME": {"description": "RFC 3339 partial-time"},
    "TIMESTAMP WITH TIME ZONE": {"description": "RFC 3339 date-time in UTC"},
    "INTERVAL": {"description": "ISO 8601 duration"},
    "BLOB": {"contentEncoding": "base64"},
    "BIT": {"pattern": "^[01]*$"},
}
_EVERY: Json = {"type": "string", "enum": ["*"]}
# What a question in a body selects, whatever its table: each kind apart, as generators want it.
SELECT: Json = {
    "anyOf": [_EVERY, {"type": "array", "items": _EVERY, "minItems": 1, "maxItems": 1}],
    "description": "as in the address of a table, or its items as a list",
}
# One value in an address, by type: what every such value matches, a subset of what the server reads.
_MOMENT = r"(19|20)[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])"
_CLOCK = r"([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]"
_VALUES: Mapping[str, str] = {
    "VARCHAR": r"[A-Za-z0-9 _@-]{0,40}",
    "BOOLEAN": r"(true|false)",
    "DATE": _MOMENT,
    "TIME": _CLOCK,
    "TIMESTAMP": rf"{_MOMENT}T{_CLOCK}",
    "TIMESTAMP WITH TIME ZONE": rf"{_MOMENT}T{_CLOCK}Z",
    "UUID": r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
    "DOUBLE": r"-?[0-9]{1,8}(\.[0-9]{1,4})?",
    "FLOAT": r"-?[0-9]{1,8}(\.[0-9]{1,4})?",
    "BLOB": r"([A-Za-z0-9+/]{4}){0,8}",
}


def cell(column: Column, raw: bool) -> Json:
    """A column's values in JSON; NULL is among them unless the contract forbids it and the column is `raw`."""
    shown = {**of(column.type), **({"title": column.description} if column.description else {})}
    return shown if raw and column.required else nullable(shown)


def nullable(shown: Json) -> Json:
    """`shown`, or null."""
    if isinstance(shown.get("type"), str):
        return {**shown, "type": [shown["type"], "null"]}
    return {"anyOf": [shown, {"type": "null"}]} if shown else {}


def of(kind: str) -> Json:
    """The values of a type in JSON."""
    unsigned = kind.removeprefix("U")
    if unsigned in _INTEGERS and kind != "UUID":
        bits = _INTEGERS[unsigned]
        least, most = (0, (1 << bits) - 1) if kind != unsigned else (-(1 << bits - 1), (1 << bits - 1) - 1)
        # A document's own numbers have 64 bits at most.
        bounds = {"minimum": least, "maximum": most} if bits < 64 else {}
        return {"type": "integer", **bounds, **_width(bits)}
    if kind.startswith("DECIMAL("):
        return {"type": "number"}
    if kind in {"DOUBLE", "FLOAT"}:
        return {"anyOf": [{"type": "number"}, {"type": "string", "enum": _SPECIAL}]}
    if kind == "BOOLEAN":
        return {"type": "boolean"}
    if kind.endswith("]"):
        return {"type": "array", "items": nullable(of(kind[: kind.rindex("[")]))}
    if kind.startswith(("STRUCT(", "UNION(")):
        return {"type": "object"}
    if kind.startswith(("MAP(", "TUPLE(")):
        return {"type": "array"}
    if kind.startswith("TIMESTAMP") and kind not in _STRINGS:
        return {"type": "string", "description": "RFC 3339 date-time without its offset: the time has no zone"}
    return {"type": "string", **_STRINGS[kind]} if kind in _STRINGS else {}


def _width(bits: int) -> Json:
    return {"format": f"int{bits}"} if bits in {32, 64} else {}


def value(kind: str) -> str | None:
    """A pattern of one value in an address; None for a type that has none there."""
    decimal = _DECIMAL.fullmatch(kind)
    if decimal is not None:
        whole, scale = int(decimal[1]) - int(decimal[2]), int(decimal[2])
        fraction = rf"(\.[0-9]{{1,{scale}}})?" if scale else ""
        return rf"-?[0-9]{{1,{max(1, whole)}}}{fraction}"
    unsigned = kind.removeprefix("U")
    if unsigned in _INTEGERS and kind != "UUID":
        digits = len(str(1 << (_INTEGERS[unsigned] - 1))) - 1
        return rf"{'' if kind != unsigned else '-?'}[0-9]{{1,{digits}}}"
    if kind.startswith("TIMESTAMP") and kind not in _VALUES:
        return _VALUES["TIMESTAMP"]
    return _VALUES.get(kind)


def filtering(kind: str) -> str:
    """A pattern of what a filter on a column of the type may say: `[not.]operator.value`."""
    one = value(kind)
    nulls = r"is\.(null|not_null" + ("|true|false|unknown)" if kind == "BOOLEAN" else ")")
    if one is None or not values.comparable(kind):
        return rf"^(not\.)?{nulls}$"
    parts = [nulls, rf"(eq|neq|gt|gte|lt|lte|isdistinct)\.{one}", rf"in\.\({one}(,{one}){{0,5}}\)"]
    if values.textual(kind):
        parts.append(rf"(like|ilike)\.\*?{one}\*?")
    return rf"^(not\.)?({'|'.join(parts)})$"


def selecting(columns: Sequence[Column]) -> str:
    """A pattern of `select`: names alone. Aliases, casts, aggregates and related tables are taken beside it."""
    names = "|".join(one.name for one in columns)
    return rf"^(\*|({names})(,({names})){{0,9}})$"


def ordering(columns: Sequence[Column]) -> str | None:
    """A pattern of `order`; None where no column has an order."""
    names = "|".join(one.name for one in columns if values.comparable(one.type))
    term = rf"({names})(\.(asc|desc))?(\.(nullsfirst|nullslast))?"
    return rf"^{term}(,{term}){{0,9}}$" if names else None


def logic(columns: Sequence[Column]) -> str:
    """A pattern of what `or` and `and` may say: conditions, each with its column, in parentheses."""
    terms = [rf"({'|'.join(one.name for one in columns)})\.(not\.)?is\.(null|not_null)"]
    terms += [
        rf"{one.name}\.(not\.)?(eq|neq|gt|lte)\.{value(one.type)}"
        for one in columns
        if value(one.type) and values.comparable(one.type)
    ]
    term = f"({'|'.join(terms)})"
    return rf"^\({term}(,{term}){{0,3}}\)$"
