"""What one connection may take, and how many there may be: beyond it a refusal in PostgreSQL's words, or the end."""

from __future__ import annotations

import socket
import ssl
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from gateway import GONE, Gateway, Siblings
from gateway.access.guesses import GUESSES
from gateway.access.identity import Directory
from gateway.access.keys import load
from gateway.serving.siblings import Message
from ports.postgres import registry
from ports.postgres.errors import WireError
from ports.postgres.places import Places, Space
from ports.postgres.server import PostgresPort
from tests.certificates import Authority, Resettled
from tests.conftest import World
from tests.ports.postgres.conftest import Raw, error, eventually, kinds

ENDLESS = "WITH RECURSIVE r AS (SELECT 1 AS i UNION ALL SELECT i FROM r) SELECT sum(i) FROM r"
LONG = "SELECT length('" + " " * 40_000 + "')"
WIDE = "SELECT a.i, b.i FROM range(1000000) a(i), range(1000000) b(i)"


@contextmanager
def opened(world: World, **settings: Any) -> Iterator[PostgresPort]:
    """A door with settings of its own."""
    port = PostgresPort(Resettled(world.gateway, **settings))  # type: ignore[arg-type]
    port.start()
    try:
        yield port
    finally:
        port.stop()


def running(world: World) -> int:
    """How many answers are open in the gateway."""
    return world.gateway._engine.load().open


@pytest.fixture
def guarded(world: World, tmp_path: Path) -> Iterator[PostgresPort]:
    """A door of a gateway of its own, in whose directory is the analyst."""
    settings = world.settings.model_copy(update={"state": tmp_path})
    Directory(settings.principals, load(settings)).add("analyst", "person", {}, "analyst-secret")
    gateway = Gateway(settings)
    port = PostgresPort(gateway)
    port.start()
    yield port
    port.stop()
    gateway.close()


def proving(port: PostgresPort, source: str, password: str | None) -> bytes:
    """What the door says to a proof from an address of this machine; None: the exchange is not finished."""
    with Raw(port.address) as client:
        client.socket.close()
        client.socket = socket.create_connection(port.address, 20, (source, 0))
        body = struct.pack("!i", 196608) + b"user\0analyst\0database\0outport\0\0"
        client.socket.sendall(struct.pack("!i", len(body) + 4) + body)
        assert client.read()[0] == b"R"
        if password is not None:
            return client.prove(password)[0][1]
        first = b"n,,n=,r=nonce"
        client.send(b"p", b"SCRAM-SHA-256\0" + struct.pack("!i", len(first)) + first)
        return client.read()[1][:4]


def test_sign_ins_that_are_never_finished_keep_nobody_out(guarded: PostgresPort) -> None:
    for _ in range(2 * GUESSES):
        assert proving(guarded, "127.0.0.1", None) == struct.pack("!i", 11)
    assert proving(guarded, "127.0.0.1", "analyst-secret")[:4] == struct.pack("!i", 12)


def test_wrong_proofs_of_one_address_keep_nobody_out_at_another(guarded: PostgresPort) -> None:
    for _ in range(GUESSES):
        assert b"C28P01\0" in proving(guarded, "127.0.0.2", "wrong")
    assert b"C53400\0" in proving(guarded, "127.0.0.2", "analyst-secret")
    assert proving(guarded, "127.0.0.1", "analyst-secret")[:4] == struct.pack("!i", 12)


def test_a_principal_may_hold_so_many_connections_and_no_more(world: World) -> None:
    with opened(world, postgres_principal_connections=2) as port, ExitStack() as stack:
        first, second, third = (stack.enter_context(Raw(port.address)) for _ in range(3))
        assert first.start()[-1] == second.start()[-1] == (b"Z", b"I")
        refusal = error(third.start())
        assert (refusal["S"], refusal["C"]) == ("FATAL", "53300")
        with Raw(port.address) as other:
            assert other.start("steward")[-1] == (b"Z", b"I")
        first.send(b"X")
        assert first.read() == (b"", b"")
        with Raw(port.address) as again:
            assert again.start()[-1] == (b"Z", b"I")


def test_places_that_are_held_at_another_process_count_here() -> None:
    every: list[Siblings] = []

    def passed_on(message: Message) -> None:
        others = [one for one in every if one.index != message.index]
        for one in [every[message.index]] if message.kind == "reply" else others:
            one.receive(message)

    every += [Siblings(index, 2, passed_on) for index in range(2)]
    here, there = Places(100, 3, every[0]), Places(100, 3, every[1])
    here.take("ann")
    there.take("ann")
    here.take("ann")
    for places in (here, there):
        with pytest.raises(WireError, match="too many connections for role"):
            places.take("ann")
    here.give("ann")
    there.take("ann")
    late = Places(100, 3, every[1])  # as in a process that is made anew
    late.learn()
    late.take("ann")
    late.take("ann")
    with pytest.raises(WireError):
        late.take("ann")
    every[1].receive(Message("tell", 0, GONE, b"0"))
    late.take("ann")


def test_the_last_places_are_kept_for_principals_that_have_none() -> None:
    places = Places(10, 100, Siblings())
    for _ in range(9):
        places.take("one")
    with pytest.raises(WireError, match="reserved"):
        places.take("one")
    places.take("another")
    with pytest.raises(WireError, match="too many clients"):
        places.take("a third")
    places.give("one")
    places.take("a third")


def test_long_messages_share_a_space() -> None:
    space = Space(100)
    space.take(60)
    with pytest.raises(WireError) as refusal:
        space.take(60)
    assert refusal.value.state == "53200"
    space.give(60)
    space.take(100)


def test_a_place_is_free_again_however_its_connection_has_ended(world: World) -> None:
    with opened(world, postgres_connections=1, postgres_principal_connections=1) as port:
        for end in (b"X\0\0\0\4", b"\xff\0\0\0\4", b"Q\0\0\0\1", b""):
            with Raw(port.address) as client:
                assert client.start()[-1] == (b"Z", b"I")
                client.socket.sendall(end)
                client.socket.shutdown(socket.SHUT_WR)
                client.until_ready()


@pytest.mark.parametrize("begin", [False, True])
@pytest.mark.parametrize("by_server", [False, True])
def test_an_idle_connection_is_ended(world: World, begin: bool, by_server: bool) -> None:
    name = "idle_in_transaction_session_timeout" if begin else "idle_session_timeout"
    setting = "postgres_idle_transaction_s" if begin else "postgres_idle_session_s"
    with opened(world, **({setting: 0.2} if by_server else {})) as port, Raw(port.address) as client:
        # What the client asks for holds within what the server allows.
        client.start(options=f"-c {name}={'1h' if by_server else '200ms'}")
        if begin:
            client.query("BEGIN")
        refusal = error(client.until_ready())
        assert (refusal["S"], refusal["C"]) == ("FATAL", "25P03" if begin else "57P05")
        assert client.read() == (b"", b"")


def test_a_message_that_is_begun_is_ended_in_time(world: World) -> None:
    with opened(world, idle_s=0.2) as port, Raw(port.address) as client:
        client.start()
        client.socket.sendall(b"Q\0\0\1\0SELECT")
        refusal = error(client.until_ready())
        assert (refusal["S"], refusal["C"]) == ("FATAL", "08P01")


@pytest.mark.parametrize("said", [b"", b"\0\0", struct.pack("!iI", 23, 196608) + b"user\0analyst\0\0"])
def test_who_does_not_sign_in_in_time_is_sent_away(world: World, said: bytes) -> None:
    with opened(world, postgres_sign_in_s=0.2) as port, Raw(port.address) as client:
        client.socket.sendall(said)
        assert client.until_ready()[-1] == (b"", b"")


def test_a_handshake_that_is_not_ended_in_time_is_no_connection(world: World, tmp_path: Path) -> None:
    pair = Authority(tmp_path).server("127.0.0.1")
    with opened(world, postgres_sign_in_s=2.0, tls_cert=pair.cert, tls_key=pair.key) as port, Raw(port.address) as one:
        one.socket.sendall(struct.pack("!ii", 8, 80877103))
        assert one.socket.recv(1) == b"S"
        one.socket.sendall(b"\x16\x03\x01")
        assert one.socket.recv(1000) == b""


def test_a_message_has_a_longest(world: World) -> None:
    with opened(world, postgres_message_bytes=65_536) as port, Raw(port.address) as client:
        client.start()
        assert kinds(client.query("SELECT 1 AS a --" + " " * 60_000)) == "TDCZ"
        client.socket.sendall(b"Q" + struct.pack("!i", 65_537))
        refusal = error(client.until_ready())
        assert (refusal["S"], refusal["C"]) == ("FATAL", "08P01")


def test_long_messages_under_way_are_bounded_together(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "LONG_MESSAGES", 1)
    with opened(world, postgres_message_bytes=1 << 20) as port, ExitStack() as stack:
        first, second = (stack.enter_context(Raw(port.address)) for _ in range(2))
        first.start()
        second.start()
        first.socket.sendall(b"d" + struct.pack("!i", 1 << 19) + b" " * ((1 << 19) - 5))
        eventually(lambda: port._server is not None and port._server.registry.space._left == 1 << 19)
        second.socket.sendall(b"Q" + struct.pack("!i", 1 << 20) + b" " * 10)
        assert error(second.until_ready())["C"] == "53200"
        first.socket.sendall(b" ")
        assert kinds(first.query("SELECT 1 AS a")) == "TDCZ"
        assert port._server is not None
        assert port._server.registry.space._left == 1 << 20


def test_prepared_statements_have_a_number_and_a_length(world: World) -> None:
    with opened(world, postgres_statements=3, postgres_message_bytes=65_536) as port, Raw(port.address) as client:
        client.start()
        for name in ("a", "b"):
            client.parse("SELECT 1", name)
        assert kinds(client.sync()) == "11Z"
        client.query("PREPARE c AS SELECT 1")
        for ask in (lambda: client.query("PREPARE d AS SELECT 1"), lambda: parsed(client, "d", "SELECT 1")):
            assert error(ask())["C"] == "53400"
        client.query("DEALLOCATE ALL")
        assert kinds(parsed(client, "a", LONG)) == "1Z"
        assert error(parsed(client, "b", LONG))["C"] == "53400"
        client.send(b"C", b"Sa\0")
        client.parse(LONG, "b")
        assert kinds(client.sync()) == "31Z"


def parsed(client: Raw, name: str, text: str) -> list[tuple[bytes, bytes]]:
    client.parse(text, name)
    return client.sync()


def test_portals_and_cursors_have_a_number_and_a_length(world: World) -> None:
    with opened(world, postgres_portals=3, postgres_message_bytes=65_536) as port, Raw(port.address) as client:
        client.start()
        client.parse("SELECT length($1) AS n", "s")
        for name in ("a", "b", "c"):
            client.bind(b"x", portal=name, name="s")
        assert kinds(client.sync()) == "1222Z"
        client.query("BEGIN")
        for name in ("a", "b", "c"):
            client.query(f"DECLARE {name} CURSOR FOR SELECT 1")
        assert error(client.query("DECLARE d CURSOR FOR SELECT 1"))["C"] == "53400"
        client.query("ROLLBACK")
        for name in ("a", "b"):
            client.bind(b"x" * 40_000, portal=name, name="s")
        assert error(client.sync())["C"] == "53400"


def test_a_door_that_closes_says_so_and_lets_a_statement_end(world: World) -> None:
    with opened(world, drain_s=20) as port, Raw(port.address) as idle, Raw(port.address) as busy:
        idle.start()
        busy.start("steward")
        busy.send(b"Q", b"SELECT count(*) AS n FROM range(3000000) a(i) WHERE i::VARCHAR LIKE '%7%'\0")
        eventually(lambda: running(world) > 0)
        closing = threading.Thread(target=port.stop)
        closing.start()
        refusal = error(idle.until_ready())
        assert (refusal["S"], refusal["C"]) == ("FATAL", "57P01")
        answer = busy.until_ready()
        assert kinds(answer) == "TDCZ"
        assert error(busy.until_ready())["C"] == "57P01"
        closing.join()


def test_a_door_that_closes_stops_what_does_not_end(world: World) -> None:
    with opened(world, drain_s=0.2) as port, Raw(port.address) as computing, Raw(port.address) as unread:
        computing.start()
        unread.start()
        computing.send(b"Q", ENDLESS.encode() + b"\0")
        unread.send(b"Q", WIDE.encode() + b"\0")
        eventually(lambda: running(world) > 1)
        started = time.monotonic()
        port.stop()
        assert time.monotonic() - started < 30
        assert running(world) == 0


@pytest.mark.parametrize(
    "text", [ENDLESS, WIDE, f"COPY ({WIDE}) TO STDOUT", f"COPY ({ENDLESS}) TO STDOUT (FORMAT csv)"]
)
@pytest.mark.parametrize("reset", [False, True])
def test_a_client_that_goes_away_frees_its_query(
    world: World, postgres: tuple[str, int], text: str, reset: bool
) -> None:
    with Raw(postgres) as client:
        client.start()
        client.send(b"Q", text.encode() + b"\0")
        eventually(lambda: running(world) > 0)
        if reset:
            client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    eventually(lambda: running(world) == 0)


def test_a_principal_that_is_removed_or_changed_loses_its_connections(world: World, postgres: tuple[str, int]) -> None:
    directory = Directory(world.settings.principals, load(world.settings))
    directory.add("leaver", "person", {"role": ("analyst",)}, "leaver-secret")
    with Raw(postgres) as changed, Raw(postgres) as removed, Raw(postgres) as other:
        changed.start("leaver")
        other.start()
        directory.add("leaver", "person", {"role": ("clerk",), "store": 3}, "leaver-secret")
        refusal = error(changed.until_ready())
        assert (refusal["S"], refusal["C"]) == ("FATAL", "57P01")
        removed.start("leaver")
        removed.send(b"Q", ENDLESS.encode() + b"\0")
        directory.remove("leaver")
        # Both the door and the answer itself ask after the principal: whichever is first stops the query.
        assert error(removed.until_ready())["C"] in {"57014", "28000"}
        assert error(removed.until_ready())["C"] == "57P01"
        assert kinds(other.query("SELECT 1 AS a")) == "TDCZ"


def test_a_connection_ends_with_its_token(world: World, postgres: tuple[str, int]) -> None:
    directory = Directory(world.settings.principals, load(world.settings))
    key = directory.add_key("steward", 600)
    for token in (directory.issue_token("steward", 4), key):
        with Raw(postgres) as client:
            assert client.start_with_token(token)[-1] == (b"Z", b"I")
            if token is key:
                directory.remove_key("steward", key.partition(".")[0])
            assert error(client.until_ready())["C"] == "57P01"


@pytest.mark.parametrize("handshake", [False, True])
def test_idle_strangers_take_no_one_s_place(world: World, tmp_path: Path, handshake: bool) -> None:
    authority = Authority(tmp_path)
    pair = authority.server("127.0.0.1")
    with opened(world, tls_cert=pair.cert, tls_key=pair.key) as port, ExitStack() as stack:
        before = threading.active_count()
        for _ in range(400):
            one = stack.enter_context(socket.create_connection(port.address))
            one.sendall(struct.pack("!ii", 8, 80877103) if handshake else b"\0")
        with Raw(port.address) as client:
            client.socket.sendall(struct.pack("!ii", 8, 80877103))
            assert client.socket.recv(1) == b"S"
            client.socket = authority.trusted().wrap_socket(client.socket, server_hostname="127.0.0.1")
            assert client.start()[-1] == (b"Z", b"I")
        eventually(lambda: threading.active_count() - before <= registry.KNOCKING + 5)


def test_nothing_is_taken_that_was_said_before_the_handshake(world: World, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    pair = authority.server("127.0.0.1")
    startup = struct.pack("!iI", 23, 196608) + b"user\0analyst\0\0"
    with opened(world, tls_cert=pair.cert, tls_key=pair.key) as port:
        with Raw(port.address) as client:
            client.socket.sendall(struct.pack("!ii", 8, 80877103) + startup)
            refusal = error(client.until_ready())
            assert (refusal["S"], refusal["C"]) == ("FATAL", "08P01")
        with Raw(port.address) as client:
            client.socket.sendall(struct.pack("!ii", 8, 80877103))
            assert client.socket.recv(1) == b"S"
            client.socket = authority.trusted().wrap_socket(client.socket, server_hostname="127.0.0.1")
            assert isinstance(client.socket, ssl.SSLSocket)
            assert client.start()[-1] == (b"Z", b"I")
            assert kinds(client.query("SELECT 1 AS a")) == "TDCZ"
            port.stop()
            assert error(client.until_ready())["C"] == "57P01"


def test_connections_and_portals_are_told_to_prometheus(world: World) -> None:
    def told() -> tuple[float, ...]:
        families = text_string_to_metric_families(world.gateway.metrics.exposition("").body.decode())
        values = {
            (one.name, one.labels.get("state", "")): one.value
            for family in families
            for one in family.samples
            if one.labels.get("port") == "postgres"
        }
        return tuple(
            values[name]
            for name in (
                ("outport_connections", "signed_in"),
                ("outport_connections", "signing_in"),
                ("outport_portals", ""),
            )
        )

    with opened(world) as port:
        assert told() == (0, 0, 0)
        with Raw(port.address) as first, Raw(port.address):
            first.start()
            eventually(lambda: told() == (1, 1, 0))
            first.query("BEGIN")
            first.query("DECLARE c CURSOR FOR SELECT customer_id FROM shop.customers")
            assert told() == (1, 1, 1)
            first.query("COMMIT")
            assert told() == (1, 1, 0)
        eventually(lambda: told() == (0, 0, 0))
