"""The GraphQL port's address: requests to questions, answers to bytes. Touches the gateway's front door only."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from fastapi import APIRouter, Request
from fastapi.responses import Response
from starlette.routing import WebSocketRoute

from gateway import Gateway, GatewayError
from ports.graphql import errors, request
from ports.graphql.door import Door, refused, refusing
from ports.graphql.request import LEGACY, Asked
from ports.graphql.shape import PORT
from ports.graphql.sockets import Sockets
from ports.http import asked as asking
from ports.http import authentication, pinning
from ports.http.exchange import Answer, Awaited, Lifeline, body, exchange

PATH = "/graphql"
_HERE = Path(__file__).parent / "page"
_ASSETS = {"page.css": "text/css", "page.js": "text/javascript"}
_PAGE_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
}


def routes(gateway: Gateway) -> APIRouter:
    """The routes of the GraphQL port."""
    router = APIRouter()
    door = Door(gateway)

    def work(asked: Request, read: Callable[[], Asked], lifeline: Lifeline) -> Answer | Awaited:
        try:
            media_type = request.media_type(asked.headers)
        except errors.Refused as error:
            return refused(LEGACY, error)

        def keep(error: GatewayError) -> GatewayError:
            told = asking.told(gateway, asked.scope, error)
            assert isinstance(told, GatewayError)
            return told

        given: Answer | Awaited = refusing(media_type, keep, partial(answer, asked, read, media_type, lifeline))
        return given

    def answer(asked: Request, read: Callable[[], Asked], media_type: str, lifeline: Lifeline) -> Answer | Awaited:
        # The session, first: who is nobody is told nothing else.
        session = authentication.session(gateway, asked, PORT)
        session = session.pinned(pinning.snapshots(asked.headers))
        return door.answer(session, read(), media_type, lifeline)

    page = (_HERE / "page.html").read_bytes()
    assets = {name: (_HERE / name).read_bytes() for name in _ASSETS}

    @router.get(f"{PATH}/page.css")
    @router.get(f"{PATH}/page.js")
    async def asset(asked: Request) -> Response:
        name = asked.url.path.rpartition("/")[2]
        return Response(assets[name], media_type=_ASSETS[name], headers={"Cache-Control": "public, max-age=300"})

    @router.get(PATH)
    async def get(asked: Request) -> Response:
        if request.wants_page(asked):
            # It holds nothing of anybody's: what it shows it asks for, with its reader's credentials.
            return Response(page, media_type="text/html", headers=_PAGE_HEADERS)
        return await exchange(asked, partial(work, asked, partial(request.of_address, asked)))

    @router.post(PATH)
    async def post(asked: Request) -> Response:
        content = await body(asked)
        return await exchange(asked, partial(work, asked, partial(request.of_body, asked, content)))

    router.routes.append(WebSocketRoute(PATH, Sockets(gateway, door).serve))
    return router
