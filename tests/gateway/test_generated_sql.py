"""Statements made at random: each answer is that of a plain DuckDB over rows that were masked and filtered by hand."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, note, settings

from gateway.decision import Treatment
from gateway.errors import BadQuery, GatewayError
from tests.gateway.bench import Bench, grant, product, table
from tests.gateway.sql_generator import statements

# FUZZ=100 looks a hundred times as far, from a new seed.
EXAMPLES = 100 * int(os.environ.get("FUZZ") or 1)
PEOPLE = {
    "id": "BIGINT", "region": "VARCHAR", "word": "VARCHAR", "name": "VARCHAR", "salary": "BIGINT", "amount": "BIGINT",
    "tags": "VARCHAR[]", "day": "DATE", "info": "STRUCT(a BIGINT, b VARCHAR)",
}  # fmt: skip
ORDERS = {
    "order_id": "BIGINT", "person": "BIGINT", "amount": "BIGINT", "note": "VARCHAR", "word": "VARCHAR", "day": "DATE",
    "parts": "BIGINT[]",
}  # fmt: skip
# Odd people are hidden, and every value of theirs is poison: a cast of `word` fails there, and nowhere else.
PEOPLE_ROWS = (
    "SELECT i::BIGINT AS id, CASE WHEN h THEN 'CANARY-S' ELSE 'N' END AS region, "
    "CASE WHEN h THEN 'CANARY-' || i ELSE (i % 17)::VARCHAR END AS word, 'CANARY-' || i AS name, "
    "771000000 + i AS salary, "
    "CASE WHEN h THEN 772000000 + i WHEN i % 10 = 0 THEN NULL ELSE i % 40 END::BIGINT AS amount, "
    "CASE WHEN h THEN ['CANARY-tag'] WHEN i % 6 = 0 THEN NULL ELSE ['N', 'tag-' || (i % 4)] END AS tags, "
    "DATE '2024-01-01' + (i % 50)::INTEGER AS day, "
    "CASE WHEN h THEN {'a': 773000000, 'b': 'CANARY-b'} ELSE {'a': i % 5, 'b': 'b' || i % 3} END AS info "
    "FROM (SELECT i, i % 2 = 1 AS h FROM range(60) r(i))"
)
ORDERS_ROWS = (
    "SELECT i::BIGINT AS order_id, (i % 60)::BIGINT AS person, "
    "CASE WHEN h THEN 774000000 + i ELSE i % 30 END::BIGINT AS amount, "
    "CASE WHEN h THEN 'CANARY-note' WHEN i % 4 = 1 THEN NULL ELSE 'note ' || i % 6 END AS note, "
    "CASE WHEN h THEN 'CANARY' ELSE (i % 9)::VARCHAR END AS word, DATE '2024-02-01' + (i % 20)::INTEGER AS day, "
    "CASE WHEN h THEN [775000000] ELSE [i % 3, i % 7] END::BIGINT[] AS parts "
    "FROM (SELECT i, i % 3 = 2 AS h FROM range(150) r(i))"
)
MASKED = {"name": "'p' || (\"id\" % 4)::VARCHAR", "info": "{'a': (\"info\").a, 'b': 'masked'}"}
HIDDEN = range(771_000_000, 776_000_000)


@dataclass
class Pair:
    """The governed tables, and the same rows as a principal may see them in a database of their own."""

    bench: Bench
    plain: duckdb.DuckDBPyConnection
    accepted: int = 0
    refused: list[str] = field(default_factory=list)


@pytest.fixture(scope="module", params=["plain", "secure"])
def pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    made = Bench(tmp_path_factory.mktemp("generated"))
    people = made.snapshot(f"p{request.param}", product("shop", table("people", PEOPLE), request.param), PEOPLE_ROWS)
    orders = made.snapshot(f"o{request.param}", product("sales", table("orders", ORDERS), request.param), ORDERS_ROWS)
    masks = {name: Treatment("constant", text, "m", ("r",)) for name, text in MASKED.items()}
    made.names[("shop", "people")] = grant(
        people, "\"region\" = 'N'", **masks, salary=Treatment("hidden", "", "h", ("r",))
    )
    made.names[("sales", "orders")] = grant(orders, '"amount" < 1000')
    with duckdb.connect() as plain:
        plain.execute("SET TimeZone = 'UTC'")
        plain.execute("CREATE SCHEMA shop")
        plain.execute("CREATE SCHEMA sales")
        masked = ", ".join(f"{text} AS {name}" for name, text in MASKED.items())
        seen = f"SELECT * EXCLUDE (salary) REPLACE ({masked}) FROM ({PEOPLE_ROWS}) WHERE id % 2 = 0"
        plain.execute(f"CREATE TABLE shop.people AS {seen}")
        plain.execute(f"CREATE TABLE sales.orders AS SELECT * FROM ({ORDERS_ROWS}) WHERE order_id % 3 <> 2")
        yield Pair(made, plain)
    made.engine.close()


def test_each_generated_statement_answers_as_if_the_hidden_had_never_been(pair: Pair) -> None:
    @settings(
        max_examples=EXAMPLES, deadline=None, derandomize=not os.environ.get("FUZZ"), database=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )  # fmt: skip
    @given(statements())
    def holds(text: str) -> None:
        note(text)
        _compare(pair, text)

    holds()
    assert pair.accepted > 0.95 * (pair.accepted + len(pair.refused)), pair.refused[:5]


def _compare(pair: Pair, text: str) -> None:
    governed, honest = _governed(pair, text), _plain(pair, text)
    if isinstance(governed, GatewayError) or isinstance(honest, duckdb.Error):
        assert isinstance(governed, BadQuery), f"the gateway answers what DuckDB does not: {honest}"
        assert isinstance(honest, duckdb.Error) or governed.reason == "limit", f"{governed.reason}: {governed.message}"
        assert "CANARY" not in (governed.message + governed.hint).replace(text, "")
        pair.refused.append(f"{governed.reason}: {text}")
        return
    assert governed.schema.names == honest.schema.names
    assert governed.schema.types == honest.schema.types
    assert _multiset(governed) == _multiset(honest)
    for column in governed.columns:
        for chunk in column.chunks:
            assert not any(b"CANARY-" in buffer.to_pybytes() for buffer in chunk.buffers() if buffer is not None)
            assert not any(number in HIDDEN for number in _integers(chunk.to_pylist()))
    pair.accepted += 1


def _governed(pair: Pair, text: str) -> pa.Table | GatewayError:
    try:
        return pair.bench.table(text)
    except GatewayError as error:
        return error


def _plain(pair: Pair, text: str) -> pa.Table | duckdb.Error:
    try:
        return pair.plain.sql(text).to_arrow_table()
    except duckdb.Error as error:
        return error


def _multiset(answer: pa.Table) -> list[str]:
    return sorted(repr(row) for row in answer.to_pylist())


def _integers(value: Any) -> Iterator[int]:
    if isinstance(value, int):
        yield value
    elif isinstance(value, list | dict):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _integers(item)
