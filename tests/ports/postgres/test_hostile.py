"""Hostile bytes: an error or a close, and the server goes on."""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import threading
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ports.postgres.connection import WRONG_KEY_S
from tests.ports.postgres.conftest import Raw, error, kinds

SSL = struct.pack("!ii", 8, 80877103)


def alive(address: tuple[str, int]) -> None:
    with Raw(address) as client:
        client.start()
        assert kinds(client.query("SELECT 1 AS a")) == "TDCZ"


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        struct.pack("!i", 2**31 - 1),
        struct.pack("!i", -5),
        struct.pack("!i", 3),
        struct.pack("!iI", 9, 196608) + b"u",
        struct.pack("!iI", 8, 2 << 16),
        SSL * 6,
        struct.pack("!iI", 16, 80877102) + b"\0" * 8,
        struct.pack("!iI", 14, 196608) + b"user\0\0",
        b"\0" * 64,
        b"\xff" * 64,
    ],
)
def test_an_opening_that_is_none_ends_the_connection(postgres: tuple[str, int], data: bytes) -> None:
    with Raw(postgres) as client, contextlib.suppress(ConnectionResetError, BrokenPipeError):
        client.socket.sendall(data)
        client.socket.shutdown(1)
        while client.socket.recv(1000):
            pass
    alive(postgres)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(kind=st.integers(0, 255), body=st.binary(max_size=40))
def test_any_message_is_answered_or_closes(postgres: tuple[str, int], kind: int, body: bytes) -> None:
    with Raw(postgres) as client:
        client.start()
        client.send(bytes([kind]), body)
        with contextlib.suppress(ConnectionResetError, BrokenPipeError):
            client.send(b"S")
        told = client.until_ready()
        assert told[-1][0] in {b"Z", b""}


def test_no_message_is_taken_before_the_sign_in(postgres: tuple[str, int]) -> None:
    with Raw(postgres) as client:
        body = struct.pack("!i", 196608) + b"user\0analyst\0\0"
        client.socket.sendall(struct.pack("!i", len(body) + 4) + body)
        assert client.read()[0] == b"R"
        client.send(b"Q", b"SELECT 1\0")
        refusal = error(client.until_ready())
        assert (refusal["S"], refusal["C"]) == ("FATAL", "08P01")
    alive(postgres)


def test_unknown_and_known_names_are_refused_in_the_same_words(postgres: tuple[str, int]) -> None:
    told = []
    for user in ("analyst", "nobody"):
        with Raw(postgres) as client:
            body = struct.pack("!i", 196608) + f"user\0{user}\0database\0outport\0\0".encode()
            client.socket.sendall(struct.pack("!i", len(body) + 4) + body)
            asked = client.read()
            refusal = error(client.prove("wrong"))
            told.append((asked, {letter: refusal[letter] for letter in "SCM"}))
    assert told[0] == told[1]
    assert told[0][1]["C"] == "28P01"


@pytest.mark.parametrize(
    ("parameters", "state"),
    [({"database": "other"}, "3D000"), ({"replication": "true"}, "0A000"), ({"options": "-c nonsense=1"}, "42704")],
)
def test_a_startup_that_asks_for_what_there_is_not_is_refused(
    postgres: tuple[str, int], parameters: dict[str, str], state: str
) -> None:
    with Raw(postgres) as client:
        refusal = error(client.start(**parameters))
    assert (refusal["S"], refusal["C"]) == ("FATAL", state)


def test_a_cancel_request_stops_the_query_of_its_key_and_no_other(postgres: tuple[str, int]) -> None:
    endless = "WITH RECURSIVE r AS (SELECT 1 AS i UNION ALL SELECT i FROM r) SELECT sum(i) FROM r"
    with Raw(postgres) as client:
        keys = next(body for kind, body in client.start() if kind == b"K")
        process, key = struct.unpack("!II", keys)

        def cancel(chosen: int) -> None:
            with Raw(postgres) as other:
                other.socket.sendall(struct.pack("!iIII", 16, 80877102, process, chosen))
                other.socket.recv(1)

        client.send(b"Q", endless.encode() + b"\0")
        cancel(key ^ 1)
        timer = threading.Timer(0.3, cancel, [key])
        timer.start()
        assert error(client.until_ready())["C"] == "57014"
        timer.join()
        assert kinds(client.query("SELECT 1 AS a")) == "TDCZ"


def test_a_statement_timeout_stops_a_query(raw: Raw) -> None:
    raw.query("SET statement_timeout = '200ms'")
    endless = "WITH RECURSIVE r AS (SELECT 1 AS i UNION ALL SELECT i FROM r) SELECT sum(i) FROM r"
    assert error(raw.query(endless))["C"] == "57014"


def test_a_query_that_is_not_utf8_is_an_error_after_which_the_client_goes_on(raw: Raw) -> None:
    raw.send(b"Q", b"SELECT '\xff'\0")
    told = raw.until_ready()
    assert (kinds(told), error(told)["C"]) == ("EZ", "22021")
    for _ in range(2):
        raw.send(b"P", b"\xff\0SELECT 1\0\0\0")
    told = raw.sync()
    assert (kinds(told), error(told)["C"]) == ("EZ", "22021")
    assert kinds(raw.query("SELECT 1 AS a")) == "TDCZ"


@pytest.mark.parametrize("text", ["SELECT 'a\0b'", "SELECT $1"])
def test_no_nul_comes_into_a_text(raw: Raw, text: str) -> None:
    if "$1" in text:
        raw.parse(text, types=(25,))
        raw.bind(b"a\0b")
        raw.execute()
        assert error(raw.sync())["C"] in {"22021", "22P02"}
    else:
        with Raw(raw.socket.getpeername()) as other:
            other.start()
            other.send(b"Q", text.encode() + b"\0")
            assert error(other.until_ready())["C"] == "08P01"


def test_a_thousand_half_open_connections_cost_little_and_lock_out_nobody(postgres: tuple[str, int]) -> None:
    before = resident_bytes()
    with contextlib.ExitStack() as stack:
        for number in range(1000):
            one = stack.enter_context(socket.create_connection(postgres))
            with contextlib.suppress(ConnectionResetError, BrokenPipeError):
                one.sendall((SSL, b"\0\0", b"", struct.pack("!iI", 23, 196608) + b"user\0analyst\0\0")[number % 4])
        alive(postgres)
        assert resident_bytes() - before < 50 << 20
    alive(postgres)


def test_floods_of_requests_before_the_startup_are_ended(postgres: tuple[str, int]) -> None:
    gssenc, cancel = struct.pack("!ii", 8, 80877104), struct.pack("!iIII", 16, 80877102, 1, 2)
    for flood in (SSL * 1000, gssenc * 1000, (SSL + gssenc) * 500, cancel):
        with Raw(postgres) as client, contextlib.suppress(ConnectionResetError, BrokenPipeError):
            client.socket.sendall(flood)
            told = b""
            while part := client.socket.recv(1000):
                told += part
            assert told.count(b"N") < 10
    alive(postgres)


def test_a_wrong_cancel_key_costs_more_than_a_right_one_takes(postgres: tuple[str, int]) -> None:
    with Raw(postgres) as client:
        process, key = struct.unpack("!II", next(body for kind, body in client.start() if kind == b"K"))
        took = []
        for chosen in (key, key ^ 1):
            started = time.monotonic()
            with Raw(postgres) as other:
                other.socket.sendall(struct.pack("!iIII", 16, 80877102, process, chosen))
                assert other.socket.recv(1) == b""
            took.append(time.monotonic() - started)
        assert took[1] > WRONG_KEY_S * 0.9
        assert kinds(client.query("SELECT 1 AS a")) == "TDCZ"


def test_a_startup_message_of_many_options_is_refused(postgres: tuple[str, int]) -> None:
    with Raw(postgres) as client:
        refusal = error(client.start(**{f"a.b{number}": "x" for number in range(900)}))
        assert (refusal["S"], refusal["C"]) == ("FATAL", "53400")
    with Raw(postgres) as client:
        refusal = error(client.start(options="-c a.b=1 " * 2000))
        assert (refusal["S"], refusal["C"]) == ("FATAL", "08P01")
    alive(postgres)


def resident_bytes() -> int:
    """What this process, and so the server in it, holds (Linux, proc(5))."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
