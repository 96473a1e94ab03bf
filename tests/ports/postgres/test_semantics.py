"""Small statements, answered as PostgreSQL 15 answered them: names, types, texts and SQLSTATEs."""

from __future__ import annotations

import pytest

from tests.ports.postgres.semantics import answers
from tests.ports.postgres.semantics.answers import Answer


@pytest.fixture(scope="module")
def told(postgres: tuple[str, int]) -> dict[str, Answer]:
    """What the door answers."""
    host, port = postgres
    return answers.asked(f"host={host} port={port} user=analyst password=analyst-secret dbname=outport")


def test_every_statement_has_an_answer_of_postgresql() -> None:
    assert list(answers.recorded()) == answers.statements()
    assert set(answers.differences()) <= set(answers.statements())


def test_statements_mean_what_they_mean_in_postgresql(told: dict[str, Answer]) -> None:
    expected = answers.recorded()
    known = answers.differences()
    different = {text for text in told if answers.as_read(told[text]) != answers.as_read(expected[text])}
    assert {text: told[text] for text in different - set(known)} == {}
    assert sorted(set(known) - different) == [], "these are alike now: take them off the list"
