"""Every refusal that a client is told is in the audit, once: names tried, malformed sign-ins, and defects of ours."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import psycopg
import pyarrow.flight as fl
import pytest

from ports.flight import messages as m
from ports.flight.server import FlightPort
from ports.http.server import HttpPort
from ports.postgres.server import PostgresPort
from tests.conftest import World
from tests.doors import Door, Refusal
from tests.ports.flight.conftest import eventually

OUTSIDE = ["rest", "flightsql", "postgres"]


class Audit:
    """What the audit of a world has more, from now on."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._before = set(self._lines())

    def _lines(self) -> list[str]:
        return [line for file in self._world.settings.audit.glob("*.jsonl") for line in file.read_text().splitlines()]

    def refusals(self) -> list[dict[str, Any]]:
        """Records of something refused, in any order."""
        found = [json.loads(line) for line in self._lines() if line not in self._before]
        return [one for one in found if one["event"] == "sign_in_failed" or one.get("refused")]


def only(audit: Audit) -> dict[str, Any]:
    eventually(lambda: len(audit.refusals()) == 1)
    (found,) = audit.refusals()
    return found


@pytest.mark.parametrize("door", OUTSIDE, indirect=True)
@pytest.mark.parametrize(
    ("text", "code", "kept"),
    [
        ("SELECT n FROM hr.salaries", "not_found", "SELECT n FROM hr.salaries"),
        ("SELECT n FROM nothing.there WHERE a = 'x'", "not_found", "SELECT n FROM nothing.there WHERE a = ?"),
        ("SELECT nothing FROM shop.customers", "bad_query", "SELECT nothing FROM shop.customers"),
        ("SELEC 1", "bad_query", "SELEC ?"),
        ("DELETE FROM shop.customers", "bad_query", "DELETE FROM shop.customers"),
    ],
)
def test_a_refused_statement_is_on_record_once_at_every_door(
    world: World, door: Door, text: str, code: str, kept: str
) -> None:
    audit = Audit(world)
    with pytest.raises(Refusal):
        door.ask("analyst", text)
    found = only(audit)
    assert (found["event"], found["subject"], found["port"]) == ("query_refused", "analyst", door.name)
    assert (found["refused"]["code"], found["statement"]) == (code, kept)


@pytest.mark.parametrize("door", OUTSIDE, indirect=True)
def test_a_defect_is_on_record_once_and_tells_nothing(
    world: World, door: Door, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("a defect in /secret/path")

    door.ask("analyst", "SELECT 1 AS a")
    audit = Audit(world)
    monkeypatch.setattr(world.gateway._binder, "bind", broken)
    with pytest.raises(Refusal) as caught:
        door.ask("analyst", "SELECT count(*) AS n FROM shop.customers WHERE name = 'ada'")
    assert "secret" not in caught.value.message
    assert "unexpected" in caught.value.message
    found = only(audit)
    assert (found["event"], found["subject"]) == ("query_refused", "analyst")
    assert found["refused"]["code"] == "internal"
    assert not re.search(r"\bada\b", json.dumps(found))
    assert found["refused"]["error_id"] in caplog.text


@contextmanager
def opened(world: World, kind: Callable[[Any], Any]) -> Iterator[tuple[str, int]]:
    port = kind(world.gateway)
    port.start()
    try:
        yield port.address
    finally:
        port.stop()


STEWARD = ("steward", "steward-secret")
ADDRESSES = [
    ("/products/hr/nothing", 404, "not_found", "GET /products/hr/nothing"),
    ("/products/nothing@2", 404, "not_found", "GET /products/nothing@?"),
    ("/products/shop/customers/ada%40x", 400, "bad_query", "GET /products/shop/customers/{key:path}"),
    ("/products/shop/customers?name=zz.ada", 400, "bad_query", "GET /products/shop/customers"),
    ("/products/it's/customers", 404, "not_found", "GET /products/{product}/customers"),
]


@pytest.mark.parametrize(("path", "status", "code", "kept"), ADDRESSES)
def test_a_refused_address_is_on_record_once_without_its_values(
    world: World, path: str, status: int, code: str, kept: str
) -> None:
    with opened(world, HttpPort) as (host, number):
        audit = Audit(world)
        assert httpx.get(f"http://{host}:{number}{path}", auth=STEWARD).status_code == status
        found = only(audit)
    assert (found["subject"], found["refused"]["code"], found["statement"]) == ("steward", code, kept)


def test_a_record_that_is_not_there_is_an_answer_without_rows(world: World) -> None:
    with opened(world, HttpPort) as (host, number):
        audit = Audit(world)
        assert httpx.get(f"http://{host}:{number}/products/shop/customers/99999", auth=STEWARD).status_code == 404
        assert audit.refusals() == []


@pytest.mark.parametrize("address", ["/products", "/graphql?query={__typename}"])
def test_a_malformed_sign_in_is_on_record_once_over_http(world: World, address: str) -> None:
    with opened(world, HttpPort) as (host, number):
        audit = Audit(world)
        answer = httpx.get(f"http://{host}:{number}{address}", headers={"Authorization": "Basic @@"})
        assert answer.status_code == 401
        found = only(audit)
    assert (found["event"], found["reason"]) == ("sign_in_failed", "malformed")
    assert found["port"] == ("graphql" if "graphql" in address else "rest")


def test_a_malformed_sign_in_is_on_record_once_over_flight_sql(world: World) -> None:
    with opened(world, FlightPort) as (host, number), fl.connect(f"grpc://{host}:{number}") as client:
        audit = Audit(world)
        options = fl.FlightCallOptions(headers=[(b"authorization", b"Basic @@")])
        asked = fl.FlightDescriptor.for_command(m.pack(m.CommandStatementQuery("SELECT 1")))
        with pytest.raises(fl.FlightUnauthenticatedError):
            client.get_flight_info(asked, options)
        found = only(audit)
    assert (found["event"], found["port"], found["reason"]) == ("sign_in_failed", "flightsql", "malformed")


def test_a_refused_connection_is_on_record_once_on_the_postgres_wire(world: World) -> None:
    with opened(world, PostgresPort) as (host, number):
        audit = Audit(world)
        named = {"user": "steward", "password": "steward-secret", "dbname": "another"}
        with pytest.raises(psycopg.OperationalError, match="called outport"):
            psycopg.connect(host=host, port=number, **named)  # type: ignore[arg-type]
        found = only(audit)
    assert (found["event"], found["port"], found["reason"]) == ("sign_in_failed", "postgres", "3D000")


def test_graphql_keeps_what_it_refuses_once(world: World) -> None:
    with opened(world, HttpPort) as (host, number):
        for query, code in (("{ nothing }", "bad_query"), ("{ shop {", "bad_query")):
            audit = Audit(world)
            httpx.post(f"http://{host}:{number}/graphql", json={"query": query}, auth=STEWARD)
            assert only(audit)["refused"]["code"] == code
        audit = Audit(world)
        httpx.post(f"http://{host}:{number}/graphql", json={"nothing": 1}, auth=STEWARD)
        assert only(audit)["port"] == "graphql"
