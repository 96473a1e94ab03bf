"""Change only what an analyst cannot see, and every byte that it gets stays equal.

A second world differs in hidden columns and in rows of the other region. Questions are ordered: a table with
pseudonyms is published in random order, so that no order tells what they stand for.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import httpx
import pytest

from gateway import Gateway, GatewayError, Query
from ports.http.server import HttpPort
from tests.conftest import World, build, password
from tests.doors import GraphQLDoor
from tests.ports.rest.test_counts import never_in_time

TEXTS = [
    "SELECT * FROM shop.customers ORDER BY ALL",
    "SELECT count(*), min(full_name), max(email), approx_count_distinct(birth_date) FROM shop.customers",
    "SELECT region, count(*) AS n FROM shop.customers GROUP BY ALL ORDER BY ALL",
    "SELECT quantile_cont(lifetime, 0.5), mode(email), histogram(region) FROM shop.customers",
    "SELECT c FROM shop.customers c ORDER BY customer_id",
    "SELECT full_name, tags FROM shop.customers ORDER BY full_name DESC LIMIT 5",
    "SELECT sum(amount), count(DISTINCT customer_id) FROM shop.orders",
    "SELECT o.store, count(*) AS n FROM shop.orders o JOIN shop.customers USING (customer_id) GROUP BY 1 ORDER BY 1",
    "SELECT * FROM shop.customers WHERE salary = 70000001",
    "SELECT salry FROM shop.customers",
    "SELECT custmer_id FROM shop.customers",
    "SELECT * FROM hr.salaries",
    "SELECT * FROM shop.customer",
    "SELECT email::INT FROM shop.customers",
    "SELECT 1 // (customer_id - customer_id) FROM shop.customers",
    "SELECT * FROM shop.customers WHERE customer_id = 1",
    "SELECT rank() OVER (ORDER BY lifetime), lifetime FROM shop.customers ORDER BY 1 LIMIT 3",
]
PATHS = [
    "/products",
    "/products/shop",
    "/products/hr",
    "/products/shop/customers?order=customer_id&limit=7",
    "/products/shop/customers?select=email,region&format=csv&order=customer_id",
    "/products/shop/customers?customer_id=eq.1",
    "/products/shop/customers/1",
    "/products/shop/customers/2",
    "/products/shop/customers?salary=gt.1",
    "/products/shop/orders?order=order_id&limit=3&format=ndjson",
]


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    folder = tmp_path_factory.mktemp("other")
    settings = build(folder, canary="ANOTHER-AND-LONGER-CANARY", more=500)
    made = Gateway(settings)
    yield made
    made.close()


def body(gateway: Gateway, form: str, text: str) -> bytes | str:
    """Every byte of the answer, or the words of the refusal."""
    session = gateway.open(password("analyst"), "rest")
    try:
        with gateway.answer(session, Query(text), form=form) as result:  # type: ignore[arg-type]
            return b"".join(bytes(batch.serialize()) for batch in result.batches())
    except GatewayError as error:
        return f"{error.code} {error.reason} {error.message} {error.hint} {error.position}"


@pytest.mark.parametrize("form", ["arrow", "text", "json"])
@pytest.mark.parametrize("text", TEXTS)
def test_an_answer_does_not_depend_on_what_is_hidden(world: World, other: Gateway, form: str, text: str) -> None:
    assert body(world.gateway, form, text) == body(other, form, text)


def fetched(gateway: Gateway) -> dict[str, tuple[int, str]]:
    """Status and body of each path over HTTP, what names a query or a moment cut out."""
    port = HttpPort(gateway)
    port.start()
    host, number = port.address
    with httpx.Client(base_url=f"http://{host}:{number}", auth=("analyst", "analyst-secret")) as client:
        answers = {path: client.get(path) for path in PATHS}
    port.stop()
    return {path: (answer.status_code, _timeless(answer.text)) for path, answer in answers.items()}


ALL_TYPES = """{ __schema { types { name description fields { name description args { name } } inputFields { name }
  enumValues { name } } } }"""
DOCUMENTS = [
    "{ visibleProducts { name title version description quality } }",
    ALL_TYPES,
    '{ __type(name: "Shop_Customers") { fields { name } } }',
    '{ __type(name: "Hr_Salaries") { fields { name } } }',
    "{ shop { customers(limit: 7) { customer_id full_name email phone region lifetime tags } } }",
    "{ shop { customers(orderBy: [{lifetime: DESC}], limit: 7) { lifetime orders(limit: 2) { store } } } }",
    "{ shop { customersConnection(last: 3) { totalCount nodes { email } pageInfo { hasNextPage hasPreviousPage } } } }",
    '{ shop { customersConnection(where: {email: {_like: "CANARY%"}}) { totalCount } } }',
    "{ shop { customersByKey(customer_id: 1) { region } } }",
    "{ shop { customersByKey(customer_id: 2) { region } } }",
    '{ shop { orders(where: {customers: {region: {_eq: "S"}}}) { remark } } }',
    '{ shop { ordersConnection(where: {_not: {customers: {region: {_eq: "S"}}}}) { totalCount } } }',
    "{ shop { customers { salary } } }",
    "{ shop { customers { salry } } }",
    "{ hr { salaries { pay } } }",
    "{ hr2 { salaries { pay } } }",
    '{ shop { customersConnection(after: "x") { totalCount } } }',
]


def understood(gateway: Gateway) -> dict[str, str]:
    """Every byte of the answers to DOCUMENTS, without ids and moments."""
    door = GraphQLDoor(gateway)
    answers = {one: door.answer("analyst", one) for one in DOCUMENTS}
    door.close()
    return {one: f"{told.status_code} {_timeless(told.text)}" for one, told in answers.items()}


def test_no_document_s_answer_depends_on_what_is_hidden(world: World, other: Gateway) -> None:
    ours, theirs = understood(world.gateway), understood(other)
    for document in DOCUMENTS:
        assert ours[document] == theirs[document], document
    hidden = [re.sub(r"salr?a?r?y|hr2?", "X", ours[one]) for one in DOCUMENTS[12:16]]
    assert hidden[0] == hidden[1].replace("salry", "X")
    assert hidden[2] == hidden[3]


def _timeless(text: str) -> str:
    """`text` without ids and moments: those differ between any two servers."""
    text = re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[\d.]*(Z|\+00:00)", "MOMENT", text)
    text = re.sub(r'"(snapshot|error_id|instance|next|published_at|id|policy)": ?"[^"]*"', r'"\1":"ID"', text)
    text = re.sub(r'"age(_s)?":\d+', '"age":0', text)
    return re.sub(r"cursor=[\w-]+", "cursor=ID", text)


def test_rest_s_pages_documents_and_errors_do_not_depend_on_what_is_hidden(world: World, other: Gateway) -> None:
    ours, theirs = fetched(world.gateway), fetched(other)
    assert {path: status for path, (status, _) in ours.items()} == {
        **dict.fromkeys(PATHS, 200),
        "/products/hr": 404,
        "/products/shop/customers/1": 404,
        "/products/shop/customers?salary=gt.1": 400,
    }
    for path in PATHS:
        assert ours[path] == theirs[path], path


def test_an_estimated_count_does_not_depend_on_what_is_hidden(
    world: World, other: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    never_in_time(monkeypatch)
    totals = [
        [counted(gateway, subject, path) for path in ("customers?limit=1", "customers?full_name=like.*1*&limit=1")]
        for gateway in (world.gateway, other)
        for subject in ("analyst", "steward")
    ]
    ours, whole, theirs, more = totals
    assert ours == theirs
    assert whole != more


def counted(gateway: Gateway, subject: str, path: str) -> str:
    """The estimated total of a page of the shop."""
    port = HttpPort(gateway)
    port.start()
    host, number = port.address
    url = f"http://{host}:{number}/products/shop/{path}"
    answer = httpx.get(url, auth=(subject, f"{subject}-secret"), headers={"Prefer": "count=estimated"})
    port.stop()
    return answer.headers["content-range"].partition("/")[2]


def test_the_two_worlds_do_differ(world: World, other: Gateway) -> None:
    counts = []
    for gateway in (world.gateway, other):
        session = gateway.open(password("steward"), "rest")
        with gateway.answer(session, Query("SELECT count(*) AS n FROM shop.customers")) as result:
            counts.append(next(iter(result.batches())).to_pylist())
    assert counts == [[{"n": 600}], [{"n": 1100}]]
