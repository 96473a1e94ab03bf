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
-- what Superset compiles to
SELECT DATE_TRUNC('day', ts) AS __timestamp, SUM(n) AS "SUM(n)", COUNT(*) AS count FROM (VALUES (timestamp '2020-01-01 10:00', 1.50), (timestamp '2020-01-01 11:00', 2.25)) v(ts, n) GROUP BY DATE_TRUNC('day', ts) ORDER BY "SUM(n)" DESC LIMIT 10000
SELECT DATE_TRUNC('hour', ts) + INTERVAL '5 minutes' * FLOOR(EXTRACT(MINUTE FROM ts) / 5) AS __timestamp, COUNT(*) AS count FROM (VALUES (timestamp '2020-01-01 10:23')) v(ts) GROUP BY 1
SELECT DATE_TRUNC('minute', ts) + INTERVAL '30 seconds' * FLOOR(EXTRACT(SECOND FROM ts) / 30) AS __timestamp FROM (VALUES (timestamp '2020-01-01 10:23:45')) v(ts)
SELECT DATE_TRUNC('week', ts + INTERVAL '1 DAY') - INTERVAL '1 DAY' AS w FROM (VALUES (timestamp '2020-01-05 10:23:45')) v(ts)
SELECT DATE_TRUNC('quarter', d) AS q, DATE_TRUNC('year', d) AS y, DATE_TRUNC('week', d) AS w FROM (VALUES (date '2020-05-17')) v(d)
SELECT count(*) AS n FROM (VALUES (timestamp '2020-01-01 10:00')) v(ts) WHERE ts >= TO_TIMESTAMP('2020-01-01 00:00:00.000000', 'YYYY-MM-DD HH24:MI:SS.US') AND ts < TO_TIMESTAMP('2021-01-01 00:00:00.000000', 'YYYY-MM-DD HH24:MI:SS.US')
SELECT count(*) AS n FROM (VALUES (date '2020-01-01')) v(d) WHERE d >= TO_DATE('2020-01-01', 'YYYY-MM-DD') AND d < TO_DATE('2021-01-01', 'YYYY-MM-DD')
SELECT (timestamp 'epoch' + e * interval '1 second') AS t FROM (VALUES (1577836800)) v(e)
SELECT AVG(i) AS "AVG(i)", MAX(i) AS "MAX(i)", MIN(i) AS "MIN(i)", COUNT(DISTINCT i) AS "COUNT_DISTINCT(i)" FROM (VALUES (1), (2), (4)) v(i)
SELECT g AS g, AVG(n) AS "AVG(n)" FROM (VALUES ('a', 1.50), ('a', 2.25), ('b', 7.00)) v(g, n) GROUP BY g ORDER BY "AVG(n)" DESC LIMIT 100
SELECT SUM(n) / NULLIF(COUNT(*), 0) AS r, AVG(n)::numeric(10,2) AS a, ROUND(AVG(n), 2) AS b FROM (VALUES (1.50), (2.25)) v(n)
SELECT g, SUM(i) AS s FROM (VALUES ('a', 1), ('b', 2)) v(g, i) JOIN (SELECT g AS g__, SUM(i) AS mme_inner__ FROM (VALUES ('a', 1), ('b', 2)) w(g, i) GROUP BY g ORDER BY mme_inner__ DESC LIMIT 1) AS series_limit ON g = g__ GROUP BY g
SELECT CAST(i AS FLOAT) / 3 AS r, i::float / 4 AS q FROM (VALUES (7)) v(i)
SELECT s FROM (VALUES ('Abc'), ('xyz')) v(s) WHERE s ILIKE '%B%'
SELECT percentile_cont(0.25) WITHIN GROUP (ORDER BY n) AS p FROM (VALUES (1.0::float8), (2), (4)) v(n)
SELECT ntile(2) OVER (ORDER BY i) AS n, percent_rank() OVER (ORDER BY i) AS p, cume_dist() OVER (ORDER BY i) AS c FROM (VALUES (1), (2)) v(i) ORDER BY 1
-- what Metabase compiles to
SELECT DATE_TRUNC('month', "v"."created_at") AS "created_at", COUNT(*) AS "count" FROM (VALUES (timestamp '2020-01-05 10:00')) "v"("created_at") GROUP BY DATE_TRUNC('month', "v"."created_at") ORDER BY DATE_TRUNC('month', "v"."created_at") ASC
SELECT CAST(DATE_TRUNC('month', CAST("v"."d" AS timestamp)) AS date) AS "d" FROM (VALUES (date '2020-05-17')) "v"("d")
SELECT (CAST(DATE_TRUNC('week', (CAST("v"."d" AS timestamp) + INTERVAL '1 day')) AS timestamp) + INTERVAL '-1 day') AS "d" FROM (VALUES (date '2020-05-17')) "v"("d")
SELECT (CAST(extract(dow from "v"."d") AS integer) + 1) AS "dow", CAST(extract(hour from "v"."d") AS integer) AS "h", CAST(extract(quarter from "v"."d") AS integer) AS "q" FROM (VALUES (timestamp '2020-05-17 10:20')) "v"("d")
SELECT CEIL(CAST((EXTRACT(doy from d)) AS integer) / 7.0) AS w FROM (VALUES (date '2020-05-17')) v(d)
SELECT ((FLOOR((("v"."total" - 0.0) / 20.0)) * 20.0) + 0.0) AS "total", COUNT(*) AS "count" FROM (VALUES (45.5::float8)) "v"("total") GROUP BY ((FLOOR((("v"."total" - 0.0) / 20.0)) * 20.0) + 0.0)
SELECT SUM(CASE WHEN "v"."i" > 1 THEN 1 ELSE 0.0 END) AS "n", CAST(SUM(CASE WHEN "v"."i" > 1 THEN 1 ELSE 0.0 END) AS float) / NULLIF(COUNT(*), 0) AS "share" FROM (VALUES (1), (2)) "v"("i")
SELECT STDDEV_POP("v"."f") AS "s", PERCENTILE_CONT(0.5) within group (order by "v"."f") AS "median" FROM (VALUES (1::float8), (3)) "v"("f")
SELECT SUBSTRING('https://example.org/a' FROM '//([^/]*)') AS "host", SUBSTRING('a@b.c' FROM '@(.*)$') AS "domain", SUBSTRING('abc', 1, 2) AS "s"
SELECT (LOWER("v"."s") LIKE '%b%') AS "x", ("v"."s" LIKE 'A%') AS "y", POSITION('b' IN "v"."s") AS "p" FROM (VALUES ('Abc')) "v"("s")
SELECT CAST("v"."i" AS DOUBLE PRECISION) / NULLIF("v"."j", 0) AS "r" FROM (VALUES (7, 2), (1, 0)) "v"("i", "j")
SELECT DATE_TRUNC('day', timestamptz '2020-01-01 23:30+00' AT TIME ZONE 'Europe/Berlin') AS d
SELECT CAST(EXTRACT(year FROM AGE(DATE_TRUNC('day', timestamp '2021-03-01'), DATE_TRUNC('day', timestamp '2019-02-01'))) AS integer) AS y
SELECT CAST(EXTRACT(year FROM a) * 12 + EXTRACT(month FROM a) AS integer) AS m FROM (SELECT AGE(timestamp '2021-03-01', timestamp '2019-02-01') AS a) s
SELECT DATE_PART('day', timestamp '2020-03-01' - timestamp '2020-02-01') AS d, EXTRACT(EPOCH FROM timestamp '2020-03-01' - timestamp '2020-02-28') AS e
SELECT TO_TIMESTAMP(CAST("v"."e" AS double precision)) AS "t", TO_TIMESTAMP("v"."e" / 1000.0) AS "u" FROM (VALUES (1577836800)) "v"("e")
SELECT REGEXP_REPLACE('a1b22', '[0-9]+', '', 'g') AS a, REGEXP_REPLACE('Abc', 'b', 'X', 'i') AS b, REGEXP_REPLACE('Abab', 'A', 'x', 'gi') AS c
SELECT "source"."n" AS "n", COUNT(*) AS "count" FROM (SELECT CASE WHEN "v"."i" < 2 THEN 'low' ELSE 'high' END AS "n" FROM (VALUES (1), (3)) "v"("i")) AS "source" GROUP BY "source"."n" ORDER BY "source"."n" ASC
SELECT SUM(COUNT(*)) OVER (ORDER BY g ASC ROWS UNBOUNDED PRECEDING) AS "sum" FROM (VALUES (1), (2)) v(g) GROUP BY g ORDER BY g
SELECT CONCAT('a', ' ', 1) AS a, CONCAT("s", '-', NULL) AS b FROM (VALUES ('x')) v("s")
SELECT extract(week FROM date_trunc('day', timestamp '2021-01-03 10:00')) AS w, date_part('isodow', date '2021-01-03') AS i
SELECT split_part('a-b', '-', 1) AS a, LENGTH(TRIM('  ab ')) AS b, REVERSE('ab') AS c, UPPER(LEFT('abc', 1)) || LOWER(SUBSTRING('ABC', 2)) AS d
-- what Tableau compiles to
SELECT SUM("v"."x") AS "sum:x:ok", COUNT(1) AS "cnt:ok" FROM (VALUES (1::int8), (2)) "v"("x") HAVING (COUNT(1) > 0)
SELECT CAST(TRUNC(EXTRACT(YEAR FROM "v"."d")) AS INTEGER) AS "yr:d:ok", CAST(TRUNC(EXTRACT(QUARTER FROM "v"."d")) AS INTEGER) AS "qr:d:ok" FROM (VALUES (date '2020-05-17')) "v"("d") GROUP BY 1, 2
SELECT DATE_TRUNC( 'MONTH', CAST("v"."d" AS TIMESTAMP) ) AS "tmn:d:ok", CAST(DATE_TRUNC( 'DAY', CAST("v"."d" AS TIMESTAMP) ) AS DATE) AS "tdy:d:ok" FROM (VALUES (date '2020-05-17')) "v"("d")
SELECT DATE_TRUNC( 'DAY', (CAST("v"."d" AS TIMESTAMP) + (((-EXTRACT(DOW FROM CAST("v"."d" AS TIMESTAMP))) ) * INTERVAL '1 DAY')) ) AS "twk:d:ok" FROM (VALUES (date '2020-05-19')) "v"("d")
SELECT (1 + CAST(EXTRACT(DOW FROM d) AS INTEGER)) AS "wd:d:ok", (CASE WHEN i > 0 THEN 'a' WHEN NOT (i > 0) THEN 'b' ELSE NULL END) AS c FROM (VALUES (date '2020-05-19', 1)) v(d, i)
SELECT (CASE WHEN 4 = 0 THEN NULL ELSE CAST(i AS DOUBLE PRECISION) / 4 END) AS r FROM (VALUES (7)) v(i)
SELECT 1.1000000000000001 AS "Number", COUNT(DISTINCT "v"."x") AS "ctd:x:ok", AVG(CAST("v"."x" AS DOUBLE PRECISION)) AS "avg:x:ok" FROM (VALUES (1), (2)) "v"("x")
SELECT ("v"."d" >= (DATE '2020-01-01')) AS a, ("v"."ts" <= (TIMESTAMP '2020-12-31 23:59:59.999')) AS b FROM (VALUES (date '2020-05-17', timestamp '2020-05-17 10:00')) "v"("d", "ts")
SELECT CAST("v"."i" AS TEXT) AS "t", STRPOS("v"."s", 'b') AS "p", CAST("v"."s" AS CHARACTER VARYING) AS "c" FROM (VALUES (1, 'abc')) "v"("i", "s")
SELECT (CAST("v"."d" AS DATE) + 7 * INTERVAL '1 DAY') AS a, ("v"."d" + 3) AS b FROM (VALUES (date '2020-05-17')) "v"("d")
SELECT (CAST('2020-05-17' AS DATE) - CAST('2020-05-01' AS DATE)) AS days, CAST(EXTRACT(EPOCH FROM (timestamp '2020-05-17' - timestamp '2020-05-16'))/86400 AS BIGINT) AS n
SELECT TRUNC(CAST(4.567 AS NUMERIC), 2) AS a, LN(CAST(1 AS DOUBLE PRECISION)) AS b, POWER(CAST(2 AS DOUBLE PRECISION), 3) AS c, ROUND(CAST(2.5 AS NUMERIC), 0) AS d
SELECT STDDEV_SAMP(f) > 1 AS a, VAR_SAMP(f) AS b, VAR_POP(f) AS c, CORR(f, f) AS d, COVAR_POP(f, f) AS e FROM (VALUES (1::float8), (3)) v(f)
SELECT TO_CHAR(TIMESTAMP '2020-05-17 10:20:30', 'YYYY-MM-DD') AS a, TO_CHAR(DATE '2020-05-17', 'MM/DD/YYYY') AS b, TO_CHAR(TIMESTAMP '2020-05-17 22:05', 'FMMonth FMDD, YYYY FMHH12:MI AM') AS c
-- what Power BI compiles to
select "_"."g" as "g", sum(cast("_"."i" as decimal)) as "a0" from (VALUES ('a', 1), ('a', 2)) "_"("g", "i") group by "_"."g" limit 1000001
select count(1) as "a0", sum("_"."n") as "a1", avg("_"."n") as "a2" from (VALUES (1.50), (2.25)) "_"("n")
select "$Table"."s" as "s" from (select "_"."s" from (VALUES ('a'), (null)) "_"("s")) "$Table" where "$Table"."s" is not null order by "$Table"."s" limit 201
select case when "_"."s" is null then 1 else 0 end as "o", "_"."s" from (VALUES ('a'), (null)) "_"("s") order by case when "_"."s" is null then 1 else 0 end, "_"."s"
select date_part('year', "_"."d") as "y", date_part('month', "_"."d") as "m", date_part('quarter', "_"."d") as "q" from (VALUES (date '2020-05-17')) "_"("d")
select cast("_"."i" as double precision) / cast("_"."j" as double precision) as "r", ceiling(1.5) as "c", sqrt(2.25) as "q" from (VALUES (7, 2)) "_"("i", "j")
select "_"."d" from (VALUES (timestamp '2020-05-17 00:00:00')) "_"("d") where "_"."d" >= timestamp '2020-01-01 00:00:00' and "_"."d" < timestamp '2021-01-01 00:00:00'
select "_"."g", count(distinct "_"."i") + max(case when "_"."i" is null then 1 else 0 end) as "a0" from (VALUES ('a', 1), ('a', null)) "_"("g", "i") group by "_"."g"
-- what Grafana's macros expand to
SELECT floor(extract(epoch from ts)/300)*300 AS "time", avg(f) AS value FROM (VALUES (timestamp '2020-01-01 10:23:45', 1.5::float8)) v(ts, f) GROUP BY 1 ORDER BY 1
SELECT extract(epoch from ts) AS "time", extract(epoch from z) AS "z" FROM (VALUES (timestamp '2020-01-01 10:23:45.5', timestamptz '2020-01-01 10:23:45+00')) v(ts, z)
SELECT count(*) FROM (VALUES (timestamp '2020-01-01 10:23:45')) v(ts) WHERE ts BETWEEN '2020-01-01T00:00:00Z' AND '2020-01-02T00:00:00Z'
SELECT count(*) FROM (VALUES (timestamptz '2020-01-01 10:23:45+00')) v(ts) WHERE ts >= '2020-01-01T00:00:00.000Z' AND ts < '2020-01-02T00:00:00.123Z'
SELECT floor((e)/300)*300 AS "time", count(*) FROM (VALUES (1577836923)) v(e) GROUP BY 1
SELECT (extract(epoch from ts)/60)::bigint*60 AS t, round(extract(epoch from ts)/60)::int AS r FROM (VALUES (timestamp '2020-01-01 10:23:15')) v(ts)
SELECT to_timestamp(floor(extract(epoch from ts)/300)*300) AS t FROM (VALUES (timestamp '2020-01-01 10:23:45')) v(ts)
SELECT g::date AS day, 0 AS n FROM generate_series(date '2020-01-01', date '2020-01-03', interval '1 day') AS g
SELECT g AS t FROM generate_series(timestamp '2020-01-01', timestamp '2020-01-01 02:00', '1 hour') AS g
SELECT * FROM generate_series(timestamptz '2020-01-01', timestamptz '2020-01-03', interval '1 day')
SELECT date_trunc('hour', g) AS h, count(v.ts) AS n FROM generate_series(timestamp '2020-01-01 09:00', timestamp '2020-01-01 10:00', interval '1 hour') g LEFT JOIN (VALUES (timestamp '2020-01-01 10:23')) v(ts) ON date_trunc('hour', v.ts) = g GROUP BY 1 ORDER BY 1
SELECT now() - interval '6 hours' < now() AS a, (now() - interval '1 day')::date = current_date - 1 AS b, now() AT TIME ZONE 'UTC' IS NOT NULL AS c
-- what SQLAlchemy and pandas compile to
SELECT anon_1.a AS anon_1_a FROM (SELECT v.a AS a FROM (VALUES (1), (2)) AS v(a) WHERE v.a IN (1, 2) ORDER BY v.a DESC LIMIT 1 OFFSET 0) AS anon_1
SELECT v.a / CAST(v.b AS NUMERIC) AS r FROM (VALUES (7, 2)) AS v(a, b)
SELECT CAST(v.s AS VARCHAR(2)) AS s, CAST(v.s AS CHAR(5)) AS c, lower(v.s) LIKE lower('%B%') AS l, (v.s NOT LIKE '%' || 'b' || '%') AS m FROM (VALUES ('abc')) AS v(s)
SELECT EXTRACT(year FROM v.d) AS y, EXTRACT(epoch FROM v.d) AS e, EXTRACT(dow FROM v.d) AS w FROM (VALUES (timestamp '2020-05-17 10:00')) AS v(d)
SELECT count(*) FILTER (WHERE v.a > 1) AS n, sum(v.a) FILTER (WHERE v.a > 5) AS s, array_agg(v.a ORDER BY v.a) FILTER (WHERE v.a > 0) AS l FROM (VALUES (1), (2)) AS v(a)
SELECT v.a, w.b FROM (VALUES (1), (2)) AS v(a), LATERAL (SELECT v.a * 2 AS b) AS w ORDER BY v.a
SELECT v.a, w.x FROM (VALUES (1), (2)) AS v(a) LEFT JOIN LATERAL (SELECT x FROM (VALUES (1, 'p'), (1, 'q')) AS u(a, x) WHERE u.a = v.a ORDER BY x DESC LIMIT 1) AS w ON true ORDER BY v.a
SELECT v.a, u.x FROM (VALUES (1, ARRAY['p', 'q'])) AS v(a, l) CROSS JOIN LATERAL unnest(v.l) AS u(x) ORDER BY u.x
SELECT v.a FROM (VALUES (1), (2)) AS v(a) WHERE EXISTS (SELECT 1 FROM (VALUES (2)) AS w(b) WHERE w.b = v.a)
SELECT row_number() OVER (PARTITION BY v.g ORDER BY v.a DESC NULLS LAST) AS rn, first_value(v.a) OVER (PARTITION BY v.g ORDER BY v.a) AS f FROM (VALUES ('x', 1), ('x', 2)) AS v(g, a) ORDER BY rn
SELECT string_agg(v.s, '; ' ORDER BY v.s) AS l, string_agg(DISTINCT v.s, ',' ORDER BY v.s) AS d FROM (VALUES ('b'), ('a'), ('b')) AS v(s)
SELECT round(CAST(v.f AS NUMERIC), 2) AS r, CAST(v.f AS INTEGER) AS i, CAST(v.f AS BIGINT) AS b FROM (VALUES (2.567::float8)) AS v(f)
SELECT json_build_object('a', 1, 'b', 'x') AS o, jsonb_build_object('a', NULL) AS p, json_build_array(1, 'a', NULL) AS l
SELECT json_object_agg(k, v) AS o, jsonb_agg(v) AS l, jsonb_object_agg(k, v) AS p FROM (VALUES ('a', 1), ('b', 2)) AS t(k, v)
SELECT row_to_json(t) AS r, to_json(t.a) AS j, to_jsonb(t.b) AS k FROM (VALUES (1, 'x')) AS t(a, b)
SELECT (v.j ->> 'a') AS a, CAST((v.j ->> 'n') AS INTEGER) AS n, (v.j #>> '{b,c}') AS p, v.j -> 'b' ->> 'c' AS q FROM (VALUES ('{"a": "x", "n": 5, "b": {"c": "y"}}'::json)) AS v(j)
SELECT v.j @> '{"a": 1}'::jsonb AS a, v.j ? 'a' AS b, jsonb_array_length('[1,2]'::jsonb) AS c, jsonb_typeof(v.j) AS d FROM (VALUES ('{"a": 1}'::jsonb)) AS v(j)
SELECT x.value FROM json_array_elements_text('["a","b"]'::json) AS x(value)
SELECT e.key, e.value FROM jsonb_each_text('{"a": 1, "b": "x"}'::jsonb) AS e ORDER BY e.key
SELECT coalesce(v.a, 0) + 1 AS a, nullif(v.a, 1) AS b, v.a IS DISTINCT FROM 1 AS c FROM (VALUES (NULL::int4), (1)) AS v(a)
SELECT v.d + CAST('2 days' AS INTERVAL) AS a, v.d - make_interval(days => 2, hours => 3) AS b FROM (VALUES (timestamp '2020-05-17')) AS v(d)
WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 3) SELECT n FROM c ORDER BY n
WITH a AS MATERIALIZED (SELECT 1 AS x), b AS NOT MATERIALIZED (SELECT x + 1 AS y FROM a) SELECT a.x, b.y FROM a, b
SELECT v.a AS a FROM (VALUES (1)) AS v(a) UNION ALL SELECT w.b FROM (VALUES (2)) AS w(b) ORDER BY a DESC LIMIT 1
SELECT v.a, lag(v.a, 1, 0) OVER (ORDER BY v.a) AS l, lead(v.a) OVER w AS m, sum(v.a) OVER (ORDER BY v.a ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) AS s FROM (VALUES (1), (2)) AS v(a) WINDOW w AS (ORDER BY v.a) ORDER BY v.a
SELECT avg(v.a) OVER () AS a, avg(v.n) OVER () AS b, count(*) OVER () AS c FROM (VALUES (1, 1.5)) AS v(a, n)
SELECT max(v.s) AS a, min(v.d) AS b, bool_or(v.b) AS c FROM (VALUES ('x', date '2020-01-01', true)) AS v(s, d, b)
SELECT g, h, sum(i) AS s FROM (VALUES ('a', 'x', 1), ('a', 'y', 2)) v(g, h, i) GROUP BY CUBE (g, h) ORDER BY g, h
SELECT g, h, grouping(g, h) AS k, sum(i) AS s FROM (VALUES ('a', 'x', 1), ('a', 'y', 2)) v(g, h, i) GROUP BY GROUPING SETS ((g, h), (g), ()) ORDER BY g, h
-- what dbt's macros expand to
select cast(date_trunc('month', d) + ((interval '1 month') * (1)) + ((interval '1 day') * (-1)) as date) as last_day from (VALUES (date '2020-02-10')) v(d)
select md5(cast(coalesce(cast(a as TEXT), '_null_') || '-' || coalesce(cast(b as TEXT), '_null_') as TEXT)) as k from (VALUES (1, 'x')) v(a, b)
select d + ((interval '1 day') * (3)) as a, ((date '2020-05-17')::date - (date '2020-05-01')::date) as b, (date_part('year', (date '2020-05-17')::date) - date_part('year', (date '2019-05-01')::date)) * 12 as c from (VALUES (date '2020-02-10')) v(d)
select row_number() over (order by 1) as n, coalesce(null::text, 'x') as s, cast(null as timestamp) as t, cast(1 as numeric(28,6)) as q
-- dates and times
SELECT date_trunc('day', timestamptz '2020-01-01 23:30+00', 'Europe/Berlin') AS a, date_trunc('month', timestamptz '2020-01-15 12:00+00') AS b
SELECT date_trunc('hour', interval '1 day 02:03:04') AS a, date_trunc('decade', timestamp '2023-05-17') AS b, date_trunc('century', timestamp '2023-05-17') AS c, date_trunc('millennium', timestamp '2023-05-17') AS d
SELECT date_trunc('milliseconds', timestamp '2020-01-01 10:20:30.123456') AS a, date_trunc('second', timestamp '2020-01-01 10:20:30.123456') AS b
SELECT extract(decade FROM date '2023-05-17') AS a, extract(century FROM date '2023-05-17') AS b, extract(millennium FROM date '2023-05-17') AS c, extract(isoyear FROM date '2021-01-03') AS d, extract(julian FROM date '2020-01-01') AS e
SELECT extract(microseconds FROM timestamp '2020-01-01 10:20:30.5') AS a, extract(minute FROM time '10:20') AS b, extract(epoch FROM interval '1 month 1 day') AS c, extract(timezone FROM timestamptz '2020-01-01') AS d
SELECT extract(hour FROM interval '26 hours 3 minutes') AS a, extract(year FROM interval '14 months') AS b, extract(month FROM interval '14 months') AS c, extract(second FROM interval '1.5 seconds') AS d
SELECT date_part('second', time '10:20:30.5') AS a, date_part('dow', date '2020-05-17') AS b, date_part('doy', timestamp '2020-05-17') AS c, date_part('epoch', timestamptz '2020-01-01 00:00+00') AS d
SELECT age(date '2020-03-31', date '2020-02-29') AS a, age(timestamp '2019-01-15', timestamp '2020-03-01') AS b, age(timestamp '2020-03-01 10:00', timestamp '2020-02-28 12:00') AS c
SELECT timestamp '2020-03-01 10:00' - timestamp '2020-02-28 12:00' AS a, timestamp '2020-03-01' - date '2020-02-01' AS b, time '10:00' - time '08:30' AS c
SELECT to_char(timestamp '2020-05-07 18:09:10', 'HH:MI:SS pm') AS a, to_char(timestamp '2020-05-07', 'D ID Q WW IW') AS b, to_char(timestamp '2020-05-07', 'FMDay, FMDD FMMonth YYYY') AS c, to_char(timestamp '2020-05-07', 'DDth Mon') AS d
SELECT to_char(timestamp '2020-05-07 00:05:06', 'HH12:MI') AS a, to_char(timestamp '2020-05-07', 'CC J Y,YYY') AS b, to_char(timestamp '2020-05-07 18:09:10', 'SSSS') AS c, to_char(timestamp '2020-05-07', 'YYYY"W"IW') AS d
SELECT to_char(interval '1 day 02:03:04', 'DD HH24:MI:SS') AS a, to_char(interval '15:02:12', 'HH24:MI') AS b
SELECT to_char(timestamptz '2020-05-07 18:09:10+00', 'YYYY-MM-DD"T"HH24:MI:SSOF') AS a, to_char(timestamptz '2020-05-07 18:09:10+00', 'TZ') AS b
SELECT to_char(date '2020-05-07', 'yyyy-mm') AS a, to_char(date '2020-05-07', 'Mon-YY') AS b, to_char(date '2020-12-31', 'IYYY"-W"IW-ID') AS c, to_char(date '2020-05-07', 'YYYYMMDD')::int AS d
SELECT to_date('07.05.2020', 'DD.MM.YYYY') AS a, to_date('20200507', 'YYYYMMDD') AS b, to_date('May 7, 2020', 'Mon DD, YYYY') AS c, to_date('2020-5-7', 'YYYY-MM-DD') AS d
SELECT to_timestamp('2020-05-07 18:09:10.123', 'YYYY-MM-DD HH24:MI:SS.MS') AS a, to_timestamp('07/05/2020 06:09 PM', 'DD/MM/YYYY HH12:MI PM') AS b, to_timestamp('2020-05', 'YYYY-MM') AS c
SELECT make_interval(1, 2, 0, 3) AS a, make_interval(hours => 26, mins => 5) AS b, make_interval(secs => 1.5) AS c, make_interval(weeks => 2) AS d
SELECT justify_hours(interval '26 hours') AS a, justify_interval(interval '1 mon -1 hour') AS b, justify_days(interval '65 days') AS c
SELECT timestamp '2020-01-01 10:20:30.556'::timestamp(2) AS a, timestamptz '2020-01-01 10:20:30.55+00'::timestamptz(0) AS b, current_timestamp(0) IS NOT NULL AS c
SELECT '10:20:30.123456'::time(3) AS a, CAST('2020-01-01 10:20:30.999' AS timestamp(0) without time zone) AS b
SELECT date '2020-01-01' + time '10:20' AS a, date '2020-01-01' + 5 AS b, 5 + date '2020-01-01' AS c, timestamp '2020-01-01 10:00'::date AS d, timestamp '2020-01-01 10:00'::time AS e
SELECT interval '90 minutes' AS a, interval '2 weeks 3 days' AS b, interval '1 year' / 12 AS c, interval '10 days' * 1.5 AS d, '3 hours'::interval AS e
SELECT 'today'::date = current_date AS a, 'now'::timestamp IS NOT NULL AS b, 'yesterday'::date = current_date - 1 AS c, 'epoch'::timestamptz AS d
SELECT date '2020-02-29' + interval '1 year' AS a, timestamp '2020-01-31' + interval '1 month' AS b, date '2020-03-31' - interval '1 month' AS c
SELECT (timestamp '2020-01-01', interval '1 day') OVERLAPS (timestamp '2020-01-02', interval '1 day') AS a
SELECT timestamptz '2020-01-01 12:00+02' AT TIME ZONE 'America/New_York' AS a, timezone('UTC', timestamp '2020-01-01') AS b, timestamp '2020-07-01' AT TIME ZONE 'UTC' AT TIME ZONE 'Europe/Berlin' AS c
SELECT date_bin('1 hour', timestamptz '2020-01-01 10:20+00', timestamptz '2020-01-01 00:00+00') AS a, make_timestamptz(2020, 5, 7, 1, 2, 3) AS b
SELECT extract(day FROM timestamp '2020-03-01' - timestamp '2020-02-01') AS a, (date '2020-03-01' - date '2020-02-01') / 7 AS b, (date '2020-03-01' - date '2020-02-01') * 1.5 AS c
SELECT isfinite(timestamp 'infinity') AS a, isfinite(interval '1 day') AS b, timestamp 'infinity' > now() AS c
-- numbers and their formats
SELECT to_char(1234567.891, 'FM9,999,999.00') AS a, to_char(0.5, '0.99') AS b, to_char(-12, '999') AS c, to_char(12.345, '99.9') AS d
SELECT to_char(1234, '9,999') AS a, to_char(12, 'FM000') AS b, to_char(1234.5, '999') AS c, to_char(0, '999') AS d, to_char(-0.5, 'FM90.0') AS e
SELECT to_char(12, 'S99') AS a, to_char(-12, 'S99') AS b, to_char(-12, '99MI') AS c, to_char(-12, '99PR') AS d, to_char(12, '$99') AS e, to_char(12.5, 'FM999.99') AS f
SELECT to_char(1234.5, 'L9G999D99') AS a, to_char(0.123 * 100, 'FM990.0') || '%' AS b, to_char(1e6::float8, 'FM999,999,999') AS c
SELECT to_number('1,234.50', '9,999.99') AS a, to_number('12', '99') AS b
SELECT round(2.345, 2) AS a, round(2.345::numeric(10,3), 1) AS b, round(-2.5::numeric) AS c, round(1.5::float8) AS d, round(15, -1) AS e
SELECT round(n, 2) AS a, round(n) AS b, trunc(n, 1) AS c, ceil(n) AS d, floor(n) AS e, abs(n) AS f FROM (VALUES (2.567::numeric(10,3))) v(n)
SELECT sum(n)/3 > 1 AS a, n * 1.1 AS b, n + 1 AS c, -n AS d FROM (VALUES (2.50::numeric(10,2))) v(n) GROUP BY n
SELECT width_bucket(5.35, 0.024, 10.06, 5) AS a, width_bucket(-1, 0, 10, 5) AS b, width_bucket(10, 0, 10, 5) AS c, width_bucket(3::float8, 10, 0, 5) AS d
SELECT log(100) AS a, log(2.0, 64.0) AS b, ln(2.0) > 0.69 AS c, exp(1.0) > 2.7 AS d, power(2.0, 0.5) > 1.4 AS e, sqrt(2.0) > 1.4 AS f
SELECT mod(7, 3) AS a, 7.5 % 2 AS b, sign(-2.5::float8) AS c, cbrt(27::float8) AS d, greatest(1, 2.5) AS e, least(1.5, 2) AS f
SELECT 10 / 4 AS a, 10 / 4.0 > 2.4 AS b, 10::numeric / 4 AS c, 10 / 4::float8 AS d, 1 / 3::numeric AS e
SELECT avg(i)::int AS a, round(avg(i), 1) AS b, avg(i)::float8 AS c, avg(b) AS d, avg(f) AS e FROM (VALUES (1, 1::int8, 1::float8), (2, 2, 2)) v(i, b, f)
SELECT i::numeric / 3 AS a, (i * 100.0 / 3)::numeric(5,1) AS b, round(i * 100.0 / 3, 1) AS c FROM (VALUES (2)) v(i)
SELECT stddev(i) AS a, variance(i) AS b, var_pop(i) AS c FROM (VALUES (1), (3)) v(i)
SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY s) AS a, percentile_cont(0.5) WITHIN GROUP (ORDER BY i) AS b, mode() WITHIN GROUP (ORDER BY s) AS c FROM (VALUES ('a', 1), ('b', 2), ('b', 4)) v(s, i)
SELECT percentile_cont(ARRAY[0.25, 0.75]) WITHIN GROUP (ORDER BY i) AS a FROM (VALUES (1), (2), (4)) v(i)
SELECT regr_slope(f, g) AS a, regr_intercept(f, g) AS b, regr_r2(f, g) AS c, regr_count(f, g) AS d FROM (VALUES (1::float8, 2::float8), (2, 4), (3, 6)) v(f, g)
SELECT bit_and(i) AS a, bit_or(i) AS b FROM (VALUES (6), (3)) v(i)
SELECT random() < 1 AS a, floor(1.7)::int AS b, 5 # 3 AS c, 17 >> 2 AS d, trunc(5.99)::int AS e
-- texts
SELECT initcap('hello wORLD-foo o''neil 3rd') AS a, initcap('') AS b, initcap('élan VITAL') AS c
SELECT format('Hello %s', 'x') AS a, format('%s of %s: %s%%', 1, 2.5, true) AS b, format('%I = %L', 'a b', 'it''s') AS c, format('%2$s %1$s', 'a', 'b') AS d, format('[%5s|%-5s]', 'a', 'b') AS e
SELECT regexp_match('foobarbequebaz', '(bar)(beque)') AS a, (regexp_match('a1b2', '[0-9]'))[1] AS b, regexp_match('abc', 'x') AS c, regexp_match('ABC', 'b', 'i') AS d
SELECT regexp_matches('a1b2', '([a-z])([0-9])', 'g')
SELECT (regexp_matches('a1b2', '[a-z]([0-9])'))[1] AS a
SELECT regexp_split_to_array('a, b,c', ',\s*') AS a, regexp_split_to_table('a b', ' ') AS b
SELECT regexp_count('abcabc', 'b') AS a, regexp_substr('abc123', '[0-9]+') AS b, regexp_instr('abc', 'c') AS c, regexp_like('Abc', 'a', 'i') AS d
SELECT 'abc' ~ 'B' AS a, 'ABC' ~* '^a.*c$' AS b, 'a.b' ~ 'a\.b' AS c, 'x' !~* 'Y' AS d, 'abc' ~ '(?i)B' AS e
SELECT string_to_array('a,b,,c', ',') AS a, string_to_array('a-b', '-', 'b') AS b, array_to_string(ARRAY[1, NULL, 3], ',', '*') AS c
SELECT unnest(string_to_array('a,b', ',')) AS a
SELECT 'abc' LIKE ANY (ARRAY['x%', 'a%']) AS a, 'abc' LIKE ALL (ARRAY['a%', '%c']) AS b, 'abc' ILIKE ANY (ARRAY['X%', 'A%']) AS c, 'abc' NOT LIKE ALL (ARRAY['x%', 'y%']) AS d
SELECT s FROM (VALUES ('abc'), ('xyz'), ('q')) v(s) WHERE s LIKE ANY (ARRAY['a%', '%z']) ORDER BY s
SELECT s FROM (VALUES ('abc'), ('xyz')) v(s) WHERE s ~~* ANY (ARRAY['A%']) OR s = ANY ('{xyz}'::text[]) ORDER BY s
SELECT overlay('abcdef' PLACING 'xx' FROM 2 FOR 3) AS a, translate('12-3', '-', '') AS b, ltrim('xxab', 'x') AS c, rtrim('abxx', 'x') AS d, ascii('é') AS e
SELECT concat_ws(', ', 'a', NULL, 'b') AS a, concat('a', 1.50, date '2020-01-01') AS b, concat(NULL, NULL) AS c
SELECT quote_ident('a b') AS a, quote_ident('ab') AS b, quote_nullable(NULL) AS c, quote_literal(42) AS d
SELECT left('héllo', 2) AS a, right('héllo', 3) AS b, lpad('7', 3, '0') AS c, char_length('日本') AS d, substr('日本語', 2, 1) AS e
SELECT sha256('a'::bytea) AS a, encode(sha256('a'), 'hex') AS b, md5('a') AS c, encode('a'::bytea, 'base64') AS d, convert_from('\x61'::bytea, 'UTF8') AS e
SELECT gen_random_uuid() IS NOT NULL AS a, length(gen_random_uuid()::text) AS b, uuid 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11' AS c
SELECT 'a' || 'b' || NULL AS a, 'x' || 1 || true AS b, 'abc' COLLATE "C" < 'abd' AS c, 'straße' ILIKE 'STRASSE' AS d
SELECT E'tab\there' AS a, E'\u0041\U0001F600' AS b, U&'d\0061t\+000061' AS c, E'\101' AS d
-- arrays and json
SELECT ARRAY[1, 2] || 3 AS a, 0 || ARRAY[1] AS b, ARRAY['a'] || 'b'::text AS c, ARRAY[1] || ARRAY[2, 3] AS d
SELECT ARRAY[[1, 2], [3, 4]] AS a, '{{1,2},{3,4}}'::int4[] AS b, ARRAY[['a', NULL]] AS c, (ARRAY[[1, 2], [3, 4]])[2][1] AS d
SELECT array_agg(i ORDER BY i) AS a, array_agg(s) AS b, array_agg(n) AS c FROM (VALUES (1, 'x', 1.5)) v(i, s, n)
SELECT array_remove(ARRAY[1, 2, 1], 1) AS a, array_replace(ARRAY[1, 2], 1, 9) AS b, array_cat(ARRAY[1], ARRAY[2]) AS c, array_fill(7, ARRAY[2]) AS d, array_dims(ARRAY[1, 2]) AS e
SELECT array_positions(ARRAY[1, 2, 1], 1) AS a, trim_array(ARRAY[1, 2, 3], 1) AS b, array_length(ARRAY[]::int4[], 1) AS c, cardinality(ARRAY[]::int4[]) AS d
SELECT jsonb_build_object('a', 1, 'b', ARRAY[1, 2]) AS a, '{"a": [1, 2, {"b": null}]}'::jsonb AS b, '{"b":1,"a":2}'::jsonb ->> 'a' AS c
SELECT json_array_length('[1,2,3]'::json) AS a, json_typeof('{"a":1}'::json) AS b, json_extract_path_text('{"a":{"b":"x"}}'::json, 'a', 'b') AS c, jsonb_pretty('{}'::jsonb) AS d
SELECT '{"a":1}'::jsonb || '{"b":2}'::jsonb AS a, '{"a":1,"b":2}'::jsonb - 'a' AS b, '[1,2]'::jsonb -> -1 AS c
SELECT jsonb_object_keys('{"a":1,"b":2}'::jsonb) AS k
-- order, sets and rows
SELECT i, j FROM (VALUES (1, 1), (1, 2), (2, 3)) t(i, j) ORDER BY i FETCH FIRST 1 ROWS WITH TIES
SELECT s FROM (VALUES ('b'), ('a'), ('a')) t(s) ORDER BY s OFFSET 0 ROWS FETCH NEXT 1 ROW WITH TIES
SELECT i, (SELECT max(x) FROM (VALUES (1), (2)) u(x) WHERE x <= i) AS m FROM (VALUES (1), (2)) t(i) ORDER BY i
SELECT * FROM (VALUES (1, 'a')) a(i, s) JOIN (VALUES (1, 'b')) b(i, t) USING (i)
SELECT * FROM (VALUES (1)) a(i) NATURAL JOIN (VALUES (1)) b(i)
SELECT a.i, b.j FROM (VALUES (1), (2)) a(i) FULL OUTER JOIN (VALUES (2), (3)) b(j) ON a.i = b.j ORDER BY a.i, b.j
SELECT i FROM (VALUES (1), (2), (2)) a(i) EXCEPT ALL SELECT 2 ORDER BY i
SELECT ROW(1, 'a') = ROW(1, 'a') AS a, (1, 2) < (1, 3) AS b, (1, 2) IN ((1, 2), (3, 4)) AS c
SELECT DISTINCT g, avg(i) AS a FROM (VALUES ('a', 1), ('a', 2)) t(g, i) GROUP BY g
SELECT set_config('application_name', 'x', false), current_setting('application_name')
SELECT pg_typeof(1) AS a, pg_typeof('a'::text) AS b, pg_typeof(now()) AS c, pg_typeof(1.5) AS d
SELECT nullif(current_setting('no.such', true), '') AS a, current_schema() AS b, version() LIKE 'PostgreSQL 15%' AS c
SELECT string_agg(DISTINCT v.a, ',') AS s, array_agg(DISTINCT v.a) AS l, string_agg(DISTINCT upper(v.a) || $$x$$, '-') AS u FROM (VALUES ('b'), ('a'), (NULL), ('c'), ('b'), ('a')) AS v(a)
SELECT v.k, array_agg(DISTINCT v.n) FILTER (WHERE v.n > 1) AS l, string_agg(DISTINCT v.n::text, ', ' ORDER BY v.n::text DESC) AS d FROM (VALUES (1, 30), (1, 4), (1, 200), (2, 1)) AS v(k, n) GROUP BY v.k ORDER BY 1
