"""Batches to bytes: JSON, lines, Arrow IPC. Pure, streamed, no per-row Python.

The gateway renders each value's text; what happens here is joining.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator

import pyarrow as pa

from ports.http.json_rows import Place, Rows, buffer, limited, page
from ports.rest.formats import Name
from ports.rest.parquet import parquet

Chunk = bytes | memoryview
__all__ = ["Place", "Rows", "arrow", "csv", "json_page", "json_row", "json_rows", "lines", "page", "stream"]

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
    for text, count, place, cut in limited(batches, limit):
        if sent and count:
            yield b","
        yield text
        sent, more, last = sent + count, cut, place
    yield b"]" if bare else b'],"next":' + _json(following(sent, last) if more and sent else None) + b"}"


def json_row(row: str, *, bare: bool = False) -> Iterator[Chunk]:
    """`{"data": row}` of one JSON text, or `bare` itself."""
    yield row.encode() if bare else b'{"data":' + row.encode() + b"}"


def _json(text: str | None) -> bytes:
    return json.dumps(text).encode()


def _texts(batches: Iterable[pa.RecordBatch]) -> Iterator[Chunk]:
    for batch in batches:
        yield buffer(batch.column(0))


def lines(batches: Iterable[pa.RecordBatch]) -> Iterator[Chunk]:
    """Batches of one column of texts that end their lines: sent as they stand in memory."""
    for batch in batches:
        yield buffer(batch.column(0))


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
