"""A record by key and a page over REST, beside a bare uvicorn that answers a constant, and ROAPI on the same rows.

Every server runs in a process of its own; the client is asyncio streams with keep-alive, which cost less than any
server here. Lines give requests per second (median of the rounds, servers in turn) and the latencies of all rounds.
"""

from __future__ import annotations

import asyncio
import base64
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pyarrow.parquet as pq
import uvicorn

from benchmarks.deployment import ROOT, deployed
from benchmarks.roapi import free_port, listening, roapi
from gateway import Gateway, Query
from ports.http.server import HttpPort

ROUNDS = 5
REQUESTS = 400
CONNECTIONS = (1, 16)
HOUSEHOLDS = tuple(range(1, 2470, 6))
BODY = b'{"data":[' + b"x" * 560 + b"]}"


@dataclass(frozen=True)
class Server:
    """What to ask of a server: its port, the paths in turn, and a header line of credentials ("" for none)."""

    name: str
    port: int
    paths: tuple[str, ...]
    authorization: str


async def constant(scope: Any, _: Any, send: Any) -> None:
    """The bare application: one answer of about the size of one record."""
    if scope["type"] == "http":
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(BODY)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": BODY})


def serve_bare(port: int) -> None:
    """The bare server's process."""
    uvicorn.run(constant, host="127.0.0.1", port=port, log_level="error", loop="uvloop", http="httptools")


def serve_outport() -> None:
    """This server's process: prints its port, ends on SIGTERM."""
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    gateway = Gateway(deployed())
    door = HttpPort(gateway)
    door.start()
    print(door.address[1], flush=True)
    stop.wait()
    door.stop()
    gateway.close()


@contextmanager
def process(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    """This module as a process of its own, ended with the block."""
    command = [sys.executable, "-m", "benchmarks.rest_lookup", *arguments]
    started = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    try:
        yield started
    finally:
        started.send_signal(signal.SIGTERM)
        started.wait()


def exported(folder: Path) -> Path:
    """The steward's rows of customer_360.customers as parquet: what ROAPI serves."""
    gateway = Gateway(deployed("retail", "customer_360"))
    with gateway.answer(gateway.impersonate("steward", "rest"), Query("FROM customer_360.customers")) as result:
        path = folder / "customers.parquet"
        with pq.ParquetWriter(path, result.schema) as writer:
            for batch in result.batches():
                writer.write_batch(batch)
    gateway.close()
    return path


def questions(ours: int, bare: int, theirs: int) -> dict[str, list[Server]]:
    """What is asked of whom."""
    rows = "/products/customer_360/customers"
    page = f"{rows}?home_store=eq.367&order=lifetime_value.desc,household_id&limit=100"
    table = "/api/tables/customers"
    personas = [("steward", _basic("steward")), ("analyst", _basic("analyst"))]
    by_key = tuple(f"{rows}/{key}" for key in HOUSEHOLDS)
    filtered = tuple(f"{table}?filter[household_id]={key}" for key in HOUSEHOLDS)
    sorted_page = (f"{table}?filter[home_store]=367&sort={quote('-lifetime_value,household_id')}&limit=100",)
    return {
        "lookup": [
            Server("bare uvicorn", bare, ("/",), ""),
            *(Server(f"outport, {name}", ours, by_key, header) for name, header in personas),
            Server("roapi", theirs, filtered, ""),
        ],
        "page": [
            Server("bare uvicorn", bare, ("/",), ""),
            *(Server(f"outport, {name}", ours, (page,), header) for name, header in personas),
            Server("roapi", theirs, sorted_page, ""),
        ],
    }


def _basic(subject: str) -> str:
    return "Authorization: Basic " + base64.b64encode(f"{subject}:{subject}-demo".encode()).decode() + "\r\n"


async def load(server: Server, connections: int) -> tuple[float, list[float]]:
    """REQUESTS requests over `connections`: requests per second, and each latency in seconds."""
    latencies: list[float] = []
    turn = iter(range(REQUESTS))

    async def one() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        for number in turn:
            path = server.paths[number % len(server.paths)]
            start = time.perf_counter()
            writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\n{server.authorization}\r\n".encode())
            await _answer(reader)
            latencies.append(time.perf_counter() - start)
        writer.close()

    start = time.perf_counter()
    await asyncio.gather(*(one() for _ in range(connections)))
    return REQUESTS / (time.perf_counter() - start), latencies


async def _answer(reader: asyncio.StreamReader) -> None:
    """Read one response to its end. Raises RuntimeError for anything but 200 and 404."""
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    if head[9:12] not in {b"200", b"404"}:
        raise RuntimeError(head.decode("latin-1"))
    if b"transfer-encoding: chunked" in head:
        while size := int(await reader.readline(), 16):
            await reader.readexactly(size + 2)
        await reader.readline()
        return
    length = head.partition(b"content-length:")[2].partition(b"\r\n")[0]
    await reader.readexactly(int(length))


def report(what: str, servers: Sequence[Server], connections: int) -> None:
    """Measure the servers in turn; print a line for each, with its ratios to the bare server and to ROAPI."""
    rates: dict[str, list[float]] = {server.name: [] for server in servers}
    latencies: dict[str, list[float]] = {server.name: [] for server in servers}
    for number in range(ROUNDS + 1):
        for server in servers:
            rate, took = asyncio.run(load(server, connections))
            if number:  # the first round warms up
                rates[server.name].append(rate)
                latencies[server.name] += took
    medians = {name: statistics.median(values) for name, values in rates.items()}
    for name, median in medians.items():
        cuts = statistics.quantiles(latencies[name], n=100)
        print(
            f"{what}, {connections:2} connections, {name:17}: {median:7.0f}/s"
            f"  p50 {cuts[49] * 1e3:6.2f} ms  p99 {cuts[98] * 1e3:6.2f} ms"
            f"  / bare {median / medians['bare uvicorn']:.3f}  / roapi {median / medians['roapi']:.2f}"
        )


def main() -> None:
    """Print one line a server, question and number of connections."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as running:
        table = exported(Path(folder))
        bare = free_port()
        running.enter_context(process("bare", str(bare)))
        own = running.enter_context(process("outport"))
        assert own.stdout is not None
        ours = int(own.stdout.readline())
        theirs = running.enter_context(roapi("customers", table)).http
        listening(bare)
        for what, servers in questions(ours, bare, theirs).items():
            for connections in CONNECTIONS:
                report(what, servers, connections)


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["bare", number]:
            serve_bare(int(number))
        case ["outport"]:
            serve_outport()
        case _:
            main()
