"""One query block that names used columns: what it may do with them, checked as a whole, then rewritten. Pure.

Whatever is not recognised is refused, and nothing is changed before everything was checked.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gateway.binding import use_joins, use_rewrite
from gateway.binding.use_joins import Edge, Equality
from gateway.binding.use_names import Found, Names, Relation, own
from gateway.binding.use_words import refusal
from gateway.decision import Use
from gateway.errors import Forbidden
from gateway.policies.use_measures import AGGREGATES
from gateway.sql import duck
from gateway.sql.tree import Node, position

_REFUSED: Mapping[str, str] = {
    "SUBQUERY": "no subquery stands beside it",
    "WINDOW": "no window function stands beside it",
    "LAMBDA": "no lambda stands beside it",
    "POSITIONAL_REFERENCE": "columns are named there",
}
_WHY: Mapping[str, str] = {
    "select": "it is not shown",
    "where": "no filter compares it",
    "group": "no group is made by it",
    "having": "HAVING takes its aggregates",
    "order": "ORDER BY takes its aggregates",
    "on": "it joins by equality with its related column and nothing else",
}
_PLACES = {"select_list": "select", "where_clause": "where", "having": "having", "modifiers": "order"}
_SHOWN = frozenset({"select", "having", "order"})


@dataclass(frozen=True, eq=False)
class Mention:
    """A column as a block names it: `node` is the reference, or the aggregate around it."""

    node: Node
    found: Found


class Block:
    """A block over `relations` in which a name means the column `name`, of which `use` may be made.

    Raises Forbidden, BadQuery for anything but POLICY 7's shapes.
    """

    def __init__(self, node: Node, relations: tuple[Relation, ...], name: str, use: Use) -> None:
        self.node, self.relations = node, relations
        self.aggregates: list[Mention] = []
        self.renamed: list[Mention] = []
        self.plain: list[Mention] = []
        self.followed: list[Equality] = []
        self._about = name, use
        self._names = Names(relations, node)
        self._edges: list[Edge] = []
        self._shape()
        self._read()
        for join in use_joins.joins(node["from_table"]):
            self._join(join)
        if self.aggregates:
            self._aggregation(self.aggregates[0].found.relation)

    def rewritten(self) -> frozenset[Relation]:
        """Change the block to read its used columns from second views: those of the relations that are given."""
        return use_rewrite.rewritten(self.node, self)

    def _refusal(self, why: str, node: Node | None = None) -> Forbidden:
        name, use = self._about
        return refusal(name, use, why, None if node is None else position(node))

    def _shape(self) -> None:
        block = self.node
        if block["sample"] is not None or block["qualify"] is not None:
            raise self._refusal("no sample and no QUALIFY stands beside it")
        if len({one.alias for one in self.relations}) < len(self.relations):
            raise self._refusal("each table has a name of its own")
        for node in own(block):
            if _is_given_list(node):
                continue
            if node.get("class") in _REFUSED:
                raise self._refusal(_REFUSED[node["class"]], node)
            if node.get("class") == "STAR" and not _plain_star(node, block):
                raise self._refusal("columns are named beside it", node)

    def _read(self) -> None:
        block = self.node
        for clause, place in _PLACES.items():
            self._visit(block[clause], place)
        for expression in block["group_expressions"]:
            if expression["class"] == "COLUMN_REF":
                self._group(expression)
            else:
                self._visit(expression, "group")

    def _visit(self, node: Any, place: str) -> None:
        if isinstance(node, list):
            for child in node:
                self._visit(child, place)
        if not isinstance(node, dict):
            return
        if node.get("class") == "COLUMN_REF":
            self._mention(node, place)
        elif node.get("class") != "FUNCTION" or not self._aggregated(node, place):
            for child in node.values():
                self._visit(child, place)

    def _mention(self, node: Node, place: str) -> None:
        found = self._names.find(node)
        if found is None:
            return
        if found.use is None:
            self.plain.append(Mention(node, found))
        # A name that the block gives stays as it is: no column of a second view has it.
        elif place not in _SHOWN or len(node["column_names"]) > 1 or found.name not in self._names.given:
            raise refusal(found.name, found.use, _WHY[place], position(node))

    def _group(self, node: Node) -> None:
        found = self._names.find(node)
        if found is not None and found.use is not None and found.use.kind == "join" and found.bare:
            self.renamed.append(Mention(node, found))
        else:
            self._mention(node, "group")

    def _aggregated(self, node: Node, place: str) -> bool:
        """Whether `node` is an aggregate that needs no further look. Raises Forbidden."""
        arguments = [one["expression"] for one in node["arguments"]]
        if len(arguments) != 1 or arguments[0]["class"] != "COLUMN_REF":
            return False
        found = self._names.find(arguments[0])
        altered = node["filter"] is not None or bool(node["order_bys"]["orders"])
        if found is None or found.use is None:
            # How many entities there are tells of none of them.
            counts = str(node["function_name"]).lower() == "count" and not node["is_operator"]
            return found is not None and counts and found.bare and not altered
        if place not in _SHOWN:
            raise refusal(found.name, found.use, _WHY[place], position(node))
        why = _misuse(node, found, altered=altered)
        if why:
            raise refusal(found.name, found.use, why, position(node))
        if found.use.kind == "aggregate":
            self.aggregates.append(Mention(node, found))
        else:
            self.renamed.append(Mention(arguments[0], found))
        return True

    def _join(self, join: Node) -> None:
        if join["ref_type"] not in {"REGULAR", "CROSS"}:
            raise self._refusal("tables are joined by ON or USING", join)
        asked = use_joins.equality(join, self._names, self.relations)
        edge = asked.along() if asked is not None else None
        if edge is None or asked is None:
            self._unrelated(join, asked)
            return
        for found in (one for pair in asked.pairs for one in pair):
            if found.use is not None and found.use.kind == "aggregate":
                raise refusal(found.name, found.use, "no join compares it", position(join))
        if join["join_type"] not in ({"INNER", "LEFT"} if self.aggregates else {"INNER", "LEFT", "RIGHT", "FULL"}):
            raise self._refusal(f"no {join['join_type']} join stands beside it", join)
        self._edges.append(edge)
        self.followed.append(asked)

    def _unrelated(self, join: Node, asked: Equality | None) -> None:
        used = [one for pair in (asked.pairs if asked else ()) for one in pair if one.use is not None]
        names = {str(name).lower() for name in join["using_columns"]}
        if self.aggregates or used or any(names & one.uses.keys() for one in self.relations):
            raise self._refusal("tables are joined along a declared relationship, by all its columns and no more", join)
        self._visit(join["condition"], "on")

    def _aggregation(self, root: Relation) -> None:
        sets = self.node["group_sets"]
        if sets not in ([], [list(range(len(self.node["group_expressions"])))]):
            raise self._refusal("one set of groups is made, without ROLLUP, CUBE or GROUPING SETS")
        if any(one.found.relation is not root for one in self.aggregates):
            raise self._refusal("columns of one table are aggregated at a time")
        if use_joins.reached(root, self._edges) != set(self.relations):
            raise self._refusal("a join may not repeat its rows: join from the many to the one")
        if any(item["class"] == "STAR" for item in self.node["select_list"]):
            raise self._refusal("columns are named beside it")
        entities = {name for one in self.aggregates for name, _ in _floors(one)}
        telling = _telling(root, entities, self._edges)
        for one in self.plain:
            if one.found.name in telling.get(one.found.relation, ()):
                why = f'"{one.found.name}" tells rows apart and stands in count() only, in no filter and no group'
                raise self._refusal(why, one.node)


def _floors(one: Mention) -> Sequence[tuple[str, int]]:
    return one.found.use.floors if one.found.use is not None else ()


def _misuse(node: Node, found: Found, *, altered: bool) -> str:
    """What is wrong with the call `node` of a used column, "" where nothing is."""
    assert found.use is not None
    name = str(node["function_name"]).lower()
    if not found.bare:
        return "the whole column is aggregated"
    if found.use.kind == "join":
        return "" if name == "count" and node["distinct"] and not altered else "it takes count(DISTINCT column)"
    if name not in AGGREGATES or node["is_operator"]:
        return f"{name} is not one of {', '.join(AGGREGATES)}"
    if node["distinct"]:
        return "its aggregates take no DISTINCT"
    return "its aggregates take no FILTER and no ORDER BY" if altered else ""


def _is_given_list(node: Node) -> bool:
    """Whether a node is `x IN (SELECT unnest($1))`, as doors write a condition on a list: it reads nothing else."""
    inner = node["subquery"]["node"] if node.get("class") == "SUBQUERY" else {}
    if inner.get("type") != "SELECT_NODE" or node["subquery_type"] != "ANY" or len(inner["select_list"]) != 1:
        return False
    (item,) = inner["select_list"]
    called = item["class"] == "FUNCTION" and item["function_name"] == "unnest"
    given = called and [one["expression"]["class"] for one in item["arguments"]] == ["PARAMETER"]
    return given and {**inner, "select_list": []} == _blank()


@functools.cache
def _blank() -> Node:
    """A block of no clause at all."""
    whole: Node = duck.parse("SELECT 1")["node"]
    return {**whole, "select_list": []}


def _plain_star(node: Node, block: Node) -> bool:
    """Whether a star is a column of the answer and stands for all columns of all, or of one, of the tables."""
    lists = ("columns", "expr", "exclude_list", "replace_list", "rename_list", "qualified_exclude_list")
    merges = any(join["using_columns"] for join in use_joins.joins(block["from_table"]))
    return not merges and any(item is node for item in block["select_list"]) and not any(node[key] for key in lists)


def _telling(root: Relation, entities: set[str], edges: Sequence[Edge]) -> dict[Relation, set[str]]:
    """The columns by which entities, or single rows, can be told apart."""
    found = {root: entities | _identifying(root)}
    waiting = list(edges)
    while step := [edge for edge in waiting if edge.many in found]:
        for edge in step:
            if any(name in found[edge.many] for name, _ in edge.pairs):
                found[edge.one] = _identifying(edge.one) | {name for _, name in edge.pairs}
            else:
                found[edge.one] = set()
        waiting = [edge for edge in waiting if edge not in step]
    return found


def _identifying(one: Relation) -> set[str]:
    table = one.grant.table
    alone = set(table.key) if len(table.key) == 1 else set()
    return alone | {column.name for column in table.columns if column.unique}
