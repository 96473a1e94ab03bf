"""Rows as an agent reads them: CSV lines, and lists of JSON values, as many whole rows as fit. Pure.

Values are the gateway's own JSON of each type; every digit stands in the text, and in the document as well: a number
that a double does not hold exactly is a string there.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import orjson
import pyarrow as pa

from ports.mcp.budget import BYTES_PER_TOKEN, NOTE_TOKENS

_WHOLE = 1 << 53


class _Digits(str):
    """A number as it was written."""

    __slots__ = ()


@dataclass(frozen=True)
class Fitted:
    """The rows that fit: CSV lines and lists of values. `more` says why there are others: "tokens", "rows", or ""."""

    lines: tuple[str, ...]
    values: tuple[list[Any], ...]
    more: str


def fitted(batches: Iterable[pa.RecordBatch], width: int, limit: int, rows: int, spent_bytes: int) -> Fitted:
    """At most `rows` whole rows of `width` columns, within `limit` tokens of which `spent_bytes` are used already.

    Each batch holds JSON objects, one a row; no more is read than fits.
    """
    lines: list[str] = []
    found: list[list[Any]] = []
    room = (limit - NOTE_TOKENS) * BYTES_PER_TOKEN - spent_bytes
    text = document = 0
    for cells in _cells(batches):
        if len(found) == rows:
            return Fitted(tuple(lines), tuple(found), "rows")
        line, values = ",".join(_cell(one, width) for one in cells), [_value(one) for one in cells]
        text += len(line.encode()) + 1
        document += len(orjson.dumps(values)) + 1
        if max(text, document) > room:
            return Fitted(tuple(lines), tuple(found), "tokens")
        lines.append(line)
        found.append(values)
    return Fitted(tuple(lines), tuple(found), "")


def header(names: Sequence[str]) -> str:
    """The line of the columns' names."""
    return ",".join(_cell(name, len(names)) for name in names)


def _cells(batches: Iterable[pa.RecordBatch]) -> Iterator[list[Any]]:
    for batch in batches:
        for text in batch.column(0).to_pylist():
            pairs = json.loads(text, parse_float=_Digits, parse_int=_Digits, object_pairs_hook=_Pairs)
            yield [value for _, value in pairs]


class _Pairs(list[tuple[str, Any]]):
    """The members of an object, in their order."""


def _cell(value: Any, width: int) -> str:
    """A cell as RFC 4180 has it: nothing for NULL, `""` for an empty text, JSON for what is nested."""
    if value is None:
        return '""' if width == 1 else ""
    if isinstance(value, bool):
        return "true" if value else "false"
    text = value if isinstance(value, str) else orjson.dumps(_value(value)).decode()
    if isinstance(value, _Digits):
        return text
    marked = not text or any(mark in text for mark in ',"\n\r')
    return '"' + text.replace('"', '""') + '"' if marked else text


def _value(value: Any) -> Any:
    if isinstance(value, _Digits):
        return _number(value)
    if isinstance(value, _Pairs):
        return {name: _value(one) for name, one in value}
    return [_value(one) for one in value] if isinstance(value, list) else value


def _number(text: str) -> int | float | str:
    """The number, or its text where a double would be another one."""
    if text.lstrip("-").isdigit():
        whole = int(text)
        return whole if abs(whole) <= _WHOLE else str(text)
    number = float(text)
    return number if Decimal(repr(number)) == Decimal(text) else str(text)
