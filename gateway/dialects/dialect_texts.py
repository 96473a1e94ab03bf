"""PostgreSQL's functions of texts and arrays as DuckDB's. Pure: changes a tree.

Source: PostgreSQL 15, chapters 9.4 and 9.19.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from gateway.dialects.dialect_nodes import call, filled, number_node, operated, replaced, text_node
from gateway.errors import BadQuery
from gateway.sql import syntax, tree
from gateway.sql.tree import Node

_WORDS = r"regexp_extract_all(lower($1), '[\p{L}\p{N}]+|[^\p{L}\p{N}]+')"
_QUOTED = "'''' || replace(CAST($1 AS VARCHAR), '''', '''''') || ''''"
_IDENTIFIER = (
    "CASE WHEN regexp_full_match($1, '[a-z_][a-z0-9_$]*') THEN $1 ELSE '\"' || replace($1, '\"', '\"\"') || '\"' END"
)
EXPRESSIONS: Mapping[tuple[str, int], str] = {
    ("initcap", 1): f"array_to_string(list_transform({_WORDS}, "
    "lambda word: upper(left(word, 1)) || substr(word, 2)), '')",
    ("quote_literal", 1): _QUOTED,
    ("quote_nullable", 1): f"coalesce({_QUOTED}, 'NULL')",
    ("quote_ident", 1): _IDENTIFIER,
    ("sha256", 1): "unhex(sha256($1))",
    ("array_remove", 2): "list_filter($1, lambda item: item IS DISTINCT FROM $2)",
    ("array_replace", 3): "list_transform($1, lambda item: "
    "CASE WHEN item IS NOT DISTINCT FROM $2 THEN $3 ELSE item END)",
    ("array_positions", 2): "list_filter(list_transform($1, lambda item, place: "
    "CASE WHEN item IS NOT DISTINCT FROM $2 THEN CAST(place AS INTEGER) END), lambda place: place IS NOT NULL)",
    ("trim_array", 2): "list_slice($1, 1, len($1) - $2)",
    ("array_dims", 1): "CASE WHEN len($1) > 0 THEN '[1:' || CAST(len($1) AS VARCHAR) || ']' END",
    ("array_to_string", 3): "array_to_string(list_transform($1, lambda item: coalesce(CAST(item AS VARCHAR), $3)), $2)",
    ("string_to_array", 3): "list_transform(string_to_array($1, $2), lambda item: nullif(item, $3))",
}  # fmt: skip
_FORMATS = re.compile(r"%(?:(\d{1,3})\$)?(-?)(\d{0,4})([sIL%])|([^%]+)")
_SPECIFIED = {"s": "CAST($1 AS VARCHAR)", "I": _IDENTIFIER.replace("$1", "CAST($1 AS VARCHAR)"),
              "L": f"coalesce({_QUOTED}, 'NULL')"}  # fmt: skip
_LENGTH_LIMIT = 1000


def formatted(node: Node, arguments: list[Node]) -> None:
    """format('%s of %I', ...): texts side by side. Raises BadQuery."""
    pattern = syntax.constant(arguments[0]) if arguments else None
    if not isinstance(pattern, str) or len(pattern) > _LENGTH_LIMIT:
        raise BadQuery("format takes a constant format", reason="unsupported", position=tree.position(node),
                       hint="concat(...) or || join texts")  # fmt: skip
    parts, place, following = list[Node](), 0, 1
    while place < len(pattern):
        found = _FORMATS.match(pattern, place)
        if found is None:
            raise BadQuery("this format is not one of format()", reason="value", position=tree.position(node),
                           hint="%s, %I, %L, %%")  # fmt: skip
        place = found.end()
        number, left, width, kind, plain = found.groups()
        if kind is None or kind == "%":
            parts.append(text_node(plain or "%"))
            continue
        following = int(number) if number else following
        if not 0 < following < len(arguments):
            raise BadQuery("too few arguments for format()", reason="value", position=tree.position(node))
        parts.append(_padded(_shown(kind, arguments[following]), left, int(width or 0)))
        following += 1
    whole = parts[0] if parts else text_node("")
    for part in parts[1:]:
        whole = operated("||", whole, part)
    replaced(node, whole)


def _shown(kind: str, argument: Node) -> Node:
    if kind != "s":
        return filled(_SPECIFIED[kind], argument)
    return filled("coalesce(CAST($1 AS VARCHAR), '')", truth(argument))


def _padded(part: Node, left: str, width: int) -> Node:
    if width == 0:
        return part
    longest = filled("length($1)", part)
    padded = call("rpad" if left else "lpad", part, number_node(width), text_node(" "))
    return filled("CASE WHEN $1 < $2 THEN $3 ELSE $4 END", longest, number_node(width), padded, part)


_TRUTHS = frozenset({"COMPARISON", "CONJUNCTION", "BETWEEN"})


def truth(node: Node) -> Node:
    """A value that is written as a text: of a boolean, as far as it is seen to be one, t or f."""
    boolean = node["class"] == "CONSTANT" and node["literal"]["kind"] == "BOOLEAN"
    if node["class"] == "CAST":
        boolean = str(node["type_expr"].get("type_name", "")).upper() in {"BOOL", "BOOLEAN"}
    return filled("left(CAST($1 AS VARCHAR), 1)", node) if boolean or node["class"] in _TRUTHS else node


def joined(node: Node, arguments: list[Node]) -> None:
    """concat and concat_ws: booleans as t and f."""
    for place, argument in enumerate(arguments):
        node["arguments"][place]["expression"] = truth(argument)


def fill(node: Node, arguments: list[Node]) -> None:
    """array_fill(value, ARRAY[n]) with a constant length."""
    lengths = arguments[1]["children"] if len(arguments) == 2 and arguments[1].get("children") else []
    count = syntax.constant(lengths[0]) if len(lengths) == 1 else None
    if not isinstance(count, int) or not 0 <= count <= _LENGTH_LIMIT:
        raise BadQuery(f"array_fill takes one constant length of at most {_LENGTH_LIMIT}", reason="unsupported",
                       position=tree.position(node))  # fmt: skip
    replaced(node, filled(f"list_transform(range({count}), lambda place: $1)", arguments[0]))


def converted(node: Node, arguments: list[Node]) -> None:
    """convert_from and convert_to of UTF-8, which every text is."""
    name = str(syntax.constant(arguments[1])).lower().replace("-", "") if len(arguments) == 2 else ""
    if name not in {"utf8", "unicode"}:
        raise BadQuery("texts are UTF8 here", reason="unsupported", position=tree.position(node))
    decoding = str(node["function_name"]).lower() == "convert_from"
    replaced(node, filled("decode($1)" if decoding else "encode($1)", arguments[0]))
