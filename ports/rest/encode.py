"""Batches to bytes: JSON, lines, Arrow IPC. Pure, streamed, no per-row Python.

The gateway renders each value's text; what happens here is joining.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ports.rest.formats import Name
from ports.rest.parquet import parquet

Chunk = bytes | memoryview
# The texts of a row in the columns of a total order: where the next page begins.
Place = tuple[str | None, ...]

# Eight bytes that end an Arrow IPC stream: the continuation mark and a length of zero.
# Source: Arrow Columnar Format, "IPC Streaming Format".
_ARROW_END = b"\xff\xff\xff\xff\x00\x00\x00\x00"


def stream(name: Name, schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> Iterator[Chunk]:
    """Batches in the format `name`, rendered by the gateway in the form of that format; JSON without a next page."""
    match name:
        case "json" | "array":
            return json_rows(batches, None, lambda *_: None, bare=name == "array")
        case "object":
            return _texts(batches)
        case "ndjson":
            return lines(batches)
        case "csv":
            return csv(schema, batches)
        case "arrow":
            return arrow(schema, batches)
        case "parquet":
            return parquet(schema, batches)


@dataclass(frozen=True)
class Rows:
    """A whole page: `text` holds its JSON texts with commas between; `last` is its last row's place, () for none.

    `more` says that other rows follow.
    """

    text: bytes
    sent: int
    more: bool
    last: Place


def page(batches: Iterable[pa.RecordBatch], limit: int | None) -> Rows:
    """At most `limit` rows of batches of JSON texts, and their places if they have any, read at once."""
    parts: list[Chunk] = []
    sent, more, last = 0, False, Place()
    for text, count, place, cut in _cut(batches, limit):
        parts += [text] if count else []
        sent, more, last = sent + count, cut, place
    return Rows(b",".join(parts), sent, more, last)


def json_page(rows: Rows, following: str | None, *, bare: bool) -> Iterator[Chunk]:
    """`{"data":[...],"next":...}` of a whole page, or `bare` its rows alone."""
    yield b"[" + rows.text + b"]" if bare else b'{"data":[' + rows.text + b'],"next":' + _json(following) + b"}"


def json_rows(
    batches: Iterable[pa.RecordBatch],
    limit: int | None,
    following: Callable[[int, Place], str | None],
    *,
    bare: bool = False,
) -> Iterator[Chunk]:
    """`{"data":[...],"next":...}` of batches of JSON texts, or `bare` their rows alone.

    At most `limit` rows are sent; where there are more, `next` is `following(limit, place of the last row sent)`. A
    place is what a second column has, a struct of texts; () where there is none.
    """
    sent, more, last = 0, False, Place()
    yield b"[" if bare else b'{"data":['
    for text, count, place, cut in _cut(batches, limit):
        if sent and count:
            yield b","
        yield text
        sent, more, last = sent + count, cut, place
    yield b"]" if bare else b'],"next":' + _json(following(sent, last) if more and sent else None) + b"}"


def json_row(row: str, *, bare: bool = False) -> Iterator[Chunk]:
    """`{"data": row}` of one JSON text, or `bare` itself."""
    yield row.encode() if bare else b'{"data":' + row.encode() + b"}"


def _cut(batches: Iterable[pa.RecordBatch], limit: int | None) -> Iterator[tuple[memoryview, int, Place, bool]]:
    """For each batch its texts with commas between, their number, its last row's place, and whether rows were left."""
    sent, more, last = 0, False, Place()
    for batch in batches:
        if limit is not None and sent + len(batch) > limit:
            batch, more = batch.slice(0, limit - sent), True
        if len(batch) == 0:
            # What was cut off begins with this batch: the one before was the last.
            if more and sent:
                yield memoryview(b""), 0, last, True
            return
        last = _place(batch)
        yield _ended(batch.column(0), ",")[:-1], len(batch), last, more
        sent += len(batch)
        if more:
            return


def _place(batch: pa.RecordBatch) -> Place:
    return tuple(batch.column(1)[len(batch) - 1].as_py().values()) if batch.num_columns > 1 else ()


def _json(text: str | None) -> bytes:
    return json.dumps(text).encode()


def _texts(batches: Iterable[pa.RecordBatch]) -> Iterator[Chunk]:
    for batch in batches:
        yield _buffer(batch.column(0))


def lines(batches: Iterable[pa.RecordBatch]) -> Iterator[Chunk]:
    """Batches of one column of texts that end their lines: sent as they stand in memory."""
    for batch in batches:
        yield _buffer(batch.column(0))


def csv(schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> Iterator[Chunk]:
    """RFC 4180 lines under their header, which is the name of the only column."""
    yield schema.names[0].encode() + b"\n"
    yield from lines(batches)


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
    """The texts of an array as they stand in memory, one behind the other."""
    _, offsets, data = texts.buffers()
    ends = np.frombuffer(offsets, np.int64 if pa.types.is_large_string(texts.type) else np.int32)
    return memoryview(data or b"")[ends[texts.offset] : ends[texts.offset + len(texts)]]
