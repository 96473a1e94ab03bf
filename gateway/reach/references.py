"""What one table can be read together with: the foreign keys that touch it, as a session may follow them. Pure.

Both directions, in the same product and across products; only where both ends are visible and treated alike.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from gateway.binding.views import Grant
from gateway.contracts.visibility import visible_relationships
from gateway.errors import Forbidden
from gateway.product import Relationship
from gateway.reach import grants
from gateway.reach.visible import VisibleTable, shown
from gateway.serving.catalog import Snapshot
from gateway.session import Pin, Session
from gateway.sql.scope import Path


@dataclass(frozen=True)
class Reference:
    """A foreign key as seen from one of its ends: the rows of `table` where `to_columns` equal our `columns`.

    `schema` is the far table's schema in SQL, `key` the columns that hold the foreign key, at whichever end. Where not
    `many`, at most one row matches: the far columns hold its key.
    """

    schema: str
    table: VisibleTable
    columns: tuple[str, ...]
    to_columns: tuple[str, ...]
    key: tuple[str, ...]
    many: bool


def references(session: Session, pin: Pin, path: Path) -> tuple[Reference, ...]:
    """Every reference from or to the table that `path` names, in the contracts' order. Raises NotFound, Forbidden."""
    here = grants.resolve(session, pin, "query", path)
    schema = path[-2].lower() if len(path) > 1 else here.snapshot.product.name
    return (*_outgoing(session, pin, here, schema), *_incoming(session, pin, here, schema))


def _outgoing(session: Session, pin: Pin, here: Grant, schema: str) -> Iterator[Reference]:
    for one in here.table.relationships:
        target = _named(pin, here.snapshot, one)
        far = _granted(session, pin, target, one.to_table) if target is not None else None
        if far is not None and _holds(here, one, far):
            there = schema if far.snapshot is here.snapshot else far.snapshot.product.name
            yield _reference(there, far, one.columns, one.to_columns, one.columns)


def _incoming(session: Session, pin: Pin, here: Grant, schema: str) -> Iterator[Reference]:
    ours = here.snapshot.product.name
    for snapshot in (here.snapshot, *(one for one in pin.deployment.current if one.product.name != ours)):
        for table in snapshot.product.tables:
            for one in table.relationships:
                if one.to_table != here.table.name or _named(pin, snapshot, one) is not here.snapshot:
                    continue
                far = _granted(session, pin, snapshot, table.name)
                if far is not None and _holds(far, one, here):
                    there = schema if snapshot is here.snapshot else snapshot.product.name
                    yield _reference(there, far, one.to_columns, one.columns, one.columns)


def _named(pin: Pin, snapshot: Snapshot, one: Relationship) -> Snapshot | None:
    """The snapshot whose table a relationship of `snapshot` refers to."""
    if one.to_product in {"", snapshot.product.name}:
        return snapshot
    return pin.deployment.find(one.to_product)


def _granted(session: Session, pin: Pin, snapshot: Snapshot, name: str) -> Grant | None:
    try:
        return grants.grant(session, pin, "query", snapshot, name)
    except Forbidden:
        return None


def _holds(source: Grant, one: Relationship, target: Grant) -> bool:
    """Whether rows can be read over the relationship: both ends shown and treated alike."""
    if source.decision.uses.keys() & set(one.columns) or target.decision.uses.keys() & set(one.to_columns):
        return False
    same = source.snapshot is target.snapshot
    name = one.to_table if same else f"{one.to_product}.{one.to_table}"
    return one in visible_relationships(source.decision, source.table, {name: target.decision})


def _reference(
    schema: str, far: Grant, columns: tuple[str, ...], to_columns: tuple[str, ...], key: tuple[str, ...]
) -> Reference:
    return Reference(schema, shown(far, {}), columns, to_columns, key, not far.table.identified_by(to_columns))
