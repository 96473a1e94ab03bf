"""`GET /products/{product}/-/access?as=SUBJECT`: what another would get, by which rules, for who may simulate it.

Decisions only, no row. Touches the front door only.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from fastapi import APIRouter, Request
from fastapi.responses import Response

from gateway import BadQuery, Gateway, Supposed
from ports.http.exchange import Answer, Lifeline, exchange
from ports.rest import address, formats, question
from ports.rest.address import PORT, Pairs
from ports.rest.unstored import unstored

_KNOWN = ("as", "port", "purpose", "on_behalf_of", "format")


def routes(gateway: Gateway) -> APIRouter:
    """The one route; it stands before those of tables, of which none is called `-`."""
    router = APIRouter()

    @router.get("/products/{product}/-/access")
    async def access(request: Request) -> Response:
        return await exchange(request, partial(_access, gateway, request))

    return router


def _access(gateway: Gateway, request: Request, _: Lifeline) -> Answer:
    session = address.session(gateway, request)
    asked = address.read(request)
    wanted = question.only_format(tuple(one for one in asked.pairs if one[0] == "format"))
    formats.choose(asked.accept, *wanted, [formats.JSON])
    told = _understood(asked.pairs)
    found = gateway.stewards.explain(
        session,
        Supposed(told["as"], asked.schema, told.get("port", PORT), told.get("purpose"), told.get("on_behalf_of")),
    )
    return unstored({"data": found.document})


def _understood(pairs: Pairs) -> Mapping[str, str]:
    """The parameters by name. Raises BadQuery for one that is unknown, empty or there twice, and without `as`."""
    told = dict(pairs)
    if len(told) != len(pairs) or "" in told.values() or set(told) - set(_KNOWN):
        raise BadQuery(f"this address takes {', '.join(_KNOWN)}, each once", reason="parameter")
    if "as" not in told:
        raise BadQuery("whose access? Add as=SUBJECT", reason="parameter")
    return told
