"""What a session may know of a product's quality: outcomes of rules, scores by dimension, and how they went over time.

Reads the ledger. Only rules count that speak of nothing but what the session sees, and their numbers are there for who
sees all that they count: as in the product made of the ledger, whoever asks how.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from gateway import ticking
from gateway.accounting.ledger import Ledger, Scalar
from gateway.publication import runs
from gateway.reach import own_rows
from gateway.reach.own_rows import Seen
from gateway.reach.visible import VisibleProduct
from gateway.service_levels import quality

# Outcomes of one product, some bytes each; older ones are in the product that is made of the ledger.
KEPT = 20_000


@dataclass(frozen=True)
class Told:
    """One outcome. `value` and `expected` are None for who does not see all that was counted; `reads` names it."""

    rule: str
    name: str
    table: str
    dimension: str
    severity: str
    holds: bool
    value: float | None
    expected: str | None
    unit: str
    counted: bool
    measured: bool


@dataclass(frozen=True)
class Score:
    """Of `rules` that are seen `held` hold: the share, None where there are none, and the same by dimension."""

    rules: int
    held: int
    score: float | None
    dimensions: Mapping[str, float]


@dataclass(frozen=True)
class Check:
    """One publication's score; `snapshot` is None where it was refused."""

    at: str
    run: str
    version: str
    snapshot: str | None
    score: Score


@dataclass(frozen=True)
class Quality:
    """A product's quality now, by its served snapshot, and over time, the newest first."""

    product: str
    version: str
    snapshot: str
    checked_at: str
    score: Score
    rules: tuple[Told, ...]
    history: tuple[Check, ...]


class _Rule(NamedTuple):
    """What a score needs of a rule: the names that it reads, and whether it is the product's own."""

    reads: frozenset[str]
    dimension: str
    own: bool


@dataclass(slots=True)
class _Publication:
    at: str
    run: str
    version: str
    snapshot: str | None
    outcomes: list[tuple[_Rule, bool]] = field(default_factory=list)


@dataclass(slots=True)
class _Series:
    """The last publications of a product, by run and attempt, and how many outcomes they have."""

    publications: OrderedDict[tuple[str, str], _Publication] = field(default_factory=OrderedDict)
    outcomes: int = 0


class QualityDesk:
    """Tells of quality at the doors. Thread-safe; holds in memory whether the last rules of each product held."""

    def __init__(self, state: Path) -> None:
        self._ledger = Ledger(state)
        self._lock = threading.Lock()
        self._places: dict[str, int] = {}
        self._rules: dict[_Rule, _Rule] = {}
        self._series: dict[str, _Series] = {}

    def of(self, visible: VisibleProduct, since: datetime | None, limit: int, *, managed: bool) -> Quality:
        """A product's quality as it is seen; of the last `limit` publications since a moment. Raises Unavailable.

        Who has it `managed` is told of the rules of its inputs too, which count in no score.
        """
        product, snapshot = visible.product, visible.snapshot
        seen = own_rows.seen_of(product, [(one.table.name, one.decision) for one in visible.tables])
        shown = own_rows.managing(seen) if managed else seen
        outcomes = (*snapshot.outcomes, *snapshot.checked)
        now = tuple(told(runs.quality_rows(product, outcomes, snapshot.id), shown))
        history = self._history(product.name, product.major, seen, since, limit)
        return Quality(
            product.name,
            product.version,
            snapshot.id,
            ticking.text(snapshot.published_at),
            score(now),
            now,
            tuple(history),
        )

    def _history(self, product: str, major: int, seen: Seen, since: datetime | None, limit: int) -> list[Check]:
        first = ticking.text(since) if since is not None else ""
        found: list[Check] = []
        for one in sorted(self._of(product), key=lambda one: one.at, reverse=True):
            if len(found) >= limit or one.at < first:
                break
            shown = [(rule, holds) for rule, holds in one.outcomes if rule.reads <= seen.names]
            if shown and one.version.partition(".")[0] == str(major):
                result = _score((rule.dimension, holds) for rule, holds in shown if rule.own)
                found.append(Check(one.at, one.run, one.version, one.snapshot, result))
        return found

    def _of(self, product: str) -> list[_Publication]:
        with self._lock:
            for part in self._ledger.parts(runs.QUALITY, self._places):
                for row in part:
                    self._take(row)
            series = self._series.get(product)
            return [] if series is None else list(series.publications.values())

    def _take(self, row: Mapping[str, Scalar]) -> None:
        series = self._series.setdefault(str(row.get("product")), _Series())
        run, snapshot = str(row.get("run")), row.get("snapshot")
        key = (run, str(row.get("attempt")))
        if key not in series.publications:
            served = snapshot if isinstance(snapshot, str) else None
            series.publications[key] = _Publication(str(row["at"]), run, str(row.get("version", "")), served)
        rule = _Rule(_speaks_of(row), str(row.get("dimension")), not quality.is_input(str(row.get("table"))))
        series.publications[key].outcomes.append((self._rules.setdefault(rule, rule), row.get("holds") is True))
        series.outcomes += 1
        while series.outcomes > KEPT and len(series.publications) > 1:
            series.outcomes -= len(series.publications.popitem(last=False)[1].outcomes)


def told(rows: Iterable[Mapping[str, Scalar]], seen: Seen) -> list[Told]:
    """The outcomes that rows of the ledger hold, as far as they are seen."""
    return [_told(row, seen) for row in rows if _speaks_of(row) <= seen.names]


def score(rules: Iterable[Told]) -> Score:
    """The composite score and that of each dimension: the share of the product's own rules that hold."""
    return _score((one.dimension, one.holds) for one in rules if not quality.is_input(one.table))


def _score(outcomes: Iterable[tuple[str, bool]]) -> Score:
    by: dict[str, list[bool]] = {}
    for dimension, holds in outcomes:
        by.setdefault(dimension, []).append(holds)
    every = [holds for found in by.values() for holds in found]
    held = sum(every)
    shares = {dimension: round(sum(found) / len(found), 4) for dimension, found in sorted(by.items())}
    return Score(len(every), held, round(held / len(every), 4) if every else None, shares)


def _told(row: Mapping[str, Scalar], seen: Seen) -> Told:
    counted, value = _speaks_of(row) <= seen.counted, row.get("value")
    return Told(
        rule=str(row.get("rule")),
        name=str(row.get("name")),
        table=str(row.get("table")),
        dimension=str(row.get("dimension")),
        severity=str(row.get("severity")),
        holds=row.get("holds") is True,
        value=float(value) if counted and isinstance(value, int | float) else None,
        expected=str(row.get("expected")) if counted else None,
        unit=str(row.get("unit")),
        counted=counted,
        measured=value is not None,
    )


def _speaks_of(row: Mapping[str, Scalar]) -> frozenset[str]:
    """The names that a row's rule reads; one that does not say speaks of what nobody sees."""
    names = row.get("reads")
    return frozenset(names) if isinstance(names, list) and names else frozenset({""})
