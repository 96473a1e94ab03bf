"""Two principals with equal rights: what a door gives out to one is of no use to the other, who sees the same."""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pyarrow as pa
import pyarrow.flight as fl
import pytest

from gateway import Gateway, Password, Query
from gateway.access.identity import Directory
from gateway.access.keys import load
from ports.flight import flights, wire
from ports.flight import messages as m
from ports.flight.options import _Option, _Options, _Value
from ports.flight.server import FlightPort
from ports.http.server import HttpPort
from ports.postgres.server import PostgresPort
from tests.conftest import build
from tests.ports.flight.conftest import Cookies, Raw
from tests.ports.postgres.conftest import Raw as Wire
from tests.ports.postgres.conftest import error

ONE, OTHER = "ann", "bea"
PAGE = "/products/shop/customers?order=customer_id&limit=2"
TEXT = "SELECT customer_id, region FROM shop.customers ORDER BY customer_id"
SLOW = "SELECT sum(hash(a.i + b.i)) AS s FROM range(3000000) a(i), range(3000000) b(i)"


@dataclass
class Doors:
    """One deployment with every door open."""

    gateway: Gateway
    rest: str
    flight: str
    postgres: tuple[str, int]

    def get(self, subject: str, address: str, **headers: str) -> httpx.Response:
        return httpx.get(f"{self.rest}{address}", auth=(subject, f"{subject}-secret"), headers=headers, timeout=60)

    def flights(self, subject: str, *middleware: fl.ClientMiddlewareFactory, **headers: str) -> Raw:
        client = fl.connect(self.flight, middleware=list(middleware))
        token = client.authenticate_basic_token(subject, f"{subject}-secret")
        more = [(name.encode(), value.encode()) for name, value in headers.items()]
        return Raw(client, fl.FlightCallOptions(headers=[token, *more], timeout=60))


@pytest.fixture(scope="module")
def doors(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Doors]:
    settings = build(tmp_path_factory.mktemp("equals"))
    directory = Directory(settings.principals, load(settings))
    for subject in (ONE, OTHER):
        directory.add(subject, "person", {"role": ("analyst",), "purpose": ("bi",)}, f"{subject}-secret")
    directory.add("nina", "person", {"role": ("analyst",)}, "nina-secret")
    gateway = Gateway(settings)
    ports = HttpPort(gateway), FlightPort(gateway), PostgresPort(gateway)
    for port in ports:
        port.start()
    rest, flight = (f"{one.address[0]}:{one.address[1]}" for one in ports[:2])
    yield Doors(gateway, f"http://{rest}", f"grpc://{flight}", ports[2].address)
    for port in ports:
        port.stop()
    gateway.close()


@pytest.fixture
def flown(doors: Doors) -> Iterator[tuple[Raw, Raw]]:
    mine, theirs = doors.flights(ONE), doors.flights(OTHER)
    yield mine, theirs
    mine.client.close()
    theirs.client.close()


def test_they_see_the_same_by_one_view_and_by_fingerprints_of_their_own(doors: Doors) -> None:
    told = {}
    for subject in (ONE, OTHER):
        session = doors.gateway.open(Password(subject, f"{subject}-secret"), "python")
        with doors.gateway.answer(session, Query(TEXT)) as result:
            told[subject] = result.provenance.policy, pa.Table.from_batches(list(result.batches()))
    (mine, rows), (theirs, others) = told.values()
    assert rows.equals(others)
    assert mine != theirs
    assert doors.get(ONE, "/products").json()["data"] == doors.get(OTHER, "/products").json()["data"]


def test_an_entity_tag_is_of_one(doors: Doors) -> None:
    for address in (PAGE, "/products/shop/customers/4", "/products/shop", "/openapi.json"):
        tags = {subject: doors.get(subject, address).headers.get("ETag") for subject in (ONE, OTHER)}
        if tags[ONE] is None:
            continue
        assert tags[ONE] != tags[OTHER], address
        for subject in (ONE, OTHER):
            for owner, tag in tags.items():
                answer = doors.get(subject, address, **{"If-None-Match": tag})
                assert answer.status_code == (304 if owner == subject else 200), address


def test_a_cursor_is_of_one(doors: Doors) -> None:
    following = doors.get(ONE, PAGE).json()["next"]
    refused = doors.get(OTHER, f"{PAGE}&cursor={following}")
    assert refused.status_code == 400
    assert doors.get(ONE, f"{PAGE}&cursor={following}").status_code == 200
    forged = doors.get(OTHER, f"{PAGE}&cursor={following[:-4]}AAAA")
    assert forged.status_code == 400


def test_a_cursor_of_a_connection_is_of_one(doors: Doors) -> None:
    page = """query($after: String) { shop { customersConnection(first: 2, after: $after) {
      nodes { customer_id } pageInfo { startCursor endCursor } } } }"""

    def asked(subject: str, after: str | None = None) -> dict[str, Any]:
        variables = {"query": page, "variables": {"after": after}}
        answer = httpx.post(f"{doors.rest}/graphql", json=variables, auth=(subject, f"{subject}-secret"), timeout=60)
        told: dict[str, Any] = answer.json()
        return told

    told = {subject: asked(subject) for subject in (ONE, OTHER)}
    mine, theirs = (one["data"]["shop"]["customersConnection"] for one in told.values())
    assert mine["nodes"] == theirs["nodes"]
    policies = {one["extensions"]["queries"][0]["policy"] for one in told.values()}
    assert len(policies) == 2
    for cursor in mine["pageInfo"].values():
        assert "errors" not in asked(ONE, cursor)
        for wrong in (cursor, cursor[:-4] + "AAAA"):
            (error,) = asked(OTHER, wrong)["errors"]
            assert error["extensions"]["code"] == "BAD_USER_INPUT"


def test_a_ticket_is_of_one(flown: tuple[Raw, Raw]) -> None:
    mine, theirs = flown
    ticket = mine.info(m.CommandStatementQuery(TEXT)).endpoints[0].ticket
    with pytest.raises(pa.ArrowInvalid, match="not given out to you"):
        theirs.get(ticket)
    assert mine.get(ticket).read_all().num_rows == 300


def test_a_prepared_handle_is_of_one(flown: tuple[Raw, Raw]) -> None:
    mine, theirs = flown
    handle = mine.prepare(TEXT).prepared_statement_handle
    with pytest.raises(pa.ArrowInvalid, match="not given out to you"):
        theirs.info(m.CommandPreparedStatementQuery(handle))
    with pytest.raises(pa.ArrowInvalid, match="not given out to you"):
        theirs.put(m.CommandPreparedStatementQuery(handle), pa.table({"x": [1]}))
    theirs.act("ClosePreparedStatement", m.pack(m.ActionClosePreparedStatementRequest(handle)))
    assert mine.ask(m.CommandPreparedStatementQuery(handle)).num_rows == 300


def test_a_flight_is_cancelled_and_renewed_by_its_own(flown: tuple[Raw, Raw]) -> None:
    mine, theirs = flown
    info = mine.info(m.CommandStatementQuery(TEXT))
    request = wire.encode(flights.CancelFlightInfoRequest(wire.decode(flights.FlightInfo, info.serialize())))
    endpoint = flights.FlightEndpoint(flights.Ticket(info.endpoints[0].ticket.ticket))
    renewal = wire.encode(flights.RenewFlightEndpointRequest(endpoint))
    for kind, body in (("CancelFlightInfo", request), ("RenewFlightEndpoint", renewal)):
        with pytest.raises(pa.ArrowInvalid, match="not given out to you"):
            theirs.act(kind, body)
    assert mine.get(info.endpoints[0].ticket).read_all().num_rows == 300
    assert mine.act("RenewFlightEndpoint", renewal)
    assert mine.act("CancelFlightInfo", request)
    with pytest.raises(fl.FlightCancelledError):
        mine.get(info.endpoints[0].ticket)


def test_the_options_of_one_are_no_right_of_the_other(doors: Doors) -> None:
    jar = Cookies()
    mine = doors.flights(ONE, jar)
    mine.act("SetSessionOptions", wire.encode(_Options((_Option("purpose", _Value(string_value="bi")),))))
    (kept,) = jar._jar.values()
    cookie = f"{kept.key}={kept.value}"
    # Whoever holds it asks with its choices, as itself: rows of its own, and no purpose that it does not have.
    other = doors.flights(OTHER, cookie=cookie)
    assert other.query("SELECT current_user AS me")["me"].to_pylist() == [OTHER]
    stranger = doors.flights("nina", cookie=cookie)
    with pytest.raises(fl.FlightUnauthorizedError):
        stranger.query("SELECT 1 AS one")
    for one in (mine, other, stranger):
        one.client.close()


def test_a_statement_and_a_portal_are_of_one_connection(doors: Doors) -> None:
    with Wire(doors.postgres) as mine, Wire(doors.postgres) as theirs:
        mine.start(ONE)
        theirs.start(OTHER)
        mine.query(f"PREPARE s AS {TEXT}")
        mine.query(f"DECLARE c CURSOR WITH HOLD FOR {TEXT}")
        assert error(theirs.query("EXECUTE s"))["C"] == "26000"
        assert error(theirs.query("FETCH 1 FROM c"))["C"] == "34000"
        theirs.send(b"D", b"Ss\0")
        assert error(theirs.sync())["C"] == "26000"
        assert [kind for kind, _ in mine.query("FETCH 1 FROM c")] == [b"T", b"D", b"C", b"Z"]


def test_a_cancel_key_is_of_one_connection(doors: Doors) -> None:
    def key(told: list[tuple[bytes, bytes]]) -> tuple[int, int]:
        (body,) = [body for kind, body in told if kind == b"K"]
        process, secret = struct.unpack("!II", body)
        return process, secret

    def cancel(process: int, secret: int) -> None:
        with socket.create_connection(doors.postgres, timeout=60) as asking:
            asking.sendall(struct.pack("!IIII", 16, 80877102, process, secret))
            assert asking.recv(1) == b""

    with Wire(doors.postgres) as mine, Wire(doors.postgres) as theirs:
        (process, secret), (others, foreign) = key(mine.start(ONE)), key(theirs.start(OTHER))
        assert process != others
        assert secret != foreign
        mine.send(b"Q", SLOW.encode() + b"\0")
        cancel(process, foreign)
        cancel(others, secret)
        mine.socket.settimeout(0.3)
        with pytest.raises(TimeoutError):
            mine.read()
        mine.socket.settimeout(60)
        begun = time.monotonic()
        cancel(process, secret)
        assert error(mine.until_ready())["C"] == "57014"
        assert time.monotonic() - begun < 50


def test_what_one_asks_costs_the_other_nothing_of_its_rate(doors: Doors) -> None:
    limited = Gateway(doors.gateway.settings.model_copy(update={"rate_limit": 5}))
    for _ in range(5):
        limited.open(Password(ONE, f"{ONE}-secret"), "rest")
    left: Any = limited.open(Password(OTHER, f"{OTHER}-secret"), "rest").quota
    assert left.remaining == 4
    limited.close()
