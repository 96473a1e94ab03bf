"""A bare Flight server of one table in its memory, in a process of its own: the most that Flight itself can do here."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.flight as fl

from benchmarks.deployment import ROOT, deployed
from gateway import Gateway, Query

BATCH_ROWS = 65_536


@dataclass(frozen=True)
class Running:
    """A running bare server: its process and its address."""

    pid: int
    url: str


class Memory(fl.FlightServerBase):  # type: ignore[misc]
    """Answers whatever is asked with one table."""

    def __init__(self, table: pa.Table) -> None:
        super().__init__("grpc://127.0.0.1:0")
        self._table = table

    def get_flight_info(self, context: fl.ServerCallContext, descriptor: fl.FlightDescriptor) -> fl.FlightInfo:
        """One endpoint."""
        return fl.FlightInfo(self._table.schema, descriptor, [fl.FlightEndpoint(b"all", [])], -1, -1)

    def do_get(self, context: fl.ServerCallContext, ticket: fl.Ticket) -> fl.FlightDataStream:
        """The table, streamed by Flight's own C++ code."""
        return fl.RecordBatchStream(self._table)


@contextmanager
def raw(query: str, subject: str) -> Iterator[Running]:
    """A bare server of what `subject` gets for `query` from this gateway."""
    arguments = [sys.executable, "-m", "benchmarks.flight_raw", query, subject]
    process = subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert process.stdout is not None
    try:
        yield Running(process.pid, process.stdout.readline().strip())
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


def serve(query: str, subject: str) -> None:
    """The server's process: prints its address, ends on SIGTERM."""
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    gateway = Gateway(deployed())
    with gateway.answer(gateway.impersonate(subject, "python"), Query(query), batch_rows=BATCH_ROWS) as result:
        table = pa.Table.from_batches(result.batches(), result.schema)
    gateway.close()
    server = Memory(table)
    print(f"grpc://127.0.0.1:{server.port}", flush=True)
    stop.wait()
    server.shutdown()


if __name__ == "__main__":
    serve(*sys.argv[1:])
