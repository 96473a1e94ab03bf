"""What the drivers of a measure do: a change shared among them, and what would be if they were others. Pure.

In exact numbers: the effects of a change add up to it, to the last digit that is shown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from fractions import Fraction
from typing import Any

from gateway import BadQuery, Formula, Semantic, formula
from ports.http import values
from ports.http.asking import Named
from ports.http.filters import Membership
from ports.http.measured import Asked
from ports.http.pairs import Pairs
from ports.rest.trees import NEAR, exact, shown

Row = Mapping[str, Any]
_OWN = ("from", "to", "format", "int64")
_CHANGES = ("set", "add", "times", "percent")
# Digits behind the point of what is computed from exact numbers, and from doubles.
_DIGITS, _DOUBLE_DIGITS = 6, 12


@dataclass(frozen=True)
class Driven:
    """A measure with its formula; `named` are the measure and its drivers."""

    measure: Semantic
    formula: Formula
    named: tuple[Named, ...]

    @property
    def digits(self) -> int:
        """How many digits behind the point are told."""
        return _DOUBLE_DIGITS if self.measure.type in {"DOUBLE", "FLOAT"} else _DIGITS


@dataclass(frozen=True)
class Own:
    """The parameters that are not about the measures' rows."""

    start: str | None
    end: str | None
    format: str | None
    int64: str | None


@dataclass(frozen=True)
class Change:
    """A question for two groups: the one where the dimension `by` is `start`, and where it is `end`."""

    driven: Driven
    asked: Asked
    by: str
    start: Any
    end: Any


def of(found: Sequence[Named]) -> Driven:
    """The one measure that is asked about, with its formula. Raises BadQuery."""
    if len(found) != 1:
        raise BadQuery("one measure is asked about at a time", reason="unsupported")
    (one,) = found
    declared = one.semantic.tree
    if declared is None or not declared.formula:
        known = [other.name for other in one.table.semantics if other.tree is not None and other.tree.formula]
        hint = f"measures that have one: {', '.join(known)}" if known else "metricTree in the contract declares one"
        raise BadQuery(f'"{one.semantic.name}" has no formula of drivers', reason="unsupported", hint=hint)
    asked = formula(declared.formula)
    every = {other.name: other for other in one.table.semantics}
    drivers = tuple(Named(one.table, every[name]) for name in asked.names if name != one.semantic.name)
    return Driven(one.semantic, asked, (one, *drivers))


def parted(given: Pairs) -> tuple[Own, Pairs]:
    """The parameters of these addresses' own, and those that every question for measures takes. Raises BadQuery."""
    own: dict[str, str] = {}
    for name, text in given:
        if name in own:
            raise BadQuery(f'parameter "{name}" is given twice', reason="parameter")
        if name in _OWN:
            own[name] = text
        elif name in {"order", "limit", "offset", "compare"}:
            raise BadQuery(f'parameter "{name}" means nothing here', reason="parameter")
    rest = tuple(pair for pair in given if pair[0] not in _OWN)
    return Own(own.get("from"), own.get("to"), own.get("format"), own.get("int64")), rest


def change(driven: Driven, own: Own, asked: Asked) -> Change:
    """The change that is asked about. Raises BadQuery."""
    if len(asked.by) != 1 or own.start is None or own.end is None:
        hint = "as in ?by=segment&from=gold&to=silver, or ?grain=month&from=2017-03-01&to=2017-04-01"
        raise BadQuery("decompose takes one dimension, and its values from and to", reason="parameter", hint=hint)
    (by,) = asked.by
    kind = asked.outputs[by.name].type
    start, end = (values.read(text, kind, by.name) for text in (own.start, own.end))
    only = Membership(by.name, (own.start, own.end), False)
    return Change(driven, replace(asked, having=(*asked.having, only)), by.name, start, end)


def decomposed(asked: Change, rows: Sequence[Row]) -> dict[str, Any]:
    """The change with each driver's effect. Raises BadQuery where a group is not there, or has no value."""
    driven, found = asked.driven, {row[asked.by]: row for row in rows}
    sides = []
    for value in (asked.start, asked.end):
        if value not in found:
            raise BadQuery(f"there are no rows where {asked.by} is {value}", reason="value")
        sides.append(_numbers(driven, found[value]))
    before, after = sides
    name = driven.measure.name
    return {
        "measure": name,
        "unit": driven.measure.unit,
        "formula": driven.formula.text,
        "by": asked.by,
        "from": str(asked.start),
        "to": str(asked.end),
        "before": shown(found[asked.start][name]),
        "after": shown(found[asked.end][name]),
        **_effects(driven, before, after, after[name] - before[name]),
    }


def supposed(driven: Driven, own: Own, given: Pairs) -> tuple[dict[str, tuple[str, Decimal]], Pairs]:
    """How the drivers are to change, and the other parameters. Raises BadQuery."""
    if own.start is not None or own.end is not None or any(name in {"by", "grain"} for name, _ in given):
        raise BadQuery("what-if is about all rows that the filters leave", reason="parameter", hint="filter by columns")
    found: dict[str, tuple[str, Decimal]] = {}
    for name, text in given:
        if name.lower() in driven.formula.names:
            how, _, number = text.partition(".")
            try:
                value = values.read(number, "DECIMAL(38,10)", name)
            except BadQuery:
                value = None
            if how not in _CHANGES or not isinstance(value, Decimal) or name.lower() in found:
                words = f'"{text[:40]}" does not say once how {name[:63]} changes'
                raise BadQuery(words, reason="value", hint="set.N, add.N, times.N or percent.N")
            found[name.lower()] = (how, value)
    if not found:
        drivers = ", ".join(driven.formula.names)
        raise BadQuery("what-if takes a change of a driver", reason="parameter", hint=f"{drivers}: as in =percent.10")
    return found, tuple(pair for pair in given if pair[0].lower() not in found)


def scenario(driven: Driven, row: Row, changes: Mapping[str, tuple[str, Decimal]]) -> dict[str, Any]:
    """The measure as it is and as it would be. Raises BadQuery where a value is not defined."""
    now = _numbers(driven, row)
    then = {name: _changed(value, *changes[name]) if name in changes else value for name, value in now.items()}
    base, reached = driven.formula.value(now), driven.formula.value(then)
    if base is None or reached is None:
        raise BadQuery(f"{driven.formula.text} divides by zero there", reason="division")
    return {
        "measure": driven.measure.name,
        "unit": driven.measure.unit,
        "formula": driven.formula.text,
        "baseline": shown(row[driven.measure.name]),
        "scenario": _text(_rounded(now[driven.measure.name] + reached - base, driven.digits)),
        **_effects(driven, now, then, reached - base),
    }


def _changed(value: Fraction, how: str, amount: Decimal) -> Fraction:
    number = Fraction(amount)
    if how == "set":
        return number
    if how == "add":
        return value + number
    return value * (number if how == "times" else 1 + number / 100)


def _numbers(driven: Driven, row: Row) -> dict[str, Fraction]:
    found = {one.semantic.name: exact(row[one.semantic.name]) for one in driven.named}
    for name, value in found.items():
        if value is None:
            raise BadQuery(f"{name} has no value there", reason="value")
    return {name: value for name, value in found.items() if value is not None}


def _effects(
    driven: Driven, before: Mapping[str, Fraction], after: Mapping[str, Fraction], total: Fraction
) -> dict[str, Any]:
    """The change and what each driver adds to it; what doubles leave over goes to the largest effect."""
    effects = driven.formula.effects(before, after)
    if effects is None:
        raise BadQuery(f"{driven.formula.text} divides by zero on the way", reason="division")
    digits = driven.digits
    rest = total - sum(effects.values())
    size = max((abs(one) for one in (*before.values(), *after.values(), *effects.values())), default=Fraction(0))
    rounded = {name: _rounded(value, digits) for name, value in effects.items()}
    change, left = _rounded(total, digits), Decimal(0)
    if abs(rest) <= size * NEAR:
        largest = max(rounded, key=lambda name: abs(rounded[name]))
        rounded[largest] = change - sum((rounded[name] for name in rounded if name != largest), Decimal(0))
    else:
        left = change - sum(rounded.values(), Decimal(0))
    lines = [
        {
            "driver": name,
            "before": _text(_rounded(before[name], digits)),
            "after": _text(_rounded(after[name], digits)),
            "effect": _text(rounded[name]),
        }
        for name in driven.formula.names
    ]
    return {"change": _text(change), "effects": lines, "unexplained": _text(left)}


def _rounded(value: Fraction, digits: int) -> Decimal:
    with localcontext() as context:
        context.prec = 60
        exactly = Decimal(value.numerator) / Decimal(value.denominator)
        return exactly.quantize(Decimal(1).scaleb(-digits), rounding=ROUND_HALF_EVEN)


def _text(value: Decimal) -> str:
    return format(value, "f")
