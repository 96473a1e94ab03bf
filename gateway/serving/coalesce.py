"""Lookups by key that wait at the same time, answered by one query.

A group's thread waits for a turn, runs one query for every key that has come by then, and goes on until none waits. A
lookup that is alone when the turn comes is its own text. Nobody else holds a thread or a slot meanwhile. Touches the
engine only through the cursors that it is given; what a query says, `bind` has said.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Protocol

import pyarrow as pa

from gateway.binding import parameters
from gateway.binding.bind import Scalar, Value
from gateway.errors import Exhausted
from gateway.serving.cpu import Account
from gateway.serving.running import Alone, Encoded, Slots
from gateway.sql import duck

# So many groups wait for their turns at once; more of them wait for a thread before.
GROUPS = 64
# Under load a group waits for as long as others come within ARRIVAL_S, GATHER_S at most: at 64 connections a query
# answers 25 lookups then, 18 otherwise, and the process takes a tenth less of CPU for each.
ARRIVAL_S = 0.001
GATHER_S = 0.01
_log = logging.getLogger("outport.engine")


@dataclass(frozen=True)
class Shared:
    """What lookups of one text and form share: the `text` that answers many of them, and the `schema` of each answer.

    `zone` is the time zone that a cursor must have.
    """

    text: str
    schema: pa.Schema
    zone: str


class Made(Protocol):
    """What doors have made of one kept row, by form."""

    def get(self, form: Hashable) -> Encoded | None: ...
    def put(self, form: Hashable, row: Encoded) -> None: ...


@dataclass(frozen=True, slots=True)
class Found:
    """Where the row of a lookup stands: in which batch (None: there is no such row), and where, if others are there.

    `made` is there for a row that stays.
    """

    batch: pa.RecordBatch | None
    row: int | None
    made: Made | None = None


_NOTHING = Found(None, None)
_TEXT = [pa.string()]


@dataclass
class _Group:
    """Lookups of one text, in the order they came. `busy` once some of them have waited for a query of others."""

    waiting: list[Together] = field(default_factory=list)
    busy: bool = False


class _Flight:
    """One running query for several lookups: interrupted when none of them is wanted any more."""

    def __init__(self, cursor: duck.Connection, members: Sequence[Together]) -> None:
        self.cursor = cursor
        self.members = members

    def interrupt(self) -> None:
        if all(member.stopped for member in self.members):
            self.cursor.interrupt()


class Together:
    """A lookup's one row, as a Source: from a query that is shared, or from `alone` where none is.

    It has `arrived` once it is found, refused or stopped; found neither way, it runs alone when it is read. What is
    `found` already waits for nobody.
    """

    def __init__(
        self, coalescer: Coalescer, shared: Shared, key: tuple[Scalar, ...], alone: Alone, found: Found | None
    ) -> None:
        self._coalescer = coalescer
        self._schema = shared.schema
        self._began: float | None = None
        self._spent_s = self.shared_cpu_s = 0.0
        self._joined = self._asked = False
        self._arrived = threading.Event()
        self._ready: Callable[[], None] | None = None
        self.group = (shared.text, shared.zone, parameters.kinds(key))
        self.text, self.key, self.alone = shared.text, key, alone
        self.stopped = False
        self.deadline = 0.0
        self.flight: _Flight | None = None
        self.found = found
        self.error: BaseException | None = None

    @property
    def computing_since(self) -> float | None:
        """Monotonic seconds since when a query runs that this lookup is part of."""
        return self._began if self._began is not None else self.alone.computing_since

    @property
    def computed_s(self) -> float:
        """Seconds of queries that this lookup was part of."""
        return self._spent_s + self.alone.computed_s

    @property
    def cpu_s(self) -> float:
        """CPU seconds that it has taken: its part of those of queries for several."""
        return self.shared_cpu_s + self.alone.cpu_s

    def prefetch(self, ready: Callable[[], None]) -> bool:
        """Wait among others without a thread: `ready` is called once, when `next` need not wait."""
        self._ready = ready
        self._join()
        return True

    def next(self, wait_s: float | None) -> pa.RecordBatch | None:
        """The row, at the first call. Raises Exhausted and the engine's own errors."""
        if self._asked:
            return None
        self._asked = True
        if not self._joined:
            self._join()
        self._arrived.wait()
        if self.stopped:
            raise duck.Interrupted
        if self.error is not None:
            raise self.error
        found = self.found if self.found is not None else Found(self.alone.next(wait_s), None)
        if found.batch is None:
            return None
        if found.row is None and found.batch.num_rows != 1:
            return found.batch
        return _row(found.batch, found.row or 0, self._schema)

    def encoded(self, form: Hashable) -> Encoded | None:
        """The row as it was made before, where it is a kept one; then there is nothing to be read."""
        found = self.found
        if found is None or found.made is None or self._asked or self.stopped:
            return None
        row = found.made.get(form)
        self._asked = row is not None
        return row

    def keep(self, form: Hashable, row: Encoded) -> None:
        """Keep what a door made of the row, where that is a kept one."""
        if self.found is not None and self.found.made is not None:
            self.found.made.put(form, row)

    def began(self, flight: _Flight) -> None:
        """A query of which this lookup is part runs from now on."""
        self.flight, self._began = flight, time.monotonic()

    def ended(self) -> None:
        """Whatever there was to wait for has come."""
        if self._began is not None:
            self._spent_s += time.monotonic() - self._began
        self.flight = self._began = None
        self._wake()

    def fail(self, error: BaseException) -> None:
        """Its answer is `error`."""
        self.error = error
        self.ended()

    def interrupt(self) -> None:
        """Want nothing any more: the others' query goes on."""
        self.stopped = True
        self.alone.interrupt()
        flight = self.flight
        if flight is not None:
            flight.interrupt()
        self._wake()

    def close(self) -> None:
        """Free what it holds."""
        self.stopped = True
        self.found = self._ready = None
        self.alone.close()

    def _join(self) -> None:
        self._joined = True
        if self.found is None:
            self._coalescer.join(self)
        else:
            self._wake()

    def _wake(self) -> None:
        with self._coalescer.lock:
            ready, self._ready = self._ready, None
            self._arrived.set()
        if ready is not None:
            ready()


class Coalescer:
    """The groups of waiting lookups. Thread-safe. A query answers at most `limit` of them."""

    def __init__(self, slots: Slots, limit: int) -> None:
        self._slots, self._limit = slots, limit
        self._groups: dict[tuple[object, ...], _Group] = {}
        self._threads = ThreadPoolExecutor(GROUPS, "outport-lookups")
        self.lock = threading.Lock()

    @property
    def followers(self) -> int:
        """How many lookups wait for the query of another."""
        with self.lock:
            return sum(max(0, len(group.waiting) - 1) for group in self._groups.values())

    def join(self, member: Together) -> None:
        """Wait for a turn: `member` arrives when it is found, stopped or refused, or is to run alone."""
        member.deadline = time.monotonic() + self._slots.queue_s
        with self.lock:
            group = self._groups.get(member.group)
            first = group is None
            if group is None:
                group = self._groups[member.group] = _Group()
            group.waiting.append(member)
        if first:
            self._threads.submit(self._serve, member.group, group)

    def close(self) -> None:
        """Take nothing more. Whoever waits has been stopped before."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _serve(self, name: tuple[object, ...], group: _Group) -> None:
        """Turn after turn, until nobody waits."""
        try:
            while True:
                if group.busy:
                    self._gather(group)
                self._turn(group)
                with self.lock:
                    if not group.waiting:
                        del self._groups[name]
                        return
                    group.busy = True
        except BaseException as error:
            with self.lock:
                del self._groups[name]
            for member in group.waiting:
                member.fail(error)
            raise

    def _gather(self, group: _Group) -> None:
        """Wait while others keep coming. Only in a group that had company: an idle gateway makes nobody wait."""
        until, before = time.monotonic() + GATHER_S, 0
        while before < len(group.waiting) < self._limit and time.monotonic() < until:
            before = len(group.waiting)
            time.sleep(ARRIVAL_S)

    def _turn(self, group: _Group) -> None:
        asker = group.waiting[0].alone.asker.together
        try:
            self._slots.take(max(0.0, group.waiting[0].deadline - time.monotonic()), asker)
        except Exhausted:
            for member in self._taken(group, time.monotonic()):
                member.fail(self._slots.busy(asker))
            return
        try:
            self._run(self._taken(group))
        finally:
            self._slots.give(asker)

    def _taken(self, group: _Group, before: float | None = None) -> list[Together]:
        """The first of those who wait, as many as a query answers; with `before`, all whose time is over by then."""
        with self.lock:
            number = self._limit
            if before is not None:
                number = sum(member.deadline <= before for member in group.waiting)
            taken, group.waiting = group.waiting[:number], group.waiting[number:]
        return taken

    def _run(self, boarded: Sequence[Together]) -> None:
        members = [member for member in boarded if not member.stopped]
        try:
            if len(members) == 1:
                _run_alone(members[0])
            elif members:
                _run_together(members)
        finally:
            for member in boarded:
                member.ended()


def _row(batch: pa.RecordBatch, row: int, schema: pa.Schema) -> pa.RecordBatch:
    """A copy of one row's first columns, those of `schema`: a slice would hold on to the other rows.

    A row that is one text is copied as such; of several columns, one by one would take three times as long as `take`.
    """
    if schema.types == _TEXT:
        return pa.RecordBatch.from_arrays([pa.array([batch.column(0)[row].as_py()], pa.string())], schema=schema)
    taken = batch.take(pa.array([row]))
    return pa.RecordBatch.from_arrays(taken.columns[: len(schema)], schema=schema)


def _run_together(members: Sequence[Together]) -> None:
    """One query for all of `members`, on a cursor of the first: they are of one text and one time zone."""
    try:
        cursor = members[0].alone.open()
    except Exception as error:
        _log.info("lookups are answered one by one: %s", type(error).__name__)
        return
    cpu, account = members[0].alone.slots.cpu, Account()
    try:
        flight = _Flight(cursor, members)
        for member in members:
            member.began(flight)
        with cpu.counting(account):
            _distribute(_rows(cursor, members), members)
    except Exception as error:
        # Whose key it was is not known: each runs alone and has its own answer or its own error.
        _log.info("lookups are answered one by one: %s", type(error).__name__)
    finally:
        for member in members:
            member.shared_cpu_s += cpu.spent_s(account) / len(members)
        cursor.close()


def _run_alone(member: Together) -> None:
    try:
        member.found = Found(member.alone.compute(), None)
    except Exception as error:
        member.error = error


def _rows(cursor: duck.Connection, members: Sequence[Together]) -> list[pa.RecordBatch]:
    columns = zip(*(member.key for member in members), strict=True)
    values: list[Value] = [list(column) for column in columns]
    values.append(list(range(len(members))))
    return list(duck.stream(cursor, members[0].text, values, 8192))


def _distribute(batches: list[pa.RecordBatch], members: Sequence[Together]) -> None:
    """Tell each of `members` where its row is: the last column has its place among them."""
    found: dict[int, Found] = {}
    for batch in batches:
        for row, place in enumerate(batch.column(batch.num_columns - 1).to_numpy()):
            if place in found:
                raise ValueError("a key has several rows")
            found[int(place)] = Found(batch, row)
    for place, member in enumerate(members):
        member.found = found.get(place, _NOTHING)
