"""Session ids of clients that begin with `initialize`, and what is under way in them. Touches the siblings only.

An id is a sealed text that says whose it is, so every process knows it and none keeps it. It opens nothing: each
request proves its own principal, and another's id is unknown to it. It is what a cancellation is told by.
"""

from __future__ import annotations

import json
import secrets
import threading

from gateway import BadQuery, Gateway, Session
from ports.http.exchange import Lifeline

_KIND = "mcp session"
_TOPIC = "mcp cancel"
HEADER = "mcp-session-id"
# The number that a client gives its request.
RequestId = str | int
Key = tuple[str, RequestId]


class Sessions:
    """The sessions of one process's clients. Thread-safe."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._lock = threading.Lock()
        self._under_way: dict[Key, Lifeline] = {}
        gateway.siblings.on(_TOPIC, self._heard)

    def made(self, session: Session) -> str:
        """A new id for who has signed in."""
        body = json.dumps([secrets.token_hex(8), _subjects(session)])
        return self._gateway.seal(_KIND, body.encode())

    def known(self, text: str, session: Session) -> str | None:
        """The session that an id names, None where it was not given to this principal."""
        try:
            number, subjects = json.loads(self._gateway.unseal(_KIND, text))
        except BadQuery:
            return None
        return str(number) if subjects == _subjects(session) else None

    def begin(self, key: Key, lifeline: Lifeline) -> None:
        """A request is under way."""
        with self._lock:
            self._under_way[key] = lifeline

    def end(self, key: Key, lifeline: Lifeline) -> None:
        """It is answered."""
        with self._lock:
            if self._under_way.get(key) is lifeline:
                del self._under_way[key]

    def cancel(self, key: Key) -> None:
        """Stop a request, in whichever process it is answered."""
        if not self._cut(key):
            self._gateway.siblings.tell(_TOPIC, json.dumps(key).encode())

    def _heard(self, body: bytes) -> bytes:
        number, request = json.loads(body)
        self._cut((number, request))
        return b""

    def _cut(self, key: Key) -> bool:
        with self._lock:
            lifeline = self._under_way.get(key)
        if lifeline is None:
            return False
        lifeline.cut()
        return True


def _subjects(session: Session) -> list[str]:
    return [one.subject for one in session.principal.both]
