"""Whether an attack was held: what was answered, against what it may say. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from ports.command.attack.oracle import Canary
from ports.command.attack.reply import Reply

# refused: no answer at all; nothing: none, or no row, or a zero; alike: as the same question about what is not there;
# harmless: whatever it is, no canary; count: exactly the number of rows that the decision leaves; forbidden: refused
# for who asks or from where, before its content is looked at; unechoed: without the address that the request forges.
Expectation = Literal["refused", "nothing", "alike", "harmless", "count", "forbidden", "unechoed"]
_INSIDES = (b"Traceback (most recent call last)", b"core.duckdb", b"duckdb.", b"DuckDB Error", b"memory.gov_")
_FORBIDDEN = frozenset({"401", "403", "404", "405", "415"})
# What requests of the corpus hold in order to find it in an answer: markup, a header, another server's address.
_MARKUP, _HEADER, _ELSEWHERE = b"<zq-mark", b"\nzq-split:", b"evil.example"
_ZEROS = frozenset({None, "", "0", "0.0", "0.00", "false", "f", "False", "NULL"})


def broken(expected: Expectation, reply: Reply, twin: Reply | None, canaries: Sequence[Canary], count: str = "") -> str:
    """Why the attack was not held; "" where it was. Never a value."""
    if reply.outcome == "failed":
        return "the server says that it has a defect"
    for canary in canaries:
        if canary.within(reply.data):
            return f"shows {canary.kind}"
    if any(inside in reply.data for inside in _INSIDES):
        return "shows the server's insides"
    head, _, body = reply.data.partition(b"\n\n")
    if b"content-type: text/html" in head and _MARKUP in body:
        return "writes a request's markup into a page"
    if _HEADER in b"\n" + head:
        return "lets a request write headers"
    if expected == "unechoed" and _ELSEWHERE in reply.data:
        return "believes a request about where the server is"
    if expected == "forbidden" and (reply.outcome == "answered" or reply.words[:3] not in _FORBIDDEN):
        return "was not refused for who asks, or from where"
    if expected == "alike":
        return _differs(reply, twin)
    if expected == "count":
        return "" if reply.outcome == "refused" or reply.first == count else "counts other rows than the policy leaves"
    if expected == "refused" and reply.outcome == "answered":
        return "was answered"
    if expected == "nothing" and reply.outcome == "answered" and not _empty(reply):
        return "tells whether a value is there"
    return ""


def _differs(reply: Reply, twin: Reply | None) -> str:
    assert twin is not None
    if reply.outcome != twin.outcome:
        return "is answered otherwise than the same about what is not there"
    return "" if reply.words == twin.words else "is refused in other words than the same about what is not there"


def _empty(reply: Reply) -> bool:
    return reply.rows == 0 or (reply.rows == 1 and reply.first in _ZEROS)
