"""A shape to a GraphQL schema of strawberry's, with what each of its fields means. Pure: fresh types for each schema.

No field has a resolver: a selection is compiled as a whole (see `compile`), only introspection is left to the library.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, cast

import strawberry
from graphql import GraphQLInputObjectType, GraphQLSchema
from strawberry.schema.config import StrawberryConfig
from strawberry.types.arguments import StrawberryArgument

from gateway import Column
from ports.graphql import measure_types, scalars
from ports.graphql.measure_types import MeasureTypes
from ports.graphql.shape import Link, SchemaShape, Shape, TableShape, capital
from ports.graphql.types import argument, blank, listed, maybe, put, put_input

LIMIT = 100
LISTING = "visibleProducts"
PUBLICATIONS, PUBLICATION = "publications", "Publication"
PAGES, KEYED, MEASURES = "Connection", "ByKey", "Measures"
MEASURES_TOLD = "Its measures, for each group of the columns and dimensions that are selected beside them."
DIRECTIONS = tuple(f"{way}{nulls}" for way in ("ASC", "DESC") for nulls in ("", "_NULLS_FIRST", "_NULLS_LAST"))
COMPARISONS = ("_eq", "_neq", "_gt", "_gte", "_lt", "_lte")
PATTERNS = ("_like", "_ilike")


@dataclass(frozen=True)
class Cell:
    """A column."""

    column: Column


@dataclass(frozen=True)
class Related:
    """What belongs to a row over a reference."""

    link: Link
    table: TableShape


@dataclass(frozen=True)
class Rows:
    """A table's rows as a list."""

    table: TableShape


@dataclass(frozen=True)
class Pages:
    """A table's rows in pages (Relay's connection)."""

    table: TableShape


@dataclass(frozen=True)
class Keyed:
    """A table's row of one key."""

    table: TableShape


@dataclass(frozen=True)
class Space:
    """What one product holds."""

    schema: SchemaShape


Meaning = Cell | Related | Rows | Pages | Keyed | Space | measure_types.Meaning
Meanings = dict[tuple[str, str], Meaning]


@dataclass(frozen=True, eq=False)
class Schema:
    """One schema, and what the fields of its types mean by the type's and the field's name."""

    shape: Shape
    graphql: GraphQLSchema
    strawberry: strawberry.Schema
    meanings: Meanings


def space_type(name: str) -> str:
    """The name of the type of what a product holds."""
    return f"{capital(name)}Product"


def build(shape: Shape) -> Schema:
    """The schema of `shape`."""
    return _Builder(shape).schema()


class _Builder:
    """Makes the types of one schema; a class is made before any that names it, and described after."""

    def __init__(self, shape: Shape) -> None:
        self._shape = shape
        self._types, self._scalars = scalars.definitions()
        self._meanings: Meanings = {}
        directions = enum.StrEnum("OrderDirection", {name: name for name in DIRECTIONS})  # type: ignore[misc]
        self._direction = strawberry.enum(directions, description="ASC is NULLS LAST, DESC is NULLS FIRST.")
        self._page_info = _page_info()
        self._filters: dict[tuple[str, bool], Any] = {}
        tables = shape.tables.items()
        self._rows = {path: blank() for path, _ in tables}
        self._wheres = {path: blank() for path, _ in tables}
        self._orders = {path: blank() for path, one in tables if _ordered(one.known.values())}
        self._measures = MeasureTypes(shape, self._meanings, self._type, self._filter, self._direction)

    def schema(self) -> Schema:
        """The schema."""
        for table in self._shape.tables.values():
            self._describe(table)
        query = blank()
        product_info = _product_info()
        put(query, LISTING, listed(product_info), "Every product that you may see.")
        for one in self._shape.schemas:
            put(query, one.name, self._space(one), one.description, deprecated=one.ending)
            self._meanings["Query", one.name] = Space(one)
        strawberry.type(query, name="Query", description="The products that you may see.")
        config = StrawberryConfig(
            auto_camel_case=False, scalar_map=self._scalars, disable_field_suggestions=True, relay_max_results=LIMIT
        )
        made = strawberry.Schema(query, subscription=_subscription(), config=config)
        graphql = made._schema
        orders = [f"{self._shape.tables[path].type_name}Order" for path in self._orders]
        for name in (*orders, *self._measures.orders):
            cast(GraphQLInputObjectType, graphql.type_map[name]).is_one_of = True
        return Schema(self._shape, graphql, made, self._meanings)

    def _describe(self, table: TableShape) -> None:
        path = (table.schema, table.name)
        row, where, name = self._rows[path], self._wheres[path], table.type_name
        for column in table.fields:
            self._meanings[name, column.name] = Cell(column)
            kind = self._type(column)
            put(row, column.name, maybe(kind) if column.name in table.nullable else kind, column.description)
        for column in table.known.values():
            put_input(where, column.name, maybe(self._filter(column)))
        for link in table.links:
            far = self._shape.tables[link.schema, link.table]
            self._meanings[name, link.name] = Related(link, far)
            there = (link.schema, link.table)
            kind = listed(self._rows[there]) if link.many else maybe(self._rows[there])
            put(row, link.name, kind, far.description, self._list_arguments(far) if link.many else ())
            put_input(where, link.name, maybe(self._wheres[there]))
        for joint in ("_and", "_or"):
            put_input(where, joint, maybe(listed(where)))
        put_input(where, "_not", maybe(where))
        strawberry.type(row, name=name, description=table.description or None)
        strawberry.input(where, name=f"{name}Where", description="Conditions that all hold.")
        if path in self._orders:
            for column in _ordered(table.known.values()):
                put_input(self._orders[path], column.name, maybe(self._direction))
            strawberry.input(self._orders[path], name=f"{name}Order", description="One column, and its direction.")

    def _space(self, schema: SchemaShape) -> type:
        space, name = blank(), space_type(schema.name)
        for table in schema.tables:
            row = self._rows[table.schema, table.name]
            self._meanings[name, table.name] = Rows(table)
            put(space, table.name, listed(row), table.description, self._list_arguments(table))
            if table.measures:
                self._meanings[name, f"{table.name}{MEASURES}"] = measure_types.Measured(table)
                where = self._wheres[table.schema, table.name]
                arguments = [argument("where", maybe(where)), *self._measures.arguments(table), *_limits()]
                put(space, f"{table.name}{MEASURES}", listed(self._measures.row(table)), MEASURES_TOLD, arguments)
            if table.key:
                self._meanings[name, f"{table.name}{KEYED}"] = Keyed(table)
                keys = [argument(one, self._type(table.columns[one])) for one in table.key]
                put(space, f"{table.name}{KEYED}", maybe(row), "The row with this key, null if there is none.", keys)
            if not _ordered(table.fields):
                continue  # its rows have no order in which a page could stand
            self._meanings[name, f"{table.name}{PAGES}"] = Pages(table)
            pages = self._connection(table)
            put(space, f"{table.name}{PAGES}", pages, "The same rows in pages.", self._page_arguments(table))
        return cast(type, strawberry.type(space, name=name, description=schema.description or None))

    def _connection(self, table: TableShape) -> type:
        row, name = self._rows[table.schema, table.name], table.type_name
        edge, pages = blank(), blank()
        put(edge, "cursor", str, "Where this row stands in its order.")
        put(edge, "node", row, "The row.")
        strawberry.type(edge, name=f"{name}Edge")
        put(pages, "edges", listed(edge), "The rows of the page, each with its cursor.")
        put(pages, "nodes", listed(row), "The rows of the page.")
        put(pages, "pageInfo", self._page_info, "Where the page stands.")
        put(pages, "totalCount", int, "How many rows there are, whatever the page; counted only when asked for.")
        return cast(type, strawberry.type(pages, name=f"{name}{PAGES}"))

    def _asked(self, table: TableShape) -> list[StrawberryArgument]:
        path = (table.schema, table.name)
        asked = [argument("where", maybe(self._wheres[path]))]
        if path in self._orders:
            asked.append(argument("orderBy", maybe(listed(self._orders[path]))))
        return asked

    def _list_arguments(self, table: TableShape) -> list[StrawberryArgument]:
        return [*self._asked(table), *_limits()]

    def _page_arguments(self, table: TableShape) -> list[StrawberryArgument]:
        ends = (("first", int), ("after", str), ("last", int), ("before", str))
        return [*(argument(name, maybe(kind)) for name, kind in ends), *self._asked(table)]

    def _type(self, column: Column) -> Any:
        of = scalars.scalar_of(column.type)
        return listed(self._types[of.name] | None) if of.listed else self._types[of.name]

    def _filter(self, column: Column) -> Any:
        """The input of conditions on a column: one for each scalar, and one that only asks for NULL."""
        of = scalars.scalar_of(column.type)
        known = (of.name, scalars.comparable(column.type))
        if known not in self._filters:
            self._filters[known] = self._made_filter(*known, textual=column.type == "VARCHAR")
        return self._filters[known]

    def _made_filter(self, name: str, comparable: bool, *, textual: bool) -> Any:
        made, kind = blank(), self._types[name]
        if comparable:
            for operator in (*COMPARISONS, *(PATTERNS if textual else ())):
                put_input(made, operator, maybe(kind))
            put_input(made, "_in", maybe(listed(kind)))
        put_input(made, "_isNull", maybe(bool))
        return strawberry.input(made, name=f"{name}Filter" if comparable else f"{name}NullFilter")


def _limits() -> list[StrawberryArgument]:
    return [argument("limit", maybe(int), LIMIT), argument("offset", maybe(int), 0)]


def _ordered(columns: Iterable[Column]) -> tuple[Column, ...]:
    """Those that rows may be ordered by."""
    return tuple(one for one in columns if scalars.comparable(one.type))


def _product_info() -> Any:
    """Fresh: strawberry keeps what it worked out for one schema on the fields of a type."""
    made = blank()
    for name, kind in (
        *((name, str) for name in ("name", "title", "version", "description", "snapshot", "digest", "publishedAt")),
        ("dataTime", maybe(str)),
        ("quality", float),
    ):
        put(made, name, kind, "")
    return strawberry.type(made, name="ProductInfo", description="A product, and the state of it that is served.")


def _subscription() -> Any:
    publication, made = blank(), blank()
    for name in ("product", "version", "snapshot", "digest", "publishedAt"):
        put(publication, name, str, "")
    put(publication, "dataTime", maybe(str), "")
    put(publication, "quality", float, "")
    strawberry.type(publication, name=PUBLICATION, description="A state of a product, from now on the one served.")
    product = [argument("product", str)]
    put(made, PUBLICATIONS, publication, "Each state of a product that is published from now on.", product)
    return strawberry.type(made, name="Subscription", description="What is told when it happens.")


def _page_info() -> Any:
    made = blank()
    for name, kind in (("hasNextPage", bool), ("hasPreviousPage", bool)):
        put(made, name, kind, "")
    for name in ("startCursor", "endCursor"):
        put(made, name, maybe(str), "")
    return strawberry.type(made, name="PageInfo", description="Where a page stands among all rows.")
