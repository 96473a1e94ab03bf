"""How many may be connected, as whom, and how many bytes of unfinished messages they may send. Touches nothing."""

from __future__ import annotations

import threading
from collections import Counter

from ports.postgres.errors import WireError

# One place in so many is kept for principals that have none.
_RESERVED = 10


class Places:
    """At most `limit` connections at once, `each` of one principal. Thread-safe."""

    def __init__(self, limit: int, each: int) -> None:
        self._limit, self._each = limit, each
        self._open = limit - limit // _RESERVED
        self._lock = threading.Lock()
        self._held: Counter[str] = Counter()

    def take(self, subject: str) -> None:
        """A place for a principal. Raises WireError (53300)."""
        with self._lock:
            held, every = self._held[subject], self._held.total()
            if every >= self._limit:
                raise WireError("53300", "sorry, too many clients already")
            if held >= self._each:
                raise WireError("53300", f'too many connections for role "{subject}"', f"at most {self._each} at once")
            if held and every >= self._open:
                raise WireError("53300", "remaining connection slots are reserved for principals that have none")
            self._held[subject] += 1

    def give(self, subject: str) -> None:
        """A connection of the principal has ended."""
        with self._lock:
            self._held[subject] -= 1
            if not self._held[subject]:
                del self._held[subject]


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
