"""A row sent from a product's page: by who may push, held to the contract, kept once."""

from __future__ import annotations

import html

import httpx
import pytest
import yaml

from tests.ports.hub import reading
from tests.ports.hub.test_talk import given
from tests.ports.rest.test_pushes import Till, till  # noqa: F401

PUSHING, MANAGING = ("till", "till-secret"), ("stew", "stew-secret")
EXAMPLES = {"id": 7, "state": "open", "amount": 1.5}


@pytest.fixture
def offering(till: Till) -> Till:  # noqa: F811
    """The same, whose contract gives an example of each column."""
    contract = till.shop.settings.products / "sales" / "till.odcs.yaml"
    document = yaml.safe_load(contract.read_text())
    for one in document["schema"][0]["properties"]:
        one["examples"] = [EXAMPLES[one["name"]]]
    contract.write_text(yaml.safe_dump(document))
    product = contract.with_name("sales.odps.yaml")
    declared = yaml.safe_load(product.read_text())
    declared["inputPorts"][0]["contractId"] = "till"
    product.write_text(yaml.safe_dump(declared))
    till.shop.publish("sales")
    return till


def page(till: Till, who: tuple[str, str], query: str = "") -> str:  # noqa: F811
    return till.client.get(f"/hub/sales{query}", auth=who).text


def sent(till: Till, who: tuple[str, str], rows: str) -> httpx.Response:  # noqa: F811
    form = given(page(till, who), input="till", table="orders", rows=rows)
    headers = {"Sec-Fetch-Site": "same-origin", "Accept": "text/html"}
    return till.client.post("/hub/sales/-/push", data=form, headers=headers, auth=who)


def test_who_may_push_sends_a_row_from_the_page(offering: Till) -> None:
    shown = page(offering, PUSHING)
    reading.read(shown)
    assert '{"id": 7, "state": "open", "amount": 1.5}' in html.unescape(shown)
    answer = sent(offering, PUSHING, '{"id": 7, "state": "open"}')
    assert (answer.status_code, answer.headers["location"]) == (303, "/hub/sales?sent=1#send")
    assert "Taken." in reading.read(page(offering, PUSHING, "?sent=1")).text
    assert offering.rows() == [(7, "open", None)]


def test_what_breaks_the_contract_is_refused_with_the_reason_and_kept_nowhere(offering: Till) -> None:
    answer = sent(offering, PUSHING, '{"id": 7, "state": "ajar"}')
    assert answer.status_code == 422
    assert "state" in reading.read(answer.text).text
    assert offering.rows() == []


def test_who_may_not_push_is_offered_nothing_and_taken_nothing_from(offering: Till) -> None:
    assert 'id="send"' not in page(offering, MANAGING)
    assert "Taken." not in page(offering, MANAGING, "?sent=1")
    assert sent(offering, MANAGING, '{"id": 7, "state": "open"}').status_code in {403, 404}
    assert offering.rows() == []


def test_a_form_that_is_sent_twice_is_taken_once_and_a_new_one_again(offering: Till) -> None:
    headers = {"Sec-Fetch-Site": "same-origin", "Accept": "text/html"}
    form = given(page(offering, PUSHING), input="till", table="orders", rows='{"id": 7, "state": "open"}')
    folder = offering.shop.settings.state / "inputs" / "sales" / "till" / "orders"
    for rows, kept in ((form["rows"], 1), (form["rows"], 1), ('{"id": 8, "state": "open"}', 2)):
        sent_now = {**form, "rows": rows}
        answer = offering.client.post("/hub/sales/-/push", data=sent_now, headers=headers, auth=PUSHING)
        assert answer.status_code == 303, answer.text
        assert len(list(folder.glob("*.parquet"))) == kept
    assert sent(offering, PUSHING, form["rows"]).status_code == 303
    assert len(list(folder.glob("*.parquet"))) == 3
