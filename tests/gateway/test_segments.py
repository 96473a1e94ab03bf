"""The shelf of a pushed table: what counts as kept, and pushes beside each other."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gateway.contracts import contract
from gateway.files.alone import taken
from gateway.inputs import compaction
from gateway.inputs.segments import Answer, Conflict, Shelf
from gateway.inputs.segments import shelf as shelf_of
from tests.ports.rest.test_pushes import declare
from tests.workshop import Workshop


def kept(shelf: Shelf, rows: bytes, aside: bytes) -> None:
    folder = shelf.begin()
    (folder / "good").write_bytes(rows)
    (folder / "bad").write_bytes(aside)
    with shelf.turn():
        shelf.add("0" * 31 + "1", "1" * 31 + "2", folder / "good", folder / "bad", Answer(1, 1, ()))


def test_rows_that_were_set_aside_count_as_kept(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path / "orders")
    kept(shelf, b"r" * 10, b"a" * 1_000)
    assert shelf.size_bytes() >= 1_010


def test_a_push_begins_while_another_one_ends(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path / "orders")
    shelf.begin()
    # What has gone between that it was listed and that it is looked at.
    (shelf.folder / "work-gone").symlink_to(tmp_path / "nowhere")
    assert shelf.begin().is_dir()


def test_a_push_that_takes_long_is_not_taken_for_a_killed_one(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path / "orders")
    coming, left = shelf.begin(), shelf.begin()
    with (coming / "body").open("wb") as body:
        assert taken(body.fileno())
        for folder in (coming, left):
            os.utime(folder, (0, 0))
        shelf.begin()
    assert coming.is_dir()
    assert not left.exists()


def test_what_a_killed_push_has_left_is_nobodys_and_goes(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path / "orders")
    left = shelf.begin().parent / f"{1:012d}-{'a' * 32}-{'b' * 32}.aside"
    left.write_bytes(b"rows")
    assert shelf.aside() == ()
    kept(shelf, b"r", b"a")
    assert not left.exists()
    assert [path.read_bytes() for path in shelf.aside()] == [b"a"]


ANSWERED = Answer(2, 1, (("id.type", 1),))


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def pushed(shelf: Shelf, number: int, kind: pa.DataType = pa.int64()) -> None:  # noqa: B008  a value
    """Two rows and one that was set aside, under a key of their own."""
    folder = shelf.begin()
    pq.write_table(pa.table({"id": pa.array([2 * number, 2 * number + 1], kind)}), folder / "good")
    pq.write_table(pa.table({"$rules": ["id.type"], "id": [f"bad {number}"]}), folder / "bad")
    with shelf.turn():
        answer = Answer(2, 1, (("id.type", 1),))
        shelf.add(digest(f"key {number}"), digest(f"body {number}"), folder / "good", folder / "bad", answer)


def read(paths: tuple[Path, ...], name: str = "id") -> list[Any]:
    return [value for path in paths for value in pq.read_table(path).column(name).to_pylist()]


def whole(shelf: Shelf, count: int) -> None:
    """Nothing of `count` pushes is lost or doubled, rows stand in their order, and each key has its answer."""
    assert read(shelf.pushed()) == list(range(2 * count))
    assert read(shelf.aside()) == [f"bad {number}" for number in range(count)]
    assert sum(one.rows for one in shelf.answers()) == 2 * count
    assert sum(dict(one.broken)["id.type"] for one in shelf.answers()) == count
    for number in range(count):
        known = shelf.answered(digest(f"key {number}"), digest(f"body {number}"))
        assert known == Answer(2, 1, (("id.type", 1),))
        with pytest.raises(Conflict):
            shelf.answered(digest(f"key {number}"), digest("another body"))
    assert shelf.answered(digest("another key"), digest("body 0")) is None


def test_many_small_segments_become_few_of_which_nothing_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compaction, "MANY", 3)
    shelf = Shelf(tmp_path / "orders")
    for number in range(8):
        pushed(shelf, number)
        compaction.merge(shelf)
        whole(shelf, number + 1)
    # One of seven, and one that is too few: pushes, what stands beside them, and the lock.
    assert [path.name[:12] for path in shelf.pushed()] == [f"{place:012d}" for place in (7, 8)]
    assert len([one for one in shelf.folder.iterdir() if one.is_file()]) == 4 + 3 + 1


def test_segments_of_other_columns_or_big_ones_are_not_merged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compaction, "MANY", 3)
    shelf = Shelf(tmp_path / "orders")
    for number in range(6):
        pushed(shelf, number, pa.int32() if number == 2 else pa.int64())
    compaction.merge(shelf)
    assert len(shelf.pushed()) == 4
    whole(shelf, 6)
    monkeypatch.setattr(compaction, "ENOUGH_BYTES", 100)
    pushed(shelf, 6)
    pushed(shelf, 7)
    pushed(shelf, 8)
    compaction.merge(shelf)
    assert len(shelf.pushed()) == 7


class Killed(BaseException):
    """The process ends here."""


def steps(monkeypatch: pytest.MonkeyPatch, left: Iterator[int]) -> None:
    """Each change of a shelf's folder takes one step; the process ends where there is none left."""

    def counted(change: Any) -> Any:
        def changed(self: Path, *given: Any, **more: Any) -> Any:
            if "work-" not in str(given[0] if given else self) and next(left, None) is None:
                raise Killed
            return change(self, *given, **more)

        return changed

    for name in ("replace", "unlink"):
        monkeypatch.setattr(Path, name, counted(getattr(Path, name)))


@pytest.mark.parametrize("last", range(14))
def test_a_merge_that_is_killed_anywhere_loses_and_doubles_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, last: int
) -> None:
    monkeypatch.setattr(compaction, "MANY", 3)
    shelf = Shelf(tmp_path / "orders")
    for number in range(3):
        pushed(shelf, number)
    with monkeypatch.context() as patched:
        steps(patched, iter(range(last)))
        if last == 13:
            compaction.merge(shelf)
        else:
            with pytest.raises(Killed):
                compaction.merge(shelf)
    whole(shelf, 3)
    pushed(shelf, 3)
    whole(shelf, 4)
    compaction.merge(shelf)
    whole(shelf, 4)
    assert len(shelf.pushed()) <= 2
    known = {path.with_suffix("").name for path in shelf.pushed()}
    assert {name.partition(".")[0] for name in os.listdir(shelf.folder) if name[0] == "0"} == known


def test_a_publication_merges_so_much_and_the_next_one_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shop = Workshop(tmp_path)
    declare(shop, "append")
    product = contract.load(shop.settings.products / "sales")
    home = shelf_of(shop.settings.state, "sales", "till", "orders")
    for number in range(9):
        pushed(home, number)
    monkeypatch.setattr(compaction, "MANY", 2)
    monkeypatch.setattr(compaction, "AT_ONCE", 4)
    left = []
    for _ in range(4):
        compaction.compact(shop.settings.state, product)
        left.append(len(home.pushed()))
        whole(home, 9)
    assert left == [6, 3, 1, 1]


def known(shelf: Shelf, count: int) -> list[int]:
    """The pushes whose keys are known."""
    return [n for n in range(count) if shelf.answered(digest(f"key {n}"), digest(f"body {n}")) == ANSWERED]


def test_keys_of_merged_pushes_are_forgotten_after_thirty_days_and_nothing_else_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compaction, "MANY", 3)
    shop = Workshop(tmp_path)
    declare(shop, "append")
    product = contract.load(shop.settings.products / "sales")
    shelf = shelf_of(shop.settings.state, "sales", "till", "orders")
    now = int(time.time())
    for number, days in enumerate((40, 31, 20, 0)):
        pushed(shelf, number)
        answer = shelf.pushed()[-1].with_suffix(".json")
        os.utime(answer, (now - days * 86_400, now - days * 86_400))
    compaction.merge(shelf)
    (keys,) = shelf.folder.glob("*.keys")
    whole(shelf, 4)
    with monkeypatch.context() as patched:
        steps(patched, iter(()))
        patched.setattr(shutil, "rmtree", lambda *_, **__: None)
        with pytest.raises(Killed):
            compaction.compact(shop.settings.state, product)
    whole(shelf, 4)
    compaction.compact(shop.settings.state, product)
    assert known(shelf, 4) == [2, 3]
    # They are kept as they were when there are more.
    for number in (4, 5):
        pushed(shelf, number)
    compaction.compact(shop.settings.state, product)
    assert known(shelf, 6) == [2, 3, 4, 5]
    with shelf.turn():
        shelf.forget(now + 32 * 86_400)
    assert known(shelf, 6) == []
    (keys,) = shelf.folder.glob("*.keys")
    assert keys.stat().st_size == 0
    assert read(shelf.pushed()) == list(range(12))
    assert sum(one.rows for one in shelf.answers()) == 12
    for number in (6, 7):
        pushed(shelf, number)
    compaction.merge(shelf)
    assert known(shelf, 8) == [6, 7]


def test_keys_of_before_their_moment_was_kept_count_from_when_they_were_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compaction, "MANY", 3)
    shelf = Shelf(tmp_path / "orders")
    for number in range(3):
        pushed(shelf, number)
    compaction.merge(shelf)
    (keys,) = shelf.folder.glob("*.keys")
    now = time.time()
    keys.write_bytes(re.sub(rb"\t\d+", b"", keys.read_bytes()))
    assert known(shelf, 3) == [0, 1, 2]
    for age_days, left in ((29, [0, 1, 2]), (32, [])):
        os.utime(keys, (now - age_days * 86_400,) * 2)
        with shelf.turn():
            shelf.forget(now)
        assert known(shelf, 3) == left
