"""What an answer costs: bytes as its client gets them, and CPU of the threads that compute and render it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import httpx
import psycopg
import pyarrow as pa
import pytest

from gateway import Gateway, Password, Query
from gateway.serving.cpu import Account, Lap, Meter
from gateway.serving.running import Alone, Slots
from gateway.serving.stream import Late, Summary
from gateway.sql import duck
from ports.http.server import HttpPort
from tests.conftest import World
from tests.doors import FlightDoor, GraphQLDoor, PostgresDoor
from tests.mcp_door import McpDoor

TEXT = "SELECT order_id, remark FROM shop.orders ORDER BY order_id"
BUSY = "SELECT sum(hash(range)) AS n FROM range(3000000)"
ORDERS = "/products/shop/orders"


@pytest.fixture
def own(world: World) -> Iterator[Gateway]:
    """A gateway of this test's own on the world: its counters begin at nothing."""
    gateway = Gateway(world.settings)
    yield gateway
    gateway.close()


def counted(gateway: Gateway, name: str, port: str) -> float:
    """A counter of the metrics, of the product shop at a door."""
    body = gateway.metrics.exposition("").body.decode()
    sample = f'outport_{name}_total{{port="{port}",product="shop"}} '
    return sum(float(line.removeprefix(sample)) for line in body.splitlines() if line.startswith(sample))


@pytest.mark.parametrize("coding", ["identity", "gzip", "zstd"])
@pytest.mark.parametrize("path", [ORDERS, f"{ORDERS}?limit=1800", f"{ORDERS}?format=arrow", f"{ORDERS}/7"])
def test_of_an_answer_over_http_the_bytes_are_counted_that_its_client_gets(
    own: Gateway, path: str, coding: str
) -> None:
    port = HttpPort(own)
    port.start()
    try:
        with (
            httpx.Client(base_url="http://{}:{}".format(*port.address), auth=("steward", "steward-secret")) as client,
            client.stream("GET", path, headers={"Accept-Encoding": coding}) as answer,
        ):
            got = sum(map(len, answer.iter_raw()))
            assert answer.status_code == 200
    finally:
        port.stop()
    assert counted(own, "sent_bytes", "rest") == got
    assert counted(own, "rendered_cpu_seconds", "rest") > 0
    assert counted(own, "cpu_seconds", "rest") > 0


def test_an_answer_that_its_client_has_already_is_sent_no_more(own: Gateway) -> None:
    port = HttpPort(own)
    port.start()
    try:
        with httpx.Client(base_url="http://{}:{}".format(*port.address), auth=("steward", "steward-secret")) as client:
            answer = client.get(f"{ORDERS}/7")
            before = counted(own, "sent_bytes", "rest")
            again = client.get(f"{ORDERS}/7", headers={"If-None-Match": answer.headers["etag"]})
    finally:
        port.stop()
    assert again.status_code == 304
    assert counted(own, "sent_bytes", "rest") == before > 0


def test_over_the_wire_of_postgresql_the_messages_of_rows_are_counted(own: Gateway) -> None:
    door = PostgresDoor(own)
    try:
        rows = list(zip(*door.ask("steward", TEXT).to_pydict().values(), strict=True))
        one = door.ask("steward", "SELECT order_id FROM shop.orders WHERE order_id = 7")
        assert one.num_rows == 1
    finally:
        door.close()
    cells = [len(str(cell)) if cell is not None else 0 for row in rows for cell in row]
    assert counted(own, "sent_bytes", "postgres") == 7 * len(rows) + 4 * len(cells) + sum(cells) + (7 + 4 + 1)
    assert counted(own, "rendered_cpu_seconds", "postgres") > 0


def test_a_copy_is_counted_as_its_lines(own: Gateway) -> None:
    door = PostgresDoor(own)
    try:
        host, number = door._port.address
        who = {"user": "steward", "password": "steward-secret", "dbname": "outport"}
        with (
            psycopg.connect(host=host, port=number, autocommit=True, **who) as connection,
            connection.cursor().copy(f"COPY ({TEXT}) TO STDOUT") as copy,
        ):
            lines = [bytes(part) for part in copy]
    finally:
        door.close()
    assert counted(own, "sent_bytes", "postgres") == sum(len(line) + 5 for line in lines)


def test_over_flight_the_batches_are_counted_as_they_are_written(own: Gateway) -> None:
    door = FlightDoor(own)
    try:
        table = door.ask("steward", TEXT)
    finally:
        door.close()
    (batch,) = table.combine_chunks().to_batches()
    assert counted(own, "sent_bytes", "flightsql") == pa.ipc.get_record_batch_size(batch)
    assert counted(own, "rendered_cpu_seconds", "flightsql") > 0


def test_what_leaves_while_another_thread_ends_the_answer_is_counted(
    own: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = own.answer(own.open(Password("steward", "steward-secret"), "rest"), Query(TEXT))
    ended = result._finish

    def meanwhile(summary: Summary) -> Late | None:
        result.sent(321)
        return ended(summary)

    monkeypatch.setattr(result, "_finish", meanwhile)
    with result:
        next(iter(result.batches()))
    assert counted(own, "sent_bytes", "rest") == 321


def test_two_answers_in_one_body_share_its_bytes(own: Gateway) -> None:
    door = GraphQLDoor(own)
    try:
        text = "{ shop { a: orders(limit: 900) { order_id remark } b: orders(limit: 1) { order_id } } }"
        body = door.answer("steward", text).num_bytes_downloaded
    finally:
        door.close()
    assert body - 1 <= counted(own, "sent_bytes", "graphql") <= body


def test_what_a_tool_tells_an_agent_is_counted(own: Gateway) -> None:
    door = McpDoor(own)
    try:
        door.ask("steward", "query_sql", sql="SELECT count(*) AS n FROM shop.orders")
    finally:
        door.close()
    assert counted(own, "sent_bytes", "mcp") > 0


def test_what_threads_spend_beside_is_somebody_s_and_nothing_is_told_twice(tmp_path: Path) -> None:
    slots = Slots(4, 10)
    spent = time.process_time()
    instance = duck.serving(
        threads=3, memory_limit="200MB", snapshots=tmp_path, spill=tmp_path / "s", workers=slots.cpu.workers()
    )
    sources = [Alone(instance.cursor, BUSY, (), 8192, slots) for _ in range(3)]
    threads = [threading.Thread(target=partial(one.next, None)) for one in sources]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    told = [one.cpu_s for one in sources]
    workers = slots.cpu.read_s
    spent = time.process_time() - spent
    for one in sources:
        one.close()
    instance.close()
    assert all(one > 0 for one in told)
    assert workers < sum(told) < spent
    assert [one.cpu_s for one in sources] == told


def test_who_waits_spends_nothing() -> None:
    meter, account, waited = Meter(), Account(), threading.Event()
    began = time.thread_time()
    with meter.counting(account):
        waited.wait(0.05)
    assert 0 < meter.spent_s(account) < time.thread_time() - began


def test_what_another_thread_does_meanwhile_is_no_rendering() -> None:
    lap = Lap()
    lap.begin()
    other = threading.Thread(target=lap.end)
    other.start()
    other.join()
    lap.end()
    assert lap.spent_s == 0


def test_the_cpu_of_an_answer_is_on_record(own: Gateway) -> None:
    session = own.open(Password("steward", "steward-secret"), "rest")
    with own.answer(session, Query(TEXT)) as result:
        list(result.batches())
    assert result.summary is not None
    assert result.summary.cpu_ms > 0


def test_who_looks_at_the_clocks_beside_a_query_that_ends_takes_nothing_from_it() -> None:
    meter = Meter()
    meter._read[time.CLOCK_THREAD_CPUTIME_ID] = 0.0
    ended = Account()

    class Busy:
        """A lock that another thread holds for a while, and looks, before the query gets it at its end."""

        def __enter__(self) -> None:
            if ended in meter._running:
                meter._look(time.monotonic())

        def __exit__(self, *_: object) -> None:
            pass

    meter._lock = Busy()  # type: ignore[assignment]
    with meter.counting(ended):
        meter._looked = time.monotonic() + 60
    assert [one for one in meter._ran.values() if one < 0] == []
    assert list(meter._ran) == [ended]
