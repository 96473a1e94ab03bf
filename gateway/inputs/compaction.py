"""Many small segments of pushes to one, rows in the same order, keys known on. Touches the shelves of one product.

Runs under the publication lock, which whoever reads segments for long holds as well: what was merged goes at once.
"""

from __future__ import annotations

import logging
import shutil
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from gateway.inputs import segments
from gateway.inputs.duck_writer import WriteError, Writer
from gateway.inputs.segments import Shelf
from gateway.product import Product, PushSource
from gateway.sql.duck import literal, quote

# Segments that are worth one, and what is big enough to stay as it is: each row is written a few times, not ever again.
MANY = 64
ENOUGH_BYTES = 8 << 20
# What one publication merges at most of a product, so that it is never late for it; the next one goes on.
AT_ONCE = 2_048
AT_ONCE_BYTES = 64 << 20
_MEMORY_LIMIT = "256MB"
_log = logging.getLogger("outport.publish")


def compact(state: Path, product: Product) -> None:
    """Merge what clients have pushed to the product, and let go of old keys. What cannot be merged now stays."""
    count, size = 0, 0
    for source in product.inputs:
        for table, feed in source.feeds:
            if isinstance(feed, PushSource):
                shelf = segments.shelf(state, product.name, source.name, table)
                try:
                    if shelf.folder.is_dir():
                        with shelf.turn():
                            shelf.forget(time.time())
                    for run_count, run_bytes in merging(shelf):
                        count, size = count + run_count, size + run_bytes
                        if count >= AT_ONCE or size >= AT_ONCE_BYTES:
                            return
                except (WriteError, OSError, pa.ArrowException) as error:
                    _log.warning("%s.%s keeps its segments: %s", source.name, table, error)


def merge(shelf: Shelf) -> None:
    """Merge runs of small segments until there is none. Raises WriteError, OSError, ArrowException."""
    for _ in merging(shelf):
        pass


def merging(shelf: Shelf) -> Iterator[tuple[int, int]]:
    """Merge one run after the other; of how many segments and bytes each was. Raises as `merge`."""
    while run := next(_runs(shelf), ()):
        size = sum(path.stat().st_size for path in run)
        folder = shelf.begin()
        try:
            rows = _written(folder, "rows", run, turns=True)
            asides = [one for path in run if (one := path.with_suffix(".aside")).exists()]
            aside = _written(folder, "aside", asides, turns=False) if asides else None
            with shelf.turn():
                shelf.merge(run, rows, aside)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        yield len(run), size


def _runs(shelf: Shelf) -> Iterator[tuple[Path, ...]]:
    """Small segments of the same columns beside each other, so many or so big that one is worth it."""
    run: list[Path] = []
    size = 0
    schema: list[tuple[str, str]] | None = None
    for path in shelf.pushed():
        held = path.stat().st_size
        columns = _columns(path) if held < ENOUGH_BYTES else None
        if columns is None or columns != schema:
            if len(run) >= MANY:
                yield tuple(run)
            run, size, schema = [], 0, columns
        if columns is not None:
            run.append(path)
            size += held
        if len(run) >= AT_ONCE or (size >= ENOUGH_BYTES and len(run) > 1):
            yield tuple(run)
            run, size = [], 0
    if len(run) >= MANY:
        yield tuple(run)


def _columns(path: Path) -> list[tuple[str, str]]:
    return [(field.name, str(field.type)) for field in pq.read_schema(path) if field.name != segments.TURN]


def _written(folder: Path, name: str, paths: Sequence[Path], *, turns: bool) -> Path:
    """One file of all rows, in the order of files and of rows in them; with `turns` each keeps its push's place."""
    listed = ", ".join(literal(str(path)) for path in paths)
    options = "union_by_name = true, filename = '$file', file_row_number = true"
    read = f"SELECT * FROM read_parquet([{listed}], {options})"
    if turns:
        none = f"SELECT CAST(NULL AS BIGINT) AS {quote(segments.TURN)} WHERE false"
        rows = f"SELECT {segments.with_turn('$file')} FROM ({none} UNION ALL BY NAME {read}) AS kept"
    else:
        rows = f'SELECT * EXCLUDE ("$file", file_row_number) FROM ({read}) AS kept'
    (folder / f"{name}-work").mkdir()
    writer = Writer(
        folder / f"{name}-work",
        threads=1,
        memory_limit=_MEMORY_LIMIT,
        files=[str(path) for path in paths],
        attached=[],
        outputs=["merged"],
    )
    try:
        writer.export(f'{rows} ORDER BY "$file", file_row_number', folder / f"{name}-work" / "merged")
    finally:
        writer.close()
    return folder / f"{name}-work" / "merged"
