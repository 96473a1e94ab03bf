"""Backup and restore: what was served is served again, what is not whole and ours changes nothing."""

from __future__ import annotations

import contextlib
import copy
import io
import json
import os
import shutil
import tarfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pytest

from gateway.access.identity import Directory
from gateway.access.keys import load
from gateway.accounting.ledger import Ledger
from gateway.accounting.operator import Act
from gateway.errors import BadQuery, GatewayError, Unavailable
from gateway.inputs import segments
from gateway.operations import archive
from gateway.operations.backup import Saved, backup, restore, resumed
from gateway.publication import refresh
from gateway.publication.publish import collect
from gateway.serving import manifest, restoring, shelf
from gateway.serving.catalog import Catalog
from gateway.settings import Settings
from gateway.snapshot import Snapshot
from tests.workshop import KEY, Workshop, column, stored

PEOPLE = {"people": {"id": KEY, "name": column("VARCHAR")}}
TWO = pa.table({"id": [1, 2], "name": ["a", "b"]})
ACT = Act("ada", "backup")
SECRET = b"k" * 32


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> tuple[Workshop, Path]:
    """A deployment that no test changes, and the one archive of it."""
    folder = tmp_path_factory.mktemp("kept")
    made = Workshop(folder)
    made.declare("staff", PEOPLE, data={"people": TWO})
    made.publish("staff")
    made.publish("staff", force=True)
    Directory(made.settings.principals, load(made.settings)).add("ann", "person", {}, "ann-secret")
    saved(made, folder / "kept.tar")
    return made, folder / "kept.tar"


@pytest.fixture
def shop(kept: tuple[Workshop, Path], tmp_path: Path) -> Workshop:
    """The same, for a test of its own."""
    made = copy.copy(kept[0])
    places = ("products", "policies", "state")
    for name in places:
        shutil.copytree(getattr(made.settings, name), tmp_path / name)
    made.settings = made.settings.model_copy(update={name: tmp_path / name for name in places})
    return made


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "kept.tar"


def saved(shop: Workshop, file: Path, *, audit: bool = False, secret: bool = False) -> Saved:
    return backup(shop.settings, file, ACT, audit=audit, secret=secret)


def restored(settings: Settings, file: Path, *, force: bool = False, trust: bool = False) -> tuple[Snapshot, ...]:
    return restore(settings, file, Act("ada", "restore"), force=force, trust=trust)


def elsewhere(shop: Workshop, tmp_path: Path) -> Settings:
    return shop.settings.model_copy(update={"state": tmp_path / "elsewhere"})


def names(file: Path) -> list[str]:
    with tarfile.open(file) as tar:
        return tar.getnames()


def test_what_was_served_and_kept_is_served_and_kept_again(shop: Workshop, file: Path) -> None:
    before = Catalog(shop.settings.state)
    served, kept = before.current().snapshots, before.kept("staff")
    rows = Ledger(shop.settings.state).rows("refresh")
    saved(shop, file)
    shutil.rmtree(shop.settings.state)
    (after,) = restored(shop.settings, file)
    assert (after,) == served
    assert after.product.digest == served[0].product.digest
    assert Catalog(shop.settings.state).kept("staff") == kept
    assert stored(after, "SELECT * FROM people ORDER BY id") == [(1, "a"), (2, "b")]
    assert rows
    assert Ledger(shop.settings.state).rows("refresh") == rows
    assert {oct(one.stat().st_mode & 0o777) for one in after.path.parent.iterdir()} == {"0o444"}


def test_no_secret_is_in_it_unless_it_is_asked_for(shop: Workshop, file: Path, tmp_path: Path) -> None:
    saved(shop, file)
    assert not {"principals.yaml", "demo.key"} & set(names(file))
    assert not any(name.startswith("audit/") for name in names(file))
    assert b"ann" not in file.read_bytes()
    assert os.stat(file).st_mode & 0o777 == 0o600
    whole = tmp_path / "whole.tar"
    saved(shop, whole, audit=True, secret=True)
    assert "principals.yaml" in names(whole)
    assert any(name.startswith("audit/") for name in names(whole))
    home = elsewhere(shop, tmp_path)
    restored(home, whole)
    assert Directory(home.principals, load(home)).subjects() == ("ann",)


def test_a_backup_replaces_no_file_and_is_on_record(shop: Workshop, file: Path) -> None:
    saved(shop, file)
    with pytest.raises(BadQuery, match="exists already"):
        saved(shop, file)
    told = [
        json.loads(line)
        for one in (shop.settings.state / "audit").glob("*")
        for line in one.read_text().split("\n")
        if line
    ]
    one = [line for line in told if line.get("action") == "backup"][-1]
    assert (one["subject"], one["products"]) == ("account:ada", ["staff"])


def test_what_is_removed_while_it_is_written_is_in_it(
    shop: Workshop, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = archive.write

    def late(*given: object) -> object:
        collect(shop.settings, now=4e9)
        return write(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(archive, "write", late)
    assert len(saved(shop, file).snapshots) == 2
    assert len(manifest.read(shop.settings.state).ids) == 1
    restored(elsewhere(shop, tmp_path), file)


def test_a_state_that_holds_something_is_only_replaced_by_force(shop: Workshop, file: Path) -> None:
    saved(shop, file)
    first = Catalog(shop.settings.state).current().snapshots
    shop.fill("staff", "people", TWO.slice(0, 1))
    second = shop.publish("staff")
    with pytest.raises(BadQuery, match="the state holds manifest"):
        restored(shop.settings, file)
    assert Catalog(shop.settings.state).current().snapshots == (second,)
    assert restored(shop.settings, file, force=True) == first
    assert {one.name for one in shop.snapshots.iterdir()} == set(manifest.read(shop.settings.state).ids)


def test_what_cannot_be_put_on_record_is_not_restored(
    shop: Workshop, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved(shop, file)
    second = shop.publish("staff", force=True)

    def refuse(*_: object) -> None:
        raise Unavailable("the audit cannot be written", reason="audit")

    monkeypatch.setattr("gateway.operations.backup.recorded", refuse)
    with pytest.raises(Unavailable):
        restored(shop.settings, file, force=True)
    assert Catalog(shop.settings.state).current().snapshots == (second,)


def test_a_running_server_loses_no_record_to_a_restore(shop: Workshop, file: Path) -> None:
    saved(shop, file)
    with refresh.writer(shop.settings.state), pytest.raises(BadQuery, match="a server runs"):
        restored(shop.settings, file, force=True)


def test_a_damaged_snapshot_is_mended_by_force(shop: Workshop, file: Path) -> None:
    saved(shop, file)
    (served,) = Catalog(shop.settings.state).current().snapshots
    body = served.path.read_bytes()
    served.path.chmod(0o600)
    served.path.write_bytes(b"x" * len(body))
    restored(shop.settings, file, force=True)
    assert served.path.read_bytes() == body


Members = list[tuple[tarfile.TarInfo, bytes]]


def _members(file: Path) -> Iterator[tuple[tarfile.TarInfo, bytes]]:
    with tarfile.open(file) as tar:
        for member in tar.getmembers():
            read = tar.extractfile(member)
            yield member, read.read() if read is not None else b""


def _told(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tuple[tarfile.TarInfo, bytes]:
    made = tarfile.TarInfo(name)
    made.type, made.linkname = kind, link
    return made, b""


def _first(found: Members, *given: tuple[tarfile.TarInfo, bytes]) -> Members:
    return [*given, *found]


def _changed(found: Members, name: str, change: Callable[[bytes], bytes]) -> Members:
    return [(one, change(body) if one.name.endswith(name) else body) for one, body in found]


@pytest.mark.parametrize(
    "forge",
    [
        lambda found: _first(found, _told("../outside")),
        lambda found: _first(found, _told("ledger/../../outside")),
        lambda found: _first(found, _told("/outside")),
        lambda found: _first(found, _told("ledger/..")),
        lambda found: _first(found, _told("outside")),
        lambda found: _first(found, _told("ledger/link", tarfile.SYMTYPE, "/etc")),
        lambda found: _first(found, _told("ledger", tarfile.SYMTYPE, "/etc"), _told("ledger/outside")),
        lambda found: _first(found, _told("ledger/link", tarfile.LNKTYPE, "../../outside")),
        lambda found: _first(found, _told("ledger/pipe", tarfile.FIFOTYPE)),
        lambda found: _first(found, _told("ledger/disk", tarfile.CHRTYPE)),
        lambda found: _first(found, _told("ledger/more.jsonl")),
        lambda found: [found[0], *found],
        lambda found: found[1:],
        lambda found: found[:-1],
        lambda found: found[:-2],
        lambda found: [],
        lambda found: _changed(found, "core.duckdb", lambda body: body[:-1] + b"x"),
        lambda found: _changed(found, "snapshot.json", lambda body: body.replace(b'"staff"', b'"stuff"')),
        lambda found: _changed(found, "index.json", lambda body: body.replace(b'"format": 1', b'"format": 2')),
    ],
)
def test_what_is_not_as_it_was_written_changes_nothing(
    kept: tuple[Workshop, Path], tmp_path: Path, forge: Callable[[Members], Members]
) -> None:
    shop, file = kept
    forged = tmp_path / "forged.tar"
    with tarfile.open(forged, "w") as tar:
        for member, body in forge(list(_members(file))):
            member.size = len(body)
            tar.addfile(member, io.BytesIO(body))
    home = elsewhere(shop, tmp_path)
    for trust in (False, True):
        with pytest.raises(BadQuery):
            restored(home, forged, trust=trust)
    assert [one.name for one in home.state.iterdir()] == ["publish.lock"]
    assert not any(one.name == "outside" for one in tmp_path.rglob("*"))


@pytest.mark.parametrize("size", [0, 1, 512, 5_000, -12_000, -20_000])
def test_a_file_that_was_cut_off_changes_nothing(kept: tuple[Workshop, Path], tmp_path: Path, size: int) -> None:
    shop, whole = kept
    file = tmp_path / "cut.tar"
    file.write_bytes(whole.read_bytes()[:size])
    home = elsewhere(shop, tmp_path)
    with pytest.raises(GatewayError):
        restored(home, file)
    assert Catalog(home.state).current().snapshots == ()


def test_an_archive_of_another_deployment_is_taken_on_trust_alone(kept: tuple[Workshop, Path], tmp_path: Path) -> None:
    _, file = kept
    other = Settings(state=tmp_path / "other", secret_key="another secret, of 32 bytes or some more")
    with pytest.raises(BadQuery, match="made under another key"):
        restored(other, file)
    assert restored(other, file, trust=True)


def test_what_a_killed_restore_has_left_goes_with_the_next(shop: Workshop, file: Path) -> None:
    saved(shop, file)
    left = shop.settings.state / ".restore.0123" / shelf.SNAPSHOTS
    left.mkdir(parents=True)
    left.chmod(0o555)
    restored(shop.settings, file, force=True)
    assert not left.parent.exists()


def test_rows_that_were_pushed_are_in_it_and_what_is_on_its_way_is_not(
    shop: Workshop, file: Path, tmp_path: Path
) -> None:
    home = shop.settings.state / "inputs" / "staff" / "raw" / "people"
    (home / "work-1").mkdir(parents=True)
    segment = f"{1:012d}-{'a' * 32}-{'b' * 32}"
    for name in (f"{segment}.parquet", f"{segment}.answer", "lock", "work-1/body"):
        (home / name).write_text(name)
    (home.parent / ".listing").write_text("of somebody else")
    saved(shop, file)
    elsewhere(shop, tmp_path)
    restored(elsewhere(shop, tmp_path), file)
    found = tmp_path / "elsewhere" / "inputs" / "staff" / "raw" / "people"
    assert sorted(path.name for path in found.iterdir()) == [f"{segment}.answer", f"{segment}.parquet"]


def test_a_line_that_is_still_being_written_is_left_out(shop: Workshop, file: Path) -> None:
    (shop.settings.state / "ledger" / "refresh-20260101-1.jsonl").write_text('{"at": "2026"}\n{"at": "20')
    saved(shop, file)
    kept = {member.name: body for member, body in _members(file)}
    assert kept["ledger/refresh-20260101-1.jsonl"] == b'{"at": "2026"}\n'


STEPS = 14


@pytest.mark.parametrize("step", range(STEPS))
def test_a_restore_that_is_killed_once_it_has_begun_is_finished_by_the_next_that_needs_the_state(
    shop: Workshop, file: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    (shop.settings.state / "feedback").mkdir()
    (shop.settings.state / "feedback" / "staff.jsonl").write_text("{}\n")
    saved(shop, file, audit=True, secret=True)
    first = Catalog(shop.settings.state).current().snapshots
    shop.fill("staff", "people", TWO.slice(0, 1))
    second = shop.publish("staff")
    Directory(shop.settings.principals, load(shop.settings)).add("bob", "person", {}, "bob-secret")
    Cut(monkeypatch, step).during(lambda: restored(shop.settings, file, force=True))
    assert Catalog(shop.settings.state).current().snapshots in ((second,), first)
    resumed(shop.settings)
    assert not resumed(shop.settings)
    assert Catalog(shop.settings.state).current().snapshots == first
    assert Directory(shop.settings.principals, load(shop.settings)).subjects() == ("ann",)
    assert {one.name for one in shop.snapshots.iterdir()} == set(manifest.read(shop.settings.state).ids)
    assert not list(shop.settings.state.glob(".restore*"))


class Cut(Exception):
    """Ends what goes on at the nth rename or removal, once a restore has begun."""

    def __init__(self, patch: pytest.MonkeyPatch, step: int) -> None:
        self._patch, self._left = patch, step

    def during(self, act: Callable[[], object]) -> None:
        with self._patch.context() as patch, contextlib.suppress(Cut):
            begin, rename, remove = restoring.begin, Path.rename, shutil.rmtree

            def begun(staged: Path) -> Path:
                ready = begin(staged)
                patch.setattr(Path, "rename", lambda path, target: self._step(rename, path, target))
                patch.setattr(shutil, "rmtree", lambda path, **more: self._step(remove, path, **more))
                return ready

            patch.setattr(restoring, "begin", begun)
            act()

    def _step(self, act: Callable[..., object], *given: object, **more: object) -> object:
        if self._left == 0:
            raise self
        self._left -= 1
        return act(*given, **more)


def test_of_a_push_that_lands_meanwhile_a_backup_holds_all_or_nothing(
    shop: Workshop, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = segments.Shelf(shop.settings.state / "inputs" / "staff" / "till" / "people")
    work = home.begin()
    for name in ("rows", "bad"):
        (work / name).write_bytes(b"held")
    half, asked, turn, durable = threading.Event(), threading.Event(), segments.Shelf.turn, segments._durable

    def slowly(path: Path) -> None:
        # What stands beside the segment is in its place, the segment itself is not.
        if path.name == "rows":
            half.set()
            asked.wait(30)
        durable(path)

    def push() -> None:
        with turn(home):
            home.add("a" * 32, "b" * 32, work / "rows", work / "bad", segments.Answer(1, 1, ()))

    def taking(shelf: segments.Shelf) -> contextlib.AbstractContextManager[None]:
        asked.set()
        return turn(shelf)

    monkeypatch.setattr(segments, "_durable", slowly)
    monkeypatch.setattr(segments.Shelf, "turn", taking)
    pushing = threading.Thread(target=push)
    pushing.start()
    assert half.wait(30)
    held = saved(shop, file)
    pushing.join()
    kinds = {one.name.rpartition(".")[2] for one in held.files if one.name.startswith("inputs/")}
    assert kinds == {"parquet", "json", "aside"}
