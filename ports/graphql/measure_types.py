"""The types by which measures are asked for: a table's groups, with what rows are grouped by as fields. Pure.

There is no argument that says the groups: they are of the columns and dimensions that are selected, a related table's
too, where each row has at most one.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import strawberry
from strawberry.types.arguments import StrawberryArgument

from gateway import Column
from ports.graphql import scalars
from ports.graphql.shape import Link, Shape, TableShape
from ports.graphql.types import argument, blank, listed, maybe, put, put_input
from ports.http import values
from ports.http.comparing import STEPS

GRAINS = tuple(name.upper() for name in STEPS)
MOMENTS = frozenset({"DATE", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE"})
KIND, FAR = "Measures", "Dimensions"
# What a measure may be compared with: the value of the group one period before, and how far it is from that.
PREVIOUS, CHANGE = "PREVIOUS", "CHANGE"


@dataclass(frozen=True)
class Measured:
    """A table's measures."""

    table: TableShape


@dataclass(frozen=True)
class Dimension:
    """What groups are of."""

    column: Column


@dataclass(frozen=True)
class Measure:
    """What is told of a group."""

    column: Column


@dataclass(frozen=True)
class Grouping:
    """Dimensions of a related table."""

    link: Link
    table: TableShape


Meaning = Measured | Dimension | Measure | Grouping


class MeasureTypes:
    """Makes these types for one schema; `type_of` and `filter_of` are a column's type and its conditions."""

    def __init__(
        self,
        shape: Shape,
        meanings: dict[tuple[str, str], Any],
        type_of: Callable[[Column], Any],
        filter_of: Callable[[Column], Any],
        direction: Any,
    ) -> None:
        self._shape, self._meanings = shape, meanings
        self._type_of, self._filter_of, self._direction = type_of, filter_of, direction
        grains = enum.StrEnum("Grain", {name: name for name in GRAINS})  # type: ignore[misc]
        self._grain = strawberry.enum(grains, description="A step of time: a moment is its beginning.")
        compared = enum.StrEnum("Comparison", {name: name for name in (PREVIOUS, CHANGE)})  # type: ignore[misc]
        self._comparison = strawberry.enum(
            compared, description="Of the same group one grain of time before: its value, or the difference from it."
        )
        self._far: dict[tuple[str, str], Any] = {}
        self.orders: list[str] = []

    def row(self, table: TableShape) -> type:
        """The type of a table's groups."""
        made, name = blank(), f"{table.type_name}{KIND}"
        for column in table.measures:
            self._meanings[name, column.name] = Measure(column)
            compare = [argument("compare", maybe(self._comparison))] if values.numeric(column.type) else ()
            put(made, column.name, maybe(self._type_of(column)), column.description, compare)
        self._dimensions(made, name, table)
        for link in table.links:
            if not link.many:
                far = self._shape.tables[link.schema, link.table]
                self._meanings[name, link.name] = Grouping(link, far)
                put(made, link.name, self._of(far), far.description)
        row: type = strawberry.type(made, name=name, description="A group, and its measures.")
        return row

    def arguments(self, table: TableShape) -> list[StrawberryArgument]:
        """Conditions on measures, and orders by what is selected."""
        having, order = blank(), blank()
        for column in table.measures:
            put_input(having, column.name, maybe(self._filter_of(column)))
        for column in (*table.measures, *table.dimensions, *table.fields):
            if scalars.comparable(column.type):
                put_input(order, column.name, maybe(self._direction))
        name = f"{table.type_name}{KIND}"
        strawberry.input(having, name=f"{name}Having", description="Conditions on measures, which all hold.")
        strawberry.input(order, name=f"{name}Order", description="One field that is selected, and its direction.")
        self.orders.append(f"{name}Order")
        return [argument("having", maybe(having)), argument("orderBy", maybe(listed(order)))]

    def _of(self, table: TableShape) -> Any:
        """The type of what is grouped by of a related table."""
        path = (table.schema, table.name)
        if path not in self._far:
            made, name = blank(), f"{table.type_name}{FAR}"
            self._dimensions(made, name, table)
            self._far[path] = strawberry.type(made, name=name, description=table.description or None)
        return self._far[path]

    def _dimensions(self, made: Any, name: str, table: TableShape) -> None:
        for column in (*table.dimensions, *table.fields):
            self._meanings[name, column.name] = Dimension(column)
            grain = [argument("grain", maybe(self._grain))] if column.type in MOMENTS else ()
            put(made, column.name, maybe(self._type_of(column)), column.description, grain)
