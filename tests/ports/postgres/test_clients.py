"""Real drivers over the Postgres door: psycopg, asyncpg and pg8000, as their users write them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

import asyncpg
import pg8000.dbapi
import psycopg
import pytest
from psycopg.rows import dict_row

CUSTOMER = "SELECT customer_id, full_name, birth_date, lifetime, tags FROM shop.customers WHERE customer_id = "
FOUR = (4, "N***", date(1960, 1, 1), Decimal("4.25"), ["plain", None])


@pytest.fixture
def connection(postgres: tuple[str, int]) -> Iterator[psycopg.Connection[Any]]:
    host, port = postgres
    with psycopg.connect(host=host, port=port, user="analyst", password="analyst-secret", dbname="outport") as opened:
        yield opened


@pytest.mark.parametrize("binary", [False, True])
@pytest.mark.parametrize("prepare", [False, True])
def test_psycopg_reads_masked_rows(connection: psycopg.Connection[Any], binary: bool, prepare: bool) -> None:
    with connection.cursor(binary=binary) as cursor:
        assert cursor.execute(CUSTOMER + "%s", (4,), prepare=prepare).fetchall() == [FOUR]


def test_psycopg_pipelines(connection: psycopg.Connection[Any]) -> None:
    with connection.pipeline():
        cursors = [connection.execute(CUSTOMER + "%s", (number,)) for number in (2, 4, 6)]
    assert [cursor.fetchone()[0] for cursor in cursors] == [2, 4, 6]


def test_a_failure_in_a_pipeline_spares_what_follows_it(connection: psycopg.Connection[Any]) -> None:
    connection.autocommit = True
    with pytest.raises(psycopg.errors.UndefinedColumn), connection.pipeline():
        connection.execute("SELECT nope FROM shop.customers")
    assert connection.execute("SELECT 1").fetchone() == (1,)


def test_psycopg_streams_by_a_server_side_cursor(connection: psycopg.Connection[Any]) -> None:
    with connection.cursor(name="many", binary=True) as cursor:
        cursor.itersize = 100
        cursor.execute("SELECT order_id FROM shop.orders ORDER BY order_id")
        found = [row[0] for row in cursor]
    assert found == sorted(found)
    assert len(found) == 900


def test_a_prepared_fetch_of_another_cursor_of_that_name_is_refused_in_words(
    connection: psycopg.Connection[Any],
) -> None:
    connection.execute("DECLARE c CURSOR FOR SELECT 1 AS a")
    assert connection.execute("FETCH 1 FROM c", prepare=True).fetchall() == [(1,)]
    connection.execute("CLOSE c")
    connection.execute("DECLARE c CURSOR FOR SELECT 1 AS a, 2 AS b")
    with pytest.raises(psycopg.errors.FeatureNotSupported, match="cached plan"):
        connection.execute("FETCH 1 FROM c", prepare=True)


def test_psycopg_copies_out(connection: psycopg.Connection[Any]) -> None:
    source = "SELECT customer_id, lifetime FROM shop.customers ORDER BY 1 LIMIT 3"
    with connection.cursor().copy(f"COPY ({source}) TO STDOUT") as copy:
        assert list(copy.rows()) == [("0", "0.25"), ("2", "2.25"), ("4", "4.25")]
    with connection.cursor().copy(f"COPY ({source}) TO STDOUT (FORMAT binary)") as copy:
        copy.set_types(["int8", "numeric"])
        assert list(copy.rows())[1] == (2, Decimal("2.25"))


def test_psycopg_reads_nothing_else_after_a_cancel(connection: psycopg.Connection[Any]) -> None:
    connection.autocommit = True
    endless = "WITH RECURSIVE r AS (SELECT 1 AS i UNION ALL SELECT i FROM r) SELECT sum(i) FROM r"
    connection.execute("SET statement_timeout = 200")
    with pytest.raises(psycopg.errors.QueryCanceled):
        connection.execute(endless)
    connection.execute("RESET statement_timeout")
    assert connection.cursor(row_factory=dict_row).execute("SELECT 1 AS a").fetchone() == {"a": 1}


@pytest.mark.parametrize(
    ("literal", "value"),
    [
        ("true", True),
        ("1::SMALLINT", 1),
        ("-7", -7),
        ("9223372036854775807", 2**63 - 1),
        ("170141183460469231731::HUGEINT", Decimal("170141183460469231731")),
        ("1.5::DOUBLE", 1.5),
        ("1e20::DOUBLE", 1e20),
        ("'inf'::DOUBLE", float("inf")),
        ("12.50::DECIMAL(9,2)", Decimal("12.50")),
        ("-0.0001::DECIMAL(9,4)", Decimal("-0.0001")),
        ("'é😀'", "é😀"),
        ("'\\xAB\\x00'::BLOB", b"\xab\x00"),
        ("DATE '1969-12-31'", date(1969, 12, 31)),
        ("TIMESTAMP '1999-12-31 23:59:59.5'", datetime(1999, 12, 31, 23, 59, 59, 500000)),
        ("TIMESTAMP_NS '1969-12-31 23:59:59.5'", datetime(1969, 12, 31, 23, 59, 59, 500000)),
        ("'2020-01-01 10:00:00+02'::TIMESTAMPTZ_NS", datetime(2020, 1, 1, 8, tzinfo=UTC)),
        ("'10:20:30.5+05:30'::TIMETZ", time(10, 20, 30, 500000, timezone(timedelta(hours=5, minutes=30)))),
        ("'10:20:30-02'::TIMETZ", time(10, 20, 30, tzinfo=timezone(timedelta(hours=-2)))),
        ("INTERVAL '-1 day 02:00:00'", timedelta(days=-1, hours=2)),
        ("1e15::DOUBLE", 1e15),
        ("1234567890123456.5::DOUBLE", 1234567890123456.5),
        ("16777216::FLOAT", 16777216.0),
        ("[-1e15::DOUBLE, NULL, 'nan'::DOUBLE][1:2]", [-1e15, None]),
        (".5", Decimal("0.5")),
        ("'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::UUID", UUID("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11")),
        ("'101'::BIT", "101"),
        ("MAP {'a': 1}", [{"key": "a", "value": 1}]),
        ("[1, NULL, 3]", [1, None, 3]),
        ("['a', 'b,c', '', 'null', NULL]", ["a", "b,c", "", "null", None]),
        ("{'a': 1, 'b': [1, 2]}", {"a": 1, "b": [1, 2]}),
        ("[[1, 2], [3]]", [[1, 2], [3]]),
        ("NULL", None),
    ],
)
@pytest.mark.parametrize("binary", [False, True])
def test_every_type_arrives_as_itself(
    connection: psycopg.Connection[Any], literal: str, value: object, binary: bool
) -> None:
    found = connection.cursor(binary=binary).execute(f"SELECT {literal} AS v").fetchone()
    assert found == (value,)
    assert type(found[0]) is type(value)


@pytest.mark.parametrize(
    "value",
    [True, 1, -(2**40), Decimal("-12.5000"), 1.25, "it's; é😀", b"\x00\xff", date(1900, 1, 1), datetime(1999, 1, 1, 1)],
)
@pytest.mark.parametrize("binary", [False, True])
def test_every_parameter_comes_back(connection: psycopg.Connection[Any], value: object, binary: bool) -> None:
    text = "SELECT %b AS v" if binary else "SELECT %t AS v"
    found = connection.execute(text, (value,)).fetchone()
    assert found is not None
    assert found[0] == value


def test_asyncpg_prepares_and_iterates(postgres: tuple[str, int]) -> None:
    async def talk() -> list[Any]:
        host, port = postgres
        door = await asyncpg.connect(
            host=host, port=port, user="analyst", password="analyst-secret", database="outport"
        )
        try:
            prepared = await door.prepare(CUSTOMER + "$1")
            rows = [tuple(await prepared.fetchrow(4))]
            async with door.transaction(readonly=True, isolation="repeatable_read"):
                cursor = door.cursor("SELECT order_id FROM shop.orders ORDER BY 1", prefetch=200)
                rows.append(sum([1 async for _ in cursor]))
            rows.append(await door.fetchval("SELECT count(*) FROM shop.orders WHERE store = $1", 1))
            with pytest.raises(asyncpg.UndefinedTableError):
                await door.fetch("SELECT * FROM hr.salaries")
            return rows
        finally:
            await door.close()

    seen = sum(order % 10 == 1 and order // 3 % 2 == 0 for order in range(1800))
    assert asyncio.run(talk()) == [FOUR, 900, seen]


@pytest.mark.parametrize(
    ("text", "given", "found"),
    [
        ("SELECT order_id FROM shop.orders WHERE order_id = ANY($1) ORDER BY 1", [[7, 1]], [1, 7]),
        (
            "SELECT order_id FROM shop.orders WHERE order_id < 14 AND order_id <> ALL($1) ORDER BY 1",
            [[1, 6]],
            [0, 2, 7, 8, 12, 13],
        ),
        ("SELECT $1 / 2", [7], [3]),
        ("SELECT store + $1 FROM shop.orders WHERE order_id = 1", [2], [3]),
        ("SELECT (amount * $1)::float8 FROM shop.orders WHERE order_id = 1", [Decimal(2)], [3.0]),
        ("SELECT sum(store) FROM shop.orders WHERE order_id < $1", [2], [1]),
        ("SELECT count(*) FROM shop.orders HAVING count(*) > $1", [5], [900]),
        ("SELECT coalesce(store, $1) FROM shop.orders WHERE order_id = 1", [2], [1]),
        ("SELECT 1 = ANY($1::int[])", [[1, 2]], [True]),
        ("SELECT $1::text LIKE 'a\\_%'", ["a_b"], [True]),
    ],
)
def test_asyncpg_is_told_what_parameters_are(
    postgres: tuple[str, int], text: str, given: list[Any], found: list[Any]
) -> None:
    async def talk() -> list[Any]:
        host, port = postgres
        door = await asyncpg.connect(
            host=host, port=port, user="analyst", password="analyst-secret", database="outport"
        )
        try:
            return [row[0] for row in await door.fetch(text, *given)]
        finally:
            await door.close()

    assert asyncio.run(talk()) == found


def test_pg8000_reads_masked_rows(postgres: tuple[str, int]) -> None:
    host, port = postgres
    door = pg8000.dbapi.connect("analyst", host=host, port=port, password="analyst-secret", database="outport")
    try:
        cursor = door.cursor()
        cursor.execute(CUSTOMER + "%s", (4,))
        assert [tuple(row) for row in cursor.fetchall()] == [FOUR]
        door.rollback()
    finally:
        door.close()


def test_a_wrong_password_is_told(postgres: tuple[str, int]) -> None:
    host, port = postgres
    with pytest.raises(psycopg.OperationalError, match="wrong name or password"):
        psycopg.connect(host=host, port=port, user="analyst", password="wrong", dbname="outport")
