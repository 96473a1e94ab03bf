"""Where the next page begins, as bytes that the gateway seals. Pure.

A cursor belongs to one question of one principal on one snapshot: it is refused for any other, since its place would
mean something else there.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

from gateway import BadQuery, Expired, Session
from ports.rest.compose import Relation, total_order
from ports.rest.question import Question

KIND = "cursor"


@dataclass(frozen=True)
class Cursor:
    """The place of the last row sent: texts of the total order's columns, or a count of rows where there is no key."""

    snapshot: str
    place: tuple[str | None, ...] | None
    offset: int


def binding(question: Question, relation: Relation, session: Session) -> str:
    """A hash of what a cursor belongs to: table, filters, order, principal, purpose."""
    parts: list[object] = [relation.text, question.filters, total_order(question, relation)]
    parts += [session.principal.fingerprint, session.purpose]
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:32]


def pack(cursor: Cursor, bound: str) -> bytes:
    """`cursor` as bytes, tied to `bound`."""
    return json.dumps([bound, cursor.snapshot, cursor.place, cursor.offset]).encode()


def unpack(payload: bytes, bound: str, places: int) -> Cursor:
    """What `pack` was given. Raises BadQuery if it belongs to another question; `places` is the order's length."""
    owner, snapshot, place, offset = json.loads(payload)
    if owner != bound or (place is not None and len(place) != places):
        raise BadQuery(
            "this cursor belongs to another question: repeat table, filters and order as they were", reason="value"
        )
    return Cursor(snapshot, None if place is None else tuple(place), offset)


def require(cursor: Cursor, snapshot: str) -> None:
    """Raises Expired if `cursor` was given out on another snapshot."""
    if cursor.snapshot != snapshot:
        raise Expired("the data has been published anew since this cursor: begin again without it", reason="snapshot")


def place(text: str) -> tuple[str | None, ...]:
    """The texts in a row's place: a JSON object whose numbers keep every digit."""
    members = json.loads(text, parse_int=str, parse_float=str)
    return tuple(_text(value) for value in members.values())


def _text(value: object) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    return None if value is None else str(value)
