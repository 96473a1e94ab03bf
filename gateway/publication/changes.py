"""What each publication changed of what a product declares: a row of the ledger each, graded by semantic version.

Touches the ledger by appending and reading, and records of snapshots by reading.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from gateway import ticking
from gateway.accounting.ledger import Ledger, Row
from gateway.contracts import grading
from gateway.contracts.grading import Change, Grade
from gateway.errors import Unavailable
from gateway.serving import record, shelf
from gateway.serving.manifest import Manifest
from gateway.serving.record import RecordError
from gateway.settings import Settings
from gateway.snapshot import Snapshot
from gateway.ticking import Clock

KIND = "changes"
CHANGES_LIMIT = 100
WORDS_LIMIT = 200
_log = logging.getLogger("outport.publish")


@dataclass(frozen=True)
class Changed:
    """One publication that declares something else than the one `before` it ("": it is the first)."""

    at: str
    version: str
    before: str
    digest: str
    snapshot: str
    changes: tuple[Change, ...]


def keep(settings: Settings, known: Manifest, fresh: Iterable[Snapshot], clock: Clock = ticking.MACHINE) -> None:
    """Keep what `fresh` snapshots change of what `known` served. Never raises: what is served stays served."""
    found = [(_before(settings.state, known, one), one) for one in fresh]
    rows = [_row(old, new) for old, new in found if old is None or old.product.digest != new.product.digest]
    try:
        Ledger(settings.state, clock).append(KIND, rows)
    except (Unavailable, ValueError) as error:
        _log.error("what a publication changed cannot be kept: %s", error)


def read(state: Path, product: str) -> list[Changed]:
    """What each publication of a product changed, the newest first. Raises Unavailable."""
    rows = [row for row in Ledger(state).rows(KIND, holding=product) if row.get("product") == product]
    return [one for one in map(_changed, reversed(rows)) if one is not None]


def _before(state: Path, known: Manifest, new: Snapshot) -> Snapshot | None:
    """What readers had: the same major, else the latest one before it."""
    majors = {one.major: one.snapshot for one in known.served if one.product == new.product.name}
    lower = [major for major in majors if major <= new.product.major]
    if not lower:
        return None
    try:
        found = record.load(shelf.path(state, majors[max(lower)]))
    except RecordError:
        return None
    return None if found.mock is not None and new.mock is None else found


def _row(old: Snapshot | None, new: Snapshot) -> Row:
    changes = grading.graded(old.product, new.product).changes if old is not None else ()
    told = [json.dumps([one.grade, one.place, one.what[:WORDS_LIMIT]]) for one in changes[:CHANGES_LIMIT]]
    product = new.product
    return {
        "product": product.name,
        "version": product.version,
        "before": "" if old is None else old.product.version,
        "digest": product.digest,
        "snapshot": new.id,
        "changes": told,
    }


def _changed(row: Mapping[str, Any]) -> Changed | None:
    try:
        parts = [json.loads(one) for one in row["changes"]]
        changes = tuple(Change(grade, str(place), str(what)) for grade, place, what in parts if grade in _GRADES)
        at, version, before, digest, snapshot = (
            str(row[name]) for name in ("at", "version", "before", "digest", "snapshot")
        )
    except (KeyError, TypeError, ValueError):
        return None
    return Changed(at, version, before, digest, snapshot, changes)


_GRADES = frozenset(get_args(Grade))
