# ruff: noqa: E501  (a statement is written on its one line)
"""Honest SQL is not refused, and checking it costs little: TPC-H, ClickBench, and statements that are merely large."""

from __future__ import annotations

import time
from pathlib import Path
from statistics import median

import pytest

from gateway.sql import duck, duck_check, tree

GOLDEN = Path(__file__).parent / "golden"
TPCH = (GOLDEN / "tpch.sql").read_text().splitlines()
CLICKBENCH = (GOLDEN / "clickbench.sql").read_text().splitlines()


def columns(prefix: str, **kinds: str) -> list[tuple[str, str]]:
    """Columns of one type each: type -> names."""
    return [(prefix + name, kind) for kind, names in kinds.items() for name in names.split()]


MONEY = "DECIMAL(15,2)"
TABLES: duck_check.Tables = {
    "": {
        "region": columns("r_", BIGINT="regionkey", VARCHAR="name comment"),
        "nation": columns("n_", BIGINT="nationkey regionkey", VARCHAR="name comment"),
        "part": [
            *columns("p_", BIGINT="partkey size", VARCHAR="name mfgr brand type container comment"),
            ("p_retailprice", MONEY),
        ],
        "supplier": [
            *columns("s_", BIGINT="suppkey nationkey", VARCHAR="name address phone comment"),
            ("s_acctbal", MONEY),
        ],
        "partsupp": [*columns("ps_", BIGINT="partkey suppkey availqty", VARCHAR="comment"), ("ps_supplycost", MONEY)],
        "customer": [
            *columns("c_", BIGINT="custkey nationkey", VARCHAR="name address phone mktsegment comment"),
            ("c_acctbal", MONEY),
        ],
        "orders": [
            *columns("o_", BIGINT="orderkey custkey shippriority", VARCHAR="orderstatus orderpriority clerk comment"),
            ("o_totalprice", MONEY),
            ("o_orderdate", "DATE"),
        ],
        "lineitem": [
            *columns("l_", BIGINT="orderkey partkey suppkey linenumber", DATE="shipdate commitdate receiptdate"),
            *columns("l_", VARCHAR="returnflag linestatus shipinstruct shipmode comment"),
            *[(f"l_{name}", MONEY) for name in ("quantity", "extendedprice", "discount", "tax")],
        ],
        "hits": [
            *columns(
                "",
                BIGINT="WatchID UserID AdvEngineID ResolutionWidth RegionID MobilePhone SearchEngineID CounterID "
                "ClientIP IsRefresh DontCountHits IsLink IsDownload TraficSourceID URLHash RefererHash "
                "WindowClientWidth WindowClientHeight",
                VARCHAR="URL Title Referer SearchPhrase MobilePhoneModel",
            ),
            ("EventDate", "DATE"),
            ("EventTime", "TIMESTAMP"),
        ],
        "t": [
            *columns("", BIGINT="a b c parent", VARCHAR="s r name path", DATE="d e", DOUBLE="f"),
            ("l", "BIGINT[]"),
            ("w", "VARCHAR[]"),
            ("ts", "TIMESTAMP"),
            ("j", "JSON"),
        ],
    }
}
NUMBERS = ", ".join(map(str, range(5_000)))
CHAIN = ["c0 AS (SELECT a, b, s, d FROM t)"]
CHAIN += [f"c{i} AS (SELECT a, b + 1 AS b, s || 'x' AS s, d FROM c{i - 1} WHERE a > {i})" for i in range(1, 30)]
TWICE = ["c0 AS (SELECT a, b, s FROM t)"]
TWICE += [f"c{i} AS (SELECT p.a, q.b, q.s FROM c{i - 1} p JOIN c{i - 1} q ON p.a = q.b)" for i in range(1, 30)]
LARGE = {
    "a long CASE": "SELECT CASE " + " ".join(f"WHEN a = {i} THEN 'n{i}'" for i in range(200)) + " ELSE s END FROM t",
    "a nested CASE": "SELECT " + "".join(f"CASE WHEN a = {i} THEN {i} ELSE " for i in range(50)) + "0" + " END" * 50
    + " FROM t",
    "500 columns": "SELECT " + ", ".join(f"a + {i} AS c{i}" for i in range(500)) + " FROM t",
    "500 aggregates": "SELECT b, " + ", ".join(f"sum(a * {i}), max(f / {i + 1})" for i in range(250)) + " FROM t GROUP BY b",
    "50 distinct counts": "SELECT " + ", ".join(f"count(DISTINCT a + {i})" for i in range(50)) + " FROM t",
    "100 lists": "SELECT " + ", ".join(f"list(a + {i})" for i in range(100)) + " FROM t GROUP BY b",
    "an IN list": f"SELECT * FROM t WHERE a IN ({NUMBERS})",
    "a list literal": f"SELECT list_contains([{NUMBERS}], a) FROM t",
    "a VALUES list": "SELECT * FROM t JOIN (VALUES " + ", ".join(f"({i}, 'n{i}')" for i in range(1_000)) + ") v(k, n) ON a = k",
    "50 UNION ALL": " UNION ALL ".join(f"SELECT a, b, {i} AS n FROM t WHERE c = {i}" for i in range(50)),
    "20 UNION BY NAME": " UNION ALL BY NAME ".join(f"SELECT a, b AS b{i} FROM t" for i in range(20)),
    "pairs of keys": "SELECT * FROM t WHERE " + " OR ".join(f"(a = {i} AND b = {i + 1})" for i in range(500)),
    "a long AND": "SELECT * FROM t WHERE " + " AND ".join(f"a <> {i}" for i in range(500)),
    "a chain of 30 CTEs": "WITH " + ", ".join(CHAIN) + " SELECT * FROM c29",
    "a chain of 30 CTEs that read twice": "WITH " + ", ".join(TWICE) + " SELECT * FROM c29",
    "a date spine in FROM": "SELECT day, count(a) FROM generate_series(DATE '2015-01-01', DATE '2025-12-31', INTERVAL 1 DAY) "
    "AS g(day) LEFT JOIN t ON t.d = g.day GROUP BY ALL",
    "a date spine of the data": "WITH span AS (SELECT min(d) AS x, max(e) AS y FROM t) "
    "SELECT unnest(generate_series(x, y + INTERVAL 1 MONTH, INTERVAL '1 day')) FROM span",
    "a spine of minutes": "SELECT * FROM generate_series(TIMESTAMP '2024-01-01', TIMESTAMP '2024-12-31', INTERVAL 1 MINUTE)",
    "a spine of subqueries": "SELECT * FROM range((SELECT min(ts) FROM t), (SELECT max(ts) FROM t), INTERVAL 1 HOUR) AS g(h)",
    "a spine for each row": "SELECT a, g.day FROM t, generate_series(t.d, t.e, INTERVAL 1 DAY) AS g(day)",
    "months back from today": "SELECT unnest(generate_series(current_date - INTERVAL 24 MONTH, current_date, INTERVAL 1 MONTH))",
    "a million numbers": "SELECT unnest(range(1000000)) UNION ALL SELECT x FROM range(100000000) AS r(x) LIMIT 10",
    "string_agg": "SELECT b, string_agg(s, ', ' ORDER BY a), upper(string_agg(DISTINCT r, '|')) FROM t GROUP BY b",
    "lists of a million rows": "SELECT list_sum(list_transform(x, lambda v: v * 2 + 1)), x[1], len(x), list_sort(x) "
    "FROM (SELECT list(a ORDER BY d) AS x FROM t)",
    "shares of a list": "SELECT [v / list_sum(x) FOR v IN x IF v > 0] FROM (SELECT list(a) AS x FROM t)",
    "PIVOT of 50": "SELECT * FROM (PIVOT t ON b IN (" + ", ".join(map(str, range(50))) + ") USING sum(f), count(*) GROUP BY r)",
    "UNPIVOT": "SELECT * FROM (UNPIVOT (SELECT a, b, c, s FROM t) ON a, b, c INTO NAME n VALUE v)",
    "CUBE of 6": "SELECT a, b, c, s, r, d, sum(f) FROM t GROUP BY CUBE (a, b, c, s, r, d)",
    "ROLLUP of 8": "SELECT a, b, c, s, r, d, e, name, count(*) FROM t GROUP BY ROLLUP (a, b, c, s, r, d, e, name)",
    "30 scalar subqueries": "SELECT " + ", ".join(f"(SELECT count(*) FROM t WHERE b = {i})" for i in range(30)),
    "50 subqueries deep": "SELECT * FROM " + "(SELECT a, a + b AS b FROM " * 50 + "t" + ") q" * 50,
    "30 joins": "SELECT x0.* FROM t x0 " + " ".join(f"LEFT JOIN t x{i} ON x{i}.a = x{i - 1}.parent" for i in range(1, 31)),
    "aliases of aliases": "SELECT a * 2 AS g, g + 1 AS h, g + h AS i, i * h AS v, v - g AS k, CASE WHEN k > v THEN k ELSE i "
    "END AS m, m / nullif(k, 0) AS n FROM t WHERE g > 1 QUALIFY row_number() OVER (PARTITION BY h ORDER BY n) = 1",
    "windows": "SELECT " + ", ".join(
        f"sum(a) OVER (PARTITION BY b, c + {i} ORDER BY d ROWS BETWEEN {i} PRECEDING AND CURRENT ROW) - lag(a, {i}) OVER w"
        for i in range(60)
    ) + ", quantile_cont(f, 0.9) OVER w, list(a) OVER w FROM t WINDOW w AS (PARTITION BY r ORDER BY ts)",
    "a tree by recursion": "WITH RECURSIVE tree AS (SELECT a, parent, 0 AS depth, name, CAST(name AS VARCHAR) AS p, [a] AS seen "
    "FROM t WHERE parent IS NULL UNION ALL SELECT t.a, t.parent, depth + 1, t.name, CAST(concat(p, ' > ', t.name) AS VARCHAR), "
    "list_append(seen, t.a) FROM t JOIN tree ON t.parent = tree.a WHERE NOT list_contains(seen, t.a)) "
    "SELECT depth, p, len(seen) FROM tree",
    "numbers by recursion": "WITH RECURSIVE r(i, f) AS (SELECT 1, 1 UNION ALL SELECT i + 1, f * (i + 1) FROM r WHERE i < 20) "
    "SELECT * FROM r",
    "dates by recursion": "WITH RECURSIVE r AS (SELECT DATE '2024-01-01' AS d UNION ALL SELECT (d + INTERVAL 1 DAY)::DATE FROM r "
    "WHERE d < DATE '2024-12-31') SELECT t.a, r.d FROM r LEFT JOIN t USING (d)",
    "a walk by recursion": "WITH RECURSIVE walk(node, hops) AS (SELECT 1, 0 UNION SELECT CASE WHEN t.a = node THEN t.parent ELSE t.a END, "
    "hops + 1 FROM walk, t WHERE t.a = node OR t.parent = node) SELECT node, min(hops) FROM walk GROUP BY node",
    "combinations by recursion": "WITH RECURSIVE pick AS (SELECT 0 AS n, CAST('' AS VARCHAR) AS s UNION ALL SELECT n + 1, s || c.x FROM pick, "
    "(VALUES ('a'), ('b')) AS c(x) WHERE n < 5) SELECT s FROM pick",
    "bounds by recursion": "WITH RECURSIVE days AS (SELECT min(d) AS d FROM t UNION ALL SELECT (days.d + INTERVAL 1 DAY)::DATE FROM days, "
    "(SELECT max(d) AS e FROM t) ends WHERE days.d < ends.e) SELECT d FROM days",
    "one constant by recursion": "WITH RECURSIVE r(i) AS (SELECT 1 UNION ALL SELECT i * f FROM r, (SELECT 2 AS f) x) SELECT i FROM r LIMIT 5",
    "nested json by recursion": "WITH RECURSIVE r(k, v) AS (SELECT '', j FROM t UNION ALL SELECT e.key, e.value FROM r, json_each(r.v) e) "
    "SELECT k FROM r",
    "cleaned text": "SELECT " + "replace(" * 8 + "s" + "".join(f", '{w}', '{w[:2]}.')" for w in
        "Street Avenue Boulevard Square Lane Court Terrace Drive".split()) + ", "
    "regexp_replace(regexp_replace(trim(lower(s)), '[^a-z0-9]+', '-', 'g'), '(^-|-$)', '', 'g'), "
    "regexp_extract(s, '([A-Za-z0-9._%+-]+)@([A-Za-z0-9.-]+\\.[A-Za-z]{2,})', 1), lpad(a::VARCHAR, 12, '0') FROM t",
    "a filled template": "SELECT replace(replace(replace('Dear {title} {name}, it is {day}', '{title}', r), '{name}', name), "
    "'{day}', d::VARCHAR), repeat('#', 40) || s, repeat(s, 3) FROM t",
    "likeness of names": "SELECT p.a, q.a FROM t p JOIN t q ON levenshtein(lower(p.name), lower(q.name)) < 3 AND "
    "jaro_winkler_similarity(p.s || ' ' || p.r, q.s || ' ' || q.r) > 0.9 AND p.s SIMILAR TO '[A-Z]{2}[0-9]{4,8}'",
    "json": "SELECT j ->> '$.a.b[0]', json_extract(j, '$..name'), json_array_length(j, '$.items'), json_pretty(j), "
    "to_json({'a': a, 's': [s, r], 'm': map([s], [a])}) FROM t, json_each(t.j)",
    "structs": "SELECT q.x, q.y.z, unnest(q.y), struct_pack(k := q, v := [q, q]) FROM (SELECT {'x': a, 'y': {'z': s, 'w': l}} AS q "
    "FROM t) r, (SELECT t FROM t LIMIT 3) u",
    "lists in lists": "SELECT list_transform(l, lambda x: list_transform(l, lambda y: x * y)), "
    "[x || '-' || s FOR x IN w IF x <> ''], flatten([l, l, [a, b]]), array_to_string(w, ', '), list_zip(l, w) FROM t",
    "every column": "SELECT COLUMNS(*), min(COLUMNS('a|b')) OVER (), t.* EXCLUDE (a) REPLACE (b + 1 AS b) FROM t",
    "a large literal": "SELECT json_extract('[" + "1," * 30_000 + "1]', '$[3]')",
}  # fmt: skip


def bind(text: str) -> None:
    """Check and bind as the gateway does: the tree, its text, and that text's tree."""
    statement = duck.parse(text)
    tree.check(statement)
    written = duck.deparse(statement)
    tree.check(duck.parse(written))
    duck_check.check(written, TABLES)


@pytest.mark.parametrize("text", TPCH, ids=[f"q{i}" for i in range(1, 23)])
def test_tpch_binds(text: str) -> None:
    bind(text)


@pytest.mark.parametrize("text", CLICKBENCH, ids=[f"q{i}" for i in range(43)])
def test_clickbench_binds(text: str) -> None:
    bind(text)


@pytest.mark.parametrize("name", LARGE)
def test_a_statement_that_is_merely_large_binds(name: str) -> None:
    bind(LARGE[name])


def cost_s(text: str) -> float:
    """CPU seconds of one check, the least of a few."""
    statement, costs = duck.parse(text), []
    for _ in range(5):
        started = time.thread_time()
        tree.check(statement)
        costs.append(time.thread_time() - started)
    return min(costs)


def test_checking_costs_little() -> None:
    # Measured 0.7 ms and 0.18 s; the bounds leave room for a slower and busy machine.
    assert median(cost_s(text) for text in TPCH) < 0.1
    assert cost_s("SELECT " + ", ".join(f"sum(a+{i}), avg(b+{i}), min(c+{i})" for i in range(1_000)) + " FROM t") < 20
