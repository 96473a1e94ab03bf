"""One Postgres door over the world, and a raw client that speaks the protocol byte by byte."""

from __future__ import annotations

import base64
import hashlib
import hmac
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from gateway.access.scram import prepared
from ports.postgres.server import PostgresPort
from tests.conftest import World


@pytest.fixture(scope="session")
def postgres(world: World) -> Iterator[tuple[str, int]]:
    """Host and port of an open door."""
    port = PostgresPort(world.gateway)
    port.start()
    yield port.address
    port.stop()


class Raw:
    """A connection as bytes; `read` gives messages as (type, body)."""

    def __init__(self, address: tuple[str, int]) -> None:
        self.socket = socket.create_connection(address, timeout=60)
        self.held = b""

    def __enter__(self) -> Raw:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(self, kind: bytes, body: bytes = b"") -> None:
        """One message."""
        self.socket.sendall(kind + struct.pack("!i", len(body) + 4) + body)

    def read(self) -> tuple[bytes, bytes]:
        """The next message; (b"", b"") once the server has closed."""
        while len(self.held) < 5 or len(self.held) < 1 + struct.unpack_from("!i", self.held, 1)[0]:
            try:
                data = self.socket.recv(65536)
            except ConnectionResetError:  # closed with bytes of ours unread
                data = b""
            if not data:
                return b"", b""
            self.held += data
        (size,) = struct.unpack_from("!i", self.held, 1)
        kind, body = self.held[:1], self.held[5 : size + 1]
        self.held = self.held[size + 1 :]
        return kind, body

    def until_ready(self) -> list[tuple[bytes, bytes]]:
        """Every message up to ReadyForQuery, or to the end."""
        found = []
        while not found or found[-1][0] not in {b"Z", b""}:
            found.append(self.read())
        return found

    def start(self, user: str = "analyst", **parameters: str) -> list[tuple[bytes, bytes]]:
        """Sign in; what the server said after its challenge."""
        given = {"user": user, "database": "outport", **parameters}
        body = struct.pack("!i", 196608) + b"".join(f"{k}\0{v}\0".encode() for k, v in given.items()) + b"\0"
        self.socket.sendall(struct.pack("!i", len(body) + 4) + body)
        kind, asked = self.read()
        if kind != b"R" or asked[:4] != struct.pack("!i", 10):
            return [(kind, asked)]
        return self.prove(f"{user}-secret")

    def start_with_token(self, token: str) -> list[tuple[bytes, bytes]]:
        """Sign in as the user `token`; what the server said to it."""
        body = struct.pack("!i", 196608) + b"user\0token\0database\0outport\0\0"
        self.socket.sendall(struct.pack("!i", len(body) + 4) + body)
        assert self.read() == (b"R", struct.pack("!i", 3))
        self.send(b"p", token.encode() + b"\0")
        return self.until_ready()

    def prove(self, password: str) -> list[tuple[bytes, bytes]]:
        """The client's side of SCRAM-SHA-256."""
        first = b"n=,r=nonce"
        self.send(b"p", b"SCRAM-SHA-256\0" + struct.pack("!i", len(first) + 3) + b"n,," + first)
        kind, told = self.read()
        if kind != b"R":
            return [(kind, told)]
        server = told[4:]
        nonce, salt, rounds = (part[2:] for part in server.split(b","))
        salted = hashlib.pbkdf2_hmac("sha256", prepared(password), base64.b64decode(salt), int(rounds))
        key = hmac.digest(salted, b"Client Key", "sha256")
        bare = b"c=biws,r=" + nonce
        signature = hmac.digest(hashlib.sha256(key).digest(), first + b"," + server + b"," + bare, "sha256")
        proof = base64.b64encode(bytes(a ^ b for a, b in zip(key, signature, strict=True)))
        self.send(b"p", bare + b",p=" + proof)
        return self.until_ready()

    def query(self, text: str) -> list[tuple[bytes, bytes]]:
        """A simple query."""
        self.send(b"Q", text.encode() + b"\0")
        return self.until_ready()

    def parse(self, text: str, name: str = "", types: tuple[int, ...] = ()) -> None:
        """A Parse message."""
        oids = b"".join(struct.pack("!I", one) for one in types)
        self.send(b"P", f"{name}\0{text}\0".encode() + struct.pack("!h", len(types)) + oids)

    def bind(
        self, *values: bytes | None, portal: str = "", name: str = "", formats: Any = (), results: Any = ()
    ) -> None:
        """A Bind message."""
        cells = b"".join(
            struct.pack("!i", -1) if value is None else struct.pack("!i", len(value)) + value for value in values
        )
        body = f"{portal}\0{name}\0".encode() + struct.pack(f"!h{len(formats)}h", len(formats), *formats)
        body += struct.pack("!h", len(values)) + cells + struct.pack(f"!h{len(results)}h", len(results), *results)
        self.send(b"B", body)

    def execute(self, limit: int = 0, portal: str = "") -> None:
        """An Execute message."""
        self.send(b"E", f"{portal}\0".encode() + struct.pack("!i", limit))

    def sync(self) -> list[tuple[bytes, bytes]]:
        """Sync, and what had been answered."""
        self.send(b"S")
        return self.until_ready()


def eventually(holds: Callable[[], bool], patience_s: float = 60) -> None:
    """Ask until it holds."""
    end = time.monotonic() + patience_s
    while not holds():
        assert time.monotonic() < end, "it did not come to hold"
        threading.Event().wait(0.02)


def error(messages: list[tuple[bytes, bytes]]) -> dict[str, str]:
    """The fields of the one ErrorResponse in `messages`."""
    (body,) = [body for kind, body in messages if kind == b"E"]
    return {part[:1].decode(): part[1:].decode() for part in body.split(b"\0") if part}


def kinds(messages: list[tuple[bytes, bytes]]) -> str:
    """The type letters of `messages`, without parameter statuses."""
    return "".join(kind.decode() for kind, _ in messages if kind != b"S")


@pytest.fixture
def raw(postgres: tuple[str, int]) -> Iterator[Raw]:
    """A signed-in analyst, byte by byte."""
    with Raw(postgres) as client:
        assert client.start()[-1] == (b"Z", b"I")
        yield client
