"""What the measures of a table can be grouped by: columns and dimensions, its own and of related tables. Pure.

Related are the tables of which each row has at most one, by a foreign key that the principal may follow.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from gateway import Reference, Semantic, VisibleTable
from ports.http.sql import quoted

# The alias of a table itself.
OWN = "t"


@dataclass(frozen=True)
class Field:
    """What rows can be grouped and filtered by: `text` is its SQL, `far` the joined table's alias, "" for none."""

    name: str
    type: str
    text: str
    far: str = ""
    grains: tuple[str, ...] = ()
    zone: str = ""
    stored: bool = True


@dataclass(frozen=True)
class Of:
    """One table with the measures asked of it, and what else can be named there."""

    schema: str
    table: VisibleTable
    measures: tuple[Semantic, ...]
    fields: Mapping[str, Field]
    joins: Mapping[str, str]


def of(schema: str, table: VisibleTable, measures: Iterable[Semantic], references: Sequence[Reference]) -> Of:
    """A table and what its measures can be grouped by: its own columns and dimensions, and those of related tables."""
    name = table.table.name
    fields = {one.name: one for one in _fields(table, OWN, "", "")}
    fields |= {f"{name}.{one.name}": one for one in list(fields.values())}
    joins: dict[str, str] = {}
    single = [one for one in references if not one.many]
    for place, one in enumerate(single, 1):
        far, alias = one.table.table.name, f"r{place}"
        if far == name or sum(other.table.table.name == far for other in single) > 1:
            continue  # which of several is meant cannot be said
        pairs = zip(one.columns, one.to_columns, strict=True)
        on = " AND ".join(f"{path(OWN, near)} = {path(alias, there)}" for near, there in pairs)
        joins[alias] = f" LEFT JOIN {quoted(one.schema)}.{quoted(far)} AS {quoted(alias)} ON {on}"
        fields |= {found.name: found for found in _fields(one.table, alias, f"{far}.", alias)}
    return Of(schema, table, tuple(measures), fields, joins)


def _fields(table: VisibleTable, alias: str, prefix: str, far: str) -> Iterable[Field]:
    described = {one.name: one for one in table.semantics if one.kind == "dimension"}
    kinds = {column.name: column.type for column in table.columns}
    for name, kind in {**kinds, **{one.name: one.type for one in described.values()}}.items():
        more = described.get(name)
        grains, zone = (more.grains, more.zone) if more is not None else ((), "")
        yield Field(prefix + name, kind, path(alias, name), far, grains, zone, name in kinds)


def path(alias: str, name: str) -> str:
    """A column of a table under its alias."""
    return f"{quoted(alias)}.{quoted(name)}"
