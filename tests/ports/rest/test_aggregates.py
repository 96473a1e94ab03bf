"""Groups over REST: sums and counts of what the principal may see, ordered and paged like rows; and casts to text."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

Client = Callable[..., httpx.Client]


def rows(client: httpx.Client, address: str) -> list[dict[str, Any]]:
    answer = client.get(f"/products/shop/{address}")
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = json.loads(answer.text, parse_float=str)["data"]
    return found


def test_aggregates_without_groups_are_one_row(web: Client) -> None:
    address = (
        "orders?select=count(),n:remark.count(),amount.sum(),amount.avg(),first:ordered_at.min(),last:order_id.max()"
    )
    assert rows(web("steward"), address) == [
        {
            "count": 1800,
            "n": 1350,
            "sum": "86139.00",
            "avg": "47.855",
            "first": "2017-06-01T12:00:00",
            "last": 1799,
        }
    ]
    assert rows(web("steward"), "orders?select=count(),amount.sum()&order_id=lt.0") == [{"count": 0, "sum": None}]


def test_the_other_columns_are_what_is_grouped_by(web: Client) -> None:
    found = rows(web("steward"), "customers?select=region,n:count(),total:lifetime.sum()::text&order=region")
    assert found == [
        {"region": "N", "n": 300, "total": "89775.00"},
        {"region": "S", "n": 300, "total": "90075.00"},
    ]


def test_groups_are_ordered_by_any_output_and_paged(web: Client) -> None:
    address = "orders?select=store,count(),amount.sum()&order=sum.desc"
    whole = rows(web("steward"), address)
    sums = [float(row["sum"]) for row in whole]
    assert sums == sorted(sums, reverse=True)
    assert len(whole) == 10
    assert rows(web("steward"), f"{address}&limit=3&offset=4") == whole[4:7]
    paged: list[dict[str, Any]] = []
    following: str | None = ""
    while following is not None:
        answer = web("steward").get(f"/products/shop/{address}&limit=3{following}")
        document = json.loads(answer.text, parse_float=str)
        paged += document["data"]
        following = f"&cursor={document['next']}" if document["next"] else None
    assert paged == whole


def test_pages_of_groups_pass_over_equal_sums_and_nulls_once(web: Client) -> None:
    address, found = "/products/shop/orders?select=remark,count()&order=count&order_id=lt.40&limit=7", []
    following: str | None = ""
    while following is not None:
        document = web("steward").get(address + following).json()
        found += [row["remark"] for row in document["data"]]
        following = f"&cursor={document['next']}" if document["next"] else None
    assert len(found) == len(set(found)) == 31
    assert found[-1] is None


def test_a_cursor_of_groups_belongs_to_its_groups(web: Client) -> None:
    following = web("steward").get("/products/shop/orders?select=store,count()&limit=3").json()["next"]
    answer = web("steward").get(f"/products/shop/orders?select=store,amount.sum()&limit=3&cursor={following}")
    assert answer.status_code == 400
    assert "another question" in answer.json()["detail"]


def test_aggregates_are_of_what_the_principal_sees(web: Client) -> None:
    assert rows(web("analyst"), "orders?select=count()") == [{"count": 900}]
    assert rows(web("clerk"), "orders?select=store,count()") == [{"store": 3, "count": 180}]
    masked = rows(web("analyst"), "customers?select=email,count()&order=email")
    assert masked == [{"email": "C***@example.com", "count": 300}]
    assert rows(web("analyst"), "customers?select=phone.max(),birth_date.min()") == [{"max": None, "min": "1960-01-01"}]
    hidden = web("analyst").get("/products/shop/customers?select=salary.sum()").json()
    assert 'column "salary" does not exist' in hidden["detail"]


def test_a_cast_gives_the_text_that_every_door_gives(web: Client) -> None:
    address = "orders?select=order_id::text,a:amount::text,ordered_at::text,remark::text&order_id=eq.4"
    assert rows(web("steward"), address) == [
        {"order_id": "4", "a": "4.50", "ordered_at": "2017-06-01T16:00:00", "remark": None}
    ]
    listed = rows(web("steward"), "customers?select=tags::text,born:birth_date::text&customer_id=eq.0")
    assert listed == [{"tags": '["plain",null]', "born": "1960-01-04"}]
    assert rows(web("steward"), "orders?select=amount::text.max()&order_id=lt.20") == [{"max": "9.50"}]


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("orders?select=amount.sum(),amount.avg(),n:amount.sum(),amount.sum()", ['names "sum" twice', "other:sum"]),
        ("orders?select=remark.sum()", ["sum() does not apply", "VARCHAR", "allowed: min(), max(), count()"]),
        ("orders?select=amount::text.sum()", ["sum() does not apply", "VARCHAR"]),
        ("customers?select=tags.max()", ["max() does not apply", "allowed: count()"]),
        ("orders?select=store,count()&order=amount", ['column "amount" does not exist', "allowed: store, count"]),
        ("orders?select=nix.sum()", ['column "nix" does not exist']),
        ("orders/7?select=count()", ["nothing to aggregate in one row"]),
    ],
)
def test_a_wrong_aggregate_is_refused_with_what_is_allowed(web: Client, address: str, words: list[str]) -> None:
    answer = web("steward").get(f"/products/shop/{address}")
    assert answer.status_code == 400
    told = f"{answer.json()['detail']} {answer.json().get('hint', '')}"
    assert all(word in told for word in words), told
