"""Measures by name: what agents are told is what REST answers to the same question."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from gateway import Gateway
from tests.doors import Refusal
from tests.mcp_door import McpDoor, text
from tests.measure_world import SUBJECTS, build

SAME: list[tuple[dict[str, Any], str]] = [
    ({"measures": ["revenue"]}, "revenue"),
    (
        {"measures": ["revenue", "baskets"], "by": ["store"], "order": ["revenue desc"], "limit": 2, "offset": 1},
        "revenue,baskets?by=store&order=revenue.desc&limit=2&offset=1",
    ),
    (
        {"measures": "revenue", "by": "products.department, size", "where": {"store": [1, 2]},
         "order": ["department", "size"]},
        "revenue?by=products.department,size&order=department,size&store=in.(1,2)",
    ),
    (
        {"measures": ["revenue"], "by": ["store"], "where": {"size": "large", "amount": {"gt": 60, "lte": 80.5}},
         "having": {"revenue": {"gte": 100}}, "order": ["-store"]},
        "revenue?by=store&size=eq.large&amount=gt.60&amount=lte.80.5&revenue=gte.100&order=store.desc",
    ),
    (
        {"measures": ["revenue"], "grain": "month", "where": {"sold_at": {"gte": "2017-03-01", "lt": "2017-06-01"}},
         "compare": "previous_period", "order": ["sold_at asc"]},
        "revenue?grain=month&sold_at=gte.2017-03-01&sold_at=lt.2017-06-01&compare=previous_period&order=sold_at",
    ),
    (
        {"measures": ["line_count"], "by": ["store"], "where": {"product_id": None, "size": {"like": "sm%"},
         "store": {"not_in": [0]}, "amount": {"is_null": False}}, "order": ["store"]},
        "line_count?by=store&product_id=is.null&size=like.sm*&store=not.in.(0)&amount=not.is.null&order=store",
    ),
]  # fmt: skip


@pytest.fixture(scope="module")
def till(tmp_path_factory: pytest.TempPathFactory) -> Iterator[McpDoor]:
    gateway = Gateway(build(tmp_path_factory.mktemp("till")))
    opened = McpDoor(gateway)
    yield opened
    opened.close()
    gateway.close()


def rest(till: McpDoor, subject: str, path: str) -> httpx.Response:
    base = till.url.removesuffix("/mcp")
    return httpx.get(f"{base}/products/till/-/measures/{path}", auth=(subject, f"{subject}-secret"), timeout=60)


@pytest.mark.parametrize("subject", SUBJECTS)
@pytest.mark.parametrize(("asked", "path"), SAME)
def test_measures_are_those_of_rest(till: McpDoor, subject: str, asked: dict[str, Any], path: str) -> None:
    answer = rest(till, subject, path)
    told = till.call(subject, "query_measure", product="till", **asked)
    if answer.status_code != 200:
        assert text(told).startswith(f"error {answer.json()['code']}")
        return
    assert not told.is_error, text(told)
    names = [one["name"] for one in told.structured_content["columns"]]
    rows = [dict(zip(names, row, strict=True)) for row in told.structured_content["rows"]]
    assert rows == answer.json()["data"]


def test_measures_are_listed_with_what_they_can_be_grouped_by(till: McpDoor) -> None:
    (lines, *_) = till.ask("steward", "list_measures", product="till", table="lines")["tables"]
    assert {"products.department", "store", "size", "month", "sold_at"} <= set(lines["by"])
    assert lines["grains"] == {"sold_at": ["day", "week", "month", "quarter"]}
    revenue = next(one for one in lines["measures"] if one["name"] == "revenue")
    assert (revenue["unit"], revenue["synonyms"]) == ("EUR", ["sales"])
    for subject, missing in (("analyst", "margin"), ("partner", "revenue"), ("regional", "department")):
        assert missing not in text(till.call(subject, "list_measures", product="till"))


def test_a_measure_is_found_by_its_synonym(till: McpDoor) -> None:
    (found,) = till.ask("steward", "search_products", query="sales")["products"]
    assert any("lines.revenue" in one for one in found["matched"])
    assert till.ask("partner", "search_products", query="sales")["products"] == []


def test_no_rows_say_where_to_look(till: McpDoor) -> None:
    told = till.ask(
        "steward", "query_measure", product="till", measures=["revenue"], by=["store"], where={"size": "huge"}
    )
    assert told["rows"] == []
    assert told["note"] == "no rows; size has large, small"


def test_what_is_hidden_or_filtered_is_no_value_that_is_told(till: McpDoor) -> None:
    asked = {"product": "till", "measures": ["line_count"], "where": {"products.department": "fish"}, "by": ["store"]}
    assert till.ask("steward", "query_measure", **asked)["note"] == "no rows; products.department has drink, food"
    with pytest.raises(Refusal, match="is no dimension of these measures") as refusal:
        till.ask("regional", "query_measure", **asked)
    assert "department" not in refusal.value.message.partition("hint")[2]


def test_a_name_of_one_related_table_needs_no_path_and_a_period_stands_for_all_of_it(till: McpDoor) -> None:
    asked = {"product": "till", "measures": ["revenue"], "by": ["department"], "order": ["department"]}
    short = till.ask("steward", "query_measure", **asked, where={"sold_at": "2017-03"})
    path = "revenue?by=products.department&sold_at=gte.2017-03-01&sold_at=lt.2017-04-01&order=department"
    assert [row[1] for row in short["rows"]] == [row["revenue"] for row in rest(till, "steward", path).json()["data"]]
    for period, first, after in (("2017", "2017-01-01", "2018-01-01"), ("2017-05-08", "2017-05-08", "2017-05-09")):
        told = till.ask("steward", "query_measure", product="till", measures=["baskets"], where={"sold_at": period})
        path = f"baskets?sold_at=gte.{first}&sold_at=lt.{after}"
        assert told["rows"] == [[rest(till, "steward", path).json()["data"][0]["baskets"]]]


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"measures": ["revenu"]}, "did you mean revenue"),
        ({"measures": []}, "measures"),
        ({"by": ["stores"]}, "near: .*store"),
        ({"by": ["nothing_like_it"]}, "list_measures"),
        ({"where": {"nope": 1}}, "nope"),
        ({"where": {"size": {"about": 1}}}, "eq, neq, gt"),
        ({"where": {"size": {"eq": ["a", "b"]}}}, "a list of values stands alone"),
        ({"where": {"amount": "cheap"}}, "not a value of column"),
        ({"having": {"store": 1}}, "having takes the measures"),
        ({"grain": "decade"}, "grain"),
        ({"grain": "year"}, "allowed: day, week, month, quarter"),
        ({"order": ["store; DROP"]}, "order"),
        ({"compare": "previous_period"}, "grain"),
        ({"limit": 0}, "limit"),
    ],
)
def test_a_wrong_question_is_told_the_right_one(till: McpDoor, wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(Refusal, match=f"(?s){words}") as refusal:
        till.ask("steward", "query_measure", **{"product": "till", "measures": ["revenue"], **wrong})
    assert refusal.value.code in {"bad_query", "not_found"}


def test_an_answer_that_is_cut_goes_on_at_an_offset(till: McpDoor) -> None:
    asked = {"product": "till", "measures": ["revenue"], "by": ["line_id"], "order": ["line_id"]}
    first = till.ask("steward", "query_measure", **asked, max_tokens=500)
    assert first["truncated"]
    assert f"offset {first['row_count']} goes on" in first["note"]
    second = till.ask("steward", "query_measure", **asked, max_tokens=500, offset=first["row_count"])
    assert second["rows"][0][0] == first["rows"][-1][0] + 1
