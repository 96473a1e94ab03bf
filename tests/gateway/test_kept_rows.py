"""Rows that are kept are the rows that a query would give, for those whom it would give them, as long as it would."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.decision import Treatment
from gateway.errors import BadQuery, GatewayError
from gateway.serving import kept_rows
from gateway.serving.wire_forms import Wire
from tests.gateway.bench import grant, product, table
from tests.gateway.test_coalesce import BY_ID, FORMS, KEYS, SAMPLES, SHAPES, Shop, ids, queries, until, wire

__all__ = ["queries"]


NUMBERS = itertools.count(100)


class Kept(Shop):
    """A shop that tells what it keeps."""

    def keep(self, text: str, key: Any, form: Any = "arrow") -> None:
        """Ask `text` until its rows are kept."""
        for _ in range(kept_rows.ASKED):
            self.answered(text, key, form)
        self.engine._kept._threads.submit(lambda: None).result(60)

    def publish(self, name: str, members: dict[str, str], select: str) -> Any:
        """A product of one table `t` whose key is its first member, as a snapshot of its own."""
        described = product(name, table("t", members, (next(iter(members)),)))
        return self.snapshot(f"{name}_{next(NUMBERS)}", described, select)

    @property
    def texts(self) -> list[str]:
        """The texts whose rows are kept, or known to be too many."""
        return list(self.engine._kept._rows._entries)


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Kept]:
    made = Kept(tmp_path, f"a{next(NUMBERS)}")
    yield made
    made.engine.close()


@pytest.mark.parametrize("form", FORMS)
def test_an_answer_s_bytes_do_not_tell_whether_it_was_kept(shop: Kept, form: Any, queries: list[str]) -> None:
    keys = [*range(1, 12), 399, 999, -1]
    before = [wire(shop.answered(BY_ID, key, form)) for key in keys]
    shop.keep(BY_ID, 1, form)
    queries.clear()
    assert [wire(shop.answered(BY_ID, key, form)) for key in keys] == before
    assert queries == []


@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(
    keys=st.lists(st.integers(-5, 405), min_size=1, max_size=8),
    text=st.sampled_from(
        [
            "SELECT name, id AS name, p.tags FROM shop.people AS p WHERE $1 = p.id",
            "SELECT * EXCLUDE (name), price FROM shop.people WHERE id IN ($1)",
            "SELECT tags[1:1] IS NULL AS x FROM shop.people WHERE id = $1",
            'SELECT id AS "$k0", name FROM shop.people WHERE id = $1',
            'SELECT id AS "$place" FROM shop.people AS "q" WHERE id = $1',
        ]
    ),
)
def test_kept_or_not_is_one_answer(shop: Kept, keys: list[int], text: str) -> None:
    asked = [wire(shop.answered(text, key)) for key in keys]
    shop.keep(text, 1)
    assert [wire(shop.answered(text, key)) for key in keys] == asked


@pytest.mark.parametrize("kind", [kind for kind in SAMPLES if kind != "BIGNUM"])
def test_a_row_of_any_type_is_kept_whole(shop: Kept, kind: str) -> None:
    select = f"SELECT i, CASE WHEN i % 3 > 0 THEN ({SAMPLES[kind][0]})::{kind} END AS v FROM range(20) r(i)"
    members = {"i": "BIGINT", "v": kind}
    shop.names[("kept", "t")] = grant(shop.publish("kept", members, select))
    for form in SHAPES:
        text = "SELECT * FROM kept.t WHERE i = $1"
        before = [wire(shop.answered(text, key, form)) for key in range(8)]
        shop.keep(text, 1, form)
        assert [wire(shop.answered(text, key, form)) for key in range(8)] == before


@pytest.mark.parametrize("kind", ["TINYINT", "UBIGINT", "VARCHAR", "DATE"])
def test_a_key_finds_its_row(shop: Kept, kind: str, queries: list[str]) -> None:
    keys: Sequence[Any] = [key for key in KEYS[kind] if key not in (500, -1)]
    literals = ", ".join(f"($x${key}$x$::{kind}, {i})" for i, key in enumerate(keys))
    members = {"k": kind, "i": "INTEGER"}
    snapshot = shop.snapshot(
        f"r1_{next(NUMBERS)}",
        product("keyed", table("t", members, ("k",))),
        f"SELECT * FROM (VALUES {literals}) t(k, i)",
    )
    shop.names[("keyed", "t")] = grant(snapshot)
    text = "SELECT i FROM keyed.t WHERE k = $1"
    shop.keep(text, keys[0])
    queries.clear()
    answers = [shop.answered(text, key) for key in keys]
    assert [answer.column("i").to_pylist() for answer in answers if isinstance(answer, pa.Table)] == [
        [place] for place in range(len(keys))
    ]
    assert queries == []


def test_a_key_of_another_type_is_left_to_the_engine(shop: Kept, queries: list[str]) -> None:
    shop.keep(BY_ID, 1)
    queries.clear()
    assert ids([shop.answered(BY_ID, "7"), shop.answered(BY_ID, 7.0), shop.answered(BY_ID, None)]) == [[7], [7], []]
    assert ids([shop.answered(BY_ID, True)]) == ids([shop.answered(BY_ID, True)])
    assert len(queries) == 5


def test_who_may_see_other_rows_or_masks_has_rows_of_his_own(shop: Kept) -> None:
    shop.keep(BY_ID, 1)
    source = shop.names[("shop", "people")]
    other = Kept.__new__(Kept)
    other.__dict__.update(shop.__dict__)
    hidden = Treatment("hidden", "", "hidden", ())
    other.names = {("shop", "people"): grant(source.snapshot, '"id" % 5 = 0', name=hidden)}
    assert ids([other.answered(BY_ID, 1), other.answered(BY_ID, 5)]) == [[], [5]]
    other.keep(BY_ID, 5)
    assert ids([other.answered(BY_ID, 1), other.answered(BY_ID, 5)]) == [[], [5]]
    assert ids([shop.answered(BY_ID, 1), shop.answered(BY_ID, 5)]) == [[1], []]
    answer = other.answered(BY_ID, 5)
    assert isinstance(answer, pa.Table)
    assert "name" not in answer.column_names


def test_a_session_s_time_zone_has_rows_of_its_own(shop: Kept, queries: list[str]) -> None:
    select = "SELECT i, TIMESTAMPTZ '2024-07-01 12:00:00+00' AS t FROM range(9) r(i)"
    members = {"i": "BIGINT", "t": "TIMESTAMP WITH TIME ZONE"}
    shop.names[("zoned", "t")] = grant(shop.publish("zoned", members, select))
    text = "SELECT t FROM zoned.t WHERE i = $1"
    forms = [Wire((0,)), Wire((0,), "Europe/Berlin"), Wire((0,), "Asia/Tokyo")]
    with shop.together(6) as pool:
        asked = [pool.submit(shop.answered, text, key, form) for key in (1, 2) for form in forms]
    together = [wire(one.result()) for one in asked]
    assert together[:3] == together[3:]
    assert len(set(together)) == 3
    for form in forms:
        shop.keep(text, 1, form)
    queries.clear()
    assert [wire(shop.answered(text, 1, form)) for form in forms] == together[:3]
    assert queries == []


def test_a_table_with_more_rows_stays_a_query(shop: Kept, queries: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_rows, "ROWS", 100)
    shop.keep(BY_ID, 1)
    assert len(shop.texts) == 1
    queries.clear()
    assert ids([shop.answered(BY_ID, key) for key in (1, 2, 5, 399)]) == [[1], [2], [], [399]]
    assert len(queries) == 4
    assert shop.engine._kept._rows._bytes == 0


def test_rows_that_weigh_more_stay_a_query(shop: Kept, queries: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_rows, "TEXT_BYTES", 100)
    shop.keep(BY_ID, 1)
    queries.clear()
    assert ids([shop.answered(BY_ID, 1)]) == [[1]]
    assert len(queries) == 1


def test_a_key_that_is_not_unique_is_never_kept(shop: Kept, queries: list[str]) -> None:
    select = "SELECT i // 2 AS i, i AS v FROM range(20) r(i)"
    members = {"i": "BIGINT", "v": "BIGINT"}
    shop.names[("twice", "t")] = grant(shop.publish("twice", members, select))
    text = "SELECT v FROM twice.t WHERE i = $1"
    shop.keep(text, 3)
    queries.clear()
    answer = shop.answered(text, 3)
    assert isinstance(answer, pa.Table)
    assert sorted(answer.column("v").to_pylist()) == [6, 7]
    assert len(queries) == 1


def test_a_value_that_breaks_one_row_breaks_no_other(shop: Kept) -> None:
    select = "SELECT i, CASE i WHEN 7 THEN 'CANARY' ELSE '1' END AS v FROM range(20) r(i)"
    snapshot = shop.publish("bad", {"i": "BIGINT", "v": "INTEGER"}, select)
    shop.names[("bad", "t")] = grant(snapshot, v=Treatment("bucket", 'CAST("v" AS INTEGER)', "bucket", ("m",)))
    text = "SELECT i AS id, v FROM bad.t WHERE i = $1"
    shop.keep(text, 1)
    assert ids([shop.answered(text, key) for key in (1, 2)]) == [[1], [2]]
    refusal = shop.answered(text, 7)
    assert isinstance(refusal, BadQuery)
    assert "CANARY" not in refusal.message


def test_rows_of_a_snapshot_go_with_it(shop: Kept) -> None:
    shop.keep(BY_ID, 1)
    assert len(shop.texts) == 1
    shop.engine.keep([shop.names[("shop", "people")].snapshot.id])
    assert len(shop.texts) == 1
    shop.engine.keep(["b2"])
    assert shop.texts == []
    assert shop.engine._kept._rows._bytes == 0


def test_a_busy_engine_reads_nothing_for_later(shop: Kept) -> None:
    for _ in range(3):
        shop.engine._slots.take(None)
    for _ in range(kept_rows.ASKED - 1):
        shop.answered(BY_ID, 1)
    shop.engine._slots.take(None)
    result = shop.start(BY_ID, (1,))
    shop.engine._kept._threads.submit(lambda: None).result(60)
    assert shop.texts == []
    for _ in range(4):
        shop.engine._slots.give()
    assert [batch.num_rows for batch in result.batches()] == [1]
    shop.keep(BY_ID, 1)
    assert len(shop.texts) == 1


def test_each_answer_is_recorded_and_frees_its_lease(shop: Kept) -> None:
    shop.keep(BY_ID, 1)
    before = len(shop.summaries)
    for key in (1, 2, 999):
        shop.answered(BY_ID, key)
    assert [(summary.rows, summary.outcome) for summary in shop.summaries[before:]] == [
        (1, "answered"), (1, "answered"), (0, "answered"),
    ]  # fmt: skip
    until(lambda: not any(shop.engine._serving._leases.values()))


def test_a_kept_row_may_be_cancelled_and_closed_like_any(shop: Kept) -> None:
    shop.keep(BY_ID, 1)
    result = shop.start(BY_ID, (1,))
    told: list[int] = []
    assert result.prefetch(lambda: told.append(1))
    assert told == [1]
    result.cancel()
    with pytest.raises(GatewayError):
        list(result.batches())
    shop.start(BY_ID, (1,)).close()
