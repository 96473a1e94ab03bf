"""The recorded answers of the catalog's fixtures are what PostgreSQL 15 says today."""

from __future__ import annotations

from tests.clients.postgres_catalog import golden
from tests.clients.postgres_catalog.peer import postgres
from tests.clients.postgres_catalog.record import asked


def test_the_recorded_answers_are_those_of_postgresql() -> None:
    with postgres() as address:
        answers = asked(address)
    expected = golden.recorded()
    assert [key for key, answer in answers.items() if answer != expected.get(key)] == []
