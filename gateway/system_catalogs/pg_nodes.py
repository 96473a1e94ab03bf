"""Nodes of DuckDB's tree, made: calls, casts, constants, lists, subqueries. Pure but for DuckDB's parser."""

from __future__ import annotations

import functools
from collections.abc import Sequence

from gateway.sql import duck, scope
from gateway.sql.tree import Node


@functools.cache
def _template(text: str) -> Node:
    found: Node = duck.parse(f"SELECT {text}")["node"]["select_list"][0]
    return found


def _made(text: str, **changes: object) -> Node:
    return {**scope.copied(_template(text)), **changes}


def call(name: str, *arguments: Node, alias: str = "") -> Node:
    """A function of these arguments."""
    items = [{"name": "", "expression": argument} for argument in arguments]
    return _made("f()", function_name=name, qualified_name={"path": [name]}, arguments=items, alias=alias)


def cast(child: Node, kind: str) -> Node:
    """`child` as DuckDB's type of that text."""
    return _made(f"CAST(NULL AS {kind})", child=child)


def text(value: str) -> Node:
    """A string."""
    return _made("'x'", literal={"kind": "STRING", "text": value})


def number(value: int) -> Node:
    """An integer."""
    return _made("1", literal={"kind": "INTEGER", "text": str(value)})


def negated(child: Node) -> Node:
    """NOT of a condition."""
    return _made("NOT a", children=[child])


def compared(kind: str, left: Node, right: Node) -> Node:
    """A comparison, of a kind such as COMPARE_EQUAL."""
    return _made("a = b", type=kind, left=left, right=right)


def listed(values: Sequence[str | None], kind: str) -> Node:
    """A list of these texts as values of DuckDB's type of that text."""
    null = _template("NULL")
    items = [scope.copied(null) if value is None else text(value) for value in values]
    return cast(call("list_value", *items), f"{kind}[]")


def subquery(body: str, alias: str) -> Node:
    """`(body) AS alias` as a relation."""
    found: Node = scope.copied(_subquery(body))
    return {**found, "alias": alias}


@functools.cache
def _subquery(body: str) -> Node:
    found: Node = duck.parse(f"SELECT * FROM ({body}) AS q")["node"]["from_table"]
    return found


def selected(items: Sequence[Node], alias: str) -> Node:
    """`(SELECT items) AS alias` as a relation."""
    made = subquery("SELECT 1", alias)
    made["subquery"]["node"]["select_list"] = list(items)
    return made
