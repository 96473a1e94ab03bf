"""Scorecards of the deployment: made of its ledger now and then, kept for every process, told as far as one sees.

Touches the ledger by reading, and <state>/scorecards.json. What a descriptor lacks names columns: it is told to who
manages the product. Nobody who uses a product is named, but whom the product itself names; and a person only to who
manages it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from gateway import ticking
from gateway.accounting.ledger import Ledger, Scalar
from gateway.accounting.observations import KIND, Minute
from gateway.contracts.documentation import Attestation, Care
from gateway.publication.runs import REFRESH
from gateway.reach import own_rows
from gateway.reach.grants import sees, shown_grant
from gateway.reach.managers import Managers
from gateway.reach.pins import Pins
from gateway.service_levels import incidents, slo_told, use_cases
from gateway.service_levels.measurement import (
    CHANGE_DAYS,
    DAYS,
    Prices,
    Scorecard,
    domains,
    in_part,
    reused,
    scorecards,
    together,
)
from gateway.service_levels.slo_series import HOURS
from gateway.service_levels.slo_told import Told
from gateway.service_levels.use_cases import UseCase
from gateway.session import Pin, Session
from gateway.settings import Settings
from gateway.snapshot import Deployment

FILE = "scorecards.json"
ROWS = "scorecards"
# Of one kind in a row, and their bytes there: purposes are names that askers state, and a row is a line of the ledger.
_LISTED, _LISTED_BYTES = 200, 14_000
Document = Mapping[str, Any]


def made(settings: Settings, deployment: Deployment, now: datetime) -> list[Scorecard]:
    """Every product's scorecard from what is on file by `now`, as if nothing were made of it. Raises Unavailable."""
    ledger = Ledger(settings.state)
    prices = Prices(settings.price_cpu_hour, settings.price_gigabyte)
    known = incidents.replayed({}, ledger.rows(incidents.KIND, now - timedelta(2 * DAYS)))
    runs = ledger.rows(REFRESH, now - timedelta(CHANGE_DAYS))
    return scorecards(usage(ledger, now), deployment, known.values(), runs, now, prices)


def usage(ledger: Ledger, now: datetime) -> Iterator[Minute]:
    """What was asked in DAYS: whole hours, and the minutes after the last one on file."""
    since = now - timedelta(DAYS)
    filed = since
    for row in ledger.stream(HOURS, since):
        one = _minute(row)
        if one is not None:
            filed = max(filed, one.at + timedelta(hours=1))
            yield one
    for row in ledger.stream(KIND, filed):
        one = _minute(row)
        if one is not None:
            yield one


def keep(settings: Settings, cards: list[Scorecard], now: datetime, deployment: Deployment | None = None) -> None:
    """Have every process tell them, and the ledger keep them, with what reads each there. Raises Unavailable."""
    document = {"at": ticking.text(now), "products": [asdict(one) for one in cards]}
    slo_told.write(settings.state, document, FILE)
    ledger = Ledger(settings.state)
    at = now.replace(minute=0, second=0, microsecond=0)
    if not ledger.rows(ROWS, at):
        told = {"at": ticking.text(at)}
        ledger.append(ROWS, [_row(one) | {"read_by": _readers(one.product, deployment)} | told for one in cards])


def _readers(product: str, deployment: Deployment | None) -> list[str]:
    """What is made of a product without another between them, and its domain: for who sees it as well."""
    served = [] if deployment is None else [one.product for one in deployment.current]
    readers = [one for one in served if any(made_of.product == product for made_of in one.inputs)]
    return _bounded(sorted(f"{one.name}={one.domain}" for one in readers))


def _row(whole: Scorecard) -> dict[str, Scalar]:
    """A scorecard as the ledger keeps it, once an hour: who sees the row may not see what is made of the product."""
    card = replace(whole, cases=use_cases.told(whole.cases))
    given = {name: value for name, value in card.document.items() if name not in {"reused_by", "domains_reached"}}
    kinds = (("people", "person"), ("applications", "application"), ("agents", "agent"))
    of_kind: dict[str, Scalar] = {name: card.consumers.get(kind, 0) for name, kind in kinds}
    plain = {name: value for name, value in given.items() if isinstance(value, str | int | float | None)}
    care: dict[str, Scalar] = {"compliance": card.care.compliance, "documentation": card.care.documentation}
    return {**plain, **of_kind, **care, "major": _major(card.version), "retire": list(card.retire), **_lists(card)}


def _lists(card: Scorecard) -> dict[str, Scalar]:
    """What has several of one kind, as texts that a model takes apart."""
    mixed = {"door": card.ports, "purpose": card.purposes, "kind": card.consumers}
    mix = [f"{what}={count}={name}" for what, of in mixed.items() for name, count in of.items()]
    vouched = [f"{one.expires}={one.state}={one.name}" for one in card.care.attestations]
    cases = [f"{','.join(one.seen_as)}={','.join(one.reads)}={one.name}" for one in card.cases]
    return {"mix": _bounded(mix), "attested": _bounded(vouched), "cases": _bounded(cases)}


def _bounded(texts: Iterable[str]) -> list[str]:
    """As many of them as one row may hold."""
    kept, room = list[str](), _LISTED_BYTES
    for one in texts:
        size = len(json.dumps(one)) + 1
        if size <= room and len(kept) < _LISTED:
            kept.append(one)
            room -= size
    return kept


def _major(version: str) -> int:
    number = version.partition(".")[0]
    return int(number) if number.isdecimal() else 0


def told(cards: list[Scorecard], at: str | None) -> Document:
    """Scorecards as JSON: of each product, each domain, and all together."""
    return {
        "at": at,
        "products": [one.document for one in cards],
        "domains": [one.document for one in domains(cards)],
        "portfolio": together(cards).document,
    }


class ScorecardDesk:
    """Tells what was made last. Thread-safe."""

    def __init__(self, state: Path, managers: Managers, pins: Pins) -> None:
        self._told, self._managers, self._pins = Told(state, FILE), managers, pins

    def of(self, session: Session) -> Document:
        """Of the products that the session sees, and of these together. Raises Unavailable."""
        document = self._told.read()
        pin = self._pins.present()
        seen = {one.product.name: one.product for one in pin.deployment.current if sees(session, pin, one)}
        cards = [reused(one, pin.deployment, seen) for one in _cards(document) if one.product in seen]
        shown = [self._shown(session, pin, one) for one in cards]
        return told(shown, document.get("at"))

    def _shown(self, session: Session, pin: Pin, card: Scorecard) -> Scorecard:
        """All of it to who manages the product; what is counted over all of it to who sees all of it."""
        snapshot = pin.deployment.find(card.product)
        if snapshot is None or self._managers.rule(session, snapshot.product):
            return card
        seen = own_rows.seen(snapshot, lambda one, table: shown_grant(session, pin, one, table))
        names = frozenset[str]() if seen is None else seen.names
        cases = tuple(one for one in use_cases.told(card.cases) if names.issuperset(one.reads))
        told = replace(card, cases=cases, care=replace(card.care, missing=(), attestations=()))
        return told if seen is not None and seen.whole else in_part(told)


def _cards(document: Document) -> Iterator[Scorecard]:
    """Those on file; what an earlier version has made is as if it were not made yet."""
    for one in document.get("products", ()):
        with suppress(KeyError, TypeError):
            yield _card(one)


def _card(document: Document) -> Scorecard:
    given = dict(document)
    care = dict(given["care"])
    attested = tuple(Attestation(**one) for one in care["attestations"])
    given["care"] = Care(**{**care, "missing": tuple(care["missing"]), "attestations": attested})
    cases = tuple(UseCase.of(one) for one in given["cases"])
    return Scorecard(**{**given, "cases": cases, "retire": tuple(given["retire"])})


def _minute(row: Mapping[str, Any]) -> Minute | None:
    try:
        return Minute.of(row)
    except (KeyError, ValueError):
        return None
