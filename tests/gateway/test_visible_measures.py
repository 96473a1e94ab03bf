"""Which measures exist for whom: what counts distinct values needs only that they are told apart."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from gateway.access.identity import PERSONAS
from gateway.contracts import contract
from gateway.contracts.visibility import visible_semantics
from gateway.policies import policy
from gateway.principal import NEVER, Principal
from gateway.product import Product, Semantic
from tests.policy_world import at

ROOT = Path(__file__).parent.parent.parent
COUNTED = "count(DISTINCT household_id)"
OTHERWISE = (
    "count(household_id)",
    "max(household_id)",
    "count(DISTINCT household_id + 1)",
    "count(DISTINCT household_id) + min(household_id)",
    "count(DISTINCT household_id) FILTER (WHERE household_id > 1000)",
    "count(DISTINCT household_id) FILTER (WHERE week = 1)",
    "approx_count_distinct(household_id)",
    "count(DISTINCT basket_id) FILTER (WHERE household_id = 7)",
)


@pytest.fixture(scope="module")
def revenue() -> Product:
    return contract.load(ROOT / "products" / "revenue")


def existing(revenue: Product, subject: str, *expressions: str) -> set[str]:
    """Of the contract's measures and of `expressions`, as measures of their own, those that exist for a persona."""
    (who,) = (Principal(name, kind, attributes, NEVER) for name, kind, attributes in PERSONAS if name == subject)
    policies = policy.load(ROOT / "policies", [revenue])
    more = tuple(Semantic(text, "measure", text, "BIGINT", "", ()) for text in expressions)
    (table,) = revenue.tables
    decision = policies.decide(who, revenue, table, at(), frozenset(policies.pseudonyms(revenue)))
    return {one.name for one in visible_semantics(decision, replace(table, semantics=(*table.semantics, *more)))}


@pytest.mark.parametrize("subject", ["sales", "finance", "marketing", "ml-pipeline"])
def test_who_may_count_households_has_the_measures_that_count_them(revenue: Product, subject: str) -> None:
    found = existing(revenue, subject, COUNTED, *OTHERWISE)
    assert {COUNTED, "active_households", "purchase_frequency", "net_revenue"} <= found
    assert found.isdisjoint(OTHERWISE)


def test_who_sees_households_has_every_measure(revenue: Product) -> None:
    assert set(OTHERWISE) <= existing(revenue, "steward", COUNTED, *OTHERWISE)


def test_the_tree_of_revenue_is_the_same_for_sales_marketing_and_finance(revenue: Product) -> None:
    sales, marketing, finance = (existing(revenue, name) for name in ("sales", "marketing", "finance"))
    assert sales == finance == marketing - {"age"}
