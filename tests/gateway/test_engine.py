"""The engine: two clocks, cancel from any thread, bounded memory, one turn each, snapshots detached when unused."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow as pa
import pytest

from gateway.errors import BadQuery, Cancelled, Exhausted, Expired, NotFound, Timeout
from gateway.limits import Limits
from gateway.serving import running, stream
from gateway.serving.running import Alone
from tests.gateway.bench import USERS, Bench, grant, product, table
from tests.ports.flight.conftest import eventually

ENDLESS = "WITH RECURSIVE r AS (SELECT 1 AS i UNION ALL SELECT i FROM r) SELECT sum(i) FROM r"
LARGE = "SELECT i, 'row ' || i AS s FROM range(9000000) r(i)"


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.engine.close()


def test_a_query_stops_at_its_computing_deadline(bench: Bench) -> None:
    with pytest.raises(Timeout), bench.start(ENDLESS, limits=Limits(0.2, 10, None)) as result:
        list(result.batches())
    assert bench.summaries[-1].outcome == "timeout"
    assert bench.rows("SELECT 1 AS a") == [{"a": 1}]


def test_waiting_for_a_slow_consumer_is_not_computing(bench: Bench) -> None:
    with bench.start(LARGE + " LIMIT 20000", limits=Limits(5, 10, None)) as result:
        batches = result.batches()
        next(batches)
        threading.Event().wait(0.2)
        assert sum(batch.num_rows for batch in batches) > 0
    assert result.summary is not None
    assert result.summary.rows == 20000


def test_an_idle_consumer_is_closed_and_told(bench: Bench) -> None:
    with bench.start(LARGE, limits=Limits(60, 0.5, None)) as result:
        batches = result.batches()
        next(batches)
        _until(lambda: result.summary is not None)
        with pytest.raises(Timeout):
            next(batches)


def test_cancel_stops_a_query_before_its_first_batch(bench: Bench) -> None:
    with bench.start(ENDLESS) as result:
        timer = threading.Timer(0.2, result.cancel)
        timer.start()
        with pytest.raises(Cancelled):
            list(result.batches())
        timer.join()
    assert bench.summaries[-1].outcome == "cancelled"


def test_cancel_stops_a_query_between_batches(bench: Bench) -> None:
    with bench.start(LARGE) as result:
        batches = result.batches()
        next(batches)
        result.cancel()
        with pytest.raises(Cancelled):
            next(batches)


def test_close_from_another_thread_frees_a_computing_query(bench: Bench) -> None:
    result = bench.start(ENDLESS)
    with ThreadPoolExecutor() as pool:
        reading = pool.submit(lambda: list(result.batches()))
        _until(lambda: result._source.computing_since is not None)
        result.close()
        with pytest.raises(Cancelled):
            reading.result(timeout=60)


def test_an_abandoned_stream_is_freed_when_its_iterator_goes(bench: Bench) -> None:
    result = bench.start(LARGE)
    batches = result.batches()
    next(batches)
    batches.close()  # type: ignore[attr-defined]
    assert result.summary is not None
    assert result.summary.outcome == "closed"


def test_an_answer_above_its_row_limit_is_refused(bench: Bench) -> None:
    with pytest.raises(Exhausted, match="1000 rows"), bench.start(LARGE, limits=Limits(5, 5, 1000)) as result:
        list(result.batches())


def test_too_many_queries_at_once_are_refused_after_a_short_queue(tmp_path: Path) -> None:
    made = Bench(tmp_path)
    made.engine._slots.queue_s = 0.1
    running = [made.start(ENDLESS) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        reading = [pool.submit(lambda r=r: list(r.batches())) for r in running]
        _until(lambda: all(r._source.computing_since is not None for r in running))
        with pytest.raises(Exhausted, match="busy"):
            made.rows("SELECT 1")
        for result in running:
            result.cancel()
        for future in reading:
            with pytest.raises(Cancelled):
                future.result(timeout=60)
    assert made.rows("SELECT 1 AS a") == [{"a": 1}]
    made.engine.close()


def test_a_right_that_ends_ends_the_open_stream(bench: Bench) -> None:
    from tests.gateway.bench import NOWHERE, Query

    plan = bench.binder.bind(Query(LARGE), USERS, (), bench.resolve)
    limits = Limits(5, 5, None)
    result = bench.engine.run(
        plan, "arrow", limits, 2048, time.time() + 0.1, NOWHERE, bench.summaries.append, lambda: None
    )
    with pytest.raises(NotFound), result:
        for _ in result.batches():
            pass


def test_wrong_parameters_are_told_apart_from_wrong_values(bench: Bench) -> None:
    for text, parameters, reason in [
        ("SELECT $1", (), "parameter"),
        ("SELECT $1", (1, 2), "parameter"),
        ("SELECT $1::INT", ("abc",), "value"),
        ("SELECT $1::TINYINT", (1000,), "range"),
        ("SELECT $1", (object(),), "unsupported"),
    ]:
        with pytest.raises(BadQuery) as refusal:
            bench.rows(text, parameters)
        assert refusal.value.reason == reason, text


def test_a_result_s_schema_is_the_schema_of_its_batches(bench: Bench) -> None:
    for value in (1, 2**40, 2**70, 1.5, "x", None, True, [1, 2], [2**40], b"x"):
        with bench.start("SELECT $1 AS v, 1 AS v", (value,)) as result:
            for batch in result.batches():
                assert batch.schema == result.schema


def test_a_stream_s_memory_does_not_grow_with_its_rows(bench: Bench) -> None:
    def resident_mb() -> float:
        return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 2**20

    bench.table(LARGE + " LIMIT 100000")
    before = resident_mb()
    rows = sum(batch.num_rows for batch in bench.batches(LARGE))
    assert rows == 9_000_000
    assert resident_mb() - before < 150


def test_a_replaced_snapshot_is_detached_when_its_last_query_ends(own: Bench) -> None:
    for name in ("a1", "a2"):
        made = own.snapshot(name, product("p", table("t", {"i": "BIGINT"})), "SELECT range AS i FROM range(100000)")
        own.names[(name, "t")] = grant(made)
    with own.start("SELECT * FROM a1.t") as result:
        batches = result.batches()
        next(batches)
        own.rows("SELECT count(*) FROM a2.t")
        own.engine.keep({"a2"})
        assert own.engine._serving._attached == {"a1", "a2"}
        assert sum(batch.num_rows for batch in batches) == 100_000 - 2048
    assert own.engine._serving._attached == {"a2"}


def test_a_snapshot_that_is_no_longer_kept_has_expired(own: Bench) -> None:
    made = own.snapshot("gone", product("p", table("t", {"i": "BIGINT"})), "SELECT range AS i FROM range(10)")
    own.names[("p", "t")] = grant(made)
    made.path.unlink()
    with pytest.raises(Expired):
        own.rows("SELECT * FROM p.t")


def test_equal_decisions_share_a_view_and_many_threads_may_make_it(own: Bench) -> None:
    made = own.snapshot("a1", product("p", table("t", {"i": "BIGINT"})), "SELECT range AS i FROM range(10)")
    own.names[("p", "t")] = grant(made, rows='"i" < 5')
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: own.rows("SELECT count(*) AS n FROM p.t"), range(40)))
    assert answers == [[{"n": 5}]] * 40
    assert len(own.engine._serving._views) == 1


def _until(holds: object) -> None:
    deadline = time.monotonic() + 60
    while not holds():  # type: ignore[operator]
        assert time.monotonic() < deadline
        threading.Event().wait(0.01)


def test_a_query_that_no_interrupt_ends_is_known_as_such(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "DEAF_S", 0.2)
    monkeypatch.setattr(Alone, "interrupt", lambda _: None)
    with ThreadPoolExecutor(1) as thread, bench.start(ENDLESS, limits=Limits(0.2, 10, None)) as result:
        asked = thread.submit(lambda: list(result.batches()))
        eventually(lambda: bench.engine.deaf)
        monkeypatch.undo()
        with pytest.raises(Timeout):
            asked.result(60)
    assert not bench.engine.deaf


def test_a_small_query_tries_again_while_others_hold_the_memory(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    read, tries = Alone._read, list[float]()

    def starved(self: Alone) -> pa.RecordBatch | None:
        tries.append(time.monotonic())
        if len(tries) < 3:
            raise OSError("Out of Memory Error: failed to allocate data")
        return read(self)

    monkeypatch.setattr(Alone, "_read", starved)
    monkeypatch.setattr(bench.engine._slots, "queue_s", 60)
    monkeypatch.setattr(running, "SMALL_S", 60)
    with bench.start("SELECT 7 AS n", limits=Limits(5, 5, None)) as result:
        assert next(result.batches()).column(0).to_pylist() == [7]
    assert tries[2] - tries[0] > 2 * running.AGAIN_S


def test_a_query_that_has_taken_its_time_does_not_try_again(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def hungry(_: Alone) -> pa.RecordBatch | None:
        raise OSError("Out of Memory Error: failed to allocate data")

    monkeypatch.setattr(running, "SMALL_S", 0.0)
    monkeypatch.setattr(Alone, "_read", hungry)
    with pytest.raises(Exhausted, match="memory"), bench.start("SELECT 7 AS n") as result:
        list(result.batches())
