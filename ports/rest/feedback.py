"""`GET /products/{product}/-/feedback`: what was said of a product, to who wrote it and to its stewards.

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

    @router.get("/products/{product}/-/feedback")
    async def feedback(request: Request) -> Response:
        return await exchange(request, partial(_feedback, gateway, request))

    return router


def _feedback(gateway: Gateway, request: Request, _: Lifeline) -> Answer:
    """The newest first."""
    session = address.session(gateway, request)
    asked = address.read(request)
    formats.choose(asked.accept, *question.only_format(asked.pairs), [formats.JSON])
    visible = gateway.product(session, asked.schema)
    found = [asdict(one) for one in gateway.feedback.read(session, visible)]
    return unstored({"data": found, "next": None})
