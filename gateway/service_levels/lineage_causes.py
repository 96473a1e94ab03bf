"""Along the lineage of products: what may be the cause of a broken promise, and whom it reaches. Pure."""

from __future__ import annotations

from collections.abc import Container, Mapping
from datetime import datetime

from gateway.service_levels import freshness
from gateway.snapshot import Deployment, Snapshot


def causes(
    deployment: Deployment, product: str, failing: Mapping[str, str], now: datetime, seen: frozenset[str] = frozenset()
) -> tuple[str, ...]:
    """What fails upstream of `product`, and there itself, as `product: what`; the furthest upstream first.

    `failing` has the products whose last refresh has failed, each with what is to be said of it.
    """
    snapshot = deployment.find(product)
    if snapshot is None or product in seen:
        return ()
    found: list[str] = []
    for one in snapshot.product.inputs:
        if one.product is not None:
            above = causes(deployment, one.product, failing, now, seen | {product})
            found += [*above, *([] if one.product in failing else _stale(deployment, one.product, now))]
    found += [f"{product}: {failing[product]}"] if product in failing else []
    return tuple(dict.fromkeys(found))


def downstream(deployment: Deployment, product: str, seen: Container[str] | None = None) -> tuple[str, ...]:
    """The products that are made of it, directly or through others, by name; by way of those of `seen` alone."""
    found: set[str] = set()
    due = {product}
    while due:
        due = {
            one.product.name
            for one in deployment.current
            if (seen is None or one.product.name in seen)
            and any(made_of.product in due for made_of in one.product.inputs)
        } - found
        found |= due
    return tuple(sorted(found - {product}))


def _stale(deployment: Deployment, product: str, now: datetime) -> list[str]:
    snapshot = deployment.find(product)
    state = None if snapshot is None else worst(snapshot, now)
    return [f"{product}: data is {state}"] if state in {"stale", "breached"} else []


def worst(snapshot: Snapshot, now: datetime) -> freshness.State | None:
    """The worst freshness of a snapshot by all that is promised of it, None where nothing is."""
    found = [
        freshness.state_of(one, age)
        for one in snapshot.product.objectives
        if one.kind == "freshness" and (age := freshness.age_s(snapshot, one, now)) is not None
    ]
    return max(found, key=freshness.ORDER.index, default=None)
