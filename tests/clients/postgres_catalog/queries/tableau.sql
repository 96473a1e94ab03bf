-- name: version
-- differs: version
SELECT version();

-- name: table-kinds
SELECT c.relname, n.nspname, c.relkind FROM pg_catalog.pg_class c, pg_catalog.pg_namespace n
WHERE relkind IN ('r', 'v', 'm', 'f', 'p') AND nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast', 'pg_temp_1')
  AND n.oid = relnamespace
ORDER BY nspname, relname;

-- name: is-read-only
SHOW transaction_read_only;

-- name: date-style
SHOW DateStyle;

-- name: schema-of-current
SELECT CURRENT_SCHEMA();

-- name: foreign-keys
SELECT 'outport'::name AS "PKTABLE_CAT", n2.nspname AS "PKTABLE_SCHEM", c2.relname AS "PKTABLE_NAME",
  a2.attname AS "PKCOLUMN_NAME", 'outport'::name AS "FKTABLE_CAT", n1.nspname AS "FKTABLE_SCHEM",
  c1.relname AS "FKTABLE_NAME", a1.attname AS "FKCOLUMN_NAME", i::int2 AS "KEY_SEQ",
  CASE ref.confupdtype WHEN 'c' THEN 0::int2 WHEN 'n' THEN 2::int2 WHEN 'd' THEN 4::int2 WHEN 'r' THEN 1::int2
    ELSE 3::int2 END AS "UPDATE_RULE",
  ref.conname AS "FK_NAME", cn.conname AS "PK_NAME"
FROM (
  (((((((SELECT cn.oid, conrelid, conkey, confrelid, confkey,
      generate_series(array_lower(conkey, 1), array_upper(conkey, 1)) AS i, confupdtype, confdeltype, conname,
      condeferrable, condeferred
    FROM pg_catalog.pg_constraint cn, pg_catalog.pg_class c, pg_catalog.pg_namespace n
    WHERE contype = 'f' AND conrelid = c.oid AND relname = 'monthly' AND n.oid = c.relnamespace
      AND n.nspname = 'customer_360') ref
  INNER JOIN pg_catalog.pg_class c1 ON c1.oid = ref.conrelid)
  INNER JOIN pg_catalog.pg_namespace n1 ON n1.oid = c1.relnamespace)
  INNER JOIN pg_catalog.pg_attribute a1 ON a1.attrelid = c1.oid AND a1.attnum = conkey[i])
  INNER JOIN pg_catalog.pg_class c2 ON c2.oid = ref.confrelid)
  INNER JOIN pg_catalog.pg_namespace n2 ON n2.oid = c2.relnamespace)
  INNER JOIN pg_catalog.pg_attribute a2 ON a2.attrelid = c2.oid AND a2.attnum = confkey[i])
  LEFT OUTER JOIN pg_catalog.pg_constraint cn ON cn.conrelid = ref.confrelid AND cn.contype = 'p')
ORDER BY ref.conname, ref.i;

-- name: columns-of-table
SELECT column_name, data_type, is_nullable, character_maximum_length, numeric_precision, numeric_scale
FROM information_schema.columns WHERE table_schema = 'customer_360' AND table_name = 'monthly' ORDER BY ordinal_position;
