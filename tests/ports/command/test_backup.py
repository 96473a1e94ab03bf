"""`outport backup` and `restore`: a server that was killed, a state that is gone, and the same answers again."""

from __future__ import annotations

import shutil
from pathlib import Path

import httpx

from gateway.serving.catalog import Catalog
from gateway.settings import Settings
from tests.ports.command.conftest import Outport, invoke
from tests.ports.command.test_serve import served

QUERY = {"sql": "SELECT * FROM shop.customers ORDER BY customer_id LIMIT 50"}


def answers(base: str) -> list[object]:
    """What two principals get of one question, and the steward of a product that only he sees."""
    found = [httpx.post(f"{base}/sql", json=QUERY, auth=(name, f"{name}-secret")) for name in ("steward", "analyst")]
    found.append(httpx.get(f"{base}/products/hr/salaries", auth=("steward", "steward-secret")))
    assert {one.status_code for one in found} == {200}
    rows = [one.json()["data"] for one in found]
    assert all(rows)
    return rows


def test_after_a_kill_and_a_loss_the_same_is_served(own_world: Settings, tmp_path: Path) -> None:
    file = str(tmp_path / "kept.tar")
    with served(own_world) as (process, base):
        before = answers(base)
        told = invoke("backup", file, "--secrets", "--audit")
        assert told.exit_code == 0, told.stderr
        process.kill()
        process.wait(60)
    digests = [one.product.digest for one in Catalog(own_world.state).current().snapshots]
    shutil.rmtree(own_world.state)
    told = invoke("restore", file)
    assert told.exit_code == 0, told.stderr
    assert [one.product.digest for one in Catalog(own_world.state).current().snapshots] == digests
    with served(own_world) as (_, base):
        assert answers(base) == before
    assert invoke("audit", "verify").exit_code == 0


def test_what_cannot_be_restored_is_one_clear_line(outport: Outport, tmp_path: Path) -> None:
    file = tmp_path / "none.tar"
    file.write_text("no archive")
    told = outport("restore", str(file))
    assert told.exit_code == 1
    assert "the state holds manifest.json already" in told.stderr
    told = outport("restore", str(file), "--state", str(tmp_path / "state"))
    assert told.exit_code == 1
    assert "this file cannot be restored" in told.stderr
    assert "Traceback" not in told.stderr
