"""Promises of ODCS that are kept as declared and not measured: checked for their form, and told by name. Pure.

Of what is kept for how long nothing can be told from the rows that there are; and nobody asks the gateway how soon
people were notified. Source: Open Data Contract Standard 3.2.0, "Service-Level Agreement".
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterator
from datetime import date
from typing import Literal

from gateway.contracts.odcs import DataContract, SlaProperty
from gateway.document import Path, Report

Form = Literal["duration", "day", "number"]
DECLARED: dict[str, tuple[str, Form]] = {
    "retention": ("retention", "duration"),
    "frequency": ("frequency", "duration"),
    "timetonotify": ("timeToNotify", "duration"),
    "throughput": ("throughput", "number"),
    "generalavailability": ("generalAvailability", "day"),
    "endofsupport": ("endOfSupport", "day"),
    "endoflife": ("endOfLife", "day"),
}
MEASURED = (
    "freshness", "latency", "availability", "responseTimeP95", "errorRate", "quality", "timeToDetect", "timeToRepair",
)  # fmt: skip
_UNITS = frozenset(
    """
    s second seconds m min minute minutes h hour hours d day days w week weeks mo month months y year years
    """.split()
)
_REMEDIES: dict[Form, str] = {
    "duration": "a number above 0, with a unit such as d, months or y",
    "day": "a day, such as 2031-01-31",
    "number": "a number above 0, and its unit",
}


def checked(sla: SlaProperty, file: str, place: Path, report: Report) -> None:
    """Note a promise that is not measured and has no meaning either, or whose name is none of the standard's."""
    known = DECLARED.get(sla.property.lower())
    if known is None:
        names = [*MEASURED, *(name for name, _ in DECLARED.values())]
        near = difflib.get_close_matches(sla.property, names, 1)
        remedy = f"did you mean {near[0]}?" if near else f"measured are {', '.join(MEASURED)}"
        report.warning(file, (*place, "property"), f"{sla.property} is no promise that is known here", remedy)
    elif not (known[0] == "frequency" and sla.schedule) and not _formed(sla, known[1]):
        report.error(file, place, f"{sla.value} {sla.unit or ''}".rstrip() + f" is no {known[0]}", _REMEDIES[known[1]])


def unmeasured(contract: DataContract) -> Iterator[tuple[Path, str]]:
    """(place, what) of each promise that nothing measures."""
    for index, sla in enumerate(contract.slaProperties):
        known = DECLARED.get(sla.property.lower())
        if known is not None and known[0] != "frequency":
            of = f" of {sla.element}" if sla.element else ""
            yield ("slaProperties", index), f"{known[0]}{of} is promised, and not measured"


def _formed(sla: SlaProperty, form: Form) -> bool:
    if form == "day":
        try:
            date.fromisoformat(str(sla.value)[:10])
        except ValueError:
            return False
        return True
    number = sla.value
    if isinstance(number, bool) or not isinstance(number, int | float) or not math.isfinite(number) or number <= 0:
        return False
    return form == "number" or (sla.unit or "").lower() in _UNITS
