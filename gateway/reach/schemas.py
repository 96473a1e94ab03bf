"""Every schema that a session may query, at every major that is served, with its tables as they may be read. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from gateway.binding.views import Grant
from gateway.errors import Forbidden
from gateway.principal import Action
from gateway.reach import grants, quality_seen
from gateway.reach.evidence import lifespan, state
from gateway.reach.visible import Tables, VisibleProduct, VisibleTable, shown
from gateway.serving.catalog import Snapshot
from gateway.session import Pin, Session


@dataclass(frozen=True)
class VisibleSchema:
    """A product at one major under its name in SQL, with the tables (one at least) that exist for a session."""

    name: str
    snapshot: Snapshot
    tables: tuple[VisibleTable, ...]
    read: tuple[Grant, ...] = field(default=(), compare=False, repr=False)

    @property
    def quality(self) -> float:
        """The share of rules that hold, of those that speak of the tables that are read alone."""
        return quality_seen.of(self.snapshot.source, self.read)


def named(pin: Pin) -> Iterator[tuple[str, Snapshot]]:
    """Each product under its name at its current major, and as `name_v1` at every other that is served; projections."""
    current = {one.product.name: one for one in pin.deployment.current}
    yield from current.items()
    for one in pin.deployment.snapshots:
        name = f"{one.product.name}_v{one.product.major}"
        if one.product.major != current[one.product.name].product.major:
            yield name, pin.deployment.find(name) or one
    yield from ((one.product.name, one) for one in pin.deployment.projected)


def schemas(session: Session, pin: Pin, action: Action, tables: Tables) -> tuple[VisibleSchema, ...]:
    """The schemas of which `action` is granted on a table, by name; a table is the same object for one decision."""
    found = []
    for name, snapshot in sorted(named(pin), key=lambda one: one[0]):
        every = (_granted(session, pin, action, snapshot, table.name) for table in snapshot.product.tables)
        granted = [one for one in every if one is not None]
        if granted:
            read = tuple(one.source for one in granted)
            found.append(VisibleSchema(name, snapshot, tuple(map(tables.shown, granted)), read))
    return tuple(found)


def described(session: Session, pin: Pin, snapshot: Snapshot, now: datetime) -> VisibleProduct:
    """The product of `snapshot` as the session may be told of it; it may have no table."""
    granted = {
        table.name: found
        for table in snapshot.product.tables
        if (found := grants.grant(session, pin, "metadata", snapshot, table.name)) is not None
    }
    decisions = {name: grant.decision for name, grant in granted.items()}
    tables = tuple(shown(grant, decisions) for grant in granted.values())
    ends, read = lifespan(session, pin, snapshot.source), [grant.source for grant in granted.values()]
    return VisibleProduct(snapshot.product, snapshot, tables, ends, state(snapshot.source, ends, read, now))


def _granted(session: Session, pin: Pin, action: Action, snapshot: Snapshot, name: str) -> Grant | None:
    try:
        return grants.grant(session, pin, action, snapshot, name)
    except Forbidden:
        return None
