"""Sessions of pages that have ended: in every process, after a restart, and for as long as they could have gone on."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from gateway.desks.signed_out import NAME, SignedOut
from gateway.errors import Unavailable


def test_a_session_that_has_ended_in_one_process_has_ended_in_all_and_after_a_restart(tmp_path: Path) -> None:
    first, second = SignedOut(tmp_path), SignedOut(tmp_path)
    assert not second.ended("a")
    first.end("a", time.time() + 60)
    second.end("b", time.time() + 60)
    for one in (first, second, SignedOut(tmp_path)):
        assert [one.ended(session) for session in ("a", "b", "c")] == [True, True, False]
    assert (tmp_path / NAME).stat().st_mode & 0o077 == 0


def test_ended_sessions_are_kept_until_they_are_over_and_so_many_at_most(tmp_path: Path) -> None:
    kept, now = SignedOut(tmp_path, limit=2), time.time()
    kept.end("over", now - 1)
    assert not kept.ended("over")
    for name, left_s in (("long", 90), ("short", 30), ("middle", 60)):
        kept.end(name, now + left_s)
    assert [kept.ended(name) for name in ("long", "short", "middle")] == [True, False, True]


@pytest.mark.parametrize("text", ["{", "[]", '{"a": "b"}'])
def test_where_it_cannot_be_read_who_has_signed_out_nobody_stays_signed_in(tmp_path: Path, text: str) -> None:
    kept = SignedOut(tmp_path)
    kept.end("a", time.time() + 60)
    (tmp_path / NAME).write_text(text)
    assert kept.ended("b")
    with pytest.raises(Unavailable):
        kept.end("b", time.time() + 60)
    (tmp_path / NAME).write_text(json.dumps({"a": time.time() + 60}))
    assert (kept.ended("a"), kept.ended("b")) == (True, False)
    (tmp_path / NAME).unlink()
    assert not kept.ended("a")
