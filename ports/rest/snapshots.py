"""`GET /products/{product}/-/snapshots`: what `snapshot=` takes, and until when. Touches the front door only."""

from __future__ import annotations

import re
from functools import partial

import orjson
from fastapi import APIRouter, Request
from fastapi.responses import Response

from gateway import Gateway, NotFound
from ports.http import authentication
from ports.http.exchange import Answer, Lifeline, exchange
from ports.http.snapshots import listed
from ports.rest import formats, question
from ports.rest.address import PORT

_NAME = re.compile(r"([^@]*)(?:@([0-9]{1,6}))?")


def routes(gateway: Gateway) -> APIRouter:
    """The one route; it stands before those of tables, of which none is called `-`."""
    router = APIRouter()

    @router.get("/products/{product}/-/snapshots")
    async def snapshots(request: Request) -> Response:
        return await exchange(request, partial(_snapshots, gateway, request))

    return router


def _snapshots(gateway: Gateway, request: Request, _: Lifeline) -> Answer:
    """The served and kept snapshots of a visible product, the newest first."""
    session = authentication.session(gateway, request, PORT)
    pairs = question.pairs(request.scope["query_string"].decode("latin-1"))
    formats.choose(request.headers.get("accept"), *question.only_format(pairs), [formats.JSON])
    written = request.path_params["product"]
    match = _NAME.fullmatch(written)
    if match is None:
        raise NotFound(f'product "{written}" does not exist', reason="product")
    found = listed(gateway, session, match[1], None if match[2] is None else int(match[2]))
    body = {"data": [one.document for one in found], "next": None}
    return Answer("application/json", iter([orjson.dumps(body)]))
