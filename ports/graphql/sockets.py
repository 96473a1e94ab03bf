"""The web socket of the GraphQL port: graphql-transport-ws, by strawberry's handler of that protocol.

One session for each connection, opened by its handshake's headers or certificate or by its first message; it is looked
at again and again, and the socket closes when what opened it has ended. Each operation counts as a request. Touches
the gateway's front door only.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import suppress
from datetime import timedelta
from functools import partial
from typing import Any, cast
from urllib.parse import urlsplit

import orjson
from graphql import GraphQLError
from starlette.requests import HTTPConnection
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState
from strawberry.exceptions import ConnectionRejectionError
from strawberry.http.exceptions import NonJsonMessageReceived, NonTextMessageReceived, WebSocketDisconnected
from strawberry.subscriptions.protocols.graphql_transport_ws.handlers import BaseGraphQLTransportWSHandler
from strawberry.types.execution import ExecutionResult, PreExecutionError

from gateway import BadQuery, Gateway, GatewayError, NotFound, Session, Unauthenticated
from ports.graphql import errors, request
from ports.graphql.door import Door
from ports.graphql.publications import TICK_S, Publications, Watched
from ports.graphql.request import MODERN
from ports.graphql.shape import PORT
from ports.http import authentication, pinning
from ports.http.exchange import Answer, Awaited, Lifeline
from ports.http.lane import Lane

PROTOCOL = "graphql-transport-ws"
INIT_S = 10
OPERATION_LIMIT = 20
# Who says nothing for so long is asked whether it is there, and is not where it says nothing for longer.
PING_S, SILENT_S = 20.0, 60.0
# The protocol's own codes of closing; 1013 is "try again later".
_UNAUTHORIZED, _FORBIDDEN, _FULL, _GONE = 4401, 4403, 1013, 1001
_ENDED = "the credentials have ended"
_HEADERS = (
    "authorization",
    authentication.PURPOSE_HEADER,
    authentication.BEHALF_HEADER,
    authentication.TRACE_HEADER,
    pinning.SNAPSHOT_HEADER,
)


class Sockets:
    """Every web socket of one process."""

    def __init__(self, gateway: Gateway, door: Door) -> None:
        self._gateway, self._door = gateway, door
        self._open = 0
        self._principals: Counter[str] = Counter()

    async def serve(self, socket: WebSocket) -> None:
        """One connection, to its end."""
        if not self._admits(socket):
            await socket.close(_FORBIDDEN)
            return
        if self._open >= self._gateway.settings.graphql_sockets:
            await socket.close(_FULL)
            return
        self._open += 1
        try:
            await socket.accept(PROTOCOL)
            await _Connection(self._gateway, self._door, socket, self._principals).serve()
        finally:
            self._open -= 1

    def _admits(self, socket: WebSocket) -> bool:
        """Whether the handshake speaks our protocol and, from a browser, comes from a page of ours or one allowed.

        A browser sends along what it knows of a password, whichever page asks it to.
        """
        if PROTOCOL not in socket.scope.get("subprotocols", ()):
            return False
        origin = socket.headers.get("origin")
        return (
            origin is None
            or origin in self._gateway.settings.origins
            or urlsplit(origin).netloc == socket.headers.get("host")
        )


class _Connection:
    """One connection: what strawberry's handler calls its view, its socket and its schema."""

    def __init__(self, gateway: Gateway, door: Door, socket: WebSocket, principals: Counter[str]) -> None:
        self._gateway, self._door, self._socket = gateway, door, socket
        self._principals = principals
        self._lane: Lane = socket.app.state.lane
        self._session: Session | None = None
        self._watch: asyncio.Task[None] | None = None
        self._heard = self._pinged = time.monotonic()

    async def serve(self) -> None:
        """Answer messages until the connection ends."""
        handler: Any = BaseGraphQLTransportWSHandler(
            view=cast(Any, self),
            websocket=cast(Any, self),
            context={},
            root_value=None,
            schema=cast(Any, self),
            connection_init_wait_timeout=timedelta(seconds=INIT_S),
            max_subscriptions_per_connection=OPERATION_LIMIT,
        )
        try:
            await handler.handle()
        finally:
            if self._watch is not None:
                self._watch.cancel()
            if self._session is not None:
                self._principals[self._session.principal.subject] -= 1
                self._principals += Counter()  # forgets those that have none

    async def on_ws_connect(self, context: dict[str, Any]) -> dict[str, object]:
        """Open the session. Raises ConnectionRejectionError, upon which the handler closes the socket."""
        try:
            session = await self._lane.run(partial(self._opened, context.get("connection_params") or {}))
        except Exception as error:
            self._kept(error)
            raise ConnectionRejectionError({}) from error
        subject = session.principal.subject
        if 2 * self._principals[subject] >= self._gateway.settings.graphql_sockets:
            raise ConnectionRejectionError({})  # one principal has no more than half of them
        self._principals[subject] += 1
        self._session = session
        self._watch = asyncio.create_task(self._watched(self._session))
        return {}

    async def iter_json(self, *, ignore_parsing_errors: bool = False) -> AsyncGenerator[object, None]:
        """The messages."""
        while self._socket.application_state is not WebSocketState.DISCONNECTED:
            message = await self._socket.receive()
            self._heard = time.monotonic()
            if message["type"] == "websocket.disconnect":
                return
            if message.get("text") is None:
                raise NonTextMessageReceived
            try:
                read = json.loads(message["text"])
            except (ValueError, RecursionError) as error:
                raise NonJsonMessageReceived from error
            if not isinstance(read, dict) or not isinstance(read.get("payload", {}), dict):
                raise NonJsonMessageReceived
            if not isinstance(read.get("id", ""), str):
                raise NonJsonMessageReceived
            yield read

    async def send_json(self, message: Mapping[str, object]) -> None:
        """Send a message. Raises WebSocketDisconnected once nobody is there."""
        try:
            await self._socket.send_text(orjson.dumps(message).decode())
        except (WebSocketDisconnect, RuntimeError) as error:
            raise WebSocketDisconnected from error

    async def close(self, code: int, reason: str) -> None:
        """End the connection."""
        with suppress(WebSocketDisconnect, RuntimeError):
            await self._socket.close(code, reason)

    async def stream(
        self,
        query: object,
        variable_values: object = None,
        context_value: object = None,
        root_value: object = None,
        operation_name: object = None,
    ) -> AsyncGenerator[ExecutionResult, None]:
        """The results of one operation."""
        given = {"query": query, "variables": variable_values, "operationName": operation_name}
        return self._results(given)

    async def _results(self, given: dict[str, object]) -> AsyncGenerator[ExecutionResult, None]:
        assert self._session is not None, "the handler subscribes after on_ws_connect only"
        lifeline = Lifeline()
        try:
            asked = request.understood(given)
            found = await self._lane.run(partial(self._begun, self._session, asked, lifeline))
            if isinstance(found, Watched):
                async for one in self._followed(self._session, found):
                    yield ExecutionResult(one, None)
            else:
                yield found
        except Exception as error:
            refused = error if isinstance(error, errors.Refused) else errors.refused(self._kept(error))
            told = [GraphQLError(one["message"], extensions=one["extensions"]) for one in refused.errors]
            yield PreExecutionError(None, told)
        finally:
            lifeline.cut()  # also where a client takes an operation back, or goes away

    def _kept(self, error: Exception) -> GatewayError:
        """What the client may be told of an operation's end, on record."""
        return self._gateway.refusals.told(PORT, self._session, "", error)

    async def _followed(self, session: Session, watched: Watched) -> AsyncGenerator[dict[str, object], None]:
        """The publications; the socket closes once the right to them has ended."""
        publications = Publications(self._gateway, session, self._lane, watched)
        await publications.begin()
        try:
            async for one in publications.follow():
                yield one
        except NotFound:
            await self.close(_FORBIDDEN, "the permission for a subscription has ended")
        except Unauthenticated:
            await self.close(_UNAUTHORIZED, _ENDED)

    def _begun(self, session: Session, asked: request.Asked, lifeline: Lifeline) -> Watched | ExecutionResult:
        """What an operation is, or its answer where it is a query. Raises Refused, GatewayError."""
        self._lane.blocks()
        self._gateway.asked_again(session)
        watched = self._door.watched(session, asked)
        if watched is not None:
            return watched
        try:
            given = self._door.answer(session, asked, MODERN, lifeline)
            answer: Answer = given.answer() if isinstance(given, Awaited) else given
            text = b"".join(answer.chunks)
            lifeline.sent(len(text))
            content = orjson.loads(text)
        finally:
            lifeline.release()
        if "errors" in content:
            raise errors.Refused(content["errors"])
        return ExecutionResult(content["data"], None, content.get("extensions"))

    def _opened(self, given: Mapping[str, object]) -> Session:
        """The session that the first message proves, or else the handshake. Raises as `Gateway.open` does.

        On whose behalf is asked is said in one of the two: what a proxy has added, its client does not overrule.
        """
        written = [(name.lower(), value) for name, value in given.items() if name.lower() in _HEADERS]
        if not all(isinstance(value, str) for _, value in written):
            raise BadQuery("what stands for a header is a text", reason="value")
        said = {name for name, _ in written} - {authentication.BEHALF_HEADER}
        shown = [(name, value) for name, value in self._socket.headers.items() if name in _HEADERS and name not in said]
        pairs = [(name.encode(), str(value).encode("latin-1", "replace")) for name, value in (*written, *shown)]
        connection = HTTPConnection({"type": "http", "headers": pairs, "state": self._socket.scope.get("state", {})})
        session = authentication.session(self._gateway, connection, PORT)
        return session.pinned(pinning.snapshots(connection.headers))

    async def _watched(self, session: Session) -> None:
        """Close the socket once the session has ended, or nobody is there."""
        stands: Callable[[], None] = partial(self._stands, session)
        while True:
            await asyncio.sleep(TICK_S)
            try:
                await self._lane.run(stands)
            except Unauthenticated:
                await self.close(_UNAUTHORIZED, _ENDED)
                return
            except GatewayError:
                pass  # a snapshot that is no longer kept, or a moment's trouble: operations tell of it
            now = time.monotonic()
            if now - self._heard > SILENT_S:
                await self.close(_GONE, "pings were not answered")
                return
            if now - max(self._heard, self._pinged) > PING_S:
                self._pinged = now
                with suppress(WebSocketDisconnected, TimeoutError):
                    await asyncio.wait_for(self.send_json({"type": "ping"}), TICK_S)

    def _stands(self, session: Session) -> None:
        self._gateway.stands(session)
        self._gateway.schemas(session, self._gateway.pin(session))
