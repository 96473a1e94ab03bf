"""One cache for pure functions of large arguments. Touches nothing."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

_K = TypeVar("_K")
_V = TypeVar("_V")


class BytesLru(Generic[_K, _V]):
    """An LRU bounded by bytes. Thread-safe."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self._bytes = 0
        self._lock = threading.Lock()
        self._entries: OrderedDict[_K, tuple[_V, int]] = OrderedDict()

    def get(self, key: _K) -> _V | None:
        """The value under `key`, now the most recently used; None where there is none."""
        with self._lock:
            entry = self._entries.get(key)
            if entry is None:
                return None
            self._entries.move_to_end(key)
            return entry[0]

    def put(self, key: _K, value: _V, size: int) -> None:
        """Keep `value`, which weighs `size` bytes; the least recently used go when the limit is passed."""
        with self._lock:
            old = self._entries.pop(key, None)
            self._bytes += size - (old[1] if old else 0)
            self._entries[key] = (value, size)
            while self._bytes > self._limit_bytes:
                _, (_, freed) = self._entries.popitem(last=False)
                self._bytes -= freed

    def discard(self, stale: Callable[[_V], bool]) -> None:
        """Forget every value that is `stale`."""
        with self._lock:
            for key in [key for key, (value, _) in self._entries.items() if stale(value)]:
                self._bytes -= self._entries.pop(key)[1]
