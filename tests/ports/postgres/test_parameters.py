"""Every type as a parameter, in text and in binary, is read back in both as PostgreSQL 15 says it."""

from __future__ import annotations

import pytest

from tests.ports.postgres.conftest import Raw
from tests.ports.postgres.semantics import parameters
from tests.ports.postgres.semantics.parameters import Said


@pytest.fixture(scope="module")
def told(postgres: tuple[str, int]) -> dict[str, Said]:
    """What the door says."""

    def connect() -> Raw:
        client = Raw(postgres)
        client.start()
        return client

    return parameters.said(connect, parameters.recorded())


def test_every_value_has_an_answer_of_postgresql() -> None:
    assert list(parameters.recorded()) == [f"{name} {text}" for name, _, text in parameters.cases()]
    assert set(parameters.differences()) <= set(parameters.recorded())


def test_values_are_read_back_as_postgresql_says_them(told: dict[str, Said]) -> None:
    expected, known = parameters.recorded(), parameters.differences()
    different = {key for key in told if told[key] != expected[key]}
    assert {key: told[key] for key in different - set(known)} == {}
    assert sorted(set(known) - different) == [], "these are alike now: take them off the list"
