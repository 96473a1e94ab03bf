"""What there is to ask of the demo's measures: every table's, by every dimension, as the contracts say. Pure.

Times are asked by each of their grains. Of tables of more than a million rows, dimensions are asked over some weeks.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gateway.product import Product, Semantic, Table

# Of them: a twentieth that has parts of the year's every quarter. A dimension has fewer than 1,000 groups there,
# what GraphQL gives in one list.
WEEKS = (27, 53)
LARGE = frozenset({"transactions", "sales", "promotions"})


@dataclass(frozen=True)
class By:
    """One dimension as it may be asked by: `far` is the related table it stands in, met by `on`."""

    name: str
    type: str
    grain: str = ""
    far: str = ""
    on: str = ""

    @property
    def path(self) -> str:
        """Its name in an address; the table before it where that is another."""
        return f"{self.far.partition('.')[2]}.{self.name}" if self.far else self.name

    @property
    def sql(self) -> str:
        """The expression of its groups."""
        name = f"{'far' if self.far else 'near'}.{self.name}"
        return f"date_trunc('{self.grain}', {name})" if self.grain else name


@dataclass(frozen=True)
class Question:
    """Measures of one table by one dimension, None for all rows together. `known` says whether the table exists."""

    product: str
    table: str
    measures: tuple[str, ...]
    by: By | None
    known: bool

    @property
    def weeks(self) -> tuple[int, ...]:
        """The weeks that are asked for, none where all are."""
        return WEEKS if self.by is not None and self.table in LARGE else ()

    @property
    def source(self) -> str:
        """The rows of the question in SQL: its table, the related one where there is one, the weeks."""
        join = f" LEFT JOIN {self.by.far} AS far ON {self.by.on}" if self.by is not None and self.by.far else ""
        where = f" WHERE near.week IN ({', '.join(map(str, self.weeks))})" if self.weeks else ""
        return f"{self.product}.{self.table} AS near{join}{where}"


Sheet = tuple[Question, ...]


def sql(sheet: Sheet) -> str:
    """Questions of the same rows and measures as one statement: which one is answered, the dimensions, the measures."""
    first = sheet[0]
    items = ", ".join(f"MEASURE(near.{one})" for one in first.measures)
    by = [one.by.sql for one in sheet if one.by is not None]
    if not by:
        return f"SELECT {items} FROM {first.source}"
    sets = ", ".join(f"({one})" for one in by)
    names = ", ".join(by)
    return f"SELECT grouping({names}), {names}, {items} FROM {first.source} GROUP BY GROUPING SETS ({sets})"


def parted(sheet: Sheet, found: Iterable[Sequence[Any]]) -> list[list[list[Any]]]:
    """The rows of `sql(sheet)` by question: its dimension's value, then the measures. Of a set, only its bit is 0."""
    if sheet[0].by is None:
        return [[list(row) for row in found]]
    count = len(sheet)
    places = {(1 << count) - 1 - (1 << (count - 1 - place)): place for place in range(count)}
    answers: list[list[list[Any]]] = [[] for _ in sheet]
    for row in found:
        place = places[int(row[0])]
        answers[place].append([row[1 + place], *row[1 + count :]])
    return answers


def measures(table: Table) -> tuple[str, ...]:
    """The measures of a table, by name."""
    return tuple(one.name for one in table.semantics if one.kind == "measure")


def dimensions(product: Product, table: Table, products: Mapping[str, Product]) -> Iterator[By]:
    """Every dimension of a table and of the tables of which each of its rows has at most one."""
    for one in _dimensions(table):
        yield from _grains(one, "", "")
    for link in table.relationships:
        home = products[link.to_product] if link.to_product else product
        far = home.table(link.to_table)
        if far.key == link.to_columns:
            pairs = zip(link.columns, link.to_columns, strict=True)
            on = " AND ".join(f"near.{here} = far.{there}" for here, there in pairs)
            for one in _dimensions(far):
                yield from _grains(one, f"{home.name}.{far.name}", on)


def _dimensions(table: Table) -> Sequence[Semantic]:
    return [one for one in table.semantics if one.kind == "dimension"]


def _grains(one: Semantic, far: str, on: str) -> Iterator[By]:
    for grain in one.grains or ("",):
        yield By(one.name, one.type, grain, far, on)
