"""`outport apply`, `get`, `new`: from a file to a governed product, and every finding at once."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from gateway.publication.publish import publish
from gateway.serving.catalog import Catalog
from gateway.settings import Settings
from tests.ports.command.conftest import Outport, invoke

CSV = "order_no,amount,contact_email\n1,12.50,ada@example.com\n2,3.99,bob@example.com\n3,7.00,eve@example.com\n"


def test_what_is_served_is_shown(outport: Outport) -> None:
    listed = outport("get").stdout
    assert "shop" in listed
    assert "1.2.0" in listed
    assert "shop@example.com" in listed or "Shop" in listed
    assert "hr" in outport("get", "snapshots").stdout
    product = outport("get", "shop").stdout
    assert "shop.orders: 1,800 rows" in product
    assert any("salary" in line and "restricted" in line for line in product.splitlines())
    assert any("unsorted" in line and "unclassified" in line for line in product.splitlines())


def test_snapshots_are_listed_with_what_each_principal_may_know_of_them(own_world: Settings) -> None:
    first, second = (publish(own_world, own_world.products / "shop", force=force).id for force in (False, True))
    listed = json.loads(invoke("get", "snapshots", "shop", "--json").stdout)
    assert [one["id"] for one in listed] == [second, first]
    assert [one["served"] for one in listed] == [True, False]
    assert listed[0]["kept_until"] is None
    assert listed[1]["kept_until"] > listed[1]["published_at"]
    assert listed[1]["rows"] == {"customers": 600, "orders": 1800}
    seen = json.loads(invoke("get", "snapshots", "shop", "--as", "analyst", "--json").stdout)
    assert [one["id"] for one in seen] == [second, first]
    assert [one["rows"] for one in seen] == [{}, {}]
    table = invoke("get", "snapshots").stdout
    assert all(text in table for text in (first, second, "served now", "salaries 40", "orders 1,800"))
    assert "hr" not in invoke("get", "snapshots", "--as", "analyst").stdout
    assert json.loads(invoke("get", "snapshots", "--as", "stranger", "--json").stdout) == []


def test_snapshots_of_what_is_not_there_are_one_line(outport: Outport) -> None:
    assert "served are hr, shop" in outport("get", "snapshots", "shoop").stderr
    unseen, unknown = (outport("get", "snapshots", name, "--as", "analyst") for name in ("hr", "hrr"))
    assert unseen.exit_code == unknown.exit_code == 1
    assert unseen.stderr.replace("hr", "hrr") == unknown.stderr
    assert outport("get", "shop", "--json").exit_code == 2
    assert outport("get", "shop", "orders").exit_code == 2


def test_an_unknown_product_is_one_line_with_what_to_do(outport: Outport) -> None:
    answer = outport("get", "shoop")
    assert answer.exit_code == 1
    assert "shoop is not served" in answer.stderr
    assert "outport apply" in answer.stderr


def test_from_a_file_to_a_governed_row_without_editing(own_world: Settings, tmp_path: Path) -> None:
    (tmp_path / "orders.csv").write_text(CSV)
    written = invoke("new", "returns", "--from-table", str(tmp_path / "orders.csv"))
    assert written.exit_code == 0
    assert (own_world.products / "returns" / "returns.odcs.yaml").exists()
    assert "outport apply" in written.stderr
    applied = invoke("apply", str(own_world.products / "returns"))
    assert applied.exit_code == 0, applied.stderr
    assert "3 rows" in applied.stdout
    assert invoke("principal", "add", "ada", "--role", "returns_owner", "--no-password").exit_code == 0
    answer = invoke("try", "SELECT * FROM returns.orders", "--as", "ada,analyst")
    assert "bob@example.com" in answer.stdout
    assert "not_found" in answer.stdout


def test_a_product_is_not_written_twice(own_world: Settings, tmp_path: Path) -> None:
    (tmp_path / "orders.csv").write_text(CSV)
    answer = invoke("new", "shop", "--from-table", str(tmp_path / "orders.csv"))
    assert answer.exit_code == 1
    assert "exists already" in answer.stderr


def test_every_finding_of_every_product_is_shown_and_nothing_is_published(own_world: Settings) -> None:
    before = {snapshot.id for snapshot in Catalog(own_world.state).current().snapshots}
    for product, wrong in (("shop", "physicalType: BIGINTEGER"), ("hr", "physicalTipe: BIGINT")):
        contract = own_world.products / product / f"{product}.odcs.yaml"
        contract.write_text(contract.read_text().replace("physicalType: BIGINT", wrong, 1))
    answer = invoke("apply", str(own_world.products))
    assert answer.exit_code == 1
    assert "shop.odcs.yaml:" in answer.stderr
    assert "hr.odcs.yaml:" in answer.stderr
    assert "physicalType" in answer.stderr
    assert "nothing was published" in answer.stderr
    assert {snapshot.id for snapshot in Catalog(own_world.state).current().snapshots} == before


def test_a_product_that_breaks_its_contract_is_not_served(own_world: Settings) -> None:
    before = {snapshot.id for snapshot in Catalog(own_world.state).current().snapshots}
    contract = own_world.products / "shop" / "shop.odcs.yaml"
    contract.write_text(contract.read_text().replace("{name: region,", "{name: region, unique: true,"))
    answer = invoke("apply", str(own_world.products / "shop"))
    assert answer.exit_code == 1
    assert "shop" in answer.stderr
    assert "still served" in answer.stderr
    assert {snapshot.id for snapshot in Catalog(own_world.state).current().snapshots} == before


def test_a_break_of_one_product_publishes_none_unless_it_is_allowed_on_record(own_world: Settings) -> None:
    before = {snapshot.id for snapshot in Catalog(own_world.state).current().snapshots}
    shop, hr = (own_world.products / name / f"{name}.odcs.yaml" for name in ("shop", "hr"))
    hr.write_text(re.sub(r".*name: person,.*\n", "", hr.read_text(), count=1))
    shop.write_text(shop.read_text().replace("purpose: ", "purpose: More than ", 1))
    answer = invoke("apply", str(own_world.products))
    assert answer.exit_code == 1
    assert "hr.odcs.yaml:" in answer.stderr
    assert "the column is gone (version: 2.0.0, served beside 1." in answer.stderr
    assert "nothing was published" in answer.stderr
    assert "--allow-break" in answer.stderr
    assert {snapshot.id for snapshot in Catalog(own_world.state).current().snapshots} == before
    assert invoke("apply", str(own_world.products / "hr"), "--allow-break", " ").exit_code == 2
    allowed = invoke("apply", str(own_world.products / "hr"), "--allow-break", "nobody ever read it")
    assert allowed.exit_code == 0, allowed.stderr
    found = invoke("audit", "find", "--product", "hr", "--json").stdout
    told = [json.loads(line) for line in found.splitlines() if '"break_allowed"' in line]
    assert [(one["breaks"], one["reason"]) for one in told] == [(["salaries.person"], "nobody ever read it")]


@pytest.mark.parametrize("words", [("apply", "/does/not/exist"), ("new", "returns", "--from-table", "/none.csv")])
def test_a_path_that_is_not_there_is_one_line(own_world: Settings, words: tuple[str, ...]) -> None:
    answer = invoke(*words)
    assert answer.exit_code == 1
    assert "Traceback" not in answer.stderr
    assert answer.stderr.strip()
