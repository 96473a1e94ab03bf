"""Publication under fire: killed at any moment, swapped under readers, what is served is always one good snapshot."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pytest

from gateway import Gateway, Query, Unavailable
from gateway.access.identity import Directory
from gateway.access.keys import load
from gateway.publication import child, forks
from gateway.publication.publish import Progress, Step
from gateway.serving import manifest, record, shelf
from gateway.serving.catalog import Catalog
from gateway.snapshot import Snapshot
from tests.workshop import KEY, STEWARD, Workshop, column, stored

ROWS = 50_000
KILLS = 6
SWAPS = 10
READERS = 3
# The steps of a publication, in order: a stop before each of them must change nothing that is served.
STEPS = ((shelf, "begin"), (child, "run"), (record, "write"), (shelf, "complete"), (manifest, "write"))
TABLE = {"id": {**KEY}, "who": column("VARCHAR"), "stamp": column("INTEGER")}
# Publishes, a line for each step, so that whoever listens can kill it there.
PUBLISHER = """
import sys
from pathlib import Path
from gateway.publication.publish import publish
from gateway.settings import Settings
settings = Settings(config=Path(sys.argv[1]))
publish(settings, settings.products / "stamped", progress=lambda event: print(event, flush=True))
"""


def stamped(stamp: int, rows: int = ROWS) -> pa.Table:
    """Rows that all carry `stamp`: an answer that mixes two snapshots shows two."""
    numbers = range(rows)
    return pa.table(
        {"id": numbers, "who": [f"p{number}" for number in numbers], "stamp": pa.array([stamp] * rows, pa.int32())}
    )


@pytest.fixture
def shop(tmp_path: Path) -> Workshop:
    made = Workshop(tmp_path)
    mask = {"columns": ["who"], "with": "hash", "link": "people"}
    hashed = {"id": "hash", "on": {"product": "stamped"}, "to": {}, "unless": {"role": "steward"}, "mask": mask}
    made.allow(STEWARD, hashed)
    made.declare("stamped", {"t": TABLE}, data={"t": stamped(0)})
    settings = made.settings.model_dump(mode="json", exclude_none=True) | {"secret_key": made.secret}
    lines = (f"{name} = {json.dumps(value)}\n" for name, value in settings.items())
    (tmp_path / "outport.toml").write_text("".join(lines))
    return made


def served(shop: Workshop) -> Snapshot:
    """The one snapshot that a server which starts now would serve; it opens, and holds one stamp in every row."""
    catalog = Catalog(shop.settings.state)
    (snapshot,) = catalog.current().snapshots
    assert catalog.problems == ()
    ((low, high, rows),) = stored(snapshot, "SELECT min(stamp), max(stamp), count(*) FROM t")
    assert low == high
    assert rows == ROWS
    return snapshot


def recovered(shop: Workshop, stamp: int) -> Snapshot:
    """The snapshot of the next publication, which works and leaves nothing half-made behind."""
    snapshot = shop.publish("stamped")
    assert stored(snapshot, "SELECT max(stamp) FROM t") == [(stamp,)]
    assert served(shop) == snapshot
    assert {path.name for path in shop.snapshots.iterdir()} == manifest.read(shop.settings.state).ids
    return snapshot


def test_a_killed_publisher_leaves_the_last_good_snapshot(shop: Workshop, tmp_path: Path) -> None:
    chosen = random.Random(7)  # noqa: S311  moments, no secret
    before = shop.publish("stamped")
    for stamp in range(1, KILLS + 1):
        shop.fill("stamped", "t", stamped(stamp))
        process = subprocess.Popen(
            [sys.executable, "-c", PUBLISHER, str(tmp_path / "outport.toml")], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        for _ in range(chosen.randint(0, 9)):
            process.stdout.readline()
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        after = served(shop)
        assert after == before or stored(after, "SELECT max(stamp) FROM t") == [(stamp,)]
        before = recovered(shop, stamp)


def test_a_killed_build_leaves_the_last_good_snapshot(shop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = random.Random(8)  # noqa: S311  moments, no secret
    builds: list[forks.Build] = []
    start = forks.start

    def noted(descriptors: Sequence[int]) -> forks.Build:
        builds.append(start(descriptors))
        return builds[-1]

    monkeypatch.setattr(forks, "start", noted)
    before, killed = shop.publish("stamped"), 0
    for stamp in range(1, KILLS + 1):
        shop.fill("stamped", "t", stamped(stamp))
        countdown = iter(range(chosen.randint(0, 3)))

        def kill(event: Progress, countdown: Iterator[int] = countdown) -> None:
            if isinstance(event, Step) and event.step != "contract" and next(countdown, None) is None:
                os.kill(builds[-1].process, signal.SIGKILL)

        with contextlib.suppress(Unavailable):  # a build may have ended before it is killed
            shop.publish("stamped", progress=kill)
        after = served(shop)
        assert after == before or stored(after, "SELECT max(stamp) FROM t") == [(stamp,)]
        killed += after == before
        before = recovered(shop, stamp)
    assert killed


def test_a_stop_between_any_two_steps_leaves_the_last_good_snapshot(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    before = shop.publish("stamped")
    for stamp, (room, step) in enumerate(STEPS, start=1):
        shop.fill("stamped", "t", stamped(stamp))
        with monkeypatch.context() as patched:
            patched.setattr(room, step, stop)
            with pytest.raises(KeyboardInterrupt):
                shop.publish("stamped")
        assert served(shop) == before
        before = recovered(shop, stamp)


class Reader(threading.Thread):
    """Asks without pause; keeps (snapshot, lowest stamp, highest stamp, rows) of each answer, and every error."""

    def __init__(self, ask: Callable[[], tuple[str, int, int, int]]) -> None:
        super().__init__()
        self.ask = ask
        self.stop = threading.Event()
        self.answers: list[tuple[str, int, int, int]] = []
        self.errors: list[BaseException] = []

    def run(self) -> None:
        """Until told to stop, and once after that."""
        while True:
            last = self.stop.is_set()
            try:
                self.answers.append(self.ask())
            except BaseException as error:
                self.errors.append(error)
            if last:
                return


def aggregate(gateway: Gateway) -> tuple[str, int, int, int]:
    """One row, by a self-join so that the statement reads the table twice."""
    both = "stamped.t AS a JOIN stamped.t AS b USING (id)"
    query = f"SELECT min(a.stamp) AS low, max(b.stamp) AS high, count(*) AS n FROM {both}"
    with gateway.answer(gateway.impersonate("steward", "python"), Query(query)) as result:
        rows = pa.Table.from_batches(result.batches(), result.schema).to_pylist()
        return result.provenance.products[0].snapshot, rows[0]["low"], rows[0]["high"], rows[0]["n"]


def stream(gateway: Gateway) -> tuple[str, int, int, int]:
    """Every row, batch by batch."""
    with gateway.answer(gateway.impersonate("steward", "python"), Query("SELECT id, stamp FROM stamped.t")) as result:
        stamps = pa.chunked_array([batch.column("stamp") for batch in result.batches()])
        found = stamps.unique().to_pylist()
        return result.provenance.products[0].snapshot, min(found), max(found), len(stamps)


def test_no_reader_loses_or_tears_an_answer_while_snapshots_are_swapped(shop: Workshop) -> None:
    rows = 20_000
    shop.settings.state.mkdir()
    Directory(shop.settings.principals, load(shop.settings)).add("steward", "person", {"role": ("steward",)}, "secret")
    shop.fill("stamped", "t", stamped(0, rows))
    stamps = {shop.publish("stamped").id: 0}
    gateway = Gateway(shop.settings)
    readers = [Reader(lambda one=one: one(gateway)) for one in (aggregate, stream, stream)[:READERS]]
    try:
        for reader in readers:
            reader.start()
        for stamp in range(1, SWAPS + 1):
            shop.fill("stamped", "t", stamped(stamp, rows))
            stamps[shop.publish("stamped").id] = stamp
        deadline = time.monotonic() + 60
        while not all(reader.answers and reader.answers[-1][1] == SWAPS for reader in readers):
            assert time.monotonic() < deadline
            threading.Event().wait(0.01)
    finally:
        for reader in readers:
            reader.stop.set()
        for reader in readers:
            reader.join()
        gateway.close()
    answers = [answer for reader in readers for answer in reader.answers]
    assert [error for reader in readers for error in reader.errors] == []
    assert [answer for answer in answers if answer[1:] != (stamps[answer[0]], stamps[answer[0]], rows)] == []
    assert len({answer[0] for answer in answers}) > SWAPS / 2
    assert all(reader.answers[-1][1] == SWAPS for reader in readers)


def test_the_steps_are_told_in_order(shop: Workshop) -> None:
    told: list[str] = []
    shop.publish("stamped", progress=lambda event: told.append(event.step) if isinstance(event, Step) else None)
    assert list(dict.fromkeys(told)) == ["contract", "write", "pseudonym", "audit", "published"]
