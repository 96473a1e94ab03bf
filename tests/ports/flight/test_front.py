"""The TLS in front of gRPC's server: what it lets through, what it holds, and whom it does not wait for."""

from __future__ import annotations

import base64
import contextlib
import os
import socket
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.flight as fl
import pytest

from ports.flight import front, relay, server
from ports.flight import messages as m
from ports.flight.relay import Relay, prepare
from ports.flight.server import FlightPort
from tests.certificates import Authority, Resettled
from tests.conftest import World
from tests.ports.flight.conftest import Spied, eventually

COUNT = "SELECT count(*) AS n FROM shop.customers"
ENDLESS = "SELECT a.order_id FROM shop.orders a CROSS JOIN shop.orders b CROSS JOIN shop.orders c"
STEWARD = [(b"authorization", b"Basic " + base64.b64encode(b"steward:steward-secret"))]


@dataclass
class Door:
    """A Flight door behind TLS, and what is behind it."""

    authority: Authority
    gateway: Spied
    port: FlightPort

    @property
    def front(self) -> front.Front:
        assert self.port._front is not None
        return self.port._front

    def client(self) -> fl.FlightClient:
        url = f"grpc+tls://127.0.0.1:{self.port.address[1]}"
        return fl.connect(url, tls_root_certs=self.authority.cert.read_text())

    def plain(self) -> socket.socket:
        """A connection on which nothing has been said."""
        return socket.create_connection(self.port.address, timeout=60)

    def secure(self) -> ssl.SSLSocket:
        """A connection after its handshake."""
        trust = self.authority.trusted()
        trust.set_alpn_protocols(["h2"])
        return trust.wrap_socket(self.plain(), server_hostname="127.0.0.1")


def ask(client: fl.FlightClient, text: str) -> fl.FlightStreamReader:
    options = fl.FlightCallOptions(headers=STEWARD, timeout=60)
    command = fl.FlightDescriptor.for_command(m.pack(m.CommandStatementQuery(text)))
    return client.do_get(client.get_flight_info(command, options).endpoints[0].ticket, options)


def count(client: fl.FlightClient) -> int:
    return int(ask(client, COUNT).read_all()["n"][0].as_py())


@pytest.fixture
def opened(world: World, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Door]:
    authority = Authority(tmp_path)
    pair, spied = authority.server("127.0.0.1"), Spied(world.gateway)
    files = {"tls_cert": pair.cert, "tls_key": pair.key, "flight_connections": getattr(request, "param", 1000)}
    given: Any = Resettled(spied, **files)  # type: ignore[arg-type]
    port = FlightPort(given)
    port.start()
    yield Door(authority, spied, port)
    port.stop()


def test_who_comes_to_the_server_behind_by_itself_gets_nothing(opened: Door) -> None:
    with opened.client() as another, fl.connect(opened.front.location) as client:
        assert count(another) == 600
        with pytest.raises(fl.FlightUnauthenticatedError, match="no connection of this door"):
            count(client)
        for asked in (client.list_actions, lambda options: list(client.list_flights(options=options))):
            with pytest.raises(fl.FlightUnauthenticatedError, match="no connection of this door"):
                asked(options=fl.FlightCallOptions(headers=STEWARD))  # type: ignore[operator]
    folder = Path(opened.front.location.removeprefix("grpc+unix://")).parent
    assert folder.stat().st_mode & 0o777 == 0o700
    with opened.client() as client:
        assert count(client) == 600
        assert sorted(one.name for one in folder.iterdir()) == ["door"]


@pytest.mark.parametrize("opened", [3], indirect=True)
def test_who_says_nothing_keeps_nobody_out(opened: Door) -> None:
    silent = [opened.plain() for _ in range(5)]
    shaken = [opened.secure() for _ in range(3)]
    clients = [opened.client() for _ in range(3)]
    try:
        assert [count(one) for one in clients] == [600, 600, 600]
        with opened.client() as late, pytest.raises(fl.FlightError):
            late.wait_for_available(timeout=1)
        assert [count(one) for one in clients] == [600, 600, 600]
        clients.pop().close()
        with opened.client() as late:
            eventually(lambda: answers(late))
    finally:
        for one in [*clients, *silent, *shaken]:
            one.close()


def answers(client: fl.FlightClient) -> bool:
    try:
        return count(client) == 600
    except fl.FlightUnavailableError:
        return False


def test_a_handshake_that_is_not_made_ends_in_time(opened: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(front, "HANDSHAKE_S", 0.2)
    with opened.plain() as silent, opened.plain() as slow:
        slow.sendall(b"\x16\x03\x01")
        assert silent.recv(1) == b""
        assert slow.recv(1) == b""


def test_what_is_no_tls_is_ended(opened: Door) -> None:
    with opened.plain() as client:
        client.sendall(b"GET / HTTP/1.1\r\n\r\n")
        with contextlib.suppress(ConnectionResetError):
            while client.recv(100):
                pass
    with opened.client() as other:
        assert count(other) == 600


def test_a_client_that_goes_frees_its_query(opened: Door) -> None:
    client = opened.client()
    stream = ask(client, ENDLESS)
    stream.read_chunk()
    stream.cancel()
    del stream
    client.close()
    eventually(lambda: all(one.summary is not None for one in opened.gateway.results))
    eventually(lambda: not opened.front._open)


def test_the_door_ends_with_clients_that_do_not_read(opened: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "CUT_S", 0.5)
    monkeypatch.setattr(front, "LEAVING_S", 0.5)
    with opened.client() as client, opened.secure() as idle, opened.plain():
        stream = ask(client, ENDLESS)
        stream.read_chunk()
        folder = Path(opened.front.location.removeprefix("grpc+unix://")).parent
        opened.port._gateway.settings = opened.port._gateway.settings.model_copy(update={"drain_s": 0.1})
        opened.port.stop()
        assert not folder.exists()
        with pytest.raises(OSError, match="refused"):
            opened_again(idle)
    fronts = {"outport-flight-front", "outport-flight-tls"}
    eventually(lambda: not fronts.intersection(one.name for one in threading.enumerate()))


def opened_again(last: ssl.SSLSocket) -> None:
    socket.create_connection(last.getpeername(), timeout=60).close()


def ends(authority: Authority) -> tuple[ssl.SSLSocket, ssl.SSLSocket]:
    """Both ends of a TLS connection, the client's first."""
    pair = authority.server("127.0.0.1")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair.cert, pair.key)
    context.options &= ~ssl.OP_IGNORE_UNEXPECTED_EOF  # as on builds of Python that leave it out
    prepare(context)
    ours, theirs = socket.socketpair()
    made: list[ssl.SSLSocket] = []
    shaking = threading.Thread(target=lambda: made.append(context.wrap_socket(theirs, server_side=True)))
    shaking.start()
    client = authority.trusted().wrap_socket(ours, server_hostname="127.0.0.1")
    shaking.join()
    made[0].setblocking(False)
    return client, made[0]


@pytest.fixture
def relayed(tmp_path: Path) -> Iterator[tuple[ssl.SSLSocket, socket.socket, threading.Thread]]:
    """A client's end, the server's end, and the thread that moves bytes between them."""
    client, outer = ends(Authority(tmp_path))
    server, inner = socket.socketpair()
    inner.setblocking(False)

    def run() -> None:
        try:
            Relay(outer, inner).run()
        except OSError:
            pass
        finally:
            inner.close()
            outer.close()

    thread = threading.Thread(target=run)
    thread.start()
    client.settimeout(60)
    server.settimeout(60)
    yield client, server, thread
    client.close()
    server.close()
    thread.join(60)
    assert not thread.is_alive()


def test_bytes_arrive_as_they_were_sent_both_ways_at_once(
    relayed: tuple[ssl.SSLSocket, socket.socket, threading.Thread],
) -> None:
    client, behind, _ = relayed
    down, up = os.urandom(8 << 20), os.urandom(1 << 20)
    sending = threading.Thread(target=behind.sendall, args=(down,))
    sending.start()
    got, sent, heard = bytearray(), 0, bytearray()
    server_reads = threading.Thread(target=lambda: drain(behind, heard, len(up)))
    server_reads.start()
    while len(got) < len(down):
        if sent < len(up):
            sent += client.send(up[sent : sent + 10_007])
        got += client.recv(50_021)
    sending.join()
    while sent < len(up):
        sent += client.send(up[sent : sent + 10_007])
    server_reads.join()
    assert got == down
    assert heard == up


def drain(source: socket.socket, into: bytearray, size: int) -> None:
    while len(into) < size:
        into += source.recv(65_536)


def test_a_client_that_does_not_read_is_not_read_ahead_for(
    relayed: tuple[ssl.SSLSocket, socket.socket, threading.Thread],
) -> None:
    client, behind, _ = relayed
    behind.settimeout(0.5)
    taken = 0
    with contextlib.suppress(TimeoutError):
        while taken < 8 << 20:
            taken += behind.send(bytes(65_536))
    assert taken < 4 << 20
    got = bytearray()
    drain(client, got, taken)
    assert got == bytes(taken)


def test_the_last_words_of_a_server_arrive(relayed: tuple[ssl.SSLSocket, socket.socket, threading.Thread]) -> None:
    client, behind, thread = relayed
    behind.sendall(b"x" * 100_000)
    behind.close()
    got = bytearray()
    while piece := client.recv(65_536):
        got += piece
    assert got == b"x" * 100_000
    thread.join(60)


def test_a_client_that_has_said_its_last_word_hears_the_answer(
    relayed: tuple[ssl.SSLSocket, socket.socket, threading.Thread],
) -> None:
    client, behind, thread = relayed
    client.sendall(b"question")
    socket.socket.shutdown(client, socket.SHUT_WR)
    assert behind.recv(100) == b"question"
    assert behind.recv(100) == b""
    behind.sendall(b"answer")
    assert client.recv(100) == b"answer"
    behind.close()
    thread.join(60)
    assert not thread.is_alive()


def test_a_server_that_never_ends_does_not_hold_a_client_that_has_gone(
    relayed: tuple[ssl.SSLSocket, socket.socket, threading.Thread], monkeypatch: pytest.MonkeyPatch
) -> None:
    client, _, thread = relayed
    monkeypatch.setattr(relay, "LINGER_S", 0.1)
    client.close()
    thread.join(60)
    assert not thread.is_alive()


def test_buffers_of_a_quiet_connection_are_given_back(
    relayed: tuple[ssl.SSLSocket, socket.socket, threading.Thread], monkeypatch: pytest.MonkeyPatch
) -> None:
    client, behind, _ = relayed
    monkeypatch.setattr(relay, "QUIET_S", 0.01)
    rested: list[object] = []
    monkeypatch.setattr(relay._Flow, "rest", lambda flow: rested.append(flow))
    behind.sendall(b"one")
    assert client.recv(100) == b"one"
    eventually(lambda: len(rested) >= 2)
    client.sendall(b"two")
    assert behind.recv(100) == b"two"
