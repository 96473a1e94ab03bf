"""PostgreSQL's operators and functions of json and jsonb as DuckDB's. Pure: changes a tree.

jsonb is json here: what depends on its order of keys is DuckDB's. Source: PostgreSQL 15, chapter 9.16.
"""

from __future__ import annotations

from collections.abc import Mapping

from gateway.dialects.dialect_nodes import call, elements, filled, replaced, text_node
from gateway.dialects.dialect_text import HAS_KEY, JSON_GET, JSON_PATH, JSON_PATH_TEXT
from gateway.errors import BadQuery
from gateway.sql import syntax, tree
from gateway.sql.tree import Node

EXPRESSIONS: Mapping[tuple[str, int], str] = {
    **{(f"{name}_typeof", 1): "CASE json_type($1) WHEN 'OBJECT' THEN 'object' WHEN 'ARRAY' THEN 'array' "
       "WHEN 'VARCHAR' THEN 'string' WHEN 'BOOLEAN' THEN 'boolean' WHEN 'NULL' THEN 'null' "
       "WHEN NULL THEN NULL ELSE 'number' END" for name in ("json", "jsonb")},
    ("to_jsonb", 1): "to_json($1)",
    ("jsonb_strip_nulls", 1): "json_merge_patch('{}', $1)",
    ("json_strip_nulls", 1): "json_merge_patch('{}', $1)",
}  # fmt: skip
# Functions that give rows: what they are as a list, for SELECT, and as a relation, for FROM.
_TEXTS = "list_transform(CAST($1 AS JSON[]), lambda item: item ->> '$')"
LISTS: Mapping[str, str] = {
    **dict.fromkeys(("json_array_elements", "jsonb_array_elements"), "CAST($1 AS JSON[])"),
    **dict.fromkeys(("json_array_elements_text", "jsonb_array_elements_text"), _TEXTS),
    **dict.fromkeys(("json_object_keys", "jsonb_object_keys"), "json_keys($1)"),
}
PAIRS: Mapping[str, str] = {
    **dict.fromkeys(("json_each", "jsonb_each"), "value"),
    **dict.fromkeys(("json_each_text", "jsonb_each_text"), "json_extract_string(value, '$')"),
}


def operator(node: Node, name: str, arguments: list[Node]) -> bool:
    """An operator of json; False where `node` is none."""
    if name == JSON_GET:
        replaced(node, call("json_extract", arguments[0], _step(arguments[1])))
    elif name == "->>" and len(arguments) == 2 and isinstance(_constant(arguments[1]), int):
        replaced(node, call("json_extract_string", arguments[0], _step(arguments[1])))
    elif name in {JSON_PATH, JSON_PATH_TEXT}:
        function = "json_extract" if name == JSON_PATH else "json_extract_string"
        replaced(node, call(function, arguments[0], _path(node, arguments[1])))
    elif name == HAS_KEY:
        replaced(node, filled("list_contains(json_keys($1), $2)", *arguments))
    elif name in {"@>", "<@"} and any(_is_json(one) for one in arguments):
        whole, part = arguments if name == "@>" else reversed(arguments)
        replaced(node, filled("json_contains($1, $2)", whole, part))
    elif name == "||" and len(arguments) == 2 and all(_is_json(one) for one in arguments):
        replaced(node, filled("json_merge_patch($1, $2)", *arguments))
    else:
        return False
    return True


def _constant(node: Node) -> int | str | None:
    return syntax.constant(node) if node["class"] in {"CONSTANT", "FUNCTION", "CAST"} else None


def _is_json(node: Node) -> bool:
    return node["class"] == "CAST" and str(node["type_expr"].get("type_name", "")).upper() in {"JSON", "JSONB"}


def _step(key: Node) -> Node:
    """A key or a place as a path of DuckDB's; what is not constant is a key as it is."""
    value = _constant(key)
    return key if value is None else text_node(f"$[{value}]".replace("[-", "[#-") if isinstance(value, int) else
                                               f"$.{_key(value)}")  # fmt: skip


def _key(name: str) -> str:
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _path(node: Node, path: Node) -> Node:
    """`'{a,0,b}'` as a path of DuckDB's."""
    text = _constant(path)
    names: list[int | str | None] = list(elements(text)) if isinstance(text, str) else []
    if path.get("type") == "ARRAY_CONSTRUCTOR":
        names = [_constant(one) for one in path["children"]]
    if not names or any(name is None for name in names):
        raise BadQuery("a path into json is constant", reason="unsupported", position=tree.position(node),
                       hint="write j #>> '{a,b}', or j -> 'a' ->> 'b'")  # fmt: skip
    steps = [f"[{name}]".replace("[-", "[#-") if _is_place(str(name)) else f".{_key(str(name))}" for name in names]
    return text_node("$" + "".join(steps))


def _is_place(name: str) -> bool:
    return name.removeprefix("-").isdecimal() and name.isascii()


def extracted(node: Node, name: str, arguments: list[Node]) -> None:
    """json_extract_path(j, 'a', 'b') and its like."""
    keys = [_constant(one) for one in arguments[1:]]
    if any(not isinstance(key, str) for key in keys):
        raise BadQuery("a path into json is constant", reason="unsupported", position=tree.position(node),
                       hint="write j -> 'a' ->> 'b'")  # fmt: skip
    steps = [f"[{key}]" if _is_place(str(key)) else f".{_key(str(key))}" for key in keys]
    function = "json_extract_string" if name.endswith("_text") else "json_extract"
    replaced(node, call(function, arguments[0], text_node("$" + "".join(steps))))
