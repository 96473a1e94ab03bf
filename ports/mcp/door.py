"""The MCP door's one address: who asks, from where, and whether they are still there. Touches the front door only.

The SDK answers what is asked (protocol.py); it is loaded by the first request, since that takes a second which servers
without agents need not spend.
"""

from __future__ import annotations

import asyncio
import importlib
import ipaddress
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import orjson
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.types import Message, Receive, Scope, Send

from gateway import Gateway, Session, Unauthenticated
from ports.http import asked, authentication, errors, pages, pinning
from ports.http.exchange import Lifeline, body
from ports.http.lane import Lane
from ports.mcp.call import PORT, Call
from ports.mcp.sessions import HEADER, Key, Sessions

PATH = "/mcp"
METADATA = "/.well-known/oauth-protected-resource"
_CANCELLED = "notifications/cancelled"


class Door:
    """Answers MCP requests, one POST each: an ASGI application."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._sessions = Sessions(gateway)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request. Raises GatewayErrors, which the guard around all routes tells."""
        request = Request(scope, receive)
        lane: Lane = request.app.state.lane
        if not allowed(request, self._gateway.settings.origins):
            await errors.http_problem(403, "pages of this origin may not ask here")(scope, receive, send)
            return
        try:
            session = await lane.run(partial(self._opened, request))
        except Unauthenticated as error:
            await _challenge(self._gateway, request, error)(scope, receive, send)
            return
        content = await body(request)
        message = _read(content)
        key = None
        if (given := request.headers.get(HEADER)) is not None:
            number = self._sessions.known(given, session)
            if number is None:
                await errors.http_problem(404, "this session does not exist: initialize again")(scope, receive, send)
                return
            key = self._key(number, message)
        protocol = await lane.run(partial(importlib.import_module, "ports.mcp.protocol"))
        await self._served(protocol, session, message, key, content, scope, receive, send)

    def _opened(self, request: Request) -> Session:
        session = authentication.session(self._gateway, request, PORT)
        return session.pinned(pinning.snapshots(request.headers))

    def _key(self, number: str, message: dict[str, Any]) -> Key | None:
        """What a request of the session is cancelled by; a cancellation is done."""
        if message.get("method") == _CANCELLED:
            meant = _parameters(message).get("requestId")
            if isinstance(meant, str | int):
                self._sessions.cancel((number, meant))
            return None
        named = message.get("id")
        return (number, named) if isinstance(named, str | int) else None

    async def _served(
        self,
        protocol: Any,
        session: Session,
        message: dict[str, Any],
        key: Key | None,
        content: bytes,
        scope: Scope,
        receive: Receive,
        send: Send,
    ) -> None:
        lifeline = Lifeline()
        client = _Client(content, receive, lifeline)
        method = message.get("method")

        async def sending(sent: Message) -> None:
            if sent["type"] == "http.response.start" and method == "initialize" and sent["status"] == 200:
                MutableHeaders(scope=sent)[HEADER] = self._sessions.made(session)
            if sent["type"] == "http.response.body" and (size := len(sent.get("body", b""))):
                lifeline.sent(size)
            await send(sent)

        if key is not None:
            self._sessions.begin(key, lifeline)
        try:
            call = Call(self._gateway, session, lifeline)
            lane = scope["app"].state.lane
            events = "progressToken" in (_parameters(message).get("_meta") or {})
            await protocol.serve(call, lane, method, events, scope, client.receive, sending)
        finally:
            client.close()
            lifeline.cut()
            if key is not None:
                self._sessions.end(key, lifeline)


class _Client:
    """Who sent a request: its body once more, and then that it goes away, which cuts the lifeline at once."""

    def __init__(self, content: bytes, receive: Receive, lifeline: Lifeline) -> None:
        self._content: bytes | None = content
        self._receive, self._lifeline = receive, lifeline
        self._gone = asyncio.Event()
        self._watching = asyncio.create_task(self._watch())

    async def receive(self) -> Message:
        """The next message of the client's, as ASGI has it."""
        if self._content is not None:
            content, self._content = self._content, None
            return {"type": "http.request", "body": content, "more_body": False}
        await self._gone.wait()
        return {"type": "http.disconnect"}

    def close(self) -> None:
        """Watch no longer."""
        self._watching.cancel()

    async def _watch(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._lifeline.cut()
        self._gone.set()


def allowed(request: Request, origins: tuple[str, ...]) -> bool:
    """Whether a page of the request's origin may ask: of a setting's origins, or of this very address.

    A name in the address proves nothing, since its owner may have it lead anywhere (DNS rebinding): only localhost and
    an address in numbers are believed.
    """
    origin = request.headers.get("origin")
    if origin is None or origin in origins:
        return True
    at = urlsplit(origin)
    if at.netloc != request.headers.get("host", ""):
        return False
    try:
        return at.hostname == "localhost" or bool(ipaddress.ip_address(at.hostname or ""))
    except ValueError:
        return False


def resource(gateway: Gateway, request: Request) -> str:
    """The door's address as clients call it."""
    return gateway.settings.mcp_url or f"{request.url.scheme}://{pages.host(gateway, request)}{PATH}"


def metadata_address(gateway: Gateway, request: Request) -> str:
    """Where the door's metadata are (RFC 9728, 3.1): the well-known path stands before the door's own."""
    at = urlsplit(resource(gateway, request))
    return f"{at.scheme}://{at.netloc}{METADATA}{PATH}"


def _challenge(gateway: Gateway, request: Request, error: Unauthenticated) -> Any:
    """401; where tokens of issuers are taken, it says where clients learn of these."""
    response = errors.refused(request, asked.told(gateway, request.scope, error))
    if response.status_code == 401 and gateway.issuers is not None:
        # The last challenge is Bearer's, to which the parameter belongs; clients look at the first.
        *others, bearer = response.headers.getlist("www-authenticate")
        del response.headers["www-authenticate"]
        for one in (f'{bearer}, resource_metadata="{metadata_address(gateway, request)}"', *others):
            response.headers.append("WWW-Authenticate", one)
    return response


def _read(content: bytes) -> dict[str, Any]:
    """The message, as far as the door looks at it; the SDK refuses what is none."""
    try:
        found = orjson.loads(content)
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}


def _parameters(message: dict[str, Any]) -> dict[str, Any]:
    found = message.get("params")
    return found if isinstance(found, dict) else {}
