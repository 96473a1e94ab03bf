"""An Arrow stream from a client -> a Parquet file, a batch at a time. Touches these two files; trusts nothing in it.

Compressed buffers are refused before they are read, since their length is what the client says; so are more rows than
bytes. Source: Apache Arrow columnar format, "Serialization and IPC", Message.fbs and Schema.fbs.
"""

from __future__ import annotations

import struct
from pathlib import Path

import pyarrow as pa
import pyarrow.ipc as ipc
import pyarrow.parquet as pq

# Slots of the tables Message and RecordBatch, and of DictionaryBatch's record batch.
_HEADER, _DICTIONARY_DATA, _COMPRESSION = 2, 1, 3


class BodyError(Exception):
    """What was sent is no Arrow stream that is taken; the message says why, and holds no value."""


def to_parquet(source: Path, target: Path) -> None:
    """Write the stream's rows. Raises BodyError."""
    size_bytes = source.stat().st_size
    try:
        with pa.OSFile(str(source)) as file:
            for message in ipc.MessageReader.open_stream(file):
                if _compressed(message):
                    raise BodyError("the stream's buffers are compressed; send them as they are")
        rows = 0
        with (
            pa.OSFile(str(source)) as file,
            ipc.open_stream(file) as reader,
            pq.ParquetWriter(str(target), reader.schema) as writer,
        ):
            for batch in reader:
                rows += batch.num_rows
                if rows > size_bytes:
                    raise BodyError("the stream has more rows than bytes")
                batch.validate(full=True)
                writer.write_batch(batch)
    except (pa.ArrowException, OSError, struct.error, IndexError, ValueError) as error:
        raise BodyError("the body is no Arrow stream that can be read") from error


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
