"""An engine that breaks down on one query answers the next: no question ends the service."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from gateway import Query
from gateway.errors import GatewayError, Unavailable
from gateway.sql import duck, duck_errors
from gateway.system_catalogs.pg_catalog import Backend
from tests.conftest import World
from tests.gateway.test_coalesce import BY_ID, Shop, ids

NUMBERS = itertools.count()
SECRET = "CANARY in the engine's own words"


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    made = Shop(tmp_path, f"broken{next(NUMBERS)}")
    yield made
    made.engine.close()


@pytest.fixture
def breaking(monkeypatch: pytest.MonkeyPatch) -> None:
    """A query that names `price` breaks its instance, as an error inside DuckDB does."""
    stream = duck.stream

    def broken(cursor: Any, text: str, *rest: Any) -> pa.RecordBatchReader:
        if "price" in text:
            raise duckdb.InternalException(f"INTERNAL Error: {SECRET}")
        return stream(cursor, text, *rest)

    monkeypatch.setattr(duck, "stream", broken)


def test_the_next_query_has_an_instance_of_its_own(shop: Shop, breaking: None) -> None:
    first = shop.engine._serving
    refusal = shop.answered("SELECT price FROM shop.people", ())
    assert isinstance(refusal, Unavailable)
    assert SECRET not in refusal.message
    assert shop.engine._serving is not first
    assert not any(first._leases.values())
    assert ids([shop.answered("SELECT id FROM shop.people WHERE id < 3", ())]) == [[1, 2]]
    assert ids([shop.answered(BY_ID, 7)]) == [[7]]


def test_one_breakdown_makes_one_new_instance(shop: Shop, breaking: None) -> None:
    results = [shop.start("SELECT price FROM shop.people", ()) for _ in range(3)]
    made = []
    for result in results:
        with pytest.raises(Unavailable):
            list(result.batches())
        made.append(shop.engine._serving)
    assert len(set(map(id, made))) == 1


def test_a_query_that_was_planned_before_tells_that_it_could_not_be_answered(shop: Shop, breaking: None) -> None:
    waiting = shop.start("SELECT id FROM shop.people WHERE id < 3", ())
    shop.answered("SELECT price FROM shop.people", ())
    with pytest.raises(Unavailable):
        list(waiting.batches())
    waiting.close()


def test_lookups_that_wait_together_survive_a_breakdown(shop: Shop, breaking: None) -> None:
    text = "SELECT id, price FROM shop.people WHERE id = $1"
    assert {type(answer) for answer in shop.at_once(text, [1, 2, 3])} == {Unavailable}
    assert ids(shop.at_once("SELECT id FROM shop.people WHERE id = $1", [1, 2, 3])) == [[1], [2], [3]]


def test_a_snapshot_is_attached_anew(shop: Shop) -> None:
    first = shop.engine._serving
    assert ids([shop.answered(BY_ID, 7)]) == [[7]]
    first.close()
    assert isinstance(shop.answered(BY_ID, 7), GatewayError)
    assert shop.engine._serving is not first
    assert ids([shop.answered(BY_ID, 7)]) == [[7]]


def test_what_is_closed_is_not_made_anew(shop: Shop) -> None:
    first = shop.engine._serving
    shop.engine.close()
    assert isinstance(shop.answered(BY_ID, 7), GatewayError)
    assert shop.engine._serving is first


def test_a_catalog_that_breaks_down_is_made_anew(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    session, backend = world.gateway.impersonate("steward", "postgres"), Backend(1, "PostgreSQL", {})
    query = Query("SELECT count(*) AS n FROM pg_class WHERE relname = 'orders'")
    world.gateway._pg_catalog._engines.close()

    def asked() -> list[Any]:
        with world.gateway.pg_catalog(session, query, backend) as result:
            return [row for batch in result.batches() for row in batch.to_pylist()]

    assert asked() == [{"n": 1}]
    stream = duck.stream

    def broken(cursor: Any, *rest: Any) -> pa.RecordBatchReader:
        raise duckdb.InternalException(f"INTERNAL Error: {SECRET}")

    monkeypatch.setattr(duck, "stream", broken)
    (kept,) = world.gateway._pg_catalog._engines._kept.values()
    with pytest.raises(Unavailable):
        asked()
    assert kept not in world.gateway._pg_catalog._engines._kept.values()
    monkeypatch.setattr(duck, "stream", stream)
    assert asked() == [{"n": 1}]


@pytest.mark.parametrize(
    ("error", "broken"),
    [
        (duckdb.InternalException("INTERNAL Error: x"), True),
        (duckdb.FatalException("FATAL Error: database has been invalidated"), True),
        (pa.ArrowInvalid("INTERNAL Error: Attempted to dereference"), True),
        (duckdb.BinderException("Binder Error: no such column"), False),
        (duckdb.InterruptException("INTERRUPT Error: Interrupted!"), False),
        (duckdb.OutOfMemoryException("Out of Memory Error: failed to allocate"), False),
        (duckdb.ConversionException("Conversion Error: INTERNAL Error: database has been invalidated"), False),
        (pa.ArrowInvalid("Conversion Error: Could not convert string 'INTERNAL Error: x' to INT32"), False),
        (ValueError("INTERNAL"), False),
    ],
)
def test_what_breaks_an_instance(error: Exception, broken: bool) -> None:
    assert duck_errors.fatal(error) is broken
