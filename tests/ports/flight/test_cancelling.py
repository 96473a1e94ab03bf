"""Cancelling by FlightInfo, and what frees a query whose client reads no more or has gone."""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pyarrow as pa
import pyarrow.flight as fl
import pytest

from gateway import Limits, Result
from ports.flight import flights, wire
from ports.flight import messages as m
from ports.flight.server import FlightPort
from tests.conftest import World
from tests.ports.flight.conftest import Flight, Raw, Spied, eventually

LONG = m.CommandStatementQuery("SELECT a.order_id, b.remark FROM shop.orders a, shop.orders b, shop.orders c")
SLOW = m.CommandStatementQuery(
    "SELECT count(*) FROM shop.orders a, shop.orders b, shop.orders c WHERE a.remark || b.remark < c.remark"
)
FORGED = m.pack(m.TicketStatementQuery(b"forged"))


def cancelling(*tickets: bytes) -> bytes:
    endpoints = tuple(flights.FlightEndpoint(flights.Ticket(one)) for one in tickets)
    return wire.encode(flights.CancelFlightInfoRequest(flights.FlightInfo(endpoints)))


def cancel(raw: Raw, info: fl.FlightInfo) -> int:
    """CancelFlightInfo's status; the request holds the FlightInfo as its own library writes it."""
    whole = info.serialize()
    body = b"\x0a" + wire._varint(len(whole)) + whole
    (answer,) = raw.act("CancelFlightInfo", body)
    return wire.decode(flights.CancelFlightInfoResult, answer).status


def drain(reader: fl.FlightStreamReader) -> None:
    """Read to the end; `read_all` of pyarrow 26 makes a KeyboardInterrupt of a cancelled stream."""
    for _ in reader:
        pass


def ended(flight: Flight) -> Result:
    """The one result, once its query is freed."""
    (result,) = flight.gateway.results
    eventually(lambda: result.summary is not None)
    return result


@pytest.mark.parametrize("command", [LONG, SLOW])
def test_a_running_query_is_cancelled_by_its_flight_info(flight: Flight, command: m.CommandStatementQuery) -> None:
    raw, other = flight.raw("steward"), flight.raw("steward")
    info = raw.info(command)
    reader = raw.get(info.endpoints[0].ticket)
    eventually(lambda: len(flight.gateway.results) == 1)
    assert cancel(other, info) == flights.CANCELLED
    with pytest.raises(fl.FlightCancelledError, match="cancelled"):
        drain(reader)
    summary = ended(flight).summary
    assert summary is not None
    assert summary.outcome == "cancelled"
    assert cancel(other, info) == flights.CANCELLED


def test_a_flight_that_was_cancelled_is_not_redeemed_nor_renewed(flight: Flight) -> None:
    raw = flight.raw("steward")
    info = raw.info(LONG)
    ticket = info.endpoints[0].ticket
    old = m.pack(m.ActionCancelQueryRequest(info.serialize()))
    (answer,) = raw.act("CancelQuery", old)
    assert m.unpack(answer) == m.ActionCancelQueryResult(flights.CANCELLED)
    with pytest.raises(fl.FlightCancelledError, match="cancelled by its client"):
        raw.get(ticket)
    renewal = flights.RenewFlightEndpointRequest(flights.FlightEndpoint(flights.Ticket(ticket.ticket)))
    with pytest.raises(fl.FlightCancelledError, match="cancelled by its client"):
        raw.act("RenewFlightEndpoint", wire.encode(renewal))
    assert flight.gateway.results == []
    raw.info(LONG)


def test_nobody_else_cancels_a_query(flight: Flight) -> None:
    steward, analyst = flight.raw("steward"), flight.raw("analyst")
    info = steward.info(LONG)
    reader = steward.get(info.endpoints[0].ticket)
    said = []
    for body in (cancelling(info.endpoints[0].ticket.ticket), cancelling(FORGED)):
        with pytest.raises(pa.ArrowInvalid) as caught:
            analyst.act("CancelFlightInfo", body)
        said.append(str(caught.value).split(" [")[0])
    assert said[0] == said[1]
    assert reader.read_chunk().data.num_rows > 0
    reader.cancel()
    ended(flight)


def test_nothing_is_cancelled_where_one_ticket_is_not_good(flight: Flight) -> None:
    raw = flight.raw("steward")
    info = raw.info(m.CommandStatementQuery("SELECT 1"))
    with pytest.raises(pa.ArrowInvalid):
        raw.act("CancelFlightInfo", cancelling(info.endpoints[0].ticket.ticket, FORGED))
    with pytest.raises(pa.ArrowInvalid):
        raw.act("CancelFlightInfo", b"")
    assert raw.get(info.endpoints[0].ticket).read_all().num_rows == 1


def test_metadata_cannot_be_cancelled(flight: Flight) -> None:
    raw = flight.raw("steward")
    assert cancel(raw, raw.info(m.CommandGetTables())) == flights.NOT_CANCELLABLE


def test_an_endpoint_is_renewed(flight: Flight) -> None:
    raw = flight.raw("steward")
    endpoint = raw.info(m.CommandStatementQuery("SELECT 7 AS n")).endpoints[0]
    body = b"\x0a" + wire._varint(len(endpoint.serialize())) + endpoint.serialize()
    fresh = fl.FlightEndpoint.deserialize(*raw.act("RenewFlightEndpoint", body))
    assert fresh.expiration_time.as_py() >= endpoint.expiration_time.as_py()
    assert raw.get(fresh.ticket).read_all().to_pydict() == {"n": [7]}
    with pytest.raises(pa.ArrowInvalid):
        raw.act("RenewFlightEndpoint", b"")


class Hurried(Spied):
    """A gateway whose clients may pause for half a second."""

    def answer(self, *arguments: Any, **named: Any) -> Result:
        return super().answer(*arguments, **named, limits=Limits(60, 0.5, None))


@pytest.fixture
def hurried(world: World) -> Iterator[Flight]:
    spied = Hurried(world.gateway)
    port = FlightPort(spied)  # type: ignore[arg-type]
    port.start()
    door = Flight(spied, port)
    yield door
    door.close()
    port.stop()


def test_a_client_that_stops_reading_frees_its_query_in_time(hurried: Flight) -> None:
    raw = hurried.raw("steward")
    reader = raw.get(raw.info(LONG).endpoints[0].ticket)
    reader.read_chunk()
    start = time.monotonic()
    summary = ended(hurried).summary
    assert summary is not None
    assert summary.outcome == "timeout"
    assert time.monotonic() - start < 60
    with pytest.raises(fl.FlightTimedOutError, match="nothing was read"):
        reader.read_all()


def test_memory_is_bounded_while_a_client_does_not_read(flight: Flight) -> None:
    raw = flight.raw("steward")
    reader = raw.get(raw.info(LONG).endpoints[0].ticket)
    reader.read_chunk()
    (result,) = flight.gateway.results
    seen = [-1]

    def still() -> bool:
        seen.append(result._bytes)
        return len(seen) > 60 and len(set(seen[-50:])) == 1

    eventually(still)
    assert result._bytes < 32 << 20
    reader.cancel()
    ended(flight)


class Relay:
    """A wire between a client and the door that can be cut without a word."""

    def __init__(self, host: str, number: int) -> None:
        self._door = (host, number)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"grpc://127.0.0.1:{self._listener.getsockname()[1]}"
        self._pairs: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            far = socket.create_connection(self._door)
            self._pairs += [near, far]
            for source, sink in ((near, far), (far, near)):
                threading.Thread(target=self._pump, args=(source, sink), daemon=True).start()

    @staticmethod
    def _pump(source: socket.socket, sink: socket.socket) -> None:
        try:
            while data := source.recv(65536):
                sink.sendall(data)
        except OSError:
            return

    def cut(self) -> None:
        """Reset every connection (RFC 9293, 3.5.3): nobody says good-bye."""
        self._listener.close()
        for one in self._pairs:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            one.close()


@contextmanager
def relayed(flight: Flight) -> Iterator[tuple[Relay, Raw]]:
    relay = Relay(*flight.port.address)
    with fl.connect(relay.url) as client:
        token = client.authenticate_basic_token("steward", "steward-secret")
        yield relay, Raw(client, fl.FlightCallOptions(headers=[token]))


def test_a_peer_that_vanishes_frees_its_query(flight: Flight) -> None:
    with relayed(flight) as (relay, raw):
        reader = raw.get(raw.info(LONG).endpoints[0].ticket)
        reader.read_chunk()
        start = time.monotonic()
        relay.cut()
        summary = ended(flight).summary
        assert summary is not None
        assert summary.outcome in {"cancelled", "closed"}
        assert time.monotonic() - start < 60
        with pytest.raises((fl.FlightError, OSError)):
            reader.read_all()
