"""The ledger: what is kept of the deployment's own work, by several processes at once, through kills and full disks."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gateway.accounting import ledger
from gateway.accounting.ledger import Brief, Ledger
from gateway.errors import Unavailable
from gateway.ticking import ScriptedClock, read, text

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
WRITER = """
import sys
from pathlib import Path
from gateway.accounting.ledger import Ledger
for number in range(200):
    Ledger(Path(sys.argv[1])).append("refresh", [{"writer": sys.argv[2], "number": number, "of": i} for i in range(2)])
"""


def test_several_processes_append_at_once_and_no_row_is_lost(tmp_path: Path) -> None:
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path), str(one)]) for one in range(4)]
    assert [one.wait(60) for one in writers] == [0, 0, 0, 0]
    rows = Ledger(tmp_path).rows("refresh")
    found = {(row["writer"], row["number"], row["of"]) for row in rows}
    assert (len(rows), len(found)) == (1600, 1600)
    assert [row["at"] for row in rows] == sorted(str(row["at"]) for row in rows)


def test_a_torn_line_is_passed_over_and_the_next_one_is_whole(tmp_path: Path) -> None:
    kept = Ledger(tmp_path)
    kept.append("quality", [{"rule": "a"}])
    (path,) = (tmp_path / ledger.FOLDER).iterdir()
    with path.open("ab") as file:
        file.write(b'{"at":"2026-03-01T12:00:00.000000Z","rule":"to')
    assert [row["rule"] for row in kept.rows("quality")] == ["a"]
    kept.append("quality", [{"rule": "b"}])
    assert [row["rule"] for row in kept.rows("quality")] == ["a", "b"]


def test_lines_that_are_none_of_ours_are_passed_over(tmp_path: Path) -> None:
    kept = Ledger(tmp_path)
    kept.append("quality", [{"rule": "a"}])
    (path,) = (tmp_path / ledger.FOLDER).iterdir()
    with path.open("ab") as file:
        file.write(b'[1]\n{"at": 3}\n\xff\xfe\n' + b"x" * (3 * ledger.LINE_BYTES) + b"\n")
    kept.append("quality", [{"rule": "b"}])
    assert [row["rule"] for row in kept.rows("quality")] == ["a", "b"]


def test_a_full_disk_keeps_all_rows_of_an_append_or_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = Ledger(tmp_path)
    kept.append("quality", [{"rule": "a"}])
    write = os.write

    def full(descriptor: int, body: bytes) -> int:
        if len(body) > 60:
            return write(descriptor, body[:60])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(Unavailable):
        kept.append("quality", [{"rule": "b"}, {"rule": "c"}])
    monkeypatch.undo()
    kept.append("quality", [{"rule": "d"}])
    assert [row["rule"] for row in kept.rows("quality")] == ["a", "d"]


def test_days_that_are_over_are_removed(tmp_path: Path) -> None:
    clock = ScriptedClock(NOON)
    kept = Ledger(tmp_path, clock)
    for day in range(5):
        kept.append("quality", [{"day": day}])
        kept.append("refresh", [{"day": day}])
        clock.advance(timedelta(days=1))
    assert kept.sweep(2) == 2 * 3
    assert [row["day"] for row in kept.rows("quality")] == [3, 4]
    assert kept.sweep(2) == 0


def test_past_its_bytes_a_kind_loses_its_oldest_days_and_no_other_kind_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = ScriptedClock(NOON)
    kept = Ledger(tmp_path, clock)
    for day in range(3):
        kept.append("quality", [{"day": day, "more": "x" * 500}])
        kept.append("refresh", [{"day": day}])
        clock.advance(timedelta(days=1))
    monkeypatch.setattr(ledger, "KIND_BYTES", 1200)
    assert kept.sweep(400) == 1
    assert [row["day"] for row in kept.rows("quality")] == [1, 2]
    assert [row["day"] for row in kept.rows("refresh")] == [0, 1, 2]


def test_rows_since_a_moment_and_a_mark_that_tells_of_new_ones(tmp_path: Path) -> None:
    clock = ScriptedClock(NOON)
    kept = Ledger(tmp_path, clock)
    assert kept.rows("quality") == []
    empty = kept.mark()
    for number in range(3):
        kept.append("quality", [{"number": number}])
        clock.advance(timedelta(hours=20))
    assert [row["number"] for row in kept.rows("quality", NOON + timedelta(hours=20))] == [1, 2]
    mark = kept.mark("quality")
    assert mark != empty
    kept.append("refresh", [{"number": 9}])
    assert kept.mark("quality") == mark
    kept.append("quality", [{"number": 4}])
    assert kept.mark("quality") != mark


def test_only_its_owner_reads_the_ledger(tmp_path: Path) -> None:
    Ledger(tmp_path).append("quality", [{"rule": "a"}])
    folder = tmp_path / ledger.FOLDER
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}


def test_a_kind_is_a_plain_word_and_a_row_is_bounded(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no kind"):
        Ledger(tmp_path).append("../x", [{"a": 1}])
    with pytest.raises(ValueError, match="at most"):
        Ledger(tmp_path).append("quality", [{"a": "x" * ledger.LINE_BYTES}])
    with pytest.raises(ValueError, match="range float"):
        Ledger(tmp_path).append("quality", [{"a": float("nan")}])


def test_moments_as_texts_are_ordered_as_moments_are() -> None:
    assert read(text(NOON)) == NOON
    assert text(NOON) < text(NOON + timedelta(microseconds=1)) < text(NOON + timedelta(seconds=1))
    assert read("2026-03-01T13:00:00+01:00") == read("2026-03-01T12:00:00") == NOON


def test_what_was_not_read_to_its_end_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = ScriptedClock(NOON)
    kept, places = Ledger(tmp_path, clock), dict[str, int]()
    for day in range(2):
        kept.append("quality", [{"day": day}])
        clock.advance(timedelta(days=1))
    after = ledger._after

    def broken(path: Path, place: int) -> tuple[list[dict[str, ledger.Scalar]], int]:
        if f"{NOON + timedelta(days=1):%Y%m%d}" in path.name:
            raise Unavailable("not now", reason="state")
        return after(path, place)

    with monkeypatch.context() as patched:
        patched.setattr(ledger, "_after", broken)
        with pytest.raises(Unavailable):
            kept.follow("quality", places)
    assert [row["day"] for row in kept.follow("quality", places)] == [0, 1]
    assert kept.follow("quality", places) == []


MARCH = datetime(2026, 3, 31, 12, tzinfo=UTC)


def kept_for(tmp_path: Path, clock: ScriptedClock, days: int) -> list[str]:
    """Rows of a kind, one a day, each in a file of its day: what they say, in their order."""
    for number in range(days):
        Ledger(tmp_path, clock).append("hours", [{"row": f"{number}"}])
        clock.advance(timedelta(days=1))
    return [str(number) for number in range(days)]


def _files(kept: Ledger, kind: str) -> list[Path]:
    return [path for _, path in kept._files(kind)]


def said(tmp_path: Path) -> list[object]:
    return [row["row"] for row in Ledger(tmp_path).rows("hours")]


def test_of_months_that_are_over_a_kind_has_one_file_with_the_same_rows(tmp_path: Path) -> None:
    clock = ScriptedClock(MARCH - timedelta(days=70))
    rows = kept_for(tmp_path, clock, 70)
    kept = Ledger(tmp_path, clock)
    places: dict[str, int] = {}
    assert len(kept.follow("hours", places)) == 70
    kept.sweep(400)
    assert said(tmp_path) == rows
    assert sorted(path.name[:14] for path in _files(kept, "hours"))[:2] == ["hours-20260131", "hours-20260228"]
    assert len(_files(kept, "hours")) == 2 + 30, "two months, and the days of this one"
    assert [row["row"] for row in kept.rows("hours", MARCH - timedelta(days=40))] == rows[30:]
    assert kept.follow("hours", places) == [], "what was read before it was put together is not read again"
    kept.sweep(400)
    assert len([*(tmp_path / ledger.FOLDER).iterdir()]) == 32, "the days' own files are gone an hour later"
    assert said(tmp_path) == rows
    assert len(kept.follow("hours", {})) == 70


@pytest.mark.parametrize("moment", ["draft", "named"])
def test_a_sweep_that_is_killed_loses_no_row_and_tells_none_twice(tmp_path: Path, moment: str) -> None:
    clock = ScriptedClock(MARCH - timedelta(days=40))
    rows = kept_for(tmp_path, clock, 40)
    folder = tmp_path / ledger.FOLDER
    if moment == "draft":
        (folder / "hours-20260228-0.draft").write_bytes(b'{"at":"2026-02-20T12:00:00.000000Z","row":"to')
    else:
        Ledger(tmp_path, clock).sweep(400)
    assert said(tmp_path) == rows
    for _ in range(2):
        Ledger(tmp_path, clock).sweep(400)
        assert said(tmp_path) == rows
    assert not [*folder.glob("*.draft")]


def test_where_a_month_cannot_be_put_together_its_days_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = ScriptedClock(MARCH - timedelta(days=40))
    rows = kept_for(tmp_path, clock, 40)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(ledger.os, "fsync", full)
    Ledger(tmp_path, clock).sweep(400)
    assert said(tmp_path) == rows


def test_minutes_go_once_they_are_on_file_as_hours(tmp_path: Path) -> None:
    clock = ScriptedClock(MARCH - timedelta(days=10))
    kept, brief = Ledger(tmp_path, clock), {"minutes": Brief(2, "hours")}
    kept.append("minutes", [{"row": "a"}])
    clock.advance(timedelta(days=5))
    kept.append("minutes", [{"row": "b"}])
    assert kept.sweep(400, brief) == 0
    kept.append("hours", [{"row": "a and b"}])
    assert kept.sweep(400, brief) == 1
    assert [row["row"] for row in kept.rows("minutes")] == ["b"]


def test_the_latest_rows_are_read_first_and_only_those_that_hold_a_word(tmp_path: Path) -> None:
    clock = ScriptedClock(MARCH)
    kept = Ledger(tmp_path, clock)
    for number in range(3):
        kept.append("refresh", [{"product": "a", "n": number}, {"product": "ab", "n": number}])
        clock.advance(timedelta(days=1))
    found = [[row["n"] for row in part] for part in kept.back("refresh", holding="a")]
    assert found == [[2], [1], [0]]
    assert [row["n"] for row in kept.rows("refresh", holding="ab")] == [0, 1, 2]


def test_after_a_clock_was_ahead_what_is_appended_to_a_month_that_was_put_together_is_kept(tmp_path: Path) -> None:
    today = MARCH + timedelta(days=10)
    clock, places = ScriptedClock(today), dict[str, int]()
    kept, ahead = Ledger(tmp_path, clock), Ledger(tmp_path, ScriptedClock(today + timedelta(days=30)))
    kept.append("hours", [{"row": "a"}])
    clock.advance(timedelta(days=1))
    kept.append("hours", [{"row": "b"}])
    assert len(kept.follow("hours", places)) == 2
    for rows in ("c", "d"):
        ahead.sweep(400)
        clock.advance(timedelta(minutes=1))
        kept.append("hours", [{"row": rows}])
        assert [row["row"] for row in kept.follow("hours", places)] == [rows]
    ahead.sweep(400)
    assert [row["row"] for row in kept.rows("hours")] == ["a", "b", "c", "d"]
    assert [row["row"] for row in kept.follow("hours", {})] == ["a", "b", "c", "d"]


def test_a_month_that_is_one_file_is_its_owners_alone(tmp_path: Path) -> None:
    clock = ScriptedClock(MARCH - timedelta(days=40))
    kept_for(tmp_path, clock, 40)
    kept = Ledger(tmp_path, clock)
    kept.sweep(400)
    assert {stat.S_IMODE(path.stat().st_mode) for path in _files(kept, "hours")} == {0o600}


def test_a_month_that_is_large_stays_in_days_so_that_the_oldest_go_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = ScriptedClock(MARCH - timedelta(days=40))
    rows = kept_for(tmp_path, clock, 40)
    kept = Ledger(tmp_path, clock)
    sizes = [path.stat().st_size for path in _files(kept, "hours")]
    monkeypatch.setattr(ledger, "MONTH_BYTES", sizes[0])
    for gone in (5, 7):
        monkeypatch.setattr(ledger, "KIND_BYTES", sum(sizes[gone:]))
        kept.sweep(400)
        assert said(tmp_path) == rows[gone:]
