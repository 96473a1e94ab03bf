"""Promises, measured: what they compile to, how they are kept, and the incidents that open and close by themselves."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.accounting.ledger import Ledger
from gateway.accounting.observations import Tally
from gateway.accounting.observe import QueryAnswered, QueryRefused, Refused
from gateway.contracts.objectives import compiled
from gateway.contracts.odcs import DataContract
from gateway.desks.slo_desk import SloDesk
from gateway.document import Documents, Report
from gateway.errors import Unavailable
from gateway.objective import Objective
from gateway.product import Input
from gateway.service_levels import incidents
from gateway.service_levels.slo import MINUTES, Series, budget, standing
from gateway.service_levels.slo_told import Told, evaluator, write
from gateway.service_levels.slo_watch import Watch
from gateway.session import Pin
from gateway.snapshot import Deployment, RuleOutcome, Snapshot
from gateway.ticking import ScriptedClock
from tests.conftest import World, password

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
OURS, THEIRS = Refused("unavailable", "", "e"), Refused("bad_query", "syntax", "e")


def compile_sla(world: World, *promises: Mapping[str, Any]) -> tuple[list[Objective], list[str]]:
    """The objectives of these SLA entries over the world's shop, and the findings."""
    document = {
        "apiVersion": "v3.2.0",
        "kind": "DataContract",
        "id": "c",
        "version": "1.0.0",
        "slaProperties": promises,
    }
    contract = DataContract.model_validate_json(json.dumps(document))
    report = Report(Documents({}))
    tables = {table.name: table for table in snapshot(world, "shop").product.tables}
    made = list(compiled(contract, tables, "c.yaml", report, set()))
    return made, [str(one) for one in report.findings]


def snapshot(world: World, name: str) -> Snapshot:
    found = world.gateway.pin().deployment.find(name)
    assert found is not None
    return found


def port(name: str) -> list[dict[str, str]]:
    return [{"property": "port", "value": name, "vendor": "outport"}]


def test_the_standard_s_promises_and_ours_become_objectives(world: World) -> None:
    made, findings = compile_sla(
        world,
        {"property": "latency", "value": 4, "unit": "h", "element": "orders.ordered_at"},
        {"property": "latency", "value": 100, "unit": "ms"},
        {"property": "availability", "value": 99.9, "unit": "%"},
        {"property": "availability", "value": "99.5%", "unit": "", "customProperties": port("postgres")},
        {"property": "responseTimeP99", "value": 2, "unit": "s", "customProperties": port("rest")},
        {"property": "errorRate", "value": 0.1, "unit": "percent", "id": "errors"},
        {"property": "quality", "value": 0.98, "element": "orders"},
        {"property": "freshness", "value": 1, "unit": "d", "description": "the whole of it"},
        {"property": "retention", "value": 3, "unit": "y"},
        {"property": "timeToDetect", "value": 10, "unit": "m"},
        {"property": "timeToRepair", "value": 4, "unit": "h"},
        {"property": "frequency", "value": 1, "scheduler": "cron", "schedule": "15 6 * * *"},
    )
    assert findings == []
    told = {one.id: (one.kind, one.port, one.target, round(one.share, 6)) for one in made}
    assert told == {
        "latency.orders": ("freshness", "", 14_400, 0.99),
        "latency": ("latency", "", 100, 0.95),
        "availability": ("availability", "", 0.999, 0.999),
        "availability.postgres": ("availability", "postgres", 0.995, 0.995),
        "responseTimeP99.rest": ("latency", "rest", 2000, 0.99),
        "errors": ("errorRate", "", 0.001, 0.999),
        "quality.orders": ("quality", "", 0.98, 0.99),
        "freshness": ("freshness", "", 86_400, 0.99),
        "timeToDetect": ("detection", "", 600, 0.99),
        "timeToRepair": ("repair", "", 14_400, 0.99),
    }
    assert [one.rule for one in made if one.table == "orders" and one.kind == "freshness"] == [
        "orders.ordered_at.latency"
    ]


@pytest.mark.parametrize(
    ("promise", "place", "right"),
    [
        ({"property": "availability", "value": 101, "unit": "percent"}, "slaProperties[0]", "99.9"),
        ({"property": "availability", "value": "often"}, "slaProperties[0]", "99.9"),
        ({"property": "errorRate", "value": 100, "unit": "percent"}, "slaProperties[0]", "99.9"),
        ({"property": "responseTimeP95", "value": -1, "unit": "ms"}, "slaProperties[0]", "unit ms"),
        ({"property": "responseTimeP95", "value": 3, "unit": "h"}, "slaProperties[0]", "unit ms"),
        ({"property": "responseTimeP00", "value": 3, "unit": "ms"}, "slaProperties[0]", "such as 95"),
        ({"property": "freshness", "value": "soon", "unit": "h"}, "slaProperties[0]", "unit s, m, h or d"),
        ({"property": "availability", "value": 99, "customProperties": port("fax")}, "slaProperties[0]", "graphql"),
        ({"property": "freshness", "value": 1, "unit": "h", "customProperties": port("rest")}, "[0]", "no port"),
        ({"property": "timeToRepair", "value": 4, "unit": "y"}, "slaProperties[0]", "unit s, m, h or d"),
        ({"property": "timeToRepair", "value": 4, "unit": "h", "customProperties": port("rest")}, "[0]", "no port"),
        ({"property": "timeToDetect", "value": 4, "unit": "h", "element": "orders"}, "[0].element", "no element"),
        ({"property": "retention", "value": "long", "unit": "y"}, "slaProperties[0]", "such as d, months or y"),
        ({"property": "retention", "value": 3, "unit": "lustra"}, "slaProperties[0]", "such as d, months or y"),
        ({"property": "endOfLife", "value": "some day"}, "slaProperties[0]", "2031-01-31"),
        ({"property": "throughput", "value": -1}, "slaProperties[0]", "a number above 0"),
        ({"property": "availabilty", "value": 99}, "slaProperties[0].property", "did you mean availability?"),
        ({"property": "quality", "value": 0.9, "element": "ordres"}, "slaProperties[0].element", "orders"),
        (
            {
                "property": "freshness", "value": 1, "unit": "h",
                "customProperties": [{"property": "stale", "value": 2, "vendor": "outport"}],
            },
            "slaProperties[0]", "at most the promise",
        ),
    ],
)  # fmt: skip
def test_what_is_no_promise_is_told_with_its_place(
    world: World, promise: dict[str, Any], place: str, right: str
) -> None:
    made, (finding,) = compile_sla(world, promise)
    assert made == []
    assert place in finding
    assert right in finding


def test_one_promise_twice_is_told(world: World) -> None:
    promise = {"property": "availability", "value": 99.9, "unit": "percent"}
    assert "two promises are called availability" in compile_sla(world, promise, promise)[1][0]


def objective(kind: str, target: float, share: float = 0.99, **more: Any) -> Objective:
    given = {"id": kind, "promise": kind, "port": "", "table": "", "column": "", "warn": 0.8 * target} | more
    return Objective(kind=kind, target=target, share=share, **given)  # type: ignore[arg-type]


AVAILABLE = objective("availability", 0.99)
COUNTED = st.lists(st.tuples(st.integers(0, 43_199), st.integers(0, 5), st.integers(0, 5)), max_size=40)


@given(COUNTED, st.sampled_from(sorted(MINUTES)))
def test_a_window_holds_what_was_counted_in_it(counted: list[tuple[int, int, int]], name: str) -> None:
    now = 60 * 24 * 20_000 + 43_199
    series = Series()
    for ago, good, bad in counted:
        series.add(now - ago, good, bad)
    length = MINUTES[name]
    first = now - length if length <= 360 else 60 * ((now - length) // 60 + 1) - 1
    inside = [(good, bad) for ago, good, bad in counted if now - ago > first]
    found = series.within(now, length)
    assert (found.good, found.bad) == (sum(good for good, _ in inside), sum(bad for _, bad in inside))
    series.prune(now)
    assert series.within(now, length) == found


@given(st.integers(0, 10_000), st.integers(0, 10_000), st.floats(0.5, 0.9999))
def test_a_budget_is_spent_exactly_where_the_promise_is_broken(good: int, bad: int, share: float) -> None:
    series = Series()
    series.add(600_000, good, bad)
    stands = standing(replace(AVAILABLE, share=share), series, 600_000)
    if good + bad < 20:
        assert (stands.state, stands.budget) == ("no_data", None)
        return
    whole = stands.windows["30d"]
    assert whole.adherence == good / (good + bad)
    left = budget(replace(AVAILABLE, share=share), whole)
    assert left == stands.budget
    assert (left < -1e-9) <= (whole.adherence < share)
    assert (left > 1e-9) <= (whole.adherence > share)
    assert whole.burn == pytest.approx(1 - left, abs=1e-6)
    assert (stands.state == "breached") == (left <= 0)


def test_what_has_no_data_is_not_kept_to_a_hundred_percent() -> None:
    stands = standing(AVAILABLE, Series(), 600_000)
    assert (stands.state, stands.adherence, stands.budget, stands.alert) == ("no_data", None, None, None)


def test_an_alert_needs_a_long_window_that_burns_and_a_short_one_that_still_does() -> None:
    series, now = Series(), 600_000
    series.add(now - 50, 60, 40)
    series.add(now, 100, 0)
    assert standing(AVAILABLE, series, now).alert == "ticket", "it was, and is over: nobody is woken"
    series.add(now, 0, 100)
    assert standing(AVAILABLE, series, now).alert == "page"


class Scene:
    """A deployment without doors: snapshots that stand in memory, questions that were counted, a clock that is told."""

    def __init__(self, world: World, state: Path) -> None:
        self._template, self.state = snapshot(world, "shop"), state
        self.clock = ScriptedClock(NOON)
        self.snapshots: dict[str, Snapshot] = {}
        self.tally = Tally(Ledger(state, self.clock), self.clock)
        self.told: list[tuple[str, str, str]] = []
        self.watch = self.another()

    def another(self) -> Watch:
        """A process that begins to look."""
        return Watch(self.state, lambda: Deployment(tuple(self.snapshots.values())), self.clock, self._tell)

    def _tell(self, event: str, incident: incidents.Incident) -> None:
        self.told.append((event, incident.product, incident.objective))

    def publish(self, name: str, *promised: Objective, inputs: tuple[str, ...] = (), **outcomes: float) -> None:
        """A product anew; `outcomes` are what rules gave."""
        made_of = tuple(Input(one, "1.0.0", one, (), ()) for one in inputs)
        product = replace(self._template.product, name=name, objectives=promised, inputs=made_of, data_clock=None)
        found = [
            RuleOutcome(rule, "orders", "timeliness", "warning", value >= 0, value, "")
            for rule, value in outcomes.items()
        ]
        self.snapshots[name] = replace(
            self._template, product=product, published_at=self.clock.now(), outcomes=tuple(found)
        )

    def ask(
        self, times: int, refused: Refused | None = None, product: str = "shop", port: str = "rest", ms: float = 5.0
    ) -> None:
        rows = 0 if refused else 1
        asked = QueryAnswered(
            query_id="q", subject="ann", port=port, purpose=None, products=(f"{product}@1.0.0/s",), columns=(),
            rules=(), statement="", rows=rows, bytes=9, elapsed_ms=ms, outcome="answered", refused=refused,
            kind="person", first_ms=ms, computed_ms=1.0,
        )  # fmt: skip
        for _ in range(times):
            self.tally.record(asked)

    def look(self, minutes: float = 0) -> None:
        """Go on by so much, file what was counted, look."""
        self.clock.advance(timedelta(minutes=minutes))
        self.tally.flush()
        self.watch.look()

    def results(self) -> dict[tuple[str, str, str], dict[str, Any]]:
        told = Told(self.state).read()
        return {(one["product"], one["objective"], one["port"]): one for one in told["results"]}

    def incidents(self) -> list[dict[str, Any]]:
        return list(Told(self.state).read()["incidents"])


@pytest.fixture
def scene(world: World, tmp_path: Path) -> Scene:
    return Scene(world, tmp_path)


def test_questions_are_judged_by_promise_and_door(scene: Scene) -> None:
    scene.publish("shop", AVAILABLE, objective("latency", 10, 0.95), objective("errorRate", 0.5, 0.5))
    scene.look()
    assert {one["state"] for one in scene.results().values()} == {"no_data"}
    scene.ask(80, ms=5)
    scene.ask(20, ms=50, port="postgres")
    scene.ask(30, THEIRS)
    scene.look(1)
    found = scene.results()
    assert found["shop", "availability", ""]["adherence"] == 1
    assert found["shop", "availability", ""]["windows"]["1h"]["good"] == 100, "errors of who asks count for nothing"
    assert (found["shop", "latency", ""]["adherence"], found["shop", "latency", ""]["state"]) == (0.8, "breached")
    assert found["shop", "latency", "rest"]["state"] == "ok"
    assert found["shop", "latency", "postgres"]["value"] == pytest.approx(50, rel=0.03)
    scene.ask(100, OURS)
    scene.look(1)
    assert scene.results()["shop", "availability", "rest"]["adherence"] == pytest.approx(80 / 180)
    assert scene.results()["shop", "errorRate", ""]["value"] == 0.5


def test_what_was_not_there_for_an_unread_question_counts_against_every_product(scene: Scene) -> None:
    scene.publish("shop", AVAILABLE)
    scene.publish("hr", AVAILABLE)
    for refused in (OURS, THEIRS):
        scene.tally.record(QueryRefused(query_id="q", subject="ann", port="rest", purpose=None, refused=refused))
    scene.look(1)
    assert [scene.results()[name, "availability", "rest"]["windows"]["30d"]["bad"] for name in ("shop", "hr")] == [1, 1]


def test_another_process_that_looks_goes_on_from_what_is_on_file(scene: Scene) -> None:
    scene.publish("shop", AVAILABLE, objective("freshness", 3600 * 24 * 9))
    for _ in range(9):
        scene.ask(40)
        scene.ask(1, OURS)
        scene.look(61)
    scene.ask(5)
    scene.look(1)
    before = scene.results()
    scene.watch.close()
    scene.watch = scene.another()
    scene.watch.look()
    assert scene.results() == before
    assert before["shop", "availability", ""]["windows"]["30d"]["good"] == 9 * 40 + 5
    scene.look(61)
    scene.watch = scene.another()
    scene.watch.look()
    assert scene.results()["shop", "availability", ""]["windows"]["30d"]["good"] == 9 * 40 + 5


def test_a_source_that_goes_stale_opens_an_incident_that_names_it_and_closes_when_it_is_back(scene: Scene) -> None:
    stock = objective("freshness", 900, id="stock", table="orders", column="ordered_at", rule="fresh", rule_s=60.0)
    scene.publish("stock", stock, fresh=1.0)
    scene.publish("plans", objective("freshness", 1200), inputs=("stock",))
    scene.publish("board", inputs=("plans",))
    scene.ask(3, product="plans")
    for _ in range(13):
        scene.look(1)
    assert scene.results()["stock", "stock", ""]["state"] == "ok"
    assert scene.incidents() == []
    for _ in range(4):
        scene.look(1)
    assert scene.told == [("opened", "stock", "stock")]
    for _ in range(8):
        scene.look(1)
    assert scene.told[1:] == [("opened", "plans", "freshness")]
    plans, first = scene.incidents()
    assert plans["causes"] == ["stock: data is breached"]
    assert (plans["consumers"], plans["downstream"]) == (["ann"], ["board"])
    assert first["downstream"] == ["board", "plans"]
    assert datetime.fromisoformat(first["first_bad"]) == NOON + timedelta(minutes=14)
    assert datetime.fromisoformat(first["opened"]) == NOON + timedelta(minutes=15)
    assert scene.results()["stock", "stock", ""]["state"] == "breached"
    scene.publish("stock", stock, fresh=0.0)
    scene.publish("plans", objective("freshness", 1200), inputs=("stock",))
    scene.look(1)
    assert all(one["closed"] is None for one in scene.incidents()), "it might come and go"
    scene.look(2)
    assert all(one["closed"] is not None for one in scene.incidents())
    assert scene.told[2:] == [("closed", "plans", "freshness"), ("closed", "stock", "stock")]
    known = incidents.replayed({}, Ledger(scene.state).rows(incidents.KIND)).values()
    (repaired,) = (one for one in known if one.product == "stock")
    assert (repaired.detect_s, repaired.repair_s) == (60, 11 * 60)
    (told,) = (one for one in scene.incidents() if one["product"] == "stock")
    assert (told["detect_s"], told["repair_s"]) == (60, 11 * 60)


def test_a_table_without_a_row_keeps_no_promise_and_one_that_was_not_measured_has_no_data(scene: Scene) -> None:
    rule = objective("freshness", 900, id="empty", rule="fresh", rule_s=60.0)
    scene.publish("shop", rule, objective("freshness", 900, id="unmeasured", rule="other"), fresh=1e9)
    scene.look(1)
    assert scene.results()["shop", "empty", ""]["state"] == "breached"
    assert scene.results()["shop", "unmeasured", ""]["state"] == "no_data"


def test_quality_is_kept_where_enough_rules_hold(scene: Scene) -> None:
    scene.publish("shop", objective("quality", 0.75), a=1, b=1, c=1, d=-1)
    scene.look(1)
    assert (scene.results()["shop", "quality", ""]["state"], scene.results()["shop", "quality", ""]["value"]) == (
        "ok",
        0.75,
    )
    scene.publish("shop", objective("quality", 0.75), a=1, b=1, c=-1, d=-1)
    scene.look(2)
    assert [one["objective"] for one in scene.incidents()] == ["quality"]


def test_questions_that_fail_open_an_incident_by_their_burn_rate_and_calm_closes_it(scene: Scene) -> None:
    scene.publish("shop", AVAILABLE)
    scene.ask(100)
    scene.look(1)
    scene.ask(50, OURS)
    scene.look(1)
    (opened,) = scene.incidents()
    assert (opened["objective"], opened["closed"]) == ("availability", None)
    assert datetime.fromisoformat(opened["first_bad"]) == NOON + timedelta(minutes=1)
    for _ in range(5):
        scene.ask(500)
        scene.look(1)
    assert scene.incidents()[0]["closed"] is None
    for _ in range(6):
        scene.ask(50)
        scene.look(1)
    (closed,) = scene.incidents()
    assert closed["closed"] is not None
    assert closed["id"] == opened["id"]


def test_an_incident_of_what_is_no_longer_promised_is_over(scene: Scene) -> None:
    scene.publish("shop", objective("freshness", 60))
    scene.look(5)
    assert len(scene.incidents()) == 1
    scene.publish("shop")
    scene.look(1)
    assert scene.incidents()[0]["closed"] is not None


@pytest.mark.parametrize("promise", [("availability", 100), ("errorRate", 0)])
def test_a_promise_of_all_is_judged_and_one_bad_question_spends_it(world: World, promise: tuple[str, int]) -> None:
    (made,), findings = compile_sla(world, {"property": promise[0], "value": promise[1], "unit": "percent"})
    assert (made.share, findings) == (1.0, [])
    series, now = Series(), 600_000
    series.add(now, 500, 0)
    assert (standing(made, series, now).state, standing(made, series, now).budget) == ("ok", 1.0)
    series.add(now, 99, 1)
    stands = standing(made, series, now)
    assert (stands.state, stands.alert) == ("breached", "page")
    assert json.dumps([stands.budget, stands.windows["5m"].burn], allow_nan=False)


def test_a_question_that_could_not_be_on_record_counts_at_the_door_of_the_promise_alone(scene: Scene) -> None:
    scene.publish("shop", replace(AVAILABLE, port="rest"))
    scene.tally.unrecorded()
    scene.look(1)
    assert list(scene.results()) == [("shop", "availability", "rest")]


def test_a_first_reading_that_breaks_off_counts_nothing_twice(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    scene.publish("shop", AVAILABLE, objective("freshness", 3600 * 24 * 9))
    scene.ask(40)
    scene.look(1)
    for _ in range(9):
        scene.look(61)
    before = scene.results()["shop", "availability", ""]["windows"]["30d"]["good"]
    scene.watch.close()
    scene.watch, rows = scene.another(), Ledger.rows

    def broken(ledger: Ledger, kind: str, since: datetime | None = None) -> Any:
        if kind == "samples":
            raise Unavailable("not now", reason="state")
        return rows(ledger, kind, since)

    with monkeypatch.context() as patched:
        patched.setattr(Ledger, "rows", broken)
        with pytest.raises(Unavailable):
            scene.watch.look()
    scene.watch.look()
    assert scene.results()["shop", "availability", ""]["windows"]["30d"]["good"] == before == 40


def test_one_process_of_a_state_folder_looks(tmp_path: Path) -> None:
    with evaluator(tmp_path) as first, evaluator(tmp_path) as second:
        assert (first, second) == (True, False)
    with evaluator(tmp_path) as third:
        assert third


def test_what_cannot_be_told_leaves_no_file(tmp_path: Path) -> None:
    (tmp_path / "slo.json").mkdir()
    with pytest.raises(Unavailable):
        write(tmp_path, {"at": None})
    assert [one.name for one in tmp_path.iterdir()] == ["slo.json"]


@dataclass(frozen=True)
class Now:
    """What is served now, for a desk without doors."""

    present: Callable[[], Pin]


def test_how_old_data_is_and_since_when_too_old_is_told_to_who_sees_every_row(world: World, tmp_path: Path) -> None:
    promise = objective("freshness", 900, id="f", table="orders", column="ordered_at", rule="fresh", rule_s=60.0)
    known = {"product": "shop", "objective": "f", "port": ""}
    begun = {"id": "i", "causes": ["hr: data is stale", "shop: its last refresh failed"], "downstream": ["hr"]}
    more = {"consumers": ["ann"], "acknowledged": None, "first_bad": "2026-03-01", "detect_s": 1.5}
    write(tmp_path, {"at": "x", "results": [known | {"value": 12.5}], "incidents": [known | begun | more]})
    gateway = world.gateway
    desk = SloDesk(tmp_path, gateway.managers, Now(gateway.pin))  # type: ignore[arg-type]
    told = {}
    for who in ("steward", "ml", "analyst"):
        session = gateway.open(password(who), "python")
        visible = gateway.product(session, "shop")
        found = desk.of(session, replace(visible, product=replace(visible.product, objectives=(promise,))))
        told[who] = (found.results[0]["value"], found.incidents[0])
    assert [value for value, _ in told.values()] == [12.5, 12.5, None]
    assert [one["first_bad"] for _, one in told.values()] == ["2026-03-01", "2026-03-01", None]
    assert [one["detect_s"] for _, one in told.values()] == [1.5, 1.5, None]


def test_a_promise_on_the_rules_of_a_table_is_told_to_who_sees_all_that_they_may_speak_of(
    world: World, tmp_path: Path
) -> None:
    promise = objective("quality", 0.9, id="q", table="orders")
    row = {"product": "shop", "objective": "q", "port": "", "value": 0.5}
    write(tmp_path, {"at": "x", "results": [row], "incidents": []})
    session = world.gateway.open(password("analyst"), "python")
    visible = world.gateway.product(session, "shop")
    shown = replace(visible, product=replace(visible.product, objectives=(promise,)))

    class Managing:
        def rule(self, *_: object) -> str:
            return "r1"

    managers = (world.gateway.managers, Managing())
    desks = [SloDesk(tmp_path, one, Now(world.gateway.pin)) for one in managers]  # type: ignore[arg-type]
    assert [len(desk.of(session, shown).results) for desk in desks] == [0, 1]


def test_who_manages_a_product_is_told_of_no_other_that_it_does_not_see(world: World, tmp_path: Path) -> None:
    promise = objective("freshness", 900, id="f")
    row = {"product": "shop", "objective": "f", "port": "", "id": "i", "acknowledged": None, "consumers": ["ann"]}
    causes = {"causes": ["hr: data is stale", "shop: its last refresh failed"], "downstream": ["hr"]}
    write(tmp_path, {"at": "x", "results": [], "incidents": [row | causes]})

    class Managing:
        def rule(self, *_: object) -> str:
            return "r1"

    desk = SloDesk(tmp_path, Managing(), Now(world.gateway.pin))  # type: ignore[arg-type]
    session = world.gateway.open(password("ml"), "python")
    visible = world.gateway.product(session, "shop")
    (found,) = desk.of(session, replace(visible, product=replace(visible.product, objectives=(promise,)))).incidents
    assert (found["causes"], found["downstream"]) == (["shop: its last refresh failed"], [])
    assert found["consumers"] == ["ann"]


def test_a_promise_on_a_column_is_told_to_who_sees_the_column_as_it_is(world: World, tmp_path: Path) -> None:
    """The analyst sees regions, phones under a mask, and no salary; of a table that is not there nobody is told."""
    columns = ("region", "phone", "salary")
    promises = [
        objective("freshness", 900, id=one, table="customers", column=one, rule="fresh", rule_s=60.0) for one in columns
    ]
    promises.append(objective("freshness", 900, id="gone", table="nowhere", column="at", rule="fresh", rule_s=60.0))
    rows = [{"product": "shop", "objective": one.id, "port": "", "value": 1.0} for one in promises]
    begun = {"id": "i", "acknowledged": None, "consumers": ["ann"], "causes": [], "downstream": []}
    window = {"begins": "x", "ends": "y", "reason": "new disks", "products": ["shop"]}
    write(tmp_path, {"at": "x", "results": rows, "incidents": [rows[0] | begun], "maintenance": [window]})
    desk = SloDesk(tmp_path, world.gateway.managers, Now(world.gateway.pin))  # type: ignore[arg-type]
    told = {}
    for who in ("steward", "analyst"):
        session = world.gateway.open(password(who), "python")
        visible = world.gateway.product(session, "shop")
        told[who] = desk.of(session, replace(visible, product=replace(visible.product, objectives=tuple(promises))))
    assert [one["objective"] for one in told["steward"].results] == [*columns]
    assert [one["objective"] for one in told["analyst"].results] == ["region"]
    # Neither manages it: who consumes it is a number, and why it stands still is not said.
    assert [one.incidents[0]["consumers"] for one in told.values()] == [1, 1]
    assert [one.maintenance for one in told.values()] == [[{"begins": "x", "ends": "y"}]] * 2


def test_promises_of_another_major_version_are_not_told_as_its_own(world: World, tmp_path: Path) -> None:
    promise = objective("freshness", 900, id="f")
    row = {"product": "shop", "objective": "f", "port": "", "value": 1.0}
    write(tmp_path, {"at": "x", "results": [row], "incidents": []})
    desk = SloDesk(tmp_path, world.gateway.managers, Now(world.gateway.pin))  # type: ignore[arg-type]
    session = world.gateway.open(password("steward"), "python")
    visible = world.gateway.product(session, "shop")
    told = [
        len(
            desk.of(
                session, replace(visible, product=replace(visible.product, version=one, objectives=(promise,)))
            ).results
        )
        for one in (visible.product.version, "77.0.0")
    ]
    assert told == [1, 0]
