"""What is said of a product, as threads: who asks, who answers, whether somebody still waits. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, get_args

FeedbackKind = Literal["question", "problem", "praise", "request"]
KINDS: tuple[FeedbackKind, ...] = get_args(FeedbackKind)
# Of a thread: it answers what has the id that it names, or ends it.
ANSWER, CLOSED = "answer", "closed"
# These wait for a word of somebody else.
ASKING = frozenset({"question", "problem", "request"})
# Such a rating is one that an owner should hear of.
LOW = 2
State = Literal["open", "answered", "closed", "said"]


@dataclass(frozen=True)
class Feedback:
    """What one said of a product: at a state of it, through a door, with a rating of 1 to 5 or without.

    `answers` is the id of what it answers, "" where it begins a thread; `manages` is set where its writer answers for
    the product.
    """

    id: str
    at: str
    product: str
    version: str
    snapshot: str
    kind: str
    rating: int | None
    text: str
    subject: str
    on_behalf_of: str | None
    port: str
    answers: str = ""
    manages: bool = False


@dataclass(frozen=True)
class Thread:
    """What one said, and what was answered, in the order of time; the word that closes it is one of these."""

    said: Feedback
    answers: tuple[Feedback, ...]

    @property
    def state(self) -> State:
        """Open where its writer waits for an answer: who asked has the last word. Closed until somebody goes on."""
        last = (self.said, *self.answers)[-1]
        if last.kind == CLOSED:
            return "closed"
        if last.subject != self.said.subject:
            return "answered"
        low = self.said.rating is not None and self.said.rating <= LOW
        return "open" if low or self.said.kind in ASKING else "said"

    @property
    def open(self) -> bool:
        """Whether somebody waits."""
        return self.state == "open"

    @property
    def at(self) -> str:
        """When the last word of it was said."""
        return (self.said, *self.answers)[-1].at


def threads(found: Iterable[Feedback]) -> list[Thread]:
    """What was said, with its answers, the thread with the newest word first."""
    answers: dict[str, list[Feedback]] = {}
    begun: list[Feedback] = []
    for one in sorted(found, key=lambda one: one.at):
        if one.answers:
            answers.setdefault(one.answers, []).append(one)
        else:
            begun.append(one)
    return sorted((Thread(one, tuple(answers.get(one.id, ()))) for one in begun), key=lambda one: one.at, reverse=True)


@dataclass(frozen=True)
class Rated:
    """The mean of ratings, each rater's last, and of how many."""

    mean: float
    raters: int


def rated(found: Iterable[Feedback], least: int) -> Rated | None:
    """The mean of ratings; None of fewer raters than `least`, of whom one might tell who said what."""
    last: dict[str, int] = {}
    for one in sorted(found, key=lambda one: one.at):
        if one.rating is not None:
            last[one.subject] = one.rating
    return Rated(sum(last.values()) / len(last), len(last)) if len(last) >= max(1, least) else None
