"""Embedded tables of a `select`: which declared foreign key each follows, and what it asks of the rows there. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from gateway import BadQuery, Reference, VisibleTable
from ports.http.filters import Filter
from ports.http.sql import Columns, OrderTerm
from ports.rest import selection
from ports.rest.select import Nested
from ports.rest.selection import Selected

ONE, MANY = "one", "many"


@dataclass(frozen=True)
class Embedded:
    """The rows that belong to a row over `reference`: an object (or null), or a list of them, named `alias`.

    `inner` leaves out the rows to which none belongs; `spread` puts the columns of the one that does into the row.
    With nothing selected it only filters.
    """

    alias: str
    reference: Reference
    inner: bool
    spread: bool
    select: tuple[Selected, ...]
    filters: tuple[Filter, ...] = ()
    order: tuple[OrderTerm, ...] = ()
    limit: int | None = None
    offset: int = 0

    @property
    def name(self) -> str:
        """The far table's name."""
        return self.reference.table.table.name


def columns_of(table: VisibleTable) -> Columns:
    """The columns of rows by name."""
    return {column.name: column for column in table.columns}


def used_of(table: VisibleTable) -> Columns:
    """The columns that are used and not shown, by name."""
    return {column.name: column for column in table.used}


def embedded(item: Nested, references: Sequence[Reference], columns: Columns) -> Embedded:
    """What `item` embeds. Raises BadQuery for a table that is not related, related twice, or of another shape."""
    reference = _reference(item, references, columns)
    far = columns_of(reference.table)
    select = tuple(one for field in item.items for one in selection.selected(field, far, {}))
    selection.distinct([one.alias for one in select])
    if item.spread and reference.many:
        raise BadQuery(
            f"...{item.name[:63]}(...) spreads the columns of one row, and here several belong to each",
            reason="unsupported",
            hint=f"write {item.name[:63]}(...) for a list of objects",
        )
    if selection.aggregated(select) and not reference.many:
        raise BadQuery(
            f"{item.name[:63]}(...) is one row here: there is nothing to aggregate in it", reason="unsupported"
        )
    alias = item.alias or reference.table.table.name
    return Embedded(alias, reference, item.inner, item.spread, select)


def find(name: str, embeds: Sequence[Embedded]) -> Embedded | None:
    """The embedded table that a parameter means by `name`: its alias, else its table's name. Raises BadQuery."""
    by_alias = [one for one in embeds if one.alias == name]
    found = by_alias or [one for one in embeds if one.name == name.lower()]
    if len(found) > 1:
        raise BadQuery(
            f'"{name[:63]}" is embedded twice: give each an alias, as in other:{name[:63]}(...)', reason="ambiguous"
        )
    return found[0] if found else None


def orderable(one: Embedded) -> Columns:
    """The columns that an embedded table may be ordered by: its own, or its outputs where it is aggregated."""
    return selection.outputs(one.select) if selection.aggregated(one.select) else columns_of(one.reference.table)


def _reference(item: Nested, references: Sequence[Reference], columns: Columns) -> Reference:
    product, _, table = item.name.lower().rpartition(".")
    named = [one for one in references if one.table.table.name == table and product in {"", one.schema}]
    found = [one for one in named if all(_fits(one, hint.lower()) for hint in item.hints)]
    if len(found) == 1:
        return found[0]
    choices = _choices(named if named else references)
    if named:
        what = "is related in several ways" if found else f"is not related by {'!'.join(item.hints)[:63]}"
        raise BadQuery(f'"{item.name[:63]}" {what}', reason="ambiguous", hint=f"write one of {', '.join(choices)}")
    known = f"related are {', '.join(choices)}" if choices else "no table is related to this one"
    if item.name.lower() in columns:
        known = f"{item.name} is a column: write it without (...); {known}"
    raise BadQuery(f'"{item.name[:63]}" is no table that is related to this one', reason="relationship", hint=known)


def _fits(one: Reference, hint: str) -> bool:
    """Whether a hint means this one: a column of the foreign key, or which end of it is here."""
    return hint in one.key or hint == one.schema or hint == (MANY if one.many else ONE)


def _choices(references: Sequence[Reference]) -> list[str]:
    """How each reference is written so that it is meant alone; the same for every principal who sees it."""
    shared = Counter(one.table.table.name for one in references)
    written = []
    for one in references:
        name = one.table.table.name
        alike = [other for other in references if other.table.table.name == name and other.schema == one.schema]
        if shared[name] > len(alike):
            name = f"{one.schema}.{name}"
        if len(alike) > 1:
            name += f"!{one.key[0]}"
        if sum(other.key[0] == one.key[0] for other in alike) > 1:
            name += f"!{MANY if one.many else ONE}"
        written.append(f"{name}(...)")
    return written
