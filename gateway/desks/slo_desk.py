"""How the objectives of a product are kept, told as far as a principal may see them. Reads <state>/slo.json.

A promise on a column exists for who sees the column as it is; one on a table, for who sees the table; one on the whole
product, and one on rules, for who sees all of it or manages it. How old its data is, and so since when it was too old,
is told to who sees every row: the newest may be another's. Who consumes a product is told by name to those who manage
it, and as a number to others; other products to who sees them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from gateway import ticking
from gateway.accounting.ledger import Ledger
from gateway.contracts.visibility import sameness
from gateway.errors import BadQuery, NotFound
from gateway.reach import own_rows
from gateway.reach.grants import sees
from gateway.reach.managers import Managers
from gateway.reach.pins import Pins
from gateway.reach.visible import VisibleProduct
from gateway.service_levels import incidents, maintenance
from gateway.service_levels.incidents import Acknowledged
from gateway.service_levels.maintenance import Window
from gateway.service_levels.slo_told import Document, Told
from gateway.session import Session
from gateway.ticking import Clock

WORDS = 2_000
REASON = 500


@dataclass(frozen=True)
class Objectives:
    """As of `at` (None: nobody has looked yet): every objective by door, and the incidents of 30 days, newest first.

    `maintenance` is what is declared and not over.
    """

    at: str | None
    results: Sequence[Document]
    incidents: Sequence[Document]
    maintenance: Sequence[Document] = ()


class SloDesk:
    """Tells what the last look has found. Thread-safe."""

    def __init__(self, state: Path, managers: Managers, pins: Pins, clock: Clock = ticking.MACHINE) -> None:
        self._told, self._managers, self._pins, self._clock = Told(state), managers, pins, clock
        self._ledger = Ledger(state, clock)

    def of(self, session: Session, visible: VisibleProduct) -> Objectives:
        """What the session may know of a product that it sees. Raises Unavailable."""
        told = self._told.read()
        name = visible.product.name
        measured = self._pins.present().deployment.find(name)
        if measured is None or measured.product.major != visible.product.major:
            return Objectives(told["at"], (), ())  # what is measured is the version that the bare name means
        manages = bool(self._managers.rule(session, visible.product))
        decided = [(one.table.name, one.decision) for one in visible.tables]
        whole = manages or own_rows.seen_of(visible.product, decided).whole
        exists = {
            one.id: one
            for one in visible.product.objectives
            if (not one.table or _exists(visible, one.table, one.column)) and (whole or not one.of_the_whole)
        }
        blurred = {name for name, one in exists.items() if one.kind == "freshness" and _filtered(visible, one.table)}
        return Objectives(
            told["at"],
            [
                {**one, "value": None} if one["objective"] in blurred else one
                for one in told["results"]
                if one["product"] == name and one["objective"] in exists
            ],
            [
                self._shown(session, one, exact=one["objective"] not in blurred, manages=manages)
                for one in told["incidents"]
                if one["product"] == name and one["objective"] in exists
            ],
            [
                {"begins": one["begins"], "ends": one["ends"], **(_managed(one, name) if manages else {})}
                for one in told.get("maintenance", ())
                if not one["products"] or name in one["products"]
            ],
        )

    def acknowledge(self, session: Session, product: str, incident: str, words: str) -> None:
        """Keep that who manages `product` has seen an incident, in their words.

        Raises NotFound, Forbidden, BadQuery for words that are none or too many, Unavailable.
        """
        visible = self._managers.check(session, product)
        name = visible.product.name
        found = next(
            (one for one in self._told.read()["incidents"] if (one["product"], one["id"]) == (name, incident)), None
        )
        if found is None:
            raise NotFound(f'incident "{incident:.64}" does not exist', reason="incident")
        if not words.strip() or len(words) > WORDS:
            raise BadQuery(f"words about the incident, at most {WORDS} characters", reason="value")
        self._managers.record(session, name, "acknowledge", reason=words, what=incident)
        told = Acknowledged(session.principal.subject, self._clock.now(), words)
        row = {"at": ticking.text(told.at), "event": "acknowledged", "incident": incident, "product": name}
        self._ledger.append(incidents.KIND, [row | {"by": told.by, "words": told.words}])

    def declare(self, session: Session, product: str, begins: str, ends: str, reason: str) -> Window:
        """Say that `product` need not be served from one moment until another (ISO 8601; UTC where no zone is named).

        Raises NotFound, Forbidden, BadQuery, Unavailable.
        """
        name = self._managers.check(session, product).product.name
        if not reason.strip() or not reason.isprintable() or len(reason) > REASON:
            raise BadQuery(f"a reason has 1 to {REASON} characters, in one line", reason="value")
        span = _moment(begins), _moment(ends)
        made = maintenance.declared(*span, (name,), session.principal.subject, reason.strip(), self._clock.now())
        self._managers.record(session, name, "maintenance", reason=reason.strip(), what=f"{made.id} {begins} {ends}")
        self._ledger.append(maintenance.KIND, [made.row])
        return made

    def cancel(self, session: Session, product: str, window: str) -> None:
        """End a window of `product` alone: others are the operator's. Raises NotFound, Forbidden, Unavailable."""
        name, now = self._managers.check(session, product).product.name, self._clock.now()
        own = [one for one in maintenance.windows(self._ledger, now) if one.products == (name,)]
        row = maintenance.cancelled(own, window, session.principal.subject, now)
        self._managers.record(session, name, "maintenance", what=f"{window} cancelled")
        self._ledger.append(maintenance.KIND, [row])

    def _shown(self, session: Session, incident: Document, *, exact: bool, manages: bool) -> Document:
        """Other products where they are seen; to who does not manage it, consumers as their number."""
        pin = self._pins.present()
        seen = {one.product.name for one in pin.deployment.current if sees(session, pin, one)}
        shown = {
            **incident,
            "causes": [one for one in incident["causes"] if one.partition(":")[0] in seen],
            "downstream": [one for one in incident["downstream"] if one in seen],
            **({} if exact else {"first_bad": None, "detect_s": None}),
        }
        if manages:
            return shown
        told = incident["acknowledged"]
        by_nobody = None if told is None else {**told, "by": None}
        consumers = incident.get("consumed_by", len(incident["consumers"]))  # of before it was counted
        return {**shown, "consumers": consumers, "acknowledged": by_nobody}


def _managed(window: Document, product: str) -> Document:
    """Why it stands still, to who manages the product; what is cancelled by, where it is of that product alone."""
    own = list(window["products"]) == [product]
    return {"reason": window["reason"], **({"window": window["id"]} if own else {})}


def _filtered(visible: VisibleProduct, table: str) -> bool:
    """Whether rows of a table are kept from who sees it."""
    return any(one.decision.rows is not None for one in visible.tables if one.table.name == table)


def _exists(visible: VisibleProduct, table: str, column: str) -> bool:
    shown = next((one for one in visible.tables if one.table.name == table), None)
    if shown is None or not column:
        return shown is not None
    return column in shown.decision.visible and sameness(shown.decision, column) == "raw"


def _moment(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise BadQuery("a time is one of ISO 8601, such as 2031-02-01T22:00", reason="value") from error
