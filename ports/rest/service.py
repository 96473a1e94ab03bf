"""`GET /openapi.json` and `/products/{product}/-/openapi.json`: the interface as its caller may see it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from importlib.metadata import version

import orjson
from fastapi import APIRouter, Request
from fastapi.responses import Response

from gateway import Gateway, Session, VisibleProduct
from ports.http import caching, provenance
from ports.http.exchange import Answer, Lifeline, exchange
from ports.rest import address, openapi
from ports.rest.address import Address
from ports.rest.openapi_about import Rights

VERSION = version("outport")


def routes(gateway: Gateway) -> APIRouter:
    """Both addresses; they need credentials as any other does."""
    router = APIRouter()

    def whole(request: Request, _: Lifeline) -> Answer:
        session = address.session(gateway, request)
        return _answer(gateway, gateway.products(session), session, address.read(request))

    def one(request: Request, _: Lifeline) -> Answer:
        session = address.session(gateway, request)
        asked = address.read(request)
        pinned = session.pinned(asked.snapshots)
        return _answer(gateway, [gateway.product(pinned, asked.schema)], session, asked)

    @router.get("/openapi.json")
    async def all_products(request: Request) -> Response:
        return await exchange(request, partial(whole, request))

    @router.get("/products/{product}/-/openapi.json")
    async def one_product(request: Request) -> Response:
        return await exchange(request, partial(one, request))

    return router


def _answer(gateway: Gateway, visible: Sequence[VisibleProduct], session: Session, asked: Address) -> Answer:
    found = openapi.document(visible, session, VERSION, Rights.of(gateway, session, visible))
    headers = (
        provenance.of_product(visible[0]) if len(visible) == 1 and asked.schema else provenance.of_products(visible)
    )
    return caching.document(session, asked.condition, "application/json", orjson.dumps(found), headers)
