-- name: session
SELECT current_schema(), session_user;

-- name: search-path
SHOW search_path;

-- name: databases
-- parameters: ["outport"]
SELECT db.datname, db.datistemplate, db.datallowconn, db.datconnlimit, pg_encoding_to_char(db.encoding) AS encoding
FROM pg_catalog.pg_database db WHERE datallowconn AND NOT datistemplate OR db.datname = $1 ORDER BY db.datname;

-- name: keywords-version
SELECT name, setting FROM pg_catalog.pg_settings WHERE name = 'standard_conforming_strings';

-- name: types
SELECT t.oid, t.typname, t.typtype, t.typlen, t.typcategory, t.typelem, c.relkind,
  format_type(nullif(t.typbasetype, 0), t.typtypmod) AS base_type_name, d.description
FROM pg_catalog.pg_type t
LEFT OUTER JOIN pg_catalog.pg_type et ON et.oid=t.typelem
LEFT OUTER JOIN pg_catalog.pg_class c ON c.oid=t.typrelid
LEFT OUTER JOIN pg_catalog.pg_description d ON t.oid=d.objoid
WHERE t.typname IS NOT NULL AND (c.relkind IS NULL OR c.relkind = 'c') AND (et.typcategory IS NULL OR et.typcategory <> 'C')
  AND t.typname IN ('int8', 'int4', 'text', 'numeric', 'date', 'timestamp', 'bool', 'float8', '_text', '_int8');

-- name: schemas
SELECT n.oid, n.nspname, d.description
FROM pg_catalog.pg_namespace n
LEFT OUTER JOIN pg_catalog.pg_description d ON d.objoid=n.oid AND d.objsubid=0 AND d.classoid='pg_namespace'::regclass
WHERE n.nspname NOT LIKE 'pg_toast%' AND n.nspname NOT LIKE 'pg_temp%'
ORDER BY nspname;

-- name: relations
-- differs: reltuples
-- parameters: ["${customer_360}"]
SELECT c.oid, c.relname, c.relkind, c.relpersistence, c.relhasindex, c.relispartition, c.reltuples, c.relrowsecurity,
  d.description, pg_catalog.pg_get_expr(c.relpartbound, c.oid) AS partition_expr,
  pg_catalog.pg_get_partkeydef(c.oid) AS partition_key
FROM pg_catalog.pg_class c
LEFT OUTER JOIN pg_catalog.pg_description d ON d.objoid=c.oid AND d.objsubid=0 AND d.classoid='pg_class'::regclass
WHERE c.relnamespace=$1 AND c.relkind NOT IN ('i','I','c');

-- name: relations-all
-- differs: relowner, relfilenode, relpages, reltuples, relallvisible, reltoastrelid, relfrozenxid, relminmxid
-- parameters: ["${retail}"]
SELECT c.oid, c.*, d.description
FROM pg_catalog.pg_class c
LEFT OUTER JOIN pg_catalog.pg_description d ON d.objoid=c.oid AND d.objsubid=0 AND d.classoid='pg_class'::regclass
WHERE c.relnamespace=$1 AND c.relkind NOT IN ('i','I','c');

-- name: columns
-- parameters: ["${customer_360.customers}"]
SELECT c.relname, a.attnum, a.attname, a.atttypid, a.attlen, a.atttypmod, a.attnotnull, a.atthasdef, a.attidentity,
  a.attgenerated, pg_catalog.pg_get_expr(ad.adbin, ad.adrelid, true) AS def_value, dsc.description, dep.objid
FROM pg_catalog.pg_attribute a
INNER JOIN pg_catalog.pg_class c ON (a.attrelid=c.oid)
LEFT OUTER JOIN pg_catalog.pg_attrdef ad ON (a.attrelid=ad.adrelid AND a.attnum = ad.adnum)
LEFT OUTER JOIN pg_catalog.pg_description dsc ON (c.oid=dsc.objoid AND a.attnum = dsc.objsubid)
LEFT OUTER JOIN pg_depend dep ON dep.refobjid = a.attrelid AND dep.deptype = 'i' AND dep.refobjsubid = a.attnum
  AND dep.classid = dep.refclassid
WHERE NOT a.attisdropped AND a.attnum > 0 AND c.oid=$1
ORDER BY a.attnum;

-- name: columns-all
-- parameters: ["${customer_360.monthly}"]
SELECT c.relname, a.*
FROM pg_catalog.pg_attribute a
INNER JOIN pg_catalog.pg_class c ON (a.attrelid=c.oid)
WHERE NOT a.attisdropped AND a.attnum > 0 AND c.oid=$1
ORDER BY a.attnum;

-- name: constraints
-- parameters: ["${retail.transactions}"]
SELECT c.oid, c.conname, c.contype, c.conkey, c.confkey, c.confupdtype, c.confdeltype, c.confmatchtype,
  t.relname AS tabrelname, rt.relnamespace AS refnamespace, d.description,
  CASE WHEN c.contype='c' THEN "substring"(pg_get_constraintdef(c.oid), 7) ELSE null END consrc_copy
FROM pg_catalog.pg_constraint c
INNER JOIN pg_catalog.pg_class t ON t.oid=c.conrelid
LEFT OUTER JOIN pg_catalog.pg_class rt ON rt.oid=c.confrelid
LEFT OUTER JOIN pg_catalog.pg_description d ON d.objoid=c.oid AND d.objsubid=0 AND d.classoid='pg_constraint'::regclass
WHERE c.conrelid=$1
ORDER BY c.oid;

-- name: references-of-schema
-- parameters: ["${retail}"]
SELECT c.oid, c.conname, c.conrelid, c.confrelid, c.conkey, c.confkey
FROM pg_catalog.pg_constraint c
INNER JOIN pg_catalog.pg_class t ON t.oid=c.conrelid
WHERE c.contype = 'f' AND t.relnamespace=$1
ORDER BY c.oid;

-- name: indexes
-- parameters: ["${retail.transactions}"]
SELECT i.indexrelid, i.indrelid, i.indnatts, i.indisunique, i.indisprimary, i.indisvalid, i.indkey AS keys, c.relname,
  c.relnamespace, tc.relname AS tabrelname, dsc.description, pg_catalog.pg_get_expr(i.indpred, i.indrelid) AS pred_expr,
  pg_catalog.pg_get_expr(i.indexprs, i.indrelid, true) AS expr
FROM pg_catalog.pg_index i
INNER JOIN pg_catalog.pg_class c ON c.oid=i.indexrelid
INNER JOIN pg_catalog.pg_class tc ON tc.oid=i.indrelid
LEFT OUTER JOIN pg_catalog.pg_description dsc ON i.indexrelid=dsc.objoid
WHERE i.indrelid=$1
ORDER BY tabrelname, c.relname;

-- name: roles
SELECT a.rolname, a.rolsuper, a.rolcanlogin, a.rolinherit FROM pg_catalog.pg_roles a
WHERE a.rolname = current_user ORDER BY a.rolname;

-- name: enums
SELECT e.enumlabel FROM pg_catalog.pg_enum e ORDER BY e.enumsortorder;

-- name: row-count
-- differs: reltuples
SELECT reltuples::bigint FROM pg_catalog.pg_class WHERE oid = 'customer_360.monthly'::regclass;

-- name: inherited
-- parameters: ["${customer_360.monthly}"]
SELECT i.*, c.relnamespace FROM pg_catalog.pg_inherits i, pg_catalog.pg_class c WHERE i.inhrelid=$1 AND c.oid=i.inhparent
ORDER BY i.inhseqno;

-- name: triggers
-- parameters: ["${customer_360.monthly}"]
SELECT x.oid, x.tgname, p.pronamespace AS func_schema_id, d.description
FROM pg_catalog.pg_trigger x
LEFT OUTER JOIN pg_catalog.pg_proc p ON p.oid=x.tgfoid
LEFT OUTER JOIN pg_catalog.pg_description d ON d.objoid=x.oid AND d.objsubid=0
WHERE x.tgrelid=$1 AND NOT x.tgisinternal;

-- name: functions
-- parameters: ["${retail}"]
SELECT p.oid, p.proname, l.lanname, d.description, pg_catalog.pg_get_expr(p.proargdefaults, 0) AS arg_defaults
FROM pg_catalog.pg_proc p
LEFT OUTER JOIN pg_catalog.pg_language l ON l.oid=p.prolang
LEFT OUTER JOIN pg_catalog.pg_description d ON d.objoid=p.oid AND d.objsubid=0
WHERE p.pronamespace=$1
ORDER BY p.proname;

-- name: extensions
SELECT e.extname, x.name IS NOT NULL AS available FROM pg_catalog.pg_extension e
LEFT JOIN pg_catalog.pg_available_extensions x ON x.name = e.extname WHERE e.extname = 'postgis';

-- name: foreign-servers
SELECT s.srvname FROM pg_catalog.pg_foreign_server s ORDER BY s.srvname;

-- name: tablespaces
SELECT t.spcname FROM pg_catalog.pg_tablespace t ORDER BY t.spcname;
