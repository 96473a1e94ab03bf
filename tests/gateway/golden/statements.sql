SELECT 1
SELECT a, b AS c, t.d, s.t.e FROM s.t AS t(a, b)
SELECT * FROM (VALUES (1,2),(3,4)) t(a,b)
VALUES (1, 'x')
FROM t
FROM t SELECT a
SELECT DISTINCT a FROM t
SELECT DISTINCT ON (a) a FROM t ORDER BY a, b DESC NULLS LAST
SELECT * EXCLUDE (a) REPLACE (b + 1 AS b) FROM t
SELECT * RENAME (a AS b) FROM t
SELECT t.* FROM t
SELECT COLUMNS(*) FROM t
SELECT COLUMNS('a.*') FROM t
SELECT min(COLUMNS(*)) FROM t
SELECT COLUMNS([a, b]) FROM t
SELECT COLUMNS(lambda c: c LIKE 'a%') FROM t
SELECT * LIKE 'a%' FROM t
SELECT * EXCLUDE (t.a) FROM t
SELECT sum(a) FILTER (WHERE b > 1), count(*), count(DISTINCT a), string_agg(a, ',' ORDER BY b) FROM t
SELECT sum(a) OVER (PARTITION BY b ORDER BY c ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) FROM t
SELECT row_number() OVER (ORDER BY a), rank() OVER w, dense_rank() OVER w, percent_rank() OVER w, cume_dist() OVER w, ntile(4) OVER w, lag(a, 1, 0) OVER w, lead(a) OVER w, first_value(a) OVER w, last_value(a IGNORE NULLS) OVER w, nth_value(a, 2) OVER w FROM t WINDOW w AS (PARTITION BY b ORDER BY c)
SELECT sum(a) OVER (ORDER BY c RANGE BETWEEN INTERVAL 1 DAY PRECEDING AND INTERVAL 1 DAY FOLLOWING EXCLUDE CURRENT ROW) FROM t
SELECT sum(a) OVER (ORDER BY c GROUPS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) FROM t
SELECT a FROM t QUALIFY row_number() OVER (PARTITION BY b ORDER BY a) = 1
SELECT [1,2], {'a': 1}, x[1], x[1:2], x.y.z, (x).y, x['k'], map {'a': 1}, MAP([1],[2]) FROM t
SELECT list_transform(l, lambda x: x + 1), [x FOR x IN l IF x > 1], list_filter(l, (x) -> x > 1) FROM t
SELECT (SELECT max(a) FROM t), EXISTS (SELECT 1), a IN (SELECT b FROM u), a NOT IN (SELECT b FROM u), a = ANY (SELECT b FROM u), a > ALL (SELECT b FROM u), NOT EXISTS (SELECT 1), ARRAY(SELECT 1)
SELECT a BETWEEN 1 AND 2, a NOT BETWEEN 1 AND 2, a IN (1, 2), a NOT IN (1, 2), a IS NULL, a IS NOT NULL, NOT a, a IS DISTINCT FROM b, a IS NOT DISTINCT FROM b, a AND b OR c, a IS TRUE, a IS NOT FALSE FROM t
SELECT CASE WHEN a THEN 1 WHEN b THEN 2 ELSE 3 END, CASE a WHEN 1 THEN 'x' END, COALESCE(a, b), NULLIF(a, b), if(a, 1, 2), ifnull(a, b), GREATEST(a, b) FROM t
SELECT CAST(a AS DECIMAL(18,2)), a::INT, TRY_CAST(a AS DATE), a::INT[], a::STRUCT(x INT, y VARCHAR), a::MAP(INT, VARCHAR), a::INT[3], a::TIMESTAMP WITH TIME ZONE, a::VARCHAR(10) FROM t
SELECT DATE '2020-01-01', TIMESTAMP '2020-01-01', INTERVAL 3 DAY, INTERVAL '3 days', NULL, TRUE, 1.5, 1e5, -1, 'x', 123456789012345678901234567890, TIME '10:00'
SELECT a LIKE 'x%', a NOT LIKE 'x', a ILIKE 'x', a NOT ILIKE 'x', a SIMILAR TO 'x', a ~ 'x', a !~ 'x', a ~~ 'b', a GLOB 'x*', a LIKE 'x' ESCAPE '!', a NOT LIKE 'x' ESCAPE '!', a ILIKE 'x' ESCAPE '!', a ^@ 'x' FROM t
SELECT a COLLATE nocase FROM t ORDER BY a COLLATE nocase
SELECT a + 1, a - 1, a * 2, a / 2, a // 2, a % 2, a ** 2, a ^ 2, -a, +a, a || b, a & 1, a | 1, a << 1, a >> 1, ~a, a = 1, a <> 1, a != 1, a < 1, a <= 1, a > 1, a >= 1, a -> 'x', a ->> 'x', a @> b, a <@ b, a && b, a !FROM t
SELECT extract(year FROM d), d AT TIME ZONE 'UTC', current_date, current_timestamp, now(), position('a' IN b), substring(a FROM 1 FOR 2), trim(BOTH 'x' FROM y), date_trunc('month', d), d + INTERVAL 1 DAY FROM t
SELECT a, sum(b) FROM t GROUP BY a HAVING sum(b) > 1
SELECT a, sum(b) FROM t GROUP BY ALL ORDER BY ALL
SELECT a, b, sum(c), grouping(a), grouping_id(a, b) FROM t GROUP BY ROLLUP (a, b)
SELECT a, b, sum(c) FROM t GROUP BY CUBE (a, b)
SELECT a, b, sum(c) FROM t GROUP BY GROUPING SETS ((a), (b), ())
SELECT a FROM t LIMIT 5 OFFSET 2
SELECT a FROM t LIMIT 10%
SELECT a FROM t LIMIT $1 OFFSET $2
SELECT $1, $2::DATE
SELECT ?, ?
SELECT $name, $other
SELECT 1 UNION SELECT 2
SELECT 1 UNION ALL SELECT 2 ORDER BY 1 LIMIT 1
SELECT 1 INTERSECT SELECT 2
SELECT 1 EXCEPT ALL SELECT 2
SELECT 1 AS a UNION ALL BY NAME SELECT 2 AS b
WITH c AS (SELECT 1 AS x), d(y) AS (SELECT x FROM c) SELECT * FROM c, d
WITH c AS MATERIALIZED (SELECT 1) SELECT * FROM c
WITH c AS NOT MATERIALIZED (SELECT 1) SELECT * FROM c
WITH RECURSIVE r(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM r WHERE i < 10) SELECT * FROM r
WITH RECURSIVE r AS (SELECT 1 AS i UNION SELECT i + 1 FROM r WHERE i < 10) SELECT * FROM r
SELECT * FROM t JOIN u ON t.a = u.a LEFT JOIN v USING (a) RIGHT JOIN w ON true FULL JOIN x ON t.a = x.a CROSS JOIN y, z
SELECT * FROM t NATURAL JOIN u
SELECT * FROM t SEMI JOIN u USING (a)
SELECT * FROM t ANTI JOIN u USING (a)
SELECT * FROM t ASOF JOIN u ON t.a = u.a AND t.b >= u.b
SELECT * FROM t POSITIONAL JOIN u
SELECT * FROM t, LATERAL (SELECT t.a) l
SELECT * FROM range(10) r(i), generate_series(1, 5) AS g(x), unnest([1,2]) AS n(v)
SELECT * FROM generate_series(DATE '2020-01-01', DATE '2020-02-01', INTERVAL 1 DAY)
SELECT unnest([1,2]), unnest(l, recursive := true) FROM t
SELECT * FROM unnest([1,2]) WITH ORDINALITY
SELECT * FROM (PIVOT t ON a IN ('x', 'y') USING sum(b) GROUP BY c)
SELECT * FROM t PIVOT (sum(b) FOR a IN (1, 2))
SELECT * FROM t UNPIVOT (v FOR n IN (a, b))
SELECT * FROM (UNPIVOT t ON a, b INTO NAME n VALUE v)
SELECT * FROM (UNPIVOT t ON (a, b) INTO NAME n VALUE v, w)
SELECT * FROM t UNPIVOT INCLUDE NULLS (v FOR n IN (a, b))
SELECT * FROM t USING SAMPLE 3
SELECT * FROM t USING SAMPLE 10% (bernoulli)
SELECT * FROM t USING SAMPLE reservoir(10 ROWS) REPEATABLE (1)
SELECT * FROM t TABLESAMPLE reservoir(10)
SELECT #1 FROM t ORDER BY #1
SELECT a FROM t ORDER BY 1
SELECT (a, b) = (1, 2), ROW(1, 2) FROM t
SELECT try(a) FROM t
SELECT 1 WHERE 1 = 1
SELECT a AS a, a + 1 AS b, b * 2 AS c FROM t
TABLE t
SELECT * FROM t AS x JOIN (SELECT * FROM u) AS y ON x.a = y.a
(SELECT 1) UNION (SELECT 2) LIMIT 1
SELECT (WITH c AS (SELECT 1) SELECT * FROM c)
SELECT * FROM ((t JOIN u ON true) JOIN v ON true)
SELECT quantile_cont(a, 0.5), percentile_cont(0.5) WITHIN GROUP (ORDER BY a), mode() WITHIN GROUP (ORDER BY a) FROM t
SELECT a FROM t FETCH FIRST 3 ROWS ONLY
SELECT * FROM t WHERE a IN $1
SELECT * FROM t WHERE a = ANY($1) AND list_contains($2, b)
SELECT arg_max(a, b), max(a, 3), any_value(a) FROM t
SELECT b'101', x'41', '\x41'::BLOB
