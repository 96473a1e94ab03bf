"""What there is already: `outport suggest` and `fork`, and whether a folder is what is served."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from gateway.contracts import contract
from tests.conftest import World
from tests.ports.command.conftest import Outport


def test_what_is_served_already_is_suggested_as_far_as_it_is_seen(outport: Outport, tmp_path: Path) -> None:
    told = json.loads(outport("suggest", "region", "salaries", "--as", "steward", "--json").stdout)
    places = {(one["wanted"], one["place"]) for one in told}
    assert ("region", "shop.customers.region") in places
    assert ("salaries", "hr.salaries") in places
    for subject in ("analyst", "stranger"):
        assert "hr." not in outport("suggest", "salary", "salaries", "--as", subject).stdout
    assert "region" not in outport("suggest", "region", "--as", "stranger", "--json").stdout
    assert outport("suggest", "--as", "steward").exit_code == 2


def test_a_copy_is_a_draft_that_says_where_it_comes_from(world: World, outport: Outport, tmp_path: Path) -> None:
    shutil.copytree(world.settings.products / "shop", tmp_path / "shop")
    answer = outport("fork", str(tmp_path / "shop"), "kiosk")
    assert answer.exit_code == 0, answer.stderr
    made = contract.load(tmp_path / "kiosk")
    assert (made.name, made.version, made.status) == ("kiosk", "0.1.0", "draft")
    assert (
        'property: derivedFrom, vendor: outport, value: "shop@1.2.0"'
        in (tmp_path / "kiosk" / "kiosk.odps.yaml").read_text()
    )
    assert (tmp_path / "kiosk" / "kiosk.odcs.yaml").exists()
    assert contract.load(tmp_path / "shop").name == "shop"
    assert "exists already" in outport("fork", str(tmp_path / "shop"), "kiosk").stderr
    assert "no product's name" in outport("fork", str(tmp_path / "shop"), "../out").stderr
    told = outport("suggest", "--folder", str(tmp_path / "kiosk"), "--as", "analyst").stdout
    assert "shop.orders.amount" in told


@pytest.mark.parametrize(
    "said",
    [
        "customProperties:\n{}  - {{property: workspace, vendor: outport, value: floor}}\n",
        "customProperties:\n  - {{property: workspace, vendor: outport, value: floor}}\n{}",
        "customProperties: [{{property: sunsetOn, vendor: outport, value: '2031-01-31'}},"
        " {{property: workspace, vendor: outport, value: floor}},"
        " {{property: acceptedBy, vendor: outport, value: ann}}]\n",
    ],
)
def test_a_copy_has_neither_the_acceptance_nor_the_end_of_the_first(
    world: World, outport: Outport, tmp_path: Path, said: str
) -> None:
    shutil.copytree(world.settings.products / "shop", tmp_path / "shop")
    file = tmp_path / "shop" / "shop.odps.yaml"
    its = "  - {property: acceptedBy, vendor: outport, value: ann}\n"
    its += "  - property: deprecatedOn\n    vendor: outport\n    value: '2030-01-31'\n"
    file.write_text(file.read_text() + said.format(its))
    answer = outport("fork", str(tmp_path / "shop"), "kiosk")
    assert answer.exit_code == 0, answer.stderr
    assert "there is no workspace floor" in answer.stderr
    made = contract.load(tmp_path / "kiosk")
    (product,) = [one for one in made.documents.values() if one["kind"] == "DataProduct"]
    assert {one["property"] for one in product["customProperties"]} == {"workspace", "derivedFrom"}
    assert made.deprecated_on is made.sunset_on is None


def test_a_folder_that_is_not_what_is_served_is_told(
    world: World, outport: Outport, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    digest = contract.load(world.settings.products / "shop").digest
    line = next(one for one in outport("get").stdout.splitlines() if "shop" in one)
    assert "unchanged" in line
    assert digest[:12] in line
    assert f"digest {digest}" in outport("get", "shop").stdout
    shutil.copytree(world.settings.products / "shop", tmp_path / "shop")
    shutil.copytree(world.settings.products / "shop", tmp_path / "other")
    file = tmp_path / "shop" / "shop.odps.yaml"
    file.write_text(file.read_text().replace("usage: Tests", "usage: Other tests"))
    monkeypatch.setenv("OUTPORT_PRODUCTS", str(tmp_path))
    listed = {one.split()[1]: one for one in outport("get").stdout.splitlines() if len(one.split()) > 2}
    assert "gone" in listed["hr"]
    assert "not published" in listed["other"]
