"""Output forms of an answer, rendered inside DuckDB; and nothing left in memory under a NULL.

Pure: type texts to SQL, batches to batches.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from gateway.serving import wire_forms
from gateway.serving.rendering import cell, exact_in_arrow, exact_in_parquet, json_object
from gateway.serving.wire_forms import Wire
from gateway.sql.duck import quote

Shape = Literal["arrow", "parquet", "text", "csv", "json", "ndjson", "json_strings", "ndjson_strings"]
Form = Shape | Wire
_EXACT: dict[Shape, Callable[[str], bool]] = {
    "arrow": exact_in_arrow,
    "parquet": exact_in_parquet,
    "text": lambda _: False,
}

_NEVER_QUOTED = frozenset(
    "BOOLEAN TINYINT SMALLINT INTEGER BIGINT HUGEINT DOUBLE FLOAT BIGNUM BIT UUID DATE TIME INTERVAL".split()
) | frozenset({"UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT", "TIME WITH TIME ZONE", "TIME_NS"})


def project(text: str, names: Sequence[str], types: Sequence[str], form: Form, kept: Sequence[str] = ()) -> str:
    """`text` wrapped in a projection by ordinal to `form`; `text` is a bound plan's, checked already.

    "arrow", "parquet": typed columns under their own names; a type that the form cannot hold exactly is its text.
    "text": every column is its text.
    "json", "ndjson": one VARCHAR column `row`, a JSON object for each row; "ndjson" ends each with a line end, and
    "_strings" makes strings of integers of 64 bits and more and of decimals. "csv": one VARCHAR column of RFC 4180
    lines, whose name is the line of the header. Wire: each column as PostgreSQL's text, or what its binary is made of.
    `kept` are columns behind `names` that stay behind them as they are.
    """
    aliases = [f"c{i}" for i in range(len(names))]
    inner = f"({text}) AS q({', '.join(aliases)})"
    last = "".join(f", {quote(name)}" for name in kept)
    if isinstance(form, Wire):
        codes = zip(form.of(len(names)), aliases, types, strict=True)
        shown = [wire_forms.binary(a, t) if code else wire_forms.text(a, t, form.zone) for code, a, t in codes]
        return f"SELECT {', '.join(f'{s} AS {quote(n)}' for s, n in zip(shown, names, strict=True))}{last} FROM {inner}"
    if form in _EXACT:
        exact = [_EXACT[form](kind) for kind in types]
        if all(exact):
            return text
        shown = [a if as_it_is else cell(a, t) for a, t, as_it_is in zip(aliases, types, exact, strict=True)]
        return f"SELECT {', '.join(f'{s} AS {quote(n)}' for s, n in zip(shown, names, strict=True))}{last} FROM {inner}"
    if form == "csv":
        return f"SELECT {_line(aliases, types)} AS {quote(_header(names))}{last} FROM {inner}"
    row = json_object(list(zip(names, aliases, types, strict=True)), strings=form.endswith("_strings"))
    end = " || chr(10)" if form.startswith("ndjson") else ""
    return f'SELECT {row}{end} AS "row"{last} FROM {inner}'


def _line(aliases: Sequence[str], types: Sequence[str]) -> str:
    """SQL for the CSV line of a row: nothing for NULL, `""` for an empty text.

    A line is never empty, since readers skip empty lines: where there is one column, its NULL is `""` too.
    """
    cells = [_quoted(alias, kind) for alias, kind in zip(aliases, types, strict=True)]
    if len(cells) == 1:
        cells = [f"coalesce(({cells[0]})::VARCHAR, '\"\"')"]
    return f"concat({', chr(44), '.join(cells)}, chr(10))"


def _quoted(alias: str, kind: str) -> str:
    shown = cell(alias, kind)
    if kind in _NEVER_QUOTED or (kind.startswith(("DECIMAL(", "TIMESTAMP")) and not kind.endswith("]")):
        return alias if shown == f"{alias}::VARCHAR" else shown
    if kind == "VARCHAR":
        shown = alias
    # Searches of single characters: a regular expression takes twice the time.
    marks = " OR ".join(f"contains({shown}, {mark})" for mark in ("','", "'\"'", "chr(10)", "chr(13)"))
    return f"""CASE WHEN {shown} = '' OR {marks} THEN '"' || replace({shown}, '"', '""') || '"' ELSE {shown} END"""


def _header(names: Sequence[str]) -> str:
    return ",".join(f'"{n.replace(chr(34), chr(34) * 2)}"' if _needs_quotes(n) else n for n in names)


def _needs_quotes(name: str) -> bool:
    return not name or any(mark in name for mark in ',"\r\n')


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
