"""Which truth values conditions can have over any row at all: decided by trying every case that differs. Pure.

A column that is compared with constants is tried at each of them, between them, beyond them, and as NULL; whatever
else stands in a condition (claims, functions, other tables, columns compared with each other) is taken as free to be
true, false or NULL, the same wherever it stands in the same words. So "never" and "always" are certain, and
"sometimes" may be more than a row can be.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from gateway.sql import duck
from gateway.sql.tree import Node

Truth = bool | None
ANYTHING: frozenset[Truth] = frozenset({True, False, None})
CASES_LIMIT = 20_000
_WHOLE = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT")
_COMPARED = frozenset({"COMPARISON", "BETWEEN"})
_CHILDREN = ("left", "right", "input", "lower", "upper")


@dataclass(frozen=True)
class Outcome:
    """The truth values that are possible, and what was taken as free, in its own words."""

    values: frozenset[Truth]
    free: tuple[str, ...]

    @property
    def never(self) -> bool:
        """Whether no row makes it true."""
        return True not in self.values

    @property
    def always(self) -> bool:
        """Whether every row does."""
        return self.values == {True}


def outcome(conditions: Iterable[Node], columns: Mapping[str, str]) -> Outcome:
    """What `conditions` can be together (AND); `columns` are those of their table, with their types."""
    return _decided(conditions, (), columns)


def implies(conditions: Iterable[Node], wider: Node, columns: Mapping[str, str]) -> bool:
    """Whether it is certain that every row of all `conditions` is one of `wider`."""
    return _decided(conditions, (wider,), columns).never


def _decided(true: Iterable[Node], missed: Iterable[Node], columns: Mapping[str, str]) -> Outcome:
    """What `true` can be together with that none of `missed` is true."""
    cases = _Cases(columns)
    terms = [f"({cases.text(one)})" for one in true]
    terms += [f"(({cases.text(one)}) IS NOT TRUE)" for one in missed]
    free = tuple(cases.free)
    try:
        domains = {name: cases.domain(name) for name in cases.points}
    except duck.Error:
        return Outcome(ANYTHING, free)
    size = math.prod(len(values) for values in domains.values()) * 3 ** len(free)
    if size > CASES_LIMIT:
        return Outcome(ANYTHING, free)
    sources = [
        f"(VALUES {', '.join(f'({one})' for one in values)}) AS {_source(name)}" for name, values in domains.items()
    ]
    sources += [f"(VALUES (true), (false), (NULL::BOOLEAN)) AS {_source(name)}" for name in cases.free.values()]
    text = f"SELECT DISTINCT {' AND '.join(terms) or 'true'}" + (f" FROM {', '.join(sources)}" if sources else "")
    return Outcome(frozenset(row[0] for row in duck.constants(text)), free)


def _source(name: str) -> str:
    return f"{duck.quote(f't {name}')}({duck.quote(name)})"


@dataclass
class _Cases:
    """Of several conditions over one table: the points at which each column is tried, and what is free."""

    columns: Mapping[str, str]
    points: dict[str, set[str]] = field(default_factory=dict)
    free: dict[str, str] = field(default_factory=dict)

    def text(self, node: Node) -> str:
        """`node` as SQL over the columns that are tried and the names of what is free."""
        return duck.write_expression(self._tried(node))

    def domain(self, name: str) -> list[str]:
        """Literals of every value at which the column is tried. Raises duck.Error."""
        kind = self.columns[name]
        found = duck.constants(_values(kind, sorted(self.points[name])))
        return [f"CAST({duck.literal(None if row[0] is None else str(row[0]))} AS {kind})" for row in found]

    def _tried(self, node: Node) -> Node:
        kind = node["class"]
        if kind == "CONJUNCTION" or node["type"] == "OPERATOR_NOT":
            return {**node, "children": [self._tried(child) for child in node["children"]]}
        if kind == "CONSTANT" or self._compares(node):
            return node
        words = duck.write_expression(node)
        name = self.free.setdefault(words, f"?{len(self.free)}")
        return duck.expression(duck.quote(name))

    def _compares(self, node: Node) -> bool:
        """Whether `node` compares one column with constants only; its points are noted then."""
        if node["class"] == "COLUMN_REF":
            parts: list[Node] = [node]
        elif node["class"] in _COMPARED:
            parts = [node[name] for name in _CHILDREN if name in node]
        elif node["type"] in {"COMPARE_IN", "COMPARE_NOT_IN", "OPERATOR_IS_NULL", "OPERATOR_IS_NOT_NULL"}:
            parts = list(node["children"])
        else:
            return False
        names = [str(one["column_names"][-1]) for one in parts if one["class"] == "COLUMN_REF"]
        constants = [one for one in parts if one["class"] != "COLUMN_REF"]
        if len(set(names)) > 1 or not all(map(_constant, constants)):
            return False
        if names and not (names[0] in self.columns and _ordered(self.columns[names[0]])):
            return False
        if names:
            texts = [duck.write_expression(one) for one in constants]
            self.points.setdefault(names[0], set()).update(texts)
        return True


def _constant(node: Any) -> bool:
    return node["class"] == "CONSTANT" or (node["class"] == "CAST" and _constant(node["child"]))


def _ordered(kind: str) -> bool:
    return kind in {*_WHOLE, "VARCHAR", "BOOLEAN", "DATE", "TIMESTAMP", "DOUBLE"} or kind.startswith("DECIMAL")


def _values(kind: str, points: list[str]) -> str:
    """A query of every value of type `kind` at which something changes that compares with `points`."""
    if kind == "BOOLEAN":
        return "VALUES (true), (false), (NULL)"
    given = ", ".join(f"(TRY_CAST({one} AS {kind}))" for one in points) or f"(NULL::{kind})"
    steps = _steps(kind)
    near = " UNION ".join(f"SELECT TRY_CAST({one} AS {kind}) FROM p WHERE v IS NOT NULL" for one in steps)
    between = " UNION SELECT (a.v + b.v) / 2 FROM p a, p b" if kind == "DOUBLE" else ""
    one = {"VARCHAR": "''", "DATE": "DATE '2000-01-01'", "TIMESTAMP": "TIMESTAMP '2000-01-01'"}.get(kind, "0")
    return (
        f"WITH p(v) AS (VALUES {given}) SELECT v FROM p UNION {near}{between}"
        f" UNION SELECT CAST({one} AS {kind}) UNION SELECT CAST(NULL AS {kind})"
    )


def _steps(kind: str) -> tuple[str, ...]:
    """The values next to `v`, or some beyond it where the type is dense."""
    if kind == "VARCHAR":
        return ("v || chr(1)",)
    if kind == "DATE":
        return "CAST(v AS DATE) - 1", "CAST(v AS DATE) + 1"
    if kind == "TIMESTAMP":
        return "v - INTERVAL 1 microsecond", "v + INTERVAL 1 microsecond"
    if kind == "DOUBLE":
        return "v - 1", "v + 1"
    scale = int(kind[:-1].rpartition(",")[2]) if kind.startswith("DECIMAL") else 0
    step = f"0.{'1':0>{scale}}" if scale else "1::HUGEINT"
    return f"v - {step}", f"v + {step}"
