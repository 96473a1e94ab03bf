"""Sessions of pages that have ended before their time: <state>/signed_out.json, until each would be over by itself.

What keeps one is no login any more, in no process of the deployment, and after a restart neither. Touches that file
only, which is changed by one rename; to ask costs one stat while nothing changes.
"""

from __future__ import annotations

import json
import logging
import os
import threading
import time
from collections.abc import Mapping
from pathlib import Path

from gateway.errors import Unavailable
from gateway.files import durable
from gateway.files.alone import turn

NAME = "signed_out.json"
# Beyond that, what would end soonest by itself is forgotten.
REMEMBERED = 50_000
_log = logging.getLogger("outport.identity")


class SignedOut:
    """Which sessions have ended. Thread-safe. Ids are those of sealed cookies: by itself one is worth nothing."""

    def __init__(self, state: Path, limit: int = REMEMBERED) -> None:
        self._path, self._limit = state / NAME, limit
        self._lock = threading.Lock()
        self._seen: object = None
        self._until: Mapping[str, float] | None = {}

    def end(self, session: str, until: float) -> None:
        """The session has ended; until the epoch second `until` it could have gone on. Raises Unavailable (state)."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with turn(self._path.with_name(f"{NAME}.lock")):
                now = time.time()
                every = {one: ends for one, ends in {**_read(self._path), session: until}.items() if ends > now}
                latest = sorted(every, key=every.__getitem__)[-self._limit :]
                durable.replace(self._path, json.dumps({one: every[one] for one in latest}).encode())
        except (OSError, ValueError) as error:
            raise Unavailable("this session cannot be ended now", reason="state") from error

    def ended(self, session: str) -> bool:
        """Whether it has; where that cannot be read every one has."""
        stamp = _stamp(self._path)
        if stamp != self._seen:
            with self._lock:
                if stamp != self._seen:
                    self._reload(stamp)
        return self._until is None or session in self._until

    def _reload(self, stamp: object) -> None:
        try:
            self._until = _read(self._path)
        except (OSError, ValueError):
            _log.exception("%s cannot be read: nobody stays signed in to the pages", NAME)
            self._until = None
        self._seen = stamp


def _read(path: Path) -> dict[str, float]:
    """What the file says, nothing where there is none. Raises OSError, ValueError."""
    try:
        told = json.loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    if not isinstance(told, dict) or not all(isinstance(ends, int | float) for ends in told.values()):
        raise ValueError("of another form")
    return told


def _stamp(path: Path) -> object:
    try:
        found = os.stat(path)
    except FileNotFoundError:
        return ()
    except OSError as error:
        return error.errno
    return (found.st_ino, found.st_mtime_ns, found.st_size)
