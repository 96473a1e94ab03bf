-- name: version
-- differs: version
SELECT current_setting('server_version_num')::int/100 as version;

-- name: timescale
SELECT extversion FROM pg_extension WHERE extname = 'timescaledb';

-- name: schemas
SELECT schema_name AS "name" FROM information_schema.schemata
WHERE schema_name NOT IN ('information_schema', 'pg_catalog', 'pg_toast', '_timescaledb_cache', '_timescaledb_catalog')
ORDER BY schema_name;

-- name: tables-of-schema
SELECT quote_ident(table_name) AS "table" FROM information_schema.tables
WHERE quote_ident(table_schema) = 'customer_360' ORDER BY 1;

-- name: tables
SELECT
  CASE WHEN quote_ident(table_schema) IN (
      SELECT CASE WHEN trim(s[i]) = '"$user"' THEN user ELSE trim(s[i]) END
      FROM generate_series(
        array_lower(string_to_array(current_setting('search_path'),','),1),
        array_upper(string_to_array(current_setting('search_path'),','),1)
      ) as i, string_to_array(current_setting('search_path'),',') s)
    THEN quote_ident(table_name) ELSE quote_ident(table_schema) || '.' || quote_ident(table_name) END AS "table"
FROM information_schema.tables
WHERE quote_ident(table_schema) NOT IN ('information_schema', 'pg_catalog', '_timescaledb_cache')
ORDER BY CASE WHEN quote_ident(table_schema) IN (
      SELECT CASE WHEN trim(s[i]) = '"$user"' THEN user ELSE trim(s[i]) END
      FROM generate_series(
        array_lower(string_to_array(current_setting('search_path'),','),1),
        array_upper(string_to_array(current_setting('search_path'),','),1)
      ) as i, string_to_array(current_setting('search_path'),',') s)
    THEN 0 ELSE 1 END, 1;

-- name: columns
SELECT quote_ident(column_name) AS "column", data_type AS "type"
FROM information_schema.columns
WHERE CASE WHEN array_length(parse_ident('customer_360.customers'),1) = 2
  THEN quote_ident(table_schema) = (parse_ident('customer_360.customers'))[1]
    AND quote_ident(table_name) = (parse_ident('customer_360.customers'))[2]
  ELSE quote_ident(table_name) = 'customer_360.customers' END;

-- name: columns-plain
SELECT quote_ident(column_name) AS "column", data_type AS "type" FROM information_schema.columns
WHERE quote_ident(table_name) = 'monthly' AND quote_ident(table_schema) IN ('customer_360');
