"""The catalog: what is served now, what is kept, and what stays when the manifest does not."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pyarrow as pa
import pytest

from gateway.errors import Expired, NotFound, Unavailable
from gateway.serving import catalog, manifest, record
from gateway.serving.catalog import Catalog
from tests.workshop import KEY, Workshop


@pytest.fixture
def shop(tmp_path: Path) -> Workshop:
    made = Workshop(tmp_path)
    made.declare("staff", {"people": {"id": KEY}}, data={"people": pa.table({"id": [1, 2, 3]})})
    return made


def test_before_the_first_publication_nothing_is_served_and_nothing_is_wrong(tmp_path: Path) -> None:
    served = Catalog(tmp_path / "none")
    assert served.current().snapshots == ()
    assert served.problems == ()


def test_a_publication_is_seen_without_a_restart(shop: Workshop) -> None:
    served = Catalog(shop.settings.state)
    assert served.current().find("staff") is None
    first = shop.publish("staff")
    assert served.current().find("staff") == first
    second = shop.publish("staff", force=True)
    assert served.current().find("staff") == second


def test_a_reloaded_product_is_the_published_one(shop: Workshop) -> None:
    snapshot = shop.publish("staff")
    loaded = record.load(snapshot.path.parent)
    assert loaded == snapshot
    assert loaded.product.digest == snapshot.product.digest


def test_an_unchanged_manifest_costs_one_stat(shop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.publish("staff")
    served = Catalog(shop.settings.state)
    first = served.current()

    def unread(_: Path) -> manifest.Manifest:
        raise AssertionError("the manifest was read again")

    monkeypatch.setattr(manifest, "read", unread)
    assert served.current() is first


@pytest.mark.parametrize("damage", [b"", b"{", b'{"served": [{"product": 1}]}', b"\xff\xfe", None])
def test_a_damaged_manifest_leaves_the_last_good_one_served(shop: Workshop, damage: bytes | None) -> None:
    snapshot = shop.publish("staff")
    served = Catalog(shop.settings.state)
    assert served.current().snapshots == (snapshot,)
    path = shop.settings.state / manifest.NAME
    if damage is None:
        path.unlink()
    else:
        path.write_bytes(damage)
    assert served.current().snapshots == (snapshot,)
    (problem,) = served.problems
    assert problem.startswith("manifest.json is ")
    assert "served on" in problem
    assert str(shop.settings.state) not in problem
    again = shop.publish("staff", force=True)
    assert served.current().snapshots == (again,)
    assert served.problems == ()


@pytest.mark.parametrize("part", ["snapshot.json", "core.duckdb"])
@pytest.mark.parametrize("damage", ["cut", "gone"])
def test_a_damaged_snapshot_leaves_the_one_before_it_served(shop: Workshop, part: str, damage: str) -> None:
    shop.declare("guests", {"people": {"id": KEY}}, data={"people": pa.table({"id": [1]})})
    guests, first = shop.publish("guests"), shop.publish("staff")
    served = Catalog(shop.settings.state)
    served.current()
    second = shop.publish("staff", force=True)
    second.path.parent.chmod(0o755)
    path = second.path.parent / part
    path.chmod(0o644)
    if damage == "cut":
        os.truncate(path, 10)
    else:
        path.unlink()
    assert served.current().snapshots == (guests, first)
    (problem,) = served.problems
    assert problem.startswith(second.id)
    fresh = Catalog(shop.settings.state)
    assert fresh.current().snapshots == (guests,)
    assert "staff is not served" in fresh.problems[0]


def test_a_replaced_snapshot_is_found_until_its_time_is_over(shop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    first = shop.publish("staff")
    shop.publish("staff", force=True)
    served = Catalog(shop.settings.state)
    assert served.snapshot(first.id) == first
    later = time.time() + 601
    monkeypatch.setattr(catalog.time, "time", lambda: later)
    with pytest.raises(Expired):
        served.snapshot(first.id)


def test_a_removed_snapshot_is_expired_and_an_invented_one_unknown(tmp_path: Path) -> None:
    shop = Workshop(tmp_path, retain_s=1e-9)
    shop.declare(
        "staff", {"people": {"id": KEY}}, data={"people": pa.table({"id": [1]})}, custom={"snapshotRetention": 0}
    )
    first = shop.publish("staff")
    for _ in range(2):
        last = shop.publish("staff", force=True)
    served = Catalog(shop.settings.state)
    assert served.snapshot(last.id) == last
    with pytest.raises(Expired):
        served.snapshot(first.id)
    for invented in ("20200101t000000000000_0000_staff", "../../etc", ""):
        with pytest.raises(NotFound):
            served.snapshot(invented)


def test_a_kept_snapshot_that_is_damaged_is_unavailable(shop: Workshop) -> None:
    first = shop.publish("staff")
    shop.publish("staff", force=True)
    first.path.parent.chmod(0o755)
    (first.path.parent / record.NAME).unlink()
    with pytest.raises(Unavailable):
        Catalog(shop.settings.state).snapshot(first.id)


def test_who_asks_while_another_thread_reads_the_new_manifest_is_not_told_of_the_old_one(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    served = Catalog(shop.settings.state)
    assert served.current().snapshots == ()
    snapshot, read = shop.publish("staff"), manifest.read
    reading, go_on, found = threading.Event(), threading.Event(), list[tuple[object, ...]]()

    def slow(state: Path) -> manifest.Manifest:
        reading.set()
        assert go_on.wait(30)
        return read(state)

    monkeypatch.setattr(manifest, "read", slow)
    threads = [threading.Thread(target=lambda: found.append(served.current().snapshots)) for _ in range(2)]
    threads[0].start()
    assert reading.wait(30)
    threads[1].start()
    threads[1].join(0.2)
    assert found == []
    go_on.set()
    for thread in threads:
        thread.join(30)
    assert found == [(snapshot,), (snapshot,)]
