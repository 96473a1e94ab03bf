"""`GET /products/{product}/-/quality`: what its rules gave, scores by dimension, and how they went; as OORS too.

Touches the front door only. OORS is Bitol's Open Observability Results Standard, of which there is a draft: what is
made here is its version 0.8.1 (bitol-io.github.io/open-observability-results-standard).
"""

from __future__ import annotations

import uuid
from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial

import orjson
from fastapi import APIRouter, Request
from fastapi.responses import Response

from gateway import BadQuery, Gateway, Quality, Told
from ports.http import provenance
from ports.http.exchange import Answer, Lifeline, exchange
from ports.rest import address, formats
from ports.rest.refreshes import limit, only

OORS = "application/oors+json"
OORS_VERSION = "v0.8.1"
_IDS = uuid.UUID("6f7d1d6c-0a53-5d0e-9d7b-3f8a4d0c2b11")
_STATES = ("error", "fail", "warn", "pass")


def routes(gateway: Gateway) -> APIRouter:
    """The one route; it stands before those of tables, of which none is called `-`."""
    router = APIRouter()

    @router.get("/products/{product}/-/quality")
    async def quality(request: Request) -> Response:
        return await exchange(request, partial(_quality, gateway, request))

    return router


def _quality(gateway: Gateway, request: Request, _: Lifeline) -> Answer:
    session = address.session(gateway, request)
    asked = address.read(request)
    given = only(asked.pairs, ("since", "limit", "format"))
    as_oors = _as_oors(asked.accept, given.get("format"))
    visible = gateway.product(session.pinned(asked.snapshots), asked.schema)
    managed = bool(gateway.managers.rule(session, visible.product))
    found = gateway.quality.of(visible, _since(given.get("since")), limit(given.get("limit")), managed=managed)
    content = oors(found) if as_oors else {"data": asdict(found)}
    headers = {**provenance.of_product(visible), "Cache-Control": "no-store"}
    media_type = OORS if as_oors else formats.JSON.media_type
    return Answer(media_type, iter([orjson.dumps(content)]), headers)


def oors(quality: Quality) -> dict[str, object]:
    """The outcomes as one OORS document."""
    results = [_result(one) for one in quality.rules]
    states = {one["status"] for one in results}
    return {
        "apiVersion": OORS_VERSION,
        "kind": "ObservabilityResults",
        "id": str(uuid.uuid5(_IDS, f"{quality.product}/{quality.snapshot}")),
        "observedAt": quality.checked_at,
        "source": {"process": f"publication of {quality.product}", "runId": quality.snapshot, "vendor": "outport"},
        "contract": {"contractId": quality.product, "standard": "ODPS"},
        "status": next((state for state in _STATES if state in states), "unknown"),
        "results": results,
    }


def _result(one: Told) -> dict[str, object]:
    found: dict[str, object] = {
        "id": f"{one.table}.{one.rule}",
        "type": "check",
        "name": one.name,
        "status": _status(one),
        "relatesTo": f"schema/{one.table}/quality/{one.rule}",
        "severity": one.severity,
        "dimension": one.dimension,
        "target": {"resourceType": "table", "resourceIdentifier": one.table},
    }
    if one.value is not None:
        found["measure"] = {"metric": one.rule, "value": one.value, "unit": one.unit}
        found["message"] = f"expected {one.expected}"
    return found


def _status(one: Told) -> str:
    if one.holds:
        return "pass"
    if not one.measured:
        return "error"
    return "warn" if one.severity == "warning" else "fail"


def _as_oors(accept: str | None, asked: str | None) -> bool:
    """Whether OORS is wanted. Raises BadQuery for another format than these two."""
    if asked not in {None, "json", "oors"}:
        raise BadQuery(f'"{asked:.20}" is no format here: it takes json, oors', reason="value")
    if asked is None and accept is not None and OORS in accept:
        return True
    if asked is None:
        formats.choose(accept, None, None, [formats.JSON])
    return asked == "oors"


def _since(given: str | None) -> datetime | None:
    if given is None:
        return None
    try:
        found = datetime.fromisoformat(given)
        return found.astimezone(UTC) if found.tzinfo is not None else found.replace(tzinfo=UTC)
    except (ValueError, OverflowError) as error:
        raise BadQuery("since is a moment such as 2026-03-01T00:00:00Z", reason="value") from error
