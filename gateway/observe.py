"""What happened, as one closed union, and the audit that keeps it. Touches the audit folder only, by appending.

No record holds a value of a product, a literal of a statement, or a credential. A record that cannot be written makes
the query fail: nothing is answered unseen.
"""

from __future__ import annotations

import functools
import json
import logging
import os
import re
import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

import orjson

from gateway.decision import ColumnUse
from gateway.errors import Unavailable

_log = logging.getLogger("outport.audit")


@dataclass(frozen=True, slots=True)
class Refused:
    """The error that the client got: its class's code, its reason, and the id under which the log has the cause."""

    code: str
    reason: str
    error_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryAnswered:
    """A query was bound and run; written when its result ends, however it ends.

    `subject` has signed in, and asks `on_behalf_of` another where that is set. `products` are
    `name@version/snapshot`; `outcome` is the stream's (answered, cancelled, timeout, failed, closed);
    `refused` is set where it failed. `rows` and `bytes` are those that left.
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


@dataclass(frozen=True, slots=True, kw_only=True)
class MetadataRead:
    """A principal listed its products, or looked at one: `products` are those that it was shown."""

    subject: str
    port: str
    purpose: str | None
    products: tuple[str, ...]
    on_behalf_of: str | None = None


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


Observation = QueryAnswered | QueryRefused | MetadataRead | SignInFailed | PolicyLoaded | PolicyRefused | SnapshotServed


class Audit:
    """Appends one JSON line a record to a file of this process, readable by its owner only."""

    def __init__(self, folder: Path) -> None:
        """Opens the file. Raises Unavailable if it cannot be opened."""
        self._lock = threading.Lock()
        started = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        self.path = folder / f"{started}-{os.getpid()}.jsonl"
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise Unavailable("the audit cannot be opened", reason="audit") from error

    def record(self, observation: Observation) -> None:
        """Append `observation`: one write of one line. Raises Unavailable if it is not on file as a whole."""
        line = _line(observation)
        with self._lock:
            try:
                self._append(line)
            except OSError as error:
                _log.error("the audit cannot be written: %s", error.strerror)
                raise Unavailable("the audit cannot be written, so nothing is answered", reason="audit") from error

    def close(self) -> None:
        """Close the file; a later record raises Unavailable."""
        with self._lock:
            if self._descriptor >= 0:
                os.close(self._descriptor)
            self._descriptor = -1

    def _append(self, line: bytes) -> None:
        written = os.write(self._descriptor, line)
        if written != len(line):
            # A full disk cuts a line: half a record would spoil the next one.
            os.truncate(self._descriptor, os.fstat(self._descriptor).st_size - written)
            raise OSError(28, "the disk is full")


class Count(Protocol):
    """What keeps numbers of observations."""

    def record(self, observation: Observation) -> None: ...

    def unrecorded(self) -> None: ...


class Observer:
    """The one place where an observation is recorded: on file first, then counted."""

    def __init__(self, audit: Audit, count: Count) -> None:
        self._audit, self._count = audit, count

    def record(self, observation: Observation) -> None:
        """Record `observation`. Raises Unavailable if it is not on file."""
        try:
            self._audit.record(observation)
        except Unavailable:
            self._count.unrecorded()
            raise
        self._count.record(observation)


def _line(observation: Observation) -> bytes:
    moment = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    body = {"time": moment, "event": _event(type(observation).__name__), **_fields(observation)}
    try:
        return orjson.dumps(body, option=orjson.OPT_APPEND_NEWLINE)
    except orjson.JSONEncodeError:  # half a surrogate pair, say in a name that no one has: escaped
        return json.dumps(body, default=_fields, separators=(",", ":")).encode() + b"\n"


def _fields(value: Any) -> dict[str, object]:
    # A class with slots keeps its fields' names there; dataclasses.fields takes four times as long.
    return {name: getattr(value, name) for name in value.__slots__}


@functools.cache
def _event(name: str) -> str:
    """QueryAnswered -> query_answered."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


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
