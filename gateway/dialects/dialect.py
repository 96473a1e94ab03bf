"""PostgreSQL's meaning of a statement, as changes to its tree before it is checked: a closed list of rules.

Pure: tree to tree. Nothing is granted here: what comes out is bound and checked like any other tree, so a rule can
change what a statement means, never what it may read. Source: PostgreSQL 15, chapters 4, 8 and 9.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Literal

from gateway.dialects import (
    dialect_calls,
    dialect_casts,
    dialect_json,
    dialect_missing,
    dialect_names,
    dialect_rows,
    dialect_sets,
    dialect_settle,
    dialect_text,
    dialect_times,
    dialect_types,
)
from gateway.dialects.dialect_nodes import Source, array_node, call, named, replaced, text_node
from gateway.errors import BadQuery
from gateway.sql import syntax, tree
from gateway.sql.tree import Node

Dialect = Literal["duckdb", "postgres"]
_LIKE = {
    "~~": "like_escape",
    "!~~": "not_like_escape",
    "~~*": "ilike_escape",
    "!~~*": "not_ilike_escape",
}


def source(text: str) -> Source:
    """A client's text, and how DuckDB's parser reads it. Raises BadQuery."""
    return Source(text, dialect_text.spelled(text))


def spoken(statement: Node, source: Source) -> None:
    """Change a parsed `statement` in place to what PostgreSQL means by its `source`. Raises BadQuery."""
    # What is made here is bounded as what is checked later is: nothing may grow on the way.
    if tree.depth(statement) > tree.DEPTH_LIMIT:
        raise BadQuery("the query is nested too deeply", reason="limit")
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
        dialect_rows.ties(node, source)
        for item in node["select_list"]:
            dialect_rows.spread(item, source)
            if not _distinct(node):
                dialect_calls.settle(item, source)
    elif node.get("type") == "TABLE_FUNCTION":
        dialect_rows.relation(node)


def _function(node: Node, source: Source) -> None:
    name = str(node["function_name"])
    arguments = [one["expression"] for one in node["arguments"]]
    if node["is_operator"]:
        if not (dialect_json.operator(node, name, arguments) or dialect_sets.operator(node, name, arguments, source)):
            _operator(node, name, arguments)
    elif name == "regexp_full_match" and source.word(node) in {"similar", "not"}:
        _similar(node, arguments)
    elif name == "regexp_matches" and len(arguments) > 1:
        _regular(arguments[1])
    else:
        dialect_calls.rewrite(node, name.lower(), arguments, source)


def _operator(node: Node, name: str, arguments: list[Node]) -> None:
    """Integers divide to integers, and a backslash escapes in LIKE."""
    if name == "/" and len(arguments) == 2 and not dialect_times.is_interval(arguments[0]):
        named(node, "//")
    elif name == "-" and dialect_times.difference(node, arguments):
        return
    elif name == "|/":
        named(node, "sqrt", operator=False)
    elif name == "||/":
        named(node, "cbrt", operator=False)
    elif name in _LIKE and len(arguments) == 2:
        pattern = arguments[1]
        if pattern["class"] == "PARAMETER" or "\\" in str(syntax.constant(pattern)):
            replaced(node, call(_LIKE[name], *arguments, text_node("\\")))
    else:
        dialect_missing.operator(node, name)


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


def _subquery(node: Node, source: Source) -> None:
    """`= ANY('{1,2}')`: the text of an array is one."""
    if node["subquery_type"] != "ANY" or dialect_sets.quantified(node, source):
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


def typed(statement: Node, columns: Mapping[str, Collection[str]], source: Source) -> None:
    """Give the columns of a resolved `statement` PostgreSQL's types, where DuckDB's functions have others.

    `columns` are the types of every column that it may read, by name.
    """
    dialect_settle.exact(statement, dialect_types.Types(statement, columns, source))
    types = dialect_types.Types(statement, columns, source)
    dialect_settle.named(statement, types)
    shown = {id(query) for query in dialect_types.outermost(statement["node"])}
    for node in tree.nodes(statement):
        if node.get("type") == "SELECT_NODE" and not _distinct(node):
            for item in node["select_list"]:
                if not dialect_settle.settle(item, types, shown=id(node) in shown):
                    dialect_casts.settle(item)


def _distinct(node: Node) -> bool:
    """Whether an ORDER BY must find its expressions among the columns as they are written."""
    modifiers = {one["type"] for one in node["modifiers"]}
    return {"DISTINCT_MODIFIER", "ORDER_MODIFIER"} <= modifiers
