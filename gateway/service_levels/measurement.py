"""What a product is to those who use it, as a scorecard: usage, reuse, care, failures, cost and return. Pure.

Counted from the ledger's minutes and hours, and read from descriptors; nothing here names a person. What is made of a
product is of other products: it is added for who sees these (`reused`).
"""

from __future__ import annotations

import math
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any, Literal

from gateway import ticking
from gateway.accounting.ledger import Row
from gateway.accounting.observations import OTHERS, Minute, Numbers
from gateway.contracts import worth
from gateway.contracts.documentation import Care, care
from gateway.service_levels.incidents import Incident
from gateway.service_levels.lineage_causes import downstream
from gateway.service_levels.use_cases import UseCase, cases, read_by, seen
from gateway.snapshot import Deployment, Snapshot

DAYS = 30
# The months that changes are counted in: they are fewer than questions.
CHANGE_DAYS = 90
Pace = Literal["unused", "bursty", "steady"]
_FAILED = frozenset({"failed", "refused", "killed"})
# Steady: asked on so many of its days, and no day so many times the mean.
_STEADY_DAYS, _STEADY_PEAK = 0.6, 5.0
_DECAYED = -0.8
# Why a product may be retired that nobody asks for: no reason where others are made of it.
_UNASKED = f"nobody has asked for it in {DAYS} days"
_UNUSED = "it is deprecated, and nobody asks for it"


@dataclass(frozen=True, slots=True)
class Prices:
    """What the deployment's own work costs, in the currency of what descriptors declare."""

    cpu_hour: float = 0.0
    gigabyte: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Scorecard:
    """One product over DAYS. Ratios are None where there is nothing to divide by; money is that of a year.

    `bytes` are those of Arrow batches, `sent_bytes` what doors sent of them; `computed_s` is time, `cpu_s` what threads
    have spent, of which `rendered_s` at the doors.
    `cases` are all that are declared, seen or not.
    """

    product: str
    domain: str
    version: str
    status: str
    consumers: Mapping[str, int]
    queries: int
    errors: int
    rows: int
    bytes: int
    computed_s: float
    sent_bytes: int
    cpu_s: float
    rendered_s: float
    ports: Mapping[str, int]
    purposes: Mapping[str, int]
    cases: tuple[UseCase, ...]
    reused_by: int
    domains_reached: int
    pace: Pace
    change: float | None
    care: Care
    changes: int
    change_failure_rate: float | None
    incidents: int | None
    repaired: int
    mttr_s: float | None
    value: float | None
    cost: float
    roi: float | None
    retire: tuple[str, ...]

    @property
    def document(self) -> dict[str, Any]:
        """As JSON that may be told: whoever asks is counted, not named, but for who is declared."""
        named = [one.document for one in self.cases]
        return {**asdict(self), "cases": named, "use_cases": len(self.cases), "use_cases_seen": seen(self.cases)}


@dataclass(slots=True)
class _Used:
    """What was counted of one product."""

    total: Numbers = field(default_factory=Numbers)
    kinds: dict[str, set[str]] = field(default_factory=dict)
    ports: dict[str, int] = field(default_factory=dict)
    purposes: dict[str, int] = field(default_factory=dict)
    days: dict[date, int] = field(default_factory=dict)


def scorecards(
    minutes: Iterable[Minute],
    deployment: Deployment,
    incidents: Iterable[Incident],
    refreshes: Iterable[Row],
    now: datetime,
    prices: Prices | None = None,
) -> list[Scorecard]:
    """Of every product that is served, by name, as if nothing were made of it."""
    used = _used(minutes, now)
    known, runs = list(incidents), list(refreshes)
    made = []
    for one in sorted(deployment.current, key=lambda one: one.product.name):
        name = one.product.name
        met = [incident for incident in known if incident.product == name and incident.opened > now - timedelta(DAYS)]
        ended = [row for row in runs if row.get("product") == name and row.get("phase") == "ended"]
        made.append(_scorecard(one, used.get(name, _Used()), met, ended, now, prices or Prices()))
    return made


def _used(minutes: Iterable[Minute], now: datetime) -> dict[str, _Used]:
    found: dict[str, _Used] = {}
    for one in minutes:
        counted, numbers = one.counted, one.numbers
        if not counted.product or one.at <= now - timedelta(DAYS):
            continue
        used = found.setdefault(counted.product, _Used())
        used.total.add(numbers)
        if counted.subject != OTHERS:
            used.kinds.setdefault(counted.kind, set()).add(counted.subject)
        used.ports[counted.port] = used.ports.get(counted.port, 0) + numbers.queries
        purpose = counted.purpose or "none"
        used.purposes[purpose] = used.purposes.get(purpose, 0) + numbers.queries
        used.days[one.at.date()] = used.days.get(one.at.date(), 0) + numbers.queries
    return found


def _scorecard(
    snapshot: Snapshot, used: _Used, met: Sequence[Incident], ended: Sequence[Row], now: datetime, prices: Prices
) -> Scorecard:
    product, total = snapshot.product, used.total
    failures = sum(row.get("outcome") in _FAILED for row in ended)
    repairs = [one.repair_s for one in met if one.repair_s is not None]
    value, cost = money(snapshot, "value"), _cost(snapshot, total, prices)
    roi = (value - cost) / cost if value is not None and cost > 0 else None
    consumers = {kind: len(names) for kind, names in sorted(used.kinds.items())}
    change = _change(used.days, now)
    return Scorecard(
        product=product.name,
        domain=product.domain,
        version=product.version,
        status=product.status,
        consumers=consumers,
        queries=total.queries,
        errors=total.lacking + total.failed + total.theirs,
        rows=total.rows,
        bytes=total.bytes,
        computed_s=round(total.computed_ms / 1000, 3),
        sent_bytes=total.sent_bytes,
        cpu_s=round((total.cpu_ms + total.rendered_ms) / 1000, 3),
        rendered_s=round(total.rendered_ms / 1000, 3),
        ports=dict(sorted(used.ports.items())),
        purposes=dict(sorted(used.purposes.items())),
        cases=cases(product, custom(snapshot, "consumers"), used.kinds, used.purposes),
        reused_by=0,
        domains_reached=0,
        pace=_pace(used.days, now),
        change=change,
        care=care(product, now.date()),
        changes=len(ended),
        change_failure_rate=failures / len(ended) if ended else None,
        incidents=len(met),
        repaired=len(repairs),
        mttr_s=sum(repairs) / len(repairs) if repairs else None,
        value=value,
        cost=round(cost, 2),
        roi=None if roi is None else round(roi, 4),
        retire=_retire(snapshot, sum(consumers.values()), change, roi, _since(snapshot, ended), now),
    )


def reused(card: Scorecard, deployment: Deployment, seen: Container[str] | None = None) -> Scorecard:
    """`card` with what is made of its product, as far as those products are of `seen` (None: all are)."""
    snapshot, readers = deployment.find(card.product), downstream(deployment, card.product, seen)
    if snapshot is None or not readers:
        return card
    domains = {found.product.domain for name in readers if (found := deployment.find(name)) is not None}
    return replace(
        card,
        cases=read_by(card.cases, readers),
        reused_by=len(readers),
        domains_reached=len(domains - {card.domain}),
        retire=tuple(one for one in card.retire if one not in {_UNASKED, _UNUSED}),
    )


def _since(snapshot: Snapshot, ended: Sequence[Row]) -> datetime:
    """Since when a product is known to be there, however often it was made anew since."""
    made = [ticking.read(str(row["at"])) for row in ended if row.get("outcome") == "published" and "at" in row]
    return min([snapshot.published_at, *made])


def custom(snapshot: Snapshot, name: str) -> Any:
    """Our own custom property of a product's descriptor, None where it is not declared."""
    for document in snapshot.product.documents.values():
        if isinstance(document, dict) and document.get("kind") == "DataProduct":
            for one in document.get("customProperties") or ():
                if one.get("vendor") == "outport" and one.get("property") == name:
                    return one.get("value")
    return None


def money(snapshot: Snapshot, name: str) -> float | None:
    """What a year of a product is declared to be worth, or to cost: `{amount: 1000, per: month}`; None if it is not."""
    return worth.yearly(custom(snapshot, name))


def _cost(snapshot: Snapshot, total: Numbers, prices: Prices) -> float:
    """Total cost of ownership of a year: what is declared, and what was measured at the deployment's prices."""
    spent_ms = total.cpu_ms + total.rendered_ms
    measured = spent_ms / 3_600_000 * prices.cpu_hour + total.sent_bytes / 1e9 * prices.gigabyte
    return (money(snapshot, "cost") or 0.0) + measured * 365 / DAYS


def _pace(days: Mapping[date, int], now: datetime) -> Pace:
    if not days:
        return "unused"
    known = max(1, (now.date() - min(days)).days + 1)  # a clock that was set back has days to come
    mean = sum(days.values()) / known
    steady = len(days) >= _STEADY_DAYS * known and max(days.values()) <= _STEADY_PEAK * mean
    return "steady" if steady else "bursty"


def _change(days: Mapping[date, int], now: datetime) -> float | None:
    """Questions of the last half of DAYS to those of the half before: -1 where none is left, None where none was."""
    middle = now.date() - timedelta(DAYS // 2)
    before = sum(count for day, count in days.items() if day <= middle)
    after = sum(days.values()) - before
    return round(after / before - 1, 4) if before else None


def _retire(
    snapshot: Snapshot, users: int, change: float | None, roi: float | None, since: datetime, now: datetime
) -> tuple[str, ...]:
    """Why it may be a candidate for retirement; () where nothing speaks for it."""
    found = []
    if not users and (now - since).days >= DAYS:
        found.append(_UNASKED)
    if change is not None and change <= _DECAYED:
        found.append(f"{-change:.0%} fewer questions than in the {DAYS // 2} days before")
    if roi is not None and roi < 0:
        found.append("it costs more than it is declared to be worth")
    if snapshot.product.status == "deprecated" and not users:
        found.append(_UNUSED)
    return tuple(found)


@dataclass(frozen=True, slots=True, kw_only=True)
class Together:
    """Several products as one: a domain, or the portfolio (domain "")."""

    domain: str
    products: int
    consumed: int
    queries: int
    rows: int
    bytes: int
    computed_s: float
    sent_bytes: int
    cpu_s: float
    rendered_s: float
    change: float | None
    compliance: float | None
    documentation: float | None
    incidents: int
    mttr_s: float | None
    change_failure_rate: float | None
    value: float
    cost: float
    roi: float | None
    retire: tuple[str, ...]

    @property
    def document(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)


def together(cards: Sequence[Scorecard], domain: str = "") -> Together:
    """`cards` as one scorecard; means are those over products."""
    repaired = [(one.mttr_s, one.repaired) for one in cards if one.mttr_s is not None]
    weight = sum(count for _, count in repaired)
    changes = sum(one.changes for one in cards)
    failures = sum((one.change_failure_rate or 0.0) * one.changes for one in cards)
    # What is worth something to somebody, against what it costs: others would make every return a loss.
    valued = [one for one in cards if one.value is not None]
    value, cost = sum(one.value or 0.0 for one in valued), sum(one.cost for one in valued)
    return Together(
        domain=domain,
        products=len(cards),
        consumed=sum(bool(one.consumers) for one in cards),
        queries=sum(one.queries for one in cards),
        rows=sum(one.rows for one in cards),
        bytes=sum(one.bytes for one in cards),
        computed_s=round(sum(one.computed_s for one in cards), 3),
        sent_bytes=sum(one.sent_bytes for one in cards),
        cpu_s=round(sum(one.cpu_s for one in cards), 3),
        rendered_s=round(sum(one.rendered_s for one in cards), 3),
        change=_changed(cards),
        compliance=_mean([one.care.compliance for one in cards]),
        documentation=_mean([one.care.documentation for one in cards]),
        incidents=sum(one.incidents or 0 for one in cards),
        mttr_s=sum(mean * count for mean, count in repaired) / weight if weight else None,
        change_failure_rate=failures / changes if changes else None,
        value=round(value, 2),
        cost=round(sum(one.cost for one in cards), 2),
        roi=round((value - cost) / cost, 4) if cost > 0 else None,
        retire=tuple(one.product for one in cards if one.retire),
    )


def _changed(cards: Sequence[Scorecard]) -> float | None:
    """The change of their questions together: of each, those of the half before are questions / (2 + change)."""
    before = sum(one.queries / (2 + one.change) for one in cards if one.change is not None)
    return round(sum(one.queries for one in cards) / before - 2, 4) if before else None


def domains(cards: Sequence[Scorecard]) -> list[Together]:
    """A scorecard for each domain, by name."""
    named = sorted({one.domain for one in cards})
    return [together([one for one in cards if one.domain == name], name) for name in named]


def _mean(values: Iterable[float | None]) -> float | None:
    told = [one for one in values if one is not None]
    return round(math.fsum(told) / len(told), 4) if told else None


def in_part(card: Scorecard) -> Scorecard:
    """`card` for who does not see every table and column: without what is counted over all of them."""
    care = replace(card.care, compliance=None, documentation=None, missing=())
    return replace(card, care=care, incidents=None, repaired=0, mttr_s=None)
