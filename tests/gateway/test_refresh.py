"""Products are made anew by schedule, on demand and after their upstream; a kill loses nothing that is served."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from gateway.accounting.ledger import Ledger
from gateway.contracts import contract
from gateway.contracts.contract import ContractError
from gateway.desks.refreshes import Refreshed, history
from gateway.errors import Unavailable
from gateway.publication import child, refresh
from gateway.publication.publish import publish
from gateway.publication.refresh import Request
from gateway.publication.refresher import Refresher
from gateway.serving.catalog import Catalog
from gateway.ticking import ScriptedClock, read
from tests.workshop import KEY, STEWARD, Workshop, stored

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
ITEMS = {"items": {"id": KEY}}
READER = {"id": "reader", "on": {"product": "*"}, "to": {"kind": "product"}, "grant": {"columns": ["*"]}}


def rows(count: int) -> pa.Table:
    return pa.table({"id": range(count)})


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The state of a deployment that serves one product of one row."""
    made = Workshop(tmp_path_factory.mktemp("served"))
    publish(made.settings, made.declare("stock", ITEMS, data={"items": rows(1)}), clock=ScriptedClock(NOON))
    return made.settings.state


@pytest.fixture
def shop(tmp_path: Path, served: Path) -> Workshop:
    shutil.copytree(served, tmp_path / "state")
    made = Workshop(tmp_path, refresh_attempts=3, refresh_backoff_s=60.0)
    made.allow(STEWARD, READER)
    made.declare("stock", ITEMS, data={"items": rows(1)})
    return made


@pytest.fixture
def clock() -> ScriptedClock:
    return ScriptedClock(NOON)


def refresher(shop: Workshop, clock: ScriptedClock) -> Refresher:
    return Refresher(shop.settings, clock, chance=lambda: 0.0)


def due(work: Refresher) -> list[Request]:
    """The runs that are due, one after the other."""
    return list(iter(work.tick, None))


def count(shop: Workshop, name: str = "stock") -> int:
    snapshot = Catalog(shop.settings.state).current().find(name)
    assert snapshot is not None
    return int(stored(snapshot, "SELECT count(*) FROM items")[0][0])


def outcomes(shop: Workshop, name: str = "stock") -> list[tuple[str, str, int]]:
    """(trigger, outcome, attempt) of its runs but for the first publication, the oldest first."""
    found: list[Refreshed] = history(shop.settings.state, name, 50)[::-1]
    return [(one.trigger, one.outcome, one.attempt) for one in found if one.trigger != "apply"]


def test_a_request_outlives_its_asker_and_two_are_one(shop: Workshop, clock: ScriptedClock) -> None:
    shop.fill("stock", "items", rows(5))
    first = refresh.request(shop.settings.state, "stock", by="steward", clock=clock)
    assert refresh.request(shop.settings.state, "stock", by="another", clock=clock) == first
    work = refresher(shop, clock)
    assert work.tick() == first
    assert work.tick() is None
    assert (count(shop), outcomes(shop)) == (5, [("request", "published", 1)])
    (run,) = [one for one in history(shop.settings.state, "stock", 9) if one.run == first.run]
    assert (run.by, run.begun) == ("steward", "2026-03-02T12:00:00.000000Z")


def test_what_is_asked_for_while_a_run_goes_on_runs_after_it(shop: Workshop, clock: ScriptedClock) -> None:
    first = refresh.request(shop.settings.state, "stock", clock=clock)
    assert refresh.take(shop.settings.state, clock.now()) == first
    second = refresh.request(shop.settings.state, "stock", clock=clock)
    assert second.run != first.run
    refresh.ended(shop.settings.state, first, first.again(clock.now(), 2))
    assert refresh.waiting(shop.settings.state) == (second,)


def test_a_schedule_runs_when_its_time_has_come_in_its_zone(shop: Workshop, clock: ScriptedClock) -> None:
    custom = {"refresh": {"cron": "30 14 * * 1", "zone": "Europe/Paris"}}
    publish(shop.settings, shop.declare("stock", ITEMS, data={"items": rows(1)}, custom=custom), clock=clock)
    work = refresher(shop, clock)
    shop.fill("stock", "items", rows(2))
    clock.advance(timedelta(hours=1, minutes=29))
    assert work.tick() is None
    clock.advance(timedelta(minutes=1))
    assert work.tick() is not None
    assert work.tick() is None
    assert (count(shop), outcomes(shop)) == (2, [("schedule", "published", 1)])
    clock.advance(timedelta(days=6, hours=23))
    assert work.tick() is None
    clock.advance(timedelta(hours=1))
    assert [one.product for one in due(work)] == ["stock"]


def test_times_that_passed_while_nobody_served_are_made_up_for_once(shop: Workshop, clock: ScriptedClock) -> None:
    custom = {"refresh": {"cron": "0 * * * *"}}
    publish(shop.settings, shop.declare("stock", ITEMS, data={"items": rows(1)}, custom=custom), clock=clock)
    clock.advance(timedelta(days=3))
    work = refresher(shop, clock)
    assert [one.product for one in due(work)] == ["stock"]
    assert due(work) == []


def test_a_rule_s_own_schedule_is_kept_and_time_alone_makes_other_rows(shop: Workshop, clock: ScriptedClock) -> None:
    daily = {"metric": "rowCount", "mustBeGreaterThan": 0, "scheduler": "cron", "schedule": "0 5 * * *"}
    running = "DATE '2018-01-01' + CAST(CAST(now() AS TIMESTAMP) AS TIME)"
    for name, custom in {"timed": {"dataClock": running}, "still": {"dataClock": "2018-01-01"}}.items():
        model = {"items": "SELECT id FROM stock.items WHERE $data_clock > TIMESTAMP '2017-01-01'"}
        quality = {"items": [daily]}
        folder = shop.declare(name, ITEMS, models=model, inputs=["stock"], quality=quality, custom=custom)
        publish(shop.settings, folder, clock=clock)
    work = refresher(shop, clock)
    assert due(work) == []
    clock.advance(timedelta(hours=17))
    assert sorted(one.product for one in due(work)) == ["still", "timed"]
    assert outcomes(shop, "timed") == [("schedule", "published", 1)]
    assert outcomes(shop, "still") == [("schedule", "unchanged", 1)]


def test_a_product_follows_its_upstream_where_it_says_so(shop: Workshop, clock: ScriptedClock) -> None:
    for name, custom in {"follower": {"refresh": {"on": "upstream"}}, "loner": None}.items():
        model = {"items": "SELECT id FROM stock.items"}
        folder = shop.declare(name, ITEMS, models=model, inputs=["stock"], custom=custom)
        publish(shop.settings, folder, clock=clock)
    work = refresher(shop, clock)
    assert work.tick() is None
    clock.advance(timedelta(minutes=1))
    shop.fill("stock", "items", rows(7))
    publish(shop.settings, shop.settings.products / "stock", clock=clock)
    clock.advance(timedelta(minutes=1))
    assert work.tick() is not None
    assert work.tick() is None
    assert (count(shop, "follower"), count(shop, "loner")) == (7, 1)
    assert outcomes(shop, "follower") == [("upstream", "published", 1)]


def test_what_fails_is_tried_again_ever_later_and_not_for_ever(
    shop: Workshop, clock: ScriptedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object) -> None:
        raise Unavailable("the build was killed", reason="build")

    monkeypatch.setattr(child, "run", killed)
    refresh.request(shop.settings.state, "stock", clock=clock)
    work = refresher(shop, clock)
    pauses = []
    while work.tick() is not None:
        for one in refresh.waiting(shop.settings.state):
            pauses.append((read(one.due) - clock.now()).total_seconds())
            clock.advance(timedelta(seconds=pauses[-1]))
    assert pauses == [60.0, 120.0]
    assert outcomes(shop) == [("request", "failed", 1), ("request", "failed", 2), ("request", "failed", 3)]
    assert count(shop) == 1


def test_what_has_failed_is_published_once_its_source_is_mended(shop: Workshop, clock: ScriptedClock) -> None:
    (shop.settings.products / "stock" / "data" / "items.parquet").unlink()
    refresh.request(shop.settings.state, "stock", clock=clock)
    work = refresher(shop, clock)
    work.tick()
    shop.fill("stock", "items", rows(4))
    assert work.tick() is None
    clock.advance(timedelta(minutes=1))
    assert work.tick() is not None
    assert (count(shop), outcomes(shop)[-1]) == (4, ("request", "published", 2))


def test_a_refresh_publishes_no_edit_of_the_contract(shop: Workshop, clock: ScriptedClock) -> None:
    before = Catalog(shop.settings.state).current().find("stock")
    shop.declare("stock", {"items": {"id": KEY, "more": KEY | {"primaryKey": False}}}, data={"items": rows(9)})
    refresh.request(shop.settings.state, "stock", clock=clock)
    work = refresher(shop, clock)
    work.tick()
    assert Catalog(shop.settings.state).current().find("stock") == before
    (told, *_) = history(shop.settings.state, "stock", 1)
    assert (told.outcome, told.finding) == ("refused", "stock: the folder declares what is not served")
    assert refresh.waiting(shop.settings.state) == ()


def test_only_one_process_takes_requests(shop: Workshop) -> None:
    with refresh.writer(shop.settings.state) as first, refresh.writer(shop.settings.state) as second:
        assert (first, second) == (True, False)
    with refresh.writer(shop.settings.state) as again:
        assert again


# Takes the request and is killed before the build's end: the child's first word is what kills it.
KILLED = """
import os, signal, sys
from pathlib import Path
from gateway.publication import publish
from gateway.publication.refresh import Request
from gateway.publication.refresher import Refresher
from gateway.settings import Settings
state = Path(sys.argv[1])
settings = Settings(products=state.parent / "products", policies=state.parent / "policies", state=state,
                    secret_key=sys.argv[2], threads=1, memory_limit="512MB")
at = sys.argv[3]
if at == "begun":
    publish.child.run = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
else:
    from gateway.publication import runs
    runs.Run.published = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
Refresher(settings).tick()
"""


@pytest.mark.parametrize(("at", "then"), [("begun", "published"), ("published", "unchanged")])
def test_a_killed_refresh_loses_nothing_and_is_told_of(shop: Workshop, at: str, then: str) -> None:
    clock = ScriptedClock(datetime.now(UTC))
    shop.fill("stock", "items", rows(6))
    asked = refresh.request(shop.settings.state, "stock")
    ended = subprocess.run(
        [sys.executable, "-c", KILLED, str(shop.settings.state), shop.secret, at], check=False, timeout=60
    )
    assert ended.returncode == -signal.SIGKILL
    assert count(shop) == (1 if at == "begun" else 6)
    clock.advance(timedelta(seconds=60))
    work = refresher(shop, clock)
    assert work.recover() == (asked,)
    assert work.recover() == ()
    assert work.tick() is not None
    assert count(shop) == 6
    assert outcomes(shop) == [("request", "killed", 1), ("request", then, 2)]
    assert not list((shop.settings.state / "snapshots").glob("*.building"))


@pytest.mark.parametrize(
    ("declared_as", "told"),
    [
        ({"cron": "* * *"}, "has 3 fields"),
        ({"cron": "0 0 1 * 1"}, "one of them is *"),
        ({"cron": "0 0 31 2 *"}, "never comes"),
        ({"cron": "0 0 * * *", "zone": "Nowhere/Land"}, "no schedule"),
        ({"zone": "UTC"}, "neither a cron expression"),
        ({"cron": 5}, "no schedule"),
        ("daily", "no schedule"),
    ],
)
def test_a_schedule_that_means_nothing_is_a_finding(shop: Workshop, declared_as: object, told: str) -> None:
    folder = shop.declare("stock", ITEMS, data={"items": rows(1)}, custom={"refresh": declared_as})
    with pytest.raises(ContractError, match=f".*{told.replace('*', '.')}"):
        contract.load(folder)


def test_the_ledger_is_pruned_though_the_clock_was_set_back(shop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    swept = []
    monkeypatch.setattr(Ledger, "sweep", lambda *_: swept.append(1))
    now = datetime.now(UTC)
    clock = ScriptedClock(now + timedelta(days=400))
    work = refresher(shop, clock)
    work.tick()
    work.tick()
    clock.advance(timedelta(days=-400))
    work.tick()
    assert len(swept) == 2
