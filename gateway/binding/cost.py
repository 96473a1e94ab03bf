"""How many rows a statement may make on its way, by our own estimate: admission before anything runs. Pure.

Joins by equality keep to the larger side; without one, rows multiply. Nothing is told of rows that are kept from the
principal: a table that it sees whole counts as the next power of ten, one whose rows are filtered as FILTERED, however
many it has.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

from gateway.binding.cost_ties import Size, correlated, filters, shallow, tied, ties
from gateway.decision import Decision
from gateway.errors import BadQuery
from gateway.product import Table
from gateway.snapshot import Snapshot
from gateway.sql.grammar import AGGREGATES, SERIES
from gateway.sql.syntax import Node, constant

# A table has at least so many rows for the estimate, and so many where its principal does not see all of them.
LEAST, FILTERED = 1_000.0, 10_000.0
# Of a series or a list whose length is not written there.
UNKNOWN, UNFOLDED = 1_000.0, 10.0
ROUNDS = 1_000.0


@dataclass(frozen=True)
class Estimate:
    """Rows that are made in all, and the relations between which the most of them arise, () where there are none."""

    rows: float = 0.0
    apart: tuple[str, ...] = ()


NONE = Estimate()
Path = tuple[str, ...]
Sizes = Callable[[Path], Size | None]


class Granted(Protocol):
    """A granted table, as bind knows it."""

    @property
    def snapshot(self) -> Snapshot: ...
    @property
    def table(self) -> Table: ...
    @property
    def decision(self) -> Decision: ...
    @property
    def source(self) -> Granted: ...


def of_grants(statement: Node, granted: Mapping[Path, Granted]) -> Estimate:
    """The estimate of a statement over views of these grants."""

    def size(path: Path) -> Size | None:
        grant = granted.get(path)
        if grant is None:
            return None
        read = grant.source
        rows = counted(read.snapshot.row_counts.get(read.table.name, 0), filtered=grant.decision.rows is not None)
        return Size(rows, frozenset(grant.decision.known), frozenset(grant.table.key))

    return estimate(statement, size)


def refusal(found: Estimate, limit: float) -> BadQuery:
    """Why a statement is not run, and what to change."""
    words = f"the joins of this query could make more than {limit:.0e} rows"
    if not found.apart:
        return BadQuery(f"{words}: filter or aggregate before joining, or tie subqueries by =", reason="limit")
    names = ", ".join(f'"{name}"' for name in found.apart[:6])
    advice = "join them ON a.x = b.y, or filter or aggregate each first"
    return BadQuery(f"{words}: no equality ties {names} together: {advice}", reason="limit")


def counted(rows: int, *, filtered: bool) -> float:
    """What a table of so many rows counts as."""
    return FILTERED if filtered else 10.0 ** math.ceil(math.log10(max(rows, LEAST)))


def estimate(statement: Node, sizes: Sizes) -> Estimate:
    """The estimate of a statement whose relations `sizes` knows by their paths. Raises BadQuery (limit)."""
    walk = _Walk(sizes)
    try:
        walk.query(statement["node"], {}, ())
    except RecursionError as error:
        raise BadQuery("the query is nested too deeply", reason="limit") from error
    return Estimate(walk.rows, walk.apart)


@dataclass
class _From:
    """The relations of one FROM, the conditions that join them, and which of them an equality ties together."""

    leaves: list[Size] = field(default_factory=list)
    conditions: list[Node] = field(default_factory=list)
    ties: list[tuple[int, int]] = field(default_factory=list)


class _Walk:
    """One walk over one statement."""

    def __init__(self, sizes: Sizes) -> None:
        self._sizes = sizes
        self.rows = 0.0
        self.apart: tuple[str, ...] = ()
        self._most = 0.0

    def query(self, node: Node, ctes: Mapping[str, Size], outer: tuple[Size, ...]) -> Size:
        """What a query gives. Counts the rows on the way."""
        ctes = self._with(node, ctes, outer)
        if node["type"] == "SELECT_NODE":
            return self._select(node, ctes, outer)
        sides = [one for one in (node.get("left"), node.get("right"), *(node.get("children") or ())) if one]
        made = [self.query(side, ctes, outer) for side in sides]
        union = str(node["setop_type"]).startswith("UNION")
        rows = sum(one.rows for one in made) if union else made[0].rows
        return Size(_limited(node, rows), made[0].columns)

    def _with(self, node: Node, ctes: Mapping[str, Size], outer: tuple[Size, ...]) -> Mapping[str, Size]:
        known = dict(ctes)
        for entry in node["cte_map"]["map"]:
            name, value = str(entry["key"]).lower(), entry["value"]
            body = value["query_node"]
            made = self._recursive(name, body, known, outer) if "cte_name" in body else self.query(body, known, outer)
            known[name] = _renamed(made, value["aliases"])
        return known

    def _recursive(self, name: str, body: Node, ctes: Mapping[str, Size], outer: tuple[Size, ...]) -> Size:
        inside = self._with(body, ctes, outer)
        first = _renamed(self.query(body["left"], inside, outer), body.get("aliases") or [])
        before = self.rows
        again = self.query(body["right"], {**inside, name: first}, outer)
        self._count((self.rows - before) * ROUNDS, ())
        return replace(first, rows=ROUNDS * max(first.rows, again.rows))

    def _select(self, node: Node, ctes: Mapping[str, Size], outer: tuple[Size, ...]) -> Size:
        found = _From()
        self._source(node["from_table"], found, ctes, outer)
        found.conditions += [node["where_clause"]] if node["where_clause"] else []
        rows = self._joined(found, outer)
        around = (*found.leaves, *outer)
        for part in (node["select_list"], found.conditions, node["having"], node["qualify"], node["modifiers"]):
            self._subqueries(part, ctes, around, rows)
        calls = {str(one.get("function_name", "")).lower() for one in shallow(node["select_list"])}
        if "unnest" in calls:
            rows *= UNFOLDED
        if node["group_expressions"] or any(one["type"] == "DISTINCT_MODIFIER" for one in node["modifiers"]):
            rows = math.sqrt(rows)
        elif calls & AGGREGATES:
            rows = 1.0
        return Size(_limited(node, rows), _columns(node["select_list"], found.leaves))

    def _subqueries(self, part: object, ctes: Mapping[str, Size], around: tuple[Size, ...], rows: float) -> None:
        """Count the subqueries of an expression; one that looks at rows around it, untied, once for each."""
        for node in shallow(part):
            if node.get("class") == "SUBQUERY":
                before = self.rows
                body = node["subquery"]["node"]
                self.query(body, ctes, around)
                if correlated(body, around) and not tied(body, around):
                    self._count((self.rows - before) * rows, ())

    def _source(self, node: Node, found: _From, ctes: Mapping[str, Size], outer: tuple[Size, ...]) -> None:
        kind = node["type"]
        if kind == "JOIN":
            self._join(node, found, ctes, outer)
        elif kind != "EMPTY":
            alias = str(node["alias"] or node.get("table_name") or "").lower()
            size = self._leaf(node, ctes, (*found.leaves, *outer))
            found.leaves.append(replace(_renamed(size, node.get("column_name_alias") or []), alias=alias))

    def _join(self, node: Node, found: _From, ctes: Mapping[str, Size], outer: tuple[Size, ...]) -> None:
        start = len(found.leaves)
        self._source(node["left"], found, ctes, outer)
        middle = len(found.leaves)
        self._source(node["right"], found, ctes, outer)
        if node["condition"]:
            found.conditions.append(node["condition"])
        if node["using_columns"] or node["ref_type"] in {"NATURAL", "POSITIONAL", "ASOF"}:
            wanted = {str(name).lower() for name in node["using_columns"]}
            sides = range(start, middle), range(middle, len(found.leaves))
            having = [
                [i for i in side if (known := found.leaves[i].columns) is None or wanted <= known] or list(side)
                for side in sides
            ]
            found.ties += [(one, other) for one in having[0] for other in having[1]]

    def _leaf(self, node: Node, ctes: Mapping[str, Size], outer: tuple[Size, ...]) -> Size:
        match node["type"]:
            case "BASE_TABLE":
                path = tuple(str(part) for part in node["qualified_name"]["path"])
                return ctes.get(path[0].lower()) or self._known(path) if len(path) == 1 else self._known(path)
            case "SUBQUERY":
                return self.query(node["subquery"]["node"], ctes, outer)
            case "EXPRESSION_LIST":
                return Size(float(len(node["values"])))
            case "TABLE_FUNCTION":
                return Size(_series(node["function"]))
            case "PIVOT":
                found = _From()
                self._source(node["source"], found, ctes, outer)
                return Size(self._joined(found, outer))
        return Size(UNKNOWN)

    def _known(self, path: tuple[str, ...]) -> Size:
        return self._sizes(path) or Size(LEAST)

    def _joined(self, found: _From, outer: tuple[Size, ...]) -> float:
        """The rows of a FROM and its WHERE: of relations that equalities tie together the most, times the others'."""
        rows = [one.rows for one in found.leaves]
        group = list(range(len(rows)))
        for one, other in (*found.ties, *ties(found.conditions, found.leaves, outer)):
            group = [group[one] if mark == group[other] else mark for mark in group]
        for place, factor in filters(found.conditions, found.leaves):
            rows[place] = max(1.0, min(rows[place], factor(rows[place])))
        most = {mark: max(rows[i] for i in range(len(rows)) if group[i] == mark) for mark in dict.fromkeys(group)}
        made = math.prod(most.values())
        several = [found.leaves[group.index(mark)].alias for mark, size in most.items() if size > 1]
        self._count(made + sum(one.rows for one in found.leaves), tuple(several) if len(several) > 1 else ())
        return made

    def _count(self, rows: float, apart: tuple[str, ...]) -> None:
        self.rows += rows
        if rows > self._most:
            self._most, self.apart = rows, apart


def _renamed(size: Size, names: Iterable[str]) -> Size:
    fresh = frozenset(str(name).lower() for name in names)
    return replace(size, columns=fresh | (size.columns or frozenset()), key=frozenset()) if fresh else size


def _columns(items: list[Node], leaves: list[Size]) -> frozenset[str] | None:
    """The names of a select list's columns, None where a star stands for unknown ones."""
    names: set[str] = set()
    for item in items:
        if item["class"] == "STAR":
            if any(one.columns is None for one in leaves):
                return None
            names |= {name for one in leaves for name in one.columns or ()}
        elif item["alias"] or item["class"] == "COLUMN_REF":
            names.add(str(item["alias"] or item["column_names"][-1]).lower())
    return frozenset(names)


def _limited(node: Node, rows: float) -> float:
    for one in node["modifiers"]:
        if one["type"] == "LIMIT_MODIFIER" and one["limit"]:
            limit = constant(one["limit"])
            rows = min(rows, float(limit)) if isinstance(limit, int) else rows
    return rows


def _series(function: Node) -> float:
    if str(function["function_name"]).lower() not in SERIES:
        return UNFOLDED
    numbers = [constant(one["expression"]) for one in function["arguments"]]
    given = [one for one in numbers if isinstance(one, int)]
    if not given or len(given) < len(numbers):
        return UNKNOWN
    start, stop, step = ([0, *given, 1] if len(given) == 1 else [*given, 1])[:3]
    return max(1.0, abs(stop - start) / max(1, abs(step)))
