"""What tools ask a catalog, answered here as PostgreSQL 15 answered it for the same tables."""

from __future__ import annotations

import pytest

from tests.clients.postgres_catalog import differences, golden, replay
from tests.clients.postgres_catalog.answers import Answer
from tests.clients.postgres_catalog.fixtures import fixtures
from tests.clients.postgres_catalog.record import asked

# The share of answers that are alike; it only rises.
FLOOR_PERCENT = 96


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Answer]:
    """What the door answers to each fixture, asked by an ordinary principal of the demo."""
    with replay.door(tmp_path_factory.mktemp("catalog")) as address:
        return asked(address)


def test_every_fixture_has_an_answer_of_postgresql() -> None:
    names = [one.key for one in fixtures()]
    assert len(names) == len(set(names))
    assert set(names) == set(golden.recorded())
    assert {key for key, answer in golden.recorded().items() if answer.refused} == set()


def test_tools_read_what_postgresql_tells_them(answers: dict[str, Answer]) -> None:
    alike = replay.compared(answers, golden.recorded())
    known = differences.known()
    lost = [key for key, same in alike.items() if not same and not known(key)]
    assert lost == [], f"these were alike:\n{replay.table(alike)}"
    assert [key for key, same in alike.items() if same and known(key)] == [], (
        "these are alike now: take them off the list"
    )


def test_most_of_what_tools_ask_is_answered_alike(answers: dict[str, Answer]) -> None:
    alike, every = replay.shares(replay.compared(answers, golden.recorded()))["all"]
    assert 100 * alike / every >= FLOOR_PERCENT
