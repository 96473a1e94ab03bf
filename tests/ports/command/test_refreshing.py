"""The thread of a server that makes products anew: nothing that goes wrong in it ends it."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from gateway.settings import Settings
from ports.command import refreshing
from ports.command.refreshing import RefreshThread


def test_what_nobody_foresaw_ends_no_refreshes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stop, after = threading.Event(), threading.Event()
    looks: list[int] = []

    class Frail:
        """Fails at first."""

        def __init__(self, *_: object) -> None:
            pass

        def recover(self) -> tuple[()]:
            return ()

        def tick(self) -> None:
            looks.append(1)
            if len(looks) < 3:
                raise ValueError("what no room foresaw")
            stop.set()

    monkeypatch.setattr(refreshing, "Refresher", Frail)
    monkeypatch.setattr(refreshing, "EVERY_S", 0.01)
    after.set()
    thread = RefreshThread(Settings(state=tmp_path), stop, after)
    thread.start()
    assert stop.wait(10)
    assert len(looks) == 3
