"""Output forms: one text per type for every door, rendered inside DuckDB; and nothing left in memory under a NULL.

Pure: type texts to SQL expressions, batches to batches.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from typing import Literal

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from gateway.duck import quote

Form = Literal["arrow", "text", "json"]

_NUMBERS = re.compile(r"(U?(TINYINT|SMALLINT|INTEGER|BIGINT|HUGEINT))$")


def project(text: str, names: Sequence[str], types: Sequence[str], form: Form) -> str:
    """`text` wrapped in a projection by ordinal to `form`; `text` is a bound plan's, checked already.

    "text": each column a VARCHAR under its own name. "json": one VARCHAR column `row`, a JSON object for each row.
    """
    if form == "arrow":
        return text
    aliases = [f"c{i}" for i in range(len(names))]
    inner = f"({text}) AS q({', '.join(aliases)})"
    if form == "text":
        items = [f"{_text(a, t)} AS {quote(n)}" for a, n, t in zip(aliases, names, types, strict=True)]
        return f"SELECT {', '.join(items)} FROM {inner}"
    return f'SELECT {_json_object(list(zip(names, aliases, types, strict=True)))} AS "row" FROM {inner}'


def _json_object(members: Sequence[tuple[str, str, str]]) -> str:
    """SQL for a JSON object of (name, value, type) members, in order.

    Neighbours that DuckDB's own json_object renders as we would go through one call of it: planning a call for each
    member costs three times as much.
    """
    parts: list[str] = []
    for ours, neighbours in itertools.groupby(members, key=lambda member: _is_ours(member[2])):
        run = list(neighbours)
        if ours:
            parts += [
                part for name, value, kind in run for part in (_string(_json_key(name)), _json(value, kind), "','")
            ]
        else:
            pairs = ", ".join(f"{_string(name)}, {_plain(value, kind)}" for name, value, kind in run)
            parts += [f"json_object({pairs})[2:-2]", "','"]
    return f"concat('{{', {''.join(f'{part}, ' for part in parts[:-1])}'}}')"


def _is_ours(kind: str) -> bool:
    """Whether JSON of this type is rendered by `_json`: DuckDB's own drops scale, or writes NaN."""
    return (
        kind in {"DOUBLE", "FLOAT", "HUGEINT", "UHUGEINT", "JSON", '"NULL"'}
        or kind.startswith("DECIMAL")
        or _nested(kind)
    )


def _plain(value: str, kind: str) -> str:
    return value if kind == "BOOLEAN" or _NUMBERS.match(kind) else _text(value, kind)


def _string(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _json_key(name: str) -> str:
    return orjson.dumps(name).decode() + ":"


def _text(value: str, kind: str) -> str:
    """SQL for the one text of a value (NULL stays NULL).

    Times are RFC 3339 (`2018-01-01T00:00:00.5`, zone as `Z`), decimals keep their scale, blobs are base64, nested
    values are JSON.
    """
    if kind == "TIMESTAMP WITH TIME ZONE":
        return _timestamp(f"timezone('UTC', {value})", f"{value}::VARCHAR", "Z")
    if kind.startswith("TIMESTAMP"):
        return _timestamp(f"{value}::TIMESTAMP", f"{value}::VARCHAR", "")
    if kind == "BLOB":
        return f"to_base64({value})"
    if _nested(kind):
        return f"CASE WHEN {value} IS NOT NULL THEN {_json(value, kind)} END"
    return f"{value}::VARCHAR"


def _timestamp(value: str, infinite: str, zone: str) -> str:
    shown = f"replace({value}::VARCHAR, ' ', 'T') || '{zone}'"
    return f"CASE WHEN isfinite({value}) THEN {shown} ELSE {infinite} END"


def _nested(kind: str) -> bool:
    return kind.endswith("]") or kind.startswith(("STRUCT(", "MAP(", "UNION("))


def _json(value: str, kind: str) -> str:
    """SQL for the JSON text of a value; never NULL.

    Numbers keep their scale and all digits; NaN and infinities are strings, since JSON has none.
    """
    if kind.endswith("]"):
        shown = _json_list(value, kind[: kind.rindex("[")])
    elif kind == "BOOLEAN" or _NUMBERS.match(kind) or kind.startswith("DECIMAL"):
        shown = f"{value}::VARCHAR"
    elif kind in {"DOUBLE", "FLOAT"}:
        shown = f"CASE WHEN NOT isfinite({value}) THEN '\"' || {_special(value)} || '\"' ELSE {value}::VARCHAR END"
    elif kind == "JSON":
        shown = f"{value}::VARCHAR"
    elif kind == '"NULL"':
        return "'null'"
    elif kind.startswith("STRUCT("):
        shown = _json_struct(value, kind)
    elif kind.startswith("MAP("):
        key, item = split_types(kind[4:-1])
        entries = f"map_entries({value})"
        shown = _json_list(entries, f'STRUCT("key" {key}, "value" {item})')
    else:
        shown = f"to_json({_text(value, kind)})::VARCHAR"
    return f"coalesce({shown}, 'null')"


def _special(value: str) -> str:
    return f"CASE WHEN isnan({value}) THEN 'NaN' WHEN {value} > 0 THEN 'Infinity' ELSE '-Infinity' END"


def _json_list(value: str, item: str) -> str:
    variable = f"e{value.count('lambda')}x"
    return f"'[' || array_to_string(list_transform({value}, lambda {variable}: {_json(variable, item)}), ',') || ']'"


def _json_struct(value: str, kind: str) -> str:
    members = [_member(member) for member in split_types(kind[7:-1])]
    body = _json_object([(name, f"{value}[{_string(name)}]", item) for name, item in members])
    return f"CASE WHEN {value} IS NOT NULL THEN {body} END"


def _member(text: str) -> tuple[str, str]:
    """Name and type of one STRUCT member: `"a b" INTEGER` or `a INTEGER`."""
    quoted = re.match(r'"((?:[^"]|"")*)" (.*)$', text, re.DOTALL)
    if quoted:
        return quoted.group(1).replace('""', '"'), quoted.group(2)
    name, _, kind = text.partition(" ")
    return name, kind


def split_types(text: str) -> list[str]:
    """The members of a type list, split at commas outside brackets and quotes."""
    parts, level, start, inside = [], 0, 0, False
    for place, letter in enumerate(text):
        if letter == '"':
            inside = not inside
        elif not inside and letter in "([":
            level += 1
        elif not inside and letter in ")]":
            level -= 1
        elif not inside and level == 0 and letter == ",":
            parts.append(text[start:place].strip())
            start = place + 1
    return [*parts, text[start:].strip()]


def zero_nulls(batch: pa.RecordBatch) -> pa.RecordBatch:
    """`batch` with the bytes under every NULL zeroed, nested children and strings included.

    DuckDB reuses memory and leaves other queries' values there. Columns without NULLs are passed as they are.
    """
    given = batch.columns
    columns = [_clean(column) for column in given]
    if all(new is old for new, old in zip(columns, given, strict=True)):
        return batch
    return pa.RecordBatch.from_arrays(columns, schema=batch.schema)


def _clean(array: pa.Array) -> pa.Array:
    kind = array.type
    if array.null_count == 0 and not pa.types.is_nested(kind):
        return array
    if pa.types.is_null(kind):
        return pa.nulls(len(array))
    if array.offset == 0 and (pa.types.is_integer(kind) or pa.types.is_floating(kind)):
        filled = pc.fill_null(array, 0)
        return pa.Array.from_buffers(kind, len(array), [array.buffers()[0], filled.buffers()[1]])
    # `take` builds every level anew and writes zeros where an element is NULL; pinned by a raw-byte test.
    return pc.take(array, pa.array(np.arange(len(array))))
