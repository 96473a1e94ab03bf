"""A call that nobody waits for any more is stopped, and one that goes on says so."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import anyio
import anyio.to_thread
import httpx
import pytest

from ports.http.server import HttpPort
from tests.conftest import World
from tests.mcp_door import connected
from tests.ports.http.test_streams import Watched
from tests.ports.mcp.test_http import HEADERS, INITIALIZE, call

SLOW = "SELECT count(*) FROM shop.orders a, shop.orders b, shop.orders c WHERE a.remark || b.remark < c.remark"
STEWARD = ("steward", "steward-secret")
PATIENCE_S = 60


@pytest.fixture
def watched(world: World) -> Iterator[tuple[Watched, str]]:
    gateway = Watched(world.gateway)
    port = HttpPort(gateway)  # type: ignore[arg-type]
    port.start()
    host, number = port.address
    yield gateway, f"http://{host}:{number}"
    port.stop()


async def occurs(event: Any) -> None:
    assert await anyio.to_thread.run_sync(event.wait, PATIENCE_S)


def outcome(gateway: Watched) -> str:
    assert gateway.result is not None
    assert gateway.result.summary is not None
    return gateway.result.summary.outcome


@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_a_call_that_its_client_cancels_is_stopped(watched: tuple[Watched, str], mode: str) -> None:
    gateway, base = watched

    async def given_up() -> None:
        async with connected(f"{base}/mcp", mode, auth=STEWARD) as client, anyio.create_task_group() as group:
            group.start_soon(client.call_tool, "query_sql", {"sql": SLOW})
            await occurs(gateway.begun)
            group.cancel_scope.cancel()
            with anyio.CancelScope(shield=True):
                await occurs(gateway.ended)
                await client.list_tools()  # what comes late for the call is not for a client that has left

    anyio.run(given_up)
    assert outcome(gateway) == "cancelled"


def test_a_client_that_goes_away_stops_its_call(watched: tuple[Watched, str]) -> None:
    gateway, base = watched

    async def gone() -> None:
        async with httpx.AsyncClient(auth=STEWARD, timeout=PATIENCE_S) as client, anyio.create_task_group() as group:
            group.start_soon(lambda: client.post(f"{base}/mcp", json=call("query_sql", sql=SLOW), headers=HEADERS))
            await occurs(gateway.begun)
            group.cancel_scope.cancel()

    anyio.run(gone)
    assert gateway.ended.wait(PATIENCE_S)
    assert outcome(gateway) == "cancelled"


def test_nobody_else_cancels_a_call(watched: tuple[Watched, str]) -> None:
    gateway, base = watched
    cancel = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 7}}

    async def attacked() -> None:
        steward, analyst = (
            httpx.AsyncClient(base_url=base, auth=(name, f"{name}-secret"), headers=HEADERS, timeout=PATIENCE_S)
            for name in ("steward", "analyst")
        )
        async with steward, analyst, anyio.create_task_group() as group:
            mine, other = [
                {"Mcp-Session-Id": (await one.post("/mcp", json=INITIALIZE)).headers["mcp-session-id"]}
                for one in (steward, analyst)
            ]
            group.start_soon(lambda: steward.post("/mcp", json=call("query_sql", sql=SLOW), headers=mine))
            await occurs(gateway.begun)
            for sender, headers, status in ((analyst, other, 202), (analyst, mine, 404), (analyst, {}, 202)):
                assert (await sender.post("/mcp", json=cancel, headers=headers)).status_code == status
            assert not gateway.ended.is_set()
            await steward.post("/mcp", json=cancel, headers=mine)
            await occurs(gateway.ended)

    anyio.run(attacked)
    assert outcome(gateway) == "cancelled"


@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_a_call_that_goes_on_says_for_how_long_where_that_is_asked(watched: tuple[Watched, str], mode: str) -> None:
    gateway, base = watched
    heard: list[tuple[float, str | None]] = []

    async def waited() -> None:
        told = anyio.Event()

        async def progress(passed: float, _: float | None, words: str | None) -> None:
            heard.append((passed, words))
            told.set()

        async with connected(f"{base}/mcp", mode, auth=STEWARD) as client, anyio.create_task_group() as group:

            async def ask() -> None:
                await client.call_tool("query_sql", {"sql": SLOW}, progress_callback=progress)

            group.start_soon(ask)
            with anyio.fail_after(PATIENCE_S):
                await told.wait()
            group.cancel_scope.cancel()
            with anyio.CancelScope(shield=True):
                await occurs(gateway.ended)
                await client.list_tools()

    anyio.run(waited)
    assert heard[0][0] >= 1
    assert "query_sql" in (heard[0][1] or "")
    assert outcome(gateway) == "cancelled"
