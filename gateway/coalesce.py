"""Lookups by key that wait at the same time, answered by one query.

The first comer leads: it waits for a turn, runs one query for every key of its group that has come by then, and hands
the lead to the next one. A lookup that is alone when its turn comes runs its own text at once. Only the leader holds a
slot. Touches the engine only through the cursors that it is given; what a query says, `bind` has said.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from datetime import time as time_of_day
from decimal import Decimal
from uuid import UUID

import pyarrow as pa

from gateway import duck
from gateway.bind import Batch, Parameters, Scalar, Value
from gateway.running import Alone, Slots

# Under load a leader waits for as long as others come within ARRIVAL_S, GATHER_S at most: at 64 connections a query
# answers 25 lookups then, 18 otherwise, and the process takes a tenth less of CPU for each.
ARRIVAL_S = 0.001
GATHER_S = 0.01
_log = logging.getLogger("outport.engine")
_INTEGERS = frozenset(
    f"{sign}{size}INT" for sign in ("", "U") for size in ("TINY", "SMALL", "BIG", "HUGE")
) | frozenset({"INTEGER", "UINTEGER"})
_EXACT: Mapping[str, type] = {
    **dict.fromkeys(_INTEGERS, int),
    "VARCHAR": str,
    "BOOLEAN": bool,
    "DATE": date,
    "TIME": time_of_day,
    "TIMESTAMP": datetime,
    "UUID": UUID,
    "BLOB": bytes,
}


def key_of(batch: Batch, parameters: Parameters) -> tuple[Scalar, ...] | None:
    """The key that `parameters` ask for; None where a list of such values might be compared in another way than one.

    So a value must have exactly its column's type: anything that the engine would cast, NULL included, is left to it.
    """
    values = [_value(parameters, identifier) for identifier in batch.parameters]
    exact = all(_exact(value, column.type) for value, column in zip(values, batch.key, strict=True))
    return tuple(values) if exact else None  # type: ignore[arg-type]


def _value(parameters: Parameters, identifier: str) -> Value:
    if isinstance(parameters, tuple):
        place = int(identifier) if identifier.isdigit() else 0
        return parameters[place - 1] if 0 < place <= len(parameters) else None
    return parameters.get(identifier)


def _exact(value: Value, kind: str) -> bool:
    if isinstance(value, Decimal):
        return kind.startswith("DECIMAL(") and value.is_finite() and len(value.as_tuple().digits) <= 38
    if isinstance(value, int) and value.bit_length() > 63:
        return False
    if isinstance(value, datetime | time_of_day) and value.tzinfo is not None:
        return False
    return type(value) is _EXACT.get(kind)


@dataclass(frozen=True)
class Found:
    """Where the row of a lookup stands: in which batch (None: there is no such row), and where, if others are there."""

    batch: pa.RecordBatch | None
    row: int | None


_NOTHING = Found(None, None)


@dataclass
class _Group:
    """Lookups of one text, in the order they came; one of them leads as long as there is any.

    `busy` once some of them have waited for a query of others.
    """

    waiting: list[Together] = field(default_factory=list)
    busy: bool = False


class _Flight:
    """One running query for several lookups: interrupted when none of them is wanted any more."""

    def __init__(self, cursor: duck.Connection, members: list[Together]) -> None:
        self.cursor = cursor
        self.members = members

    def interrupt(self) -> None:
        if all(member.stopped for member in self.members):
            self.cursor.interrupt()


class Together:
    """A lookup's one row, as a Source: from a query that is shared, or from `alone` where none is.

    `leads`, `boarded` and the list it waits in change under the coalescer's lock; `woken` is set when it is to lead, is
    answered or is stopped.
    """

    def __init__(
        self,
        coalescer: Coalescer,
        group: tuple[object, ...],
        text: str,
        key: tuple[Scalar, ...],
        schema: pa.Schema,
        alone: Alone,
    ) -> None:
        self._coalescer = coalescer
        self._schema = schema
        self._began: float | None = None
        self._spent_s = 0.0
        self._asked = False
        self.group, self.text, self.key, self.alone = group, text, key, alone
        self.stopped = False
        self.leads = False
        self.flight: _Flight | None = None
        self.woken = threading.Event()
        self.boarded = False
        self.found: Found | None = None

    @property
    def computing_since(self) -> float | None:
        """Monotonic seconds since when a query runs that this lookup is part of."""
        return self._began if self._began is not None else self.alone.computing_since

    @property
    def computed_s(self) -> float:
        """Seconds of queries that this lookup was part of."""
        return self._spent_s + self.alone.computed_s

    def next(self, wait_s: float | None) -> pa.RecordBatch | None:
        """The row, at the first call. Raises Exhausted and the engine's own errors."""
        if self._asked:
            return None
        self._asked = True
        self._coalescer.answer(self)
        if self.stopped:
            raise duck.Interrupted
        found = self.found if self.found is not None else Found(self.alone.next(wait_s), None)
        if found.batch is None:
            return None
        if found.row is None and found.batch.num_rows != 1:
            return found.batch
        # A slice would hold on to the others' rows; `take` copies this one, and by one way whoever asked with it.
        columns = [column.take(pa.array([found.row or 0])) for column in found.batch.columns[: len(self._schema)]]
        return pa.RecordBatch.from_arrays(columns, schema=self._schema)

    def began(self, flight: _Flight) -> None:
        """A query of which this lookup is part runs from now on."""
        self.flight, self._began = flight, time.monotonic()

    def ended(self) -> None:
        """That query has ended."""
        if self._began is not None:
            self._spent_s += time.monotonic() - self._began
        self.flight = self._began = None
        self.woken.set()

    def interrupt(self) -> None:
        """Want nothing any more: the others' query goes on."""
        self.stopped = True
        self.alone.interrupt()
        flight = self.flight
        if flight is not None:
            flight.interrupt()
        self.woken.set()

    def close(self) -> None:
        """Free what it holds."""
        self.found = None
        self.alone.close()


class Coalescer:
    """The groups of waiting lookups. Thread-safe. A query answers at most `limit` of them."""

    def __init__(self, cursor: Callable[[], duck.Connection], slots: Slots, limit: int) -> None:
        self._cursor, self._slots, self._limit = cursor, slots, limit
        self._lock = threading.Lock()
        self._groups: dict[tuple[object, ...], _Group] = {}

    @property
    def followers(self) -> int:
        """How many lookups wait for the query of another."""
        with self._lock:
            return sum(not member.leads for group in self._groups.values() for member in group.waiting)

    def answer(self, member: Together) -> None:
        """Wait until `member` is answered, stopped or left to run alone. Raises Exhausted."""
        deadline = time.monotonic() + self._slots.queue_s
        with self._lock:
            group = self._groups.get(member.group)
            if group is None:
                group = self._groups[member.group] = _Group()
                member.leads = True
            group.waiting.append(member)
        if not member.leads:
            self._wait(member, group, deadline)
        if member.leads:
            self._lead(member, group, deadline)

    def _wait(self, member: Together, group: _Group, deadline: float) -> None:
        """Until `member` is answered, stopped or leads. Raises Exhausted if its query has not begun by `deadline`."""
        while not member.woken.wait(None if member.boarded else max(0.0, deadline - time.monotonic())):
            with self._lock:
                if not member.boarded and not member.leads:
                    group.waiting.remove(member)
                    raise self._slots.busy()
        with self._lock:
            if member.stopped and not member.leads and not member.boarded:
                group.waiting.remove(member)

    def _lead(self, member: Together, group: _Group, deadline: float) -> None:
        try:
            if not member.stopped:
                if group.busy:
                    self._gather(group)
                self._slots.take(max(0.0, deadline - time.monotonic()))
                try:
                    self._run(member, group)
                finally:
                    self._slots.give()
        finally:
            self._hand_on(member, group)

    def _gather(self, group: _Group) -> None:
        """Wait while others keep coming. Only in a group that had company: an idle gateway makes nobody wait."""
        until, before = time.monotonic() + GATHER_S, 0
        while before < len(group.waiting) < self._limit and time.monotonic() < until:
            before = len(group.waiting)
            time.sleep(ARRIVAL_S)

    def _hand_on(self, member: Together, group: _Group) -> None:
        with self._lock:
            if not member.boarded:
                group.waiting.remove(member)
            if not group.waiting:
                del self._groups[member.group]
                return
            following = group.waiting[0]
            following.leads = group.busy = True
        following.woken.set()

    def _run(self, leader: Together, group: _Group) -> None:
        with self._lock:
            boarded = group.waiting[: self._limit]
            del group.waiting[: self._limit]
            for member in boarded:
                member.boarded = True
        try:
            members = [member for member in boarded if not member.stopped]
            if members == [leader]:
                leader.found = Found(leader.alone.compute(), None)
            elif members:
                self._run_together(members)
        finally:
            for member in boarded:
                member.ended()

    def _run_together(self, members: list[Together]) -> None:
        cursor = self._cursor()
        try:
            flight = _Flight(cursor, members)
            for member in members:
                member.began(flight)
            _distribute(_rows(cursor, members), members)
        except Exception as error:
            # Whose key it was is not known: each runs alone and has its own answer or its own error.
            _log.info("lookups are answered one by one: %s: %s", type(error).__name__, error)
        finally:
            cursor.close()


def _rows(cursor: duck.Connection, members: list[Together]) -> list[pa.RecordBatch]:
    columns = zip(*(member.key for member in members), strict=True)
    values: list[Value] = [list(column) for column in columns]
    values.append(list(range(len(members))))
    return list(duck.stream(cursor, members[0].text, values, 8192))


def _distribute(batches: list[pa.RecordBatch], members: list[Together]) -> None:
    """Tell each of `members` where its row is: the last column has its place among them."""
    found: dict[int, Found] = {}
    for batch in batches:
        for row, place in enumerate(batch.column(batch.num_columns - 1).to_numpy()):
            if place in found:
                raise ValueError("a key has several rows")
            found[int(place)] = Found(batch, row)
    for place, member in enumerate(members):
        member.found = found.get(place, _NOTHING)
