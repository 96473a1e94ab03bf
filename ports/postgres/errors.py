"""Every refusal as an ErrorResponse: one table from the error tree to SQLSTATE. Touches nothing else.

Source: PostgreSQL 15, appendix A "PostgreSQL Error Codes".
"""

from __future__ import annotations

from collections.abc import Mapping

from gateway import (
    BadQuery,
    Cancelled,
    Exhausted,
    Expired,
    Forbidden,
    Gateway,
    GatewayError,
    Internal,
    NotFound,
    Session,
    Timeout,
    Unauthenticated,
    Unavailable,
)

# (class, reason) -> SQLSTATE; the reason "" stands for every reason that has no line of its own.
SQLSTATE: Mapping[tuple[type[GatewayError], str], str] = {
    (Unauthenticated, ""): "28000",
    (Unauthenticated, "password"): "28P01",
    (Forbidden, ""): "42501",
    (NotFound, ""): "42P01",
    (NotFound, "expired"): "42501",
    (BadQuery, ""): "42601",
    (BadQuery, "ambiguous"): "42702",
    (BadQuery, "candidates"): "42725",
    (BadQuery, "cardinality"): "21000",
    (BadQuery, "column"): "42703",
    (BadQuery, "count"): "2201W",
    (BadQuery, "division"): "22012",
    (BadQuery, "encoding"): "22021",
    (BadQuery, "function"): "42883",
    (BadQuery, "grouping"): "42803",
    (BadQuery, "limit"): "54000",
    (BadQuery, "moment"): "22007",
    (BadQuery, "moment_range"): "22008",
    (BadQuery, "name"): "42704",
    (BadQuery, "parameter"): "08P01",
    (BadQuery, "place"): "42P10",
    (BadQuery, "range"): "22003",
    (BadQuery, "read_only"): "25006",
    (BadQuery, "syntax"): "42601",
    (BadQuery, "type"): "42804",
    (BadQuery, "unsupported"): "0A000",
    (BadQuery, "value"): "22P02",
    (Exhausted, ""): "53400",
    (Exhausted, "concurrency"): "53300",
    (Exhausted, "memory"): "53200",
    (Timeout, ""): "57014",
    (Cancelled, ""): "57014",
    (Expired, ""): "55000",
    (Unavailable, ""): "57P03",
    (Internal, ""): "XX000",
}
PORT = "postgres"


class WireError(Exception):
    """A refusal of the protocol's own: SQLSTATE and a message that is safe to show."""

    def __init__(self, state: str, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.state = state
        self.message = message
        self.hint = hint


def fields(error: WireError | GatewayError, severity: str = "ERROR") -> dict[str, str]:
    """The fields of an ErrorResponse for `error`."""
    if isinstance(error, WireError):
        return _report(severity, error.state, error.message, "", error.hint, None)
    state = error.line(SQLSTATE) or "XX000"
    return _report(severity, state, error.message, error.error_id, error.hint, error.position)


def told(gateway: Gateway, session: Session | None, text: str, error: Exception) -> WireError | GatewayError:
    """`error` as the client may be told it, on record; `text` is the statement that it answers."""
    if not isinstance(error, WireError):
        return gateway.refusals.told(PORT, session, text, error)
    kept = gateway.refusals.told(PORT, session, text, BadQuery("", reason=error.state))
    return error if isinstance(kept, BadQuery) else kept


def _report(severity: str, state: str, message: str, error_id: str, hint: str, position: int | None) -> dict[str, str]:
    found = {"S": severity, "V": severity, "C": state, "M": message}
    if error_id:
        found["D"] = f"error id {error_id}"
    if hint:
        found["H"] = hint
    if position is not None:
        found["P"] = str(position + 1)
    return found
