"""Which snapshots are served: reads the deployment's manifest, never writes it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from gateway.product import Product, Pseudonym


@dataclass(frozen=True)
class RuleOutcome:
    """The result of one quality rule on one snapshot."""

    rule: str
    table: str
    dimension: str
    severity: str
    holds: bool
    value: float
    expected: str


@dataclass(frozen=True)
class Snapshot:
    """One immutable published state of one product: a DuckDB file whose tables stand in the schema `core`.

    `pseudonyms` are the keyed-hash columns that the file holds beside the contract's. `data_time` is the data clock's
    value, `quality` the share of rules that hold (0..1).
    """

    id: str
    product: Product
    path: Path
    published_at: datetime
    data_time: datetime | None
    row_counts: Mapping[str, int]
    outcomes: tuple[RuleOutcome, ...]
    pseudonyms: frozenset[Pseudonym]

    @property
    def quality(self) -> float:
        """Share of quality rules that hold, 1.0 where there are none."""
        return sum(o.holds for o in self.outcomes) / len(self.outcomes) if self.outcomes else 1.0
