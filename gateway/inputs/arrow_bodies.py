"""An Arrow stream from a client -> a Parquet file, a batch at a time. Touches these two files; trusts nothing in it.

Compressed buffers are refused before they are read, since their length is what the client says; so are more rows than
bytes, and types by which few bytes stand for many values. Bytes that rows share are counted as often as they are used,
before they are written. Source: Apache Arrow columnar format, "Serialization and IPC", Message.fbs and Schema.fbs.
"""

from __future__ import annotations

import errno
import struct
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.ipc as ipc
import pyarrow.parquet as pq

# Fields of a schema, those within others too; each costs the writer memory.
_FIELDS_LIMIT = 4_096
# Of columns without bytes of their own: cells for each byte of the stream.
_EMPTY_CELLS = 64
# What the rows of a stream may come to, whose buffers and values may be the same bytes: so much in any case, or so many
# times the stream.
_COME_TO_BYTES = 256 << 20
_TIMES = 4
_VIEW_BYTES = 16
# Slots of the tables Message and RecordBatch, and of DictionaryBatch's record batch.
_HEADER, _DICTIONARY_DATA, _COMPRESSION = 2, 1, 3

_LACKING = {errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EMFILE, errno.ENFILE, errno.EROFS}


class BodyError(Exception):
    """What was sent is no Arrow stream that is taken; the message says why, and holds no value."""


def to_parquet(source: Path, target: Path) -> None:
    """Write the stream's rows. Raises BodyError, OSError where the disk does not take them."""
    size_bytes = source.stat().st_size
    try:
        with pa.OSFile(str(source)) as file:
            ended = 0
            for message in ipc.MessageReader.open_stream(file):
                if _compressed(message):
                    raise BodyError("the stream's buffers are compressed; send them as they are")
                ended = file.tell()
            # The format lets a stream end with its last batch as well: then nothing tells it from one that was cut.
            if file.tell() == ended:
                raise BodyError("the stream has no end: it was cut, or its writer was not closed")
            if file.tell() != size_bytes:
                raise BodyError("more follows the end of the stream; send one stream")
        rows = come_to_bytes = 0
        with pa.OSFile(str(source)) as file, ipc.open_stream(file) as reader:
            empty = _fit(reader.schema)
            with pq.ParquetWriter(str(target), reader.schema) as writer:
                for batch in reader:
                    rows += batch.num_rows
                    if rows > size_bytes or rows * empty > _EMPTY_CELLS * size_bytes:
                        raise BodyError("the stream has more rows than bytes")
                    batch.validate()
                    come_to_bytes += batch.nbytes
                    _bounded(come_to_bytes, size_bytes)
                    batch.validate(full=True)
                    come_to_bytes += sum(map(_shared_bytes, batch.columns))
                    _bounded(come_to_bytes, size_bytes)
                    writer.write_batch(batch)
    except (pa.ArrowException, OSError, struct.error, IndexError, ValueError) as error:
        # What lacks here is nothing that its sender could mend.
        if isinstance(error, OSError) and error.errno in _LACKING:
            raise
        raise BodyError("the body is no Arrow stream that can be read") from error


def _fit(schema: pa.Schema) -> int:
    """How many columns have no bytes of their own. Raises BodyError for types by which bytes stand for more values."""
    kinds, count = [field.type for field in schema], 0
    for kind in kinds:
        count += _fields(kind)
        if count > _FIELDS_LIMIT:
            raise BodyError(f"the stream has more than {_FIELDS_LIMIT} fields")
        if pa.types.is_dictionary(kind):
            fits = _is_plain(kind.value_type)
        else:
            fits = pa.types.is_null(kind) or _is_view(kind) or _has_bytes(kind)
        if not fits:
            raise BodyError("a column is of a type that is not taken: send values, or lists and structs of these")
    return sum(map(pa.types.is_null, kinds))


def _bounded(come_to_bytes: int, size_bytes: int) -> None:
    """Raises BodyError where rows come to many more bytes than were sent."""
    if come_to_bytes > max(_COME_TO_BYTES, _TIMES * size_bytes):
        raise BodyError("the stream's rows share too many bytes; send fewer rows at once")


def _fields(kind: pa.DataType) -> int:
    return 1 + sum(_fields(kind.field(i).type) for i in range(kind.num_fields))


def _has_bytes(kind: pa.DataType) -> bool:
    """Whether each value, and each within it, has a place of its own among the bytes."""
    types = pa.types
    if types.is_fixed_size_binary(kind):
        return bool(kind.byte_width > 0)
    if types.is_struct(kind) or types.is_map(kind) or types.is_list(kind) or types.is_large_list(kind):
        return kind.num_fields > 0 and all(_has_bytes(kind.field(i).type) for i in range(kind.num_fields))
    if types.is_fixed_size_list(kind):
        return kind.list_size > 0 and _has_bytes(kind.value_type)
    return _is_plain(kind)


def _is_plain(kind: pa.DataType) -> bool:
    return bool(pa.types.is_primitive(kind) or pa.types.is_decimal(kind) or _is_text(kind))


def _is_text(kind: pa.DataType) -> bool:
    types = pa.types
    return bool(
        types.is_string(kind) or types.is_large_string(kind) or types.is_binary(kind) or types.is_large_binary(kind)
    )


def _is_view(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string_view(kind) or pa.types.is_binary_view(kind))


def _shared_bytes(column: pa.Array) -> int:
    """How many bytes the column's texts are, where its rows may share them."""
    if pa.types.is_dictionary(column.type) and _is_text(column.type.value_type):
        lengths = pc.binary_length(column.dictionary).take(column.indices)
        return int(pc.sum(lengths.cast(pa.int64())).as_py() or 0)
    if _is_view(column.type):
        views = memoryview(column.buffers()[1])[: len(column) * _VIEW_BYTES].cast("i")
        return sum(max(0, length) for length in views[::4])
    return 0


def _compressed(message: ipc.Message) -> bool:
    """Whether a message's record batch says that its buffers are compressed."""
    if message.type not in {"record batch", "dictionary"}:
        return False
    raw = message.metadata.to_pybytes()
    header = _child(raw, struct.unpack_from("<I", raw, 0)[0], _HEADER)
    batch = header if message.type == "record batch" else _child(raw, header, _DICTIONARY_DATA)
    return _child(raw, batch, _COMPRESSION) != 0


def _child(raw: bytes, table: int, slot: int) -> int:
    """Where the table in `slot` of the table at `table` begins, 0 where there is none (FlatBuffers' vtables)."""
    if table == 0:
        return 0
    vtable = table - struct.unpack_from("<i", raw, table)[0]
    size = struct.unpack_from("<H", raw, vtable)[0]
    if 4 + 2 * slot + 2 > size:
        return 0
    offset = struct.unpack_from("<H", raw, vtable + 4 + 2 * slot)[0]
    if offset == 0:
        return 0
    return int(table + offset + struct.unpack_from("<I", raw, table + offset)[0])
