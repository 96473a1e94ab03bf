"""`GET /-/suggest?name=...`: what is served already of what is wanted, as far as the asker sees it.

Touches the front door only.
"""

from __future__ import annotations

from dataclasses import asdict
from functools import partial

from fastapi import APIRouter, Request
from fastapi.responses import Response

from gateway import BadQuery, Gateway
from ports.http.exchange import Answer, Lifeline, exchange
from ports.http.finding import suggestions
from ports.rest import address, formats
from ports.rest.unstored import unstored

NAMES = 20
NAME_LENGTH = 100


def routes(gateway: Gateway) -> APIRouter:
    """The one route."""
    router = APIRouter()

    @router.get("/-/suggest")
    async def suggest(request: Request) -> Response:
        return await exchange(request, partial(_suggest, gateway, request))

    return router


def _suggest(gateway: Gateway, request: Request, _: Lifeline) -> Answer:
    session = address.session(gateway, request)
    asked = address.read(request)
    formats.choose(asked.accept, None, None, [formats.JSON])
    names = [text for name, text in asked.pairs if name == "name"]
    if not 0 < len(names) == len(asked.pairs) <= NAMES or any(len(one) > NAME_LENGTH for one in names):
        told = f"this address takes name=, 1 to {NAMES} times, each with at most {NAME_LENGTH} characters"
        raise BadQuery(told, reason="parameter")
    found = suggestions(gateway.products(session), names)
    content = {"data": [asdict(one) for one in found], "next": None}
    return unstored(content)
