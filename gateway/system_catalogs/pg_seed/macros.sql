-- PostgreSQL's catalog functions as DuckDB macros over a catalog engine's relations: the type of each value, then the
-- macro. Macros are not hygienic: every alias inside one begins with m_, so that no column of the caller's is meant.
-- What a connection knows of itself stands in its variable `outport`.

-- _text
CREATE MACRO cat__path() AS (string_split(getvariable('outport')['  path'], chr(31)));

-- text
CREATE MACRO cat__subject() AS (getvariable('outport')['  user']);

-- bool
CREATE MACRO cat__reads(o, p) AS (CASE WHEN o IS NULL THEN NULL ELSE list_has_any(['select', 'usage', 'connect'],
  list_transform(string_split(lower(p), ','), lambda m_p: trim(m_p))) END);

-- int4
CREATE MACRO cat__length(a, d) AS (CASE WHEN len(a) = 0 OR d <> 1 THEN NULL ELSE len(a)::INTEGER END);

-- regclass
CREATE MACRO cat_to_regclass_value(x) AS (CASE WHEN x::VARCHAR = '-' THEN 0::UINTEGER ELSE
  coalesce(try_cast(x::VARCHAR AS UINTEGER), (SELECT m_c.oid FROM (SELECT x::VARCHAR AS n) AS m_n, pg.pg_class AS m_c
  JOIN pg.pg_namespace AS m_s ON m_s.oid = m_c.relnamespace WHERE m_s.nspname || '.' || m_c.relname = replace(m_n.n,
  '"', '') OR m_c.relname = replace(m_n.n, '"', '') AND (m_s.nspname = 'pg_catalog' OR list_contains(cat__path(),
  m_s.nspname)) ORDER BY list_position(cat__path(), m_s.nspname) LIMIT 1), error('outport:relation:' || x::VARCHAR))
  END);

-- regnamespace
CREATE MACRO cat_to_regnamespace_value(x) AS (CASE WHEN x::VARCHAR = '-' THEN 0::UINTEGER ELSE
  coalesce(try_cast(x::VARCHAR AS UINTEGER), (SELECT m_s.oid FROM pg.pg_namespace AS m_s WHERE m_s.nspname =
  replace(x::VARCHAR, '"', '')), error('outport:schema:' || x::VARCHAR)) END);

-- bool
CREATE MACRO cat__granted(o, p) AS (CASE WHEN EXISTS (SELECT 1 FROM pg.pg_class AS m_g
  WHERE m_g.oid = cat_to_regclass_value(o)) THEN cat__reads(1, p) END);

-- text
CREATE MACRO cat_quote_ident(n) AS (CASE WHEN regexp_full_match(n, '[a-z_][a-z0-9_$]*') AND NOT
  regexp_full_match(n, '$reserved') THEN n ELSE '"' || replace(n, '"', '""') || '"' END);

-- text
CREATE MACRO cat_regclass_out(x) AS ((CASE WHEN x = 0 THEN '-' ELSE coalesce((SELECT CASE WHEN m_s.nspname =
  'pg_catalog' OR list_contains(cat__path(), m_s.nspname) THEN cat_quote_ident(m_c.relname) ELSE
  cat_quote_ident(m_s.nspname) || '.' || cat_quote_ident(m_c.relname) END FROM pg.pg_class AS m_c JOIN pg.pg_namespace
  AS m_s ON m_s.oid = m_c.relnamespace WHERE m_c.oid = x LIMIT 1), x::VARCHAR) END));

-- text
CREATE MACRO cat__defined(o, c, f) AS ((SELECT m_f.head || CASE WHEN m_f.relation = 0 THEN '' WHEN f
  THEN (SELECT cat_quote_ident(m_n.nspname) || '.' || cat_quote_ident(m_c.relname) FROM pg.pg_class AS m_c
    JOIN pg.pg_namespace AS m_n ON m_n.oid = m_c.relnamespace WHERE m_c.oid = m_f.relation)
  ELSE cat_regclass_out(m_f.relation) END || m_f.rest
  FROM x.definitions AS m_f WHERE m_f.oid = o AND m_f.place = c LIMIT 1));

-- int4
CREATE MACRO cat_array_length(a, d) AS (cat__length(a, d));

-- int4
CREATE MACRO cat_array_lower(a, d) AS (CASE WHEN cat__length(a, d) IS NULL THEN NULL ELSE 1 END);

-- int4
CREATE MACRO cat_array_ndims(a) AS (CASE WHEN a IS NULL OR len(a) = 0 THEN NULL ELSE 1 END);

-- text
CREATE MACRO cat_array_to_string(a, s) AS (array_to_string(list_filter(a, lambda m_e: m_e IS NOT NULL), s)), (a, s, n)
  AS (array_to_string(list_transform(a, lambda m_e: coalesce(m_e::VARCHAR, n)), s));

-- int4
CREATE MACRO cat_array_upper(a, d) AS (cat__length(a, d));

-- int4
CREATE MACRO cat_age(x) AS (1::INTEGER);

-- int4
CREATE MACRO cat_cardinality(a) AS (len(a)::INTEGER);

-- text
CREATE MACRO cat_col_description(o, c) AS ((SELECT m_d.description FROM pg.pg_description AS m_d WHERE m_d.objoid = o
  AND m_d.objsubid = c AND m_d.classoid = 1259 LIMIT 1));

-- name
CREATE MACRO cat_current_catalog() AS ('outport');

-- name
CREATE MACRO cat_current_database() AS ('outport');

-- name
CREATE MACRO cat_current_role() AS (cat__subject());

-- name
CREATE MACRO cat_current_schema() AS (coalesce((SELECT first(m_s.nspname ORDER BY list_position(cat__path(),
  m_s.nspname)) FROM pg.pg_namespace AS m_s WHERE list_contains(cat__path(), m_s.nspname)), NULL));

-- _name
CREATE MACRO cat_current_schemas(i) AS (list_filter(list_concat(CASE WHEN i AND NOT list_contains(cat__path(),
  'pg_catalog') THEN ['pg_catalog'] ELSE [] END, cat__path()), lambda m_p: m_p <> '' AND m_p <> '$user'));

-- text
CREATE MACRO cat_current_setting(n) AS (coalesce(getvariable('outport')[' ' || lower(n)], error('outport:setting:' ||
  n))), (n, m) AS (getvariable('outport')[' ' || lower(n)]);

-- name
CREATE MACRO cat_current_user() AS (cat__subject());

-- text
CREATE MACRO cat_format_type(o, m) AS (CASE WHEN o IS NULL THEN NULL WHEN o = 0 THEN '-' ELSE coalesce((SELECT CASE
    WHEN m_t.base = 'numeric' AND m > 3 THEN 'numeric(' || ((m - 4) >> 16) || ',' || ((m - 4) & 65535) || ')'
    WHEN m_t.base IN ('character varying', 'character') AND m > 3 THEN m_t.base || '(' || (m - 4) || ')'
    WHEN m_t.base = 'character' AND m = -1 AND m_t.suffix = '' THEN 'bpchar'
    WHEN m_t.base LIKE 'time% zone' AND m >= 0
      THEN split_part(m_t.base, ' ', 1) || '(' || m || ')' || m_t.base[strpos(m_t.base, ' '):]
    ELSE m_t.base END || m_t.suffix FROM x.formats AS m_t WHERE m_t.oid = o), '???') END);

-- int4
CREATE MACRO cat_generate_series(a, b) AS (unnest(CASE WHEN b - a > 10000 THEN error('outport:limit:')
  ELSE generate_series(a, least(b, a + 10000))::INTEGER[] END));

-- int4
CREATE MACRO cat_generate_subscripts(a, d) AS (unnest(CASE WHEN d = 1 THEN generate_series(1, len(a)) ELSE []
  END::INTEGER[])), (a, d, r) AS (unnest(CASE WHEN d = 1 THEN generate_series(1, len(a)) ELSE [] END::INTEGER[]));

-- bool
CREATE MACRO cat_has_any_column_privilege(o, p) AS (cat__granted(o, p)),
  (u, o, p) AS (cat__granted(o, p));

-- bool
CREATE MACRO cat_has_column_privilege(o, c, p) AS (cat__granted(o, p)),
  (u, o, c, p) AS (cat__granted(o, p));

-- bool
CREATE MACRO cat_has_database_privilege(o, p) AS (cat__reads(o, p)), (u, o, p) AS (cat__reads(o, p));

-- bool
CREATE MACRO cat_has_foreign_data_wrapper_privilege(o, p) AS (false), (u, o, p) AS (false);

-- bool
CREATE MACRO cat_has_function_privilege(o, p) AS (true), (u, o, p) AS (true);

-- bool
CREATE MACRO cat_has_language_privilege(o, p) AS (cat__reads(o, p)), (u, o, p) AS (cat__reads(o, p));

-- bool
CREATE MACRO cat_has_schema_privilege(o, p) AS (cat__reads(cat_to_regnamespace_value(o), p)), (u, o, p) AS (cat__reads(cat_to_regnamespace_value(o), p));

-- bool
CREATE MACRO cat_has_sequence_privilege(o, p) AS (cat__reads(o, p)), (u, o, p) AS (cat__reads(o, p));

-- bool
CREATE MACRO cat_has_server_privilege(o, p) AS (false), (u, o, p) AS (false);

-- bool
CREATE MACRO cat_has_table_privilege(o, p) AS (cat__granted(o, p)),
  (u, o, p) AS (cat__granted(o, p));

-- bool
CREATE MACRO cat_has_tablespace_privilege(o, p) AS (false), (u, o, p) AS (false);

-- bool
CREATE MACRO cat_has_type_privilege(o, p) AS (cat__reads(o, p)), (u, o, p) AS (cat__reads(o, p));

-- inet
CREATE MACRO cat_inet_server_addr() AS (NULL::VARCHAR);

-- int4
CREATE MACRO cat_inet_server_port() AS (NULL::INTEGER);

-- inet
CREATE MACRO cat_inet_client_addr() AS (NULL::VARCHAR);

-- int4
CREATE MACRO cat_inet_client_port() AS (NULL::INTEGER);

-- int4
CREATE MACRO cat_mod(a, b) AS (a % b);

-- text
CREATE MACRO cat_obj_description(o) AS ((SELECT m_d.description FROM pg.pg_description AS m_d WHERE m_d.objoid = o AND
  m_d.objsubid = 0 LIMIT 1)), (o, k) AS ((SELECT m_d.description FROM pg.pg_description AS m_d WHERE m_d.objoid = o
  AND m_d.objsubid = 0 AND m_d.classoid = (SELECT m_k.oid FROM pg.pg_class AS m_k WHERE m_k.relname = k AND
  m_k.relnamespace = 11) LIMIT 1));

-- int4
CREATE MACRO cat_pg_backend_pid() AS (getvariable('outport')['  pid']::INTEGER);

-- int4
CREATE MACRO cat_pg_char_to_encoding(n) AS (CASE WHEN upper(n) IN ('UTF8', 'UTF-8') THEN 6 ELSE -1 END);

-- name
CREATE MACRO cat_pg_client_encoding() AS ('UTF8');

-- bool
CREATE MACRO cat_pg_collation_is_visible(o) AS (true);

-- timestamptz
CREATE MACRO cat_pg_conf_load_time() AS (now());

-- bool
CREATE MACRO cat_pg_conversion_is_visible(o) AS (true);

-- int8
CREATE MACRO cat_pg_database_size(o) AS (CASE WHEN o IS NULL THEN NULL ELSE 0::BIGINT END);

-- name
CREATE MACRO cat_pg_encoding_to_char(e) AS (CASE WHEN e = 6 THEN 'UTF8' WHEN e = 0 THEN 'SQL_ASCII' ELSE '' END);

-- bool
CREATE MACRO cat_pg_function_is_visible(o) AS ((SELECT m_s.nspname = 'pg_catalog' OR list_contains(cat__path(),
  m_s.nspname) FROM pg.pg_proc AS m_c JOIN pg.pg_namespace AS m_s ON m_s.oid = m_c.pronamespace WHERE m_c.oid = o
  LIMIT 1));

-- text
CREATE MACRO cat_pg_get_constraintdef(o) AS (cat__defined(o, 0, false)), (o, p) AS (cat__defined(o, 0, false));

-- text
CREATE MACRO cat_pg_get_expr(e, o) AS (NULL::VARCHAR), (e, o, p) AS (NULL::VARCHAR);

-- text
CREATE MACRO cat_pg_get_function_arg_default(o, n) AS (NULL::VARCHAR);

-- text
CREATE MACRO cat_pg_get_function_arguments(o) AS ((SELECT m_p.arguments FROM x.functions AS m_p WHERE m_p.oid = o));

-- text
CREATE MACRO cat_pg_get_function_identity_arguments(o) AS ((SELECT m_p.arguments FROM x.functions AS m_p WHERE m_p.oid = o));

-- text
CREATE MACRO cat_pg_get_function_result(o) AS ((SELECT m_p.result FROM x.functions AS m_p WHERE m_p.oid = o));

-- text
CREATE MACRO cat_pg_get_function_sqlbody(o) AS (NULL::VARCHAR);

-- text
CREATE MACRO cat_pg_get_functiondef(o) AS (NULL::VARCHAR);

-- text
CREATE MACRO cat_pg_get_indexdef(o) AS (cat__defined(o, 0, true)), (o, c, p) AS (cat__defined(o, c, NOT p));

-- text
CREATE MACRO cat_pg_get_partition_constraintdef(o) AS (NULL::VARCHAR);

-- text
CREATE MACRO cat_pg_get_partkeydef(o) AS (NULL::VARCHAR);

-- text
CREATE MACRO cat_pg_get_ruledef(o) AS (NULL::VARCHAR), (o, p) AS (NULL::VARCHAR);

-- text
CREATE MACRO cat_pg_get_serial_sequence(t, c) AS (NULL::VARCHAR);

-- text
CREATE MACRO cat_pg_get_statisticsobjdef(o) AS (NULL::VARCHAR);

-- text
CREATE MACRO cat_pg_get_statisticsobjdef_columns(o) AS (NULL::VARCHAR);

-- text
CREATE MACRO cat_pg_get_triggerdef(o) AS (NULL::VARCHAR), (o, p) AS (NULL::VARCHAR);

-- name
CREATE MACRO cat_pg_get_userbyid(o) AS (coalesce((SELECT m_r.rolname FROM pg.pg_roles AS m_r WHERE m_r.oid = o LIMIT
  1), 'unknown (OID=' || o || ')'));

-- text
CREATE MACRO cat_pg_get_viewdef(o) AS (NULL::VARCHAR), (o, p) AS (NULL::VARCHAR);

-- bool
CREATE MACRO cat_pg_has_role(o, p) AS ((o::VARCHAR = cat__subject() OR (SELECT m_r.rolname FROM pg.pg_roles AS m_r
  WHERE m_r.oid = o LIMIT 1) = cat__subject())), (u, o, p) AS (u = o);

-- bool
CREATE MACRO cat_pg_index_column_has_property(o, c, p) AS (CASE WHEN p IN ('asc', 'nulls_last', 'orderable',
  'returnable', 'search_array', 'search_nulls') THEN true ELSE false END);

-- bool
CREATE MACRO cat_pg_indexam_has_property(o, p) AS (CASE WHEN p IN ('can_order', 'can_unique', 'can_multi_col',
  'can_include') THEN o = 403 ELSE false END);

-- int8
CREATE MACRO cat_pg_indexes_size(o) AS (CASE WHEN o IS NULL THEN NULL ELSE 0::BIGINT END);

-- bool
CREATE MACRO cat_pg_is_in_recovery() AS (false);

-- bool
CREATE MACRO cat_pg_is_other_temp_schema(o) AS (false);

-- bool
CREATE MACRO cat_pg_is_wal_replay_paused() AS (false);

-- timestamptz
CREATE MACRO cat_pg_last_xact_replay_timestamp() AS (NULL::TIMESTAMPTZ);

-- oid
CREATE MACRO cat_pg_my_temp_schema() AS (0::UINTEGER);

-- bool
CREATE MACRO cat_pg_opclass_is_visible(o) AS (true);

-- bool
CREATE MACRO cat_pg_operator_is_visible(o) AS (true);

-- bool
CREATE MACRO cat_pg_opfamily_is_visible(o) AS (true);

-- regclass
CREATE MACRO cat_pg_partition_ancestors(o) AS (unnest([]::UINTEGER[]));

-- timestamptz
CREATE MACRO cat_pg_postmaster_start_time() AS (now());

-- oid
CREATE MACRO cat_pg_relation_filenode(o) AS ((SELECT m_r.relfilenode FROM pg.pg_class AS m_r WHERE m_r.oid = o LIMIT
  1));

-- bool
CREATE MACRO cat_pg_relation_is_publishable(o) AS (o IS NOT NULL);

-- int4
CREATE MACRO cat_pg_relation_is_updatable(o, i) AS (0::INTEGER);

-- int8
CREATE MACRO cat_pg_relation_size(o) AS (CASE WHEN o IS NULL THEN NULL ELSE 0::BIGINT END), (o, f) AS (CASE WHEN o IS
  NULL THEN NULL ELSE 0::BIGINT END);

-- int8
CREATE MACRO cat_pg_sequence_last_value(o) AS (NULL::BIGINT);

-- text
CREATE MACRO cat_pg_size_pretty(n) AS (CASE WHEN abs(n) < 10240 THEN n::VARCHAR || ' bytes' WHEN abs(n) < 10485760
  THEN (n // 1024)::VARCHAR || ' kB' WHEN abs(n) < 10737418240 THEN (n // 1048576)::VARCHAR || ' MB' ELSE (n //
  1073741824)::VARCHAR || ' GB' END);

-- bool
CREATE MACRO cat_pg_statistics_obj_is_visible(o) AS (true);

-- bool
CREATE MACRO cat_pg_table_is_visible(o) AS ((SELECT m_s.nspname = 'pg_catalog' OR list_contains(cat__path(),
  m_s.nspname) FROM pg.pg_class AS m_c JOIN pg.pg_namespace AS m_s ON m_s.oid = m_c.relnamespace WHERE m_c.oid = o
  LIMIT 1));

-- int8
CREATE MACRO cat_pg_table_size(o) AS (CASE WHEN o IS NULL THEN NULL ELSE 0::BIGINT END);

-- oid
CREATE MACRO cat_pg_tablespace_databases(o) AS (unnest([5]::UINTEGER[]));

-- text
CREATE MACRO cat_pg_tablespace_location(o) AS (CASE WHEN o IS NULL THEN NULL ELSE '' END);

-- int8
CREATE MACRO cat_pg_tablespace_size(o) AS (CASE WHEN o IS NULL THEN NULL ELSE 0::BIGINT END);

-- int8
CREATE MACRO cat_pg_total_relation_size(o) AS (CASE WHEN o IS NULL THEN NULL ELSE 0::BIGINT END);

-- bool
CREATE MACRO cat_pg_ts_config_is_visible(o) AS (true);

-- bool
CREATE MACRO cat_pg_ts_dict_is_visible(o) AS (true);

-- bool
CREATE MACRO cat_pg_ts_parser_is_visible(o) AS (true);

-- bool
CREATE MACRO cat_pg_ts_template_is_visible(o) AS (true);

-- bool
CREATE MACRO cat_pg_type_is_visible(o) AS ((SELECT m_s.nspname = 'pg_catalog' OR list_contains(cat__path(),
  m_s.nspname) FROM pg.pg_type AS m_c JOIN pg.pg_namespace AS m_s ON m_s.oid = m_c.typnamespace WHERE m_c.oid = o
  LIMIT 1));

-- regtype
CREATE MACRO cat_pg_typeof(x) AS (CASE WHEN typeof(x) = 'VARCHAR' THEN 25::UINTEGER
  ELSE (SELECT m_t.oid FROM x.type_names AS m_t WHERE m_t.name = lower(typeof(x))) END);

-- text
CREATE MACRO cat_quote_literal(n) AS ('''' || replace(n::VARCHAR, '''', '''''') || '''');

-- name
CREATE MACRO cat_session_user() AS (getvariable('outport')['session_authorization']);

-- text
CREATE MACRO cat_shobj_description(o, k) AS (NULL::VARCHAR);

-- _text
CREATE MACRO cat_string_to_array(t, s) AS (string_split(t, s));

-- regclass
CREATE MACRO cat_to_regclass(x) AS ((SELECT m_c.oid FROM (SELECT x::VARCHAR AS n) AS m_n, pg.pg_class AS m_c JOIN
  pg.pg_namespace AS m_s ON m_s.oid = m_c.relnamespace WHERE m_s.nspname || '.' || m_c.relname = replace(m_n.n, '"',
  '') OR m_c.relname = replace(m_n.n, '"', '') AND (m_s.nspname = 'pg_catalog' OR list_contains(cat__path(),
  m_s.nspname)) ORDER BY list_position(cat__path(), m_s.nspname) LIMIT 1));

-- regnamespace
CREATE MACRO cat_to_regnamespace(x) AS ((SELECT m_s.oid FROM pg.pg_namespace AS m_s WHERE m_s.nspname =
  replace(x::VARCHAR, '"', '')));

-- regproc
CREATE MACRO cat_to_regproc(x) AS ((SELECT m_c.oid FROM (SELECT x::VARCHAR AS n) AS m_n, pg.pg_proc AS m_c JOIN
  pg.pg_namespace AS m_s ON m_s.oid = m_c.pronamespace WHERE m_s.nspname || '.' || m_c.proname = replace(m_n.n, '"',
  '') OR m_c.proname = replace(m_n.n, '"', '') AND (m_s.nspname = 'pg_catalog' OR list_contains(cat__path(),
  m_s.nspname)) ORDER BY list_position(cat__path(), m_s.nspname) LIMIT 1));

-- regrole
CREATE MACRO cat_to_regrole(x) AS ((SELECT m_s.oid FROM pg.pg_roles AS m_s WHERE m_s.rolname = replace(x::VARCHAR,
  '"', '')));

-- regtype
CREATE MACRO cat_to_regtype(x) AS (coalesce((SELECT m_t.oid FROM x.type_names AS m_t WHERE m_t.name =
  lower(x::VARCHAR)), (SELECT m_c.oid FROM (SELECT x::VARCHAR AS n) AS m_n, pg.pg_type AS m_c JOIN pg.pg_namespace AS
  m_s ON m_s.oid = m_c.typnamespace WHERE m_s.nspname || '.' || m_c.typname = replace(m_n.n, '"', '') OR m_c.typname =
  replace(m_n.n, '"', '') AND (m_s.nspname = 'pg_catalog' OR list_contains(cat__path(), m_s.nspname)) ORDER BY
  list_position(cat__path(), m_s.nspname) LIMIT 1)));

-- int8
CREATE MACRO cat_txid_current() AS (1::BIGINT);

-- int8
CREATE MACRO cat_txid_current_if_assigned() AS (NULL::BIGINT);

-- name
CREATE MACRO cat_user() AS (cat__subject());

-- text
CREATE MACRO cat_version() AS (getvariable('outport')['  version']);

-- int4
CREATE MACRO cat__pg_char_max_length(t, m) AS (CASE WHEN m = -1 THEN NULL WHEN t IN (1042, 1043) THEN m - 4 END);

-- record
CREATE MACRO cat__pg_expandarray(a) AS (unnest(list_transform(generate_series(1, len(a)), lambda m_i: struct_pack(x :=
  a[m_i], n := m_i::INTEGER))));

-- oid
CREATE MACRO cat__pg_truetypid(a, t) AS (a.atttypid);

-- int4
CREATE MACRO cat__pg_truetypmod(a, t) AS (a.atttypmod);

-- regtype
CREATE MACRO cat_to_regtype_value(x) AS (CASE WHEN x::VARCHAR = '-' THEN 0::UINTEGER ELSE coalesce(try_cast(x::VARCHAR
  AS UINTEGER), coalesce((SELECT m_t.oid FROM x.type_names AS m_t WHERE m_t.name = lower(x::VARCHAR)), (SELECT m_c.oid
  FROM (SELECT x::VARCHAR AS n) AS m_n, pg.pg_type AS m_c JOIN pg.pg_namespace AS m_s ON m_s.oid = m_c.typnamespace
  WHERE m_s.nspname || '.' || m_c.typname = replace(m_n.n, '"', '') OR m_c.typname = replace(m_n.n, '"', '') AND
  (m_s.nspname = 'pg_catalog' OR list_contains(cat__path(), m_s.nspname)) ORDER BY list_position(cat__path(),
  m_s.nspname) LIMIT 1)), error('outport:type:' || x::VARCHAR)) END);

-- regproc
CREATE MACRO cat_to_regproc_value(x) AS (CASE WHEN x::VARCHAR = '-' THEN 0::UINTEGER ELSE coalesce(try_cast(x::VARCHAR
  AS UINTEGER), (SELECT m_c.oid FROM (SELECT x::VARCHAR AS n) AS m_n, pg.pg_proc AS m_c JOIN pg.pg_namespace AS m_s ON
  m_s.oid = m_c.pronamespace WHERE m_s.nspname || '.' || m_c.proname = replace(m_n.n, '"', '') OR m_c.proname =
  replace(m_n.n, '"', '') AND (m_s.nspname = 'pg_catalog' OR list_contains(cat__path(), m_s.nspname)) ORDER BY
  list_position(cat__path(), m_s.nspname) LIMIT 1), error('outport:function:' || x::VARCHAR)) END);

-- regprocedure
CREATE MACRO cat_to_regprocedure_value(x) AS (CASE WHEN x::VARCHAR = '-' THEN 0::UINTEGER ELSE coalesce(try_cast(x::VARCHAR AS UINTEGER),
  (SELECT m_p.oid FROM x.functions AS m_p WHERE m_p.signature = replace(replace(x::VARCHAR, 'pg_catalog.', ''), ' ', '')
     OR split_part(m_p.signature, '(', 1) || '(' || m_p.arguments || ')' = replace(x::VARCHAR, 'pg_catalog.', '') LIMIT 1),
  error('outport:function:' || x::VARCHAR)) END);

-- regrole
CREATE MACRO cat_to_regrole_value(x) AS (CASE WHEN x::VARCHAR = '-' THEN 0::UINTEGER ELSE coalesce(try_cast(x::VARCHAR
  AS UINTEGER), (SELECT m_s.oid FROM pg.pg_roles AS m_s WHERE m_s.rolname = replace(x::VARCHAR, '"', '')),
  error('outport:role:' || x::VARCHAR)) END);

-- text
CREATE MACRO cat_regtype_out(x) AS (CASE WHEN x = 0 THEN '-' ELSE coalesce((SELECT m_t.base || m_t.suffix FROM
  x.formats AS m_t WHERE m_t.oid = x), x::VARCHAR) END);

-- text
CREATE MACRO cat_regproc_out(x) AS ((CASE WHEN x = 0 THEN '-' ELSE coalesce((SELECT CASE WHEN m_s.nspname =
  'pg_catalog' OR list_contains(cat__path(), m_s.nspname) THEN cat_quote_ident(m_c.proname) ELSE
  cat_quote_ident(m_s.nspname) || '.' || cat_quote_ident(m_c.proname) END FROM pg.pg_proc AS m_c JOIN pg.pg_namespace
  AS m_s ON m_s.oid = m_c.pronamespace WHERE m_c.oid = x LIMIT 1), x::VARCHAR) END));

-- text
CREATE MACRO cat_regprocedure_out(x) AS ((CASE WHEN x = 0 THEN '-' ELSE coalesce((SELECT CASE WHEN m_s.nspname =
  'pg_catalog' OR list_contains(cat__path(), m_s.nspname) THEN cat_quote_ident(m_c.proname) ELSE
  cat_quote_ident(m_s.nspname) || '.' || cat_quote_ident(m_c.proname) END FROM pg.pg_proc AS m_c JOIN pg.pg_namespace
  AS m_s ON m_s.oid = m_c.pronamespace WHERE m_c.oid = x LIMIT 1), x::VARCHAR) END));

-- text
CREATE MACRO cat_regnamespace_out(x) AS (coalesce((SELECT m_r.nspname FROM pg.pg_namespace AS m_r WHERE m_r.oid = x
  LIMIT 1), x::VARCHAR));

-- text
CREATE MACRO cat_regrole_out(x) AS (coalesce((SELECT m_r.rolname FROM pg.pg_roles AS m_r WHERE m_r.oid = x LIMIT 1),
  x::VARCHAR));

-- name
CREATE MACRO cat_getdatabaseencoding() AS ('UTF8');

-- _text
CREATE MACRO cat_parse_ident(t) AS (list_transform(string_split(t, '.'),
  lambda m_p: CASE WHEN m_p[1] = '"' THEN m_p[2:-2] ELSE lower(m_p) END));
