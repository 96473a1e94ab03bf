"""The shelf of a pushed table: what counts as kept, and pushes beside each other."""

from __future__ import annotations

from pathlib import Path

from gateway.segments import Answer, Shelf


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


def test_what_a_killed_push_has_left_is_nobodys_and_goes(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path / "orders")
    left = shelf.begin().parent / f"{1:012d}-{'a' * 32}-{'b' * 32}.aside"
    left.write_bytes(b"rows")
    assert shelf.aside() == ()
    kept(shelf, b"r", b"a")
    assert not left.exists()
    assert [path.read_bytes() for path in shelf.aside()] == [b"a"]
