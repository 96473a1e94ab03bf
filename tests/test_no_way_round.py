"""Attacks by an analyst on what it may not see, each category with an honest twin that must be answered.

A value that the analyst may not see holds CANARY or is one of a few numbers; none may appear in an answer or an error.
"""

from __future__ import annotations

import re

import pyarrow as pa
import pytest

from tests.doors import Door, GraphQLDoor, Refusal

# Values that an analyst never sees: text canaries, salaries, other people's pay and ids.
SECRET = re.compile(r"CANARY-|\b700000\d\d\b|\b70000[0-5]\d\d\b|\b[89]00000\d\d\b")

ATTACKS: dict[str, list[str]] = {
    "other catalogs and schemas": [
        "SELECT * FROM hr.salaries",
        "SELECT * FROM memory.main.customers",
        "SELECT * FROM core.customers",
        "SELECT * FROM shop.core.customers",
        "SELECT * FROM system.main.duckdb_views",
        "SELECT * FROM temp.main.customers",
        "SELECT * FROM outport.hr.salaries",
        "SELECT * FROM memory.shop.customers",
        "SELECT * FROM main.customers",
        'SELECT * FROM "snap_1".core.customers',
        "SELECT * FROM shop_v2.customers",
        "SELECT * FROM outport.outport.shop.customers",
    ],
    "information_schema and pg_catalog": [
        "SELECT * FROM information_schema.tables",
        "SELECT * FROM information_schema.columns",
        "SELECT * FROM pg_catalog.pg_class",
        "SELECT * FROM pg_class",
        "SELECT * FROM pg_views",
        "SELECT * FROM pg_settings",
        "SELECT * FROM sqlite_master",
        "SELECT * FROM INFORMATION_SCHEMA.SCHEMATA",
    ],
    "the engine's own functions": [
        "SELECT * FROM duckdb_views()",
        "SELECT * FROM duckdb_tables()",
        "SELECT * FROM duckdb_columns",
        "SELECT * FROM duckdb_settings()",
        "SELECT * FROM duckdb_databases()",
        "SELECT * FROM pragma_table_info('customers')",
        "SELECT * FROM pragma_storage_info('customers')",
        "SELECT current_setting('allowed_directories')",
        "SELECT getvariable('x')",
        "SELECT * FROM duckdb_secrets()",
        "SELECT * FROM duckdb_memory()",
        "SELECT * FROM duckdb_logs",
        "SELECT current_query()",
    ],
    "query and query_table": [
        "SELECT * FROM query('SELECT * FROM hr.salaries')",
        "SELECT * FROM query_table('customers')",
        "SELECT * FROM query_table(['customers'])",
        "SELECT json_execute_serialized_sql('x')",
        "SELECT * FROM json_execute_serialized_sql(json_serialize_sql('SELECT 1'))",
        "SELECT json_serialize_sql('SELECT 1')",
    ],
    "file and network readers": [
        "SELECT * FROM read_parquet('customers.parquet')",
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM read_text('/etc/passwd')",
        "SELECT * FROM read_blob('/etc/passwd')",
        "SELECT * FROM '/etc/passwd'",
        "SELECT * FROM 'data/customers.parquet'",
        'SELECT * FROM "data/customers.parquet"',
        "SELECT * FROM glob('*')",
        "SELECT * FROM read_json('https://127.0.0.1/x.json')",
        "SELECT * FROM 's3://bucket/x.parquet'",
        "SELECT * FROM sniff_csv('/etc/passwd')",
        "SELECT * FROM parquet_metadata('x')",
        "SELECT * FROM read_duckdb('core.duckdb')",
    ],
    "writing inside a CTE": [
        "WITH c AS (DELETE FROM shop.customers RETURNING *) SELECT * FROM c",
        "WITH c AS (INSERT INTO shop.customers SELECT * FROM shop.customers RETURNING *) SELECT * FROM c",
        "WITH c AS (UPDATE shop.customers SET region = 'N' RETURNING *) SELECT * FROM c",
        "WITH c AS (COPY (SELECT 1) TO 'stolen.csv') SELECT * FROM c",
        "INSERT INTO shop.customers SELECT * FROM shop.customers",
        "DELETE FROM shop.customers",
        "CREATE TABLE x AS SELECT * FROM shop.customers",
        "DROP VIEW shop.customers",
        "COPY shop.customers TO 'stolen.parquet'",
        "EXPORT DATABASE 'stolen'",
    ],
    "macros and types": [
        "CREATE MACRO upper(x) AS x",
        "CREATE TEMP MACRO count(x) AS 0",
        "SELECT main.upper(email) FROM shop.customers",
        "SELECT system.main.upper(email) FROM shop.customers",
        "SELECT 'x'::ENUM('x')",
        "SELECT 1::memory.main.t",
        "SELECT enum_range(NULL::t)",
        "CREATE TYPE t AS ENUM ('x')",
    ],
    "settings and attachments": [
        "SET search_path = 'core'",
        "SET enable_external_access = true",
        "PRAGMA database_list",
        "ATTACH ':memory:' AS x",
        "USE hr",
        "CALL pragma_version()",
        "SET VARIABLE x = 1",
        "RESET memory_limit",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SELECT set_config('search_path', 'core', false)",
    ],
    "explanations": [
        "EXPLAIN SELECT * FROM shop.customers",
        "EXPLAIN ANALYZE SELECT * FROM shop.customers",
        "DESCRIBE shop.customers",
        "SUMMARIZE shop.customers",
        "SELECT * FROM (SUMMARIZE shop.customers)",
        "SELECT * FROM (DESCRIBE shop.customers)",
        "SHOW TABLES",
        "SHOW ALL TABLES",
    ],
    "statistics and samples": [
        "SELECT stats(email) FROM shop.customers",
        "SELECT stats(x) FROM (SELECT email AS x FROM shop.customers)",
        "SELECT * FROM shop.customers TABLESAMPLE 50%",
        "SELECT * FROM shop.customers USING SAMPLE 5% (system)",
        "SELECT * FROM duckdb_table_sample('customers')",
        "SELECT vector_type(email) FROM shop.customers",
        "SELECT approx_top_k(phone, 3) FROM shop.customers",
    ],
    "errors that reveal data": [
        "SELECT email::INT FROM shop.customers",
        "SELECT CAST(full_name AS DATE) FROM shop.customers",
        "SELECT error(email) FROM shop.customers",
        "SELECT * FROM shop.customers WHERE phone::INT = 1",
        "SELECT strptime(email, '%Y') FROM shop.customers",
        "SELECT CASE WHEN region = 'S' THEN full_name::INT END FROM shop.customers",
        "SELECT salary FROM shop.customers",
        "SELECT json_extract(email, '$.x') FROM shop.customers",
        "SELECT email.x FROM shop.customers",
        "SELECT regexp_matches('x', email || '[') FROM shop.customers",
        "SELECT 1 // (salary - 70000001) FROM shop.customers",
        "SELECT make_date(1, 1, customer_id::INT) FROM shop.customers",
        "SELECT chr(lifetime::INT * 100000) FROM shop.customers",
    ],
    "a non-constant ESCAPE": [
        "SELECT customer_id FROM shop.customers WHERE email LIKE 'x' ESCAPE region",
        "SELECT customer_id FROM shop.customers WHERE email NOT LIKE 'x' ESCAPE region",
        "SELECT customer_id FROM shop.customers WHERE email ILIKE 'x' ESCAPE full_name",
        "SELECT customer_id FROM shop.customers WHERE email NOT ILIKE 'x' ESCAPE full_name",
        "SELECT customer_id FROM shop.customers WHERE like_escape(email, 'x', full_name)",
        "SELECT customer_id FROM shop.customers WHERE ilike_escape(email, 'x', full_name)",
        "SELECT customer_id FROM shop.customers WHERE not_like_escape(email, 'x', full_name)",
        "SELECT customer_id FROM shop.customers WHERE not_ilike_escape(email, 'x', full_name)",
    ],
    "names that shadow": [
        "WITH customers AS (SELECT * FROM core.customers) SELECT * FROM customers",
        "WITH duckdb_views AS (SELECT * FROM duckdb_views) SELECT * FROM duckdb_views",
        "WITH RECURSIVE pg_class AS (SELECT * FROM pg_class UNION SELECT * FROM pg_class) SELECT * FROM pg_class",
        "WITH salaries AS (SELECT * FROM hr.salaries) SELECT * FROM salaries",
        "SELECT * FROM (WITH a AS (SELECT 1) SELECT * FROM a) b, a",
        "WITH a AS (SELECT * FROM b), b AS (SELECT 1) SELECT * FROM a",
    ],
    "spellings": [
        'SELECT * FROM "HR"."SALARIES"',
        'SELECT * FROM hr."Salaries"',
        "SELECT * FROM HR.SALARIES",
        'SELECT * FROM "hr.salaries"',
        "SELECT * FROM hr . salaries",
        "SELECT * FROM hr/**/.salaries",
        "FROM hr.salaries",
        "TABLE hr.salaries",
        "SELECT * FROM \uff28R.salaries",
    ],
    "whole rows and generated columns": [
        "SELECT customers FROM shop.customers",
        "SELECT c FROM shop.customers c",
        "SELECT to_json(c) FROM shop.customers c",
        "SELECT row_to_json(c) FROM shop.customers c",
        "SELECT COLUMNS(*) FROM shop.customers",
        "SELECT COLUMNS('.*') FROM shop.customers",
        "SELECT max(COLUMNS(*)) FROM shop.customers",
        "SELECT * EXCLUDE (region) FROM shop.customers",
        "SELECT * REPLACE (email AS region) FROM shop.customers",
        "SELECT struct_extract(c, 'salary') FROM shop.customers c",
        "SELECT c.salary FROM shop.customers c",
        "SELECT c['email'] FROM shop.customers c",
        "SELECT rowid, * FROM shop.customers",
        "SELECT unsorted FROM shop.customers",
        "SELECT list(c) FROM shop.customers c",
        'SELECT "customer_id$shop" FROM shop.customers',
        "SELECT histogram(email) FROM shop.customers",
        "SELECT arg_max(email, lifetime) FROM shop.customers",
        "UNPIVOT shop.customers ON email, full_name INTO NAME n VALUE v",
        "SELECT * FROM shop.customers UNPIVOT (v FOR n IN (email, full_name, phone))",
        "SELECT * FROM shop.customers c POSITIONAL JOIN shop.customers d",
    ],
    "bombs": [
        "SELECT repeat(repeat('x', 10000), 10000)",
        "SELECT repeat('x', 2000000000)",
        "SELECT lpad('x', 2000000000, 'y')",
        "SELECT printf('%2000000000d', 1)",
        "SELECT format('{:2000000000d}', 1)",
        "SELECT unnest(range(100000000))",
        "SELECT list_transform(range(100000), lambda x: range(100000))",
        "SELECT list_reduce(range(1000), lambda a, b: a || b)",
        "SELECT len(range(1, customer_id + 1000000000)) FROM shop.customers",
        "SELECT " + "replace(" * 8 + "'aaaaaaaaaa'" + ",'a','aaaaaaaaaa')" * 8,
        "SELECT " + "(" * 2000 + "1" + ")" * 2000,
        "SELECT " + "+".join(["1"] * 5000),
        "SELECT * FROM " + "(SELECT * FROM " * 500 + "shop.customers" + ")" * 500,
        "SELECT 1 IN (" + ",".join(["1"] * 40_000) + ")",
        "SELECT [" + ",".join(["1"] * 40_000) + "]",
        "SELECT 1 FROM " + ", ".join(f"shop.orders o{i}" for i in range(300)),
        "SELECT '" + "x" * 200_000 + "'",
        "SELECT array_resize([1], 2000000000)",
        "SELECT list_resize([1], 2000000000)",
        "SELECT bar(1, 0, 1, 2000000000)",
        "SELECT sleep_ms(100000)",
        "SELECT * FROM generate_series(1, 100000000000)",
    ],
    "sessions": [
        "SELECT current_user, user, session_user",
        "SELECT current_database(), current_schema(), current_catalog",
        "SELECT version()",
        "SELECT nextval('s')",
        "SELECT write_log('x')",
        "SELECT setseed(0.5)",
    ],
}

HONEST: dict[str, str] = {
    "other catalogs and schemas": "SELECT count(*) FROM outport.shop.customers",
    "information_schema and pg_catalog": "WITH pg_class AS (SELECT 1 AS oid) SELECT * FROM pg_class",
    "the engine's own functions": "SELECT current_date, typeof(1)",
    "query and query_table": "SELECT * FROM (SELECT 'hr.salaries' AS query)",
    "file and network readers": "SELECT '/etc/passwd' AS path",
    "writing inside a CTE": "WITH deleted AS (SELECT * FROM shop.customers) SELECT count(*) FROM deleted",
    "macros and types": "SELECT upper(region), 1::DECIMAL(9,2) FROM shop.customers",
    "settings and attachments": "SELECT 'set' AS pragma",
    "explanations": "SELECT 'describe' AS explain",
    "statistics and samples": "SELECT count(*) FROM (SELECT * FROM shop.customers USING SAMPLE 5 ROWS)",
    "errors that reveal data": "SELECT TRY_CAST(full_name AS INT) FROM shop.customers",
    "a non-constant ESCAPE": "SELECT region FROM shop.customers WHERE region LIKE '!N' ESCAPE '!'",
    "names that shadow": "WITH customers AS (SELECT region FROM shop.customers) SELECT * FROM customers",
    "spellings": 'SELECT "Region" FROM SHOP."Customers"',
    "whole rows and generated columns": "SELECT c, COLUMNS('reg.*') FROM shop.customers c",
    "bombs": "SELECT repeat('x', 100), sum(i) FROM range(100000) r(i)",
    "sessions": "SELECT current_user AS me, now()",
}

ALL = [(category, text) for category, texts in ATTACKS.items() for text in texts]


@pytest.mark.parametrize(("category", "attack"), ALL, ids=[f"{c}-{t[:40]}" for c, t in ALL])
def test_an_attack_shows_nothing(python_door: Door, category: str, attack: str) -> None:
    try:
        shown = str(python_door.ask("analyst", attack).to_pylist())
    except Refusal as refusal:
        shown, code = refusal.message, refusal.code
    else:
        code = "answered"
    assert code in {"answered", "bad_query", "not_found", "exhausted"}
    assert not SECRET.search(shown.replace(attack, ""))


@pytest.mark.parametrize("category", list(ATTACKS))
def test_its_honest_twin_is_answered(door: Door, category: str) -> None:
    assert door.ask("analyst", HONEST[category]).num_rows > 0


@pytest.mark.parametrize("category", list(ATTACKS))
def test_every_door_holds_the_first_of_each_category(door: Door, category: str) -> None:
    try:
        shown = str(door.ask("analyst", ATTACKS[category][0]).to_pylist())
    except Refusal as refusal:
        shown = refusal.message
    assert not SECRET.search(shown)
    assert "Traceback" not in shown
    assert "Error:" not in shown


# What an analyst may try in GraphQL: the document, and whether it is refused. No answer may hold a secret.
GRAPHQL: dict[str, list[tuple[str, bool]]] = {
    "products and types that are not there": [
        ("{ hr { salaries { pay } } }", True),
        ("{ Hr_Salaries { pay } }", True),
        ("{ shop { salaries { pay } } }", True),
        ("{ shop { ... on Hr_Salaries { pay } } }", True),
        ('{ __type(name: "Hr_Salaries") { name fields { name } } }', False),
        ("{ __schema { types { name fields { name description } inputFields { name } enumValues { name } } } }", False),
        ("{ visibleProducts { name description snapshot } }", False),
    ],
    "a hidden column anywhere": [
        ("{ shop { customers { salary } } }", True),
        ("{ shop { customers { region: salary } } }", True),
        ("{ shop { customers { unsorted } } }", True),
        ("{ shop { customers(where: {salary: {_gt: 1}}) { region } } }", True),
        ("{ shop { customers(where: {_not: {salary: {_isNull: true}}}) { region } } }", True),
        ("{ shop { customers(orderBy: [{salary: DESC}]) { region } } }", True),
        ("{ shop { orders(where: {customers: {salary: {_gt: 1}}}) { store } } }", True),
        ("{ shop { customersConnection(orderBy: [{unsorted: ASC}]) { edges { cursor } } } }", True),
        ("query($w: Shop_CustomersWhere) { shop { customers(where: $w) { region } } }", True),
        ("{ shop { customers { ...F } } } fragment F on Shop_Customers { salary }", True),
    ],
    "rows of others": [
        ("{ shop { customersByKey(customer_id: 5) { full_name email region } } }", False),
        ("{ shop { ordersByKey(order_id: 16) { remark customers { full_name } } } }", False),
        ('{ shop { customers(where: {region: {_eq: "S"}}) { full_name } } }', False),
        ('{ shop { orders(where: {_or: [{customers: {region: {_eq: "S"}}}, {_not: {customers: {}}}]}) { remark } } }',
         False),
        ("{ shop { customersConnection(last: 100) { totalCount edges { cursor node { email } } } } }", False),
    ],
    "what a mask hides": [
        ("{ shop { customers(limit: 1000) { full_name email phone birth_date tags } } }", False),
        ('{ shop { customers(where: {email: {_eq: "CANARY-mail-2@example.com"}}) { region } } }', False),
        ('{ shop { customers(where: {full_name: {_ilike: "%canary%"}}) { customer_id } } }', False),
        ("{ shop { customers(orderBy: [{phone: DESC}], limit: 9) { phone orders { customers { phone email } } } } }",
         False),
    ],
    "errors that reveal data": [
        ('{ shop { customers(where: {customer_id: {_eq: "CANARX"}}) { region } } }', True),
        ('{ shop { customers(where: {birth_date: {_gt: "yesterday"}}) { region } } }', True),
        ('{ shop { customersConnection(after: "x") { nodes { email } } } }', True),
        ("{ shop { customers(limit: 99999999999999999999) { email } } }", True),
        ('{ shop { customers(where: {region: {_eq: "\') OR 1=1 --"}}) { email } } }', False),
        ('{ shop { customers(limit: 2) { x__: email  \u0022: phone } } }', True),
    ],
}  # fmt: skip


@pytest.mark.parametrize("category", list(GRAPHQL))
def test_an_attack_in_graphql_shows_nothing(graphql_door: GraphQLDoor, category: str) -> None:
    for document, refused in GRAPHQL[category]:
        answer = graphql_door.answer("analyst", document, w={"salary": {"_gt": 1}} if "$w" in document else None)
        told = answer.json()
        assert not SECRET.search(answer.text), document
        assert ("errors" in told) is refused, (document, told)
        assert "data" not in told or not refused
        if refused:
            assert "mean" not in answer.text
            assert "SELECT" not in answer.text


def test_its_honest_twin_in_graphql_is_answered(graphql_door: GraphQLDoor) -> None:
    asked = """{ shop { customers(where: {region: {_eq: "N"}}, orderBy: [{lifetime: DESC}], limit: 2) {
      region lifetime orders(limit: 1) { customers { region } } } customersConnection { totalCount } } }"""
    told = graphql_door.ask("analyst", asked)["shop"]
    assert [one["lifetime"] for one in told["customers"]] == ["598.25", "596.25"]
    assert told["customersConnection"]["totalCount"] == 300
    steward = graphql_door.answer("steward", "{ shop { customers { full_name salary } } hr { salaries { pay } } }")
    assert SECRET.search(steward.text)


def test_the_canaries_are_there_for_who_may_see_them(python_door: Door) -> None:
    shown = str(python_door.ask("steward", "SELECT * EXCLUDE (tags) FROM shop.customers").to_pylist())
    assert len(set(SECRET.findall(shown))) >= 1
    assert "CANARY-mail-1@" in shown
    assert "70000001" in shown


def test_no_byte_of_a_canary_leaves_after_a_steward_has_warmed_the_engine(door: Door, python_door: Door) -> None:
    for column in ("full_name", "email", "phone", "salary"):
        python_door.ask("steward", f"SELECT * FROM shop.customers ORDER BY {column} DESC")
    nulled = "SELECT * EXCLUDE (tags), CASE WHEN region = 'S' THEN tags END AS t FROM shop.customers"
    joined = (
        "SELECT c.*, o.remark FROM shop.orders o LEFT JOIN shop.customers c "
        "ON c.customer_id = o.customer_id + 1 ORDER BY o.order_id"
    )
    for text in (nulled, joined):
        table = door.ask("analyst", text)
        assert table.num_rows > 100
        for column in table.columns:
            for chunk in column.chunks:
                assert not any(SECRET.search(buffer.to_pybytes().decode("latin-1")) for buffer in buffers(chunk))


def buffers(array: pa.Array) -> list[pa.Buffer]:
    """Every buffer of `array` and its children, those under NULLs included."""
    return [buffer for buffer in array.buffers() if buffer is not None]


def test_an_endless_recursion_is_stopped_and_the_gateway_goes_on(python_door: Door) -> None:
    from gateway import GatewayError, Limits, Password, Query

    gateway = python_door.gateway  # type: ignore[attr-defined]
    session = gateway.open(Password("analyst", "analyst-secret"), "python")
    endless = Query("WITH RECURSIVE r AS (SELECT 1 AS i UNION ALL SELECT i FROM r) SELECT sum(i) FROM r")
    with pytest.raises(GatewayError), gateway.answer(session, endless, limits=Limits(0.3, 5, None)) as result:
        list(result.batches())
    assert python_door.ask("analyst", "SELECT 1").num_rows == 1
