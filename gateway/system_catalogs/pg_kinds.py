"""PostgreSQL's type of an expression over its catalogs, as far as it can be told without running anything. Pure.

A column of a catalog has its type by its name: names of pg_catalog begin with their relation's own letters. What cannot
be told has DuckDB's type.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from gateway.sql.tree import Node, nodes
from gateway.system_catalogs import pg_macros
from gateway.system_catalogs.pg_relations import Place, relations

_OF_ARGUMENT = frozenset({"min", "max", "first", "last", "any_value", "nullif", "coalesce", "unnest", "arbitrary"})
_VECTORS = {"int2vector": "int2", "oidvector": "oid"}


def column_kinds(places: Iterable[Place]) -> dict[str, str]:
    """The type of each column name of these relations, where they agree."""
    found: dict[str, set[str]] = {}
    for relation in (relations()[place] for place in places if place in relations()):
        for column in relation.columns:
            found.setdefault(column.name, set()).add(column.type)
    return {name: next(iter(kinds)) for name, kinds in found.items() if len(kinds) == 1}


class Kinds:
    """The types of the expressions of one statement. `marked` are nodes whose type its rewriting has noted."""

    def __init__(self, columns: Mapping[str, str]) -> None:
        self.columns = dict(columns)
        self._marked: dict[int, tuple[Node, str]] = {}

    def mark(self, node: Node, kind: str) -> Node:
        """Note the type of a node."""
        self._marked[id(node)] = (node, kind)
        return node

    def aliases(self, statement: Node) -> None:
        """Note the types of the columns that the statement's own subqueries give names to."""
        for node in nodes(statement):
            for item in node.get("select_list") or ():
                name = str(item["alias"]).lower()
                if name and name not in self.columns:
                    kind = self.of(item)
                    if kind is not None:
                        self.columns[name] = kind

    def of(self, node: Node) -> str | None:
        """The type of an expression, None where it is not known."""
        marked = self._marked.get(id(node))
        if marked is not None:
            return marked[1]
        match node["class"]:
            case "COLUMN_REF":
                return self.columns.get(str(node["column_names"][-1]).lower())
            case "FUNCTION" | "WINDOW":
                return self._call(node)
            case "CASE":
                results = [check["then_expr"] for check in node["case_checks"]]
                return self._first([*results, node["else_expr"]] if node["else_expr"] else results)
            case "SUBQUERY" if node["subquery_type"] == "SCALAR":
                return self._scalar(node)
            case "OPERATOR" if node["type"] == "OPERATOR_COALESCE":
                return self._first(node["children"])
            case "OPERATOR" if node["type"] == "ARRAY_EXTRACT":
                held = self.of(node["children"][0]) or ""
                return _VECTORS.get(held) or (held[1:] if held.startswith("_") else None)
        return None

    def outputs(self, query: Node) -> list[str | None]:
        """The types of a query's columns; a star is one None."""
        while "select_list" not in query:
            query = query["left"] if query.get("left") else query["children"][0]
        return [self.of(item) for item in query["select_list"]]

    def _first(self, items: Iterable[Node]) -> str | None:
        return next((kind for item in items if (kind := self.of(item)) is not None), None)

    def _call(self, node: Node) -> str | None:
        name = str(node["function_name"]).lower()
        if name.startswith(pg_macros.PREFIX):
            bare = name.removeprefix(pg_macros.PREFIX)
            return pg_macros.FUNCTIONS.get(bare) or pg_macros.CAST_TYPES.get(bare)
        arguments = [argument["expression"] for argument in node["arguments"]]
        if name in _OF_ARGUMENT and arguments:
            kind = self._first(arguments)
            return kind[1:] if name == "unnest" and kind and kind.startswith("_") else kind
        if name in {"array_agg", "list_value"} and arguments:
            kind = self._first(arguments)
            return f"_{kind}" if kind and not kind.startswith("_") and kind not in _VECTORS else None
        return None

    def _scalar(self, node: Node) -> str | None:
        query = node["subquery"]["node"]
        if is_array(node):
            inner = query["from_table"]["subquery"]["node"]
            kind = next(iter(self.outputs(inner)), None)
            return f"_{kind}" if kind and not kind.startswith("_") and kind not in _VECTORS else None
        return next(iter(self.outputs(query)), None)


def is_array(node: Node) -> bool:
    """Whether a subquery is what the parser makes of ARRAY(SELECT ...)."""
    columns: list[Node] = node["subquery"]["node"].get("select_list") or []
    return len(columns) == 1 and columns[0]["class"] == "CASE" and _gathers(columns[0]["else_expr"])


def _gathers(item: Node | None) -> bool:
    if item is None or item.get("function_name") != "array_agg":
        return False
    arguments = item["arguments"]
    return len(arguments) == 1 and arguments[0]["expression"]["class"] == "POSITIONAL_REFERENCE"
