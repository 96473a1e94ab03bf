"""What a client may keep of an answer, and when it has it already (RFC 9110, 8.8, 12.5.5 and 13; RFC 9111)."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from importlib.metadata import version

from starlette.datastructures import Headers
from starlette.types import Message

from gateway import Provenance, Query, Result, Session
from ports.http.exchange import Answer

# What any answer may depend on beside its address; a store that keeps it must keep one for each.
VARY = (
    *("Accept", "Accept-Encoding", "Authorization", "Prefer"),
    *("X-Outport-On-Behalf-Of", "X-Outport-Purpose", "X-Outport-Snapshot"),
)
_VARY = ", ".join(VARY)
# To be kept by the client alone, which asks every time whether it still holds: a right may have been withdrawn.
REVALIDATED = "private, no-cache"
_NEVER = b"private, no-store"
_ALWAYS = ((b"x-content-type-options", b"nosniff"),)
_TAG = re.compile(r'(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"')
# Another release may write the same values in another way.
_RELEASE = version("outport")


def guard(message: Message, more: Mapping[str, str]) -> None:
    """Complete the headers of an answer that begins: nothing is kept where its route did not say that it may be."""
    named = {name for name, _ in message["headers"]}
    added = list(_ALWAYS)
    if b"cache-control" not in named:
        added.append((b"cache-control", _NEVER))
    if b"vary" in named:
        others = [one for one in Headers(raw=message["headers"]).getlist("Vary") if one not in VARY]
        message["headers"] = [header for header in message["headers"] if header[0] != b"vary"]
        added.append((b"vary", ", ".join([_VARY, *others]).encode("latin-1")))
    else:
        added.append((b"vary", _VARY.encode()))
    own = {name.lower().encode("latin-1"): value.encode("latin-1") for name, value in more.items()}
    message["headers"] = [*(header for header in message["headers"] if header[0] not in own), *added, *own.items()]


def tag(session: Session, provenance: Provenance, question: Query, variant: str) -> str:
    """The ETag of an answer that follows from its snapshots, its policy and its question alone.

    Weak: the bytes may differ in the order of rows that no order was asked for, in the cursor, and in the coding.
    The policy's fingerprint is keyed per principal, so that no two principals share a tag; `question` is the query that
    was bound, `variant` the format with whatever shapes it.
    """
    asked = (question.text, question.parameters, question.part)
    states = [(one.name, one.version, one.snapshot) for one in provenance.products]
    asker = (session.principal.fingerprint, session.purpose, provenance.policy)
    body = repr((_RELEASE, asker, states, asked, variant))
    return f'W/"{hashlib.sha256(body.encode("utf-8", "surrogatepass")).hexdigest()[:32]}"'


def headers(current: str) -> dict[str, str]:
    """The headers of an answer that may be kept, and of the one that says that it still holds."""
    return {"ETag": current, "Cache-Control": REVALIDATED}


@dataclass(frozen=True)
class Condition:
    """If-None-Match: the opaque tags of what a client has, or that it has anything at all."""

    tags: frozenset[str]
    anything: bool

    @classmethod
    def of(cls, headers: Headers) -> Condition:
        """What `headers` say."""
        given = ",".join(headers.getlist("if-none-match"))
        found = frozenset(one.removeprefix("W/") for one in _TAG.findall(given))
        return cls(found, given.strip() == "*")

    def has(self, current: str) -> bool:
        """Whether the client names `current`: compared weakly (RFC 9110, 8.8.3.2)."""
        return current.removeprefix("W/") in self.tags

    def met(self, current: str) -> bool:
        """Whether the client has what `current` stands for, of which it is known that it exists."""
        return self.anything or self.has(current)


def unchanged(result: Result, more: Mapping[str, str]) -> Answer:
    """The answer to who has `result` already: it ends unread, and is on record."""
    result.unchanged()
    return Answer(None, iter(()), more, HTTPStatus.NOT_MODIFIED)


def document(
    session: Session, condition: Condition | None, media_type: str, content: bytes, more: Mapping[str, str]
) -> Answer:
    """A document that is made whole anyway; its tag is of its bytes, and of whom it was made for."""
    if condition is None:
        return Answer(media_type, iter([content]), more)
    made = hashlib.sha256(f"{session.principal.fingerprint}:{session.purpose}:".encode() + content).hexdigest()
    current = f'W/"{made[:32]}"'
    if condition.met(current):
        return Answer(None, iter(()), {**more, **headers(current)}, HTTPStatus.NOT_MODIFIED)
    return Answer(media_type, iter([content]), {**more, **headers(current)})
