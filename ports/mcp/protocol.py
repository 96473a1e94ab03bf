"""The SDK's server for one request: lists, calls, resources and prompts of one principal. The only room that knows it.

Source: Model Context Protocol, revisions 2025-11-25 and before (initialize) and 2026-07-28 (one request at a time).
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from functools import cache, partial
from importlib.metadata import version
from typing import Any, TypeVar

import mcp_types as types
import orjson
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel.server import Server
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.shared.exceptions import MCPError
from starlette.types import Receive, Scope, Send

from gateway import GatewayError
from ports.http.lane import Lane
from ports.mcp import errors, guide, resources
from ports.mcp.call import Call
from ports.mcp.tools import TOOLS, Tool

# How often a client that asked for progress hears of a call that goes on.
PROGRESS_S = 1.0
_MINUTE_MS = 60_000
# Its lines of information come with every request, its warnings quote what clients sent.
logging.getLogger("mcp").setLevel(logging.ERROR)
T = TypeVar("T")
Context = ServerRequestContext[Any, Any]


async def serve(call: Call, lane: Lane, method: str, events: bool, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer one request; as a stream of events where `events` may come before its answer."""
    answers = _Answers(call, lane)
    server = answers.server(await answers.instructions() if method in {"initialize", "server/discover"} else None)
    # Nothing is kept from one request to the next, so that any process may answer it.
    manager = StreamableHTTPSessionManager(server, json_response=not events, stateless=True)
    async with manager.run():
        await manager.handle_request(scope, receive, send)


class _Answers:
    """The handlers of one request."""

    def __init__(self, call: Call, lane: Lane) -> None:
        self._call, self._lane = call, lane

    def server(self, instructions: str | None) -> Server[Any]:
        """The SDK's server that answers by these."""
        made = Server[Any](
            "outport",
            title="Outport",
            version=version("outport"),
            description="Governed data products",
            instructions=instructions,
            get_tool_input_schema=lambda name: TOOLS[name].input_schema if name in TOOLS else None,
            on_list_tools=self.tools,
            on_call_tool=self.tool,
            on_list_resources=self.resources,
            on_list_resource_templates=self.templates,
            on_read_resource=self.resource,
            on_list_prompts=self.prompts,
            on_get_prompt=self.prompt,
        )
        # Its spans would be a second trace of a query, outside of the setting `telemetry`.
        made.middleware.clear()
        return made

    async def instructions(self) -> str:
        """What is told first."""
        return await self._run(
            lambda: guide.instructions(self._call.gateway.products(self._call.of("initialize").session))
        )

    async def tools(self, _: Context, __: types.PaginatedRequestParams | None) -> types.ListToolsResult:
        """All tools: the same for everybody."""
        return types.ListToolsResult(tools=_tools(), ttl_ms=_MINUTE_MS, cache_scope="public")

    async def tool(self, context: Context, asked: types.CallToolRequestParams) -> types.CallToolResult:
        """One call; what is refused is told as the tool's answer, for a model to mend."""
        tool = TOOLS.get(asked.name)
        if tool is None:
            raise MCPError(types.INVALID_PARAMS, f"there is no tool of that name; there are {', '.join(TOOLS)}")
        work = asyncio.ensure_future(self._lane.run(partial(self._answer, tool, asked.arguments or {})))
        begun = time.monotonic()
        try:
            while not (await asyncio.wait({work}, timeout=PROGRESS_S))[0]:
                passed = round(time.monotonic() - begun, 1)
                await context.session.report_progress(passed, None, f"{tool.name}: {passed:.0f} s")
        except asyncio.CancelledError:
            self._call.lifeline.cut()
            raise
        return work.result()

    async def resources(self, _: Context, asked: types.PaginatedRequestParams | None) -> types.ListResourcesResult:
        """A page of the products that are visible."""
        found, following = await self._run(
            partial(resources.listed, self._call.of("resources/list"), asked.cursor if asked else None)
        )
        return types.ListResourcesResult(
            resources=[
                types.Resource(
                    uri=one.uri, name=one.name, title=one.title, description=one.about, mime_type=resources.JSON
                )
                for one in found
            ],
            next_cursor=following,
        )

    async def templates(self, _: Context, __: types.PaginatedRequestParams | None) -> types.ListResourceTemplatesResult:
        """How resources are addressed."""
        return types.ListResourceTemplatesResult(
            resource_templates=[
                types.ResourceTemplate(uri_template=uri, name=name, description=about, mime_type=resources.JSON)
                for uri, name, about in resources.TEMPLATES
            ]
        )

    async def resource(self, _: Context, asked: types.ReadResourceRequestParams) -> types.ReadResourceResult:
        """One resource, as the principal may see it."""
        content = await self._run(partial(resources.read, self._call.of("resources/read"), str(asked.uri)))
        text = orjson.dumps(content).decode()
        return types.ReadResourceResult(
            contents=[types.TextResourceContents(uri=asked.uri, mime_type=resources.JSON, text=text)]
        )

    async def prompts(self, _: Context, __: types.PaginatedRequestParams | None) -> types.ListPromptsResult:
        """The one prompt."""
        argument = types.PromptArgument(name="question", description="what to find out", required=True)
        about = "Answer a question from the data products, with its source"
        return types.ListPromptsResult(
            prompts=[types.Prompt(name="answer_question", description=about, arguments=[argument])]
        )

    async def prompt(self, _: Context, asked: types.GetPromptRequestParams) -> types.GetPromptResult:
        """That prompt, filled in."""
        given = (asked.arguments or {}).get("question", "").strip()
        if asked.name != "answer_question" or not given:
            raise MCPError(types.INVALID_PARAMS, "there is the prompt answer_question, which takes a question")
        content = types.TextContent(type="text", text=guide.question(given))
        return types.GetPromptResult(messages=[types.PromptMessage(role="user", content=content)])

    async def _run(self, work: Callable[[], T]) -> T:
        try:
            return await self._lane.run(work)
        except GatewayError as error:
            told = self._told(error, "")
            raise MCPError(types.INVALID_PARAMS, told.message, {"code": told.code, "hint": told.hint}) from None

    def _told(self, error: Exception, text: str) -> GatewayError:
        """What the client may be told of an error, on record."""
        return self._call.gateway.refusals.told(self._call.session.port, self._call.session, text, error)

    def _answer(self, tool: Tool, given: Mapping[str, Any]) -> types.CallToolResult:
        self._lane.blocks()
        try:
            answered = tool.answer(self._call, given)
        except Exception as error:
            text = str(given.get("sql", ""))
            return _refused(errors.told(self._told(error, text), text))
        return types.CallToolResult(
            content=[types.TextContent(type="text", text=answered.text)], structured_content=answered.content
        )


def _refused(text: str) -> types.CallToolResult:
    return types.CallToolResult(content=[types.TextContent(type="text", text=text)], is_error=True)


@cache
def _tools() -> list[types.Tool]:
    return [
        types.Tool(
            name=one.name,
            title=one.title,
            description=one.description,
            input_schema=one.input_schema,
            output_schema=one.output_schema,
            annotations=types.ToolAnnotations(
                title=one.title,
                read_only_hint=not one.writes,
                destructive_hint=False,
                idempotent_hint=not one.writes,
                open_world_hint=False,
            ),
        )
        for one in TOOLS.values()
    ]
