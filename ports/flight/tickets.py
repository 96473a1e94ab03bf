"""Tickets and prepared handles: statements sealed into what a client hands back. No state, so any worker redeems them.

A ticket gives no right: it says what to ask, and whoever redeems it is authenticated and decided upon anew. It is
bound to its kind and its principal, and it ends.
"""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass, replace
from typing import Literal

import pyarrow as pa

from gateway import BadQuery, Expired, Forbidden, Gateway, Query, Session
from ports.flight import parameters, wire
from ports.flight.wire import field

Kind = Literal["ticket", "handle"]
# A handle may live as long as a working day's connection; a ticket as long as the snapshots that it speaks of.
HANDLE_S = 12 * 3600


@dataclass(frozen=True)
class Statement:
    """What is asked: a text, its parameters (Arrow IPC, b"" for none), and the schemas of its unqualified names.

    `expires` is epoch seconds; `promise` is the digest of the schema that FlightInfo named, b"" where none was.
    """

    subject: str = field(1, "text")
    expires: int = field(2, "int64")
    text: str = field(3, "text")
    parameters: bytes = field(4, "bytes")
    search_path: tuple[str, ...] = field(5, "text", repeated=True)
    promise: bytes = field(6, "bytes")

    def queries(self) -> tuple[Query, ...]:
        """One query for each row of parameters. Raises BadQuery (parameter)."""
        return tuple(Query(self.text, row) for row in parameters.rows(self.parameters))

    def at(self, session: Session) -> Session:
        """`session` with the search path that the statement was written for."""
        return session.at(*self.search_path)


class Tickets:
    """Seals statements and opens them again."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._lifetimes: dict[Kind, float] = {"ticket": gateway.settings.retain_s, "handle": HANDLE_S}

    def seal(self, kind: Kind, session: Session, statement: Statement) -> bytes:
        """`statement` for the session's principal, to be handed back within the kind's lifetime."""
        expires = int(time.time() + self._lifetimes[kind])
        bound = replace(statement, subject=session.principal.subject, expires=expires)
        return self._gateway.seal(f"flight {kind}", wire.encode(bound)).encode()

    def open(self, kind: Kind, session: Session, sealed: bytes) -> Statement:
        """What was sealed. Raises BadQuery (value) if forged, Forbidden if another's, Expired."""
        try:
            payload = self._gateway.unseal(f"flight {kind}", sealed.decode("ascii"))
        except UnicodeDecodeError as error:
            raise BadQuery(f"this {kind} was not given out by this server", reason="value") from error
        statement = wire.decode(Statement, payload)
        if statement.subject != session.principal.subject:
            raise Forbidden(f"this {kind} was given to another principal", reason=kind)
        if statement.expires < time.time():
            raise Expired(f"this {kind} has expired; ask again", reason=kind)
        return statement


def digest(schema: pa.Schema) -> bytes:
    """What must be equal for two schemas to be the same to a client."""
    return hashlib.sha256(schema.serialize().to_pybytes()).digest()[:16]
