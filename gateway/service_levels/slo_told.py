"""What the last look at the deployment's own work has found, as every process tells it.

Touches <state>/slo.json and its like only.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import orjson

from gateway.errors import Unavailable
from gateway.files import durable
from gateway.files.alone import alone

FILE = "slo.json"
_LOOKS = "slo.lock"
Document = Mapping[str, Any]
NOTHING: Document = {"at": None, "results": [], "incidents": [], "maintenance": []}


class Told:
    """Reads what was written last, once for each time that it was. Thread-safe."""

    def __init__(self, state: Path, name: str = FILE) -> None:
        self._path = state / name
        self._lock = threading.Lock()
        self._read: tuple[object, Document] = (None, NOTHING)

    def read(self) -> Document:
        """All of it, for who operates the deployment: never for a client's request. Raises Unavailable."""
        with self._lock:
            try:
                found = self._path.stat()
                mark = (found.st_mtime_ns, found.st_ino)
                if mark != self._read[0]:
                    self._read = (mark, orjson.loads(self._path.read_bytes()))
            except FileNotFoundError:
                return NOTHING
            except (OSError, ValueError) as error:
                raise Unavailable("how objectives are kept cannot be read now", reason="state") from error
            return self._read[1]


@contextmanager
def evaluator(state: Path) -> Iterator[bool]:
    """Whether this process is the one that looks from now on: two would open every incident twice.

    Raises Unavailable.
    """
    with ExitStack() as held:
        try:
            state.mkdir(parents=True, exist_ok=True)
            ours = held.enter_context(alone(state / _LOOKS))
        except OSError as error:
            raise Unavailable("how objectives are kept cannot be written now", reason="state") from error
        yield ours


def write(state: Path, document: Document, name: str = FILE) -> None:
    """In place of what was told before, at once, for its owner only. Raises Unavailable."""
    body = orjson.dumps(document, option=orjson.OPT_UTC_Z)
    try:
        state.mkdir(parents=True, exist_ok=True)
        durable.replace(state / name, body)
    except OSError as error:
        raise Unavailable("how objectives are kept cannot be written now", reason="state") from error
