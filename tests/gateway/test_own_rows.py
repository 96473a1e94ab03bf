"""Rows of the deployment's own record: by which columns they are shown to whom; what says nothing shows none."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import duckdb
import pytest

from gateway.product import Column, Product, Table
from gateway.reach import own_rows
from gateway.reach.own_rows import Seen


def table(*columns: str) -> Table:
    made = tuple(Column(name, "VARCHAR", False, False, "internal", frozenset(), "", "") for name in columns)
    return Table("t", "", "", made, (), (), (), (), None)


def seen(name: str, major: int, *names: str) -> Seen:
    product = cast(Product, SimpleNamespace(name=name, major=major))
    return Seen(product, frozenset(names), frozenset(names), 0.0)


SHOP = seen("shop", 1, "orders", "orders.id")
OTHER = seen("o'ther", 2, "t")


def holds(filtered: str, **row: Any) -> bool:
    """Whether a row passes a filter."""
    columns = ", ".join(f"${name} AS {name}" for name in row)
    (found,) = duckdb.sql(f"SELECT count(*) FROM (SELECT {columns}) WHERE {filtered}", params=row).fetchall()
    return bool(found[0])


def test_a_table_that_does_not_say_what_it_is_about_shows_nothing() -> None:
    assert own_rows.rows(table("value"), [SHOP, OTHER], ["ada"], ["shop"]) == "false"


def test_who_sees_nothing_is_shown_nothing() -> None:
    for columns in (("product",), ("product", "reads"), ("product", "table_name"), ("product", "subject")):
        assert not holds(
            own_rows.rows(table(*columns), [], [], []),
            product="shop", reads=["orders"], table_name="orders", subject="ada",
        )  # fmt: skip


@pytest.mark.parametrize(
    ("row", "shown"),
    [
        ({"product": "shop", "major": 1, "reads": ["orders", "orders.id"]}, True),
        ({"product": "shop", "major": 1, "reads": ["orders", "orders.salary"]}, False),
        ({"product": "shop", "major": 2, "reads": ["orders"]}, False),
        ({"product": "hr", "major": 1, "reads": ["orders"]}, False),
        ({"product": "o'ther", "major": 2, "reads": ["t"]}, True),
        ({"product": "shop", "major": 1, "reads": None}, False),
        ({"product": None, "major": 1, "reads": ["orders"]}, False),
    ],
)
def test_a_row_that_reads_is_shown_to_who_sees_all_of_it(row: dict[str, Any], shown: bool) -> None:
    assert holds(own_rows.rows(table("product", "major", "reads"), [SHOP, OTHER], [], []), **row) is shown


@pytest.mark.parametrize(("name", "shown"), [("orders", True), (None, True), ("hidden", False)])
def test_a_row_of_a_table_is_shown_to_who_sees_the_table(name: str | None, shown: bool) -> None:
    filtered = own_rows.rows(table("product", "table_name"), [SHOP], [], [])
    assert holds(filtered, product="shop", table_name=name) is shown


@pytest.mark.parametrize(
    ("products", "shown"), [(["shop"], True), (["shop", "o'ther"], True), (["shop", "hr"], False), (None, False)]
)
def test_a_row_of_several_products_is_shown_to_who_sees_each(products: list[str] | None, shown: bool) -> None:
    assert holds(own_rows.rows(table("products"), [SHOP, OTHER], [], []), products=products) is shown


@pytest.mark.parametrize(
    ("product", "subject", "shown"),
    [
        ("shop", "ada", True),
        ("shop", "bob", False),
        ("o'ther", "bob", True),
        ("hr", "ada", False),
        ("shop", None, False),
        ("o'ther", None, True),
    ],
)
def test_a_persons_row_is_shown_to_that_person_and_to_who_manages(
    product: str, subject: str | None, shown: bool
) -> None:
    filtered = own_rows.rows(table("product", "subject"), [SHOP, OTHER], ["ada"], ["o'ther"])
    assert holds(filtered, product=product, subject=subject) is shown


def test_what_the_rules_of_an_input_gave_is_shown_to_who_manages_the_product() -> None:
    source = SimpleNamespace(name="raw", tables=[table("id")])
    product = cast(Product, SimpleNamespace(name="shop", major=1, inputs=[source]))
    # A table and a column of the product may be called as an input and its table are.
    asker = Seen(product, frozenset({"raw", "raw.t"}), frozenset({"raw", "raw.t"}), 0.0)
    row = {"product": "shop", "major": 1, "reads": ["inputs/raw.t"]}
    of = table("product", "major", "reads")
    for one, shown in ((asker, False), (own_rows.managing(asker), True)):
        assert holds(own_rows.rows(of, [one], [], []), **row) is shown
        assert holds(own_rows.counted([one], {"product", "major", "reads"}), **row) is shown
