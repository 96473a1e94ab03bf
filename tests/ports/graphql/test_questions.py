"""What the GraphQL door answers: lists, rows, what belongs to them, conditions, orders."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.conftest import CUSTOMERS

Shop = Callable[..., Any]
Refused = Callable[..., dict[str, Any]]


def test_values_are_rest_s_texts_and_long_numbers_are_strings(shop: Shop, web: Any) -> None:
    fields = "customer_id full_name birth_date lifetime tags salary"
    here = shop("steward", f"customers(limit: 5) {{ {fields} }}")["customers"]
    address = f"/products/shop/customers?select={fields.replace(' ', ',')}&limit=5&int64=string"
    assert here == web("steward").get(address).json()["data"]
    assert here[1]["lifetime"] == "1.25"


def test_a_list_has_a_limit_without_being_told(shop: Shop) -> None:
    assert len(shop("steward", "orders { order_id }")["orders"]) == 100


def test_a_list_comes_in_the_order_of_its_key_and_from_an_offset(shop: Shop) -> None:
    rows = shop("steward", "orders(limit: 2, offset: 10) { order_id }")["orders"]
    assert rows == [{"order_id": "10"}, {"order_id": "11"}]


@pytest.mark.parametrize(
    ("condition", "ids"),
    [
        ("{order_id: {_eq: 7}}", [7]),
        ('{order_id: {_eq: "7"}}', [7]),
        ("{order_id: {_in: [3, 1]}}", [1, 3]),
        ("{order_id: {_in: []}}", []),
        ("{order_id: {_gte: 3, _lt: 5}}", [3, 4]),
        ("{order_id: {_gt: 3, _lte: 5, _neq: 4}}", [5]),
        ('{remark: {_like: "remark 1_"}, order_id: {_lt: 12}}', [10, 11]),
        ('{remark: {_ilike: "REMARK 9"}}', [9]),
        ("{remark: {_isNull: true}, order_id: {_lt: 5}}", [0, 4]),
        ("{remark: {_isNull: false}, order_id: {_lt: 3}}", [1, 2]),
        ("{_or: [{order_id: {_eq: 1}}, {order_id: {_eq: 2}}]}", [1, 2]),
        ("{_or: []}", []),
        ("{_and: [{order_id: {_gt: 1}}, {order_id: {_lt: 3}}]}", [2]),
        ("{_and: [], order_id: {_eq: 2}}", [2]),
        ("{_not: {order_id: {_gt: 1}}}", [0, 1]),
        ('{ordered_at: {_lt: "2017-06-01T14:00:00"}}', [0, 1]),
        ("{amount: {_eq: 2.5}, order_id: {_lt: 90}}", [2]),
        ('{customers: {region: {_eq: "S"}}, order_id: {_lt: 9}}', [3, 4, 5]),
        ('{_not: {customers: {region: {_eq: "S"}}}, order_id: {_lt: 7}}', [0, 1, 2, 6]),
        ("{}", [0, 1, 2]),
    ],
)
def test_conditions_say_which_rows(shop: Shop, condition: str, ids: list[int]) -> None:
    rows = shop("steward", f"orders(where: {condition}, limit: {len(ids) if condition == '{}' else 20}) {{ order_id }}")
    assert [int(one["order_id"]) for one in rows["orders"]] == ids


def test_what_belongs_to_a_row_decides_as_well(shop: Shop) -> None:
    asked = "customers(where: {orders: {amount: {_gt: 96}, store: {_eq: 3}}}) { customer_id orders { amount store } }"
    rows = shop("steward", asked)["customers"]
    assert rows
    assert all(any(o["store"] == 3 and float(o["amount"]) > 96 for o in row["orders"]) for row in rows)


@pytest.mark.parametrize(
    ("direction", "first"),
    [("ASC", "remark 1"), ("ASC_NULLS_FIRST", None), ("DESC", None), ("DESC_NULLS_LAST", "remark 999")],
)
def test_orders_place_nulls(shop: Shop, direction: str, first: str | None) -> None:
    rows = shop("steward", f"orders(orderBy: [{{remark: {direction}}}], limit: 1) {{ remark }}")["orders"]
    assert rows == [{"remark": first}]


def test_an_order_means_the_column_even_where_an_alias_has_its_name(shop: Shop) -> None:
    rows = shop("steward", "orders(orderBy: [{amount: DESC}, {order_id: DESC}], limit: 1) { amount: order_id }")
    assert rows["orders"] == [{"amount": "1745"}]


def test_names_that_differ_in_case_alone_are_two(shop: Shop) -> None:
    asked = "a: customersByKey(customer_id: 4) { x: lifetime X: region __typename orders { y: store Y: store } }"
    row = {"x": "4.25", "X": "N", "__typename": "Shop_Customers", "orders": [{"y": 2, "Y": 2}]}
    told = shop("steward", asked)["a"]
    assert {**told, "orders": []} == {**row, "orders": []}
    assert list(told) == list(row)
    assert told["orders"][0]["y"] == told["orders"][0]["Y"]
    assert shop("steward", "orders(limit: 1) { order_id Order_id: amount }")["orders"] == [
        {"order_id": "0", "Order_id": "0.50"}
    ]


def test_a_row_by_its_key_and_null_for_none(shop: Shop) -> None:
    asked = "a: customersByKey(customer_id: 4) { lifetime __typename } b: customersByKey(customer_id: -1) { lifetime }"
    assert shop("steward", asked) == {"a": {"lifetime": "4.25", "__typename": "Shop_Customers"}, "b": None}


def test_a_row_of_a_lookup_alone_may_have_other_names(shop: Shop) -> None:
    key = "customersByKey(customer_id: $n)"
    head = "query($n: BigInt!)"
    for n in (4, "6"):
        row = shop("steward", f"{key} {{ kind: __typename money: lifetime }}", head, n=n)
        assert row == {"customersByKey": {"money": f"{n}.25", "kind": "Shop_Customers"}}
    assert shop("steward", f"{key} {{ __typename }}", head, n=4)["customersByKey"] == {"__typename": "Shop_Customers"}


def test_references_are_followed_both_ways_with_limits_for_each_parent(shop: Shop) -> None:
    asked = """customers(where: {customer_id: {_in: [1, 2, 5]}}) {
      customer_id
      last: orders(limit: 2, orderBy: [{order_id: DESC}]) { order_id customers { region } }
      second: orders(limit: 1, offset: 1) { order_id }
      none: orders(where: {order_id: {_lt: 0}}) { order_id }
    }"""
    rows = shop("steward", asked)["customers"]
    assert [one["customer_id"] for one in rows] == ["1", "2", "5"]
    assert [[int(o["order_id"]) for o in one["last"]] for one in rows] == [[5, 4], [8, 7], [17, 16]]
    assert [[int(o["order_id"]) for o in one["second"]] for one in rows] == [[4], [7], [16]]
    assert [one["none"] for one in rows] == [[], [], []]
    assert rows[0]["last"][0]["customers"] == {"region": "S"}


def test_a_selection_of_any_depth_is_one_statement(ask: Any) -> None:
    deep = "orders(limit: 1) { customers { orders(limit: 2) { customers { orders(limit: 1) { order_id } } } } }"
    told = ask("steward", f"{{ shop {{ customers(limit: 3) {{ customer_id {deep} }} }} }}")
    assert len(told["extensions"]["queries"]) == 1
    third = told["data"]["shop"]["customers"][2]
    inner = {"customers": {"orders": [{"order_id": "6"}]}}
    assert third == {"customer_id": "2", "orders": [{"customers": {"orders": [inner, inner]}}]}


def test_fragments_variables_and_directives_mean_what_graphql_says(ask: Any) -> None:
    document = """
    query Q($with: Boolean!, $n: Int = 1) { ...Root again: shop { orders(limit: $n) { order_id } } }
    fragment Root on Query { shop { orders(limit: $n) { ...Row amount @skip(if: $with) } } }
    fragment Row on Shop_Orders { order_id ... on Shop_Orders { store @include(if: $with) } }
    """
    assert ask("steward", document, **{"with": True})["data"] == {
        "shop": {"orders": [{"order_id": "0", "store": 0}]},
        "again": {"orders": [{"order_id": "0"}]},
    }
    assert ask("steward", document, **{"with": False})["data"]["shop"] == {
        "orders": [{"order_id": "0", "amount": "0.50"}]
    }


def test_the_products_that_are_visible_are_listed(ask: Any) -> None:
    listed = "{ visibleProducts { name version title dataTime } }"
    assert [one["name"] for one in ask("steward", listed)["data"]["visibleProducts"]] == ["hr", "shop"]
    assert [one["name"] for one in ask("clerk", listed)["data"]["visibleProducts"]] == ["shop"]
    assert ask("stranger", listed)["data"]["visibleProducts"] == []


def test_an_answer_says_where_it_comes_from(ask: Any, gateway: Any) -> None:
    told = ask("analyst", "{ shop { a: orders(limit: 1) { order_id } b: customers(limit: 1) { region } } }")
    queries, (product,) = told["extensions"]["queries"], told["extensions"]["products"]
    assert [one["path"] for one in queries] == [["shop", "a"], ["shop", "b"]]
    assert all(len(one["id"]) == 32 and one["policy"] for one in queries)
    assert (product["name"], product["version"], product["quality"]) == ("shop", "1.2.0", 1.0)
    assert product["snapshot"] in {one.id for one in gateway.pin().deployment.snapshots}


@pytest.mark.parametrize(
    ("asked", "code", "words"),
    [
        ("orders(limit: -1) { order_id }", "BAD_USER_INPUT", "whole numbers from 0"),
        ("orders(limit: 1001) { order_id }", "LIMIT_EXCEEDED", "at most 1000"),
        ("orders(offset: -1) { order_id }", "BAD_USER_INPUT", "offset"),
        ('orders(where: {order_id: {_eq: "x"}}) { order_id }', "BAD_USER_INPUT", "BIGINT takes whole numbers"),
        ("orders(where: {order_id: {_eq: null}}) { order_id }", "BAD_USER_INPUT", "_isNull"),
        ("orders(where: {order_id: null}) { order_id }", "BAD_USER_INPUT", "_isNull"),
        ('orders(where: {remark: {_like: "x\\\\"}}) { order_id }', "BAD_USER_INPUT", "backslash"),
        ('orders(where: {remark: {_eq: "\\u0000"}}) { order_id }', "BAD_USER_INPUT", "NUL"),
        ("orders(orderBy: [{order_id: ASC, amount: ASC}]) { order_id }", "GRAPHQL_VALIDATION_FAILED", "exactly one"),
        ("customers(limit: 1000) { orders(limit: 1000) { order_id } }", "LIMIT_EXCEEDED", "100000 rows"),
        ("orders { order_id", "GRAPHQL_PARSE_FAILED", "Syntax Error"),
        ("orders { }", "GRAPHQL_PARSE_FAILED", "Syntax Error"),
        ("orders { nothing }", "GRAPHQL_VALIDATION_FAILED", "Cannot query field 'nothing' on type 'Shop_Orders'."),
    ],
)
def test_a_refusal_says_what_is_wrong(refused: Refused, asked: str, code: str, words: str) -> None:
    told = refused("steward", f"{{ shop {{ {asked} }} }}")
    assert told["extensions"]["code"] == code
    assert words in told["message"]


def test_pages_go_on_to_the_end_and_back(shop: Shop) -> None:
    head = "query($after: String, $before: String, $first: Int, $last: Int)"
    where = "where: {store: {_eq: 3}}, orderBy: [{amount: DESC}]"
    asked = f"""ordersConnection(first: $first, last: $last, after: $after, before: $before, {where}) {{
      totalCount edges {{ cursor node {{ order_id }} }}
      pageInfo {{ hasNextPage hasPreviousPage startCursor endCursor }} }}"""
    whole = [one["order_id"] for one in shop("steward", f"orders({where}, limit: 1000) {{ order_id }}")["orders"]]
    found, after = [], None
    while True:
        page = shop("steward", asked, head, first=50, after=after)["ordersConnection"]
        assert page["totalCount"] == len(whole) == 180
        found += [one["node"]["order_id"] for one in page["edges"]]
        info = page["pageInfo"]
        assert info["hasPreviousPage"] is (after is not None)
        after = info["endCursor"]
        assert page["edges"][-1]["cursor"] is not None
        if not info["hasNextPage"]:
            break
    assert found == whole
    back = shop("steward", asked, head, last=10, before=info["startCursor"])["ordersConnection"]
    assert [one["node"]["order_id"] for one in back["edges"]] == whole[140:150]
    assert back["pageInfo"]["hasPreviousPage"] is True


def test_a_page_may_be_its_nodes_or_its_ends_alone(shop: Shop) -> None:
    page = shop("steward", "ordersConnection(first: 2) { nodes { order_id customers { region } } __typename }")
    assert page["ordersConnection"] == {
        "nodes": [{"order_id": "0", "customers": {"region": "N"}}, {"order_id": "1", "customers": {"region": "N"}}],
        "__typename": "Shop_OrdersConnection",
    }
    page = shop("steward", "ordersConnection(last: 1) { pageInfo { hasPreviousPage } edges { cursor __typename } }")
    assert page["ordersConnection"]["pageInfo"] == {"hasPreviousPage": True}
    assert page["ordersConnection"]["edges"][0]["__typename"] == "Shop_OrdersEdge"


def test_a_cursor_belongs_to_its_question_and_to_whom_it_was_given(shop: Shop, refused: Refused) -> None:
    page = shop("steward", "ordersConnection(first: 1) { pageInfo { endCursor } }")["ordersConnection"]
    cursor = page["pageInfo"]["endCursor"]
    head = "query($c: String) { shop"
    for subject, asked in (
        ("steward", "ordersConnection(first: 1, after: $c, where: {store: {_eq: 1}}) { totalCount nodes { store } }"),
        ("steward", "ordersConnection(first: 1, after: $c, orderBy: [{amount: ASC}]) { nodes { store } }"),
        ("steward", "customersConnection(first: 1, after: $c) { nodes { region } }"),
        ("analyst", "ordersConnection(first: 1, after: $c) { nodes { store } }"),
    ):
        told = refused(subject, f"{head} {{ {asked} }} }}", c=cursor)
        assert told["extensions"]["code"] == "BAD_USER_INPUT"
    told = refused("steward", f"{head} {{ ordersConnection(after: $c) {{ nodes {{ store }} }} }} }}", c=cursor[:-4])
    assert told["extensions"]["code"] == "BAD_USER_INPUT"


def test_introspection_tells_of_what_is_visible_alone(ask: Any) -> None:
    names = "{ __schema { types { name fields { name } inputFields { name } } } }"
    steward, analyst, clerk = (str(ask(one, names)["data"]) for one in ("steward", "analyst", "clerk"))
    assert "salary" in steward
    assert "salaries" in steward
    assert "salary" not in analyst
    assert "salaries" not in analyst
    assert "customers" in analyst
    assert "customers" not in clerk
    assert "Shop_Orders" in clerk


def test_the_contract_s_words_are_the_schema_s(ask: Any) -> None:
    words = "description fields { name description }"
    asked = f'{{ __type(name: "Shop_Orders") {{ {words} }} __schema {{ queryType {{ {words} }} }} }}'
    told = ask("steward", asked)["data"]
    assert told["__type"]["description"] == "What they bought."
    assert {"name": "amount", "description": "Dollars"} in told["__type"]["fields"]
    products = told["__schema"]["queryType"]["fields"]
    assert {"name": "shop", "description": "Customers and orders of a small shop"} in products


def test_a_hidden_field_reads_as_one_that_never_was(refused: Refused) -> None:
    words = {}
    for name in ("salary", "salery", "nothing"):
        told = refused("analyst", f"{{ shop {{ customers {{ {name} }} }} }}")
        words[name] = told["message"].replace(name, "NAME")
    assert len(set(words.values())) == 1
    for name in ("hr", "void"):
        told = refused("analyst", f"{{ {name} {{ salaries {{ pay }} }} }}")
        words[name] = told["message"].replace(name, "NAME")
    assert words["hr"] == words["void"]


def test_every_row_of_a_list_may_be_asked_for(shop: Shop) -> None:
    rows = shop("steward", "customers(limit: 1000) { customer_id }")["customers"]
    assert [int(one["customer_id"]) for one in rows] == list(range(CUSTOMERS))
