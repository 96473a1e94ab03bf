"""What GraphQL questions mean, in plain Python over rows in memory: an oracle, and questions drawn at random."""

from __future__ import annotations

import base64
import random
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cmp_to_key
from typing import Any

Row = Mapping[str, Any]
Truth = bool | None
COMPARED: Mapping[str, Callable[[Any, Any], bool]] = {
    "_eq": lambda a, b: a == b, "_neq": lambda a, b: a != b, "_gt": lambda a, b: a > b, "_gte": lambda a, b: a >= b,
    "_lt": lambda a, b: a < b, "_lte": lambda a, b: a <= b,
}  # fmt: skip
DIRECTIONS = [f"{way}{nulls}" for way in ("ASC", "DESC") for nulls in ("", "_NULLS_FIRST", "_NULLS_LAST")]


@dataclass(frozen=True)
class Link:
    """A reference under its field's name: rows of `to` whose `there` equals our `here`."""

    to: str
    here: str
    there: str
    many: bool


@dataclass(frozen=True)
class Table:
    """Rows in memory; `key` "" for a table without one."""

    name: str
    key: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    links: Mapping[str, Link] = field(default_factory=dict)


World = Mapping[str, Table]


def wire(value: Any) -> Any:
    """A value as an answer has it, and as a question may give it."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f").rstrip("0").rstrip(".") + "Z"
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return str(value) if isinstance(value, int | Decimal) and not isinstance(value, bool) else value


def met(world: World, table: Table, row: Row, where: Mapping[str, Any]) -> Truth:
    """Whether a row meets conditions, None where that is unknown."""
    return _all(_met(world, table, row, name, value) for name, value in where.items())


def _met(world: World, table: Table, row: Row, name: str, value: Any) -> Truth:
    if name == "_and":
        return _all(met(world, table, row, one) for one in value)
    if name == "_or":
        return _any(met(world, table, row, one) for one in value)
    if name == "_not":
        found = met(world, table, row, value)
        return None if found is None else not found
    if name in table.links:
        link = table.links[name]
        far = world[link.to]
        return any(met(world, far, one, value) is True for one in related(world, row, link))
    return _all(_compared(row[name], operator, given) for operator, given in value.items())


def _compared(value: Any, operator: str, given: Any) -> Truth:
    if operator == "_isNull":
        return (value is None) is given
    if value is None:
        return False if operator == "_in" and not given else None
    if operator == "_in":
        return value in given
    if operator in ("_like", "_ilike"):
        return _like(value, given, operator == "_ilike")
    return COMPARED[operator](value, given)


def _like(value: str, pattern: str, folded: bool) -> bool:
    parts, place = [], 0
    while place < len(pattern):
        letter = pattern[place]
        if letter == "\\":
            place += 1
            parts.append(re.escape(pattern[place]))
        else:
            parts.append({"%": ".*", "_": "."}.get(letter, re.escape(letter)))
        place += 1
    return re.fullmatch("".join(parts), value, re.DOTALL | (re.IGNORECASE if folded else 0)) is not None


def _all(parts: Iterable[Truth]) -> Truth:
    found = list(parts)
    return False if False in found else None if None in found else True


def _any(parts: Iterable[Truth]) -> Truth:
    found = list(parts)
    return True if True in found else None if None in found else False


def related(world: World, row: Row, link: Link) -> list[Row]:
    """The rows that belong to `row`."""
    return [one for one in world[link.to].rows if row[link.here] is not None and one[link.there] == row[link.here]]


def ordered(table: Table, rows: Iterable[Row], order: Sequence[Mapping[str, str]]) -> list[Row]:
    """Rows in the order asked for, then in that of the key, or of every column."""
    terms = [pair for one in order for pair in one.items()]
    terms += [(name, "ASC") for name in ([table.key] if table.key else table.columns)]

    def compared(a: Row, b: Row) -> int:
        for name, way in terms:
            descending = way.startswith("DESC")
            first = way.endswith("_FIRST") or (descending and not way.endswith("_LAST"))
            x, y = a[name], b[name]
            if x == y:
                continue
            if x is None or y is None:
                return -1 if (x is None) is first else 1
            return -1 if (x < y) is not descending else 1
        return 0

    return sorted(rows, key=cmp_to_key(compared))


@dataclass(frozen=True)
class Listed:
    """Rows asked for: conditions, order, how many; under names, columns and what belongs to each."""

    members: Mapping[str, str | tuple[str, Listed]]
    where: Mapping[str, Any] = field(default_factory=dict)
    order: tuple[Mapping[str, str], ...] = ()
    limit: int = 100
    offset: int = 0


def chosen(world: World, table: Table, rows: Iterable[Row], asked: Listed) -> list[Row]:
    """The rows that are asked for, in order, whatever their number."""
    return ordered(table, (one for one in rows if met(world, table, one, asked.where) is True), asked.order)


def listed(world: World, table: Table, rows: Iterable[Row], asked: Listed) -> list[dict[str, Any]]:
    """What an answer holds."""
    found = chosen(world, table, rows, asked)[asked.offset : asked.offset + asked.limit]
    return [shown(world, table, one, asked) for one in found]


def shown(world: World, table: Table, row: Row, asked: Listed) -> dict[str, Any]:
    """One row of an answer."""
    told: dict[str, Any] = {}
    for alias, member in asked.members.items():
        if isinstance(member, str):
            told[alias] = wire(row[member])
            continue
        link = table.links[member[0]]
        far, rows = world[link.to], related(world, row, link)
        if link.many:
            told[alias] = listed(world, far, rows, member[1])
        else:
            told[alias] = shown(world, far, rows[0], member[1]) if rows else None
    return told


class Questions:
    """Questions drawn at random; `pieces` are parts of texts that patterns are made of."""

    def __init__(self, world: World, seed: int, pieces: Sequence[str]) -> None:
        self._world, self._pieces = world, pieces
        self.random = random.Random(seed)  # noqa: S311

    def where(self, table: Table, depth: int = 0) -> dict[str, Any]:
        """Conditions; joints and related tables stand in them down to some depth."""
        found: dict[str, Any] = {}
        for _ in range(self.random.choice((0, 1, 1, 2))):
            kind = self.random.random()
            if kind < 0.55 or depth > 2:
                name = self.random.choice(table.columns)
                found[name] = self._conditions(table, name)
            elif kind < 0.8:
                joint = self.random.choice(("_and", "_or", "_not"))
                many = [self.where(table, depth + 1) for _ in range(self.random.randrange(3))]
                found[joint] = self.where(table, depth + 1) if joint == "_not" else many
            elif table.links:
                name = self.random.choice(sorted(table.links))
                found[name] = self.where(self._world[table.links[name].to], depth + 1)
        return found

    def order(self, table: Table) -> tuple[dict[str, str], ...]:
        """An order by up to three columns."""
        names = [self.random.choice(table.columns) for _ in range(self.random.randrange(3))]
        return tuple({name: self.random.choice(DIRECTIONS)} for name in dict.fromkeys(names))

    def listed(self, table: Table, depth: int = 0) -> Listed:
        """A list, with lists in it down to some depth; one field may stand there several times."""
        members: dict[str, str | tuple[str, Listed]] = {}
        for name in self.random.choices(table.columns, k=self.random.randrange(1, 4)):
            members[self.random.choice((f"x_{name}", f"c{len(members)}", f"C{len(members) // 2}"))] = name
        for name in sorted(table.links) * (depth < 2):
            for _ in range(self.random.choice((0, 1, 2))):
                members[f"m{len(members)}"] = (name, self.listed(self._world[table.links[name].to], depth + 1))
        limit = self.random.choice((0, 1, 2, 3, 100))
        return Listed(members, self.where(table), self.order(table), limit, self.random.choice((0, 0, 1, 5)))

    def _conditions(self, table: Table, name: str) -> dict[str, Any]:
        values = [row[name] for row in table.rows if row[name] is not None]
        found: dict[str, Any] = {}
        for _ in range(self.random.choice((0, 1, 1, 2))):
            operator = self.random.choice((*COMPARED, "_in", "_isNull", "_like", "_ilike"))
            if operator == "_isNull":
                found[operator] = self.random.random() < 0.5
            elif operator == "_in":
                found[operator] = self.random.choices(values, k=self.random.randrange(3))
            elif operator in COMPARED:
                found[operator] = self.random.choice(values)
            elif isinstance(values[0], str) and name != "code":
                found[operator] = "".join(self.random.choices(self._pieces, k=self.random.randrange(1, 4)))
        return found


class Written:
    """A document being written: its text, and the variables that some of its arguments are."""

    def __init__(self, world: World, type_names: Mapping[str, str]) -> None:
        self._world, self._types = world, type_names
        self.variables: dict[str, Any] = {}
        self.declared: list[str] = []

    def selection(self, table: Table, asked: Listed) -> str:
        """The members of a row."""
        parts = []
        for alias, member in asked.members.items():
            if isinstance(member, str):
                parts.append(f"{alias}: {member}")
                continue
            link = table.links[member[0]]
            far = self._world[link.to]
            arguments = self.arguments(far, member[1]) if link.many else ""
            parts.append(f"{alias}: {member[0]}{arguments} {self.selection(far, member[1])}")
        return "{ " + " ".join(parts) + " }"

    def arguments(self, table: Table, asked: Listed) -> str:
        """The arguments of a list: its conditions and order are variables, its numbers stand in the text."""
        return f"({self.conditions(table, asked)}, limit: {asked.limit}, offset: {asked.offset})"

    def conditions(self, table: Table, asked: Listed) -> str:
        """Conditions and order, as variables."""
        place = len(self.declared)
        name = self._types[table.name]
        self.declared += [f"$w{place}: {name}Where", f"$o{place}: [{name}Order!]"]
        self.variables |= {f"w{place}": _plain(asked.where), f"o{place}": list(asked.order)}
        return f"where: $w{place}, orderBy: $o{place}"


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _plain(one) for name, one in value.items()}
    return [_plain(one) for one in value] if isinstance(value, list | tuple) else wire(value)
