"""What a descriptor says of a product's worth: value, cost, attestations, use cases; read, and checked with its place.

Pure. They are custom properties of the product (vendor outport).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

from gateway.contracts.bitol import VENDOR
from gateway.document import Documents, Path, Report

_A_YEAR = {"year": 1.0, "month": 12.0}


def yearly(declared: object) -> float | None:
    """What a year of `1000`, or of `{amount: 1000, per: month}`, comes to; None for anything else."""
    times = 1.0
    if isinstance(declared, Mapping):
        if not set(declared) <= {"amount", "per"} or "amount" not in declared:
            return None
        found = _A_YEAR.get(str(declared.get("per", "year")))
        if found is None:
            return None
        times, declared = found, declared["amount"]
    if isinstance(declared, bool) or not isinstance(declared, int | float):
        return None
    return float(declared) * times if math.isfinite(declared) and declared >= 0 else None


def expires(attestation: object) -> date | None:
    """The day until which somebody vouches, None for what is no attestation: it needs `name`, `by` and `expires`."""
    if not isinstance(attestation, Mapping) or not _told(attestation.get("name")) or not _told(attestation.get("by")):
        return None
    try:
        return date.fromisoformat(str(attestation.get("expires"))[:10])
    except ValueError:
        return None


def checked(documents: Documents, report: Report) -> None:
    """Note each of these properties that means nothing."""
    for file, document in documents.items():
        if not isinstance(document, dict) or document.get("kind") != "DataProduct":
            continue
        for index, one in enumerate(document.get("customProperties") or ()):
            if isinstance(one, dict) and one.get("vendor") == VENDOR and one.get("property") in _CHECKS:
                place: Path = ("customProperties", index, "value")
                _CHECKS[str(one["property"])](one.get("value"), file, place, report)


def _money(value: Any, file: str, place: Path, report: Report) -> None:
    if yearly(value) is None:
        report.error(file, place, f"{value!r:.80} is no amount of money", "{amount: 1000, per: month}, or of a year")


def _attestations(value: Any, file: str, place: Path, report: Report) -> None:
    remedy = "[{name: privacy, by: ..., expires: 2031-01-31}]"
    if not isinstance(value, list):
        report.error(file, place, "attestations are a list", remedy)
        return
    for index, one in enumerate(value):
        if expires(one) is None:
            report.error(file, (*place, index), f"{one!r:.80} is no attestation", remedy)


def _told(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())


_CHECKS: dict[str, Callable[[Any, str, Path, Report], None]] = {
    "value": _money,
    "cost": _money,
    "attestations": _attestations,
}
