"""What the page says of promises: as they were promised, beside what is measured, of what its reader may know."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gateway import Gateway, VisibleProduct
from gateway.product import Sla
from ports.hub import promises, words

FRESH = Sla("freshness", 15, "min", "items.price", "It was true a quarter of an hour ago.")
SECRET = Sla("freshness", 1, "d", "items.secret", "")
ANSWERS = Sla("responseTimeP95", 200, "ms", "", "")


@pytest.fixture
def seen(hub: Gateway) -> VisibleProduct:
    """`source` as the analyst sees it, who knows of no secret."""
    visible = hub.product(hub.impersonate("analyst", "hub"), "source")
    return replace(visible, product=replace(visible.product, sla=(FRESH, SECRET, ANSWERS)))


def result(**known: Any) -> dict[str, Any]:
    whole = {"objective": "freshness.items", "kind": "freshness", "promise": "freshness", "port": "", "table": "items"}
    whole |= {"column": "price", "target": 900.0, "value": 278.6, "state": "ok", "adherence": 0.9999, "budget": 0.5}
    return {**whole, "description": FRESH.description, **known}


def test_what_was_promised_stands_beside_what_is_measured(seen: VisibleProduct) -> None:
    fresh, answers = promises.of(seen, [result()])
    assert (fresh.name, fresh.promised, fresh.now) == ("freshness of items", "15 minutes", "4 minutes 38 s")
    assert (fresh.state, fresh.kept, fresh.left) == ("kept", "99 %", "50 %")
    assert (answers.name, answers.promised, answers.state) == ("response time p95", "200 ms", "")


def test_a_promise_that_is_measured_by_door_is_told_by_its_worst(seen: VisibleProduct) -> None:
    by_door = {"kind": "latency", "promise": "responseTimeP95", "table": "", "column": ""}
    found = promises.of(
        seen,
        [
            result(**by_door, objective=f"responseTimeP95.{port}", port=port, state=state, value=value)
            for port, state, value in (("rest", "ok", 12.0), ("graphql", "breached", 345.6))
        ],
    )
    assert [(one.promised, one.state, one.now) for one in found] == [
        ("200 ms", "breached", "346 ms"),
        ("15 minutes", "", ""),
    ]


def test_a_promise_about_what_is_hidden_is_not_there(seen: VisibleProduct) -> None:
    assert [one.name for one in promises.of(seen, [])] == ["freshness of items.price", "response time p95"]


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(0, "0 s"), (59.9, "59 s"), (3600, "1 hour"), (607_312, "7 days 41 minutes"), (90_061, "1 day 1 hour")],
)
def test_times_are_told_by_their_two_largest_units(seconds: float, told: str) -> None:
    assert words.duration(seconds) == told
