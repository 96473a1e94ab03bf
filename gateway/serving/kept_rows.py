"""Rows of small tables by key, as one text shows them: kept in memory once they are asked for often.

What is kept is what the bound text gave for every key, under one Decision on one snapshot, neither of which ever
changes; lookups and pages come here after they were decided on, and are recorded like any other. Touches the engine
only through the cursors that it is given.
"""

from __future__ import annotations

import itertools
import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pyarrow as pa

from gateway.binding.bind import Scalar
from gateway.binding.views import View
from gateway.cache import BytesLru
from gateway.errors import Exhausted
from gateway.product import Column
from gateway.serving.attached import Attached
from gateway.serving.coalesce import Found
from gateway.serving.cpu import Account
from gateway.serving.running import Encoded, Slots
from gateway.sql import duck

# So many lookups of one text are queries; a table with more rows, or whose rows take longer to read, stays one.
ASKED = 16
ROWS = 1 << 16
READ_S = 2.0
TEXT_BYTES = 32 << 20
KEPT_BYTES = 256 << 20
MADE_BYTES = 64 << 20
_ENTRY_BYTES = 200  # of Python's own, for one key
_TEXTS = 1_000
_INTEGERS = frozenset({"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT"})
_KEYS = _INTEGERS | {"VARCHAR", "DATE"}
_log = logging.getLogger("outport.engine")
Cursor = Callable[[], duck.Connection]
_Name = tuple[str, str]
_Encoded = BytesLru[tuple[int, int, Hashable], Encoded]


@dataclass(frozen=True)
class Every:
    """Every row that a text could show: the `text` that has their columns and, last, those of the `key`.

    `zone` is the time zone that a cursor must have.
    """

    text: str
    key: tuple[Column, ...]
    zone: str


@dataclass(frozen=True)
class Rows:
    """Every row of a text, and where that of each key is; `batch` None where there is too much to keep.

    No two have the same `number`.
    """

    batch: pa.RecordBatch | None
    places: Mapping[tuple[Scalar, ...], int]
    snapshots: frozenset[str]
    number: int

    def find(self, key: tuple[Scalar, ...], made: _Encoded) -> Found | None:
        """Where the row of `key` is, or that there is none; None if that is not known here."""
        if self.batch is None:
            return None
        place = self.places.get(key)
        return Found(None, None) if place is None else Found(self.batch, place, _Made(made, self.number, place))

    def of(self, keys: Sequence[pa.Array], columns: int) -> list[pa.Array] | None:
        """The first `columns` of the rows of these keys, in their order; None where one is not known here."""
        if self.batch is None:
            return None
        places = [self.places.get(key) for key in zip(*(one.to_pylist() for one in keys), strict=True)]
        if None in places:
            return None
        rows = pa.array(places, pa.int32())
        return [column.take(rows) for column in self.batch.columns[:columns]]


@dataclass(frozen=True, slots=True)
class _Made:
    """What doors have made of the row at `place` of the rows of that number, which others never have."""

    every: _Encoded
    number: int
    place: int

    def get(self, form: Hashable) -> Encoded | None:
        return self.every.get((self.number, self.place, form))

    def put(self, form: Hashable, row: Encoded) -> None:
        self.every.put((self.number, self.place, form), row, len(row.data) + _ENTRY_BYTES)


class KeptRows:
    """What is kept. Thread-safe; at most KEPT_BYTES, and MADE_BYTES of single rows as doors have encoded them.

    The least recently asked go first.
    """

    def __init__(self, slots: Slots) -> None:
        self._slots = slots
        self._rows: BytesLru[_Name, Rows] = BytesLru(KEPT_BYTES)
        self._made: _Encoded = BytesLru(MADE_BYTES)
        self._numbers = itertools.count()
        self._asked: OrderedDict[_Name, int] = OrderedDict()
        self._lock = threading.Lock()
        self._threads = ThreadPoolExecutor(1, "outport-kept")

    def find(
        self, every: Every, key: tuple[Scalar, ...], cursor: Cursor, serving: Attached, views: Collection[View]
    ) -> Found | None:
        """The row of `key`, None where a query must tell. What is asked for often is read in the background.

        `cursor` opens one to the instance `serving`, which then must hold `views`.
        """
        rows = self.rows(every, cursor, serving, views)
        return None if rows is None else rows.find(key, self._made)

    def rows(self, every: Every, cursor: Cursor, serving: Attached, views: Collection[View]) -> Rows | None:
        """The rows that are kept, None where there are none yet, or too many to keep; else as `find`."""
        name = (every.text, every.zone)
        rows = self._rows.get(name)
        if rows is not None:
            return rows
        if self._often(name) and all(column.type in _KEYS for column in every.key):
            self._threads.submit(self._read, every, cursor, serving, tuple(views))
        return None

    def keep(self, snapshot_ids: Collection[str]) -> None:
        """Forget the rows of every other snapshot."""
        kept = frozenset(snapshot_ids)
        self._rows.discard(lambda rows: not rows.snapshots <= kept)
        self._made.discard(lambda _: True)

    def close(self) -> None:
        """Read nothing more."""
        self._threads.shutdown(wait=True, cancel_futures=True)

    def _often(self, name: _Name) -> bool:
        """Count one more; whether `name` is to be read now."""
        with self._lock:
            asked = self._asked.pop(name, 0) + 1
            self._asked[name] = asked
            if len(self._asked) > _TEXTS:
                self._asked.popitem(last=False)
        return asked % ASKED == 0

    def _read(self, every: Every, cursor: Cursor, serving: Attached, views: tuple[View, ...]) -> None:
        """Keep the rows, or that they are too many. Where the engine is busy, a later lookup tries again."""
        name = (every.text, every.zone)
        if self._rows.get(name) is not None:
            return
        snapshots = frozenset(view.snapshot.id for view in views)
        try:
            self._slots.take(0.0)
        except Exhausted:
            return
        try:
            serving.lease(views)
            try:
                with self._slots.cpu.counting(Account()):  # nobody's: who asks next did not ask for all of it
                    batch = _whole(every, cursor())
            finally:
                serving.release(views)
        except Exception as error:
            _log.info("rows are not kept: %s", type(error).__name__)
            batch = None
        finally:
            self._slots.give()
        rows = _rows(batch, len(every.key), snapshots, next(self._numbers))
        size = 0 if rows.batch is None else rows.batch.nbytes + _ENTRY_BYTES * rows.batch.num_rows
        self._rows.put(name, rows, size)


def _whole(every: Every, cursor: duck.Connection) -> pa.RecordBatch | None:
    """All rows in one batch; None if they are too many."""
    clock = threading.Timer(READ_S, cursor.interrupt)
    clock.start()
    batches: list[pa.RecordBatch] = []
    try:
        reader = duck.stream(cursor, f"SELECT * FROM ({every.text}) AS q LIMIT {ROWS + 1}", [], 8192)
        for batch in reader:
            batches.append(batch)
            size = sum(one.nbytes for one in batches)
            if sum(one.num_rows for one in batches) > ROWS or size > TEXT_BYTES:
                return None
        return pa.concat_batches(batches) if batches else pa.RecordBatch.from_pylist([], schema=reader.schema)
    finally:
        clock.cancel()
        cursor.close()


def _rows(batch: pa.RecordBatch | None, width: int, snapshots: frozenset[str], number: int) -> Rows:
    """The rows by key; nothing where a key has several, which no query of one key would answer with one row."""
    if batch is None:
        return Rows(None, {}, snapshots, number)
    keys = zip(*(column.to_pylist() for column in batch.columns[batch.num_columns - width :]), strict=True)
    places = {key: place for place, key in enumerate(keys)}
    return Rows(batch if len(places) == batch.num_rows else None, places, snapshots, number)
