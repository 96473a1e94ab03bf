"""A product's contract -> the tables of its mock: rows made up by a seed that keep what the contract promises. Pure.

A key is a function of its row's number, so that a reference needs no join: it is that function of the number of the row
it refers to. Rules that count bad rows are met by drawing a row again, up to ATTEMPTS times.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from gateway.document import Finding
from gateway.inputs.job import TableJob
from gateway.product import Column, Product, Relationship
from gateway.publication import mock_shape, mock_values
from gateway.publication.mock_draws import Draw
from gateway.publication.mock_shape import TableShape
from gateway.publication.mock_texts import Unmockable
from gateway.publication.mock_values import Dice
from gateway.sql import duck

ROWS = 1_000
SEED = 1
ATTEMPTS = 12
# Of what is referred to there are fewer, a step of the way each.
_FEWER = 10
# A rule may ask for more rows than `rows`, but a real product's millions are not made up.
_MORE = 20
_LEAST_REFERRED = 10
# Rows that share the rest of a key with others: lines of one receipt.
_LINES = 4
_ORPHAN_SHARE = 0.05


@dataclass(frozen=True, slots=True)
class Mock:
    """How a mock is made. `rows` is the size of the tables that nothing refers to, `draws` (table, column) -> text."""

    seed: int = SEED
    rows: int = ROWS
    draws: tuple[tuple[str, str, Draw], ...] = ()


@dataclass(frozen=True, slots=True)
class _Part:
    """One independent part of a key: a reference to another table, or one column. `size` None: without end."""

    columns: tuple[str, ...]
    link: Relationship | None
    size: int | None


def tables(product: Product, mock: Mock, as_of: datetime) -> tuple[TableJob, ...]:
    """The build of every table, without pseudonyms. Raises mock_shape's and this room's findings as MockError."""
    draws = {(table, column): draw for table, column, draw in mock.draws}
    shapes, findings = mock_shape.shapes(product, draws)
    if findings:
        raise MockError(findings)
    maker = _Maker({one.table.name: one for one in shapes}, product.name, mock, as_of, {})
    found, wrong = [], []
    for name, shape in maker.shapes.items():
        try:
            columns = tuple((column.name, column.type) for column in shape.table.columns)
            found.append(TableJob(name, columns, maker.select(shape), None, ()))
        except Unmockable as error:
            wrong.append(Finding("", 0, f"{product.name}.{name}", str(error), "a hint: the custom property mock"))
    if wrong:
        raise MockError(wrong)
    return tuple(found)


def measures(product: Product) -> tuple[tuple[str, str], ...]:
    """(table, SELECT of all its measures over all rows) of every table that has some."""
    found = []
    for table in product.tables:
        named = [one for one in table.semantics if one.kind == "measure"]
        items = ", ".join(f"{one.expression} AS {duck.quote(one.name)}" for one in named)
        if items:
            found.append((table.name, f"SELECT {items} FROM {duck.quote(table.name)}"))
    return tuple(found)


class MockError(Exception):
    """A contract of which no mock can be made; `findings` are for the product's owner."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        super().__init__(f"{len(findings)} findings")
        self.findings = tuple(findings)


@dataclass(frozen=True)
class _Maker:
    """One product's mock in the making. `counted` remembers how many rows each table has."""

    shapes: Mapping[str, TableShape]
    product: str
    mock: Mock
    as_of: datetime
    counted: dict[str, int]

    def select(self, shape: TableShape) -> str:
        """The SELECT that makes the rows of one table. Raises Unmockable."""
        keyed = {column for part in self._parts(shape) for column in part.columns}
        items = [
            f"{self._key(shape, column.name, 'r', ())} AS {duck.quote(column.name)}"
            if column.name in keyed
            else f"{text} AS {duck.quote(column.name)}"
            for column, text in self._values(shape)
        ]
        name = duck.quote(shape.table.name)
        numbers = f"range({self.rows(shape.table.name)}) AS n(r), range({ATTEMPTS if shape.never else 1}) AS t(a)"
        made = f"SELECT r, a, {', '.join(items)} FROM {numbers}"
        names = ", ".join(duck.quote(column.name) for column in shape.table.columns)
        if not shape.never:
            return f"SELECT {names} FROM ({made}) AS {name} ORDER BY r"
        never = " OR ".join(f"coalesce(({one}), false)" for one in shape.never)
        first = "QUALIFY row_number() OVER (PARTITION BY r ORDER BY a) = 1"
        return f"SELECT {names} FROM ({made}) AS {name} WHERE NOT ({never}) {first} ORDER BY r"

    def rows(self, name: str) -> int:
        """How many rows the table has: as hinted, else fewer the more often it is referred to in a chain."""
        if name in self.counted:
            return self.counted[name]
        shape = self.shapes[name]
        rows = shape.rows
        if rows is None:
            rows = max(self.mock.rows // _FEWER ** self._depth(name, ()), min(_LEAST_REFERRED, self.mock.rows))
        rows = max(rows, min(shape.least, self.mock.rows * _MORE))
        rows = rows if shape.most is None else min(rows, shape.most)
        self.counted[name] = rows  # a table may refer to itself
        sizes = [part.size for part in self._parts(shape)]
        if sizes and None not in sizes:
            rows = min(rows, math.prod(size for size in sizes if size is not None))
        for column in shape.table.columns:
            if column.unique and (column.name,) != shape.table.key:
                known = self._known(shape, column.name)
                rows = rows if known is None else min(rows, known)
        self.counted[name] = rows
        return rows

    def _depth(self, name: str, seen: tuple[str, ...]) -> int:
        """The longest chain of tables that refer to this one."""
        if name in seen:
            return 0
        by = [
            other
            for other, shape in self.shapes.items()
            if other != name and any(link.to_table == name for link in self._links(shape))
        ]
        return max((1 + self._depth(other, (*seen, name)) for other in by), default=0)

    def _links(self, shape: TableShape) -> Iterator[Relationship]:
        """The references to tables of this product by what tells their rows apart."""
        for link in shape.table.relationships:
            target = self.shapes.get(link.to_table) if link.to_product == self.product else None
            if target is None:
                continue
            unique = {(column.name,) for column in target.table.columns if column.unique}
            if tuple(sorted(link.to_columns)) == tuple(sorted(target.table.key)) or link.to_columns in unique:
                yield link

    def _parts(self, shape: TableShape) -> list[_Part]:
        """The parts of the table's key, those without end last."""
        left = list(shape.table.key)
        parts = []
        for link in self._links(shape):
            if set(link.columns) <= set(left) and link.to_table != shape.table.name:
                left = [name for name in left if name not in link.columns]
                parts.append(_Part(link.columns, link, self.rows(link.to_table)))
        for name in left:
            known = self._known(shape, name)
            parts.append(_Part((name,), None, known if known is not None and known <= self.mock.rows else None))
        return sorted(parts, key=lambda part: part.size is None)

    def _known(self, shape: TableShape, name: str) -> int | None:
        link = self._single(shape, name)
        if link is not None and link.to_table != shape.table.name:
            return self.rows(link.to_table)
        return mock_values.distinct(shape.columns[name], self._dice(shape, name), self.rows(shape.table.name))

    def _single(self, shape: TableShape, name: str) -> Relationship | None:
        return next((link for link in self._links(shape) if link.columns == (name,)), None)

    def _key(self, shape: TableShape, name: str, row: str, seen: tuple[tuple[str, str], ...]) -> str:
        """SQL of a key's column in row number `row`. Raises Unmockable for keys that are made of each other."""
        place = (shape.table.name, name)
        if place in seen:
            raise Unmockable(f"{name}: keys refer to each other in a circle")
        parts = self._parts(shape)
        number = self._digit(shape, parts, next(i for i, part in enumerate(parts) if name in part.columns), row)
        part = next(part for part in parts if name in part.columns)
        if part.link is None:
            return mock_values.nth(shape.columns[name], number, self._dice(shape, name), self.rows(shape.table.name))
        target = self.shapes[part.link.to_table]
        there = part.link.to_columns[part.link.columns.index(name)]
        return self._identity(target, there, number, (*seen, place))

    def _identity(self, shape: TableShape, name: str, row: str, seen: tuple[tuple[str, str], ...]) -> str:
        """SQL of a column that tells rows apart, in row number `row`: part of the key, or unique by itself."""
        if name in shape.table.key:
            return self._key(shape, name, row, seen)
        link = self._single(shape, name)
        if link is not None and link.to_table != shape.table.name and (shape.table.name, name) not in seen:
            target = self.shapes[link.to_table]
            return self._identity(target, link.to_columns[0], row, (*seen, (shape.table.name, name)))
        return mock_values.nth(shape.columns[name], row, self._dice(shape, name), self.rows(shape.table.name))

    def _digit(self, shape: TableShape, parts: Sequence[_Part], index: int, row: str) -> str:
        """Which of its values the part `index` of a key has in row `row`: all parts together are never the same twice.

        The last part counts on; each part before it takes a few values in turn, beginning anywhere.
        """
        endless = len(parts) > 1 and parts[-1].size is None
        steps = [min(part.size or _LINES, _LINES) if endless else part.size or 1 for part in parts[:-1]]
        before = math.prod(steps[:index])
        if index == len(parts) - 1:
            return f"({row} // {before})" if before > 1 else f"({row})"
        turn = f"(({row} // {before}) % {steps[index]})"
        if not endless or parts[index].size is None:
            return turn
        high = f"({row} // {math.prod(steps)})"
        size = parts[index].size or 1
        begin = self._dice(shape, parts[index].columns[0]).whole("begin", size, high, "0")
        return f"(({begin} + {turn}) % {size})"

    def _values(self, shape: TableShape) -> Iterator[tuple[Column, str]]:
        """Each column with its SQL: a reference, a value of its own, or one that is never the same twice."""
        keyed = {column for part in self._parts(shape) for column in part.columns}
        links: dict[str, Relationship] = {}
        for link in self._links(shape):
            if not set(link.columns) & (links.keys() | keyed):
                links |= dict.fromkeys(link.columns, link)
        for column in shape.table.columns:
            if column.name in keyed:
                yield column, ""
            elif column.unique:
                yield column, self._identity(shape, column.name, "r", ())
            elif column.name in links:
                yield column, self._reference(shape, column, links[column.name])
            else:
                yield column, mock_values.value(shape.columns[column.name], self._dice(shape, column.name))

    def _reference(self, shape: TableShape, column: Column, link: Relationship) -> str:
        """A row of the other table, some more often than others; none in a few rows where the contract allows that."""
        dice = self._dice(shape, link.columns[0])
        share = dice.uniform("reference")
        row = f"CAST(floor({share} * {share} * {self.rows(link.to_table)}) AS BIGINT)"
        there = link.to_columns[link.columns.index(column.name)]
        found = self._identity(self.shapes[link.to_table], there, row, ())
        optional = not any(shape.columns[name].required for name in link.columns)
        if optional or self.rows(link.to_table) == 0:
            limit = 1 if self.rows(link.to_table) == 0 else _ORPHAN_SHARE
            found = f"CASE WHEN {dice.uniform('null')} >= {limit} THEN {found} END"
        return f"CAST({found} AS {column.type})"

    def _dice(self, shape: TableShape, name: str) -> Dice:
        return Dice(self.mock.seed, f"{shape.table.name}.{name}", self.as_of)
