"""A push on its way to a disk that is full."""

from __future__ import annotations

import errno
import hashlib
import io
from pathlib import Path

import pyarrow as pa
import pyarrow.ipc as ipc
import pytest

from gateway.desks.intake import Push
from gateway.errors import Unavailable
from gateway.inputs import arrow_bodies


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


def test_rows_that_a_full_disk_does_not_take_are_not_said_to_be_no_rows(tmp_path: Path) -> None:
    table = pa.table({"id": range(1_000)})
    with ipc.new_stream(str(tmp_path / "came"), table.schema) as sent:
        sent.write_table(table)
    with pytest.raises(OSError, match=rf"rrno {errno.ENOSPC}") as refusal:
        arrow_bodies.to_parquet(tmp_path / "came", Path("/dev/full"))
    assert refusal.value.errno == errno.ENOSPC
