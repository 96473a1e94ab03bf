"""PostgreSQL's meaning of a statement, as changes to its tree before it is checked: a closed list of rules.

Pure: tree to tree. Nothing is granted here: what comes out is bound and checked like any other tree, so a rule can
change what a statement means, never what it may read. Source: PostgreSQL 15, chapters 4, 8 and 9.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Literal

from gateway import dialect_calls, dialect_casts, dialect_names, syntax, tree
from gateway.dialect_nodes import Source, array_node, call, named, replaced, text_node
from gateway.errors import BadQuery
from gateway.tree import Node

Dialect = Literal["duckdb", "postgres"]
_LIKE = {
    "~~": "like_escape",
    "!~~": "not_like_escape",
    "~~*": "ilike_escape",
    "!~~*": "not_ilike_escape",
}


def spoken(statement: Node, text: str) -> None:
    """Change a parsed `statement` in place to what PostgreSQL means by `text`. Raises BadQuery."""
    # What is made here is bounded as what is checked later is: nothing may grow on the way.
    if tree.depth(statement) > tree.DEPTH_LIMIT:
        raise BadQuery("the query is nested too deeply", reason="limit")
    source = Source(text)
    dialect_names.name(statement, source)
    # Parents after their children: what a rule has made is not read again.
    for count, node in enumerate(reversed(list(tree.nodes(statement))), 1):
        if count > tree.NODE_LIMIT:
            raise BadQuery(f"the query is too large: at most {tree.NODE_LIMIT} syntax nodes", reason="limit")
        _apply(node, source)


def _apply(node: Node, source: Source) -> None:
    if node.get("type") == "DESCENDING":
        if node["null_order"] == "ORDER_DEFAULT":
            node["null_order"] = "NULLS_FIRST"
        return
    rule = _RULES.get(str(node.get("class")))
    if rule is not None:
        rule(node, source)
    elif node.get("type") == "SELECT_NODE":
        for item in node["select_list"]:
            _series(item)
            if not _distinct(node):
                dialect_calls.settle(item, source)


def _series(item: Node) -> None:
    """generate_series among the columns gives rows, not a list."""
    if item.get("class") == "FUNCTION" and item["function_name"] == "generate_series":
        replaced(item, call("unnest", item))


def _function(node: Node, source: Source) -> None:
    name = str(node["function_name"])
    arguments = [one["expression"] for one in node["arguments"]]
    if node["is_operator"]:
        _operator(node, name, arguments)
    elif name == "regexp_full_match" and source.word(node) in {"similar", "not"}:
        _similar(node, arguments)
    elif name == "regexp_matches" and len(arguments) > 1:
        _regular(arguments[1])
    else:
        dialect_calls.rewrite(node, name.lower(), arguments, source)


def _operator(node: Node, name: str, arguments: list[Node]) -> None:
    """Integers divide to integers, and a backslash escapes in LIKE."""
    if name == "/" and len(arguments) == 2 and not _interval(arguments[0]):
        named(node, "//")
    elif name == "|/":
        named(node, "sqrt", operator=False)
    elif name == "||/":
        named(node, "cbrt", operator=False)
    elif name in _LIKE and len(arguments) == 2:
        pattern = arguments[1]
        if pattern["class"] == "PARAMETER" or "\\" in str(syntax.constant(pattern)):
            replaced(node, call(_LIKE[name], *arguments, text_node("\\")))


def _interval(node: Node) -> bool:
    """Whether a dividend is an interval: only `/` divides one."""
    if node["class"] == "CAST":
        return str(node["type_expr"].get("type_name", "")).upper() == "INTERVAL"
    if node["class"] != "FUNCTION":
        return False
    name = str(node["function_name"]).lower()
    if name in {"+", "-", "*", "//", "/"}:
        return any(_interval(one["expression"]) for one in node["arguments"])
    return name == "age" or (name.startswith("to_") and name in _SPANS)


_SPANS = frozenset(f"to_{unit}" for unit in "years months weeks days hours minutes seconds milliseconds".split())
_WILD: Mapping[str, str] = {"%": ".*", "_": ".", ".": "\\.", "^": "\\^", "$": "\\$"}


def _similar(node: Node, arguments: list[Node]) -> None:
    """SIMILAR TO: SQL's regular expressions as those of the engine."""
    pattern = syntax.constant(arguments[1])
    if not isinstance(pattern, str):
        raise BadQuery("SIMILAR TO takes a constant pattern", reason="unsupported", position=tree.position(node))
    letters, escaped, listed = [], False, False
    for letter in pattern:
        if escaped or letter == "\\":
            letters.append("\\" + letter if escaped and not letter.isalnum() else letter if escaped else "")
            escaped = not escaped
            continue
        listed = letter == "[" or (listed and letter != "]")
        letters.append(letter if listed else _WILD.get(letter, letter))
    replaced(arguments[1], text_node(f"(?s:{''.join(letters)})"))


def _regular(pattern: Node) -> None:
    """PostgreSQL's word boundaries, where a pattern is constant."""
    text = syntax.constant(pattern)
    if isinstance(text, str) and any(mark in text for mark in ("\\m", "\\M", "\\y")):
        for mark in ("\\m", "\\M", "\\y"):
            text = text.replace(mark, "\\b")
        replaced(pattern, text_node(text))


def _cast(node: Node, source: Source) -> None:
    dialect_casts.rewrite(node, source)


def _subquery(node: Node, _: Source) -> None:
    """`= ANY('{1,2}')`: the text of an array is one."""
    if node["subquery_type"] != "ANY":
        return
    item = (node["subquery"]["node"].get("select_list") or [{}])[0]
    if item.get("class") == "FUNCTION" and item["function_name"] == "unnest":
        (argument,) = (one["expression"] for one in item["arguments"])
        text = syntax.constant(argument) if argument["class"] == "CONSTANT" else None
        if isinstance(text, str):
            replaced(argument, array_node(text, None))


_RULES: Mapping[str, Callable[[Node, Source], None]] = {
    "FUNCTION": _function,
    "CAST": _cast,
    "SUBQUERY": _subquery,
}


def typed(statement: Node, columns: Mapping[str, Collection[str]]) -> None:
    """Give the columns of a resolved `statement` PostgreSQL's types, where DuckDB's functions have others.

    `columns` are the types of every column that it may read, by name.
    """
    queries = [node for node in tree.nodes(statement) if node.get("type") == "SELECT_NODE"]
    # A name that a SELECT gives to something else says nothing of a column's type.
    given = {str(item["alias"]).lower() for node in queries for item in node["select_list"] if item["alias"]}
    columns = {**_listed(statement), **{name: kinds for name, kinds in columns.items() if name not in given}}
    for node in queries:
        if not _distinct(node):
            for item in node["select_list"]:
                dialect_casts.settle(item, columns)


def _listed(statement: Node) -> dict[str, Collection[str]]:
    """The integer columns of `(VALUES ...) AS t(a, b)`."""
    found: dict[str, Collection[str]] = {}
    for node in tree.nodes(statement):
        values = node["subquery"]["node"].get("from_table") if node.get("type") == "SUBQUERY" else None
        if values is None or values.get("type") != "EXPRESSION_LIST" or not node.get("column_name_alias"):
            continue
        for name, *column in zip(node["column_name_alias"], *values["values"], strict=False):
            if all(dialect_casts.short(one, {}) for one in column):
                found[str(name).lower()] = ("INTEGER",)
    return found


def _distinct(node: Node) -> bool:
    """Whether an ORDER BY must find its expressions among the columns as they are written."""
    return any(one["type"] == "DISTINCT_MODIFIER" for one in node["modifiers"])
