"""The Flight door opens where it is told, and closes whatever its clients do."""

from __future__ import annotations

import threading
import time
from types import SimpleNamespace
from typing import Any

import pyarrow.flight as fl
import pytest

from gateway import Password, Query, Unavailable
from ports.flight import messages as m
from ports.flight import server as door
from ports.flight.running import POLL_S, Running
from ports.flight.server import FlightPort
from tests.certificates import Resettled
from tests.conftest import World
from tests.ports.flight.conftest import Flight, Raw, Spied, eventually

ENDLESS = "SELECT a.order_id, b.remark FROM shop.orders a, shop.orders b, shop.orders c"


def test_an_address_that_is_taken_is_an_os_error(world: World, flight: Flight, monkeypatch: pytest.MonkeyPatch) -> None:
    taken = flight.port.address[1]
    again = Spied(world.gateway)
    monkeypatch.setattr(again, "settings", world.settings.model_copy(update={"flight_port": taken}), raising=False)
    port: Any = FlightPort(again)  # type: ignore[arg-type]
    with pytest.raises(OSError, match="in use"):
        port.start()
    with pytest.raises(Unavailable):
        _ = port.address
    port.stop()


def test_a_client_that_reads_no_more_holds_up_neither_the_query_nor_the_door(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(door, "CUT_S", 0.5)
    spied = Spied(world.gateway)
    port = FlightPort(spied)  # type: ignore[arg-type]
    port.start()
    flight = Flight(spied, port)
    raw = flight.raw("steward")
    reader = raw.get(raw.info(m.CommandStatementQuery(ENDLESS)).endpoints[0].ticket)
    reader.read_chunk()
    start = time.monotonic()
    port.stop()
    assert time.monotonic() - start < 60
    reader.cancel()
    flight.close()
    eventually(lambda: spied.results[0].summary is not None)
    session = world.gateway.open(Password("steward", "steward-secret"), "python")
    with world.gateway.answer(session, Query("SELECT 1")) as result:
        assert sum(batch.num_rows for batch in result.batches()) == 1


def test_a_running_answer_ends_whole_while_the_door_closes(world: World) -> None:
    port = FlightPort(Resettled(world.gateway, drain_s=30))  # type: ignore[arg-type]
    port.start()
    with Flight(Spied(world.gateway), port).raw("steward").client as client:
        token = client.authenticate_basic_token("steward", "steward-secret")
        raw = Raw(client, fl.FlightCallOptions(headers=[token]))
        rows = 3_000_000
        long = m.CommandStatementQuery(f"SELECT i, repeat('x', 100) AS s FROM range({rows}) r(i)")
        reader = raw.get(raw.info(long).endpoints[0].ticket)
        read = reader.read_chunk().data.num_rows
        stopping = threading.Thread(target=port.stop)
        stopping.start()
        eventually(lambda: refused(raw))
        read += sum(chunk.data.num_rows for chunk in reader)
        stopping.join()
    assert read == rows


def refused(raw: Raw) -> bool:
    """Whether a new call is told that the door closes."""
    try:
        raw.info(m.CommandStatementQuery("SELECT 1"))
    except fl.FlightUnavailableError as error:
        return "shutting down" in str(error)
    return False


def test_the_watch_that_is_just_looking_ends_too() -> None:
    running = Running()
    context: Any = SimpleNamespace(is_cancelled=lambda: False)
    stopping = threading.Thread(target=running.stop)
    with running.over(context, b"flight"):
        pass
    with running._lock:
        assert not running._stopped.wait(3 * POLL_S)  # by now the watch waits for the lock
        stopping.start()
        stopping.join(POLL_S)
    stopping.join(60)
    assert not stopping.is_alive()


def test_no_call_is_taken_after_the_end(world: World) -> None:
    port = FlightPort(world.gateway)
    port.start()
    host, number = port.address
    port.stop()
    port.stop()
    with fl.connect(f"grpc://{host}:{number}") as client, pytest.raises(fl.FlightUnavailableError):
        client.get_flight_info(fl.FlightDescriptor.for_command(b""))
