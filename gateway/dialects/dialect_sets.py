"""LIKE ANY and ALL, OVERLAPS, and operators that stand between arrays or bits, as expressions of DuckDB's. Pure.

Source: PostgreSQL 15, chapters 9.3, 9.7, 9.9, 9.19 and 9.24.
"""

from __future__ import annotations

from gateway.dialects.dialect_nodes import Source, array_node, call, filled, first_place, operated, replaced
from gateway.dialects.dialect_text import OVERLAPS, XOR
from gateway.errors import BadQuery
from gateway.sql import syntax, tree
from gateway.sql.tree import Node

_EXPANDED = 200
# Patterns as DuckDB's parser writes each operator of one.
_MATCHES = {
    "~~": "$1 LIKE $2",
    "!~~": "$1 NOT LIKE $2",
    "~~*": "$1 ILIKE $2",
    "!~~*": "$1 NOT ILIKE $2",
    "~": "regexp_matches($1, $2)",
    "!~": "NOT regexp_matches($1, $2)",
    "~*": "regexp_matches($1, $2, 'i')",
    "!~*": "NOT regexp_matches($1, $2, 'i')",
}
_ESCAPED = {"~~": "", "!~~": "not_", "~~*": "i", "!~~*": "not_i"}


def quantified(node: Node, source: Source) -> bool:
    """`x LIKE ANY (patterns)` as what it is for each of them; False where `node` is nothing of the kind."""
    marks = source.spelling.quantified
    item = (node["subquery"]["node"].get("select_list") or [{}])[0] if marks else {}
    if item.get("class") != "FUNCTION" or item["function_name"] != "unnest":
        return False
    (patterns,) = (one["expression"] for one in item["arguments"])
    mark = marks.get(first_place(patterns) or -1)
    if mark is None:
        return False
    operator, every = mark
    text = syntax.constant(patterns)
    if isinstance(text, str):
        patterns = array_node(text, None)
    listed = patterns["children"] if patterns.get("type") == "ARRAY_CONSTRUCTOR" else None
    if listed and len(listed) <= _EXPANDED:
        source.spend(node["child"], len(listed))
        tests = [_matched(operator, node["child"], pattern) for pattern in listed]
        kind = "CONJUNCTION_AND" if every else "CONJUNCTION_OR"
        both = filled("$1 AND $1", tests[0])
        replaced(node, {**both, "type": kind, "children": tests} if len(tests) > 1 else tests[0])
        return True
    _each(node, operator, every, patterns, source)
    return True


def _matched(operator: str, value: Node, pattern: Node) -> Node:
    text = syntax.constant(pattern)
    if operator in _ESCAPED and (not isinstance(text, str) or "\\" in text):
        return filled(f"{_ESCAPED[operator]}like_escape($1, $2, '\\')".replace("iilike", "ilike"), value, pattern)
    return filled(_MATCHES[operator], value, pattern)


def _each(node: Node, operator: str, every: bool, patterns: Node, source: Source) -> None:
    """Patterns that are known when it runs only."""
    source.spend(patterns, 2)
    source.spend(node["child"], 1)
    if operator in _ESCAPED:
        test = f"{_ESCAPED[operator]}like_escape($1, pattern, '\\')"
    else:
        test = _MATCHES[operator].replace("$2", "pattern")
    found = f"list_bool_{'and' if every else 'or'}(list_transform($2, lambda pattern: {test}))"
    none = "true" if every else "false"
    replaced(node, filled(f"CASE WHEN len($2) = 0 THEN {none} ELSE {found} END", node["child"], patterns))


def operator(node: Node, name: str, arguments: list[Node], source: Source) -> bool:
    """An operator between arrays, rows or bits; False where `node` is none of them."""
    if name == XOR and len(arguments) == 2:
        replaced(node, call("xor", *arguments))
    elif name == OVERLAPS:
        _overlaps(node, arguments, source)
    elif name == "||" and len(arguments) == 2 and _is_list(arguments[0]) != _is_list(arguments[1]):
        left, right = arguments
        if _is_list(left) and _is_item(right):
            replaced(node, call("list_append", left, right))
        elif _is_item(left):
            replaced(node, call("list_prepend", left, right))
        else:
            return False
    else:
        return False
    return True


def _is_list(node: Node) -> bool:
    if node["class"] == "CAST":
        return str(node["type_expr"].get("type_name", "")).lower() == "list"
    if node["class"] == "FUNCTION":
        return str(node["function_name"]) in {"list_append", "list_prepend", "array_append", "array_prepend"}
    return node.get("type") == "ARRAY_CONSTRUCTOR"


def _is_item(node: Node) -> bool:
    """Whether an operand is one value and no array, as far as is written."""
    if node["class"] == "CONSTANT":
        return node["literal"]["kind"] in {"INTEGER", "NUMERIC", "BOOLEAN"}
    return node["class"] == "CAST" and str(node["type_expr"].get("type_name", "")).lower() != "list"


def _overlaps(node: Node, arguments: list[Node], source: Source) -> None:
    """Two periods, each from its smaller bound; where both are one moment they overlap there."""
    rows = [[one["expression"] for one in row["arguments"]] for row in arguments if row.get("function_name") == "row"]
    if len(rows) != 2 or any(len(row) != 2 for row in rows):
        raise BadQuery("OVERLAPS takes two pairs of times", reason="syntax", position=tree.position(node))
    ends = []
    for start, end in rows:
        source.spend(start, 8)
        source.spend(end, 8)
        length = end["class"] == "CAST" and str(end["type_expr"].get("type_name", "")).upper() == "INTERVAL"
        ends += [start, operated("+", start, end) if length else end]
    low, high = ("least($1, $2)", "greatest($1, $2)")
    bounds = [filled(one, *ends[place : place + 2]) for place in (0, 2) for one in (low, high)]
    text = "CASE WHEN $1 = $3 THEN true WHEN $1 > $3 THEN $1 < $4 ELSE $3 < $2 END"
    replaced(node, filled(text, *bounds))
