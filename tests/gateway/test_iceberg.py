"""Inputs that are Iceberg tables: the files of one snapshot, columns by their ids, and nothing else."""

from __future__ import annotations

import gzip
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyiceberg.catalog import Catalog
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.manifest import DataFile, DataFileContent, FileFormat, ManifestFile
from pyiceberg.table import Table
from pyiceberg.typedef import Record
from pyiceberg.types import LongType, StringType

from gateway.contracts.contract import ContractError
from gateway.inputs import iceberg_tables, lake_reader, lakes
from gateway.inputs.lakes import LakeError, Listing, Refusal
from tests.gateway.test_databases import declare
from tests.workshop import Workshop, stored

TWO = pa.table({"id": pa.array([1, 2], pa.int32()), "State": ["open", "odd"]})
SERVER = {"type": "local", "path": "data/{model}", "format": "iceberg"}


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Catalog]:
    home = tmp_path_factory.mktemp("warehouse")
    with SqlCatalog("tests", uri="sqlite:///:memory:", warehouse=f"file://{home}") as found:
        found.create_namespace("db")
        yield found


Make = Callable[..., Table]


@pytest.fixture
def make(catalog: Catalog, request: pytest.FixtureRequest) -> Make:
    """A new table of the given rows."""

    def made(rows: pa.Table = TWO, by: str = "") -> Table:
        table = catalog.create_table(f"db.t{abs(hash(request.node.name))}", schema=rows.schema)
        if by:
            with table.update_spec() as change:
                change.add_identity(by)
        table.append(rows)
        return table

    return made


def folder(table: Table) -> Path:
    return Path(table.metadata.location.removeprefix("file://"))


def listing(table: Table) -> Listing:
    return iceberg_tables.listing(folder(table), None)


def odd(table: Table) -> dict[str, str]:
    return {one.name: one.odd for one in listing(table).columns if one.odd}


def newest(table: Table) -> Path:
    return Path(table.metadata_location.removeprefix("file://"))


def edited(path: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    """A metadata file, changed."""
    told = json.loads(path.read_text())
    change(told)
    path.write_text(json.dumps(told))


def test_a_table_is_read_at_its_snapshot_by_the_ids_of_its_columns(make: Make, tmp_path: Path) -> None:
    table = make()
    with table.update_schema() as change:
        change.rename_column("State", "status")
    with table.update_schema() as change:
        change.add_column("State", StringType())
        change.update_column("id", LongType())
    table.append(pa.table({"id": [3], "status": ["open"], "State": ["new"]}))
    shop = Workshop(tmp_path)
    declare(shop, SERVER)
    home = shop.settings.products / "sales" / "data" / "Orders"
    # Read where it lies now, and not where its metadata say that it was written.
    shutil.move(folder(table), home)
    snapshot = shop.publish("sales")
    assert stored(snapshot, "SELECT id, state FROM kept ORDER BY id") == [(1, None), (2, None)]
    (arrived,) = snapshot.arrived
    assert (arrived.version, arrived.rows, arrived.aside) == (str(table.metadata.current_snapshot_id), 3, 1)
    assert [(one.name, one.type) for one in arrived.columns] == [
        ("id", "BIGINT"), ("status", "VARCHAR"), ("State", "VARCHAR"),
    ]  # fmt: skip
    assert shop.publish("sales") == snapshot
    first = next(home.glob("metadata/00001-*.metadata.json"))
    declare(shop, SERVER | {"path": f"data/Orders/metadata/{first.name}"})
    older = shop.publish("sales")
    assert stored(older, "SELECT id, state FROM kept ORDER BY id") == [(1, "open")]
    assert older.arrived[0].version == str(table.metadata.snapshots[0].snapshot_id)
    for path in home.glob("data/*.parquet"):
        pq.write_table(pq.read_table(path).drop_columns(["State"]), path)
    edited(first, lambda told: told["schemas"][0]["fields"][1].update({"initial-default": "open"}))
    with pytest.raises(ContractError, match="the column State cannot be read: it has a default"):
        shop.publish("sales")


def test_a_column_whose_parts_were_renamed_is_not_read(make: Make) -> None:
    table = make(pa.table({"id": [1], "State": [{"code": "open"}]}))
    with table.update_schema() as change:
        change.rename_column(("State", "code"), "word")
    assert odd(table) == {"State": "its parts have changed since some of the files were written"}


def test_parts_that_are_as_they_were_are_read(make: Make) -> None:
    rows = pa.table(
        {
            "one": [{"x": 1, "many": [1.5]}],
            "map": pa.array([[("k", 1)]], pa.map_(pa.string(), pa.int32())),
            "times": pa.array([0], pa.timestamp("us", "UTC")),
        }
    )
    table = make(rows)
    assert [(one.type, one.odd) for one in listing(table).columns] == [
        ('STRUCT("x" BIGINT, "many" DOUBLE[])', ""),
        ("MAP(VARCHAR, INTEGER)", ""),
        ("TIMESTAMP WITH TIME ZONE", ""),
    ]


def test_a_table_of_no_rows_has_its_columns(catalog: Catalog) -> None:
    table = catalog.create_table("db.nothing", schema=TWO.schema)
    found = listing(table)
    assert (found.version, found.files, [one.name for one in found.columns]) == ("", (), ["id", "State"])


def test_partitions_are_no_columns_of_paths_and_files_without_them_are_refused(make: Make) -> None:
    table = make(by="State")
    found = listing(table)
    assert (len(found.files), odd(table)) == (2, {})
    for path in found.files:
        pq.write_table(pq.read_table(path, partitioning=None).drop_columns(["State"]), path)
    assert odd(table) == {"State": "some of the files have it in their partition only"}


def test_a_value_is_the_files_and_not_that_of_its_path(make: Make, tmp_path: Path) -> None:
    table = make(pa.table({"id": pa.array([1, 2], pa.int32()), "State": ["open", None]}), by="State")
    shop = Workshop(tmp_path)
    declare(shop, SERVER)
    home = shop.settings.products / "sales" / "data" / "Orders"
    shutil.move(folder(table), home)
    assert len(list(home.glob("data/State=*/*.parquet"))) == 2
    assert stored(shop.publish("sales"), "SELECT id, state FROM kept ORDER BY id") == [(1, "open"), (2, None)]


def test_files_without_ids_are_refused(make: Make) -> None:
    table = make()
    (path,) = listing(table).files
    pq.write_table(TWO, path)
    with pytest.raises(LakeError, match="without field ids"):
        listing(table)


def with_delete(table: Table, content: DataFileContent, form: FileFormat) -> None:
    """Commit a file of deletes, as other writers do."""
    place = f"{table.metadata.location}/data/deletes"
    (folder(table) / "data" / "deletes").write_bytes(b"which rows are gone")
    gone = DataFile.from_args(
        content=content, file_path=place, file_format=form, partition=Record(), record_count=1, file_size_in_bytes=19,
        equality_ids=[1] if content is DataFileContent.EQUALITY_DELETES else None,
    )  # fmt: skip
    gone.spec_id = 0
    with table.transaction() as changes, changes.update_snapshot().fast_append() as append:
        append.append_data_file(gone)


@pytest.mark.parametrize(
    ("content", "form"),
    [
        (DataFileContent.POSITION_DELETES, FileFormat.PARQUET),
        (DataFileContent.EQUALITY_DELETES, FileFormat.PARQUET),
        (DataFileContent.POSITION_DELETES, FileFormat.PUFFIN),
    ],
)
def test_delete_files_and_vectors_are_refused(make: Make, content: DataFileContent, form: FileFormat) -> None:
    table = make()
    with_delete(table, content, form)
    with pytest.raises(LakeError, match="delete files"):
        listing(table)


def test_a_manifest_of_deletes_is_refused_whatever_it_holds(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    table = make()
    monkeypatch.setattr(ManifestFile, "content", 1)
    with pytest.raises(LakeError, match="delete files"):
        listing(table)


def test_rows_that_a_rewrite_has_deleted_are_not_read(make: Make) -> None:
    table = make()
    table.delete("id = 1")
    (path,) = listing(table).files
    assert pq.read_table(path).column("id").to_pylist() == [2]


@pytest.mark.parametrize(
    "place", ["/etc/hostname", "file:///etc/hostname", "s3://else/where.avro", "{}/../out", "{}/link"]
)
def test_nothing_outside_of_the_tables_folder_is_opened(make: Make, place: str, tmp_path: Path) -> None:
    table = make()
    (folder(table).parent / "out").write_text("secret")
    (folder(table) / "link").symlink_to("/etc/hostname")
    place = place.format(table.metadata.location)
    edited(newest(table), lambda told: told["snapshots"][0].update({"manifest-list": place}))
    with pytest.raises(LakeError, match="outside of its folder"):
        listing(table)


def test_what_the_metadata_call_a_reader_is_not_loaded(make: Make) -> None:
    table = make()
    edited(newest(table), lambda told: told["properties"].update({"py-io-impl": "tests.gateway.nowhere.Loaded"}))
    assert len(listing(table).files) == 1


def test_two_newest_metadata_files_are_not_chosen_from(make: Make) -> None:
    table = make()
    path = newest(table)
    shutil.copy(path, path.with_name("00001-0a.metadata.json"))
    with pytest.raises(LakeError, match="2 metadata files of the number 1: name one"):
        listing(table)
    assert iceberg_tables.listing(folder(table), path).version == str(table.metadata.current_snapshot_id)


def test_packed_metadata_are_read_up_to_a_bound(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    table = make()
    path = newest(table)
    packed = path.with_name("v7.gz.metadata.json")
    packed.write_bytes(gzip.compress(path.read_bytes()))
    assert len(listing(table).files) == 1
    monkeypatch.setattr(iceberg_tables, "LIMIT_BYTES", 1_000)
    packed.write_bytes(gzip.compress(b" " * 1_001))
    with pytest.raises(LakeError, match="longer than"):
        listing(table)


def test_what_is_no_table_is_told_as_that(make: Make, tmp_path: Path) -> None:
    for text in ("", "{}", "[" * 10_000, '{"format-version": 9}'):
        (tmp_path / "metadata").mkdir(exist_ok=True)
        (tmp_path / "metadata" / "v1.metadata.json").write_text(text)
        with pytest.raises(LakeError, match="no Iceberg table"):
            iceberg_tables.listing(tmp_path, None)
    table = make()
    for path in (folder(table) / "metadata").glob("*.avro"):
        path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(LakeError, match="no Iceberg table"):
        listing(table)


def test_a_log_that_asks_for_more_than_it_may_ends_its_reader_alone(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = make()
    monkeypatch.setattr(lakes, "_COMMAND", (*lakes._COMMAND[:2], "-c", "bytearray(1 << 60)"))
    with pytest.raises(LakeError, match="cannot be read to its end within"):
        lakes.listed("iceberg", folder(table), None)


def test_more_files_than_are_read_are_refused(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    table = make()
    table.append(TWO)
    monkeypatch.setattr(iceberg_tables, "FILES", 1)
    assert lake_reader.answer("iceberg", folder(table), None) == Refusal("the table has more than 1 files: compact it")


def test_the_metadata_that_a_folder_says_is_current_counts_before_the_highest_number(make: Make) -> None:
    table = make()
    first, home = newest(table), folder(table)
    table.append(TWO)
    second = newest(table)
    assert len(listing(table).files) == 2
    hint = home / "metadata" / "version-hint.text"
    for told in (first.name, first.name.removesuffix(".metadata.json")):
        hint.write_text(f"{told}\n")
        assert len(listing(table).files) == 1
    # As tables without a catalog have it: the hint may be behind, and what does not follow is nobody's commit.
    for number, path in ((3, first), (4, second), (9, first)):
        shutil.copy(path, home / "metadata" / f"v{number}.metadata.json")
    assert len(listing(table).files) == 1
    for told, files in (("3", 2), ("4", 2), ("9", 1)):
        hint.write_text(told)
        assert len(listing(table).files) == files


@pytest.mark.parametrize(("hint", "told"), [("7", "says 7"), ("../x", "names no"), ("", "names no"), ("gone", "there")])
def test_a_hint_that_names_nothing_is_refused(make: Make, hint: str, told: str) -> None:
    table = make()
    (folder(table) / "metadata" / "version-hint.text").write_text(hint)
    with pytest.raises(LakeError, match=told):
        listing(table)
