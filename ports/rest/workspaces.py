"""`GET /-/workspaces`: what is of each workspace, what it may use and uses now, for who answers for it.

Touches the front door only.
"""

from __future__ import annotations

from functools import partial

from fastapi import APIRouter, Request
from fastapi.responses import Response

from gateway import Gateway
from ports.http.exchange import Answer, Lifeline, exchange
from ports.rest import address, formats
from ports.rest.refreshes import only
from ports.rest.unstored import unstored


def routes(gateway: Gateway) -> APIRouter:
    """The route."""
    router = APIRouter()

    @router.get("/-/workspaces")
    async def workspaces(request: Request) -> Response:
        return await exchange(request, partial(_workspaces, gateway, request))

    return router


def _workspaces(gateway: Gateway, request: Request, _: Lifeline) -> Answer:
    """Those of which the principal owns one, or manages a product."""
    session = address.session(gateway, request)
    asked = address.read(request)
    only(asked.pairs, ())
    formats.choose(asked.accept, None, None, [formats.JSON])
    found = [one.document for one in gateway.workspaces.of(session)]
    return unstored({"data": found})
