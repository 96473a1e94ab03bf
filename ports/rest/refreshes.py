"""`POST /products/{product}/-/refresh` and `GET .../-/refreshes`: runs of a product, for who manages it.

Touches the front door only.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from fastapi import APIRouter, Request
from fastapi.responses import Response

from gateway import BadQuery, Gateway
from ports.http.exchange import Answer, Lifeline, exchange
from ports.rest import address, formats
from ports.rest.unstored import unstored

LIMIT = range(1, 1001)
_DEFAULT = 50


def routes(gateway: Gateway) -> APIRouter:
    """Both routes; they stand before those of tables, of which none is called `-`."""
    router = APIRouter()

    @router.post("/products/{product}/-/refresh")
    async def refresh(request: Request) -> Response:
        return await exchange(request, partial(_refresh, gateway, request))

    @router.get("/products/{product}/-/refreshes")
    async def refreshes(request: Request) -> Response:
        return await exchange(request, partial(_refreshes, gateway, request))

    return router


def _refresh(gateway: Gateway, request: Request, _: Lifeline) -> Answer:
    """The run that will make the product anew: one that waits already where there is one."""
    session = address.changing(gateway, request)
    asked = address.read(request)
    only(asked.pairs, ())
    one = gateway.refreshes.request(session, asked.schema)
    content = {"data": {"run": one.run, "product": one.product, "asked": one.asked, "attempt": one.attempt}}
    return unstored(content, 202, {"Location": f"/products/{one.product}/-/refreshes"})


def _refreshes(gateway: Gateway, request: Request, _: Lifeline) -> Answer:
    """The newest first."""
    session = address.session(gateway, request)
    asked = address.read(request)
    given = only(asked.pairs, ("limit",))
    formats.choose(asked.accept, None, None, [formats.JSON])
    found = gateway.refreshes.history(session, asked.schema, limit(given.get("limit")))
    content = {"data": [one.document for one in found], "next": None}
    return unstored(content)


def only(pairs: Sequence[tuple[str, str]], known: Sequence[str]) -> dict[str, str]:
    """The parameters of an address that takes `known` ones, each once. Raises BadQuery."""
    for name, _ in pairs:
        if name not in known:
            hint = f"known are {', '.join(known)}" if known else "this address takes none"
            raise BadQuery(f'unknown parameter "{name:.64}"', reason="parameter", hint=hint)
    found = dict(pairs)
    if len(found) < len(pairs):
        raise BadQuery("a parameter is given twice", reason="parameter")
    return found


def limit(given: str | None) -> int:
    """How many. Raises BadQuery."""
    if given is None:
        return _DEFAULT
    if not given.isascii() or not given.isdigit() or len(given) > 4 or int(given) not in LIMIT:
        raise BadQuery(f"limit is a whole number from 1 to {LIMIT[-1]}", reason="value")
    return int(given)
