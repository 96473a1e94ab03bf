"""`GET /-/plan`, `POST /-/apply`, `GET /products/{product}/-/plan`, `POST .../-/apply|promote|deprecate|retire`, and
`DELETE /products/{product}`: for who manages the product, or all of them.

Touches the front door only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

import orjson
from fastapi import APIRouter, Request
from fastapi.responses import Response

from gateway import BadQuery, Gateway, Session, Snapshot, Stewardship
from ports.http import authentication
from ports.http.exchange import Answer, Lifeline, body, exchange
from ports.rest import address, formats
from ports.rest.refreshes import only
from ports.rest.unstored import unstored

# Products of one plan.
BUNDLE = 50
# What each act takes, of which the first ones must be there.
_ACTS: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "apply": ((), ()),
    "promote": ((), ("reason",)),
    "deprecate": (("sunset",), ("reason",)),
    "retire": ((), ("force", "successor")),
}


def routes(gateway: Gateway) -> APIRouter:
    """The routes; they stand before those of tables, of which none is called `-`."""
    router = APIRouter()
    stewardship = Stewardship(gateway.settings, gateway.managers, gateway.stewards)

    @router.get("/products/{product}/-/plan")
    async def plan(request: Request) -> Response:
        return await exchange(request, partial(_plan, gateway, stewardship, request))

    @router.get("/-/plan")
    async def bundle(request: Request) -> Response:
        return await exchange(request, partial(_bundle, gateway, stewardship, request))

    @router.post("/-/apply")
    async def together(request: Request) -> Response:
        content = await body(request)
        return await exchange(request, partial(_together, gateway, stewardship, request, content))

    def add(name: str) -> None:
        async def act(request: Request) -> Response:
            content = await body(request)
            return await exchange(request, partial(_act, gateway, stewardship, name, request, content))

        router.add_api_route(f"/products/{{product}}/-/{name}", act, methods=["POST"])

    for name in _ACTS:
        add(name)

    @router.delete("/products/{product}")
    async def delete(request: Request) -> Response:
        return await exchange(request, partial(_delete, gateway, stewardship, request))

    return router


def _plan(gateway: Gateway, stewardship: Stewardship, request: Request, _: Lifeline) -> Answer:
    session = address.session(gateway, request)
    asked = address.read(request)
    only(asked.pairs, ())
    formats.choose(asked.accept, None, None, [formats.JSON])
    content = {"data": stewardship.plan(session, asked.schema)}
    return unstored(content)


def _bundle(gateway: Gateway, stewardship: Stewardship, request: Request, _: Lifeline) -> Answer:
    """`?product=a&product=b`: as one bundle, each planned on the others' new state where it reads them."""
    session = authentication.session(gateway, request, address.PORT)
    formats.choose(request.headers.get("accept"), None, None, [formats.JSON])
    content = {"data": stewardship.plan(session, *_names(request))}
    return unstored(content)


def _together(gateway: Gateway, stewardship: Stewardship, request: Request, content: bytes, _: Lifeline) -> Answer:
    """`?product=a&product=b`: all are published at one moment, or none."""
    session = address.changing(gateway, request)
    names = _names(request)
    for name in names:
        gateway.managers.check(session, name)
    _given(content, *_ACTS["apply"])
    return _told(stewardship.apply(session, *names))


def _names(request: Request) -> list[str]:
    """The products of a bundle. Raises BadQuery."""
    pairs = request.query_params.multi_items()
    names = [value for name, value in pairs if name == "product"]
    if not 0 < len(names) <= BUNDLE or len(names) < len(pairs):
        raise BadQuery(f"name 1 to {BUNDLE} products and nothing else", reason="parameter", hint="?product=a&product=b")
    return names


def _delete(gateway: Gateway, stewardship: Stewardship, request: Request, _: Lifeline) -> Answer:
    """`?force=REASON` where it is in use; without it who uses it is named."""
    session = address.changing(gateway, request)
    asked = address.read(request)
    given = only(asked.pairs, ("force",))
    name, count = stewardship.delete(session, asked.schema, given.get("force", ""))
    content = {"data": {"product": name, "snapshots": count}}
    return unstored(content)


def _act(
    gateway: Gateway, stewardship: Stewardship, name: str, request: Request, content: bytes, _: Lifeline
) -> Answer:
    session = address.changing(gateway, request)
    asked = address.read(request)
    only(asked.pairs, ())
    # Who may not manage it learns that before what the body should have been.
    gateway.managers.check(session, asked.schema)
    return _told(_done(stewardship, session, asked.schema, name, _given(content, *_ACTS[name])))


def _told(done: Sequence[Snapshot]) -> Answer:
    told = [{"name": one.product.name, "version": one.product.version, "snapshot": one.id} for one in done]
    return unstored({"data": told})


def _done(
    stewardship: Stewardship, session: Session, product: str, name: str, given: Mapping[str, str]
) -> tuple[Snapshot, ...]:
    match name:
        case "apply":
            return stewardship.apply(session, product)[-1:]
        case "promote":
            return (stewardship.promote(session, product, given.get("reason", "")),)
        case "deprecate":
            return (stewardship.deprecate(session, product, given["sunset"], given.get("reason", "")),)
        case _:
            return stewardship.retire(session, product, given.get("force", ""), given.get("successor", ""))


def _given(content: bytes, needed: tuple[str, ...], possible: tuple[str, ...]) -> Mapping[str, str]:
    """The body: one JSON object of texts. Raises BadQuery."""
    try:
        found = orjson.loads(content) if content else {}
    except orjson.JSONDecodeError as error:
        raise BadQuery("the body is no JSON object", reason="syntax") from error
    if not isinstance(found, dict) or not all(isinstance(one, str) for one in found.values()):
        raise BadQuery("the body is a JSON object of texts", reason="value")
    if set(found) - {*needed, *possible} or set(needed) - set(found):
        told = f"needed: {', '.join(needed) or 'nothing'}; possible: {', '.join(possible) or 'nothing more'}"
        raise BadQuery("the body is not what this address takes", reason="parameter", hint=told)
    return found
