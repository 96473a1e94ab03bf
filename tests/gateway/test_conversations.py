"""Threads of feedback: who waits, who is told, and what a mean of ratings may say."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gateway.desks.conversations import Feedback, rated, threads

ASKED = Feedback("a", "2031-01-01T00", "shop", "1.0.0", "s", "question", None, "?", "ann", None, "hub")


def word(number: int, kind: str = "answer", by: str = "ann") -> Feedback:
    return replace(ASKED, id=str(number), at=f"2031-01-01T0{number}", kind=kind, subject=by, answers="a")


@pytest.mark.parametrize(
    ("said", "words", "state"),
    [
        (ASKED, [], "open"),
        (ASKED, [word(1)], "open"),
        (ASKED, [word(1, by="bob")], "answered"),
        (ASKED, [word(1, by="bob"), word(2)], "open"),
        (ASKED, [word(1, "closed", "bob")], "closed"),
        (ASKED, [word(1, "closed"), word(2)], "open"),
        (ASKED, [word(1, "closed"), word(2, by="bob")], "answered"),
        (replace(ASKED, kind="praise"), [], "said"),
        (replace(ASKED, kind="praise", rating=5), [], "said"),
        (replace(ASKED, kind="praise", rating=2), [], "open"),
    ],
)
def test_who_has_the_last_word_says_whether_somebody_waits(said: Feedback, words: list[Feedback], state: str) -> None:
    (thread,) = threads([*words, said])
    assert thread.state == state


def test_a_mean_of_ratings_is_told_of_several_alone_and_counts_the_last_of_each() -> None:
    ratings = [replace(ASKED, subject=name, rating=stars) for name, stars in (("ann", 1), ("bob", 4), ("cid", 5))]
    again = replace(ratings[0], at="2031-01-02T00", rating=3)
    assert rated([*ratings[:2], again], 3) is None
    mean = rated([again, *ratings], 3)
    assert mean is not None
    assert (mean.mean, mean.raters) == (4, 3)
