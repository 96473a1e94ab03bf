"""Tickets and prepared handles: statements sealed into what a client hands back. No state, so any worker redeems them.

A ticket gives no right: it says what to ask, of which snapshots, and whoever redeems it is authenticated and decided
upon anew. It is bound to its kind and its principal, and it ends.
"""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass, replace
from typing import Literal

import pyarrow as pa

from gateway import BadQuery, Expired, Gateway, Part, Query, Session
from ports.flight import parameters, wire
from ports.flight.wire import field

Kind = Literal["ticket", "handle"]
# A handle may live as long as a working day's connection; a ticket as long as the snapshots that it speaks of.
HANDLE_S = 12 * 3600


@dataclass(frozen=True)
class Statement:
    """What is asked: a text, its parameters (Arrow IPC, b"" for none), and the schemas of its unqualified names.

    `names` are the parameters' names, () where they go by their places. A ticket also has the `promise`, digest of the
    schema that FlightInfo named, the `snapshots` that it speaks of, the `id` of its flight, and its share of the rows:
    `part` (from 0) of `parts` where the flight has several endpoints, else 0 of 0. `expires` is epoch seconds. It is
    of `subject` alone, or of it on behalf of `behalf`.
    """

    subject: str = field(1, "text")
    expires: int = field(2, "int64")
    text: str = field(3, "text")
    parameters: bytes = field(4, "bytes")
    search_path: tuple[str, ...] = field(5, "text", repeated=True)
    promise: bytes = field(6, "bytes")
    names: tuple[str, ...] = field(7, "text", repeated=True)
    snapshots: tuple[str, ...] = field(8, "text", repeated=True)
    id: bytes = field(9, "bytes")
    part: int = field(10, "int32")
    parts: int = field(11, "int32")
    behalf: str = field(12, "text")

    def queries(self) -> tuple[Query, ...]:
        """One query for each row of parameters. Raises BadQuery (parameter)."""
        part = Part(self.part, self.parts) if self.parts else None
        return tuple(Query(self.text, row, part) for row in parameters.rows(self.parameters, self.names))

    def at(self, session: Session) -> Session:
        """`session` with the search path that the statement was written for."""
        return session.at(*self.search_path)


class Tickets:
    """Seals statements and opens them again."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._lifetimes: dict[Kind, float] = {"ticket": gateway.settings.retain_s, "handle": HANDLE_S}

    def expires(self, kind: Kind) -> int:
        """When that which is sealed now ends."""
        return int(time.time() + self._lifetimes[kind])

    def seal(self, kind: Kind, session: Session, statement: Statement) -> bytes:
        """`statement` for the session's principal, to be handed back within the kind's lifetime."""
        subject, behalf = _owner(session)
        bound = replace(statement, subject=subject, behalf=behalf, expires=self.expires(kind))
        return self._gateway.seal(f"flight {kind}", wire.encode(bound)).encode()

    def open(self, kind: Kind, session: Session, sealed: bytes) -> Statement:
        """What was sealed. Raises BadQuery (value) for a forged one and for another principal's alike, Expired."""
        try:
            statement = wire.decode(Statement, self._gateway.unseal(f"flight {kind}", sealed.decode("ascii")))
        except (UnicodeDecodeError, BadQuery) as error:
            raise _foreign(kind) from error
        if (statement.subject, statement.behalf) != _owner(session):
            raise _foreign(kind)
        if statement.expires < time.time():
            raise Expired(f"this {kind} has expired; ask again", reason=kind)
        return statement


def _owner(session: Session) -> tuple[str, str]:
    """Whose a ticket is: of who has signed in, and of whom it is asked for, "" for itself."""
    return session.principal.subject, session.on_behalf_of or ""


def _foreign(kind: Kind) -> BadQuery:
    return BadQuery(f"this {kind} was not given out to you by this server", reason="value")


def digest(schema: pa.Schema) -> bytes:
    """What must be equal for two schemas to be the same to a client."""
    return hashlib.sha256(schema.serialize().to_pybytes()).digest()[:16]
