"""How a line of the audit is written and read: its number, the seal of the line before, and its own. Pure.

A seal is HMAC-SHA256, cut to 128 bits (RFC 2104, section 5), over the line's bytes up to the seal itself, under a key
of the deployment: who does not have it can neither change a line nor make one, though everybody can read them.
"""

from __future__ import annotations

import functools
import hmac
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson

SEAL_CHARACTERS = 32
NO_SEAL = b"0" * SEAL_CHARACTERS
_LABEL = b',"seal":"'
_TAIL = len(_LABEL) + SEAL_CHARACTERS + len(b'"}\n')
_HEADS = re.compile(r"\b([0-9a-f]{16}) (\d{1,18}) ([0-9a-f]{32})\b", re.ASCII)


@dataclass(frozen=True, slots=True)
class Head:
    """The last line of a chain at some time. As text: chain, number and seal, with blanks between."""

    chain: str
    seq: int
    seal: str

    def __str__(self) -> str:
        return f"{self.chain} {self.seq} {self.seal}"


def heads(text: str) -> tuple[Head, ...]:
    """Every head that stands in `text`: what `outport audit head` printed, or a server's log."""
    return tuple(Head(chain, int(seq), seal) for chain, seq, seal in _HEADS.findall(text))


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditOpened:
    """The first line of each file: which of its chain's files it is, who writes it, since when, under which key.

    `before` is where the file that was begun before this one stood then, of whichever chain; None for the first.
    """

    chain: str
    file: int
    process: int
    host: str
    started: str
    key: str
    before: Head | None


@dataclass(frozen=True, slots=True)
class AuditContinued:
    """The last line of a file whose chain goes on in the file of that number."""

    file: int


@dataclass(frozen=True, slots=True)
class AuditGap:
    """So many records could not be written before this line."""

    lost: int


@dataclass(frozen=True, slots=True)
class AuditClosed:
    """The last line of a process that ended in good order."""


class Seal:
    """Makes seals under one key. `key_id` tells keys apart and tells nothing else of them."""

    def __init__(self, key: bytes) -> None:
        # Copying a state that has its key costs half of hmac.digest, which looks its algorithm up each time.
        self._state = hmac.new(key, digestmod="sha256")
        self.key_id = self.of(b"outport audit key")[:8].decode()

    def of(self, text: bytes) -> bytes:
        """The seal of `text`."""
        state = self._state.copy()
        state.update(text)
        return state.hexdigest()[:SEAL_CHARACTERS].encode()


@dataclass(frozen=True, slots=True)
class Line:
    """A line as it stands in a file. `text` is what `seal` was made of; `fields` are all but the seal."""

    text: bytes
    seal: bytes
    fields: Mapping[str, Any]

    @property
    def seq(self) -> int:
        """Its number in the chain, from 1."""
        return int(self.fields["seq"])

    @property
    def previous(self) -> bytes:
        """The seal of the line before, NO_SEAL for the chain's first."""
        return str(self.fields["previous"]).encode()

    def holds(self, seal: Seal) -> bool:
        """Whether it stands as it was written under that key."""
        return hmac.compare_digest(seal.of(self.text), self.seal)


def body(record: object) -> bytes:
    """A record with its time and its event as JSON that is still open: the closing brace is the seal's."""
    moment = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    fields = {"time": moment, "event": _event(type(record).__name__), **_fields(record)}
    try:
        return orjson.dumps(fields)[:-1]
    except orjson.JSONEncodeError:  # half a surrogate pair, say in a name that no one has: escaped
        return json.dumps(fields, default=_fields, separators=(",", ":")).encode()[:-1]


def sealed(open_body: bytes, seq: int, previous: bytes, seal: Seal) -> tuple[bytes, bytes]:
    """The whole line of `open_body`, and its seal."""
    text = b'%b,"seq":%d,"previous":"%b"' % (open_body, seq, previous)
    made = seal.of(text)
    return b'%b%b%b"}\n' % (text, _LABEL, made), made


def read(raw: bytes) -> Line | None:
    """`raw` as a line; None where it has not the form of one."""
    text, label, seal, end = raw[:-_TAIL], raw[-_TAIL : 9 - _TAIL], raw[9 - _TAIL : -3], raw[-3:]
    if label != _LABEL or end != b'"}\n':
        return None
    try:
        fields = _loaded(text + b"}")
    except ValueError:
        return None
    proper = isinstance(fields, dict) and type(fields.get("seq")) is int and isinstance(fields.get("previous"), str)
    return Line(text, seal, fields) if proper else None


def _loaded(text: bytes) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:  # it may be half a surrogate pair, which only the other one takes
        return json.loads(text)


def _fields(value: Any) -> dict[str, object]:
    # A class with slots keeps its fields' names there; dataclasses.fields takes four times as long.
    return {name: getattr(value, name) for name in value.__slots__}


@functools.cache
def _event(name: str) -> str:
    """QueryAnswered -> query_answered."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()
