"""What a GraphQL schema is made of: the schemas, tables, columns and references that exist for somebody. Pure.

Frozen values that compare by what they hold: whoever may see the same shares one schema.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from gateway import Column, Reference, VisibleSchema, VisibleTable
from ports.http.sql import Columns, quoted

PORT = "graphql"
_ENDING = frozenset({"deprecated", "retired"})
# The references of one table, by schema and table; asked only for what was not seen before.
References = Callable[[str, str], Sequence[Reference]]


@dataclass(frozen=True)
class Link:
    """A reference under the field name that it has here: the rows of `table` where `to_columns` equal our `columns`."""

    name: str
    schema: str
    table: str
    columns: tuple[str, ...]
    to_columns: tuple[str, ...]
    many: bool


@dataclass(frozen=True)
class Time:
    """A dimension of moments: the zone that its steps begin in ("" for none), and its steps (none for all)."""

    name: str
    zone: str
    grains: tuple[str, ...]


@dataclass(frozen=True)
class TableShape:
    """One table: its visible columns, which of them may be NULL, its visible key and what it can be read with.

    `measures` and `dimensions` are those of its contract that are no columns, as if they were; `times` are those of its
    columns and dimensions of which the contract says a zone or steps.
    """

    schema: str
    name: str
    description: str
    fields: tuple[Column, ...]
    nullable: frozenset[str]
    key: tuple[str, ...]
    links: tuple[Link, ...]
    measures: tuple[Column, ...] = ()
    dimensions: tuple[Column, ...] = ()
    times: tuple[Time, ...] = ()

    @cached_property
    def known(self) -> Columns:
        """What rows may be chosen and ordered by: columns, and dimensions as if they were."""
        return {**{one.name: one for one in self.dimensions}, **self.columns}

    @cached_property
    def columns(self) -> Columns:
        """The columns by name."""
        return {one.name: one for one in self.fields}

    @cached_property
    def path(self) -> str:
        """The table's name in SQL."""
        return f"{quoted(self.schema)}.{quoted(self.name)}"

    @cached_property
    def type_name(self) -> str:
        """The name of its rows' type. Contract names have no capitals, so that no two tables share one."""
        return f"{capital(self.schema)}_{capital(self.name)}"


@dataclass(frozen=True)
class SchemaShape:
    """One product at one major; `ending` says why it is deprecated, "" where it is not."""

    name: str
    description: str
    ending: str
    tables: tuple[TableShape, ...]


@dataclass(frozen=True)
class Shape:
    """Everything that exists for somebody."""

    schemas: tuple[SchemaShape, ...]
    _hash: list[int] = field(default_factory=list, compare=False, repr=False)

    def __hash__(self) -> int:
        if not self._hash:
            self._hash.append(hash(self.schemas))
        return self._hash[0]

    @cached_property
    def tables(self) -> dict[tuple[str, str], TableShape]:
        """Every table by schema and name."""
        return {(one.name, table.name): table for one in self.schemas for table in one.tables}

    @property
    def weight(self) -> int:
        """About how many bytes a schema of this takes."""
        return 20_000 + sum(6_000 + 1_500 * len(table.fields) for table in self.tables.values())


def capital(name: str) -> str:
    """`name` with a capital at its beginning."""
    return name[:1].upper() + name[1:]


def shape(visible: Sequence[VisibleSchema], references: References) -> Shape:
    """The shape of what is visible; a reference to what is not in it is none."""
    known = {(one.name, table.table.name): table for one in visible for table in one.tables}
    names = {one.name for one in visible}
    return Shape(
        tuple(
            SchemaShape(
                one.name,
                one.snapshot.product.purpose,
                _ending(one, names),
                tuple(_table(one.name, table, references, known) for table in one.tables),
            )
            for one in visible
        )
    )


def _table(
    schema: str, visible: VisibleTable, references: References, known: dict[tuple[str, str], VisibleTable]
) -> TableShape:
    table = visible.table
    nullable = frozenset(one.column.name for one in visible.origins if one.nullable)
    links = _links(visible, references(schema, table.name), known)
    taken = {one.name for one in visible.columns}
    measures, dimensions = (_semantics(visible, kind, taken) for kind in ("measure", "dimension"))
    told = [one for one in visible.semantics if one.kind == "dimension" and (one.zone or one.grains)]
    times = tuple(Time(one.name, one.zone, one.grains) for one in told)
    shown = (visible.columns, nullable, visible.key, links, measures, dimensions, times)
    return TableShape(schema, table.name, table.description, *shown)


def _semantics(visible: VisibleTable, kind: str, taken: set[str]) -> tuple[Column, ...]:
    found = [one for one in visible.semantics if one.kind == kind and one.name not in taken]
    return tuple(
        Column(one.name, one.type, False, False, None, frozenset(), one.description, one.title) for one in found
    )


def _links(
    visible: VisibleTable, references: Sequence[Reference], known: dict[tuple[str, str], VisibleTable]
) -> tuple[Link, ...]:
    own = {one.name for one in visible.columns}
    taken = own | {one.name for one in visible.semantics}
    found = [one for one in references if _shown(one, own, known)]
    plain = Counter(one.table.table.name for one in found)
    by_key = Counter(_by_key(one) for one in found)
    links = []
    for one in found:
        name = one.table.table.name
        if plain[name] > 1 or name in taken:
            name = _by_key(one)
            if by_key[name] > 1:
                name += f"{'List' if one.many else 'One'}Of{capital(one.schema)}"
        links.append(Link(name, one.schema, one.table.table.name, one.columns, one.to_columns, one.many))
    return tuple({one.name: one for one in links}.values())


def _shown(one: Reference, own: set[str], known: dict[tuple[str, str], VisibleTable]) -> bool:
    far = known.get((one.schema, one.table.table.name))
    there = {column.name for column in far.columns} if far is not None else set()
    return set(one.columns) <= own and set(one.to_columns) <= there


def _by_key(one: Reference) -> str:
    return f"{one.table.table.name}By{'And'.join(capital(name) for name in one.key)}"


def _ending(one: VisibleSchema, names: set[str]) -> str:
    product = one.snapshot.product
    if one.name != product.name and product.name in names:
        return f"{product.name} is its newer major version"
    if product.sunset_on is not None:
        return f"ends on {product.sunset_on.date().isoformat()}"
    ending = product.deprecated_on is not None or product.status in _ENDING or product.ends(PORT)
    return "its contract says so" if ending else ""
