"""Quality rules: what holds, what counts as broken, how it is scored."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from gateway.accounting.ledger import Ledger
from gateway.desks import quality_told
from gateway.product import QualityRule
from gateway.publication import runs
from gateway.reach.own_rows import Seen
from gateway.service_levels import quality
from gateway.snapshot import RuleOutcome
from gateway.ticking import ScriptedClock
from tests.conftest import World


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


def test_history_has_whole_publications_the_newest_first_and_what_is_seen_alone(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = ScriptedClock(datetime(2026, 3, 1, 12, tzinfo=UTC))
    kept = Ledger(tmp_path, clock)

    def publication(run: int, version: str = "1.0.0") -> None:
        common: dict[str, Any] = {
            "product": "shop",
            "version": version,
            "run": f"r{run}",
            "attempt": 1,
            "snapshot": None,
        }
        rules = (("orders", "accuracy", True), ("orders", "accuracy", run % 2 == 0), ("secret", "accuracy", False))
        kept.append(
            runs.QUALITY,
            [
                common | {"table": table, "dimension": of, "holds": holds, "reads": [table]}
                for table, of, holds in rules
            ],
        )
        clock.advance(timedelta(hours=10))

    for run in range(6):
        publication(run)
    publication(6, "2.0.0")
    found = world.gateway.pin().deployment.find("shop")
    assert found is not None
    seen = Seen(found.product, frozenset({"orders"}), frozenset(), 0.0)
    monkeypatch.setattr(quality_told, "KEPT", 15)
    desk = quality_told.QualityDesk(tmp_path)
    told = desk._history("shop", 1, seen, None, 10)
    assert [(one.run, one.score.score) for one in told] == [("r5", 0.5), ("r4", 1.0), ("r3", 0.5), ("r2", 1.0)]
    assert {one.score.rules for one in told} == {2}
    assert [one.run for one in desk._history("shop", 2, seen, None, 10)] == ["r6"]
    assert [one.run for one in desk._history("shop", 1, seen, clock.now() - timedelta(hours=25), 10)] == ["r5"]
    publication(7)
    assert [one.run for one in desk._history("shop", 1, seen, None, 2)] == ["r7", "r5"]
