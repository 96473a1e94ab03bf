"""What a selection asks of rows: columns and what belongs to them, with limits and what it may cost. Pure.

A document is valid already: what is looked at here is what validation leaves open.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from graphql import (
    FieldNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLField,
    GraphQLIncludeDirective,
    GraphQLObjectType,
    GraphQLSkipDirective,
    InlineFragmentNode,
    SelectionSetNode,
)
from graphql.execution.values import VariableValues, get_argument_values, get_directive_values

from gateway import BadQuery, Column
from ports.graphql import errors, schema, where
from ports.graphql.documents import Bounds, Document
from ports.graphql.schema import Schema
from ports.graphql.shape import Link, TableShape
from ports.http.sql import OrderTerm

TYPENAME = "__typename"
# Statements and relations of one request, and fields of it in all: each costs planning.
STATEMENT_LIMIT = 50
FIELD_LIMIT = 5_000
OFFSET_LIMIT = (1 << 63) - 1
Fields = dict[str, list[FieldNode]]
# Nobody's data holds it: it is drawn anew by each process.
_MARK = f"${secrets.token_hex(12)}$"
_MARKED = re.compile(re.escape(_MARK).encode() + rb'\d+":')


@dataclass(frozen=True)
class Selected:
    """A column under a name."""

    alias: str
    column: Column


@dataclass(frozen=True)
class Typename:
    """The name of the row's type under a name."""

    alias: str
    text: str


@dataclass(frozen=True)
class Nested:
    """What belongs to each row over a reference: a list, or a row or nothing."""

    alias: str
    link: Link
    rows: Listed


Member = Selected | Typename | Nested


@dataclass(frozen=True)
class Listed:
    """Rows of a table: which, in which order, how many (for each parent), and what of them."""

    table: TableShape
    members: tuple[Member, ...]
    given: Mapping[str, Any] | None = None
    order: tuple[OrderTerm, ...] = ()
    limit: int = 1
    offset: int = 0

    @property
    def nested(self) -> tuple[Nested, ...]:
        """What belongs to the rows."""
        return tuple(one for one in self.members if isinstance(one, Nested))


def unmarked(data: bytes) -> bytes:
    """An answer whose names have no marks."""
    return _MARKED.sub(b'":', data) if _MARK.encode() in data else data


class Reader:
    """Reads selections of one operation with its variables, and counts what they cost."""

    def __init__(self, schema: Schema, document: Document, variables: VariableValues, bounds: Bounds) -> None:
        self.schema = schema
        self.bounds = bounds
        self._fragments = document.fragments
        self._variables = variables
        self._cost = self._fields = self._relations = 0

    def fields(self, nodes: Sequence[FieldNode] | SelectionSetNode, depth: int) -> Fields:
        """The fields that are selected, by response name in order. Raises BadQuery where they are too deep or many."""
        if depth > self.bounds.depth:
            raise errors.over("the selection is nested too deeply", self.bounds.depth)
        found: Fields = {}
        sets = [nodes] if isinstance(nodes, SelectionSetNode) else [one.selection_set for one in nodes]
        seen: set[str] = set()
        for one in sets:
            if one is not None:
                for node in self._flat(one, seen):
                    found.setdefault((node.alias or node.name).value, []).append(node)
        self._fields += len(found)
        if self._fields > FIELD_LIMIT:
            raise errors.over("too many fields are selected", FIELD_LIMIT)
        return found

    def arguments(self, type_name: str, node: FieldNode) -> dict[str, Any]:
        """The arguments of a field, coerced. Raises Refused."""
        try:
            return get_argument_values(self._field(type_name, node.name.value), node, self._variables, None, True)
        except GraphQLError as error:
            raise errors.invalid([error], errors.VARIABLES) from error

    def listed(self, type_name: str, table: TableShape, nodes: list[FieldNode], depth: int, parents: int = 1) -> Listed:
        """A list of rows, for each of so many parents."""
        asked = self.arguments(type_name, nodes[0])
        limit = self.limit("limit", asked.get("limit"))
        offset = self.offset(asked.get("offset"))
        members = self.members(table, nodes, depth + 1, self.spend(parents * limit))
        return Listed(table, members, asked.get("where"), where.order(asked.get("orderBy")), limit, offset)

    def members(self, table: TableShape, nodes: Sequence[FieldNode], depth: int, rows: int) -> tuple[Member, ...]:
        """What is selected of so many rows of `table`."""
        found: list[Member] = []
        for alias, same in self.distinct(nodes, depth).items():
            name = same[0].name.value
            if name == TYPENAME:
                found.append(Typename(alias, table.type_name))
                continue
            meaning = self.schema.meanings[table.type_name, name]
            if isinstance(meaning, schema.Cell):
                found.append(Selected(alias, meaning.column))
            else:
                assert isinstance(meaning, schema.Related)
                found.append(Nested(alias, meaning.link, self._nested(table, meaning, same, depth, rows)))
        return tuple(found)

    def distinct(self, nodes: Sequence[FieldNode], depth: int) -> Fields:
        """As `fields`, with a mark behind names that differ in case alone: an object of SQL could not hold both."""
        found = self.fields(nodes, depth)
        if len({name.lower() for name in found}) == len(found):
            return found
        return {f"{name}{_MARK}{place}": same for place, (name, same) in enumerate(found.items())}

    def offset(self, given: int | None) -> int:
        """How many rows a list leaves out. Raises BadQuery."""
        if not 0 <= (given or 0) < OFFSET_LIMIT:
            raise BadQuery("offset takes whole numbers from 0", reason="value")
        return given or 0

    def limit(self, name: str, given: int | None) -> int:
        """How many rows a list has at most. Raises BadQuery."""
        if given is None:
            return schema.LIMIT
        if given < 0:
            raise BadQuery(f"{name} takes whole numbers from 0", reason="value")
        if given > self.bounds.rows:
            raise errors.over(f"{name} is {given}", self.bounds.rows)
        return given

    def spend(self, rows: int) -> int:
        """Take note of so many rows of one relation more. Raises BadQuery."""
        self._cost += rows
        self._relations += 1
        if self._cost > self.bounds.cost:
            raise BadQuery(
                f"this may be more than {self.bounds.cost} rows: lists multiply with those they are in",
                reason="limit",
                hint="give lists a smaller limit",
            )
        if self._relations > STATEMENT_LIMIT:
            raise errors.over("too many lists and rows are asked for at once", STATEMENT_LIMIT)
        return rows

    def _nested(
        self, table: TableShape, meaning: schema.Related, nodes: list[FieldNode], depth: int, rows: int
    ) -> Listed:
        if meaning.link.many:
            return self.listed(table.type_name, meaning.table, nodes, depth, rows)
        return Listed(meaning.table, self.members(meaning.table, nodes, depth + 1, self.spend(rows)))

    def _field(self, type_name: str, name: str) -> GraphQLField:
        kind = self.schema.graphql.type_map[type_name]
        assert isinstance(kind, GraphQLObjectType)
        field: GraphQLField = kind.fields[name]
        return field

    def _flat(self, selections: SelectionSetNode, seen: set[str]) -> Iterator[FieldNode]:
        """The fields of a selection; every type is one object's, so that a fragment's condition always holds."""
        for one in selections.selections:
            if not self._included(one):
                continue
            if isinstance(one, FieldNode):
                yield one
            elif isinstance(one, InlineFragmentNode):
                yield from self._flat(one.selection_set, seen)
            elif isinstance(one, FragmentSpreadNode) and one.name.value not in seen:
                seen.add(one.name.value)
                yield from self._flat(self._fragments[one.name.value].selection_set, seen)

    def _included(self, node: Any) -> bool:
        if not node.directives:
            return True
        try:
            skip = get_directive_values(GraphQLSkipDirective, node, self._variables)
            include = get_directive_values(GraphQLIncludeDirective, node, self._variables)
        except GraphQLError as error:
            raise errors.invalid([error], errors.VARIABLES) from error
        return not (skip and skip["if"]) and (include is None or bool(include["if"]))
