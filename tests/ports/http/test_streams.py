"""What happens to a query whose answer is long, breaks, or loses its reader."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway import Gateway, Query, Result, Session
from ports.http.server import HttpPort
from tests.conftest import World

LONG = "SELECT i, repeat('x', 200) AS s FROM range(9000000) r(i)"


class Watched:
    """The world's gateway, which tells when a query of its has ended."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self.begun = threading.Event()
        self.ended = threading.Event()
        self.result: Result | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._gateway, name)

    def answer(self, session: Session, query: Query, **options: Any) -> Result:
        result = self._gateway.answer(session, query, **options)
        self.result, finish = result, result._finish

        def finished(summary: Any) -> None:
            finish(summary)
            self.ended.set()

        result._finish = finished
        self.begun.set()
        return result


@pytest.fixture
def watched(world: World) -> Iterator[tuple[Watched, httpx.Client]]:
    gateway = Watched(world.gateway)
    port = HttpPort(gateway)  # type: ignore[arg-type]
    port.start()
    host, number = port.address
    with httpx.Client(base_url=f"http://{host}:{number}", auth=("steward", "steward-secret"), timeout=60) as client:
        yield gateway, client
    port.stop()


def ask(client: httpx.Client, text: str, kind: str = "csv") -> Any:
    headers = {"Accept-Encoding": "identity"}
    return client.stream("POST", f"/sql?format={kind}", json={"sql": text}, headers=headers)


@pytest.mark.parametrize("kind", ["json", "ndjson", "csv", "arrow", "parquet"])
def test_a_reader_who_leaves_takes_the_query_with_him(watched: tuple[Watched, httpx.Client], kind: str) -> None:
    gateway, client = watched
    with ask(client, LONG, kind) as answer:
        assert answer.status_code == 200
        next(answer.iter_raw())
    assert gateway.ended.wait(60)
    assert gateway.result is not None
    assert gateway.result.summary is not None
    assert gateway.result.summary.outcome in {"cancelled", "closed"}
    assert gateway.result.summary.rows < 9_000_000


def test_a_reader_who_leaves_before_the_first_byte_takes_it_too(watched: tuple[Watched, httpx.Client]) -> None:
    gateway, client = watched
    slow = "SELECT sum(hash(a.i + b.i)) FROM range(3000000) a(i), range(3000000) b(i)"
    with pytest.raises(httpx.ReadTimeout):
        client.post("/sql", json={"sql": slow}, timeout=0.5)
    assert gateway.ended.wait(60)
    assert gateway.result is not None
    assert gateway.result.summary is not None
    assert gateway.result.summary.outcome == "cancelled"


@pytest.mark.parametrize("kind", ["json", "ndjson", "csv", "arrow", "parquet"])
def test_an_error_after_the_first_byte_breaks_the_connection(watched: tuple[Watched, httpx.Client], kind: str) -> None:
    _, client = watched
    number = "CAST(CASE WHEN i = 50000 THEN 'x' ELSE '1' END AS INTEGER) AS n"
    digests = " || ".join(f"md5((i + {n})::VARCHAR)" for n in range(40))  # does not get small in any format
    late = f"SELECT {number}, {digests} AS s FROM range(60000) r(i)"
    with ask(client, late, kind) as answer:
        assert answer.status_code == 200
        with pytest.raises(httpx.RemoteProtocolError):
            answer.read()


def test_an_error_before_the_first_byte_is_a_problem(watched: tuple[Watched, httpx.Client]) -> None:
    _, client = watched
    early = "SELECT CAST(CASE WHEN i = 5 THEN 'x' ELSE '1' END AS INTEGER) AS n FROM range(10) r(i)"
    with ask(client, early) as answer:
        assert answer.status_code == 400
        assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("kind", ["json", "ndjson", "csv", "arrow", "parquet"])
def test_a_long_answer_takes_little_memory(http_port: HttpPort, web: Callable[..., httpx.Client], kind: str) -> None:
    text = "SELECT i, repeat(md5(i::VARCHAR), 6) AS s FROM range(1000000) r(i)"
    before, size, most = resident_bytes(), 0, 0
    with ask(web("steward"), text, kind) as answer:
        for chunk in answer.iter_raw():
            size += len(chunk)
            most = max(most, resident_bytes() - before)
    assert size > (15_000_000 if kind == "parquet" else 190_000_000)
    assert most < 150 << 20


def resident_bytes() -> int:
    """Resident memory of this process, which holds the server. Source: proc(5), statm."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def test_small_answers_come_whole_and_long_ones_in_chunks(web: Callable[..., httpx.Client]) -> None:
    small = web("steward").get("/products/shop/orders?limit=5")
    assert int(small.headers["content-length"]) == len(small.content)
    with ask(web("steward"), "SELECT i FROM range(300000) r(i)") as long:
        assert long.headers["transfer-encoding"] == "chunked"
        assert len(long.read().splitlines()) == 300_001


def test_an_open_stream_does_not_keep_the_door_from_closing(world: World) -> None:
    port = HttpPort(world.gateway)
    port.start()
    host, number = port.address
    client = httpx.Client(base_url=f"http://{host}:{number}", auth=("steward", "steward-secret"))
    with client, ask(client, LONG) as answer:
        assert answer.status_code == 200
        next(answer.iter_raw())
        port.stop()
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"http://{host}:{number}/health")
