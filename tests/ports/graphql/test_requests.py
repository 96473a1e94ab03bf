"""GraphQL over HTTP: methods, media types, statuses, limits; who asks, at which snapshot; what the audit keeps."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway import Gateway, GatewayError
from gateway import __dict__ as front_door
from ports.graphql import errors
from tests.conftest import World

Client = Callable[..., httpx.Client]
MODERN, LEGACY = "application/graphql-response+json", "application/json"
ONE = "{ shop { orders(limit: 1) { order_id } } }"
ONE_ID = "{ order_id }"
DEEP = "{ customers { orders(limit: 1) "
FIRST = {"shop": {"orders": [{"order_id": "0"}]}}


def post(web: Client, body: Any, accept: str | None = None, **headers: str) -> httpx.Response:
    sent = {"Content-Type": LEGACY, **headers, **({"Accept": accept} if accept else {})}
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return web("steward").post("/graphql", content=content, headers=sent)


@pytest.mark.parametrize(
    ("accept", "told"),
    [
        (None, LEGACY),
        ("*/*", LEGACY),
        (LEGACY, LEGACY),
        (MODERN, MODERN),
        (f"{MODERN}, {LEGACY};q=0.9", MODERN),
        ("application/graphql-response+json; charset=utf-8, application/json; charset=utf-8;q=0.5", MODERN),
    ],
)
def test_an_answer_has_the_media_type_that_is_accepted(web: Client, accept: str | None, told: str) -> None:
    answer = post(web, {"query": ONE}, accept)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == f"{told}; charset=utf-8"
    assert answer.json()["data"] == FIRST


def test_what_is_accepted_nowhere_is_said(web: Client) -> None:
    assert post(web, {"query": ONE}, "text/plain").status_code == 406


def test_a_get_asks_as_a_post_does(web: Client) -> None:
    document = "query A($n: Int) { shop { orders(limit: $n) { order_id } } } query B { __typename }"
    given = {"query": document, "operationName": "A", "variables": '{"n": 1}'}
    assert web("steward").get("/graphql", params=given).json()["data"] == FIRST
    assert web("steward").get("/graphql", params={**given, "operationName": "B"}).json()["data"] == {
        "__typename": "Query"
    }


@pytest.mark.parametrize("accept", [MODERN, LEGACY])
@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 400, "BAD_REQUEST"),
        (b"{", 400, "BAD_REQUEST"),
        (b"\xff", 400, "BAD_REQUEST"),
        (b"[" * 100_000, 400, "BAD_REQUEST"),
        ([{"query": ONE}], 400, "BAD_REQUEST"),
        ({}, 400, "BAD_REQUEST"),
        ({"query": {"a": 1}}, 400, "BAD_REQUEST"),
        ({"query": ONE, "variables": [1]}, 400, "BAD_REQUEST"),
        ({"query": ONE, "operationName": 1}, 400, "BAD_REQUEST"),
        ({"query": ONE, "extensions": "x"}, 400, "BAD_REQUEST"),
        ({"query": "{"}, 0, "GRAPHQL_PARSE_FAILED"),
        ({"query": "{ nothing }"}, 0, "GRAPHQL_VALIDATION_FAILED"),
        ({"query": "mutation { a }"}, 0, "GRAPHQL_VALIDATION_FAILED"),
        ({"query": "query A { __typename } query B { __typename }"}, 0, "GRAPHQL_VALIDATION_FAILED"),
        ({"query": ONE, "operationName": "C"}, 0, "GRAPHQL_VALIDATION_FAILED"),
        ({"query": "query($n: Int!) { shop { orders(limit: $n) { order_id } } }"}, 0, "BAD_USER_INPUT"),
        ({"query": "query($n: Int) { shop { orders(limit: $n) { order_id } } }", "variables": {"n": "x"}}, 0,
         "BAD_USER_INPUT"),
    ],
)  # fmt: skip
def test_what_is_no_request_and_what_is_none_that_runs(
    web: Client, accept: str, body: Any, status: int, code: str
) -> None:
    """Status 0 stands for the one that tells clients of application/json nothing: the errors do."""
    answer = post(web, body, accept)
    assert answer.status_code == (status or (400 if accept == MODERN else 200))
    told = answer.json()
    assert set(told) == {"errors"}
    assert told["errors"][0]["extensions"]["code"] == code
    assert "Did you mean" not in answer.text


def test_a_document_s_hash_alone_is_answered_as_apollo_s_clients_expect(web: Client) -> None:
    extensions = {"persistedQuery": {"version": 1, "sha256Hash": "0" * 64}}
    told = [{"message": "PersistedQueryNotSupported", "extensions": {"code": "PERSISTED_QUERY_NOT_SUPPORTED"}}]
    for answer in (
        post(web, {"extensions": extensions}, MODERN),
        web("steward").get("/graphql", params={"extensions": json.dumps(extensions)}),
    ):
        assert (answer.status_code, answer.json()) == (200, {"errors": told})
    assert post(web, {"query": ONE, "extensions": extensions}).json()["data"] == FIRST


def test_a_body_of_another_type_is_refused(web: Client) -> None:
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    assert web("steward").post("/graphql", content=b"query={a}", headers=form).status_code == 415
    assert web("steward").put("/graphql", json={"query": ONE}).status_code == 405


@pytest.mark.parametrize("kind", ["text/plain", "multipart/form-data; boundary=x", ""])
def test_what_another_page_s_form_could_send_is_refused(web: Client, kind: str) -> None:
    sent = web("steward").post("/graphql", content=b'{"query": "{ __typename }"}', headers={"Content-Type": kind})
    assert sent.status_code == 415
    assert "data" not in sent.json()


def test_a_subscription_without_a_socket_is_told_of_it(web: Client) -> None:
    text = 'subscription { publications(product: "shop") { version } }'
    answer = web("steward").get("/graphql", params={"query": text})
    assert answer.status_code == 400
    assert "web socket" in answer.json()["errors"][0]["message"]


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ("{ __schema { types { fields { type { fields { type { fields { name } } } } } } } }", "introspection"),
        ("{ shop { " + " ".join(f"a{i}: orders {ONE_ID}" for i in range(101)) + " } }", "101 aliases"),
        ("{ __schema { " + " ".join(f"a{i}: types {{ name }}" for i in range(11)) + " } }", "11 aliases"),
        ("{" + " __typename" * 5000 + "}", "tokens"),
        ("{ shop { customers " + "{ orders { customers " * 3 + "{ region }" + " } }" * 3 + " } }", "100000 rows"),
        ("{ shop { ordersByKey(order_id: 1) " + DEEP * 7 + ONE_ID + " } }" * 7 + " } }", "nested too deeply"),
        ("{" + "shop { orders { order_id } } " * 101 + "}", "selected 101 times"),
        ("{ shop { orders(where: " + "{_not: " * 25 + "{store: {_eq: 1}}" + "}" * 25 + ") { store } } }", "deeply"),
        ("{ shop { orders(where: {_or: [" + "{store: {_eq: 1}} " * 200 + "]}) { store } } }", "conditions"),
        ("query { ...A } fragment A on Query { ...A }", "itself"),
        ("{ " + "[" * 3000, "Syntax"),
    ],
)  # fmt: skip
def test_what_asks_for_too_much_is_refused_before_it_runs(web: Client, document: str, words: str) -> None:
    answer = post(web, {"query": document}, MODERN)
    assert answer.status_code == 400
    assert words in answer.json()["errors"][0]["message"], answer.text


def test_every_class_of_refusal_has_its_code() -> None:
    classes = {one for one in front_door.values() if isinstance(one, type) and issubclass(one, GatewayError)}
    codes = {kind.__name__: errors.formatted(kind("words"))["extensions"]["code"] for kind in classes - {GatewayError}}
    assert codes == {
        "Unauthenticated": "UNAUTHENTICATED", "Forbidden": "FORBIDDEN", "NotFound": "NOT_FOUND",
        "BadQuery": "BAD_USER_INPUT", "Exhausted": "EXHAUSTED", "Timeout": "TIMEOUT", "Cancelled": "CANCELLED",
        "Expired": "EXPIRED", "Unavailable": "UNAVAILABLE", "Internal": "INTERNAL_SERVER_ERROR",
    }  # fmt: skip


@pytest.mark.parametrize("accept", [MODERN, LEGACY])
def test_who_is_nobody_is_told_nothing_else(web: Client, accept: str) -> None:
    answer = web().post("/graphql", content=b"no json", headers={"Accept": accept})
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Basic realm=")
    assert answer.json()["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"


def test_a_purpose_and_a_delegation_that_are_not_granted_are_forbidden(web: Client) -> None:
    for header in ({"X-Outport-Purpose": "ads"}, {"X-Outport-On-Behalf-Of": "analyst"}):
        answer = post(web, {"query": ONE}, **header)
        assert answer.status_code == 403
        assert answer.json()["errors"][0]["extensions"]["code"] == "FORBIDDEN"
    assert post(web, {"query": ONE}, **{"X-Outport-Purpose": "audit"}).json()["data"] == FIRST


def test_a_snapshot_may_be_named(web: Client, gateway: Gateway) -> None:
    served = next(one.id for one in gateway.pin().deployment.snapshots if one.product.name == "shop")
    for answer in (
        post(web, {"query": ONE}, **{"X-Outport-Snapshot": served}),
        web("steward").get("/graphql", params={"query": ONE, "snapshot": served}),
    ):
        assert answer.json()["extensions"]["products"][0]["snapshot"] == served
    unknown = post(web, {"query": ONE}, **{"X-Outport-Snapshot": "nothing"})
    assert unknown.json()["errors"][0]["extensions"] == {
        "code": "NOT_FOUND", "reason": "snapshot", "error_id": unknown.json()["errors"][0]["extensions"]["error_id"],
    }  # fmt: skip


def test_each_statement_is_on_record_under_this_door(web: Client, world: World) -> None:
    answer = post(web, {"query": ONE}).json()
    post(web, {"query": "{ __schema { queryType { name } } }"})
    (query,) = answer["extensions"]["queries"]
    lines = [json.loads(line) for line in _audit(world.settings.state).splitlines()]
    record = next(one for one in lines if one.get("query_id") == query["id"])
    assert (record["port"], record["subject"]) == ("graphql", "steward")
    assert 'FROM "shop"."orders"' in record["statement"]
    assert any(one["port"] == "graphql" and one["products"] == ["hr", "shop"] for one in lines if "products" in one)


def test_what_is_refused_is_on_record_without_its_values(web: Client, world: World) -> None:
    for document, reason in (
        ('{ shop { customers(where: {email: {_eq: "sought"}}) { salery_probed } } } # sought', "name"),
        ('{ shop { probed(x: """sought "too" """, y: "so\\"ught" } }', "syntax"),
        ('{ shop { probed: orders(where: {order_id: {_eq: "sought"}}) { store } } }', "value"),
        ("{ visibleProducts { probed: name } shop { orders(limit: 1001) { store } } }", "limit"),
    ):
        post(web, {"query": document})
        records = [json.loads(line) for line in _audit(world.settings.state).splitlines()]
        found = [one for one in records if "probed" in one.get("statement", "")]
        assert found[-1]["port"] == "graphql"
        assert found[-1]["refused"]["reason"] == reason
        assert "sought" not in json.dumps(found)


def test_what_the_products_are_is_a_look_that_is_on_record(web: Client, world: World) -> None:
    def looks() -> int:
        records = [json.loads(line) for line in _audit(world.settings.state).splitlines()]
        read = [one for one in records if (one["event"], one.get("subject")) == ("metadata_read", "clerk")]
        return sum((one["port"], one["products"]) == ("graphql", ["shop"]) for one in read)

    before = looks()
    web("clerk").post("/graphql", json={"query": "{ visibleProducts { name } }"})
    assert looks() == before + 1


def _audit(state: Path) -> str:
    return "".join(path.read_text() for path in sorted((state / "audit").glob("*.jsonl")))
