"""Batches to bytes: JSON, NDJSON, CSV, Arrow IPC. Pure, streamed, no per-row Python.

The gateway renders each value's text; what happens here is joining.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

Chunk = bytes | memoryview

# Eight bytes that end an Arrow IPC stream: the continuation mark and a length of zero.
# Source: Arrow Columnar Format, "IPC Streaming Format".
_ARROW_END = b"\xff\xff\xff\xff\x00\x00\x00\x00"
_CSV_SPECIAL = r'["\r\n,]|^$'


def ndjson(batches: Iterable[pa.RecordBatch]) -> Iterator[Chunk]:
    """Batches of one column of JSON texts, a line each."""
    for batch in batches:
        yield _ended(batch.column(0), "\n")


def json_rows(batches: Iterable[pa.RecordBatch], limit: int | None, following: Callable[[int, str], str | None],
              place: str | None) -> Iterator[Chunk]:  # fmt: skip
    """`{"data":[...],"next":...}` of batches of one column of JSON texts.

    At most `limit` rows are sent; where there are more, `next` is `following(limit, place of the last row sent)`.
    `place` names the trailing member that is taken off every row and handed to `following`, None if there is none.
    """
    sent, more, last = 0, False, ""
    yield b'{"data":['
    for batch in batches:
        rows = batch.column(0)
        if limit is not None and sent + len(rows) > limit:
            rows, more = rows.slice(0, limit - sent), True
        if len(rows) == 0:
            break
        if place is not None:
            rows, last = _without(rows, place)
        if sent:
            yield b","
        yield _ended(rows, ",")[:-1]
        sent += len(rows)
        if more:
            break
    next_page = following(sent, last) if more and sent else None
    yield b'],"next":' + json.dumps(next_page).encode() + b"}"


def json_row(row: str) -> Iterator[Chunk]:
    """`{"data": row}` of one JSON text."""
    yield b'{"data":' + row.encode() + b"}"


def csv(schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> Iterator[Chunk]:
    """Batches of texts as RFC 4180 lines under a header: NULL is nothing, an empty text is `""`."""
    header = [pa.array([name], pa.string()) for name in schema.names]
    yield _lines(header)
    for batch in batches:
        yield _lines(batch.columns)


def arrow(schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> Iterator[Chunk]:
    """Batches as one Arrow IPC stream."""
    yield memoryview(schema.serialize())
    for batch in batches:
        yield memoryview(batch.serialize())
    yield _ARROW_END


def _ended(texts: pa.Array, end: str) -> memoryview:
    """All of `texts` in one buffer, each with `end` behind it."""
    return _buffer(_join(texts.cast(pa.large_string()), _large(end)))


def _large(text: str) -> pa.Scalar:
    return pa.scalar(text, pa.large_string())


def _join(*parts: pa.Array | pa.Scalar, separator: str = "") -> pa.Array:
    """Texts side by side, row by row."""
    return pc.binary_join_element_wise(*parts, _large(separator))


def _buffer(texts: pa.Array) -> memoryview:
    """The texts of a LARGE_STRING array as they stand in memory, one behind the other."""
    _, offsets, data = texts.buffers()
    ends = np.frombuffer(offsets, np.int64)
    return memoryview(data or b"")[ends[texts.offset] : ends[texts.offset + len(texts)]]


def _without(rows: pa.Array, place: str) -> tuple[pa.Array, str]:
    """`rows` without their last member, and that member's text in the last row.

    The last `,"place":` of a row is never inside a string: there its quotes would have a backslash before them.
    """
    mark = f",{json.dumps(place)}:"
    parts = pc.split_pattern(rows, mark, max_splits=1, reverse=True)
    last: str = parts[-1][1].as_py()
    return pc.binary_join_element_wise(pc.list_element(parts, 0), "}", ""), last[:-1]


def _lines(columns: list[pa.Array]) -> memoryview:
    cells = [_quoted(column.cast(pa.large_string())) for column in columns]
    ends = _join(cells[-1], _large("\n"))
    return _buffer(_join(*cells[:-1], ends, separator=","))


def _quoted(cells: pa.Array) -> pa.Array:
    """The cells as CSV has them: nothing for NULL, quoted where a reader would misunderstand them."""
    if _plain(cells):
        return pc.fill_null(cells, "") if cells.null_count else cells
    special = pc.match_substring_regex(cells, _CSV_SPECIAL)
    doubled = pc.replace_substring(cells, '"', '""')
    quoted = _join(_large('"'), doubled, _large('"'))
    return pc.fill_null(pc.if_else(special, quoted, cells), "")


def _plain(cells: pa.Array) -> bool:
    """Whether no cell needs quotes, told by four searches of one buffer.

    A pattern on each cell made the whole encoder three times slower: 1.9 against 6.1 M rows/s of 11 columns.
    """
    lengths = pc.min(pc.binary_length(cells)).as_py()
    if lengths is None:
        return True
    whole = bytes(_buffer(cells))
    return lengths > 0 and not any(mark in whole for mark in (b",", b'"', b"\n", b"\r"))
