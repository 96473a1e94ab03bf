"""When each API key was last used: a file beside the directory's, for who decides which to end. Touches that file.

Kept to the second, written every few seconds and at the end, by several processes in turn. It is no evidence: that is
the audit. Where it cannot be written, nothing is refused.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Collection, Mapping
from pathlib import Path

from gateway.access import principals
from gateway.files import durable

FLUSH_S = 5.0
NAME = "key_use.json"
_log = logging.getLogger("outport.identity")


class KeyUse:
    """The uses of keys that one process sees. Thread-safe. `known` are the ids of the keys that there are."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / NAME
        self._lock = threading.Lock()
        self._fresh: dict[str, int] = {}
        self._known: Collection[str] = ()
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None

    def used(self, identifier: str, known: Collection[str]) -> None:
        """Note a use now."""
        with self._lock:
            self._fresh[identifier] = int(time.time())
            self._known = known
            if self._thread is None and not self._closed.is_set():
                self._thread = threading.Thread(target=self._run, name="outport-key-use", daemon=True)
                self._thread.start()

    def close(self) -> None:
        """Write what is not written yet, and nothing more."""
        self._closed.set()
        if self._thread is not None:
            self._thread.join()
        self._flush()

    def _run(self) -> None:
        while not self._closed.wait(FLUSH_S):
            self._flush()

    def _flush(self) -> None:
        """Put what was noted into the file; keys that are gone leave it."""
        with self._lock:
            fresh, self._fresh = self._fresh, {}
            known = set(self._known)
        if not fresh:
            return
        try:
            with principals.exclusive(self._path):
                told = last_used(self._path.parent)
                merged = {**told, **{one: max(moment, told.get(one, 0)) for one, moment in fresh.items()}}
                kept = {one: moment for one, moment in sorted(merged.items()) if one in known}
                durable.replace(self._path, json.dumps(kept).encode())
        except OSError as error:
            _log.warning("when keys were last used cannot be written: %s", error.strerror)


def last_used(folder: Path) -> Mapping[str, int]:
    """The epoch second of each key's last use, by its id; nothing where the file is not there, or is none."""
    try:
        told = json.loads((folder / NAME).read_bytes())
    except (OSError, ValueError):
        return {}
    found = told.items() if isinstance(told, dict) else ()
    return {name: moment for name, moment in found if isinstance(moment, int)}
