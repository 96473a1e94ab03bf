"""Which columns of an answer are columns of a table as they stand, and where a NULL may be."""

from __future__ import annotations

import pyarrow as pa
import pytest

from gateway import Description, Gateway, Query
from tests.conftest import password

ORDERS = "order_id customer_id store amount ordered_at remark".split()

TWO = "SELECT store, c.customer_id FROM orders o {} JOIN customers c ON false"


def described(gateway: Gateway, subject: str, text: str) -> Description:
    return gateway.describe(gateway.open(password(subject), "python").at("shop"), Query(text))


def told(gateway: Gateway, text: str, subject: str = "steward") -> list[str | None]:
    """`table.column` for each column of the answer, `!` where no NULL can be."""
    found = described(gateway, subject, text)
    assert len(found.origins) in {0, len(found.schema)}
    return [
        None if one is None else f"{one.table.name}.{one.column.name}{'' if one.nullable else '!'}"
        for one in found.origins
    ]


def test_a_star_is_the_tables_columns(gateway: Gateway) -> None:
    expected = [f"orders.{name}{'' if name == 'remark' else '!'}" for name in ORDERS]
    assert told(gateway, "SELECT * FROM orders ORDER BY store LIMIT 3") == expected
    assert told(gateway, "SELECT o.*, 1 AS one FROM outport.shop.orders o WHERE store = 1") == [*expected, None]


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ("SELECT store AS s, STORE, store + 1, remark FROM orders", ["orders.store!"] * 2 + [None, "orders.remark"]),
        ("SELECT orders.store, shop.orders.store, o2.store FROM shop.orders, orders o2", ["orders.store!"] * 3),
        ("SELECT store, count(*) FROM orders GROUP BY store", ["orders.store!", None]),
        ("SELECT store, count(*) FROM orders GROUP BY ROLLUP (store)", []),
        ("SELECT store, remark, count(*) FROM orders GROUP BY GROUPING SETS ((store), (remark))", []),
        ("SELECT NULL AS store, store FROM orders", [None, "orders.store!"]),
        ("SELECT region, store FROM customers JOIN orders USING (customer_id)", ["customers.region", "orders.store!"]),
        ("SELECT customer_id FROM customers JOIN orders USING (customer_id)", [None]),
        ("SELECT * FROM customers JOIN orders USING (customer_id)", []),
        (TWO.format("LEFT"), ["orders.store!", "customers.customer_id"]),
        (TWO.format("RIGHT"), ["orders.store", "customers.customer_id!"]),
        (TWO.format("FULL"), ["orders.store", "customers.customer_id"]),
        ("SELECT store FROM orders o SEMI JOIN customers c ON true", []),
        ("SELECT * EXCLUDE (store) FROM orders", []),
        ("SELECT store FROM (SELECT NULL AS store FROM orders)", []),
        ("WITH orders AS (SELECT NULL AS store) SELECT store FROM orders", []),
        ("SELECT store FROM orders UNION ALL SELECT NULL", []),
        ("SELECT a FROM orders t(a)", []),
        ("SELECT (SELECT store FROM orders LIMIT 1)", []),
    ],
)  # fmt: skip
def test_what_is_certain_is_told_and_nothing_else(gateway: Gateway, text: str, columns: list[str | None]) -> None:
    assert told(gateway, text) == columns
    session = gateway.open(password("steward"), "python").at("shop")
    with gateway.answer(session, Query(f"{text} LIMIT 50000")) as result:
        rows = pa.Table.from_batches(list(result.batches()), result.schema)
    for place, one in enumerate(columns):
        assert one is None or not one.endswith("!") or rows.column(place).null_count == 0


def test_what_a_policy_changes_may_be_null(gateway: Gateway) -> None:
    assert told(gateway, "SELECT customer_id FROM customers", "analyst") == ["customers.customer_id!"]
    assert told(gateway, "SELECT customer_id FROM customers", "ml") == ["customers.customer_id"]
    hidden = {None if one is None else one.column.name for one in described(gateway, "ml", "FROM customers").origins}
    assert "salary" not in hidden


def test_an_answer_tells_the_same_as_its_description(gateway: Gateway) -> None:
    session = gateway.open(password("steward"), "python")
    query = Query("SELECT *, 1 FROM shop.orders")
    with gateway.answer(session, query) as result:
        assert result.provenance.origins == gateway.describe(session, query).origins
        assert len(result.provenance.origins) == len(result.schema)
