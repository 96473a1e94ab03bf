"""Where the next page begins, as bytes that the gateway seals. Pure.

A cursor belongs to one question of one principal on the snapshots that the first page came from: it answers from these
while they are kept, and is refused for any other question, since its place would mean something else there.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass

from gateway import BadQuery, Session

KIND = "cursor"


@dataclass(frozen=True)
class Cursor:
    """The place of the last row sent: texts of the total order's columns, None where there is no key.

    `before` is the number of rows on the pages before; `question` is what it belongs to, as `belongs` says it.
    """

    snapshots: tuple[str, ...]
    place: tuple[str | None, ...] | None
    before: int
    question: str


def owner(session: Session, relation: str) -> str:
    """A hash of whom a cursor belongs to: the principal, its purpose, and the table that is asked."""
    return _digest((session.principal.fingerprint, session.purpose, relation))


def belongs(parts: Iterable[object]) -> str:
    """A hash of the question that a cursor belongs to; `parts` have a `repr` that says all of them."""
    return _digest(tuple(parts))


def pack(cursor: Cursor, owned_by: str) -> bytes:
    """`cursor` as bytes, tied to its owner."""
    return json.dumps([owned_by, cursor.question, cursor.snapshots, cursor.place, cursor.before]).encode()


def unpack(payload: bytes, owned_by: str) -> Cursor:
    """What `pack` was given. Raises BadQuery if it belongs to somebody else, or to another table."""
    owned, question, snapshots, place, before = json.loads(payload)
    if owned != owned_by:
        raise _foreign()
    return Cursor(tuple(snapshots), None if place is None else tuple(place), before, question)


def require(cursor: Cursor, question: str, snapshot: str) -> None:
    """Raises BadQuery if `cursor` belongs to another question than this, or to another snapshot than is read now."""
    if cursor.question != question:
        raise _foreign()
    if snapshot not in cursor.snapshots:
        raise BadQuery(
            "this cursor belongs to another snapshot than the address names: leave one of the two out", reason="value"
        )


def _foreign() -> BadQuery:
    return BadQuery(
        "this cursor belongs to another question: repeat table, filters and order as they were", reason="value"
    )


def _digest(value: object) -> str:
    return hashlib.sha256(repr(value).encode()).hexdigest()[:32]
