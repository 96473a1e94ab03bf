"""Where an answer comes from, as one JSON document in `app_metadata`. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable

from gateway import ProductProvenance, Provenance


def of_answer(provenance: Provenance) -> bytes:
    """What goes with the first batch of an answer: its query, the products' states, the policy's fingerprint."""
    told: dict[str, object] = {
        "query_id": provenance.query_id,
        "products": states(provenance.products),
        "policy": provenance.policy,
    }
    if provenance.askers:
        told |= dict(zip(("subject", "on_behalf_of"), provenance.askers, strict=True))
    return _document(told)


def of_description(products: Iterable[ProductProvenance]) -> bytes:
    """What goes with a FlightInfo: the states that the answer would have now."""
    return _document({"products": states(products)})


def states(products: Iterable[ProductProvenance]) -> list[dict[str, object]]:
    """The states of products, as JSON has them."""
    return [
        {
            "name": one.name,
            "version": one.version,
            "snapshot": one.snapshot,
            "data_time": None if one.data_time is None else one.data_time.isoformat(),
            "quality": one.quality,
            **({"mock": True} if one.mock else {}),
        }
        for one in products
    ]


def _document(members: dict[str, object]) -> bytes:
    return json.dumps(members, separators=(",", ":")).encode()
