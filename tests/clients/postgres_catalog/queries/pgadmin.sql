-- name: connection
SELECT db.oid AS did, db.datname, db.datallowconn, pg_encoding_to_char(db.encoding) AS serverencoding,
  has_database_privilege(db.oid, 'CREATE') AS cancreate, datistemplate
FROM pg_catalog.pg_database db WHERE db.datname = current_database();

-- name: role
SELECT roles.oid AS id, roles.rolname AS name, roles.rolsuper AS is_superuser,
  CASE WHEN roles.rolsuper THEN true ELSE roles.rolcreaterole END AS can_create_role,
  CASE WHEN roles.rolsuper THEN true ELSE roles.rolcreatedb END AS can_create_db
FROM pg_catalog.pg_roles AS roles WHERE rolname = current_user;

-- name: recovery
SELECT CASE WHEN usesuper THEN pg_catalog.pg_is_in_recovery() ELSE FALSE END AS inrecovery
FROM pg_catalog.pg_user WHERE usename = current_user;

-- name: databases
SELECT db.oid AS did, db.datname AS name, ta.spcname AS spcname, db.datallowconn, db.datistemplate AS is_template,
  pg_catalog.has_database_privilege(db.oid, 'CREATE') AS cancreate, descr.description
FROM pg_catalog.pg_database db
LEFT OUTER JOIN pg_catalog.pg_tablespace ta ON db.dattablespace = ta.oid
LEFT OUTER JOIN pg_catalog.pg_shdescription descr ON (db.oid=descr.objoid AND descr.classoid='pg_database'::regclass)
WHERE db.oid > 16383 OR db.datname IN ('outport')
ORDER BY datname;

-- name: schemas
SELECT nsp.oid, nsp.nspname AS name, pg_catalog.has_schema_privilege(nsp.oid, 'CREATE') AS can_create,
  pg_catalog.has_schema_privilege(nsp.oid, 'USAGE') AS has_usage, des.description
FROM pg_catalog.pg_namespace nsp
LEFT OUTER JOIN pg_catalog.pg_description des ON (des.objoid=nsp.oid AND des.classoid='pg_namespace'::regclass)
WHERE nspname NOT LIKE 'pg\_%' AND NOT (nsp.nspname = 'information_schema')
ORDER BY nspname;

-- name: tables-count
SELECT COUNT(*) FROM pg_catalog.pg_class rel
WHERE rel.relkind IN ('r','s','t','p') AND rel.relnamespace = ${customer_360}::oid AND NOT rel.relispartition;

-- name: tables
SELECT rel.oid, rel.relname AS name,
  (SELECT count(*) FROM pg_catalog.pg_trigger WHERE tgrelid=rel.oid AND tgisinternal = FALSE) AS triggercount,
  (SELECT count(*) FROM pg_catalog.pg_inherits WHERE inhrelid=rel.oid LIMIT 1) AS is_inherits,
  (SELECT count(*) FROM pg_catalog.pg_inherits WHERE inhparent=rel.oid LIMIT 1) AS is_inherited, des.description
FROM pg_catalog.pg_class rel
LEFT OUTER JOIN pg_catalog.pg_description des ON (des.objoid=rel.oid AND des.objsubid=0
  AND des.classoid='pg_class'::regclass)
WHERE rel.relkind IN ('r','s','t','p') AND rel.relnamespace = ${customer_360}::oid AND NOT rel.relispartition
ORDER BY rel.relname;

-- name: indexes
SELECT DISTINCT ON(cls.relname) cls.oid, cls.relname AS name, indisprimary, indisunique, indisclustered
FROM pg_catalog.pg_index idx
JOIN pg_catalog.pg_class cls ON cls.oid=indexrelid
JOIN pg_catalog.pg_class tab ON tab.oid=indrelid
LEFT OUTER JOIN pg_catalog.pg_tablespace ta ON ta.oid=cls.reltablespace
JOIN pg_catalog.pg_namespace n ON n.oid=tab.relnamespace
LEFT JOIN pg_catalog.pg_depend dep ON (dep.classid = cls.tableoid AND dep.objid = cls.oid AND dep.refobjsubid = '0'
  AND dep.refclassid=(SELECT oid FROM pg_catalog.pg_class WHERE relname='pg_constraint') AND dep.deptype='i')
WHERE indrelid = ${customer_360.monthly}::oid
ORDER BY cls.relname;

-- name: primary-key
SELECT cls.oid, cls.relname AS name, indnatts AS col_count, COALESCE(spcname, 'pg_default') AS spcname,
  CASE contype WHEN 'p' THEN desp.description ELSE des.description END AS comment, condeferrable, condeferred
FROM pg_catalog.pg_index idx
JOIN pg_catalog.pg_class cls ON cls.oid=indexrelid
LEFT OUTER JOIN pg_catalog.pg_tablespace ta ON ta.oid=cls.reltablespace
LEFT JOIN pg_catalog.pg_constraint con ON (con.conindid = cls.oid AND con.contype='p')
LEFT OUTER JOIN pg_catalog.pg_description des ON (des.objoid=cls.oid AND des.classoid='pg_class'::regclass)
LEFT OUTER JOIN pg_catalog.pg_description desp ON (desp.objoid=con.oid AND desp.objsubid = 0
  AND desp.classoid='pg_constraint'::regclass)
WHERE indrelid = ${customer_360.monthly}::oid AND contype='p'
ORDER BY cls.relname;

-- name: foreign-keys
SELECT ct.oid, conname AS name, NOT convalidated AS convalidated
FROM pg_catalog.pg_constraint ct
WHERE contype='f' AND conrelid = ${retail.transactions}::oid
ORDER BY conname;

-- name: foreign-key-columns
WITH affected AS (SELECT conkey, confkey, conrelid, confrelid FROM pg_catalog.pg_constraint
  WHERE conrelid = ${customer_360.monthly}::oid AND contype = 'f')
SELECT a1.attname AS conattname, a2.attname AS confattname
FROM affected
JOIN pg_catalog.pg_attribute a1 ON a1.attnum = conkey[1] AND a1.attrelid = affected.conrelid
JOIN pg_catalog.pg_attribute a2 ON a2.attnum = confkey[1] AND a2.attrelid = affected.confrelid;

-- name: row-count
SELECT count(*) FROM customer_360.monthly;

-- name: settings
SELECT name, setting FROM pg_catalog.pg_settings WHERE name IN ('bytea_output', 'client_encoding', 'DateStyle')
ORDER BY name;

-- name: types
SELECT t.oid, t.typname, pg_catalog.format_type(t.oid, NULL) AS typname_shown, t.typtype
FROM pg_catalog.pg_type t
WHERE t.typname IN ('int8', 'text', 'numeric', '_text', 'timestamptz', 'bpchar', 'interval', 'varchar')
ORDER BY 1;

-- name: columns
SELECT DISTINCT att.attname AS name, att.attnum AS oid, pg_catalog.format_type(ty.oid, NULL) AS datatype,
  pg_catalog.format_type(ty.oid, att.atttypmod) AS displaytypname, att.attnotnull AS not_null,
  CASE WHEN att.atthasdef OR att.attidentity != '' OR ty.typdefault IS NOT NULL THEN True ELSE False END
    AS has_default_val, des.description
FROM pg_catalog.pg_attribute att
JOIN pg_catalog.pg_type ty ON ty.oid=atttypid
LEFT OUTER JOIN pg_catalog.pg_description des ON (des.objoid=att.attrelid AND des.objsubid=att.attnum
  AND des.classoid='pg_class'::regclass)
WHERE att.attrelid = ${customer_360.customers}::oid AND att.attnum > 0 AND att.attisdropped IS FALSE
ORDER BY att.attnum;

-- name: columns-nodes
SELECT DISTINCT att.attname AS name, att.attnum AS oid, pg_catalog.format_type(ty.oid, NULL) AS datatype,
  att.attnotnull AS not_null, att.atthasdef AS has_default_val, des.description, seq.seqtypid
FROM pg_catalog.pg_attribute att
JOIN pg_catalog.pg_type ty ON ty.oid=atttypid
JOIN pg_catalog.pg_namespace tn ON tn.oid=ty.typnamespace
JOIN pg_catalog.pg_class cl ON cl.oid=att.attrelid
JOIN pg_catalog.pg_namespace na ON na.oid=cl.relnamespace
LEFT OUTER JOIN pg_catalog.pg_type et ON et.oid=ty.typelem
LEFT OUTER JOIN pg_catalog.pg_attrdef def ON adrelid=att.attrelid AND adnum=att.attnum
LEFT OUTER JOIN (pg_catalog.pg_depend JOIN pg_catalog.pg_class cs ON classid='pg_class'::regclass AND objid=cs.oid
  AND cs.relkind='S') ON refobjid=att.attrelid AND refobjsubid=att.attnum
LEFT OUTER JOIN pg_catalog.pg_namespace ns ON ns.oid=cs.relnamespace
LEFT OUTER JOIN pg_catalog.pg_index pi ON pi.indrelid=att.attrelid AND indisprimary
LEFT OUTER JOIN pg_catalog.pg_description des ON (des.objoid=att.attrelid AND des.objsubid=att.attnum
  AND des.classoid='pg_class'::regclass)
LEFT OUTER JOIN pg_catalog.pg_sequence seq ON cs.oid=seq.seqrelid
WHERE att.attrelid = ${customer_360.monthly}::oid AND att.attnum > 0 AND att.attisdropped IS FALSE
ORDER BY att.attnum;

-- name: columns-properties
SELECT DISTINCT ON (att.attnum) att.attname AS name, att.atttypid, att.attlen, att.attnum, att.attndims,
  att.atttypmod, att.attacl, att.attnotnull, att.attoptions, att.attfdwoptions, att.attstattarget, att.attstorage, att.attidentity,
  pg_catalog.pg_get_expr(def.adbin, def.adrelid) AS defval,
  pg_catalog.format_type(ty.oid, NULL) AS typname, pg_catalog.format_type(ty.oid, att.atttypmod) AS displaytypname,
  pg_catalog.format_type(ty.oid, att.atttypmod) AS cltype,
  CASE WHEN ty.typelem > 0 THEN ty.typelem ELSE ty.oid END AS elemoid,
  (SELECT nspname FROM pg_catalog.pg_namespace WHERE oid = ty.typnamespace) AS typnspname,
  ty.typstorage AS defaultstorage, description, pi.indkey,
  (SELECT count(1) FROM pg_catalog.pg_type t2 WHERE t2.typname=ty.typname) > 1 AS isdup,
  CASE WHEN length(coll.collname::text) > 0 AND length(nspc.nspname::text) > 0
    THEN pg_catalog.concat(pg_catalog.quote_ident(nspc.nspname), '.', pg_catalog.quote_ident(coll.collname)) ELSE '' END AS collspcname,
  EXISTS(SELECT 1 FROM pg_catalog.pg_constraint WHERE conrelid=att.attrelid AND contype='f' AND att.attnum=ANY(conkey)) AS is_fk,
  (SELECT pg_catalog.array_agg(provider || '=' || label) FROM pg_catalog.pg_seclabels sl1 WHERE sl1.objoid=att.attrelid AND sl1.objsubid=att.attnum) AS seclabels,
  CASE WHEN tab.relkind IN ('r','p') THEN 1 ELSE 2 END AS k,
  CASE WHEN att.attnum = ANY(pi.indkey) THEN TRUE ELSE FALSE END AS is_pk, att.attgenerated AS colconstype, tab.relname AS relname, seq.*
FROM pg_catalog.pg_attribute att
JOIN pg_catalog.pg_type ty ON ty.oid=atttypid
LEFT OUTER JOIN pg_catalog.pg_attrdef def ON adrelid=att.attrelid AND adnum=att.attnum
LEFT OUTER JOIN pg_catalog.pg_description des ON (des.objoid=att.attrelid AND des.objsubid=att.attnum AND des.classoid='pg_class'::regclass)
LEFT OUTER JOIN (pg_catalog.pg_depend dep JOIN pg_catalog.pg_class cs ON dep.classid='pg_class'::regclass AND dep.objid=cs.oid AND cs.relkind='S') ON dep.refobjid=att.attrelid AND dep.refobjsubid=att.attnum
LEFT OUTER JOIN pg_catalog.pg_index pi ON pi.indrelid=att.attrelid AND indisprimary
LEFT OUTER JOIN pg_catalog.pg_collation coll ON att.attcollation=coll.oid
LEFT OUTER JOIN pg_catalog.pg_namespace nspc ON coll.collnamespace=nspc.oid
LEFT OUTER JOIN pg_catalog.pg_sequence seq ON cs.oid=seq.seqrelid
LEFT OUTER JOIN pg_catalog.pg_class tab ON tab.oid=att.attrelid
WHERE att.attrelid = ${customer_360.monthly}::oid AND att.attnum > 0 AND att.attisdropped IS FALSE
ORDER BY att.attnum;
