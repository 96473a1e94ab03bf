"""The recorded answers to statements and in conversations are what PostgreSQL 15 says today."""

from __future__ import annotations

from tests.ports.postgres.semantics import answers, conversations, parameters, record


def test_the_recorded_answers_are_those_of_postgresql() -> None:
    statements, talks, given = record.asked()
    expected = answers.recorded()
    assert {text: told for text, told in statements.items() if told != expected[text]} == {}
    held = conversations.recorded()
    assert {name: told for name, told in talks.items() if told != held[name]} == {}
    values = parameters.recorded()
    assert {name: told for name, told in given.items() if told != values[name]} == {}
