"""Batches of JSON texts to one text with commas between. Pure, no per-row Python."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

# The texts of a row in the columns of a total order: where the next page begins.
Place = tuple[str | None, ...]
_END = (1 << 31) - 1


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
    parts: list[bytes | memoryview] = []
    sent, more, last = 0, False, Place()
    for text, count, place, cut in limited(batches, limit):
        parts += [text] if count else []
        sent, more, last = sent + count, cut, place
    return Rows(b",".join(parts), sent, more, last)


def extended(batch: pa.RecordBatch, more: str) -> pa.RecordBatch:
    """A batch whose JSON texts, objects with members, have those of the object `more` behind their own."""
    rows = pc.binary_replace_slice(batch.column(0), start=-1, stop=_END, replacement="," + more[1:])
    return pa.RecordBatch.from_arrays([rows], names=batch.schema.names[:1])


def limited(batches: Iterable[pa.RecordBatch], limit: int | None) -> Iterator[tuple[memoryview, int, Place, bool]]:
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
        yield ended(batch.column(0), ",")[:-1], len(batch), last, more
        sent += len(batch)
        if more:
            return


def _place(batch: pa.RecordBatch) -> Place:
    return tuple(batch.column(1)[len(batch) - 1].as_py().values()) if batch.num_columns > 1 else ()


def ended(texts: pa.Array, end: str) -> memoryview:
    """All of `texts` in one buffer, each with `end` behind it."""
    return buffer(_join(texts.cast(pa.large_string()), _large(end)))


def _large(text: str) -> pa.Scalar:
    return pa.scalar(text, pa.large_string())


def _join(*parts: pa.Array | pa.Scalar, separator: str = "") -> pa.Array:
    """Texts side by side, row by row."""
    return pc.binary_join_element_wise(*parts, _large(separator))


def buffer(texts: pa.Array) -> memoryview:
    """The texts of an array as they stand in memory, one behind the other."""
    _, offsets, data = texts.buffers()
    ends = np.frombuffer(offsets, np.int64 if pa.types.is_large_string(texts.type) else np.int32)
    return memoryview(data or b"")[ends[texts.offset] : ends[texts.offset + len(texts)]]
