"""Who asks at this door: agents and persons, for themselves and for others, by rules of kind and of port."""

from __future__ import annotations

from collections.abc import Iterator

import anyio
import httpx
import pytest

from gateway import Gateway
from gateway.access.identity import Directory
from gateway.access.keys import load
from gateway.principal import Scope
from tests.conftest import build
from tests.mcp_door import McpDoor, connected, text
from tests.ports.mcp.test_http import HEADERS, call

RULES = """
- {id: agents, on: {product: shop, table: orders}, to: {kind: agent}, hide: {columns: [remark]}}
- {id: models, on: {product: shop, table: orders}, to: {port: mcp}, hide: {columns: [amount]}}
- {id: robot, to: {subject: robot}, delegate: {for: {role: clerk}}}
"""


@pytest.fixture(scope="module")
def mcp(tmp_path_factory: pytest.TempPathFactory) -> Iterator[McpDoor]:
    settings = build(tmp_path_factory.mktemp("agents"))
    (settings.policies / "agents.yaml").write_text(RULES)
    directory = Directory(settings.principals, load(settings))
    directory.add("robot", "agent", {"role": ("analyst",)}, "robot-secret")
    gateway = Gateway(settings)
    opened = McpDoor(gateway)
    yield opened
    opened.close()
    gateway.close()


def columns(mcp: McpDoor, subject: str) -> dict[str, set[str]]:
    """The columns of orders at this door and at REST."""
    (table,) = mcp.ask(subject, "describe_product", product="shop", table="orders")["tables"]
    base = mcp.url.removesuffix("/mcp")
    rows = httpx.get(f"{base}/products/shop/orders?limit=1", auth=(subject, f"{subject}-secret"), timeout=60)
    return {"mcp": {one["name"] for one in table["columns"]}, "rest": set(rows.json()["data"][0])}


def test_a_rule_for_agents_holds_at_every_door_and_one_for_the_port_for_everybody_at_it(mcp: McpDoor) -> None:
    robot, analyst = columns(mcp, "robot"), columns(mcp, "analyst")
    assert "remark" not in robot["mcp"] | robot["rest"]
    assert "remark" in analyst["mcp"] & analyst["rest"]
    for seen in (robot, analyst):
        assert "amount" not in seen["mcp"]
        assert "amount" in seen["rest"]
    for sql in ("SELECT remark FROM shop.orders", "SELECT 1 FROM shop.orders WHERE amount > 1"):
        answer = mcp.call("robot", "query_sql", sql=sql)
        assert answer.is_error
        assert "does not exist" in text(answer)


def test_an_agent_on_behalf_of_another_sees_what_both_may(mcp: McpDoor) -> None:
    async def asked() -> tuple[str, str]:
        headers = {"X-Outport-On-Behalf-Of": "clerk"}
        async with connected(mcp.url, auth=("robot", "robot-secret"), headers=headers) as client:
            access = await client.call_tool("explain_access", {"product": "shop"})
            stores = await client.call_tool("query_sql", {"sql": "SELECT DISTINCT store FROM shop.orders"})
            return text(access), text(stores)

    access, stores = anyio.run(asked)
    assert access.startswith("robot (agent) on behalf of clerk")
    assert "remark" not in access
    assert stores.splitlines()[:2] == ["store", "3"]
    refused = httpx.post(
        mcp.url, json=call("search_products"), auth=("robot", "robot-secret"), timeout=60,
        headers={**HEADERS, "X-Outport-On-Behalf-Of": "steward"},
    )  # fmt: skip
    assert refused.status_code == 403


def test_a_key_for_this_door_opens_no_other(mcp: McpDoor) -> None:
    settings = mcp.gateway.settings
    key = Directory(settings.principals, load(settings)).add_key("analyst", 3600, Scope(("mcp",), None, None))
    proof = {"Authorization": f"Bearer {key}"}
    base = mcp.url.removesuffix("/mcp")
    assert (
        httpx.post(mcp.url, json=call("search_products"), headers={**HEADERS, **proof}, timeout=60).status_code == 200
    )
    assert httpx.get(f"{base}/products/shop", headers=proof, timeout=60).status_code in {401, 403, 404}
    other = Directory(settings.principals, load(settings)).add_key("analyst", 3600, Scope(("rest",), None, None))
    answer = httpx.post(
        mcp.url, json=call("search_products"), headers={**HEADERS, "Authorization": f"Bearer {other}"}, timeout=60
    )
    assert "shop" not in answer.text


def test_each_call_counts_once_towards_the_rate(mcp: McpDoor) -> None:
    left = []
    for _ in range(2):
        answer = httpx.post(
            mcp.url, json=call("describe_product", product="shop"), auth=("steward", "steward-secret"), headers=HEADERS,
            timeout=60,
        )  # fmt: skip
        left.append(int(answer.headers["ratelimit"].partition("r=")[2].partition(";")[0]))
    assert left[0] - left[1] <= 1
