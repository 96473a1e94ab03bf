"""What a request's address and headers say, before any name is looked up. Touches the request only."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote, unquote

from fastapi import Request

from gateway import BadQuery, Forbidden, Gateway, Session
from ports.http import authentication, cors, pinning
from ports.http.caching import Condition
from ports.http.methods import is_head
from ports.rest import prefer, question
from ports.rest.prefer import Preferences

PORT = "rest"
SNAPSHOT = "snapshot"
Pairs = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Address:
    """A request in parts. `schema` is the product's name in SQL, its major version included.

    `product` is that name as the address has it; `snapshots` are the ids that it pins, which `pairs` no longer hold.
    `condition` is what the client has already, None where nothing may be kept; `bare` whether headers are all it wants.
    """

    product: str
    schema: str
    table: str
    pairs: Pairs
    accept: str | None
    snapshots: tuple[str, ...]
    preferences: Preferences
    condition: Condition | None = None
    bare: bool = False

    @property
    def path(self) -> str:
        """Where the table's rows are."""
        return f"/products/{self.product}/{self.table}"

    @property
    def links(self) -> str:
        """What describes the rows, as a Link header (RFC 8288; rel: RFC 8631 and POWDER)."""
        product = f"/products/{quote(self.product)}"
        return f'<{product}>; rel="describedby", <{product}/-/openapi.json>; rel="service-desc"'


def read(request: Request, preferred: Sequence[str] = ()) -> Address:
    """The address of `request`; `preferred` names the preferences that mean something there.

    Raises BadQuery for snapshots or preferences that are not understood.
    """
    given = question.pairs(request.scope["query_string"].decode("latin-1"))
    written = request.path_params.get("product", "")
    name, at, major = written.partition("@")
    # What is no number names no product: its name holds an @ and is looked up like any unknown one.
    numbered = at and re.fullmatch(r"[0-9]{1,6}", major)
    return Address(
        written,
        f"{name}_v{int(major)}" if numbered else written,
        request.path_params.get("table", ""),
        tuple(pair for pair in given if pair[0] != SNAPSHOT),
        request.headers.get("accept"),
        _snapshots(request, [text for name, text in given if name == SNAPSHOT]),
        prefer.read(request.headers.getlist("prefer"), preferred),
        Condition.of(request.headers) if request.method == "GET" else None,
        is_head(request),
    )


def session(gateway: Gateway, request: Request) -> Session:
    """The session of whoever sent `request`. Raises as `Gateway.open` does."""
    return authentication.session(gateway, request, PORT)


def changing(gateway: Gateway, request: Request) -> Session:
    """The same for what changes something. Raises Forbidden where another site's page has sent it."""
    opened = session(gateway, request)
    if cors.foreign(request, gateway.settings.origins):
        raise Forbidden("pages of another site change nothing here", reason="origin")
    return opened


def key(request: Request) -> tuple[str, ...]:
    """The key's values as the raw address has them: a comma inside a value is written %2C, a slash %2F."""
    raw = request.scope["raw_path"].decode("ascii")
    segments = raw.split("/", maxsplit=4)
    return tuple(unquote(part, errors="strict") for part in segments[4].split(","))


def _snapshots(request: Request, given: Sequence[str]) -> tuple[str, ...]:
    if len(given) > 1:
        raise BadQuery('parameter "snapshot" is given twice', reason="parameter")
    return pinning.snapshots(request.headers, *given)
