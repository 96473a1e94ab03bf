"""Publication: what is written, what is audited, what is never served."""

from __future__ import annotations

import json
import os
import stat
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest
import yaml

from gateway.contracts.contract import ContractError
from gateway.errors import Unavailable
from gateway.operations import retirement
from gateway.product import Pseudonym
from gateway.publication import child
from gateway.publication.breaks import Permit
from gateway.publication.publish import Progress, Step, Warned, collect, publish
from gateway.serving import manifest, shelf
from gateway.serving.catalog import Catalog
from gateway.settings import SettingsError
from gateway.ticking import ScriptedClock
from tests.workshop import KEY, STEWARD, Workshop, column, stored

PEOPLE = {"people": {"id": KEY, "name": column("VARCHAR"), "pay": column("DECIMAL(18,2)")}}
THREE = pa.table({"id": [1, 2, 3], "name": ["SECRET-a", "SECRET-b", None], "pay": [0.1, 0.2, 1e6]})


@pytest.fixture
def shop(tmp_path: Path) -> Workshop:
    return Workshop(tmp_path)


def test_a_published_product_is_served_with_declared_types(shop: Workshop) -> None:
    shop.declare("staff", PEOPLE, data={"people": THREE}, custom={"dataClock": "2018-01-01T00:00:00"})
    snapshot = shop.publish("staff")
    assert Catalog(shop.settings.state).current().find("staff") == snapshot
    assert snapshot.row_counts == {"people": 3}
    assert snapshot.data_time == datetime(2018, 1, 1)
    assert snapshot.quality == 1.0
    assert stored(snapshot, "SELECT sum(pay) FROM people") == [(Decimal("1000000.30"),)]
    assert stored(snapshot, "SELECT typeof(pay), typeof(id) FROM people LIMIT 1") == [("DECIMAL(18,2)", "BIGINT")]


def test_a_published_file_is_read_only_and_alone(shop: Workshop) -> None:
    shop.declare("staff", PEOPLE, data={"people": THREE})
    folder = shop.publish("staff").path.parent
    assert sorted(path.name for path in folder.iterdir()) == ["core.duckdb", "snapshot.json"]
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o444}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o555


def test_nothing_is_built_where_nothing_has_changed(shop: Workshop) -> None:
    shop.declare("staff", PEOPLE, data={"people": THREE})
    steps: list[Progress] = []
    first = shop.publish("staff")
    assert shop.publish("staff", progress=steps.append) == first
    assert [one.step for one in steps if isinstance(one, Step)] == ["contract", "unchanged"]
    assert shop.publish("staff", force=True).id > first.id


FEWER = {"people": {"id": KEY, "name": column("VARCHAR")}}


def narrowed(shop: Workshop, **more: str) -> None:
    shop.declare("staff", FEWER, data={"people": THREE.select(["id", "name"])}, **more)


def test_a_break_that_the_version_does_not_tell_of_is_refused(shop: Workshop) -> None:
    shop.declare("staff", PEOPLE, data={"people": THREE}, status="active")
    first = shop.publish("staff")
    narrowed(shop, status="active", version="1.1.0")
    with pytest.raises(ContractError) as refusal:
        shop.publish("staff")
    (finding,) = refusal.value.findings
    assert (finding.file, finding.path, finding.line > 0) == ("staff.odcs.yaml", "schema[0]", True)
    words = "a major change, and 1.1.0 after 1.0.0 is less: people.pay: the column is gone"
    assert (finding.problem, finding.remedy) == (words, "version: 2.0.0, served beside 1.0.0")
    assert Catalog(shop.settings.state).current().snapshots == (first,)
    narrowed(shop, status="active", version="2.0.0")
    assert len({shop.publish("staff").id, first.id}) == len(Catalog(shop.settings.state).current().snapshots)


def test_a_break_by_permit_is_on_record_before_it_is_served(shop: Workshop) -> None:
    shop.declare("staff", PEOPLE, data={"people": THREE}, status="active")
    first = shop.publish("staff")
    narrowed(shop, status="active", version="1.0.1")
    heard: list[Progress] = []
    second = shop.publish("staff", progress=heard.append, permit=Permit("ada", "pay was never meant to be there"))
    assert any("people.pay" in one.finding.problem for one in heard if isinstance(one, Warned))
    (record,) = [
        json.loads(line)
        for file in (shop.settings.state / "audit").glob("*.jsonl")
        for line in file.read_text().splitlines()
        if json.loads(line)["event"] == "break_allowed"
    ]
    assert record["subject"] == "account:ada"
    assert record["products"] == [f"staff@1.0.1/{second.id}"]
    assert record["replaced"] == f"staff@1.0.0/{first.id}"
    assert (record["breaks"], record["reason"]) == (["people.pay"], "pay was never meant to be there")


def test_a_break_whose_record_cannot_be_kept_is_not_served(shop: Workshop) -> None:
    shop.declare("staff", PEOPLE, data={"people": THREE}, status="active")
    first = shop.publish("staff")
    narrowed(shop, status="active")
    shop.settings.audit.parent.mkdir(exist_ok=True)
    shop.settings.audit.write_text("no folder")
    with pytest.raises(Unavailable):
        shop.publish("staff", permit=Permit("ada", "because"))
    assert Catalog(shop.settings.state).current().snapshots == (first,)


@pytest.mark.parametrize(("status", "version"), [("draft", "1.0.0"), ("proposed", "1.0.0"), ("active", "0.3.0")])
def test_what_has_promised_nothing_may_break(shop: Workshop, status: str, version: str) -> None:
    shop.declare("staff", PEOPLE, data={"people": THREE}, status=status, version=version)
    first = shop.publish("staff")
    narrowed(shop, status="active", version=version)
    assert shop.publish("staff").id != first.id


def test_nobody_takes_a_promise_back_by_calling_it_a_draft(shop: Workshop) -> None:
    shop.declare("staff", PEOPLE, data={"people": THREE}, status="active")
    shop.publish("staff")
    shop.declare("staff", PEOPLE, data={"people": THREE}, status="draft")
    with pytest.raises(ContractError, match="it is draft, which promises nothing, was active"):
        shop.publish("staff")


def test_other_rows_under_the_same_contract_are_no_break(shop: Workshop) -> None:
    shop.declare("staff", PEOPLE, data={"people": THREE}, status="active")
    first = shop.publish("staff")
    shop.fill("staff", "people", THREE.slice(0, 2))
    assert shop.publish("staff").id != first.id


def test_a_class_that_rises_is_never_held_up(shop: Workshop) -> None:
    shop.declare("staff", PEOPLE, data={"people": THREE}, status="active")
    first = shop.publish("staff")
    guarded = {"people": PEOPLE["people"] | {"pay": column("DECIMAL(18,2)", classification="restricted")}}
    shop.declare("staff", guarded, data={"people": THREE}, status="active")
    heard: list[Progress] = []
    assert shop.publish("staff", progress=heard.append).id != first.id
    (told,) = [one.finding.problem for one in heard if isinstance(one, Warned) and "major" in one.finding.problem]
    assert told.endswith("people.pay: it is restricted, was internal")


@pytest.mark.parametrize("change", ["data", "contract", "secret"])
def test_a_change_of_what_it_is_made_of_builds_anew(shop: Workshop, change: str) -> None:
    rules = [STEWARD, {"id": "h", "on": {"product": "staff"}, "to": {}, "mask": {"columns": ["id"], "with": "hash"}}]
    shop.allow(*rules)
    shop.declare("staff", PEOPLE, data={"people": THREE})
    first = shop.publish("staff")
    if change == "data":
        shop.fill("staff", "people", THREE.slice(0, 2))
    elif change == "contract":
        shop.declare("staff", {"people": PEOPLE["people"] | {"pay": column("DOUBLE")}}, data={"people": THREE})
    else:
        shop.settings = shop.settings.model_copy(update={"mask_key_version": 2})
    assert shop.publish("staff").id != first.id


def test_a_broken_rule_is_never_served_and_names_no_value(shop: Workshop) -> None:
    shop.declare("staff", PEOPLE, data={"people": THREE})
    good = shop.publish("staff")
    shop.fill("staff", "people", pa.concat_tables([THREE, THREE]))
    with pytest.raises(ContractError) as refusal:
        shop.publish("staff")
    (finding,) = refusal.value.findings
    assert str(finding) == "staff.odcs.yaml:schema[0]: error: people: the key (id) is unique: gives 3 (expected = 0)"
    assert Catalog(shop.settings.state).current().snapshots == (good,)
    (failed,) = shop.snapshots.glob("*.failed")
    assert stat.S_IMODE(failed.stat().st_mode) == 0o700
    assert "SECRET" not in (failed / "findings.txt").read_text()


def test_failed_snapshots_are_kept_three_deep(shop: Workshop) -> None:
    shop.declare("staff", PEOPLE, data={"people": pa.concat_tables([THREE, THREE])})
    for _ in range(5):
        with pytest.raises(ContractError):
            shop.publish("staff")
    collect(shop.settings)
    assert len(list(shop.snapshots.iterdir())) == 3
    assert not Catalog(shop.settings.state).current().snapshots


def test_a_warning_is_published_and_shown(shop: Workshop) -> None:
    rule = {"id": "few", "metric": "rowCount", "mustBeGreaterThan": 1000, "severity": "warning"}
    shop.declare("staff", PEOPLE, data={"people": THREE}, quality={"people": [rule]})
    snapshot = shop.publish("staff")
    (broken,) = [one for one in snapshot.outcomes if not one.holds]
    assert (broken.rule, broken.severity, broken.value, broken.expected) == ("few", "warning", 3.0, "> 1000")
    assert 0 < snapshot.quality < 1


def test_a_rule_that_the_engine_cannot_compute_does_not_hold(shop: Workshop) -> None:
    rule = {"id": "odd", "type": "sql", "query": "SELECT max(CAST(name AS BIGINT)) FROM people", "mustBeLessThan": 9}
    shop.declare("staff", PEOPLE, data={"people": THREE}, quality={"people": [rule]})
    with pytest.raises(ContractError) as refusal:
        shop.publish("staff")
    assert "gives no number" in str(refusal.value)
    assert "SECRET" not in str(refusal.value)


@pytest.mark.parametrize("form", ["parquet", "csv", "json"])
def test_a_value_that_does_not_fit_names_its_column_only(shop: Workshop, form: str) -> None:
    texts = ["1"] * 30_000 + ["SECRET-x"]
    data = {
        "parquet": pa.table({"id": range(len(texts)), "n": texts}),
        "csv": "id,n\n" + "".join(f"{number},{text}\n" for number, text in enumerate(texts)),
        "json": "".join(f'{{"id": {number}, "n": "{text}"}}\n' for number, text in enumerate(texts)),
    }
    shop.declare("odd", {"t": {"id": KEY, "n": column("INTEGER")}}, data={"t": data[form]}, file_format=form)
    with pytest.raises(ContractError) as refusal:
        shop.publish("odd")
    assert "SECRET" not in str(refusal.value)
    assert str(refusal.value).startswith("t: error: ")
    assert form == "json" or "column n" in str(refusal.value)


@pytest.mark.parametrize("form", ["csv", "json"])
def test_text_files_keep_their_digits(shop: Workshop, form: str) -> None:
    texts = {
        "csv": "ID,zip,pay,day\n1,00123,12345678901234.56,2017-01-05\n2,,0.10,\n",
        "json": '{"ID": 1, "zip": "00123", "pay": 0.10, "day": "2017-01-05"}\n{"ID": 2, "pay": 0.10}\n',
    }
    kinds = {"id": KEY, "zip": column("VARCHAR"), "pay": column("DECIMAL(18,2)"), "day": column("DATE")}
    shop.declare("text", {"t": kinds}, data={"t": texts[form]}, file_format=form)
    rows = stored(shop.publish("text"), "SELECT id, zip, CAST(pay AS VARCHAR), CAST(day AS VARCHAR) FROM t ORDER BY id")
    assert rows == [
        (1, "00123", "12345678901234.56" if form == "csv" else "0.10", "2017-01-05"),
        (2, None, "0.10", None),
    ]


def test_all_findings_about_the_inputs_come_at_once(shop: Workshop) -> None:
    tables = {"people": PEOPLE["people"], "others": PEOPLE["people"]}
    shop.declare("staff", tables, data={"people": THREE, "others": THREE})
    (shop.settings.products / "staff" / "data" / "people.parquet").unlink()
    (shop.settings.products / "staff" / "data" / "others.parquet").unlink()
    with pytest.raises(ContractError) as refusal:
        shop.publish("staff")
    assert len(refusal.value.findings) == 2


def test_an_inputs_value_that_does_not_fit_names_the_input(shop: Workshop) -> None:
    shop.declare("raw", {"t": {"n": column("INTEGER")}}, data={"t": pa.table({"n": ["1", "SECRET-x"]})})
    raw = (shop.settings.products / "raw" / "raw.odcs.yaml").read_text()
    folder = shop.declare("odd", {"u": {"n": column("INTEGER")}}, models={"u": "SELECT n FROM raw.t"}, inputs=["raw"])
    (folder / "raw.odcs.yaml").write_text(raw)
    shop.fill("odd", "t", pa.table({"n": ["1", "SECRET-x"]}))
    with pytest.raises(ContractError) as refusal:
        shop.publish("odd")
    (finding,) = refusal.value.findings
    assert finding.problem == "1 of 2 rows of raw.t break n.type"


@pytest.mark.parametrize("form", ["parquet", "csv", "json"])
def test_a_fraction_is_not_rounded_away_in_silence(shop: Workshop, form: str) -> None:
    data = {
        "parquet": pa.table({"id": [1, 2], "n": [1.0, 2.5]}),
        "csv": "id,n\n1,1\n2,2.5\n",
        "json": '{"id": 1, "n": 2.5}',
    }
    folder = shop.declare("odd", {"t": {"id": KEY, "n": column("INTEGER")}}, data={"t": data[form]}, file_format=form)
    with pytest.raises(ContractError, match=r"\(column n\)"):
        shop.publish("odd")
    if form == "parquet":
        shop.fill("odd", "t", pa.table({"id": [1, 2], "n": [1.0, 2.0]}))
        assert stored(publish(shop.settings, folder), "SELECT sum(n) FROM t") == [(3,)]


def test_the_data_clock_may_be_computed_from_the_inputs_and_age_goes_by_it(shop: Workshop) -> None:
    days = "day\n05/01/2017\n28/02/2017\n"
    raw = shop.declare("raw", {"t": {"day": column("DATE")}}, data={"t": days}, file_format="csv")
    folder = shop.declare(
        "late",
        {"u": {"day": column("DATE"), "fresh": column("BOOLEAN")}},
        models={"u": "SELECT day, day > $data_clock - INTERVAL 30 DAY AS fresh FROM raw.t"},
        inputs=["raw"],
        custom={"dataClock": "(SELECT max(day) + INTERVAL 2 DAY FROM raw.t)"},
    )
    contract = folder / "late.odcs.yaml"
    promised = {"slaProperties": [{"property": "freshness", "value": 3, "unit": "d", "element": "u.day"}]}
    contract.write_text(yaml.safe_dump(yaml.safe_load(contract.read_text()) | promised))
    (folder / "raw.odcs.yaml").write_text((raw / "raw.odcs.yaml").read_text())
    shop.fill("late", "t", days)
    snapshot = shop.publish("late")
    assert snapshot.data_time == datetime(2017, 3, 2)
    assert stored(snapshot, "SELECT count(*) FILTER (WHERE fresh) FROM u") == [(1,)]
    assert [(one.table, age) for one, age in snapshot.ages] == [("u", 2 * 86_400)]


def test_without_a_data_clock_age_goes_on_from_the_publication_s_moment(shop: Workshop) -> None:
    days = pa.table({"id": [1], "day": [date(2031, 1, 1)]})
    folder = shop.declare("aged", {"t": {"id": KEY, "day": column("DATE")}}, data={"t": days})
    contract = folder / "aged.odcs.yaml"
    promised = {"slaProperties": [{"property": "freshness", "value": 3, "unit": "d", "element": "t.day"}]}
    contract.write_text(yaml.safe_dump(yaml.safe_load(contract.read_text()) | promised))
    snapshot = publish(shop.settings, folder, clock=ScriptedClock(datetime(2031, 1, 2, 6, tzinfo=UTC)))
    assert [age for _, age in snapshot.ages] == [30 * 3600]
    assert snapshot.data_time is None


def derived(shop: Workshop) -> None:
    model = "SELECT id, name, pay FROM staff.people"
    shop.declare("payroll", PEOPLE, models={"people": model}, inputs=["staff"])


def test_another_products_tables_need_a_grant(shop: Workshop) -> None:
    shop.declare("staff", PEOPLE, data={"people": THREE})
    shop.publish("staff")
    derived(shop)
    with pytest.raises(ContractError) as refusal:
        shop.publish("payroll")
    assert "grant it to product:payroll" in str(refusal.value)


def test_another_product_is_read_through_its_policy(shop: Workshop) -> None:
    to = {"subject": "product:payroll", "kind": "product"}
    shop.allow(
        STEWARD,
        {"id": "read", "on": {"product": "staff"}, "to": to, "grant": {"columns": ["*"], "rows": "id < 3"}},
        {"id": "mask", "on": {"product": "staff"}, "to": to, "mask": {"columns": ["name"], "with": "null"}},
    )
    shop.declare("staff", PEOPLE, data={"people": THREE})
    source = shop.publish("staff")
    derived(shop)
    assert stored(shop.publish("payroll"), "SELECT id, name FROM people ORDER BY id") == [(1, None), (2, None)]
    assert stored(source, "SELECT count(name) FROM people") == [(2,)]


def test_a_new_decision_about_an_input_builds_anew(shop: Workshop) -> None:
    to = {"subject": "product:payroll"}
    shop.allow(STEWARD, {"id": "read", "on": {"product": "staff"}, "to": to, "grant": {"columns": ["*"]}})
    shop.declare("staff", PEOPLE, data={"people": THREE})
    shop.publish("staff")
    derived(shop)
    first = shop.publish("payroll")
    assert shop.publish("payroll") == first
    rule = {"id": "read", "on": {"product": "staff"}, "to": to, "grant": {"columns": ["*"], "rows": "id = 1"}}
    shop.allow(STEWARD, rule)
    assert shop.publish("payroll").row_counts == {"people": 1}


def test_a_model_reads_earlier_tables_of_its_own_product(shop: Workshop) -> None:
    shop.declare(
        "staff",
        {"total": {"n": column()}, "people": PEOPLE["people"]},
        data={"people": THREE},
        models={"total": "SELECT count(*) AS n FROM staff.people"},
    )
    assert stored(shop.publish("staff"), "SELECT n FROM total") == [(3,)]


def test_models_that_read_each_other_are_refused(shop: Workshop) -> None:
    models = {"a": "SELECT n FROM loop.b", "b": "SELECT n FROM loop.a"}
    shop.declare("loop", {"a": {"n": column()}, "b": {"n": column()}}, models=models)
    with pytest.raises(ContractError, match="read each other"):
        shop.publish("loop")


def hashing(product: str, table: str, columns: list[str], link: str) -> dict[str, object]:
    mask = {"columns": columns, "with": "hash", "link": link}
    return {"id": f"{product}-{table}-{link}", "on": {"product": product, "table": table}, "to": {}, "mask": mask}


def test_pseudonyms_join_within_a_link_and_nowhere_else(shop: Workshop) -> None:
    staff = hashing("staff", "people", ["id"], "one")
    shop.declare("staff", PEOPLE, data={"people": THREE})
    shop.declare("guests", PEOPLE, data={"people": THREE})
    shop.declare("aliens", PEOPLE, data={"people": THREE})
    shop.allow(STEWARD, staff, hashing("guests", "people", ["id"], "one"), hashing("aliens", "people", ["id"], "two"))
    found = []
    for name, link in (("staff", "one"), ("guests", "one"), ("aliens", "two")):
        snapshot = shop.publish(name)
        assert snapshot.pseudonyms == {Pseudonym("people", "id", link)}
        found.append(dict(stored(snapshot, f'SELECT id, "id${link}" FROM people')))
    assert found[0] == found[1]
    assert not set(found[0].values()) & set(found[2].values())
    assert all(0 <= value < 1 << 63 for value in found[0].values())
    assert not set(found[0].values()) & {1, 2, 3}


def test_another_deployment_has_other_pseudonyms(tmp_path: Path) -> None:
    found = []
    for name in ("here", "there"):
        (tmp_path / name).mkdir()
        shop = Workshop(tmp_path / name)
        shop.settings = shop.settings.model_copy(update={"secret_key": None, "demo": True})
        shop.allow(STEWARD, hashing("staff", "people", ["id"], "one"))
        shop.declare("staff", PEOPLE, data={"people": THREE})
        found.append(stored(shop.publish("staff"), 'SELECT "id$one" FROM people ORDER BY id'))
    assert found[0] != found[1]


@pytest.mark.parametrize(
    ("kind", "shape"),
    [
        ("BIGINT", r"\d+"),
        ("UBIGINT", r"\d+"),
        ("HUGEINT", r"\d+"),
        ("VARCHAR", "[0-9a-f]{32}"),
        ("UUID", "[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"),
    ],
)
def test_a_pseudonym_keeps_its_columns_type(shop: Workshop, kind: str, shape: str) -> None:
    shop.allow(STEWARD, hashing("typed", "t", ["id"], "one"))
    texts = [f"00000000-0000-0000-0000-00000000000{n}" if kind == "UUID" else str(n) for n in range(1, 4)]
    shop.declare("typed", {"t": {"id": {**KEY, "physicalType": kind}}}, data={"t": pa.table({"id": texts})})
    snapshot = shop.publish("typed")
    query = f"""SELECT count(DISTINCT "id$one"), bool_and(regexp_full_match(CAST("id$one" AS VARCHAR), '{shape}')),
                any_value(typeof("id$one")) FROM t"""
    assert stored(snapshot, query) == [(3, True, kind)]


def test_few_values_have_no_pseudonym_unless_unique_or_referring(shop: Workshop) -> None:
    shop.allow(
        STEWARD, hashing("staff", "people", ["id", "name"], "one"), hashing("staff", "visits", ["person"], "one")
    )
    to = [{"to": "people.id"}]
    visits = {"visit": KEY, "person": column(relationships=to), "grade": column("INTEGER")}
    shop.declare(
        "staff",
        {"people": PEOPLE["people"], "visits": visits},
        data={"people": THREE, "visits": pa.table({"visit": [1, 2, 3], "person": [1, 1, None], "grade": [1, 1, 2]})},
    )
    heard: list[Progress] = []
    snapshot = shop.publish("staff", progress=heard.append)
    assert snapshot.pseudonyms == {Pseudonym("people", "id", "one"), Pseudonym("visits", "person", "one")}
    (doubt,) = [one.finding for one in heard if isinstance(one, Warned) and "pseudonym" in one.finding.problem]
    assert (doubt.path, doubt.severity) == ("people.name", "warning")
    assert "2 distinct values are too few" in doubt.problem
    joined = 'SELECT count(*) FROM visits v JOIN people p ON v."person$one" = p."id$one" AND v.person = p.id'
    assert stored(snapshot, joined) == [(2,)]
    assert stored(snapshot, 'SELECT "person$one" FROM visits WHERE person IS NULL') == [(None,)]


def test_many_values_have_pseudonyms(shop: Workshop) -> None:
    shop.allow(STEWARD, hashing("many", "t", ["who"], "one"))
    people = pa.table({"id": range(20_000), "who": [f"p{number // 2:05}" for number in range(20_000)]})
    shop.declare("many", {"t": {"id": KEY, "who": column("VARCHAR")}}, data={"t": people})
    snapshot = shop.publish("many")
    assert stored(snapshot, 'SELECT count(DISTINCT "who$one") FROM t') == [(10_000,)]


def test_no_secret_is_needed_without_pseudonyms(shop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.settings = shop.settings.model_copy(update={"secret_key": None})
    shop.declare("staff", PEOPLE, data={"people": THREE})
    assert shop.publish("staff").row_counts == {"people": 3}
    shop.allow(STEWARD, hashing("staff", "people", ["id"], "one"))
    with pytest.raises(SettingsError):
        shop.publish("staff")


def test_two_majors_are_served_side_by_side(shop: Workshop) -> None:
    shop.declare("staff", PEOPLE, data={"people": THREE})
    one = shop.publish("staff")
    shop.declare("staff", PEOPLE, data={"people": THREE}, version="2.0.0")
    two = shop.publish("staff")
    found = Catalog(shop.settings.state).current()
    assert (found.find("staff"), found.find("staff_v1"), found.find("staff_v2")) == (two, one, two)
    assert found.snapshots == (one, two)
    assert found.current == (two,)
    assert found.find("staff_v3") is None


def test_a_second_publication_is_refused_while_one_runs(shop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child, "_LOCK_WAIT_S", 0.0)
    shop.declare("staff", PEOPLE, data={"people": THREE})
    refusals: list[Unavailable] = []

    def again(event: Progress) -> None:
        if isinstance(event, Step) and event.step == "write" and not refusals:
            with pytest.raises(Unavailable) as refusal:
                shop.publish("staff")
            refusals.append(refusal.value)

    shop.publish("staff", progress=again)
    assert refusals[0].reason == "busy"
    assert refusals[0].message == f"another publication is running (staff, process {os.getpid()})"


def test_wrong_policies_stop_a_publication_with_every_finding(shop: Workshop) -> None:
    shop.declare("staff", PEOPLE, data={"people": THREE})
    good = shop.publish("staff")
    shop.allow(
        {"id": "x", "on": {"product": "staff"}, "to": {}, "grant": {"columns": ["*"], "rows": "no_such = 1"}},
        {"id": "y", "on": {"product": "staff"}, "to": {}, "hide": {"columns": ["nor_this"]}},
    )
    with pytest.raises(ContractError) as refusal:
        shop.publish("staff")
    assert len(refusal.value.findings) == 2
    assert Catalog(shop.settings.state).current().snapshots == (good,)


def test_a_replaced_snapshot_goes_when_its_time_is_over(tmp_path: Path) -> None:
    shop = Workshop(tmp_path, retain_s=1e-9)
    shop.declare("staff", PEOPLE, data={"people": THREE}, custom={"snapshotRetention": 0})
    ids = [shop.publish("staff", force=True).id for _ in range(3)]
    collect(shop.settings)
    assert [path.name for path in shop.snapshots.iterdir()] == ids[-1:]
    assert manifest.read(shop.settings.state).expired == tuple(ids[:2])


def test_a_replaced_snapshot_stays_for_its_time(shop: Workshop) -> None:
    shop.declare("staff", PEOPLE, data={"people": THREE})
    ids = [shop.publish("staff", force=True).id for _ in range(2)]
    collect(shop.settings)
    assert sorted(path.name for path in shop.snapshots.iterdir()) == ids


def test_a_lost_manifest_is_made_again_from_the_snapshots(shop: Workshop) -> None:
    shop.declare("staff", PEOPLE, data={"people": THREE})
    shop.declare("guests", PEOPLE, data={"people": THREE})
    served = (shop.publish("guests"), shop.publish("staff"))
    for damage in ("", "{", '{"served": 1}'):
        (shop.settings.state / manifest.NAME).write_text(damage)
        assert shop.publish("staff") == served[1]
        assert Catalog(shop.settings.state).current().snapshots == served


def test_what_was_retired_does_not_come_back_where_the_manifest_is_lost(shop: Workshop) -> None:
    shop.declare("staff", PEOPLE, data={"people": THREE})
    shop.declare("guests", PEOPLE, data={"people": THREE})
    retired, served = shop.publish("staff"), shop.publish("guests")
    retirement.retire(shop.settings, "staff", None, "it is over", "guests", lambda *_: None)
    path = shop.settings.state / manifest.NAME
    for damage in (path.unlink, lambda: path.write_text("{")):
        damage()
        assert Catalog(shop.settings.state).current().ended("staff") is not None
        shop.publish("guests")
        found = Catalog(shop.settings.state).current()
        ended = found.ended("staff")
        assert (found.snapshots, found.find("staff")) == ((served,), None)
        assert ended is not None
        assert (ended.snapshot, ended.successor) == (retired, "guests")
    back = shop.publish("staff")
    path.unlink()
    shop.publish("guests")
    assert Catalog(shop.settings.state).current().find("staff") == back


def test_what_is_not_ours_is_not_swept(shop: Workshop) -> None:
    shop.declare("staff", PEOPLE, data={"people": THREE})
    (shop.snapshots / "notes").mkdir(parents=True)
    (shop.snapshots / shelf.new_id("staff", datetime(2020, 1, 1).astimezone())).mkdir()
    snapshot = shop.publish("staff")
    assert {path.name for path in shop.snapshots.iterdir()} == {"notes", snapshot.id}


def test_a_file_that_changes_while_it_is_read_is_not_served(shop: Workshop) -> None:
    shop.declare("staff", PEOPLE, data={"people": THREE})

    def meddle(event: Progress) -> None:
        if isinstance(event, Step) and event.step == "audit":
            shop.fill("staff", "people", THREE.slice(0, 1))

    with pytest.raises(ContractError, match="changed while it was read"):
        shop.publish("staff", progress=meddle)


@pytest.mark.parametrize(
    ("of_key", "of_pay", "ordered"),
    [
        ("internal", "restricted", "id"),
        ("confidential", "restricted", ""),
        ("internal", "public", "pay"),
        (None, "public", ""),
    ],
)
def test_rows_are_not_in_the_order_of_what_some_may_not_see(
    shop: Workshop, of_key: str | None, of_pay: str, ordered: str
) -> None:
    numbers = list(range(500))
    kinds = {"id": {**KEY, "classification": of_key}, "pay": column(classification=of_pay)}
    kinds["id"] = {name: told for name, told in kinds["id"].items() if told is not None}
    shop.declare("paid", {"t": kinds}, data={"t": pa.table({"id": [n * 7 % 500 for n in numbers], "pay": numbers})})
    rows = stored(shop.publish("paid"), "SELECT id, pay FROM t ORDER BY rowid")
    in_order = {name for place, name in enumerate(("id", "pay")) if [row[place] for row in rows] == numbers}
    assert in_order == ({ordered} if ordered else set())


def test_a_state_that_cannot_be_written_is_told_without_its_path(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.declare("staff", PEOPLE, data={"people": THREE})
    good = shop.publish("staff")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device", str(shop.settings.state))

    monkeypatch.setattr(manifest, "write", full)
    with pytest.raises(Unavailable) as refusal:
        shop.publish("staff", force=True)
    assert refusal.value.message == "the state folder cannot be used: No space left on device"
    assert Catalog(shop.settings.state).current().snapshots == (good,)
