"""What a client says in the PostgreSQL protocol 3.0: the messages as values. Pure.

Source: PostgreSQL 15 documentation, chapter 55 "Frontend/Backend Protocol".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Target = Literal["S", "P"]


class ProtocolViolation(Exception):
    """Bytes that no client of the protocol sends; the message is safe to show. The connection cannot go on."""


@dataclass(frozen=True, slots=True)
class Startup:
    """The first message: protocol version and parameters (user, database, options, application_name, ...)."""

    major: int
    minor: int
    parameters: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class CancelRequest:
    """Asks, on a connection of its own, to stop what another connection runs."""

    process: int
    key: int


@dataclass(frozen=True, slots=True)
class SslRequest:
    """Asks for TLS."""


@dataclass(frozen=True, slots=True)
class GssEncRequest:
    """Asks for GSSAPI encryption."""


@dataclass(frozen=True, slots=True)
class Query:
    """Statements in one text, to be run at once."""

    text: str


@dataclass(frozen=True, slots=True)
class Parse:
    """A statement to be prepared under `name` ("" for the unnamed one), with the parameter types that are given."""

    name: str
    text: str
    types: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Bind:
    """Parameters for a statement, and the formats (0 text, 1 binary) of parameters and results."""

    portal: str
    statement: str
    formats: tuple[int, ...]
    values: tuple[bytes | None, ...]
    result_formats: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Describe:
    """Asks what a statement (S) or portal (P) takes and gives."""

    target: Target
    name: str


@dataclass(frozen=True, slots=True)
class Execute:
    """Runs a portal, for at most `limit` rows (0: all)."""

    portal: str
    limit: int


@dataclass(frozen=True, slots=True)
class Close:
    """Forgets a statement (S) or portal (P)."""

    target: Target
    name: str


@dataclass(frozen=True, slots=True)
class Sync:
    """Ends a series of extended messages."""


@dataclass(frozen=True, slots=True)
class Flush:
    """Asks for what is answered so far."""


@dataclass(frozen=True, slots=True)
class Terminate:
    """Ends the connection."""


@dataclass(frozen=True, slots=True)
class Password:
    """The body of a password message: a password, or a SASL message; which one depends on what was asked."""

    body: bytes


@dataclass(frozen=True, slots=True)
class CopyInput:
    """CopyData, CopyDone or CopyFail: outside a COPY FROM these mean nothing and are dropped."""


@dataclass(frozen=True, slots=True)
class FunctionCall:
    """The old fast path, which is not offered."""


First = Startup | CancelRequest | SslRequest | GssEncRequest
Message = (
    Query | Parse | Bind | Describe | Execute | Close | Sync | Flush | Terminate | Password | CopyInput | FunctionCall
)
