"""The threads of `outport serve`: a defect in one look is told and does not end the looking."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from gateway.service_levels.slo_told import evaluator
from gateway.service_levels.slo_watch import Watch
from gateway.settings import Settings
from ports.command import alerting, filing, refreshing

SECRET = "a secret of the alerts, 32 bytes"


def twice(stop: threading.Event) -> tuple[Callable[..., Any], list[int]]:
    """Something that has a defect at first, and stops its thread the second time."""
    asked: list[int] = []

    def work(*_: object) -> None:
        asked.append(1)
        if len(asked) == 1:
            raise RuntimeError("a defect")
        stop.set()

    return work, asked


def settings(folder: Path) -> Settings:
    (folder / "secret").write_text(SECRET)
    secret = folder / "secret"
    return Settings(state=folder, slo_s=0.01, alert_urls="https://192.0.2.1/hook", alert_secret_file=secret)


def ended(stop: threading.Event, asked: list[int], caplog: pytest.LogCaptureFixture) -> None:
    assert stop.wait(60), "the thread has ended"
    assert len(asked) == 2
    assert "a defect" in caplog.text


def test_alerts_are_looked_for_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    stop = threading.Event()
    work, asked = twice(stop)
    monkeypatch.setattr(alerting.Sender, "begin", work)
    monkeypatch.setattr(alerting, "EVERY_S", 0.01)
    with caplog.at_level(logging.ERROR):
        alerting.AlertThread(settings(tmp_path), stop).start()
        ended(stop, asked, caplog)


def test_refreshes_are_looked_for_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    stop, after = threading.Event(), threading.Event()
    after.set()
    work, asked = twice(stop)
    monkeypatch.setattr(refreshing.Refresher, "tick", work)
    monkeypatch.setattr(refreshing, "EVERY_S", 0.01)
    with caplog.at_level(logging.ERROR):
        refreshing.RefreshThread(settings(tmp_path), stop, after).start()
        ended(stop, asked, caplog)


def test_what_was_counted_is_filed_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    stop = threading.Event()
    work, asked = twice(stop)

    class Counting:
        def __init__(self) -> None:
            self.settings, self.tally = settings(tmp_path), self
            self.flush = work

    with caplog.at_level(logging.ERROR):
        filing.Filing(Counting(), stop).start()  # type: ignore[arg-type]
        ended(stop, asked, caplog)


class Twice:
    """A clock by which one looks once and is stopped then."""

    def __init__(self) -> None:
        self.waited = 0

    def now(self) -> datetime:
        return datetime(2026, 3, 1, tzinfo=UTC)

    def wait(self, stop: threading.Event, seconds: float) -> bool:
        self.waited += 1
        if self.waited > 1:
            stop.set()
        return stop.is_set()


def test_of_two_servers_of_one_state_folder_one_looks_at_promises(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[Watch] = []
    monkeypatch.setattr(Watch, "look", lambda watch: looked.append(watch))
    monkeypatch.setattr(filing.Watching, "_score", lambda _: None)

    def run() -> int:
        thread = filing.Watching(settings(tmp_path), threading.Event(), Twice())
        thread.start()
        thread.join()
        return len(looked)

    with evaluator(tmp_path):
        assert run() == 0
    assert run() == 1
