"""Items of `select` to columns of the answer, each with its type. Pure; every name is a visible one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from gateway import BadQuery, Column
from ports.http import names, values
from ports.http.sql import Columns
from ports.rest.select import AGGREGATES, Field

TEXT = "VARCHAR"


@dataclass(frozen=True)
class Selected:
    """One column of the answer under the name that the client gave it; `type` is the type of its values there.

    `column` is "" for count(), of which `source` is the type of a table's column. `text_inside` and `text_outside`
    cast to text before and after the aggregate.
    """

    column: str
    source: str
    alias: str
    type: str
    aggregate: str = ""
    text_inside: bool = False
    text_outside: bool = False


def everything(columns: Columns) -> tuple[Selected, ...]:
    """Every visible column under its own name."""
    return tuple(Selected(name, column.type, name, column.type) for name, column in columns.items())


def selected(item: Field, columns: Columns, used: Columns) -> tuple[Selected, ...]:
    """What one item selects; an aggregate also of the columns that are `used` and not shown.

    Raises BadQuery (column, type).
    """
    if item.name == "*":
        return everything(columns)
    if not item.name:
        kind = TEXT if item.text_outside else "BIGINT"
        return (Selected("", "", item.alias or "count", kind, "count", False, item.text_outside),)
    allowed = {**columns, **used} if item.aggregate else columns
    column = allowed[names.column(item.name, allowed)]
    inside = TEXT if item.text_inside else column.type
    kind = _aggregated(item.aggregate, inside, column) if item.aggregate else inside
    alias = item.alias or item.aggregate or column.name
    shown = TEXT if item.text_outside else kind
    return (Selected(column.name, column.type, alias, shown, item.aggregate, item.text_inside, item.text_outside),)


def aggregated(select: Iterable[Selected]) -> bool:
    """Whether the answer is one of groups, not of rows."""
    return any(one.aggregate for one in select)


def groups(select: Iterable[Selected]) -> tuple[Selected, ...]:
    """What the rows of an aggregated answer are grouped by."""
    return tuple(one for one in select if not one.aggregate)


def outputs(select: Iterable[Selected]) -> Columns:
    """The columns of an aggregated answer, by their names there."""
    return {
        one.alias: Column(one.alias, one.type, False, False, None, frozenset(), "", "", physical_name="")
        for one in select
    }


def distinct(aliases: Sequence[str]) -> None:
    """Raises BadQuery if two outputs have one name, in whatever case: a nested object cannot hold both."""
    seen: set[str] = set()
    for alias in aliases:
        if alias.lower() in seen:
            raise BadQuery(f'select names "{alias}" twice: rename one, as in other:{alias}', reason="parameter")
        seen.add(alias.lower())


def _aggregated(aggregate: str, kind: str, column: Column) -> str:
    fits = {
        "sum": values.numeric(kind),
        "avg": values.numeric(kind),
        "min": values.comparable(kind),
        "max": values.comparable(kind),
        "count": True,
    }
    if not fits[aggregate]:
        allowed = ", ".join(f"{name}()" for name in AGGREGATES if fits[name])
        raise BadQuery(
            f'{aggregate}() does not apply to column "{column.name}" of type {kind}',
            reason="type",
            hint=f"allowed: {allowed}",
        )
    return {"sum": values.total(kind), "avg": "DOUBLE", "count": "BIGINT"}.get(aggregate, kind)
