"""`outport plan`: what would change, by which version, who sees more or less, and who has used what breaks."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from gateway.serving.catalog import Catalog
from tests.conftest import World
from tests.doors import PostgresDoor, RestDoor
from tests.ports.command.conftest import Outport

REMARK = "      - {name: remark, logicalType: string, classification: confidential, description: Free text}\n"


@pytest.fixture
def draft(world: World, tmp_path: Path) -> Path:
    """A copy of what is served, to be edited; its data stay where they are."""
    folder = tmp_path / "shop"
    shutil.copytree(world.settings.products / "shop", folder)
    return folder


def edit(folder: Path, old: str, new: str) -> None:
    path = folder / "shop.odcs.yaml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def test_what_is_served_as_it_is_declared_is_no_change(world: World, outport: Outport) -> None:
    answer = outport("plan", str(world.settings.products))
    assert answer.exit_code == 0, answer.stderr
    assert "0 new, 0 changed, 0 to be built anew" in answer.stdout
    before = {one.id for one in Catalog(world.settings.state).current().snapshots}
    assert {one.id for one in Catalog(world.settings.state).current().snapshots} == before


def test_who_used_a_column_that_goes_is_named_with_counts(world: World, outport: Outport, draft: Path) -> None:
    rest, postgres = RestDoor(world.gateway), PostgresDoor(world.gateway)
    for _ in range(2):
        rest.ask("steward", "SELECT remark FROM shop.orders LIMIT 1")
    postgres.ask("clerk", "SELECT count(*) FROM shop.orders")
    postgres.ask("ml", "SELECT * FROM shop.customers LIMIT 1")
    postgres.ask("steward", "SELECT region FROM shop.customers LIMIT 1")
    rest.close()
    postgres.close()
    edit(
        draft, "      - {name: remark, logicalType: string, classification: confidential, description: Free text}\n", ""
    )
    edit(draft, "name: region, logicalType: string", "name: region, logicalType: string, physicalType: BLOB")
    told = outport("plan", str(draft), "--json")
    found: dict[str, Any] = json.loads(told.stdout)
    (one,) = found["products"]
    assert (one["action"], one["grade"], one["before"]) in {("change", "major", "1.2.0"), ("refused", "major", "1.2.0")}
    broken = {change["change"]["place"]: change["consumers"] for change in one["breaking"]}
    remark = {consumer["subject"]: consumer for consumer in broken["orders.remark"]}
    assert remark["steward"]["queries"] >= 2
    assert remark["steward"]["kind"] == "person"
    assert "rest" in remark["steward"]["ports"]
    assert remark["steward"]["last"].endswith("Z")
    assert "clerk" not in {name for name, used in remark.items() if used["ports"] == ["postgres"]}
    # Who asked for every column has used this one too.
    assert {"ml", "steward"} <= {consumer["subject"] for consumer in broken["customers.region"]}
    assert {change["table"] for change in found["access"] if "remark" in change["loses"]} == {"shop.orders"}
    human = outport("plan", str(draft))
    assert human.exit_code == told.exit_code
    assert human.exit_code != 0
    assert any("orders.remark" in line and "steward" in line for line in human.stdout.splitlines())
    looks = outport("audit", "find", "--event", "audit_read", "--json").stdout
    assert any(json.loads(line)["action"] == "plan" for line in looks.splitlines())


def test_a_consumer_of_long_ago_is_none(outport: Outport, draft: Path) -> None:
    edit(
        draft, "      - {name: remark, logicalType: string, classification: confidential, description: Free text}\n", ""
    )
    told = outport("plan", str(draft), "--json", "--since", "2999-01-01")
    (one,) = json.loads(told.stdout)["products"]
    assert [change["consumers"] for change in one["breaking"]] == [[]]


def test_other_policies_tell_who_gains_and_loses(world: World, outport: Outport, tmp_path: Path) -> None:
    policies = tmp_path / "policies"
    shutil.copytree(world.settings.policies, policies)
    rule = '- {id: wider, on: {product: shop, table: orders}, to: {subject: stranger}, grant: {columns: ["remark"]}}\n'
    rule += "- {id: no-clerks, on: {product: shop}, to: {role: clerk}, deny: {reason: none}}\n"
    (policies / "more.yaml").write_text(rule)
    answer = outport("plan", str(world.settings.products), "--with-policies", str(policies), "--json")
    assert answer.exit_code == 2
    changes = {(one["subject"], one["table"]): one for one in json.loads(answer.stdout)["access"]}
    assert changes["stranger", "shop.orders"]["gains"] == ["remark"]
    assert changes["clerk", "shop.orders"]["gains"] == []
    assert changes["clerk", "shop.orders"]["loses"]
    counted = {key: (one["rows_gained"], one["rows_lost"]) for key, one in changes.items()}
    assert counted["stranger", "shop.orders"] == (1800, 0)
    assert counted["clerk", "shop.orders"] == (0, 180)  # those of the clerk's store
    human = outport("plan", str(world.settings.products), "--with-policies", str(policies)).stdout
    assert any("stranger" in line and "+1,800" in line for line in human.splitlines())
    (policies / "more.yaml").write_text("- {id: broken}\n")
    assert outport("plan", str(world.settings.products), "--with-policies", str(policies)).exit_code == 1
