"""What a change of a product means for its readers: each kind of difference, by its grade."""

from __future__ import annotations

import pytest
import yaml

from gateway.contracts import contract
from gateway.contracts.grading import graded
from gateway.product import Product
from tests.measure_world import CONTRACT, PRODUCT


def product(*edits: tuple[str, str], version: str = "1.0.0") -> Product:
    text = CONTRACT
    for old, new in edits:
        assert old in text
        text = text.replace(old, new)
    texts = {"till.odps.yaml": PRODUCT, "till.odcs.yaml": text}
    said = {"version: 1.0.0": f"version: {version}", "status: draft": "status: active"}  # a draft promises nothing
    documents = {}
    for name, one in texts.items():
        for old, new in said.items():
            one = one.replace(old, new)
        documents[name] = yaml.safe_load(one)
    return contract.from_documents(documents, {})


KIND = 'transformLogic: "CASE WHEN amount >= 50'
MONEY, TEXT, ID = 'physicalType: "DECIMAL(18,2)"', "physicalType: VARCHAR", "physicalType: BIGINT"
GRAINS = "value: [day, week, month, quarter]"
CHANGES = [
    ("transformLogic: sum(amount)\n", 'transformLogic: "SUM( amount )"\n', None, ""),
    ("transformLogic: count(DISTINCT basket_id)", 'transformLogic: "COUNT( DISTINCT  basket_id )"', None, ""),
    ("transformLogic: sum(amount)\n", "transformLogic: sum(amount) + 1\n", "major", "lines.revenue: it is"),
    (KIND, KIND.replace(">=", ">"), "major", "lines.size: it is"),
    ("name: largest,", "name: biggest,", "major", "lines.largest: the measure or dimension is gone"),
    (f"{{name: cost, {MONEY}", "{name: cost, physicalType: BIGINT", "major", "lines.cost: it is BIGINT"),
    (f"{{name: cost, {MONEY}, classification: restricted", f"{{name: cost, {MONEY}, classification: internal", "minor",
     "lines.cost: it is internal, was restricted"),
    (f"{TEXT}, classification: internal", f"{TEXT}, classification: confidential", "major", "promotions.place: it is"),
    ("value: EUR", "value: USD", "major", "its unit is USD, was EUR"),
    (GRAINS, "value: [day, week, month]", "major", "lines.sold_at: its grains are"),
    (GRAINS, GRAINS.replace("]", ", year]"), "minor", "lines.sold_at: its grains are"),
    ("drivers: [baskets, average_basket]", "drivers: [average_basket]", "minor", "its metric tree"),
    ("description: What was paid", "description: What was received", "patch", "what is said of it"),
    ("proposedBy: finance", "proposedBy: audit", "patch", "what is said of it"),
    ("  - name: promotions\n", "  - name: promos\n", "major", "promotions: the table is gone"),
    ("relationships: [{to: products.product_id}]", "description: A product", "major", "the reference to products is"),
    (f"{ID}, required: true, classification: internal}}\n", f"{ID}, classification: internal}}\n", "major",
     "lines.basket_id: it is required no more"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "grade", "told"), CHANGES, ids=range(len(CHANGES)))
def test_a_change_has_its_grade(old: str, new: str, grade: str | None, told: str) -> None:
    found = graded(product(), product((old, new)))
    assert found.grade == grade
    assert found.fits is (grade is None)
    if grade is not None:
        gravest = [one for one in found.changes if one.grade == grade]
        assert any(told in f"{one.place}: {one.what}" for one in gravest), found.changes


def test_what_is_new_is_minor() -> None:
    added = (
        "      - {name: margin_rate",
        "      - {name: costs, semanticType: measure, transformLogic: sum(cost)}\n      - {name: margin_rate",
    )
    assert [(one.grade, one.place) for one in graded(product(), product(added)).changes] == [("minor", "lines.costs")]
    assert [one.grade for one in graded(product(added), product()).changes] == ["major"]


@pytest.mark.parametrize(
    ("version", "taken", "fits"),
    [("2.0.0", "major", True), ("1.1.0", "minor", False), ("1.0.1", "patch", False), ("1.0.0", None, False),
     ("0.9.0", None, False)],
)  # fmt: skip
def test_a_version_says_what_has_changed_or_does_not_fit(version: str, taken: str | None, fits: bool) -> None:
    found = graded(product(), product(("name: largest,", "name: biggest,"), version=version))
    assert (found.taken, found.fits, found.due) == (taken, fits, "2.0.0")
