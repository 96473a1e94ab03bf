"""Servers of our own that are measured: this gateway's web door, and a bare uvicorn that answers a constant."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import uvicorn

from benchmarks import tpch
from benchmarks.deployment import deployed
from benchmarks.processes import free_port, listening, module
from gateway import Gateway, Query
from gateway.serving import engine, kept_rows
from gateway.settings import Settings
from ports.command.serve import settle
from ports.http.server import HttpPort
from ports.postgres.server import PostgresPort

BODY = b'{"data":[' + b"x" * 560 + b"]}"


@contextmanager
def outport(lookups_per_query: int = engine.LOOKUPS_PER_QUERY, kept_after: int = kept_rows.ASKED) -> Iterator[int]:
    """This gateway over what is published, in a process of its own: its web port.

    A query answers `lookups_per_query` lookups at most; after `kept_after` of them, a small table's rows are kept.
    """
    with outport_process(lookups_per_query, kept_after) as (port, _):
        yield port


@contextmanager
def outport_process(
    lookups_per_query: int = engine.LOOKUPS_PER_QUERY, kept_after: int = kept_rows.ASKED
) -> Iterator[tuple[int, int]]:
    """The same: its web port and its process."""
    with module("servers", "outport", str(lookups_per_query), str(kept_after)) as running:
        assert running.stdout is not None
        yield int(running.stdout.readline()), running.pid


@contextmanager
def wire(deployment: str) -> Iterator[tuple[int, int]]:
    """The Postgres door over the demo's products or over TPC-H, in a process of its own: its port and process."""
    with module("servers", "wire", deployment) as running:
        assert running.stdout is not None
        yield int(running.stdout.readline()), running.pid


@contextmanager
def bare() -> Iterator[int]:
    """uvicorn without a framework, in a process of its own: its port."""
    port = free_port()
    with module("servers", "bare", str(port)):
        listening(port)
        yield port


def exported(subject: str, product: str, table: str, path: Path) -> Path:
    """What `subject` sees of a table as parquet at `path`, for peers that read files."""
    gateway = Gateway(deployed())
    result = gateway.answer(gateway.impersonate(subject, "rest"), Query(f'FROM "{product}"."{table}"'))
    with result, pq.ParquetWriter(path, result.schema) as writer:
        for batch in result.batches():
            writer.write_batch(batch)
    gateway.close()
    return path


async def constant(scope: Any, _: Any, send: Any) -> None:
    """The bare application: one answer of about the size of one record."""
    if scope["type"] == "http":
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(BODY)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": BODY})


def serve_outport(settings: Settings, port: type[HttpPort] | type[PostgresPort]) -> None:
    """This server's process: prints its port, ends on SIGTERM."""
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    gateway = Gateway(settings)
    door = port(gateway)
    door.start()
    settle()
    print(door.address[1], flush=True)
    stop.wait()
    door.stop()
    gateway.close()
    os._exit(0)  # the engine's binding would print pages about what is left


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["bare", number]:
            uvicorn.run(constant, host="127.0.0.1", port=int(number), log_level="error", loop="uvloop")
        case ["outport", lookups, asked]:
            engine.LOOKUPS_PER_QUERY, kept_rows.ASKED = int(lookups), int(asked)
            serve_outport(deployed(), HttpPort)
        case ["wire", "demo"]:
            serve_outport(deployed(), PostgresPort)
        case ["wire", "tpch"]:
            serve_outport(tpch.deployed(), PostgresPort)
