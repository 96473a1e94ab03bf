"""Quality rules: what holds, what counts as broken, how it is scored."""

from __future__ import annotations

import math
from decimal import Decimal

import pytest

from gateway import quality
from gateway.product import QualityRule
from gateway.snapshot import RuleOutcome


def rule(operator: str, *operands: float, unit: str = "rows") -> QualityRule:
    return QualityRule("t.r", "a rule", "accuracy", "error", "SELECT 1", (operator, operands), unit, "t.odcs.yaml x")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("operator", "operands", "good", "bad"),
    [
        ("mustBe", (0,), (0, Decimal(0)), (1, -1)),
        ("mustNotBe", (0,), (1,), (0,)),
        ("mustBeGreaterThan", (5,), (6,), (5, 4)),
        ("mustBeGreaterOrEqualTo", (5,), (5, 6), (4,)),
        ("mustBeLessThan", (5,), (4,), (5,)),
        ("mustBeLessOrEqualTo", (5,), (5,), (5.01,)),
        ("mustBeBetween", (1, 9), (1, 5, 9), (0, 10)),
        ("mustNotBeBetween", (1, 9), (0, 10), (1, 5, 9)),
    ],
)
def test_each_operator_means_what_the_standard_says(
    operator: str, operands: tuple[float, ...], good: tuple[quality.Number, ...], bad: tuple[quality.Number, ...]
) -> None:
    assert all(quality.outcome("t", rule(operator, *operands), lambda _, v=v: v).holds for v in good)
    assert not any(quality.outcome("t", rule(operator, *operands), lambda _, v=v: v).holds for v in bad)


def test_money_is_compared_as_it_is_written() -> None:
    assert quality.outcome("t", rule("mustBe", 4596039.58), lambda _: Decimal("4596039.58")).holds


@pytest.mark.parametrize("operator", ["mustBe", "mustNotBe", "mustBeLessThan", "mustBeBetween", "mustNotBeBetween"])
def test_a_rule_that_gives_no_number_does_not_hold(operator: str) -> None:
    outcome = quality.outcome("t", rule(operator, 0, 1), lambda _: None)
    assert not outcome.holds
    assert math.isnan(outcome.value)


def test_what_was_expected_reads_in_short() -> None:
    assert quality.expected(("mustBe", (0,)), "rows") == "= 0"
    assert quality.expected(("mustBeLessOrEqualTo", (2.5,)), "percent") == "<= 2.5 %"
    assert quality.expected(("mustBeBetween", (1, 9)), "rows") == "between 1 and 9"


def test_scores_are_the_share_of_rules_that_hold_in_each_dimension() -> None:
    def outcome(dimension: str, holds: bool) -> RuleOutcome:
        return RuleOutcome("r", "t", dimension, "warning", holds, 0.0, "= 0")

    found = quality.scores([outcome("uniqueness", True), outcome("accuracy", False), outcome("accuracy", True)])
    assert found == {"accuracy": 0.5, "uniqueness": 1.0}
