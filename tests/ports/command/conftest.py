"""The command as an operator runs it, on the small world of the tests."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from gateway.settings import Settings
from ports.command.main import app
from tests.conftest import World, build

Outport = Callable[..., Result]


def environ(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Set the environment so that the command takes `settings`."""
    for name in Settings.model_fields:
        monkeypatch.delenv(f"OUTPORT_{name.upper()}", raising=False)
    assert settings.secret_key is not None
    monkeypatch.setenv("OUTPORT_SECRET_KEY", settings.secret_key.get_secret_value())
    for name in (
        "products",
        "policies",
        "state",
        "http_port",
        "flight_port",
        "postgres_port",
        "threads",
        "memory_limit",
    ):
        monkeypatch.setenv(f"OUTPORT_{name.upper()}", str(getattr(settings, name)))


def invoke(*words: str) -> Result:
    """Run the command in this process; an error that it did not expect is raised here."""
    answer = CliRunner().invoke(app, list(words))
    if answer.exception is not None and not isinstance(answer.exception, SystemExit):
        raise answer.exception
    return answer


@pytest.fixture
def outport(world: World, monkeypatch: pytest.MonkeyPatch) -> Outport:
    """The command on the world that the other tests read: change nothing in it."""
    environ(world.settings, monkeypatch)
    return invoke


@pytest.fixture
def own_world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A world of this test's own, for commands that change it."""
    settings = build(tmp_path)
    environ(settings, monkeypatch)
    return settings
