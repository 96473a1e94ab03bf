-- name: schemas
SELECT nspname FROM pg_namespace WHERE nspname NOT LIKE 'pg\_%' AND nspname != 'information_schema' ORDER BY nspname;

-- name: catalogs
SELECT datname FROM pg_database WHERE datistemplate = false;

-- name: default-schema
SELECT current_schema();

-- name: search-path
SHOW search_path;

-- name: functions
SELECT proname FROM pg_catalog.pg_proc WHERE proname IN ('abs', 'date_trunc', 'lower', 'now') GROUP BY proname;

-- name: table-extra
SELECT obj_description('customer_360.customers'::regclass, 'pg_class') AS comment;

-- name: latest-partition
SELECT inhrelid::regclass AS child FROM pg_catalog.pg_inherits WHERE inhparent = 'customer_360.monthly'::regclass;
