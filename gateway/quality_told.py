"""What a session may know of a product's quality: outcomes of rules, scores by dimension, and how they went over time.

Reads the ledger. Only rules count that speak of nothing but what the session sees, and their numbers are there for who
sees all that they count: as in the product made of the ledger, whoever asks how.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from gateway import own_rows, runs, ticking
from gateway.ledger import Ledger, Scalar
from gateway.own_rows import Seen
from gateway.visible import VisibleProduct

# Of one product; older ones are in the product that is made of the ledger.
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


class QualityDesk:
    """Tells of quality at the doors. Thread-safe; holds the last outcomes of each product in memory."""

    def __init__(self, state: Path) -> None:
        self._ledger = Ledger(state)
        self._lock = threading.Lock()
        self._places: dict[str, int] = {}
        self._rows: dict[str, deque[Mapping[str, Scalar]]] = {}

    def of(self, visible: VisibleProduct, since: datetime | None, limit: int) -> Quality:
        """A product's quality as it is seen; of the last `limit` publications since a moment. Raises Unavailable."""
        product, snapshot = visible.product, visible.snapshot
        seen = own_rows.seen_of(product, [(one.table.name, one.decision) for one in visible.tables])
        now = tuple(told(runs.quality_rows(product, snapshot.outcomes, snapshot.id), seen))
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
        checks: dict[tuple[Scalar, Scalar], list[Mapping[str, Scalar]]] = {}
        for row in self._of(product):
            same = str(row.get("version", "")).partition(".")[0] == str(major)
            if same and str(row["at"]) >= first and _speaks_of(row) <= seen.names:
                checks.setdefault((row.get("run"), row.get("attempt")), []).append(row)
        newest = sorted(checks.values(), key=lambda found: str(found[0]["at"]), reverse=True)[:limit]
        return [_check(found, seen) for found in newest]

    def _of(self, product: str) -> list[Mapping[str, Scalar]]:
        with self._lock:
            for row in self._ledger.follow(runs.QUALITY, self._places):
                self._rows.setdefault(str(row.get("product")), deque(maxlen=KEPT)).append(row)
            return list(self._rows.get(product, ()))


def told(rows: Iterable[Mapping[str, Scalar]], seen: Seen) -> list[Told]:
    """The outcomes that rows of the ledger hold, as far as they are seen."""
    return [_told(row, seen) for row in rows if _speaks_of(row) <= seen.names]


def score(rules: Iterable[Told]) -> Score:
    """The composite score and that of each dimension: the share of rules that hold."""
    every = list(rules)
    by: dict[str, list[bool]] = {}
    for one in every:
        by.setdefault(one.dimension, []).append(one.holds)
    held = sum(one.holds for one in every)
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


def _check(rows: list[Mapping[str, Scalar]], seen: Seen) -> Check:
    first = rows[0]
    snapshot = first.get("snapshot")
    return Check(
        at=str(first["at"]),
        run=str(first.get("run")),
        version=str(first.get("version")),
        snapshot=snapshot if isinstance(snapshot, str) else None,
        score=score(told(rows, seen)),
    )


def _speaks_of(row: Mapping[str, Scalar]) -> frozenset[str]:
    """The names that a row's rule reads; one that does not say speaks of what nobody sees."""
    names = row.get("reads")
    return frozenset(names) if isinstance(names, list) and names else frozenset({""})
