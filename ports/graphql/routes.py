"""The GraphQL port's address: requests to questions, answers to bytes. Touches the gateway's front door only."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from fastapi import APIRouter, Request
from fastapi.responses import Response
from starlette.routing import WebSocketRoute

from gateway import Gateway
from ports.graphql import errors, request
from ports.graphql.door import Door, refused, refusing
from ports.graphql.request import LEGACY, Asked
from ports.graphql.shape import PORT
from ports.graphql.sockets import Sockets
from ports.http import authentication, pinning
from ports.http.exchange import Answer, Awaited, Lifeline, body, exchange

PATH = "/graphql"


def routes(gateway: Gateway) -> APIRouter:
    """The routes of the GraphQL port."""
    router = APIRouter()
    door = Door(gateway)

    def work(asked: Request, read: Callable[[], Asked], lifeline: Lifeline) -> Answer | Awaited:
        try:
            media_type = request.media_type(asked.headers)
        except errors.Refused as error:
            return refused(LEGACY, error)
        given: Answer | Awaited = refusing(media_type, partial(answer, asked, read, media_type, lifeline))
        return given

    def answer(asked: Request, read: Callable[[], Asked], media_type: str, lifeline: Lifeline) -> Answer | Awaited:
        # The session, first: who is nobody is told nothing else.
        session = authentication.session(gateway, asked, PORT)
        session = session.pinned(pinning.snapshots(asked.headers))
        return door.answer(session, read(), media_type, lifeline)

    @router.get(PATH)
    async def get(asked: Request) -> Response:
        return await exchange(asked, partial(work, asked, partial(request.of_address, asked)))

    @router.post(PATH)
    async def post(asked: Request) -> Response:
        content = await body(asked)
        return await exchange(asked, partial(work, asked, partial(request.of_body, asked, content)))

    router.routes.append(WebSocketRoute(PATH, Sockets(gateway, door).serve))
    return router
