"""What a door answered to one request, as bytes and in the few words that a judge needs. Pure; touches nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

# gone: no answer, or the connection broke; failed: the server said that it has a defect.
Outcome = Literal["answered", "refused", "failed", "gone"]


@dataclass(frozen=True)
class Reply:
    """One answer. `data` is every byte that was received, `rows` and `first` (the first cell's text) are of answers.

    `words` are a refusal's code and message, without ids and hints.
    """

    outcome: Outcome
    data: bytes = b""
    words: str = ""
    rows: int = 0
    first: str | None = None


class Client(Protocol):
    """A client of one door. It connects again where a connection has broken."""

    def ask(self, text: str) -> Reply:
        """The answer to one statement."""

    def close(self) -> None:
        """End it."""


class CannotConnect(Exception):
    """A door does not answer, or does not take the credentials."""
