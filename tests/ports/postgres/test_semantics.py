"""Small statements, answered as PostgreSQL 15 answered them: names, types, texts and SQLSTATEs."""

from __future__ import annotations

from decimal import Decimal

import psycopg
import pytest

from tests.ports.postgres.semantics import answers
from tests.ports.postgres.semantics.answers import Answer


@pytest.fixture(scope="module")
def told(postgres: tuple[str, int]) -> dict[str, Answer]:
    """What the door answers."""
    host, port = postgres
    return answers.asked(f"host={host} port={port} user=analyst password=analyst-secret dbname=outport")


def test_every_statement_has_an_answer_of_postgresql() -> None:
    assert list(answers.recorded()) == answers.statements()
    assert set(answers.differences()) <= set(answers.statements())


def test_statements_mean_what_they_mean_in_postgresql(told: dict[str, Answer]) -> None:
    expected = answers.recorded()
    known = answers.differences()
    different = {text for text in told if answers.as_read(told[text]) != answers.as_read(expected[text])}
    assert {text: told[text] for text in different - set(known)} == {}
    assert sorted(set(known) - different) == [], "these are alike now: take them off the list"


HIDDEN_FAILS = [
    "1 / (CASE WHEN region = 'S' THEN 0 ELSE 1 END) = 1",
    "7 % (customer_id % 2 - 1) = 0",
    "div(1, 1 - customer_id % 2) = 1",
    "(2147483646 + (customer_id % 2)::int4 * 2)::int4 > 0",
    "to_char((CASE WHEN region = 'S' THEN 'x' ELSE '2020-01-01' END)::date, 'YYYY') = '2020'",
    "(CASE WHEN region = 'S' THEN 'x' ELSE '1' END)::int4 = 1",
    "extract(second FROM (CASE WHEN region = 'S' THEN 'x' ELSE '2020-01-01' END)::timestamp) = 0",
    "region LIKE ANY (ARRAY['N', 'S%']) AND 1 / (ascii(region) - 83) < 0",
    "to_char(1e37 * (customer_id % 2), '9') <> '#'",
    "to_number(CASE WHEN region = 'S' THEN 'x' ELSE '1' END, '9') = 1",
    "make_interval(days => 2000000000 * (customer_id % 2)::int4 + (customer_id % 2)::int4 * 2000000000) = interval '0'",
    "width_bucket(1, 0, 1 - customer_id % 2, 1) = 2",
    "round(1e37 * (customer_id % 2), 6) = 0",
    "region SIMILAR TO '(N|S)' AND 1 / (ascii(region) - 83) < 0",
]


@pytest.mark.parametrize("condition", HIDDEN_FAILS)
def test_what_would_fail_on_hidden_rows_only_does_not_fail(postgres: tuple[str, int], condition: str) -> None:
    host, port = postgres
    address = f"host={host} port={port} user=analyst password=analyst-secret dbname=outport"
    with psycopg.connect(address, autocommit=True) as door:
        for source in (
            "shop.customers",
            "shop.orders o JOIN shop.customers c USING (customer_id)",
            "(SELECT * FROM shop.customers ORDER BY customer_id DESC LIMIT 1000) c",
        ):
            door.execute(f"SELECT count(*) FROM {source} WHERE {condition}".encode())
        door.execute(f"SELECT sum(CASE WHEN {condition} THEN 1 ELSE 0 END) FROM shop.customers".encode())


def test_what_fails_on_visible_rows_fails(postgres: tuple[str, int]) -> None:
    host, port = postgres
    address = f"host={host} port={port} user=analyst password=analyst-secret dbname=outport"
    with psycopg.connect(address, autocommit=True) as door, pytest.raises(psycopg.errors.DivisionByZero):
        door.execute("SELECT count(*) FROM shop.customers WHERE 1 / (CASE WHEN region = 'N' THEN 0 ELSE 1 END) = 1")


@pytest.mark.parametrize(
    "text",
    [
        "SELECT " + "to_char(" * 40 + "now()" + ", 'Mon Day Mon Day Q')::timestamp" * 40,
        "SELECT " + "lpad(" * 200 + "'a'" + ", 3)" * 200,
        "SELECT " + ", ".join(["to_char(now(), '" + "Q-" * 49 + "')"] * 200),
        "SELECT " + "1/" * 3000 + "1",
        "SELECT " + "initcap(" * 150 + "'a'" + ")" * 150,
        "SELECT " + "to_char(" * 40 + "1" + ", 'FM999,999.00')::numeric" * 40,
        "SELECT " + "format('%1$s%1$s%1$s', " * 20 + "'a'" + ")" * 20,
        "SELECT " + "'a' LIKE ANY (ARRAY[" + ", ".join(["('a' LIKE ANY (ARRAY['a']))::text"] * 3000) + "])",
        "SELECT " + ", ".join(["to_char(1, '9')"] * 3000),
        "SELECT ARRAY" + "[" * 200 + "1" + "]" * 200,
    ],
    ids=[
        "formats of formats",
        "calls of calls",
        "many formats",
        "many divisions",
        "words of words",
        "numbers of numbers",
        "texts of texts",
        "patterns of patterns",
        "many numbers",
        "arrays of arrays",
    ],
)
def test_what_grows_on_the_way_is_refused_at_once(postgres: tuple[str, int], text: str) -> None:
    host, port = postgres
    address = f"host={host} port={port} user=analyst password=analyst-secret dbname=outport"
    with psycopg.connect(address, autocommit=True) as door:
        with pytest.raises((psycopg.errors.ProgramLimitExceeded, psycopg.errors.SyntaxError)):
            door.execute(text.encode())
        assert door.execute("SELECT 1").fetchone() == (1,)


UNSUPPORTED = [
    ("SELECT to_tsvector('a b')", "0A000", "search texts"),
    ("SELECT 'a' @@ 'b'", "0A000", "search texts"),
    ("SELECT int4range(1, 3)", "0A000", "BETWEEN"),
    ("SELECT '[1,3)'::int4range", "0A000", "BETWEEN"),
    ("SELECT '10.0.0.1'::inet", "0A000", "texts"),
    ("SELECT '1.50'::money", "0A000", "numeric(18,2)"),
    ("SELECT point(1, 2)", "0A000", "numbers"),
    ("SELECT nextval('s')", "0A000", "row_number()"),
    ("SELECT pg_sleep(10)", "0A000", "reads products"),
    ("SELECT lo_get(1)", "0A000", "reads products"),
    ("SELECT crosstab('SELECT 1')", "0A000", "FILTER"),
    ("SELECT jsonb_set('{}'::jsonb, '{a}', '1')", "0A000", "cannot be changed"),
    ("SELECT format($1)", "0A000", "concat"),
    ("SELECT regexp_match('a', chr(97))", "0A000", "substring"),
    ("SELECT to_char(1, '9EEEE')", "0A000", "FM 9 0"),
    ("SELECT 1::nosuchtype", "42704", ""),
    ("SELECT nosuchfunction(1)", "42883", ""),
    ("SELECT 'a' ^^ 'b'", "42883", ""),
    ("SELECT i FROM (VALUES (1)) t(i) FETCH FIRST 1 ROW WITH TIES", "0A000", "rank()"),
    ("SELECT i FROM (VALUES (1)) t(i) FOR UPDATE", "25006", ""),
]


@pytest.mark.parametrize(("text", "state", "hint"), UNSUPPORTED)
def test_what_is_not_there_is_refused_with_what_to_write_instead(
    postgres: tuple[str, int], text: str, state: str, hint: str
) -> None:
    host, port = postgres
    address = f"host={host} port={port} user=analyst password=analyst-secret dbname=outport"
    with psycopg.connect(address, autocommit=True) as door, pytest.raises(psycopg.Error) as refusal:
        door.execute(text.encode())
    assert refusal.value.sqlstate == state
    assert hint in (refusal.value.diag.message_hint or "")


def test_types_of_columns_are_told_by_what_the_columns_hold(postgres: tuple[str, int]) -> None:
    host, port = postgres
    address = f"host={host} port={port} user=analyst password=analyst-secret dbname=outport"
    text = """
        SELECT avg(amount), avg(store), sum(store), sum(order_id), round(sum(amount) / count(*), 2),
               max(ordered_at) - min(ordered_at), date_trunc('day', max(ordered_at)), avg(lifetime)
        FROM shop.orders JOIN shop.customers USING (customer_id)
    """
    with psycopg.connect(address, autocommit=True) as door:
        cursor = door.execute(text.encode())
        kinds = [column.type_code for column in cursor.description or ()]
        mean, store, *_ = cursor.fetchone() or ()
        assert kinds == [1700, 1700, 20, 1700, 1700, 1186, 1114, 1700]
        plain = door.execute(
            "SELECT sum(amount), sum(store), count(*) FROM shop.orders JOIN shop.customers USING (customer_id)"
        )
        total, stores, count = plain.fetchone() or ()
        assert abs(mean - total / count) < 1e-15
        assert abs(store - Decimal(stores) / count) < 1e-15


@pytest.mark.parametrize(
    "text",
    [
        "SELECT sum(a) FROM (SELECT 1 AS a UNION ALL SELECT 2.5 AS b) q",
        "SELECT sum(i) FROM (SELECT i FROM (VALUES (1)) v(i) UNION ALL SELECT 2.5) q",
        "WITH c(n) AS (SELECT 3.5), d AS (SELECT 1 AS n) SELECT sum(c.n) FROM c, d",
        "SELECT sum(a) FROM (SELECT v.i * 3.5 FROM (VALUES (1)) v(i)) AS t(a)",
        "SELECT sum(a) FROM (SELECT * FROM (SELECT 3.5 AS x, 1 AS a) q) AS t(a)",
        "SELECT sum(a) FROM (SELECT i / 2.0 AS a, 1 AS i FROM (VALUES (7)) v(i)) q",
        "SELECT sum(u) FROM (SELECT 1 AS w) q, unnest(ARRAY[3.5]) AS t(u), (SELECT 2 AS v) r",
        "SELECT sum(amount) FROM (SELECT 3.5 AS amount) q",
        "SELECT sum(x) FROM (SELECT 1::int4 AS x UNION ALL SELECT 2.5::float8) q",
        "SELECT sum(n) FROM (SELECT 7 / 2.0 AS n) q",
        "WITH RECURSIVE c(n) AS (SELECT 1.0 UNION ALL SELECT n + 0.5 FROM c WHERE n < 1.4) SELECT max(n) + 2 FROM c",
        "SELECT sum(a) FROM (SELECT 1 AS a UNION ALL SELECT list_sum([2.5]) AS b) q",
        "SELECT sum(CASE WHEN true THEN 3.5 ELSE 1 END)",
        "SELECT coalesce(NULL, 3.5) + 0",
    ],
)
def test_no_type_is_told_that_would_cut_a_value(postgres: tuple[str, int], text: str) -> None:
    host, port = postgres
    address = f"host={host} port={port} user=analyst password=analyst-secret dbname=outport"
    with psycopg.connect(address, autocommit=True) as door:
        (value,) = door.execute(text.encode()).fetchone() or (None,)
    assert float(value) == 3.5
