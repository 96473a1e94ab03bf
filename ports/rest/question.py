"""What one address asks of one table: select, filters, order, limit, offset, cursor, format, embedded tables. Pure.

Every name is looked up among what the principal may see, and suggestions come from that alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal
from urllib.parse import parse_qsl

from gateway import BadQuery, Reference, VisibleTable, explained
from ports.http import filters, names
from ports.http.filters import Filter, Logic
from ports.http.pairs import LOGIC, Pairs, single, whole
from ports.http.sql import Columns, OrderTerm
from ports.rest import embeds, select, selection
from ports.rest.embeds import Embedded, columns_of, used_of
from ports.rest.selection import Selected

SINGLE = ("select", "order", "limit", "offset", "cursor", "format", "int64")
RESERVED = (*SINGLE, "snapshot", *LOGIC)
PARAMETER_LIMIT = 200
Related = Callable[[], Sequence[Reference]]


@dataclass(frozen=True)
class Question:
    """One address, understood. `limit` None means that none was given; `filters` are joined by AND."""

    select: tuple[Selected | Embedded, ...]
    filters: tuple[Filter, ...]
    order: tuple[OrderTerm, ...]
    limit: int | None
    offset: int
    cursor: str | None
    format: str | None
    int64: str | None

    @cached_property
    def fields(self) -> tuple[Selected, ...]:
        """The selected columns of the table itself."""
        return tuple(one for one in self.select if isinstance(one, Selected))

    @cached_property
    def embeds(self) -> tuple[Embedded, ...]:
        """The embedded tables."""
        return tuple(one for one in self.select if isinstance(one, Embedded))

    @cached_property
    def aggregated(self) -> bool:
        """Whether the answer has a row for each group, not for each row."""
        return selection.aggregated(self.fields)


def pairs(query_string: str) -> tuple[tuple[str, str], ...]:
    """Names and values of an address's query, percent-decoded. Raises BadQuery (limit) for too many."""
    try:
        return tuple(parse_qsl(query_string, keep_blank_values=True, errors="strict", max_num_fields=PARAMETER_LIMIT))
    except ValueError as error:
        raise BadQuery(f"an address takes at most {PARAMETER_LIMIT} parameters", reason="limit") from error


def understand(given: Pairs, table: VisibleTable, related: Related) -> Question:
    """The question that `given` asks of `table`; `related` tells its references, and is asked only where one is used.

    Raises BadQuery that names what is wrong and what is allowed, Forbidden for a column that is used and not shown.
    """
    try:
        return _understood(given, table, related)
    except BadQuery as error:
        told = explained(error, (table.decision,))
        if told is error:
            raise
        raise told from error


def _understood(given: Pairs, table: VisibleTable, related: Related) -> Question:
    columns = columns_of(table)
    once = single(given, SINGLE)
    if once.get("cursor") is not None and once.get("offset") is not None:
        raise BadQuery("cursor and offset exclude each other: a cursor knows its place", reason="parameter")
    chosen = _select(once.get("select"), columns, used_of(table), related)
    chosen, own = _embedded(chosen, given)
    inside = [one.alias for one in chosen if isinstance(one, Embedded)]
    fields = tuple(one for one in chosen if isinstance(one, Selected))
    ordered = selection.outputs(fields) if selection.aggregated(fields) else columns
    return Question(
        select=chosen,
        filters=_filters(own, columns, inside),
        order=names.order(once.get("order"), ordered),
        limit=whole("limit", once.get("limit")),
        offset=whole("offset", once.get("offset")) or 0,
        cursor=once.get("cursor"),
        format=once.get("format"),
        int64=once.get("int64"),
    )


def selection_of(given: Pairs, table: VisibleTable, related: Related) -> Question:
    """`select`, `format`, `int64` of an address that names its row by key. Raises BadQuery for anything else."""
    for name, _ in given:
        if name not in {"select", "format", "int64"} and ("." not in name or name in LOGIC):
            raise names.unknown_parameter(name, ("select", "format", "int64", "snapshot"))
    found = understand(given, table, related)
    if found.aggregated:
        raise BadQuery("there is nothing to aggregate in one row", reason="unsupported")
    return found


def only_format(given: Pairs) -> tuple[str | None, str | None]:
    """`format` and `int64` of an address that takes nothing else. Raises BadQuery."""
    for name, _ in given:
        if name not in {"format", "int64"}:
            raise names.unknown_parameter(name, ("format", "int64", "snapshot"))
    once = single(given, SINGLE)
    return once.get("format"), once.get("int64")


def misplaced(name: str) -> BadQuery:
    """The refusal of a parameter beside a body."""
    return BadQuery(
        f'parameter "{name[:63]}" stands in the address', reason="parameter", hint="a body holds the whole question"
    )


def _select(text: str | None, columns: Columns, used: Columns, related: Related) -> tuple[Selected | Embedded, ...]:
    chosen: list[Selected | Embedded] = []
    for item in select.read(text) if text else (select.EVERYTHING,):
        if isinstance(item, select.Field):
            chosen += selection.selected(item, columns, used)
        else:
            chosen.append(embeds.embedded(item, related(), columns))
    chosen = [one for i, one in enumerate(chosen) if not _repeated(one, chosen[:i])]
    selection.distinct(list(_shown(chosen)))
    fields = [one for one in chosen if isinstance(one, Selected)]
    if not any(isinstance(one, Selected) or one.select for one in chosen):
        raise BadQuery("select names no column of the answer: add one, or *", reason="parameter")
    if selection.aggregated(fields):
        _only_filtering([one for one in chosen if isinstance(one, Embedded)])
    return tuple(chosen)


def _repeated(one: Selected | Embedded, before: Sequence[Selected | Embedded]) -> bool:
    """Whether a column is named that is there already."""
    return isinstance(one, Selected) and not one.aggregate and one in before


def _shown(chosen: Sequence[Selected | Embedded]) -> list[str]:
    """The names of the answer's columns."""
    shown: list[str] = []
    for one in chosen:
        if isinstance(one, Embedded) and one.spread:
            shown += [each.alias for each in one.select]
        elif isinstance(one, Selected) or one.select:
            shown.append(one.alias)
    return shown


def _only_filtering(found: Sequence[Embedded]) -> None:
    for one in found:
        if one.select:
            raise BadQuery(
                f'"{one.alias}" cannot stand beside an aggregate: groups have no rows of their own',
                reason="unsupported",
                hint=f"{one.name}!inner() filters by it; a join with aggregates goes to POST /sql",
            )


def _embedded(chosen: Sequence[Selected | Embedded], given: Pairs) -> tuple[tuple[Selected | Embedded, ...], Pairs]:
    """The select with each embedded table's parameters in it, and the pairs that are not theirs."""
    tables = [one for one in chosen if isinstance(one, Embedded)]
    theirs: dict[str, list[tuple[str, str]]] = {one.alias: [] for one in tables}
    own: list[tuple[str, str]] = []
    for name, text in given:
        prefix, dot, rest = name.partition(".")
        one = embeds.find(prefix, tables) if dot and name not in LOGIC else None
        if one is None:
            own.append((name, text))
        else:
            theirs[one.alias].append((rest, text))
    return tuple(one if isinstance(one, Selected) else _asked(one, theirs[one.alias]) for one in chosen), own


def _asked(one: Embedded, given: Pairs) -> Embedded:
    """`one` with what its parameters, their prefix taken off, ask of it."""
    single: dict[str, str] = {}
    for name, text in given:
        if name in {"order", "limit", "offset"}:
            if name in single:
                raise BadQuery(f'parameter "{one.alias}.{name}" is given twice', reason="parameter")
            single[name] = text
    far = columns_of(one.reference.table)
    return replace(
        one,
        filters=_filters([pair for pair in given if pair[0] not in single], far, (), f"{one.alias}."),
        order=names.order(single.get("order"), embeds.orderable(one), f"{one.alias}.order"),
        limit=whole(f"{one.alias}.limit", single.get("limit")),
        offset=whole(f"{one.alias}.offset", single.get("offset")) or 0,
    )


def _filters(given: Pairs, columns: Columns, embedded: Sequence[str], prefix: str = "") -> tuple[Filter, ...]:
    found: list[Filter] = []
    for name, text in given:
        if name in LOGIC:
            connective: Literal["and", "or"] = "and" if name.endswith("and") else "or"
            found.append(filters.logic(connective, text, name.startswith("not.")))
        elif prefix or name not in RESERVED:
            found.append(filters.condition(_parameter(name, columns, embedded, prefix), text))
    return tuple(part for one in found for part in _flat(names.checked(one, columns, embedded)))


def _flat(one: Filter) -> tuple[Filter, ...]:
    """`one` as terms of the AND that joins a question's filters, so that and=(a,b) is a and b."""
    if isinstance(one, Logic) and one.connective == "and" and not one.negated:
        return tuple(part for term in one.terms for part in _flat(term))
    return (one,)


def _parameter(name: str, columns: Columns, embedded: Sequence[str], prefix: str) -> str:
    if name in embedded:
        return name
    if name.lower() not in columns:
        table, dot, _ = name.partition(".")
        if dot and table.lower() not in columns:
            raise BadQuery(
                f'parameter "{name[:63]}": no table "{table[:63]}" is embedded in select',
                reason="parameter",
                hint=f"embed it, as in select=*,{table[:63]}(*)"
                + (f"; embedded: {', '.join(embedded)}" if embedded else ""),
            )
        allowed = ("order", "limit", "offset", *LOGIC) if prefix else RESERVED
        raise names.unknown_parameter(prefix + name, [prefix + one for one in (*allowed, *columns)])
    return name.lower()
