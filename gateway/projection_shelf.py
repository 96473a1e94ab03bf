"""Which projections consumers have defined: <state>/projections.json, changed by one rename. Touches that file only.

A reader sees the old ones or the new ones. What was good stays: a file that cannot be read is a line in `problem`, and
what was defined before goes on.
"""

from __future__ import annotations

import fcntl
import json
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from gateway.errors import Unavailable
from gateway.manifest import sync_folder
from gateway.projection import Projection, ProjectionError, of_document

NAME = "projections.json"
_FORMAT = 1
_Stamp = tuple[int, int, int] | None


@dataclass(frozen=True, slots=True)
class Defined:
    """A projection, by whom it was defined last, and when (ISO)."""

    projection: Projection
    by: str
    at: str


@dataclass(frozen=True)
class Shelved:
    """All that is defined, by name."""

    every: tuple[Defined, ...] = ()

    @cached_property
    def projections(self) -> tuple[Projection, ...]:
        """What is declared, without by whom."""
        return tuple(one.projection for one in self.every)

    def find(self, name: str) -> Defined | None:
        """The one of that name."""
        return next((one for one in self.every if one.projection.name == name), None)


class ProjectionShelf:
    """The projections of one state folder. Thread-safe; `current` costs one stat while nothing changes."""

    def __init__(self, state: Path) -> None:
        self._state, self._path = state, str(state / NAME)
        self._lock = threading.Lock()
        self._seen: _Stamp = None
        self._shelved = Shelved()
        self.problem = ""

    def current(self) -> Shelved:
        """What is defined now: the same object while that is the same."""
        stamp = _stamp(self._path)
        if stamp != self._seen:
            with self._lock:
                if stamp != self._seen:
                    self._reload(stamp)
        return self._shelved

    def changed(self, change: Callable[[Shelved], Shelved]) -> None:
        """Put in place what `change` makes of what is there now, one after the other. Raises Unavailable (state)."""
        try:
            self._state.mkdir(parents=True, exist_ok=True)
            with self._turn():
                self._write(change(_read(self._path)))
        except (OSError, ValueError) as error:
            raise Unavailable("projections cannot be kept now", reason="state") from error

    def _reload(self, stamp: _Stamp) -> None:
        try:
            self._shelved, self.problem = (Shelved() if stamp is None else _read(self._path)), ""
        except (OSError, ValueError):
            self.problem = f"{NAME} cannot be read; the projections before it go on"
        self._seen = stamp

    def _write(self, shelved: Shelved) -> None:
        told = [{"declared": one.projection.document, "by": one.by, "at": one.at} for one in shelved.every]
        draft = self._state / f"{NAME}.draft"
        with draft.open("w", encoding="utf-8") as file:
            json.dump({"format": _FORMAT, "projections": told}, file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        draft.chmod(0o644)
        draft.rename(self._path)
        sync_folder(self._state)

    @contextmanager
    def _turn(self) -> Iterator[None]:
        descriptor = os.open(f"{self._path}.lock", os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


def _read(path: str) -> Shelved:
    """What the file says, nothing where there is none. Raises OSError, ValueError."""
    try:
        value = json.loads(Path(path).read_bytes())
    except FileNotFoundError:
        return Shelved()
    if not isinstance(value, dict) or value.get("format") != _FORMAT or not isinstance(value.get("projections"), list):
        raise ValueError("of another form")
    return Shelved(tuple(sorted(map(_defined, value["projections"]), key=lambda one: one.projection.name)))


def _defined(value: Any) -> Defined:
    if not isinstance(value, dict) or not isinstance(value.get("declared"), dict):
        raise ValueError("of another form")
    try:
        return Defined(of_document(value["declared"]), str(value.get("by", "")), str(value.get("at", "")))
    except ProjectionError as error:
        raise ValueError(str(error)) from error


def _stamp(path: str) -> _Stamp:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return (found.st_ino, found.st_mtime_ns, found.st_size)
