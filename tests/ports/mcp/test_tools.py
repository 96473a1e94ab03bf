"""The tools as agents find and use them, over the tests' world, by the SDK's client."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Any

import pytest

from ports.mcp.budget import tokens
from ports.mcp.tools import TOOLS
from tests.conftest import World
from tests.doors import Refusal
from tests.mcp_door import LegacyMcpDoor, McpDoor, text

CALLS: dict[str, dict[str, Any]] = {
    "search_products": {"query": "orders"},
    "describe_product": {"product": "shop"},
    "list_measures": {"product": "shop"},
    "query_sql": {"sql": "SELECT store, sum(amount) AS total FROM shop.orders GROUP BY 1 ORDER BY 1"},
    "explain_access": {"product": "shop"},
}


@pytest.fixture(scope="module", params=[McpDoor, LegacyMcpDoor], ids=lambda one: str(one.name))
def mcp(request: pytest.FixtureRequest, world: World) -> Iterator[McpDoor]:
    opened = request.param(world.gateway)
    yield opened
    opened.close()


def test_every_tool_says_what_it_takes_and_gives_and_that_it_changes_nothing(mcp: McpDoor) -> None:
    listed = mcp.run(mcp.client("stranger").list_tools)
    assert {one.name for one in listed.tools} == set(TOOLS)
    for one in listed.tools:
        assert one.title
        assert one.description
        assert one.input_schema["type"] == "object"
        assert one.input_schema["additionalProperties"] is False
        assert one.output_schema is not None
        assert one.annotations is not None
        assert one.annotations.read_only_hint is not TOOLS[one.name].writes
        assert one.annotations.idempotent_hint is not TOOLS[one.name].writes


@pytest.mark.parametrize("tool", CALLS)
def test_a_tool_answers_a_text_and_a_document(mcp: McpDoor, tool: str) -> None:
    answer = mcp.call("analyst", tool, **CALLS[tool])
    assert not answer.is_error, text(answer)
    assert text(answer)
    assert answer.structured_content["truncated"] is False


def test_who_begins_is_told_how_and_of_which_products(mcp: McpDoor) -> None:
    told = {name: mcp.client(name).instructions or "" for name in ("analyst", "steward", "stranger")}
    assert "query_measure" in told["stranger"]
    assert ["- shop:" in told[name] for name in ("analyst", "steward", "stranger")] == [True, True, False]
    assert ["- hr:" in told[name] for name in ("analyst", "steward", "stranger")] == [False, True, False]


@pytest.mark.parametrize("tool", CALLS)
def test_a_stranger_is_told_nothing_of_what_there_is(mcp: McpDoor, tool: str) -> None:
    answer = mcp.call("stranger", tool, **CALLS[tool])
    other = mcp.call("stranger", tool, **{**CALLS[tool], **({"product": "nope"} if "product" in CALLS[tool] else {})})
    said, else_said = (
        "\n".join(line for line in text(one).splitlines() if not line.startswith(("error_id", "at character")))
        for one in (answer, other)
    )
    assert said.replace("shop", "nope") == else_said.replace("shop", "nope")
    for secret in ("customers", "amount", "Small", "CANARY"):
        assert secret not in said.replace("shop.orders", "")
    assert mcp.run(mcp.client("stranger").list_resources).resources == []


def test_nothing_that_is_hidden_is_found_or_described(mcp: McpDoor) -> None:
    for tool, given in (
        ("search_products", {"query": "salary unsorted pay person"}),
        ("describe_product", {"product": "shop"}),
        ("explain_access", {"product": "shop"}),
        ("list_measures", {"product": "shop"}),
    ):
        answer = mcp.call("analyst", tool, **given)
        told = f"{text(answer)} {answer.structured_content}"
        assert not any(word in told for word in ("salary", "unsorted", "salaries", "CANARY"))
    steward = text(mcp.call("steward", "describe_product", product="shop"))
    assert "salary" in steward


@pytest.mark.parametrize("subject", ["analyst", "steward", "ml", "clerk"])
def test_example_queries_of_a_description_are_answered(mcp_door: McpDoor, subject: str) -> None:
    described = mcp_door.ask(subject, "describe_product", product="shop")
    examples = [example for table in described["tables"] for example in table["examples"]]
    assert examples
    for one in examples:
        assert mcp_door.ask(subject, "query_sql", sql=one)["row_count"] > 0


def test_how_columns_are_seen_is_described(mcp_door: McpDoor) -> None:
    (customers,) = mcp_door.ask("analyst", "describe_product", product="shop", table="customers")["tables"]
    seen = {one["name"]: one["seen"] for one in customers["columns"]}
    assert seen["region"] == "raw"
    assert seen["email"] == "partial by email"
    assert seen["phone"] == "null by null"
    assert customers["rows"] == "filtered: you see some"
    assert customers["row_count"] is None


def test_the_values_of_a_column_are_those_that_a_query_gives(mcp_door: McpDoor) -> None:
    told = mcp_door.ask("analyst", "describe_product", product="shop", table="customers", column="full_name")
    assert told["values"] == [{"value": "N***", "n": 300}]
    with pytest.raises(Refusal, match='column "salary" does not exist'):
        mcp_door.ask("analyst", "describe_product", product="shop", table="customers", column="salary")


@pytest.mark.parametrize(
    ("tool", "given", "code", "words"),
    [
        ("query_sql", {}, "bad_query", "sql: field required"),
        ("query_sql", {"sql": "SELEKT 1"}, "bad_query", "error_id"),
        ("query_sql", {"sql": "SELECT nonsense FROM shop.orders"}, "bad_query", "hint: .*order_id"),
        ("query_sql", {"sql": "DELETE FROM shop.orders"}, "bad_query", "SELECT"),
        ("query_sql", {"sql": "SELECT 1 AS a, 2 AS a"}, "bad_query", "one name"),
        ("query_sql", {"sql": "SELECT 1", "rows": 3}, "bad_query", "the tool takes max_tokens, sql, parameters"),
        ("query_sql", {"sql": "SELECT 1", "max_tokens": 3}, "bad_query", "max_tokens"),
        ("query_sql", {"sql": "SELECT 1 \x00"}, "bad_query", "NUL"),
        ("describe_product", {"product": "shap"}, "not_found", "search_products"),
        ("describe_product", {"product": "shop; DROP"}, "bad_query", "shop@2"),
        ("describe_product", {"product": "shop", "table": "salaries"}, "not_found", "does not exist"),
        ("query_measure", {"product": "shop", "measures": ["revenue"]}, "not_found", "list_measures"),
    ],
)
def test_what_is_wrong_is_said_with_what_would_be_right(
    mcp_door: McpDoor, tool: str, given: dict[str, Any], code: str, words: str
) -> None:
    with pytest.raises(Refusal, match=f"(?s){words}") as refusal:
        mcp_door.ask("analyst", tool, **given)
    assert refusal.value.code == code
    assert "Traceback" not in refusal.value.message


def test_parameters_are_values_by_place_and_by_name(mcp_door: McpDoor) -> None:
    by_place = mcp_door.ask(
        "analyst", "query_sql", sql="SELECT count(*) AS n FROM shop.orders WHERE store = $1", parameters=[2]
    )
    by_name = mcp_door.ask(
        "analyst", "query_sql", sql="SELECT count(*) AS n FROM shop.orders WHERE store = $s", parameters={"s": 2}
    )
    assert by_place["rows"] == by_name["rows"] == [[120]]


def test_every_digit_is_in_the_text_and_what_a_double_would_change_is_a_text_in_the_document(mcp_door: McpDoor) -> None:
    answer = mcp_door.call(
        "analyst",
        "query_sql",
        sql="SELECT 9007199254740993 AS a, 12345678901234567.89::DECIMAL(20,2) AS b, 4596039.50::DECIMAL(18,2) AS c, "
        "NULL AS d, '' AS e, 'x,\"y' AS f, [1, NULL] AS g",
    )
    assert text(answer).splitlines()[1] == '9007199254740993,12345678901234567.89,4596039.50,,"","x,""y","[1,null]"'
    assert answer.structured_content["rows"] == [
        ["9007199254740993", "12345678901234567.89", 4596039.5, None, "", 'x,"y', [1, None]]
    ]


@pytest.mark.parametrize("limit", [300, 1000, 4000])
@pytest.mark.parametrize(
    ("tool", "given"),
    [
        ("query_sql", {"sql": "SELECT * FROM shop.orders ORDER BY order_id"}),
        ("query_sql", {"sql": "SELECT * FROM shop.customers, shop.orders LIMIT 5000"}),
        ("describe_product", {"product": "shop"}),
        ("explain_access", {"product": "shop"}),
        ("search_products", {"query": "customer order store amount"}),
    ],
)
def test_an_answer_has_no_more_tokens_than_were_asked_for_and_ends_with_a_whole_row(
    mcp_door: McpDoor, tool: str, given: dict[str, Any], limit: int
) -> None:
    if tool == "query_sql":
        given = (
            {"sql": given["sql"].replace("*", "order_id, customers.region, remark", 1)}
            if "," in given["sql"]
            else given
        )
    answer = mcp_door.call("steward", tool, **given, max_tokens=limit)
    assert not answer.is_error, text(answer)
    told, document = text(answer), answer.structured_content
    assert tokens(told) <= limit
    if document["truncated"]:
        assert "truncated" in told
        assert "max_tokens" in document["note"]
    if tool == "query_sql":
        assert document["truncated"]
        rows = list(csv.reader(io.StringIO(told)))[1 : 1 + len(document["rows"])]
        assert all(len(one) == len(document["columns"]) for one in rows)


def test_rows_are_capped_by_the_setting(mcp_door: McpDoor, world: World) -> None:
    told = mcp_door.ask("steward", "query_sql", sql="SELECT order_id FROM shop.orders ORDER BY 1", max_tokens=20_000)
    assert told["row_count"] == world.settings.mcp_rows == 1000
    assert told["truncated"] is True
    assert "LIMIT and OFFSET" in told["note"]


def test_products_are_resources_and_so_are_their_tables(mcp: McpDoor) -> None:
    client = mcp.client("analyst")
    (listed,) = mcp.run(client.list_resources).resources
    assert listed.uri == "outport://products/shop"
    templates = mcp.run(client.list_resource_templates).resource_templates
    assert [one.uri_template for one in templates] == [
        "outport://products/{product}",
        "outport://products/{product}/{table}",
    ]
    for uri in (listed.uri, "outport://products/shop/orders"):
        (content,) = mcp.run(client.read_resource, uri).contents
        assert "amount" in content.text  # type: ignore[union-attr]
        assert "salary" not in content.text  # type: ignore[union-attr]
    for uri in ("outport://products/hr", "outport://products/nope", "outport://products/shop/salaries", "x://y"):
        with pytest.raises(Exception, match=r"does not exist|no such resource"):
            mcp.run(client.read_resource, uri)


def test_a_prompt_brings_a_question_to_the_tools(mcp: McpDoor) -> None:
    client = mcp.client("analyst")
    (prompt,) = mcp.run(client.list_prompts).prompts
    filled = mcp.run(client.get_prompt, prompt.name, {"question": "How much?"})
    assert "How much?" in filled.messages[0].content.text  # type: ignore[union-attr]
    with pytest.raises(Exception, match="takes a question"):
        mcp.run(client.get_prompt, "nope", {})


def test_a_tool_that_is_not_there_is_an_error_of_the_protocol(mcp: McpDoor) -> None:
    with pytest.raises(Exception, match="there is no tool of that name"):
        mcp.call("analyst", "drop_everything")


def test_a_steward_learns_of_anothers_access_only_where_a_rule_says_so(mcp_door: McpDoor) -> None:
    with pytest.raises(Refusal) as refusal:
        mcp_door.ask("analyst", "explain_access", product="shop", subject="steward")
    assert refusal.value.code == "forbidden"


def test_an_answer_of_some_rows_says_that_there_are_others(mcp_door: McpDoor) -> None:
    for subject, filtered in (("analyst", True), ("steward", False)):
        answer = mcp_door.call(subject, "query_sql", sql="SELECT count(*) AS n FROM shop.orders")
        assert answer.structured_content["filtered"] is filtered
        assert ("which are not all" in text(answer)) is filtered


def test_what_is_found_in_names_stands_before_what_is_spoken_of(mcp_door: McpDoor) -> None:
    (found,) = mcp_door.ask("analyst", "search_products", query="what did people order in each region, by phone?")[
        "products"
    ]
    assert found["matched"][0].startswith(("column customers.region", "table orders", "column customers.phone"))
    assert mcp_door.ask("analyst", "search_products", query="zebra")["products"] == []
