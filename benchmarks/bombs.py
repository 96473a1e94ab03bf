"""Hostile statements by class: each is refused, stopped by a clock, or bounded by memory."""

from __future__ import annotations

from collections.abc import Mapping

# {big} and {small} are tables with a number {id}.
BOMBS: Mapping[str, tuple[str, ...]] = {
    "cross joins": (
        "SELECT count(*) FROM {big} a, {big} b, {big} c WHERE a.{id} + b.{id} > c.{id}",
        "SELECT max(a.{id} * b.{id} % 7) FROM {big} a, {small} b, {small} c",
    ),
    "inequality joins": (
        "SELECT count(*) FROM {big} a JOIN {big} b ON a.{id} < b.{id}",
        "SELECT count(*) FROM {small} a WHERE (SELECT count(*) FROM {big} b WHERE b.{id} > a.{id}) > 5",
    ),
    "endless recursion": ("WITH RECURSIVE r AS (SELECT 1 AS i UNION ALL SELECT i FROM r) SELECT sum(i) FROM r",),
    "multiplying recursion": (
        "WITH RECURSIVE r AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM r, (VALUES (1), (2)) x) SELECT count(*) FROM r",
        "WITH RECURSIVE r(i) AS (SELECT 1 UNION ALL SELECT r.i + 1 FROM r, (VALUES (1), (2)) x(v) WHERE r.i < 60) "
        "SELECT count(*) FROM r",
        "WITH RECURSIVE r AS (SELECT 'a' AS s UNION ALL SELECT s || s FROM r) SELECT max(s) FROM r",
    ),
    "series": (
        "SELECT count(*) FROM range(100000000) a(i), range(1000) b(j) WHERE i * j % 7 = 3",
        "SELECT unnest(range(100000000))",
        "SELECT * FROM range(100000000000)",
    ),
    "long values": (
        "SELECT repeat(repeat('x', 10000), 10000)",
        "SELECT lpad('x', 2000000000, 'y')",
        "SELECT list_transform(range(100000), lambda x: range(100000))",
    ),
    "memory": (
        "SELECT len(list(i)) FROM range(100000000) r(i)",
        "SELECT length(string_agg(repeat('x', 1000), '')) FROM range(3000000) r(i)",
        "SELECT count(*) FROM (SELECT DISTINCT i, i * 7 % 1000003 AS k FROM range(60000000) r(i))",
        "SELECT max(n) FROM (SELECT row_number() OVER (ORDER BY hash(i)) AS n FROM range(50000000) r(i))",
    ),
    "patterns": (
        "SELECT count(*) FROM {big} WHERE regexp_matches(repeat({id}::VARCHAR, 50), '(([0-9]+)+)+x')",
        "SELECT levenshtein(x, x) FROM (SELECT string_agg({id}::VARCHAR) AS x FROM {big})",
    ),
    "planning": (
        "SELECT {id} AS c0, " + ", ".join(f"c{i} + c{i} AS c{i + 1}" for i in range(40)) + " FROM {small}",
        "SELECT count(*) FROM {small} GROUP BY CUBE (" + ", ".join(f"{{id}} + {i}" for i in range(12)) + ")",
        "SELECT " + "(" * 300 + "1" + ")" * 300,
    ),
    "large answers": ("SELECT a.{id}, b.{id} FROM {big} a, {small} b",),
}
