"""`/-/quality`: what rules gave and scores over time, as far as the asker sees what they speak of; as OORS too."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest

Client = Callable[..., httpx.Client]
PATH = "/products/shop/-/quality"


def told(web: Client, subject: str, **query: str) -> dict[str, Any]:
    answer = web(subject).get(PATH, params=query)
    assert answer.status_code == 200, answer.text
    return dict(answer.json()["data"])


def test_every_rule_has_its_outcome_and_the_score_is_their_share(web: Client) -> None:
    found = told(web, "steward")
    assert found["rules"]
    assert found["score"]["score"] == found["score"]["held"] / found["score"]["rules"] == 1.0
    assert set(found["score"]["dimensions"]) == {one["dimension"] for one in found["rules"]}
    assert all(one["value"] is not None and one["expected"] for one in found["rules"])
    (check, *_) = found["history"]
    assert (check["snapshot"], check["score"]) == (found["snapshot"], found["score"])


def test_who_sees_some_rows_gets_no_number(web: Client) -> None:
    found = told(web, "analyst")
    assert found["rules"]
    assert {(one["value"], one["expected"]) for one in found["rules"]} == {(None, None)}


def test_who_sees_one_table_hears_of_its_rules_alone(web: Client) -> None:
    found = told(web, "clerk")
    assert {one["table"] for one in found["rules"]} == {"orders"}
    assert all("customers" not in str(one) for one in found["rules"])
    assert found["score"]["rules"] == len(found["rules"]) < told(web, "steward")["score"]["rules"]
    assert {check["score"]["rules"] for check in found["history"]} == {len(found["rules"])}


def test_a_product_that_is_not_seen_is_not_there(web: Client) -> None:
    assert web("analyst").get("/products/hr/-/quality").status_code == 404
    assert web("stranger").get(PATH).status_code == 404


@pytest.mark.parametrize("asked", [{"params": {"format": "oors"}}, {"headers": {"Accept": "application/oors+json"}}])
def test_it_is_an_oors_document_where_that_is_asked_for(web: Client, asked: dict[str, Any]) -> None:
    answer = web("steward").get(PATH, **asked)
    assert answer.headers["content-type"] == "application/oors+json"
    document = answer.json()
    assert (document["apiVersion"], document["kind"], document["status"]) == ("v0.8.1", "ObservabilityResults", "pass")
    assert document["source"]["runId"] == told(web, "steward")["snapshot"]
    assert {"id", "type", "name", "status"} <= set.intersection(*(set(one) for one in document["results"]))
    assert {one["status"] for one in document["results"]} == {"pass"}
    assert {one["target"]["resourceType"] for one in document["results"]} == {"table"}
    assert document["id"] == web("steward").get(PATH, **asked).json()["id"]


def test_history_is_as_long_as_is_asked(web: Client) -> None:
    assert told(web, "steward", since="2999-01-01T00:00:00Z")["history"] == []
    assert len(told(web, "steward", limit="1")["history"]) == 1


@pytest.mark.parametrize(
    "query", ["since=yesterday", "since=0001-01-01T00:00:00%2B14:00", "limit=0", "format=xml", "table=orders"]
)
def test_what_is_not_understood_is_refused(web: Client, query: str) -> None:
    assert web("steward").get(f"{PATH}?{query}").status_code == 400
