"""What computes an answer: turns at the engine, and one text running on one cursor in its turn.

Touches the engine only through the cursors that it is given.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import pyarrow as pa

from gateway.binding.bind import Parameters, given
from gateway.errors import Exhausted
from gateway.serving.cpu import Account, Meter
from gateway.sql import duck, duck_errors

Data = bytes | memoryview
# A turn that lasts longer is one of a long query.
LONG_S = 0.5
# A query that lacks memory sooner than that is not the one that holds it: it tries again when others may have ended.
SMALL_S = 0.25
AGAIN_S = 0.05


@dataclass(frozen=True, slots=True)
class Share:
    """A workspace ("": of no name) for which turns are taken, and how many of them it may have at once."""

    name: str
    running: int | None = None


NO_WORKSPACE = (Share(""),)


@dataclass(frozen=True, slots=True)
class Asker:
    """For whom turns are taken, and how many of them it may have at once (None: as many as there are).

    `shares` are the workspaces of what is read: a turn is one of each.
    """

    name: str
    running: int | None = None
    shares: tuple[Share, ...] = NO_WORKSPACE

    @property
    def together(self) -> Asker:
        """For whoever asks the same at once."""
        return Asker("", None, self.shares)


ANYBODY = Asker("")


@dataclass(frozen=True)
class Load:
    """Answers that are not at their end, and of these the queries that compute now, or wait for their turn.

    `workspaces` tells both of each workspace ("": of no name) that has had a turn.
    """

    open: int
    running: int
    waiting: int
    limit: int
    workspaces: Mapping[str, tuple[int, int]] = field(default_factory=dict)


class _Waiter:
    """One that waits for a turn."""

    def __init__(self, asker: Asker) -> None:
        self.asker, self.thread = asker, threading.get_ident()
        self.called = threading.Event()


class Slots:
    """At most `limit` queries compute at once; one that waits longer than `queue_s` for its first turn is refused.

    A turn goes to the workspace with the fewest, there to whoever has the fewest, of these to who waits longest. Who
    has none need not wait for others' long queries: up to `limit` turns more are given, one to each such asker, and as
    many again, one to each workspace that has none. Who has had half of the turns for LONG_S waits until one ends, and
    so does a workspace that has had `limit` of them, where there is another. A turn is taken and given by one thread.
    Thread-safe.
    """

    def __init__(self, limit: int, queue_s: float) -> None:
        self._lock = threading.Lock()
        self._turns: Counter[str] = Counter()
        self._shares: Counter[str] = Counter()
        self._known: set[str] = set()
        self._since: dict[int, tuple[Asker, float]] = {}
        self._waiters: list[_Waiter] = []
        self.running = 0
        self.limit = limit
        self.queue_s = queue_s
        self.cpu = Meter()

    @property
    def waiting(self) -> int:
        """How many wait for a turn."""
        return len(self._waiters)

    def shares(self) -> dict[str, tuple[int, int]]:
        """The turns that each workspace has now, and the queries of it that wait for one."""
        with self._lock:
            waiting = Counter(share.name for one in self._waiters for share in one.asker.shares)
            return {name: (self._shares.get(name, 0), waiting[name]) for name in self._known}

    def take(self, wait_s: float | None, asker: Asker = ANYBODY) -> None:
        """Wait for a turn, `queue_s` if `wait_s` is None. Raises Exhausted."""
        with self._lock:
            if self._free(asker):
                self._begin(asker, threading.get_ident())
                return
            waiter = _Waiter(asker)
            self._waiters.append(waiter)
        if waiter.called.wait(self.queue_s if wait_s is None else wait_s):
            return
        with self._lock:
            if waiter.called.is_set():
                return
            self._waiters.remove(waiter)
        raise self.busy(asker)

    def give(self, asker: Asker = ANYBODY) -> None:
        """End a turn."""
        with self._lock:
            self.running -= 1
            self._since.pop(threading.get_ident(), None)
            self._turns[asker.name] -= 1
            if not self._turns[asker.name]:
                del self._turns[asker.name]
            self._shares.subtract(one.name for one in asker.shares)
            while ready := [one for one in self._waiters if self._free(one.asker)]:
                chosen = min(ready, key=lambda one: self._had(one.asker))
                self._waiters.remove(chosen)
                self._begin(chosen.asker, chosen.thread)
                chosen.called.set()

    def busy(self, asker: Asker = ANYBODY) -> Exhausted:
        """The refusal of a query that had no turn."""
        full = next((one for one in asker.shares if self._full(one)), None)
        if full is not None:
            told = f"{full.running} queries of the workspace {full.name} may run at once"
        elif asker.running is not None:
            told = f"{min(self.limit, asker.running)} queries of yours may run at once"
        else:
            told = f"{self.limit} queries are running"
        return Exhausted(f"the gateway is busy: {told}, try again shortly", reason="concurrency")

    def _had(self, asker: Asker) -> tuple[int, int]:
        return max(self._shares.get(one.name, 0) for one in asker.shares), self._turns.get(asker.name, 0)

    def _full(self, share: Share) -> bool:
        return share.running is not None and self._shares.get(share.name, 0) >= share.running

    def _free(self, asker: Asker) -> bool:
        of_shares, turns = self._had(asker)
        self._known.update(one.name for one in asker.shares)
        if (asker.running is not None and turns >= asker.running) or any(map(self._full, asker.shares)):
            return False
        if len(self._known) > 1:
            if of_shares == 0:
                return self.running < 3 * self.limit
            if any(self._long_of(one.name) >= self.limit for one in asker.shares):
                return False
        if turns == 0:
            return self.running < 2 * self.limit
        return self.running < self.limit and self._long(asker.name) < max(1, self.limit // 2)

    def _long(self, name: str) -> int:
        """How many turns of that name have lasted long."""
        before = time.monotonic() - LONG_S
        return sum(owner.name == name and since < before for owner, since in self._since.values())

    def _long_of(self, workspace: str) -> int:
        """How many turns of that workspace have lasted long."""
        before = time.monotonic() - LONG_S
        held = (owner.shares for owner, since in self._since.values() if since < before)
        return sum(any(one.name == workspace for one in shares) for shares in held)

    def _begin(self, asker: Asker, thread: int) -> None:
        self.running += 1
        self._since[thread] = asker, time.monotonic()
        self._turns[asker.name] += 1
        self._shares.update(one.name for one in asker.shares)


@dataclass(frozen=True, slots=True)
class Encoded:
    """One row as a door's encoder made it before; `size` are the bytes of its Arrow form."""

    data: Data
    size: int


class Source(Protocol):
    """One query's batches as the engine makes them. `interrupt` may come from any thread, the rest from one at a time.

    `computing_since` is None while the engine computes nothing for it, else monotonic seconds; `computed_s` is what it
    computed before, and `cpu_s` what the threads that did have spent.
    """

    @property
    def computing_since(self) -> float | None: ...
    @property
    def computed_s(self) -> float: ...
    @property
    def cpu_s(self) -> float: ...
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
        asker: Asker = ANYBODY,
    ) -> None:
        self.open, self.parameters, self.slots = cursor, parameters, slots
        self._text, self._batch_rows, self.asker = text, batch_rows, asker
        self._cursor: duck.Connection | None = None
        self._reader: pa.RecordBatchReader | None = None
        self._stopped = self._given = False
        self.computing_since: float | None = None
        self.computed_s = 0.0
        self._account = Account()

    @property
    def cpu_s(self) -> float:
        """CPU seconds that it has taken."""
        return self.slots.cpu.spent_s(self._account)

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
        self.slots.take(wait_s, self.asker)
        try:
            return self.compute()
        finally:
            self.slots.give(self.asker)

    def compute(self) -> pa.RecordBatch | None:
        """The next batch, computed in the turn that the caller holds."""
        until = time.monotonic() + self.slots.queue_s
        while True:
            self.computing_since = started = time.monotonic()
            try:
                with self.slots.cpu.counting(self._account):
                    return self._read()
            except (duck.Error, pa.ArrowException, OSError) as error:
                small = not self._given and time.monotonic() - started < SMALL_S
                if self._stopped or not small or time.monotonic() > until or not duck_errors.lacks_memory(error):
                    raise
            finally:
                self.computing_since = None
                self.computed_s += time.monotonic() - started
            self.close()
            time.sleep(AGAIN_S)

    def _read(self) -> pa.RecordBatch | None:
        if self._stopped:
            raise duck.Interrupted
        if self._reader is None:
            self._cursor = self.open()
            self._reader = duck.stream(self._cursor, self._text, given(self.parameters), self._batch_rows)
        try:
            batch = self._reader.read_next_batch()
        except StopIteration:
            return None
        self._given = True
        return batch

    def interrupt(self) -> None:
        """Stop what the cursor computes now, or would."""
        self._stopped, cursor = True, self._cursor
        if self.computing_since is not None and cursor is not None:
            cursor.interrupt()

    def close(self) -> None:
        """Free the cursor and what it holds."""
        self._reader = None
        cursor, self._cursor = self._cursor, None
        if cursor is not None:
            cursor.close()
