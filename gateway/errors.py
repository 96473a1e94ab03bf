"""The one error tree of the gateway: what can go wrong, in words that are safe to show. Touches nothing else.

A message is ours: it names what was wrong and what would be right, in names that the principal may know. The cause
(`raise X(...) from error`) goes to the log under `error_id`, never to a client. Each port translates a class and its
`reason` in one table of its own.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import ClassVar, TypeVar

_Line = TypeVar("_Line")


class GatewayError(Exception):
    """Base of every refusal.

    `reason` refines the class for a port's table (a BadQuery may be "syntax", "column", "type", ...); `hint` says what
    would be right; `position` is a 0-based character offset into the client's own text. `on_record` says that the audit
    has it.
    """

    code: ClassVar[str] = "error"

    def __init__(self, message: str, *, reason: str = "", hint: str = "", position: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.reason = reason
        self.hint = hint
        self.position = position
        self.error_id = uuid.uuid4().hex[:12]
        self.on_record = False

    def line(self, table: Mapping[tuple[type[GatewayError], str], _Line]) -> _Line | None:
        """What a port's table says of it: by the nearest of its classes, with its reason before every reason ("")."""
        for kind in type(self).__mro__:
            for reason in (self.reason, ""):
                if (kind, reason) in table:
                    return table[kind, reason]
        return None


class Unauthenticated(GatewayError):
    """Credentials are absent, wrong or expired."""

    code = "unauthenticated"


class Forbidden(GatewayError):
    """An action that is not granted, on something that the principal may see."""

    code = "forbidden"


class NotFound(GatewayError):
    """No such product, table, key or snapshot for this principal: unknown and ungranted read alike.

    Reasons: product, table, key, snapshot, input.
    """

    code = "not_found"


class BadQuery(GatewayError):
    """The query itself is wrong.

    Reasons: syntax, column, ambiguous, type, value, parameter, function, division, grouping, range, moment,
    moment_range, cardinality, candidates, count, place, name, encoding, read_only, unsupported, limit; of pushes:
    rows, idempotency; of publications: breaks.
    """

    code = "bad_query"


class Exhausted(GatewayError):
    """A limit of the gateway is reached. Reasons: concurrency, memory, rows, bytes, rate, budget.

    `retry_s` are the seconds after which it may be gone.
    """

    code = "exhausted"

    def __init__(self, message: str, *, reason: str = "", hint: str = "", retry_s: float = 1.0) -> None:
        super().__init__(message, reason=reason, hint=hint)
        self.retry_s = retry_s


class Timeout(GatewayError):
    """The compute deadline or the idle-consumer limit has passed."""

    code = "timeout"


class Cancelled(GatewayError):
    """The client asked to stop."""

    code = "cancelled"


class Expired(GatewayError):
    """A snapshot, cursor or ticket that was valid once and is no longer kept."""

    code = "expired"


class Unavailable(GatewayError):
    """The gateway cannot answer now; nothing is wrong with the query."""

    code = "unavailable"


class Internal(GatewayError):
    """A defect of ours: its cause is in the log, under the error's id."""

    code = "internal"
