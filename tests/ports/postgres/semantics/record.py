"""Records what PostgreSQL 15 answers: `python -m tests.ports.postgres.semantics.record`."""

from __future__ import annotations

from benchmarks.postgres import started
from tests.ports.postgres.semantics import answers

SETTINGS = {"listen_addresses": "127.0.0.1", "unix_socket_directories": "", "fsync": "off", "timezone": "UTC"}


def main() -> None:
    """Ask a private server, and keep its answers."""
    with started(SETTINGS) as running:
        answers.write(answers.asked(running.url))


if __name__ == "__main__":
    main()
