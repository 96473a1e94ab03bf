"""What gives rows where DuckDB gives lists, and FETCH FIRST ... WITH TIES, as DuckDB says them. Pure: changes a tree.

Source: PostgreSQL 15, SELECT (LIMIT clause) and chapter 9.25.
"""

from __future__ import annotations

from gateway.dialects import dialect_json, dialect_regexps
from gateway.dialects.dialect_nodes import Source, call, filled, named, query_node, replaced
from gateway.errors import BadQuery
from gateway.sql import tree
from gateway.sql.tree import Node


def ties(query: Node, source: Source) -> None:
    """The first rows, and those that are equal to the last of them by the ORDER BY."""
    marks = source.spelling.ties
    if not marks:
        return
    limits = [one for one in query["modifiers"] if one["type"] == "LIMIT_MODIFIER" and one["limit"]]
    for limit in limits:
        if tree.position(limit["limit"]) not in marks:
            continue
        orders = [order for one in query["modifiers"] if one["type"] == "ORDER_MODIFIER" for order in one["orders"]]
        simple = not any(one["type"] == "DISTINCT_MODIFIER" for one in query["modifiers"])
        if not orders or not simple or _constant(limit["offset"]) or query["qualify"]:
            raise BadQuery("WITH TIES takes an ORDER BY, and no DISTINCT or OFFSET", reason="unsupported",
                           position=tree.position(limit["limit"]), hint="rank() OVER (ORDER BY ...) <= 3")  # fmt: skip
        count = limit["limit"]
        ranked = query_node("SELECT 1 QUALIFY rank() OVER (ORDER BY 1) <= $1")["qualify"]
        ranked["right"] = count
        ranked["left"]["orders"] = [{**order, "null_order": _nulls(order)} for order in _places(orders, query)]
        query["qualify"] = ranked
        query["modifiers"] = [one for one in query["modifiers"] if one is not limit]


def _constant(offset: Node | None) -> bool:
    """Whether rows are left out at the beginning."""
    return offset is not None and str(offset.get("literal", {}).get("text")) != "0"


def _nulls(order: Node) -> str:
    return str(order["null_order"]).replace("_", " ") if order["null_order"] != "ORDER_DEFAULT" else "ORDER_DEFAULT"


def _places(orders: list[Node], query: Node) -> list[Node]:
    """The orders with the columns that a number or an alias stands for: a window knows neither."""
    named_items = {str(item["alias"]).lower(): item for item in query["select_list"] if item["alias"]}
    found = []
    for order in orders:
        one = order["expression"]
        if one["class"] == "CONSTANT" and str(one["literal"]["text"]).isdecimal():
            one = query["select_list"][int(one["literal"]["text"]) - 1]
        elif one["class"] == "COLUMN_REF" and len(one["column_names"]) == 1:
            one = named_items.get(str(one["column_names"][0]).lower(), one)
        found.append({**order, "expression": {**filled("$1", one), "alias": ""}})
    return found


def spread(item: Node, source: Source) -> None:
    """Functions that give rows, among the columns."""
    while item.get("type") in {"ARRAY_EXTRACT"}:
        item = item["children"][0]
    if item.get("class") != "FUNCTION":
        return
    name = str(item["function_name"]).lower()
    arguments = [one["expression"] for one in item["arguments"]]
    if name == "generate_series":
        replaced(item, call("unnest", item))
    elif name in dialect_json.LISTS and len(arguments) == 1:
        replaced(item, call("unnest", filled(dialect_json.LISTS[name], *arguments)))
    elif name == "regexp_split_to_table":
        replaced(item, call("unnest", call("regexp_split_to_array", *arguments)))
    elif name == "regexp_matches" and source.calls(item) == name:
        dialect_regexps.every(item, arguments)


def relation(node: Node) -> None:
    """Functions that give rows, in FROM."""
    function = node["function"]
    name = str(function.get("function_name", "")).lower()
    arguments = [one["expression"] for one in function.get("arguments", ())]
    if name == "regexp_split_to_table":
        listed = {**function, **call("regexp_split_to_array", *arguments)}
        named(function, "unnest")
        function["arguments"] = call("unnest", listed)["arguments"]
    elif name in dialect_json.LISTS and len(arguments) == 1:
        node["function"] = {**function, **call("unnest", filled(dialect_json.LISTS[name], *arguments))}
        node["column_name_alias"] = node["column_name_alias"] or ["value"]
    elif name in dialect_json.PAIRS and len(arguments) == 1:
        _pairs(node, dialect_json.PAIRS[name], arguments[0])


def _pairs(node: Node, value: str, argument: Node) -> None:
    made = query_node(f"SELECT 1 FROM (SELECT key, {value} AS value FROM json_each('{{}}')) AS q")["from_table"]
    made["subquery"]["node"]["from_table"]["function"]["arguments"][0]["expression"] = {**argument, "alias": ""}
    made["alias"] = node["alias"] or str(node["function"]["function_name"])
    made["column_name_alias"] = node["column_name_alias"]
    node.clear()
    node.update(made)
