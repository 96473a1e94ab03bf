"""What a client may keep of an answer, and when it has it already (RFC 9110, 8.8, 12.5.5 and 13; RFC 9111). Pure."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from importlib.metadata import version

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import Message

from gateway import ProductProvenance, Query, Session

# What any answer may depend on beside its address; a store that keeps it must keep one for each.
VARY = ("Accept", "Accept-Encoding", "Authorization", "Prefer", "X-Outport-Purpose", "X-Outport-Snapshot")
_VARY = ", ".join(VARY)
# To be kept by the client alone, which asks every time whether it still holds: a right may have been withdrawn.
REVALIDATED = "private, no-cache"
_NEVER = "private, no-store"
_TAG = re.compile(r'(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"')
# Another release may write the same values in another way.
_RELEASE = version("outport")


def guard(message: Message, more: Mapping[str, str]) -> None:
    """Complete the headers of an answer that begins: nothing is kept where its route did not say that it may be."""
    headers = MutableHeaders(scope=message)
    headers.update(more)
    headers.setdefault("Cache-Control", _NEVER)
    headers["X-Content-Type-Options"] = "nosniff"
    named = headers.getlist("Vary")
    headers["Vary"] = ", ".join([_VARY, *(one for one in named if one not in VARY)]) if named else _VARY


def tag(
    session: Session, products: Iterable[ProductProvenance], policy: str, question: Query | str, variant: str
) -> str:
    """The ETag of an answer that follows from its snapshots, its policy and its question alone.

    Weak: the bytes may differ in the order of rows that no order was asked for, in the cursor, and in the coding.
    `policy` is the decisions' fingerprint, keyed per principal, so that no two principals share a tag; `question` is
    the query that was bound, or the name of a document; `variant` is the format with whatever shapes it.
    """
    asked = question if isinstance(question, str) else (question.text, question.parameters, question.part)
    states = [(one.name, one.version, one.snapshot) for one in products]
    body = repr((_RELEASE, session.principal.fingerprint, session.purpose, policy, states, asked, variant))
    return f'W/"{hashlib.sha256(body.encode("utf-8", "surrogatepass")).hexdigest()[:32]}"'


def known(headers: Headers, current: str) -> bool:
    """Whether If-None-Match names `current`, compared weakly; `*` is met by whatever there is."""
    given = ",".join(headers.getlist("if-none-match"))
    if given.strip() == "*":
        return True
    opaque = current.removeprefix("W/")
    return any(found.removeprefix("W/") == opaque for found in _TAG.findall(given))
