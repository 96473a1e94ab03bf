"""Arrow batches to DataRow and CopyData messages, without a loop over rows. Pure.

A row is a header and cells (length and bytes). Neighbours of one width become one matrix of bytes, and a join of these
with what varies gives every message of a batch in one buffer. Texts come as the gateway rendered them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ports.postgres import binary, few, types
from ports.postgres.backend import Field
from ports.postgres.binary import Bytes, Integers, big

_NOTHING = pa.scalar(b"", pa.large_binary())
COPY_HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
COPY_TRAILER = b"\xff\xff"
FEW = 32


@dataclass(frozen=True)
class Cells:
    """The cells of one column: `fixed` bytes that every row has (count x width), then `rest`, which varies.

    `sizes` are the bytes of each whole cell, or one number for all.
    """

    fixed: Bytes
    rest: pa.Array | None
    sizes: Integers | int


def data_rows(batch: pa.RecordBatch, fields: Sequence[Field]) -> memoryview:
    """A DataRow message for each row, each column in its field's format: text (0) or binary (1)."""
    return _messages(b"D", batch, fields)


def copy_binary(batch: pa.RecordBatch, fields: Sequence[Field]) -> memoryview:
    """A CopyData message for each row in COPY's binary format; header and trailer are the caller's."""
    return _messages(b"d", batch, fields)


def copy_lines(lines: pa.Array) -> memoryview:
    """A CopyData message for each line."""
    texts = lines.cast(pa.large_string()).cast(pa.large_binary())
    sizes = pc.binary_length(texts).to_numpy(zero_copy_only=False).astype(np.int64)
    header = np.empty((len(texts), 5), np.uint8)
    header[:, 0] = ord("d")
    header[:, 1:] = big(sizes + 4, 4)
    return _joined([header, texts])


def _messages(kind: bytes, batch: pa.RecordBatch, fields: Sequence[Field]) -> memoryview:
    lists = any(field.format and field.oid in types.ARRAYS for field in fields)
    return many(kind, batch, fields) if lists or batch.num_rows > FEW else few.messages(kind, batch, fields)


def many(kind: bytes, batch: pa.RecordBatch, fields: Sequence[Field]) -> memoryview:
    """A message of that type for each row, made column by column."""
    columns = [_cells(column, field) for column, field in zip(batch.columns, fields, strict=True)]
    sizes = np.full(batch.num_rows, 6, np.int64)
    for cells in columns:
        sizes += cells.sizes
    header = np.empty((batch.num_rows, 7), np.uint8)
    header[:, 0] = kind[0]
    header[:, 1:5] = big(sizes, 4)
    header[:, 5:] = np.frombuffer(len(columns).to_bytes(2, "big"), np.uint8)
    parts: list[Bytes | pa.Array] = [header]
    for cells in columns:
        parts += [cells.fixed] if cells.rest is None else [cells.fixed, cells.rest]
    return _joined(parts)


def _cells(column: pa.Array, field: Field) -> Cells:
    if not field.format:
        return _valued(column, None)
    if pa.types.is_list(column.type):
        return _uneven(_array_values(column, field.oid))
    return _valued(column, binary.encoded(binary.fitted(column, field.oid)))


def _valued(column: pa.Array, values: Bytes | pa.Array | None) -> Cells:
    if isinstance(values, np.ndarray):
        return _even(column, values)
    texts = column if values is None else values
    return _uneven(texts.cast(pa.large_string()) if pa.types.is_string(texts.type) else texts)


def _array_values(column: pa.Array, oid: int) -> pa.Array:
    """Lists as PostgreSQL's binary arrays of one dimension and of the type `oid`; vectors count from 0."""
    item = types.ARRAYS[oid].oid
    elements = binary.fitted(column.flatten(), item)
    cells = _valued(elements, binary.encoded(elements))
    lengths = pc.fill_null(pc.list_value_length(column), 0).to_numpy(zero_copy_only=False).astype(np.int64)
    ends = np.zeros(len(elements) + 1, np.int64)
    np.cumsum(np.broadcast_to(cells.sizes, len(elements)), out=ends[1:])
    places = np.zeros(len(lengths) + 1, np.int64)
    np.cumsum(lengths, out=places[1:])
    contents = _joined([cells.fixed] if cells.rest is None else [cells.fixed, cells.rest])
    body = _array(np.frombuffer(contents, np.uint8), np.diff(ends[places]))
    nulls = np.concatenate([[0], np.cumsum(elements.is_null().to_numpy(zero_copy_only=False))])
    header = np.zeros((len(lengths), 5), np.int64)
    header[:, 0] = lengths > 0
    header[:, 1] = np.diff(nulls[places]) > 0
    header[:, 2], header[:, 3], header[:, 4] = item, lengths, oid not in types.VECTORS
    # An array without elements has no dimension, and so neither its length nor its bound.
    sizes = np.where(lengths > 0, 20, 12)
    kept = np.arange(20) < sizes[:, None]
    heads = _array(header.astype(">i4").view(np.uint8).reshape(-1, 20)[kept], sizes)
    whole = pc.binary_join_element_wise(heads, body, _NOTHING)
    return pc.if_else(column.is_valid(), whole, None) if column.null_count else whole


def _even(column: pa.Array, values: Bytes) -> Cells:
    """Cells of values that all have one width, but for NULLs."""
    count, width = values.shape
    if not column.null_count:
        prefix = np.broadcast_to(np.frombuffer(width.to_bytes(4, "big"), np.uint8), (count, 4))
        return Cells(np.concatenate([prefix, values], axis=1), None, width + 4)
    valid = column.is_valid().to_numpy(zero_copy_only=False)
    sizes = np.where(valid, width, 0)
    return Cells(big(np.where(valid, width, -1), 4), _array(values[valid].reshape(-1), sizes), sizes + 4)


def _uneven(texts: pa.Array) -> Cells:
    values = texts.cast(pa.large_binary())
    sizes = pc.binary_length(values)
    if not values.null_count:
        known = sizes.to_numpy(zero_copy_only=False).astype(np.int64)
        return Cells(big(known, 4), values, known + 4)
    known = pc.fill_null(sizes, -1).to_numpy(zero_copy_only=False).astype(np.int64)
    return Cells(big(known, 4), pc.fill_null(values, _NOTHING), np.maximum(known, 0) + 4)


def _joined(parts: Sequence[Bytes | pa.Array]) -> memoryview:
    """The parts side by side, row after row, in one buffer."""
    merged: list[pa.Array] = []
    run: list[Bytes] = []
    for part in parts:
        if isinstance(part, np.ndarray):
            run.append(part)
            continue
        merged += [_matrix(run), part] if run else [part]
        run = []
    if not merged:
        return memoryview(pa.py_buffer(np.concatenate(run, axis=1).reshape(-1)))
    joined = pc.binary_join_element_wise(*merged, *([_matrix(run)] if run else []), _NOTHING)
    _, offsets, data = joined.buffers()
    ends = np.frombuffer(offsets, np.int64)
    return memoryview(data or b"")[ends[joined.offset] : ends[joined.offset + len(joined)]]


def _matrix(run: Sequence[Bytes]) -> pa.Array:
    whole = np.concatenate(run, axis=1) if len(run) > 1 else run[0]
    return _array(whole.reshape(-1), np.full(len(whole), whole.shape[1]))


def _array(data: Bytes, sizes: Integers) -> pa.Array:
    """Bytes one behind the other as an array of that many bytes each."""
    offsets = np.zeros(len(sizes) + 1, np.int64)
    np.cumsum(sizes, out=offsets[1:])
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(np.ascontiguousarray(data))]
    return pa.Array.from_buffers(pa.large_binary(), len(sizes), buffers)
