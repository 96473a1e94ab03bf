"""Several processes behind the same doors: they share what comes, and know of each other what they must."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import psycopg
import pyarrow.flight as fl
import pytest

from gateway.settings import Settings
from ports.flight import messages as m
from tests.demo import BIN
from tests.ports.command.test_serve import served, variables
from tests.ports.flight.conftest import eventually
from tests.ports.mcp.test_http import HEADERS, INITIALIZE, call

STEWARD = ("steward", "steward-secret")
LIMIT = 100
SILENT_S = 6
PATIENCE_S = 60
LONG = "SELECT sum(a.order_id * b.order_id % (c.order_id + 1)) FROM shop.orders a, shop.orders b, shop.orders c"


class Deployment:
    """A running server of two workers."""

    def __init__(self, process: subprocess.Popen[str], base: str, settings: Settings) -> None:
        self.process, self.base, self.settings = process, base, settings
        assert process.stdout is not None
        lines = "".join(process.stdout.readline() for _ in range(3))
        self.flight = re.findall(r"grpc://\S+", lines)[0]
        self.postgres = int(re.findall(r"PostgreSQL +\S+:(\d+)", lines)[0])

    def connected(self) -> psycopg.Connection:
        """A connection to the Postgres door."""
        return psycopg.connect(
            host="127.0.0.1", port=self.postgres, dbname="outport", user=STEWARD[0], password=STEWARD[1],
            autocommit=True,
        )  # fmt: skip

    def each(self) -> tuple[psycopg.Connection, psycopg.Connection]:
        """A connection to either worker: its process numbers tell them apart."""
        found: dict[int, psycopg.Connection] = {}
        while len(found) < 2:
            one = self.connected()
            if found.setdefault(one.info.backend_pid % 2, one) is not one:
                one.close()
        return found[0], found[1]

    def workers(self) -> list[int]:
        """The processes of the workers."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return [int(one) for one in children if "spawn_main" in Path(f"/proc/{one}/cmdline").read_text()]

    def metric(self, name: str) -> dict[str, float]:
        """The values of a metric over all labels, by worker."""
        text = httpx.get(f"{self.base}/metrics", timeout=60).text
        found: dict[str, float] = {}
        for labels, value in re.findall(rf"^{name}{{(.*)}} (\S+)$", text, re.MULTILINE):
            worker = re.findall(r'worker="(\d+)"', labels)[0]
            found[worker] = found.get(worker, 0.0) + float(value)
        return found

    def computes(self) -> bool:
        """Whether a query runs at any worker."""
        return sum(self.metric("outport_queries_running").values()) == 1

    def filed(self) -> set[str]:
        """The processes that have put on file what they have counted."""
        return {one.stem.rpartition("-")[2] for one in (self.settings.state / "ledger").glob("minutes-*.jsonl")}

    def looked_at(self, path: str) -> bool:
        """Whether somebody has looked at the promises of a product."""
        return httpx.get(f"{self.base}{path}", auth=STEWARD, timeout=60).json()["data"]["at"] is not None

    def lookup(self) -> int:
        """The status of a lookup by key, over a connection of its own."""
        return httpx.get(f"{self.base}/products/shop/orders/1", auth=STEWARD, timeout=60).status_code


@pytest.fixture
def deployment(own_world: Settings) -> Iterator[Deployment]:
    flags = ("--workers", "2", "--slo-s", "0.5", "--rate-limit", str(LIMIT), "--worker-silent-s", str(SILENT_S))
    with served(own_world, *flags) as (process, base):
        yield Deployment(process, base, own_world)


def test_two_processes_serve_one_deployment(deployment: Deployment) -> None:
    zero, one = deployment.each()
    with zero, one:
        _served_by_two(deployment, zero, one)


def _served_by_two(deployment: Deployment, zero: psycopg.Connection, one: psycopg.Connection) -> None:
    # What is cancelled at any process is cancelled where it runs.
    for busy in (zero, one):
        errors: list[BaseException] = []
        thread = threading.Thread(target=run, args=(busy, errors))
        thread.start()
        eventually(deployment.computes, PATIENCE_S)
        for _ in range(8):  # each comes to a process of the kernel's choice
            busy.cancel()
        thread.join(PATIENCE_S)
        assert [type(error) for error in errors] == [psycopg.errors.QueryCanceled]

    # A ticket of one is good at the other, which its endpoint names too.
    with fl.connect(deployment.flight) as client:
        options = fl.FlightCallOptions(headers=[client.authenticate_basic_token(*STEWARD)])
        info = client.get_flight_info(
            fl.FlightDescriptor.for_command(m.pack(m.CommandStatementQuery("SELECT count(*) AS n FROM shop.orders"))),
            options,
        )
        (endpoint,) = info.endpoints
        own, other = (location.uri for location in endpoint.locations)
        assert own.decode() == deployment.flight.rstrip(",")
        with fl.connect(other) as second:
            assert second.do_get(endpoint.ticket, options).read_all().to_pydict() == {"n": [1800]}
    # One that does not tell its numbers in time is left out of a look.
    eventually(lambda: deployment.metric("outport_served_rows_total").keys() == {"0", "1"}, PATIENCE_S)
    _agent_is_known_to_both(deployment)

    # Each files what it has counted; the one above them looks at how promises are kept.
    eventually(lambda: {str(one) for one in deployment.workers()} <= deployment.filed(), PATIENCE_S)
    eventually(lambda: deployment.looked_at("/products/shop/-/slo"), PATIENCE_S)

    # Killed, a worker takes its own connections with it and nobody else's; another takes its place.
    workers = deployment.workers()
    os.kill(workers[0], signal.SIGKILL)
    assert sorted(map(lives, (zero, one))) == [False, True]
    assert httpx.get(f"{deployment.base}/health", timeout=60).status_code == 200
    eventually(lambda: len(deployment.metric("outport_queries_open")) == 2, PATIENCE_S)
    assert workers[0] not in deployment.workers()

    # One that hangs is replaced; who comes meanwhile is answered by the other.
    hanging = workers[1]
    os.kill(hanging, signal.SIGSTOP)
    eventually(lambda: hanging not in deployment.workers(), SILENT_S + PATIENCE_S)
    eventually(lambda: len(deployment.metric("outport_queries_open")) == 2, PATIENCE_S)

    # One principal has one limit, whichever process it comes to.
    eventually(lambda: deployment.lookup() == 429, PATIENCE_S)
    asked = time.monotonic()
    taken = sum(deployment.lookup() == 200 for _ in range(40))
    # What is there again meanwhile, and what processes have let in before they heard of each other: no second bucket,
    # which would have let in all.
    assert taken <= (time.monotonic() - asked) * LIMIT / 60 + 15

    workers = deployment.workers()
    deployment.process.send_signal(signal.SIGTERM)
    assert deployment.process.wait(60) == 0
    assert not any(Path(f"/proc/{one}").exists() for one in workers)


def _agent_is_known_to_both(deployment: Deployment) -> None:
    """A session of one is one of the other's, and what is cancelled at any of them is cancelled where it runs."""

    def post(message: dict[str, object], session: str | None = None) -> httpx.Response:
        headers = {**HEADERS, **({"Mcp-Session-Id": session} if session else {})}
        return httpx.post(
            f"{deployment.base}/mcp", json=message, headers=headers, auth=("analyst", "analyst-secret"), timeout=60
        )

    session = post(INITIALIZE).headers["mcp-session-id"]
    assert [post(call("search_products"), session).status_code for _ in range(6)] == [200] * 6
    answers: list[httpx.Response] = []
    thread = threading.Thread(target=lambda: answers.append(post(call("query_sql", sql=LONG), session)))
    thread.start()
    eventually(deployment.computes, PATIENCE_S)
    cancelled: dict[str, object] = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 7}}
    for _ in range(6):
        assert post(cancelled, session).status_code == 202
    thread.join(PATIENCE_S)
    assert "cancelled" in answers[0].text


def test_a_worker_that_cannot_start_ends_the_server_with_its_reason(own_world: Settings) -> None:
    shutil.rmtree(own_world.audit, ignore_errors=True)
    own_world.audit.write_text("in the way")
    answer = subprocess.run(
        [BIN / "outport", "serve", "--workers", "2"],
        env=variables(own_world), capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert answer.returncode == 1
    assert "error: the audit cannot be" in answer.stderr
    assert "Traceback" not in answer.stderr
    assert answer.stderr.strip().splitlines()[-1].startswith("error: workers: a worker did not start")


def lives(one: psycopg.Connection) -> bool:
    """Whether a connection still answers."""
    try:
        return one.execute("SELECT count(*) FROM shop.orders").fetchone() == (1800,)
    except psycopg.OperationalError:
        return False


def run(one: psycopg.Connection, errors: list[BaseException]) -> None:
    """Ask what takes long, and keep what it ends with."""
    try:
        one.execute(LONG)
    except psycopg.Error as error:
        errors.append(error)
