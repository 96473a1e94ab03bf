"""Connections share few threads: who is quiet holds none, and who takes long keeps nobody waiting."""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from ports.postgres.turns import SPARE_S, Turns
from tests.conftest import World
from tests.ports.postgres.conftest import Raw, error, eventually, kinds
from tests.ports.postgres.test_limits import ENDLESS
from tests.ports.postgres.test_streams import LONG

MANY = 40


class One:
    """A connection that notes what it hears, and works in `serve` until `free` is set."""

    def __init__(self, turns: Turns) -> None:
        self.turns = turns
        self.client, self.server = socket.socketpair()
        self.heard: list[bytes] = []
        self.free, self.aside = threading.Event(), False
        self.free.set()

    def fileno(self) -> int:
        return self.server.fileno()

    def serve(self) -> None:
        self.heard.append(self.server.recv(100))
        if self.aside:
            self.turns.step_aside()
        self.free.wait(60)
        if self.heard[-1]:
            self.turns.rest(self)
        else:
            self.server.close()

    def close(self) -> None:
        """Go away, which is heard."""
        self.client.close()
        eventually(lambda: self.server.fileno() == -1)


@pytest.fixture
def turns() -> Iterator[Turns]:
    made = Turns()
    yield made
    made.close()
    late = One(made)
    with pytest.raises(OSError, match="closed"):
        made.rest(late)
    late.client.close()
    late.server.close()


def threads() -> int:
    """How many threads serve connections, or could."""
    return sum(one.name == "outport-postgres-turn" for one in threading.enumerate())


@pytest.mark.parametrize("aside", [True, False], ids=["who says so", "who does not"])
def test_one_that_takes_long_keeps_nobody_waiting(turns: Turns, aside: bool) -> None:
    slow, quick = One(turns), One(turns)
    slow.free.clear()
    slow.aside = aside
    for one in (slow, quick):
        turns.rest(one)
    slow.client.send(b"a")
    eventually(lambda: slow.heard == [b"a"])
    for number in range(1, 4):
        quick.client.send(b"b")
        eventually(lambda: len(quick.heard) == number)  # noqa: B023
    slow.client.send(b"c")
    assert slow.heard == [b"a"]
    slow.free.set()
    eventually(lambda: slow.heard == [b"a", b"c"])
    for one in (slow, quick):
        one.close()


def test_one_that_is_woken_is_served_once(turns: Turns) -> None:
    one = One(turns)
    turns.rest(one)
    one.client.send(b"a")
    eventually(lambda: one.heard == [b"a"])
    one.client.send(b"b")
    eventually(lambda: one.heard == [b"a", b"b"])
    one.free.clear()
    one.client.send(b"c")
    eventually(lambda: one.heard[-1] == b"c")
    turns.wake(one)  # it does not rest
    one.free.set()
    one.client.send(b"d")
    eventually(lambda: one.heard == [b"a", b"b", b"c", b"d"])
    one.close()


def test_a_thread_that_nobody_needs_ends(turns: Turns, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ports.postgres.turns.SPARE_S", SPARE_S / 200)
    several = [One(turns) for _ in range(5)]
    for one in several:
        one.aside = True
        one.free.clear()
        turns.rest(one)
        one.client.send(b"a")
    eventually(lambda: all(one.heard == [b"a"] for one in several))
    at_work = threads()
    for one in several:
        one.free.set()
    eventually(lambda: threads() <= at_work - 4)
    for one in several:
        one.client.send(b"b")
    eventually(lambda: all(one.heard == [b"a", b"b"] for one in several))
    for one in several:
        one.close()


def test_connections_that_are_quiet_hold_no_thread(postgres: tuple[str, int]) -> None:
    before = threading.active_count()
    with ExitStack() as stack:
        clients = [stack.enter_context(Raw(postgres)) for _ in range(MANY)]
        for client in clients:
            assert client.start()[-1] == (b"Z", b"I")
        for _ in range(2):
            for client in clients:
                client.send(b"Q", b"SHOW server_version\0")
            for client in clients:
                assert kinds(client.until_ready()) == "TDCZ"
        eventually(lambda: threading.active_count() - before < MANY / 2)


def test_who_computes_or_reads_nothing_holds_up_nobody(world: World, postgres: tuple[str, int]) -> None:
    with ExitStack() as stack:
        endless, unread, quick = (stack.enter_context(Raw(postgres)) for _ in range(3))
        keys = {}
        for client in (endless, unread, quick):
            keys[client] = next(body for kind, body in client.start("steward") if kind == b"K")
        endless.send(b"Q", ENDLESS.encode() + b"\0")
        unread.send(b"Q", LONG.encode() + b"\0")
        eventually(lambda: world.gateway._engine.load().open == 2)
        for text in ("SELECT 1 AS a", "SELECT count(*) FROM shop.orders", "SHOW TimeZone") * 3:
            started = time.monotonic()
            assert kinds(quick.query(text)) == "TDCZ"
            assert time.monotonic() - started < 30, "sooner than what is endless is ended"
        with Raw(postgres) as other:
            other.socket.sendall(struct.pack("!iI", 16, 80877102) + keys[endless])
        assert error(endless.until_ready())["C"] == "57014"
    eventually(lambda: world.gateway._engine.load().open == 0)


def test_lookups_that_wait_for_one_query_hold_no_thread(
    world: World, postgres: tuple[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Nothing is kept, and no query has a turn for a while.
    monkeypatch.setattr("gateway.serving.kept_rows.ASKED", 10**9)
    slots = world.gateway._engine._slots
    with ExitStack() as stack:
        clients = [stack.enter_context(Raw(postgres)) for _ in range(MANY)]
        for client in clients:
            client.start("steward")
            client.parse("SELECT order_id, store AS waits FROM shop.orders WHERE order_id = $1", "s", (20,))
            assert kinds(client.sync()) == "1Z"
        before = threads()
        for _ in range(slots.limit):
            slots.take(None)
        for key, client in enumerate(clients):
            client.bind(struct.pack("!q", key), name="s", formats=(1,), results=(1,))
            client.execute()
            client.send(b"S")
        eventually(lambda: world.gateway._engine.load().open == MANY)
        assert threads() <= before + 1
        # One of them wants its answer no more, and one goes away.
        clients[1].socket.close()
        for _ in range(slots.limit):
            slots.give()
        for key, client in enumerate(clients):
            if key != 1:
                told = client.until_ready()
                assert kinds(told) == "2DCZ"
                assert told[1][1] == struct.pack("!hiqii", 2, 8, key, 4, key % 10)
    eventually(lambda: world.gateway._engine.load().open == 0)
