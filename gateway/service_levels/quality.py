"""Quality rules to outcomes and scores. Runs the rules' SELECTs through the function that it is given, nothing else."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal

from gateway.product import QualityRule
from gateway.snapshot import RuleOutcome

Number = int | float | Decimal
Comparison = tuple[str, tuple[float, ...]]
_SYMBOLS = {
    "mustBe": "=",
    "mustNotBe": "<>",
    "mustBeGreaterThan": ">",
    "mustBeGreaterOrEqualTo": ">=",
    "mustBeLessThan": "<",
    "mustBeLessOrEqualTo": "<=",
}


def outcome(table: str, rule: QualityRule, value: Callable[[str], Number | None]) -> RuleOutcome:
    """The outcome of one rule. `value` answers its SELECT with one number, or None: NULL, or an error of the engine.

    A rule without a number does not hold: what cannot be measured is not proven.
    """
    found = value(rule.query)
    measured = math.nan if found is None else float(found)
    return RuleOutcome(
        rule=rule.id,
        table=table,
        dimension=rule.dimension,
        severity=rule.severity,
        holds=holds(measured, rule.comparison),
        value=measured,
        expected=expected(rule.comparison, rule.unit),
    )


def holds(value: float, comparison: Comparison) -> bool:
    """Whether `value` meets an ODCS comparison; NaN meets none. Both bounds of a range belong to it.

    Source: ODCS 3.2 "Operators"; bounds as datacontract-cli reads them, since the standard's words and sign differ.
    """
    operator, operands = comparison
    first = operands[0]
    if math.isnan(value):
        return False
    match operator:
        case "mustBe":
            return value == first
        case "mustNotBe":
            return value != first
        case "mustBeGreaterThan":
            return value > first
        case "mustBeGreaterOrEqualTo":
            return value >= first
        case "mustBeLessThan":
            return value < first
        case "mustBeLessOrEqualTo":
            return value <= first
        case "mustBeBetween":
            return first <= value <= operands[1]
        case "mustNotBeBetween":
            return not first <= value <= operands[1]
    raise ValueError(operator)


def expected(comparison: Comparison, unit: str) -> str:
    """The comparison in short: `= 0`, `between 1 and 9`, `<= 5 %`."""
    operator, operands = comparison
    sign = " %" if unit == "percent" else ""
    if operator in _SYMBOLS:
        return f"{_SYMBOLS[operator]} {_number(operands[0])}{sign}"
    word = "between" if operator == "mustBeBetween" else "not between"
    return f"{word} {_number(operands[0])} and {_number(operands[1])}{sign}"


def _number(value: float) -> str:
    return str(int(value)) if float(value).is_integer() and abs(value) < 1e15 else repr(value)


def scores(outcomes: Iterable[RuleOutcome]) -> Mapping[str, float]:
    """Dimension -> share of its rules that hold (0..1), dimensions in the order of their names."""
    found: dict[str, list[bool]] = {}
    for one in outcomes:
        found.setdefault(one.dimension, []).append(one.holds)
    return {dimension: sum(held) / len(held) for dimension, held in sorted(found.items())}


def of_input(table: str) -> str:
    """The name by which a rule of an input's contract speaks of `input.table`: that of no table or column."""
    return f"inputs/{table}"


def is_input(table: str) -> bool:
    """Whether an outcome's table is one of an input, `input.table`."""
    return "." in table


def words(text: str) -> set[str]:
    """The identifiers in any text, in lower case."""
    return set(re.findall(r"[a-z_][a-z0-9_]*", text.lower()))
