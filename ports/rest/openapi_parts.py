"""What the operations of the OpenAPI document are made of: parameters, answers, refusals, bodies. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ports.http import errors
from ports.rest import formats

Json = dict[str, Any]
REFUSALS = {
    "400": "The question is wrong: what, where, and what would be right",
    "401": "Credentials are required",
    "403": "Not granted",
    "404": "Not found, or not granted",
    "406": "Nothing that Accept names is offered",
    "416": "The offset lies behind the last of the rows that were counted",
    "410": "The snapshot is no longer kept",
    "429": "A limit is reached",
    "503": "Unavailable",
    "504": "The query took too long",
}
PROBLEM: Json = {
    "type": "object",
    "description": "RFC 9457",
    "required": ["type", "title", "status"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"type": "string"},
        "detail": {"type": "string"},
        "message": {"type": "string", "description": "detail under the name that PostgREST's clients read"},
        "hint": {"type": "string"},
        "position": {"type": "integer"},
        "error_id": {"type": "string"},
    },
}
HEADERS = {
    "ETag": "of the decision, the snapshots and the question",
    "X-Outport-Query-Id": "under which the audit keeps it",
    "X-Outport-Products": "the products read, with version, snapshot, digest, data time and quality",
    "X-Outport-Policy": "fingerprint of the decisions, keyed per principal",
    "Link": "next page; describedby: the product; service-desc: its OpenAPI document",
    "Deprecation": "RFC 9745: since when a product that was read is deprecated",
    "Sunset": "RFC 8594: when a product that was read ends",
    "RateLimit-Policy": "requests in how many seconds",
    "RateLimit": "requests that are left, and seconds until all are there again",
}
_LIMITS = ("RateLimit-Policy", "RateLimit")
# What meets whoever asks for what nobody keeps.
UNSTORED_REFUSALS = ("400", "401", "403", "404", "406", "410", "429", "503")
BODY_REFUSALS = {
    "413": "The body is too long",
    "415": "The body is application/json",
    "422": "The body has another shape",
}


def page(row: Json) -> Json:
    """A page of `row`s in JSON."""
    return {
        "type": "object",
        "required": ["data", "next"],
        "properties": {
            "data": {"type": "array", "items": row},
            "next": {"type": ["string", "null"], "description": "the cursor of the next page, null on the last"},
        },
    }


def joined(*names: str) -> str:
    """Names as one, and no other names as the same: each begins with the only capital letter that it has."""
    return "_".join(name[:1].upper() + name[1:] for name in names)


def operation(
    act: str, product: str | None, summary: str, parameters: Sequence[Json], content: Json, of: str = ""
) -> Json:
    """A question for rows or a document, which may meet every refusal; `of` is a part of the product."""
    headers = {one: {"$ref": f"#/components/headers/{one}"} for one in HEADERS}
    answer = {"description": "The answer", "headers": headers, "content": content}
    made: Json = {
        "operationId": f"{act}_{joined(product, *filter(None, [of]))}" if product else act,
        "summary": summary,
        "parameters": list(parameters),
        "responses": {"200": answer, **{code: {"$ref": f"#/components/responses/{code}"} for code in REFUSALS}},
    }
    return {**made, "tags": [product]} if product else made


def contents(one: Json, several: Json) -> Json:
    """Every format of rows; `several` is how JSON shows a page of them."""
    found: Json = {}
    for form in formats.ALL:
        kind = form.accepted[0]
        if form.name == "json":
            found[kind] = {"schema": several}
        elif form.name == "object":
            found[kind] = {"schema": one}
        elif form.name == "array":
            found[kind] = {"schema": {"type": "array", "items": one}}
        else:
            found[kind] = {"schema": {"type": "string"}} if form.name in {"csv", "ndjson"} else {}
    return found


def parameter(name: str, schema: Json, told: str, **more: Any) -> Json:
    """A parameter in the address's query, to be left out unless `more` says otherwise."""
    return {"name": name, "in": "query", "required": False, "description": told, "schema": schema, **more}


LIMIT = {"type": "integer", "minimum": 0, "maximum": 10_000}
OFFSET = {"type": "integer", "minimum": 0, "maximum": 1_000_000}
FORMAT = parameter(
    "format",
    {"type": "string", "enum": ["json", "ndjson", "csv", "arrow", "parquet", "array"]},
    "the format, before Accept",
)
SNAPSHOT = parameter("snapshot", {"type": "string"}, "the id of a kept snapshot, of several with commas between them")
JSON_ONLY = [parameter("format", {"type": "string", "enum": ["json"]}, "the format")]
INT64 = parameter(
    "int64", {"type": "string", "enum": ["number", "string"]}, "how JSON writes integers that a double cannot hold"
)


def header(name: str, schema: Json, told: str) -> Json:
    """A parameter in a header."""
    return {**parameter(name, schema, told), "in": "header"}


PURPOSE = header("X-Outport-Purpose", {"type": "string"}, "one of the purposes that you were granted")
BEHALF = header(
    "X-Outport-On-Behalf-Of",
    {"type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9._@+-]{0,127}$"},
    "the principal on whose behalf you ask, if you may",
)
PINNED = header("X-Outport-Snapshot", {"type": "string"}, "ids of kept snapshots, with commas between them")
PREFER = header(
    "Prefer",
    {"type": "string", "pattern": "^count=(exact|planned|estimated)(, handling=(strict|lenient))?$"},
    "RFC 7240: how many rows there are is told in Content-Range",
)
IF_NONE_MATCH = header(
    "If-None-Match",
    {"type": "string", "pattern": r'^(\*|W/"[0-9a-f]{32}"(, W/"[0-9a-f]{32}")?)$'},
    "the ETag of what you have: 304 while that holds",
)


def unstored(
    act: str,
    product: str | None,
    summary: str,
    parameters: Sequence[Json],
    content: Json,
    *,
    of: str = "",
    status: int = 200,
    refusals: Iterable[str] = UNSTORED_REFUSALS,
) -> Json:
    """A question or an act whose answer nobody keeps; `refusals` are the statuses that it may meet."""
    made = operation(act, product, summary, parameters, content, of)
    answer = made["responses"]["200"] | {"headers": {one: made["responses"]["200"]["headers"][one] for one in _LIMITS}}
    refused = {code: found for code, found in made["responses"].items() if code in set(refusals)}
    return {**made, "responses": {str(status): answer, **refused}}


def with_body(operation: Json, body: Json) -> Json:
    """The operation with a body in JSON that must be there."""
    return taking(operation, {"application/json": {"schema": body}}, BODY_REFUSALS)


def taking(operation: Json, content: Json, refusals: Mapping[str, str], *, required: bool = True) -> Json:
    """The operation with a body, and what is refused of one."""
    problem = {errors.MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    operation["responses"] |= {code: {"description": told, "content": problem} for code, told in refusals.items()}
    return {**operation, "requestBody": {"required": required, "content": content}}
