"""Asks the Postgres door every fixture: `python -m tests.clients.postgres_catalog.replay [FILE]` tells what differs."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from gateway import Gateway
from ports.postgres.server import PostgresPort
from tests.clients.postgres_catalog import golden
from tests.clients.postgres_catalog.answers import Answer
from tests.clients.postgres_catalog.fixtures import Fixture, fixtures
from tests.clients.postgres_catalog.record import asked
from tests.clients.postgres_catalog.shelf import SUBJECT, deployed

SHOWN_ROWS = 12


@contextmanager
def door(folder: Path) -> Iterator[str]:
    """Where the principal connects to a Postgres door over the demo's products."""
    gateway = Gateway(deployed(folder))
    port = PostgresPort(gateway)
    port.start()
    host, number = port.address
    yield f"postgresql://{SUBJECT}:{SUBJECT}-demo@{host}:{number}/outport"
    port.stop()
    gateway.close()


def compared(answers: Mapping[str, Answer], expected: Mapping[str, Answer]) -> dict[str, bool]:
    """Whether a client reads the same in both, by fixture."""
    return {key: answers[key].as_read() == expected[key].as_read() for key in expected if key in answers}


def shares(alike: Mapping[str, bool]) -> dict[str, tuple[int, int]]:
    """Of each tool, how many answers are alike, and how many there are; of all under `all`."""
    found: dict[str, tuple[int, int]] = {}
    for key, same in alike.items():
        for tool in (key.partition("/")[0], "all"):
            good, every = found.get(tool, (0, 0))
            found[tool] = good + same, every + 1
    return found


def table(alike: Mapping[str, bool]) -> str:
    """The shares as a Markdown table."""
    found = shares(alike).items()
    lines = [f"| {tool} | {good} of {every} | {100 * good / every:.0f} % |" for tool, (good, every) in found]
    return "\n".join(["| tool | alike | share |", "| --- | --- | --- |", *lines])


def report(answers: Mapping[str, Answer], expected: Mapping[str, Answer]) -> str:
    """The shares, and each fixture that differs with both answers."""
    alike = compared(answers, expected)
    asked_ones = {one.key: one for one in fixtures()}
    parts = [table(alike)]
    parts += [_difference(asked_ones[key], answers[key], expected[key]) for key, same in alike.items() if not same]
    return "\n\n".join(parts) + "\n"


def _difference(fixture: Fixture, found: Answer, expected: Answer) -> str:
    given = f"\nparameters: {list(fixture.parameters)}" if fixture.parameters else ""
    question = f"## {fixture.key}\n```sql\n{fixture.text}\n```{given}"
    return f"{question}\n{_shown('PostgreSQL', expected, found)}\n{_shown('outport', found, expected)}"


def _shown(server: str, answer: Answer, other: Answer) -> str:
    if answer.refused:
        return f"{server}: refused, {answer.refused}"
    columns = "" if answer.as_read().columns == other.as_read().columns else f" {answer.columns}"
    own = [row for row in answer.rows if row not in set(other.rows)]
    lines = [f"    {row}" for row in own[:SHOWN_ROWS]]
    return "\n".join([f"{server}: {len(answer.rows)} rows, {len(own)} of them only here{columns}", *lines])


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place, door(Path(place)) as address:
        text = report(asked(address), golden.recorded())
    if len(sys.argv) > 1:
        Path(sys.argv[1]).write_text(text)
    sys.stdout.write(text.partition("\n\n")[0] + "\n")
