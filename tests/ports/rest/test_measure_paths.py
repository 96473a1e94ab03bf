"""Measures by what stands further on: paths of references, each meant by its own name."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.doors import web
from tests.order_world import build


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    with web(build(tmp_path_factory.mktemp("trade"))) as opened:
        yield opened


def get(client: httpx.Client, path: str, subject: str = "steward") -> httpx.Response:
    return client.get(f"/products/trade/-/{path}", auth=(subject, f"{subject}-secret"))


def data(client: httpx.Client, path: str, subject: str = "steward") -> Any:
    answer = get(client, path, subject)
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]


def sql(client: httpx.Client, text: str) -> Any:
    answer = client.post("/sql", json={"sql": text}, auth=("steward", "steward-secret"))
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]


ORDERS = "FROM trade.orders o"
FAR = (
    "LEFT JOIN trade.addresses {0} ON {0}.address_id = o.{1}_id "
    "LEFT JOIN trade.regions {0}r ON {0}r.region_id = {0}.region_id"
)
B, S = FAR.format("b", "billing"), FAR.format("s", "shipping")
C = "LEFT JOIN trade.customers c USING (customer_id) LEFT JOIN trade.customers m ON m.customer_id = c.manager_id"
SAME = [
    (
        "by=customers.regions.name&order=name",
        f"cr.name {ORDERS} {C} LEFT JOIN trade.regions cr ON cr.region_id = c.region_id",
    ),
    ("by=billing.city&order=city", f"b.city {ORDERS} {B}"),
    ("by=shipping_id.regions.place&order=place", f"sr.country || '/' || sr.name AS place {ORDERS} {S}"),
    (
        "by=billing.city,shipping.city&order=billing_city,shipping_city",
        f"b.city AS billing_city, s.city AS shipping_city {ORDERS} {B} {S}",
    ),
    ("by=customers.manager.name&order=name", f"m.name {ORDERS} {C}"),
    ("by=addresses!billing_id.regions.country&order=country", f"br.country {ORDERS} {B}"),
    ("by=billing.city&shipping.regions.name=eq.north&order=city", f"b.city {ORDERS} {B} {S} WHERE sr.name = 'north'"),
    (
        'by=orders.billing.city&or=("shipping.regions.country".eq.NZ,"customers.manager.name".is.null)&order=city',
        f"b.city {ORDERS} {B} {S} {C} WHERE sr.country = 'NZ' OR m.name IS NULL",
    ),
]


@pytest.mark.parametrize(("asked", "same"), SAME, ids=[asked for asked, _ in SAME])
def test_a_path_of_references_leads_to_what_stands_further_on(client: httpx.Client, asked: str, same: str) -> None:
    items, _, rest = same.partition(" FROM ")
    text = f"SELECT {items}, sum(amount) AS revenue, count(*) AS order_count FROM {rest} GROUP BY ALL ORDER BY ALL"
    assert data(client, f"measures/revenue,order_count?{asked}") == sql(client, text)


def test_a_table_that_is_referred_to_twice_is_meant_by_its_key(client: httpx.Client) -> None:
    answer = get(client, "measures/revenue?by=addresses.city")
    assert answer.status_code == 400
    told = answer.json()
    assert told["code"] == "bad_query"
    assert "in several ways by orders" in told["detail"]
    assert "billing, shipping" in str(told)


@pytest.mark.parametrize("path", ["customers.regions.capital", "customers.roads.name", "name", "billing.orders.amount"])
def test_what_no_path_leads_to_is_no_column(client: httpx.Client, path: str) -> None:
    answer = get(client, f"measures/revenue?by={path}")
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_query")


def test_no_path_leads_over_what_is_hidden(client: httpx.Client) -> None:
    hidden, unknown = (
        get(client, f"measures/revenue?by={path}", "far").json()["detail"]
        for path in ("customers.regions.name", "customers.regions.none")
    )
    assert hidden.replace("name", "none") == unknown
    assert data(client, "measures/order_count?by=addresses.city&order=city", "far") == data(
        client, "measures/order_count?by=billing.city&order=city"
    )
    assert get(client, "measures/order_count?by=shipping.city", "far").status_code == 400
    assert get(client, "measures/order_count?by=customers.regions.place", "far").status_code == 400


def test_a_path_may_go_round_but_not_for_ever(client: httpx.Client) -> None:
    assert get(client, f"measures/revenue?by={'manager.' * 9}name").status_code == 400
    assert data(client, "measures/customer_count?by=manager.manager.name&order=name") == sql(
        client,
        "SELECT n.name, count(*) AS customer_count FROM trade.customers c LEFT JOIN trade.customers m "
        "ON m.customer_id = c.manager_id LEFT JOIN trade.customers n ON n.customer_id = m.manager_id "
        "GROUP BY ALL ORDER BY ALL",
    )


def test_the_paths_are_listed_with_the_measures(client: httpx.Client) -> None:
    paths = {one["path"]: one for one in get(client, "measures").json()["paths"] if one["table"] == "orders"}
    assert {"billing", "shipping", "customers", "customers.regions", "billing.regions"} <= set(paths)
    assert paths["customers.regions"]["to"] == "trade.regions"
    for path, one in paths.items():
        for name in one["names"]:
            assert get(client, f"measures/order_count?by={path}.{name}&limit=1").status_code == 200
    seen = get(client, "measures", "far").json()["paths"]
    assert {"name", "place"} & {name for one in seen if one["to"] == "trade.regions" for name in one["names"]} == set()
