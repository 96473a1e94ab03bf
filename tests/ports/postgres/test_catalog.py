"""What PostgreSQL's clients ask its catalogs, through the Postgres door: no more than the principal may see."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

Connect = Any


@pytest.fixture
def ask(postgres: tuple[str, int]) -> Iterator[Connect]:
    """Rows of a query for a principal."""
    opened: dict[str, psycopg.Connection[Any]] = {}

    def rows(subject: str, text: str, *parameters: object, binary: bool = False) -> list[tuple[Any, ...]]:
        if subject not in opened:
            host, port = postgres
            opened[subject] = psycopg.connect(
                host=host, port=port, user=subject, password=f"{subject}-secret", dbname="outport", autocommit=True
            )
        with opened[subject].cursor(binary=binary) as cursor:
            return cursor.execute(text.encode(), parameters or None).fetchall()

    yield rows
    for connection in opened.values():
        connection.close()


TABLES = (
    "SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid >= 16384"
)


def test_each_principal_finds_its_own_tables(ask: Connect) -> None:
    mine = f"{TABLES} AND c.relkind = 'r' ORDER BY 1, 2"
    assert ask("analyst", mine) == [("shop", "customers"), ("shop", "orders")]
    assert ask("steward", mine) == [("hr", "salaries"), ("shop", "customers"), ("shop", "orders")]
    assert ask("stranger", mine) == []


@pytest.mark.parametrize(
    ("relation", "column"),
    [
        ("pg_class", "relname"),
        ("pg_attribute", "attname"),
        ("pg_namespace", "nspname"),
        ("pg_constraint", "conname"),
        ("pg_description", "description"),
        ("pg_type", "typname"),
        ("pg_tables", "tablename"),
        ("pg_indexes", "indexdef"),
        ("information_schema.tables", "table_name"),
        ("information_schema.columns", "column_name"),
        ("information_schema.schemata", "schema_name"),
        ("information_schema.table_constraints", "constraint_name"),
        ("information_schema.key_column_usage", "column_name"),
        ("information_schema.column_privileges", "column_name"),
    ],
)
def test_what_is_hidden_stands_nowhere(ask: Connect, relation: str, column: str) -> None:
    found = [str(name) for (name,) in ask("analyst", f"SELECT {column}::text FROM {relation}")]
    assert not [name for name in found if name == "hr" or any(word in name for word in ("salar", "pay", "unsorted"))]
    assert found


def test_a_hidden_table_reads_like_an_unknown_one(ask: Connect) -> None:
    for name in ("hr.salaries", "hr.nothing"):
        with pytest.raises(psycopg.errors.UndefinedTable, match=f'relation "{name}" does not exist'):
            ask("analyst", f"SELECT '{name}'::regclass::oid")
    assert ask("steward", "SELECT 'hr.salaries'::regclass::text") == [("hr.salaries",)]
    assert ask("analyst", "SELECT to_regclass('hr.salaries'), to_regclass('shop.orders')::text") == [
        (None, "shop.orders")
    ]


def test_oids_are_the_same_for_everyone(ask: Connect) -> None:
    text = "SELECT 'shop.orders'::regclass::oid, 'shop'::regnamespace::oid"
    assert ask("analyst", text) == ask("steward", text)
