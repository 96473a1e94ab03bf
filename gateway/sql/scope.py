"""Which relation each name in a statement means: CTEs first, then the tables that the caller resolves.

Pure: changes the tree that it is given and reads nothing else. Every name is either one of the statement's own CTEs,
renamed so that it can be nothing else, or answered by `resolve`; the engine is never left to look a name up.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from gateway.errors import BadQuery
from gateway.sql import grammar
from gateway.sql.tree import NESTED, Node, nodes, position

Path = tuple[str, ...]
IDENTIFIER = re.compile(r"[a-z][a-z0-9_]{0,62}")
CATALOG = "outport"


@dataclass(frozen=True, slots=True)
class Users:
    """Whom current_user and session_user name: on whose behalf is asked, and who has signed in."""

    current: str
    session: str


@dataclass
class Names:
    """What a walk has found: the paths asked for, and the CTEs' own names."""

    paths: list[Path] = field(default_factory=list)
    ctes: set[str] = field(default_factory=set)
    _unaliased: set[Path] = field(default_factory=set)


def resolve(statement: Node, target: Callable[[Path, int | None], Path]) -> Names:
    """Rename CTEs and replace every other relation of `statement` by `target(path, position)`, in place.

    A relation keeps the name that the client knows it by as its alias. Raises what `target` raises, and BadQuery.
    """
    names = Names()
    _walk(statement, {}, names, target)
    _strip_schemas(statement, names)
    return names


def relations(statement: Node) -> tuple[Path, ...]:
    """The paths of every relation that is not a CTE, in the order found; leaves `statement` as it is."""
    copy = copied(statement)
    return tuple(dict.fromkeys(resolve(copy, lambda path, _: path).paths))


def copied(value: Any) -> Any:
    """A deep copy of a JSON value."""
    if isinstance(value, dict):
        return {key: copied(child) for key, child in value.items()}
    if isinstance(value, list):
        return [copied(child) for child in value]
    return value


def _walk(node: Any, visible: dict[str, str], names: Names, target: Callable[[Path, int | None], Path]) -> None:
    if isinstance(node, list):
        for child in node:
            _walk(child, visible, names, target)
        return
    if not isinstance(node, dict):
        return
    if node.get("type") == "BASE_TABLE":
        _replace(node, visible, names, target)
        return
    if isinstance(node.get("cte_map"), dict):
        visible = _common_tables(node, visible, names, target)
    for key, child in node.items():
        if key != "cte_map" and isinstance(child, NESTED):
            _walk(child, visible, names, target)


def _common_tables(
    query: Node, visible: dict[str, str], names: Names, target: Callable[[Path, int | None], Path]
) -> dict[str, str]:
    """Walk the WITH list of `query` in order; each CTE sees the ones before it, a recursive one itself on its right."""
    visible = dict(visible)
    declared: set[str] = set()
    for entry in query["cte_map"]["map"]:
        name = str(entry["key"])
        if name.lower() in declared:
            raise BadQuery(f'WITH names "{name}" twice', reason="syntax")
        declared.add(name.lower())
        private = f"{name}${len(names.ctes)}"
        names.ctes.add(private)
        body = entry["value"]["query_node"]
        if body.get("type") == "RECURSIVE_CTE_NODE":
            _recursive(body, {**visible, name.lower(): private}, visible, names, target)
            body["cte_name"] = private
        else:
            _walk(body, visible, names, target)
        entry["key"] = private
        visible[name.lower()] = private
    return visible


def _recursive(
    body: Node,
    inside: dict[str, str],
    outside: dict[str, str],
    names: Names,
    target: Callable[[Path, int | None], Path],
) -> None:
    own = _common_tables(body, outside, names, target)
    _walk(body["left"], own, names, target)
    _walk(body["right"], {**inside, **{k: v for k, v in own.items() if k not in inside}}, names, target)
    _walk(body["modifiers"], own, names, target)


def _replace(node: Node, visible: dict[str, str], names: Names, target: Callable[[Path, int | None], Path]) -> None:
    path = tuple(str(part) for part in node["qualified_name"]["path"])
    if path != tuple(part for part in (node["catalog_name"], node["schema_name"], node["table_name"]) if part):
        raise BadQuery("this relation name is not supported", reason="unsupported", position=position(node))
    private = visible.get(path[0].lower()) if len(path) == 1 else None
    if private is not None:
        replacement: Path = (private,)
    else:
        if len(path) > 1 and not node["alias"]:
            names._unaliased.add(tuple(part.lower() for part in path[-2:]))
        names.paths.append(path)
        replacement = target(path, position(node))
    node["alias"] = node["alias"] or path[-1]
    node["qualified_name"]["path"] = list(replacement)
    catalog, schema, table = ("", "", *replacement)[-3:]
    node["catalog_name"], node["schema_name"], node["table_name"] = catalog, schema, table


def _strip_schemas(statement: Node, names: Names) -> None:
    """`schema.table.column` becomes `table.column`: the relation is now known by its alias alone."""
    if not names._unaliased:
        return
    for node in nodes(statement):
        if node.get("class") != "COLUMN_REF" or len(node["column_names"]) < 3:
            continue
        parts = node["column_names"]
        lower = [str(part).lower() for part in parts]
        if len(parts) > 3 and lower[0] == CATALOG and tuple(lower[1:3]) in names._unaliased:
            node["column_names"] = parts[2:]
        elif tuple(lower[:2]) in names._unaliased:
            node["column_names"] = parts[1:]


def name_counts(statement: Node) -> None:
    """Name an unaliased `count(*)` as it is written: the tree would call it `count_star()`."""
    for node in nodes(statement):
        for item in node.get("select_list") or ():
            if item.get("class") == "FUNCTION" and item["function_name"] == "count_star" and not item["alias"]:
                item["alias"] = "count(*)"


def substitute_session(statement: Node, text: str, users: Users, search_path: tuple[str, ...]) -> bool:
    """Replace current_user, current_schema and their like by constants, in place; True if any stood there.

    The engine's own answers would speak of itself. A quoted "user" is a column and stays.
    """
    encoded = text.encode()
    found = False
    for query in nodes(statement):
        for item in query.get("select_list") or ():
            if not item["alias"] and _session_value(item, users, search_path) is not None:
                item["alias"] = item["column_names"][0] if item["class"] == "COLUMN_REF" else item["function_name"]
    for node in nodes(statement):
        value = _session_value(node, users, search_path)
        place = position(node)
        if value is None or place is None or encoded[place : place + 1] == b'"':
            continue
        alias = node["alias"]
        kept = {key: node[key] for key in ("query_location", "query_location_length")}
        node.clear()
        literal = {"kind": "STRING", "text": value}
        node.update({"class": "CONSTANT", "type": "VALUE_CONSTANT", "alias": alias, **kept, "literal": literal})
        found = True
    return found


def _session_value(node: Node, users: Users, search_path: tuple[str, ...]) -> str | None:
    if node.get("class") == "COLUMN_REF" and len(node["column_names"]) == 1:
        name = str(node["column_names"][0]).lower()
    elif node.get("class") == "FUNCTION" and not node["arguments"] and not node["schema"]:
        name = str(node["function_name"]).lower()
    else:
        return None
    if name in grammar.SESSION_NAMES:
        return users.session if name == "session_user" else users.current
    if name in grammar.CATALOG_NAMES:
        return CATALOG
    if name in grammar.SCHEMA_NAMES:
        return search_path[0] if search_path else "main"
    return None
