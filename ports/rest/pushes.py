"""`POST /products/{product}/-/inputs/{input}`: rows for an input of a product, from who may push them.

Touches the front door only. Who may not is told so before a byte of the body is read.
"""

from __future__ import annotations

from functools import partial

from fastapi import APIRouter, Request
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from gateway import PUSH_ON_BAD, BadQuery, Gateway, Push, PushForm
from ports.http.exchange import Answer, Lifeline, exchange, receive
from ports.http.lane import Lane
from ports.rest import address
from ports.rest.unstored import unstored

KEY_HEADER = "idempotency-key"
FORMS: dict[str, PushForm] = {
    "application/vnd.apache.arrow.stream": "arrow",
    "application/x-ndjson": "json",
    "application/jsonl": "json",
    "application/json": "json",
}


def routes(gateway: Gateway) -> APIRouter:
    """The one route; it stands before those of tables, of which none is called `-`."""
    router = APIRouter()

    @router.post("/products/{product}/-/inputs/{input}")
    async def push(request: Request) -> Response:
        lane: Lane = request.app.state.lane
        begun = await lane.run(partial(_begun, gateway, request))
        try:
            await receive(request, begun.write, gateway.intake.limit_bytes, "a push")
            return await exchange(request, partial(_kept, begun, lane))
        finally:
            await lane.run(begun.discard)

    return router


def _begun(gateway: Gateway, request: Request) -> Push:
    session = address.changing(gateway, request)
    asked = address.read(request)
    given = dict(asked.pairs)
    for name in given:
        if name not in {"table", "on-bad"}:
            raise BadQuery(f'no parameter "{name:.64}" here', reason="parameter", hint="table, on-bad")
    if len(given) != len(asked.pairs):
        raise BadQuery("a parameter is given twice", reason="parameter")
    form = FORMS.get(request.headers.get("content-type", "").partition(";")[0].strip().lower())
    if form is None or request.headers.get("content-encoding", "identity") != "identity":
        raise HTTPException(415, f"rows are sent as they are, in one of {', '.join(FORMS)}", {"Connection": "close"})
    keys = request.headers.getlist(KEY_HEADER)
    if len(keys) > 1:
        raise BadQuery("several Idempotency-Key headers were sent; send one", reason="value")
    on_bad = next((one for one in PUSH_ON_BAD if one == given.get("on-bad", "refuse")), None)
    if on_bad is None:
        raise BadQuery(f"on-bad is one of {', '.join(PUSH_ON_BAD)}", reason="value")
    name = request.path_params["input"]
    key = keys[0] if keys else ""
    return gateway.intake.begin(session, asked.schema, name, given.get("table"), key, form, on_bad)


def _kept(push: Push, lane: Lane, _: Lifeline) -> Answer:
    lane.blocks()
    kept = push.keep()
    told = {"rows": kept.rows, "quarantined": kept.aside, "broken": dict(kept.broken)}
    return unstored({"data": told}, 201)
