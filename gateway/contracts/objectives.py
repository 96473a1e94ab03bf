"""`slaProperties` of a contract to objectives, each checked: what is no promise is told with its place. Pure.

The names are those of ODCS 3.2 where it has one. What is kept as declared and not measured is declared_sla.py's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from gateway.contracts import declared_sla
from gateway.contracts.odcs import DataContract, SlaProperty
from gateway.document import Path, Report
from gateway.objective import OF_INCIDENTS, Kind, Objective
from gateway.product import Table

PORTS = ("rest", "graphql", "postgres", "flightsql", "mcp")
# Where a promise says no share: of the minutes of freshness and quality.
SHARE = 0.99
# Of the promised age: from there data is stale, and has not broken the promise yet.
STALE = 0.8
UNIT_S = {
    "s": 1, "second": 1, "seconds": 1, "m": 60, "min": 60, "minute": 60, "minutes": 60, "h": 3600, "hour": 3600,
    "hours": 3600, "d": 86400, "day": 86400, "days": 86400,
}  # fmt: skip
_MILLISECONDS = frozenset({"ms", "millisecond", "milliseconds"})
_RESPONSE = re.compile(r"responsetime(?:p(\d{2}))?", re.ASCII)
_KINDS: dict[str, Kind] = {
    "availability": "availability", "errorrate": "errorRate", "quality": "quality", "timetodetect": "detection",
    "timetorepair": "repair",
}  # fmt: skip
# Looked at as a whole: no door, and a time.
_OF_THE_WHOLE: frozenset[Kind] = frozenset({"freshness", "quality", *OF_INCIDENTS})
_DURATIONS: frozenset[Kind] = frozenset({"freshness", *OF_INCIDENTS})
_PERCENTS = frozenset({"percent", "%", "ratio", ""})


def compiled(
    contract: DataContract, tables: Mapping[str, Table], file: str, report: Report, taken: set[str]
) -> Iterator[Objective]:
    """The objectives of one contract; `taken` are the ids that there are already, and grows."""
    for index, sla in enumerate(contract.slaProperties):
        place: Path = ("slaProperties", index)
        kind = _kind(sla)
        if kind is None:
            declared_sla.checked(sla, file, place, report)
            continue
        made = _objective(sla, kind, tables, file, place, report)
        if made is None:
            continue
        if made.id in taken:
            report.error(file, place, f"two promises are called {made.id}", "an id each")
        taken.add(made.id)
        yield made


def of_contracts(
    contracts: Mapping[str, DataContract], tables: Sequence[Table], report: Report
) -> tuple[Objective, ...]:
    """The objectives of every contract that a product serves, by file."""
    named, taken = {one.name: one for one in tables}, set[str]()
    return tuple(one for file, contract in contracts.items() for one in compiled(contract, named, file, report, taken))


def _kind(sla: SlaProperty) -> Kind | None:
    """What is measured, None for what is kept as declared.

    ODCS' `latency` is the age of data where it names an element, and an answer's where it is in milliseconds.
    """
    name, unit = sla.property.lower(), (sla.unit or "").lower()
    if _RESPONSE.fullmatch(name) or (name == "latency" and not sla.element and unit in _MILLISECONDS):
        return "latency"
    if name in {"freshness", "latency"}:
        return "freshness"
    return _KINDS.get(name)


def _objective(
    sla: SlaProperty, kind: Kind, tables: Mapping[str, Table], file: str, place: Path, report: Report
) -> Objective | None:
    before = len(report.errors)
    table, _, column = (sla.element or "").partition(".")
    port = sla.custom("port") or ""
    if port and port not in PORTS:
        report.error(file, place, f"there is no port {port}", f"one of {', '.join(PORTS)}")
    if port and kind in _OF_THE_WHOLE:
        report.error(file, place, f"{sla.property} is of the product, whatever the port", "no port")
    if kind in OF_INCIDENTS and sla.element:
        report.error(file, (*place, "element"), f"{sla.property} is of every incident of the product", "no element")
    if kind == "quality" and table and (column or table not in tables):
        report.error(file, (*place, "element"), f"{sla.element} is no table", f"one of {', '.join(tables)}, or none")
    target = _target(sla, kind, file, place, report)
    share = _share(sla, kind, target, file, place, report)
    warn = _warn(sla, kind, target, file, place, report)
    if len(report.errors) > before:
        return None
    named = sla.id or ".".join(part for part in (sla.property, table, port) if part)
    return Objective(
        id=str(named),
        kind=kind,
        promise=sla.property,
        port=port,
        table=table,
        column=column if kind == "freshness" else "",
        target=target,
        share=share,
        warn=warn,
        rule=f"{table}.{column}.{sla.property}" if kind == "freshness" and column else "",
        rule_s=float(UNIT_S.get((sla.unit or "").lower(), 1)),
        description=sla.description or "",
    )


def _target(sla: SlaProperty, kind: Kind, file: str, place: Path, report: Report) -> float:
    unit = (sla.unit or "").lower()
    if kind in _DURATIONS:
        number = _number(sla.value)
        if number is None or number <= 0 or unit not in UNIT_S:
            # With an element, the rule that measures it says so (gateway/contracts/promises.py).
            if not sla.element:
                report.error(file, place, "the promise is no duration", "a number, with unit s, m, h or d")
            return 0.0
        return number * UNIT_S[unit]
    if kind == "latency":
        number = _number(sla.value)
        if number is None or number <= 0 or unit not in {*_MILLISECONDS, "s"}:
            report.error(file, place, "the promise is no time to answer in", "a number above 0, with unit ms")
            return 0.0
        return number * (1000 if unit == "s" else 1)
    found = share_of(sla.value, unit)
    if found is None or (kind == "errorRate" and found >= 1) or (kind != "errorRate" and found <= 0):
        report.error(file, place, f"{sla.value} {unit} is no {sla.property}", "a number such as 99.9 with unit percent")
        return 0.0
    return found


def _share(sla: SlaProperty, kind: Kind, target: float, file: str, place: Path, report: Report) -> float:
    """The share of what is to be good."""
    if kind == "availability":
        return target
    if kind == "errorRate":
        return 1 - target
    if kind == "latency":
        match = _RESPONSE.fullmatch(sla.property.lower())
        declared = sla.custom("percentile") or (int(match[1]) if match and match[1] else 95)
        remedy = "a number such as 95"
    else:
        declared = sla.custom("adherence") or SHARE * 100
        remedy = "percent of the time, such as 99"
    found = share_of(declared, "percent")
    if found is None or not 0 < found < 1:
        report.error(file, place, f"{declared} is no share of what is to be good", remedy)
        return SHARE
    return found


def _warn(sla: SlaProperty, kind: Kind, target: float, file: str, place: Path, report: Report) -> float:
    """The age from which data is stale: the custom property `stale`, in the promise's unit."""
    declared = sla.custom("stale")
    if kind != "freshness" or declared is None:
        return STALE * target
    number = _number(declared)
    found = -1.0 if number is None else number * UNIT_S.get((sla.unit or "").lower(), 1)
    if not 0 <= found <= target:
        report.error(file, place, f"stale from {declared} {sla.unit}", f"at most the promise, {sla.value} {sla.unit}")
    return found


def share_of(value: object, unit: str) -> float | None:
    """A share of 1: of `99.9` percent, of `99.9%`, of a ratio; None for anything else."""
    if isinstance(value, str) and value.rstrip().endswith("%"):
        value, unit = value.rstrip()[:-1], "percent"
    number = _number(value)
    if number is None or unit not in _PERCENTS:
        return None
    found = number if unit == "ratio" or (unit == "" and number <= 1) else number / 100
    return round(found, 9) if 0 <= found <= 1 else None


def _number(value: object) -> float | None:
    if isinstance(value, bool):
        return None
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None
    return number if number == number and abs(number) != float("inf") else None
