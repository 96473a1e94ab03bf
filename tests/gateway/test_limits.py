"""Limits are narrowed and never widened, budgets are counted once for all processes, and turns are given fairly."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from gateway.errors import Exhausted
from gateway.limits import NOTHING, OF_PRINCIPAL, OF_PRODUCT, LimitError, Limits, declared
from gateway.reach.spending import SHARE_S, Spending
from gateway.serving import running
from gateway.serving.running import Asker, Slots
from tests.gateway.test_siblings import linked

ANN, BOB = Asker("ann"), Asker("bob")


def test_of_each_kind_the_least_holds() -> None:
    deployment = Limits(60, 30, 1000, memory_bytes=10)
    assert deployment.narrowed(None, NOTHING) is deployment
    product = declared(
        {"statementTimeout": "30s", "maxRows": 5000, "memoryLimit": "1KB", "threads": 2},
        OF_PRODUCT,
        frozenset({"threads"}),
    )
    assert deployment.narrowed(product) == Limits(30, 30, 1000, memory_bytes=10)
    assert deployment.narrowed(product, Limits(90, 90, 7, running=2)) == Limits(30, 30, 7, memory_bytes=10, running=2)


@pytest.mark.parametrize(
    ("word", "written", "field", "value"),
    [
        ("statementTimeout", "500ms", "compute_s", 0.5),
        ("statementTimeout", 30, "compute_s", 30.0),
        ("idleTimeout", "2m", "idle_s", 120.0),
        ("maxBytes", "1.5MiB", "bytes", 1_572_864),
        ("maxCost", 10, "cost", 10),
        ("maxConcurrency", 2, "running", 2),
        ("maxQueries", 100, "queries", 100),
        ("maxCompute", "1h", "budget_s", 3600.0),
    ],
)
def test_a_limit_is_written_with_its_unit(word: str, written: Any, field: str, value: float) -> None:
    assert getattr(declared({word: written}, OF_PRINCIPAL), field) == value


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({}, "mapping"),
        ([1], "mapping"),
        ({"maxRow": 5}, "unknown limit maxRow"),
        ({"maxRows": 0}, "maxRows 0"),
        ({"maxRows": True}, "maxRows True"),
        ({"maxRows": "many"}, "maxRows many"),
        ({"statementTimeout": "0s"}, "statementTimeout 0s"),
        ({"statementTimeout": "-1s"}, "statementTimeout -1s"),
        ({"memoryLimit": "2 parsecs"}, "memoryLimit 2 parsecs"),
        ({"maxQueries": 5}, "unknown limit maxQueries"),
    ],
)
def test_what_is_no_limit_is_refused(body: Any, said: str) -> None:
    with pytest.raises(LimitError, match=said):
        declared(body, OF_PRODUCT)


def test_a_budget_is_of_one_subject_and_one_window(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    monkeypatch.setattr(time, "time", lambda: now[0])
    spending, limits = Spending(100, linked(1)[0]), Limits(1, 1, None, queries=2, budget_s=5)
    spending.take(["ann"], limits)
    spending.take(["ann", "bob"], limits)
    with pytest.raises(Exhausted, match="budget of 2 queries in 100 s") as refusal:
        spending.take(["bob", "ann"], limits)
    assert (refusal.value.reason, refusal.value.retry_s) == ("budget", 100)
    spending.take(["bob"], limits)
    now[0] += 100
    spending.take(["ann"], limits)
    spending.computed(["ann"], 5000)
    with pytest.raises(Exhausted, match="5 s of computing"):
        spending.take(["ann"], limits)


def test_many_short_queries_spend_what_one_long_one_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", lambda: 1000.0)
    spending, limits = Spending(100, linked(1)[0]), Limits(1, 1, None, budget_s=1)
    for _ in range(2_500):
        spending.take(["ann"], limits)
        spending.computed(["ann"], 0.4)
    with pytest.raises(Exhausted, match="1 s of computing"):
        spending.take(["ann"], limits)


def test_a_budget_is_of_all_processes_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", lambda: 1000.0)
    first, second = (Spending(3600, one) for one in linked(2))
    limits = Limits(1, 1, None, queries=1)
    first.take(["ann"], limits)
    until = time.monotonic() + 120 * SHARE_S
    try:
        while time.monotonic() < until:
            second.take(["probe"], Limits(1, 1, None))
            if second._present("ann", time.time()) == (1, 0):
                break
            threading.Event().wait(0.01)
        with pytest.raises(Exhausted):
            second.take(["ann"], limits)
    finally:
        first.close()
        second.close()


def test_who_has_no_turn_does_not_wait_for_who_has_them_all() -> None:
    slots = Slots(2, 0.01)
    slots.take(None, ANN)
    slots.take(None, ANN)
    with pytest.raises(Exhausted, match="2 queries are running"):
        slots.take(None, ANN)
    slots.take(None, BOB)
    with pytest.raises(Exhausted):
        slots.take(None, BOB)
    slots.take(None, Asker("cid"))
    with pytest.raises(Exhausted):
        slots.take(None, Asker("dan"))
    assert (slots.running, slots.waiting) == (4, 0)


def test_a_turn_goes_to_who_has_the_fewest_and_then_to_who_waits_longest() -> None:
    slots, got = Slots(2, 20), list[str]()
    for one in (ANN, ANN, BOB, Asker("cid")):
        slots.take(None, one)
    with ThreadPoolExecutor(3) as threads:
        for number, one in enumerate((ANN, BOB, Asker("dan"))):
            threads.submit(lambda asker=one: (slots.take(None, asker), got.append(asker.name)))
            while slots.waiting <= number:
                threading.Event().wait(0.001)
        for expected in (["dan"], ["dan", "ann"], ["dan", "ann", "bob"]):
            slots.give(BOB if "ann" in expected[-2:-1] else ANN)
            while len(got) < len(expected):
                threading.Event().wait(0.001)
            assert got == expected
    assert (slots.running, slots.waiting) == (4, 0)


def test_a_principal_has_no_more_turns_than_it_may() -> None:
    slots, one = Slots(4, 0.01), Asker("ann", 1)
    slots.take(None, one)
    with pytest.raises(Exhausted, match="1 queries of yours"):
        slots.take(None, one)
    slots.give(one)
    slots.take(None, one)


def test_who_has_had_half_of_the_turns_for_long_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    slots, done = Slots(4, 0.01), threading.Barrier(3)

    def held() -> None:
        slots.take(None, ANN)
        done.wait(20)
        done.wait(20)
        slots.give(ANN)

    threads = [threading.Thread(target=held) for _ in range(2)]
    for one in threads:
        one.start()
    done.wait(20)
    slots.take(None, ANN)
    slots.give(ANN)
    monkeypatch.setattr(running, "LONG_S", -1.0)
    with pytest.raises(Exhausted):
        slots.take(None, ANN)
    slots.take(None, BOB)
    slots.give(BOB)
    done.wait(20)
    for one in threads:
        one.join()
    assert slots.running == 0
