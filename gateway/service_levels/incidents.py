"""Incidents: when a promise was broken, noticed and kept again, why it may be, and whom it meets. Pure.

The ledger keeps each as events (opened, acknowledged, closed); this room writes them as rows and reads them back.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from itertools import accumulate

from gateway import ticking
from gateway.accounting.ledger import Row

KIND = "incidents"
# Consumers, causes and products that a row names, and their bytes: a row is bounded. Consumers are counted beside it.
NAMED = 200
_NAMED_BYTES = 18_000


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """Somebody who answers for the product has seen it, and says so in words."""

    by: str
    at: datetime
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """A promise that was broken since `first_bad`, as was noticed at `opened`; kept again from `recovered` on.

    `causes` read `product: what fails there`, the furthest upstream first. `consumers` were seen in the last 30 days,
    `consumed_by` is their number, also where not all are named. `downstream` are products that read this one. `reason`
    is why it was closed where the promise was not kept again.
    """

    id: str
    product: str
    objective: str
    port: str
    first_bad: datetime
    opened: datetime
    causes: tuple[str, ...] = ()
    consumers: tuple[str, ...] = ()
    downstream: tuple[str, ...] = ()
    recovered: datetime | None = None
    closed: datetime | None = None
    acknowledged: Acknowledged | None = None
    reason: str = ""
    major: int = 0
    consumed_by: int = 0

    @property
    def detect_s(self) -> float:
        """Seconds until it was noticed."""
        return max(0.0, (self.opened - self.first_bad).total_seconds())

    @property
    def repair_s(self) -> float | None:
        """Seconds from then until the promise was kept again; None while it is not."""
        return None if self.recovered is None else max(0.0, (self.recovered - self.opened).total_seconds())

    @property
    def document(self) -> dict[str, object]:
        """As JSON, with the seconds that it took."""
        return {**asdict(self), "detect_s": self.detect_s, "repair_s": self.repair_s}


def opened(incident: Incident, reads: list[str], *, whole: bool = False) -> Row:
    """The row of an incident that begins; `reads` are the table and the column that its promise speaks of.

    `whole`: it speaks of all of the product.
    """
    return {
        "at": ticking.text(incident.opened),
        "event": "opened",
        "incident": incident.id,
        "product": incident.product,
        "major": incident.major,
        "objective": incident.objective,
        "port": incident.port,
        "first_bad": ticking.text(incident.first_bad),
        "causes": _named(incident.causes),
        "consumers": _named(incident.consumers),
        "consumed_by": incident.consumed_by,
        "reads": reads,
        "whole": whole,
        "downstream": _named(incident.downstream),
        "alert": True,
    }


def closed(incident: Incident) -> Row:
    """The row of an incident that has ended."""
    assert incident.closed is not None
    recovered = None if incident.recovered is None else ticking.text(incident.recovered)
    return {
        "at": ticking.text(incident.closed),
        "event": "closed",
        "incident": incident.id,
        "product": incident.product,
        "recovered": recovered,
        "reason": incident.reason,
        "causes": _named(incident.causes),
        "alert": True,
    }


def told(incident: Incident, event: str, at: datetime) -> Row:
    """The row of an alert that was put aside: that an incident was "opened", or "closed"."""
    return {"at": ticking.text(at), "event": "told", "of": event, "incident": incident.id, "product": incident.product}


def untold(known: Iterable[tuple[str, str]], rows: Iterable[Row]) -> list[tuple[str, str]]:
    """(id, "opened" or "closed") of alerts that are due: `known` ones, and what `rows` add to them and take away."""
    due = dict.fromkeys(known)
    for row in rows:
        name, event = str(row.get("incident")), str(row.get("event"))
        if event == "told":
            due.pop((name, str(row.get("of"))), None)
        elif event in {"opened", "closed"} and row.get("alert") is True:
            due[name, event] = None
    return list(due)


def acknowledged(incident: Incident, told: Acknowledged) -> Row:
    """The row of words about an incident."""
    return {
        "at": ticking.text(told.at),
        "event": "acknowledged",
        "incident": incident.id,
        "product": incident.product,
        "by": told.by,
        "words": told.words,
    }


def replayed(known: Mapping[str, Incident], rows: Iterable[Row]) -> dict[str, Incident]:
    """`known` with what `rows` tell, in their order; a row that is none of these is passed over."""
    found = dict(known)
    for row in rows:
        name = str(row.get("incident"))
        had = found.get(name)
        try:
            if row.get("event") == "opened":
                found[name] = _read(name, row)
            elif had is not None and row.get("event") == "closed":
                recovered = None if row["recovered"] is None else ticking.read(str(row["recovered"]))
                ended, why = ticking.read(str(row["at"])), str(row.get("reason", ""))
                found[name] = replace(had, recovered=recovered, closed=ended, causes=_texts(row["causes"]), reason=why)
            elif had is not None and row.get("event") == "acknowledged":
                told = Acknowledged(str(row["by"]), ticking.read(str(row["at"])), str(row["words"]))
                found[name] = replace(had, acknowledged=told)
        except (KeyError, ValueError):
            continue
    return found


def _read(name: str, row: Row) -> Incident:
    return Incident(
        id=name,
        product=str(row["product"]),
        objective=str(row["objective"]),
        port=str(row["port"]),
        major=int(str(row.get("major", 0))),
        first_bad=ticking.read(str(row["first_bad"])),
        opened=ticking.read(str(row["at"])),
        causes=_texts(row["causes"]),
        consumers=_texts(row["consumers"]),
        downstream=_texts(row["downstream"]),
        consumed_by=int(str(row.get("consumed_by", 0))),
    )


def _named(names: tuple[str, ...]) -> list[str]:
    """As many as fit, the first first."""
    sizes = accumulate(len(json.dumps(one)) + 1 for one in names[:NAMED])
    return [one for one, size in zip(names, sizes, strict=False) if size <= _NAMED_BYTES]


def _texts(value: object) -> tuple[str, ...]:
    return tuple(str(one) for one in value) if isinstance(value, list) else ()
