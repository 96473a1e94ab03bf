"""An operation to what must be asked: one statement for each list, page or row at its root. Pure.

The places in an answer that need no statement - type names, the list of products, introspection - stand beside them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from graphql import FieldNode, OperationDefinitionNode, OperationType, get_variable_values
from graphql.execution.values import VariableValues

from gateway import BadQuery, Value
from ports.graphql import errors, measures, schema, where
from ports.graphql.documents import Bounds, Document
from ports.graphql.measure_types import Measured
from ports.graphql.measures import Grouped
from ports.graphql.publications import Watched
from ports.graphql.schema import Schema
from ports.graphql.selection import TYPENAME, Listed, Reader

INTROSPECTION = frozenset({"__schema", "__type"})


@dataclass(frozen=True)
class Text:
    """A text that is known: a type's name."""

    text: str


@dataclass(frozen=True)
class RowsOf:
    """A list of rows."""

    listed: Listed


@dataclass(frozen=True)
class RowOf:
    """The row of a key, or null."""

    listed: Listed
    key: tuple[Value, ...]


@dataclass(frozen=True)
class MeasuresOf:
    """Groups of rows with their measures."""

    grouped: Grouped


@dataclass(frozen=True)
class Edges:
    """The rows of a page: `cursors` and `nodes` are the names of an edge's members, None where there are no edges."""

    listed: Listed
    edge: Mapping[str, str] | None


@dataclass(frozen=True)
class PageOf:
    """A page: what its members are, and where it is. `ends` are its cursors: behind the first, before the second."""

    listed: Listed
    members: tuple[tuple[str, Edges | Text | PageInfo | Total], ...]
    backward: bool
    after: str | None
    before: str | None


@dataclass(frozen=True)
class PageInfo:
    """Members of a page's information by response name."""

    members: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Total:
    """How many rows there are."""


@dataclass(frozen=True)
class Group:
    """An object of what stands in it, by response name."""

    members: tuple[tuple[str, Item], ...]


@dataclass(frozen=True)
class Listing:
    """The products that are visible: members of each by response name."""

    members: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Introspection:
    """What the library answers itself."""

    nodes: tuple[FieldNode, ...]


Item = Text | RowsOf | RowOf | MeasuresOf | PageOf | Group | Listing | Introspection


def variables(made: Schema, operation: OperationDefinitionNode, given: Mapping[str, Any]) -> VariableValues:
    """The operation's variables, coerced. Raises Refused."""
    found = get_variable_values(
        made.graphql, operation.variable_definitions or (), dict(given), max_errors=10, hide_suggestions=True
    )
    if isinstance(found, list):
        raise errors.invalid(found, errors.VARIABLES)
    return found


def plan(
    made: Schema, document: Document, operation: OperationDefinitionNode, coerced: VariableValues, bounds: Bounds
) -> Group:
    """What a query asks. Raises Refused; BadQuery."""
    if operation.operation is not OperationType.QUERY:
        raise errors.malformed("subscriptions are asked for over a web socket (graphql-transport-ws)")
    return _Planner(Reader(made, document, coerced, bounds)).root(operation)


def watched(
    made: Schema, document: Document, operation: OperationDefinitionNode, coerced: VariableValues, bounds: Bounds
) -> Watched | None:
    """What a subscription waits for, None for a query. Raises Refused; BadQuery."""
    if operation.operation is not OperationType.SUBSCRIPTION:
        return None
    reader = Reader(made, document, coerced, bounds)
    fields = reader.fields(operation.selection_set, 1)
    if len(fields) != 1:  # by @skip or @include
        raise errors.malformed("a subscription has one field")
    ((alias, nodes),) = fields.items()
    members = tuple((name, same[0].name.value) for name, same in reader.fields(nodes, 2).items())
    return Watched(reader.arguments("Subscription", nodes[0])["product"], alias, members)


class _Planner:
    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._meanings = reader.schema.meanings

    def root(self, operation: OperationDefinitionNode) -> Group:
        members: list[tuple[str, Item]] = []
        for alias, nodes in self._reader.fields(operation.selection_set, 1).items():
            name = nodes[0].name.value
            if name == TYPENAME:
                members.append((alias, Text("Query")))
            elif name in INTROSPECTION:
                members.append((alias, Introspection(tuple(nodes))))
            elif name == schema.LISTING:
                members.append((alias, Listing(self._names(nodes, "ProductInfo", 2))))
            else:
                space = self._meanings["Query", name]
                assert isinstance(space, schema.Space)
                members.append((alias, self._space(space, nodes)))
        return Group(tuple(members))

    def _space(self, space: schema.Space, nodes: list[FieldNode]) -> Group:
        type_name = schema.space_type(space.schema.name)
        members: list[tuple[str, Item]] = []
        for alias, same in self._reader.fields(nodes, 2).items():
            name = same[0].name.value
            if name == TYPENAME:
                members.append((alias, Text(type_name)))
                continue
            meaning = self._meanings[type_name, name]
            if isinstance(meaning, schema.Rows):
                members.append((alias, RowsOf(self._reader.listed(type_name, meaning.table, same, 2))))
            elif isinstance(meaning, Measured):
                members.append((alias, MeasuresOf(measures.grouped(self._reader, type_name, meaning.table, same))))
            elif isinstance(meaning, schema.Keyed):
                members.append((alias, self._keyed(type_name, meaning, same)))
            else:
                assert isinstance(meaning, schema.Pages)
                members.append((alias, self._page(type_name, meaning, same)))
        return Group(tuple(members))

    def _keyed(self, type_name: str, meaning: schema.Keyed, nodes: list[FieldNode]) -> RowOf:
        table = meaning.table
        asked = self._reader.arguments(type_name, nodes[0])
        key = tuple(where.read(table.columns[name], asked[name]) for name in table.key)
        return RowOf(Listed(table, self._reader.members(table, nodes, 3, self._reader.spend(1))), key)

    def _page(self, type_name: str, meaning: schema.Pages, nodes: list[FieldNode]) -> PageOf:
        table = meaning.table
        asked = self._reader.arguments(type_name, nodes[0])
        if asked.get("first") is not None and asked.get("last") is not None:
            raise BadQuery("first and last exclude each other", reason="parameter")
        backward = asked.get("last") is not None
        limit = self._reader.limit("last" if backward else "first", asked.get("last" if backward else "first"))
        order = where.order(asked.get("orderBy"))
        base = Listed(table, (), asked.get("where"), order, limit)
        members: list[tuple[str, Edges | Text | PageInfo | Total]] = []
        for alias, same in self._reader.fields(nodes, 3).items():
            members.append((alias, self._of_page(base, same)))
        return PageOf(base, tuple(members), backward, asked.get("after"), asked.get("before"))

    def _of_page(self, base: Listed, nodes: list[FieldNode]) -> Edges | Text | PageInfo | Total:
        table, name = base.table, nodes[0].name.value
        if name == "totalCount":
            self._reader.spend(1)
            return Total()
        if name == "pageInfo":
            return PageInfo(self._names(nodes, "PageInfo", 4))
        if name == TYPENAME:
            return Text(f"{table.type_name}{schema.PAGES}")
        rows = self._reader.spend(base.limit)
        if name == "nodes":
            return Edges(_with(base, self._reader.members(table, nodes, 4, rows)), None)
        fields = self._reader.fields(nodes, 4)
        inside = [each for same in fields.values() if same[0].name.value == "node" for each in same]
        told = {alias: same[0].name.value for alias, same in fields.items()}
        if sum(one == "node" for one in told.values()) > 1:
            raise BadQuery("an edge has one node: merge the two selections", reason="unsupported")
        return Edges(_with(base, self._reader.members(table, inside, 5, rows) if inside else ()), told)

    def _names(self, nodes: list[FieldNode], type_name: str, depth: int) -> tuple[tuple[str, str], ...]:
        """Members of an object of plain values: their names by response name."""
        fields = self._reader.fields(nodes, depth).items()
        return tuple((alias, same[0].name.value) for alias, same in fields)


def _with(base: Listed, members: Any) -> Listed:
    return Listed(base.table, members, base.given, base.order, base.limit)


def statements(item: Item) -> int:
    """How many statements an item needs."""
    if isinstance(item, Group):
        return sum(statements(one) for _, one in item.members)
    if isinstance(item, PageOf):
        return 1 + len(item.members)
    return int(isinstance(item, RowsOf | RowOf | MeasuresOf))


def places(item: Item) -> tuple[PageOf, ...]:
    """The pages of an item that begin or end at a cursor."""
    if isinstance(item, Group):
        return tuple(page for _, one in item.members for page in places(one))
    return (item,) if isinstance(item, PageOf) and (item.after or item.before) else ()
