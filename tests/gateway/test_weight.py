# ruff: noqa: E501  (a statement is written on its one line)
"""What would plan or compute for ever is refused at once, and the refusal says what to change."""

from __future__ import annotations

import subprocess
import sys
import time
from contextlib import suppress

import pytest

from gateway.errors import BadQuery
from gateway.sql import duck, tree


def nested(levels: int, select: str, source: str = "t") -> str:
    """`SELECT select FROM (SELECT select FROM ...)`."""
    return "SELECT * FROM " + f"(SELECT {select} FROM " * levels + source + ") q" * levels


def listed(form: str, count: int, separator: str = ", ") -> str:
    """`form` for 0, 1, ..., with the number in place of `#`."""
    return separator.join(form.replace("#", str(i)) for i in range(count))


GATHERED = "FROM (SELECT string_agg(s) AS x, string_agg(r) AS y, list(a) AS l FROM t)"
ALIASES = "SELECT a AS c0, " + ", ".join(f"c{i} + c{i} AS c{i + 1}" for i in range(40)) + " FROM t"
DISTANCE = f"SELECT levenshtein(x, y) {GATHERED}"
# Attack: (the advice that its refusal gives, the statement).
ATTACKS = {
    "aliases of aliases": ("alias", ALIASES),
    "aliases in CASE": ("alias", "SELECT a AS c0, " + ", ".join(f"CASE WHEN c{i} > 1 THEN c{i} END AS c{i + 1}" for i in range(40)) + " FROM t"),
    "stars of stars": ("name the columns", nested(14, "*, *")),
    "stars in functions": ("name the columns", "SELECT " + listed("COLUMNS(*) + COLUMNS(*) + #", 1_500) + " FROM t"),
    "a pivot of pivots": ("pivoted values", f"SELECT * FROM (PIVOT t ON a IN ({listed('#', 50)}), b IN ({listed('#', 50)}), c IN ({listed('#', 50)}) USING sum(f))"),
    "copied WITH queries": ("NOT MATERIALIZED", "WITH c0 AS (SELECT a FROM t), " + ", ".join(f"c{i + 1} AS NOT MATERIALIZED (SELECT x.a FROM c{i} x, c{i} y)" for i in range(30)) + " SELECT * FROM c30"),
    "grouping sets": ("grouping sets", f"SELECT count(*) FROM t GROUP BY CUBE ({listed('a + #', 12)})"),
    "a long ROLLUP": ("grouping sets", f"SELECT count(*) FROM t GROUP BY ROLLUP ({listed('a + #', 400)})"),
    "distinct aggregates": ("DISTINCT", f"SELECT {listed('count(DISTINCT a + #)', 1_000)} FROM t"),
    "a long AND": ("VALUES", f"SELECT * FROM t WHERE {listed('a <> #', 2_000, ' AND ')}"),
    "a long OR": ("VALUES", f"SELECT * FROM t WHERE {listed('(a = # AND b <> #)', 3_000, ' OR ')}"),
    "correlated subqueries": ("joins", f"SELECT {listed('(SELECT max(x.a) FROM t x WHERE x.b = t.b + #)', 90)} FROM t"),
    "natural joins": ("USING", f"SELECT * FROM t x {listed('NATURAL JOIN t x#', 90, ' ')}"),
    "unions by name": ("each side", listed("SELECT 1 AS x#", 1_000, " UNION ALL BY NAME ")),
    "rows of rows": ("levels", "SELECT * FROM " + "(SELECT q AS a, q AS b FROM " * 25 + "t" + " q)" * 25),
    "structs of structs": ("levels", nested(30, "{'a': a, 'b': a} AS a")),
    "lists of lists": ("levels", nested(20, "[l, l, l, l] AS l")),
    "quotes of quotes": ("levels", nested(30, "[s]::VARCHAR AS s")),
    "texts of texts": ("levels", nested(25, "s || s AS s")),
    "json of json": ("levels", "SELECT " + "to_json(" * 40 + "s" + ")::VARCHAR" * 40 + " FROM t"),
    "bits of bits": ("levels", "SELECT length(" + "bin(" * 8 + "s" + ")" * 8 + ") FROM t"),
    "a repeated repetition": ("levels", "SELECT length(repeat(repeat(s, 1000), 1000)) FROM t"),
    "a text put in each place": ("levels", f"SELECT length(replace(x, 'n', x)) {GATHERED}"),
    "deep json": ("smaller counts", "SELECT json_pretty(repeat('[', 900) || a || repeat(']', 900)) FROM t"),
    "a positional reference": ("levels", "SELECT repeat(#1, 1000) FROM (SELECT repeat(s, 1000) FROM t)"),
    "an unnamed column": ("levels", "SELECT repeat(\"repeat(s, 1000)\", 1000) FROM (SELECT repeat(s, 1000) FROM t)"),
    "a renamed column": ("levels", "SELECT repeat(y, 1000) FROM (SELECT * RENAME (x AS y) FROM (SELECT repeat(s, 1000) AS x FROM t))"),
    "a field like a column": ("levels", "SELECT repeat(q.w, 1000) FROM (SELECT {'w': repeat(s, 1000)} AS q FROM t) q"),
    "a column by its table": ("levels", "SELECT repeat(q.w, 1000) FROM (SELECT repeat(s, 1000) AS w FROM t) q, t"),
    "a column of a set": ("levels", "SELECT repeat(x, 1000) FROM (SELECT s AS x FROM t UNION ALL SELECT repeat(s, 1000) FROM t)"),
    "a column of a WITH list": ("levels", "WITH c(y) AS (SELECT repeat(s, 1000) FROM t) SELECT repeat(d.z, 1000) FROM c AS d(z)"),
    "a column around a subquery": ("levels", "SELECT (SELECT repeat(x, 1000) FROM t LIMIT 1) FROM (SELECT repeat(s, 1000) AS x FROM t) q"),
    "a column of a lateral join": ("levels", "SELECT * FROM (SELECT repeat(s, 1000) AS x FROM t) q, LATERAL (SELECT repeat(q.x, 1000))"),
    "a list for each number": ("smaller counts", "SELECT list_transform(range(10000), lambda x: list_transform(range(10000), lambda y: x * y)) FROM t"),
    "a list for each row": ("smaller counts", "SELECT list_concat(range(100000), [a]) FROM t"),
    "pairs of a gathered list": ("left|smaller", f"SELECT list_transform(l, lambda v: list_transform(l, lambda w: v * w)) {GATHERED}"),
    "numbers": ("in FROM", "SELECT unnest(range(100000000))"),
    "rows": ("at most 100000000 rows", "SELECT * FROM range(100000000000)"),
    "a number from the data": ("in FROM", "SELECT range(a) FROM t"),
    "distant dates": ("in FROM", "SELECT len(generate_series(TIMESTAMP '-200000-01-01', TIMESTAMP '290000-01-01', INTERVAL 1 DAY))"),
    "dates made distant": ("in FROM", "SELECT len(generate_series(d, e, INTERVAL 1 DAY)) FROM (SELECT d, d + INTERVAL 200000 YEAR AS e FROM t)"),
    "dates made distant by numbers": ("in FROM", "SELECT len(generate_series(d, d + to_years(a * 1000), INTERVAL 1 DAY)) FROM t"),
    "a distance of gathered texts": ("left", DISTANCE),
    "a distance of repeated texts": ("left", "SELECT jaro_similarity(repeat(s, 10000), repeat(r, 10000)) FROM t"),
    "a distance of the largest": ("left", f"SELECT levenshtein(list_max([x, '']), [y][1]) {GATHERED}"),
    "a distance of a lambda's text": ("left", f"SELECT list_transform([x], lambda v: levenshtein(v, y)) {GATHERED}"),
    "an unfolded pattern": ("left", f"SELECT regexp_matches(x, '(a|b){{1,300}}.{{1,900}}x.{{1,900}}y$') {GATHERED}"),
    "a pattern from elsewhere": ("left", f"SELECT regexp_matches(x, p) {GATHERED}, (SELECT '((.{{9}}){{9}}){{9}}x' AS p)"),
    "a gathered LIKE": ("left", f"SELECT x LIKE '%' || y || '%' {GATHERED}"),
    "a pivoted text": ("left", "SELECT levenshtein(n, s) FROM (PIVOT t ON r IN ('n', 's') USING string_agg(s))"),
    "json paths of json paths": ("left", "SELECT json_extract(repeat('[', 900) || repeat(']', 900), '$..*..*..*') FROM t"),
    "merged json": ("left", "SELECT json_merge_patch(x, x) FROM (SELECT json_group_object(s, a) AS x FROM t)"),
    "a doubling recursion": ("multiply", "WITH RECURSIVE r AS (SELECT 'a' AS s UNION ALL SELECT s || s FROM r) SELECT max(s) FROM r"),
    "a recursion through columns": ("multiply", "WITH RECURSIVE r(a, b, c, d) AS (SELECT 'a', 'b', 'c', 'd' UNION ALL SELECT b, c, d, a || a FROM r) SELECT max(a) FROM r"),
    "a recursion through lists": ("multiply", "WITH RECURSIVE r AS (SELECT [1] AS l UNION ALL SELECT list_concat(l, l) FROM r) SELECT max(len(l)) FROM r"),
    "a recursion of all pairs": ("end it by a condition", "WITH RECURSIVE r AS (SELECT 1 AS i UNION ALL SELECT i + i FROM r, (SELECT 1 UNION ALL SELECT 2) x) SELECT count(*) FROM r"),
    "a recursion joined with a table": ("end it by a condition", "WITH RECURSIVE r(i) AS (SELECT 1 UNION ALL SELECT r.i FROM t CROSS JOIN r WHERE t.a > 5) SELECT count(*) FROM r"),
    "a recursion that ends late": ("end it by a condition", "WITH RECURSIVE r(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM r, (VALUES (1), (2)) x(v) WHERE i < 60 AND v > 0) SELECT count(*) FROM r"),
    "a recursion joined with itself": ("end it by a condition", "WITH RECURSIVE r(i) AS (SELECT 1 UNION ALL SELECT p.i FROM r p, r q) SELECT count(*) FROM r"),
    "a recursion that is hidden": ("end it by a condition", "WITH RECURSIVE r(i) AS (SELECT 1 UNION ALL (WITH q AS (SELECT i FROM r) SELECT q.i FROM (SELECT * FROM q) q, t)) SELECT count(*) FROM r"),
    "a recursion added up twice": ("end it by a condition", "WITH RECURSIVE r(i) AS (SELECT 1 UNION ALL (SELECT i FROM r UNION ALL SELECT i FROM r)) SELECT count(*) FROM r"),
    "a recursion that unfolds": ("end it by a condition", "WITH RECURSIVE r(i) AS (SELECT 1 UNION ALL SELECT unnest([i, i]) FROM r) SELECT count(*) FROM r"),
    "a recursion of series": ("end it by a condition", "WITH RECURSIVE r(i) AS (SELECT 1 UNION ALL SELECT i FROM r, range(1000000)) SELECT count(*) FROM r"),
    "a wide recursion": ("fewer columns", f"WITH RECURSIVE r AS (SELECT {listed('# AS c#', 3_000)} UNION ALL SELECT {listed('c# + 1', 3_000)} FROM r) SELECT 1 FROM r"),
}  # fmt: skip


@pytest.mark.parametrize("name", ATTACKS)
def test_what_grows_is_refused_at_once(name: str) -> None:
    advice, text = ATTACKS[name]
    statement = duck.parse(text)
    started = time.thread_time()
    with pytest.raises(BadQuery, match=advice) as refusal:
        tree.check(statement)
    assert refusal.value.reason == "limit"
    assert time.thread_time() - started < 60, "bounded: what grows would take for ever"


RAW = """
import sys, threading, duckdb
rows = duckdb.connect(config={"threads": 1, "memory_limit": "1GB"})
rows.execute("CREATE TABLE t AS SELECT i AS a, 'name ' || i AS s, 'N' || i AS r FROM range(100000) r(i)")
threading.Timer(0.5, rows.interrupt).start()
rows.sql(sys.stdin.read()).limit(1).fetchall()
"""


@pytest.mark.parametrize("text", [ALIASES, DISTANCE], ids=["aliases", "distance"])
def test_the_engine_itself_is_deaf_to_an_interrupt(text: str) -> None:
    with pytest.raises(subprocess.TimeoutExpired):
        subprocess.run([sys.executable, "-c", RAW], input=text, text=True, timeout=4, capture_output=True, check=False)


def test_the_series_of_a_client_stand_in_from_where_they_can_be_interrupted() -> None:
    tree.check(duck.parse("SELECT * FROM t, generate_series(t.d, t.e, INTERVAL 1 DAY) AS g(x), range(t.a) AS h(y)"))


def test_the_check_itself_is_not_a_way_to_compute_for_ever() -> None:
    deep = {
        "casts": "SELECT a" + "::INT" * 380 + " FROM t",
        "CASE": "SELECT " + "CASE WHEN a THEN " * 90 + "1" + " END" * 90 + " FROM t",
        "aliased subqueries": "SELECT " + "(SELECT " * 90 + "1" + ") AS x" * 90,
        "recursions": "".join(f"WITH RECURSIVE r{i} AS (SELECT 1 AS n UNION ALL SELECT q.n FROM r{i}, (" for i in range(20))
        + "SELECT 1 AS n" + "".join(f") q) SELECT n FROM r{i}" for i in reversed(range(20))),
        "unions": listed("SELECT #, s || '#' FROM t", 90, " UNION ALL ") + " UNION ALL " + listed("SELECT #, '#'", 3_000, " UNION ALL "),
        "wide joins": f"WITH w AS (SELECT {listed('a + # AS c#', 200)} FROM t) SELECT * FROM w x "
        + listed("LEFT JOIN w x# ON x#.c1 = x.c2", 90, " "),
    }  # fmt: skip
    for text in deep.values():
        statement = duck.parse(text)
        started = time.thread_time()
        with suppress(BadQuery):
            tree.check(statement)
        assert time.thread_time() - started < 60
