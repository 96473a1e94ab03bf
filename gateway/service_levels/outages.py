"""Minutes in which a product that was promised could not be asked for, out of heartbeats. Reads the ledger.

What counts begins with the first minute in which the product was served, as far as the ledger knows, and with the
publication that promises it; declared maintenance does not count, nor does the time in which a product was retired. A
server that is stopped counts.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from gateway.accounting.ledger import Ledger
from gateway.objective import WINDOW_DAYS
from gateway.service_levels import attendance, maintenance
from gateway.service_levels.attendance import SETTLED_MIN, Attendance
from gateway.service_levels.maintenance import Window


@dataclass(frozen=True, slots=True)
class Outage:
    """Minutes in a row in which nobody could ask; `new` where the last of them was not known at the look before."""

    first: int
    last: int
    new: bool


class Outages:
    """Used by one thread."""

    def __init__(self, ledger: Ledger, since: datetime) -> None:
        # From midnight on: a process names what it serves in its first heartbeat of a day.
        self._since = since.replace(hour=0, minute=0, second=0, microsecond=0)
        self._ledger, self._places = ledger, dict[str, int]()
        self._attendance = Attendance()
        self.windows: tuple[Window, ...] = ()

    def hear(self) -> None:
        """Take what is on file since. Raises Unavailable."""
        self._attendance.take(self._ledger.follow(attendance.KIND, self._places, self._since))
        self.windows = maintenance.windows(self._ledger, self._since)

    def judged(self, product: str, after: int | None, present: int, promised: int) -> Iterator[tuple[int, bool]]:
        """(minute, whether it was served) of all that count since the minute `after`.

        None: since it was first served, and not before it was `promised`. The last one is that of which every heartbeat
        is on file at the minute `present`.
        """
        first = self._attendance.first(product) if after is None else max(after + 1, present - WINDOW_DAYS * 1440)
        if first is None:
            return
        first = max(first, promised) if after is None else first
        windows = [one for one in self.windows if not one.products or product in one.products]
        for minute in range(first, present - SETTLED_MIN + 1):
            verdict = self._attendance.of(product, minute)
            if verdict == "served":
                yield minute, True
            elif verdict == "lacking" and not any(one.holds(product, minute) for one in windows):
                yield minute, False

    def forget(self, before: int) -> None:
        """The minutes before one are judged for every product."""
        self._attendance.forget(before)
