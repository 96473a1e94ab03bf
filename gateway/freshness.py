"""How old the data of a snapshot is now, and whether that keeps what was promised: fresh, stale or breached. Pure.

Age goes on from what publication measured by the product's data clock. A clock that is a fixed moment stands still, and
so does the age; any other goes on with the time since publication.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from gateway.decision import Decision
from gateway.objective import Objective
from gateway.product import Table
from gateway.snapshot import Snapshot
from gateway.visibility import sameness

State = Literal["fresh", "stale", "breached"]
ORDER: tuple[State, ...] = ("fresh", "stale", "breached")
# A table without a row has no newest value (gateway/promises.py answers more than this, in the promise's unit).
_NO_AGE_S = 900_000_000.0


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
    grown = since_published_s(snapshot, now)
    if not objective.rule:
        return grown
    measured = snapshot.measured.get(objective.rule)
    if measured is None:
        return None
    at_publication = measured * objective.rule_s
    return float("inf") if at_publication >= _NO_AGE_S else at_publication + grown


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
    for objective in snapshot.product.objectives:
        if objective.kind != "freshness":
            continue
        grant = next((one for one in read if one.table.name == objective.table), None) if objective.table else None
        if objective.table and (grant is None or not _sees(grant, objective)):
            continue
        found = age_s(snapshot, objective, now)
        if found is None:
            continue
        worst = max(worst, ORDER.index(state_of(objective, found)))
        if grant is not None and grant.decision.rows is None:
            age = max(age, found)
    return Freshness(None if worst < 0 else ORDER[worst], None if age == float("inf") else age)


def _sees(grant: Read, objective: Objective) -> bool:
    return sameness(grant.decision, objective.column) == "raw" and objective.column in grant.decision.visible
