"""Measures over REST: grouped, filtered and compared, their trees, what drives a change; each as SQL answers it."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import httpx
import pytest

from tests.doors import web
from tests.measure_world import SUBJECTS, build


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    with web(build(tmp_path_factory.mktemp("till"))) as opened:
        yield opened


def get(client: httpx.Client, path: str, subject: str = "steward", **headers: str) -> httpx.Response:
    return client.get(f"/products/till/-/{path}", auth=(subject, f"{subject}-secret"), headers=headers)


def data(client: httpx.Client, path: str, subject: str = "steward") -> Any:
    answer = get(client, path, subject)
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]


def sql(client: httpx.Client, text: str, subject: str = "steward") -> Any:
    answer = client.post("/sql", json={"sql": text}, auth=(subject, f"{subject}-secret"))
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]


JOIN = "FROM till.lines l LEFT JOIN till.products p USING (product_id)"
SAME = [
    ("measures/revenue", "SELECT sum(amount) AS revenue FROM till.lines"),
    (
        "measures/revenue,baskets?by=store&order=revenue.desc&limit=2&offset=1",
        "SELECT store, sum(amount) AS revenue, count(DISTINCT basket_id) AS baskets FROM till.lines GROUP BY 1 "
        "ORDER BY 2 DESC LIMIT 2 OFFSET 1",
    ),
    (
        "measures/revenue?by=products.department,size&order=department,size&store=in.(1,2)",
        "SELECT department, CASE WHEN l.amount >= 50 THEN 'large' ELSE 'small' END AS size, sum(l.amount) AS revenue "
        f"{JOIN} WHERE store IN (1, 2) GROUP BY ALL ORDER BY 1, 2",
    ),
    (
        'measures/revenue?by=store&or=(size.eq.large,"products.department".eq.food)&amount=gt.1&order=store',
        f"SELECT store, sum(l.amount) AS revenue {JOIN} WHERE (l.amount >= 50 OR department = 'food') AND l.amount > 1 "
        "GROUP BY 1 ORDER BY 1",
    ),
    (
        "measures/revenue?grain=month&order=sold_at",
        "SELECT date_trunc('month', sold_at) AS sold_at, sum(amount) AS revenue FROM till.lines GROUP BY 1 ORDER BY 1",
    ),
    (
        "measures/revenue,baskets?by=store&where=(amount.gt.1,or(store.eq.1,store.gt.2))&having=revenue.gte.1000"
        "&order=store",
        "SELECT store, sum(amount) AS revenue, count(DISTINCT basket_id) AS baskets FROM till.lines "
        "WHERE amount > 1 AND (store = 1 OR store > 2) GROUP BY 1 HAVING sum(amount) >= 1000 ORDER BY 1",
    ),
    (
        "measures/revenue?by=store&revenue=gte.2000&order=store",
        "SELECT store, sum(amount) AS revenue FROM till.lines GROUP BY 1 HAVING sum(amount) >= 2000 ORDER BY 1",
    ),
    (
        "measures/lines.revenue,product_count?by=products.department&order=department",
        "SELECT coalesce(a.department, b.department) AS department, revenue, product_count FROM "
        f"(SELECT department, sum(l.amount) AS revenue {JOIN} GROUP BY 1) a FULL JOIN "
        "(SELECT department, count(*) AS product_count FROM till.products GROUP BY 1) b "
        "ON a.department IS NOT DISTINCT FROM b.department ORDER BY 1",
    ),
    (
        "measures/revenue?grain=month&by=size&compare=previous_period&order=size,sold_at",
        "SELECT *, lag(revenue) OVER w AS revenue_previous, revenue - lag(revenue) OVER w AS revenue_change, "
        "CAST(100 * (revenue - lag(revenue) OVER w) / abs(lag(revenue) OVER w) AS DOUBLE) AS revenue_change_percent "
        "FROM "
        "(SELECT if(amount >= 50, 'large', 'small') AS size, date_trunc('month', sold_at) AS sold_at, "
        "sum(amount) AS revenue FROM till.lines GROUP BY ALL) "
        "WINDOW w AS (PARTITION BY size ORDER BY sold_at) ORDER BY 1, 2",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("path", "text"), SAME, ids=[path for path, _ in SAME])
@pytest.mark.parametrize("subject", ["steward", "analyst"])
def test_an_address_is_answered_as_its_sql(client: httpx.Client, path: str, text: str, subject: str) -> None:
    found = data(client, path, subject)
    assert found == sql(client, text, subject)
    assert found


@pytest.mark.parametrize("by", ["store", "month", "size", "products.department"])
@pytest.mark.parametrize("subject", SUBJECTS)
def test_every_measure_by_every_dimension_is_what_sql_says(client: httpx.Client, by: str, subject: str) -> None:
    names = [one["name"] for one in data(client, "measures", subject) if one["table"] == "lines"]
    answer = get(client, f"measures/{','.join(names)}?by={by}&order={by.rpartition('.')[2]}", subject)
    if subject == "regional" and by == "products.department":
        assert answer.status_code == 400
        return
    items = ", ".join(f"MEASURE({name})" for name in names)
    column = by.replace("products.", "p.")
    assert answer.json()["data"] == sql(client, f"SELECT {column}, {items} {JOIN} GROUP BY 1 ORDER BY 1", subject)
    assert len(names) > 1


def test_two_tables_are_put_side_by_side_and_repeat_nothing(client: httpx.Client) -> None:
    rows = data(client, "measures/revenue,product_count,promotion_count?by=products.department&order=department")
    assert sum(row["product_count"] or 0 for row in rows) == 12
    assert sum(row["promotion_count"] or 0 for row in rows) == 30
    assert sum(Decimal(str(row["revenue"] or 0)) for row in rows) == Decimal("9951.15")


@pytest.mark.parametrize("form", ["csv", "ndjson", "arrow", "parquet", "array"])
def test_measures_come_in_every_format(client: httpx.Client, form: str) -> None:
    answer = get(client, f"measures/revenue?by=store&format={form}")
    assert answer.status_code == 200
    assert answer.content
    tag = answer.headers["ETag"]
    again = get(client, f"measures/revenue?by=store&format={form}", **{"If-None-Match": tag})
    assert again.status_code == 304


def test_what_is_listed_is_what_exists_for_the_principal(client: httpx.Client) -> None:
    every = {one["name"]: one for one in data(client, "measures")}
    assert every["revenue"]["unit"] == "EUR"
    assert every["revenue"]["additive"]
    assert not every["baskets"]["additive"]
    assert [one["measure"] for one in every["revenue"]["alternatives"]] == ["margin", "large_revenue"]
    analyst = {one["name"]: one for one in data(client, "measures", "analyst")}
    assert every.keys() - analyst.keys() == {"margin", "margin_rate"}
    assert [one["measure"] for one in analyst["revenue"]["alternatives"]] == ["large_revenue"]
    assert "revenue" not in {one["name"] for one in data(client, "measures", "partner")}
    assert get(client, "metric-tree.mmd", "partner").text == "flowchart TD\n"
    grains = {one["name"]: one["grains"] for one in get(client, "measures").json()["dimensions"]}
    assert grains["sold_at"] == ["day", "week", "month", "quarter"]


WRONG = [
    ("measures/margin", "analyst", 404),
    ("measures/nothing", "analyst", 404),
    ("measures/revenue?by=nope", "steward", 400),
    ("measures/revenue?by=promotions.place", "steward", 400),
    ("measures/revenue?by=products.department", "regional", 400),
    ("measures/revenue?grain=year", "steward", 400),
    ("measures/revenue?grain=eon", "steward", 400),
    ("measures/revenue?compare=previous_period", "steward", 400),
    ("measures/revenue?cost=gt.1", "analyst", 400),
    ("measures/revenue?revenue=gt.x", "steward", 400),
    ("measures/revenue?where=revenue.gt.1", "steward", 400),
    ("measures/revenue?having=store.gt.1", "steward", 400),
    ("measures/revenue?having=(", "steward", 400),
    ("measures/revenue,product_count?grain=month", "steward", 400),
    ("decompose/baskets?by=store&from=1&to=2", "steward", 400),
    ("decompose/revenue?by=store&from=1", "steward", 400),
    ("decompose/revenue?by=store&from=1&to=77", "steward", 400),
    ("decompose/revenue?by=store&from=1&to=2", "partner", 404),
    ("what-if/revenue", "steward", 400),
    ("what-if/revenue?baskets=gt.1", "steward", 400),
    ("what-if/revenue?baskets=set.1&by=store", "steward", 400),
    ("metric-tree?format=csv", "steward", 400),
]


@pytest.mark.parametrize(("path", "subject", "status"), WRONG)
def test_what_cannot_be_answered_says_why(client: httpx.Client, path: str, subject: str, status: int) -> None:
    answer = get(client, path, subject)
    assert answer.status_code == status
    assert answer.json()["detail"]
    if subject in {"analyst", "partner"}:
        assert "cost" not in answer.json().get("hint", "").replace("cost=gt", "")


def test_a_tree_holds_on_the_data_and_is_drawn(client: httpx.Client) -> None:
    (lines,) = data(client, "metric-tree")
    nodes = {one["measure"]: one for one in lines["nodes"]}
    assert nodes["revenue"]["north_star"]
    assert nodes["revenue"]["drivers"] == ["baskets", "average_basket"]
    assert all(one.get("holds", True) for one in nodes.values())
    drawn = get(client, "metric-tree", Accept="text/vnd.mermaid")
    assert drawn.headers["Content-Type"] == "text/vnd.mermaid; charset=utf-8"
    assert drawn.text == get(client, "metric-tree.mmd").text
    assert "  lines_revenue --> lines_baskets\n" in drawn.text
    assert '  lines_baskets["Baskets #quot;of#quot; #lt;b#gt;all#lt;/b#gt; #35;1"]\n' in drawn.text


@pytest.mark.parametrize(
    "path",
    [
        "decompose/revenue?grain=month&from=2017-02-01&to=2017-03-01",
        "decompose/revenue?by=products.department&from=food&to=drink&size=eq.small",
        "decompose/large_share?by=store&from=1&to=2",
        "what-if/revenue?baskets=percent.10&average_basket=times.0.93&store=lt.3",
    ],
)
@pytest.mark.parametrize("subject", ["steward", "analyst"])
def test_the_effects_of_drivers_add_up_to_the_change(client: httpx.Client, path: str, subject: str) -> None:
    answer = get(client, path, subject)
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert sum(Decimal(one["effect"]) for one in found["effects"]) == Decimal(found["change"]) != 0
    assert Decimal(found["unexplained"]) == 0
    if "before" in found and found["measure"] == "revenue":
        assert Decimal(found["after"]) - Decimal(found["before"]) == Decimal(found["change"])


def test_what_if_changes_a_driver_alone(client: httpx.Client) -> None:
    found = get(client, "what-if/revenue?baskets=percent.10").json()
    assert (found["baseline"], found["scenario"]) == ("9951.15", "10946.265000")
    assert [one["effect"] for one in found["effects"]] == ["995.115000", "0.000000"]


def test_the_document_of_the_interface_has_the_addresses_of_measures(client: httpx.Client) -> None:
    told = get(client, "openapi.json").json()["paths"]
    assert {path.rpartition("/-/")[2] for path in told if "/-/" in path} >= {
        "query", "measures", "measures/{measures}", "metric-tree", "metric-tree.mmd", "decompose/{measures}",
        "what-if/{measures}",
    }  # fmt: skip
