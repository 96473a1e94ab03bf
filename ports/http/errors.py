"""Every refusal as a problem document (RFC 9457): one table from class and reason to status. Touches nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

import orjson
from fastapi import Request
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from gateway import (
    BadQuery,
    Cancelled,
    Exhausted,
    Expired,
    Forbidden,
    GatewayError,
    Internal,
    NotFound,
    Timeout,
    Unauthenticated,
    Unavailable,
)
from ports.http import quota

MEDIA_TYPE = "application/problem+json"
CLIENT_CLOSED_REQUEST = 499  # nginx's number for a client that has gone; IANA assigns none
RETRY_AFTER_S = 1

# (class, reason) -> (status, title); the reason "" stands for every reason that has no line of its own.
STATUS: Mapping[tuple[type[GatewayError], str], tuple[int, str]] = {
    (Unauthenticated, ""): (401, "Credentials are required"),
    (Forbidden, ""): (403, "Not granted"),
    (NotFound, ""): (404, "Not found"),
    (BadQuery, ""): (400, "Bad query"),
    (BadQuery, "breaks"): (409, "Readers would break"),
    (BadQuery, "rows"): (422, "Rows break the contract"),
    (BadQuery, "idempotency"): (422, "The key was used before"),
    (Exhausted, ""): (429, "A limit is reached"),
    (Timeout, ""): (504, "The query took too long"),
    (Cancelled, ""): (CLIENT_CLOSED_REQUEST, "Cancelled"),
    (Expired, ""): (410, "No longer kept"),
    (Unavailable, ""): (503, "Unavailable"),
    (Internal, ""): (500, "Internal error"),
}

_CHALLENGES = ('Basic realm="outport", charset="UTF-8"', 'Bearer realm="outport"')


def status(error: GatewayError) -> tuple[int, str]:
    """Status and title of `error`, by its class and reason; 500 for a class without a line."""
    return error.line(STATUS) or (500, "Internal error")


def problem(error: GatewayError) -> Response:
    """`error` as a problem document; hint, position (in the client's text) and error_id are members of it."""
    code, title = status(error)
    kind = f"{error.code}:{error.reason}" if error.reason else error.code
    members: dict[str, object] = {"type": f"urn:outport:error:{kind}", "title": title, "status": code}
    members["code"] = error.code
    members["detail"] = error.message
    if error.hint:
        members["hint"] = error.hint
    if error.position is not None:
        members["position"] = error.position
    members["error_id"] = error.error_id
    response = _document(code, members)
    if code == HTTPStatus.UNAUTHORIZED:
        for challenge in _CHALLENGES:
            response.headers.append("WWW-Authenticate", challenge)
    if code == HTTPStatus.SERVICE_UNAVAILABLE:
        response.headers["Retry-After"] = str(RETRY_AFTER_S)
    if isinstance(error, Exhausted):
        response.headers.update(quota.exceeded(error))
    return response


def http_problem(code: int, detail: str, headers: Mapping[str, str] | None = None) -> Response:
    """A refusal of HTTP's own making (404, 405, 406, 413, 414, 415, 422) as a problem document."""
    status = HTTPStatus(code)
    members: dict[str, object] = {"type": f"urn:outport:error:http:{code}", "title": status.phrase, "status": code}
    members |= {"code": status.name.lower(), "detail": detail}
    return _document(code, members, headers)


def _document(code: int, members: dict[str, object], headers: Mapping[str, str] | None = None) -> Response:
    """`members` as a problem document; `message` is its detail once more, for the clients of PostgREST."""
    content = orjson.dumps(members | {"message": members["detail"]})
    return Response(content, status_code=code, media_type=MEDIA_TYPE, headers=dict(headers or {}))


def refused(request: Request, error: GatewayError | HTTPException) -> Response:
    """The answer to `request` where `error` ended it: the gateway's, or the router's."""
    return problem(error) if isinstance(error, GatewayError) else _routed(request, error)


def _routed(request: Request, error: HTTPException) -> Response:
    """What the router itself refuses; answers OPTIONS, which no route takes."""
    path, methods = request.scope["path"], request.app.state.methods
    detail, headers = str(error.detail), dict(error.headers or {})
    if path == "*" and request.method == "OPTIONS":  # the server as a whole (RFC 9110, 9.3.7)
        return Response(status_code=204, headers={"Allow": ", ".join(methods.every())})
    if error.status_code == HTTPStatus.NOT_FOUND:
        detail = "there is nothing at this address; products are at /products"
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        taken = () if methods.handled(path, request.method) else methods.of(path)
        headers |= {"Allow": ", ".join(taken)} if taken else {}
        if request.method == "OPTIONS":
            return Response(status_code=204, headers=headers)
        detail = f"{request.method[:20]} is not allowed here; allowed: {headers['Allow']}"
    return http_problem(error.status_code, detail, headers)
