"""Where an answer comes from, as one JSON document in `app_metadata`. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

from gateway import ProductProvenance, Provenance


def of_answer(provenance: Provenance) -> bytes:
    """What goes with the first batch of an answer: its query, the products' states, the policy's fingerprint."""
    told: dict[str, object] = {
        "query_id": provenance.query_id,
        "products": [one | _age(state) for one, state in _each(provenance.products)],
        "policy": provenance.policy,
    }
    if provenance.askers:
        told |= dict(zip(("subject", "on_behalf_of"), provenance.askers, strict=True))
    return _document(told)


def of_description(products: Iterable[ProductProvenance]) -> bytes:
    """What goes with a FlightInfo: the states that the answer would have now."""
    return _document({"products": [one | _age(state) for one, state in _each(products)]})


def states(products: Iterable[ProductProvenance]) -> list[dict[str, object]]:
    """The states of products, as JSON has them: what stays the same while the snapshot does."""
    return [
        {
            "name": one.name,
            "version": one.version,
            "snapshot": one.snapshot,
            "digest": one.digest,
            "data_time": None if one.data_time is None else one.data_time.isoformat(),
            "quality": one.quality,
            **({"mock": True} if one.mock else {}),
            **({"generated": True} if one.generated else {}),
        }
        for one in products
    ]


def _each(products: Iterable[ProductProvenance]) -> Iterator[tuple[dict[str, object], ProductProvenance]]:
    every = list(products)
    return zip(states(every), every, strict=True)


def _age(one: ProductProvenance) -> dict[str, object]:
    """What changes with the time: no part of a schema, which is the same before an answer and with it."""
    return {"freshness": one.freshness, "age_s": one.age_s}


def _document(members: dict[str, object]) -> bytes:
    return json.dumps(members, separators=(",", ":")).encode()
