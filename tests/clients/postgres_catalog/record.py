"""Records what PostgreSQL 15 answers to every fixture: `python -m tests.clients.postgres_catalog.record`."""

from __future__ import annotations

import psycopg

from tests.clients.postgres_catalog import golden
from tests.clients.postgres_catalog.answers import Answer, Server
from tests.clients.postgres_catalog.fixtures import fixtures
from tests.clients.postgres_catalog.peer import postgres


def asked(conninfo: str, **parameters: str) -> dict[str, Answer]:
    """Every fixture's answer of one server, in one session."""
    with psycopg.connect(conninfo, autocommit=True, **parameters) as connection:
        server = Server(connection.pgconn)
        server.learn()
        return {one.key: server.ask(one) for one in fixtures()}


if __name__ == "__main__":
    with postgres() as address:
        golden.write(asked(address))
