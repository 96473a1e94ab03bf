"""What PostgreSQL calls the columns of a query that have no name: changes a tree.

Source: FigureColname of PostgreSQL 15, parser/parse_target.c.
"""

from __future__ import annotations

from gateway.tree import Node, nodes

_TYPES = {
    "int": "int4", "integer": "int4", "bigint": "int8", "smallint": "int2", "boolean": "bool", "double": "float8",
    "real": "float4", "float": "float8", "decimal": "numeric", "character varying": "varchar", "string": "text",
    "timestamp with time zone": "timestamptz", "character": "bpchar", "list": "array",
}  # fmt: skip
_FUNCTIONS = {
    "count_star": "count", "list_value": "array", "substr": "substr", "like_escape": "?column?",
    "not_like_escape": "?column?", "ilike_escape": "?column?", "not_ilike_escape": "?column?",
    "regexp_matches": "?column?", "struct_pack": "row",
}  # fmt: skip
UNNAMED = "?column?"


def name_outputs(statement: Node) -> None:
    """Give every column of every SELECT in `statement` the name that PostgreSQL gives it, in place."""
    for node in nodes(statement):
        for item in node.get("select_list") or ():
            if not item["alias"] and item["class"] not in {"COLUMN_REF", "STAR", "POSITIONAL_REFERENCE"}:
                item["alias"] = output_name(item)


def output_name(item: Node) -> str:
    """The name of one expression's column."""
    return _figured(item)[1]


def _figured(item: Node) -> tuple[int, str]:
    """How sure a name is (0 not at all, 1 a fallback, 2 sure), and the name."""
    match item["class"]:
        case "COLUMN_REF":
            return 2, str(item["column_names"][-1])
        case "FUNCTION" | "WINDOW":
            name = str(item["qualified_name"]["path"][-1]).lower() if item.get("qualified_name") else ""
            if item.get("is_operator") or not (name[:1].isalpha() or name[:1] == "_"):
                return 0, UNNAMED
            found = _FUNCTIONS.get(name, name)
            return (0, UNNAMED) if found == UNNAMED else (2, found)
        case "CAST":
            sure, name = _figured(item["child"])
            return (sure, name) if sure == 2 else (1, _type_name(item["type_expr"]))
        case "COLLATE":
            return _figured(item["child"])
        case "CASE":
            sure, name = _figured(item["else_expr"]) if item["else_expr"] else (0, "")
            return (sure, name) if sure == 2 else (1, "case")
        case "SUBQUERY":
            return _of_subquery(item)
        case "OPERATOR":
            return _of_operator(item)
    return 0, UNNAMED


def _of_subquery(item: Node) -> tuple[int, str]:
    if item["subquery_type"] == "EXISTS":
        return 2, "exists"
    if item["subquery_type"] != "SCALAR":
        return 0, UNNAMED
    columns: list[Node] = item["subquery"]["node"].get("select_list") or []
    if not columns:
        return 0, UNNAMED
    if is_array(item):
        return 2, "array"
    return (2, columns[0]["alias"]) if columns[0]["alias"] else _figured(columns[0])


def is_array(item: Node) -> bool:
    """Whether a subquery is what the parser makes of ARRAY(SELECT ...)."""
    columns: list[Node] = item["subquery"]["node"].get("select_list") or []
    return len(columns) == 1 and columns[0]["class"] == "CASE" and _gathers(columns[0]["else_expr"])


def _gathers(item: Node | None) -> bool:
    if item is None or item.get("function_name") != "array_agg":
        return False
    arguments = item["arguments"]
    return len(arguments) == 1 and arguments[0]["expression"]["class"] == "POSITIONAL_REFERENCE"


def _of_operator(item: Node) -> tuple[int, str]:
    match item["type"]:
        case "OPERATOR_COALESCE":
            return 2, "coalesce"
        case "ARRAY_CONSTRUCTOR":
            return 2, "array"
        case "ARRAY_EXTRACT" | "ARRAY_SLICE":
            return _figured(item["children"][0])
        case "STRUCT_EXTRACT":
            return 2, str(item["children"][1]["literal"]["text"])
    return 0, UNNAMED


def _type_name(item: Node) -> str:
    path = item.get("qualified_name", {}).get("path") or [""]
    name = str(path[-1]).lower()
    if name == "list" and item.get("children"):
        return _type_name(item["children"][0])
    return _TYPES.get(name, name)
