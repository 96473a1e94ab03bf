"""A push on its way to a disk that is full."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path

import pytest

from gateway.desks.intake import Push
from gateway.errors import Unavailable


@pytest.mark.parametrize("buffering", [1, 1 << 20])
def test_a_full_disk_is_no_defect_and_nothing_is_left_of_the_push(tmp_path: Path, buffering: int) -> None:
    push = Push.__new__(Push)
    push.folder = tmp_path / "work"
    push.folder.mkdir()
    push._digest = hashlib.sha256()
    push._file = io.BufferedWriter(io.FileIO("/dev/full", "w"), buffering)

    def sent() -> None:
        push.write(b"row")
        push.keep()

    with pytest.raises(Unavailable):
        sent()
    push.discard()
    assert not push.folder.exists()
