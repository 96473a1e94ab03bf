"""Which measures and dimensions the names of a query block mean, and what each is over its table's columns. Pure.

A table's own column always wins over them, and so does a name that the block gives itself.
"""

from __future__ import annotations

import difflib
import functools
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from gateway.binding.use_names import Relation
from gateway.contracts.semantic_words import GRAINS
from gateway.contracts.visibility import visible_semantics
from gateway.errors import BadQuery
from gateway.product import Semantic
from gateway.sql import duck
from gateway.sql.grammar import AGGREGATES
from gateway.sql.scope import copied
from gateway.sql.tree import NODE_LIMIT, Node, called, nodes, position

if TYPE_CHECKING:
    from gateway.binding.views import Grant

_PLACELESS = (1 << 64) - 1
_SPELLED = {"count_star": "count", "mean": "avg"}


@dataclass(frozen=True)
class _Source:
    """A cache's argument that is equal whatever it holds: the arguments beside it say it all."""

    grant: Grant = field(compare=False)


@functools.lru_cache(maxsize=5_000)
def _semantics(_: str, __: str, ___: str, source: _Source) -> Mapping[str, Semantic]:
    return named(visible_semantics(source.grant.decision, source.grant.table))


def named(every: Iterable[Semantic]) -> Mapping[str, Semantic]:
    """Measures and dimensions by name, each time at each of its grains too."""
    found = {one.name: one for one in every}
    return {step.name: step for one in found.values() for step in _steps(one)} | found


def _steps(time: Semantic) -> Iterable[Semantic]:
    """A dimension for each grain that the contract gives a time, as `sold_at__month`: its beginning, in its zone."""
    for grain in time.grains or (GRAINS if time.zone else ()):
        moment = f"timezone({duck.literal(time.zone)}, {time.expression})" if time.zone else time.expression
        text = f"CAST(date_trunc('{grain}', {moment}) AS TIMESTAMP)"
        yield replace(time, name=f"{time.name}__{grain}", expression=text, type="TIMESTAMP", grains=(), zone="")


def semantics(grant: Grant) -> Mapping[str, Semantic]:
    """The measures and dimensions that exist under a grant and are no columns, by name."""
    return _semantics(grant.snapshot.id, grant.table.name, grant.decision.fingerprint, _Source(grant))


@dataclass(frozen=True)
class Meant:
    """A measure or dimension of one of a block's tables."""

    relation: Relation
    semantic: Semantic


class Names:
    """The names of a block over `relations`; `whole` says that it reads nothing but these."""

    def __init__(self, relations: Sequence[Relation], *, whole: bool) -> None:
        self._relations = relations
        self._whole = whole
        self._columns = {name for one in relations for name in one.grant.decision.known}

    def implied(self, reference: Node, given: Collection[str]) -> Meant | None:
        """What a bare reference means, None for a column, a name that is `given`, and what is not known here.

        Raises BadQuery (ambiguous).
        """
        *table, name = _parts(reference)
        if len(table) > 1 or (not table and (not self._whole or name in self._columns or name in given)):
            return None
        return self._one(reference, table, name)

    def measure(self, reference: Node) -> Meant:
        """The measure that MEASURE(reference) means. Raises BadQuery."""
        *table, name = _parts(reference)
        found = None
        if len(table) < 2 and (table or name not in self._columns):
            found = self._one(reference, table, name)
        if found is not None and found.semantic.kind == "measure":
            return found
        column = found is not None or any(name in one.grant.decision.known for one in self._among(table))
        if column:
            what = "dimension" if found is not None else "column"
            words = f'"{name}" is a {what}, and MEASURE takes a measure'
            raise BadQuery(words, reason="column", hint=self._known(name), position=position(reference))
        raise self.unknown(reference)

    def unknown(self, reference: Node) -> BadQuery:
        """The refusal of a measure that does not exist, or not for this principal."""
        name = ".".join(_parts(reference))[:63]
        words = f'measure "{name}" does not exist'
        return BadQuery(words, reason="column", hint=self._known(_parts(reference)[-1]), position=position(reference))

    def _known(self, name: str) -> str:
        measures = [one for table in self._relations for one in _measures(table)]
        near = difflib.get_close_matches(name, measures, n=1)
        if near:
            return f"did you mean MEASURE({near[0]})?"
        return f"the measures here are {', '.join(measures[:20])}" if measures else "no table here has a measure"

    def _among(self, table: Sequence[str]) -> list[Relation]:
        return [one for one in self._relations if not table or one.alias == table[0]]

    def _one(self, reference: Node, table: Sequence[str], name: str) -> Meant | None:
        found = [
            Meant(one, semantic)
            for one in self._among(table)
            if name not in one.grant.decision.known and (semantic := semantics(one.grant).get(name)) is not None
        ]
        if len(found) > 1:
            words = f'"{name}" is ambiguous: write table.{name}'
            raise BadQuery(words, reason="ambiguous", position=position(reference))
        return found[0] if found else None


def _parts(reference: Node) -> list[str]:
    return [str(part).lower() for part in reference["column_names"]]


def _measures(relation: Relation) -> Iterable[str]:
    return (one.name for one in semantics(relation.grant).values() if one.kind == "measure")


@dataclass
class Budget:
    """How many nodes may still be written into one statement."""

    left: int = NODE_LIMIT

    def spend(self, node: Node) -> None:
        """Count a copy of `node`. Raises BadQuery (limit)."""
        self.left -= sum(1 for _ in nodes(node))
        if self.left < 0:
            words = f"the query is too large: with its measures at most {NODE_LIMIT} syntax nodes"
            raise BadQuery(words, reason="limit")


def written(meant: Meant, only: Node | None, budget: Budget) -> Node:
    """What `meant` is as an expression over its table's columns, each under the table's name in the block.

    `only` is a condition on the rows that every aggregate of it takes. Raises BadQuery (limit).
    """
    whole = _expanded(meant.semantic, semantics(meant.relation.grant), budget)
    table = meant.relation.written
    for node in list(nodes(whole)):
        if "query_location" in node:
            node["query_location"] = _PLACELESS
        if node.get("class") == "COLUMN_REF":
            node["column_names"] = [table, *node["column_names"]]
    if only is not None:
        for node in [one for one in nodes(whole) if one.get("class") == "FUNCTION" and called(one) in AGGREGATES]:
            budget.spend(only)
            condition = {**copied(only), "alias": ""}
            node["filter"] = condition if node["filter"] is None else _both(node["filter"], condition)
    return whole


def _both(first: Node, second: Node) -> Node:
    blank = duck.expression("a AND b")
    return {**blank, "query_location": _PLACELESS, "children": [first, second]}


def _expanded(semantic: Semantic, known: Mapping[str, Semantic], budget: Budget) -> Node:
    """The expression with every measure that it names written out. Contracts hold no circle of them."""
    whole = duck.expression(semantic.expression)
    budget.spend(whole)
    if semantic.kind == "measure":
        for node in list(nodes(whole)):
            meant = known.get(str(node["column_names"][0]).lower()) if node.get("class") == "COLUMN_REF" else None
            if meant is not None and meant.kind == "measure":
                inner = _expanded(meant, known, budget)
                node.clear()
                node.update(inner)
    return whole


def aggregate(semantic: Semantic) -> tuple[str, bool]:
    """The function that a measure is a call of, and whether of distinct values; "" where it is more than a call."""
    whole = duck.expression(semantic.expression)
    if whole["class"] != "FUNCTION" or whole["is_operator"]:
        return "", False
    name = called(whole)
    return _SPELLED.get(name, name), bool(whole["distinct"])
