"""What time it is, as an object that is passed down: the machine's clock, or one that a test or a scripted day sets.

Touches the machine's clock only. `clock.py` is another matter: the "now" of a product's source.
"""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Tells the moment (UTC), and waits for a time of its own."""

    def now(self) -> datetime: ...

    def wait(self, stop: threading.Event, seconds: float) -> bool:
        """Wait until `stop` is set or `seconds` are over; whether it is set."""


class MachineClock:
    """The machine's own."""

    def now(self) -> datetime:
        """The moment, in UTC."""
        return datetime.now(UTC)

    def wait(self, stop: threading.Event, seconds: float) -> bool:
        """As `Clock.wait`."""
        return stop.wait(seconds)


class ScriptedClock:
    """Stands where it is set and goes on when it is told to. Thread-safe."""

    def __init__(self, start: datetime) -> None:
        if start.tzinfo is None:
            raise ValueError("a moment with its zone")
        self._now = start.astimezone(UTC)
        self._changed = threading.Condition()

    def now(self) -> datetime:
        """The moment that it was set to."""
        with self._changed:
            return self._now

    def advance(self, by: timedelta) -> datetime:
        """Go on; whoever waits long enough wakes. The new moment."""
        with self._changed:
            self._now += by
            self._changed.notify_all()
            return self._now

    def wait(self, stop: threading.Event, seconds: float) -> bool:
        """As `Clock.wait`, by this clock; `stop` is looked at every twentieth of a real second."""
        with self._changed:
            until = self._now + timedelta(seconds=seconds)
            while not stop.is_set() and self._now < until:
                self._changed.wait(0.05)
        return stop.is_set()


MACHINE: Clock = MachineClock()


def text(moment: datetime) -> str:
    """A moment as ledgers and requests hold it: UTC, microseconds always, so that texts are ordered as moments are."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}Z"


def read(moment: str) -> datetime:
    """What `text` was given, or another ISO text with a zone (one without is UTC). Raises ValueError."""
    found = datetime.fromisoformat(moment)
    return found.astimezone(UTC) if found.tzinfo is not None else found.replace(tzinfo=UTC)
