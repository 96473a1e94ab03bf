"""Related tables inside a row: over declared keys, each under its own decision, and never one that is not granted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pyarrow as pa
import pytest

from gateway import Gateway
from gateway.access.identity import Directory
from gateway.access.keys import load
from ports.http.server import HttpPort
from tests.workshop import KEY, STEWARD, Workshop, column

Client = Callable[..., httpx.Client]
Rows = list[dict[str, Any]]


def rows(client: httpx.Client, address: str) -> Rows:
    answer = client.get(f"/products/shop/{address}")
    assert answer.status_code == 200, answer.text
    found: Rows = answer.json()["data"]
    return found


def refusal(client: httpx.Client, address: str) -> str:
    answer = client.get(f"/products/shop/{address}")
    assert answer.status_code == 400, answer.text
    told = answer.json()
    return f"{told['detail']} {told.get('hint', '')}"


def test_many_rows_are_a_list_of_objects_in_the_order_of_their_key(web: Client) -> None:
    found = rows(web("steward"), "customers?select=customer_id,orders(order_id,amount)&customer_id=in.(1,599)")
    assert found == [
        {"customer_id": 1, "orders": [{"order_id": i, "amount": i % 97 + 0.5} for i in (3, 4, 5)]},
        {"customer_id": 599, "orders": [{"order_id": i, "amount": i % 97 + 0.5} for i in (1797, 1798, 1799)]},
    ]


def test_one_row_is_an_object(web: Client) -> None:
    found = rows(web("steward"), "orders?select=order_id,who:customers(customer_id,region)&order_id=in.(0,3)")
    assert found == [
        {"order_id": 0, "who": {"customer_id": 0, "region": "N"}},
        {"order_id": 3, "who": {"customer_id": 1, "region": "S"}},
    ]


def test_the_columns_of_one_row_may_be_spread(web: Client) -> None:
    found = rows(web("steward"), "orders?select=...customers(region,born:birth_date),order_id&order_id=eq.3")
    assert found == [{"region": "S", "born": "1960-01-21", "order_id": 3}]


def test_a_filter_of_the_embedded_rows_leaves_the_others_out_of_the_list_only(web: Client) -> None:
    found = rows(
        web("steward"), "customers?select=customer_id,orders(order_id)&orders.amount=gt.4&customer_id=in.(0,1)"
    )
    assert found == [
        {"customer_id": 0, "orders": []},
        {"customer_id": 1, "orders": [{"order_id": 4}, {"order_id": 5}]},
    ]
    (row,) = rows(web("steward"), "orders?select=order_id,customers(region)&customers.region=eq.N&order_id=eq.3")
    assert row == {"order_id": 3, "customers": None}


def test_inner_leaves_out_the_rows_to_which_none_belongs(web: Client) -> None:
    client = web("steward")
    found = rows(client, "customers?select=customer_id,orders!inner(order_id)&orders.order_id=in.(4,9)")
    assert found == [
        {"customer_id": 1, "orders": [{"order_id": 4}]},
        {"customer_id": 3, "orders": [{"order_id": 9}]},
    ]
    assert rows(client, "customers?select=customer_id,orders!inner()&orders.order_id=eq.4") == [{"customer_id": 1}]
    absent = "customers?select=customer_id,orders()&orders.order_id=lt.1797&orders=is.null"
    assert rows(client, absent) == [{"customer_id": 599}]
    both = "customers?select=customer_id,orders()&orders.order_id=eq.4&or=(orders.not.is.null,customer_id.eq.7)"
    assert rows(client, both) == [{"customer_id": 1}, {"customer_id": 7}]


def test_embedded_rows_have_their_own_order_limit_and_offset(web: Client) -> None:
    address = "customers?select=customer_id,o:orders(order_id)&customer_id=eq.1&o.order=amount.desc"
    (row,) = rows(web("steward"), f"{address}&o.limit=2")
    assert row["o"] == [{"order_id": 5}, {"order_id": 4}]
    (row,) = rows(web("steward"), f"{address}&o.limit=1&o.offset=1")
    assert row["o"] == [{"order_id": 4}]
    (row,) = rows(web("steward"), f"{address}&orders.limit=0")
    assert row["o"] == []


def test_embedded_rows_may_be_aggregated(web: Client) -> None:
    address = "customers?select=customer_id,orders(count(),amount.sum())&customer_id=lte.1"
    assert [row["orders"] for row in rows(web("steward"), address)] == [
        [{"count": 3, "sum": 4.5}],
        [{"count": 3, "sum": 13.5}],
    ]
    nothing = rows(web("steward"), f"{address}&orders.order_id=gt.2")
    assert nothing[0]["orders"] == [{"count": 0, "sum": None}]
    grouped = "customers?select=orders(remark,n:count())&customer_id=eq.1&orders.order=n.desc,remark.desc"
    (row,) = rows(web("steward"), grouped)
    assert [one["remark"] for one in row["orders"]] == [None, "remark 5", "remark 3"]


def test_an_embedded_column_is_masked_and_an_embedded_row_filtered_by_its_own_decision(web: Client) -> None:
    found = rows(web("analyst"), "orders?select=order_id,customers(email,phone)&limit=2")
    assert [row["customers"] for row in found] == [{"email": "C***@example.com", "phone": None}] * 2
    # The analyst's orders are those of region N, and a filter meets the mask, inside as outside.
    assert rows(web("analyst"), "orders?select=order_id,customers!inner()&customers.region=eq.S") == []
    assert rows(web("analyst"), "orders?select=order_id,customers!inner()&customers.email=like.CANARY*") == []
    assert len(rows(web("analyst"), "orders?select=order_id,customers!inner()&customers.email=like.C***&limit=5")) == 5


def test_pseudonyms_join_as_their_values_do(web: Client) -> None:
    found = rows(web("ml"), "customers?select=customer_id,orders(customer_id)&limit=50")
    assert all(one == {"customer_id": row["customer_id"]} for row in found for one in row["orders"])
    assert {len(row["orders"]) for row in found} == {3}


def test_what_is_hidden_or_not_granted_reads_like_a_name_that_never_was(web: Client) -> None:
    hidden = refusal(web("analyst"), "orders?select=order_id,customers(salary)")
    assert hidden.replace("salary", "solary") == refusal(web("analyst"), "orders?select=order_id,customers(solary)")
    asked = refusal(web("clerk"), "orders?select=order_id,customers(region)")
    assert asked.replace("customers", "custumers") == refusal(web("clerk"), "orders?select=order_id,custumers(region)")
    filtered = refusal(web("clerk"), "orders?customers.region=eq.N")
    assert filtered.replace("customers", "custumers") == refusal(web("clerk"), "orders?custumers.region=eq.N")


def test_pages_of_rows_with_lists_show_every_row_once(web: Client) -> None:
    address, found = "customers?select=customer_id,orders(order_id)&order=region.desc&limit=250", []
    following = ""
    while following is not None:
        document = web("steward").get(f"/products/shop/{address}{following}").json()
        found += document["data"]
        following = f"&cursor={document['next']}" if document["next"] else None  # type: ignore[assignment]
    assert len({row["customer_id"] for row in found}) == len(found) == 600
    assert sum(len(row["orders"]) for row in found) == 1800


def test_every_format_carries_embedded_rows(web: Client) -> None:
    address = "/products/shop/customers?select=customer_id,orders(order_id)&customer_id=eq.1&format="
    told = [{"order_id": 3}, {"order_id": 4}, {"order_id": 5}]
    client = web("steward")
    assert client.get(f"{address}ndjson").json() == {"customer_id": 1, "orders": told}
    arrow = pa.ipc.open_stream(client.get(f"{address}arrow").content).read_all()
    assert arrow.to_pylist() == [{"customer_id": 1, "orders": told}]
    lines = client.get(f"{address}csv").text.splitlines()
    assert lines == ["customer_id,orders", '1,"[{""order_id"":3},{""order_id"":4},{""order_id"":5}]"']
    assert client.get("/products/shop/customers/1?select=orders(order_id)").json() == {"data": {"orders": told}}
    stream = client.get("/products/shop/customers?select=customer_id,orders(order_id)&format=ndjson").text
    assert len(stream.splitlines()) == 600


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("customers?select=*,order(x)", ["no table that is related", "related are orders(...)"]),
        ("orders?select=region(x)", ["no table that is related", "related are customers(...)"]),
        ("orders?select=store(x)", ["store is a column: write it without (...)"]),
        ("customers?select=*,orders!store(x)", ["is not related by store", "write one of orders(...)"]),
        ("customers?select=*,...orders(order_id)", ["spreads the columns of one row", "orders(...) for a list"]),
        ("orders?select=order_id,customers(lifetime.sum())", ["nothing to aggregate"]),
        ("customers?select=region,orders(order_id),count()", ["cannot stand beside an aggregate", "!inner()"]),
        ("customers?select=orders()", ["names no column of the answer"]),
        ("customers?select=*,orders(order_id,order_id)", ['names "order_id" twice']),
        ("customers?select=orders:region,orders(order_id)", ['names "orders" twice']),
        ("customers?select=*,orders(order_id)&orders.nix=eq.1", ["orders.nix", "orders.order_id"]),
        ("customers?select=*,orders(order_id)&orders.limit=x", ["orders.limit", "whole numbers"]),
        ("customers?select=*,orders(order_id)&orders.order=nix", ['column "nix" does not exist']),
        ("customers?select=*,orders(order_id)&orders=eq.1", ["is an embedded table", "is.null"]),
        ("customers?orders.order_id=eq.1", ['no table "orders" is embedded', "select=*,orders(*)"]),
        ("customers?select=*,a:orders(order_id),b:orders(store)&orders.limit=1", ["embedded twice", "alias"]),
    ],
)
def test_a_wrong_embedding_is_refused_with_what_would_be_right(web: Client, address: str, words: list[str]) -> None:
    told = refusal(web("steward"), address)
    assert all(word in told for word in words), told


@pytest.fixture(scope="module")
def staff(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """Two products: people with a boss and a mentor among them, and trips that name people of the other product."""
    made = Workshop(tmp_path_factory.mktemp("staff"))
    made.allow(STEWARD)

    def related(to: str) -> dict[str, Any]:
        return column("BIGINT", relationships=[{"to": to}])

    people = {"id": {**KEY}, "boss": related("people.id"), "mentor": related("people.id")}
    made.declare(
        "staff", {"people": people}, data={"people": pa.table({"id": [1, 2], "boss": [2, None], "mentor": [2, 1]})}
    )
    trips = {"trip": {**KEY}, "who": related("staff.people.id")}
    made.declare("travel", {"people": trips}, data={"people": pa.table({"trip": [7, 8], "who": [1, 1]})})
    made.settings.state.mkdir()
    Directory(made.settings.principals, load(made.settings)).add("steward", "person", {"role": ("steward",)}, "secret")
    for product in ("staff", "travel"):
        made.publish(product)
    gateway = Gateway(made.settings)
    port = HttpPort(gateway)
    port.start()
    host, number = port.address
    with httpx.Client(base_url=f"http://{host}:{number}", auth=("steward", "secret")) as client:
        yield client
    port.stop()
    gateway.close()


def test_a_table_that_is_related_in_several_ways_is_named_with_a_hint(staff: httpx.Client) -> None:
    answer = staff.get("/products/staff/people?select=id,people(id)")
    assert answer.status_code == 400
    told = answer.json()
    assert "is related in several ways" in told["detail"]
    choices = [
        *("staff.people!boss!one(...)", "staff.people!mentor!one(...)"),
        *("staff.people!boss!many(...)", "staff.people!mentor!many(...)", "travel.people(...)"),
    ]
    assert told["hint"] == f"write one of {', '.join(choices)}"
    found = {
        choice: staff.get(f"/products/staff/people?order=id&select=t:{choice.replace('...', '*')}").json()["data"][0][
            "t"
        ]
        for choice in choices
    }
    assert list(found.values()) == [
        {"id": 2, "boss": None, "mentor": 1},
        {"id": 2, "boss": None, "mentor": 1},
        [],
        [{"id": 2, "boss": None, "mentor": 1}],
        [{"trip": 7, "who": 1}, {"trip": 8, "who": 1}],
    ]


def test_relationships_lead_from_one_product_to_another(staff: httpx.Client) -> None:
    found = staff.get("/products/travel/people?select=trip,people(id,boss)&order=trip").json()["data"]
    assert found == [{"trip": trip, "people": {"id": 1, "boss": 2}} for trip in (7, 8)]
    answer = staff.get("/products/travel/people?select=trip,people(id,boss)")
    assert {part.split("@")[0].strip() for part in answer.headers["x-outport-products"].split(",")} == {
        "staff",
        "travel",
    }
