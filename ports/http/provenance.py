"""Where an answer comes from, as response headers. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from email.utils import format_datetime

from gateway import Lifespan, ProductProvenance, Provenance, VisibleProduct

PRODUCTS_HEADER = "X-Outport-Products"
BEHALF_HEADER = "X-Outport-On-Behalf-Of"


def headers(provenance: Provenance) -> dict[str, str]:
    """The headers of one answered query: its id, each product's state, the policy's fingerprint, on whose behalf."""
    return {
        "X-Outport-Query-Id": provenance.query_id,
        PRODUCTS_HEADER: ", ".join(_state(one) for one in provenance.products),
        "X-Outport-Policy": provenance.policy,
        **({BEHALF_HEADER: provenance.askers[1]} if provenance.askers else {}),
        **_ending([one.lifespan for one in provenance.products]),
    }


def of_products(products: Iterable[VisibleProduct]) -> dict[str, str]:
    """The header of an answer that describes products instead of querying them."""
    return {PRODUCTS_HEADER: ", ".join(dict.fromkeys(_state(one.state) for one in products))}


def of_product(visible: VisibleProduct) -> dict[str, str]:
    """The headers of an answer that describes one product."""
    return {**of_products([visible]), **_ending([visible.lifespan])}


def timestamp(moment: datetime) -> str:
    """`moment` in RFC 3339, UTC; a moment without a zone is one of the source's own clock and stays as it is."""
    if moment.tzinfo is None:
        return moment.isoformat()
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _state(state: ProductProvenance) -> str:
    parts = [f"{state.name}@{state.version}", f"snapshot={state.snapshot}", f"digest={state.digest}"]
    if state.data_time is not None:
        parts.append(f"data-time={timestamp(state.data_time)}")
    parts.append(f"quality={state.quality:.4g}")
    parts += [f"freshness={state.freshness}"] if state.freshness is not None else []
    parts += [f"age={state.age_s}"] if state.age_s is not None else []
    return ";".join([*parts, *(["generated"] if state.generated else []), *(["mock"] if state.mock else [])])


def _ending(lifespans: Sequence[Lifespan]) -> dict[str, str]:
    """The first end of several: Deprecation (RFC 9745) in epoch seconds, Sunset (RFC 8594) as an HTTP date."""
    since = [one.deprecated for one in lifespans if one.deprecated is not None]
    until = [one.sunset for one in lifespans if one.sunset is not None]
    found = {"Deprecation": f"@{int(min(since).timestamp())}"} if since else {}
    return found | ({"Sunset": format_datetime(min(until).astimezone(UTC), usegmt=True)} if until else {})
