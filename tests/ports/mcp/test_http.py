"""The door over HTTP: who may come in, from where, whose session it is, what a token learns."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from tests.conftest import World
from tests.mcp_door import McpDoor
from tests.ports.conftest import Client

INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-11-25",
        "capabilities": {},
        "clientInfo": {"name": "a client", "version": "1"},
    },
}
HEADERS = {"Accept": "application/json, text/event-stream"}


def call(tool: str, **arguments: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": {"name": tool, "arguments": arguments}}


def post(client: httpx.Client, message: object, **headers: str) -> httpx.Response:
    return client.post("/mcp", json=message, headers={**HEADERS, **headers})


def test_nobody_comes_in_without_credentials(web: Client) -> None:
    answer = post(web(), INITIALIZE)
    assert answer.status_code == 401
    assert any(one.startswith("Bearer") for one in answer.headers.get_list("www-authenticate"))
    assert "resource_metadata" not in str(answer.headers)
    assert web().get("/.well-known/oauth-protected-resource/mcp").status_code == 404


def test_an_answer_is_one_document_where_no_progress_is_asked_for(web: Client) -> None:
    answer = post(web("analyst"), call("search_products"))
    assert answer.headers["content-type"].startswith("application/json")
    assert answer.json()["result"]["structuredContent"]["products"][0]["name"] == "shop"
    asked = call("search_products")
    asked["params"]["_meta"] = {"progressToken": "p"}
    answer = post(web("analyst"), asked)
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert "structuredContent" in answer.text


@pytest.mark.parametrize("method", ["GET", "DELETE", "PUT"])
def test_the_address_takes_posts_only(web: Client, method: str) -> None:
    answer = web("analyst").request(method, "/mcp", headers=HEADERS)
    assert answer.status_code == 405
    assert "POST" in answer.headers["allow"]


@pytest.mark.parametrize(
    ("content", "status"),
    [(b"{", 400), (b"[]", 400), (b'{"jsonrpc": "2.0"}', 400), (b'"x"', 400), (b"\xff", 400), (b"[" * 100_000, 400)],
)
def test_what_is_no_message_is_refused(web: Client, content: bytes, status: int) -> None:
    answer = web("analyst").post("/mcp", content=content, headers={**HEADERS, "Content-Type": "application/json"})
    assert answer.status_code == status


def test_a_body_is_bounded(web: Client) -> None:
    assert post(web("analyst"), call("query_sql", sql="x" * 2_000_000)).status_code == 413


@pytest.mark.parametrize(
    ("origin", "host", "status"),
    [
        ("http://evil.example", None, 403),
        ("null", None, 403),
        ("http://rebound.example:80", "rebound.example:80", 403),
        ("http://127.0.0.1:{port}", None, 200),
        ("http://localhost:{port}", "localhost:{port}", 200),
        ("http://127.0.0.1:1", None, 403),
    ],
)
def test_a_page_of_another_origin_may_not_ask(web: Client, origin: str, host: str | None, status: int) -> None:
    client = web("analyst")
    port = str(client.base_url.port)
    headers = {"Origin": origin.replace("{port}", port)}
    if host is not None:
        headers["Host"] = host.replace("{port}", port)
    assert post(client, INITIALIZE, **headers).status_code == status


def test_a_session_is_its_principals_and_opens_nothing(web: Client) -> None:
    began = post(web("analyst"), INITIALIZE)
    session = {"Mcp-Session-Id": began.headers["mcp-session-id"], "Mcp-Protocol-Version": "2025-11-25"}
    assert post(web("analyst"), call("search_products"), **session).status_code == 200
    assert post(web("steward"), call("search_products"), **session).status_code == 404
    assert post(web(), call("search_products"), **session).status_code == 401
    assert post(web("analyst"), call("search_products"), **{"Mcp-Session-Id": "forged"}).status_code == 404
    cursor = web("analyst").get("/products/shop/orders", params={"limit": 1}).json()["next"]
    assert cursor is not None
    assert post(web("analyst"), call("search_products"), **{"Mcp-Session-Id": "x" * 400}).status_code == 404


def test_a_version_of_the_protocol_that_nobody_knows_is_refused(web: Client) -> None:
    answer = post(web("analyst"), call("search_products"), **{"Mcp-Protocol-Version": "1999-01-01"})
    assert answer.status_code == 400
    assert "result" not in answer.json()


def test_a_purpose_that_is_not_granted_is_refused(web: Client) -> None:
    answer = post(web("analyst"), INITIALIZE, **{"X-Outport-Purpose": "audit"})
    assert answer.status_code == 403
    assert post(web("steward"), INITIALIZE, **{"X-Outport-Purpose": "audit"}).status_code == 200


def test_calls_are_on_record_with_the_tool_and_without_values(mcp_door: McpDoor, world: World) -> None:
    mcp_door.ask("clerk", "query_sql", sql="SELECT count(*) AS n FROM shop.orders WHERE remark <> 'a secret word'")
    mcp_door.call("clerk", "query_sql", sql="SELECT nope FROM shop.orders")
    mcp_door.ask("clerk", "describe_product", product="shop")
    lines = [line for file in world.settings.audit.glob("*.jsonl") for line in file.read_text().splitlines()]
    told = [one for one in map(json.loads, lines) if one.get("subject") == "clerk" and one.get("port") == "mcp"]
    assert {(one["event"], one["tool"]) for one in told if one["tool"]} >= {
        ("query_answered", "query_sql"),
        ("query_refused", "query_sql"),
        ("metadata_read", "describe_product"),
    }
    assert "a secret word" not in json.dumps(told)
