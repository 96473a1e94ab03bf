"""Mocks: rows made up from a contract alone keep what it promises, are told apart from real ones, and end with them."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.contracts import contract
from gateway.contracts.contract import ContractError
from gateway.publication import mock
from gateway.publication.mock import Mock
from gateway.publication.mock_draws import DrawError, parse
from gateway.publication.publish import Progress, Warned, publish
from gateway.service_levels import quality
from gateway.snapshot import Snapshot
from tests.workshop import KEY, STEWARD, Workshop, column, stored


def number(kind: str = "BIGINT", **options: Any) -> dict[str, Any]:
    return column(kind, logicalType="integer" if "INT" in kind else "number", logicalTypeOptions=options)


def text(**more: Any) -> dict[str, Any]:
    return column("VARCHAR", logicalType="string", **more)


STORE = {
    "customers": {
        "id": KEY,
        "email": text(required=True, unique=True, logicalTypeOptions={"format": "email"}),
        "segment": text(required=True, enum=[{"value": "gold"}, {"value": "silver"}], semanticType="dimension"),
        "joined": column("DATE", required=True),
        "referred_by": column(relationships=[{"to": "customers.id"}]),
    },
    "items": {
        "code": text(primaryKey=True, primaryKeyPosition=1, logicalTypeOptions={"pattern": r"^[A-Z]{2}-\d{4}$"}),
        "weight": column("DOUBLE", required=True, logicalType="number", logicalTypeOptions={"exclusiveMinimum": 0}),
    },
    "orders": {
        "order_no": KEY,
        "customer": column(required=True, relationships=[{"to": "customers.id"}]),
        "ordered": column("TIMESTAMP", required=True),
        "shipped": column("TIMESTAMP"),
        "amount": number("DECIMAL(9,2)", minimum=1, maximum=500) | {"required": True},
        "revenue": {"semanticType": "measure", "transformLogic": "sum(amount)",
                    "customProperties": [{"property": "metricTree", "vendor": "outport", "value":
                        {"northStar": True, "drivers": ["sales", "average"], "formula": "sales * average"}}]},
        "sales": {"semanticType": "measure", "transformLogic": "count(*)"},
        "average": {"semanticType": "measure", "transformLogic": "avg(amount)"},
    },
    "lines": {
        "order_no": column(primaryKey=True, primaryKeyPosition=1, relationships=[{"to": "orders.order_no"}]),
        "item": text(primaryKey=True, primaryKeyPosition=2, relationships=[{"to": "items.code"}]),
        "pieces": number("SMALLINT", minimum=1, maximum=9, multipleOf=3) | {"required": True},
        "tags": column("VARCHAR[]"),
        "place": column("STRUCT(street VARCHAR, numbers INTEGER[])"),
    },
}  # fmt: skip
RULES = {
    "orders": [
        {"id": "sent-after", "type": "sql", "query": "SELECT count(*) FROM orders WHERE shipped < ordered", "mustBe": 0,
         "dimension": "accuracy"},
        {"id": "many", "metric": "rowCount", "mustBeBetween": [400, 600]},
    ],
}  # fmt: skip
CLOCK = {"dataClock": "2024-02-29T12:00:00"}


@pytest.fixture
def shop(tmp_path: Path) -> Workshop:
    return Workshop(tmp_path)


def hashed(name: str) -> dict[str, Any]:
    """A rule that shows one column of people by its pseudonym."""
    return {
        "id": "hashed",
        "on": {"product": "staff"},
        "to": {},
        "mask": {"columns": [name], "with": "hash", "link": "people"},
    }


def mocked(shop: Workshop, **how: Any) -> Snapshot:
    """The store's mock, published."""
    shop.declare("store", STORE, quality=RULES, custom=CLOCK)
    return publish(shop.settings, shop.settings.products / "store", mock=Mock(**how))


def test_a_contract_without_data_is_served_by_rows_that_keep_it(shop: Workshop) -> None:
    snapshot = mocked(shop)
    broken = [one.rule for one in snapshot.outcomes if not one.holds]
    assert broken == []
    assert len(snapshot.outcomes) > 20
    assert snapshot.row_counts == {"customers": 10, "items": 100, "orders": 400, "lines": 1000} | {
        "customers": snapshot.row_counts["customers"]
    }
    assert snapshot.data_time == datetime(2024, 2, 29, 12)
    assert stored(snapshot, "SELECT count(*) FROM customers WHERE email NOT LIKE '%@example.com'") == [(0,)]
    assert stored(snapshot, "SELECT max(ordered) <= '2024-02-29 12:00' FROM orders") == [(True,)]
    codes = stored(snapshot, "SELECT code FROM items")
    assert all(re.fullmatch(r"[A-Z]{2}-\d{4}", code) for (code,) in codes)
    assert stored(snapshot, "SELECT DISTINCT pieces FROM lines ORDER BY 1") == [(3,), (6,), (9,)]
    assert stored(snapshot, "SELECT count(DISTINCT segment) FROM customers") == [(2,)]
    (orphans,) = stored(snapshot, "SELECT count(*) FROM customers a ANTI JOIN customers b ON a.referred_by = b.id")
    assert orphans == stored(snapshot, "SELECT count(*) FROM customers WHERE referred_by IS NULL")[0]


def test_a_seed_means_the_same_rows_and_another_one_others(shop: Workshop) -> None:
    digest = "SELECT md5(string_agg(orders::VARCHAR, ',' ORDER BY order_no)) FROM orders"
    first = stored(mocked(shop, seed=7), digest)
    again = publish(shop.settings, shop.settings.products / "store", mock=Mock(seed=7), force=True)
    assert stored(again, digest) == first
    assert stored(mocked(shop, seed=8), digest) != first


def test_another_distribution_of_a_driver_moves_the_north_star(shop: Workshop) -> None:
    plain = mocked(shop).mock
    dearer = mocked(shop, draws=(("orders", "amount", parse("normal(450, 10)")),)).mock
    assert plain is not None
    assert dearer is not None
    assert dearer.draws == ("orders.amount=normal(450, 10)",)
    assert plain.measures["orders.sales"] == dearer.measures["orders.sales"]
    assert dearer.measures["orders.average"] == pytest.approx(450, abs=3)
    before, after = plain.measures["orders.revenue"], dearer.measures["orders.revenue"]
    assert before is not None
    assert after is not None
    assert after > 1.4 * before


def test_a_mock_replaces_no_real_data_and_real_data_replaces_it(shop: Workshop) -> None:
    people = {"people": {"id": KEY, "name": text()}}
    folder = shop.declare("staff", people)
    with pytest.raises(ContractError, match="nothing fills the table people"):
        shop.publish("staff")
    first = publish(shop.settings, folder, mock=Mock(rows=5))
    assert first.mock is not None
    shop.declare("staff", people, data={"people": pa.table({"id": [1], "name": ["Ada"]})})
    assert shop.publish("staff").mock is None
    with pytest.raises(ContractError, match="served with real data"):
        publish(shop.settings, folder, mock=Mock())


def test_policies_on_values_hold_on_a_mock_pseudonyms_too(shop: Workshop) -> None:
    shop.allow(STEWARD, hashed("name"))
    folder = shop.declare("staff", {"people": {"id": KEY, "name": text(unique=True, required=True)}})
    snapshot = publish(shop.settings, folder, mock=Mock(rows=20))
    assert {(one.column, one.link) for one in snapshot.pseudonyms} == {("name", "people")}
    assert stored(snapshot, 'SELECT count(DISTINCT "name$people") FROM people') == [(20,)]


def test_a_rule_that_no_made_up_row_can_hold_is_told_and_stops_nothing(shop: Workshop) -> None:
    rule = {"id": "total", "type": "sql", "query": "SELECT sum(id) FROM people", "mustBe": 7, "dimension": "accuracy"}
    folder = shop.declare("staff", {"people": {"id": KEY}}, quality={"people": [rule]})
    snapshot = publish(shop.settings, folder, mock=Mock(rows=10))
    assert [one.rule for one in snapshot.outcomes if not one.holds] == ["total"]


@pytest.mark.parametrize(
    ("hint", "told"),
    [("normal(1)", "2 numbers"), ("cauchy(1, 2)", "no distribution"), ("uniform(3, 1)", "low is above high"),
     ("weights(a)", "value=share"), ("weights(a=0)", "share above 0"), ("normal(1, nan)", "2 numbers"),
     ("normal(1, -1)", "not negative"), ("uniform(1e99, 2e99)", "2 numbers")],
)  # fmt: skip
def test_a_wrong_hint_is_told_with_its_place(shop: Workshop, hint: str, told: str) -> None:
    with pytest.raises(DrawError, match=told):
        parse(hint)
    hinted = column("DOUBLE", customProperties=[{"property": "mock", "vendor": "outport", "value": hint}])
    folder = shop.declare("staff", {"people": {"id": KEY, "pay": hinted}})
    with pytest.raises(ContractError, match=told) as raised:
        publish(shop.settings, folder, mock=Mock())
    assert "schema[0].properties[1]" in str(raised.value)


def test_a_hint_for_no_column_and_keys_in_a_circle_are_errors(shop: Workshop) -> None:
    folder = shop.declare("staff", {"people": {"id": KEY}})
    with pytest.raises(ContractError, match=r"no column people\.pay"):
        publish(shop.settings, folder, mock=Mock(draws=(("people", "pay", parse("constant(1)")),)))
    circle = {
        "a": {"id": KEY | {"relationships": [{"to": "b.id"}]}},
        "b": {"id": KEY | {"relationships": [{"to": "a.id"}]}},
    }
    folder = shop.declare("circle", circle)
    with pytest.raises(ContractError, match="circle"):
        publish(shop.settings, folder, mock=Mock())


def test_doubts_about_a_mock_are_told_as_of_any_product(shop: Workshop) -> None:
    events: list[Progress] = []
    few = {"people": {"id": KEY, "kind": text(enum=[{"value": "a"}, {"value": "b"}])}}
    shop.allow(STEWARD, hashed("kind"))
    publish(shop.settings, shop.declare("staff", few), mock=Mock(rows=20), progress=events.append)
    assert any(isinstance(one, Warned) and "too few" in str(one.finding) for one in events)


KINDS = ("TINYINT", "INTEGER", "BIGINT", "UBIGINT", "HUGEINT", "DECIMAL(5,2)", "DECIMAL(38,10)", "DOUBLE", "FLOAT",
         "VARCHAR", "BOOLEAN", "DATE", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE", "TIME", "UUID", "BLOB", "INTERVAL",
         "JSON", "VARCHAR[]", "INTEGER[3]", "MAP(VARCHAR, DOUBLE)", "STRUCT(a INTEGER, b VARCHAR[])")  # fmt: skip
DISTINCT = ("TINYINT", "INTEGER", "BIGINT", "UBIGINT", "DECIMAL(9,2)", "DOUBLE", "VARCHAR", "DATE", "TIMESTAMP", "UUID")


@st.composite
def columns(draw: st.DrawFn) -> dict[str, Any]:
    """One column of any type, with any promises that its type can make."""
    kind = draw(st.sampled_from(KINDS))
    made = column(kind, required=draw(st.booleans()))
    options: dict[str, Any] = {}
    if re.match(r"(U?[A-Z]*INT(EGER)?|DECIMAL.*|DOUBLE|FLOAT)$", kind):
        made["logicalType"] = "number" if re.match("D|F", kind) else "integer"
        low = draw(st.integers(0, 50))
        options |= draw(st.sampled_from([{}, {"minimum": low}, {"maximum": low}, {"exclusiveMaximum": low + 2},
                                         {"minimum": low, "exclusiveMaximum": low + 9}]))  # fmt: skip
    if kind == "VARCHAR":
        made["logicalType"] = "string"
        low = draw(st.integers(0, 9))
        options |= draw(st.sampled_from([{}, {"minLength": low}, {"maxLength": low}, {"pattern": "^[a-f]+[0-9]{3}$"},
                                         {"minLength": low, "maxLength": low + 20}, {"format": "uuid"}]))  # fmt: skip
    return made | ({"logicalTypeOptions": options} if options else {})


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_whatever_a_contract_promises_of_its_columns_its_mock_keeps(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("any")
    shop = Workshop(folder)
    keys = data.draw(st.lists(st.sampled_from(DISTINCT), min_size=1, max_size=3))
    parent = {f"k{i}": column(kind, primaryKey=True, primaryKeyPosition=i + 1) for i, kind in enumerate(keys)}
    child = {"id": KEY} | {f"p{i}": column(kind) for i, kind in enumerate(keys)}
    child |= {f"c{i}": made for i, made in enumerate(data.draw(st.lists(columns(), max_size=6)))}
    shop.declare("any", {"parent": parent, "child": child})
    product = contract.load(shop.settings.products / "any")
    rows = data.draw(st.sampled_from([0, 1, 3, 100]))
    jobs = mock.tables(product, Mock(seed=data.draw(st.integers(0, 99)), rows=rows), datetime(2024, 1, 1))
    with duckdb.connect() as engine:
        for job in jobs:
            casts = ", ".join(f'CAST("{name}" AS {kind}) AS "{name}"' for name, kind in job.columns)
            engine.execute(f'CREATE TABLE "{job.name}" AS SELECT {casts} FROM ({job.select})')
        for table in product.tables:
            for rule in table.quality:
                (value,) = engine.execute(rule.query).fetchone() or (None,)
                assert quality.holds(float(value), rule.comparison), (rule.id, value)
