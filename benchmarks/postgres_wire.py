"""The Postgres door beside PostgreSQL 15: bulk, TPC-H under a filter, connections, lookups by key; the same client.

Each server runs in a process of its own and is asked in turn, round by round; ratios are taken within a round. Bulk is
read from the socket and dropped, so that the client is no limit. ROAPI's door stands beside where it answers.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import pyarrow.parquet as pq

from benchmarks import servers, tpch
from benchmarks.deployment import QUICK, deployed, seconds
from benchmarks.flight_pull import PARQUET, ROWS, peak_resident, resident
from benchmarks.load import Wire
from benchmarks.postgres import CUSTOMERS, MEASURED, PROMOTIONS, Running, postgres
from benchmarks.processes import Absent, offered
from benchmarks.roapi import roapi
from benchmarks.tables import figure, machine, markdown
from benchmarks.wire_pull import FORMS, begun, pull

ROUNDS = 2 if QUICK else 5
LOAD_S = 0.5 if QUICK else 0.8
CONNECTS = 10 if QUICK else 40
CONNECTIONS = (1, 16, 64)
IDLE = 50
SLOW_S, SLOW_BYTES = 3.0, 1 << 18
KEYS = 400
PART = 1_000_000
OURS, THEIRS, OTHERS = "outport", "PostgreSQL 15", "ROAPI"
Asked = Callable[[], object]


def url(port: int, subject: str, password: str) -> str:
    """Our door, or ROAPI's, for psycopg."""
    return f"postgresql://{subject}:{password}@127.0.0.1:{port}/outport"


def rounds(work: Mapping[str, Asked], count: int = ROUNDS) -> dict[str, list[float]]:
    """Seconds of each, in turn, `count` times. Whoever asks has asked before: all is warm."""
    took: dict[str, list[float]] = {name: [] for name in work}
    for _ in range(count):
        for name, one in work.items():
            took[name].append(seconds(one))
    return took


def ratio(took: Mapping[str, list[float]], name: str) -> float:
    """How many times as long as ours it took: the median over the rounds."""
    return statistics.median(other / ours for other, ours in zip(took[name], took[OURS], strict=True))


def bulk(port: int, pid: int, database: Running | None, other: str | None) -> list[list[str]]:
    """Every row of promotions in each form; a line of the table for each."""
    ours, lines = url(port, "analyst", "analyst-demo"), []
    pull(ours, "SELECT * FROM promotions.promotions", FORMS[0], ROWS)
    for form in FORMS:
        work: dict[str, Asked] = {OURS: lambda form=form: pull(ours, "SELECT * FROM promotions.promotions", form, ROWS)}
        if database is not None:
            work[THEIRS] = lambda form=form: pull(database.url, "SELECT * FROM promotions", form, ROWS)
        took = rounds(work)
        for name, several in took.items():
            print(f"bulk, {form}, {name}: {ROWS / statistics.median(several) / 1e6:.2f} M rows/s", flush=True)
        lines.append(line(f"{ROWS:,} rows, {form} (rows/s)", took))
    if other is not None:
        # It makes all of an answer before it sends the first row, so it is asked for less.
        part = f"FROM promotions LIMIT {PART}"
        our_part = part.replace("promotions", "promotions.promotions")
        work = {OURS: lambda: pull(ours, f"SELECT * {our_part}", FORMS[0], PART)}
        work |= {OTHERS: lambda: pull(other, f"SELECT * {part}", FORMS[0], PART)}
        lines.append(line(f"{PART:,} rows of these, {FORMS[0]} (rows/s)", rounds(work)))
    first = statistics.median(pull(ours, "SELECT * FROM promotions.promotions", FORMS[0], ROWS).first_s for _ in "123")
    print(f"bulk, first row of all: {first * 1e3:.0f} ms (target 200)")
    print(f"bulk, a client that reads slowly: RSS +{slow(ours, pid) / 1e6:.0f} MB at most (target 300)")
    return lines


def slow(ours: str, pid: int) -> int:
    """By how many bytes the server grows at most while a client takes little of a long answer."""
    before, end = resident(pid), time.monotonic() + SLOW_S
    with begun(ours, "SELECT * FROM promotions.promotions", FORMS[0]) as wire, peak_resident(pid) as peak:
        while time.monotonic() < end:
            wire.recv(SLOW_BYTES)
            time.sleep(0.02)
    return peak[0] - before


def line(title: str, took: Mapping[str, list[float]]) -> list[str]:
    """Ours over theirs, theirs in parts; an empty cell where there is none."""
    return [title, *(figure(ratio(took, name)) if name in took else "" for name in (THEIRS, OTHERS))]


def analytics(database: Running | None) -> list[list[str]]:
    """TPC-H under a filter on lineitem: over the wire, in plain views in this process, in PostgreSQL."""
    settings, lines = tpch.deployed(), []
    with tpch.views(settings) as views, servers.wire("tpch") as (port, _), ExitStack() as stack:
        ours = stack.enter_context(_connection(url(port, tpch.SUBJECT, tpch.SUBJECT), "tpch"))
        theirs = None if database is None else stack.enter_context(_connection(database.url, "governed"))
        for name, text in tpch.QUERIES.items():
            views_of = f"{name}, views"
            answers: dict[str, Callable[[], list[Any]]] = {}
            answers[OURS] = lambda text=text: ours.execute(text).fetchall()
            answers[views_of] = lambda text=text: views.execute(text).fetchall()
            if theirs is not None:
                answers[THEIRS] = lambda text=text: theirs.execute(text).fetchall()
            assert len({len(one()) for one in answers.values()}) == 1, name
            took = rounds(answers)
            # Milliseconds: asked more often than PostgreSQL, which takes seconds.
            cost = 1 / ratio(rounds({OURS: answers[OURS], views_of: answers[views_of]}, 5 * ROUNDS), views_of)
            shown = ", ".join(f"{who} {statistics.median(several) * 1e3:.1f} ms" for who, several in took.items())
            print(f"TPC-H {name}: {shown}; over the wire / plain views: {cost:.2f} (target 1.15)", flush=True)
            lines.append([f"TPC-H SF1 {name}, {cost:.2f} x plain views", *line("", took)[1:]])
    return lines


@contextmanager
def _connection(address: str, search_path: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(address, autocommit=True, options=f"-c search_path={search_path}") as made:
        yield made


def connecting(port: int, pid: int, database: Running | None) -> list[list[str]]:
    """Connect by SCRAM, SELECT 1, close; and what an idle connection weighs."""
    addresses = {OURS: url(port, "analyst", "analyst-demo")}
    if database is not None:
        addresses[THEIRS] = database.url.replace("postgres@", f"{MEASURED}:{MEASURED}@")

    def several(address: str) -> None:
        for _ in range(CONNECTS):
            with psycopg.connect(address, autocommit=True) as made:
                assert made.execute("SELECT 1").fetchall() == [(1,)]

    for address in addresses.values():
        several(address)
    took = rounds({name: partial(several, address) for name, address in addresses.items()})
    for name, spent in took.items():
        print(f"connect by SCRAM + SELECT 1, {name}: {statistics.median(spent) / CONNECTS * 1e3:.2f} ms", flush=True)
    with ExitStack() as stack:
        before = resident(pid)
        for _ in range(IDLE):
            stack.enter_context(psycopg.connect(addresses[OURS], autocommit=True)).execute("SELECT 1").fetchall()
        print(f"an idle connection: {(resident(pid) - before) / IDLE / 1e3:.0f} kB")
    return [line("connect by SCRAM + SELECT 1", took)]


def lookups(port: int, database: Running | None, keys: Path) -> list[list[str]]:
    """One customer by key from a prepared statement, at several numbers of connections."""
    rows = pq.read_table(keys, columns=["household_id"])
    some = rows.take(list(range(0, rows.num_rows, max(1, rows.num_rows // KEYS)))).column(0).to_pylist()
    values, python = tuple((key,) for key in some), Path(sys.executable)
    text = "SELECT * FROM {} WHERE household_id = $1"
    ours = Wire(OURS, python, url(port, "steward", "steward-demo"), text.format("customer_360.customers"), values)
    targets = [ours]
    if database is not None:
        targets.append(Wire(THEIRS, python, database.url, text.format("customers"), values))
    lines = []
    for connections in CONNECTIONS:
        measured: dict[str, list[float]] = {target.name: [] for target in targets}
        for number in range(ROUNDS + 1):
            for target in targets:
                one = target.load(connections, LOAD_S)
                if number:
                    measured[target.name].append(1 / one.rate)
                if number == ROUNDS:
                    cuts = statistics.quantiles(one.latencies, n=100)
                    print(
                        f"lookup by key, {connections:2} connections, {target.name}: {one.rate:.0f}/s, p50"
                        f" {cuts[49] * 1e3:.2f} ms, p99 {cuts[98] * 1e3:.2f} ms, client busy {one.busy:.0%}",
                        flush=True,
                    )
        lines.append(line(f"prepared lookup by key, {connections} connections", measured))
    return lines


def main(wanted: Sequence[str]) -> None:
    """Print one line a figure, and the table of ratios."""
    deployed("promotions", "retail", "customer_360")
    lines: list[list[str]] = []
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        customers = servers.exported("steward", "customer_360", "customers", Path(folder) / "customers.parquet")
        port, pid = stack.enter_context(servers.wire("demo"))
        database = offered(lambda: stack.enter_context(postgres(PROMOTIONS, CUSTOMERS)))
        peer = offered(lambda: stack.enter_context(roapi(promotions=PARQUET)))
        other = None if peer is None else f"postgresql://roapi@127.0.0.1:{peer.postgres}/roapi"
        parts: dict[str, Callable[[], list[list[str]]]] = {
            "bulk": lambda: bulk(port, pid, database, other),
            "connect": lambda: connecting(port, pid, database),
            "lookup": lambda: lookups(port, database, customers),
            "tpch": lambda: _filled(database, Path(folder)),
        }
        for name in wanted or parts:
            lines += parts[name]()
    head = ["outport's speed over its", THEIRS, OTHERS]
    print(f"\n{machine()}. Cells: how many times as long the other takes.\n\n{markdown(head, lines)}")


def _filled(database: Running | None, folder: Path) -> list[list[str]]:
    try:
        tpch.deployed()
    except Absent as absent:
        print(f"left out: {absent}")
        return []
    if database is not None:
        tpch.fill(database, folder)
    return analytics(database)


if __name__ == "__main__":
    main(sys.argv[1:])
