"""What is doubtful about a product that can be served: told as warnings, never refused. Pure."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from typing import Any

from gateway.contracts import declared_sla
from gateway.contracts.bitol import VENDOR
from gateway.contracts.descriptor import Descriptor
from gateway.document import Path, Report

# Our own custom properties, wherever they stand in a descriptor.
KNOWN = (
    "acceptedBy",
    "acceptedOn",
    "adbc",
    "adherence",
    "agreementRequired",
    "alternatives",
    "attestations",
    "barrier",
    "consumers",
    "cost",
    "dataClock",
    "declassified",
    "deprecatedOn",
    "derivedFrom",
    "format",
    "generated",
    "grains",
    "metricTree",
    "mock",
    "mockRows",
    "noKey",
    "package",
    "password",
    "path",
    "percentile",
    "port",
    "protocol",
    "purpose",
    "push",
    "quarantineLimit",
    "refresh",
    "severity",
    "slo",
    "snapshotRetention",
    "stale",
    "sunsetOn",
    "timeZone",
    "unit",
    "user",
    "value",
    "watermark",
    "workspace",
)


def review(parsed: Descriptor, report: Report) -> None:
    """Note what an owner should look at: properties that are none of ours."""
    for name, value in parsed.documents.items():
        for path, extension in _extensions(value, ()):
            if extension not in KNOWN:
                near = difflib.get_close_matches(extension, KNOWN, 1)
                remedy = f"did you mean {near[0]}?" if near else f"known are {', '.join(KNOWN)}"
                report.warning(name, path, f"{extension} is no property of ours", remedy)
    for file, contract in parsed.contracts.items():
        for path, problem in declared_sla.unmeasured(contract):
            report.warning(file, path, problem, "know that nobody tells when it is broken")


def _extensions(value: Any, path: Path) -> Iterator[tuple[Path, str]]:
    """Where a custom property of the vendor outport stands, and what it is called."""
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from _extensions(item, (*path, index))
    elif isinstance(value, dict):
        if value.get("vendor") == VENDOR and isinstance(value.get("property"), str):
            yield path, value["property"]
        for key, child in value.items():
            if key != "value":
                yield from _extensions(child, (*path, key))
