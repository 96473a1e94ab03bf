"""What one address asks of one table: select, filters, order, limit, offset, cursor, format. Pure.

Every name is looked up among the columns that the principal may see, and suggestions come from these alone.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal
from urllib.parse import parse_qsl

from gateway import BadQuery, Column, VisibleTable
from ports.rest import filters, values
from ports.rest.filters import Comparison, Filter, Is, Logic

RESERVED = ("select", "order", "limit", "offset", "cursor", "format", "int64", "and", "or", "not.and", "not.or")
PARAMETER_LIMIT = 200
COUNT_LIMIT = (1 << 63) - 1
_ALIAS = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}")


@dataclass(frozen=True)
class Selected:
    """One column of the answer under the name that the client gave it."""

    column: str
    alias: str


@dataclass(frozen=True)
class OrderTerm:
    """One column of the order, with its direction and the place of NULLs."""

    column: str
    descending: bool
    nulls_first: bool


@dataclass(frozen=True)
class Question:
    """One address, understood. `limit` None means that none was given; `filters` are joined by AND."""

    select: tuple[Selected, ...]
    filters: tuple[Filter, ...]
    order: tuple[OrderTerm, ...]
    limit: int | None
    offset: int
    cursor: str | None
    format: str | None
    int64: str | None


def pairs(query_string: str) -> tuple[tuple[str, str], ...]:
    """Names and values of an address's query, percent-decoded. Raises BadQuery (limit) for too many."""
    try:
        return tuple(parse_qsl(query_string, keep_blank_values=True, errors="strict", max_num_fields=PARAMETER_LIMIT))
    except ValueError as error:
        raise BadQuery(f"an address takes at most {PARAMETER_LIMIT} parameters", reason="limit") from error


def columns_of(table: VisibleTable) -> Mapping[str, Column]:
    """The visible columns by name."""
    return {column.name: column for column in table.columns}


def understand(given: Sequence[tuple[str, str]], table: VisibleTable) -> Question:
    """The question that `given` asks of `table`. Raises BadQuery that names what is wrong and what is allowed."""
    columns = columns_of(table)
    once = _once(given)
    found: list[Filter] = []
    for name, text in given:
        if name in {"and", "or", "not.and", "not.or"}:
            connective: Literal["and", "or"] = "and" if name.endswith("and") else "or"
            found.append(filters.logic(connective, text, name.startswith("not.")))
        elif name not in RESERVED:
            found.append(filters.condition(_parameter(name, columns), text))
    checked = tuple(_checked(one, columns) for one in found)
    if once.get("cursor") is not None and once.get("offset") is not None:
        raise BadQuery("cursor and offset exclude each other: a cursor knows its place", reason="parameter")
    return Question(
        select=_select(once.get("select"), columns),
        filters=checked,
        order=_order(once.get("order"), columns),
        limit=_count("limit", once.get("limit")),
        offset=_count("offset", once.get("offset")) or 0,
        cursor=once.get("cursor"),
        format=once.get("format"),
        int64=once.get("int64"),
    )


def selection(
    given: Sequence[tuple[str, str]], table: VisibleTable
) -> tuple[tuple[Selected, ...], str | None, str | None]:
    """`select`, `format`, `int64` of an address that names its row by key. Raises BadQuery for anything else."""
    for name, _ in given:
        if name not in {"select", "format", "int64"}:
            raise unknown_parameter(name, ("select", "format", "int64"))
    once = _once(given)
    return _select(once.get("select"), columns_of(table)), once.get("format"), once.get("int64")


def only_format(given: Sequence[tuple[str, str]]) -> tuple[str | None, str | None]:
    """`format` and `int64` of an address that takes nothing else. Raises BadQuery."""
    for name, _ in given:
        if name not in {"format", "int64"}:
            raise unknown_parameter(name, ("format", "int64"))
    once = _once(given)
    return once.get("format"), once.get("int64")


def unknown_parameter(name: str, allowed: Iterable[str]) -> BadQuery:
    """The refusal of a parameter, with what is allowed here."""
    return BadQuery(f'unknown parameter "{name[:63]}"', reason="parameter", hint=_advice(name, tuple(allowed)))


def _once(given: Sequence[tuple[str, str]]) -> dict[str, str]:
    single: dict[str, str] = {}
    for name, text in given:
        if name in {"select", "order", "limit", "offset", "cursor", "format", "int64"}:
            if name in single:
                raise BadQuery(f'parameter "{name}" is given twice', reason="parameter")
            single[name] = text
    return single


def _parameter(name: str, columns: Mapping[str, Column]) -> str:
    if name.lower() not in columns:
        raise unknown_parameter(name, (*RESERVED, *columns))
    return name.lower()


def _column(name: str, columns: Mapping[str, Column]) -> str:
    if name.lower() not in columns:
        raise BadQuery(f'column "{name[:63]}" does not exist', reason="column", hint=_advice(name, tuple(columns)))
    return name.lower()


def _advice(name: str, allowed: tuple[str, ...]) -> str:
    nearest = difflib.get_close_matches(name[:63].lower(), allowed, n=1)
    return (f"did you mean {nearest[0]}? " if nearest else "") + f"allowed: {', '.join(allowed)}"


def _checked(found: Filter, columns: Mapping[str, Column]) -> Filter:
    """`found` with its columns as the contract spells them, each operator fit for its column's type."""
    if isinstance(found, Logic):
        return Logic(found.connective, tuple(_checked(term, columns) for term in found.terms), found.negated)
    column = columns[_column(found.column, columns)]
    operator = "is" if isinstance(found, Is) else found.operator if isinstance(found, Comparison) else "in"
    allowed = _operators(column.type)
    if operator not in allowed or (isinstance(found, Is) and _only_boolean(found) and column.type != "BOOLEAN"):
        asked = f"is.{found.what}" if isinstance(found, Is) else operator
        raise BadQuery(
            f'operator {asked} does not apply to column "{column.name}" of type {column.type}',
            reason="type",
            hint=f"allowed: {', '.join(allowed)}",
        )
    return type(found)(**{**vars(found), "column": column.name})


def _operators(kind: str) -> tuple[str, ...]:
    if values.textual(kind):
        return filters.OPERATORS
    return (*filters.COMPARISONS, "in", "is") if values.comparable(kind) else ("is",)


def _only_boolean(found: Is) -> bool:
    return found.what in {"true", "false", "unknown"}


def _select(text: str | None, columns: Mapping[str, Column]) -> tuple[Selected, ...]:
    if text is None or text == "":
        return tuple(Selected(name, name) for name in columns)
    chosen: list[Selected] = []
    for item in text.split(","):
        chosen += _selected(item.strip(" "), columns)
    aliases = [one.alias for one in chosen]
    twice = next((alias for alias in aliases if aliases.count(alias) > 1), None) if len(aliases) < 1000 else "select"
    if twice is not None:
        raise BadQuery(f'select names "{twice}" twice: rename one, as in other:{twice}', reason="parameter")
    return tuple(chosen)


def _selected(item: str, columns: Mapping[str, Column]) -> list[Selected]:
    if item == "*":
        return [Selected(name, name) for name in columns]
    if "(" in item or "::" in item:
        raise BadQuery(
            f'select does not take "{item[:63]}": it takes columns and alias:column',
            reason="unsupported",
            hint="casts and aggregates go to POST /sql",
        )
    alias, colon, name = item.rpartition(":")
    if colon and not _ALIAS.fullmatch(alias):
        raise BadQuery(
            f'"{alias[:63]}" is not a name for a column: letters, digits and _, at most 63', reason="parameter"
        )
    column = _column(name, columns)
    return [Selected(column, alias or column)]


def _order(text: str | None, columns: Mapping[str, Column]) -> tuple[OrderTerm, ...]:
    if not text:
        return ()
    terms: list[OrderTerm] = []
    for item in text.split(","):
        written = re.fullmatch(r" *([^. ]+)(?:\.(asc|desc))?(?:\.(nullsfirst|nullslast))? *", item)
        if written is None:
            raise BadQuery(
                f'order does not understand "{item[:63]}": write column[.asc|.desc][.nullsfirst|.nullslast]',
                reason="syntax",
            )
        column = columns[_column(written[1], columns)]
        if not values.comparable(column.type):
            raise BadQuery(f'column "{column.name}" of type {column.type} has no order', reason="type")
        if any(term.column == column.name for term in terms):
            raise BadQuery(f'order names "{column.name}" twice', reason="parameter")
        descending = written[2] == "desc"
        # PostgreSQL's rule: NULL counts as larger than everything.
        nulls_first = descending if written[3] is None else written[3] == "nullsfirst"
        terms.append(OrderTerm(column.name, descending, nulls_first))
    return tuple(terms)


def _count(name: str, text: str | None) -> int | None:
    if text is None:
        return None
    if not re.fullmatch(r"[0-9]{1,19}", text) or int(text) >= COUNT_LIMIT:
        raise BadQuery(f'"{text[:20]}" is not a value of {name}: it takes whole numbers from 0', reason="value")
    return int(text)
