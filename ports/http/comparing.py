"""Measures of a period beside those of the period before it, or of the same one a year earlier. Pure.

The other period is whole: conditions on the time itself choose the periods that are shown, and do not cut those that
these are compared with. All other conditions hold for both, as the policy does.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from gateway import BadQuery, Semantic
from ports.http import values
from ports.http.filters import Filter, Logic
from ports.http.grouping import Field, path
from ports.http.sql import quoted

STEPS: Mapping[str, str] = {
    "minute": "1 MINUTE", "hour": "1 HOUR", "day": "1 DAY", "week": "7 DAY", "month": "1 MONTH", "quarter": "3 MONTH",
    "year": "1 YEAR",
}  # fmt: skip
PREVIOUS = "previous_period"
COMPARISONS = (PREVIOUS, "previous_year")


def step(text: str | None, grain: str, measures: Sequence[Semantic]) -> str:
    """How far back the other period lies, "" where none is asked for. Raises BadQuery."""
    if text is None:
        return ""
    if text not in COMPARISONS:
        words = f'"{text[:20]}" is not a value of compare: it takes {" or ".join(COMPARISONS)}'
        raise BadQuery(words, reason="value")
    if not grain:
        raise BadQuery("compare takes a grain, such as grain=month", reason="parameter")
    for one in measures:
        if not values.numeric(one.type):
            raise BadQuery(f"{one.name} is {one.type}: only numbers are compared", reason="type")
    if text == PREVIOUS:
        return STEPS[grain]
    # A year later, a week begins on another day: 52 weeks are the nearest that begin on the same one.
    return "364 DAY" if grain == "week" else STEPS["year"]


def beside(measures: Sequence[Semantic]) -> list[tuple[str, str]]:
    """The names and types of what stands beside the measures."""
    return [
        (f"{one.name}_{word}", kind or one.type)
        for one in measures
        for word, kind in (("previous", ""), ("change", ""), ("change_percent", "DOUBLE"))
    ]


def uncut(where: Sequence[Filter], fields: Mapping[str, Field], time: Field) -> tuple[Filter, ...]:
    """The conditions without those that are on the time alone."""
    every = [part for one in where for part in _parts(one)]
    kept = tuple(one for one in every if not all(_same(fields[name], time) for name in named(one)))
    return kept if len(kept) < len(every) else tuple(where)


def _parts(one: Filter) -> Iterator[Filter]:
    if isinstance(one, Logic) and one.connective == "and" and not one.negated:
        for term in one.terms:
            yield from _parts(term)
    else:
        yield one


def _same(one: Field, time: Field) -> bool:
    """Whether a field is the time, or computed of its column alone."""
    return one.via == time.via and one.reads == time.reads and len(one.reads) == 1


def named(one: Filter) -> list[str]:
    """Every column that a condition names."""
    return [name for term in one.terms for name in named(term)] if isinstance(one, Logic) else [one.column.lower()]


def compared(now: str, before: str, time: str, others: Sequence[str], measures: Sequence[Semantic], back: str) -> str:
    """Each group of the statement `now` beside that of `before` whose time lies `back`."""
    same = [f"{path('before', name)} IS NOT DISTINCT FROM {path('now', name)}" for name in others]
    same.append(f"{path('before', time)} = {path('now', time)} - INTERVAL {back}")
    items = [f"{quoted('now')}.*"]
    for measure in measures:
        here, there = path("now", measure.name), path("before", measure.name)
        found = (there, f"{here} - {there}", f"CAST(100 * ({here} - {there}) / nullif(abs({there}), 0) AS DOUBLE)")
        names = (name for name, _ in beside([measure]))
        items += [f"{text} AS {quoted(name)}" for text, name in zip(found, names, strict=True)]
    whole = f', "others" AS ({before})' if before != now else ""
    return (
        f'WITH "periods" AS ({now}){whole} SELECT {", ".join(items)} FROM "periods" AS "now" '
        f'LEFT JOIN "{"others" if whole else "periods"}" AS "before" ON {" AND ".join(same)}'
    )
