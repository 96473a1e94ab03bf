"""Minutes in which nobody could ask: heartbeats, declared maintenance, and what promises of availability make of it."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gateway.accounting import ledger
from gateway.accounting.ledger import Ledger, Row
from gateway.errors import BadQuery, NotFound, Unavailable
from gateway.service_levels import incidents, maintenance
from gateway.service_levels.attendance import Attendance, Heartbeat
from gateway.service_levels.incidents import Incident
from gateway.serving import manifest
from gateway.serving.manifest import Manifest, Served
from gateway.ticking import ScriptedClock
from tests.conftest import World
from tests.gateway.test_slo import AVAILABLE, NOON, OURS, Scene, objective

NINES = replace(AVAILABLE, share=0.999, target=0.999)


@pytest.fixture
def scene(world: World, tmp_path: Path) -> Scene:
    made = Scene(world, tmp_path)
    listed(made, "shop")
    return made


def listed(scene: Scene, *names: str) -> None:
    manifest.write(scene.state, Manifest(tuple(Served(name, 1, f"{name}-1") for name in names)))


def serve(scene: Scene, minutes: int, *names: str, asked: int = 0, beat: Heartbeat | None = None) -> None:
    """A process that serves these products for so many minutes, and looks."""
    beat = beat or Heartbeat(scene.state, scene.clock)
    for _ in range(minutes):
        beat.beat(names)
        scene.ask(asked)
        scene.look(1)


def available(scene: Scene) -> tuple[int, int]:
    whole = scene.results()["shop", "availability", ""]["windows"]["30d"]
    return whole["good"], whole["bad"]


def test_what_was_before_the_first_heartbeat_does_not_count(scene: Scene) -> None:
    scene.publish("shop", NINES)
    scene.look(600)
    assert available(scene) == (0, 0)
    serve(scene, 30, "shop")
    assert available(scene) == (29, 0), "the last minute is not settled"
    assert scene.results()["shop", "availability", ""]["adherence"] == 1


def test_an_outage_is_found_at_the_next_start_with_its_begin(scene: Scene) -> None:
    scene.publish("shop", NINES)
    serve(scene, 60, "shop")
    scene.watch.close()
    ended = scene.clock.now()
    scene.clock.advance(timedelta(hours=10))
    scene.watch = scene.another()
    serve(scene, 1, "shop")
    (found,) = scene.incidents()
    assert scene.told == [("opened", "shop", "availability")]
    assert datetime.fromisoformat(found["first_bad"]) == ended
    assert found["detect_s"] == 601 * 60
    assert found["causes"] == ["shop: for 600 min nobody could ask"]
    serve(scene, 3, "shop")
    assert available(scene) == (63, 600)
    assert scene.results()["shop", "availability", ""]["state"] == "breached"
    serve(scene, 40, "shop")
    assert scene.told[1:] == [("closed", "shop", "availability")]
    assert scene.incidents()[0]["repair_s"] == 0, "it was over when it was noticed"


def test_it_is_found_once_however_often_one_begins_to_look(scene: Scene) -> None:
    scene.publish("shop", NINES)
    serve(scene, 60, "shop")
    scene.clock.advance(timedelta(minutes=30))
    serve(scene, 50, "shop")
    before = available(scene)
    assert [event for event, *_ in scene.told] == ["opened", "closed"]
    for _ in range(3):
        scene.watch.close()
        scene.watch = scene.another()
        scene.watch.look()
    assert available(scene) == before
    scene.watch = scene.another()  # one that was killed: its last minutes are judged again
    serve(scene, 2, "shop")
    assert available(scene) == (before[0] + 2, before[1])
    assert len(scene.told) == 2


def test_a_minute_without_anybody_counts_as_many_questions_as_a_usual_one(scene: Scene) -> None:
    scene.publish("shop", NINES)
    serve(scene, 60, "shop", asked=9)
    scene.clock.advance(timedelta(minutes=10))
    serve(scene, 4, "shop", asked=9)
    good, bad = available(scene)
    assert good == 64 * 9 + 63
    assert bad / 10 == pytest.approx(9, abs=1.5)


def test_a_process_that_is_there_for_others_leaves_a_product_unserved(scene: Scene) -> None:
    scene.publish("shop", NINES)
    scene.publish("hr", NINES)
    listed(scene, "shop", "hr")
    beat = Heartbeat(scene.state, scene.clock)
    serve(scene, 30, "hr", "shop", beat=beat)
    shop = scene.snapshots.pop("shop")
    serve(scene, 10, "hr", beat=beat)
    assert scene.told == [("opened", "shop", "availability")], "its promise stands while it cannot be served"
    assert scene.incidents()[0]["closed"] is None
    scene.snapshots["shop"] = shop
    serve(scene, 50, "hr", "shop", beat=beat)
    assert available(scene) == (79, 10)
    assert scene.results()["hr", "availability", ""]["windows"]["30d"]["bad"] == 0
    assert scene.told[1:] == [("closed", "shop", "availability")]


def test_what_was_retired_is_not_missed(scene: Scene) -> None:
    scene.publish("shop", NINES)
    scene.publish("hr", NINES)
    listed(scene, "shop", "hr")
    beat = Heartbeat(scene.state, scene.clock)
    serve(scene, 30, "hr", "shop", beat=beat)
    listed(scene, "hr")
    shop = scene.snapshots.pop("shop")
    serve(scene, 60, "hr", beat=beat)
    listed(scene, "shop", "hr")
    scene.snapshots["shop"] = shop
    serve(scene, 10, "hr", "shop", beat=beat)
    assert available(scene) == (39, 0)
    assert scene.told == []


def test_one_of_several_processes_is_enough(scene: Scene) -> None:
    scene.publish("shop", NINES)
    beats = [Heartbeat(scene.state, scene.clock) for _ in range(3)]
    for minute in range(30):
        beats[minute % 3].beat(["shop"])
        scene.look(1)
    assert available(scene) == (29, 0)


def test_declared_maintenance_does_not_count_and_what_was_is_not_excused(scene: Scene) -> None:
    scene.publish("shop", NINES)
    serve(scene, 30, "shop")
    now, ledger = scene.clock.now(), Ledger(scene.state, scene.clock)
    one = maintenance.declared(now, now + timedelta(hours=1), ["shop"], "ann", "new disks", now)
    ledger.append(maintenance.KIND, [one.row])
    scene.clock.advance(timedelta(hours=2))
    late = maintenance.declared(now, now + timedelta(hours=3), (), "ann", "an excuse", scene.clock.now())
    ledger.append(maintenance.KIND, [late.row])
    scene.clock.advance(timedelta(minutes=30))
    serve(scene, 20, "shop")
    assert available(scene) == (49, 60), "the second hour, before anything was said of it"


def test_a_window_that_is_cancelled_ends_then(scene: Scene) -> None:
    scene.publish("shop", NINES)
    serve(scene, 30, "shop")
    now, ledger = scene.clock.now(), Ledger(scene.state, scene.clock)
    one = maintenance.declared(now, now + timedelta(hours=5), (), "ann", "new disks", now)
    ledger.append(maintenance.KIND, [one.row])
    then = scene.clock.advance(timedelta(minutes=10))
    ledger.append(maintenance.KIND, [maintenance.cancelled(maintenance.windows(ledger), one.id, "ann", then)])
    scene.clock.advance(timedelta(minutes=5))
    serve(scene, 20, "shop")
    assert available(scene) == (49, 5)
    with pytest.raises(NotFound, match="does not exist"):
        maintenance.cancelled(maintenance.windows(ledger), one.id, "ann", scene.clock.now())


@pytest.mark.parametrize(("begins", "ends"), [(1, 1), (2, 1), (-2, -1), (0, 24 * 8), (24 * 400, 24 * 401)])
def test_a_window_is_to_come_and_short(begins: int, ends: int) -> None:
    with pytest.raises(BadQuery, match="window"):
        maintenance.declared(NOON + timedelta(hours=begins), NOON + timedelta(hours=ends), (), "ann", "why", NOON)


def test_a_promise_that_is_withdrawn_or_not_measured_closes_its_incident_and_repairs_nothing(scene: Scene) -> None:
    promised = objective("freshness", 600)
    scene.publish("shop", promised)
    scene.look(12)
    assert scene.told == [("opened", "shop", "freshness")]
    scene.snapshots["shop"] = replace(scene.snapshots["shop"], outcomes=())
    scene.publish("shop", NINES)
    scene.look(1)
    (found,) = scene.incidents()
    assert (found["reason"], found["recovered"], found["repair_s"]) == ("it is promised no more", None, None)
    assert scene.told[1:] == [("closed", "shop", "freshness")]


def test_names_stand_in_the_first_heartbeat_of_a_day_and_where_they_change(tmp_path: Path) -> None:
    clock = ScriptedClock(datetime(2026, 3, 2, 23, 57, tzinfo=UTC))
    manifest.write(tmp_path, Manifest((Served("shop", 1, "s"), Served("hr", 1, "h"))))
    beat = Heartbeat(tmp_path, clock)
    for served in (["shop"], ["shop"], ["shop", "hr"], ["shop", "hr"], ["shop", "hr"]):
        beat.beat(served)
        beat.beat(served)
        clock.advance(timedelta(minutes=1))
    rows = Ledger(tmp_path, clock).rows("alive")
    assert [row.get("serves") for row in rows] == [["shop"], None, ["hr", "shop"], ["hr", "shop"], None]
    assert [row.get("lacks") for row in rows] == [["hr"], None, [], [], None]


def test_many_names_stand_in_several_rows(tmp_path: Path) -> None:
    clock = ScriptedClock(NOON)
    names = [f"p{number:0>60}" for number in range(1500)]
    manifest.write(tmp_path, Manifest(tuple(Served(name, 1, name) for name in names)))
    Heartbeat(tmp_path, clock).beat(names[:900])
    rows = Ledger(tmp_path, clock).rows("alive")
    assert max(len(json.dumps(row)) for row in rows) < 60_000
    heard = Attendance()
    heard.take(rows)
    minute = int(NOON.timestamp()) // 60
    assert {heard.of(name, minute) for name in names[:900]} == {"served"}
    assert {heard.of(name, minute) for name in names[900:]} == {"lacking"}
    assert heard.of("another", minute) == "unpromised"
    assert heard.of("another", minute + 1) == "lacking"


def test_without_a_manifest_nothing_is_excused(tmp_path: Path) -> None:
    clock, heard = ScriptedClock(NOON), Attendance()
    Heartbeat(tmp_path, clock).beat(["shop"])
    heard.take(Ledger(tmp_path, clock).rows("alive"))
    minute = int(NOON.timestamp()) // 60
    assert (heard.of("shop", minute), heard.of("hr", minute)) == ("served", "lacking")


def test_questions_that_fail_count_beside_the_minutes(scene: Scene) -> None:
    scene.publish("shop", NINES)
    serve(scene, 30, "shop", asked=1)
    scene.ask(5, OURS)
    scene.look(1)
    good, bad = available(scene)
    assert (good, bad) == (59 + 1, 5)


def test_times_to_detect_and_to_repair_are_means_over_incidents_and_no_incident_of_their_own(scene: Scene) -> None:
    stale = objective("freshness", 600)
    promised = (objective("detection", 120), objective("repair", 1200))
    scene.publish("shop", stale, *promised)
    scene.look(5)
    assert {name: one["state"] for (_, name, _), one in scene.results().items()} == {
        "freshness": "ok", "detection": "no_data", "repair": "no_data",
    }  # fmt: skip
    for _ in range(7):
        scene.look(1)
    detected = scene.results()["shop", "detection", ""]
    assert (detected["value"], detected["state"]) == (60, "ok")
    assert scene.results()["shop", "repair", ""]["state"] == "no_data", "it goes on, and has not taken too long"
    scene.look(21)
    assert scene.results()["shop", "repair", ""]["state"] == "breached"
    scene.publish("shop", stale, *promised)
    scene.look(1)
    scene.look(3)
    repaired = scene.results()["shop", "repair", ""]
    assert (repaired["state"], repaired["value"]) == ("breached", 23 * 60)
    assert [event for event, *_ in scene.told] == ["opened", "closed"]


def test_what_can_be_measured_no_more_closes_its_incident(scene: Scene) -> None:
    held = objective("quality", 0.9)
    scene.publish("shop", held, rule=-1.0)
    scene.look(2)
    assert scene.told == [("opened", "shop", "quality")]
    scene.publish("shop", held)
    scene.look(1)
    scene.look(3)
    (found,) = scene.incidents()
    assert (found["reason"], found["recovered"]) == ("it can be measured no more", None)


def test_an_alert_that_was_cut_off_is_raised_by_who_looks_next(scene: Scene) -> None:
    promised = objective("freshness", 600)
    scene.publish("shop", promised)
    heard = scene.watch._tell

    def cut(event: str, incident: Incident) -> None:
        raise KeyboardInterrupt

    scene.watch._tell = cut
    with pytest.raises(KeyboardInterrupt):
        scene.look(12)
    assert scene.told == []
    scene.watch = scene.another()
    scene.look(1)
    assert scene.told == [("opened", "shop", "freshness")]
    assert len(scene.incidents()) == 1

    def fails(event: str, incident: Incident) -> None:
        raise Unavailable("the disk is full", reason="state")

    scene.watch._tell = fails
    scene.publish("shop", promised)
    scene.look(1)
    scene.look(3)
    scene.watch._tell = heard
    scene.look(1)
    scene.look(1)
    scene.watch = scene.another()
    scene.look(1)
    assert scene.told == [("opened", "shop", "freshness"), ("closed", "shop", "freshness")]


def test_a_clock_that_is_set_back_does_not_silence_a_process(tmp_path: Path) -> None:
    clock = ScriptedClock(NOON)
    beat = Heartbeat(tmp_path, clock)
    beat.beat(["shop"])
    clock.advance(timedelta(days=-2))
    beat.beat(["shop"])
    clock.advance(timedelta(minutes=1))
    beat.beat(["shop"])
    heard = Attendance()
    heard.take(Ledger(tmp_path, clock).follow("alive", {}))
    minute = int((NOON - timedelta(days=2)).timestamp()) // 60
    assert [heard.of("shop", minute + one) for one in range(3)] == ["served", "served", "lacking"]


def test_minutes_that_a_wrong_clock_has_put_into_days_to_come_hold_nothing_up(scene: Scene) -> None:
    scene.publish("shop", NINES)
    serve(scene, 10, "shop")
    later: Row = {
        "at": "2031-01-01T00:00:00.000000Z", "product": "shop", "objective": "availability", "good": 1, "bad": 0,
        "weight": 1,
    }  # fmt: skip
    Ledger(scene.state, scene.clock).append("samples", [later])
    scene.watch.close()
    scene.clock.advance(timedelta(hours=10))
    scene.watch = scene.another()
    serve(scene, 3, "shop")
    assert available(scene) == (12, 600)


def test_an_incident_that_goes_on_for_months_is_still_one(scene: Scene) -> None:
    promised = objective("freshness", 600)
    scene.publish("shop", promised)
    scene.look(12)
    scene.watch = scene.another()
    scene.look(60 * 24 * 40)
    scene.publish("shop", promised)
    scene.look(1)
    scene.look(3)
    assert scene.told == [("opened", "shop", "freshness"), ("closed", "shop", "freshness")]
    (found,) = scene.incidents()
    assert found["recovered"]


def test_an_incident_that_meets_many_is_on_file_and_counts_them_all() -> None:
    names = tuple("\u00e9" * 100 + str(number) for number in range(5_000))
    made = Incident(
        id="i", product="p", objective="o", port="", first_bad=NOON, opened=NOON,
        causes=names, consumers=names, downstream=names, consumed_by=len(names),
    )  # fmt: skip
    row = incidents.opened(made, [])
    assert len(json.dumps(row)) < ledger.LINE_BYTES
    read = incidents.replayed({}, [row])["i"]
    assert (read.consumed_by, read.consumers[:1]) == (5_000, names[:1])
    assert len(json.dumps(incidents.closed(replace(made, closed=NOON)))) < ledger.LINE_BYTES


def test_an_outage_from_before_it_was_promised_is_none(scene: Scene) -> None:
    scene.publish("shop")
    serve(scene, 30, "shop")
    scene.clock.advance(timedelta(hours=10))
    serve(scene, 30, "shop")
    scene.publish("shop", NINES)
    serve(scene, 5, "shop")
    assert scene.told == []
    assert available(scene) == (4, 0)
