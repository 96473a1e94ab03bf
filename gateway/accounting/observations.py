"""Observations rolled up by the minute: who asked which product at which door, how it went and what it cost.

Touches the ledger, by appending the minutes of its own process. Counting an answer takes some microseconds; the number
of rows of a minute is bounded, whoever asks.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

from gateway import ticking
from gateway.accounting import latencies
from gateway.accounting.latencies import Histogram
from gateway.accounting.ledger import Ledger, Row
from gateway.accounting.observe import AnswerSent, Observation, QueryAnswered, QueryRefused, Refused
from gateway.errors import Unavailable
from gateway.ticking import Clock

KIND = "minutes"
# Rows of what is not on file yet: beyond, subjects are counted together, under a name that no subject has.
ROWS = 5_000
OTHERS = "*"
Blame = Literal["lacking", "failed", "theirs"]
# What the gateway could not do, and what it was not there for; everything else is the question's own.
_BLAME: dict[tuple[str, str], Blame] = {
    ("timeout", "compute"): "failed",
    ("exhausted", "memory"): "failed",
    ("exhausted", "concurrency"): "lacking",
}
_LACKING = frozenset({"unavailable", "internal"})


def blame(refused: Refused) -> Blame:
    """Whose an error is: `lacking`, the service was not to be had; `failed`, it was and did not answer; `theirs`."""
    return "lacking" if refused.code in _LACKING else _BLAME.get((refused.code, refused.reason), "theirs")


@dataclass(frozen=True, slots=True)
class Counted:
    """What is counted together. `product` is "" where no question was understood, `subject` who it was answered for."""

    product: str
    port: str
    subject: str
    kind: str
    purpose: str
    major: int = 0


@dataclass(slots=True)
class Numbers:
    """How it went: queries, of which errors by blame; what left, and its cost; latencies of those that had rows.

    `bytes` are those of Arrow batches, `sent_bytes` those that doors made of them; `computed_ms` is time, `cpu_ms` what
    threads have spent computing and `rendered_ms` at the doors.
    """

    queries: int = 0
    lacking: int = 0
    failed: int = 0
    theirs: int = 0
    rows: int = 0
    bytes: int = 0
    computed_ms: float = 0.0
    sent_bytes: int = 0
    cpu_ms: float = 0.0
    rendered_ms: float = 0.0
    latency: Histogram = field(default_factory=dict)

    def add(self, other: Numbers) -> None:
        """Count `other` as well."""
        self.queries += other.queries
        self.lacking += other.lacking
        self.failed += other.failed
        self.theirs += other.theirs
        self.rows += other.rows
        self.bytes += other.bytes
        self.sent_bytes += other.sent_bytes
        self.computed_ms += other.computed_ms
        self.cpu_ms += other.cpu_ms
        self.rendered_ms += other.rendered_ms
        latencies.merge(self.latency, other.latency)


@dataclass(frozen=True, slots=True)
class Minute:
    """One row: what was counted in the minute (or hour) that began at `at`."""

    at: datetime
    counted: Counted
    numbers: Numbers

    @property
    def row(self) -> Row:
        """As the ledger keeps it."""
        one, found = self.counted, self.numbers
        return {
            "at": ticking.text(self.at),
            "product": one.product,
            "major": one.major,
            "port": one.port,
            "subject": one.subject,
            "kind": one.kind,
            "purpose": one.purpose,
            "queries": found.queries,
            "lacking": found.lacking,
            "failed": found.failed,
            "theirs": found.theirs,
            "rows": found.rows,
            "bytes": found.bytes,
            "sent_bytes": found.sent_bytes,
            "computed_ms": round(found.computed_ms, 3),
            "cpu_ms": round(found.cpu_ms, 3),
            "rendered_ms": round(found.rendered_ms, 3),
            "latency": latencies.text(found.latency),
        }

    @classmethod
    def of(cls, row: Row) -> Minute:
        """The row that the ledger kept. Raises KeyError, ValueError for another one."""
        product, port, subject, kind, purpose = (
            str(row[name]) for name in ("product", "port", "subject", "kind", "purpose")
        )
        counted = Counted(product, port, subject, kind, purpose, int(str(row.get("major", 0))))
        queries, lacking, failed, theirs, rows, size = (
            int(str(row[name])) for name in ("queries", "lacking", "failed", "theirs", "rows", "bytes")
        )
        computed, latency = float(str(row["computed_ms"])), latencies.read(str(row["latency"]))
        sent = int(str(row.get("sent_bytes", 0)))
        spent, rendered = (float(str(row.get(name, 0))) for name in ("cpu_ms", "rendered_ms"))
        numbers = Numbers(queries, lacking, failed, theirs, rows, size, computed, sent, spent, rendered, latency)
        return cls(ticking.read(str(row["at"])), counted, numbers)


class Tally:
    """What one process has counted and not put on file yet. Thread-safe."""

    def __init__(self, ledger: Ledger, clock: Clock = ticking.MACHINE) -> None:
        self._ledger, self._clock = ledger, clock
        self._lock = threading.Lock()
        self._minutes: dict[tuple[int, Counted], Numbers] = {}
        self._filing = threading.Lock()

    def record(self, observation: Observation) -> None:
        """Count an answer, or a refusal."""
        if isinstance(observation, QueryAnswered):
            self._answered(observation)
        elif isinstance(observation, AnswerSent):
            self._sent(observation)
        elif isinstance(observation, QueryRefused):
            counted = Counted("", observation.port, _whom(observation), observation.kind, observation.purpose or "")
            with self._lock:
                numbers = self._of(self._minute(), counted)
                numbers.queries += 1
                _blamed(numbers, observation.refused)

    def unrecorded(self) -> None:
        """Count a question that could not be answered because it could not be on record."""
        with self._lock:
            numbers = self._of(self._minute(), Counted("", "", "", "", ""))
            numbers.queries += 1
            numbers.lacking += 1

    def flush(self) -> None:
        """Put on file what was counted since; where that fails it is kept for the next time. Raises Unavailable."""
        with self._filing:
            with self._lock:
                taken, self._minutes = self._minutes, {}
            try:
                self._ledger.append(KIND, (one.row for one in _rows(taken)))
            except Unavailable:
                with self._lock:
                    for (minute, counted), numbers in taken.items():
                        self._of(minute, counted).add(numbers)
                raise

    def _answered(self, query: QueryAnswered) -> None:
        reached = latencies.step(query.first_ms) if query.rows or query.refused is None else None
        with self._lock:
            minute = self._minute()
            for counted in _counted(query):
                numbers = self._of(minute, counted)
                numbers.queries += 1
                numbers.rows += query.rows
                numbers.bytes += query.bytes
                numbers.computed_ms += query.computed_ms
                numbers.cpu_ms += query.cpu_ms
                if query.refused is not None:
                    _blamed(numbers, query.refused)
                if reached is not None:
                    numbers.latency[reached] = numbers.latency.get(reached, 0) + 1

    def _sent(self, sent: AnswerSent) -> None:
        with self._lock:
            minute = self._minute()
            for counted in _counted(sent.answer):
                numbers = self._of(minute, counted)
                numbers.sent_bytes += sent.bytes
                numbers.rendered_ms += sent.rendered_ms

    def _minute(self) -> int:
        return int(self._clock.now().timestamp()) // 60

    def _of(self, minute: int, counted: Counted) -> Numbers:
        found = self._minutes.get((minute, counted))
        if found is None:
            if len(self._minutes) >= ROWS and counted.subject != OTHERS:
                return self._of(minute, Counted(counted.product, counted.port, OTHERS, OTHERS, "", counted.major))
            found = self._minutes[minute, counted] = Numbers()
        return found


def _counted(query: QueryAnswered) -> Iterator[Counted]:
    """What an answer is counted for: each product that it has read."""
    whom, purpose = _whom(query), query.purpose or ""
    for state in query.products or ("",):
        name, _, version = state.partition("@")
        yield Counted(name, query.port, whom, query.kind, purpose, _major(version))


def _major(version: str) -> int:
    """Of `2.1.0/snapshot`, 2; 0 where it is not told."""
    number = version.partition(".")[0]
    return int(number) if number.isdecimal() else 0


def _whom(observation: QueryAnswered | QueryRefused) -> str:
    """For whom it was asked; who operates the deployment asks for nobody else."""
    if observation.kind == "account" or observation.on_behalf_of is None:
        return observation.subject
    return observation.on_behalf_of


def _blamed(numbers: Numbers, refused: Refused) -> None:
    match blame(refused):
        case "lacking":
            numbers.lacking += 1
        case "failed":
            numbers.failed += 1
        case "theirs":
            numbers.theirs += 1


def _rows(counted: dict[tuple[int, Counted], Numbers]) -> Iterator[Minute]:
    for (minute, what), numbers in counted.items():
        yield Minute(datetime.fromtimestamp(60 * minute, UTC), what, numbers)
