"""What computes an answer: turns at the engine, and one text running on one cursor in its turn.

Touches the engine only through the cursors that it is given.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Protocol

import pyarrow as pa

from gateway import duck
from gateway.bind import Parameters, given
from gateway.errors import Exhausted

Data = bytes | memoryview


class Slots:
    """At most `limit` queries compute at once; one that waits longer than `queue_s` for its first turn is refused."""

    def __init__(self, limit: int, queue_s: float) -> None:
        self._slots = threading.BoundedSemaphore(limit)
        self._lock = threading.Lock()
        self.running = self.waiting = 0
        self.limit = limit
        self.queue_s = queue_s

    def take(self, wait_s: float | None) -> None:
        """Wait for a turn, `queue_s` if `wait_s` is None. Raises Exhausted."""
        if not (self._slots.acquire(blocking=False) or self._wait(self.queue_s if wait_s is None else wait_s)):
            raise self.busy()
        with self._lock:
            self.running += 1

    def give(self) -> None:
        """End a turn."""
        with self._lock:
            self.running -= 1
        self._slots.release()

    def busy(self) -> Exhausted:
        """The refusal of a query that had no turn."""
        return Exhausted(
            f"the gateway is busy: {self.limit} queries are running, try again shortly", reason="concurrency"
        )

    def _wait(self, wait_s: float) -> bool:
        with self._lock:
            self.waiting += 1
        try:
            return self._slots.acquire(timeout=wait_s)
        finally:
            with self._lock:
                self.waiting -= 1


@dataclass(frozen=True, slots=True)
class Encoded:
    """One row as a door's encoder made it before; `size` are the bytes of its Arrow form."""

    data: Data
    size: int


class Source(Protocol):
    """One query's batches as the engine makes them. `interrupt` may come from any thread, the rest from one at a time.

    `computing_since` is None while the engine computes nothing for it, else monotonic seconds; `computed_s` is what it
    computed before.
    """

    @property
    def computing_since(self) -> float | None: ...
    @property
    def computed_s(self) -> float: ...
    def prefetch(self, ready: Callable[[], None]) -> bool:
        """Whether the first batch is computed by another thread: `ready` is called, once, when `next` need not wait."""

    def next(self, wait_s: float | None) -> pa.RecordBatch | None:
        """The next batch, None at the end; `wait_s` as in Slots.take. Raises Exhausted and the engine's own errors."""

    def encoded(self, form: Hashable) -> Encoded | None:
        """All of the answer, where `keep` was given it in this form before, for whichever query."""

    def keep(self, form: Hashable, row: Encoded) -> None:
        """What an encoder made of the answer: kept wherever its one row is."""

    def interrupt(self) -> None:
        """Stop for good what is computed for this query."""

    def close(self) -> None:
        """Free what it holds."""


class Alone:
    """A text and its parameters on a cursor of their own: executed at the first `next`."""

    def __init__(
        self,
        cursor: Callable[[], duck.Connection],
        text: str,
        parameters: Parameters,
        batch_rows: int,
        slots: Slots,
    ) -> None:
        self.open, self.parameters, self.slots = cursor, parameters, slots
        self._text, self._batch_rows = text, batch_rows
        self._cursor: duck.Connection | None = None
        self._reader: pa.RecordBatchReader | None = None
        self._stopped = False
        self.computing_since: float | None = None
        self.computed_s = 0.0

    def prefetch(self, ready: Callable[[], None]) -> bool:
        """It computes only while it is read."""
        return False

    def encoded(self, form: Hashable) -> Encoded | None:
        """Nothing of it is kept."""
        return None

    def keep(self, form: Hashable, row: Encoded) -> None:
        """Nothing of it is kept."""

    def next(self, wait_s: float | None) -> pa.RecordBatch | None:
        """The next batch, computed in a turn of its own."""
        self.slots.take(wait_s)
        try:
            return self.compute()
        finally:
            self.slots.give()

    def compute(self) -> pa.RecordBatch | None:
        """The next batch, computed in the turn that the caller holds."""
        self.computing_since = started = time.monotonic()
        try:
            return self._read()
        finally:
            self.computing_since = None
            self.computed_s += time.monotonic() - started

    def _read(self) -> pa.RecordBatch | None:
        if self._stopped:
            raise duck.Interrupted
        if self._reader is None:
            self._cursor = self.open()
            self._reader = duck.stream(self._cursor, self._text, given(self.parameters), self._batch_rows)
        try:
            return self._reader.read_next_batch()
        except StopIteration:
            return None

    def interrupt(self) -> None:
        """Stop what the cursor computes now, or would."""
        self._stopped = True
        if self.computing_since is not None and self._cursor is not None:
            self._cursor.interrupt()

    def close(self) -> None:
        """Free the cursor and what it holds."""
        self._reader = None
        if self._cursor is not None:
            self._cursor.close()
