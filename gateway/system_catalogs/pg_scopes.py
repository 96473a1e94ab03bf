"""Bare columns in calls and casts of a question to the catalogs get their relation's name. Pure: changes a tree.

The catalog's functions are macros, and macros are not hygienic: in WHERE and ON the engine would take a bare `oid` for
a column of the relations inside the macro. A name that cannot be told is left as it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from gateway.sql.tree import NESTED, Node
from gateway.system_catalogs.pg_relations import CATALOG, relations

Columns = frozenset[str] | None
_VALUES = frozenset("unnest generate_series generate_subscripts regexp_split_to_table string_to_table".split())


@dataclass(frozen=True)
class _Scope:
    """What is known where an expression stands: the sources of each FROM around it, and the names of WITH queries.

    The innermost FROM stands last. Columns are None where they cannot be told.
    """

    sources: tuple[tuple[tuple[str, Columns], ...], ...] = ()
    queries: Mapping[str, Columns] | None = None


def qualify(statement: Node) -> None:
    """Name the relations of bare columns inside the calls and casts of `statement`, in place."""
    _walk(statement, _Scope(), inside=False)


def _walk(value: Any, scope: _Scope, *, inside: bool) -> None:
    if isinstance(value, list):
        for child in value:
            _walk(child, scope, inside=inside)
    elif isinstance(value, dict) and value.get("class") != "LAMBDA":
        if value.get("class") == "COLUMN_REF":
            if inside and len(value["column_names"]) == 1:
                _named(value, scope)
            return
        inside = value.get("class") in {"FUNCTION", "CAST"} or (inside and "cte_map" not in value)
        scope = _entered(value, scope)
        for child in value.values():
            if isinstance(child, NESTED):
                _walk(child, scope, inside=inside)


def _named(column: Node, scope: _Scope) -> None:
    name = str(column["column_names"][0]).lower()
    for sources in reversed(scope.sources):
        owners = [alias for alias, columns in sources if columns is None or name in columns]
        if owners:
            if len(owners) == 1 and owners[0] and dict(sources)[owners[0]] is not None:
                column["column_names"] = [owners[0], column["column_names"][0]]
            return


def _entered(node: Node, scope: _Scope) -> _Scope:
    """What is known inside `node`."""
    if "cte_map" not in node:
        return scope
    queries = dict(scope.queries or {})
    for one in node["cte_map"].get("map", ()):
        held = one["value"]
        queries[str(one["key"]).lower()] = _outputs(held["query_node"], held["aliases"])
    source = node.get("from_table")
    within = _Scope(scope.sources, queries)
    sources = (("", None),) if source is None else tuple(_sources(source, within))
    return _Scope((*scope.sources, sources), queries)


def _sources(source: Node, scope: _Scope) -> Iterator[tuple[str, Columns]]:
    """The relations of a FROM by the names that they go by there, with their columns."""
    kind, aliases = source["type"], source.get("column_name_alias") or []
    match kind:
        case "JOIN":
            yield from _sources(source["left"], scope)
            yield from _sources(source["right"], scope)
        case "BASE_TABLE":
            path = [str(part).lower() for part in source["qualified_name"]["path"]]
            yield source["alias"] or path[-1], None if aliases else _columns(path, scope)
        case "SUBQUERY":
            yield source["alias"], _outputs(source["subquery"]["node"], aliases)
        case "TABLE_FUNCTION":
            name = source["alias"] or str(source["function"]["function_name"])
            known = str(source["function"]["function_name"]).lower() in _VALUES
            yield name, frozenset(str(one).lower() for one in (*aliases, name, "ordinality")) if known else None
        case "EMPTY":
            return
        case _:
            yield source.get("alias") or "", None


def _columns(path: list[str], scope: _Scope) -> Columns:
    if len(path) == 1 and path[0] in (scope.queries or {}):
        return (scope.queries or {})[path[0]]
    found = relations().get((path[-2] if len(path) > 1 else CATALOG, path[-1]))
    return None if found is None else frozenset(column.name for column in found.columns)


def _outputs(query: Node, aliases: list[str]) -> Columns:
    """The names of a query's columns, None where a star or an expression without a name is among them."""
    while "select_list" not in query:
        query = query["left"] if query.get("left") else query["children"][0]
    names = []
    for place, item in enumerate(query["select_list"]):
        name = aliases[place] if place < len(aliases) else item["alias"]
        if not name and item["class"] == "COLUMN_REF":
            name = item["column_names"][-1]
        if not name:
            return None
        names.append(str(name).lower())
    return frozenset(names)
