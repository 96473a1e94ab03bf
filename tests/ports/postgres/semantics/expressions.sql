-- integer division truncates towards zero
SELECT 7/2 AS a, -7/2 AS b, 7/-2 AS c, -7/-2 AS d
SELECT 7 % 2 AS a, -7 % 2 AS b, 7 % (-2) AS c, -7 % (-2) AS d, mod(-7, 2) AS e
SELECT i/2 AS a, i%2 AS b, b/3 AS c FROM (VALUES (7::int4, 7::int8), (-7, -7)) t(i, b)
SELECT 7::int2/2::int2 AS a, 7::int2/2 AS b, 7::int8/2 AS c
SELECT 7.0::float8/2 AS a, 7::float4/2 AS b
SELECT (7/2)*2 AS a, 10/4*4 AS b, 1/2+1/2 AS c
SELECT count(*)/2 AS a, sum(i)/2 AS b FROM (VALUES (1), (2), (3)) t(i)
SELECT 7/2.0 > 3.4 AS a, 1/3.0 < 0.34 AS b
SELECT 1/2 AS a WHERE 1/2 = 0
SELECT i FROM (VALUES (1), (2), (3)) t(i) WHERE i/2 = 1 ORDER BY i
SELECT i/10 AS d, count(*) AS n FROM (VALUES (1), (12), (13)) t(i) GROUP BY i/10 ORDER BY i/10
SELECT interval '1 hour' / 2 AS a, interval '3 days' / 2 AS b
SELECT div(7, 2) AS a, div(-7, 2) AS b
-- division by zero
SELECT 1/0
SELECT 1%0
SELECT mod(1, 0)
SELECT 1.0/0
SELECT 1::float8/0
SELECT 1/i FROM (VALUES (0)) t(i)
SELECT 1.5/i FROM (VALUES (0::numeric)) t(i)
SELECT CASE WHEN i = 0 THEN 0 ELSE 1/i END AS a FROM (VALUES (0), (1)) t(i)
SELECT 1/nullif(0, 0) AS a
SELECT NULL::int/0 AS a
-- numbers out of range
SELECT 2147483647 + 1
SELECT 2147483647::int4 * 2::int4
SELECT -2147483648::int4 - 1
SELECT 9223372036854775807 + 1
SELECT 9223372036854775807::int8 * 2
SELECT 32767::int2 + 1::int2
SELECT 40000::int2
SELECT 3000000000::int4
SELECT 1e400::float8
SELECT '99999999999'::int4
SELECT abs(-2147483648::int4)
-- texts that are no values
SELECT 'a'::int4
SELECT ''::int4
SELECT 'x'::bool
SELECT 'x'::date
SELECT '2020-13-01'::date
SELECT '2020-02-30'::date
SELECT 'x'::timestamp
SELECT 'x'::numeric
SELECT 'x'::float8
SELECT 'x'::uuid
SELECT 'x'::interval
SELECT '{'::json
SELECT 1 + 'a'
-- names of columns
SELECT 1
SELECT 1, 2, 'a'
SELECT 1 + 1
SELECT -1
SELECT NULL
SELECT true
SELECT 'a' || 'b'
SELECT count(*) FROM (VALUES (1)) t(i)
SELECT count(i), sum(i), min(i), max(i) FROM (VALUES (1)) t(i)
SELECT count(DISTINCT i) FROM (VALUES (1), (1)) t(i)
SELECT i + 1, i, t.i, (i), -i FROM (VALUES (1)) t(i)
SELECT upper('a'), lower('A'), length('abc')
SELECT CASE WHEN true THEN 1 ELSE 2 END
SELECT CASE WHEN true THEN 1 ELSE i END FROM (VALUES (1)) t(i)
SELECT coalesce(NULL, 1), nullif(1, 2), greatest(1, 2), least(1, 2)
SELECT '1'::int4, 1::text, i::text, upper('a')::text FROM (VALUES (1)) t(i)
SELECT CAST('2020-01-01' AS date), CAST(1 AS numeric(10,2))
SELECT date '2020-01-01', timestamp '2020-01-01 00:00:00', interval '1 day', time '10:00'
SELECT 1::int8, 1::int2, 1::float4, 1::float8, true::bool, 1::numeric, 'a'::varchar
SELECT EXISTS (SELECT 1), (SELECT 2), (SELECT 3 AS three), ARRAY[1, 2], ARRAY(SELECT 1)
SELECT 1 = 1, 1 IN (1, 2), 1 IS NULL, NOT true, 1 BETWEEN 0 AND 2, 'a' LIKE 'a'
SELECT extract(year FROM date '2020-05-01'), date_part('month', date '2020-05-01')
SELECT date_trunc('month', timestamp '2020-05-17 10:00:00')
SELECT substring('abc' FROM 2), substring('abc', 1, 1), position('b' IN 'abc'), overlay('abc' PLACING 'x' FROM 2)
SELECT trim('  a '), trim(BOTH 'x' FROM 'xax'), trim(LEADING 'x' FROM 'xax'), trim(TRAILING 'x' FROM 'xax')
SELECT now() WHERE false
SELECT current_date, current_timestamp, localtimestamp, current_time, localtime WHERE false
SELECT current_user, session_user, user WHERE false
SELECT row_number() OVER (), rank() OVER (ORDER BY i), sum(i) OVER () FROM (VALUES (1)) t(i)
SELECT (ARRAY[1, 2])[1], a[1] FROM (VALUES (ARRAY[1, 2])) t(a)
SELECT * FROM (SELECT count(*) FROM (VALUES (1)) t(i)) s
SELECT s.count FROM (SELECT count(*) FROM (VALUES (1)) t(i)) s
SELECT sum FROM (SELECT sum(i) FROM (VALUES (1), (2)) t(i)) s
WITH c AS (SELECT max(i) FROM (VALUES (1)) t(i)) SELECT * FROM c
SELECT * FROM (SELECT 1) s
SELECT * FROM (VALUES (1, 'a')) t
VALUES (1, 'a'), (2, 'b')
SELECT 1 UNION ALL SELECT 2 AS b
SELECT count(*) UNION ALL SELECT 7
SELECT Abs(-1) AS Foo, 1 AS "Foo", 2 AS BAR
SELECT FOO FROM (SELECT 1 AS Foo) t
SELECT T.X, "Y" FROM (SELECT 1 AS x, 2 AS "Y") AS T
SELECT * FROM (SELECT 1 AS Foo, 2 AS "Bar") t
SELECT count(*) AS Total FROM (VALUES (1)) t(i) ORDER BY Total
SELECT string_agg(s, ','), array_agg(s) FROM (VALUES ('a')) t(s)
SELECT 'a' COLLATE "C", 1 AS "a b", 2 AS year
SELECT i::text || 'a' FROM (VALUES (1)) t(i)
SELECT timestamp '2020-01-01 00:00:00' AT TIME ZONE 'UTC'
SELECT ROW(1, 2) IS NULL, (1, 2) = (1, 2)
SELECT sum(i) FILTER (WHERE i > 1) FROM (VALUES (1), (2)) t(i)
SELECT count(*), count(*) FROM (VALUES (1)) t(i)
SELECT i AS count, count(*) FROM (VALUES (1)) t(i) GROUP BY i
SELECT sum(i) FROM (VALUES (3), (1)) t(i) GROUP BY i ORDER BY sum(i)
SELECT sum(i) FROM (VALUES (3), (1)) t(i) GROUP BY i ORDER BY sum DESC
SELECT DISTINCT i % 2 FROM (VALUES (1), (2), (3)) t(i) ORDER BY 1
-- arrays as sets
SELECT 1 = ANY(ARRAY[1, 2]) AS a, 3 = ANY(ARRAY[1, 2]) AS b, 3 <> ALL(ARRAY[1, 2]) AS c, 1 <> ALL(ARRAY[1]) AS d
SELECT 1 = ANY('{1,2}') AS a, 'b' = ANY('{a,b}') AS b, 5 = ANY('{1,2}'::int4[]) AS c
SELECT 2 < ANY(ARRAY[1, 3]) AS a, 2 > ALL(ARRAY[0, 1]) AS b, 1 = SOME(ARRAY[1]) AS c
SELECT NULL = ANY(ARRAY[1]) AS a, 1 = ANY(ARRAY[NULL, 2]) AS b, 1 = ANY(ARRAY[NULL, 1]) AS c
SELECT i FROM (VALUES (1), (2), (3)) t(i) WHERE i = ANY(ARRAY[1, 3]) ORDER BY i
SELECT i FROM (VALUES (1), (2), (3)) t(i) WHERE i <> ALL('{1,3}'::int4[]) ORDER BY i
SELECT i FROM (VALUES (1), (2)) t(i) WHERE i = ANY(SELECT 2)
SELECT 'a' LIKE ANY(ARRAY['a%', 'b%']) AS a
SELECT '{1,2,NULL}'::int4[] AS a, '{}'::text[] AS b, '{"a b",c}'::text[] AS c
SELECT ARRAY[1, 2] || 3 AS a, 0 || ARRAY[1] AS b, ARRAY[1] || ARRAY[2] AS c
SELECT ARRAY[1, 2] @> ARRAY[1] AS a, ARRAY[1] <@ ARRAY[1, 2] AS b, ARRAY[1, 2] && ARRAY[2, 3] AS c
SELECT array_length(ARRAY[1, 2], 1) AS a, cardinality(ARRAY[1, 2, 3]) AS b, array_upper(ARRAY[1, 2], 1) AS c
SELECT (ARRAY['a', 'b'])[2] AS a, (ARRAY[1, 2, 3])[2:3] AS b, (ARRAY[1])[5] AS c
SELECT array_to_string(ARRAY['a', NULL, 'b'], ',') AS a, string_to_array('a,b', ',') AS b
SELECT array_position(ARRAY['a', 'b'], 'b') AS a, array_append(ARRAY[1], 2) AS b, array_prepend(0, ARRAY[1]) AS c
SELECT unnest(ARRAY[1, 2])
SELECT * FROM unnest(ARRAY[1, 2])
SELECT * FROM unnest(ARRAY['a', 'b']) AS x
SELECT * FROM unnest(ARRAY['a', 'b']) WITH ORDINALITY AS x(v, n)
SELECT ARRAY[[1, 2], [3, 4]] AS a
SELECT ARRAY[1.5, 2] AS a, ARRAY['a', NULL] AS b, ARRAY[true] AS c, ARRAY[]::int4[] AS d
SELECT array_agg(i ORDER BY i DESC) AS a FROM (VALUES (1), (2)) t(i)
-- casts and types
SELECT 1::int4 AS a, 1::int2 AS b, 1::int8 AS c, 1::integer AS d, 1::smallint AS e, 1::bigint AS f
SELECT 1.5::float4 AS a, 1.5::float8 AS b, 1.5::real AS c, 1.5::double precision AS d
SELECT 1.5::int4 AS a, 2.5::int4 AS b, -1.5::int4 AS c, 2.5::float8::int4 AS d, 0.5::float8::int4 AS e
SELECT 'abc'::varchar(2) AS a, 'abc'::char(2) AS b, 'a'::char(3) AS c, 'abc'::text AS d, 'a'::name AS e
SELECT 1::oid AS a, 'a'::bpchar AS b
SELECT '1'::bool AS a, 't'::bool AS b, 'no'::bool AS c, 1::bool AS d, 'off'::bool AS e
SELECT true::text AS a, true::int4 AS b, false::text AS c
SELECT 1.50::numeric AS a, 1.555::numeric(10,2) AS b, 12::numeric(5,1) AS c, 1e3::numeric AS d
SELECT 123.456::numeric(5,2) AS a
SELECT 12345.6::numeric(5,2) AS a
SELECT '2020-01-01'::date AS a, '2020-01-01 10:20:30'::timestamp AS b, '10:20'::time AS c
SELECT '2020-01-01 10:20:30+02'::timestamptz AS a, timestamptz '2020-01-01 10:00:00' AS b
SELECT '2020-01-01 10:20:30.123456'::timestamp AS a, '2020-01-01 10:20:30.12'::timestamp AS b
SELECT '2020-01-01 10:20:30.55'::timestamp(0) AS a, '10:20:30.6'::time(0) AS b
SELECT 'infinity'::timestamp AS a, '-infinity'::date AS b, 'infinity'::float8 AS c, 'NaN'::float8 AS d
SELECT '0044-03-15 BC'::date AS a
SELECT '10:20:30+02'::timetz AS a
SELECT '\x414243'::bytea AS a, 'abc'::bytea AS b, E'\\x00ff'::bytea AS c
SELECT 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid AS a
SELECT '{"a": 1}'::json AS a, '[1, 2]'::json AS b
SELECT '{"b": 1, "a": 2}'::jsonb AS a
SELECT '{"a": {"b": 5}}'::json -> 'a' ->> 'b' AS a, '[7,8]'::json -> 1 AS b, '[7,8]'::json ->> 0 AS c
SELECT B'101' AS a, X'1F' AS b
SELECT 1::text || 'a' AS a, 'a' || 1 AS b, 1 || 'a' AS c, 'a' || NULL AS d, 'a' || 1.5 AS e, 'a' || true AS f
SELECT 'a' || date '2020-01-01' AS a
SELECT CAST('5' AS integer) AS a, CAST(5.7 AS integer) AS b, CAST('t' AS boolean) AS c
SELECT 'x' AS a, NULL AS b, 1.5 AS c, 100000000000 AS d, 1e10 AS e, .5 AS f, 5. AS g
SELECT 99999999999999999999 AS a, 0.1 + 0.2 AS b, 1.10 AS c, 1.1 * 1.1 AS d
SELECT 1.0::float8 AS a, 1e20::float8 AS b, 1e-5::float8 AS c, 123456789.123::float8 AS d, 0.1::float4 AS e, -0.0::float8 AS f
SELECT 1e15::float8 AS a, 1e16::float8 AS b, 0.0001::float8 AS c, 1e21::float8 AS d, 1.5e300::float8 AS e
-- texts
SELECT E'a\tb\\c\'d\x41\u00e9' AS a, 'it''s' AS b, $$dollar$$ AS c, $q$a$$b$q$ AS d
SELECT U&'\0061' AS a
SELECT 'abc' LIKE 'a%' AS a, 'abc' NOT LIKE '_b_' AS b, 'ABC' ILIKE 'a%' AS c, 'abc' NOT ILIKE 'B%' AS d
SELECT 'a%c' LIKE 'a!%c' ESCAPE '!' AS a, 'a%c' LIKE 'a\%c' AS b, 'abc' LIKE 'a\%c' AS c
SELECT 'abc' ~ 'b' AS a, 'abc' ~ '^b' AS b, 'abc' ~* 'B' AS c, 'abc' !~ 'b' AS d, 'abc' !~* 'X' AS e
SELECT 'abc' ~ '^a.c$' AS a, 'a1' ~ '\d' AS b, 'foo bar' ~ '\mbar\M' AS c, 'abc' ~ '[[:digit:]]' AS d
SELECT 'abc' SIMILAR TO 'a%' AS a, 'abc' SIMILAR TO 'b' AS b, 'abc' SIMILAR TO '%(b|d)%' AS c, 'abc' NOT SIMILAR TO 'abc' AS d
SELECT regexp_replace('aab', 'a', 'x') AS a, regexp_replace('aab', 'a', 'x', 'g') AS b, regexp_replace('abc', '(b)', '[\1]') AS c
SELECT regexp_match('abc', 'b') AS a, regexp_split_to_array('a1b2c', '\d') AS b
SELECT upper('é') AS a, lower('É') AS b, initcap('hello world') AS c, length('é') AS d, octet_length('é') AS e
SELECT substring('abcdef' FROM 2 FOR 3) AS a, substring('abcdef' FROM -1 FOR 3) AS b, substr('abcdef', 3) AS c, substr('abcdef', 0, 3) AS d
SELECT substring('foobar' FROM 'o.b') AS a
SELECT left('abc', 2) AS a, left('abc', -1) AS b, right('abc', 2) AS c, right('abc', -1) AS d
SELECT position('b' IN 'abc') AS a, strpos('abc', 'z') AS b
SELECT trim(BOTH FROM '  a ') AS a, btrim('xax', 'x') AS b, ltrim('  a') AS c, rtrim('a  ') AS d
SELECT lpad('a', 3) AS a, lpad('abc', 2) AS b, rpad('a', 3, 'xy') AS c, repeat('ab', 2) AS d, reverse('abc') AS e
SELECT replace('aaa', 'a', 'b') AS a, translate('abc', 'ab', 'x') AS b, split_part('a,b,c', ',', 2) AS c, split_part('a,b', ',', 3) AS d, split_part('a,b,c', ',', -1) AS e
SELECT concat('a', NULL, 1, true) AS a, concat_ws('-', 'a', NULL, 'b') AS b
SELECT ascii('a') AS a, chr(97) AS b, md5('a') AS c, to_hex(255) AS d, starts_with('abc', 'a') AS e
SELECT char_length('abc') AS a, character_length('abc') AS b, bit_length('a') AS c
SELECT encode('\x6162'::bytea, 'hex') AS a, encode('\x6162'::bytea, 'base64') AS b, decode('6162', 'hex') AS c
SELECT quote_literal('it''s') AS a, quote_ident('A b') AS b
SELECT format('%s-%s', 'a', 1) AS a
SELECT '😀' AS a, length('😀') AS b, 'ü' < 'z' AS c
SELECT 'a' < 'B' AS a, 'a' = 'A' AS b, '' = '' AS c, '' IS NULL AS d
-- numbers
SELECT round(2.5) AS a, round(-2.5) AS b, round(2.567, 2) AS c, round(1234.5, -2) AS d, round(2.5::float8) AS e, round(3.5::float8) AS f
SELECT trunc(2.567, 2) AS a, trunc(-2.5) AS b, ceil(1.2) AS c, floor(-1.2) AS d, ceiling(1.5::float8) AS e
SELECT abs(-1) AS a, abs(-1.5) AS b, sign(-2) AS c, sign(-2.5) AS d, @ -5 AS e
SELECT power(2, 3) AS a, 2 ^ 3 AS b, sqrt(4::float8) AS c, exp(0::float8) AS d, ln(1::float8) AS e, log(100::float8) AS f
SELECT 5 & 3 AS a, 5 | 3 AS b, 5 # 3 AS c, ~5 AS d, 1 << 3 AS e, 16 >> 2 AS f
SELECT pi() AS a, degrees(pi()) AS b, sin(0::float8) AS c, atan2(1, 1) AS d
SELECT gcd(12, 18) AS a, lcm(4, 6) AS b, factorial(5) AS c, width_bucket(5, 0, 10, 5) AS d
SELECT |/ 4 AS a, ||/ 27 AS b
SELECT -2 ^ 2 AS a, 2 ^ 3 ^ 2 AS b, - 5 % 3 AS c
SELECT 1 + 1.5 AS a, 1.5 + 1::float8 AS b, 2 * 1.50 AS c, 3 - 1.25 AS d
SELECT 1::int2 + 1::int4 AS a, 1::int4 + 1::int8 AS b, 1::int2 + 1::int2 AS c
SELECT random() BETWEEN 0 AND 1 AS a
SELECT sqrt(-1::float8)
SELECT ln(0::float8)
-- aggregates and their types
SELECT sum(i) AS a, avg(i) AS b, min(i) AS c, max(i) AS d, count(i) AS e FROM (VALUES (1), (2), (4)) t(i)
SELECT sum(i) AS a FROM (VALUES (1::int8), (2)) t(i)
SELECT sum(i) AS a FROM (VALUES (1::int2), (2::int2)) t(i)
SELECT sum(1) AS a, sum(1::int8) AS b, sum(1.5) AS c, sum(1.5::float8) AS d
SELECT sum(i::int4) AS a, sum(i * 2) AS b, sum(CASE WHEN i > 1 THEN 1 ELSE 0 END) AS c FROM (VALUES (1), (2)) t(i)
SELECT sum(n) AS a, min(n) AS b FROM (VALUES (1.50), (2.25)) t(n)
SELECT avg(f) AS a, sum(f) AS b FROM (VALUES (1.5::float8), (2.5)) t(f)
SELECT avg(n) AS a FROM (VALUES (1.50), (2.25)) t(n)
SELECT sum(i) AS a, count(*) AS b, max(i) AS c FROM (VALUES (1)) t(i) WHERE false
SELECT bool_and(b) AS a, bool_or(b) AS b, every(b) AS c FROM (VALUES (true), (false)) t(b)
SELECT string_agg(s, ', ' ORDER BY s DESC) AS a FROM (VALUES ('a'), ('b')) t(s)
SELECT string_agg(DISTINCT s, ',') AS a FROM (VALUES ('a'), ('a')) t(s)
SELECT array_agg(i) AS a, array_agg(DISTINCT i) AS b FROM (VALUES (1)) t(i)
SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY i) AS a, percentile_disc(0.5) WITHIN GROUP (ORDER BY i) AS b FROM (VALUES (1), (2), (4)) t(i)
SELECT stddev(i) > 1.5 AS a, var_pop(i) > 1.5 AS b, corr(i, i) AS c FROM (VALUES (1::float8), (2), (4)) t(i)
SELECT mode() WITHIN GROUP (ORDER BY i) AS a FROM (VALUES (1), (1), (2)) t(i)
SELECT g, sum(i) AS s FROM (VALUES ('a', 1), ('b', 2), ('a', 3)) t(g, i) GROUP BY ROLLUP (g) ORDER BY g
SELECT g, grouping(g) AS k, count(*) AS n FROM (VALUES ('a'), ('b')) t(g) GROUP BY GROUPING SETS ((g), ()) ORDER BY g
SELECT i, sum(i) OVER (ORDER BY i) AS s, lag(i) OVER (ORDER BY i) AS l FROM (VALUES (1), (2)) t(i) ORDER BY i
SELECT json_agg(i) AS a FROM (VALUES (1), (2)) t(i)
SELECT i FROM (VALUES (1)) t(i) GROUP BY i HAVING count(*) > 1
SELECT i, j FROM (VALUES (1, 2)) t(i, j) GROUP BY i
SELECT sum(sum(i)) FROM (VALUES (1)) t(i)
-- order, limits and sets
SELECT i FROM (VALUES (2), (NULL), (1)) t(i) ORDER BY i
SELECT i FROM (VALUES (2), (NULL), (1)) t(i) ORDER BY i DESC
SELECT i FROM (VALUES (2), (NULL), (1)) t(i) ORDER BY i NULLS FIRST
SELECT i FROM (VALUES (2), (NULL), (1)) t(i) ORDER BY i DESC NULLS LAST
SELECT i, row_number() OVER (ORDER BY i) AS n FROM (VALUES (2), (NULL), (1)) t(i) ORDER BY n
SELECT array_agg(i ORDER BY i) AS a, array_agg(i ORDER BY i DESC) AS b FROM (VALUES (2), (NULL), (1)) t(i)
SELECT s FROM (VALUES ('b'), ('B'), ('a'), ('Z')) t(s) ORDER BY s
SELECT i FROM (VALUES (1), (2), (3)) t(i) ORDER BY i LIMIT ALL
SELECT i FROM (VALUES (1), (2), (3)) t(i) ORDER BY i LIMIT 1 OFFSET 1
SELECT i FROM (VALUES (1), (2), (3)) t(i) ORDER BY i OFFSET 1 ROWS FETCH NEXT 1 ROWS ONLY
SELECT i FROM (VALUES (1), (2), (3)) t(i) ORDER BY i FETCH FIRST ROW ONLY
SELECT i FROM (VALUES (1), (2), (3)) t(i) ORDER BY i OFFSET 2
SELECT i FROM (VALUES (1), (1), (2)) t(i) ORDER BY i FETCH FIRST 1 ROW WITH TIES
SELECT DISTINCT ON (i) i, j FROM (VALUES (1, 2), (1, 1)) t(i, j) ORDER BY i, j
SELECT 1 AS a UNION SELECT 1 UNION ALL SELECT 2 ORDER BY a
SELECT 1 AS a INTERSECT SELECT 1 EXCEPT SELECT 2
SELECT i FROM (VALUES (1), (2)) t(i) LIMIT -1
SELECT a.i, b.i FROM (VALUES (1)) a(i) JOIN (VALUES (1)) b(i) ON a.i = b.i
SELECT * FROM (VALUES (1)) a(i) JOIN (VALUES (1, 2)) b(i, j) USING (i)
SELECT * FROM (VALUES (1)) a(i) NATURAL JOIN (VALUES (1, 3)) b(i, k)
SELECT * FROM (VALUES (1)) a(i) LEFT JOIN (VALUES (2)) b(j) ON a.i = b.j
SELECT x FROM (VALUES (1), (2)) t(i), LATERAL (SELECT i * 2 AS x) l ORDER BY x
WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < 3) SELECT n FROM r ORDER BY n
SELECT generate_series(1, 3)
SELECT * FROM generate_series(1, 3)
SELECT * FROM generate_series(1, 5, 2) AS g
SELECT g FROM generate_series(1, 2) AS g(g)
SELECT * FROM generate_series(timestamp '2020-01-01', timestamp '2020-01-02', interval '12 hours')
SELECT count(*) FROM generate_series(1, 0)
-- times
SELECT date '2020-01-31' + 1 AS a, date '2020-03-01' - date '2020-02-01' AS b, date '2020-01-01' + interval '1 month' AS c
SELECT timestamp '2020-01-02 03:04:05' - timestamp '2020-01-01' AS a, timestamp '2020-01-31' + interval '1 month' AS b
SELECT date_trunc('month', date '2020-05-17') AS a, date_trunc('week', timestamp '2020-05-17 10:00') AS b, date_trunc('quarter', timestamp '2020-05-17') AS c
SELECT date_trunc('hour', timestamptz '2020-05-17 10:20:30+00') AS a
SELECT extract(year FROM timestamp '2020-05-17 10:20:30.5') AS a, extract(dow FROM date '2020-05-17') AS b, extract(epoch FROM timestamp '2020-01-01') AS c
SELECT extract(second FROM timestamp '2020-05-17 10:20:30.5') AS a, extract(quarter FROM date '2020-05-17') AS b, extract(doy FROM date '2020-05-17') AS c
SELECT extract(isodow FROM date '2020-05-17') AS a, extract(week FROM date '2020-05-17') AS b, extract(isoyear FROM date '2020-01-01') AS c
SELECT date_part('year', timestamp '2020-05-17') AS a, date_part('epoch', interval '1 hour') AS b
SELECT extract(day FROM interval '3 days 4 hours') AS a, extract(milliseconds FROM time '10:20:30.5') AS b
SELECT age(timestamp '2020-03-01', timestamp '2019-01-15') AS a, age(date '2020-01-01', date '2019-12-31') AS b
SELECT interval '1 year 2 months 3 days 04:05:06' AS a, interval '-1 day' AS b, interval '90 minutes' AS c, interval '1 week' AS d
SELECT interval '1' DAY AS a, interval '1-2' AS b, interval '1 day 2:03' AS c, interval 'P1DT2H' AS d, interval '1.5 days' AS e
SELECT interval '1 month' * 2 AS a, interval '1 day' + interval '2 hours' AS b, -interval '1 day' AS c, 2 * interval '1 hour' AS d
SELECT interval '1 day' > interval '23 hours' AS a, interval '1 month' = interval '30 days' AS b
SELECT interval '-1 month 2 days -03:04:05.6' AS a, interval '0' AS b, interval '1 day -1 hour' AS c
SELECT timestamp '2020-01-01 12:00' AT TIME ZONE 'Europe/Berlin' AS a, timestamptz '2020-07-01 12:00+00' AT TIME ZONE 'Europe/Berlin' AS b
SELECT time '10:20' + interval '1 hour' AS a, time '10:20' < time '11:00' AS b
SELECT to_char(timestamp '2020-05-07 08:09:10.123', 'YYYY-MM-DD HH24:MI:SS') AS a, to_char(date '2020-05-07', 'DD.MM.YYYY') AS b
SELECT to_char(timestamp '2020-05-07 18:09:10', 'HH12:MI AM') AS a, to_char(timestamp '2020-05-07', 'Mon DD, YYYY') AS b, to_char(timestamp '2020-05-07', 'Day') AS c
SELECT to_char(timestamp '2020-05-07', 'YYYY-"Q"Q') AS a, to_char(timestamp '2020-05-07', 'IYYY-IW') AS b, to_char(timestamp '2020-05-07', 'YYYYMM') AS c, to_char(timestamp '2020-05-07', 'Month') AS d
SELECT to_char(timestamp '2020-05-07 08:09:10.123', 'MS US') AS a, to_char(timestamp '2020-05-07', 'Dy MON mon DDD') AS b, to_char(timestamp '2020-05-07', 'YY FMMM FMDD') AS c
SELECT to_char(1234.5, 'FM9999.00') AS a, to_char(1234567.891, '9,999,999.99') AS b, to_char(5, '000') AS c
SELECT to_date('2020-05-07', 'YYYY-MM-DD') AS a, to_timestamp('2020-05-07 10:20', 'YYYY-MM-DD HH24:MI') AS b
SELECT to_timestamp(0) AS a, to_timestamp(1577836800.5) AS b
SELECT make_date(2020, 5, 7) AS a, make_timestamp(2020, 5, 7, 1, 2, 3.5) AS b, make_time(1, 2, 3) AS c
SELECT make_interval(days => 3) AS a
SELECT now() = current_timestamp AS a, current_date = now()::date AS b, localtimestamp IS NOT NULL AS c
SELECT clock_timestamp() >= now() AS a, statement_timestamp() >= now() AS b, transaction_timestamp() = now() AS c
SELECT timestamp '2020-01-01' < timestamptz '2020-01-02' AS a, date '2020-01-01' = timestamp '2020-01-01' AS b
SELECT date '2020-01-01' BETWEEN '2019-01-01' AND '2021-01-01' AS a, timestamp '2020-01-01' > '2019-01-01' AS b
SELECT (date '2020-01-01', date '2020-02-01') OVERLAPS (date '2020-01-15', date '2020-03-01') AS a
SELECT isfinite(date 'infinity') AS a, justify_days(interval '35 days') AS b, date_bin('15 minutes', timestamp '2020-01-01 10:20', timestamp '2020-01-01') AS c
-- truth and NULL
SELECT NULL AND false AS a, NULL OR true AS b, NOT NULL::bool AS c, NULL = NULL AS d, NULL IS NULL AS e
SELECT true IS TRUE AS a, NULL::bool IS NOT TRUE AS b, false IS FALSE AS c, NULL::bool IS UNKNOWN AS d
SELECT 1 IS DISTINCT FROM NULL AS a, NULL IS NOT DISTINCT FROM NULL AS b
SELECT 1 IN (NULL, 2) AS a, 1 NOT IN (2, NULL) AS b, NULL IN (1) AS c
SELECT coalesce(NULL, NULL, 3) AS a, greatest(1, NULL, 3) AS b, least(NULL, 2) AS c, nullif('a', 'a') AS d
SELECT coalesce(NULL, 'a') AS a, coalesce(1, 2.5) AS b, CASE WHEN false THEN 1 END AS c
SELECT CASE 2 WHEN 1 THEN 'one' WHEN 2 THEN 'two' ELSE 'many' END AS a
SELECT num_nulls(1, NULL) AS a, num_nonnulls(1, NULL) AS b
-- what is refused
SELEC 1
SELECT nope
SELECT nope(1)
SELECT 1 +
SELECT * FROM nothing_such
SELECT 'a' + 1
SELECT upper(1, 2)
SELECT 1 WHERE 'a'
SELECT (SELECT 1, 2)
SELECT (SELECT i FROM (VALUES (1), (2)) t(i))
SELECT a.x FROM (SELECT 1 AS y) a
SELECT y FROM (SELECT 1 AS y) a, (SELECT 1 AS y) b
SELECT 1 UNION SELECT 1, 2
SELECT 1 UNION SELECT 'a'
SELECT 1::nosuchtype
SELECT true + 1
SELECT 1 = 'a'
SELECT 1 LIMIT 'a'
SELECT sum('a')
SELECT date '2020-01-01' + date '2020-01-01'
SELECT 1 ORDER BY 2
SELECT count(*) FROM (VALUES (1)) t(i) WHERE count(*) > 0
SELECT $1
