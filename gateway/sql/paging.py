"""Pages of one table: which statements are one, and the statements that tell its keys and every row. Pure.

What it makes is checked and verified by `bind` like any other statement.
"""

from __future__ import annotations

from collections.abc import Sequence

from gateway.sql import lookup, scope
from gateway.sql.tree import Node


def limit(statement: Node, beside: int) -> int | str | None:
    """How many rows `statement` asks for at most, or the parameter that says it; None if it is no page.

    It is one where it reads bare columns of one relation, in whatever order and under whatever condition; its last
    `beside` columns may be anything that a row gives.
    """
    select = statement["node"]
    if select["type"] != "SELECT_NODE" or not lookup.one_table(select):
        return None
    shown = _shown(select, beside)
    if not shown or not all(map(lookup.bare, shown)):
        return None
    modifiers = {modifier["type"]: modifier for modifier in select["modifiers"]}
    end = modifiers.get("LIMIT_MODIFIER")
    if modifiers.keys() - {"LIMIT_MODIFIER", "ORDER_MODIFIER"} or end is None or end["limit_type"] != "ROW_COUNT":
        return None
    return _number(end["limit"])


def keyed(statement: Node, key: Sequence[str]) -> Node:
    """`statement`, a page, with its rows' `key` behind its own columns, under the names of `lookup.name_of`."""
    made: Node = scope.copied(statement)
    made["node"]["select_list"] += lookup.keys(made, key)
    return made


def whole(statement: Node, key: Sequence[str], beside: int) -> Node:
    """Every row that `statement`, a page, could have: its columns without those `beside` them, then its `key`."""
    shown = scope.copied(statement)
    shown["node"]["select_list"] = _shown(shown["node"], beside)
    return lookup.whole(shown, key)


def _shown(select: Node, beside: int) -> list[Node]:
    items: list[Node] = select["select_list"]
    return items[: len(items) - beside]


def _number(given: Node | None) -> int | str | None:
    if given is None:
        return None
    if given["class"] == "PARAMETER":
        return str(given["identifier"])
    if given["class"] == "CONSTANT" and given["literal"]["kind"] == "INTEGER":
        return int(given["literal"]["text"])
    return None
