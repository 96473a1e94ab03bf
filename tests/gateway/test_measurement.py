"""What a product is to those who use it: counted from the ledger, read from descriptors, added up by domain."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway.accounting.ledger import LINE_BYTES, Ledger
from gateway.accounting.observations import Counted, Minute, Numbers
from gateway.desks.scorecards import FILE, _row, keep, made
from gateway.errors import Unavailable
from gateway.product import Input
from gateway.service_levels import use_cases
from gateway.service_levels.incidents import Incident
from gateway.service_levels.measurement import Prices, Scorecard, domains, reused, scorecards, together
from gateway.service_levels.slo_series import HOURS
from gateway.service_levels.slo_told import Told, write
from gateway.service_levels.use_cases import UseCase
from gateway.snapshot import Deployment, Snapshot
from tests.conftest import World, password
from tests.doors import web

NOW = datetime(2026, 3, 31, 12, tzinfo=UTC)


def asked(days_ago: float, subject: str = "ann", queries: int = 1, **more: Any) -> Minute:
    """Questions of an hour."""
    given = {"product": "shop", "port": "rest", "kind": "person", "purpose": ""} | more
    numbers = Numbers(queries, 0, 0, 0, 10 * queries, 1000 * queries, 100.0 * queries)
    numbers.sent_bytes, numbers.cpu_ms, numbers.rendered_ms = 500 * queries, 75.0 * queries, 25.0 * queries
    return Minute(NOW - timedelta(days_ago), Counted(subject=subject, **given), numbers)


@pytest.fixture
def shop(world: World) -> Snapshot:
    found = world.gateway.pin().deployment.find("shop")
    assert found is not None
    return replace(found, published_at=NOW - timedelta(60))


def named(shop: Snapshot, name: str, inputs: tuple[str, ...] = (), domain: str = "test", **custom: Any) -> Snapshot:
    """A product like the shop, with these custom properties."""
    own = [{"vendor": "outport", "property": key, "value": value} for key, value in custom.items()]
    documents = {
        file: document | ({"customProperties": own} if document.get("kind") == "DataProduct" else {})
        for file, document in shop.product.documents.items()
    }
    made_of = tuple(Input(one, "1.0.0", one, (), ()) for one in inputs)
    changed = {"name": name, "inputs": made_of, "domain": domain, "documents": documents, "digest": f"{name}{custom}"}
    return replace(shop, product=replace(shop.product, **changed))


def card(shop: Snapshot, *minutes: Minute, others: tuple[Snapshot, ...] = (), **more: Any) -> Scorecard:
    given: dict[str, Any] = {"incidents": (), "refreshes": (), "now": NOW} | more
    served = Deployment((shop, *others))
    found = next(one for one in scorecards(minutes, served, **given) if one.product == shop.product.name)
    return reused(found, served)


def test_usage_is_counted_by_kind_door_and_purpose_and_names_nobody(shop: Snapshot) -> None:
    found = card(
        shop,
        asked(1, "ann", 3, purpose="bi"),
        asked(2, "ann", port="postgres"),
        asked(3, "bob"),
        asked(3, "bot", 5, kind="agent", port="mcp"),
        asked(31, "gone", 99),
        asked(1, "eve", product="hr"),
    )
    assert found.consumers == {"agent": 1, "person": 2}
    assert (found.queries, found.rows, found.bytes, found.computed_s) == (10, 100, 10_000, 1.0)
    assert (found.sent_bytes, found.cpu_s, found.rendered_s) == (5_000, 1.0, 0.25)
    assert found.ports == {"mcp": 5, "postgres": 1, "rest": 4}
    assert found.purposes == {"bi": 3, "none": 7}
    assert [name for name in ("'ann'", "'bob'", "'bot'") if name in str(found.document)] == []


def test_declared_use_cases_are_looked_for_among_who_asks_what_for_and_what_reads_it(shop: Snapshot) -> None:
    declared = [{"name": one} for one in ("sales", "bi", "board", "nobody")]
    found = card(
        named(shop, "shop", consumers=declared),
        asked(1, "sales", kind="application"),
        asked(1, purpose="bi"),
        others=(named(shop, "board", ("shop",), "finance"), named(shop, "deck", ("board",), "finance")),
    )
    assert [one.document for one in found.cases] == [
        {"name": "sales", "seen": True, "seen_as": ["application"]},
        {"name": "bi", "seen": True, "seen_as": ["purpose"]},
        {"name": "board", "seen": True, "seen_as": ["product"]},
        {"name": "nobody", "seen": False, "seen_as": []},
    ]
    assert (found.document["use_cases"], found.document["use_cases_seen"]) == (4, 3)
    assert (found.reused_by, found.domains_reached) == (2, 1)


def seen_of(card: Scorecard) -> int:
    return use_cases.seen(card.cases)


def test_a_use_case_that_is_declared_twice_is_one_and_another_shape_is_none(shop: Snapshot) -> None:
    declared = [{"name": "bi"}, {"name": "bi"}, {"asks": "x"}, "bi", 5]
    assert [one.name for one in card(named(shop, "shop", consumers=declared)).cases] == ["bi"]
    assert card(named(shop, "shop", consumers=5)).cases == ()


def test_what_is_made_of_it_and_not_seen_changes_nothing(shop: Snapshot) -> None:
    declared = named(shop, "shop", consumers=[{"name": "board"}, {"name": "deck"}])
    alone, board, deck = (declared,), named(shop, "board", ("shop",), "x"), named(shop, "deck", ("board",), "y")
    (before,) = scorecards((), Deployment(alone), (), (), NOW)
    served = Deployment((*alone, board, deck))
    after = next(one for one in scorecards((), served, (), (), NOW) if one.product == "shop")
    assert after == before, "what the ledger keeps"
    for seen in ((), ("shop",), ("shop", "deck")):
        assert reused(after, served, seen) == before, "by way of what is not seen there is no way"
    whole = reused(after, served, ("shop", "board", "deck"))
    assert (whole.reused_by, whole.domains_reached, seen_of(whole), whole.retire) == (2, 2, 2, ())
    assert (before.reused_by, seen_of(before), before.retire) == (0, 0, ("nobody has asked for it in 30 days",))


@pytest.mark.parametrize(
    ("days", "pace", "change"),
    [
        ([], "unused", None),
        ([(day, 4) for day in range(30)], "steady", 0.0),
        ([(day, 40) for day in (1, 28)], "bursty", 0.0),
        ([(day, 10) for day in range(20, 26)], "bursty", -1.0),
        ([(day, 10) for day in range(5)], "steady", None),
        ([(-1, 10)], "steady", None),
    ],
)
def test_use_is_steady_or_bursty_and_grows_or_decays(
    shop: Snapshot, days: list[tuple[int, int]], pace: str, change: float | None
) -> None:
    found = card(shop, *(asked(day, queries=count) for day, count in days))
    assert (found.pace, found.change) == (pace, change)


def test_what_nobody_uses_what_decays_and_what_costs_more_than_it_is_worth_may_be_retired(shop: Snapshot) -> None:
    assert card(shop).retire == ("nobody has asked for it in 30 days",)
    assert card(replace(shop, published_at=NOW - timedelta(9))).retire == ()
    again = [
        {"product": "shop", "phase": "ended", "outcome": "published", "at": f"2026-0{month}-28T00:00:00Z"}
        for month in (2, 3)
    ]
    anew = card(replace(shop, published_at=NOW - timedelta(1)), refreshes=again)
    assert anew.retire == ("nobody has asked for it in 30 days",), "however often it is made anew"
    assert card(shop, others=(named(shop, "board", ("shop",)),)).retire == ()
    assert "100% fewer" in card(shop, asked(20, queries=9)).retire[0]
    dear = card(named(shop, "shop", value=10, cost={"amount": 5, "per": "month"}), asked(1))
    assert dear.retire == ("it costs more than it is declared to be worth",)


def test_return_is_what_it_is_worth_less_what_it_costs_to_what_it_costs(shop: Snapshot) -> None:
    worth = named(shop, "shop", value={"amount": 1000, "per": "month"}, cost={"amount": 2000, "per": "year"})
    assert card(worth).roi == 5.0
    priced = card(worth, asked(1, queries=36_000), prices=Prices(cpu_hour=100.0, gigabyte=1000.0))
    assert priced.cost == pytest.approx(2000 + (100 + 18) * 365 / 30, abs=0.01)
    assert card(named(shop, "shop", value=5)).roi is None, "what costs nothing has no return on it"
    assert card(named(shop, "shop", cost=5)).roi is None


def test_failures_of_changes_and_times_to_repair_are_told(shop: Snapshot) -> None:
    outcomes = [("begun", None), ("ended", "published"), ("ended", "failed"), ("ended", "unchanged")]
    runs = [{"product": "shop", "phase": phase, "outcome": outcome} for phase, outcome in outcomes]
    begun = NOW - timedelta(days=1)
    unsolved = Incident(id="i", product="shop", objective="o", port="", first_bad=begun, opened=begun)
    met = [unsolved, *(replace(unsolved, recovered=begun + timedelta(minutes=minutes)) for minutes in (10, 30))]
    found = card(shop, refreshes=runs, incidents=met)
    assert (found.changes, found.change_failure_rate) == (3, pytest.approx(1 / 3))
    assert (found.incidents, found.mttr_s) == (3, 20 * 60)


def test_the_mean_time_to_repair_of_several_is_over_what_was_repaired(shop: Snapshot) -> None:
    begun = NOW - timedelta(days=1)
    first = Incident(id="i", product="a", objective="o", port="", first_bad=begun, opened=begun)
    long = replace(first, recovered=begun + timedelta(minutes=60))
    short = replace(first, product="b", recovered=begun + timedelta(minutes=10))
    served = Deployment((named(shop, "a"), named(shop, "b")))
    cards = scorecards((), served, [long, *[first] * 9, short], (), NOW)
    assert together(cards).mttr_s == 35 * 60


@pytest.mark.parametrize("vouched", [5, "privacy", {"name": "privacy"}, [5]])
def test_attestations_of_another_shape_are_none(shop: Snapshot, vouched: object) -> None:
    assert card(named(shop, "shop", attestations=vouched)).care.attestations == ()


def test_care_is_what_descriptors_hold_and_who_vouches_until_when(shop: Snapshot) -> None:
    vouched = [
        {"name": "privacy", "by": "dpo", "expires": "2026-12-31"},
        {"name": "security", "by": "ciso", "expires": "2026-04-10"},
        {"name": "finance", "by": "cfo", "expires": "2026-03-30"},
        {"name": "no day", "by": "x"},
    ]
    found = card(named(shop, "shop", attestations=vouched)).care
    states = [(one.name, one.state) for one in found.attestations]
    assert states == [("privacy", "valid"), ("security", "expiring"), ("finance", "expired")]
    kept = _row(card(named(shop, "shop", attestations=vouched), asked(1, purpose="a=b")))
    assert kept["attested"] == [
        "2026-12-31=valid=privacy",
        "2026-04-10=expiring=security",
        "2026-03-30=expired=finance",
    ]
    assert kept["mix"] == ["door=1=rest", "purpose=1=a=b", "kind=1=person"]
    assert 0 < found.compliance < 1
    assert "the contract shop promises nothing" in found.missing
    assert 0.8 < found.documentation <= 1


def test_a_domain_is_its_products_together_and_the_portfolio_is_all(shop: Snapshot) -> None:
    products = (named(shop, "a", value=100, cost=50), named(shop, "b", cost=10), named(shop, "c", domain="other"))
    cards = scorecards([asked(1, product="a")], Deployment(products), (), (), NOW)
    other, own = domains(cards)
    assert (other.domain, other.products, other.consumed, other.queries) == ("other", 1, 0, 0)
    assert (own.domain, own.products, own.consumed, own.roi) == ("test", 2, 1, 1.0)
    whole = together(cards)
    assert (whole.products, whole.cost, whole.retire) == (3, 60.0, ("b", "c"))


def test_use_of_several_changes_as_their_questions_do_together(shop: Snapshot) -> None:
    served = Deployment((named(shop, "a"), named(shop, "b"), named(shop, "c")))
    minutes = [asked(20, product="a", queries=9), asked(1, product="b", queries=6), asked(20, product="b", queries=3)]
    assert together(scorecards(minutes, served, (), (), NOW)).change == pytest.approx(6 / 12 - 1)
    assert together(scorecards(minutes[1:2], served, (), (), NOW)).change is None, "before, nobody asked"


def test_a_row_of_the_ledger_holds_as_many_names_as_a_line_may(shop: Snapshot) -> None:
    long = [{"name": f"{number:03}{'é' * 400}"} for number in range(300)]
    vouched = [{"name": one["name"], "by": "dpo", "expires": "2026-12-31"} for one in long]
    minutes = [asked(1, purpose=str(one["name"])) for one in long]
    row = _row(card(named(shop, "shop", consumers=long, attestations=vouched), *minutes))
    assert all(row[name] for name in ("cases", "attested", "mix"))
    assert len(json.dumps(row)) < LINE_BYTES * 3 / 4, "beside what reads it"


def test_scorecards_of_an_earlier_version_are_not_there_yet(world: World) -> None:
    settings, now = world.settings, datetime.now(UTC)
    keep(settings, made(settings, world.gateway.pin().deployment, now), now)
    document = json.loads((settings.state / FILE).read_text())
    first, second = document["products"]
    del first["sent_bytes"]
    second["cases"] = ["sales"]
    write(settings.state, document, FILE)
    steward = world.gateway.open(password("steward"), "rest")
    assert world.gateway.scorecards.of(steward)["products"] == []
    keep(settings, made(settings, world.gateway.pin().deployment, now), now)
    assert len(world.gateway.scorecards.of(steward)["products"]) == 2


def test_scorecards_are_told_of_what_one_sees_and_what_is_missing_to_who_manages_it(world: World) -> None:
    settings, now = world.settings, datetime.now(UTC)
    hour = now.replace(minute=0, second=0, microsecond=0) - timedelta(hours=3)
    Ledger(settings.state).append(HOURS, [replace(asked(0), at=hour).row])
    keep(settings, made(settings, world.gateway.pin().deployment, now), now)
    with web(settings) as client:

        def told(subject: str) -> Any:
            answer = client.get("/-/scorecards", auth=(subject, f"{subject}-secret"))
            assert answer.status_code == 200, answer.text
            return answer.json()["data"]

        found = told("steward")
        assert [one["product"] for one in found["products"]] == ["hr", "shop"]
        assert found["products"][1]["queries"] >= 1
        assert found["portfolio"]["products"] == 2
        (only,) = told("analyst")["products"]
        assert (only["product"], only["care"]["missing"]) == ("shop", [])
        assert told("analyst")["portfolio"]["products"] == 1
        assert told("stranger")["products"] == []
        assert client.get("/-/scorecards").status_code == 401


def test_which_use_cases_were_seen_is_told_to_who_sees_what_they_name_and_of_persons_to_nobody(
    world: World,
) -> None:
    settings, now = world.settings, datetime.now(UTC)
    declared = (UseCase("bi", ("purpose",)), UseCase("bob", ("person",)), UseCase("pay", (), ("customers.salary",)))
    cards = made(settings, world.gateway.pin().deployment, now)
    keep(settings, [replace(one, cases=declared if one.product == "shop" else ()) for one in cards], now)

    def told(subject: str) -> Any:
        found = world.gateway.scorecards.of(world.gateway.open(password(subject), "rest"))
        (one,) = [card for card in found["products"] if card["product"] == "shop"]
        return [(case["name"], case["seen_as"]) for case in one["cases"]], one["use_cases_seen"], one["use_cases"]

    assert told("steward") == ([("bi", ["purpose"]), ("bob", []), ("pay", [])], 1, 3), "he manages nothing here"
    assert told("analyst") == ([("bi", ["purpose"]), ("bob", [])], 1, 2)
    keep(settings, cards, now)


def test_the_words_of_a_use_case_name_tables_and_columns(shop: Snapshot) -> None:
    declared = [{"name": "Pay", "asks": "the Salary of customers, by region"}]
    (found,) = card(named(shop, "shop", consumers=declared)).cases
    assert {"customers", "customers.salary"} <= set(found.reads)
    assert not {"orders", "customers.email"} & set(found.reads)


def test_what_cannot_be_read_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text("{")
    with pytest.raises(Unavailable):
        Told(tmp_path, FILE).read()
