"""Inputs that are Delta tables: the files of one version, and nothing that files alone do not tell."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake

from gateway import lakes
from gateway.contract import ContractError
from tests.gateway.test_databases import declare
from tests.workshop import Workshop, stored

SERVER = {"type": "local", "path": "data/{model}", "format": "delta"}


@pytest.fixture
def shop(tmp_path: Path) -> Workshop:
    return Workshop(tmp_path)


def test_a_delta_table_is_read_at_its_version(shop: Workshop) -> None:
    declare(shop, SERVER)
    home = shop.settings.products / "sales" / "data" / "orders"
    with pytest.raises(ContractError, match="the folder data/Orders does not exist"):
        shop.publish("sales")
    home = home.with_name("Orders")
    write_deltalake(home, pa.table({"id": [1, 2], "State": ["open", "odd"]}), partition_by=["State"])
    write_deltalake(home, pa.table({"id": [3], "State": ["open"]}), mode="append", partition_by=["State"])
    DeltaTable(home).delete("id = 1")
    snapshot = shop.publish("sales")
    assert stored(snapshot, "SELECT id, state FROM kept") == [(3, "open")]
    assert (snapshot.arrived[0].version, snapshot.arrived[0].rows, snapshot.arrived[0].aside) == ("2", 2, 1)
    assert shop.publish("sales") == snapshot


def test_what_files_alone_do_not_tell_is_refused(tmp_path: Path) -> None:
    write_deltalake(tmp_path / "t", pa.table({"id": [1]}))
    log = tmp_path / "t" / "_delta_log" / "00000000000000000000.json"
    actions = [json.loads(line) for line in log.read_text().splitlines()]
    for action in actions:
        if "metaData" in action:
            action["metaData"]["configuration"]["delta.columnMapping.mode"] = "name"
    log.write_text("\n".join(map(json.dumps, actions)))
    with pytest.raises(lakes.LakeError):
        lakes.delta(tmp_path / "t")
    with pytest.raises(lakes.LakeError, match="no Delta table"):
        lakes.delta(tmp_path)
