"""How agents write what they ask of measures: names, conditions, periods, orders; to what REST's questions mean. Pure.

Every name is looked up among what the principal may see, and suggestions come from that alone.
"""

from __future__ import annotations

import calendar
import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta

from gateway import BadQuery
from ports.http.filters import COMPARISONS, PATTERNS, Comparison, Filter, Is, Membership
from ports.http.grouping import Of
from ports.mcp.arguments import Conditions, Scalar

OPERATORS = ("eq", "neq", "gt", "gte", "lt", "lte", "like", "ilike", "in", "not_in", "is_null")
_ORDER = re.compile(r"(-)?([A-Za-z0-9_.]+?)(?:[ .](asc|desc))?", re.IGNORECASE)
_PERIOD = re.compile(r"(\d{4})(?:-(\d{2})(?:-(\d{2}))?)?", re.ASCII)
_TIMES = frozenset({"DATE", "TIMESTAMP"})
_SUGGESTED = 8


def path(written: str, tables: Sequence[Of]) -> str:
    """The dimension that a name means: one of the tables' own, or of the one related table that has it.

    Raises BadQuery with the nearest names.
    """
    name = written.strip().lower()
    known = [set(table.fields) for table in tables]
    every = set.intersection(*known)
    if name in every:
        return name
    far = sorted(one for one in every if one.endswith(f".{name}"))
    if len(far) == 1:
        return far[0]
    if far:
        raise BadQuery(f'"{name[:63]}" is in several tables', reason="ambiguous", hint=f"write {' or '.join(far)}")
    near = difflib.get_close_matches(name[:63], sorted(every), n=_SUGGESTED, cutoff=0.5)
    near += [one for one in sorted(every) if one.rpartition(".")[2] in name.split("_") and one not in near]
    hint = f"near: {', '.join(near[:_SUGGESTED])}" if near else "list_measures tells what there is"
    raise BadQuery(f'"{name[:120]}" is no dimension of these measures', reason="column", hint=hint)


def order(text: str) -> str:
    """A term of an order as an address has it. Raises BadQuery."""
    written = _ORDER.fullmatch(text.strip())
    if written is None:
        raise BadQuery(f'order does not understand "{text[:63]}"', reason="syntax", hint='write ["revenue desc"]')
    name = written[2].rpartition(".")[2]
    return f"{name}.{'desc' if written[1] or (written[3] or '').lower() == 'desc' else 'asc'}"


def conditions(given: Conditions, tables: Sequence[Of]) -> Iterator[Filter]:
    """Conditions on rows. Raises BadQuery."""
    for name, value in given.items():
        column = path(name, tables)
        yield from _conditions(column, value, tables[0].fields[column].type)


def of_measures(given: Conditions, tables: Sequence[Of]) -> Iterator[Filter]:
    """Conditions on the measures that are asked for. Raises BadQuery."""
    known = {one.name: one.type for table in tables for one in table.measures}
    for name, value in given.items():
        measure = name.strip().lower()
        if measure not in known:
            hint = f"having takes the measures that are asked for: {', '.join(known)}; where takes columns"
            raise BadQuery("having names what is no measure here", reason="column", hint=hint)
        yield from _conditions(measure, value, known[measure])


def _conditions(
    column: str, value: Scalar | list[Scalar] | Mapping[str, Scalar | list[Scalar]], kind: str
) -> Iterator[Filter]:
    if isinstance(value, Mapping):
        for operator, operand in value.items():
            yield from _condition(column, operator, operand, kind)
    else:
        yield from _condition(column, "in" if isinstance(value, list) else "eq", value, kind)


def _condition(column: str, operator: str, operand: Scalar | list[Scalar], kind: str) -> Iterator[Filter]:
    period = _period(operand) if operator == "eq" and kind in _TIMES else None
    if period is not None:
        first, after = period
        yield Comparison(column, "gte", first.isoformat(), False)
        yield Comparison(column, "lt", after.isoformat(), False)
    else:
        yield _filter(column, operator, operand)


def _period(given: Scalar | list[Scalar]) -> tuple[date, date] | None:
    """The first day of a year, month or day, and that after its last."""
    parts = _PERIOD.fullmatch(str(given)) if isinstance(given, str | int) else None
    if parts is None:
        return None
    year, month, day = (int(part) if part else None for part in parts.groups())
    assert year is not None
    try:
        first = date(year, month or 1, day or 1)
        length = 1 if day else calendar.monthrange(year, month)[1] if month else 365 + calendar.isleap(year)
        return first, first + timedelta(days=length)
    except (ValueError, OverflowError):
        return None


def _filter(column: str, operator: str, operand: Scalar | list[Scalar]) -> Filter:
    if operator not in OPERATORS:
        raise BadQuery(
            f'"{operator[:20]}" is not an operator for column "{column[:63]}"',
            reason="syntax",
            hint=f"there are {', '.join(OPERATORS)}",
        )
    if isinstance(operand, list) != (operator in {"in", "not_in"}):
        raise BadQuery(
            f'"{column[:63]}": {operator} takes {"a list" if operator in {"in", "not_in"} else "one value"}',
            reason="value",
            hint='a list of values stands alone, as in {"brand": ["a", "b"]}, or behind in and not_in',
        )
    if isinstance(operand, list):
        return Membership(column, tuple(_text(column, one) for one in operand), operator == "not_in")
    if operator == "is_null":
        if not isinstance(operand, bool):
            raise BadQuery(f'"{column[:63]}": is_null takes true or false', reason="value")
        return Is(column, "null", not operand)
    if operand is None and operator in {"eq", "neq"}:
        return Is(column, "null", operator == "neq")
    assert operator in (*COMPARISONS, *PATTERNS)
    return Comparison(column, operator, _text(column, operand), False)


def _text(column: str, value: Scalar) -> str:
    if value is None:
        raise BadQuery(f'"{column[:63]}": null is asked for by is_null', reason="value")
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
