"""The scalars of this door, and which of them each type of a column is. Pure.

In an answer each is the text that REST's JSON has, numbers of more than 32 bits and decimals as strings: a JavaScript
reader would lose their digits. In a question a value is read as text by its column's own type.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NewType

import strawberry
from graphql import GraphQLError
from strawberry.types.scalar import ScalarDefinition

from ports.http import values

_NEW = {
    "BigInt": "An integer of any size, as a string of its digits; a number is taken too.",
    "Decimal": "An exact decimal number, as a string of all its digits; a number is taken too.",
    "Date": "A day (RFC 3339 full-date).",
    "DateTime": "A moment (RFC 3339), in UTC where the column has a zone.",
    "Time": "A time of day (RFC 3339 partial-time).",
    "UUID": "A UUID.",
    "Bytes": "Bytes in base64 (RFC 4648, 4).",
    "JSON": "Any JSON value; it cannot be compared.",
}
_NUMBERS = frozenset({"BigInt", "Decimal"})
_KINDS = {
    **dict.fromkeys(("TINYINT", "SMALLINT", "INTEGER", "UTINYINT", "USMALLINT"), "Int"),
    **dict.fromkeys(("UINTEGER", "BIGINT", "UBIGINT", "HUGEINT", "UHUGEINT", "BIGNUM"), "BigInt"),
    **dict.fromkeys(("DOUBLE", "FLOAT"), "Float"),
    **dict.fromkeys(("VARCHAR", "BIT", "INTERVAL", "TIME WITH TIME ZONE"), "String"),
    **dict.fromkeys(("TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS", "TIMESTAMPTZ_NS"), "DateTime"),
    "TIMESTAMP WITH TIME ZONE": "DateTime",
    "TIME_NS": "Time",
    "BOOLEAN": "Boolean",
    "DATE": "Date",
    "TIME": "Time",
    "UUID": "UUID",
    "BLOB": "Bytes",
}


@dataclass(frozen=True)
class ScalarOf:
    """A column's scalar, by its GraphQL name; `listed` where the column holds lists of it."""

    name: str
    listed: bool = False


def scalar_of(kind: str) -> ScalarOf:
    """The scalar of a column's type; JSON for what has no other."""
    item = kind.removesuffix("[]")
    if item != kind:
        return ScalarOf(_single(item), True) if _single(item) != "JSON" else ScalarOf("JSON")
    return ScalarOf(_single(kind))


def comparable(kind: str) -> bool:
    """Whether a `where` may compare a column of that type."""
    return values.comparable(kind)


def text(value: Any) -> str:
    """A value that a client has given, as the text that `values.read` takes."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else repr(value)


def definitions() -> tuple[dict[str, Any], dict[object, ScalarDefinition]]:
    """Python's types by GraphQL name, and strawberry's map of those that are ours: fresh ones for each schema."""
    types: dict[str, Any] = {"Int": int, "Float": float, "String": str, "Boolean": bool}
    scalars: dict[object, ScalarDefinition] = {}
    for name, description in _NEW.items():
        # NewType names nothing that anybody could import: strawberry needs a key of its own for each scalar.
        types[name] = made = NewType(name, str)
        scalars[made] = strawberry.scalar(name=name, description=description, serialize=str, parse_value=_reader(name))
    return types, scalars


def _single(kind: str) -> str:
    return "Decimal" if kind.startswith("DECIMAL(") and not kind.endswith("]") else _KINDS.get(kind, "JSON")


def _reader(name: str) -> Any:
    numeric = name in _NUMBERS

    def parse(value: Any) -> str:
        if isinstance(value, str):
            return value
        if numeric and isinstance(value, int | float) and not isinstance(value, bool):
            return repr(value)
        raise GraphQLError(f"{name} is written as a string")

    return parse
