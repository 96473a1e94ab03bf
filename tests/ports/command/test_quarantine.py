"""`outport quarantine`: what was set aside of a product's inputs, for who operates the deployment."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.gateway.test_arriving import BROKEN, declare
from tests.ports.command.conftest import environ, invoke
from tests.workshop import Workshop


def test_what_was_set_aside_is_told_by_rule_and_with_its_rows_when_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = Workshop(tmp_path)
    declare(shop, limit=6)
    snapshot = shop.publish("sales")
    environ(shop.settings, monkeypatch)
    told = invoke("quarantine", "sales")
    assert told.exit_code == 0
    assert told.stdout.strip() == f"raw.orders: 6 of 7 rows (snapshot {snapshot.id})"
    assert set(told.stderr.splitlines()) == {f"{rule}: {count}" for rule, count in BROKEN.items()}
    shown = invoke("quarantine", "sales", "--rows").stdout
    assert "SECRET" not in told.output
    assert "SECRET" in shown
    files = shop.settings.audit.glob("*.jsonl")
    records = [json.loads(line) for file in files for line in file.read_text().splitlines()]
    acts = [(one["action"], one["what"]) for one in records if one["event"] == "product_managed"]
    assert acts == [("quarantine", "raw.orders: 6 rows")] * 2
    unknown = invoke("quarantine", "nothing")
    assert (unknown.exit_code, "not served" in unknown.stderr) == (1, True)
