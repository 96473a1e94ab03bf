"""What is served: frozen values of one published state. Touches no file.

`record.py` reads them from a snapshot's folder, `catalog.py` from the deployment's manifest.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path

from gateway.contracts import clock
from gateway.objective import Objective
from gateway.product import Inherited, Product, Pseudonym

# Of a table without a row, contracts/promises.py says that its newest value is older than this, in the promise's unit.
NO_AGE_S = 900_000_000.0


@dataclass(frozen=True)
class RuleOutcome:
    """The result of one quality rule on one snapshot; NaN is the value of one that gave no number: it does not hold."""

    rule: str
    table: str
    dimension: str
    severity: str
    holds: bool
    value: float
    expected: str


@dataclass(frozen=True)
class Mocked:
    """How the rows of a mock were made up: seed, size, `TABLE.COLUMN=distribution` each; and what measures gave."""

    seed: int
    rows: int
    draws: tuple[str, ...]
    measures: Mapping[str, float | None]


@dataclass(frozen=True, slots=True)
class SourceColumn:
    """One column as a source has it; `nullable` is None where the source does not say."""

    name: str
    type: str
    nullable: bool | None


@dataclass(frozen=True, slots=True)
class Arrived:
    """What one table of an input was found to be: its rows, how many were set aside, and by which rules.

    A row may break several rules: `broken` (rule, rows) adds up to `aside` or more. Of a text file the columns' types
    are not known. `version` is the source's own name of what was read, "" where it has none.
    """

    input: str
    table: str
    columns: tuple[SourceColumn, ...]
    rows: int
    aside: int
    broken: tuple[tuple[str, int], ...]
    version: str = ""


@dataclass(frozen=True)
class Snapshot:
    """One immutable published state of one product: a DuckDB file whose tables stand in the schema `core`.

    `pseudonyms` are the keyed-hash columns that the file holds beside the contract's. `data_time` is the data clock's
    value, None where the product declares no clock; `quality` the share of rules that hold (0..1). `inherited` tells
    what the columns of models are served as, by what they are made of. `mock` tells how its rows were made up, None
    where they are real. `arrived` tells what its inputs' tables were found to be, `checked` what the rules of their
    contracts gave, each at the table `input.table`. `made_of` are the ids
    of the snapshots of other products that it was built from, and of those that they were, be they gone.
    `generated`: its descriptor says that its rows are made up, or that of a product which it is made of.
    """

    id: str
    product: Product
    path: Path
    published_at: datetime
    data_time: datetime | None
    row_counts: Mapping[str, int]
    outcomes: tuple[RuleOutcome, ...]
    pseudonyms: frozenset[Pseudonym]
    inherited: tuple[Inherited, ...] = ()
    mock: Mocked | None = None
    arrived: tuple[Arrived, ...] = ()
    checked: tuple[RuleOutcome, ...] = ()
    made_of: tuple[str, ...] = ()
    generated: bool = False

    @property
    def source(self) -> Snapshot:
        """The snapshot that holds the rows: itself, or the origin of a projection."""
        return self

    @cached_property
    def quality(self) -> float:
        """Share of quality rules that hold, 1.0 where there are none."""
        return sum(o.holds for o in self.outcomes) / len(self.outcomes) if self.outcomes else 1.0

    @cached_property
    def ages(self) -> tuple[tuple[Objective, float], ...]:
        """What is promised of the age of data, with that age at publication, in seconds; where it was measured.

        A promise of the product as a whole begins with the publication; a table without a row is infinitely old.
        """
        measured = {one.rule: one.value for one in self.outcomes if not math.isnan(one.value)}
        promised = [one for one in self.product.objectives if one.kind == "freshness"]
        found = [(one, measured.get(one.rule, math.nan) * one.rule_s if one.rule else 0.0) for one in promised]
        return tuple((one, math.inf if age >= NO_AGE_S else age) for one, age in found if not math.isnan(age))

    @cached_property
    def clock_stands(self) -> bool:
        """Whether its data clock is a fixed moment: then its data grows no older."""
        return clock.stands(self.product.data_clock)


@dataclass(frozen=True)
class Lifespan:
    """Since when a product's major version is deprecated, and when it ends: None where it is not, or not known to."""

    deprecated: datetime | None
    sunset: datetime | None


LASTING = Lifespan(None, None)


@dataclass(frozen=True)
class Ended:
    """A major version that is served no more since `at`: its last snapshot, and what follows it ("" for nothing)."""

    snapshot: Snapshot
    at: datetime
    successor: str


@dataclass(frozen=True)
class Deployment:
    """Every served snapshot, one for each product and major version, ordered by product and major.

    `pinned` are those that a session names: each stands in place of what serves its product and major, and is what the
    product's bare name means. `retired` is what is served no more. `projected` are consumers' projections over them,
    `projected_ended` those over what is retired; no other room than one that answers askers looks at either.
    """

    snapshots: tuple[Snapshot, ...]
    pinned: tuple[Snapshot, ...] = ()
    retired: tuple[Ended, ...] = ()
    projected: tuple[Snapshot, ...] = ()
    projected_ended: tuple[Ended, ...] = ()

    @property
    def current(self) -> tuple[Snapshot, ...]:
        """The snapshot that each product's bare name means: a pinned one, else that of its highest major."""
        return tuple({one.product.name: one for one in (*self.snapshots, *self.pinned)}.values())

    @property
    def listed(self) -> tuple[Snapshot, ...]:
        """What may be told of at the doors: those, and the projections."""
        return (*self.current, *self.projected)

    def pinning(self, pinned: Iterable[Snapshot]) -> Deployment:
        """This deployment with `pinned`, which name each product and major once."""
        chosen = sorted(pinned, key=lambda one: (one.product.name, one.product.major))
        return Deployment(self.snapshots, tuple(chosen), self.retired)

    def serving(self, new: Snapshot) -> Deployment:
        """This deployment once `new` serves its product and major."""
        key = (new.product.name, new.product.major)
        others = [one for one in self.snapshots if (one.product.name, one.product.major) != key]
        every = sorted((*others, new), key=lambda one: (one.product.name, one.product.major))
        return Deployment(tuple(every), self.pinned, self.retired)

    def ended(self, name: str) -> Ended | None:
        """What `customer_360` or `customer_360_v1` meant until it was retired; None while something is served so."""
        return self._ended.get(name) if name not in self._by_name else None

    @cached_property
    def _ended(self) -> Mapping[str, Ended]:
        every = sorted(self.retired, key=lambda one: one.snapshot.product.major)
        majors = {f"{one.snapshot.product.name}_v{one.snapshot.product.major}": one for one in every}
        over = {one.snapshot.product.name: one for one in self.projected_ended}
        return over | majors | {one.snapshot.product.name: one for one in every}

    def find(self, name: str) -> Snapshot | None:
        """The snapshot that `customer_360` (its highest major) or `customer_360_v1` means; None if none is served."""
        return self._by_name.get(name)

    @cached_property
    def _by_name(self) -> Mapping[str, Snapshot]:
        every = (*self.snapshots, *self.pinned)
        majors = {f"{one.product.name}_v{one.product.major}": one for one in every}
        over = {one.product.name: one for one in self.projected}
        return over | majors | {one.product.name: one for one in every}


@dataclass(frozen=True)
class Kept:
    """A snapshot that may be asked for by its id. `until` is when that ends, None for one that is served."""

    snapshot: Snapshot
    until: datetime | None
