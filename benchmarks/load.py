"""What asks: as many connections as wanted, each with one request under way, for a time; whole answers are awaited.

HTTP is spoken over raw transports of uvloop with requests made beforehand: an answer costs the client some 20 us, and
`busy` says how much of one core the client took, so that nobody reads the client's limit as a server's.
"""

from __future__ import annotations

import asyncio
import base64
import json
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import uvloop

ANSWERED = (b"200", b"404")
PATIENCE_S = 60


@dataclass(frozen=True)
class Measured:
    """Requests per second, the seconds that each took, and the share of one core that the client used."""

    rate: float
    latencies: tuple[float, ...]
    busy: float


class Target(Protocol):
    """A server and what it is asked."""

    @property
    def name(self) -> str:
        """The server's name in the tables."""

    def load(self, connections: int, duration_s: float) -> Measured:
        """Ask for `duration_s` over `connections`."""


@dataclass(frozen=True)
class Http:
    """A web server: its port, and whole requests, asked in turn."""

    name: str
    port: int
    requests: tuple[bytes, ...]

    def load(self, connections: int, duration_s: float) -> Measured:
        """Ask for `duration_s`. Raises RuntimeError for an answer of another status than 200 and 404."""
        return uvloop.run(_asked(self, connections, duration_s))

    def first(self) -> bytes:
        """The body of the answer to the first request."""
        return uvloop.run(_first(self))


@dataclass(frozen=True)
class Wire:
    """PostgreSQL by its own protocol: one prepared statement, the values of its parameters in turn, binary rows.

    It is no web API: the client is asyncpg, in a process and an environment of its own.
    """

    name: str
    python: Path
    url: str
    statement: str
    values: tuple[tuple[int | str, ...], ...]

    def load(self, connections: int, duration_s: float) -> Measured:
        """Ask for `duration_s`."""
        order = {"url": self.url, "statement": self.statement, "values": self.values, "connections": connections}
        order |= {"duration_s": duration_s}
        client = [self.python, Path(__file__).with_name("wire_client.py")]
        told = subprocess.run(client, input=json.dumps(order), check=True, stdout=subprocess.PIPE, text=True)
        answer = json.loads(told.stdout)
        return Measured(answer["rate"], tuple(answer["latencies"]), answer["busy"])


def get(path: str, subject: str | None = None) -> bytes:
    """A GET request, with the credentials of a demo persona."""
    return f"GET {path} HTTP/1.1\r\nHost: localhost\r\n{_credentials(subject)}\r\n".encode()


def post(path: str, body: object, subject: str | None = None) -> bytes:
    """A POST request of JSON, with the credentials of a demo persona."""
    content = json.dumps(body, separators=(",", ":")).encode()
    about = f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n"
    return f"POST {path} HTTP/1.1\r\nHost: localhost\r\n{_credentials(subject)}{about}\r\n".encode() + content


def _credentials(subject: str | None) -> str:
    if subject is None:
        return ""
    proof = base64.b64encode(f"{subject}:{subject}-demo".encode()).decode()
    return f"Authorization: Basic {proof}\r\n"


class _Turns:
    """Which request comes next, until the time is over."""

    def __init__(self, requests: Sequence[bytes], duration_s: float) -> None:
        self._requests = requests
        self._count = 0
        self._end = time.perf_counter() + duration_s

    def next(self) -> bytes | None:
        """The next request, None when the time is over."""
        if time.perf_counter() >= self._end:
            return None
        self._count += 1
        return self._requests[self._count % len(self._requests)]


class _Connection(asyncio.Protocol):
    """One connection: a request, its whole answer, the next request."""

    def __init__(self, turns: _Turns, done: asyncio.Future[None], latencies: list[float]) -> None:
        self._turns, self._done, self._latencies = turns, done, latencies
        self.answer = bytearray()
        self._expected: int | None = None
        self._sent_at = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport: Any = transport  # uvloop's is no asyncio.Transport
        self._ask()

    def data_received(self, data: bytes) -> None:
        """A piece of an answer has come."""
        self.answer += data
        if self._expected is None and not self._read_head():
            return
        if self._expected == 0:
            whole = self.answer.endswith(b"\r\n0\r\n\r\n")
        else:
            whole = len(self.answer) >= (self._expected or 0)
        if whole:
            self._latencies.append(time.perf_counter() - self._sent_at)
            self._ask()

    def connection_lost(self, error: Exception | None) -> None:
        """The server has gone."""
        if not self._done.done():
            self._done.set_exception(RuntimeError("the server closed the connection"))

    def _ask(self) -> None:
        request = self._turns.next()
        if request is None:
            self._done.set_result(None)
            self._transport.close()
            return
        self.answer.clear()
        self._expected = None
        self._sent_at = time.perf_counter()
        self._transport.write(request)

    def _read_head(self) -> bool:
        """Whether the head is there; `_expected` is the size of the whole answer then, 0 for one in chunks."""
        end = self.answer.find(b"\r\n\r\n")
        if end < 0:
            return False
        head = bytes(self.answer[:end]).lower()
        if head[9:12] not in ANSWERED:
            self._done.set_exception(RuntimeError(head.decode("latin-1")))
            self._transport.close()
            return False
        _, given, length = head.partition(b"\r\ncontent-length:")
        self._expected = end + 4 + int(length.partition(b"\r\n")[0]) if given else 0
        return True


async def _asked(target: Http, connections: int, duration_s: float) -> Measured:
    loop = asyncio.get_running_loop()
    latencies: list[float] = []
    turns = _Turns(target.requests, duration_s)
    used, started = time.process_time(), time.perf_counter()
    ends = [loop.create_future() for _ in range(connections)]
    for end in ends:
        await loop.create_connection(partial(_Connection, turns, end, latencies), "127.0.0.1", target.port)
    await asyncio.wait_for(asyncio.gather(*ends), duration_s + PATIENCE_S)
    elapsed_s = time.perf_counter() - started
    return Measured(len(latencies) / elapsed_s, tuple(latencies), (time.process_time() - used) / elapsed_s)


async def _first(target: Http) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", target.port)
    writer.write(
        target.requests[0].replace(b"\r\nHost: localhost\r\n", b"\r\nHost: localhost\r\nConnection: close\r\n", 1)
    )
    head, body = (await reader.readuntil(b"\r\n\r\n")).lower(), await reader.read()
    writer.close()
    if b"transfer-encoding: chunked" not in head:
        return body
    joined = b""
    while size := int(body.partition(b"\r\n")[0], 16):
        _, _, body = body.partition(b"\r\n")
        joined, body = joined + body[:size], body[size + 2 :]
    return joined
