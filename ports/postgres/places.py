"""How many may be connected, as whom, and how many bytes of unfinished messages they may send. Touches nothing."""

from __future__ import annotations

import json
import threading
from collections import Counter

from gateway import GONE, Siblings
from ports.postgres.errors import WireError

# One place in so many is kept for principals that have none.
_RESERVED = 10
# Processes of one deployment tell each other; who does not answer is left out.
WAIT_S = 1.0
_TOPIC = "postgres places"


class Places:
    """At most `limit` connections at once, `each` of one principal, with those of other processes. Thread-safe."""

    def __init__(self, limit: int, each: int, siblings: Siblings) -> None:
        self._limit, self._each, self._siblings = limit, each, siblings
        self._elsewhere: dict[int, Counter[str]] = {}
        self._open = limit - limit // _RESERVED
        self._lock = threading.Lock()
        self._held: Counter[str] = Counter()
        siblings.on(_TOPIC, self._heard)
        siblings.on(GONE, self._gone)

    def take(self, subject: str) -> None:
        """A place for a principal. Raises WireError (53300)."""
        with self._lock:
            others = self._elsewhere.values()
            held = self._held[subject] + sum(one[subject] for one in others)
            every = self._held.total() + sum(one.total() for one in others)
            if every >= self._limit:
                raise WireError("53300", "sorry, too many clients already")
            if held >= self._each:
                raise WireError("53300", f'too many connections for role "{subject}"', f"at most {self._each} at once")
            if held and every >= self._open:
                raise WireError("53300", "remaining connection slots are reserved for principals that have none")
            self._held[subject] += 1
        self._tell()

    def give(self, subject: str) -> None:
        """A connection of the principal has ended."""
        with self._lock:
            self._held[subject] -= 1
            if not self._held[subject]:
                del self._held[subject]
        self._tell()

    def learn(self) -> None:
        """Ask the others what they hold."""
        for body in self._siblings.ask(_TOPIC, b"", WAIT_S):
            self._heard(body)

    def _tell(self) -> None:
        if self._siblings.count > 1:
            self._siblings.tell(_TOPIC, self._told())

    def _told(self) -> bytes:
        with self._lock:
            return json.dumps([self._siblings.index, self._held]).encode()

    def _heard(self, body: bytes) -> bytes:
        """What another process holds, where it says so; what is held here."""
        if body:
            index, held = json.loads(body)
            with self._lock:
                self._elsewhere[index] = Counter(held)
        return self._told()

    def _gone(self, body: bytes) -> bytes:
        with self._lock:
            self._elsewhere.pop(int(body), None)
        return b""


class Space:
    """The bytes that unfinished messages of every connection may take together. Thread-safe."""

    def __init__(self, limit_bytes: int) -> None:
        self._left = limit_bytes
        self._lock = threading.Lock()

    def take(self, count: int) -> None:
        """Set that many bytes aside. Raises WireError (53200)."""
        with self._lock:
            if count > self._left:
                raise WireError("53200", "too many long messages at once", "try again shortly")
            self._left -= count

    def give(self, count: int) -> None:
        """They are free again."""
        with self._lock:
            self._left += count
