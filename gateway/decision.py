"""What a principal may do with one table: a frozen Decision, always a grant. Touches nothing else.

Refusal raises NotFound or Forbidden, so no code can forget to look at a Decision. `policy.py` makes them, `bind.py`
turns each into one view.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from gateway.errors import NotFound

TreatmentKind = Literal["raw", "partial", "bucket", "hash", "constant", "null", "hidden"]
# Strictness ascends; POLICY 4: hidden > null > constant > hash > bucket > partial > raw.
STRICTNESS: tuple[TreatmentKind, ...] = ("raw", "partial", "bucket", "hash", "constant", "null", "hidden")
UseKind = Literal["aggregate", "join"]


@dataclass(frozen=True)
class Treatment:
    """What is done to one column.

    `expression` is SQL over the table's raw columns, of the column's own type: the quoted column itself where raw,
    "" where hidden. It includes cell visibility and conditions, so it is the whole truth about the column. `mask` is
    the mask's name in masks.yaml, "" for raw; `rules` are the ids that made it so.
    """

    kind: TreatmentKind
    expression: str
    mask: str
    rules: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ColumnUse:
    """One column that a query could read, as `product.table.column`, and its mask's name or treatment's kind."""

    column: str
    treatment: str


@dataclass(frozen=True, slots=True)
class Use:
    """What a visible column may be used for, where that is less than being shown (POLICY 7).

    `floors`, of an aggregate, are columns that identify entities, each with how many of them a group must have;
    `measures` are those over the column that exist all the same.
    """

    kind: UseKind
    floors: tuple[tuple[str, int], ...]
    rules: tuple[str, ...]
    measures: frozenset[str] = frozenset()

    @property
    def words(self) -> str:
        """The use in a few words."""
        if self.kind == "join":
            return "joins"
        return "aggregates over " + " and ".join(f"at least {least} {entity}" for entity, least in self.floors)


@dataclass(frozen=True)
class Decision:
    """A grant on one table. `rows` is SQL over the raw columns (NULL counts as false), None for every row.

    `treatments` has an entry per contract column, hidden ones included. `valid_until` is the epoch second at which the
    decision must be made anew. `pending` names pseudonyms that the snapshot does not hold yet (their cells are NULL).
    `uses` are the visible columns that are not shown, but used: in no row of an answer, `*` included.
    """

    product: str
    table: str
    rules: tuple[str, ...]
    rows: str | None
    treatments: Mapping[str, Treatment]
    valid_until: float
    pending: tuple[str, ...]
    uses: Mapping[str, Use]

    @cached_property
    def known(self) -> tuple[str, ...]:
        """Names of the columns that exist for the principal, in contract order: what metadata tells of."""
        return tuple(name for name, treatment in self.treatments.items() if treatment.kind != "hidden")

    @cached_property
    def visible(self) -> tuple[str, ...]:
        """Names of the columns that rows have for the principal, in contract order: what `*` stands for."""
        return tuple(name for name in self.known if name not in self.uses)

    @cached_property
    def audited(self) -> tuple[ColumnUse, ...]:
        """The columns that exist for the principal, as the audit keeps them."""
        return tuple(ColumnUse(f"{self.product}.{self.table}.{name}", self._treated(name)) for name in self.known)

    @cached_property
    def fingerprint(self) -> str:
        """Hash of what the view will be, without the subject: equal decisions share one view."""
        treatments = [(name, treatment.expression) for name, treatment in self.treatments.items()]
        uses = [(name, use.kind, use.floors, *sorted(use.measures)) for name, use in self.uses.items()]
        body = json.dumps([self.product, self.table, self.rows, treatments, *([uses] if uses else [])])
        return hashlib.sha256(body.encode()).hexdigest()[:24]

    def _treated(self, name: str) -> str:
        treatment, use = self.treatments[name], self.uses.get(name)
        words = treatment.mask or treatment.kind
        return words if use is None else f"{words}, {use.kind}"


def unknown_relation(name: str) -> NotFound:
    """The one refusal for a table that is not there, or not for this principal: both read alike, word for word.

    `name` is what the client wrote.
    """
    return NotFound(f'relation "{name}" does not exist', reason="table")
