"""A selection to SQL over product names: one statement however deep it is. Pure.

First the rows of the root, then those that belong to them, level by level, each looked up by the keys of the level
above and numbered for each parent; then objects and lists from the innermost outwards, joined by the same keys. Each
relation is bound by a decision of its own. Values are parameters, so that one text serves all of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gateway import Query, Value
from ports.graphql.selection import Listed, Member, Nested, Selected, Typename
from ports.graphql.shape import Shape
from ports.graphql.where import Where
from ports.http import places
from ports.http.places import PLACE
from ports.http.sql import OrderTerm, Parameters, literal, order_by, quoted, terms, total

_ROW, _VALUE, _NUMBER = quoted("t"), quoted("v"), quoted("n")


@dataclass(frozen=True)
class Bound:
    """One end of a page: behind `place` in the order, or before it where `before`."""

    place: tuple[str | None, ...]
    before: bool


def rows(listed: Listed, shape: Shape, bounds: Sequence[Bound] = (), *, placed: bool = False) -> Query:
    """The rows of a list, in total order; `bounds` are places between which they are.

    If `placed`, PLACE stands beside the answer's columns: a struct of the texts of each row's place.
    """
    parameters = Parameters()
    where = Where(shape, parameters).conditions(listed.given, listed.table, "t")
    order = total_order(listed)
    for one in bounds:
        along = places.reversed_order(order) if one.before else order
        where.append(places.behind(along, listed.table.known, one.place, parameters))
    end = f"{order_by(order, _ROW)} LIMIT {parameters.add(listed.limit)}"
    if listed.offset:
        end += f" OFFSET {parameters.add(listed.offset)}"
    place = places.place(order, listed.table.known) if placed else ""
    source = f"{listed.table.path} AS {_ROW}{_where(where)}{end}"
    text = _Statement(shape, parameters).text(listed, source, place, order)
    return Query(text, parameters.all(), beside=int(placed))


def by_key(listed: Listed, shape: Shape, key: Sequence[Value]) -> Query:
    """The row of that key; of columns alone it is a lookup, whose text is the same for every key."""
    parameters = Parameters()
    columns = zip(listed.table.key, key, strict=True)
    where = [f"{_ROW}.{quoted(name)} = {parameters.add(value)}" for name, value in columns]
    source = f"{listed.table.path} AS {_ROW}{_where(where)}"
    return Query(_Statement(shape, parameters).text(listed, source, "", ()), parameters.all())


def count(listed: Listed, shape: Shape) -> Query:
    """How many rows meet the conditions of a list, whatever its limit: one number."""
    parameters = Parameters()
    where = Where(shape, parameters).conditions(listed.given, listed.table, "t")
    return Query(f'SELECT count(*) AS "n" FROM {listed.table.path} AS {_ROW}{_where(where)}', parameters.all())


def total_order(listed: Listed) -> tuple[OrderTerm, ...]:
    """The order of a list, made total."""
    return total(listed.order, listed.table.columns, listed.table.key)


class _Statement:
    """Composes one statement; `_levels` are its common table expressions so far."""

    def __init__(self, shape: Shape, parameters: Parameters) -> None:
        self._shape, self._parameters = shape, parameters
        self._levels: list[str] = []
        self._made = 0

    def text(self, listed: Listed, source: str, place: str, order: Sequence[OrderTerm]) -> str:
        """The statement over `source`: FROM with all that follows."""
        if not listed.nested:
            items = [f"{_plain(one)} AS {quoted(one.alias)}" for one in listed.members]
            items += [f"{place} AS {quoted(PLACE)}"] if place else []
            return f"SELECT {', '.join(items)} FROM {source}"
        inner = [*_inner(listed), *(f"{quoted(t.column)} AS {quoted(f'o{i}')}" for i, t in enumerate(order))]
        inner += [f"{place} AS {quoted(PLACE)}"] if place else []
        page = quoted("r0")
        # Each level below reads it again, and must see the same rows: it is computed once.
        self._levels.append(f"{page} AS MATERIALIZED (SELECT {', '.join(inner)} FROM {source})")
        values, joins = self._below(listed, "r0")
        items = [f"{value} AS {quoted(one.alias)}" for one, value in zip(listed.members, values, strict=True)]
        items += [f"{page}.{quoted(PLACE)} AS {quoted(PLACE)}"] if place else []
        along = terms(order, [f"{page}.{quoted(f'o{i}')}" for i in range(len(order))])
        tail = f" ORDER BY {along}" if along else ""
        return f"WITH {', '.join(self._levels)} SELECT {', '.join(items)} FROM {page}{joins}{tail}"

    def _below(self, listed: Listed, level: str) -> tuple[list[str], str]:
        """The value of each member of the rows in `level`, and the joins that these need."""
        values: list[str] = []
        joins = ""
        for i, one in enumerate(listed.members):
            if not isinstance(one, Nested):
                values.append(f"{quoted(level)}.{quoted(f'c{i}')}")
                continue
            name = quoted(self._level(one, level, i))
            keys = range(len(one.link.columns))
            on = " AND ".join(f"{name}.{quoted(f'k{n}')} = {quoted(level)}.{quoted(f'j{i}_{n}')}" for n in keys)
            joins += f" LEFT JOIN {name} ON {on}"
            values.append(f"coalesce({name}.{_VALUE}, [])" if one.link.many else f"{name}.{_VALUE}")
        return values, joins

    def _level(self, one: Nested, above: str, place: int) -> str:
        """The level of what belongs to the rows of the one above, and its objects; the name of these."""
        self._made += 1
        level, objects = f"r{self._made}", f"v{self._made}"
        self._levels.append(self._rows(one, level, above, place))
        values, joins = self._below(one.rows, level)
        pairs = zip(one.rows.members, values, strict=True)
        struct = f"{{{', '.join(f'{literal(each.alias)}: {value}' for each, value in pairs)}}}"
        keys = ", ".join(f"{quoted(level)}.{quoted(f'k{n}')}" for n in range(len(one.link.columns)))
        if one.link.many:
            value = f"list({struct} ORDER BY {quoted(level)}.{_NUMBER})"
            text = f"SELECT {keys}, {value} AS {_VALUE} FROM {quoted(level)}{joins} GROUP BY {keys}"
        else:
            text = f"SELECT {keys}, {struct} AS {_VALUE} FROM {quoted(level)}{joins}"
        self._levels.append(f"{quoted(objects)} AS ({text})")
        return objects

    def _rows(self, one: Nested, level: str, above: str, place: int) -> str:
        """The rows that belong to those of the level above, under keys `k`, numbered for each of them."""
        listed, link = one.rows, one.link
        far = [f"{_ROW}.{quoted(name)}" for name in link.to_columns]
        items = [f"{name} AS {quoted(f'k{n}')}" for n, name in enumerate(far)]
        inner = _inner(listed)
        where = [_of_level(far, above, place)]
        where += Where(self._shape, self._parameters).conditions(listed.given, listed.table, "t")
        kept = " MATERIALIZED" if listed.nested else ""
        source = f"FROM {listed.table.path} AS {_ROW}{_where(where)}"
        if not link.many:
            return f"{quoted(level)} AS{kept} (SELECT {', '.join([*items, *inner])} {source})"
        window = f"PARTITION BY {', '.join(far)}{order_by(total_order(listed), _ROW)}"
        items = [*items, *inner, f"row_number() OVER ({window}) AS {_NUMBER}"]
        within = f"{_NUMBER} <= {self._parameters.add(listed.offset + listed.limit)}"
        if listed.offset:
            within += f" AND {_NUMBER} > {self._parameters.add(listed.offset)}"
        numbered = f"(SELECT {', '.join(items)} {source}) AS {quoted('x')}"
        return f"{quoted(level)} AS{kept} (SELECT * FROM {numbered} WHERE {within})"


def _inner(listed: Listed) -> list[str]:
    """What a level keeps of its rows: the values of its own members, and the keys of what belongs to them."""
    items: list[str] = []
    for i, one in enumerate(listed.members):
        if isinstance(one, Nested):
            columns = enumerate(one.link.columns)
            items += [f"{_ROW}.{quoted(name)} AS {quoted(f'j{i}_{n}')}" for n, name in columns]
        else:
            items.append(f"{_plain(one)} AS {quoted(f'c{i}')}")
    return items


def _plain(one: Member) -> str:
    if isinstance(one, Typename):
        return literal(one.text)
    assert isinstance(one, Selected)
    name = f"{_ROW}.{quoted(one.column.name)}"
    # Of the integers that no Int holds this one alone is rendered as a number: as BIGINT it is a string like the rest.
    return f"CAST({name} AS BIGINT)" if one.column.type == "UINTEGER" else name


def _of_level(far: Sequence[str], above: str, place: int) -> str:
    """The condition that a far row belongs to a row of the level above."""
    level = quoted(above)
    if len(far) == 1:
        return f"{far[0]} IN (SELECT {level}.{quoted(f'j{place}_0')} FROM {level})"
    equal = " AND ".join(f"{level}.{quoted(f'j{place}_{n}')} = {name}" for n, name in enumerate(far))
    return f"EXISTS (SELECT 1 FROM {level} WHERE {equal})"


def _where(conditions: Sequence[str]) -> str:
    return " WHERE " + " AND ".join(conditions) if conditions else ""
