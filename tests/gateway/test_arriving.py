"""What arrives at an input: drift of its columns, and the rows that its contract does not let in."""

from __future__ import annotations

import stat
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from gateway import Gateway, Password
from gateway.access.identity import Directory
from gateway.access.keys import load as load_keys
from gateway.accounting.ledger import Ledger
from gateway.contracts import contract
from gateway.contracts.contract import ContractError
from gateway.document import Finding
from gateway.inputs import arriving, feeds
from gateway.inputs.duck_writer import Writer
from gateway.publication.publish import Progress, Warned
from gateway.publication.runs import QUALITY
from gateway.serving.shelf import PREFIX
from gateway.snapshot import Arrived
from tests.workshop import KEY, STEWARD, Workshop, column, stored

ORDERS = {
    "id": column("BIGINT", required=True),
    "state": column("VARCHAR", enum=[{"value": "open"}, {"value": "shut"}]),
    "code": column("VARCHAR", logicalType="string", logicalTypeOptions={"pattern": "^[A-Z]+$"}),
    "amount": column("INTEGER", logicalType="integer", logicalTypeOptions={"minimum": 0}),
    "day": column("DATE"),
}
SEVEN = pa.table(
    {
        "id": ["1", "2", None, "4", "5", "6.5", "7.0"],
        "state": ["open", "SECRET", "open", "shut", "open", "open", None],
        "code": ["A", "B", "C", "d", "E", "F", None],
        "amount": [1.0, 2.0, 3.0, 4.0, -5.0, 6.0, 7.5],
        "day": ["2020-01-01", "2020-01-02", "2020-01-03", "2020-01-04", "yesterday", "2020-01-06", None],
    }
)
BROKEN = {
    "id.required": 1, "id.type": 1, "state.enum": 1, "code.pattern": 1, "amount.minimum": 1, "amount.type": 1,
    "day.type": 1,
}  # fmt: skip


MASK = {"id": "k", "on": {"product": "*"}, "to": {"role": "steward"}, "mask": {"columns": ["state"], "with": "partial"}}
HIDE = {"id": "h", "on": {"product": "sales"}, "to": {}, "hide": {"columns": ["state"]}}
ROWS = {"id": "r", "on": {"product": "sales"}, "to": {}, "restrict": {"rows": "id < 5"}}


@pytest.fixture
def shop(tmp_path: Path) -> Workshop:
    return Workshop(tmp_path)


def declare(
    shop: Workshop,
    *,
    limit: Any = None,
    data: Any = SEVEN,
    form: str = "parquet",
    quality: Sequence[Mapping[str, Any]] = (),
    columns: Mapping[str, Any] = ORDERS,
) -> None:
    """A product `sales` that passes on what arrives at its input `raw`."""
    own = {"id": KEY, "state": column("VARCHAR"), "amount": column("INTEGER")}
    folder = shop.declare(
        "sales", {"kept": own}, models={"kept": "SELECT id, state, amount FROM raw.orders"}, inputs=["raw"]
    )
    schema: dict[str, Any] = {
        "name": "orders",
        "properties": [{"name": name, **told} for name, told in columns.items()],
    }
    schema["quality"] = list(quality)
    if limit is not None:
        schema["customProperties"] = [{"property": "quarantineLimit", "value": limit, "vendor": "outport"}]
    declared = {
        "apiVersion": "v3.2.0",
        "kind": "DataContract",
        "id": "raw",
        "version": "1.0.0",
        "servers": [{"server": "orders", "type": "local", "path": f"data/orders.{form}", "format": form}],
        "schema": [schema],
    }
    (folder / "raw.odcs.yaml").write_text(yaml.safe_dump(declared))
    shop.fill("sales", "orders", data)


def warned(shop: Workshop) -> list[Finding]:
    heard: list[Progress] = []
    shop.publish("sales", progress=heard.append)
    return [one.finding for one in heard if isinstance(one, Warned) and "raw.orders" in one.finding.problem]


def test_bad_rows_are_set_aside_with_every_rule_that_they_break(shop: Workshop) -> None:
    declare(shop, limit=6)
    (told,) = warned(shop)
    assert told.problem.startswith("6 of 7 rows of raw.orders are set aside: ")
    assert (told.file, told.path, told.severity) == ("raw.odcs.yaml", "schema[0]", "warning")
    snapshot = shop.publish("sales")
    assert stored(snapshot, "SELECT id, state, amount FROM kept") == [(1, "open", 1)]
    (arrived,) = snapshot.arrived
    assert (arrived.input, arrived.table, arrived.rows, arrived.aside) == ("raw", "orders", 7, 6)
    assert dict(arrived.broken) == BROKEN
    (file,) = snapshot.path.parent.glob(f"{PREFIX}*")
    assert stat.S_IMODE(file.stat().st_mode) == 0o400
    rows = pq.read_table(file).to_pylist()
    assert {row["$rules"] for row in rows} == {
        "id.required", "id.type", "state.enum", "code.pattern", "day.type, amount.minimum", "amount.type",
    }  # fmt: skip
    assert [row["amount"] for row in rows if row["$rules"] == "amount.type"] == ["7.5"]


@pytest.mark.parametrize(("limit", "holds"), [(None, False), ("85%", False), ("86 %", True)])
def test_more_bad_rows_than_the_contract_allows_stop_the_publication(
    shop: Workshop, limit: Any, *, holds: bool
) -> None:
    declare(shop, limit=limit)
    if holds:
        assert shop.publish("sales").row_counts == {"kept": 1}
        return
    with pytest.raises(ContractError) as refusal:
        shop.publish("sales")
    found = {one.path: one.problem for one in refusal.value.findings if one.problem.endswith("enum")}
    assert found == {"schema[0].properties[1]": "1 of 7 rows of raw.orders break state.enum"}
    assert "SECRET" not in str(refusal.value)


@pytest.mark.parametrize("limit", [-1, "101%", "few", True, 1.5])
def test_a_limit_that_is_none_is_refused(shop: Workshop, limit: Any) -> None:
    declare(shop, limit=limit)
    with pytest.raises(ContractError, match="quarantineLimit"):
        contract.load(shop.settings.products / "sales")


@pytest.mark.parametrize("form", ["csv", "json"])
def test_rows_of_text_files_are_set_aside_as_well(shop: Workshop, form: str) -> None:
    lines = ["id,state,code,amount,day", "1,open,A,1,2020-01-01", "x,open,A,2,2020-01-01", "3.0,open,A,2.5,2020-01-01"]
    text = (
        '[{"id": 1, "state": "open", "amount": 1}, {"id": "x", "state": "open"}, {"id": 3.0, "amount": 2.5}]'
        if form == "json"
        else "\n".join(lines) + "\n"
    )
    if form == "json":
        text = text.replace('"amount": 1', '"amount": 1, "code": "A", "day": "2020-01-01"')
    declare(shop, limit="99%", data=text, form=form)
    snapshot = shop.publish("sales")
    assert dict(snapshot.arrived[0].broken) == {"id.type": 1, "amount.type": 1}
    assert stored(snapshot, "SELECT id, amount FROM kept") == [(1, 1)]


def arrived(shop: Workshop, before: Arrived | None = None) -> tuple[Arrived, list[str]]:
    """What arrives at `raw.orders`, and the notices about it."""
    home = shop.settings.products / "sales"
    (source,) = contract.load(home).inputs
    file, path = source.files[0][1], home / "data" / "orders.parquet"
    relation = feeds.of_file("raw", source.tables[0], file, path, source.arrivals[0][1])
    folder = shop.settings.products.parent / uuid.uuid4().hex
    folder.mkdir()
    writer = Writer(folder, threads=1, memory_limit="200MB", files=[str(path)], attached=[])
    try:
        _, found, notices = arriving.arrive(writer, relation, folder, before)
    finally:
        writer.close()
    return found, [one.problem for one in notices]


def test_drift_is_told_where_the_contract_names_the_column(shop: Workshop) -> None:
    days = {"id": [1], "state": ["open"], "code": ["A"], "amount": pa.array([1], pa.int32()), "day": ["2020-01-01"]}
    loose = pa.table(days)
    strict = loose.cast(pa.schema([loose.schema.field("id").with_nullable(False), *list(loose.schema)[1:]]))
    declare(shop, data=strict)
    first, notices = arrived(shop)
    assert notices == []
    shop.fill("sales", "orders", strict.append_column("note", pa.array(["new"])))
    assert arrived(shop, first)[1] == ["raw.orders has new columns: note"]
    shop.fill("sales", "orders", strict.set_column(3, "amount", pa.array([1], pa.int64())))
    told = "raw.orders.amount is BIGINT now, it was INTEGER; each value is cast to INTEGER"
    assert arrived(shop, first)[1] == [told]
    shop.fill("sales", "orders", loose.drop_columns(["day"]))
    with pytest.raises(arriving.Drifted) as refusal:
        arrived(shop, first)
    assert [(one.path, one.problem) for one in refusal.value.findings] == [
        ("schema[0].properties[0]", "raw.orders.id may be NULL now, the contract requires it"),
        ("schema[0].properties[4]", "raw.orders no longer has the column day"),
    ]


def test_a_type_of_which_no_value_casts_is_another_schema_and_no_bad_row(shop: Workshop) -> None:
    kept = {"id": [1], "state": ["open"], "code": ["A"], "amount": [[1]], "day": ["2020-01-01"]}
    declare(shop, limit="100%", data=pa.table(kept))
    with pytest.raises(arriving.Drifted) as refusal:
        arrived(shop)
    (finding,) = refusal.value.findings
    assert finding.problem == "raw.orders.amount is BIGINT[], and none of its values is a INTEGER"


MANAGE = {"id": "m", "on": {"product": "*"}, "to": {"role": "steward"}, "manage": True}


@pytest.mark.parametrize(
    ("model", "rules", "shown"),
    [
        ("SELECT id, state, amount FROM raw.orders", [STEWARD], ("id", "state", "amount")),
        ("SELECT id, upper(state) AS state, amount FROM raw.orders", [STEWARD], ("id", "amount")),
        ("SELECT id, state, amount FROM raw.orders WHERE id > 0", [STEWARD], ()),
        ("SELECT o.id, o.state, o.amount FROM raw.orders AS o JOIN raw.orders AS p USING (id)", [STEWARD], ()),
        ("SELECT id, state, amount FROM raw.orders", [STEWARD, HIDE], ("id", "amount")),
        ("SELECT id, state, amount FROM raw.orders", [STEWARD, MASK], ("id", "amount")),
        ("SELECT id, state, amount FROM raw.orders", [STEWARD, ROWS], ()),
    ],
)
def test_who_manages_a_product_sees_of_what_was_set_aside_what_is_theirs_to_see(
    shop: Workshop, model: str, rules: list[dict[str, Any]], shown: tuple[str, ...]
) -> None:
    declare(shop, limit="100%")
    (shop.settings.products / "sales" / "models" / "kept.sql").write_text(model)
    shop.allow(*rules, MANAGE)
    Directory(shop.settings.principals, load_keys(shop.settings)).add("stew", "person", {"role": ["steward"]}, "s" * 12)
    shop.publish("sales")
    gateway = Gateway(shop.settings)
    (aside,) = gateway.quarantine.read(gateway.open(Password("stew", "s" * 12), "rest"), "sales")
    gateway.close()
    assert (aside.aside, dict(aside.broken), aside.shown) == (6, BROKEN, shown)
    assert {name for row in aside.sample for name in row} == {"$rules", *shown}


FOUR = pa.table({"id": [1, 2, 3, 4], "state": ["n/a", "open", None, "shut"], "amount": [1, 2, 2, -4]})
STATES: Mapping[str, Any] = {
    "id": column("BIGINT"),
    "state": column(
        "VARCHAR",
        quality=[
            {"id": "told", "metric": "missingValues", "arguments": {"missingValues": ["n/a"]}, "mustBe": 0},
            {"id": "known's", "metric": "nullValues", "unit": "percent", "mustBeLessOrEqualTo": 0},
            {"id": "few", "metric": "nullValues", "unit": "percent", "mustBeLessThan": 1, "severity": "warning"},
        ],
    ),
    "amount": column("INTEGER", quality=[{"id": "apart", "metric": "duplicateValues", "mustBe": 0}]),
}
ONE = {"id": "some", "metric": "rowCount", "mustBeGreaterThan": 1}
SUM = {"id": "sum", "type": "sql", "query": "SELECT sum(amount) FROM ${table}", "mustBe": -2}


def ruled(shop: Workshop, *quality: Mapping[str, Any], limit: int = 2) -> None:
    declare(shop, limit=limit, data=FOUR, quality=quality, columns=STATES)


def test_rows_that_break_a_rule_that_none_may_are_set_aside_by_its_id(shop: Workshop) -> None:
    ruled(shop, ONE, SUM)
    snapshot = shop.publish("sales")
    assert stored(snapshot, "SELECT id FROM kept ORDER BY id") == [(2,), (4,)]
    assert dict(snapshot.arrived[0].broken) == {"told": 2, "known's": 1}
    (file,) = snapshot.path.parent.glob(f"{PREFIX}*")
    assert {row["id"]: row["$rules"] for row in pq.read_table(file).to_pylist()} == {"1": "told", "3": "told, known's"}
    found = {one.rule: (one.table, one.holds, one.value, one.severity) for one in snapshot.checked}
    # What is set aside is counted of all that came, the other rules are over what is let in.
    assert found == {
        "told": ("raw.orders", False, 2.0, "error"),
        "known's": ("raw.orders", False, 25.0, "error"),
        "few": ("raw.orders", True, 0.0, "warning"),
        "apart": ("raw.orders", True, 0.0, "error"),
        "some": ("raw.orders", True, 2.0, "error"),
        "sum": ("raw.orders", True, -2.0, "error"),
    }
    assert snapshot.quality == 1.0
    assert shop.publish("sales") == snapshot


def test_a_rule_of_the_whole_table_stops_the_publication_or_warns(shop: Workshop) -> None:
    served = [SUM | {"severity": "warning", "mustBe": 7}]
    ruled(shop, *served)
    before = shop.publish("sales")
    assert {one.rule: one.holds for one in before.checked if one.rule in {"sum", "few"}} == {"sum": False, "few": True}
    ruled(shop, ONE | {"mustBeGreaterThan": 2}, *served)
    with pytest.raises(ContractError) as refusal:
        shop.publish("sales")
    (finding,) = refusal.value.findings
    assert (finding.file, finding.path) == ("raw.odcs.yaml", "schema[0].quality[0]")
    assert finding.problem == "raw.orders: rowCount of orders: gives 2"
    assert finding.remedy == "expected > 2"
    rows = [row for row in Ledger(shop.settings.state).rows(QUALITY) if row["snapshot"] is None]
    assert {row["rule"]: row["holds"] for row in rows if row["table"] == "raw.orders"} == {
        "told": False, "known's": False, "few": True, "apart": True, "some": False, "sum": False,
    }  # fmt: skip
    assert {str(row["reads"]) for row in rows} == {"['inputs/raw.orders']"}


def test_more_bad_rows_than_allowed_are_on_record_with_their_rules(shop: Workshop) -> None:
    ruled(shop, ONE, limit=1)
    with pytest.raises(ContractError) as refusal:
        shop.publish("sales")
    places = {one.problem.rpartition(" ")[2]: one.path for one in refusal.value.findings}
    assert places == {
        "told": "schema[0].properties[1].quality[0]", "known's": "schema[0].properties[1].quality[1]",
    }  # fmt: skip
    rows = Ledger(shop.settings.state).rows(QUALITY)
    assert {row["rule"]: row["value"] for row in rows} == {"told": 2.0, "known's": 25.0}


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        (SUM | {"query": "SELECT count(*) FROM kept"}, "the rule reads kept"),
        (SUM | {"query": "SELECT nothing FROM orders"}, "nothing"),
        ({"metric": "rowCount"}, "exactly one comparison"),
        (ONE | {"id": "told"}, "two rules of orders are called told"),
    ],
)
def test_a_rule_of_an_input_that_cannot_be_run_is_refused(shop: Workshop, rule: dict[str, Any], told: str) -> None:
    ruled(shop, rule)
    with pytest.raises(ContractError, match=told):
        contract.load(shop.settings.products / "sales")


def test_outcomes_of_inputs_are_told_to_who_manages_the_product_and_count_in_no_score(shop: Workshop) -> None:
    ruled(shop, ONE)
    snapshot = shop.publish("sales")
    Directory(shop.settings.principals, load_keys(shop.settings)).add("stew", "person", {"role": ["steward"]}, "s" * 12)
    gateway = Gateway(shop.settings)
    try:
        session = gateway.open(Password("stew", "s" * 12), "rest")
        visible = gateway.product(session, "sales")
        seen, managed = (gateway.quality.of(visible, None, 9, managed=one) for one in (False, True))
        assert {one.table for one in seen.rules} == {"kept"}
        assert {one.rule: one.value for one in managed.rules if one.table == "raw.orders"} == {
            one.rule: one.value for one in snapshot.checked
        }
        assert managed.score == seen.score
        assert [one.score for one in managed.history] == [one.score for one in seen.history] == [seen.score]
    finally:
        gateway.close()
