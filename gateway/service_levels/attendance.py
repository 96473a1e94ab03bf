"""Which products were served in which minute: heartbeats of serving processes. Touches the ledger and the manifest.

Every process puts one on file in each minute in which it serves: a minute without any is one in which nobody could ask.
The names stand in a process's first heartbeat of a day, and in one where they have changed.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from gateway import ticking
from gateway.accounting.ledger import Ledger, Row
from gateway.serving import manifest
from gateway.serving.manifest import ManifestError
from gateway.ticking import Clock

KIND = "alive"
# Names in one row: as long as they may be they stay below what a line of the ledger may have.
_NAMED = 400
# A minute is over, and every heartbeat of it is on file, so many minutes later.
SETTLED_MIN = 2
Verdict = Literal["served", "lacking", "unpromised"]


@dataclass(frozen=True, slots=True)
class Roll:
    """What a process serves, and what it should and cannot; `blind` where it cannot tell what it should."""

    serves: frozenset[str] = frozenset()
    lacks: frozenset[str] = frozenset()
    blind: bool = False


class Heartbeat:
    """Of one process. Used by one thread."""

    def __init__(self, state: Path, clock: Clock = ticking.MACHINE) -> None:
        self._state, self._clock, self._ledger = state, clock, Ledger(state, clock)
        self._process = secrets.token_hex(4)
        self._told: tuple[int, Roll] | None = None
        self._last = -1

    def beat(self, served: Iterable[str]) -> None:
        """Put on file, once a minute, that these products are served here. Raises Unavailable."""
        minute = int(self._clock.now().timestamp()) // 60
        if minute == self._last:  # an earlier one is new: the clock was set back
            return
        roll = self._roll(frozenset(served))
        begun = {"at": ticking.text(datetime.fromtimestamp(60 * minute, UTC)), "process": self._process}
        if self._told == (minute // 1440, roll):
            self._ledger.append(KIND, [begun])
        else:
            self._ledger.append(KIND, [{**begun, **part} for part in _parts(roll)])
        self._told, self._last = (minute // 1440, roll), minute

    def _roll(self, served: frozenset[str]) -> Roll:
        try:
            listed = frozenset(one.product for one in manifest.read(self._state).served)
        except ManifestError:
            return Roll(served, blind=True)
        return Roll(served, listed - served)


def _parts(roll: Roll) -> list[Row]:
    """The rows of a roll: the first begins it, others add to it."""
    serves, lacks = sorted(roll.serves), sorted(roll.lacks)
    rows: list[Row] = [{"part": 0, "serves": serves[:_NAMED], "lacks": lacks[:_NAMED], "blind": roll.blind}]
    for first in range(_NAMED, max(len(serves), len(lacks)), _NAMED):
        more: Row = {"part": 1, "serves": serves[first : first + _NAMED], "lacks": lacks[first : first + _NAMED]}
        rows.append(more)
    return rows


@dataclass(slots=True)
class Attendance:
    """Heartbeats of all processes by the minute. Used by one thread."""

    _rolls: dict[str, Roll] = field(default_factory=dict)
    _minutes: dict[int, set[Roll]] = field(default_factory=dict)
    _known: dict[Roll, Roll] = field(default_factory=dict)

    def take(self, rows: Iterable[Row]) -> None:
        """Hear of `rows`, in their order; one that is none of these is passed over."""
        minutes: dict[tuple[int, str], Roll] = {}
        for row in rows:
            try:
                minute, process = int(ticking.read(str(row["at"])).timestamp()) // 60, str(row["process"])
                known = self._rolls.get(process, Roll())
                if "part" in row:
                    more = Roll(_names(row["serves"]), _names(row["lacks"]), row.get("blind") is True)
                    known = more if row["part"] == 0 else _with(known, more)
            except (KeyError, ValueError):
                continue
            self._rolls[process] = minutes[minute, process] = self._known.setdefault(known, known)
        for (minute, _), roll in minutes.items():
            self._minutes.setdefault(minute, set()).add(roll)

    def first(self, product: str) -> int | None:
        """The first minute that is known in which it was served."""
        found = (minute for minute, rolls in self._minutes.items() if any(product in one.serves for one in rolls))
        return min(found, default=None)

    def of(self, product: str, minute: int) -> Verdict:
        """How it was with a product in a minute; one that processes neither serve nor lack is promised no more."""
        rolls = self._minutes.get(minute, set())
        if any(product in one.serves for one in rolls):
            return "served"
        lacking = not rolls or any(one.blind or product in one.lacks for one in rolls)
        return "lacking" if lacking else "unpromised"

    def forget(self, before: int) -> None:
        """The minutes before one are judged."""
        self._minutes = {minute: rolls for minute, rolls in self._minutes.items() if minute >= before}


def _names(given: object) -> frozenset[str]:
    if not isinstance(given, list):
        raise ValueError("a row without names")
    return frozenset(str(one) for one in given)


def _with(known: Roll, more: Roll) -> Roll:
    return Roll(known.serves | more.serves, known.lacks | more.lacks, known.blind)
