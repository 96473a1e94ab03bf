"""What the measures of a table can be grouped by: columns and dimensions, its own and of related tables. Pure.

Related are the tables of which each row has at most one, by foreign keys that the principal may follow, one after the
other: `products.department`, `customers.regions.name`. A table that is referred to twice is meant by the foreign key:
`billing.city` where its column is billing_id, or `addresses!billing_id.city`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from gateway import BadQuery, Reference, Semantic, VisibleTable
from ports.http.sql import quoted

# The alias of a table itself.
OWN = "t"
HOP_LIMIT = 8
PATH_LIMIT = 100
# The references from and to a table, by its schema and its name.
Follow = Callable[[str, str], Sequence[Reference]]


@dataclass(frozen=True)
class Field:
    """What rows can be grouped and filtered by: `text` is its SQL, `via` the aliases of the joins that lead there.

    `reads` are the columns that it is computed of, there.
    """

    name: str
    type: str
    text: str
    via: tuple[str, ...] = ()
    grains: tuple[str, ...] = ()
    zone: str = ""
    stored: bool = True
    reads: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Hop:
    """A related table, and the path that means it."""

    path: str
    schema: str
    table: VisibleTable


@dataclass(frozen=True)
class Of:
    """One table with the measures asked of it, and what else can be named there."""

    schema: str
    table: VisibleTable
    measures: tuple[Semantic, ...]
    fields: Fields

    @property
    def joins(self) -> Mapping[str, str]:
        """The joins of every field that was looked up, by their aliases, each after those that it needs."""
        return self.fields.joins


def of(schema: str, table: VisibleTable, measures: Iterable[Semantic], follow: Follow) -> Of:
    """A table and what its measures can be grouped by: its own columns and dimensions, and those of related tables."""
    return Of(schema, table, tuple(measures), Fields(schema, table, follow))


@dataclass(frozen=True)
class _Stop:
    """A table on a path, under its alias."""

    alias: str
    schema: str
    table: VisibleTable
    via: tuple[str, ...]


class Fields(Mapping[str, Field]):
    """Fields by the paths that name them, found when they are asked for. Those of tables further on are in no list.

    A look-up raises BadQuery (ambiguous) for a table that is referred to twice, with the paths that mean one of them.
    """

    def __init__(self, schema: str, table: VisibleTable, follow: Follow) -> None:
        self._follow = follow
        self._home = _Stop(OWN, schema, table, ())
        self._stops: dict[tuple[str, str], _Stop] = {}
        self._single: dict[tuple[str, str], tuple[Reference, ...]] = {}
        self.joins: dict[str, str] = {}

    def __getitem__(self, name: str) -> Field:
        *steps, last = name.split(".")
        if steps and steps[0] == self._home.table.table.name:
            del steps[0]
        if len(steps) > HOP_LIMIT:
            raise BadQuery(f"a path follows at most {HOP_LIMIT} references", reason="limit")
        stop = self._home
        for step in steps:
            stop = self._next(stop, step)
        found = _field(stop, last, name)
        if found is None:
            raise KeyError(name)
        return found

    def __iter__(self) -> Iterator[str]:
        own = names(self._home.table)
        yield from own
        yield from (f"{self._home.table.table.name}.{name}" for name in own)
        for one in self._hops(self._home.schema, self._home.table, ""):
            yield from (f"{one.path}.{name}" for name in names(one.table))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def paths(self) -> tuple[Hop, ...]:
        """The related tables, the nearest first: each only once on a path, at most PATH_LIMIT."""
        seen: list[tuple[Hop, frozenset[tuple[str, str]]]] = []
        home = (self._home.schema, self._home.table.table.name)
        waiting = [(Hop("", self._home.schema, self._home.table), frozenset({home}))]
        while waiting and len(seen) < PATH_LIMIT:
            here, passed = waiting.pop(0)
            for one in self._hops(here.schema, here.table, f"{here.path}." if here.path else ""):
                place = (one.schema, one.table.table.name)
                if place not in passed and one.path.count(".") < HOP_LIMIT:
                    seen.append((one, passed | {place}))
                    waiting.append(seen[-1])
        return tuple(one for one, _ in seen[:PATH_LIMIT])

    def _hops(self, schema: str, table: VisibleTable, before: str) -> Iterator[Hop]:
        references = self._references(schema, table)
        for one in references:
            yield Hop(before + _written(one, references), one.schema, one.table)

    def _references(self, schema: str, table: VisibleTable) -> tuple[Reference, ...]:
        place = (schema, table.table.name)
        if place not in self._single:
            self._single[place] = tuple(one for one in self._follow(*place) if not one.many)
        return self._single[place]

    def _next(self, stop: _Stop, step: str) -> _Stop:
        """The table that a step leads to. Raises KeyError for none; BadQuery for several."""
        references = self._references(stop.schema, stop.table)
        found = _meant(step, references)
        if len(found) > 1:
            choices = ", ".join(_written(one, references) for one in found)
            words = f'"{step[:63]}" is referred to in several ways by {stop.table.table.name}'
            raise BadQuery(words, reason="ambiguous", hint=f"write one of {choices}")
        if not found:
            raise KeyError(step)
        place = (stop.alias, _written(found[0], references))
        if place not in self._stops:
            self._stops[place] = self._joined(stop, found[0])
        return self._stops[place]

    def _joined(self, stop: _Stop, one: Reference) -> _Stop:
        alias = f"r{len(self.joins) + 1}"
        pairs = zip(one.columns, one.to_columns, strict=True)
        on = " AND ".join(f"{path(stop.alias, near)} = {path(alias, there)}" for near, there in pairs)
        far = f"{quoted(one.schema)}.{quoted(one.table.table.name)}"
        self.joins[alias] = f" LEFT JOIN {far} AS {quoted(alias)} ON {on}"
        return _Stop(alias, one.schema, one.table, (*stop.via, alias))


def _meant(step: str, references: Sequence[Reference]) -> list[Reference]:
    """The references that a step may mean: by the table's name, else by the foreign key's."""
    name, *hints = step.split("!")
    found = [one for one in references if one.table.table.name == name]
    found = found or [one for one in references if name in {_stem(one), *_key(one)}]
    return [one for one in found if all(hint in {*one.key, one.schema} for hint in hints)]


def _written(one: Reference, references: Sequence[Reference]) -> str:
    """The step that means this reference alone."""
    table = one.table.table.name
    for step in (table, _stem(one), *_key(one), f"{table}!{one.schema}"):
        if step and _meant(step, references) == [one]:
            return step
    return f"{table}!{'!'.join(one.key)}"


def _key(one: Reference) -> tuple[str, ...]:
    """The column of ours that refers to the table, where it is one."""
    return one.columns if one.key == one.columns and len(one.key) == 1 else ()


def _stem(one: Reference) -> str:
    return "".join(_key(one)).removesuffix("_id")


def names(table: VisibleTable) -> tuple[str, ...]:
    """The columns and dimensions of a table."""
    dimensions = (one.name for one in table.semantics if one.kind == "dimension")
    return tuple(dict.fromkeys([*(column.name for column in table.columns), *dimensions]))


def _field(stop: _Stop, name: str, written: str) -> Field | None:
    described = next((one for one in stop.table.semantics if one.kind == "dimension" and one.name == name), None)
    kinds = {column.name: column.type for column in stop.table.columns}
    if described is None and name not in kinds:
        return None
    kind = described.type if described is not None else kinds[name]
    grains, zone = (described.grains, described.zone) if described is not None else ((), "")
    stored = name in kinds
    reads = frozenset({name}) if stored or described is None else described.reads
    return Field(written, kind, path(stop.alias, name), stop.via, grains, zone, stored, reads)


def path(alias: str, name: str) -> str:
    """A column of a table under its alias."""
    return f"{quoted(alias)}.{quoted(name)}"
