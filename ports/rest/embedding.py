"""Embedded tables as SQL: the page first, then what belongs to its rows, aggregated once and joined by the keys. Pure.

Each embedded table is one more relation of the statement, so that its own Decision binds it like any other.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from ports.http.conditions import Exists, condition
from ports.http.places import PLACE
from ports.http.sql import OrderTerm, Parameters, literal, order_by, quoted, terms, total
from ports.rest import parts, selection
from ports.rest.embeds import Embedded, columns_of
from ports.rest.parts import Page
from ports.rest.selection import Selected

# Names of ours inside a statement; `$` keeps them apart from contract names.
NEAR = "near$"
FAR = "far$"
_PAGE = quoted("page$")
_VALUE = quoted("v$")
_NUMBER = quoted("n$")


def exists(embeds: Sequence[Embedded], parameters: Parameters) -> Exists:
    """For each embedded table, the condition that some row of it belongs to a row of the table called NEAR."""
    return {one.alias: partial(_some, one, parameters) for one in embeds}


def joined(select: Sequence[Selected | Embedded], page: Page, parameters: Parameters) -> str:
    """The page's rows with what belongs to each."""
    fields = [one for one in select if isinstance(one, Selected)]
    embeds = [one for one in select if isinstance(one, Embedded) and one.select]
    inside = [f"{parts.expression(one, named=False)} AS {quoted(f'c{i}')}" for i, one in enumerate(fields)]
    inside += [f"{quoted(term.column)} AS {quoted(f'o{i}')}" for i, term in enumerate(page.order)]
    inside += [
        f"{quoted(name)} AS {quoted(f'j{i}_{n}')}"
        for i, one in enumerate(embeds)
        for n, name in enumerate(one.reference.columns)
    ]
    if page.place:
        inside.append(f"{page.place} AS {quoted(PLACE)}")
    where = " WHERE " + " AND ".join(page.where) if page.where else ""
    # Several readers of one page must see the same rows: it is computed once.
    kept = "MATERIALIZED " if page.bounded else ""
    page_text = f"SELECT {', '.join(inside)} FROM {page.source}{where}{page.end}"
    outputs: list[str] = []
    for one in select:
        if isinstance(one, Selected):
            outputs.append(f"{_PAGE}.{quoted(f'c{fields.index(one)}')} AS {quoted(one.alias)}")
        elif one.select:
            outputs += _outputs(one, f"e{embeds.index(one)}")
    if page.place:
        outputs.append(f"{_PAGE}.{quoted(PLACE)} AS {quoted(PLACE)}")
    joins = "".join(_join(one, i, page.bounded, parameters) for i, one in enumerate(embeds))
    order = terms(page.order, [f"{_PAGE}.{quoted(f'o{i}')}" for i in range(len(page.order))])
    tail = f" ORDER BY {order}" if order else ""
    return f"WITH {_PAGE} AS {kept}({page_text}) SELECT {', '.join(outputs)} FROM {_PAGE}{joins}{tail}"


def _some(one: Embedded, parameters: Parameters) -> str:
    far, near = quoted(FAR), quoted(NEAR)
    pairs = zip(one.reference.to_columns, one.reference.columns, strict=True)
    where = [f"{far}.{quoted(there)} = {near}.{quoted(here)}" for there, here in pairs]
    where += _conditions(one, parameters)
    return f"EXISTS (SELECT 1 FROM {_table(one)} AS {far} WHERE {' AND '.join(where)})"


def _outputs(one: Embedded, name: str) -> list[str]:
    value = f"{quoted(name)}.{_VALUE}"
    if one.spread:
        return [f"{value}[{literal(each.alias)}] AS {quoted(each.alias)}" for each in one.select]
    if not one.reference.many:
        return [f"{value} AS {quoted(one.alias)}"]
    nothing = "[]"
    if selection.aggregated(one.select) and not selection.groups(one.select) and not one.offset and one.limit != 0:
        # The aggregates of no rows are one row, as in SQL without GROUP BY.
        members = (f"{literal(each.alias)}: {_of_nothing(each)}" for each in one.select)
        nothing = f"[{{{', '.join(members)}}}]"
    return [f"coalesce({value}, {nothing}) AS {quoted(one.alias)}"]


def _of_nothing(one: Selected) -> str:
    if one.aggregate == "count":
        return "'0'" if one.text_outside else "0"
    return "NULL"


def _join(one: Embedded, index: int, bounded: bool, parameters: Parameters) -> str:
    name = quoted(f"e{index}")
    on = " AND ".join(f"{name}.{key} = {_PAGE}.{quoted(f'j{index}_{n}')}" for n, key in enumerate(_keys(one)))
    where = [*_conditions(one, parameters), *([_of_page(one, index)] if bounded else [])]
    source = _table(one) + (" WHERE " + " AND ".join(where) if where else "")
    if one.reference.many:
        text = _lists(one, source, parameters)
    else:
        row = parts.struct(one.select)
        text = f"SELECT {_named_keys(one)}, {row} AS {_VALUE} FROM {source}"
    return f" LEFT JOIN ({text}) AS {name} ON {on}"


def _lists(one: Embedded, source: str, parameters: Parameters) -> str:
    """For each key the list of its objects, in order."""
    far = columns_of(one.reference.table)
    if not selection.aggregated(one.select):
        keys = [quoted(name) for name in one.reference.to_columns]
        order = total(one.order, far, one.reference.table.key)
        return _listed(one, keys, parts.struct(one.select), source, order, parameters)
    groups = selection.groups(one.select)
    items = ", ".join(parts.expression(each) for each in one.select)
    by = [quoted(name) for name in one.reference.to_columns]
    by += [parts.expression(each, named=False) for each in groups]
    grouped = f'(SELECT {_named_keys(one)}, {items} FROM {source} GROUP BY {", ".join(by)}) AS "groups$"'
    order = total(one.order, selection.outputs(one.select), [each.alias for each in groups])
    row = "{" + ", ".join(f"{literal(each.alias)}: {quoted(each.alias)}" for each in one.select) + "}"
    return _listed(one, _keys(one), row, grouped, order, parameters)


def _listed(
    one: Embedded, keys: Sequence[str], row: str, source: str, order: Sequence[OrderTerm], parameters: Parameters
) -> str:
    named = ", ".join(f"{key} AS {name}" for key, name in zip(keys, _keys(one), strict=True))
    ordered = order_by(order)
    if one.limit is None and not one.offset:
        return f"SELECT {named}, list({row}{ordered}) AS {_VALUE} FROM {source} GROUP BY {', '.join(keys)}"
    window = f"row_number() OVER (PARTITION BY {', '.join(keys)}{ordered}) AS {_NUMBER}"
    within = [f"{_NUMBER} > {parameters.add(one.offset)}"]
    if one.limit is not None:
        within.append(f"{_NUMBER} <= {parameters.add(one.offset + one.limit)}")
    numbered = f"SELECT {named}, {row} AS {_VALUE}, {window} FROM {source}"
    by = ", ".join(_keys(one))
    return (
        f"SELECT {by}, list({_VALUE} ORDER BY {_NUMBER}) AS {_VALUE} FROM ({numbered}) "
        f'AS "numbered$" WHERE {" AND ".join(within)} GROUP BY {by}'
    )


def _keys(one: Embedded) -> list[str]:
    """Our names of the far columns of the foreign key."""
    return [quoted(f"k${n}") for n in range(len(one.reference.to_columns))]


def _named_keys(one: Embedded) -> str:
    return ", ".join(f"{quoted(name)} AS {key}" for name, key in zip(one.reference.to_columns, _keys(one), strict=True))


def _of_page(one: Embedded, index: int) -> str:
    """The condition that a far row belongs to a row of the page."""
    theirs = [quoted(name) for name in one.reference.to_columns]
    if len(theirs) == 1:
        return f"{theirs[0]} IN (SELECT {quoted(f'j{index}_0')} FROM {_PAGE})"
    equal = " AND ".join(f"{_PAGE}.{quoted(f'j{index}_{n}')} = {name}" for n, name in enumerate(theirs))
    return f"EXISTS (SELECT 1 FROM {_PAGE} WHERE {equal})"


def _table(one: Embedded) -> str:
    return f"{quoted(one.reference.schema)}.{quoted(one.name)}"


def _conditions(one: Embedded, parameters: Parameters) -> list[str]:
    return [condition(each, columns_of(one.reference.table), parameters) for each in one.filters]
