"""Measures over columns that are used and not shown: what such a measure may be made of (POLICY 7 and 11). Pure."""

from __future__ import annotations

from collections.abc import Collection

from gateway.product import Table
from gateway.sql import duck
from gateway.sql.tree import Node, called, nodes

AGGREGATES = ("count", "sum", "avg")


def misfit(table: Table, name: str, columns: Collection[str]) -> str:
    """What keeps the measure `name` from being granted over used `columns`, "" where nothing does."""
    known = {one.name: one for one in table.semantics if one.kind == "measure"}
    if name not in known:
        return f"there is no measure {name}"
    whole = duck.expression(known[name].expression)
    held = {id(node) for call in nodes(whole) for node in _taken(call, columns)}
    mentions = [node for node in nodes(whole) if _column(node) in columns]
    for node in mentions:
        if id(node) not in held:
            return f"{name} does more with {_column(node)} than {', '.join(AGGREGATES)} of it"
    if not mentions:
        made = sorted({_column(node) for node in nodes(whole) if _column(node) in known})
        return f"{name} is over none of these columns" + (
            f": grant {', '.join(made)}, which it is made of" * bool(made)
        )
    return ""


def _taken(node: Node, columns: Collection[str]) -> list[Node]:
    """The used column that a call aggregates as a block may, alone in a list."""
    if node.get("class") != "FUNCTION" or called(node) not in AGGREGATES or node["is_operator"]:
        return []
    altered = node["distinct"] or node["filter"] is not None or node["order_bys"]["orders"]
    arguments = [one["expression"] for one in node["arguments"]]
    return [] if altered or len(arguments) != 1 or _column(arguments[0]) not in columns else arguments


def _column(node: Node) -> str:
    return str(node["column_names"][0]).lower() if node.get("class") == "COLUMN_REF" else ""
