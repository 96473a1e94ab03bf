"""What happened, as one closed union, recorded in the audit first and then counted. Touches the audit by asking it.

No record holds a value of a product, a literal of a statement, or a credential. A record that cannot be written makes
the query fail, where the audit is required: nothing is answered unseen.
"""

from __future__ import annotations

import functools
import re
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from gateway.decision import ColumnUse
from gateway.errors import Unavailable


@dataclass(frozen=True, slots=True)
class Refused:
    """The error that the client got: its class's code, its reason, and the id under which the log has the cause."""

    code: str
    reason: str
    error_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryBegun:
    """The first rows of an answer are about to leave: on file before they do, whatever becomes of its end.

    The fields are those of QueryAnswered, which follows; where none does, the process was killed. `tool` is what an
    agent has asked by, at the MCP door.
    """

    query_id: str
    subject: str
    port: str
    purpose: str | None
    products: tuple[str, ...]
    columns: tuple[ColumnUse, ...]
    rules: tuple[str, ...]
    statement: str
    on_behalf_of: str | None = None
    tool: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryAnswered:
    """A query was bound and run; written when its result ends, however it ends.

    `subject` has signed in, and asks `on_behalf_of` another where that is set. `products` are
    `name@version/snapshot`; `outcome` is the stream's (answered, cancelled, timeout, failed, closed);
    `refused` is set where it failed. `rows` and `bytes` (of Arrow) are those that left. `kind` is that of whom it is
    answered for; `first_ms` went by until it had rows, `computed_ms` it took the engine in all, `cpu_ms` its threads.
    """

    query_id: str
    subject: str
    port: str
    purpose: str | None
    products: tuple[str, ...]
    columns: tuple[ColumnUse, ...]
    rules: tuple[str, ...]
    statement: str
    rows: int
    bytes: int
    elapsed_ms: float
    outcome: str
    refused: Refused | None
    on_behalf_of: str | None = None
    tool: str | None = None
    kind: str = ""
    first_ms: float = 0.0
    computed_ms: float = 0.0
    cpu_ms: float = 0.0


@dataclass(frozen=True, slots=True)
class AnswerSent:
    """What a door has sent of an answer, and the CPU that making it has taken there: counted, since it is on record.

    There may be several of one answer, and none where nothing was sent.
    """

    answer: QueryAnswered
    bytes: int
    rendered_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryRefused:
    """A query was not run. `statement` is the client's text, `stripped`; "" where it was never read."""

    query_id: str
    subject: str
    port: str
    purpose: str | None
    refused: Refused
    statement: str = ""
    on_behalf_of: str | None = None
    tool: str | None = None
    kind: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class MetadataRead:
    """A principal listed its products, or looked at one: `products` are those that it was shown."""

    subject: str
    port: str
    purpose: str | None
    products: tuple[str, ...]
    on_behalf_of: str | None = None
    tool: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessExplained:
    """`subject` was told what `on_behalf_of` would get of `products`, and by which rules: decisions, and no data.

    `subject` is a steward who came through a door, or `account:NAME` for who used the operator's commands. `looked_at`
    are those whom one page compares, in place of `on_behalf_of`.
    """

    subject: str
    port: str
    purpose: str | None
    products: tuple[str, ...]
    on_behalf_of: str = ""
    tool: str | None = None
    looked_at: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedbackGiven:
    """Somebody said something of a product: `feedback` is its id, under which its words are kept elsewhere."""

    subject: str
    port: str
    purpose: str | None
    products: tuple[str, ...]
    feedback: str
    kind: str
    on_behalf_of: str | None = None
    tool: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedbackRead:
    """Somebody read what was said of a product; `subject` is `account:NAME` for the operator's commands."""

    subject: str
    port: str
    purpose: str | None
    products: tuple[str, ...]
    items: int
    on_behalf_of: str | None = None
    tool: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductManaged:
    """Somebody who may is about to do `action` to products: `what` names things of them, `reason` is in its own words.

    `subject` is a principal that came through a door, or `account:NAME` for the operator's commands.
    """

    subject: str
    port: str
    purpose: str | None
    products: tuple[str, ...]
    action: str
    what: str = ""
    reason: str = ""
    on_behalf_of: str | None = None
    tool: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SignInFailed:
    """Credentials were refused; the name that was claimed is not kept, since passwords get typed there."""

    port: str
    reason: str
    error_id: str


@dataclass(frozen=True, slots=True)
class PolicyLoaded:
    """A policy set came into force."""

    version: str


@dataclass(frozen=True, slots=True)
class PolicyRefused:
    """An edited policy set was refused, and the one before it stays in force. `findings` is their number."""

    kept_version: str
    findings: int


@dataclass(frozen=True, slots=True)
class SnapshotServed:
    """A server began to serve a snapshot."""

    product: str
    version: str
    snapshot: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakAllowed:
    """`subject` is about to publish what breaks readers without a major version: `breaks` are the places of it.

    `products` is the snapshot that is to be served, `replaced` the one that was. `reason` is the subject's own words.
    """

    subject: str
    products: tuple[str, ...]
    replaced: str
    breaks: tuple[str, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class AuditRead:
    """Somebody read the audit: `reader` is the account of the machine, `filters` what was asked for."""

    reader: str
    action: str
    filters: tuple[str, ...]


Observation = (
    QueryBegun
    | QueryAnswered
    | AnswerSent
    | QueryRefused
    | MetadataRead
    | AccessExplained
    | FeedbackGiven
    | FeedbackRead
    | ProductManaged
    | SignInFailed
    | PolicyLoaded
    | PolicyRefused
    | SnapshotServed
    | BreakAllowed
    | AuditRead
)


class Record(Protocol):
    """What keeps observations. Each raises Unavailable where it cannot."""

    def open(self) -> None: ...

    def record(self, observation: Observation) -> None: ...

    def check(self) -> None: ...

    def close(self) -> None: ...


class Count(Protocol):
    """What keeps numbers of observations."""

    def record(self, observation: Observation) -> None: ...

    def unrecorded(self) -> None: ...


class Observer:
    """The one place where an observation is recorded: on file first, then counted.

    Where the audit is not `required`, what cannot be on file is counted all the same, and as lost.
    """

    def __init__(self, audit: Record, *counts: Count, required: bool) -> None:
        self._audit, self._counts, self._required = audit, counts, required

    def open(self) -> None:
        """Begin. Raises Unavailable if the audit is required and cannot be opened."""
        try:
            self._audit.open()
        except Unavailable:
            if self._required:
                raise

    def record(self, observation: Observation) -> None:
        """Record `observation`. Raises Unavailable if it is not on file and must be."""
        try:
            self._audit.record(observation)
        except Unavailable:
            for count in self._counts:
                count.unrecorded()
            if self._required:
                raise
        for count in self._counts:
            count.record(observation)

    def sent(self, answer: QueryAnswered, size: int, rendered_ms: float) -> None:
        """Count what a door has sent of an answer that is on record."""
        observation = AnswerSent(answer, size, rendered_ms)
        for count in self._counts:
            count.record(observation)

    def check(self) -> None:
        """Before a query is run: raises Unavailable while its record could not be kept, and must be."""
        if self._required:
            self._audit.check()

    def close(self) -> None:
        """End the audit in good order."""
        with suppress(Unavailable):
            self._audit.close()


_TOKENS = re.compile(
    r"""
      (?P<escaped>[eE]'(?:[^'\\]|\\.|'')*(?:'|\Z))
    | (?P<text>[xXbB]?'(?:[^']|'')*(?:'|\Z))                                # also one that never ends
    | (?P<dollar>\$(?P<tag>[A-Za-z_\u0080-\uffff]*)\$.*?(?:\$(?P=tag)\$|\Z))
    | (?P<comment>--[^\n]*|/\*(?:(?!/\*).)*?\*/|/\*.*)                     # nested ones: to the end
    | (?P<quoted>"(?:[^"]|"")*(?:"|\Z))
    | (?P<parameter>\$\w+|\?)
    | (?P<number>(?<![\w])(?:\d[\w.]*|\.\d[\w.]*)(?:(?<=[eE])[+-]\d+)?)
    | (?P<word>\w+)
    | (?P<space>\s+)
    """,
    re.VERBOSE | re.DOTALL,
)
_PLAIN_NAME = re.compile(r'"[A-Za-z_][A-Za-z0-9_]{0,62}"', re.ASCII)
STATEMENT_LIMIT = 4_000


def stripped(statement: str) -> str:
    """`statement` without its literals and comments, for the audit: at most STATEMENT_LIMIT characters.

    Texts and numbers become `?`, an unterminated one to the end; so do quoted names that are no plain identifier and
    words with other than ASCII letters, since values are often put there by mistake.
    """
    return _stripped(statement[: 4 * STATEMENT_LIMIT])


# A port composes few texts, and each is stripped for every request: 0.1 ms.
@functools.lru_cache(maxsize=512)
def _stripped(statement: str) -> str:
    return _TOKENS.sub(_replacement, statement).strip()[:STATEMENT_LIMIT]


def _replacement(token: re.Match[str]) -> str:
    text = token[0]
    match token.lastgroup:
        case "escaped" | "text" | "dollar" | "tag" | "number":
            return "?"
        case "comment" | "space":
            return " "
        case "quoted":
            return text if _PLAIN_NAME.fullmatch(text) else '"?"'
        case "word":
            return text if text.isascii() and len(text) <= 63 else "?"
        case _:
            return text
