"""Which columns of its inputs each column of a model is made of, by DuckDB's own tree of the model. Pure.

By union: what a column is computed from, and whatever the rows are chosen or joined by (WHERE, JOIN, HAVING, QUALIFY,
LIMIT). What cannot be followed is `everything`: all columns of every table that the model reads.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gateway.sql import duck, scope
from gateway.sql.tree import Node

Source = tuple[str, str, str]
Sources = frozenset[Source]
Tables = Mapping[tuple[str, str], Sequence[str]]
_NOTHING: Sources = frozenset()
_CHOOSING = frozenset({"LIMIT_MODIFIER", "LIMIT_PERCENT_MODIFIER", "DISTINCT_MODIFIER"})
_JOINS = frozenset({"REGULAR", "CROSS"})


class _Unresolved(Exception):
    """Something that is not followed."""


@dataclass(frozen=True)
class _Columns:
    """Columns by name, in order; `rest` is what any other name means, None where there is no other."""

    named: Mapping[str, Sources]
    rest: Sources | None = None

    def find(self, name: str) -> Sources | None:
        """What the column `name` is made of, None if there is none."""
        return self.named.get(name, self.rest)

    @property
    def whole(self) -> Sources:
        """What any of them is made of."""
        return _NOTHING.union(*self.named.values(), self.rest or _NOTHING)


@dataclass
class _Scope:
    """What names mean in one block: its relations, its CTEs, the names that it gives, and the block around it."""

    tables: Tables
    ctes: dict[str, _Columns]
    outer: _Scope | None
    relations: dict[str, _Columns] = field(default_factory=dict)
    given: dict[str, Sources] = field(default_factory=dict)

    def resolve(self, parts: Sequence[str]) -> Sources:
        """What a reference is made of: everything that it may mean."""
        found = [one for columns in self.relations.values() if (one := columns.find(parts[0])) is not None]
        for place, part in enumerate(parts):
            columns = self.relations.get(part)
            if columns is not None and place + 1 < len(parts):
                column = columns.find(parts[place + 1])
                found += [column if column is not None else columns.whole]
            elif columns is not None and len(parts) == 1:
                found.append(columns.whole)
        if parts[0] in self.given:
            found.append(self.given[parts[0]])
        if found:
            return _NOTHING.union(*found)
        if self.outer is None:
            raise _Unresolved
        return self.outer.resolve(parts)


def everything(model: str, tables: Tables) -> Sources:
    """Every column of every table that `model` reads."""
    paths = {tuple(part.lower() for part in path[-2:]) for path in scope.relations(duck.parse(model))}
    return frozenset((*path, column) for path, columns in tables.items() if path in paths for column in columns)


def derived(model: str, tables: Tables, columns: Sequence[str]) -> dict[str, Sources]:
    """What each of the model's `columns` is made of; `tables` are those that it may read, with their columns."""
    whole = everything(model, tables)
    try:
        found = _query(duck.parse(model)["node"], _Scope(tables, {}, None))
    except _Unresolved:
        return dict.fromkeys(columns, whole)
    return {name: found.named.get(name, whole) for name in columns}


def _query(node: Node, around: _Scope) -> _Columns:
    """The columns of a query, with `around` as the block that it stands in: its CTEs are seen, and its columns too."""
    inside = _Scope(around.tables, dict(around.ctes), around)
    for entry in node["cte_map"]["map"]:
        columns = _query(entry["value"]["query_node"], inside)
        inside.ctes[str(entry["key"]).lower()] = _renamed(columns, entry["value"]["aliases"])
    if node["type"] == "SELECT_NODE":
        return _select(node, inside)
    if node["type"] == "SET_OPERATION_NODE":
        return _set(node, inside)
    raise _Unresolved


def _set(node: Node, inside: _Scope) -> _Columns:
    parts = [_query(child, inside) for child in node.get("children") or [node["left"], node["right"]]]
    if "NAME" in node["setop_type"] or len({len(part.named) for part in parts}) != 1 or any(p.rest for p in parts):
        raise _Unresolved
    rows = list(zip(*(part.named.values() for part in parts), strict=True))
    # What EXCEPT and INTERSECT leave, and what a LIMIT leaves, is chosen by every column.
    chosen = node["setop_type"] != "UNION" or any(one["type"] in _CHOOSING for one in node["modifiers"])
    control = _NOTHING.union(*(part.whole for part in parts)) if chosen else _NOTHING
    return _Columns({name: control.union(*row) for name, row in zip(parts[0].named, rows, strict=True)})


def _select(node: Node, inside: _Scope) -> _Columns:
    control = set(_from(node["from_table"], inside))
    found: dict[str, Sources] = {}
    for place, item in enumerate(node["select_list"]):
        if item["class"] == "STAR":
            for name, sources in _star(item, inside):
                found[name] = found.get(name, _NOTHING) | sources
            continue
        sources = _read(item, inside)
        bare = str(item["column_names"][-1]) if item["class"] == "COLUMN_REF" else f"#{place}"
        name = str(item["alias"] or bare).lower()
        found[name] = found.get(name, _NOTHING) | sources
        inside.given[name] = found[name]
    for clause in ("where_clause", "having", "qualify"):
        control |= _read(node[clause], inside)
    if any(one["type"] in _CHOOSING for one in node["modifiers"]):
        control |= _read(node["modifiers"], inside)
    return _Columns({name: sources | control for name, sources in found.items()})


def _star(item: Node, inside: _Scope) -> Iterator[tuple[str, Sources]]:
    lists = ("columns", "expr", "exclude_list", "replace_list", "rename_list", "qualified_exclude_list")
    name = str(item["relation_name"]).lower()
    meant = [columns for alias, columns in inside.relations.items() if name in {"", alias}]
    if any(item[key] for key in lists) or not meant or any(columns.rest is not None for columns in meant):
        raise _Unresolved
    for columns in meant:
        yield from columns.named.items()


def _read(expression: Any, inside: _Scope) -> Sources:
    """What an expression, or a list of them, is made of."""
    found: set[Source] = set()
    stack = [expression]
    while stack:
        value = stack.pop()
        if isinstance(value, list):
            stack.extend(value)
        elif isinstance(value, dict):
            kind = value.get("class")
            if kind == "COLUMN_REF":
                found |= inside.resolve([str(part).lower() for part in value["column_names"]])
            elif kind == "SUBQUERY":
                found |= _query(value["subquery"]["node"], inside).whole
                stack.append(value["child"])
            elif kind in {"STAR", "POSITIONAL_REFERENCE"}:
                raise _Unresolved
            else:
                stack.extend(value.values())
    return frozenset(found)


def _from(node: Node, inside: _Scope) -> Sources:
    """Put the relations of a FROM clause into `inside`; what they are joined by."""
    kind = node["type"]
    if kind == "JOIN":
        if node["ref_type"] not in _JOINS:
            raise _Unresolved
        before = _from(node["left"], inside) | _from(node["right"], inside)
        merged = [inside.resolve([str(name).lower()]) for name in node["using_columns"]]
        return before.union(_read(node["condition"], inside), *merged)
    columns = _relation(node, kind, inside)
    if columns is not None:
        names = (str(node["alias"]), str(node.get("table_name") or ""), f"#{len(inside.relations)}")
        name = next(name for name in names if name).lower()
        if name in inside.relations:
            raise _Unresolved
        inside.relations[name] = _renamed(columns, node.get("column_name_alias") or [])
    return _NOTHING


def _relation(node: Node, kind: str, inside: _Scope) -> _Columns | None:
    if kind == "BASE_TABLE":
        path = tuple(str(part).lower() for part in node["qualified_name"]["path"])
        if len(path) == 1 and path[0] in inside.ctes:
            return inside.ctes[path[0]]
        if len(path) != 2 or path not in inside.tables:
            raise _Unresolved
        return _Columns({name: frozenset({(*path, name)}) for name in inside.tables[path[0], path[1]]})
    if kind == "SUBQUERY":
        return _query(node["subquery"]["node"], inside)
    if kind == "TABLE_FUNCTION":
        return _Columns({}, _read(node["function"]["arguments"], inside))
    if kind == "EXPRESSION_LIST":
        return _Columns({}, _read(node["values"], inside))
    if kind != "EMPTY":
        raise _Unresolved
    return None


def _renamed(columns: _Columns, aliases: Sequence[Any]) -> _Columns:
    if not aliases or columns.rest is not None:
        return columns
    names = [str(alias).lower() for alias in aliases]
    rest = list(columns.named)[len(names) :]
    return _Columns(dict(zip([*names, *rest], columns.named.values(), strict=True)))
