"""What is told of a product beside its data: the agreements about it, and what each publication of it changed.

Asks the policies, and reads the ledger. Who manages the product is told all; anybody else their own agreements, and of
changes what they may see of the product now. Of what is gone they are told as long as a snapshot or a major is kept
that still shows it to them, by the rules of today; what can be asked of no rule any more is left out.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from gateway.contracts.grading import Change
from gateway.contracts.visibility import visible_semantics
from gateway.policies.agreements import Agreement, State
from gateway.principal import Environment
from gateway.publication import changes
from gateway.publication.changes import Changed
from gateway.reach.grants import grant, shown_grant
from gateway.reach.managers import Managers
from gateway.reach.pins import Pins
from gateway.reach.projected import ProjectedSnapshot
from gateway.reach.visible import VisibleProduct, VisibleTable
from gateway.serving.projection import ProjectedTable
from gateway.session import Pin, Session
from gateway.snapshot import Snapshot

CHANGED_LIMIT = 30
# What grading.py says of a product as such: one of its tables or ports may have its name.
_OF_PRODUCT = frozenset({"the data clock is another", "its service levels are others", "what is said of it is other"})
_GONE = {
    "table": "the table is gone",
    "column": "the column is gone",
    "meaning": "the measure or dimension is gone",
}
_NEW = "the table is new"
_UNBOUND = "which promises nothing"


@dataclass(frozen=True)
class Agreed:
    """One agreement: for which purposes and through which doors (none named: each), until its last day.

    `who` are the consumers and roles that it names, to who manages the product only.
    """

    id: str
    who: tuple[str, ...]
    purposes: tuple[str, ...]
    ports: tuple[str, ...]
    starts: date
    ends: date
    reassessment: date | None
    approver: str
    description: str
    state: State
    overdue: bool


class ProductDesk:
    """Tells of products at the doors. Thread-safe."""

    def __init__(self, state: Path, managers: Managers, pins: Pins) -> None:
        self._state, self._managers, self._pins = state, managers, pins

    def seen(self, session: Session, *names: str) -> frozenset[str]:
        """Of these products, or of all, those that the session may be told of. For the demo, where a page says what
        other personas see: none of them has looked, so nothing is put on record."""
        pin = self._pins.present()
        found = [one for one in pin.deployment.listed if not names or one.product.name in names]
        return frozenset(one.product.name for one in found if _told_of(session, pin, one))

    def agreements(self, session: Session, visible: VisibleProduct) -> tuple[Agreed, ...]:
        """Those of who asks, in force or not; every one to who manages the product. Those that end last come first.

        Of a projection it is told what is told of its product, here and in `changes`.
        """
        policies, product, now = self._pins.present().policies, visible.snapshot.source.product, time.time()
        manages = bool(self._managers.rule(session, product))
        environment = Environment(session.port, session.purpose, "metadata", now)
        asker = None if manages else session.principal
        found = policies.agreements_about(product, asker, environment)
        return tuple(_agreed(one, now, named=manages) for one in sorted(found, key=lambda one: (-one.end, one.id)))

    def changes(self, session: Session, visible: VisibleProduct) -> list[Changed]:
        """What publications changed, the newest first. Raises Unavailable."""
        product = visible.snapshot.source.product
        every = changes.read(self._state, product.name)
        if not self._managers.rule(session, product):
            ends = any(change.what in _GONE.values() for one in every for change in one.changes)
            gone = self._gone(session, product.name) if ends else set()
            told = (replace(one, digest="", changes=tuple(_seen(one.changes, visible, gone))) for one in every)
            every = [one for one in told if one.changes or one.version != one.before]
        return every[:CHANGED_LIMIT]

    def _gone(self, session: Session, product: str) -> set[tuple[str, str]]:
        """How the end of each table, column and measure would be told that the session sees in what is kept."""
        pin = self._pins.present()
        found: set[tuple[str, str]] = set()
        for kept in self._pins.kept(session, product, None):
            for table in kept.snapshot.product.tables:
                if (seen := shown_grant(session, pin, kept.snapshot, table.name)) is not None:
                    found |= {(table.name, _GONE["table"])}
                    found |= {(f"{table.name}.{name}", _GONE["column"]) for name in seen.decision.known}
                    known = visible_semantics(seen.decision, table)
                    found |= {(f"{table.name}.{one.name}", _GONE["meaning"]) for one in known}
        return found


def _told_of(session: Session, pin: Pin, snapshot: Snapshot) -> bool:
    return any(grant(session, pin, "metadata", snapshot, table.name) is not None for table in snapshot.product.tables)


def _agreed(one: Agreement, now: float, *, named: bool) -> Agreed:
    return Agreed(
        id=one.id,
        who=(*one.consumers, *(f"role {role}" for role in one.roles)) if named else (),
        purposes=one.purposes,
        ports=one.ports,
        starts=datetime.fromtimestamp(one.start, UTC).date(),
        ends=(datetime.fromtimestamp(one.end, UTC) - timedelta(days=1)).date(),
        reassessment=one.reassessment,
        approver=one.approver if named else "",
        description=one.description if named else "",
        state=one.state(now),
        overdue=one.overdue(now),
    )


def _seen(every: tuple[Change, ...], visible: VisibleProduct, gone: Collection[tuple[str, str]]) -> Iterator[Change]:
    """The changes of columns and measures that are visible now, of the product as such, and those that are `gone`."""
    columns = {place for table in visible.tables for place in _places(visible, table)}
    meanings = {f"{one.table.name}.{item.name}" for one in visible.tables for item in one.semantics}
    meanings |= {place for place in columns if place in _meanings(visible)}
    there = {_table(visible, table) for table in visible.tables}
    for one in every:
        as_such = one.place == visible.snapshot.source.product.name
        of_product = as_such and (one.what in _OF_PRODUCT or _UNBOUND in one.what)
        if of_product or one.place in columns - meanings:
            yield one
        elif one.place in meanings:
            # An expression may name what is hidden by now, or was.
            yield replace(one, what="it is defined otherwise") if "it is" in one.what else one
        elif (one.place, one.what) in gone or (one.what == _NEW and one.place in there):
            yield one


def _declared(visible: VisibleProduct, seen: VisibleTable) -> ProjectedTable | None:
    """What a consumer has declared that is seen, None for a product's own table."""
    return visible.snapshot.declared.table(seen.table.name) if isinstance(visible.snapshot, ProjectedSnapshot) else None


def _table(visible: VisibleProduct, seen: VisibleTable) -> str:
    """The table as the product calls it."""
    declared = _declared(visible, seen)
    return seen.table.name if declared is None else declared.of


def _places(visible: VisibleProduct, seen: VisibleTable) -> Iterator[str]:
    """The columns that exist for the reader, as the product calls them."""
    declared, names = _declared(visible, seen), [column.name for column in seen.known]
    own = names if declared is None else [one.name for one in declared.names if one.shown in names]
    return (f"{_table(visible, seen)}.{name}" for name in own)


def _meanings(visible: VisibleProduct) -> set[str]:
    """The measures and dimensions of the product that is read."""
    return {f"{one.name}.{item.name}" for one in visible.snapshot.source.product.tables for item in one.semantics}
