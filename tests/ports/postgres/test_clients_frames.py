"""Drivers that fill data frames, SQLAlchemy and psycopg2 over the Postgres door, as their users write them."""

from __future__ import annotations

import asyncio
import io
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from decimal import Decimal

import adbc_driver_postgresql.dbapi
import pandas
import psycopg2
import psycopg2.errors
import psycopg2.extensions
import psycopg2.extras
import pyarrow
import pytest
import sqlalchemy
from sqlalchemy.ext.asyncio import create_async_engine

CUSTOMERS = "SELECT customer_id, full_name, birth_date, lifetime FROM shop.customers"
FOUR = (4, "N***", date(1960, 1, 1), Decimal("4.25"))


@pytest.fixture
def uri(postgres: tuple[str, int]) -> str:
    host, port = postgres
    return f"postgresql://analyst:analyst-secret@{host}:{port}/outport"


@pytest.fixture
def psycopg2_door(uri: str) -> Iterator[psycopg2.extensions.connection]:
    opened = psycopg2.connect(uri)
    yield opened
    opened.close()


def test_psycopg2_reads_masked_rows(psycopg2_door: psycopg2.extensions.connection) -> None:
    with psycopg2_door, psycopg2_door.cursor() as cursor:
        cursor.execute(f"{CUSTOMERS} WHERE customer_id = ANY(%s) ORDER BY 1", ([2, 4],))
        assert cursor.fetchall()[1] == FOUR
    assert psycopg2_door.info.transaction_status == psycopg2.extensions.TRANSACTION_STATUS_IDLE


def test_psycopg2_reads_dictionaries(psycopg2_door: psycopg2.extensions.connection) -> None:
    with psycopg2_door.cursor(cursor_factory=psycopg2.extras.RealDictCursor) as cursor:
        cursor.execute("SELECT tags, lifetime AS worth FROM shop.customers WHERE customer_id = %(who)s", {"who": 4})
        assert cursor.fetchone() == {"tags": ["plain", None], "worth": Decimal("4.25")}


def test_psycopg2_streams_by_a_named_cursor(psycopg2_door: psycopg2.extensions.connection) -> None:
    with psycopg2_door.cursor(name="orders") as cursor:
        cursor.itersize = 100
        cursor.execute("SELECT order_id FROM shop.orders ORDER BY order_id")
        found = [row[0] for row in cursor]
    assert found == sorted(found)
    assert len(found) == 900


def test_psycopg2_copies_out(psycopg2_door: psycopg2.extensions.connection) -> None:
    written = io.StringIO()
    with psycopg2_door.cursor() as cursor:
        cursor.copy_expert(f"COPY ({CUSTOMERS} WHERE customer_id = 4) TO STDOUT WITH CSV HEADER", written)
    assert written.getvalue() == "customer_id,full_name,birth_date,lifetime\n4,N***,1960-01-01,4.25\n"


def test_psycopg2_works_as_a_reader_with_autocommit(psycopg2_door: psycopg2.extensions.connection) -> None:
    psycopg2_door.set_session(readonly=True, autocommit=True, isolation_level="REPEATABLE READ")
    with psycopg2_door.cursor() as cursor:
        with pytest.raises(psycopg2.errors.ReadOnlySqlTransaction):
            cursor.execute("DELETE FROM shop.customers")
        cursor.execute("SELECT 1")
        assert cursor.fetchone() == (1,)


def rows(program: str, *arguments: str) -> list[list[str]]:
    """What a program prints, by lines and words. connectorx waits with the interpreter's lock held: it runs apart."""
    given = [sys.executable, "-c", program, *arguments]
    done = subprocess.run(given, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return [line.split("|") for line in done.stdout.splitlines()]


CONNECTORX = """
import sys, connectorx
uri, query, protocol = sys.argv[1:]
for row in connectorx.read_sql(uri, query, return_type="arrow", protocol=protocol).to_pylist():
    print(*row.values(), sep="|")
"""


@pytest.mark.parametrize("protocol", ["binary", "cursor", "csv"])
def test_connectorx_fills_arrow(uri: str, protocol: str) -> None:
    found = rows(CONNECTORX, uri, CUSTOMERS, protocol)
    assert len(found) == 300
    assert ["4", "N***", "1960-01-01", "4.2500000000"] in found


def test_connectorx_reads_by_parts(uri: str) -> None:
    program = """
import sys, connectorx
parts = {"partition_on": "order_id", "partition_num": 4, "return_type": "arrow"}
print(*connectorx.read_sql(sys.argv[1], sys.argv[2], **parts).column("order_id").to_pylist(), sep="\\n")
"""
    found = rows(program, uri, "SELECT order_id, store FROM shop.orders")
    assert sorted(int(line[0]) for line in found) == [one for one in range(1800) if one // 3 % 2 == 0]


@pytest.mark.parametrize("engine", ["connectorx", "adbc"])
def test_polars_reads_a_frame(uri: str, engine: str) -> None:
    program = """
import sys, polars
frame = polars.read_database_uri(sys.argv[2], sys.argv[1], engine=sys.argv[3])
print(*map(str, frame.dtypes[:3]), sep="|")
print(*frame.filter(polars.col("customer_id") == 4).row(0)[:3], sep="|")
"""
    assert rows(program, uri, CUSTOMERS, engine) == [["Int64", "String", "Date"], ["4", "N***", "1960-01-01"]]


def test_adbc_reads_masked_rows_by_copy(uri: str) -> None:
    with adbc_driver_postgresql.dbapi.connect(uri) as door, door.cursor() as cursor:
        cursor.execute(f"{CUSTOMERS} WHERE customer_id = $1", (4,))
        found = cursor.fetch_arrow_table()
        assert found.schema.field("customer_id").type == pyarrow.int64()
        assert list(found.to_pylist()[0].values()) == [4, "N***", date(1960, 1, 1), "4.25"]


def test_adbc_lists_what_is_visible(uri: str) -> None:
    with adbc_driver_postgresql.dbapi.connect(uri) as door:
        catalogs = door.adbc_get_objects(depth="columns", catalog_filter="outport").read_all().to_pylist()
        schemas = {one["db_schema_name"]: one["db_schema_tables"] for one in catalogs[0]["catalog_db_schemas"]}
        tables = {one["table_name"]: one for one in schemas["shop"]}
        assert door.adbc_get_table_schema("orders", db_schema_filter="shop").names[:2] == ["order_id", "customer_id"]
    assert "hr" not in schemas
    assert set(tables) >= {"customers", "orders"}
    assert "salary" not in [one["column_name"] for one in tables["customers"]["table_columns"]]


@pytest.mark.parametrize("driver", ["psycopg2", "psycopg"])
def test_pandas_reads_a_table_by_its_name_through_sqlalchemy(uri: str, driver: str) -> None:
    engine = sqlalchemy.create_engine(uri.replace("postgresql:", f"postgresql+{driver}:"))
    try:
        found = pandas.read_sql_table("orders", engine, schema="shop")
    finally:
        engine.dispose()
    assert (len(found), list(found.columns[:2])) == (900, ["order_id", "customer_id"])


def test_sqlalchemy_asks_over_asyncpg(uri: str) -> None:
    async def talk() -> list[tuple[object, ...]]:
        engine = create_async_engine(uri.replace("postgresql:", "postgresql+asyncpg:"))
        try:
            async with engine.connect() as door:
                asked = await door.execute(sqlalchemy.text(f"{CUSTOMERS} WHERE customer_id = :who"), {"who": 4})
                return [tuple(row) for row in asked.all()]
        finally:
            await engine.dispose()

    assert asyncio.run(talk()) == [FOUR]
