"""`GET /products/{product}/-/quarantine`: rows of the inputs that were set aside, to who may manage the product.

Touches the front door only.
"""

from __future__ import annotations

from dataclasses import asdict
from functools import partial

from fastapi import APIRouter, Request
from fastapi.responses import Response

from gateway import Gateway
from ports.http.exchange import Answer, Lifeline, exchange
from ports.rest import address, formats, question
from ports.rest.unstored import unstored


def routes(gateway: Gateway) -> APIRouter:
    """The one route; it stands before those of tables, of which none is called `-`."""
    router = APIRouter()

    @router.get("/products/{product}/-/quarantine")
    async def quarantine(request: Request) -> Response:
        return await exchange(request, partial(_quarantine, gateway, request))

    return router


def _quarantine(gateway: Gateway, request: Request, _: Lifeline) -> Answer:
    session = address.session(gateway, request)
    asked = address.read(request)
    formats.choose(asked.accept, *question.only_format(asked.pairs), [formats.JSON])
    found = [asdict(one) | {"broken": dict(one.broken)} for one in gateway.quarantine.read(session, asked.schema)]
    return unstored({"data": found, "next": None})
