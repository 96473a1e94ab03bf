"""Records what PostgreSQL 15 answers to every fixture: `python -m tests.clients.postgres_catalog.record`."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import psycopg

from tests.clients.postgres_catalog import golden
from tests.clients.postgres_catalog.answers import Answer, Server
from tests.clients.postgres_catalog.fixtures import Fixture, fixtures
from tests.clients.postgres_catalog.peer import postgres


def asked(conninfo: str) -> dict[str, Answer]:
    """Every fixture's answer of one server: each tool in one session, two sessions at a time."""
    tools = {one.tool: [other for other in fixtures() if other.tool == one.tool] for one in fixtures()}
    with ThreadPoolExecutor(2) as pool:
        answers = [answer for part in pool.map(partial(_session, conninfo), tools.values()) for answer in part]
    return dict(answers)


def _session(conninfo: str, questions: Sequence[Fixture]) -> list[tuple[str, Answer]]:
    with psycopg.connect(conninfo, autocommit=True) as connection:
        server = Server(connection.pgconn)
        server.learn()
        return [(one.key, server.ask(one)) for one in questions]


if __name__ == "__main__":
    with postgres() as address:
        golden.write(asked(address))
