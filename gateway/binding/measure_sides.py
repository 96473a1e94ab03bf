"""What a FROM clause joins, and by which columns rows of it are told apart: tables, known subqueries and CTEs. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from gateway.binding.use_names import Relation
from gateway.contracts.visibility import sameness
from gateway.sql.tree import Node


@dataclass(frozen=True, eq=False)
class Derived:
    """A subquery or CTE under its name: the types of its columns (None: not known), and the sets that are keys."""

    alias: str
    written: str
    node: Node
    types: Mapping[str, str | None]
    keys: tuple[frozenset[str], ...]


Side = Relation | Derived


def named(side: Side) -> Collection[str]:
    """The names of a side's columns."""
    return side.grant.decision.known if isinstance(side, Relation) else side.types.keys()


def kind(side: Side, name: str) -> str | None:
    """The type of a column, None where it is not known."""
    return side.grant.table.column(name).type if isinstance(side, Relation) else side.types[name]


def identified(side: Side, columns: Collection[str]) -> bool:
    """Whether no two rows, as they are shown, have the same values of `columns`, NULL left aside."""
    if isinstance(side, Derived):
        return any(key <= set(columns) for key in side.keys)
    decision, key = side.grant.decision, side.grant.table.key
    known = set(key) <= set(decision.known) and all(sameness(decision, name) is not None for name in key)
    return known and side.grant.table.identified_by(columns)
