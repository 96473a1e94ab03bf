"""What processes of one deployment tell and ask each other."""

from __future__ import annotations

import pytest

from gateway.serving.siblings import Message, Siblings
from gateway.settings import shared_memory


def linked(count: int) -> list[Siblings]:
    """Siblings whose supervisor passes everything on at once."""
    every: list[Siblings] = []

    def passed_on(message: Message) -> None:
        if message.kind == "reply":
            every[message.index].receive(message)
            return
        for one in every:
            if one.index != message.index:
                one.receive(message)

    every += [Siblings(index, count, passed_on) for index in range(count)]
    return every


def test_what_one_tells_the_others_hear() -> None:
    first, second, third = linked(3)
    heard: list[tuple[int, bytes]] = []
    for one in (first, second, third):
        one.on("news", lambda body, index=one.index: heard.append((index, body)) or b"")  # type: ignore[misc, func-returns-value]
    second.tell("news", b"a")
    assert heard == [(0, b"a"), (2, b"a")]
    first.tell("what nobody listens to", b"b")
    assert len(heard) == 2


def test_what_one_asks_the_others_answer() -> None:
    first, second, third = linked(3)
    for one in (second, third):
        one.on("who", lambda body, index=one.index: body + str(index).encode())  # type: ignore[misc]
    assert sorted(first.ask("who", b"I am ", 5)) == [b"I am 1", b"I am 2"]
    assert second.ask("who", b"", 5) == [b"", b"2"]


def test_who_does_not_answer_is_not_waited_for_long() -> None:
    silent = Siblings(0, 2, lambda _: None)
    assert silent.ask("who", b"", 0.01) == []


def test_a_hearer_that_fails_hears_the_next_too(caplog: pytest.LogCaptureFixture) -> None:
    first, second = linked(2)
    second.on("number", lambda body: str(int(body) + 1).encode())
    assert first.ask("number", b"x", 5) == [b""]
    assert "about number" in caplog.text
    assert first.ask("number", b"1", 5) == [b"2"]


def test_who_serves_alone_has_nobody_to_tell() -> None:
    alone = Siblings()
    alone.tell("news", b"a")
    assert alone.ask("who", b"", 5) == []


def test_the_engines_share_the_memory() -> None:
    assert shared_memory("4GB", 1) == "4GB"
    assert shared_memory("3GB", 2) == "1.5GB"
    assert shared_memory("512 MiB", 4) == "128 MiB"
