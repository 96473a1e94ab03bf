"""What PostgreSQL's clients ask its catalogs, through the Postgres door: no more than the principal may see."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from gateway.system_catalogs.pg_arrays import elements
from gateway.system_catalogs.pg_engine import KEPT, CatalogEngine, CatalogEngines
from gateway.system_catalogs.pg_macros import NAMES
from gateway.system_catalogs.pg_objects import PgSchema, visible
from gateway.system_catalogs.pg_relations import relations
from tests.conftest import World, password

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
    told = [("semantic", name) for name in ("alternatives", "dimensions", "measures", "metric_tree", "synonyms")]
    assert ask("analyst", mine) == [*told, ("shop", "customers"), ("shop", "orders")]
    assert ask("steward", mine) == [("hr", "salaries"), *told, ("shop", "customers"), ("shop", "orders")]
    assert ask("stranger", mine) == []


def test_the_catalog_tells_of_semantic_relations_what_they_have(ask: Connect) -> None:
    columns = "SELECT column_name FROM information_schema.columns WHERE table_schema = 'semantic' AND table_name = '{}'"
    names = [
        name
        for (name,) in ask(
            "steward", "SELECT table_name FROM information_schema.tables WHERE table_schema = 'semantic'"
        )
    ]
    assert len(names) == 5
    for name in names:
        listed = ", ".join(
            f'"{column}"' for (column,) in ask("steward", columns.format(name) + " ORDER BY ordinal_position")
        )
        rows = ask("steward", f"SELECT {listed} FROM semantic.{name}")
        assert rows == ask("steward", f"SELECT * FROM semantic.{name}")


@pytest.mark.parametrize(
    "text",
    [
        "SELECT conname FROM pg_constraint WHERE pg_get_constraintdef(oid) = 'PRIMARY KEY (order_id)'",
        "SELECT conname FROM pg_constraint, unnest(conkey) WHERE pg_get_constraintdef(oid) ~ '^PRIMARY KEY .order'",
        "WITH keys AS (SELECT oid, conname FROM pg_constraint) SELECT conname FROM keys "
        "WHERE pg_get_constraintdef(oid) = 'PRIMARY KEY (order_id)'",
        "SELECT relname || '_pkey' FROM pg_class WHERE oid::regclass::text = 'shop.orders'",
        "SELECT relname || '_pkey' FROM (SELECT oid, relname FROM pg_class WHERE relkind = 'r') t "
        "WHERE oid::regclass::text = 'shop.orders'",
        "SELECT relname || '_pkey' FROM pg_class r WHERE EXISTS (SELECT 1 FROM pg_namespace n WHERE oid = relnamespace "
        "AND relname = 'orders' AND NOT pg_table_is_visible(r.oid) AND pg_get_userbyid(relowner) = 'outport')",
        "SELECT array_to_string(ARRAY(SELECT conname FROM pg_constraint WHERE pg_get_constraintdef(oid) ~ 'KEY .order'"
        " ORDER BY conname DESC), ',')",
        "SELECT relname || '_pkey' FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid AND attname = 'order_id' "
        "AND format_type(atttypid, atttypmod) = 'bigint' WHERE relkind = 'r' AND NOT pg_table_is_visible(pg_class.oid)",
    ],
)
def test_a_function_is_given_the_column_of_the_row_that_it_stands_beside(ask: Connect, text: str) -> None:
    assert ask("analyst", text) == [("orders_pkey",)]


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


@pytest.mark.parametrize(
    ("text", "state"),
    [
        ("SELECT * FROM duckdb_settings(), pg_class", "42883"),
        ("SELECT * FROM pg_catalog.duckdb_settings()", "42883"),
        ("SELECT duckdb_settings() FROM pg_class", "42883"),
        ("SELECT * FROM pg_class, read_csv('/etc/passwd')", "42883"),
        ("SELECT * FROM pg_class, pragma_version()", "42883"),
        ("SELECT * FROM pg_class, '/etc/passwd'", "0A000"),
        ("SELECT * FROM pg_class, sqlite_master", "0A000"),
        ("SELECT * FROM pg_class, duckdb_tables", "0A000"),
        ("SELECT * FROM pg_class, x.definitions", "0A000"),
        ("SELECT relname, (SELECT count(*) FROM hr.salaries) FROM pg_class", "0A000"),
        ("SELECT relname, (SELECT count(*) FROM hr.nothing) FROM pg_class", "0A000"),
        ("SELECT * FROM pg.pg_class", "42P01"),
        ("SELECT * FROM system.pg_catalog.pg_class", "42P01"),
        ("SELECT * FROM temp.information_schema.tables", "42P01"),
        ("SELECT * FROM memory.pg.pg_class", "42P01"),
        ("SELECT * FROM pg_catalog.duckdb_views", "42P01"),
        ("SELECT getvariable('outport') FROM pg_class", "42883"),
        ("SELECT cat__path() FROM pg_class", "42883"),
        ("SELECT pg_catalog.pg_read_file('/etc/passwd')", "42883"),
        ("SELECT error('outport:relation:x') FROM pg_class", "42883"),
        ("SELECT current_setting('memory_limit') FROM pg_class", "42704"),
        ("SELECT nothing FROM pg_class", "42703"),
        ("SELECT 'hr'::regnamespace", "42704"),
        ("SELECT has_table_privilege('hr.salaries', 'select')", "42P01"),
        ("SELECT * FROM pg_authid", "42501"),
        ("SELECT * FROM generate_series(1, 1000000000) AS s, pg_class", "54000"),
        ("SELECT " + "1+" * 5000 + "1 FROM pg_class", "54000"),
        ("SELECT " + "NOT " * 2000 + "true FROM pg_class", "54000"),
        ("SELECT 1 / 0 FROM pg_class", "22012"),
        ("PRAGMA database_list", "25006"),
        ("ATTACH ':memory:' AS x", "25006"),
        ("INSERT INTO pg_class VALUES (1)", "25006"),
    ],
)
def test_the_engine_behind_the_catalogs_is_out_of_reach(ask: Connect, text: str, state: str) -> None:
    with pytest.raises(psycopg.Error) as refused:
        ask("analyst", text)
    assert refused.value.sqlstate == state
    assert not re.search(r"Error:|Candidate|Did you mean", str(refused.value))


def test_settings_are_those_of_the_connection(ask: Connect) -> None:
    names = {name for (name,) in ask("analyst", "SELECT name FROM pg_settings")}
    assert {"TimeZone", "server_version", "search_path"} <= names
    assert not [name for name in names if "memory" in name or "thread" in name]
    assert ask("analyst", "SELECT usename, application_name FROM pg_stat_activity") == [("analyst", "")]
    assert ask("analyst", "SELECT rolname FROM pg_roles WHERE rolcanlogin ORDER BY 1") == [("analyst",), ("outport",)]


def test_no_definition_and_no_size_is_told(ask: Connect) -> None:
    assert ask("analyst", "SELECT count(definition) FROM pg_views") == [(0,)]
    assert ask("analyst", "SELECT count(view_definition) FROM information_schema.views") == [(0,)]
    own = "SELECT reltuples, relpages, pg_total_relation_size(oid) FROM pg_class WHERE oid = 'shop.orders'::regclass"
    assert ask("analyst", own) == [(-1.0, 0, 0)]


def test_descending_order_begins_with_nulls(ask: Connect) -> None:
    found = ask("analyst", "SELECT relacl FROM pg_class WHERE relkind IN ('i', 'r') ORDER BY relacl DESC LIMIT 1")
    assert found == [(None,)]


def test_explain_tells_the_columns_of_a_catalog_query(ask: Connect) -> None:
    told = [line for (line,) in ask("analyst", "EXPLAIN SELECT oid, relname FROM pg_class")]
    assert told == ["Outport Scan", "  Output: oid (oid)", "  Output: relname (name)"]


def test_a_reading_of_the_catalogs_is_in_the_audit(ask: Connect, world: World) -> None:
    ask("clerk", "SELECT nspname FROM pg_namespace")
    records = [
        json.loads(line) for path in world.settings.audit.glob("*.jsonl") for line in path.read_text().splitlines()
    ]
    mine = [one for one in records if one.get("subject") == "clerk" and one.get("products") is not None]
    assert any("shop" in "".join(one["products"]) and one["port"] == "postgres" for one in mine)


def test_engines_are_few_and_shared_by_who_sees_the_same(world: World) -> None:
    sessions = [world.gateway.open(password(name), "postgres") for name in ("steward", "analyst", "ml", "stranger")]
    kept = {visible(session, world.gateway.pin(session)) for session in sessions}
    again = {visible(session, world.gateway.pin(session)) for session in sessions}
    assert kept == again
    engines = CatalogEngines()
    try:
        first = sessions[1]
        with engines.using(visible(first, world.gateway.pin(first))) as one:
            for place in range(KEPT):
                with engines.using((PgSchema(f"other_{place}", "", ()),)):
                    pass
            assert one.evicted
            assert one.instance.execute("SELECT 1").fetchall() == [(1,)]
        with pytest.raises(Exception, match="closed"):
            one.instance.execute("SELECT 1")
    finally:
        engines.close()


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("{}", []),
        ('{a,"b c",NULL}', ["a", "b c", None]),
        (r'{"x\"y","\\",""}', ['x"y', "\\", ""]),
        ("{{1},{2}}", None),
        ("{a,,b}", None),
        ("a", None),
    ],
)
def test_an_array_s_text_is_read_as_postgresql_reads_it(text: str, found: list[str | None] | None) -> None:
    assert elements(text) == found


def test_every_relation_and_function_of_the_catalogs_can_be_made(world: World) -> None:
    session = world.gateway.open(password("analyst"), "postgres")
    engine = CatalogEngine(visible(session, world.gateway.pin(session)))
    try:
        engine.need(" ".join([f'pg."{name}" info."{name}" x."{name}"' for _, name in relations()]))
        engine.need(" ".join(NAMES))
        made = engine.instance.execute("SELECT count(*) FROM pg.pg_class").fetchone()
        assert made is not None
        assert made[0] > len(relations())
    finally:
        engine.instance.close()
