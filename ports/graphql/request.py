"""GraphQL over HTTP: a request to what it asks, an answer to its media type and status. Pure.

Source: the GraphQL over HTTP specification of the GraphQL Foundation.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from fastapi import Request
from starlette.datastructures import Headers

from ports.graphql import errors
from ports.http import accept

MODERN, LEGACY = "application/graphql-response+json", "application/json"
# The weaker of two ranges decides for nothing that a stronger one names.
_SERVED = (LEGACY, MODERN)
_PARAMETERS = ("query", "operationName", "variables", "extensions")
PARAMETER_LIMIT = 20


@dataclass(frozen=True)
class Asked:
    """One GraphQL request. `reading` where it came by GET, which may do nothing but read."""

    text: str
    operation: str | None
    variables: Mapping[str, Any]
    snapshots: tuple[str, ...]


def media_type(headers: Headers) -> str:
    """The media type of the answer. Raises Refused (406) where none of ours is accepted."""
    given = ",".join(headers.getlist("accept")).strip()
    if not given:
        return LEGACY
    weights = {kind: _weight(kind, accept.ranges(given)) for kind in _SERVED}
    best = max(_SERVED, key=lambda kind: weights[kind])
    if weights[best] <= 0:
        raise errors.malformed(f"answers are {MODERN} or {LEGACY}", 406)
    return best


def wants_page(request: Request) -> bool:
    """Whether a browser asks for the page, not for an answer."""
    if request.scope["query_string"]:
        return False
    found = {one.value: one.weight for one in accept.ranges(",".join(request.headers.getlist("accept")))}
    return found.get("text/html", 0) > 0 and not any(found.get(kind, 0) > 0 for kind in _SERVED)


def of_address(request: Request) -> Asked:
    """What a GET asks. Raises Refused."""
    try:
        query = request.scope["query_string"].decode("latin-1")
        pairs = parse_qsl(query, keep_blank_values=True, errors="strict", max_num_fields=PARAMETER_LIMIT)
    except ValueError as error:
        raise errors.malformed("the address has too many parameters") from error
    given: dict[str, Any] = {}
    for name, value in pairs:
        if name in given:
            raise errors.malformed(f"{name[:63]} is given twice")
        given[name] = value
    snapshot = given.pop("snapshot", None)
    for name in ("variables", "extensions"):
        if given.get(name):
            given[name] = _read(given[name], name)
        else:
            given.pop(name, None)
    if given.get("operationName") == "":
        del given["operationName"]
    return _asked(given, snapshot)


def of_body(request: Request, body: bytes) -> Asked:
    """What a POST asks. Raises Refused."""
    kind, _, rest = request.headers.get("content-type", "").partition(";")
    if kind.strip().lower() != LEGACY:
        raise errors.malformed(f"POST takes a body of {LEGACY}", 415)
    charset = rest.replace(" ", "").lower()
    if charset and charset not in {"charset=utf-8", 'charset="utf-8"', "charset=utf8"}:
        raise errors.malformed("the body is UTF-8", 415)
    try:
        given = _read(body.decode("utf-8"), "the body")
    except UnicodeDecodeError as error:
        raise errors.malformed("the body is not UTF-8") from error
    if isinstance(given, list):
        raise errors.malformed("one request at a time: a body is one object")
    if not isinstance(given, dict):
        raise errors.malformed(f"the body is a JSON object with {', '.join(_PARAMETERS)}")
    return _asked(given, request.query_params.get("snapshot"))


def understood(given: object) -> Asked:
    """What the payload of a message asks. Raises Refused."""
    if not isinstance(given, dict):
        raise errors.malformed("the payload is a JSON object")
    return _asked(given, None)


def _asked(given: Mapping[str, Any], snapshot: str | None) -> Asked:
    text, operation = given.get("query"), given.get("operationName")
    variables, extensions = given.get("variables"), given.get("extensions")
    if text is None and isinstance(extensions, dict) and "persistedQuery" in extensions:
        raise errors.unpersisted()
    if not isinstance(text, str) or not text.strip():
        raise errors.malformed("query is the text of a GraphQL document")
    if operation is not None and not isinstance(operation, str):
        raise errors.malformed("operationName is a string")
    for name, value in (("variables", variables), ("extensions", extensions)):
        if value is not None and not isinstance(value, dict):
            raise errors.malformed(f"{name} is a JSON object")
    if any("\ud800" <= letter <= "\udfff" for letter in text):
        raise errors.malformed("query holds half a character")
    return Asked(text, operation, variables or {}, (snapshot,) if snapshot else ())


def _read(text: str, what: str) -> Any:
    try:
        return json.loads(text, parse_constant=_no_constant)
    except RecursionError as error:
        raise errors.malformed(f"{what} is nested too deeply") from error
    except ValueError as error:
        raise errors.malformed(f"{what} is not JSON") from error


def _no_constant(name: str) -> float:
    raise ValueError(name)


def _weight(kind: str, given: tuple[accept.Range, ...]) -> float:
    for wanted in (kind, "application/*", "*/*"):
        for one in given:
            if one.value == wanted and one.parameters <= {"charset=utf-8"}:
                return one.weight
    return 0.0
