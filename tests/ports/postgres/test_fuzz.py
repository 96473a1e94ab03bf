"""Made-up conversations: messages in any order to the sans-IO side, bytes out of order to a real server.

Quick here; `make test FUZZ=100` takes a hundred times as many. What has failed once stands in corpus.py.
"""

from __future__ import annotations

import contextlib
import os
import random
import socket
import struct
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from gateway.access.identity import Directory
from gateway.access.keys import load
from ports.postgres import command_grammar, frontend, split
from ports.postgres.conversation import Conversation
from ports.postgres.decode import BadEncoding
from ports.postgres.portals import Wait
from tests.conftest import World, password
from tests.ports.postgres import corpus
from tests.ports.postgres.conftest import Raw, eventually, kinds
from tests.ports.postgres.test_hostile import alive

TIMES = int(os.environ.get("FUZZ") or 1)
TEXTS = (
    "SELECT 1 AS a",
    "SELECT customer_id, email FROM shop.customers WHERE customer_id < $1",
    "SELECT * FROM shop.orders ORDER BY order_id LIMIT 7",
    "SELECT $1 || $2 AS s",
    "SELECT salary FROM shop.customers",
    "BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT s", "ROLLBACK TO s", "RELEASE s",
    "DECLARE a CURSOR FOR SELECT * FROM shop.orders", "FETCH 3 FROM a", "MOVE a", "CLOSE a", "CLOSE ALL",
    "PREPARE a AS SELECT 2 AS b", "EXECUTE a", "DEALLOCATE a", "DEALLOCATE ALL", "DISCARD ALL",
    "SET search_path = shop", "SHOW search_path", "RESET ALL", "SET LOCAL statement_timeout = 1000",
    "COPY (SELECT 1 AS a, 'x' AS b) TO STDOUT", "COPY shop.orders TO STDOUT (FORMAT binary)",
    "EXPLAIN SELECT * FROM shop.orders", "SELECT version()", "", ";", "SELECT 1; SELECT 2", "SELEKT", "/*", "'", "$$",
    "INSERT INTO shop.orders VALUES (1)", "FETCH ALL FROM a", "SELECT 1/", "EXECUTE a(1)", "UNLISTEN *",
)  # fmt: skip
names = st.sampled_from(["", "a", "b"])
texts = st.sampled_from(TEXTS) | st.text(max_size=20).map(lambda text: text.replace("\0", ""))
codes = st.lists(st.sampled_from([0, 1]), max_size=3).map(tuple)
cells = st.lists(st.none() | st.binary(max_size=9) | st.sampled_from([b"3", b"x", b"\0" * 8]), max_size=3).map(tuple)
oids = st.lists(st.sampled_from([0, 20, 23, 25, 1700, 99, 2**32 - 1]), max_size=3).map(tuple)


def framed(data: bytes) -> list[tuple[bytes, bytes]]:
    """The messages of an answer, which it consists of exactly."""
    found, place = [], 0
    while place < len(data):
        (size,) = struct.unpack_from("!i", data, place + 1)
        assert 4 <= size <= len(data) - place - 1
        found.append((data[place : place + 1], data[place + 5 : place + 1 + size]))
        place += 1 + size
    return found


class Client(RuleBasedStateMachine):
    """Any message at any time: each answer is whole, and ReadyForQuery comes when it must and only then."""

    world: World

    @initialize()
    def signed_in(self) -> None:
        gateway = self.world.gateway
        self.one = Conversation(gateway, gateway.open(password("analyst"), "postgres"), 1, {})
        self.skipping = False
        self.status = b"I"

    def say(self, message: Any) -> str:
        """Send it; the kinds of what came back."""
        told = framed(b"".join(bytes(part) for part in self.one.receive(message) if not isinstance(part, Wait)))
        for kind, body in told:
            assert kind in b"12ACDEHKNRSTVZcdInst3"
            assert kind != b"E" or b"CXX" not in body, body
            if kind == b"Z":
                self.status = body
        found = b"".join(kind for kind, _ in told).decode()
        if self.skipping and not isinstance(message, frontend.Sync):
            assert found == ""
        elif isinstance(message, frontend.Query | frontend.Sync) or getattr(message, "simple", False):
            assert found.endswith("Z")
            assert found.count("Z") == 1
            self.skipping = False
        else:
            assert "Z" not in found
            assert "E" not in found[:-1]
            self.skipping = found.endswith("E")
        return found

    @rule(text=texts)
    def query(self, text: str) -> None:
        self.say(frontend.Query(text))

    @rule(name=names, text=texts, given=oids)
    def parse(self, name: str, text: str, given: tuple[int, ...]) -> None:
        self.say(frontend.Parse(name, text, given))

    @rule(portal=names, statement=names, formats=codes, values=cells, results=codes)
    def bind(self, portal: str, statement: str, formats: Any, values: Any, results: Any) -> None:
        self.say(frontend.Bind(portal, statement, formats, values, results))

    @rule(what=st.sampled_from(["S", "P"]), name=names)
    def describe(self, what: Any, name: str) -> None:
        assert self.say(frontend.Describe(what, name)) in {"tT", "tn", "T", "n", "E", ""}

    @rule(name=names, limit=st.sampled_from([0, 1, 2, 2**31 - 1]))
    def execute(self, name: str, limit: int) -> None:
        self.say(frontend.Execute(name, limit))

    @rule(what=st.sampled_from(["S", "P"]), name=names)
    def close(self, what: Any, name: str) -> None:
        assert self.say(frontend.Close(what, name)) in {"3", "E", ""}

    @rule(
        message=st.sampled_from(
            [frontend.Flush(), frontend.CopyInput(), frontend.FunctionCall(), frontend.Password(b"x")]
        )
    )
    def other(self, message: Any) -> None:
        self.say(message)

    @rule(simple=st.booleans())
    def bad_text(self, simple: bool) -> None:
        assert self.say(BadEncoding("x", simple=simple)) in {"EZ" if simple else "E", ""}

    @rule()
    @precondition(lambda self: self.skipping)
    def sync(self) -> None:
        assert self.say(frontend.Sync()).endswith("Z")

    @invariant()
    def what_is_kept_is_bounded(self) -> None:
        if hasattr(self, "one"):
            assert self.status in {b"I", b"T", b"E"}
            assert len(self.one._work._portals) <= self.world.settings.postgres_portals

    def teardown(self) -> None:
        if hasattr(self, "one"):
            self.one.close()


def test_messages_in_any_order_are_answered_in_order(world: World) -> None:
    Client.world = world
    many = settings(
        max_examples=15 * TIMES, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
    )
    run_state_machine_as_test(Client, settings=many)  # type: ignore[no-untyped-call]
    eventually(lambda: world.gateway._engine.load().open == 0)


# -- bytes to a real server


@pytest.fixture(scope="module")
def token(world: World) -> Iterator[str]:
    """The analyst's key: a sign-in that costs its client nothing."""
    directory = Directory(world.settings.principals, load(world.settings))
    key = directory.add_key("analyst", 3600)
    yield key
    directory.remove_key("analyst", key.partition(".")[0])


def one(kind: bytes, body: bytes = b"") -> bytes:
    return kind + struct.pack("!i", len(body) + 4) + body


RECORDED: tuple[bytes, ...] = (
    one(b"Q", b"SELECT customer_id, email FROM shop.customers LIMIT 3\0"),
    one(b"P", b"s\0SELECT remark FROM shop.orders WHERE order_id = $1\0\0\1\0\0\0\x14"),
    one(b"B", b"p\0s\0\0\1\0\1\0\1\0\0\0\x08\0\0\0\0\0\0\0\5\0\1\0\1"),
    one(b"D", b"Ss\0"), one(b"D", b"Pp\0"), one(b"E", b"p\0\0\0\0\1"), one(b"E", b"p\0\0\0\0\0"),
    one(b"C", b"Pp\0"), one(b"H"), one(b"S"),
    one(b"Q", b"BEGIN; DECLARE c CURSOR FOR SELECT * FROM shop.orders; FETCH 2 c; COMMIT\0"),
    one(b"Q", b"COPY (SELECT * FROM shop.orders LIMIT 5) TO STDOUT (FORMAT binary)\0"),
    one(b"d", b"abc"), one(b"c"), one(b"f", b"no\0"), one(b"F", b"\0\0\0\1"), one(b"S"),
)  # fmt: skip


def mutated(chance: random.Random) -> bytes:
    """The recorded conversation with messages left out, doubled, shuffled, cut, and bytes changed."""
    messages = [message for message in RECORDED for _ in range(chance.choice((0, 1, 1, 1, 2)))]
    if chance.random() < 0.4:
        chance.shuffle(messages)
    data = bytearray(b"".join(messages))
    for _ in range(chance.choice((0, 1, 1, 2, 5, 20))):
        place = chance.randrange(len(data) + 1)
        match chance.randrange(4):
            case 0:
                data[place : place + 1] = bytes([chance.randrange(256)])
            case 1:
                data[place : place + 4] = struct.pack("!i", chance.choice((-1, 0, 3, 4, 5, 2**31 - 1, 70_000)))
            case 2:
                del data[place : place + chance.randrange(9)]
            case _:
                data[place:place] = chance.randbytes(chance.randrange(9))
    return bytes(data)


def survived(address: tuple[str, int], token: str, data: bytes) -> None:
    """Sign in, send `data` and no more, and read what comes until the server ends it."""
    with Raw(address) as client, contextlib.suppress(ConnectionResetError, BrokenPipeError):
        assert client.start_with_token(token)[-1] == (b"Z", b"I")
        client.socket.sendall(data)
        client.socket.shutdown(socket.SHUT_WR)
        told = b""
        while part := client.socket.recv(1 << 16):
            told += part
        assert b"CXX000\0" not in told
        assert b"Traceback" not in told


@settings(
    max_examples=60 * TIMES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(chance=st.randoms(use_true_random=True))
def test_a_conversation_with_wrong_bytes_is_answered_or_ended(
    world: World, postgres: tuple[str, int], token: str, chance: random.Random
) -> None:
    survived(postgres, token, mutated(chance))


@pytest.mark.parametrize("name", list(corpus.SIGNED_IN))
def test_what_has_failed_once_does_not_fail_again(postgres: tuple[str, int], token: str, name: str) -> None:
    started = time.monotonic()
    survived(postgres, token, corpus.SIGNED_IN[name])
    assert time.monotonic() - started < 60
    alive(postgres)


@settings(
    max_examples=100 * TIMES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(chance=st.randoms(use_true_random=True))
def test_an_opening_with_wrong_bytes_is_answered_or_ended(postgres: tuple[str, int], chance: random.Random) -> None:
    parts = [
        struct.pack("!ii", 8, 80877103), struct.pack("!ii", 8, 80877104),
        struct.pack("!iI", 23, 196608) + b"user\0analyst\0\0", struct.pack("!iIII", 16, 80877102, 1, 2),
        one(b"p", b"SCRAM-SHA-256\0\0\0\0\x0dn,,n=,r=nonce"), one(b"p", b"c=biws,r=nonce,p=AAAA"), RECORDED[0],
    ]  # fmt: skip
    data = bytearray(b"".join(chance.choice(parts) for _ in range(chance.randrange(1, 7))))
    for _ in range(chance.randrange(4)):
        data[chance.randrange(len(data))] = chance.randrange(256)
    with Raw(postgres) as client, contextlib.suppress(ConnectionResetError, BrokenPipeError):
        client.socket.sendall(data)
        client.socket.shutdown(socket.SHUT_WR)
        told = b""
        while part := client.socket.recv(1 << 16):
            told += part
        assert b"XX000" not in told


@pytest.mark.parametrize("name", list(corpus.TEXTS))
def test_a_text_costs_one_look_at_each_of_its_characters(name: str) -> None:
    # Twice as long takes twice the time: what was quadratic took minutes for these.
    started = time.monotonic()
    for text in split.statements(corpus.TEXTS[name]):
        with contextlib.suppress(Exception):
            command_grammar.understand(text)
    assert time.monotonic() - started < 60


def test_the_server_has_lost_nothing_to_all_this(world: World, postgres: tuple[str, int]) -> None:
    alive(postgres)
    eventually(lambda: world.gateway._engine.load().open == 0)
    eventually(lambda: sum("process_request_thread" in thread.name for thread in threading.enumerate()) <= 20)
    with Raw(postgres) as client:
        client.start()
        assert kinds(client.query("SELECT 1 AS a")) == "TDCZ"
