"""The key that a lookup's values ask for, where lookups of such keys may be one query. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from datetime import time as time_of_day
from decimal import Decimal
from uuid import UUID

from gateway.binding.bind import Batch, Parameters, Scalar, Value

_INTEGERS = frozenset(
    f"{sign}{size}INT" for sign in ("", "U") for size in ("TINY", "SMALL", "BIG", "HUGE")
) | frozenset({"INTEGER", "UINTEGER"})
_EXACT: Mapping[str, type] = {
    **dict.fromkeys(_INTEGERS, int),
    "VARCHAR": str,
    "BOOLEAN": bool,
    "DATE": date,
    "TIME": time_of_day,
    "TIMESTAMP": datetime,
    "UUID": UUID,
    "BLOB": bytes,
}


def key_of(batch: Batch, values: Parameters) -> tuple[Scalar, ...] | None:
    """The key that `values` ask for; None where a list of such values might be compared in another way than one.

    So a value must have exactly its column's type: anything that the engine would cast, NULL included, is left to it.
    """
    key = [value_of(values, identifier) for identifier in batch.parameters]
    exact = all(_exact(value, column.type) for value, column in zip(key, batch.key, strict=True))
    return tuple(key) if exact else None  # type: ignore[arg-type]


def value_of(values: Parameters, identifier: str) -> Value:
    """What a parameter is given, None for nothing."""
    if isinstance(values, tuple):
        place = int(identifier) if identifier.isdigit() else 0
        return values[place - 1] if 0 < place <= len(values) else None
    return values.get(identifier)


def _exact(value: Value, kind: str) -> bool:
    if isinstance(value, Decimal):
        return kind.startswith("DECIMAL(") and value.is_finite() and len(value.as_tuple().digits) <= 38
    if isinstance(value, int) and value.bit_length() > 63:
        return False
    if isinstance(value, datetime | time_of_day) and value.tzinfo is not None:
        return False
    return type(value) is _EXACT.get(kind)
