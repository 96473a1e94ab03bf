"""Relations of a catalog engine that follow from others, or from the connection that asks, as DuckDB views. Pure.

What a connection knows is in its variable `outport`: its settings by name, and under names with blanks before them its
process, its search path and the like.
"""

from __future__ import annotations

from collections.abc import Mapping

from gateway.sql.duck import quote
from gateway.system_catalogs.pg_relations import CATALOG, INFORMATION, Place, Relation
from gateway.system_catalogs.pg_rows import DATABASE, DATABASE_OID, OWNER, OWNER_OID
from gateway.system_catalogs.pg_types import held_in

_SUBJECT = "getvariable('outport')['  user']"
_SUBJECT_OID = "getvariable('outport')['  subject']::UINTEGER"
# The roles that every PostgreSQL 15 has; nobody here is a member of one.
_PREDEFINED = """
(3373, 'pg_monitor'), (3374, 'pg_read_all_settings'), (3375, 'pg_read_all_stats'), (3377, 'pg_stat_scan_tables'),
(4200, 'pg_signal_backend'), (4544, 'pg_checkpoint'), (4569, 'pg_read_server_files'), (4570, 'pg_write_server_files'),
(4571, 'pg_execute_server_program'), (6171, 'pg_database_owner'), (6181, 'pg_read_all_data'),
(6182, 'pg_write_all_data')
"""
_ROLES = (
    f"(SELECT {OWNER_OID}::UINTEGER AS m_oid, '{OWNER}' AS m_name, true AS m_owner, true AS m_login UNION ALL "
    f"SELECT {_SUBJECT_OID}, {_SUBJECT}, false, true WHERE {_SUBJECT} <> '{OWNER}' UNION ALL "
    f"SELECT m_p.oid, m_p.name, false, false FROM (VALUES {_PREDEFINED.strip()}) AS m_p(oid, name)) AS m_r"
)
_TABLES = "pg.pg_class AS m_c JOIN pg.pg_namespace AS m_n ON m_n.oid = m_c.relnamespace"
_OWN_TABLES = f"{_TABLES} WHERE m_c.relkind = 'r' AND m_c.oid >= 16384"
_GRANT = {
    "grantor": f"'{OWNER}'", "grantee": _SUBJECT, "table_catalog": f"'{DATABASE}'", "table_schema": "m_n.nspname",
    "table_name": "m_c.relname", "privilege_type": "'SELECT'", "is_grantable": "'NO'", "with_hierarchy": "'YES'",
}  # fmt: skip
_COLUMNS = (
    f"{_TABLES} JOIN pg.pg_attribute AS m_a ON m_a.attrelid = m_c.oid WHERE m_c.relkind = 'r' AND m_c.oid >= 16384"
)
_COLUMN_GRANT = {**_GRANT, "column_name": "m_a.attname"}
_TABLE = {"schemaname": "m_n.nspname", "tablename": "m_c.relname", "tableowner": f"'{OWNER}'"}

_NO_COUNTS = dict.fromkeys(("seq_scan", "seq_tup_read", "n_live_tup", "n_dead_tup", "n_mod_since_analyze"), "0")

# Place -> what its columns are, and where they come from; other columns have nothing in them.
VIEWS: Mapping[Place, tuple[Mapping[str, str], str]] = {
    (CATALOG, "pg_roles"): (
        {"oid": "m_r.m_oid", "rolname": "m_r.m_name", "rolsuper": "m_r.m_owner", "rolinherit": "true",
         "rolcreaterole": "false", "rolcreatedb": "false", "rolcanlogin": "m_r.m_login", "rolreplication": "false",
         "rolconnlimit": "-1", "rolpassword": "'********'", "rolbypassrls": "false"}, _ROLES,
    ),
    (CATALOG, "pg_user"): (
        {"usename": "m_r.m_name", "usesysid": "m_r.m_oid", "usecreatedb": "false", "usesuper": "m_r.m_owner",
         "userepl": "false", "usebypassrls": "false", "passwd": "'********'"}, f"{_ROLES} WHERE m_r.m_login",
    ),
    (CATALOG, "pg_settings"): (
        {"name": "m_e.key", "setting": "m_e.value", "category": "'Settings'", "short_desc": "''", "context": "'user'",
         "vartype": "'string'", "source": "'default'", "boot_val": "m_e.value", "reset_val": "m_e.value",
         "pending_restart": "false"},
        "(SELECT unnest(map_entries(getvariable('outport')), recursive := true)) AS m_e WHERE m_e.key[1] <> ' '",
    ),
    (CATALOG, "pg_stat_activity"): (
        {"datid": str(DATABASE_OID), "datname": f"'{DATABASE}'", "pid": "getvariable('outport')['  pid']::INTEGER",
         "usesysid": _SUBJECT_OID, "usename": _SUBJECT,
         "application_name": "getvariable('outport')['application_name']",
         "backend_start": "now()", "xact_start": "now()", "query_start": "now()", "state_change": "now()",
         "state": "'active'", "query": "''", "backend_type": "'client backend'"}, "(SELECT 1) AS m_o",
    ),
    (CATALOG, "pg_tables"): (
        {**_TABLE, "hasindexes": "m_c.relhasindex", "hasrules": "m_c.relhasrules", "hastriggers": "m_c.relhastriggers",
         "rowsecurity": "m_c.relrowsecurity"}, f"{_TABLES} WHERE m_c.relkind IN ('r', 'p')",
    ),
    (CATALOG, "pg_views"): (
        {"schemaname": "m_n.nspname", "viewname": "m_c.relname", "viewowner": f"'{OWNER}'"},
        f"{_TABLES} WHERE m_c.relkind = 'v'",
    ),
    (CATALOG, "pg_indexes"): (
        {"schemaname": "m_n.nspname", "tablename": "m_c.relname", "indexname": "m_x.relname",
         "indexdef": "cat_pg_get_indexdef(m_x.oid)"},
        f"{_TABLES} JOIN pg.pg_index AS m_i ON m_i.indrelid = m_c.oid JOIN pg.pg_class AS m_x ON m_x.oid = "
        "m_i.indexrelid",
    ),
    **{
        (CATALOG, f"pg_stat_{name}_tables"): (
            {"relid": "m_c.oid", "schemaname": "m_n.nspname", "relname": "m_c.relname", **_NO_COUNTS}, _OWN_TABLES,
        )
        for name in ("user", "all")
    },
    (INFORMATION, "enabled_roles"): ({"role_name": _SUBJECT}, "(SELECT 1) AS m_o"),
    **{(INFORMATION, name): (_GRANT, _OWN_TABLES) for name in ("table_privileges", "role_table_grants")},
    **{(INFORMATION, name): (_COLUMN_GRANT, _COLUMNS) for name in ("column_privileges", "role_column_grants")},
}  # fmt: skip


# The same relations with what the connection's principal may do to what is not PostgreSQL's own.
GRANTED: Mapping[str, str] = {
    "pg_class": f"""SELECT m_c.* REPLACE (CASE WHEN m_c.oid >= 16384 AND m_c.relkind = 'r'
      THEN ['{OWNER}=arwdDxt/{OWNER}', {_SUBJECT} || '=r/{OWNER}'] ELSE m_c.relacl END AS relacl)
      FROM pg.pg_class AS m_c""",
    "pg_namespace": f"""SELECT m_n.* REPLACE (CASE WHEN m_n.oid >= 16384
      THEN ['{OWNER}=UC/{OWNER}', {_SUBJECT} || '=U/{OWNER}'] ELSE m_n.nspacl END AS nspacl)
      FROM pg.pg_namespace AS m_n""",
}


def granted() -> list[str]:
    """What makes GRANTED, in a schema of their own."""
    return [f"CREATE VIEW x.{name} AS {body}" for name, body in GRANTED.items()]


def path(place: Place) -> tuple[str, str]:
    """Schema and name of a relation inside a catalog engine, as a client's statement reads it."""
    if place[0] == CATALOG and place[1] in GRANTED:
        return ("x", place[1])
    return ("pg" if place[0] == CATALOG else "info", place[1])


def statement(one: Relation) -> str:
    """What makes a relation: a view where it follows from others, else an empty table."""
    name = f"{'pg' if one.schema == CATALOG else 'info'}.{quote(one.name)}"
    if one.place not in VIEWS:
        columns = ", ".join(f"{quote(column.name)} {held_in(column.type)}" for column in one.columns)
        return f"CREATE TABLE {name} ({columns})"
    values, source = VIEWS[one.place]
    columns = ", ".join(
        f"CAST({values.get(column.name, 'NULL')} AS {held_in(column.type)}) AS {quote(column.name)}"
        for column in one.columns
    )
    return f"CREATE VIEW {name} AS SELECT {columns} FROM {source}"


def after(one: Relation) -> bool:
    """Whether a relation follows from others, and is made behind them."""
    return one.place in VIEWS
