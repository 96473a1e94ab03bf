"""Inputs that are tables of other databases: read by their ADBC drivers, held to their contracts, secrets kept."""

from __future__ import annotations

import os
import sqlite3
import sys
import tempfile
import threading
import types
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest import mock

import duckdb
import pyarrow as pa
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.contracts import contract, input_secrets
from gateway.contracts.contract import ContractError
from gateway.document import Finding
from gateway.inputs import databases
from gateway.inputs import replica as replicas
from gateway.inputs.duck_writer import Writer
from gateway.inputs.job import Fetch, Replica
from gateway.inputs.replica import merge, newest, part_of
from gateway.inputs.segments import Shelf
from gateway.product import DatabaseSource
from gateway.publication.publish import Progress, Warned
from tests.workshop import KEY, Workshop, column, stored

SCHEMA = pa.schema([("id", pa.int64()), ("state", pa.string()), ("at", pa.int64())])
MARKED: dict[str, Any] = {
    "name": "orders",
    "physicalName": "Orders",
    "properties": [
        {"name": "id", "physicalType": "BIGINT", "primaryKey": True},
        {"name": "state", "physicalName": "State", "physicalType": "VARCHAR"},
        {"name": "changed", "physicalType": "BIGINT", "required": True},
    ],
    "customProperties": [{"property": "watermark", "value": {"column": "changed", "lookback": 5}, "vendor": "outport"}],
}
SQLITE: dict[str, Any] = {"driver": "adbc_driver_sqlite", "file": "data/shop.db"}


@pytest.fixture
def shop(tmp_path: Path) -> Workshop:
    return Workshop(tmp_path)


def declare(shop: Workshop, server: dict[str, Any], **more: Any) -> None:
    """A product `sales` whose input is the table `Orders` of a database."""
    folder = shop.declare(
        "sales", {"kept": {"id": KEY, "state": column("VARCHAR")}}, models={"kept": "SELECT id, state FROM raw.orders"},
        inputs=["raw"],
    )  # fmt: skip
    properties = [
        {"name": "id", "physicalType": "BIGINT", "required": True},
        {"name": "state", "physicalName": "State", "physicalType": "VARCHAR", "enum": [{"value": "open"}]},
    ]
    limit = [{"property": "quarantineLimit", "value": 1, "vendor": "outport"}]
    document = {
        "apiVersion": "v3.2.0",
        "kind": "DataContract",
        "id": "raw",
        "version": "1.0.0",
        "servers": [{"server": "shop", **server}],
        "schema": [{"name": "orders", "physicalName": "Orders", "properties": properties, "customProperties": limit}],
    }
    (folder / "raw.odcs.yaml").write_text(yaml.safe_dump(document | more))


def adbc(**told: Any) -> dict[str, Any]:
    return {"type": "custom", "customProperties": [{"property": "adbc", "value": told, "vendor": "outport"}]}


def run(shop: Workshop, *statements: str) -> None:
    with closing(sqlite3.connect(shop.settings.products / "sales" / "data" / "shop.db")) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.commit()


def refused(shop: Workshop) -> Finding:
    with pytest.raises(ContractError) as refusal:
        shop.publish("sales")
    (finding,) = refusal.value.findings
    return finding


def test_a_table_of_another_database_is_read_and_held_to_its_contract(shop: Workshop) -> None:
    declare(shop, adbc(**SQLITE))
    run(shop, "CREATE TABLE Orders (id INTEGER, State TEXT, note TEXT)")
    run(shop, "INSERT INTO Orders VALUES (1, 'open', 'a'), (2, 'SECRET', 'b')")
    first = shop.publish("sales")
    assert stored(first, "SELECT id, state FROM kept") == [(1, "open")]
    assert (first.arrived[0].columns[0].name, first.arrived[0].columns[0].type) == ("id", "int64")
    assert dict(first.arrived[0].broken) == {"state.enum": 1}
    assert shop.publish("sales") == first
    run(shop, "ALTER TABLE Orders ADD COLUMN added TEXT", "INSERT INTO Orders VALUES (3, 'open', NULL, NULL)")
    heard: list[Progress] = []
    assert shop.publish("sales", progress=heard.append).row_counts == {"kept": 2}
    assert any("new columns: added" in one.finding.problem for one in heard if isinstance(one, Warned))
    run(shop, "ALTER TABLE Orders DROP COLUMN State")
    gone = refused(shop)
    assert (gone.file, gone.path) == ("raw.odcs.yaml", "schema[0].properties[1]")
    assert gone.problem == "raw.orders no longer has the column state"


def test_a_source_that_cannot_be_read_tells_nothing_of_its_login(shop: Workshop, tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    server = {"type": "postgres", "host": "127.0.0.1", "port": 9, "database": "d", "schema": "s"}
    login = [{"property": "user", "value": "u", "vendor": "outport"},
             {"property": "password", "value": "${secret:shop}", "vendor": "outport"}]  # fmt: skip
    declare(shop, server | {"customProperties": login})
    assert "the secret shop is not there" in refused(shop).problem
    folder.mkdir()
    (folder / "shop").write_text("hunter2@/\n")
    shop.settings = shop.settings.model_copy(update={"secrets": folder})
    finding = refused(shop)
    assert (finding.file, finding.path) == ("raw.odcs.yaml", "servers[0]")
    assert finding.problem.startswith("raw.orders: the source cannot be read")
    written = b"".join(path.read_bytes() for path in shop.settings.state.rglob("*") if path.is_file())
    assert b"hunter2" not in written
    assert b"hunter2" not in str(finding).encode()


def test_an_address_refers_to_its_secrets_by_name(shop: Workshop) -> None:
    server = {"type": "postgresql", "host": "db", "port": 5432, "database": "a/b", "schema": "s"}
    login = [{"property": "user", "value": "a@b", "vendor": "outport"},
             {"property": "password", "value": "${secret:shop}", "vendor": "outport"}]  # fmt: skip
    declare(shop, server | {"customProperties": login})
    (source,) = contract.load(shop.settings.products / "sales").inputs
    feed = source.feeds[0][1]
    assert isinstance(feed, DatabaseSource)
    assert feed.uri == "postgresql://a%40b:${secret:shop}@db:5432/a%2Fb?connect_timeout=30"
    assert (input_secrets.named(feed.uri), feed.schema, feed.table) == (("shop",), "s", "Orders")


@pytest.mark.parametrize(
    "told",
    [
        {},
        {"driver": "os", "file": "data/shop.db"},
        {"driver": "adbc_driver_sqlite", "file": "../other.db"},
        {"driver": "adbc_driver_sqlite", "uri": "/etc/passwd"},
        {"driver": "adbc_driver_duckdb", "uri": "/srv/state/snapshots/other/core.duckdb"},
        {"driver": "adbc_driver_sqlite", "file": "data/shop.db", "uri": "x"},
        {"driver": "adbc_driver_sqlite", "file": "data/shop.db", "query": "SELECT 1"},
    ],
)
def test_what_names_no_source_is_refused(shop: Workshop, told: dict[str, Any]) -> None:
    declare(shop, adbc(**told))
    with pytest.raises(ContractError, match=r"raw\.odcs\.yaml"):
        contract.load(shop.settings.products / "sales")


ROW = st.tuples(st.integers(1, 6), st.sampled_from(["open", "shut"]), st.integers(0, 3))


@given(st.lists(st.lists(ROW, max_size=6), min_size=1, max_size=6))
@settings(max_examples=5, deadline=None)
def test_reading_what_is_new_gives_what_reading_all_gives(batches: list[list[tuple[int, str, int]]]) -> None:
    """Each batch changes rows of the source at a later time, some of them late by up to the lookback."""
    truth: dict[int, tuple[int, str, int]] = {}
    with tempfile.TemporaryDirectory() as home, mock.patch.object(replicas, "MANY", 2):
        shelf = Shelf(Path(home) / "kept")
        for place, batch in enumerate(batches):
            for key, state, late in batch:
                truth[key] = (key, state, 10 * place - late)
            kept = shelf.replica("a" * 32)
            paths = [tuple(str(one) for one in some) for some in (kept.files, kept.stale)]
            replica = Replica("at", "BIGINT", 13, ("id",), *paths, str(kept.target), str(kept.whole))
            work = Path(home) / f"work-{place}"
            work.mkdir()
            outputs = [str(part_of(one)) for one in (kept.target, kept.whole)]
            writer = Writer(work, threads=1, memory_limit="200MB", files=paths[0], attached=[], outputs=outputs)
            since = newest(writer, replica)
            read = [row for row in truth.values() if since is None or row[2] >= int(since)]
            columns = zip(*read, strict=True) if read else ([], [], [])
            fresh = pa.table(dict(zip(("id", "state", "at"), map(list, columns), strict=True)), schema=SCHEMA)
            writer.stage("fresh", fresh.to_reader())
            merge(writer, replica, "all", "fresh")
            writer.create("t", [("id", "BIGINT"), ("state", "VARCHAR"), ("at", "BIGINT")], "FROM stage.main.all", None)
            writer.close()
            with duckdb.connect(str(work / "core.duckdb"), read_only=True) as connection:
                assert sorted(connection.execute("FROM core.core.t").fetchall()) == sorted(truth.values())
        assert len(shelf.files()) <= 5


def test_a_table_with_a_watermark_is_read_from_there_on(shop: Workshop) -> None:
    declare(shop, adbc(**SQLITE), schema=[MARKED])
    run(shop, "CREATE TABLE Orders (id INTEGER, State TEXT, changed INTEGER)")
    run(shop, "INSERT INTO Orders VALUES (1, 'open', 100), (2, 'open', 200)")
    assert shop.publish("sales").row_counts == {"kept": 2}
    # What changes without its watermark is older than the lookback: it is not read again.
    run(shop, "UPDATE Orders SET State = 'lost' WHERE id = 1")
    run(
        shop,
        "INSERT INTO Orders VALUES (3, 'late', 195), (4, 'open', 300)",
        "UPDATE Orders SET State = 'shut' WHERE id = 2",
    )
    rows = "SELECT id, state FROM kept ORDER BY id"
    second = shop.publish("sales")
    assert stored(second, rows) == [(1, "open"), (2, "shut"), (3, "late"), (4, "open")]
    home = shop.settings.state / "inputs" / "sales" / "raw" / "orders"
    assert len(list(home.iterdir())) == 2
    # A source that has lost its newest row was restored, or begun again: all of it is read.
    run(shop, "DELETE FROM Orders WHERE id IN (3, 4)", "INSERT INTO Orders VALUES (5, 'open', 1)")
    third = shop.publish("sales")
    assert stored(third, rows) == [(1, "lost"), (2, "shut"), (5, "open")]
    run(shop, "INSERT INTO Orders VALUES (6, 'open', 200)")
    assert stored(shop.publish("sales"), rows) == [(1, "lost"), (2, "shut"), (5, "open"), (6, "open")]


def test_a_watermark_of_the_future_keeps_no_other_away(tmp_path: Path) -> None:
    segment = tmp_path / "segment.parquet"
    duckdb.sql("SELECT 1 AS id, TIMESTAMP '9999-12-31' AS at").write_parquet(str(segment))
    marked = Replica("at", "TIMESTAMP", 60, ("id",), (str(segment),), (), "", "")
    writer = Writer(tmp_path, threads=1, memory_limit="200MB", files=[str(segment)], attached=[])
    found = newest(writer, marked)
    writer.close()
    assert found is not None
    assert datetime.fromisoformat(found) < datetime.now(UTC).replace(tzinfo=None)


@pytest.mark.parametrize(
    "told", ["state", "note", {"column": "changed", "lookback": "1h"}, {"column": "changed", "x": 1}, 7]
)
def test_what_is_no_watermark_is_refused(shop: Workshop, told: object) -> None:
    marked = [{"property": "watermark", "value": told, "vendor": "outport"}]
    declare(shop, adbc(**SQLITE), schema=[MARKED | {"customProperties": marked}])
    with pytest.raises(ContractError, match="watermark"):
        contract.load(shop.settings.products / "sales")


def test_a_source_that_never_answers_ends_the_build(monkeypatch: pytest.MonkeyPatch) -> None:
    ended = threading.Event()
    codes: list[int] = []

    def end(code: int) -> None:
        codes.append(code)
        ended.set()

    def connect(_: str) -> object:
        assert ended.wait(60)
        raise OSError

    driver = types.ModuleType("silent_driver.dbapi")
    monkeypatch.setattr(driver, "connect", connect, raising=False)
    monkeypatch.setattr(driver, "Error", sqlite3.Error, raising=False)
    monkeypatch.setitem(sys.modules, "silent_driver", types.ModuleType("silent_driver"))
    monkeypatch.setitem(sys.modules, "silent_driver.dbapi", driver)
    monkeypatch.setattr(os, "_exit", end)
    fetch = Fetch("silent_driver", "silent://", "", "orders", "")
    with pytest.raises(OSError), databases.source(fetch, {}, 0.01):  # noqa: PT011
        pass
    assert codes == [4]
