"""Which projections consumers have defined: <state>/projections.json, changed by one rename. Touches that file only.

A reader sees the old ones or the new ones. What was good stays: a file that cannot be read is a line in `problem`, and
what was defined before goes on. One projection that is not taken any more is kept and not served; all others go on.
"""

from __future__ import annotations

import json
import logging
import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from gateway.errors import Unavailable
from gateway.files import durable
from gateway.files.alone import turn
from gateway.serving.projection import Projection, ProjectionError, of_document

NAME = "projections.json"
_FORMAT = 1
_log = logging.getLogger("outport.projections")
_Stamp = tuple[int, int, int] | None


@dataclass(frozen=True, slots=True)
class Defined:
    """A projection, by whom it was defined last, and when (ISO)."""

    projection: Projection
    by: str
    at: str


@dataclass(frozen=True, slots=True)
class Unfit:
    """What was defined once and is not taken now, with every reason: it is served to nobody, and keeps its name.

    `value` is what the file says of it.
    """

    name: str
    owner: str
    by: str
    at: str
    findings: tuple[str, ...]
    value: Mapping[str, Any]


@dataclass(frozen=True)
class Shelved:
    """All that is defined, by name; beside it what is not fit."""

    every: tuple[Defined, ...] = ()
    unfit: tuple[Unfit, ...] = ()

    @cached_property
    def projections(self) -> tuple[Projection, ...]:
        """What is declared, without by whom."""
        return tuple(one.projection for one in self.every)

    def find(self, name: str) -> Defined | None:
        """The one of that name."""
        return next((one for one in self.every if one.projection.name == name), None)

    def refused(self, name: str) -> Unfit | None:
        """The one of that name that is not fit."""
        return next((one for one in self.unfit if one.name == name), None)


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
            with turn(Path(f"{self._path}.lock")):
                self._write(change(_read(self._path)))
        except (OSError, ValueError) as error:
            raise Unavailable("projections cannot be kept now", reason="state") from error

    def _reload(self, stamp: _Stamp) -> None:
        try:
            self._shelved, self.problem = (Shelved() if stamp is None else _read(self._path)), ""
            self._doubted()
        except (OSError, ValueError):
            self.problem = f"{NAME} cannot be read; the projections before it go on"
        self._seen = stamp

    def _doubted(self) -> None:
        for one in self._shelved.unfit:
            _log.warning("the projection %s of %s is not served: %s", one.name, one.owner, "; ".join(one.findings))
        if self._shelved.unfit:
            names = ", ".join(one.name or "one without a name" for one in self._shelved.unfit[:20])
            self.problem = f"{len(self._shelved.unfit)} in {NAME} are not fit and not served: {names}"

    def _write(self, shelved: Shelved) -> None:
        told = [{"declared": one.projection.document, "by": one.by, "at": one.at} for one in shelved.every]
        told += [dict(one.value) for one in shelved.unfit]
        body = json.dumps({"format": _FORMAT, "projections": told}, indent=1)
        durable.replace(Path(self._path), body.encode(), 0o644)


def _read(path: str) -> Shelved:
    """What the file says, nothing where there is none. Raises OSError, ValueError."""
    try:
        value = json.loads(Path(path).read_bytes())
    except FileNotFoundError:
        return Shelved()
    if not isinstance(value, dict) or value.get("format") != _FORMAT or not isinstance(value.get("projections"), list):
        raise ValueError("of another form")
    found = [_defined(one) for one in value["projections"]]
    taken = sorted((one for one in found if isinstance(one, Defined)), key=lambda one: one.projection.name)
    return Shelved(tuple(taken), tuple(one for one in found if isinstance(one, Unfit)))


def _defined(value: Any) -> Defined | Unfit:
    if not isinstance(value, dict) or not isinstance(value.get("declared"), dict):
        raise ValueError("of another form")
    declared, by, at = value["declared"], str(value.get("by", "")), str(value.get("at", ""))
    try:
        return Defined(of_document(declared), by, at)
    except ProjectionError as error:
        told = tuple(map(str, error.findings))
        return Unfit(_text(declared.get("name")), _text(declared.get("owner")), by, at, told, value)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _stamp(path: str) -> _Stamp:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return (found.st_ino, found.st_mtime_ns, found.st_size)
