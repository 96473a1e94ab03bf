"""How old the data of a snapshot is now, and whether that keeps what was promised: fresh, stale or breached. Pure.

Age goes on from what publication measured by the product's data clock. A clock that is a fixed moment stands still, and
so does the age; any other goes on with the time since publication.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from gateway.contracts.visibility import sameness
from gateway.decision import Decision
from gateway.objective import Objective
from gateway.product import Table
from gateway.snapshot import Snapshot

State = Literal["fresh", "stale", "breached"]
ORDER: tuple[State, ...] = ("fresh", "stale", "breached")
INFINITE = float("inf")


class Read(Protocol):
    """A table that is read, and by which decision."""

    @property
    def table(self) -> Table: ...

    @property
    def decision(self) -> Decision: ...


@dataclass(frozen=True, slots=True)
class Freshness:
    """`state` is None where nothing is promised; `age_s` None where there is nothing whose age could be told."""

    state: State | None
    age_s: float | None


def age_s(snapshot: Snapshot, objective: Objective, now: datetime) -> float | None:
    """How old what `objective` speaks of is; infinite for a table without a row, None where it was not measured."""
    for known, at_publication in snapshot.ages:
        if known == objective:
            return at_publication + since_published_s(snapshot, now)
    return None


def state_of(objective: Objective, age: float) -> State:
    """What an age of `age` seconds is to the promise."""
    if age > objective.target:
        return "breached"
    return "stale" if age > objective.warn else "fresh"


def since_published_s(snapshot: Snapshot, now: datetime) -> float:
    """Seconds of the data clock since publication: none where it is a fixed moment."""
    if snapshot.clock_stands:
        return 0.0
    return max(0.0, (now - snapshot.published_at).total_seconds())


def of_answer(snapshot: Snapshot, read: Iterable[Read], now: datetime) -> Freshness:
    """The freshness of what an answer reads of a snapshot: the worst of the promises on tables that it reads.

    A promise on a column exists for who sees the column as it is. Where rows are filtered, the newest one may be one
    that they do not see: the state is told, as that of other rules is, and the age is that since publication.
    """
    grown = since_published_s(snapshot, now)
    worst, age = -1, grown
    for objective, at_publication in snapshot.ages:
        found, exact = at_publication + grown, True
        if objective.table:
            grant = next((one for one in read if one.table.name == objective.table), None)
            if grant is None or not _sees(grant, objective):
                continue
            exact = grant.decision.rows is None
        worst = max(worst, 2 if found > objective.target else int(found > objective.warn))
        if exact:
            age = max(age, found)
    return Freshness(None if worst < 0 else ORDER[worst], None if age == INFINITE else age)


def _sees(grant: Read, objective: Objective) -> bool:
    return sameness(grant.decision, objective.column) == "raw" and objective.column in grant.decision.visible
