"""Names as a client writes them, looked up among visible columns; each operator fit for its column's type.

Pure. Suggestions come from the visible columns alone.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection as Names
from collections.abc import Iterable, Sequence
from dataclasses import replace

from gateway import BadQuery
from ports.http import filters, values
from ports.http.filters import Collection, Comparison, Filter, Is, Logic, Quantified
from ports.http.sql import Columns, OrderTerm


def column(name: str, columns: Columns, *also: str) -> str:
    """`name` as the contract spells it. Raises BadQuery; `also` are other words that may stand there."""
    if name.lower() not in columns:
        hint = advice(name, (*columns, *also))
        raise BadQuery(f'column "{name[:63]}" does not exist', reason="column", hint=hint)
    return name.lower()


def advice(name: str, allowed: Sequence[str]) -> str:
    """The nearest of what is allowed, and all of it."""
    nearest = difflib.get_close_matches(name[:63].lower(), allowed, n=1)
    return (f"did you mean {nearest[0]}? " if nearest else "") + f"allowed: {', '.join(allowed)}"


def unknown_parameter(name: str, allowed: Iterable[str]) -> BadQuery:
    """The refusal of a parameter, with what is allowed here."""
    return BadQuery(f'unknown parameter "{name[:63]}"', reason="parameter", hint=advice(name, tuple(allowed)))


def checked(found: Filter, columns: Columns, embedded: Names[str] = ()) -> Filter:
    """`found` with its columns as the contract spells them, each operator fit for its column's type.

    `embedded` are the tables embedded in the same select: `is.null` and `not.is.null` may be asked of them. Raises
    BadQuery.
    """
    if isinstance(found, Logic):
        return Logic(found.connective, tuple(checked(term, columns, embedded) for term in found.terms), found.negated)
    if found.column in embedded and found.column not in columns:
        if not isinstance(found, Is) or found.what not in {"null", "not_null"}:
            raise BadQuery(
                f'"{found.column}" is an embedded table: it takes is.null and not.is.null',
                reason="type",
                hint=f"a filter of its rows is {found.column}.column=operator.value",
            )
        return found
    asked = columns[column(found.column, columns)]
    allowed = _operators(asked.type)
    if _operator(found) not in allowed or (isinstance(found, Is) and _only_boolean(found) and asked.type != "BOOLEAN"):
        written = f"is.{found.what}" if isinstance(found, Is) else _operator(found)
        raise BadQuery(
            f'operator {written} does not apply to column "{asked.name}" of type {asked.type}',
            reason="type",
            hint=f"allowed: {', '.join(allowed)}",
        )
    return replace(found, column=asked.name)


def order(text: str | None, columns: Columns, what: str = "order") -> tuple[OrderTerm, ...]:
    """The terms of `order=text`. Raises BadQuery; `what` is the parameter's name."""
    terms: list[OrderTerm] = []
    for item in text.split(",") if text else ():
        written = re.fullmatch(r" *([^. ]+)(?:\.(asc|desc))?(?:\.(nullsfirst|nullslast))? *", item)
        if written is None:
            raise BadQuery(
                f'{what} does not understand "{item[:63]}": write column[.asc|.desc][.nullsfirst|.nullslast]',
                reason="syntax",
            )
        name = column(written[1], columns) if written[1] not in columns else written[1]
        if not values.comparable(columns[name].type):
            raise BadQuery(f'column "{name}" of type {columns[name].type} has no order', reason="type")
        if any(term.column == name for term in terms):
            continue  # as in SQL, where a second mention of a column decides nothing
        descending = written[2] == "desc"
        # PostgreSQL's rule: NULL counts as larger than everything.
        nulls_first = descending if written[3] is None else written[3] == "nullsfirst"
        terms.append(OrderTerm(name, descending, nulls_first))
    return tuple(terms)


def _operator(found: Comparison | Quantified | Collection | Is | filters.Membership) -> str:
    if isinstance(found, Is):
        return "is"
    return "in" if isinstance(found, filters.Membership) else found.operator


def _operators(kind: str) -> tuple[str, ...]:
    if values.textual(kind):
        return (*filters.COMPARISONS, *filters.PATTERNS, "in", "is")
    if values.item(kind) is not None:
        return (*filters.COLLECTIONS, "is")
    return (*filters.COMPARISONS, "in", "is") if values.comparable(kind) else ("is",)


def _only_boolean(found: Is) -> bool:
    return found.what in {"true", "false", "unknown"}
