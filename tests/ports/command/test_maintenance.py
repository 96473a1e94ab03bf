"""`outport maintenance`: declared beforehand, on record, and cancelled."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.accounting.ledger import Ledger
from gateway.service_levels.maintenance import windows
from gateway.ticking import MACHINE
from tests.ports.command.conftest import environ, invoke
from tests.workshop import Workshop


def test_a_window_is_declared_listed_and_cancelled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Workshop(tmp_path).settings
    environ(settings, monkeypatch)
    span = ("--from", "2031-02-01T22:00", "--until", "2031-02-01T23:30", "--reason", "new disks")
    refused = invoke("maintenance", "declare", *span)
    assert (refused.exit_code, "within a year" in refused.stderr) == (1, True)
    now = MACHINE.now()
    soon = ("--from", f"{now.year + 1}-01-01T00:00", "--until", f"{now.year + 1}-01-01T02:00", "--reason", "new disks")
    made = invoke("maintenance", "declare", *soon, "--product", "shop")
    assert made.exit_code == 0, made.stderr
    assert "not served now" in made.stderr
    (one,) = windows(Ledger(settings.state))
    assert (one.products, one.reason, (one.ends - one.begins).total_seconds()) == (("shop",), "new disks", 7200)
    assert one.id in invoke("maintenance", "list").stdout
    assert invoke("maintenance", "cancel", one.id).exit_code == 0
    assert invoke("maintenance", "cancel", one.id).exit_code == 1
    assert sum(file.read_text().count('"maintenance"') for file in settings.audit.glob("*.jsonl")) == 2
