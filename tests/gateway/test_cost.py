"""What a statement would cost is estimated from its text and sizes that tell nothing of hidden rows."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gateway import Gateway, Limits, Password, Query
from gateway.binding import cost, cost_ties
from gateway.binding.bind import Page, Scan
from gateway.errors import BadQuery
from gateway.settings import Settings
from gateway.sql import duck, scope
from tests.conftest import World
from tests.doors import DOORS, Refusal
from tests.gateway.test_honest_sql import CLICKBENCH, LARGE, TABLES, TPCH

COLUMNS = {
    name: frozenset(column for column, _ in columns) for each in TABLES.values() for name, columns in each.items()
}
ROWS = {"lineitem": 6_001_215, "orders": 1_500_000, "partsupp": 800_000, "part": 200_000, "customer": 150_000}
ROWS |= {"supplier": 10_000, "nation": 25, "region": 5, "hits": 99_997_497}
DEFAULT = Settings.model_fields["cost_limit"].default


def cost_of(text: str) -> cost.Estimate:
    """The estimate over the tables of the honest texts; `t` has a million rows and the key `a`."""
    statement = duck.parse(text)
    scope.resolve(statement, lambda path, _: path)

    def size(path: tuple[str, ...]) -> cost_ties.Size:
        name = path[-1].lower()
        key = frozenset({"a"}) if name == "t" else frozenset()
        return cost_ties.Size(cost.counted(ROWS.get(name, 1_000_000), filtered=False), COLUMNS.get(name), key)

    return cost.estimate(statement, size)


@pytest.mark.parametrize("text", [*TPCH, *CLICKBENCH, *LARGE.values()])
def test_honest_work_is_admitted(text: str) -> None:
    assert cost_of(text).rows <= DEFAULT


@pytest.mark.parametrize(
    ("text", "apart"),
    [
        ("SELECT count(*) FROM t x, t y, t z", ("x", "y", "z")),
        ("SELECT count(*) FROM t x JOIN t y ON x.a < y.a JOIN t z ON z.b > x.b", ("x", "y", "z")),
        ("SELECT count(*) FROM t x JOIN t y ON x.a = y.a OR true JOIN t z ON z.b IS NOT NULL", ("x", "y", "z")),
        ("SELECT (SELECT count(*) FROM t y, t z WHERE y.b > x.b AND y.a = z.a) FROM t x, t w", None),
        ("SELECT count(*) FROM t x WHERE EXISTS (SELECT 1 FROM t y, range(1000) r(i) WHERE y.a + i < x.a)", None),
        ("WITH c AS (SELECT x.a FROM t x, t y) SELECT count(*) FROM c p, c q", ("p", "q")),
        ("SELECT count(*) FROM t x, range(100000000) r(i)", ("x", "r")),
        ("WITH RECURSIVE r(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM r, t x, t y WHERE i < 5) SELECT 1 FROM r", None),
    ],
)
def test_what_multiplies_is_dear(text: str, apart: tuple[str, ...] | None) -> None:
    found = cost_of(text)
    assert found.rows > DEFAULT
    assert apart is None or found.apart == apart


@pytest.mark.parametrize(
    "text",
    [
        "SELECT * FROM t x, t y WHERE x.a = 5 AND y.a = 7",
        "SELECT * FROM t x, t y WHERE (x.a = y.a AND x.b = 1) OR (y.a = x.a AND x.b = 2)",
        "SELECT * FROM (SELECT DISTINCT b FROM t) x, (SELECT d FROM t GROUP BY d) y, (SELECT max(f) FROM t) z",
        "SELECT * FROM t x WHERE EXISTS (SELECT 1 FROM t y WHERE y.parent = x.a)",
        "SELECT * FROM t x JOIN t y USING (a) NATURAL JOIN t z, (SELECT * FROM t LIMIT 10) w",
        "SELECT * FROM t x, t y WHERE x.b = y.b AND x.d < y.d",
    ],
)
def test_what_is_tied_or_small_is_not(text: str) -> None:
    assert cost_of(text).rows < 1e9


@pytest.mark.parametrize("name", ["rest", "flightsql", "postgres"])
def test_a_dear_query_is_refused_with_what_to_change(world: World, name: str) -> None:
    gateway = Gateway(world.settings.model_copy(update={"cost_limit": 1e7}))
    door = DOORS[name](gateway)
    try:
        with pytest.raises(Refusal, match='no equality ties "a", "b" together') as refusal:
            door.ask("steward", "SELECT count(*) FROM shop.orders a, shop.orders b")
        assert refusal.value.code == "bad_query"
        asked = "SELECT count(*) AS n FROM shop.orders a JOIN shop.orders b ON a.order_id = b.order_id"
        assert door.ask("steward", asked).column(0).to_pylist() == [1800]
    finally:
        door.close()
        gateway.close()


@pytest.mark.parametrize(
    ("where", "kind"),
    [
        ("WHERE (SELECT count(*) FROM shop.orders a, shop.orders b) > 5", Scan),
        ("WHERE (SELECT count(*) FROM shop.orders a, shop.orders b) > 5 ORDER BY order_id LIMIT 3", Page),
        ("ORDER BY (SELECT count(*) FROM shop.orders a, shop.orders b WHERE a.store < b.store) LIMIT 1", Page),
    ],
)
def test_a_page_is_weighed_like_any_query(gateway: Gateway, where: str, kind: type) -> None:
    session = gateway.open(Password("steward", "steward-secret"), "rest")
    plan = gateway._plan(session, Query(f"SELECT order_id FROM shop.orders {where}"), gateway.pin(session))
    assert type(plan) is kind
    assert plan.estimate.rows > 1_000_000


def test_the_estimate_tells_nothing_of_rows_that_are_hidden(gateway: Gateway) -> None:
    text = "SELECT count(*) FROM shop.customers a, shop.customers b"
    session = gateway.open(Password("analyst", "analyst-secret"), "rest")
    pin = gateway.pin(session)
    before = gateway._plan(session, Query(text), pin).estimate
    bigger = tuple(
        replace(one, id=f"{one.id[:-1]}z", row_counts={name: 1000 * rows for name, rows in one.row_counts.items()})
        for one in pin.deployment.snapshots
    )
    grown = replace(pin, deployment=replace(pin.deployment, snapshots=bigger))
    assert gateway._plan(session, Query(text), grown).estimate == before
    steward = gateway.open(Password("steward", "steward-secret"), "rest")
    seen = gateway._plan(steward, Query(text), pin).estimate
    assert gateway._plan(steward, Query(text), grown).estimate != seen


def test_a_caller_narrows_the_cost_and_nobody_widens_it(gateway: Gateway) -> None:
    session = gateway.open(Password("steward", "steward-secret"), "rest")
    text = Query("SELECT count(*) FROM shop.orders a, shop.orders b")
    with pytest.raises(BadQuery) as refusal:
        gateway.answer(session, text, limits=Limits(5, 5, None, cost=1e6))
    assert refusal.value.reason == "limit"
    with gateway.answer(session, text, limits=Limits(5, 5, None, cost=1e99)) as result:
        assert next(result.batches()).column(0).to_pylist() == [1800 * 1800]
