"""Inputs that are Delta tables: the files of one version, and nothing that files alone do not tell."""

from __future__ import annotations

import json
import string
import struct
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable, write_deltalake
from pyroaring import BitMap

from gateway.contracts.contract import ContractError
from gateway.inputs import delta_tables, lakes
from gateway.inputs.lakes import LakeError
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


@pytest.fixture
def table(tmp_path: Path) -> Path:
    write_deltalake(tmp_path / "t", pa.table({"id": [1, 2, 3]}))
    return tmp_path / "t"


def log(table: Path, version: int) -> Path:
    return table / "_delta_log" / f"{version:020d}.json"


def actions(table: Path) -> dict[str, dict[str, Any]]:
    """The actions of the first version, one of each kind."""
    return {
        kind: action for line in log(table, 0).read_text().splitlines() for kind, action in json.loads(line).items()
    }


def write(path: Path, *actions: dict[str, Any]) -> None:
    path.write_text("\n".join(map(json.dumps, actions)))


def using(feature: str) -> dict[str, Any]:
    features = {"readerFeatures": [feature], "writerFeatures": [feature]}
    return {"protocol": {"minReaderVersion": 3, "minWriterVersion": 7, **features}}


def test_what_is_no_table_is_told_as_that(tmp_path: Path) -> None:
    with pytest.raises(LakeError, match="no Delta table"):
        delta_tables.listing(tmp_path)


@pytest.mark.parametrize("mode", ["name", "id"])
def test_mapped_columns_are_refused_and_what_only_might_be_mapped_is_read(table: Path, mode: str) -> None:
    write(log(table, 1), using("columnMapping"))
    assert delta_tables.listing(table).version == "1"
    metadata = actions(table)["metaData"]
    metadata["configuration"]["delta.columnMapping.mode"] = mode
    schema = json.loads(metadata["schemaString"])
    schema["fields"][0]["metadata"] = {"delta.columnMapping.id": 1, "delta.columnMapping.physicalName": "col-1"}
    metadata["schemaString"] = json.dumps(schema)
    write(log(table, 2), {"metaData": metadata})
    with pytest.raises(LakeError, match=r"do not tell \(columnMapping\)"):
        delta_tables.listing(table)


@pytest.mark.parametrize("told", [True, False])
def test_rows_that_a_vector_deletes_do_not_come_back(table: Path, *, told: bool) -> None:
    if told:
        write(log(table, 1), using("deletionVectors"))
        assert delta_tables.listing(table).version == "1"
    file = actions(table)["add"]
    gone = {"remove": {"path": file["path"], "deletionTimestamp": 1, "dataChange": True}}
    # Row 1, as a portable array of Roaring bitmaps in Z85. Source: Delta protocol, "Deletion Vector Format".
    bits = struct.pack("<iqi", 1681511377, 1, 0) + BitMap([1]).serialize()
    vector = {"storageType": "i", "pathOrInlineDv": z85(bits), "sizeInBytes": len(bits), "cardinality": 1}
    write(log(table, 1 + told), gone, {"add": file | {"deletionVector": vector}})
    with pytest.raises(LakeError, match=r"do not tell \(deletionVectors\)"):
        delta_tables.listing(table)


def z85(data: bytes) -> str:
    """ZeroMQ RFC 32: each four bytes as five digits."""
    digits = string.digits + string.ascii_lowercase + string.ascii_uppercase + ".-:+=^!/*?&<>()[]{}@%$#"
    whole = data + bytes(-len(data) % 4)
    words = struct.unpack(f">{len(whole) // 4}I", whole)
    return "".join(digits[word // 85**place % 85] for word in words for place in (4, 3, 2, 1, 0))


def test_a_checkpoint_of_the_second_kind_is_read_with_its_sidecars(table: Path) -> None:
    first = actions(table)
    write(log(table, 1), using("v2Checkpoint"))
    sidecar = table / "_delta_log" / "_sidecars" / "files.parquet"
    sidecar.parent.mkdir()
    kinds = [("path", pa.string()), ("partitionValues", pa.map_(pa.string(), pa.string())), ("size", pa.int64())]
    kinds += [("modificationTime", pa.int64()), ("dataChange", pa.bool_())]
    file = {name: first["add"][name] for name, _ in kinds} | {"partitionValues": []}
    pq.write_table(pa.table({"add": pa.array([file], pa.struct(kinds))}), sidecar)
    told = {"path": sidecar.name, "sizeInBytes": sidecar.stat().st_size, "modificationTime": 1}
    write(
        log(table, 1).with_suffix(".checkpoint.0a0a0a0a-0a0a-0a0a-0a0a-0a0a0a0a0a0a.json"),
        {"checkpointMetadata": {"version": 1}},
        using("v2Checkpoint"),
        {"metaData": first["metaData"]},
        {"sidecar": told},
    )
    for version in (0, 1):
        log(table, version).unlink()
    found = delta_tables.listing(table)
    assert (found.version, [Path(one).name for one in found.files]) == ("1", [file["path"]])


def test_partitions_that_paths_do_not_tell_are_refused(tmp_path: Path) -> None:
    write_deltalake(tmp_path, pa.table({"id": [1], "State": ["open"]}), partition_by=["State"])
    file = actions(tmp_path)["add"]
    assert delta_tables.listing(tmp_path).partitioned
    (tmp_path / file["path"]).rename(tmp_path / "one.parquet")
    gone = {"remove": {"path": file["path"], "deletionTimestamp": 1, "dataChange": True}}
    write(log(tmp_path, 1), gone, {"add": file | {"path": "one.parquet"}})
    with pytest.raises(LakeError, match="do not tell their partitions"):
        delta_tables.listing(tmp_path)


def test_a_file_outside_of_the_tables_folder_is_refused(table: Path, tmp_path: Path) -> None:
    file = actions(table)["add"]
    (table / file["path"]).rename(tmp_path / "one.parquet")
    (table / file["path"]).symlink_to(tmp_path / "one.parquet")
    with pytest.raises(LakeError, match="outside of its folder"):
        delta_tables.listing(table)


def test_a_log_whose_reader_says_nothing_in_time_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lakes, "_COMMAND", (sys.executable, "-S", "-c", "import signal; signal.pause()"))
    monkeypatch.setattr(lakes, "_WHOLE_S", 0.01)
    with pytest.raises(LakeError, match="cannot be read to its end"):
        lakes.listed("delta", tmp_path, None)
