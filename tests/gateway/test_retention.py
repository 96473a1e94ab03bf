"""How long a replaced snapshot stays: what its product declares, else the setting; then it goes by itself."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pyarrow as pa
import pytest

from gateway import Gateway, Query
from gateway.access.identity import Directory
from gateway.access.keys import load as keys
from gateway.contracts.contract import ContractError, load
from gateway.publication.child import lock
from gateway.publication.publish import collect, overdue
from gateway.serving import manifest
from ports.command.retention import Collector
from tests.workshop import KEY, Workshop

TABLE = {"t": {"id": KEY}}
DATA = {"t": pa.table({"id": [1, 2]})}


@pytest.fixture
def shop(tmp_path: Path) -> Workshop:
    return Workshop(tmp_path)


def kept_for(shop: Workshop) -> float:
    """Seconds from now until the only kept snapshot goes."""
    (one,) = manifest.read(shop.settings.state).retained
    return one.until - time.time()


@pytest.mark.parametrize(
    ("declared", "seconds"),
    [("10m", 600), ("24h", 86_400), ("7d", 604_800), ("45s", 45), (600, 600), (0, 0), ("0s", 0), (None, None)],
)
def test_a_retention_is_a_duration_or_whole_seconds(shop: Workshop, declared: object, seconds: int | None) -> None:
    custom = {} if declared is None else {"snapshotRetention": declared}
    assert load(shop.declare("one", TABLE, data=DATA, custom=custom)).retain_s == seconds


@pytest.mark.parametrize(
    "declared", ["soon", "1.5h", "10", "", "h", "10 m", "10M", "-1s", "1h30m", "\u0661h", -1, 1.5, True, "4000d", [600]]
)
def test_anything_else_is_an_error_with_its_place(shop: Workshop, declared: object) -> None:
    folder = shop.declare("one", TABLE, data=DATA, custom={"dataClock": "2020-01-01", "snapshotRetention": declared})
    line = next(
        number
        for number, text in enumerate((folder / "one.odps.yaml").read_text().splitlines(), 1)
        if "property: snapshotRetention" in text
    )
    with pytest.raises(ContractError) as refusal:
        load(folder)
    (finding,) = refusal.value.findings
    assert finding.file == "one.odps.yaml"
    assert line <= finding.line <= line + 2
    assert finding.path == "customProperties[1].value"
    assert '"7d"' in finding.remedy


def test_what_the_product_declares_is_longer_or_shorter_than_the_setting(tmp_path: Path) -> None:
    for number, (declared, expected) in enumerate((("7d", 604_800), ("1m", 60), (None, 600))):
        home = tmp_path / str(number)
        home.mkdir()
        shop = Workshop(home, retain_s=600.0)
        shop.declare("one", TABLE, data=DATA, custom={} if declared is None else {"snapshotRetention": declared})
        for _ in range(2):
            shop.publish("one", force=True)
        assert expected - 30 < kept_for(shop) <= expected


def test_what_is_over_goes_without_a_publication(shop: Workshop) -> None:
    shop.declare("one", TABLE, data=DATA, custom={"snapshotRetention": "10m"})
    ids = [shop.publish("one", force=True).id for _ in range(2)]
    now = time.time()
    assert not overdue(shop.settings, now + 590)
    assert not collect(shop.settings, now + 590)
    assert sorted(path.name for path in shop.snapshots.iterdir()) == ids
    assert overdue(shop.settings, now + 601)
    assert collect(shop.settings, now + 601)
    assert [path.name for path in shop.snapshots.iterdir()] == ids[1:]
    assert not overdue(shop.settings, now + 601)
    assert manifest.read(shop.settings.state).expired == (ids[0],)


def served(shop: Workshop) -> tuple[Gateway, list[str]]:
    """A gateway that has read two snapshots of one product, the first of them kept for ten minutes."""
    shop.declare("one", TABLE, data=DATA, custom={"snapshotRetention": "10m"})
    first = shop.publish("one", force=True).id
    Directory(shop.settings.principals, keys(shop.settings)).add("steward", "person", {"role": ("steward",)})
    gateway = Gateway(shop.settings)
    read(gateway)
    second = shop.publish("one", force=True).id
    read(gateway)
    read(gateway, first)
    return gateway, [first, second]


def read(gateway: Gateway, *snapshots: str) -> None:
    session = gateway.impersonate("steward", "python").pinned(snapshots)
    with gateway.answer(session, Query("SELECT id FROM one.t")) as result:
        assert sum(batch.num_rows for batch in result.batches()) == 2


def attached(gateway: Gateway) -> list[str]:
    return sorted(gateway._engine._serving._attached)


def test_a_server_removes_what_is_over_and_lets_go_of_it(shop: Workshop) -> None:
    gateway, ids = served(shop)
    clock = time.time()
    collector = Collector(gateway, threading.Event(), lambda: clock)
    collector.tick()
    assert attached(gateway) == ids
    clock += 601
    collector.tick()
    assert attached(gateway) == ids[1:]
    assert [path.name for path in shop.snapshots.iterdir()] == ids[1:]
    read(gateway)
    gateway.close()


def test_a_server_lets_go_of_what_another_process_removed(shop: Workshop) -> None:
    gateway, ids = served(shop)
    collect(shop.settings, time.time() + 601)
    Collector(gateway, threading.Event()).tick()
    assert attached(gateway) == ids[1:]
    gateway.close()


def test_a_server_waits_for_a_publication_to_end(shop: Workshop) -> None:
    gateway, ids = served(shop)
    collector = Collector(gateway, threading.Event(), lambda: time.time() + 601)
    with lock(shop.settings.state, "another"):
        collector.tick()
        assert sorted(path.name for path in shop.snapshots.iterdir()) == ids
    collector.tick()
    assert [path.name for path in shop.snapshots.iterdir()] == ids[1:]
    gateway.close()


def test_a_snapshot_that_is_being_read_is_let_go_when_its_answer_ends(shop: Workshop) -> None:
    gateway, ids = served(shop)
    session = gateway.impersonate("steward", "python").pinned([ids[0]])
    with gateway.answer(session, Query("SELECT id FROM one.t")) as result:
        Collector(gateway, threading.Event(), lambda: time.time() + 601).tick()
        assert attached(gateway) == ids
        assert sum(batch.num_rows for batch in result.batches()) == 2
    assert attached(gateway) == ids[1:]
    gateway.close()
