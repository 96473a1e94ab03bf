"""Requests to make a product anew: durable, one at a time of each product, taken by the one process that publishes.

Touches <state>/refresh only. A request is a file named after its product: whoever asks while one waits is told of that
one. Whoever takes it renames it, so that a run that was killed is known by what it left.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from gateway import ticking
from gateway.errors import Unavailable
from gateway.files import alone, durable
from gateway.publication import runs
from gateway.publication.runs import Cause, Trigger
from gateway.ticking import Clock

FOLDER = "refresh"
_WAITING = ".json"
_RUNNING = ".running"
_WRITER = ".writer"
_PRODUCT = re.compile(r"[a-z][a-z0-9_]{0,62}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Request:
    """One product is to be made anew at `due` or later, as `run`: for whom (`by`, "" for nobody), the which time."""

    product: str
    run: str
    trigger: Trigger
    by: str
    asked: str
    due: str
    attempt: int = 1

    def at(self, others: Iterable[Request]) -> bool:
        """Whether this attempt of the run is among `others`."""
        return any((one.run, one.attempt) == (self.run, self.attempt) for one in others)

    def again(self, due: datetime, attempt: int) -> Request:
        """The same, for another time."""
        return replace(self, due=ticking.text(due), attempt=attempt)

    @property
    def cause(self) -> Cause:
        """Why it is published, for the ledger."""
        return Cause(self.trigger, self.run, self.by, self.attempt)


_FORM = TypeAdapter(Request)


def request(
    state: Path, product: str, trigger: Trigger = "request", by: str = "", clock: Clock = ticking.MACHINE
) -> Request:
    """Ask for `product` to be made anew; the request that waits now, be it one of before. Raises Unavailable (state).

    One that waits for its next attempt is due at once.
    """
    now = ticking.text(clock.now())
    made = Request(product, runs.new_id(), trigger, by, now, now)
    try:
        with _turn(state):
            before = _read(_path(state, product, _WAITING))
            if before is not None and before.due <= now:
                return before
            found = made if before is None else replace(before, due=now, trigger=trigger, by=by or before.by)
            _write(state, found)
            return found
    except OSError as error:
        raise Unavailable("requests to refresh cannot be kept now", reason="state") from error


def waiting(state: Path) -> tuple[Request, ...]:
    """The requests that nobody has taken, the first that is due first."""
    found = (_read(path) for path in _files(state, _WAITING))
    return tuple(sorted((one for one in found if one is not None), key=lambda one: (one.due, one.product)))


def running(state: Path) -> tuple[Request, ...]:
    """The requests that were taken and have not ended."""
    return tuple(one for one in map(_read, _files(state, _RUNNING)) if one is not None)


def take(state: Path, now: datetime) -> Request | None:
    """The first request that is due, which is running from now on; None where there is none. Of the one writer only."""
    with _turn(state):
        for one in waiting(state):
            if one.due <= ticking.text(now):
                _path(state, one.product, _WAITING).replace(_path(state, one.product, _RUNNING))
                return one
    return None


def ended(state: Path, one: Request, again: Request | None = None) -> None:
    """A request that was taken has ended; `again` is what is asked for in its place."""
    with _turn(state):
        path = _path(state, one.product, _RUNNING)
        # Somebody has asked meanwhile: that one comes sooner.
        if again is not None and not _path(state, one.product, _WAITING).exists():
            _write(state, again)
        path.unlink(missing_ok=True)


@contextmanager
def writer(state: Path) -> Iterator[bool]:
    """Whether this process is the one that takes requests from now on: only one can be, until it ends."""
    folder = state / FOLDER
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with alone.alone(folder / _WRITER) as ours:
        yield ours


def _path(state: Path, product: str, suffix: str) -> Path:
    if not _PRODUCT.fullmatch(product):
        raise ValueError(f"{product} is no product's name")
    return state / FOLDER / f"{product}{suffix}"


def _files(state: Path, suffix: str) -> list[Path]:
    try:
        return sorted(path for path in (state / FOLDER).iterdir() if path.name.endswith(suffix))
    except OSError:
        return []


def _read(path: Path) -> Request | None:
    try:
        return _FORM.validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return None


def _write(state: Path, one: Request) -> None:
    path = _path(state, one.product, _WAITING)
    durable.replace(path, json.dumps(asdict(one)).encode())


@contextmanager
def _turn(state: Path) -> Iterator[None]:
    folder = state / FOLDER
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with alone.turn(folder / ".lock"):
        yield
