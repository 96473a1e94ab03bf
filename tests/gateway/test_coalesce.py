"""Lookups that wait at the same time share one query, and none of them can tell."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, get_args
from uuid import UUID

import duckdb
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.decision import Treatment
from gateway.errors import BadQuery, Cancelled, Exhausted, GatewayError, Timeout
from gateway.limits import Limits
from gateway.serving import engine, kept_rows
from gateway.serving.forms import Form, Shape
from gateway.serving.stream import Result
from gateway.serving.wire_forms import Wire
from gateway.sql import duck
from tests.gateway.bench import LIMITS, Bench, grant, product, table
from tests.gateway.test_forms import SAMPLES

SHAPES: tuple[Form, ...] = get_args(Shape)
FORMS: tuple[Form, ...] = (*SHAPES, Wire((0,)), Wire((1,)))
BY_ID = "SELECT * FROM shop.people WHERE id = $1"
ROWS = (
    "SELECT i::INTEGER AS id, 'CANARY' || i AS name, CASE WHEN i % 7 > 0 THEN i % 2 = 0 END AS sold, "
    "CASE WHEN i % 3 > 0 THEN (i / 4)::DECIMAL(18,2) END AS price, "
    "CASE WHEN i % 3 > 0 THEN ['t' || i, NULL] END AS tags FROM range(400) r(i)"
)
COLUMNS = {"id": "INTEGER", "name": "VARCHAR", "sold": "BOOLEAN", "price": "DECIMAL(18,2)", "tags": "VARCHAR[]"}


class Shop(Bench):
    """A bench that counts its queries, and can hold every turn until many lookups wait."""

    def __init__(self, folder: Path, snapshot_id: str = "a1") -> None:
        super().__init__(folder)
        self.engine._slots.queue_s = 60
        snapshot = self.snapshot(snapshot_id, product("shop", table("people", COLUMNS, ("id",))), ROWS)
        mask = Treatment("partial", 'left("name", 6) || right("name", 1)', "partial", ("m",))
        self.names[("shop", "people")] = grant(snapshot, '"id" % 5 <> 0', name=mask)

    def wait(self, lookups: int) -> None:
        """Until so many lookups wait for a turn."""
        coalescer = self.engine._coalescer
        until(lambda: sum(len(group.waiting) for group in list(coalescer._groups.values())) >= lookups)

    @contextmanager
    def together(self, lookups: int) -> Iterator[ThreadPoolExecutor]:
        """A pool whose `lookups` find no turn before all of them wait for one."""
        slots = self.engine._slots
        with ThreadPoolExecutor(lookups) as pool:
            for _ in range(4):
                slots.take(None)
            try:
                yield pool
                self.wait(lookups)
            finally:
                for _ in range(4):
                    slots.give()

    def at_once(self, text: str, keys: Sequence[Any], form: Form = "arrow") -> list[pa.Table | GatewayError]:
        """The answer to each of `keys`, all of them asked at the same time."""
        with self.together(len(keys)) as pool:
            asked = [pool.submit(self.answered, text, key, form) for key in keys]
        return [future.result() for future in asked]

    def answered(self, text: str, key: Any, form: Form = "arrow") -> pa.Table | GatewayError:
        """The answer to one lookup, or its refusal."""
        try:
            return self.table(text, key if isinstance(key, tuple | dict) else (key,), form)
        except GatewayError as error:
            return error


@pytest.fixture(scope="module", autouse=True)
def no_rows_are_kept() -> Iterator[None]:
    """What is kept needs no query, shared or not: it has tests of its own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kept_rows, "ASKED", 1 << 60)
        yield


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    made = Shop(tmp_path_factory.mktemp("coalesce"))
    yield made
    made.engine.close()


@pytest.fixture
def queries(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The text of each query that ran."""
    texts: list[str] = []
    stream = duck.stream

    def counted(cursor: Any, text: str, *rest: Any) -> pa.RecordBatchReader:
        texts.append(text)
        return stream(cursor, text, *rest)

    monkeypatch.setattr(duck, "stream", counted)
    return texts


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline
        threading.Event().wait(0.001)


def wire(answer: pa.Table | GatewayError) -> bytes:
    """The bytes of an answer as they leave a door."""
    assert isinstance(answer, pa.Table), answer
    return bytes(answer.schema.serialize()) + b"".join(bytes(batch.serialize()) for batch in answer.to_batches())


def ids(answers: Sequence[pa.Table | GatewayError]) -> list[list[int]]:
    return [answer.column("id").to_pylist() for answer in answers if isinstance(answer, pa.Table)]


def test_lookups_that_wait_together_are_one_query(shop: Shop, queries: list[str]) -> None:
    keys = [*range(1, 64), 3, 3, 10, 999]
    assert ids(shop.at_once(BY_ID, keys)) == [[key] if key < 400 and key % 5 else [] for key in keys]
    assert len(queries) == 1


def test_no_row_has_a_key_of_null(shop: Shop) -> None:
    assert ids([shop.answered(BY_ID, None)]) == [[]]


def test_a_lookup_without_company_is_its_own_query(shop: Shop, queries: list[str]) -> None:
    assert ids([shop.answered(BY_ID, 7)]) == [[7]]
    assert [text for text in queries if "unnest" in text] == []
    assert shop.engine._coalescer._groups == {}


@pytest.mark.parametrize("form", FORMS)
def test_an_answer_s_bytes_do_not_tell_whether_its_query_was_shared(shop: Shop, form: Form, queries: list[str]) -> None:
    keys = [*range(1, 40), 999]
    alone = [wire(shop.answered(BY_ID, key, form)) for key in keys]
    queries.clear()
    assert [wire(answer) for answer in shop.at_once(BY_ID, keys, form)] == alone
    assert len(queries) == 1


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(
    keys=st.lists(
        st.one_of(st.integers(-5, 405), st.sampled_from([2**31, -(2**31), 2**63 - 1])), min_size=1, max_size=24
    ),
    form=st.sampled_from(FORMS),
    text=st.sampled_from(
        [
            BY_ID,
            "SELECT name, id AS name, p.tags FROM shop.people AS p WHERE $1 = p.id",
            "SELECT * EXCLUDE (name), price FROM outport.shop.people WHERE id IN ($1)",
            "SELECT tags[1:1] IS NULL AS x FROM shop.people WHERE id = $1",
            'SELECT id AS "$place" FROM shop.people WHERE id = $1',
            'SELECT "$keys".id FROM shop.people AS "$keys" WHERE id = $1',
        ]
    ),
)
def test_shared_or_not_is_one_answer(shop: Shop, keys: list[int], form: Form, text: str) -> None:
    shop.names[("outport", "shop", "people")] = shop.names[("shop", "people")]
    with ThreadPoolExecutor(len(keys)) as pool:
        asked = [pool.submit(shop.answered, text, key, form) for key in keys]
    assert [wire(one.result()) for one in asked] == [wire(shop.answered(text, key, form)) for key in keys]


KEYS: dict[str, list[Any]] = {
    "TINYINT": [1, -128, 127, 500],
    "UBIGINT": [0, 2**63 - 1, 7, -1],
    "HUGEINT": [0, 2**62, -(2**62)],
    "VARCHAR": ["", "a", "A", "a ", "ä", 'it\'s "x"', "\U0001f600", "1", "x\ny"],
    "DATE": [date(2018, 1, 1), date(1, 1, 1), date(9999, 12, 31)],
    "DECIMAL(18,2)": [Decimal("1.10"), Decimal("-0.01"), Decimal("9999999999999999.99")],
    "UUID": [UUID(int=0), UUID(int=2**128 - 1), UUID(int=2**127)],
    "TIMESTAMP": [datetime(2018, 1, 1), datetime(1969, 12, 31, 23, 59, 59, 999999)],
    "BOOLEAN": [True, False],
    "BLOB": [b"", b"\x00", b"\x00\x01"],
}


@pytest.mark.parametrize("kind", KEYS)
def test_a_key_of_any_type_finds_its_row(tmp_path: Path, kind: str) -> None:
    made = Shop(tmp_path)
    stored = [key for key in KEYS[kind] if key not in (500, -1)]
    with duckdb.connect() as connection:
        literals = [connection.execute(f"SELECT $1::{kind}::VARCHAR", [key]).fetchone() for key in stored]
    rows = ", ".join(f"($x${text[0]}$x$::{kind}, {i})" for i, text in enumerate(literals) if text is not None)
    members = {"k": kind, "i": "INTEGER"}
    snapshot = made.snapshot(
        f"k1_{sorted(KEYS).index(kind)}",
        product("keyed", table("t", members, ("k",))),
        f"SELECT * FROM (VALUES {rows}) t(k, i)",
    )
    made.names[("keyed", "t")] = grant(snapshot)
    asked = [*KEYS[kind], *KEYS[kind]]
    answers = made.at_once("SELECT i, k FROM keyed.t WHERE k = $1", asked)
    places = [[stored.index(key)] if key in stored else [] for key in asked]
    assert [answer.column("i").to_pylist() for answer in answers if isinstance(answer, pa.Table)] == places
    made.engine.close()


def test_a_key_of_several_columns_is_matched_as_a_whole(tmp_path: Path, queries: list[str]) -> None:
    made = Shop(tmp_path)
    members = {"a": "INTEGER", "b": "VARCHAR", "n": "INTEGER"}
    select = "SELECT a, 'b' || b AS b, 10 * a + b AS n FROM range(10) r(a), range(10) s(b)"
    made.names[("pairs", "t")] = grant(made.snapshot("k2", product("pairs", table("t", members, ("a", "b"))), select))
    asked = [(f"b{b}", a) for a in range(8) for b in (a, 9 - a, 77)]
    answers = made.at_once("SELECT n FROM pairs.t WHERE b = $1 AND a = $2", asked)
    shown = [answer.column("n").to_pylist() for answer in answers if isinstance(answer, pa.Table)]
    assert shown == [[10 * a + int(b[1:])] if b != "b77" else [] for b, a in asked]
    assert len(queries) == 1
    named = [{"x": a, "y": b} for b, a in asked]
    answers = made.at_once("SELECT n FROM pairs.t WHERE a = $x AND b = $y", named)
    assert [answer.column("n").to_pylist() for answer in answers if isinstance(answer, pa.Table)] == shown
    made.engine.close()


@pytest.mark.parametrize("kind", [kind for kind in SAMPLES if kind != "BIGNUM"])
def test_a_row_of_any_type_is_copied_whole(tmp_path: Path, kind: str) -> None:
    made = Shop(tmp_path)
    select = f"SELECT i, CASE WHEN i % 3 > 0 THEN ({SAMPLES[kind][0]})::{kind} END AS v FROM range(20) r(i)"
    members = {"i": "BIGINT", "v": kind}
    made.names[("kept", "t")] = grant(
        made.snapshot(f"k3_{list(SAMPLES).index(kind)}", product("kept", table("t", members, ("i",))), select)
    )
    for form in SHAPES:
        text = "SELECT * FROM kept.t WHERE i = $1"
        alone = [wire(made.answered(text, key, form)) for key in range(8)]
        assert [wire(answer) for answer in made.at_once(text, range(8), form)] == alone
    made.engine.close()


def test_what_the_engine_would_cast_is_left_to_it(shop: Shop, queries: list[str]) -> None:
    keys = ["7", 7.0, True, Decimal("7"), 2**70, [7]]
    with ThreadPoolExecutor(len(keys)) as pool:
        answers = list(pool.map(lambda key: shop.answered(BY_ID, key), keys))
    assert [text for text in queries if "unnest" in text] == []
    assert [type(answer) for answer in answers] == [type(shop.answered(BY_ID, key)) for key in keys]
    assert ids(answers[:2]) == [[7], [7]]


def test_those_who_may_see_different_things_never_share_a_query(shop: Shop, queries: list[str]) -> None:
    source = shop.names[("shop", "people")]
    other = Shop.__new__(Shop)
    other.__dict__.update(shop.__dict__)
    other.names = {("shop", "people"): grant(source.snapshot, '"id" % 5 = 0')}
    with shop.together(40) as pool:
        asked = [pool.submit((shop, other)[i % 2].answered, BY_ID, 1 + i // 2) for i in range(40)]
    answers = [future.result() for future in asked]
    for key in range(1, 21):
        mine, theirs = answers[2 * key - 2 : 2 * key]
        assert isinstance(mine, pa.Table)
        assert isinstance(theirs, pa.Table)
        assert mine.column("name").to_pylist() == ([] if key % 5 == 0 else [f"CANARY{key % 10}"])
        assert theirs.column("name").to_pylist() == ([f"CANARY{key}"] if key % 5 == 0 else [])
    assert len(queries) == 2


def test_no_byte_of_another_s_row_is_in_an_answer(shop: Shop) -> None:
    keys = [key for key in range(101, 140) if key % 5]
    text = "SELECT id, tags, sold FROM shop.people WHERE id = $1"
    for key, answer in zip(keys, shop.at_once(text, keys), strict=True):
        assert isinstance(answer, pa.Table)
        held = b"".join(bytes(one) for column in answer.columns for one in column.chunk(0).buffers() if one)
        assert [other for other in keys if f"t{other}".encode() in held] == ([key] if key % 3 else [])


def test_a_query_answers_no_more_lookups_than_its_limit(shop: Shop, queries: list[str]) -> None:
    shop.engine._coalescer._limit = 5
    try:
        answers = shop.at_once(BY_ID, [1 + 5 * i for i in range(22)])
    finally:
        shop.engine._coalescer._limit = engine.LOOKUPS_PER_QUERY
    assert ids(answers) == [[1 + 5 * i] for i in range(22)]
    assert len(queries) == 5


def test_a_value_that_breaks_the_query_is_its_owner_s_error_alone(tmp_path: Path, queries: list[str]) -> None:
    made = Shop(tmp_path)
    select = "SELECT i, CASE i WHEN 7 THEN 'CANARY' ELSE '1' END AS v FROM range(20) r(i)"
    snapshot = made.snapshot("k4", product("bad", table("t", {"i": "BIGINT", "v": "INTEGER"}, ("i",))), select)
    made.names[("bad", "t")] = grant(snapshot, v=Treatment("bucket", 'CAST("v" AS INTEGER)', "bucket", ("m",)))
    text = "SELECT i AS id, v FROM bad.t WHERE i = $1"
    answers = made.at_once(text, range(12))
    assert ids(answers) == [[i] for i in range(12) if i != 7]
    refusal = answers[7]
    assert isinstance(refusal, BadQuery)
    alone = made.answered(text, 7)
    assert isinstance(alone, BadQuery)
    assert (refusal.reason, refusal.message) == (alone.reason, alone.message)
    assert "CANARY" not in refusal.message
    made.engine.close()


class Held:
    """A shared query that has begun and does not end before `go`."""

    def __init__(self, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
        self.begun, self.go, self.interrupted = threading.Event(), threading.Event(), False
        self.shop = shop
        stream = duck.stream

        def slow(cursor: Any, text: str, *rest: Any) -> pa.RecordBatchReader:
            if "unnest" in text:
                self.begun.set()
                assert self.go.wait(60)
            return stream(cursor, text, *rest)

        monkeypatch.setattr(duck, "stream", slow)

    def start(self, keys: Sequence[int], limits: Limits = LIMITS) -> tuple[list[Result], list[Future[Any]]]:
        """Results of `keys` and what each reads, once their query has begun; the first of them leads."""
        results = [self.shop.start(BY_ID, (key,), limits=limits) for key in keys]
        pool = ThreadPoolExecutor(len(keys))
        for _ in range(4):
            self.shop.engine._slots.take(None)
        asked = []
        for number, result in enumerate(results, 1):
            asked.append(pool.submit(lambda one=result: [row for batch in one.batches() for row in batch.to_pylist()]))
            self.shop.wait(number)
        for _ in range(4):
            self.shop.engine._slots.give()
        assert self.begun.wait(60)
        pool.shutdown(wait=False)
        return results, asked


@pytest.fixture
def held(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Held:
    return Held(shop, monkeypatch)


@pytest.mark.parametrize("gone", [0, 1])
def test_one_who_goes_away_leaves_the_others_their_answers(held: Held, gone: int) -> None:
    results, asked = held.start([1, 2, 3])
    results[gone].cancel()
    if gone:
        with pytest.raises(Cancelled):
            asked[gone].result(60)
    held.go.set()
    answers = [one.exception(60) or one.result() for one in asked]
    assert isinstance(answers[gone], Cancelled)
    assert [answer[0]["id"] for answer in answers if isinstance(answer, list)] == [
        i for i in (1, 2, 3) if i != gone + 1
    ]
    assert [result.summary.outcome for result in results if result.summary] == [
        "cancelled" if i == gone else "answered" for i in range(3)
    ]


def test_a_query_that_nobody_wants_any_more_is_stopped(held: Held, monkeypatch: pytest.MonkeyPatch) -> None:
    results, asked = held.start([1, 2, 3])
    flight = next(result._source.flight for result in results)  # type: ignore[attr-defined]
    stopped: list[bool] = []
    monkeypatch.setattr(flight, "cursor", type("Cursor", (), {"interrupt": lambda _: stopped.append(True)})())
    for number, result in enumerate(results):
        assert stopped == [], number
        result.cancel()
    assert stopped
    held.go.set()
    assert all(isinstance(one.exception(60), Cancelled) for one in asked)


def test_a_deadline_counts_from_the_shared_query_s_begin(held: Held) -> None:
    results, asked = held.start([1, 2], Limits(0.2, 20, None))
    with pytest.raises(Timeout):
        asked[1].result(60)
    held.go.set()
    assert isinstance(asked[0].exception(60), Timeout)
    assert [result.summary.outcome for result in results if result.summary] == ["timeout"] * 2


def test_a_lookup_that_is_cancelled_while_it_waits_takes_no_part(shop: Shop, queries: list[str]) -> None:
    results = [shop.start(BY_ID, (key,)) for key in (1, 2, 3, 4)]
    with ThreadPoolExecutor(4) as pool:
        for _ in range(4):
            shop.engine._slots.take(None)
        asked = []
        for number, result in enumerate(results, 1):
            asked.append(pool.submit(lambda one=result: list(one.batches())))
            shop.wait(number)
        for result in results[:2]:
            result.cancel()
        assert isinstance(asked[1].exception(60), Cancelled), "at once, though there is no turn"
        for _ in range(4):
            shop.engine._slots.give()
        assert isinstance(asked[0].exception(60), Cancelled)
        assert [batch.to_pylist()[0]["id"] for one in asked[2:] for batch in one.result(60)] == [3, 4]
    assert len(queries) == 1


def test_lookups_that_find_no_turn_are_refused_as_busy(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shop.engine._slots, "queue_s", 0.1)
    for _ in range(4):
        shop.engine._slots.take(None)
    try:
        with ThreadPoolExecutor(6) as pool:
            answers = list(pool.map(lambda key: shop.answered(BY_ID, key), range(6)))
    finally:
        for _ in range(4):
            shop.engine._slots.give()
    assert [type(answer) for answer in answers] == [Exhausted] * 6
    assert shop.engine._coalescer._groups == {}
    assert ids([shop.answered(BY_ID, 7)]) == [[7]]


def test_each_lookup_is_recorded_as_its_own(shop: Shop) -> None:
    before = len(shop.summaries)
    shop.at_once(BY_ID, [1, 2, 999])
    assert sorted(summary.rows for summary in shop.summaries[before:]) == [0, 1, 1]
    assert {summary.outcome for summary in shop.summaries[before:]} == {"answered"}


def test_a_secure_view_s_lookups_share_a_query_too(tmp_path: Path, queries: list[str]) -> None:
    made = Shop(tmp_path)
    snapshot = made.snapshot("k5", product("safe", table("people", COLUMNS, ("id",)), "secure"), ROWS)
    made.names[("safe", "people")] = grant(snapshot, '"id" % 5 <> 0')
    answers = made.at_once("SELECT id FROM safe.people WHERE id = $1", range(20))
    assert ids(answers) == [[i] if i % 5 else [] for i in range(20)]
    assert len(queries) == 1
    made.engine.close()


def test_a_row_limit_holds_for_each_lookup(shop: Shop) -> None:
    with shop.together(2) as pool:
        none = Limits(20, 20, 0)
        refused = pool.submit(lambda: list(shop.start(BY_ID, (1,), limits=none).batches()))
        answered = pool.submit(shop.answered, BY_ID, 2)
    assert isinstance(refused.exception(), Exhausted)
    assert ids([answered.result()]) == [[2]]


def test_a_lookup_waits_without_a_thread_and_is_told_once(shop: Shop, queries: list[str]) -> None:
    for _ in range(4):
        shop.engine._slots.take(None)
    told: list[int] = []
    results = [shop.start(BY_ID, (key,)) for key in (1, 2, 3, 999)]
    threads = threading.active_count()
    try:
        assert all(result.prefetch(lambda key=key: told.append(key)) for key, result in enumerate(results))
        shop.wait(4)
        assert threading.active_count() <= threads + 1
        results[0].cancel()
        assert told == [0]
    finally:
        for _ in range(4):
            shop.engine._slots.give()
    until(lambda: sorted(told) == [0, 1, 2, 3])
    with pytest.raises(Cancelled):
        list(results[0].batches())
    assert [[batch.to_pylist()[0]["id"] for batch in one.batches()] for one in results[1:]] == [[2], [3], []]
    assert sorted(told) == [0, 1, 2, 3]
    assert len(queries) == 1


def test_a_lookup_that_found_no_turn_is_told_so(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shop.engine._slots, "queue_s", 0.05)
    for _ in range(4):
        shop.engine._slots.take(None)
    told = threading.Event()
    result = shop.start(BY_ID, (1,))
    try:
        assert result.prefetch(told.set)
        assert told.wait(60)
    finally:
        for _ in range(4):
            shop.engine._slots.give()
    with pytest.raises(Exhausted, match="busy"):
        list(result.batches())


def test_what_is_no_lookup_is_computed_only_while_it_is_read(shop: Shop, queries: list[str]) -> None:
    result = shop.start("SELECT count(*) AS n FROM shop.people")
    assert not result.prefetch(lambda: None)
    assert queries == []
    assert [batch.to_pylist() for batch in result.batches()] == [[{"n": 320}]]


def test_a_defect_of_the_shared_query_reaches_everyone_who_waits(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shop.engine._coalescer, "_turn", lambda group: 1 // 0)
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(shop.answered, BY_ID, 7).result(60)
    assert isinstance(answer, GatewayError)
    assert shop.engine._coalescer._groups == {}
    monkeypatch.undo()
    assert ids([shop.answered(BY_ID, 7)]) == [[7]]
