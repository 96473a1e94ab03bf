"""What clients have bound to handles lately, for those that go on with the handle that they had. Touches nothing.

The protocol answers DoPut with a new handle that holds the parameters (FlightSql.proto, DoPutPreparedStatementResult);
clients older than it, such as flightsql-dbapi 0.2, do not read that answer.
"""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict

LIMIT_BYTES = 16 << 20


class Bindings:
    """Handle -> parameters, the last LIMIT_BYTES of them. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: OrderedDict[bytes, bytes] = OrderedDict()
        self._bytes = 0

    def put(self, handle: bytes, parameters: bytes) -> None:
        """Keep what was bound to `handle`."""
        with self._lock:
            self._forget(_key(handle))
            self._known[_key(handle)] = parameters
            self._bytes += len(parameters)
            while self._bytes > LIMIT_BYTES:
                self._forget(next(iter(self._known)))

    def get(self, handle: bytes) -> bytes:
        """What was bound to `handle`, b"" where nothing is known."""
        with self._lock:
            return self._known.get(_key(handle), b"")

    def forget(self, handle: bytes) -> None:
        """`handle` is closed."""
        with self._lock:
            self._forget(_key(handle))

    def _forget(self, key: bytes) -> None:
        self._bytes -= len(self._known.pop(key, b""))


def _key(handle: bytes) -> bytes:
    return hashlib.sha256(handle).digest()
