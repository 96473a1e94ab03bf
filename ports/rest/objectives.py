"""`/products/{product}/-/slo`: how its promises are kept, and words about incidents; `/-/maintenance`: when they do not
count; `/-/scorecards`: what it is worth.

Touches the front door only.
"""

from __future__ import annotations

from functools import partial

from fastapi import APIRouter, Request
from fastapi.responses import Response

from gateway import BadQuery, Gateway
from ports.http import authentication
from ports.http.exchange import Answer, Lifeline, body, exchange
from ports.rest import address, formats, question, statement
from ports.rest.address import PORT
from ports.rest.refreshes import only
from ports.rest.routes import only_a_json_body
from ports.rest.unstored import unstored

_WINDOW = ("from", "until", "reason")


def routes(gateway: Gateway) -> APIRouter:
    """The routes; they stand before those of tables, of which none is called `-`."""
    router = APIRouter()

    @router.get("/products/{product}/-/slo")
    async def slo(request: Request) -> Response:
        return await exchange(request, partial(_slo, gateway, request))

    @router.post("/products/{product}/-/slo/incidents/{incident}")
    async def acknowledge(request: Request) -> Response:
        content = await body(request)
        return await exchange(request, partial(_acknowledged, gateway, request, content))

    @router.post("/products/{product}/-/maintenance")
    async def declare(request: Request) -> Response:
        content = await body(request)
        return await exchange(request, partial(_declared, gateway, request, content))

    @router.delete("/products/{product}/-/maintenance/{window}")
    async def cancel(request: Request) -> Response:
        return await exchange(request, partial(_cancelled, gateway, request))

    @router.get("/-/scorecards")
    async def scorecards(request: Request) -> Response:
        return await exchange(request, partial(_scorecards, gateway, request))

    return router


def _scorecards(gateway: Gateway, request: Request, _: Lifeline) -> Answer:
    """Of every product that is seen, of its domain, and of all together."""
    session = authentication.session(gateway, request, PORT)
    asked = address.read(request)
    formats.choose(asked.accept, *question.only_format(asked.pairs), [formats.JSON])
    found = gateway.scorecards.of(session)
    return unstored({"data": found})


def _slo(gateway: Gateway, request: Request, _: Lifeline) -> Answer:
    """Every objective by door and window, and the incidents of 30 days, the newest first."""
    session = address.session(gateway, request)
    asked = address.read(request)
    formats.choose(asked.accept, *question.only_format(asked.pairs), [formats.JSON])
    found = gateway.slo.of(session, gateway.product(session, asked.schema))
    document = {
        "at": found.at,
        "objectives": list(found.results),
        "incidents": list(found.incidents),
        "maintenance": list(found.maintenance),
    }
    return unstored({"data": document})


def _acknowledged(gateway: Gateway, request: Request, content: bytes, _: Lifeline) -> Answer:
    """Who manages the product has seen the incident: `{"acknowledge": "words"}`."""
    session = address.changing(gateway, request)
    only_a_json_body(request)
    given = statement.read(content)
    words = given.get("acknowledge") if isinstance(given, dict) and set(given) == {"acknowledge"} else None
    if not isinstance(words, str):
        raise BadQuery('the body is {"acknowledge": "words"}', reason="syntax")
    product, incident = address.read(request).schema, request.path_params["incident"]
    gateway.slo.acknowledge(session, product, incident, words)
    return unstored({"data": {"acknowledged": incident}})


def _declared(gateway: Gateway, request: Request, content: bytes, _: Lifeline) -> Answer:
    """A window in which the product need not be served: `{"from": ..., "until": ..., "reason": ...}`."""
    session, product = address.changing(gateway, request), address.read(request).schema
    only(address.read(request).pairs, ())
    # Who may not manage it learns that before what the body should have been.
    gateway.managers.check(session, product)
    only_a_json_body(request)
    given = statement.read(content)
    if not isinstance(given, dict) or set(given) != set(_WINDOW) or not all(isinstance(o, str) for o in given.values()):
        raise BadQuery(f"the body is an object of the texts {', '.join(_WINDOW)}", reason="syntax")
    made = gateway.slo.declare(session, product, *(given[name] for name in _WINDOW))
    told = {"window": made.id, "from": made.begins.isoformat(), "until": made.ends.isoformat()}
    return unstored({"data": told}, 201)


def _cancelled(gateway: Gateway, request: Request, _: Lifeline) -> Answer:
    session, asked = address.changing(gateway, request), address.read(request)
    only(asked.pairs, ())
    window = request.path_params["window"]
    gateway.slo.cancel(session, asked.schema, window)
    return unstored({"data": {"cancelled": window}})
