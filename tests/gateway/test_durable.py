"""What is written durably is there whole or not at all, in an order that a loss of power cannot turn."""

from __future__ import annotations

import os
import stat
import threading
from pathlib import Path

import pytest

from gateway.files import alone, durable


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What reaches the disk, in order: contents of files, names, names in a folder."""
    steps: list[str] = []
    sync, replace = os.fsync, Path.replace

    def fsync(descriptor: int) -> None:
        steps.append("folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file")
        sync(descriptor)

    def renamed(self: Path, target: Path) -> Path:
        steps.append("name")
        return replace(self, target)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(Path, "replace", renamed)
    return steps


def test_a_name_is_given_to_what_is_on_the_disk_already(tmp_path: Path, told: list[str]) -> None:
    durable.replace(tmp_path / "one", b"first")
    assert told == ["file", "name", "folder"]
    told.clear()
    (tmp_path / "two").write_bytes(b"second")
    durable.place(tmp_path / "two", tmp_path / "one")
    assert told == ["file", "name", "folder"]
    assert (tmp_path / "one").read_bytes() == b"second"


def test_only_the_owner_reads_what_nobody_else_is_to(tmp_path: Path) -> None:
    modes = {"own": 0o600, "shared": 0o644}
    for name, mode in modes.items():
        durable.replace(tmp_path / name, b"", mode)
    assert {name: stat.S_IMODE((tmp_path / name).stat().st_mode) for name in modes} == modes


def halfway(path: Path) -> None:
    with durable.replacing(path) as stream:
        stream.write(b"aft")
        raise KeyboardInterrupt


def test_a_file_that_could_not_be_written_is_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "one"
    durable.replace(path, b"before")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        durable.replace(path, b"after")
    with pytest.raises(KeyboardInterrupt):
        halfway(path)
    assert path.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [path]


def test_of_two_that_create_a_file_the_first_does(tmp_path: Path) -> None:
    assert durable.create(tmp_path / "one", b"first")
    assert not durable.create(tmp_path / "one", b"second")
    assert (tmp_path / "one").read_bytes() == b"first"
    assert list(tmp_path.iterdir()) == [tmp_path / "one"]


def test_a_turn_waits_for_the_one_before(tmp_path: Path) -> None:
    order: list[str] = []
    waiting = threading.Event()

    def second() -> None:
        waiting.set()
        with alone.turn(tmp_path / "lock"):
            order.append("second")

    thread = threading.Thread(target=second)
    with alone.turn(tmp_path / "lock"), alone.alone(tmp_path / "lock") as ours:
        assert not ours
        thread.start()
        assert waiting.wait(20)
        order.append("first")
    thread.join(20)
    assert order == ["first", "second"]
