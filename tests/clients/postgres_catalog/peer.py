"""A private PostgreSQL 15 that holds the same tables: where the recorded answers come from."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import psycopg

from benchmarks.postgres import started
from gateway import Gateway
from tests.clients.postgres_catalog import declared
from tests.clients.postgres_catalog.shelf import SUBJECT, deployed

# The last three are what the Postgres door shows too: a transaction sees one snapshot, only reads, and is not compiled.
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "fsync": "off",
    "timezone": "UTC",
    "default_transaction_isolation": "repeatable read",
    "default_transaction_read_only": "on",
    "jit": "off",
}


@contextmanager
def postgres(settings: Mapping[str, str] | None = None) -> Iterator[str]:
    """Where the principal connects to it: the database `outport`, the only one that there is. Raises Absent."""
    with started({**SETTINGS, **(settings or {})}) as running, tempfile.TemporaryDirectory() as folder:
        _make(running.url)
        own = running.url.replace("//postgres@", f"//{declared.OWNER}@").replace("/postgres", "/outport")
        gateway = Gateway(deployed(Path(folder)))
        products = gateway.products(gateway.impersonate(SUBJECT, "postgres"))
        with _writing(own) as door:
            _only_database(door)
            for statement in declared.statements(products, SUBJECT):
                door.execute(statement.encode())
        gateway.close()
        yield own.replace(f"//{declared.OWNER}@", f"//{SUBJECT}@")


def _writing(url: str) -> psycopg.Connection[tuple[object, ...]]:
    return psycopg.connect(url, autocommit=True, options="-c default_transaction_read_only=off")


def _make(url: str) -> None:
    """The role and the database that initdb made get our names: every object is the owner's."""
    maker = url.replace("//postgres@", "//maker@").replace("/postgres", "/template1")
    with _writing(url) as door:
        door.execute("CREATE ROLE maker SUPERUSER LOGIN")
    with _writing(maker) as door:
        door.execute(f"ALTER ROLE postgres RENAME TO {declared.OWNER}".encode())
        door.execute(f"ALTER ROLE {declared.OWNER} NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS".encode())
        door.execute("ALTER DATABASE postgres RENAME TO outport")
        door.execute("COMMENT ON DATABASE outport IS NULL")


def _only_database(door: psycopg.Connection[tuple[object, ...]]) -> None:
    door.execute("DROP ROLE maker")
    door.execute("UPDATE pg_database SET datistemplate = false")
    for name in ("template1", "template0"):
        door.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())
