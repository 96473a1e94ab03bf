# ruff: noqa: E501
"""A consumer's projection shows what its asker would see of the origin, under other names, and nothing more."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest

from gateway import BadQuery, Expired, Gateway, NotFound, Password, Query, Session
from gateway.binding.bind import Lookup, Page
from gateway.binding.views import Part
from gateway.reach import pins
from gateway.reach.projected import over
from gateway.settings import Settings
from gateway.snapshot import Deployment, Ended
from tests import projection_world
from tests.doors import DOORS, Door, Refusal

WHOLE = "id, label, mail, born, region, full_name"
ORIGIN = "customer_id, full_name, email, birth_date, region, phone"
# Who asks, what of a projection, and the same of its origin.
SAME = [
    *[
        (who, f"SELECT {WHOLE} FROM analyst_narrow.people ORDER BY 1 LIMIT 40", f"SELECT {ORIGIN} FROM shop.customers ORDER BY 1 LIMIT 40")
        for who in ("steward", "analyst", "ml")
    ],
    ("steward", "SELECT wage FROM analyst_narrow.people ORDER BY 1", "SELECT salary FROM shop.customers ORDER BY 1"),
    ("analyst", "SELECT * FROM analyst_narrow.people ORDER BY 1", f"SELECT {ORIGIN} FROM shop.customers ORDER BY 1"),
    ("clerk", "SELECT number, paid FROM analyst_narrow.purchases ORDER BY 1", "SELECT order_id, amount FROM shop.orders ORDER BY 1"),
    ("analyst", "SELECT region, sum(lifetime) AS s FROM analyst_narrow.anonymous GROUP BY 1", "SELECT region, sum(lifetime) AS s FROM shop.customers GROUP BY 1"),
    (
        "analyst",
        "SELECT p.born, sum(o.paid) AS s FROM analyst_narrow.people p JOIN analyst_narrow.purchases o ON o.buyer = p.id GROUP BY 1 ORDER BY 1",
        "SELECT p.birth_date, sum(o.amount) AS s FROM shop.customers p JOIN shop.orders o USING (customer_id) GROUP BY 1 ORDER BY 1",
    ),
    ("partner", "SELECT * FROM partner_towns.people ORDER BY 1", "SELECT person_id, segment, household_id FROM survey.people ORDER BY 1"),
    ("partner", "SELECT part, avg(pay) AS m FROM partner_towns.people GROUP BY part ORDER BY part", "SELECT segment, avg(income) AS m FROM survey.people GROUP BY segment ORDER BY segment"),
    ("partner", "SELECT part, avg(pay) AS m FROM partner_towns.earners GROUP BY part ORDER BY part", "SELECT segment, avg(income) AS m FROM survey.people GROUP BY segment ORDER BY segment"),
    (
        "partner",
        "SELECT c.issuer, count(*) AS n FROM partner_towns.payments p JOIN survey.cards c ON p.paid_by = c.card GROUP BY 1 ORDER BY 1",
        "SELECT c.issuer, count(*) AS n FROM survey.orders p JOIN survey.cards c ON p.card = c.card GROUP BY 1 ORDER BY 1",
    ),
    *[
        (who, "SELECT * FROM partner_towns.cells ORDER BY 1, 2", "SELECT city, segment, MEASURE(heads), MEASURE(oldest) FROM survey.people GROUP BY city, segment ORDER BY 1, 2")
        for who in ("partner", "steward")
    ],
    ("partner", "SELECT * FROM partner_towns.segments ORDER BY 1", "SELECT segment, MEASURE(mean_income), MEASURE(heads) FROM survey.people GROUP BY segment ORDER BY 1"),
    ("steward", "SELECT * FROM partner_towns.segments ORDER BY 1", "SELECT segment, MEASURE(mean_income), MEASURE(heads), MEASURE(top_income) FROM survey.people GROUP BY segment ORDER BY 1"),
    ("partner", "SELECT * FROM partner_towns.ages ORDER BY 1", "SELECT segment, MEASURE(heads) FROM survey.people GROUP BY segment ORDER BY 1"),
    ("steward", "SELECT pay, part, heads FROM partner_towns.ages ORDER BY 1", "SELECT income, segment, MEASURE(heads) FROM survey.people GROUP BY income, segment ORDER BY 1"),
    ("steward", "SELECT * FROM partner_towns.lines ORDER BY 1", "SELECT order_id, MEASURE(revenue) FROM survey.orders GROUP BY order_id ORDER BY 1"),
    ("partner", "SELECT * FROM partner_towns.homes ORDER BY 1", "SELECT household_id, MEASURE(heads) FROM survey.people GROUP BY household_id ORDER BY 1"),
]  # fmt: skip
# Who asks, what he is refused, and the same of what he is granted.
ATTACKS = [
    ("analyst", "SELECT wage FROM analyst_narrow.people", "SELECT label FROM analyst_narrow.people"),
    ("analyst", "SELECT salary FROM analyst_narrow.people", "SELECT region FROM analyst_narrow.people"),
    ("analyst", "SELECT email FROM analyst_narrow.people", "SELECT mail FROM analyst_narrow.people"),
    ("analyst", "SELECT customer_id FROM analyst_narrow.people", "SELECT id FROM analyst_narrow.people"),
    ("analyst", "SELECT id FROM analyst_narrow.people ORDER BY 7", "SELECT id FROM analyst_narrow.people ORDER BY 1"),
    ("analyst", "SELECT id FROM analyst_narrow.people ORDER BY wage", "SELECT id FROM analyst_narrow.people ORDER BY mail"),
    ("analyst", "SELECT count(*) FROM analyst_narrow.people WHERE wage > 1", "SELECT count(*) FROM analyst_narrow.people WHERE id > 1"),
    ("analyst", "SELECT count(*) FROM analyst_narrow.pay", "SELECT count(*) FROM analyst_narrow.people"),
    ("analyst", "SELECT * FROM analyst_narrow.customers", "SELECT * FROM analyst_narrow.people"),
    ("analyst", "SELECT * FROM analyst_narrow_v1.people", "SELECT * FROM outport.analyst_narrow.people"),
    ("stranger", "SELECT * FROM analyst_narrow.people", "SELECT * FROM survey.stores"),
    ("clerk", "SELECT * FROM analyst_narrow.people", "SELECT * FROM analyst_narrow.purchases"),
    ("ml", "SELECT * FROM partner_towns.people", "SELECT * FROM survey.people"),
    ("partner", "SELECT pay FROM partner_towns.people", "SELECT part FROM partner_towns.people"),
    ("partner", "SELECT avg(pay) FROM partner_towns.people WHERE home = 1", "SELECT avg(pay) FROM partner_towns.people WHERE part = 'large'"),
    ("partner", "SELECT home, avg(pay) FROM partner_towns.people GROUP BY home", "SELECT part, avg(pay) FROM partner_towns.people GROUP BY part"),
    ("partner", "SELECT max(pay) FROM partner_towns.people", "SELECT sum(pay) FROM partner_towns.people"),
    ("partner", "SELECT mean_income FROM partner_towns.homes", "SELECT heads FROM partner_towns.homes"),
    ("partner", "SELECT pay FROM partner_towns.ages", "SELECT part FROM partner_towns.ages"),
    ("partner", "SELECT * FROM partner_towns.lines", "SELECT * FROM partner_towns.payments"),
    ("partner", "SELECT top FROM partner_towns.segments", "SELECT mean FROM partner_towns.segments"),
    ("partner", "SELECT a.mean - b.mean FROM partner_towns.segments a, partner_towns.segments b", "SELECT a.home - b.home FROM partner_towns.homes a, partner_towns.homes b"),
    (
        "partner",
        "SELECT a.mean, (SELECT avg(income) FROM survey.people WHERE city = 'A') FROM partner_towns.segments a",
        "SELECT a.mean, (SELECT max(age) FROM survey.people WHERE city = 'A') FROM partner_towns.segments a",
    ),
]  # fmt: skip


settings, gateway = projection_world.settings, projection_world.gateway


@pytest.fixture(scope="module", params=list(DOORS))
def door(request: pytest.FixtureRequest, gateway: Gateway) -> Iterator[Door]:
    opened = DOORS[request.param](gateway)
    yield opened
    opened.close()


def opened(gateway: Gateway, subject: str, port: str = "python") -> Session:
    return gateway.open(Password(subject, f"{subject}-secret"), port)


def values(table: pa.Table) -> list[tuple[Any, ...]]:
    return list(zip(*(column.to_pylist() for column in table.columns), strict=True))


@pytest.mark.parametrize(("who", "projected", "origin"), SAME)
def test_a_projection_says_what_its_origin_says_to_the_same_asker(
    door: Door, who: str, projected: str, origin: str
) -> None:
    here, there = door.ask(who, projected), door.ask(who, origin)
    assert here.num_rows > 0
    assert values(here) == values(there)
    assert [one.type for one in here.schema] == [one.type for one in there.schema]


@pytest.mark.parametrize(("who", "attack", "honest"), ATTACKS)
def test_nothing_that_is_kept_from_an_asker_is_had_by_another_name(
    door: Door, who: str, attack: str, honest: str
) -> None:
    with pytest.raises(Refusal) as refused:
        door.ask(who, attack)
    assert "CANARY" not in refused.value.message
    assert door.ask(who, honest).num_rows > 0


def test_a_key_that_is_kept_whole_is_looked_up_by_its_new_name(gateway: Gateway) -> None:
    session = opened(gateway, "analyst")
    text = "SELECT * FROM analyst_narrow.people WHERE id = $1"
    plan = gateway._plan(session, Query(text, (4,)), gateway.pin(session))
    assert isinstance(plan, Lookup)
    page = gateway._plan(session, Query("SELECT id FROM analyst_narrow.people LIMIT 3"), gateway.pin(session))
    assert isinstance(page, Page)
    for _ in range(3):
        with gateway.answer(session, Query(text, (4,))) as result:
            assert next(iter(result.batches())).column("label")[0].as_py() == "N***"
    with gateway.answer(session, Query(text, (5,))) as result:
        assert list(result.batches()) == []


def test_a_grain_by_a_key_is_looked_up(gateway: Gateway) -> None:
    session = opened(gateway, "steward")
    query = Query("SELECT paid FROM partner_towns.lines WHERE number = $1", (7,))
    assert isinstance(gateway._plan(session, query, gateway.pin(session)), Lookup)
    for _ in range(3):
        with gateway.answer(session, query) as result:
            assert [batch.column("paid")[0].as_py() for batch in result.batches()] == [7]


def test_of_two_tables_of_one_name_each_column_is_its_own_or_nobodys(gateway: Gateway) -> None:
    session = opened(gateway, "partner").at("partner_towns")
    text = "SELECT p.id, s.email FROM {} p JOIN survey.people s ON s.person_id = p.id"
    certain = gateway.describe(session, Query(text.format("partner_towns.people"))).origins
    told = [None if one is None else (one.product, one.column.name) for one in certain]
    assert told == [("partner_towns", "id"), ("survey", "email")]
    assert gateway.describe(session, Query(text.format("people"))).origins == ()


def test_flight_lists_what_is_left_of_a_projection(door: Door) -> None:
    if door.name != "flightsql":
        return
    for who, there in (("analyst", True), ("stranger", False)):
        listed = str(door._connection(who).adbc_get_objects(depth="all").read_all().to_pylist())  # type: ignore[attr-defined]
        assert ("analyst_narrow" in listed) == there
        assert "wage" not in listed


def test_what_is_kept_from_an_asker_has_no_name_in_a_catalog(door: Door, gateway: Gateway) -> None:
    if not door.name.startswith("postgres"):
        return
    asked = "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'analyst_narrow'"
    names = {
        who: {f"{table}.{column}" for table, column in values(door.ask(who, asked))}
        for who in ("steward", "analyst", "clerk", "stranger")
    }
    assert {"pay.wage", "people.wage"} <= names["steward"]
    assert not {one for one in names["analyst"] if "wage" in one or "pay." in one}
    assert {"people.id", "people.label", "anonymous.lifetime"} <= names["analyst"]
    assert names["clerk"] == {"purchases.number", "purchases.buyer", "purchases.paid", "purchases.store"}
    assert names["stranger"] == set()
    schemas = "SELECT nspname FROM pg_catalog.pg_namespace WHERE nspname LIKE '%narrow'"
    assert values(door.ask("analyst", schemas)) == [("analyst_narrow",)]
    assert values(door.ask("stranger", schemas)) == []


def test_a_projection_is_listed_as_a_product_with_what_is_left_of_it(gateway: Gateway) -> None:
    seen = {one.product.name: one for one in gateway.products(opened(gateway, "analyst"))}
    narrow = seen["analyst_narrow"]
    assert [one.table.name for one in narrow.tables] == ["people", "purchases", "anonymous"]
    assert narrow.table("people").key == ("id",)
    assert narrow.table("anonymous").key == ()
    assert (narrow.product.owner, narrow.product.title, narrow.state.name) == ("analyst", "Customers in short", "shop")
    assert narrow.snapshot.row_counts["people"] == 600
    assert "analyst_narrow" not in {one.product.name for one in gateway.products(opened(gateway, "stranger"))}


def test_references_of_the_origin_that_are_kept_are_followed(gateway: Gateway) -> None:
    session = opened(gateway, "analyst")
    (found,) = gateway.references(session, "analyst_narrow", "purchases")
    assert (found.schema, found.columns, found.to_columns) == ("shop", ("buyer",), ("customer_id",))


def test_the_record_names_the_origin_its_columns_and_the_projection(gateway: Gateway) -> None:
    session = opened(gateway, "analyst")
    with gateway.answer(session, Query("SELECT id FROM analyst_narrow.people LIMIT 1")) as result:
        list(result.batches())
        assert [one.name for one in result.provenance.products] == ["shop"]
    plan = gateway._plan(session, Query("SELECT count(*) FROM analyst_narrow.people"), gateway.pin(session))
    (grant,) = plan.grants
    read = {one.column: one.treatment for one in grant.decision.audited}
    assert read["shop.customers.email"] == "email"
    assert not {"shop.customers.salary", "shop.customers.lifetime"} & read.keys()
    assert "projection:analyst_narrow.people" in grant.decision.rules
    assert "analyst-customers" in grant.decision.rules
    grain = gateway._plan(opened(gateway, "partner"), Query("SELECT * FROM partner_towns.segments"), gateway.pin())
    read = {one.column: one.treatment for one in grain.grants[0].decision.audited}
    assert read == {"survey.people.segment": "raw", "survey.people.income": "raw, aggregate"}


def test_a_projection_holds_at_the_snapshot_that_a_session_names(gateway: Gateway) -> None:
    session = opened(gateway, "analyst")
    snapshot = gateway.product(session, "shop").snapshot.id
    with gateway.answer(session.pinned([snapshot]), Query("SELECT * FROM analyst_narrow.people")) as result:
        assert result.provenance.products[0].snapshot == snapshot
        assert sum(batch.num_rows for batch in result.batches()) == 300


def test_the_projections_over_chosen_snapshots_are_worked_out_once(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = opened(gateway, "analyst")
    pinned = session.pinned([gateway.product(session, "shop").snapshot.id])
    first = gateway.pin(pinned).deployment
    monkeypatch.setattr(pins, "over", None)  # which would make them anew
    for _ in range(3):
        with gateway.answer(pinned, Query("SELECT id FROM analyst_narrow.people LIMIT 1")) as result:
            assert [len(batch) for batch in result.batches()] == [1]
    assert gateway.pin(pinned).deployment is first


def test_a_projection_of_a_retired_product_says_so_to_whom_it_was_there(gateway: Gateway) -> None:
    pin = gateway.pin()
    (shop,) = [one for one in pin.deployment.snapshots if one.product.name == "shop"]
    ended = Ended(shop, datetime(2026, 1, 2, tzinfo=UTC), "")
    others = tuple(one for one in pin.deployment.snapshots if one is not shop)
    declared = projection_world.defined(projection_world.ANALYST)
    after = type(pin)(over(Deployment(others, (), (ended,)), declared), pin.policies)
    query = Query("SELECT * FROM analyst_narrow.people")
    with pytest.raises(Expired, match=r'projection "analyst_narrow" is over shop 1.2.0, which was retired'):
        gateway.answer(opened(gateway, "analyst"), query, pin=after)
    with pytest.raises(NotFound, match=r'relation "analyst_narrow.people" does not exist'):
        gateway.answer(opened(gateway, "stranger"), query, pin=after)


def test_a_product_of_its_name_comes_before_a_projection(gateway: Gateway) -> None:
    deployment = gateway.pin().deployment
    plain = Deployment(deployment.snapshots)
    text = projection_world.ANALYST.replace("name: analyst_narrow", "name: survey")
    assert over(plain, projection_world.defined(text)).projected == ()


def test_a_projection_of_a_projection_is_none(gateway: Gateway) -> None:
    plain = Deployment(gateway.pin().deployment.snapshots)
    second = projection_world.PARTNER.replace("of: survey", "of: analyst_narrow")
    made = over(plain, projection_world.defined(projection_world.ANALYST, second))
    assert [one.product.name for one in made.projected] == ["analyst_narrow"]


def test_shares_of_a_projection_are_its_rows_once(gateway: Gateway) -> None:
    session = opened(gateway, "analyst")
    for text in ("SELECT * FROM analyst_narrow.people", "SELECT * FROM partner_towns.segments"):
        counted = []
        for part in (None, *(Part(index, 3) for index in range(3))):
            with gateway.answer(session, Query(text, part=part)) as result:
                counted.append(sum(batch.num_rows for batch in result.batches()))
        assert counted[0] == sum(counted[1:]) > 0


def test_a_change_of_what_is_declared_is_seen_at_once(gateway: Gateway, settings: Settings) -> None:
    session = opened(gateway, "analyst")
    query = Query("SELECT * FROM analyst_narrow.anonymous LIMIT 1")
    changed = projection_world.ANALYST.replace(
        "columns: [region, lifetime]", "columns: [lifetime, {name: tags, as: t}]"
    )
    with gateway.answer(session, query) as result:
        assert result.schema.names == ["region", "lifetime"]
    projection_world.put(settings, changed, projection_world.PARTNER)
    try:
        with gateway.answer(session, query) as result:
            assert result.schema.names == ["lifetime", "t"]
        projection_world.put(settings, projection_world.PARTNER)
        with pytest.raises(NotFound):
            gateway.answer(session, query)
    finally:
        projection_world.put(settings, projection_world.ANALYST, projection_world.PARTNER)
    with gateway.answer(session, query) as result:
        assert result.schema.names == ["region", "lifetime"]


def test_two_worlds_that_differ_in_what_is_hidden_answer_alike(
    gateway: Gateway, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("other-projections")
    other = Gateway(projection_world.build(folder, canary="ANOTHER-AND-LONGER", more=50))
    texts = [text for who, text, _ in (*SAME, *ATTACKS) if who == "analyst"]
    try:
        assert [told(gateway, text) for text in texts] == [told(other, text) for text in texts]
    finally:
        other.close()


def told(gateway: Gateway, text: str) -> Any:
    """What an analyst is answered, or how it is refused."""
    try:
        with gateway.answer(opened(gateway, "analyst"), Query(f"SELECT * FROM ({text}) ORDER BY ALL")) as result:
            return [batch.to_pylist() for batch in result.batches()]
    except (BadQuery, NotFound) as error:
        return (error.code, error.reason, error.message, error.hint)
