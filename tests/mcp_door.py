"""The MCP door as the SDK's own client knocks on it, over real HTTP, in either generation of the protocol."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import ExitStack, asynccontextmanager
from typing import Any, TypeVar

import httpx2
from anyio.from_thread import BlockingPortal, start_blocking_portal
from mcp.client.client import Client
from mcp.client.streamable_http import streamable_http_client
from mcp_types import CallToolResult

from gateway import Gateway
from ports.http.server import HttpPort
from tests.doors import Refusal

T = TypeVar("T")


@asynccontextmanager
async def connected(url: str, mode: str = "auto", **options: Any) -> AsyncIterator[Client]:
    """A client of the door at `url`; `options` are httpx's."""
    async with (
        httpx2.AsyncClient(**{"timeout": 60, **options}) as http,
        Client(streamable_http_client(url, http_client=http), mode=mode) as client,
    ):
        yield client


class McpDoor:
    """Tools over HTTP, one client a principal, kept open."""

    name = "mcp"
    mode = "auto"

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway
        self._port = HttpPort(gateway)
        self._port.start()
        self._stack = ExitStack()
        self._portal: BlockingPortal = self._stack.enter_context(start_blocking_portal())
        self._clients: dict[str, Client] = {}

    @property
    def url(self) -> str:
        """Its address."""
        host, number = self._port.address
        return f"http://{host}:{number}/mcp"

    def client(self, subject: str) -> Client:
        """The client of a principal."""
        if subject not in self._clients:
            opened = connected(self.url, self.mode, auth=(subject, f"{subject}-secret"))
            self._clients[subject] = self._stack.enter_context(self._portal.wrap_async_context_manager(opened))
        return self._clients[subject]

    def run(self, asked: Callable[..., Awaitable[T]], *given: Any) -> T:
        """What a coroutine gives, on the clients' loop."""
        return self._portal.call(asked, *given)

    def call(self, subject: str, tool: str, /, **arguments: Any) -> CallToolResult:
        """What a tool answers, be it a refusal."""
        answer = self.run(self.client(subject).call_tool, tool, arguments)
        assert isinstance(answer, CallToolResult)
        return answer

    def ask(self, subject: str, tool: str, /, **arguments: Any) -> dict[str, Any]:
        """A tool's document, or raises Refusal with the code and the words."""
        answer = self.call(subject, tool, **arguments)
        if answer.is_error:
            told = text(answer)
            raise Refusal(told.partition(":")[0].removeprefix("error "), told)
        document: dict[str, Any] = answer.structured_content
        return document

    def close(self) -> None:
        self._stack.close()
        self._port.stop()


class LegacyMcpDoor(McpDoor):
    """The same, beginning with `initialize`."""

    name = "mcp-legacy"
    mode = "legacy"


def text(answer: CallToolResult) -> str:
    """What a model reads."""
    (content,) = answer.content
    assert content.type == "text"
    return content.text
