"""Records what PostgreSQL 15 answers: `python -m tests.ports.postgres.semantics.record`."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from urllib.parse import urlsplit

import psycopg

from benchmarks.postgres import started
from tests.ports.postgres.conftest import Raw, eventually
from tests.ports.postgres.semantics import answers, conversations, parameters
from tests.ports.postgres.semantics.answers import Answer
from tests.ports.postgres.semantics.conversations import Said

SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "fsync": "off",
    "timezone": "UTC",
    "default_transaction_isolation": "repeatable read",
}


def asked() -> tuple[Mapping[str, Answer], Mapping[str, Said], Mapping[str, parameters.Said]]:
    """What a private server says to every statement, in every conversation, to every parameter. Raises Absent."""
    with started(SETTINGS) as running:
        eventually(lambda: _is_up(running.url))
        found = answers.asked(running.url)
        with psycopg.connect(running.url, autocommit=True) as door:
            door.execute("CREATE TABLE t (a int)")
        values = parameters.said(lambda: _read_only(running.url), {})
        # Asked again with the binary forms that it gave.
        again = parameters.said(lambda: _read_only(running.url), values)
        return found, conversations.held(lambda: _read_only(running.url)), again


def _is_up(url: str) -> bool:
    try:
        psycopg.connect(url).close()
    except psycopg.OperationalError:  # it listens while it starts
        return False
    return True


def _read_only(url: str) -> Raw:
    """A connection that may only read, to a server that trusts whoever comes."""
    address = urlsplit(url)
    client = Raw((str(address.hostname), int(address.port or 0)))
    given = {"user": address.username, "database": "postgres", "options": "-c default_transaction_read_only=on"}
    body = struct.pack("!i", 196608) + b"".join(f"{name}\0{value}\0".encode() for name, value in given.items()) + b"\0"
    client.socket.sendall(struct.pack("!i", len(body) + 4) + body)
    client.until_ready()
    return client


if __name__ == "__main__":
    statements, talks, given = asked()
    answers.write(statements)
    conversations.write(talks)
    parameters.write(given)
