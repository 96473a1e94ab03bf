"""What a query's FROM and names can be: upper bounds of relations and of the columns that a name may mean.

Pure: knows no table of a product. A base table counts as TABLE_WIDTH columns of one small value each.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from gateway.sql.growth import ONE, Bound, widest
from gateway.sql.syntax import Node, nodes

TABLE_WIDTH = 50
# DuckDB's own names of a subquery and of a pivot without an alias, numbered from the second on.
_UNNAMED = ("unnamed_subquery", "__unnamed_pivot")


@dataclass(frozen=True)
class Relation:
    """Upper bounds of a relation: how many columns, the first of them in order (`names` of `outputs`, "" for unnamed),
    any other, and what it costs to plan. `whole`: `outputs` are all. `named`: the relations joined in it, by alias."""

    width: int = 0
    names: tuple[str, ...] = ()
    outputs: tuple[Bound, ...] = ()
    other: Bound = ONE
    parts: int = 0
    whole: bool = True
    named: Mapping[str, Relation] = field(default_factory=dict)
    sides: tuple[Relation, Relation] | tuple[()] = ()

    @cached_property
    def columns(self) -> dict[str, Bound]:
        """The columns known by name; of one name twice the larger."""
        if self.sides:
            left, right = (side.columns for side in self.sides)
            return {**left, **right, **{name: widest([left[name], right[name]]) for name in left.keys() & right.keys()}}
        found: dict[str, Bound] = {}
        for name, bound in zip(self.names, self.outputs, strict=True):
            found[name] = widest([found[name], bound]) if name in found else bound
        return found

    @cached_property
    def rest(self) -> Bound:
        """Any column that is not known by name."""
        return widest([self.other, self.columns[""]]) if "" in self.columns else self.other

    @cached_property
    def largest(self) -> Bound:
        """The largest value of any column."""
        return widest([*self.outputs, self.other])

    @cached_property
    def total(self) -> int:
        """The sizes of all known columns together."""
        return sum(bound.size for bound in self.outputs) + self.other.size

    @cached_property
    def row(self) -> Bound:
        """A whole row as one value, which an alias means where no column has its name."""
        size = max(self.width, sum(bound.size for bound in self.outputs))
        return ONE._replace(size=size, item=size, items=0)

    def column(self, name: str) -> Bound:
        """The column of that name, or any that may have it."""
        return self.columns.get(name, self.rest)

    def beside(self, right: Relation) -> Relation:
        """The two joined."""
        named = {**self.named, **right.named}
        if "" in self.named and "" in right.named:
            named[""] = self.named[""].beside(right.named[""])
        return Relation(
            self.width + right.width,
            self.names + right.names,
            self.outputs + right.outputs,
            widest([self.other, right.other]),
            self.parts + right.parts,
            self.whole and right.whole,
            named,
            (self, right),
        )

    def called(self, alias: str, names: list[str]) -> Relation:
        """Under an alias, "" for none, and with other names for its first columns."""
        fresh = tuple(name.lower() for name in names)
        if fresh and self.whole:
            kept, outputs = fresh + self.names[len(fresh) :], self.outputs
        else:
            kept, outputs = fresh + self.names, (self.largest,) * len(fresh) + self.outputs
        relation = replace(self, names=kept[: len(outputs)], outputs=outputs, named={}, sides=())
        return replace(relation, named={alias.lower(): relation})


@dataclass(frozen=True)
class Scope:
    """What a name may mean at one place: CTEs, columns of FROM, aliases and lambda variables, and those around it."""

    ctes: Mapping[str, Relation]
    source: Relation = Relation()
    aliases: dict[str, Bound] = field(default_factory=dict)
    outer: Scope | None = None
    # Of a lambda's body: its variables hide whatever else has their name.
    variables: frozenset[str] = frozenset()

    def column(self, names: list[Any]) -> Bound:
        """The largest that the column or row of that name may be, at this level or around it."""
        first, *others = (str(name).lower() for name in names)
        found: list[Bound] = []
        scope: Scope | None = self
        while scope is not None:
            if first in scope.variables:
                return widest([*found, scope.aliases[first]])
            relation = scope.source.named.get("" if first.startswith(_UNNAMED) else first)
            wanted = (first,) if relation is not None else (first, *others)
            known = [where[name] for where in (scope.aliases, scope.source.columns) for name in wanted if name in where]
            if relation is not None and others:
                return widest([*found, *known, relation.column(others[0])])
            found += known or [relation.row if relation is not None else scope.source.rest]
            scope = scope.outer
        return widest(found)


def merged(sides: list[Relation]) -> Relation:
    """The answer of a set operation, column by column where all are known."""
    first, parts = sides[0], sum(side.parts + side.width for side in sides)
    if all(side.whole and len(side.outputs) == len(first.outputs) for side in sides):
        outputs = tuple(widest(column) for column in zip(*(side.outputs for side in sides), strict=True))
        return Relation(first.width, first.names, outputs, parts=parts)
    return Relation(max(side.width for side in sides), other=widest(s.largest for s in sides), parts=parts, whole=False)


def selected(items: list[Node], bounds: list[Bound], stars: list[int], scope: Scope, parts: int) -> Relation:
    """What a select list gives: `bounds` are those of its `items`, `stars` the columns that each one's star stands for
    (0: none), `parts` what all of the SELECT costs to plan."""
    width, whole = 0, True
    names, outputs, others = list[str](), list[Bound](), list[Bound]()
    for item, bound, star in zip(items, bounds, stars, strict=True):
        value = bound._replace(parts=1, work=1)
        if star:
            whole, width = False, width + star
            if item["class"] == "STAR" and not item["replace_list"] and not item["rename_list"]:
                names, outputs = names + list(scope.source.names), outputs + list(scope.source.outputs)
                others.append(scope.source.other)
            else:
                others.append(value)
            continue
        unnests = item["class"] == "FUNCTION" and str(item["function_name"]).lower() == "unnest"
        width += bound.item if unnests else 1
        whole = whole and not unnests
        names.append(_name(item))
        outputs.append(value)
    return Relation(width, tuple(names), tuple(outputs), widest(others), parts + width, whole)


def star_width(star: Node, scope: Scope) -> int:
    """How many columns a star stands for: all of FROM, or those of one relation or struct."""
    return scope.column([star["relation_name"]]).size if star["relation_name"] else max(1, scope.source.width)


def _name(item: Node) -> str:
    """The name of a select item's column, "" for one that DuckDB makes of its text."""
    if item["alias"]:
        return str(item["alias"]).lower()
    return str(item["column_names"][-1]).lower() if item["class"] == "COLUMN_REF" else ""


def alias(reference: Node) -> str:
    """The name by which a query knows a relation of its FROM, "" for one that DuckDB makes up."""
    function = reference.get("function") or {}
    return str(reference["alias"] or reference.get("table_name") or function.get("function_name") or "")


def lambda_names(variables: Node) -> list[str]:
    """The names of a lambda's variables."""
    named = [node for node in nodes(variables) if node.get("class") == "COLUMN_REF"]
    return [str(name).lower() for node in named for name in node["column_names"]]
