"""Clients that read the catalogs before they read anything else: SQLAlchemy, asyncpg, psycopg."""

from __future__ import annotations

import asyncio
from typing import Any

import asyncpg
import psycopg
import pytest
import sqlalchemy
from psycopg.types import TypeInfo


def test_sqlalchemy_reflects(postgres: tuple[str, int]) -> None:
    host, port = postgres
    engine = sqlalchemy.create_engine(f"postgresql+psycopg://steward:steward-secret@{host}:{port}/outport")
    try:
        found = sqlalchemy.inspect(engine)
        assert found.get_schema_names() == ["hr", "information_schema", "public", "semantic", "shop"]
        assert sorted(found.get_table_names("shop")) == ["customers", "orders"]
        columns = {one["name"]: one for one in found.get_columns("customers", "shop")}
        assert isinstance(columns["customer_id"]["type"], sqlalchemy.BIGINT)
        assert str(columns["lifetime"]["type"]) == "NUMERIC(18, 2)"
        assert not columns["customer_id"]["nullable"]
        assert found.get_pk_constraint("customers", "shop")["constrained_columns"] == ["customer_id"]
        assert found.get_indexes("customers", "shop") == []
        (reference,) = found.get_foreign_keys("orders", "shop")
        assert (reference["referred_table"], reference["referred_columns"]) == ("customers", ["customer_id"])
        orders = sqlalchemy.Table("orders", sqlalchemy.MetaData(), schema="shop", autoload_with=engine)
        with engine.connect() as connection:
            assert connection.execute(sqlalchemy.select(sqlalchemy.func.count(orders.c.order_id))).scalar() == 1800
    finally:
        engine.dispose()


def test_asyncpg_learns_types_that_it_does_not_know(postgres: tuple[str, int]) -> None:
    async def talk() -> list[Any]:
        host, port = postgres
        door = await asyncpg.connect(
            host=host, port=port, user="analyst", password="analyst-secret", database="outport"
        )
        try:
            rows = await door.fetch(
                "SELECT i.indkey, i.indclass, c.conkey, c.contype FROM pg_index i JOIN pg_constraint c "
                "ON c.conindid = i.indexrelid WHERE i.indrelid = $1::regclass",
                "shop.orders",
            )
            known = await door.fetch("SELECT typname FROM pg_type WHERE oid = ANY($1::oid[]) ORDER BY oid", [20, 1700])
            return [tuple(row) for row in (*rows, *known)]
        finally:
            await door.close()

    assert asyncio.run(talk()) == [([1], [3124], [1], b"p"), ("int8",), ("numeric",)]


@pytest.mark.parametrize("binary", [False, True])
def test_psycopg_gets_the_types_of_a_catalog(postgres: tuple[str, int], binary: bool) -> None:
    host, port = postgres
    with psycopg.connect(host=host, port=port, user="analyst", password="analyst-secret", dbname="outport") as door:
        text = "SELECT oid, relname, relkind, relnatts, relacl FROM pg_class WHERE oid = 'shop.orders'::regclass"
        found = door.cursor(binary=binary).execute(text)
        assert [column.type_code for column in found.description or ()] == [26, 19, 18, 21, 1034]
        (row,) = found.fetchall()
        assert row[1:4] == ("orders", "r", 6)
        info = TypeInfo.fetch(door, "numeric")
        assert info is not None
        assert (info.oid, info.array_oid) == (1700, 1231)
        with door.cursor().copy("COPY (SELECT nspname FROM pg_namespace) TO STDOUT") as copy:
            copied = b"".join(bytes(part) for part in copy)
        assert b"shop\n" in copied
        with door.cursor(name="catalog") as cursor:
            cursor.execute("SELECT attname FROM pg_attribute ORDER BY attrelid, attnum")
            assert len(cursor.fetchmany(5)) == 5
