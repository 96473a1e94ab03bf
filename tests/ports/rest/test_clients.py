"""REST as httpx sees it: documents, filters, pages, keys, formats, over the tests' world."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import httpx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gateway import Gateway, Pin, Session, VisibleTable
from ports.http.server import HttpPort

Client = Callable[..., httpx.Client]
FORMATS = {
    "json": "application/json",
    "ndjson": "application/x-ndjson",
    "csv": "text/csv; charset=utf-8",
    "arrow": "application/vnd.apache.arrow.stream",
    "parquet": "application/vnd.apache.parquet",
}


def read(answer: httpx.Response) -> list[dict[str, Any]]:
    """The rows of `answer`, every value as its text."""
    assert answer.status_code == 200, answer.text
    kind = answer.headers["content-type"]
    if kind == FORMATS["json"]:
        rows = json.loads(answer.text, parse_float=str, parse_int=str)["data"]
    elif kind == FORMATS["ndjson"]:
        rows = [json.loads(line, parse_float=str, parse_int=str) for line in answer.text.splitlines()]
    elif kind == FORMATS["csv"]:
        return list(csv.DictReader(io.StringIO(answer.text, newline="")))
    elif kind == FORMATS["parquet"]:
        rows = pq.read_table(io.BytesIO(answer.content)).to_pylist()
    else:
        rows = pa.ipc.open_stream(answer.content).read_all().to_pylist()
    return [{name: "" if value is None else text(value) for name, value in row.items()} for row in rows]


def text(value: Any) -> str:
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def rows(client: httpx.Client, address: str) -> list[dict[str, Any]]:
    answer = client.get(address)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["data"]
    return found


def test_the_list_shows_what_is_granted_and_nothing_else(web: Client) -> None:
    named = {subject: [one["name"] for one in rows(web(subject), "/products")] for subject in ("steward", "analyst")}
    assert named["analyst"] == ["shop"]
    assert "shop" in named["steward"]
    assert rows(web("stranger"), "/products") == []


def test_a_descriptor_is_projected_for_its_reader(web: Client) -> None:
    answer = web("analyst").get("/products/shop")
    document = answer.json()["data"]
    customers = next(table for table in document["tables"] if table["name"] == "customers")
    columns = {column["name"]: column for column in customers["columns"]}
    assert list(columns) == ["customer_id", "full_name", "email", "phone", "birth_date", "region", "lifetime", "tags"]
    assert (columns["email"]["treatment"], columns["email"]["mask"]) == ("partial", "email")
    assert columns["email"]["classification"] == "confidential"
    assert columns["email"]["tags"] == ["pii"]
    assert columns["region"]["treatment"] == "raw"
    assert customers["key"] == ["customer_id"]
    assert customers["rows"] == "filtered"
    assert customers["row_count"] is None
    assert document["access"]["subject"] == "analyst"
    assert "salary" not in answer.text
    assert "unsorted" not in answer.text
    assert "CANARY" not in answer.text


def test_only_who_sees_every_row_is_told_how_many_there_are(web: Client) -> None:
    def counts(subject: str) -> dict[str, int | None]:
        tables = web(subject).get("/products/shop").json()["data"]["tables"]
        return {table["name"]: table["row_count"] for table in tables}

    assert counts("steward") == {"customers": 600, "orders": 1800}
    assert counts("analyst") == {"customers": None, "orders": None}


@pytest.mark.parametrize(
    ("address", "ids"),
    [
        ("order_id=eq.7", [7]),
        ("order_id=in.(7,5,99999)", [5, 7]),
        ("order_id=lt.3", [0, 1, 2]),
        ("order_id=gte.2&order_id=lte.4", [2, 3, 4]),
        ("order_id=lt.9&store=neq.1&remark=is.not_null", [2, 3, 5, 6, 7]),
        ("order_id=lt.9&remark=is.null", [0, 4, 8]),
        ("order_id=lt.9&remark=not.is.null", [1, 2, 3, 5, 6, 7]),
        ("order_id=lt.9&remark=like.remark*5", [5]),
        ("order_id=lt.9&remark=ilike.REMARK 5", [5]),
        ("order_id=lt.9&remark=like.remark\\_*", []),
        ("order_id=lt.9&remark=match.[56]$", [5, 6]),
        ("order_id=lt.9&remark=imatch.MARK [56]", [5, 6]),
        ("order_id=lt.5&remark=isdistinct.remark 1", [0, 2, 3, 4]),
        ("order_id=lt.3&amount=eq.1.50", [1]),
        ("order_id=lt.3&amount=eq.1.5000", [1]),
        ("order_id=lt.3&amount=gt.1.499999", [1, 2]),
        ("ordered_at=lt.2017-06-01T14:00:00", [0, 1]),
        ("ordered_at=eq.2017-06-01 14:00", [2]),
        ("or=(order_id.eq.1,and(order_id.gt.2,order_id.lt.5))", [1, 3, 4]),
        ("order_id=lt.6&not.or=(order_id.eq.1,remark.is.null)", [2, 3, 5]),
        ('or=(remark.eq."remark 5",remark.in.("remark 6","remark 7"))', [5, 6, 7]),
        ("order_id=in.()", []),
        ("order_id=not.in.(0,1)&order_id=lt.4", [2, 3]),
        ("order_id=lt.4&limit=2&offset=1", [1, 2]),
        ("order_id=eq(any).{1,7}", [1, 7]),
        ("order_id=lt(all).{3,2}", [0, 1]),
        ("order_id=lt.9&remark=like(any).{*5,*7}", [5, 7]),
        ("order_id=lt.20&remark=imatch(all).{REMARK,1$}", [1, 11]),
        ("or=(order_id.eq(any).{1,7},and(remark.like(all).{*mark*,*13},order_id.lt.99))", [1, 7, 13]),
    ],
)
def test_filters_do_what_postgrest_s_do(web: Client, address: str, ids: list[int]) -> None:
    found = rows(web("steward"), f"/products/shop/orders?select=order_id&order=order_id&{address}")
    assert [row["order_id"] for row in found] == ids


def test_a_list_is_compared_with_a_list(web: Client) -> None:
    def ids(address: str) -> list[int]:
        found = rows(web("steward"), f"/products/shop/customers?select=customer_id&customer_id=lt.4&{address}")
        return [row["customer_id"] for row in found]

    assert ids("tags=cs.{plain}") == [0, 2]
    assert ids("tags=ov.{plain,CANARY-tag-3}") == [0, 2, 3]
    assert ids("tags=cd.{CANARY-tag-1,CANARY-tag-3}") == [1, 3]
    assert ids("tags=not.cs.{plain}") == [1, 3]


def test_a_filter_sees_the_mask_and_not_what_is_under_it(web: Client) -> None:
    client = web("analyst")
    (row,) = rows(client, "/products/shop/customers?customer_id=eq.2&select=email,phone")
    assert row["phone"] is None
    masked = httpx.URL("/products/shop/customers", params={"email": f"eq.{row['email']}", "limit": 1})
    assert len(rows(client, str(masked))) == 1
    assert rows(client, "/products/shop/customers?email=eq.CANARY-mail-2@example.com") == []
    assert rows(client, "/products/shop/customers?email=like.CANARY*") == []


def test_columns_are_chosen_and_renamed(web: Client) -> None:
    (row,) = rows(web("steward"), "/products/shop/orders?select=no:order_id,amount&order_id=eq.3")
    assert row == {"no": 3, "amount": 3.5}


def pages(client: httpx.Client, address: str) -> list[list[dict[str, Any]]]:
    """Every page of `address`, each asked for with the cursor of the one before."""
    found, following = [], ""
    while True:
        document = client.get(address + following).json()
        found.append(document["data"])
        if document["next"] is None:
            return found
        following = f"&cursor={document['next']}"


@pytest.mark.parametrize("order", ["remark", "remark.desc", "remark.nullsfirst,amount.desc", "store.desc,remark", ""])
@pytest.mark.parametrize("subject", ["steward", "analyst"])
def test_pages_show_every_row_once_and_in_order(web: Client, subject: str, order: str) -> None:
    address = f"/products/shop/orders?select=order_id,remark&order={order}&limit=250"
    found = pages(web(subject), address)
    ids = [row["order_id"] for page in found for row in page]
    whole = rows(web(subject), f"/products/shop/orders?select=order_id&order={order}&limit=5000")
    assert ids == [row["order_id"] for row in whole]
    assert len(set(ids)) == {"steward": 1800, "analyst": 900}[subject]
    assert {len(page) for page in found[:-1]} == {250}


def test_a_page_has_a_hundred_rows_where_no_limit_is_given(web: Client) -> None:
    document = web("steward").get("/products/shop/orders").json()
    assert len(document["data"]) == 100
    assert document["next"]
    assert web("steward").get("/products/shop/orders?order_id=lt.100").json()["next"] is None


def test_pages_go_on_by_a_pseudonym(web: Client) -> None:
    found = pages(web("ml"), "/products/shop/customers?select=customer_id&order=region&limit=200")
    ids = [row["customer_id"] for page in found for row in page]
    assert len(ids) == len(set(ids)) == 600


class Keyless:
    """The world's gateway, with no key visible anywhere."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    def __getattr__(self, name: str) -> Any:
        return getattr(self._gateway, name)

    def table(self, session: Session, schema: str, name: str, pin: Pin) -> VisibleTable:
        return replace(self._gateway.table(session, schema, name, pin), key=())


def test_pages_show_every_row_once_where_no_key_is_visible(gateway: Gateway) -> None:
    port = HttpPort(Keyless(gateway))  # type: ignore[arg-type]
    port.start()
    host, number = port.address
    with httpx.Client(base_url=f"http://{host}:{number}", auth=("steward", "steward-secret")) as client:
        found = pages(client, "/products/shop/orders?select=order_id&order=remark&limit=500")
        assert client.get("/products/shop/orders/7").status_code == 404
    port.stop()
    ids = [row["order_id"] for page in found for row in page]
    assert [len(page) for page in found] == [500, 500, 500, 300]
    assert len(set(ids)) == 1800


def test_a_cursor_belongs_to_its_question_and_its_principal(web: Client) -> None:
    address = "/products/shop/orders?limit=5&order=store"
    following = web("analyst").get(address).json()["next"]
    assert web("analyst").get(f"{address}&cursor={following}").status_code == 200
    for client, other in (
        (web("steward"), address),
        (web("analyst"), "/products/shop/orders?limit=5&order=amount"),
        (web("analyst"), "/products/shop/orders?limit=5&order=store&amount=gt.1"),
        (web("analyst"), "/products/shop/customers?limit=5"),
    ):
        answer = client.get(f"{other}&cursor={following}")
        assert answer.status_code == 400
        assert "belongs to another question" in answer.json()["detail"]
    changed = ("A" if following[0] != "A" else "B") + following[1:]
    assert web("analyst").get(f"{address}&cursor={changed}").status_code == 400


def test_a_row_is_found_by_its_key_in_every_format(web: Client) -> None:
    document = web("steward").get("/products/shop/orders/7").json()
    assert document["data"]["order_id"] == 7
    (row,) = rows(web("steward"), "/products/shop/orders?order_id=eq.7")
    assert document["data"] == row
    for name in ("ndjson", "csv", "arrow"):
        (found,) = read(web("steward").get(f"/products/shop/orders/7?select=order_id,remark&format={name}"))
        assert found == {"order_id": "7", "remark": "remark 7"}
    assert web("analyst").get("/products/shop/customers/1").status_code == 404
    assert web("analyst").get("/products/shop/customers/2").status_code == 200


def test_a_major_version_may_be_named(web: Client) -> None:
    named = web("analyst").get("/products/shop@1/orders?limit=3").json()["data"]
    assert named == web("analyst").get("/products/shop/orders?limit=3").json()["data"]
    href = web("analyst").get("/products/shop@1").json()["data"]["tables"][0]["href"]
    assert web("analyst").get(href).status_code == 200


@pytest.mark.parametrize("subject", ["steward", "analyst", "clerk", "ml"])
def test_every_format_gives_the_same_rows(web: Client, subject: str) -> None:
    address = "/products/shop/orders?limit=300&order=order_id"
    answers = {name: web(subject).get(address, headers={"Accept": kind}) for name, kind in FORMATS.items()}
    assert {name: answer.headers["content-type"] for name, answer in answers.items()} == FORMATS
    found = {name: read(answer) for name, answer in answers.items()}
    assert found["json"] == found["ndjson"] == found["csv"] == found["arrow"]
    assert len(found["json"]) == {"steward": 300, "analyst": 300, "clerk": 180, "ml": 300}[subject]


def test_a_stream_has_every_row_unless_it_is_limited(web: Client) -> None:
    for name in ("ndjson", "csv", "arrow"):
        assert len(read(web("steward").get(f"/products/shop/orders?format={name}"))) == 1800
    following = web("steward").get("/products/shop/orders?limit=1000").json()["next"]
    rest = read(web("steward").get(f"/products/shop/orders?format=csv&cursor={following}"))
    assert [row["order_id"] for row in rest] == [str(i) for i in range(1000, 1800)]


@pytest.mark.parametrize("accept", list(FORMATS.values()))
def test_sql_is_answered_in_every_format(web: Client, accept: str) -> None:
    body = {
        "sql": "SELECT customer_id, count(*) AS n FROM orders WHERE store < $1 GROUP BY 1 ORDER BY 1 LIMIT 2",
        "parameters": [5],
        "search_path": ["shop"],
    }
    answer = web("steward").post("/sql", json=body, headers={"Accept": accept})
    assert read(answer) == [{"customer_id": "0", "n": "3"}, {"customer_id": "1", "n": "2"}]


def test_sql_parameters_are_typed_by_their_json(web: Client) -> None:
    body = {
        "sql": "SELECT typeof($1) AS a, typeof($2) AS b, typeof($3) AS c, typeof($4) AS d, $5 AS e, $6 AS f",
        "parameters": [1, 1.10, 1e3, True, None, ["x", "y"]],
    }
    (row,) = web("steward").post("/sql", content=json.dumps(body).replace("1000.0", "1e3").replace("1.1,", "1.10,"),
                                 headers={"Content-Type": "application/json"}).json()["data"]  # fmt: skip
    assert row == {"a": "INTEGER", "b": "DECIMAL(3,2)", "c": "DOUBLE", "d": "BOOLEAN", "e": None, "f": ["x", "y"]}
    named = {"sql": "SELECT count(*) AS n FROM shop.orders WHERE store = $store", "parameters": {"store": 3}}
    assert web("steward").post("/sql", json=named).json()["data"] == [{"n": 180}]


def test_an_answer_without_rows_is_whole_in_every_format(web: Client) -> None:
    address = "/products/shop/orders?select=order_id&order_id=lt.0"
    client = web("steward")
    assert client.get(address).json() == {"data": [], "next": None}
    assert client.get(f"{address}&format=ndjson").text == ""
    assert client.get(f"{address}&format=csv").text == "order_id\n"
    arrow = pa.ipc.open_stream(client.get(f"{address}&format=arrow").content).read_all()
    assert (arrow.num_rows, arrow.schema.names) == (0, ["order_id"])


def test_every_answer_says_where_it_comes_from(web: Client) -> None:
    answers = [
        web("analyst").get("/products/shop/orders?limit=1"),
        web("analyst").get("/products/shop/orders/0"),
        web("analyst").get("/products/shop/orders?format=csv"),
        web("analyst").post("/sql", json={"sql": "SELECT count(*) FROM shop.orders"}),
    ]
    for answer in answers:
        assert len(answer.headers["x-outport-query-id"]) == 32
        assert answer.headers["x-outport-products"].startswith("shop@1.2.0;snapshot=")
        assert answer.headers["x-outport-policy"]
        kept = "etag" in answer.headers
        assert answer.headers["cache-control"] == ("private, no-cache" if kept else "private, no-store")
        assert {"Accept", "Authorization", "X-Outport-Purpose"} <= set(answer.headers["vary"].split(", "))
    assert len({answer.headers["x-outport-query-id"] for answer in answers}) == len(answers)
    assert "shop@1.2.0" in web("analyst").get("/products/shop").headers["x-outport-products"]


def test_an_order_means_the_column_even_where_an_output_has_its_name(web: Client) -> None:
    for select, name in (("amount:order_id,real:amount", "real"), ("order_id::text,real:order_id", "real")):
        of = "amount" if "amount" in select else "order_id"
        found = web("steward").get(f"/products/shop/orders?select={select}&order={of}.desc&limit=30").json()["data"]
        values = [row[name] for row in found]
        assert values == sorted(values, reverse=True)
        assert max(values) == {"amount": 96.5, "order_id": 1799}[of]
