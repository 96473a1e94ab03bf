"""What the ledger has of publications: every run from its begin to its end, and what each quality rule gave."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest

from gateway.accounting.ledger import Ledger
from gateway.contracts.contract import ContractError
from gateway.publication.publish import publish
from gateway.publication.runs import Cause, kept
from gateway.ticking import ScriptedClock
from tests.workshop import KEY, Workshop, column

PEOPLE = {"people": {"id": KEY, "name": column("VARCHAR"), "pay": column("DECIMAL(18,2)")}}
THREE = pa.table({"id": [1, 2, 3], "name": ["SECRET-a", "SECRET-b", None], "pay": [0.1, 0.2, 1e6]})
RULES = {
    "people": [
        {"id": "named", "type": "sql", "query": "SELECT count(*) FROM people WHERE name IS NULL", "mustBe": 0,
         "severity": "warning", "dimension": "completeness"},
        {"id": "few", "metric": "rowCount", "mustBeLessThan": 4, "dimension": "coverage"},
    ]
}  # fmt: skip
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def shop(tmp_path: Path) -> Workshop:
    return Workshop(tmp_path)


def test_a_publication_leaves_its_run_and_the_outcome_of_every_rule(shop: Workshop) -> None:
    folder = shop.declare("staff", PEOPLE, data={"people": THREE}, quality=RULES)
    cause = Cause("request", "run-1", "steward")
    snapshot = publish(shop.settings, folder, cause=cause, clock=ScriptedClock(NOON))
    assert snapshot.published_at == NOON
    begun, ended = Ledger(shop.settings.state).rows("refresh")
    assert (begun["phase"], begun["run"], begun["trigger"], begun["by"]) == ("begun", "run-1", "request", "steward")
    assert (ended["phase"], ended["outcome"], ended["snapshot"]) == ("ended", "published", snapshot.id)
    assert ended["at"] == ended["begun"] == "2026-03-01T12:00:00.000000Z"
    rows = {str(row["rule"]): row for row in Ledger(shop.settings.state).rows("quality")}
    assert len(rows) == len(snapshot.outcomes)
    named, few = rows["named"], rows["few"]
    assert (named["holds"], named["value"], named["dimension"], named["severity"]) == (
        False, 1.0, "completeness", "warning",
    )  # fmt: skip
    assert (few["holds"], few["value"], few["snapshot"]) == (True, 3.0, snapshot.id)
    assert named["reads"] == ["people", "people.name"]


def test_a_refused_publication_is_there_with_what_its_rules_gave(shop: Workshop) -> None:
    shop.declare("staff", PEOPLE, data={"people": pa.concat_tables([THREE, THREE])}, quality=RULES)
    with pytest.raises(ContractError):
        shop.publish("staff")
    ended = Ledger(shop.settings.state).rows("refresh")[-1]
    assert (ended["outcome"], ended["snapshot"]) == ("refused", None)
    assert ended["finding"] == "schema[0]: people: the key (id) is unique: gives 3; and 1 more"
    (few,) = [row for row in Ledger(shop.settings.state).rows("quality") if row["rule"] == "few"]
    assert (few["holds"], few["value"], few["snapshot"]) == (False, 6.0, None)


def test_what_is_served_already_is_a_run_and_no_series(shop: Workshop) -> None:
    shop.declare("staff", PEOPLE, data={"people": THREE}, quality=RULES)
    shop.publish("staff")
    before = len(Ledger(shop.settings.state).rows("quality"))
    shop.publish("staff")
    assert Ledger(shop.settings.state).rows("refresh")[-1]["outcome"] == "unchanged"
    assert len(Ledger(shop.settings.state).rows("quality")) == before


def test_the_ledger_has_no_value_of_the_product_and_no_path(shop: Workshop, tmp_path: Path) -> None:
    shop.declare("staff", PEOPLE, data={"people": THREE}, quality=RULES)
    shop.publish("staff")
    (shop.settings.products / "staff" / "data" / "people.parquet").unlink()
    with pytest.raises(ContractError):
        shop.publish("staff")
    kept = b"".join(path.read_bytes() for path in (shop.settings.state / "ledger").iterdir()).decode()
    assert "SECRET" not in kept
    assert str(tmp_path) not in kept


def test_a_ledger_that_cannot_be_written_stops_no_publication(shop: Workshop) -> None:
    shop.declare("staff", PEOPLE, data={"people": THREE})
    shop.settings.state.mkdir(exist_ok=True)
    (shop.settings.state / "ledger").write_text("no folder")
    assert shop.publish("staff").row_counts == {"people": 3}


def test_what_the_ledger_cannot_hold_stops_no_publication(shop: Workshop) -> None:
    with kept(shop.settings, "staff", Cause(by="x" * 70_000), ScriptedClock(NOON)):
        pass
    assert Ledger(shop.settings.state).rows("refresh") == []
