-- name: version
-- differs: version
SELECT version();

-- name: session
SELECT current_database() AS database, current_schema() AS schema, current_user AS username;

-- name: databases
SELECT N.oid::bigint AS id, datname AS name, D.description, datistemplate AS is_template, datallowconn AS allow_connections
FROM pg_catalog.pg_database N
LEFT JOIN pg_catalog.pg_shdescription D ON N.oid = D.objoid
ORDER BY CASE WHEN datname = pg_catalog.current_database() THEN -1::bigint ELSE N.oid::bigint END;

-- name: schemas
-- differs: state_number
SELECT N.oid::bigint AS id, N.xmin AS state_number, nspname AS name, D.description
FROM pg_catalog.pg_namespace N
LEFT JOIN pg_catalog.pg_description D ON N.oid = D.objoid
WHERE nspname NOT LIKE 'pg_toast%'
ORDER BY CASE WHEN nspname = pg_catalog.current_schema() THEN -1::bigint ELSE N.oid::bigint END;

-- name: access-methods
SELECT A.oid AS access_method_id, A.amname AS access_method_name, A.amtype AS access_method_type
FROM pg_catalog.pg_am A;

-- name: tables
-- parameters: ["${customer_360}"]
SELECT T.relkind AS table_kind, T.relname AS table_name, T.oid AS table_id, false AS table_with_oids,
  T.reltablespace AS tablespace_id, T.reloptions AS options, T.relpersistence AS persistence,
  (SELECT pg_catalog.array_agg(inhparent::bigint ORDER BY inhseqno)::varchar FROM pg_catalog.pg_inherits
    WHERE T.oid = inhrelid) AS ancestors,
  T.relispartition AS is_partition, pg_catalog.pg_get_partkeydef(T.oid) AS partition_key
FROM pg_catalog.pg_class T
WHERE relnamespace = $1::oid AND relkind IN ('r', 'm', 'v', 'f', 'p')
ORDER BY table_kind, table_name;

-- name: columns
-- parameters: ["${customer_360}"]
WITH T AS (
  SELECT DISTINCT T.oid AS table_id, T.relname AS table_name FROM pg_catalog.pg_class T
  WHERE T.relnamespace = $1::oid AND T.relkind IN ('r', 'v', 'f', 'p')
)
SELECT T.table_id, C.attnum AS column_position, C.attname AS column_name, C.atttypmod AS type_mod,
  C.attndims AS dimensions_number, pg_catalog.format_type(C.atttypid, C.atttypmod) AS type_spec, C.atttypid AS type_id,
  C.attnotnull AS mandatory, pg_catalog.pg_get_expr(D.adbin, T.table_id) AS column_default_expression,
  NOT C.attislocal AS column_is_inherited, C.attisdropped AS column_is_dropped, C.attidentity AS identity_kind,
  C.attgenerated AS generated
FROM T JOIN pg_catalog.pg_attribute C ON T.table_id = C.attrelid
LEFT JOIN pg_catalog.pg_attrdef D ON (C.attrelid, C.attnum) = (D.adrelid, D.adnum)
WHERE attnum > 0
ORDER BY table_id, attnum;

-- name: indices
-- parameters: ["${retail}"]
SELECT tab.oid AS table_id, tab.relkind AS table_kind, ind_stor.relname AS index_name, ind_head.indexrelid AS index_id,
  ind_head.indisunique AS is_unique, ind_head.indisprimary AS is_primary,
  pg_catalog.pg_get_expr(ind_head.indpred, ind_head.indrelid) AS condition
FROM pg_catalog.pg_class tab
JOIN pg_catalog.pg_index ind_head ON ind_head.indrelid = tab.oid
JOIN pg_catalog.pg_class ind_stor ON tab.relnamespace = ind_stor.relnamespace AND ind_stor.oid = ind_head.indexrelid
WHERE tab.relnamespace = $1::oid AND tab.relkind IN ('r', 'm', 'v', 'p') AND ind_stor.relkind IN ('i', 'I');

-- name: constraints
-- parameters: ["${retail}"]
SELECT T.oid AS table_id, relkind AS table_kind, C.oid AS con_id, conname AS con_name, contype AS con_kind,
  conkey AS con_columns, conindid AS index_id, confrelid AS ref_table_id, condeferrable AS is_deferrable,
  condeferred AS is_init_deferred, confupdtype AS on_update, confdeltype AS on_delete, confkey AS ref_columns
FROM pg_catalog.pg_constraint C
JOIN pg_catalog.pg_class T ON C.conrelid = T.oid
WHERE relkind IN ('r', 'v', 'f', 'p') AND relnamespace = $1::oid AND contype IN ('p', 'u', 'f', 'c', 'x');

-- name: comments
-- parameters: ["${customer_360}"]
SELECT D.objoid AS id, CASE WHEN 'pg_catalog.pg_trigger'::regclass::oid = classoid THEN 't' ELSE 'c' END AS kind,
  D.objsubid AS sub_id, D.description
FROM pg_catalog.pg_description D
JOIN pg_catalog.pg_class C ON D.objoid = C.oid
WHERE C.relnamespace = $1::oid AND C.relkind != 'c' AND D.classoid = 'pg_catalog.pg_class'::regclass;

-- name: routines
-- parameters: ["${retail}"]
SELECT ret.oid AS id, ret.proname AS name FROM pg_catalog.pg_proc ret WHERE ret.pronamespace = $1::oid;

-- name: roles
SELECT R.rolname AS role_name, R.rolsuper AS is_super, R.rolinherit AS is_inherit, R.rolcanlogin AS can_login
FROM pg_catalog.pg_roles R WHERE R.rolname = current_user;

-- name: startup
-- differs: version
SELECT pg_catalog.pg_is_in_recovery() AS recovering, current_setting('server_version_num') AS version;
