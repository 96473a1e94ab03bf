"""`GET, POST /-/projections`, `GET, DELETE /-/projections/{name}`: consumers' projections, to define and take back.

Touches the front door only.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from gateway import BadQuery, Gateway
from ports.http.exchange import Answer, Lifeline, body, exchange
from ports.rest import address, formats
from ports.rest.refreshes import only
from ports.rest.unstored import unstored

TYPES = ("application/json", "application/yaml")


def routes(gateway: Gateway) -> APIRouter:
    """The routes."""
    router = APIRouter()

    @router.get("/-/projections")
    async def listed(request: Request) -> Response:
        return await exchange(request, partial(_listed, gateway, request))

    @router.post("/-/projections")
    async def define(request: Request) -> Response:
        content = await body(request)
        return await exchange(request, partial(_define, gateway, request, content))

    @router.get("/-/projections/{name}")
    async def show(request: Request) -> Response:
        return await exchange(request, partial(_show, gateway, request))

    @router.delete("/-/projections/{name}")
    async def delete(request: Request) -> Response:
        return await exchange(request, partial(_delete, gateway, request))

    return router


def _listed(gateway: Gateway, request: Request, _: Lifeline) -> Answer:
    """Those that the principal owns, and those of which it sees a table."""
    session = address.session(gateway, request)
    _plain(request)
    return _answer([one.document for one in gateway.projections.listed(session)])


def _show(gateway: Gateway, request: Request, _: Lifeline) -> Answer:
    session = address.session(gateway, request)
    _plain(request)
    return _answer(gateway.projections.show(session, request.path_params["name"]).document)


def _define(gateway: Gateway, request: Request, content: bytes, _: Lifeline) -> Answer:
    """What the body declares, in place of what was there under its name."""
    session = address.changing(gateway, request)
    _plain(request)
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in TYPES:
        raise HTTPException(415, f"a projection is declared in {' or '.join(TYPES)}")
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        raise BadQuery("the body is no text in UTF-8", reason="encoding") from error
    (told,) = gateway.projections.define(session, [("body", text)])
    return _answer(told.document)


def _delete(gateway: Gateway, request: Request, _: Lifeline) -> Answer:
    session = address.changing(gateway, request)
    _plain(request)
    return _answer({"projection": gateway.projections.delete(session, request.path_params["name"])})


def _plain(request: Request) -> None:
    """Raise BadQuery for parameters, and for what is asked for in another form than JSON."""
    asked = address.read(request)
    only(asked.pairs, ())
    formats.choose(asked.accept, None, None, [formats.JSON])


def _answer(content: Any) -> Answer:
    return unstored({"data": content})
