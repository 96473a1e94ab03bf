"""The first quarter of an hour: who opens the hub after `make demo` and reads no more than its pages gets along.

In a browser; what its pages offer to paste is pasted, as two personas, and as a carrier that pushes a scan.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.clients.conftest import Tools
from tests.clients.test_hub import BROWSER
from tests.demo import DemoServer, serving
from tests.ports.flight.conftest import eventually

pytestmark = pytest.mark.timeout(600)
WALK = (Path(__file__).parent / "hub" / "newcomer.mjs").read_text()
PRODUCTS = ("retail", "suppliers", "orders", "shipments", "inventory", "supply_chain")
# Those of the web door: this demo chooses its other ports, which no page knows. tests/ports/hub has all of them.
CLIENTS = ("curl", "graphql", "rest")
LATE, LATER = 0.9035981296726927, 0.9035484258110973
SECONDS = 120


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DemoServer]:
    with serving(tmp_path_factory.mktemp("demo"), *PRODUCTS) as server:
        yield server


def planner(demo: DemoServer, address: str) -> Any:
    """What the planner is told at an address of the product."""
    answer = httpx.get(
        f"http://{demo.http}/products/supply_chain/{address}", auth=("planner", "planner-demo"), timeout=60
    )
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]


@pytest.fixture(scope="module")
def seen(demo: DemoServer, tools: Tools) -> dict[str, Any]:
    # Promises are looked at for the first time some seconds after a start.
    eventually(lambda: planner(demo, "-/slo")["objectives"] != [], SECONDS)
    found: dict[str, Any] = json.loads(tools.node(WALK, BROWSER, f"http://{demo.http}"))
    return found


def test_the_first_page_says_what_there_is_to_do_and_who_one_may_be(seen: dict[str, Any]) -> None:
    assert seen["steps"] == ["Find", "Look as somebody else", "Connect", "Watch a number move", "Talk back"]
    assert seen["personas"]["shop-app"].startswith("application, store 367")
    assert seen["personas"]["stranger"].endswith("no products")


def test_a_product_is_found_and_says_what_it_is_and_that_it_is_made_of_generated_rows(seen: dict[str, Any]) -> None:
    assert seen["found"] == "Supply-chain reliability"
    assert seen["purpose"].startswith("How reliably the stores get what they order")
    assert seen["origin"] == "generated"
    assert ["freshness of stock", "kept"] in seen["promises"]


def test_two_personas_see_it_each_by_their_rules(seen: dict[str, Any]) -> None:
    assert seen["planner"]["lead_days"] == "shown"
    assert "lead_days" not in seen["analyst"]


def test_words_that_are_left_are_found_by_who_answers(seen: dict[str, Any]) -> None:
    assert seen["kept"].startswith("Kept.")
    assert seen["asked"] == "Why does Harbour come late?"


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("subject", ["planner", "analyst"])
def test_what_the_page_offers_works_when_pasted(
    seen: dict[str, Any], demo: DemoServer, subject: str, client: str
) -> None:
    printed = demo.run("python" if client == "rest" else "sh", seen["paste"][subject][client])
    assert "order_id" in printed, printed
    assert ("lead_days" in printed) == (subject == "planner" and client != "graphql")  # which asks for five columns


def test_a_scan_that_is_pasted_arrives_in_both_products(seen: dict[str, Any], demo: DemoServer) -> None:
    assert "push" not in seen["paste"]["planner"]
    assert '"rows":1' in demo.run("sh", seen["paste"]["carrier"]["push"])
    eventually(lambda: planner(demo, "-/measures/on_time_rate") != [{"on_time_rate": LATE}], SECONDS)
    assert planner(demo, "-/measures/on_time_rate") == [{"on_time_rate": LATER}]


def test_a_scan_is_sent_from_the_page_too(seen: dict[str, Any]) -> None:
    assert seen["sent"].startswith("Taken.")
