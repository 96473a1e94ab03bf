"""The gate before `status: active`: what is missing is told at once, with its place, and nothing of it is served."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import yaml

from gateway.contracts import contract
from gateway.contracts.contract import ContractError
from gateway.publication.publish import Progress, Warned
from gateway.serving.catalog import Catalog
from tests.workshop import KEY, ROOT, Workshop, column

PEOPLE = {"people": {"id": KEY, "name": column("VARCHAR")}}
TWO = pa.table({"id": [1, 2], "name": ["a", "b"]})
MEASURE = {"semanticType": "measure", "transformLogic": "count(*)", "description": "People"}
CONSUMERS = {"consumers": [{"name": "sales", "asks": "who bought"}]}
Edit = Callable[[dict[str, Any]], object]


@pytest.fixture
def shop(tmp_path: Path) -> Workshop:
    made = Workshop(tmp_path)
    made.declare("staff", PEOPLE, data={"people": TWO}, status="active")
    return made


def edit(shop: Workshop, change: Edit, kind: str = "odps", name: str = "staff") -> None:
    file = shop.settings.products / name / f"{name}.{kind}.yaml"
    document = yaml.safe_load(file.read_text())
    change(document)
    file.write_text(yaml.safe_dump(document))


def refused(shop: Workshop, name: str = "staff") -> tuple[str, ...]:
    with pytest.raises(ContractError) as refusal:
        shop.publish(name)
    assert all(one.file and one.line and one.remedy for one in refusal.value.findings if one.file.endswith(".yaml"))
    return tuple(one.problem for one in refusal.value.findings)


def table(document: dict[str, Any]) -> Any:
    return document["schema"][0]


@pytest.mark.parametrize(
    ("kind", "change", "problem"),
    [
        ("odps", lambda d: d.pop("name"), "the product's name is not said"),
        ("odps", lambda d: d.pop("domain"), "the product's domain is not said"),
        ("odps", lambda d: d.pop("type"), "the product's type is not said"),
        ("odps", lambda d: d["description"].update(purpose="  "), "the purpose is not said"),
        ("odps", lambda d: d["description"].pop("limitations"), "the limitations are not said"),
        ("odps", lambda d: d["description"].pop("usage"), "the usage is not said"),
        ("odps", lambda d: d["team"]["members"][0].update(role="reader"), "nobody is named as owner"),
        ("odps", lambda d: d.pop("support"), "no channel for questions is named"),
        ("odcs", lambda d: d.pop("slaProperties"), "the contract staff promises nothing"),
        ("odcs", lambda d: table(d).pop("quality"), "the contract staff has no quality rule"),
        (
            "odcs",
            lambda d: table(d).update(quality=[{"type": "text", "description": "be good"}]),
            "has no quality rule",
        ),
        ("odcs", lambda d: table(d).pop("description"), "people is not described"),
        ("odcs", lambda d: table(d).pop("dataGranularityDescription"), "people does not say what a row stands for"),
        ("odcs", lambda d: table(d)["properties"][0].update(primaryKey=False), "people has no key"),
        ("odcs", lambda d: table(d)["properties"][1].pop("description"), "people: not described are name"),
        ("odcs", lambda d: table(d)["properties"][1].pop("classification"), "people: no class is declared for name"),
    ],
)
def test_an_active_product_that_lacks_something_is_not_served(
    shop: Workshop, kind: str, change: Edit, problem: str
) -> None:
    edit(shop, change, kind)
    (found,) = refused(shop)
    assert problem in found
    assert Catalog(shop.settings.state).current().snapshots == ()


def test_all_that_is_missing_is_told_at_once_and_a_draft_is_only_warned(shop: Workshop) -> None:
    def bare(document: dict[str, Any]) -> None:
        for key in ("name", "domain", "support", "team"):
            document.pop(key)

    edit(shop, bare)
    edit(shop, lambda d: d.pop("slaProperties"), "odcs")
    missing = refused(shop)
    assert len(missing) == 5

    edit(shop, lambda d: d.update(status="draft"))
    heard: list[Progress] = []
    shop.publish("staff", progress=heard.append)
    assert tuple(one.finding.problem for one in heard if isinstance(one, Warned)) == missing
    folder = shop.settings.products / "staff"
    assert tuple(one.problem for one in contract.unready(contract.load(folder))) == missing


def test_a_status_that_the_standard_does_not_know_opens_no_gate(shop: Workshop) -> None:
    edit(shop, lambda d: d.update(status="ACTIVE", domain=""))
    assert refused(shop) == ("the product's domain is not said",)


def test_a_table_without_a_key_may_say_why(shop: Workshop) -> None:
    def keyless(document: dict[str, Any]) -> None:
        table(document)["properties"][0].update(primaryKey=False)
        why = {"property": "noKey", "vendor": "outport", "value": "the source repeats rows"}
        table(document)["customProperties"] = [why]

    edit(shop, keyless, "odcs")
    assert shop.publish("staff").row_counts == {"people": 2}


def test_a_served_product_is_served_by_what_it_was_published_with(shop: Workshop) -> None:
    edit(shop, lambda d: d.update(status="draft", domain=""))
    served = shop.publish("staff")
    documents = {name: dict(value) for name, value in served.product.documents.items()}
    documents["staff.odps.yaml"]["status"] = "active"
    assert contract.from_documents(documents, {}).status == "active"


@pytest.mark.parametrize("name", ["retail", "customer_360", "promotions", "revenue"])
def test_the_products_of_the_demo_lack_nothing(name: str) -> None:
    product = contract.load(ROOT / "products" / name)
    assert product.status == "active"
    assert contract.unready(product) == ()


@pytest.mark.parametrize(
    ("model", "found"),
    [
        ("SELECT id, max(name) AS name FROM raw.people GROUP BY id", "GROUP BY"),
        ("SELECT id, name FROM raw.people GROUP BY ALL", "GROUP BY"),
        ("SELECT id, name FROM raw.people WHERE id <= (SELECT count(*) FROM raw.people)", "count"),
        ("WITH a AS (SELECT id, name FROM raw.people GROUP BY 1, 2) SELECT * FROM a", "GROUP BY"),
        ("SELECT id, name FROM raw.people UNION ALL SELECT sum(id)::BIGINT, 'x' FROM raw.people", "sum"),
    ],
)
def test_a_source_aligned_product_adds_nothing_up(shop: Workshop, model: str, found: str) -> None:
    _sourced(shop, model)
    assert refused(shop, "seen") == (f"the model of a source-aligned product adds rows up ({found})",)


@pytest.mark.parametrize(
    "model",
    [
        "SELECT DISTINCT id, name FROM raw.people",
        "SELECT id, name FROM raw.people QUALIFY row_number() OVER (PARTITION BY id ORDER BY name) = 1",
        "SELECT id, name FROM raw.people WHERE max(id) OVER () > 0",
        "SELECT id, name FROM (SELECT id, name, count(*) OVER (PARTITION BY id) AS n FROM raw.people) AS t WHERE n = 1",
    ],
)
def test_a_row_that_stays_one_is_no_sum(shop: Workshop, model: str) -> None:
    _sourced(shop, model.replace("WHERE max(id) OVER () > 0", "QUALIFY max(id) OVER () > 0"))
    assert shop.publish("seen").row_counts == {"people": 2}


def _sourced(shop: Workshop, model: str) -> None:
    shop.declare("seen", PEOPLE, models={"people": model}, inputs=["raw"], status="active")
    home = shop.settings.products / "seen"
    raw = yaml.safe_load((shop.settings.products / "staff" / "staff.odcs.yaml").read_text()) | {"id": "raw"}
    (home / "raw.odcs.yaml").write_text(yaml.safe_dump(raw))
    shop.fill("seen", "people", TWO)


def test_each_type_is_held_to_its_own_rules(shop: Workshop) -> None:
    shop.publish("staff")
    shop.allow(*_GRANTS)
    shop.declare("sums", PEOPLE, models={"people": _COPY}, inputs=["staff"], status="active")
    assert refused(shop, "sums") == ("a source-aligned product reads other products: staff",)
    edit(shop, lambda d: d.update(type="aggregate"), name="sums")
    assert refused(shop, "sums") == ("an aggregate product has no measure",)
    edit(shop, lambda d: d.update(type="consumerAligned"), name="sums")
    lacking = ("a consumer-aligned product names no consumer", "a consumer-aligned product promises no freshness")
    assert refused(shop, "sums") == lacking

    measured = {"people": PEOPLE["people"] | {"heads": MEASURE}}
    shop.declare("sums", measured, models={"people": _COPY}, inputs=["staff"], status="active", custom=CONSUMERS)
    edit(shop, lambda d: d.update(type="aggregate"), name="sums")
    shop.publish("sums")
    edit(shop, lambda d: d.update(type="consumerAligned"), name="sums")
    fresh = {"property": "latency", "value": 1, "unit": "d"}
    edit(shop, lambda d: d["slaProperties"].append(fresh), "odcs", "sums")
    assert shop.publish("sums", force=True).product.kind == "consumerAligned"


@pytest.mark.parametrize("kind", ["aggregate", "consumerAligned"])
def test_only_a_source_aligned_product_reads_files(shop: Workshop, kind: str) -> None:
    edit(shop, lambda d: d.update(type=kind))
    assert any("raw files" in one or "other products' ports" in one for one in refused(shop))


_COPY = "SELECT id, name FROM staff.people"
_READER = {"subject": "product:sums", "kind": "product"}
_GRANTS = ({"id": "sums", "on": {"product": "staff"}, "to": _READER, "grant": {"columns": ["*"]}},)
