"""Batches to a Parquet file, one row group after the other: what is written leaves at once. Pure, streamed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pyarrow as pa
import pyarrow.parquet as pq

from ports.http.sink import Sink

# A row group is what a reader must hold at once, and what this writer holds: DuckDB reads groups of 122880 rows best,
# and wide rows end a group by their bytes.
GROUP_ROWS = 122_880
GROUP_BYTES = 32 << 20
COMPRESSION = "zstd"
COMPRESSION_LEVEL = 1


def parquet(schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> Iterator[bytes]:
    """One Parquet file; its footer is its last chunk, so that a file that is cut is none."""
    sink = Sink()
    writer = pq.ParquetWriter(sink, schema, compression=COMPRESSION, compression_level=COMPRESSION_LEVEL)
    for group in _groups(batches):
        writer.write_table(pa.Table.from_batches(group, schema), row_group_size=GROUP_ROWS)
        yield sink.drained()
    writer.close()
    yield sink.drained()


def _groups(batches: Iterable[pa.RecordBatch]) -> Iterator[list[pa.RecordBatch]]:
    """Batches gathered to row groups."""
    group: list[pa.RecordBatch] = []
    rows = size = 0
    for batch in batches:
        group.append(batch)
        rows += batch.num_rows
        size += batch.get_total_buffer_size()
        if rows + batch.num_rows > GROUP_ROWS or size > GROUP_BYTES:
            yield group
            group, rows, size = [], 0, 0
    if group:
        yield group
