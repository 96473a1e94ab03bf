"""What is counted of every question: by the minute, bounded, and put on file by each process for itself."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway import Gateway, GatewayError, Password, Query
from gateway.accounting import latencies
from gateway.accounting.ledger import Ledger
from gateway.accounting.observations import KIND, OTHERS, ROWS, Minute, Tally, blame
from gateway.accounting.observe import QueryAnswered, QueryRefused, Refused
from gateway.errors import Unavailable
from gateway.ticking import ScriptedClock
from tests.conftest import World

NOON = datetime(2026, 3, 1, 12, 0, 30, tzinfo=UTC)
LATENCIES = st.lists(st.floats(0.02, 3_000_000), min_size=1, max_size=60)


def histogram(values: list[float]) -> latencies.Histogram:
    made: latencies.Histogram = {}
    for value in values:
        latencies.merge(made, {latencies.step(value): 1})
    return made


@given(LATENCIES, LATENCIES, st.floats(0.01, 1))
def test_histograms_merge_to_that_of_all_values_and_tell_a_quantile_to_a_few_percent(
    here: list[float], there: list[float], share: float
) -> None:
    merged = histogram(here)
    latencies.merge(merged, histogram(there))
    assert merged == histogram(here + there) == latencies.read(latencies.text(merged))
    exact = sorted(here + there)[math.ceil(share * len(here + there) - 1e-9) - 1]
    found = latencies.quantile(merged, share)
    assert found == pytest.approx(exact, rel=0.026)
    assert latencies.within(merged, max(here + there)) == len(here + there)
    assert latencies.within(merged, min(here + there) / 1.06) == 0


def test_no_value_has_no_quantile() -> None:
    assert latencies.quantile({}, 0.95) is None


def answer(subject: str, error: Refused | None = None, rows: int = 3, **given: object) -> QueryAnswered:
    return QueryAnswered(
        query_id="q", subject=subject, port="rest", purpose=None, products=("shop@1.0.0/s", "hr@1.0.0/t"), columns=(),
        rules=(), statement="", rows=rows, bytes=100, elapsed_ms=9.0, outcome="answered", refused=error, kind="person",
        first_ms=4.0, computed_ms=2.5, **given,  # type: ignore[arg-type]
    )  # fmt: skip


def minutes(state: Path) -> list[Minute]:
    return [Minute.of(row) for row in Ledger(state).rows(KIND)]


def test_an_answer_counts_for_each_product_in_the_minute_that_it_ended_in(tmp_path: Path) -> None:
    clock = ScriptedClock(NOON)
    tally = Tally(Ledger(tmp_path, clock), clock)
    for _ in range(2):
        tally.record(answer("ann"))
    clock.advance(timedelta(minutes=1))
    tally.record(answer("ann", Refused("timeout", "compute", "e"), rows=0))
    tally.flush()
    first, second = (one for one in minutes(tmp_path) if one.counted.product == "shop")
    assert (first.at, second.at) == (NOON.replace(second=0), NOON.replace(second=0) + timedelta(minutes=1))
    assert (first.numbers.queries, first.numbers.rows, first.numbers.computed_ms) == (2, 6, 5.0)
    assert latencies.quantile(first.numbers.latency, 0.95) == pytest.approx(4.0, rel=0.026)
    assert (second.numbers.failed, second.numbers.latency) == (1, {})
    assert len(minutes(tmp_path)) == 4
    tally.flush()
    assert len(minutes(tmp_path)) == 4, "what is on file is not put there twice"


@pytest.mark.parametrize(
    ("code", "reason", "whose"),
    [
        ("unavailable", "audit", "lacking"),
        ("internal", "", "lacking"),
        ("exhausted", "concurrency", "lacking"),
        ("timeout", "compute", "failed"),
        ("exhausted", "memory", "failed"),
        ("timeout", "idle", "theirs"),
        ("exhausted", "rate", "theirs"),
        ("exhausted", "budget", "theirs"),
        ("bad_query", "syntax", "theirs"),
        ("not_found", "table", "theirs"),
        ("forbidden", "", "theirs"),
        ("cancelled", "closed", "theirs"),
    ],
)
def test_an_error_is_ours_or_the_question_s(code: str, reason: str, whose: str) -> None:
    assert blame(Refused(code, reason, "e")) == whose


def test_who_asks_on_behalf_of_another_is_counted_as_that_one_and_an_operator_as_itself(tmp_path: Path) -> None:
    tally = Tally(Ledger(tmp_path))
    tally.record(answer("bot", on_behalf_of="ann"))
    tally.record(
        QueryRefused(
            query_id="q",
            subject="account:root",
            on_behalf_of="ann",
            port="command",
            purpose=None,
            refused=Refused("bad_query", "syntax", "e"),
            kind="account",
        )
    )
    tally.flush()
    assert {one.counted.subject for one in minutes(tmp_path)} == {"ann", "account:root"}


def test_however_many_ask_a_minute_has_a_bounded_number_of_rows(tmp_path: Path) -> None:
    tally = Tally(Ledger(tmp_path))
    for number in range(ROWS):
        tally.record(answer(f"subject-{number}"))
    tally.flush()
    found = minutes(tmp_path)
    assert len(found) <= ROWS + 8
    assert sum(one.numbers.queries for one in found) == 2 * ROWS
    assert sum(one.numbers.queries for one in found if one.counted.subject == OTHERS) >= ROWS


def test_what_cannot_be_put_on_file_is_kept_for_the_next_time(tmp_path: Path) -> None:
    class Full(Ledger):
        full = True

        def append(self, kind: str, rows: object) -> None:
            list(rows)  # type: ignore[call-overload]
            raise Unavailable("the disk is full", reason="state")

    ledger = Full(tmp_path)
    tally = Tally(ledger)
    tally.record(answer("ann"))
    with pytest.raises(Unavailable):
        tally.flush()
    tally.record(answer("ann"))
    tally.unrecorded()
    tally._ledger = Ledger(tmp_path)
    tally.flush()
    assert sum(one.numbers.queries for one in minutes(tmp_path) if one.counted.product == "shop") == 2
    assert sum(one.numbers.lacking for one in minutes(tmp_path)) == 1


@pytest.fixture
def own(world: World, tmp_path: Path) -> Iterator[Gateway]:
    made = Gateway(world.settings)
    made.tally._ledger = Ledger(tmp_path)
    yield made
    made.close()


def test_what_is_asked_of_a_gateway_is_counted_and_two_processes_add_up(
    own: Gateway, world: World, tmp_path: Path
) -> None:
    other = Gateway(world.settings)
    other.tally._ledger = own.tally._ledger
    for gateway in (own, other):
        session = gateway.open(Password("steward", "steward-secret"), "flightsql")
        with gateway.answer(session, Query("SELECT order_id FROM shop.orders LIMIT 7")) as result:
            assert sum(batch.num_rows for batch in result.batches()) == 7
        with pytest.raises(GatewayError):
            gateway.answer(session, Query("SELECT nothing FROM shop.orders"))
    own.tally.flush()
    other.close()
    found = minutes(tmp_path)
    shop = [one for one in found if one.counted.product == "shop"]
    assert {(one.counted.port, one.counted.subject, one.counted.kind) for one in shop} == {
        ("flightsql", "steward", "person")
    }
    assert (sum(one.numbers.queries for one in shop), sum(one.numbers.rows for one in shop)) == (2, 14)
    assert sum(one.numbers.theirs for one in found if one.counted.product == "") == 2
    assert all(one.numbers.computed_ms > 0 and len(one.numbers.latency) == 1 for one in shop)
