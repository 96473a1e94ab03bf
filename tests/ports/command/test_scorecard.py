"""`outport scorecard`: what was spent and sent, and which use cases were seen, for who operates the deployment."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from gateway.accounting.ledger import Ledger
from gateway.accounting.observations import Counted, Minute, Numbers
from gateway.publication.publish import publish
from gateway.ticking import MACHINE
from tests.ports.command.conftest import environ, invoke
from tests.workshop import KEY, Workshop


def test_cpu_bytes_and_use_cases_are_printed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shop = Workshop(tmp_path)
    declared = {"consumers": [{"name": "planning"}, {"name": "ann"}, {"name": "finance"}]}
    folder = shop.declare("shop", {"sales": {"id": KEY}}, data={"sales": pa.table({"id": [1]})}, custom=declared)
    publish(shop.settings, folder)
    hour = MACHINE.now().replace(minute=0, second=0, microsecond=0) - timedelta(days=20)
    numbers = Numbers(4, 0, 0, 0, 5, 900, 99_000.0)
    numbers.sent_bytes, numbers.cpu_ms, numbers.rendered_ms = 12_340, 2_000.0, 500.0
    asked = Minute(hour, Counted("shop", "rest", "ann", "person", "planning", 1), numbers)
    Ledger(shop.settings.state).append("hours", [asked.row])
    environ(shop.settings, monkeypatch)
    said = invoke("scorecard").stdout
    assert "2.5 s" in said
    assert "12.3 kB" in said
    assert "2.5 s of CPU, 12340 bytes sent, change -100%, 0% of changes failed" in said
    assert "computed" not in said
    assert "use cases of shop: seen planning (purpose), ann (person); not seen finance" in said
