"""Sessions of pages that have ended before their time, until that is over: what keeps one is no login any more.

Shared by the processes of one deployment, which tell each other; one that begins asks the others. Touches them alone.
"""

from __future__ import annotations

import json
import threading
import time

from gateway.serving.siblings import Siblings

# Beyond that, what would end soonest by itself is forgotten.
REMEMBERED = 50_000
_TOPIC = "signed out"
_WAIT_S = 1.0


class SignedOut:
    """Which sessions have ended. Thread-safe. Ids are those of sealed cookies: nobody else knows one."""

    def __init__(self, siblings: Siblings, limit: int = REMEMBERED) -> None:
        self._siblings, self._limit = siblings, limit
        self._lock = threading.Lock()
        self._until: dict[str, float] = {}
        self._asked = siblings.count == 1
        siblings.on(_TOPIC, self._heard)

    def end(self, session: str, until: float) -> None:
        """The session has ended; until the epoch second `until` it could have gone on."""
        self._keep({session: until})
        self._siblings.tell(_TOPIC, json.dumps({session: until}).encode())

    def ended(self, session: str) -> bool:
        """Whether it has, here or in another process."""
        if not self._asked:
            # What ended before this process began.
            self._asked = True
            for told in self._siblings.ask(_TOPIC, b"{}", _WAIT_S):
                self._keep(json.loads(told or b"{}"))
        with self._lock:
            return session in self._until

    def _heard(self, body: bytes) -> bytes:
        self._keep(json.loads(body))
        with self._lock:
            return json.dumps(self._until).encode() if body == b"{}" else b""

    def _keep(self, told: dict[str, float]) -> None:
        now = time.time()
        with self._lock:
            self._until = {one: until for one, until in {**self._until, **told}.items() if until > now}
            while len(self._until) > self._limit:
                del self._until[min(self._until, key=self._until.__getitem__)]
