"""POST /products/{product}/-/query: the address's grammar in a body, with the same answers and the same cursors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest

Client = Callable[..., httpx.Client]
QUERY = "/products/shop/-/query"


@pytest.mark.parametrize(
    ("body", "address"),
    [
        ({"table": "orders"}, "orders"),
        ({"table": "orders", "limit": 3, "offset": 2, "order": "amount"}, "orders?limit=3&offset=2&order=amount"),
        (
            {"table": "orders", "select": "order_id", "where": {"order_id": ["gt.3", "lt.9"], "store": "neq.5"}},
            "orders?select=order_id&order_id=gt.3&order_id=lt.9&store=neq.5",
        ),
        ({"table": "orders", "where": "(order_id.gt.3,order_id.lt.9)"}, "orders?order_id=gt.3&order_id=lt.9"),
        ({"table": "orders", "where": "and=(order_id.gt.3,order_id.lt.9)"}, "orders?order_id=gt.3&order_id=lt.9"),
        ({"table": "orders", "where": "or(order_id.eq.3,order_id.eq.9)"}, "orders?or=(order_id.eq.3,order_id.eq.9)"),
        ({"table": "orders", "where": {"not.or": "(store.gt.3,store.eq.1)"}}, "orders?not.or=(store.gt.3,store.eq.1)"),
        (
            {"table": "orders", "where": [{"order_id": "lt.9"}, "or=(store.eq.1,store.eq.2)"]},
            "orders?order_id=lt.9&or=(store.eq.1,store.eq.2)",
        ),
        ({"table": "orders", "select": "store,count()", "order": "store"}, "orders?select=store,count()&order=store"),
        (
            {"table": "orders", "select": ["order_id", "store"], "order": ["store.desc", "order_id"], "limit": 3},
            "orders?select=order_id,store&order=store.desc,order_id&limit=3",
        ),
        (
            {"table": "customers", "select": "region,o:orders(order_id)", "where": {"o.store": "eq.4"}, "o.limit": 1},
            "customers?select=region,o:orders(order_id)&o.store=eq.4&o.limit=1",
        ),
        ({"table": "orders", "format": "csv"}, "orders?format=csv"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("subject", ["steward", "analyst"])
def test_a_body_is_answered_as_the_address_is(web: Client, subject: str, body: dict[str, Any], address: str) -> None:
    asked, given = web(subject).post(QUERY, json=body), web(subject).get(f"/products/shop/{address}")
    assert asked.status_code == given.status_code == 200, asked.text
    assert asked.headers["content-type"] == given.headers["content-type"]
    assert asked.headers.get("content-range") == given.headers.get("content-range")
    if given.headers["content-type"] == "application/json":
        assert asked.json()["data"] == given.json()["data"]
    else:
        assert asked.content == given.content


def test_a_cursor_goes_from_address_to_body_and_back(web: Client) -> None:
    body = {"table": "orders", "where": "(store.lt.5,amount.gt.2)", "order": "amount", "limit": 3}
    address = "/products/shop/orders?amount=gt.2&store=lt.5&order=amount&limit=3"
    first = web("steward").get(address).json()
    second = web("steward").post(QUERY, json=body | {"cursor": first["next"]}).json()
    third = web("steward").get(f"{address}&cursor={second['next']}").json()
    nine = web("steward").get(address.replace("limit=3", "limit=9")).json()["data"]
    assert first["data"] + second["data"] + third["data"] == nine


def test_a_body_may_prefer_a_count_itself(web: Client) -> None:
    answer = web("steward").post(QUERY, json={"table": "orders", "limit": 1, "count": "exact"})
    assert (answer.status_code, answer.headers["content-range"]) == (206, "0-0/1800")
    preferred = web("steward").post(QUERY, json={"table": "orders"}, headers={"Prefer": "count=exact"})
    assert preferred.headers["content-range"] == "0-99/1800"


def test_a_filter_may_be_longer_than_an_address(web: Client) -> None:
    wanted = list(range(0, 1800, 2)) * 10
    body = {
        "table": "orders",
        "select": "order_id",
        "limit": 1000,
        "where": {"order_id": f"in.({','.join(map(str, wanted))})"},
    }
    found = web("steward").post(QUERY, json=body).json()["data"]
    assert [row["order_id"] for row in found] == list(range(0, 1800, 2))


def test_the_major_version_may_be_named(web: Client) -> None:
    answer = web("steward").post("/products/shop@1/-/query", json={"table": "orders", "limit": 1})
    assert answer.json()["data"][0]["order_id"] == 0


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ([], ["the body is a JSON object with table, where"]),
        ({}, ["table takes a text"]),
        ({"table": 5}, ["table takes a text"]),
        ({"table": "orders", "filter": {}}, ['unknown member "filter"', "allowed: table, where"]),
        ({"table": "orders", "selct": "a"}, ["did you mean select?"]),
        ({"table": "orders", "select": {"a": 1}}, ["select takes a text or a list of texts"]),
        ({"table": "orders", "select": []}, ["select takes a text or a list of texts"]),
        ({"table": "orders", "select": ["order_id", 5]}, ["select takes a text"]),
        ({"table": "orders", "limit": 1.5}, ["limit takes a whole number"]),
        ({"table": "orders", "limit": True}, ["limit takes a whole number"]),
        ({"table": "orders", "limit": -1}, ["limit", "whole numbers from 0"]),
        ({"table": "orders", "where": 5}, ["where takes"]),
        ({"table": "orders", "where": "order_id=eq.5"}, ["where takes"]),
        ({"table": "orders", "where": {"order_id": 5}}, ["where.order_id takes a text"]),
        ({"table": "orders", "where": {"limit": "eq.5"}}, ['where names "limit"']),
        ({"table": "orders", "where": {"nix": "eq.5"}}, ['unknown parameter "nix"']),
        ({"table": "orders", "where": [[]]}, ["where takes"]),
        ({"table": "orders", "where": [{"order_id": "gt.1"}] * 201}, ["at most 200 conditions"]),
        ({"table": "orders", "count": "rough"}, ["count takes exact, planned or estimated"]),
        ({"table": "orders", "snapshot": 5}, ["snapshot takes a text"]),
        ({"table": "orders", "nix.limit": 5}, ['no table "nix" is embedded']),
        ({"table": "orders", "select": "a\u0000"}, ["NUL"]),
    ],
)  # fmt: skip
def test_a_wrong_body_is_refused_with_the_member_and_what_it_takes(web: Client, body: Any, words: list[str]) -> None:
    answer = web("steward").post(QUERY, json=body)
    assert answer.status_code == 400, answer.text
    told = f"{answer.json()['detail']} {answer.json().get('hint', '')}"
    assert all(word in told for word in words), told


def test_only_a_json_body_without_parameters_is_taken(web: Client) -> None:
    client = web("steward")
    assert client.post(QUERY, content="table=orders").status_code == 415
    assert client.post(QUERY, content="{", headers={"Content-Type": "application/json"}).status_code == 400
    answer = client.post(f"{QUERY}?limit=5", json={"table": "orders"})
    assert answer.status_code == 400
    assert "a body holds the whole question" in answer.json()["hint"]
    assert client.post(QUERY, json={"table": "x" * (1 << 20)}).status_code == 413
    assert client.post(QUERY, json={"table": "nix"}).status_code == 404
