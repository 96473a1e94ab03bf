"""One call of a tool: who asks, for how much, tied to the client. Touches the gateway's front door only."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from gateway import BadQuery, Gateway, Pin, ProductProvenance, Provenance, Session, VisibleProduct
from ports.http.exchange import Lifeline
from ports.http.provenance import timestamp
from ports.mcp.arguments import USUAL_TOKENS
from ports.mcp.budget import Json

PORT = "mcp"
_NAMED = re.compile(r"([A-Za-z][A-Za-z0-9_]{0,62})(?:@v?(\d{1,9}))?")


@dataclass(frozen=True)
class Call:
    """A call that is under way; `session` says by which tool."""

    gateway: Gateway
    session: Session
    lifeline: Lifeline

    def of(self, tool: str) -> Call:
        """The same call, of that tool."""
        return replace(self, session=replace(self.session, tool=tool))

    def tokens(self, asked: int | None) -> int:
        """How many tokens the answer may have."""
        return min(asked or USUAL_TOKENS, self.gateway.settings.mcp_tokens)

    @property
    def rows(self) -> int:
        """How many rows an answer may have."""
        return self.gateway.settings.mcp_rows

    def pin(self) -> Pin:
        """The state that all of the call is asked of."""
        return self.gateway.pin(self.session)

    def product(self, name: str) -> tuple[str, VisibleProduct]:
        """A product by name, with its name as a schema of SQL. Raises NotFound, BadQuery."""
        written = _NAMED.fullmatch(name.strip())
        if written is None:
            raise BadQuery("a product is named as in shop, or shop@2 for a major version", reason="value")
        schema = written[1].lower() if written[2] is None else f"{written[1].lower()}_v{int(written[2])}"
        return schema, self.gateway.product(self.session, schema)


def provenance(found: Provenance) -> Json:
    """Where an answer comes from."""
    return {"query_id": found.query_id, "products": [state(one) for one in found.products]}


def state(one: ProductProvenance) -> Json:
    """The state of a product that an answer was read from."""
    return {
        "name": one.name,
        "version": one.version,
        "snapshot": one.snapshot,
        "digest": one.digest,
        "data_time": None if one.data_time is None else timestamp(one.data_time),
        "quality": round(one.quality, 4),
        "freshness": one.freshness,
        "age_s": one.age_s,
        **({"mock": True} if one.mock else {}),
        **({"generated": True} if one.generated else {}),
    }


def source(found: Provenance) -> str:
    """The same in a line."""
    states = [
        f"{one.name}@{one.version}"
        + (f" as of {timestamp(one.data_time)}" if one.data_time is not None else "")
        + (", rows made up" if one.mock else ", generated rows" if one.generated else "")
        + (f", {one.freshness} data" if one.freshness in {"stale", "breached"} else "")
        for one in found.products
    ]
    return f"source: {', '.join(states)}; query {found.query_id[:12]}"
