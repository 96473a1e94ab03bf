-- name: tables
SELECT *
FROM ( SELECT pg_catalog.quote_ident(pg_catalog.current_database()) AS "TABLE_CAT" , pg_catalog.quote_ident(n.nspname)
  AS "TABLE_SCHEM" , pg_catalog.quote_ident(c.relname) AS "TABLE_NAME" , CASE WHEN pg_catalog.quote_ident(n.nspname)
  ~ '^pg_(toast_)?temp_' THEN 'LOCAL TEMPORARY' WHEN c.relkind ~ 'r|p' THEN CASE WHEN pg_catalog.quote_ident(n.nspname)
  ~ '^pg_' THEN 'SYSTEM TABLE' ELSE 'TABLE' END WHEN c.relkind = 'v' THEN CASE WHEN pg_catalog.quote_ident(n.nspname)
  ~ '^pg_' THEN 'SYSTEM VIEW' ELSE 'VIEW' END WHEN c.relkind = 'm' THEN CASE WHEN pg_catalog.quote_ident(n.nspname)
  ~ '^pg_' THEN 'SYSTEM MATERIALIZED VIEW' ELSE 'MATERIALIZED VIEW' END WHEN c.relkind = 'f' THEN
  CASE WHEN pg_catalog.quote_ident(n.nspname) ~ '^pg_' THEN 'SYSTEM FOREIGN TABLE' ELSE 'FOREIGN TABLE'
  END ELSE 'UNKNOWN' END AS "TABLE_TYPE" , d.description AS "REMARKS" , pg_catalog.quote_ident(t.spcname)
  AS "pg_tablespace_name" , pg_catalog.quote_ident(pg_catalog.pg_tablespace_location(t.oid)) AS
  "pg_tablespace_location" ,n.nspname AS pg_schema, c.relname AS pg_table
FROM pg_catalog.pg_class AS c LEFT JOIN pg_catalog.pg_description AS d ON (c.oid = d.objoid
AND c.tableoid = d.classoid AND d.objsubid = 0) LEFT JOIN pg_catalog.pg_namespace n ON (n.oid =
  c.relnamespace) LEFT JOIN pg_catalog.pg_tablespace t ON (t.oid = c.reltablespace)
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT (pg_catalog.quote_ident(n.nspname) ~ '^pg_(toast_)?temp_'
AND NOT pg_catalog.has_schema_privilege(n.nspname, 'USAGE')) AND n.nspname LIKE 'customer_360'
AND c.relname LIKE '%' ORDER BY "TABLE_TYPE", "TABLE_CAT", "TABLE_SCHEM", "TABLE_NAME" ) ti
WHERE "TABLE_TYPE" IN ('TABLE');

-- name: table-info
SELECT *
FROM ( SELECT pg_catalog.quote_ident(pg_catalog.current_database()) AS "TABLE_CAT" , pg_catalog.quote_ident(n.nspname)
  AS "TABLE_SCHEM" , pg_catalog.quote_ident(c.relname) AS "TABLE_NAME" , CASE WHEN pg_catalog.quote_ident(n.nspname)
  ~ '^pg_(toast_)?temp_' THEN 'LOCAL TEMPORARY' WHEN c.relkind ~ 'r|p' THEN CASE WHEN pg_catalog.quote_ident(n.nspname)
  ~ '^pg_' THEN 'SYSTEM TABLE' ELSE 'TABLE' END WHEN c.relkind = 'v' THEN CASE WHEN pg_catalog.quote_ident(n.nspname)
  ~ '^pg_' THEN 'SYSTEM VIEW' ELSE 'VIEW' END WHEN c.relkind = 'm' THEN CASE WHEN pg_catalog.quote_ident(n.nspname)
  ~ '^pg_' THEN 'SYSTEM MATERIALIZED VIEW' ELSE 'MATERIALIZED VIEW' END WHEN c.relkind = 'f' THEN
  CASE WHEN pg_catalog.quote_ident(n.nspname) ~ '^pg_' THEN 'SYSTEM FOREIGN TABLE' ELSE 'FOREIGN TABLE'
  END ELSE 'UNKNOWN' END AS "TABLE_TYPE" , d.description AS "REMARKS" , pg_catalog.quote_ident(t.spcname)
  AS "pg_tablespace_name" , pg_catalog.quote_ident(pg_catalog.pg_tablespace_location(t.oid)) AS
  "pg_tablespace_location" ,n.nspname AS pg_schema, c.relname AS pg_table
FROM pg_catalog.pg_class AS c LEFT JOIN pg_catalog.pg_description AS d ON (c.oid = d.objoid
AND c.tableoid = d.classoid AND d.objsubid = 0) LEFT JOIN pg_catalog.pg_namespace n ON (n.oid =
  c.relnamespace) LEFT JOIN pg_catalog.pg_tablespace t ON (t.oid = c.reltablespace)
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT (pg_catalog.quote_ident(n.nspname) ~ '^pg_(toast_)?temp_'
AND NOT pg_catalog.has_schema_privilege(n.nspname, 'USAGE')) AND n.nspname LIKE 'customer_360'
AND c.relname LIKE '%' ORDER BY "TABLE_TYPE", "TABLE_CAT", "TABLE_SCHEM", "TABLE_NAME" ) ti
WHERE "TABLE_TYPE" IN ('TABLE', 'VIEW');

-- name: table-info-all
SELECT *
FROM ( SELECT pg_catalog.quote_ident(pg_catalog.current_database()) AS "TABLE_CAT" , pg_catalog.quote_ident(n.nspname)
  AS "TABLE_SCHEM" , pg_catalog.quote_ident(c.relname) AS "TABLE_NAME" , CASE WHEN pg_catalog.quote_ident(n.nspname)
  ~ '^pg_(toast_)?temp_' THEN 'LOCAL TEMPORARY' WHEN c.relkind ~ 'r|p' THEN CASE WHEN pg_catalog.quote_ident(n.nspname)
  ~ '^pg_' THEN 'SYSTEM TABLE' ELSE 'TABLE' END WHEN c.relkind = 'v' THEN CASE WHEN pg_catalog.quote_ident(n.nspname)
  ~ '^pg_' THEN 'SYSTEM VIEW' ELSE 'VIEW' END WHEN c.relkind = 'm' THEN CASE WHEN pg_catalog.quote_ident(n.nspname)
  ~ '^pg_' THEN 'SYSTEM MATERIALIZED VIEW' ELSE 'MATERIALIZED VIEW' END WHEN c.relkind = 'f' THEN
  CASE WHEN pg_catalog.quote_ident(n.nspname) ~ '^pg_' THEN 'SYSTEM FOREIGN TABLE' ELSE 'FOREIGN TABLE'
  END ELSE 'UNKNOWN' END AS "TABLE_TYPE" , d.description AS "REMARKS" , pg_catalog.quote_ident(t.spcname)
  AS "pg_tablespace_name" , pg_catalog.quote_ident(pg_catalog.pg_tablespace_location(t.oid)) AS
  "pg_tablespace_location" ,n.nspname AS pg_schema, c.relname AS pg_table
FROM pg_catalog.pg_class AS c LEFT JOIN pg_catalog.pg_description AS d ON (c.oid = d.objoid
AND c.tableoid = d.classoid AND d.objsubid = 0) LEFT JOIN pg_catalog.pg_namespace n ON (n.oid =
  c.relnamespace) LEFT JOIN pg_catalog.pg_tablespace t ON (t.oid = c.reltablespace)
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT (pg_catalog.quote_ident(n.nspname) ~ '^pg_(toast_)?temp_'
AND NOT pg_catalog.has_schema_privilege(n.nspname, 'USAGE')) ORDER BY "TABLE_TYPE", "TABLE_CAT",
  "TABLE_SCHEM", "TABLE_NAME" ) ti
WHERE "TABLE_TYPE" IN ('TABLE');

-- name: schemas
SELECT NULL::text AS "TABLE_CAT" , pg_catalog.quote_ident(n.nspname) AS "TABLE_SCHEM" , NULL::text
  AS "TABLE_NAME" , NULL::text AS "TABLE_TYPE" , CASE WHEN n.nspname ~ '^pg_' THEN 'system schema'
  ELSE 'owned by ' || pg_catalog.pg_get_userbyid(n.nspowner) END AS "REMARKS" ,n.nspname AS pg_schema,
  NULL::text AS pg_table
FROM pg_catalog.pg_namespace n
ORDER BY "TABLE_SCHEM";

-- name: catalogs
SELECT pg_catalog.quote_ident(pg_catalog.current_database()) AS "TABLE_CAT" , NULL::text AS "TABLE_SCHEM"
  , NULL::text AS "TABLE_NAME" , NULL::text AS "TABLE_TYPE" , NULL::text AS "REMARKS" ,NULL::text
  AS pg_schema, NULL::text AS pg_table;

-- name: columns
SELECT pg_catalog.quote_ident(pg_catalog.current_database()) AS "TABLE_CAT" , pg_catalog.quote_ident(n.nspname)
  AS "TABLE_SCHEM" , pg_catalog.quote_ident(c.relname) AS "TABLE_NAME" , pg_catalog.quote_ident(a.attname)
  AS "COLUMN_NAME" , a.atttypid AS "DATA_TYPE" , pg_catalog.format_type(a.atttypid, NULL) AS "TYPE_NAME"
  , a.attlen AS "COLUMN_SIZE" , NULL::text AS "BUFFER_LENGTH" , NULL::text AS "DECIMAL_DIGITS" ,
  NULL::text AS "NUM_PREC_RADIX" , CASE a.attnotnull WHEN 't' THEN 0 ELSE 1 END AS "NULLABLE" ,
  pg_catalog.col_description(a.attrelid, a.attnum) AS "REMARKS" , pg_catalog.pg_get_expr(af.adbin,
  af.adrelid) AS "COLUMN_DEF" , NULL::text AS "SQL_DATA_TYPE" , NULL::text AS "SQL_DATETIME_SUB"
  , NULL::text AS "CHAR_OCTET_LENGTH" , a.attnum AS "ORDINAL_POSITION" , CASE a.attnotnull WHEN
  't' THEN 'NO' ELSE 'YES' END AS "IS_NULLABLE" , pg_catalog.format_type(a.atttypid, a.atttypmod)
  AS "pg_type" , '?' AS "pg_constraint" , n.nspname AS "pg_schema" , c.relname AS "pg_table" , a.attname
  AS "pg_column" , a.attrelid AS "pg_attrelid" , a.attnum AS "pg_attnum" , a.atttypmod AS "pg_atttypmod"
  , t.typtype AS "_pg_type_typtype" , t.oid AS "_pg_type_oid"
FROM pg_catalog.pg_type t
JOIN pg_catalog.pg_attribute a ON (t.oid = a.atttypid)
JOIN pg_catalog.pg_class c ON (a.attrelid = c.oid)
LEFT JOIN pg_catalog.pg_attrdef af ON (a.attnum = af.adnum AND a.attrelid = af.adrelid)
JOIN pg_catalog.pg_namespace n ON (n.oid = c.relnamespace)
WHERE a.attnum >= 0 AND c.relkind IN ('r','p','v','m','f') AND n.nspname LIKE 'customer_360'
AND c.relname = 'customers' AND a.attname LIKE '%'
ORDER BY "TABLE_SCHEM", "TABLE_NAME", "ORDINAL_POSITION";

-- name: columns-2
SELECT pg_catalog.pg_get_constraintdef(oid)
FROM pg_catalog.pg_constraint
WHERE contype = 'c' AND conrelid = ${customer_360.customers} AND conkey = '{1}';

-- name: columns-3
SELECT pg_catalog.pg_get_constraintdef(oid)
FROM pg_catalog.pg_constraint
WHERE contype = 'c' AND conrelid = ${customer_360.customers} AND conkey = '{2}';

-- name: columns-4
SELECT pg_catalog.pg_get_constraintdef(oid)
FROM pg_catalog.pg_constraint
WHERE contype = 'c' AND conrelid = ${customer_360.customers} AND conkey = '{3}';

-- name: primary-key
SELECT c.oid , pg_catalog.quote_ident(n.nspname) , pg_catalog.quote_ident(c.relname) , pg_catalog.quote_ident(c2.relname)
  , i.indkey , pg_catalog.quote_ident(t.spcname) , pg_catalog.quote_ident(pg_catalog.pg_tablespace_location(t.oid))
  , n.nspname, c.relname, c2.relname , pg_catalog.quote_ident(pg_catalog.current_database())
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_index i ON (i.indrelid = c.oid)
JOIN pg_catalog.pg_class c2 ON (c2.oid = i.indexrelid)
LEFT JOIN pg_catalog.pg_namespace n ON (n.oid = c.relnamespace)
LEFT JOIN pg_catalog.pg_tablespace t ON (t.oid = c.reltablespace)
WHERE i.indisprimary IS TRUE AND c.relname = 'transactions'
AND n.nspname = 'retail';

-- name: primary-key-2
SELECT a.attnum, pg_catalog.quote_ident(a.attname) AS colname, pg_catalog.quote_ident(t.typname)
  AS typename
FROM pg_catalog.pg_attribute a, pg_catalog.pg_type t
WHERE a.attrelid = '${retail.transactions}' AND a.atttypid = t.oid AND attnum IN (3,4);

-- name: statistics
-- parameters: ["monthly", "customer_360", "monthly", "customer_360", "f"]
SELECT pg_catalog.current_database() AS "TABLE_CAT", n.nspname AS "TABLE_SCHEM", d.relname AS "TABLE_NAME",
  NULL AS "NON_UNIQUE", NULL AS "INDEX_QUALIFIER", NULL AS "INDEX_NAME", 'table' AS "TYPE", NULL
  AS "ORDINAL_POSITION", NULL AS "COLUMN_NAME", NULL AS "ASC_OR_DESC", d.reltuples AS "CARDINALITY",
  d.relpages AS "PAGES", NULL AS "FILTER_CONDITION", NULL AS "pg_expression", NULL AS "pg_is_key_column",
  NULL AS "pg_null_ordering"
FROM pg_catalog.pg_class d
JOIN pg_catalog.pg_namespace n ON n.oid = d.relnamespace
WHERE d.relname = $1 AND n.nspname = $2
UNION ALL SELECT pg_catalog.current_database() AS "TABLE_CAT", n.nspname AS "TABLE_SCHEM", d.relname
  AS "TABLE_NAME", NOT(i.indisunique) AS "NON_UNIQUE", NULL AS "INDEX_QUALIFIER", c.relname AS "INDEX_NAME",
  CASE WHEN i.indisclustered THEN 'clustered' WHEN a.amname = 'btree' THEN 'btree' WHEN a.amname
  = 'hash' THEN 'hashed' ELSE 'other' END AS "TYPE", col.i AS "ORDINAL_POSITION", att.attname AS
  "COLUMN_NAME", CASE WHEN pg_catalog.pg_index_column_has_property(c.oid, col.i, 'asc') THEN 'A'
  WHEN pg_catalog.pg_index_column_has_property(c.oid, col.i, 'desc') THEN 'D' END AS "ASC_OR_DESC",
  c.reltuples AS "CARDINALITY", c.relpages AS "PAGES", pg_catalog.pg_get_expr(i.indpred,i.indrelid)
  AS "FILTER_CONDITION", pg_catalog.pg_get_indexdef(i.indexrelid, col.i, true) AS "pg_expression",
  col.i <= i.indnkeyatts AS "pg_is_key_column", CASE WHEN pg_catalog.pg_index_column_has_property(c.oid,
  col.i, 'nulls_first') THEN 'first' WHEN pg_catalog.pg_index_column_has_property(c.oid, col.i,
  'nulls_last') THEN 'last' END AS "pg_null_ordering"
FROM pg_catalog.pg_index i
JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
JOIN pg_catalog.pg_class d ON d.oid = i.indrelid
JOIN pg_catalog.pg_am a ON a.oid = c.relam
JOIN pg_catalog.pg_namespace n ON n.oid = d.relnamespace
JOIN pg_catalog.generate_series(1, pg_catalog.current_setting('max_index_keys')::integer) col(i)
  ON col.i <= i.indnatts
LEFT JOIN pg_catalog.pg_attribute att ON att.attrelid = d.oid
AND att.attnum = i.indkey[col.i - 1]
WHERE d.relname = $3 AND n.nspname = $4 AND (i.indisunique OR NOT($5))
ORDER BY "NON_UNIQUE", "TYPE", "INDEX_QUALIFIER", "INDEX_NAME", "ORDINAL_POSITION";

-- name: foreign-keys
SELECT quote_ident(current_database()), quote_ident(uk_ns.nspname), quote_ident(uk_class.relname), quote_ident(uk_col.attname),
  quote_ident(fk_ns.nspname), quote_ident(fk_class.relname), quote_ident(fk_col.attname), colnum.i,
  CASE constr.confupdtype WHEN 'c' THEN 0 WHEN 'r' THEN 1 WHEN 'n' THEN 2 WHEN 'a' THEN 3 WHEN 'd' THEN 4 ELSE -1 END,
  quote_ident(constr.conname), quote_ident(uk_constr.conname),
  CASE coalesce(uk_constr.contype, 'u') WHEN 'u' THEN 'UNIQUE' WHEN 'p' THEN 'PRIMARY' END,
  quote_ident(uk_type.typname), quote_ident(fk_type.typname)
FROM pg_catalog.pg_constraint constr
JOIN pg_catalog.pg_class uk_class ON constr.confrelid = uk_class.oid
JOIN pg_catalog.pg_namespace uk_ns ON uk_class.relnamespace = uk_ns.oid
JOIN pg_catalog.pg_class fk_class ON constr.conrelid = fk_class.oid
JOIN pg_catalog.pg_namespace fk_ns ON fk_class.relnamespace = fk_ns.oid
JOIN pg_catalog.generate_series(1, pg_catalog.current_setting('max_index_keys')::integer) colnum(i)
  ON colnum.i <= pg_catalog.array_upper(constr.conkey,1)
JOIN pg_catalog.pg_attribute uk_col ON uk_col.attrelid = constr.confrelid AND uk_col.attnum = constr.confkey[colnum.i]
JOIN pg_catalog.pg_type uk_type ON uk_col.atttypid = uk_type.oid
JOIN pg_catalog.pg_attribute fk_col ON fk_col.attrelid = constr.conrelid AND fk_col.attnum = constr.conkey[colnum.i]
JOIN pg_catalog.pg_type fk_type ON fk_col.atttypid = fk_type.oid
JOIN pg_catalog.pg_depend dep ON (dep.classid = 'pg_catalog.pg_constraint'::regclass AND dep.objid = constr.oid AND dep.objsubid = 0
  AND dep.deptype = 'n' AND dep.refclassid = 'pg_catalog.pg_class'::regclass AND dep.refobjsubid=0)
JOIN pg_catalog.pg_class idx ON (idx.oid = dep.refobjid AND idx.relkind='i')
LEFT JOIN pg_catalog.pg_depend dep2 ON (dep2.classid = 'pg_catalog.pg_class'::regclass AND dep2.objid = idx.oid
  AND dep2.objsubid = 0 AND dep2.deptype = 'i' AND dep2.refclassid = 'pg_catalog.pg_constraint'::regclass AND dep2.refobjsubid = 0)
LEFT JOIN pg_catalog.pg_constraint uk_constr ON (uk_constr.oid = dep2.refobjid AND uk_constr.contype IN ('p','u'))
WHERE fk_class.relname = 'monthly' AND fk_ns.nspname = 'customer_360'
  AND uk_class.relkind ~ 'r|p' AND fk_class.relkind ~ 'r|p' AND constr.contype = 'f'
ORDER BY constr.conname, colnum.i;

-- name: foreign-keys-2
SELECT quote_ident(current_database()), quote_ident(uk_ns.nspname), quote_ident(uk_class.relname), quote_ident(uk_col.attname),
  quote_ident(fk_ns.nspname), quote_ident(fk_class.relname), quote_ident(fk_col.attname), colnum.i,
  CASE constr.confupdtype WHEN 'c' THEN 0 WHEN 'r' THEN 1 WHEN 'n' THEN 2 WHEN 'a' THEN 3 WHEN 'd' THEN 4 ELSE -1 END,
  quote_ident(constr.conname), quote_ident(uk_constr.conname),
  CASE coalesce(uk_constr.contype, 'u') WHEN 'u' THEN 'UNIQUE' WHEN 'p' THEN 'PRIMARY' END,
  quote_ident(uk_type.typname), quote_ident(fk_type.typname)
FROM pg_catalog.pg_constraint constr
JOIN pg_catalog.pg_class uk_class ON constr.confrelid = uk_class.oid
JOIN pg_catalog.pg_namespace uk_ns ON uk_class.relnamespace = uk_ns.oid
JOIN pg_catalog.pg_class fk_class ON constr.conrelid = fk_class.oid
JOIN pg_catalog.pg_namespace fk_ns ON fk_class.relnamespace = fk_ns.oid
JOIN pg_catalog.generate_series(1, pg_catalog.current_setting('max_index_keys')::integer) colnum(i)
  ON colnum.i <= pg_catalog.array_upper(constr.conkey,1)
JOIN pg_catalog.pg_attribute uk_col ON uk_col.attrelid = constr.confrelid AND uk_col.attnum = constr.confkey[colnum.i]
JOIN pg_catalog.pg_type uk_type ON uk_col.atttypid = uk_type.oid
JOIN pg_catalog.pg_attribute fk_col ON fk_col.attrelid = constr.conrelid AND fk_col.attnum = constr.conkey[colnum.i]
JOIN pg_catalog.pg_type fk_type ON fk_col.atttypid = fk_type.oid
JOIN pg_catalog.pg_depend dep ON (dep.classid = 'pg_catalog.pg_constraint'::regclass AND dep.objid = constr.oid AND dep.objsubid = 0
  AND dep.deptype = 'n' AND dep.refclassid = 'pg_catalog.pg_class'::regclass AND dep.refobjsubid=0)
JOIN pg_catalog.pg_class idx ON (idx.oid = dep.refobjid AND idx.relkind='i')
LEFT JOIN pg_catalog.pg_depend dep2 ON (dep2.classid = 'pg_catalog.pg_class'::regclass AND dep2.objid = idx.oid
  AND dep2.objsubid = 0 AND dep2.deptype = 'i' AND dep2.refclassid = 'pg_catalog.pg_constraint'::regclass AND dep2.refobjsubid = 0)
LEFT JOIN pg_catalog.pg_constraint uk_constr ON (uk_constr.oid = dep2.refobjid AND uk_constr.contype IN ('p','u'))
WHERE uk_class.relname = 'households' AND uk_ns.nspname = 'retail'
  AND uk_class.relkind ~ 'r|p' AND fk_class.relkind ~ 'r|p' AND constr.contype = 'f'
ORDER BY constr.conname, colnum.i;

-- name: foreign-keys-visible
-- search_path: retail
SELECT quote_ident(current_database()), quote_ident(uk_ns.nspname), quote_ident(uk_class.relname), quote_ident(uk_col.attname),
  quote_ident(fk_ns.nspname), quote_ident(fk_class.relname), quote_ident(fk_col.attname), colnum.i,
  CASE constr.confupdtype WHEN 'c' THEN 0 WHEN 'r' THEN 1 WHEN 'n' THEN 2 WHEN 'a' THEN 3 WHEN 'd' THEN 4 ELSE -1 END,
  quote_ident(constr.conname), quote_ident(uk_constr.conname),
  CASE coalesce(uk_constr.contype, 'u') WHEN 'u' THEN 'UNIQUE' WHEN 'p' THEN 'PRIMARY' END,
  quote_ident(uk_type.typname), quote_ident(fk_type.typname)
FROM pg_catalog.pg_constraint constr
JOIN pg_catalog.pg_class uk_class ON constr.confrelid = uk_class.oid
JOIN pg_catalog.pg_namespace uk_ns ON uk_class.relnamespace = uk_ns.oid
JOIN pg_catalog.pg_class fk_class ON constr.conrelid = fk_class.oid
JOIN pg_catalog.pg_namespace fk_ns ON fk_class.relnamespace = fk_ns.oid
JOIN pg_catalog.generate_series(1, pg_catalog.current_setting('max_index_keys')::integer) colnum(i)
  ON colnum.i <= pg_catalog.array_upper(constr.conkey,1)
JOIN pg_catalog.pg_attribute uk_col ON uk_col.attrelid = constr.confrelid AND uk_col.attnum = constr.confkey[colnum.i]
JOIN pg_catalog.pg_type uk_type ON uk_col.atttypid = uk_type.oid
JOIN pg_catalog.pg_attribute fk_col ON fk_col.attrelid = constr.conrelid AND fk_col.attnum = constr.conkey[colnum.i]
JOIN pg_catalog.pg_type fk_type ON fk_col.atttypid = fk_type.oid
JOIN pg_catalog.pg_depend dep ON (dep.classid = 'pg_catalog.pg_constraint'::regclass AND dep.objid = constr.oid AND dep.objsubid = 0
  AND dep.deptype = 'n' AND dep.refclassid = 'pg_catalog.pg_class'::regclass AND dep.refobjsubid=0)
JOIN pg_catalog.pg_class idx ON (idx.oid = dep.refobjid AND idx.relkind='i')
LEFT JOIN pg_catalog.pg_depend dep2 ON (dep2.classid = 'pg_catalog.pg_class'::regclass AND dep2.objid = idx.oid
  AND dep2.objsubid = 0 AND dep2.deptype = 'i' AND dep2.refclassid = 'pg_catalog.pg_constraint'::regclass AND dep2.refobjsubid = 0)
LEFT JOIN pg_catalog.pg_constraint uk_constr ON (uk_constr.oid = dep2.refobjid AND uk_constr.contype IN ('p','u'))
WHERE fk_class.relname = 'transactions' AND pg_catalog.pg_table_is_visible(fk_class.oid)
  AND uk_class.relkind ~ 'r|p' AND fk_class.relkind ~ 'r|p' AND constr.contype = 'f'
ORDER BY constr.conname, colnum.i;
