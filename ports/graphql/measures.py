"""A selection of measures to one statement: groups of the dimensions that are selected beside them. Pure.

MEASURE is the gateway's: what it stands for, and that no join repeats a row of it, is decided where it is bound.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from graphql import FieldNode

from gateway import BadQuery, Column, Query
from ports.graphql import where
from ports.graphql.measure_types import CHANGE, FAR, KIND, Dimension, Grouping, Measure
from ports.graphql.selection import TYPENAME, Reader, Typename
from ports.graphql.shape import Link, Shape, TableShape, Time
from ports.graphql.where import Where
from ports.http.comparing import STEPS
from ports.http.sql import OrderTerm, Parameters, literal, quoted, terms


@dataclass(frozen=True)
class Key:
    """What groups are of, under a name; `grain` is the step of a moment in its `zone`, "" for it as it is."""

    alias: str
    column: Column
    grain: str
    zone: str


@dataclass(frozen=True)
class Value:
    """A measure under a name; `compare` says what of the period before it is, "" for its own value."""

    alias: str
    column: Column
    compare: str


@dataclass(frozen=True)
class Far:
    """Dimensions of a related table under a name."""

    alias: str
    link: Link
    table: TableShape
    members: tuple[Key | Typename, ...]


@dataclass(frozen=True)
class Grouped:
    """Groups of a table's rows: which rows, which groups of them, what is told of each."""

    table: TableShape
    members: tuple[Key | Value | Far | Typename, ...]
    given: Mapping[str, Any] | None
    having: Mapping[str, Any] | None
    order: tuple[OrderTerm, ...]
    limit: int
    offset: int


def grouped(reader: Reader, type_name: str, table: TableShape, nodes: list[FieldNode]) -> Grouped:
    """What a field asks of a table's measures. Raises Refused; BadQuery."""
    asked = reader.arguments(type_name, nodes[0])
    limit = reader.limit("limit", asked.get("limit"))
    offset = reader.offset(asked.get("offset"))
    reader.spend(limit)
    members: list[Key | Value | Far | Typename] = []
    name = f"{table.type_name}{KIND}"
    for alias, same in reader.distinct(nodes, 3).items():
        field = same[0].name.value
        meaning = reader.schema.meanings.get((name, field))
        if field == TYPENAME:
            members.append(Typename(alias, name))
        elif isinstance(meaning, Measure):
            compare = reader.arguments(name, same[0]).get("compare") or ""
            members.append(Value(alias, meaning.column, compare))
        elif isinstance(meaning, Grouping):
            members.append(_far(reader, alias, meaning, same))
        else:
            assert isinstance(meaning, Dimension)
            members.append(_key(reader, name, alias, meaning, same[0], table))
    order = where.order(asked.get("orderBy"))
    return Grouped(table, tuple(members), asked.get("where"), asked.get("having"), order, limit, offset)


def _far(reader: Reader, alias: str, meaning: Grouping, nodes: list[FieldNode]) -> Far:
    name = f"{meaning.table.type_name}{FAR}"
    members: list[Key | Typename] = []
    for inner, same in reader.distinct(nodes, 4).items():
        found = reader.schema.meanings.get((name, same[0].name.value))
        if isinstance(found, Dimension):
            members.append(_key(reader, name, inner, found, same[0], meaning.table))
        else:
            members.append(Typename(inner, name))
    return Far(alias, meaning.link, meaning.table, tuple(members))


def _key(reader: Reader, name: str, alias: str, meaning: Dimension, node: FieldNode, table: TableShape) -> Key:
    column, grain = meaning.column, str(reader.arguments(name, node).get("grain") or "").lower()
    (time,) = [one for one in table.times if one.name == column.name] or [Time(column.name, "", ())]
    if grain and time.grains and grain not in time.grains:
        hint = f"allowed: {', '.join(one.upper() for one in time.grains)}"
        raise BadQuery(f"{column.name} has no grain {grain.upper()}", reason="value", hint=hint)
    return Key(alias, column, grain, time.zone)


def compose(asked: Grouped, shape: Shape) -> Query:
    """The statement: groups first, then what is told of them under its names."""
    parameters = Parameters()
    statement = _Statement(asked, Where(shape, parameters), parameters)
    return Query(statement.text(), parameters.all())


class _Statement:
    """One statement. What is grouped by is `g0`, `g1`, ..., the measures are `m0`, ..."""

    def __init__(self, asked: Grouped, conditions: Where, parameters: Parameters) -> None:
        self._asked, self._where, self._parameters = asked, conditions, parameters
        self._keys: dict[str, str] = {}  # an expression, and what it is called
        self._measures: dict[str, str] = {}
        self._before: dict[str, str] = {}  # a measure's name, and that of its value a period before
        self._times: dict[str, str] = {}  # groups of a step of time, and which
        self._clocks: set[str] = set()  # the columns of these, of the table itself
        self._named: dict[str, str] = {}  # what an order may mean by a field's name

    def text(self) -> str:
        """The statement."""
        asked = self._asked
        outputs, joins = [], ""
        for place, one in enumerate(asked.members):
            outputs.append(f"{self._member(one, f'r{place}')} AS {quoted(one.alias)}")
            joins += _join(one, f"r{place}") if isinstance(one, Far) else ""
        having = self._having()
        order = [self._ordered(one) for one in asked.order]
        inner = self._groups(joins, asked.given)
        if self._before:
            # A condition on the time chooses the periods that are shown, and does not cut those beside them.
            uncut = _uncut(asked.given or {}, self._clocks)
            inner = self._compared(inner, inner if uncut == (asked.given or {}) else self._groups(joins, uncut))
        # Groups have no other order that is total.
        order += [name for name in map(quoted, self._keys.values()) if name not in order]
        given = (*asked.order, *(OrderTerm("", False, False) for _ in order[len(asked.order) :]))
        tail = f" ORDER BY {terms(given, order)}" if order else ""
        met = f" WHERE {' AND '.join(having)}" if having else ""
        end = f"{tail} LIMIT {self._parameters.add(asked.limit)}"
        if asked.offset:
            end += f" OFFSET {self._parameters.add(asked.offset)}"
        return f"SELECT {', '.join(outputs)} FROM ({inner}) AS {quoted('groups')}{met}{end}"

    def _groups(self, joins: str, given: Mapping[str, Any] | None) -> str:
        rows = self._where.conditions(given, self._asked.table, "t")
        items = [f"{text} AS {quoted(name)}" for text, name in {**self._keys, **self._measures}.items()]
        groups = ", ".join(str(place) for place in range(1, len(self._keys) + 1))
        inner = f"SELECT {', '.join(items) or 'count(*)'} FROM {self._asked.table.path} AS {quoted('t')}{joins}"
        return inner + (f" WHERE {' AND '.join(rows)}" if rows else "") + (f" GROUP BY {groups}" if groups else "")

    def _member(self, one: Key | Value | Far | Typename, far: str) -> str:
        if isinstance(one, Typename):
            return literal(one.text)
        if isinstance(one, Value):
            return self._value(one)
        if isinstance(one, Key):
            name = self._key(one, "t")
            self._named.setdefault(one.column.name, name)
            return name
        members = [(each.alias, self._key(each, far) if isinstance(each, Key) else literal(each.text))
                   for each in one.members]  # fmt: skip
        return f"{{{', '.join(f'{literal(alias)}: {text}' for alias, text in members)}}}"

    def _key(self, one: Key, alias: str) -> str:
        text = f"{quoted(alias)}.{quoted(one.column.name)}"
        if one.grain:
            # In a zone of the contract's a step begins at its midnight, and is told as that zone's time.
            moment = f"timezone({literal(one.zone)}, {text})" if one.zone else text
            kind = "TIMESTAMP" if one.zone else one.column.type
            text = f"CAST(date_trunc('{one.grain}', {moment}) AS {kind})"
        name = quoted(self._keys.setdefault(text, f"g{len(self._keys)}"))
        if one.grain:
            self._times[name] = one.grain
            self._clocks |= {one.column.name} if alias == "t" else set()
        return name

    def _value(self, one: Value) -> str:
        now = self._measure(one.column)
        if not one.compare:
            return now
        before = self._before.setdefault(now, quoted(f"b{len(self._before)}"))
        return f"{now} - {before}" if one.compare == CHANGE else before

    def _compared(self, inner: str, whole: str) -> str:
        """Groups, each beside the values of the same one of `whole` a period before. Raises BadQuery."""
        if len(self._times) != 1:
            words = "compare takes one time with a grain beside it, such as day(grain: MONTH)"
            raise BadQuery(words, reason="parameter")
        ((time, grain),) = self._times.items()
        same = [f"b.{name} IS NOT DISTINCT FROM n.{name}" for name in map(quoted, self._keys.values()) if name != time]
        same.append(f"b.{time} = n.{time} - INTERVAL {STEPS[grain]}")
        before = ", ".join(f"b.{name} AS {alias}" for name, alias in self._before.items())
        others, named = ("periods", "") if whole == inner else ("others", f', "others" AS ({whole})')
        joined = f'SELECT n.*, {before} FROM "periods" AS n LEFT JOIN "{others}" AS b ON {" AND ".join(same)}'
        return f'WITH "periods" AS ({inner}){named} {joined}'

    def _measure(self, column: Column) -> str:
        text = f"MEASURE({quoted('t')}.{quoted(column.name)})"
        name = quoted(self._measures.setdefault(text, f"m{len(self._measures)}"))
        self._named.setdefault(column.name, name)
        return name

    def _having(self) -> list[str]:
        """Conditions on measures, whether they are selected or not."""
        columns = {one.name: one for one in self._asked.table.measures}
        found: list[str] = []
        for name, given in (self._asked.having or {}).items():
            if given is None:
                raise BadQuery(f"{name} is null: leave it out, or ask by _isNull", reason="value")
            found += self._where.of_column(columns[name], given, self._measure(columns[name]))
        return found

    def _ordered(self, term: OrderTerm) -> str:
        for column in self._asked.table.measures:
            if column.name == term.column:
                return self._measure(column)
        if term.column not in self._named:
            raise BadQuery(f"groups are ordered by what is selected: {term.column} is not", reason="parameter")
        return self._named[term.column]


def _uncut(given: Mapping[str, Any], clocks: set[str]) -> Mapping[str, Any]:
    """The conditions without those that are on these columns alone."""
    kept: dict[str, Any] = {}
    for name, value in given.items():
        if name == "_and" and isinstance(value, list):
            parts = [_uncut(one, clocks) if isinstance(one, Mapping) else one for one in value]
            kept[name] = [after for before, after in zip(value, parts, strict=True) if after or not before]
        elif name not in clocks:
            kept[name] = value
    return {name: value for name, value in kept.items() if name != "_and" or value or not given[name]}


def _join(one: Far, alias: str) -> str:
    pairs = zip(one.link.columns, one.link.to_columns, strict=True)
    on = " AND ".join(f"{quoted('t')}.{quoted(here)} = {quoted(alias)}.{quoted(there)}" for here, there in pairs)
    return f" LEFT JOIN {one.table.path} AS {quoted(alias)} ON {on}"
