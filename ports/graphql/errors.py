"""Every refusal as GraphQL has it: one table from class and reason to `extensions.code`. Touches nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from graphql import GraphQLError

from gateway import (
    BadQuery,
    Cancelled,
    Exhausted,
    Expired,
    Forbidden,
    GatewayError,
    Internal,
    NotFound,
    Timeout,
    Unauthenticated,
    Unavailable,
)
from ports.http import errors

PARSE, VALIDATION, VARIABLES = "GRAPHQL_PARSE_FAILED", "GRAPHQL_VALIDATION_FAILED", "BAD_USER_INPUT"
BAD_REQUEST, LIMIT = "BAD_REQUEST", "LIMIT_EXCEEDED"
# (class, reason) -> code, as Apollo's servers name them; the reason "" stands for every one without a line of its own.
CODES: Mapping[tuple[type[GatewayError], str], str] = {
    (Unauthenticated, ""): "UNAUTHENTICATED",
    (Forbidden, ""): "FORBIDDEN",
    (NotFound, ""): "NOT_FOUND",
    (BadQuery, ""): VARIABLES,
    (BadQuery, "limit"): LIMIT,
    (Exhausted, ""): "EXHAUSTED",
    (Timeout, ""): "TIMEOUT",
    (Cancelled, ""): "CANCELLED",
    (Expired, ""): "EXPIRED",
    (Unavailable, ""): "UNAVAILABLE",
    (Internal, ""): "INTERNAL_SERVER_ERROR",
}
Formatted = dict[str, Any]
_REASONS = {PARSE: "syntax", VALIDATION: "name", VARIABLES: "value", LIMIT: "limit"}


class Refused(Exception):
    """A request that is not executed: its errors, formatted. `status` is what a client learns from the HTTP status.

    Where a request is `wellformed`, legacy clients (application/json) learn it from the errors alone.
    """

    def __init__(self, errors: Iterable[Formatted], status: int = 400, *, wellformed: bool = True,
                 headers: Mapping[str, str] | None = None) -> None:  # fmt: skip
        super().__init__()
        self.errors = tuple(errors)
        self.status = status
        self.wellformed = wellformed
        self.headers = dict(headers or {})
        self.on_record = False

    @property
    def reason(self) -> str:
        """Of which kind the first error is, as the audit keeps it."""
        return _REASONS.get(self.errors[0]["extensions"]["code"], "unsupported")


def refused(error: GatewayError) -> Refused:
    """A refusal of the gateway's."""
    problem = errors.problem(error)
    named = {name for name in problem.headers if name not in {"content-type", "content-length"}}
    headers = {name: ", ".join(problem.headers.getlist(name)) for name in named}
    told = isinstance(error, BadQuery | NotFound)
    return Refused([formatted(error)], problem.status_code, wellformed=told, headers=headers)


def formatted(error: GatewayError) -> Formatted:
    """A refusal of the gateway's as one GraphQL error."""
    code = error.line(CODES) or "INTERNAL_SERVER_ERROR"
    more = {"reason": error.reason, "hint": error.hint}
    extensions = {"code": code, **{name: text for name, text in more.items() if text}, "error_id": error.error_id}
    return {"message": error.message, "extensions": extensions}


def malformed(message: str, status: int = 400) -> Refused:
    """The refusal of what is no GraphQL request at all."""
    return Refused([{"message": message, "extensions": {"code": BAD_REQUEST}}], status, wellformed=False)


def unpersisted() -> Refused:
    """The answer to a document's hash alone, upon which clients send the document: none is kept by its hash."""
    words, code = "PersistedQueryNotSupported", "PERSISTED_QUERY_NOT_SUPPORTED"
    return Refused([{"message": words, "extensions": {"code": code}}], 200)


def invalid(found: Iterable[GraphQLError], code: str) -> Refused:
    """The refusal of a document, or of its variables, in the library's words: they speak of the visible schema only."""
    told = []
    for one in found:
        places = [{"line": place.line, "column": place.column} for place in one.locations or ()]
        told.append({"message": one.message, **({"locations": places} if places else {}), "extensions": {"code": code}})
    return Refused(told)


def over(what: str, limit: int) -> BadQuery:
    """The refusal of a document that asks for too much."""
    return BadQuery(f"{what}: at most {limit} are taken", reason="limit")
