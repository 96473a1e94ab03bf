"""The demo's policies say what the personas' table promises, bound against the demo's own contracts."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.access.identity import PERSONAS
from gateway.contracts import contract
from gateway.decision import Decision
from gateway.errors import NotFound
from gateway.policies import policy
from gateway.policies.policy import PolicySet
from gateway.principal import NEVER, Principal
from gateway.product import Product
from gateway.sql import duck_check
from tests.policy_world import at, principal

ROOT = Path(__file__).parent.parent.parent
WHO = {subject: Principal(subject, kind, attributes, NEVER) for subject, kind, attributes in PERSONAS}
PRODUCTS = tuple(path.name for path in sorted((ROOT / "products").iterdir()) if path.is_dir())
TABLES = (
    "retail.transactions", "retail.products", "retail.households", "customer_360.customers", "customer_360.monthly",
    "promotions.promotions", "revenue.sales",
)  # fmt: skip
SUPPLY = (
    "suppliers.suppliers", "orders.lines", "shipments.deliveries", "inventory.positions", "supply_chain.order_lines",
    "supply_chain.stock",
)  # fmt: skip


@pytest.fixture(scope="module")
def products() -> dict[str, Product]:
    return {name: contract.load(ROOT / "products" / name) for name in PRODUCTS}


@pytest.fixture(scope="module")
def policies(products: dict[str, Product]) -> PolicySet:
    loaded = policy.load(ROOT / "policies", products.values())
    assert loaded.warnings == ()
    return loaded


def decided(policies: PolicySet, products: dict[str, Product], who: Principal, name: str) -> Decision | None:
    product = products[name.split(".")[0]]
    table = product.table(name.split(".")[1])
    published = frozenset(policies.pseudonyms(product))
    try:
        decision = policies.decide(who, product, table, at(), published)
    except NotFound:
        return None
    hashes = [(one.physical, table.column(one.column).type) for one in published if one.table == table.name]
    stored = {one.name: [(column.name, column.type) for column in one.columns] for one in product.tables}
    stored[table.name] += hashes
    items = ", ".join(decision.treatments[column].expression for column in decision.visible)
    bound = duck_check.check(f"SELECT {items} FROM {table.name} WHERE {decision.rows or 'true'}", {"": stored})
    assert bound.types == tuple(table.column(column).type for column in decision.visible)
    return decision


def treated(decision: Decision | None) -> dict[str, str]:
    """The columns that are not raw, with their mask or kind."""
    assert decision is not None
    return {name: one.mask or one.kind for name, one in decision.treatments.items() if one.kind != "raw"}


@pytest.mark.parametrize("name", [*TABLES, *SUPPLY])
def test_the_steward_sees_everything_and_the_stranger_nothing(
    name: str, policies: PolicySet, products: dict[str, Product]
) -> None:
    all_of_it = decided(policies, products, WHO["steward"], name)
    assert all_of_it is not None
    assert all_of_it.rows is None
    assert treated(all_of_it) == {}
    assert decided(policies, products, WHO["stranger"], name) is None


@pytest.mark.parametrize("name", TABLES)
def test_the_analyst_sees_two_age_bands_of_what_is_about_households(
    name: str, policies: PolicySet, products: dict[str, Product]
) -> None:
    decision = decided(policies, products, WHO["analyst"], name)
    assert decision is not None
    everything = name in {"retail.products", "promotions.promotions"}
    assert (decision.rows is None) == everything
    assert everything or "'35-44', '45-54'" in str(decision.rows)
    masks = {"full_name": "partial", "email": "email", "phone": "null", "birth_date": "year"}
    assert treated(decision) == (masks if name == "customer_360.customers" else {})


@pytest.mark.parametrize("name", TABLES)
def test_the_shop_s_application_sees_its_own_store(
    name: str, policies: PolicySet, products: dict[str, Product]
) -> None:
    decision = decided(policies, products, WHO["shop-app"], name)
    if name == "retail.households":
        assert decision is None
        return
    assert treated(decision) == {}
    assert decision is not None
    assert decision.rows is None if name == "retail.products" else "'367'" in str(decision.rows)
    if name != "retail.products":
        assert decided(policies, products, principal("shop-app", "application", role=("shop",)), name) is None


@pytest.mark.parametrize("name", TABLES)
def test_the_pipeline_sees_pseudonyms_that_join_and_no_names(
    name: str, policies: PolicySet, products: dict[str, Product]
) -> None:
    decision = decided(policies, products, WHO["ml-pipeline"], name)
    assert decision is not None
    assert decision.rows is None
    hashed = {} if name in {"retail.products", "promotions.promotions"} else {"household_id": "hash"}
    hidden = {"full_name": "hidden", "email": "hidden", "phone": "hidden", "birth_date": "year"}
    assert treated(decision) == hashed | (hidden if name == "customer_360.customers" else {})
    if hashed:
        assert decision.treatments["household_id"].expression == '"household_id$retail"'


def used(decision: Decision | None) -> dict[str, str]:
    assert decision is not None
    return {name: one.kind for name, one in decision.uses.items()}


@pytest.mark.parametrize("who", ["sales", "marketing", "finance"])
def test_sales_marketing_and_finance_see_all_of_revenue_and_no_household(
    who: str, policies: PolicySet, products: dict[str, Product]
) -> None:
    decision = decided(policies, products, WHO[who], "revenue.sales")
    assert decision is not None
    assert decision.rows is None
    marketing = who == "marketing"
    assert used(decision) == ({} if marketing else {"household_id": "join"})
    assert treated(decision) == ({"household_id": "hash"} if marketing else {"age": "hidden"})


def test_sales_sees_its_stores_elsewhere_and_marketing_customers_without_names(
    policies: PolicySet, products: dict[str, Product]
) -> None:
    lines = decided(policies, products, WHO["sales"], "retail.transactions")
    assert lines is not None
    assert "'367'" in str(lines.rows)
    assert used(lines) == {"household_id": "join"}
    assert "'367'" in str(decided(policies, products, WHO["sales"], "promotions.promotions"))
    customers = treated(decided(policies, products, WHO["marketing"], "customer_360.customers"))
    names = {"full_name": "hidden", "email": "hidden", "phone": "hidden"}
    assert customers == {"household_id": "hash", "birth_date": "year", **names}
    assert decided(policies, products, WHO["marketing"], "retail.transactions") is None
    others = [name for name in TABLES if name != "revenue.sales"]
    assert [name for name in others if decided(policies, products, WHO["finance"], name)] == []
    assert decided(policies, products, WHO["sales"], "customer_360.customers") is None


@pytest.mark.parametrize("name", TABLES)
def test_revenue_reads_what_it_is_made_of_by_explicit_grant_and_nothing_else(
    name: str, policies: PolicySet, products: dict[str, Product]
) -> None:
    decision = decided(policies, products, principal("product:revenue", "product"), name)
    if name == "customer_360.customers":
        assert decision is not None
        assert decision.visible == ("household_id", "age", "segment")
    else:
        assert (decision is not None) == (name in {"retail.transactions", "retail.products"})


@pytest.mark.parametrize("name", TABLES)
def test_customer_360_reads_retail_by_explicit_grant_and_nothing_else(
    name: str, policies: PolicySet, products: dict[str, Product]
) -> None:
    reader = principal("product:customer_360", "product")
    decision = decided(policies, products, reader, name)
    assert (decision is not None) == name.startswith("retail.")
    assert decided(policies, products, principal("product:customer_360", "person"), name) is None


@pytest.mark.parametrize("name", SUPPLY)
def test_a_planner_sees_all_of_supply_and_the_analyst_no_terms_and_no_addresses(
    name: str, policies: PolicySet, products: dict[str, Product]
) -> None:
    decision = decided(policies, products, WHO["planner"], name)
    assert decision is not None
    assert (decision.rows, treated(decision)) == (None, {})
    concealed = {"supply_chain.order_lines": {"lead_days": "hidden"}}
    concealed["suppliers.suppliers"] = {"lead_days": "hidden", "contact_email": "email"}
    assert treated(decided(policies, products, WHO["analyst"], name)) == concealed.get(name, {})
    assert decided(policies, products, WHO["marketing"], name) is None


@pytest.mark.parametrize("name", SUPPLY)
def test_a_supplier_s_application_sees_what_concerns_it_and_no_stock(
    name: str, policies: PolicySet, products: dict[str, Product]
) -> None:
    decision = decided(policies, products, WHO["supplier-app"], name)
    if name in {"inventory.positions", "supply_chain.stock"}:
        assert decision is None
        return
    assert treated(decision) == {}
    assert decision is not None
    assert "'103'" in str(decision.rows)
    assert decided(policies, products, principal("supplier-app", "application", role=("supplier",)), name) is None
    assert decided(policies, products, principal("somebody", "person", role=("supplier",), supplier=103), name) is None


@pytest.mark.parametrize("name", SUPPLY)
def test_a_carrier_s_application_sees_its_own_shipments_and_may_push_scans_of_them(
    name: str, policies: PolicySet, products: dict[str, Product]
) -> None:
    decision = decided(policies, products, WHO["carrier-app"], name)
    assert (decision is not None) == (name == "shipments.deliveries")
    product = products[name.split(".")[0]]
    assert bool(policies.manager("push", WHO["carrier-app"], product, at())) == (product.name == "shipments")
    assert not policies.manager("push", WHO["planner"], product, at())
    assert decision is None or "'Harbour'" in str(decision.rows)


@pytest.mark.parametrize("name", [*TABLES, *SUPPLY])
def test_supply_chain_reads_what_it_is_made_of_by_explicit_grant_and_nothing_else(
    name: str, policies: PolicySet, products: dict[str, Product]
) -> None:
    decision = decided(policies, products, principal("product:supply_chain", "product"), name)
    if name == "retail.products":
        assert decision is not None
        assert decision.visible == ("product_id", "department")
    else:
        assert (decision is not None) == (name in SUPPLY and not name.startswith("supply_chain."))
