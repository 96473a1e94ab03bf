"""A question for measures, `/-/measures/{m}?by=...`, to SQL over product names. Pure.

One block for each table that a measure is of, aggregated before anything is put together, so that no row of one repeats
another's. What a table is joined with are tables of which each of its rows has at most one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from gateway import BadQuery, Column, Query, Semantic
from ports.http import comparing, filters, names
from ports.http.comparing import STEPS, named
from ports.http.conditions import condition
from ports.http.filters import Filter, Logic
from ports.http.grouping import OWN, Field, Of, path
from ports.http.pairs import LOGIC, Pairs, single, whole
from ports.http.sql import Columns, OrderTerm, Parameters, order_by, quoted

SINGLE = ("by", "grain", "order", "limit", "offset", "compare", "format", "int64")
_PARTS = ("where", "having")
MEASURES_LIMIT, BY_LIMIT = 20, 20
_TIMES = ("DATE", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE")


@dataclass(frozen=True)
class By:
    """One dimension of the answer under its name there; the time of a `grain` among them."""

    path: str
    name: str
    grain: str = ""


@dataclass(frozen=True)
class Asked:
    """One address, understood. `where` are conditions on rows, `having` on measures.

    `back` is how far back the period lies that each is compared with, "" for none.
    """

    tables: tuple[Of, ...]
    by: tuple[By, ...]
    where: tuple[Filter, ...]
    having: tuple[Filter, ...]
    order: tuple[OrderTerm, ...]
    limit: int | None
    offset: int
    back: str
    outputs: Columns = field(repr=False)

    @property
    def measures(self) -> tuple[Semantic, ...]:
        """Every measure asked for, a table's together."""
        return tuple(one for of in self.tables for one in of.measures)


def understand(given: Pairs, tables: Sequence[Of], more: Sequence[Filter] = ()) -> Asked:
    """The question that `given` asks of the measures; `more` are conditions that came as such.

    Raises BadQuery that names what is wrong and what is allowed.
    """
    once = single(given, SINGLE)
    measures = [one for table in tables for one in table.measures]
    by = _by(once.get("by"), once.get("grain"), tables)
    grain = next((one.grain for one in by if one.grain), "")
    back = comparing.step(once.get("compare"), grain, measures)
    outputs = {one.name: _column(one.name, _type(one, tables)) for one in by}
    outputs |= {one.name: _column(one.name, one.type) for one in measures}
    if len(outputs) < len(by) + len(measures):
        raise BadQuery("two columns of the answer would have one name: ask for them apart", reason="ambiguous")
    values = {one.name: _column(one.name, one.type) for one in measures}
    if back:
        values |= {name: _column(name, kind) for name, kind in comparing.beside(measures)}
    outputs |= values
    where, having = _conditions(given, more, tables, values)
    return Asked(
        tuple(tables),
        by,
        where,
        having,
        names.order(once.get("order"), outputs),
        whole("limit", once.get("limit")),
        whole("offset", once.get("offset")) or 0,
        back,
        outputs,
    )


def _column(name: str, kind: str) -> Column:
    return Column(name, kind, False, False, None, frozenset(), "", "")


def _by(text: str | None, grain: str | None, tables: Sequence[Of]) -> tuple[By, ...]:
    paths = [one.strip().lower() for one in text.split(",")] if text else []
    if len(paths) > BY_LIMIT:
        raise BadQuery(f"by takes at most {BY_LIMIT} dimensions", reason="limit")
    for written in paths:
        for table in tables:
            _field(written, table)
    found = _named_apart([By(one, one.rpartition(".")[2]) for one in dict.fromkeys(paths)])
    if grain is None:
        return tuple(found)
    if grain not in STEPS:
        raise BadQuery(f'"{grain[:20]}" is not a grain: {", ".join(STEPS)}', reason="value")
    times = [one for one in found if all(_field(one.path, table).type in _TIMES for table in tables)]
    chosen = times[0] if len(times) == 1 else By(_clock(tables, grain), "") if not times else None
    if chosen is None:
        raise BadQuery("by names several times: grain is of one", reason="ambiguous")
    time = By(chosen.path, chosen.name or chosen.path.rpartition(".")[2], grain)
    _allowed(time, tables)
    return (*(time if one is chosen else one for one in found), *(() if times else (time,)))


def _named_apart(found: Sequence[By]) -> list[By]:
    """The dimensions, those of one name by their whole paths: billing_city beside shipping_city."""
    names_of = [one.name for one in found]
    return [replace(one, name=re.sub("[.!]", "_", one.path)) if names_of.count(one.name) > 1 else one for one in found]


def _clock(tables: Sequence[Of], grain: str) -> str:
    """The one time of all tables that has the grain, where `by` names none."""
    own = [[one for one in table.fields.values() if one.type in _TIMES and "." not in one.name] for table in tables]
    common = [one for one in own[0] if all(any(one.name == other.name for other in others) for others in own)]
    stored = [one for one in common if one.stored]
    meant = [one.name for one in common if grain in one.grains] or [one.name for one in stored or common]
    if len(set(meant)) != 1:
        words = (
            f"name it in by: {', '.join(sorted(set(meant)))}" if meant else "the measures' tables have none in common"
        )
        raise BadQuery("grain is of one time", reason="ambiguous", hint=words)
    return meant[0]


def _allowed(time: By, tables: Sequence[Of]) -> None:
    for table in tables:
        grains = _field(time.path, table).grains
        if grains and time.grain not in grains:
            words = f'"{time.name}" has no grain {time.grain}'
            raise BadQuery(words, reason="value", hint=f"allowed: {', '.join(grains)}")


def _field(name: str, table: Of) -> Field:
    """Raises BadQuery (column) with what the table can be grouped and filtered by."""
    if name not in table.fields:
        words = f'"{name[:120]}" is no column or dimension of {table.table.table.name}, or of a table that it refers to'
        raise BadQuery(words, reason="column", hint=names.advice(name, tuple(table.fields)))
    return table.fields[name]


def _type(one: By, tables: Sequence[Of]) -> str:
    return "TIMESTAMP" if one.grain else _field(one.path, tables[0]).type


def _conditions(
    given: Pairs, more: Sequence[Filter], tables: Sequence[Of], measures: Columns
) -> tuple[tuple[Filter, ...], tuple[Filter, ...]]:
    where: list[Filter] = []
    having: list[Filter] = []
    for one in (*_filters(given, tables, measures), *more):
        if not isinstance(one, Logic):
            _exists(one.column, tables, measures)
        if all(column in measures for column in named(one)):
            having.append(names.checked(one, measures))
        else:
            where += [names.checked(one, _columns(table, one)) for table in tables][:1]
    return tuple(where), tuple(having)


def _filters(given: Pairs, tables: Sequence[Of], measures: Columns) -> Iterator[Filter]:
    for name, text in given:
        if name in _PARTS and not _known(name, tables, measures):
            yield _part(name, text, measures)
        elif name in LOGIC:
            yield filters.logic("and" if name.endswith("and") else "or", text, name.startswith("not."))
        elif name not in SINGLE:
            _exists(name.lower(), tables, measures)
            yield filters.condition(name.lower(), text)


def _part(name: str, text: str, measures: Columns) -> Filter:
    """Several conditions in one parameter: `where` of rows, `having` of measures."""
    one = filters.logic("and", text if text.startswith("(") else f"({text})", False)
    for column in named(one):
        if (column in measures) != (name == "having"):
            words = f'"{column[:63]}" is {"a measure" if column in measures else "no measure that is asked for"}'
            raise BadQuery(words, reason="column", hint="where takes columns and dimensions, having measures")
    return one


def _known(name: str, tables: Sequence[Of], measures: Columns) -> bool:
    return name in measures or all(name in table.fields for table in tables)


def _exists(name: str, tables: Sequence[Of], measures: Columns) -> None:
    if not _known(name, tables, measures):
        raise names.unknown_parameter(name, [*SINGLE, *_PARTS, *LOGIC, *measures, *tables[0].fields])


def _columns(table: Of, one: Filter) -> Columns:
    """What a condition may name: what is listed, and what it names further on."""
    further = [name for name in named(one) if name in table.fields]
    return {name: _column(name, table.fields[name].type) for name in (*table.fields, *further)}


def compose(asked: Asked) -> Query:
    """The statement of `asked`."""
    parameters = Parameters()
    source = _groups(asked, parameters)
    if asked.back:
        (time,) = (one for one in asked.by if one.grain)
        fields = asked.tables[0].fields
        uncut = comparing.uncut(asked.where, fields, fields[time.path])
        before = _groups(replace(asked, where=uncut), parameters) if uncut != asked.where else source
        others = [one.name for one in asked.by if one is not time]
        source = comparing.compared(source, before, time.name, others, asked.measures, asked.back)
    having = [condition(one, asked.outputs, parameters) for one in asked.having]
    text = f'SELECT * FROM ({source}) AS "groups"{_where(having)}{order_by(asked.order)}'
    if asked.limit is not None:
        text += f" LIMIT {parameters.add(asked.limit)}"
    if asked.offset:
        text += f" OFFSET {parameters.add(asked.offset)}"
    return Query(text, parameters.all())


def _groups(asked: Asked, parameters: Parameters) -> str:
    """The groups of all measures."""
    blocks = [_block(asked, table, parameters) for table in asked.tables]
    return blocks[0] if len(blocks) == 1 else _together(asked, blocks)


def _block(asked: Asked, table: Of, parameters: Parameters) -> str:
    """The groups of one table's measures."""
    used = {alias for one in asked.by for alias in _field(one.path, table).via}
    used |= {alias for one in asked.where for name in named(one) for alias in _field(name, table).via}
    items = [f"{_grouped(one, table)} AS {quoted(one.name)}" for one in asked.by]
    items += [f"MEASURE({path(OWN, one.name)}) AS {quoted(one.name)}" for one in table.measures]
    joins = "".join(text for alias, text in table.joins.items() if alias in used)
    where = [_placed(condition(one, _columns(table, one), parameters), table.fields) for one in asked.where]
    source = f"{quoted(table.schema)}.{quoted(table.table.table.name)} AS {quoted(OWN)}{joins}"
    groups = ", ".join(str(place) for place in range(1, len(asked.by) + 1))
    grouping = f" GROUP BY {groups}" if groups else ""
    return f"SELECT {', '.join(items)} FROM {source}{_where(where)}{grouping}"


def _grouped(one: By, table: Of) -> str:
    found = _field(one.path, table)
    if not one.grain:
        return found.text
    moment = f"timezone('{found.zone}', {found.text})" if found.zone else found.text
    return f"CAST(date_trunc('{one.grain}', {moment}) AS TIMESTAMP)"


def _placed(text: str, fields: Mapping[str, Field]) -> str:
    """A condition with the place of every name: it holds our words, names in quotes and parameters."""

    def place(name: re.Match[str]) -> str:
        found = fields.get(name[1])
        return name[0] if found is None else found.text

    return re.sub(r'"([^"]+)"', place, text)


def _where(conditions: Sequence[str]) -> str:
    return " WHERE " + " AND ".join(conditions) if conditions else ""


def _together(asked: Asked, blocks: Sequence[str]) -> str:
    """Groups of several tables side by side: in each of the columns, one block has a value."""
    sides = []
    for table, block in zip(asked.tables, blocks, strict=True):
        mine = {one.name for one in table.measures}
        cells = [quoted(one.name) for one in asked.by]
        cells += [quoted(one.name) if one.name in mine else f"NULL AS {quoted(one.name)}" for one in asked.measures]
        sides.append(f'SELECT {", ".join(cells)} FROM ({block}) AS "side"')
    items = [quoted(one.name) for one in asked.by]
    grouping = f" GROUP BY {', '.join(items)}" if items else ""
    items += [f"any_value({quoted(one.name)}) AS {quoted(one.name)}" for one in asked.measures]
    return f'SELECT {", ".join(items)} FROM ({" UNION ALL ".join(sides)}) AS "sides"{grouping}'
