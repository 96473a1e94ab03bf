"""Conversations, answered message by message as PostgreSQL 15 answered them."""

from __future__ import annotations

import pytest

from tests.ports.postgres.conftest import Raw
from tests.ports.postgres.semantics import conversations
from tests.ports.postgres.semantics.conversations import Said


@pytest.fixture(scope="module")
def told(postgres: tuple[str, int]) -> dict[str, Said]:
    """What the door says."""

    def connect() -> Raw:
        client = Raw(postgres)
        client.start()
        return client

    return conversations.held(connect)


def test_every_conversation_has_an_answer_of_postgresql() -> None:
    assert list(conversations.recorded()) == list(conversations.conversations())
    assert set(conversations.differences()) <= set(conversations.conversations())


def test_conversations_go_as_they_go_with_postgresql(told: dict[str, Said]) -> None:
    expected, known = conversations.recorded(), conversations.differences()
    different = {name for name in told if told[name] != expected[name]}
    assert {name: told[name] for name in different - set(known)} == {}
    assert sorted(set(known) - different) == [], "these are alike now: take them off the list"
