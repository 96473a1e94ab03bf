"""Nodes that the rules of a dialect make: calls, casts, constants, lists; and what the client wrote. Pure."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Sequence

from gateway.dialects.dialect_text import Spelling
from gateway.errors import BadQuery
from gateway.sql import duck, tree
from gateway.sql.tree import Node

_KEPT = ("alias", "query_location", "query_location_length")


class Source:
    """A client's text, by the places that a tree tells."""

    def __init__(self, text: str, spelling: Spelling | None = None) -> None:
        self._bytes = text.encode()
        self.spelling = spelling or Spelling(text)
        self._copied = 0
        self.quoted = frozenset(re.findall(r'"((?:[^"]|"")+)"', text))

    def spend(self, node: Node, times: int) -> None:
        """Count the copies of a node that a rule makes. Raises BadQuery (limit)."""
        self._copied += times * sum(1 for _ in tree.nodes(node))
        if self._copied > tree.NODE_LIMIT:
            raise BadQuery(f"the query is too large: at most {tree.NODE_LIMIT} syntax nodes", reason="limit")

    def word(self, node: Node) -> str:
        """The word at a node's place, in lower case; "" for a node that the parser made itself."""
        place = tree.position(node)
        found = re.compile(rb"[A-Za-z_][\w$]*").match(self._bytes, place) if place is not None else None
        return found[0].decode().lower() if found is not None else ""

    def calls(self, node: Node) -> str:
        """The function that is called at a node's place, "" where there is none."""
        place = tree.position(node)
        found = re.compile(rb"([A-Za-z_][\w$]*)\s*\(").match(self._bytes, place) if place is not None else None
        return found[1].decode().lower() if found is not None else ""

    def folded(self, name: str) -> str:
        """An identifier as PostgreSQL folds it: to lower case, unless the text holds it in quotes."""
        return name if name in self.quoted else name.lower()


def replaced(node: Node, other: Node) -> None:
    """Make `node` what `other` is, under its own alias and place."""
    kept = {key: node[key] for key in _KEPT if key in node}
    made = dict(other)
    node.clear()
    node.update(made)
    node.update(kept)


def named(node: Node, name: str, *, operator: bool | None = None) -> None:
    """Call another function with the same arguments."""
    node["function_name"] = name
    node["qualified_name"] = {**node["qualified_name"], "path": [name]}
    if operator is not None:
        node["is_operator"] = operator


def call(name: str, *arguments: Node) -> Node:
    """A call of a function."""
    items = [{"name": "", "expression": {**argument, "alias": ""}} for argument in arguments]
    made = _template("f()")
    return {**made, "function_name": name, "qualified_name": {"path": [name]}, "arguments": items}


def operated(name: str, left: Node, right: Node) -> Node:
    """An operator between two expressions."""
    return {**call(name, left, right), "is_operator": True}


def filled(text: str, *arguments: Node) -> Node:
    """The expression `text` with `arguments` for $1, $2, ..."""
    whole = _template(text)
    for node in list(tree.nodes(whole)):
        if node.get("class") == "PARAMETER":
            replaced(node, {**_copied(arguments[int(node["identifier"]) - 1]), "alias": ""})
    return whole


def cast(node: Node, kind: str) -> Node:
    """`node` as the type `kind`."""
    return {**_template(f"CAST(NULL AS {kind})"), "child": {**node, "alias": ""}}


def text_node(value: str) -> Node:
    """A constant text."""
    return {**_template("'x'"), "literal": {"kind": "STRING", "text": value}}


def number_node(value: int) -> Node:
    """A constant integer."""
    return {**_template("'x'"), "literal": {"kind": "INTEGER", "text": str(value)}}


def first_place(node: Node) -> int | None:
    """Where the leftmost part of an expression stands."""
    return min((place for one in tree.nodes(node) if (place := tree.position(one)) is not None), default=None)


def array_node(text: str, kind: Node | None) -> Node:
    """`{a,"b c",NULL}` as a list, each element cast to `kind` if there is one. Raises BadQuery (value)."""
    items = [_template("NULL") if item is None else text_node(item) for item in elements(text)]
    if kind is not None:
        blank = _template("CAST(NULL AS INTEGER)")
        items = [{**blank, "child": item, "type_expr": _copied(kind)} for item in items]
    elif all(item is not None and _NUMBER.fullmatch(item) for item in elements(text)):
        items = [_template(str(item)) for item in elements(text)]
    return {**_template("ARRAY[1]"), "children": items}


_NUMBER = re.compile(r"-?\d{1,18}")


def elements(text: str) -> Sequence[str | None]:
    """The elements of an array's text, of one dimension. Raises BadQuery (value)."""
    body = text.strip()
    if not (body.startswith("{") and body.endswith("}")):
        raise BadQuery("malformed array literal", reason="value", hint='write {1,2} or {"a b",c}')
    found: list[str | None] = []
    rest = body[1:-1].strip()
    while rest:
        item = re.match(r'\s*(?:"((?:[^"\\]|\\.)*)"|([^,{}"\\]+))\s*(?:,(?=.)|$)', rest, re.DOTALL)
        if item is None:
            raise BadQuery("malformed array literal", reason="value", hint="one dimension, elements between commas")
        bare = (item[2] or "").strip()
        quoted = re.sub(r"\\(.)", r"\1", item[1], flags=re.DOTALL) if item[1] is not None else None
        found.append(quoted if quoted is not None else None if bare.lower() == "null" else bare)
        rest = rest[item.end() :]
    return found


def _copied(node: Node) -> Node:
    copy: Node = json.loads(json.dumps(node))
    return copy


@functools.lru_cache(maxsize=4096)
def _parsed(text: str) -> str:
    return json.dumps(duck.expression(text) if text != "f()" else duck.parse("SELECT f()")["node"]["select_list"][0])


def _template(text: str) -> Node:
    """The tree of an expression of ours, without places in a text."""
    return _placeless(json.loads(_parsed(text)))


def _placeless(made: Node) -> Node:
    for node in tree.nodes(made):
        if "query_location" in node:
            node["query_location"] = _NOWHERE
    return made


def query_node(text: str) -> Node:
    """The tree of a SELECT of ours, without places in a text."""
    return _placeless(json.loads(_parsed_query(text)))


@functools.lru_cache(maxsize=256)
def _parsed_query(text: str) -> str:
    return json.dumps(duck.parse(text)["node"])


_NOWHERE = (1 << 64) - 1
