"""`GET /docs`: the OpenAPI document of what its reader may see, as a page. Touches the gateway's front door only."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from fastapi.responses import Response

from gateway import Gateway
from ports.http import pages
from ports.http.exchange import Answer, Lifeline, exchange
from ports.http.pages import HEADERS, HTML, Pages, Reader
from ports.rest import openapi
from ports.rest.address import PORT
from ports.rest.openapi_about import Rights
from ports.rest.service import VERSION

_TEMPLATES = Path(__file__).parent / "templates"
_LINES = "application/x-ndjson"
_WORDS = {"as": "SUBJECT"}
Json = Mapping[str, Any]


@dataclass(frozen=True)
class Parameter:
    """One thing that may be said in an address or a body; `takes` are its values in words."""

    name: str
    place: str
    takes: str
    told: str


@dataclass(frozen=True)
class Operation:
    """One address with one method; `curl` is a line that asks it."""

    method: str
    path: str
    name: str
    summary: str
    parameters: tuple[Parameter, ...]
    formats: tuple[str, ...]
    curl: str


@dataclass(frozen=True)
class Group:
    """The operations of one product, or those of none (name "")."""

    name: str
    told: str
    operations: tuple[Operation, ...]


def routes(gateway: Gateway) -> APIRouter:
    """The page; in the demo it is shown as a persona, elsewhere it takes a login."""
    router = APIRouter()
    made = Pages(_TEMPLATES)

    def work(request: Request, _: Lifeline) -> Answer:
        reader = pages.read(gateway, request, PORT)
        visible, session = gateway.products(reader.session), reader.session
        document = openapi.document(visible, session, VERSION, Rights.of(gateway, session, visible))
        base = f"{request.url.scheme}://{pages.host(gateway, request)}"
        page = made.render("docs.html", reader, groups=groups(document, base, _user(reader)))
        return Answer(HTML, page, HEADERS)

    @router.get("/docs")
    async def docs(request: Request) -> Response:
        return await exchange(request, partial(work, request))

    return router


def groups(document: Json, base: str, user: str) -> tuple[Group, ...]:
    """What `document` says, product by product; `base` and `user` are those of the lines for curl."""
    told = {"": "", **{tag["name"]: tag["description"] for tag in document["tags"]}}
    found: dict[str, list[Operation]] = {name: [] for name in told}
    for path, methods in document["paths"].items():
        for method, said in methods.items():
            tag = next(iter(said.get("tags", ())), "")
            found[tag].append(_operation(path, method.upper(), said, base, user))
    return tuple(Group(name, told[name], tuple(operations)) for name, operations in found.items())


def _operation(path: str, method: str, said: Json, base: str, user: str) -> Operation:
    parameters = [_parameter(one["name"], one["in"], one["schema"], one.get("description", "")) for one in
                  said["parameters"]]  # fmt: skip
    body = _body(said)
    parameters += [_parameter(name, "body", one, one.get("description", "")) for name, one in body.items()]
    return Operation(
        method=method,
        path=path,
        name=said["operationId"],
        summary=said["summary"],
        parameters=tuple(parameters),
        formats=tuple(_answer(said)["content"]),
        curl=f'curl -g -u {user} {_data(path, method, said)}"{base}{path}{_some(said)}"',
    )


def _body(said: Json) -> Json:
    content = said.get("requestBody", {}).get("content", {}).get("application/json", {})
    properties: Json = content.get("schema", {}).get("properties", {})
    return properties


def _answer(said: Json) -> Json:
    """What is answered where all goes well."""
    found: Json = said["responses"][min(said["responses"])]
    return found


def _data(path: str, method: str, said: Json) -> str:
    """The method and body of an example that answers whatever there is."""
    content = said.get("requestBody", {}).get("content", {})
    if not content:
        return "" if method == "GET" else f"-X {method} "
    if _LINES in content:
        return f"-H 'Content-Type: {_LINES}' -H 'Idempotency-Key: 1' --data-binary @rows.ndjson "
    body = _body(said)
    asked = content["application/json"].get("example")
    if path == "/sql":
        asked = {"sql": "SELECT 1 AS one"}
    elif asked is None:
        asked = {"table": body["table"]["enum"][0], "limit": 5}
    return f"--json '{json.dumps(asked)}' "


def _some(said: Json) -> str:
    """The query of an example: what must be there, and few rows."""
    asked = {one["name"]: _WORDS.get(one["name"], "NAME") for one in said["parameters"] if _needed(one)}
    if any(one["name"] == "limit" for one in said["parameters"]):
        asked["limit"] = "5"
    return f"?{urlencode(asked)}" if asked else ""


def _needed(parameter: Json) -> bool:
    return bool(parameter["in"] == "query" and parameter.get("required"))


def _parameter(name: str, place: str, schema: Json, told: str) -> Parameter:
    return Parameter(name, place, ", ".join(_takes(schema)), told)


def _takes(schema: Json) -> Iterator[str]:
    """What a value may be, in a few words."""
    if "enum" in schema:
        yield " | ".join(map(str, schema["enum"]))
    elif "const" in schema:
        yield str(schema["const"])
    else:
        kind = schema.get("type", "any")
        yield " or ".join(kind) if isinstance(kind, list) else kind
        if "minimum" in schema and "maximum" in schema:
            yield f"{schema['minimum']} to {schema['maximum']}"


def _user(reader: Reader) -> str:
    return reader.subject if reader.password is None else f"{reader.subject}:{reader.password}"
