"""Minutes and samples from the ledger to a series for each objective and door. Reads the ledger; appends whole hours.

A row that comes late counts all the same. Hours are kept when they are over, so that a start reads hours and not the
minutes of a month.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from gateway import ticking
from gateway.accounting import latencies
from gateway.accounting.ledger import Ledger, Row
from gateway.accounting.observations import KIND, Counted, Minute, Numbers
from gateway.objective import WINDOW_DAYS, Objective
from gateway.service_levels.attendance import SETTLED_MIN
from gateway.service_levels.maintenance import Window
from gateway.service_levels.outages import Outage, Outages
from gateway.service_levels.slo import Series

HOURS = "hours"
SAMPLES = "samples"
# After an hour's end: every process has filed its minutes then, or they come late.
GRACE_MIN = 3
# Minutes are read one by one for as long as a window asks for them.
_FINE_H = 6
_PRESENT_MIN = 60
Key = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Consumer:
    """Who was seen at a product: its kind, when last (minute of the epoch), and how often."""

    kind: str
    last: int
    queries: int


@dataclass(slots=True)
class _Run:
    """Minutes in a row that were all good, or all bad, and are not on file yet."""

    first: int
    last: int
    good: bool
    weight: int = 1


@dataclass(slots=True)
class Measured:
    """What is known of every objective, as of the last look."""

    series: dict[Key, Series] = field(default_factory=dict)
    outages: dict[Key, Outage] = field(default_factory=dict)
    recent: dict[tuple[int, str, str], Numbers] = field(default_factory=dict)
    consumers: dict[str, dict[str, Consumer]] = field(default_factory=dict)

    def of(self, product: str, objective: Objective, port: str) -> Series:
        """The series of an objective at a door, "" for all doors."""
        return self.series.setdefault((product, objective.id, port), Series())

    def ports(self, product: str, objective: Objective) -> tuple[str, ...]:
        """The doors at which something was counted for it."""
        return tuple(sorted(key[2] for key in self.series if key[:2] == (product, objective.id)))

    def present(self, product: str, port: str) -> Numbers:
        """What was counted in the last hour at a door, "" for all."""
        found = Numbers()
        for (_, name, where), numbers in self.recent.items():
            if name == product and port in {"", where}:
                found.add(numbers)
        return found


class Reader:
    """Reads what there is into `measured`. Used by one thread."""

    def __init__(self, ledger: Ledger, now: datetime) -> None:
        self._ledger = ledger
        self._places: dict[str, int] = {}
        self._unfiled: dict[tuple[int, Counted], Numbers] = {}
        self._runs: dict[Key, _Run] = {}
        self._over: list[Row] = []
        self._sampled: dict[Key, int] = {}
        self._judged: dict[Key, int] = {}
        self._filed = 0
        self._since = now
        self.measured = Measured()
        self._objectives: dict[str, tuple[Objective, ...]] = {}
        self._published: Mapping[str, datetime] = {}
        self._first = True
        self._outages = Outages(ledger, now)

    @property
    def windows(self) -> tuple[Window, ...]:
        """Maintenance that was declared, as of the last reading."""
        return self._outages.windows

    def read(
        self, objectives: dict[str, tuple[Objective, ...]], now: datetime, published: Mapping[str, datetime]
    ) -> Measured:
        """Everything that is on file by `now`, for these objectives by product. Raises Unavailable.

        `published` is since when each product is as it is.
        """
        self._published = published
        if objectives != self._objectives:
            self._file_runs(all_of_them=True)
            self._objectives, self._first = objectives, True
        first, present = self._first, _minute(now)
        if first:
            # Also where the first reading broke off: what it had counted would be counted again.
            self.measured, self._places, self._unfiled, self._filed = Measured(), {}, {}, 0
            self._start(now)
        for one in _minutes(self._ledger.follow(KIND, self._places, self._since)):
            self._take(one, present, first)
        self._attend(present)
        self._first = False
        self._prune(present)
        return self.measured

    def sample(self, product: str, objective: Objective, good: bool, now: datetime) -> None:
        """What was looked at is good, or bad, in this minute: counted once a minute."""
        key, minute = (product, objective.id, objective.port), _minute(now)
        if self._sampled.get(key, -1) < minute:
            self._add(key, minute, good, 1)

    def _attend(self, present: int) -> None:
        """Count, for promises of availability, the minutes in which their product was served, and was not.

        One in which it was not counts as many questions as a usual minute has had.
        """
        self.measured.outages = {key: replace(one, new=False) for key, one in self.measured.outages.items()}
        available = [
            (name, one) for name, many in self._objectives.items() for one in many if one.kind == "availability"
        ]
        if not available:
            return
        keys = [(name, one.id, one.port) for name, one in available]
        if self._first:
            known = min(self._sampled.get(key, 0) for key in keys)
            self._outages = Outages(self._ledger, _moment(max(known, present - WINDOW_DAYS * 1440)))
            self._judged = {}
        self._outages.hear()
        for key, (name, objective) in zip(keys, available, strict=True):
            usual = self.measured.of(name, objective, objective.port).usual(present)
            after, promised = self._judged.get(key, self._sampled.get(key)), _minute(self._published[name])
            for minute, served in self._outages.judged(name, after, present, promised):
                run = self._runs.get(key)
                weight = 1 if served else usual if run is None or run.good else run.weight
                self._add(key, minute, served, weight)
                if not served:
                    self._lacked(key, minute, minute, new=True)
            # Also where none of them counted: what was heard of them is forgotten.
            if key in self._sampled:
                self._judged[key] = present - SETTLED_MIN
        self._outages.forget(present - SETTLED_MIN + 1)

    def _lacked(self, key: Key, first: int, last: int, *, new: bool) -> None:
        had = self.measured.outages.get(key)
        begun = had.first if had is not None and had.last >= first - 1 else first
        self.measured.outages[key] = Outage(begun, last, new)

    def _add(self, key: Key, minute: int, good: bool, weight: int) -> None:
        """Count a minute, which counts `weight` where it is bad, and have its run put on file when that is over."""
        self._sampled[key] = minute
        self.measured.series.setdefault(key, Series()).add(minute, int(good), 0 if good else weight)
        run = self._runs.get(key)
        if run is not None and (run.good, run.weight, run.last) == (good, weight, minute - 1):
            run.last = minute
            return
        if run is not None:
            self._over.append(_sampled(key, run))
        self._runs[key] = _Run(minute, minute, good, weight)

    def file(self, now: datetime) -> None:
        """Put on file the hours that are over, and samples that are due. Raises Unavailable."""
        self._file_runs(all_of_them=False)
        over = (_minute(now) - GRACE_MIN) // 60
        due = {key: numbers for key, numbers in self._unfiled.items() if key[0] < over}
        if due:
            self._ledger.append(
                HOURS, (Minute(_moment(60 * hour), counted, numbers).row for (hour, counted), numbers in due.items())
            )
            for key in due:
                del self._unfiled[key]

    def close(self) -> None:
        """Put on file what was sampled last. Raises Unavailable."""
        self._file_runs(all_of_them=True)

    def _file_runs(self, *, all_of_them: bool) -> None:
        due = {key: run for key, run in self._runs.items() if all_of_them or run.last - run.first >= 14}
        if due or self._over:
            self._ledger.append(SAMPLES, [*self._over, *(_sampled(key, run) for key, run in due.items())])
            self._over = []
            for key in due:
                del self._runs[key]

    def _start(self, now: datetime) -> None:
        """Hours of the longest window, the minutes after them, and every sample."""
        since = now - timedelta(days=WINDOW_DAYS)
        fine = 60 * (_minute(now) // 60 - _FINE_H)
        for one in _minutes(self._ledger.stream(HOURS, since)):
            self._filed = max(self._filed, _minute(one.at) + 60)
            self._seen(one)
            if _minute(one.at) < fine:
                self._count(one)
        self._since = _moment(min(fine, self._filed)) if self._filed else since
        present = ticking.text(now)
        for row in self._ledger.rows(SAMPLES, since):
            if str(row["at"]) <= present:  # what a clock that was wrong has told of days to come is none of ours
                self._resample(row)

    def _take(self, one: Minute, present: int, first: bool) -> None:
        """Count a minute; at the first reading those of hours on file are there for the short windows alone."""
        minute = _minute(one.at)
        known = first and minute < self._filed
        if not known or minute >= 60 * (present // 60 - _FINE_H):
            self._count(one)
        if not known:
            self._seen(one)
            self._unfiled.setdefault((minute // 60, one.counted), Numbers()).add(one.numbers)
        if minute > present - _PRESENT_MIN:
            key = (minute, one.counted.product, one.counted.port)
            self.measured.recent.setdefault(key, Numbers()).add(one.numbers)

    def _count(self, one: Minute) -> None:
        """Into the series of every objective that it bears on: on all, where what was refused unread is ours."""
        minute, counted = _minute(one.at), one.counted
        products = [counted.product] if counted.product else (list(self._objectives) if one.numbers.lacking else [])
        for product in products:
            for objective in self._objectives.get(product, ()):
                if objective.is_state or (objective.port and counted.port not in {"", objective.port}):
                    continue
                good, bad = counts(objective, one.numbers, understood=bool(counted.product))
                if not good + bad:
                    continue
                for port in dict.fromkeys((objective.port, counted.port or objective.port)):
                    self.measured.of(product, objective, port).add(minute, good, bad)

    def _seen(self, one: Minute) -> None:
        counted = one.counted
        if not counted.product:
            return
        known = self.measured.consumers.setdefault(counted.product, {})
        had = known.get(counted.subject, Consumer(counted.kind, 0, 0))
        last = max(had.last, _minute(one.at))
        known[counted.subject] = Consumer(counted.kind, last, had.queries + one.numbers.queries)

    def _resample(self, row: Row) -> None:
        try:
            product, named = str(row["product"]), str(row["objective"])
            first, good, bad = _minute(ticking.read(str(row["at"]))), int(str(row["good"])), int(str(row["bad"]))
            weight = int(str(row.get("weight", 1)))
        except (KeyError, ValueError):
            return
        for objective in self._objectives.get(product, ()):
            if objective.id == named:
                key, last = (product, named, objective.port), first + good + bad - 1
                series = self.measured.of(product, objective, objective.port)
                for minute in range(first, last + 1):
                    series.add(minute, int(good > 0), weight if bad else 0)
                self._sampled[key] = max(self._sampled.get(key, -1), last)
                if bad and objective.kind == "availability":
                    self._lacked(key, first, last, new=False)

    def _prune(self, present: int) -> None:
        last = present - WINDOW_DAYS * 1440
        for series in self.measured.series.values():
            series.prune(present)
        self.measured.recent = {key: n for key, n in self.measured.recent.items() if key[0] > present - _PRESENT_MIN}
        self.measured.consumers = {
            product: {name: one for name, one in known.items() if one.last > last}
            for product, known in self.measured.consumers.items()
        }


def counts(objective: Objective, numbers: Numbers, *, understood: bool = True) -> tuple[int, int]:
    """Good and bad questions by a promise; errors of who asks are neither."""
    valid = numbers.queries - numbers.theirs if understood else numbers.lacking
    match objective.kind:
        case "availability":
            return valid - numbers.lacking, numbers.lacking
        case "errorRate":
            bad = numbers.lacking + numbers.failed
            return valid - bad, bad
        case "latency":
            in_time = latencies.within(numbers.latency, objective.target)
            return in_time, sum(numbers.latency.values()) - in_time
    return 0, 0


def _minutes(rows: Iterable[Row]) -> Iterator[Minute]:
    for row in rows:
        try:
            yield Minute.of(row)
        except (KeyError, ValueError):
            continue


def _sampled(key: Key, run: _Run) -> Row:
    length = run.last - run.first + 1
    good, bad = (length, 0) if run.good else (0, length)
    told: Row = {"product": key[0], "objective": key[1], "good": good, "bad": bad, "weight": run.weight}
    return {"at": ticking.text(_moment(run.first)), **told}


def _minute(moment: datetime) -> int:
    return int(moment.timestamp()) // 60


def _moment(minute: int) -> datetime:
    return datetime.fromtimestamp(60 * minute, UTC)
