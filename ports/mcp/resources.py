"""Products as resources, `outport://products/{name}` and their tables. Touches the gateway's front door only."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass

from gateway import BadQuery, NotFound
from ports.mcp import described
from ports.mcp.budget import Json
from ports.mcp.call import Call
from ports.mcp.context import note, titled

JSON = "application/json"
TEMPLATES = (
    ("outport://products/{product}", "product", "A product as you may see it: tables, columns, measures, promises"),
    ("outport://products/{product}/{table}", "table", "One table of it"),
)
PAGE = 50
_URI = re.compile(r"outport://products/([A-Za-z0-9_@]{1,80})(?:/([A-Za-z0-9_]{1,63}))?")


@dataclass(frozen=True)
class Named:
    """A resource in the list."""

    uri: str
    name: str
    title: str
    about: str


def listed(call: Call, cursor: str | None) -> tuple[list[Named], str | None]:
    """A page of the visible products, and where the next one begins. Raises BadQuery for what is no cursor."""
    after = "" if cursor is None else _opened(cursor)
    found = [one for one in call.gateway.products(call.session) if one.product.name > after]
    page = [
        Named(
            f"outport://products/{one.product.name}",
            one.product.name,
            titled(one),
            note(one, " ".join(one.product.purpose.split())[:200]),
        )
        for one in found[:PAGE]
    ]
    following = base64.urlsafe_b64encode(page[-1].name.encode()).decode() if len(found) > PAGE else None
    return page, following


def read(call: Call, uri: str) -> Json:
    """What a resource holds. Raises NotFound, in the same words for what is unknown and what is not granted."""
    parts = _URI.fullmatch(uri)
    if parts is None:
        known = ", ".join(template for template, _, _ in TEMPLATES)
        raise NotFound("there is no such resource", reason="product", hint=f"there are {known}")
    schema, visible = call.product(parts[1])
    limit = call.gateway.settings.mcp_tokens
    if parts[2] is None:
        return described.document(visible, schema, limit)
    return described.table_document(visible, schema, visible.table(parts[2]), limit)


def _opened(cursor: str) -> str:
    try:
        return base64.b64decode(cursor, altchars=b"-_", validate=True).decode("ascii")
    except (ValueError, binascii.Error) as error:
        raise BadQuery("this cursor was not given out by this server", reason="value") from error
