"""The names of columns as PostgreSQL gives them, and identifiers folded as it folds them. Pure: changes a tree.

Source: PostgreSQL 15, parse_target.c (FigureColname) and chapter 4.1.1.
"""

from __future__ import annotations

from collections.abc import Mapping

from gateway.dialects.dialect_nodes import Source
from gateway.sql import syntax, tree
from gateway.sql.tree import Node

UNNAMED = "?column?"
# What is named weakly gives way to the name of what it is made of.
_WEAK, _STRONG = 1, 2
_OPERATORS: Mapping[str, str] = {
    "OPERATOR_COALESCE": "coalesce",
    "ARRAY_CONSTRUCTOR": "array",
    "GROUPING_FUNCTION": "grouping",
}
TYPES: Mapping[str, str] = {
    "BIGINT": "int8",
    "BLOB": "bytea",
    "BOOLEAN": "bool",
    "DECIMAL": "numeric",
    "DOUBLE": "float8",
    "FLOAT": "float4",
    "INT": "int4",
    "INTEGER": "int4",
    "SMALLINT": "int2",
    "TIMESTAMP WITH TIME ZONE": "timestamptz",
    "TIME WITH TIME ZONE": "timetz",
}
_WRITTEN: Mapping[str, str] = {"float": "float8", "char": "bpchar", "character": "varchar"}


def name(statement: Node, source: Source) -> None:
    """Name every unnamed column of every SELECT, and fold what names there are."""
    for node in tree.nodes(statement):
        if node.get("type") == "SELECT_NODE":
            for item in node["select_list"]:
                _name(item, source)
        elif node.get("type") == "EXPRESSION_LIST" and node["alias"] == "valueslist" and not node["expected_names"]:
            width = len(node["values"][0]) if node["values"] else 0
            node["expected_names"] = [f"column{place}" for place in range(1, width + 1)]
        if node.get("column_name_alias"):
            node["column_name_alias"] = [source.folded(str(one)) for one in node["column_name_alias"]]


def _name(item: Node, source: Source) -> None:
    if item["alias"]:
        item["alias"] = source.folded(str(item["alias"]))
    elif item["class"] == "COLUMN_REF":
        written = str(item["column_names"][-1])
        # A column of a product has a name in lower case anyway, but not one of a subquery.
        if written != written.lower() and written not in source.quoted:
            item["alias"] = written.lower()
    elif item["class"] not in {"STAR", "POSITIONAL_REFERENCE"} and not _spread(item):
        item["alias"] = figured(item, source)[0]


def _spread(item: Node) -> bool:
    """Whether an item may stand for several columns."""
    return any(node.get("class") == "STAR" for node in tree.nodes(item)) and item["class"] != "SUBQUERY"


def figured(node: Node, source: Source) -> tuple[str, int]:
    """The name of an unnamed column, and how strong it is."""
    kind, detail = node["class"], node["type"]
    if kind == "COLUMN_REF":
        return source.folded(str(node["column_names"][-1])), _STRONG
    if kind in {"FUNCTION", "WINDOW"}:
        return _called(node, source)
    if kind == "CAST":
        return _cast(node, source)
    if kind == "CASE":
        found = figured(node["else_expr"], source) if node["else_expr"] else (UNNAMED, 0)
        return found if found[1] == _STRONG else ("case", _WEAK)
    if kind == "COLLATE":
        return figured(node["child"], source)
    if kind == "SUBQUERY":
        return _subquery(node, source)
    if detail in {"ARRAY_EXTRACT", "ARRAY_SLICE"}:
        return figured(node["children"][0], source)
    if detail == "STRUCT_EXTRACT":
        return str(syntax.constant(node["children"][1])), _STRONG
    if detail in _OPERATORS:
        return _OPERATORS[detail], _STRONG
    return UNNAMED, 0


def _called(node: Node, source: Source) -> tuple[str, int]:
    name = str(node["function_name"]).lower()
    if node.get("is_operator") or (name.startswith("regexp_") and source.calls(node) != name):
        return UNNAMED, 0
    if name == tree.MEASURE and len(node["arguments"]) == 1:
        return figured(node["arguments"][0]["expression"], source)
    if name in {"timezone", "ltrim", "rtrim"}:
        return name, _STRONG
    if name == "trim":
        return "btrim", _STRONG
    return source.calls(node) or name, _STRONG


def _cast(node: Node, source: Source) -> tuple[str, int]:
    found = figured(node["child"], source)
    if found[1] == _STRONG:
        return found
    kind = node["type_expr"]
    while str(kind.get("type_name", "")).lower() == "list" and kind.get("children"):
        kind = kind["children"][0]
    written = _WRITTEN.get(source.word(kind), "")
    name = str(kind.get("type_name", ""))
    return written or TYPES.get(name.upper(), name.lower()) or UNNAMED, _WEAK


def _subquery(node: Node, source: Source) -> tuple[str, int]:
    if node["subquery_type"] == "EXISTS":
        return "exists", _STRONG
    if node["subquery_type"] != "SCALAR":
        return UNNAMED, 0
    if source.word(node) == "array":
        return "array", _STRONG
    query = node["subquery"]["node"]
    while query.get("type") == "SET_OPERATION_NODE":
        query = query["left"] or (query.get("children") or [{}])[0]
    items: list[Node] = list(query.get("select_list") or ())
    if len(items) != 1:
        return UNNAMED, 0
    item = items[0]
    return (source.folded(str(item["alias"])), _STRONG) if item["alias"] else figured(item, source)
