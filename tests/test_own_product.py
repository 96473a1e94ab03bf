"""The product `outport`: the deployment's own record through every door, and of what the asker may not see no trace."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pyarrow as pa
import pytest
import yaml

from gateway import Gateway, Query
from gateway.accounting.ledger import Ledger
from gateway.accounting.observations import Counted, Minute, Numbers
from gateway.contracts.contract import ContractError
from gateway.desks.scorecards import keep, made
from gateway.principal import Scope
from gateway.product import Input
from gateway.publication.own_product import publish_itself, wanted
from gateway.reach import quality_seen
from gateway.service_levels.use_cases import UseCase
from gateway.serving.catalog import Catalog
from gateway.settings import Settings
from gateway.snapshot import Deployment, RuleOutcome
from gateway.ticking import MACHINE, read, text
from tests.conftest import build, password
from tests.doors import DOORS, Door, Refusal
from tests.workshop import KEY, Workshop

TABLES = ("quality_results", "quality_scores", "refreshes")
EVERYBODY = {
    "id": "everybody", "on": {"product": "outport"}, "to": {}, "unless": {"role": "clerk"}, "grant": {"columns": ["*"]},
}  # fmt: skip
# What an analyst of the shop may not know: another product, and what is hidden of its own.
HIDDEN = ("hr", "salar", "person", "unsorted")
# What they declare to be for; `ann` is a person.
CASES = {
    "shop": (
        UseCase("plan=ning", ("application", "purpose"), ("orders",)),
        UseCase("ann", ("person",)),
        UseCase("payroll", (), ("customers.salary",)),
    ),
    "hr": (UseCase("auditors", ("purpose",)),),
}


@dataclass(frozen=True)
class Deployed:
    settings: Settings
    gateway: Gateway


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    settings = build(tmp_path_factory.mktemp("own"))
    (settings.policies / "own.yaml").write_text(yaml.safe_dump([EVERYBODY]))
    kept(settings)
    publish_itself(settings)
    gateway = Gateway(settings)
    yield Deployed(settings, gateway)
    gateway.close()


def kept(settings: Settings) -> None:
    """What was asked of the shop and of hr, how their promises were kept, and what they are worth."""
    now = MACHINE.now().replace(minute=0, second=0, microsecond=0)
    ledger = Ledger(settings.state)
    for kind, at in (("hours", now - timedelta(hours=3)), ("minutes", now)):
        asked = [
            Minute(at, Counted(product, "rest", subject, "person", "", 1), Numbers(2, 0, 0, 0, 5, 100, 1.5))
            for product in ("shop", "hr")
            for subject in ("analyst", "steward", "ml")
        ]
        ledger.append(kind, [one.row for one in asked])
    promises = [
        ("shop", ["orders", "orders.ordered_at"]),
        ("shop", ["customers", "customers.salary"]),
        ("hr", ["salaries"]),
    ]
    for number, (product, reads) in enumerate(promises):
        at = text(now)
        told = {"product": product, "major": 1, "objective": f"o{number}", "port": "", "state": "ok", "reads": reads}
        told |= {"at": at}
        ledger.append("slo", [told | {"adherence": 0.5, "good": 1, "bad": 1, "value": 7.5}])
        begun = told | {"incident": f"i{number}", "event": "opened", "first_bad": text(now - timedelta(minutes=5))}
        ledger.append("incidents", [begun, {"at": at, "incident": f"i{number}", "event": "closed", "recovered": at}])
    served = Catalog(settings.state).current()
    reads = {"hr": (Input("shop", "1.0.0", "shop", (), ()),)}
    lineage = [
        replace(one, product=replace(one.product, domain=one.product.name, inputs=reads.get(one.product.name, ())))
        for one in served.snapshots
    ]
    cards = [replace(one, cases=CASES[one.product]) for one in made(settings, served, now)]
    changed = [replace(one, changes=4, change_failure_rate=0.25, repaired=2, mttr_s=60.0, change=-0.5) for one in cards]
    keep(settings, changed, now, Deployment(tuple(lineage)))


@pytest.fixture(scope="module", params=list(DOORS))
def door(request: pytest.FixtureRequest, deployed: Deployed) -> Iterator[Door]:
    opened = DOORS[request.param](deployed.gateway)
    yield opened
    opened.close()


def published(deployed: Deployed) -> None:
    """The record anew, and served."""
    made = publish_itself(deployed.settings)
    served = deployed.gateway.pin().deployment.find("outport")
    assert served is not None
    assert served.id == made.id


def every(door: Door, subject: str) -> dict[str, pa.Table]:
    """All that a subject sees of each table."""
    return {table: door.ask(subject, f"SELECT * FROM outport.{table} ORDER BY ALL") for table in TABLES}


def test_who_sees_all_sees_the_record_of_all(door: Door) -> None:
    found = every(door, "steward")
    for table in TABLES:
        assert set(found[table]["product"].to_pylist()) == {"hr", "shop"}, table
    results = found["quality_results"].to_pylist()
    assert all(row["value"] is not None and row["expected"] for row in results)
    assert {row["outcome"] for row in found["refreshes"].to_pylist()} == {"published"}


def test_of_what_is_not_seen_there_is_no_trace(door: Door) -> None:
    found = every(door, "analyst")
    told = str({name: table.to_pylist() for name, table in found.items()}).lower()
    assert [word for word in HIDDEN if word in told] == []
    assert {row["product"] for table in found.values() for row in table.to_pylist()} == {"shop"}
    tables = {row["table_name"] for row in found["quality_results"].to_pylist()}
    assert tables == {"customers", "orders"}


def test_use_is_told_to_who_it_was_and_promises_to_who_sees_what_they_speak_of(door: Door) -> None:
    question = "SELECT DISTINCT product, subject, MEASURE(questions) AS n FROM outport.usage GROUP BY ALL ORDER BY ALL"
    assert door.ask("analyst", question).to_pylist() == [{"product": "shop", "subject": "analyst", "n": 4}]
    told = {
        (who, table): door.ask(who, f"SELECT DISTINCT product FROM outport.{table} ORDER BY ALL")["product"].to_pylist()
        for who in ("analyst", "steward")
        for table in ("slo_results", "incidents", "scorecards")
    }
    assert {found for (who, _), one in told.items() if who == "analyst" for found in one} == {"shop"}
    assert all(one == ["hr", "shop"] for (who, _), one in told.items() if who == "steward")
    count = "SELECT count(*) AS n FROM outport."
    assert [door.ask(who, f"{count}slo_results")["n"][0].as_py() for who in ("analyst", "steward")] == [1, 3]
    repaired = door.ask("steward", "SELECT DISTINCT detect_s, repair_s FROM outport.incidents").to_pylist()
    assert repaired == [{"detect_s": 300.0, "repair_s": 0.0}]


def test_numbers_are_for_who_sees_all_that_they_count(door: Door) -> None:
    rows = door.ask("analyst", "SELECT holds, value, expected FROM outport.quality_results").to_pylist()
    assert rows
    assert {(row["value"], row["expected"]) for row in rows} == {(None, None)}
    assert all(row["holds"] for row in rows)
    asked = "SELECT rule FROM outport.quality_results WHERE value >= 0 OR expected = '= 0'"
    assert door.ask("analyst", asked).num_rows == 0


def test_how_old_data_is_is_told_to_who_sees_every_row_and_what_is_made_of_a_product_to_nobody(door: Door) -> None:
    told = {who: door.ask(who, "SELECT value FROM outport.slo_results")["value"] for who in ("analyst", "steward")}
    assert told["analyst"].to_pylist() == [None]
    assert told["steward"].to_pylist() == [7.5, 7.5, 7.5]
    mean = "SELECT MEASURE(mean_time_to_detect) AS s FROM outport.incidents"
    assert [door.ask(who, mean)["s"].to_pylist() for who in told] == [[300.0], [300.0]]
    columns = set(door.ask("steward", "SELECT * FROM outport.scorecards").column_names)
    assert {"reused_by", "domains_reached", "cases"} & columns == set()


def test_who_sees_no_product_sees_no_row(door: Door) -> None:
    assert {name: table.num_rows for name, table in every(door, "stranger").items()} == dict.fromkeys(TABLES, 0)


def test_nobody_reads_it_without_a_grant(door: Door) -> None:
    for table in TABLES:
        with pytest.raises(Refusal, match="does not exist"):
            door.ask("clerk", f"SELECT * FROM outport.{table}")


def test_a_measure_of_it_counts_what_is_seen(door: Door) -> None:
    text = "SELECT product, MEASURE(checks) AS n, MEASURE(score) AS s FROM outport.quality_results GROUP BY product"
    assert {row["product"] for row in door.ask("analyst", text).to_pylist()} == {"shop"}
    for subject in ("steward", "analyst"):
        counted = sum(row["n"] for row in door.ask(subject, text).to_pylist())
        assert counted == door.ask(subject, "SELECT rule FROM outport.quality_results").num_rows > 0


def test_what_happens_to_what_is_hidden_changes_no_byte(deployed: Deployed) -> None:
    opened = DOORS["python"](deployed.gateway)
    before = {subject: every(opened, subject) for subject in ("analyst", "stranger", "steward")}
    ledger = Ledger(deployed.settings.state)
    (first, *_) = [row for row in ledger.rows("quality") if row["product"] == "hr"]
    ledger.append("quality", [{**first, "run": f"more-{number}", "holds": False} for number in range(40)])
    ledger.append("refresh", [{**row, "run": "more"} for row in ledger.rows("refresh") if row["product"] == "hr"])
    hidden = {"table": "customers", "rule": "hidden", "reads": ["customers", "customers.salary"], "product": "shop"}
    ledger.append("quality", [{**first, **hidden, "run": "hidden"}])
    published(deployed)
    after = {subject: every(opened, subject) for subject in ("analyst", "stranger", "steward")}
    for subject in ("analyst", "stranger"):
        assert after[subject] == before[subject]
    assert after["steward"]["quality_results"].num_rows == before["steward"]["quality_results"].num_rows + 41


def test_what_is_said_of_a_product_as_a_whole_is_for_who_sees_all_of_it(door: Door) -> None:
    asked = "SELECT product, compliance, documentation, incidents FROM outport.scorecards"
    told = {who: door.ask(who, asked).to_pylist() for who in ("analyst", "steward")}
    assert told["analyst"] == [{"product": "shop", "compliance": None, "documentation": None, "incidents": None}]
    of_hr, of_shop = sorted(told["steward"], key=lambda row: str(row["product"]))
    assert None not in of_hr.values()
    assert of_shop["compliance"] is None, "a column of the shop is nobody's to see"
    whole = "SELECT count(*) AS n FROM outport.slo_results WHERE whole"
    assert [door.ask(who, whole)["n"].to_pylist() for who in told] == [[0], [0]]


def test_domains_and_the_portfolio_are_measures_over_the_products_that_one_sees(door: Door) -> None:
    asked = "SELECT MEASURE(members) AS m, MEASURE(used) AS u, MEASURE(candidates) AS c FROM outport.portfolio"
    told = {who: door.ask(who, asked).to_pylist() for who in ("analyst", "steward")}
    assert told == {"analyst": [{"m": 1, "u": 1, "c": 0}], "steward": [{"m": 2, "u": 2, "c": 0}]}
    mixed = "SELECT what, part, number FROM outport.usage_mix WHERE product = 'shop' ORDER BY ALL"
    parts = [{"what": "door", "part": "rest"}, {"what": "kind", "part": "person"}, {"what": "purpose", "part": "none"}]
    assert [{"what": row["what"], "part": row["part"]} for row in door.ask("analyst", mixed).to_pylist()] == parts
    assert door.ask("analyst", "FROM outport.attestations").num_rows == 0


def test_which_use_cases_were_seen_is_told_to_who_sees_what_they_name_and_of_a_person_to_nobody(door: Door) -> None:
    asked = "SELECT use_case, seen, seen_as FROM outport.use_cases WHERE product = 'shop' ORDER BY use_case"
    unseen = {"seen": False, "seen_as": []}
    mine = [
        {"use_case": "ann", **unseen},
        {"use_case": "plan=ning", "seen": True, "seen_as": ["application", "purpose"]},
    ]
    told = {who: door.ask(who, asked).to_pylist() for who in ("analyst", "steward")}
    listed = {who: [{**row, "seen_as": as_list(row["seen_as"])} for row in rows] for who, rows in told.items()}
    whole = sorted([*mine, {"use_case": "payroll", **unseen}], key=lambda row: str(row["use_case"]))
    assert listed == {"analyst": mine, "steward": whole}
    coverage = "SELECT MEASURE(declared) AS d, MEASURE(covered) AS c, MEASURE(coverage) AS s FROM outport.use_cases"
    assert [door.ask(who, coverage).to_pylist() for who in told] == [
        [{"d": 2, "c": 1, "s": 0.5}],
        [{"d": 4, "c": 2, "s": 0.5}],
    ]


def as_list(given: Any) -> list[str]:
    """A list as a door gives it: PostgreSQL's wire as text."""
    return given if isinstance(given, list) else [one for one in given.strip("{}[]").split(",") if one]


def test_the_portfolio_tells_of_decay_repair_and_changes_that_failed(door: Door) -> None:
    asked = "SELECT product, change, changes, change_failure_rate, repaired, mttr_s FROM outport.portfolio ORDER BY 1"
    row = {"change": -0.5, "changes": 4, "change_failure_rate": 0.25, "repaired": 2, "mttr_s": 60.0}
    analyst, steward = (door.ask(who, asked).to_pylist() for who in ("analyst", "steward"))
    assert analyst == [{"product": "shop", **row, "repaired": None, "mttr_s": None}]
    assert steward[0] == {"product": "hr", **row}
    measures = "SELECT MEASURE(growth) AS g, MEASURE(failed_changes) AS f FROM outport.portfolio"
    assert [door.ask(who, measures).to_pylist() for who in ("analyst", "steward")] == [[{"g": -0.5, "f": 0.25}]] * 2
    repaired = "SELECT sum(mttr_s * repaired) / sum(repaired) AS r FROM outport.portfolio"
    assert [door.ask(who, repaired).to_pylist() for who in ("analyst", "steward")] == [[{"r": None}], [{"r": 60.0}]]


def test_reuse_is_told_to_who_sees_both_products(door: Door) -> None:
    asked = "SELECT product, reader, reading_domain FROM outport.reuse"
    told = {who: door.ask(who, asked).to_pylist() for who in ("analyst", "steward")}
    assert told == {"analyst": [], "steward": [{"product": "shop", "reader": "hr", "reading_domain": "hr"}]}
    reached = "SELECT MEASURE(readers) AS r, MEASURE(domains_reached) AS d FROM outport.reuse"
    assert [door.ask(who, reached).to_pylist() for who in told] == [[{"r": 0, "d": 0}], [{"r": 1, "d": 1}]]


def test_of_another_major_and_of_the_whole_nothing_is_told_to_who_does_not_see_it(deployed: Deployed) -> None:
    opened, tables = DOORS["python"](deployed.gateway), ("refreshes", "usage", "slo_results", "incidents", "scorecards")

    def told(subject: str) -> dict[str, str]:
        return {
            name: str(opened.ask(subject, f"SELECT * FROM outport.{name} ORDER BY ALL").to_pylist()) for name in tables
        }

    before = {subject: told(subject) for subject in ("analyst", "steward")}
    ledger, at = Ledger(deployed.settings.state), text(MACHINE.now().replace(minute=0, second=0, microsecond=0))
    second: dict[str, Any] = {"product": "shop", "major": 2, "at": at}
    ledger.append("refresh", [second | {"run": "two", "attempt": 1, "phase": "begun", "begun": at}])
    ledger.append("slo", [second | {"objective": "o9", "port": "", "state": "ok", "reads": []}])
    opening = {"incident": "i9", "event": "opened", "first_bad": at, "reads": []}
    ledger.append("incidents", [second | opening | {"objective": "o9"}])
    ledger.append("scorecards", [second | {"people": 3, "retire": []}])
    asked = Minute(read(at), Counted("shop", "rest", "analyst", "person", "", 2), Numbers(9, 0, 0, 0, 5, 100, 1.5))
    ledger.append("minutes", [asked.row])
    published(deployed)
    assert {subject: told(subject) for subject in before} == before
    first = second | {
        "product": "hr",
        "major": 1,
        "objective": "whole",
        "port": "",
        "state": "ok",
        "reads": [],
        "whole": True,
    }
    ledger.append("slo", [first])
    ledger.append("incidents", [first | opening | {"incident": "i10"}])
    published(deployed)
    assert told("analyst") == before["analyst"]
    assert told("steward") != before["steward"]


def test_the_score_in_an_answer_is_over_rules_that_its_asker_sees(deployed: Deployed) -> None:
    session = deployed.gateway.open(password("steward"), "python")

    def score(name: str, *more: RuleOutcome) -> float:
        snapshot = deployed.gateway.pin().deployment.find(name)
        assert snapshot is not None
        told = replace(snapshot, id=f"{name}{len(more)}", outcomes=(*snapshot.outcomes, *more))
        return quality_seen.of(told, deployed.gateway.product(session, name).tables)

    assert (score("shop"), score("hr")) == (1, 1)
    # A rule that is not known speaks of all of its table.
    assert score("shop", RuleOutcome("odd", "customers", "accuracy", "warning", False, 1.0, "0")) == 1
    assert score("hr", RuleOutcome("odd", "salaries", "accuracy", "warning", False, 1.0, "0")) < 1


def test_a_key_for_it_alone_shows_nothing_of_others(deployed: Deployed) -> None:
    session = deployed.gateway.open(password("steward"), "python")
    only = replace(session.principal, scope=Scope(None, ("outport",), None))
    with deployed.gateway.answer(replace(session, principal=only), Query("FROM outport.refreshes")) as result:
        assert sum(batch.num_rows for batch in result.batches()) == 0


def test_no_model_copies_it(deployed: Deployed, tmp_path_factory: pytest.TempPathFactory) -> None:
    shop = Workshop(tmp_path_factory.mktemp("copy"))
    shop.allow({"id": "all", "on": {"product": "*"}, "to": {}, "grant": {"columns": ["*"]}})
    publish_itself(shop.settings)
    model = {"runs": "SELECT 1 AS run FROM outport.refreshes"}
    shop.declare("copy", {"runs": {"run": KEY}}, models=model, inputs=["outport"])
    with pytest.raises(ContractError, match="not there to read"):
        shop.publish("copy")


def test_no_folder_of_products_takes_its_name(deployed: Deployed, tmp_path_factory: pytest.TempPathFactory) -> None:
    shop = Workshop(tmp_path_factory.mktemp("taken"))
    shop.declare("outport", {"runs": {"run": KEY}}, data={"runs": pa.table({"run": [1]})})
    with pytest.raises(ContractError, match="is taken by the doors"):
        shop.publish("outport")


def test_it_is_there_unasked_only_where_a_rule_names_it(deployed: Deployed) -> None:
    assert wanted(deployed.settings)
    rules = deployed.settings.policies / "own.yaml"
    text = rules.read_text()
    rules.write_text("[]")
    assert not wanted(deployed.settings)
    rules.write_text(text)
