"""How an objective is kept: counts over windows, to adherence, error budget, burn rates and a state. Pure.

Alerts are those of Google's SRE Workbook, "Alerting on SLOs", multiwindow and multi-burn-rate: a long window says that
it matters, a short one that it goes on. What has no data has no adherence: it is not 100 %.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from gateway.objective import WINDOW_DAYS, Objective

State = Literal["ok", "at_risk", "breached", "no_data"]
Alert = Literal["page", "ticket"]
MINUTES = {"5m": 5, "30m": 30, "1h": 60, "6h": 360, "3d": 3 * 1440, "30d": WINDOW_DAYS * 1440}
WHOLE = "30d"
# (long window, short window, burn rate, what it is worth): 2 %, 5 % and 10 % of the budget in the long one.
ALERTS: tuple[tuple[str, str, float, Alert], ...] = (
    ("1h", "5m", 14.4, "page"),
    ("6h", "30m", 6.0, "page"),
    ("3d", "6h", 1.0, "ticket"),
)
# Questions that a window needs before its share says anything.
ENOUGH = 20
# What a promise of all of them allows all the same: without it its rates would be no numbers.
_LEAST = 1e-6
# Of the budget: what is left below that is little.
LITTLE = 0.25
# Minutes are kept one by one for as long as the longest window that is asked by the minute.
_FINE = 360


@dataclass(frozen=True, slots=True)
class Count:
    """Good and bad questions, or minutes."""

    good: int
    bad: int

    @property
    def total(self) -> int:
        """Both."""
        return self.good + self.bad

    @property
    def adherence(self) -> float | None:
        """The share of good ones, None where there is none of either."""
        return self.good / self.total if self.total else None


class Series:
    """Counts by the minute for some hours and by the hour for WINDOW_DAYS; minutes are those of the epoch."""

    def __init__(self) -> None:
        self._minutes: dict[int, Count] = {}
        self._hours: dict[int, Count] = {}

    def add(self, minute: int, good: int, bad: int) -> None:
        """Count what was in a minute."""
        for counts, key in ((self._minutes, minute), (self._hours, minute // 60)):
            had = counts.get(key)
            counts[key] = Count(good, bad) if had is None else Count(had.good + good, had.bad + bad)

    def within(self, now: int, minutes: int) -> Count:
        """What was counted in the `minutes` that end with the minute `now`; whole hours in the longer windows."""
        if minutes <= _FINE:
            found = [count for minute, count in self._minutes.items() if now - minutes < minute <= now]
        else:
            first = (now - minutes) // 60
            found = [count for hour, count in self._hours.items() if first < hour <= now // 60]
        return Count(sum(one.good for one in found), sum(one.bad for one in found))

    def first_bad(self, now: int, minutes: int) -> int | None:
        """The first of these minutes with something bad."""
        return min(
            (one for one, count in self._minutes.items() if count.bad and now - minutes < one <= now), default=None
        )

    def last_bad(self, now: int) -> int | None:
        """The last minute with something bad, of those that are kept one by one."""
        return max((one for one, count in self._minutes.items() if count.bad and one <= now), default=None)

    def usual(self, now: int) -> int:
        """How many were counted in a minute, on average since the first of them; 1 at least."""
        if not self._hours:
            return 1
        return max(1, round(sum(one.total for one in self._hours.values()) / max(1, now - 60 * min(self._hours))))

    def days(self) -> list[tuple[int, Count]]:
        """(day of the epoch, what was counted in it), the first one first."""
        found: dict[int, Count] = {}
        for hour, count in self._hours.items():
            had = found.get(hour // 24, Count(0, 0))
            found[hour // 24] = Count(had.good + count.good, had.bad + count.bad)
        return sorted(found.items())

    def prune(self, now: int) -> None:
        """Forget what no window reaches."""
        self._minutes = {one: count for one, count in self._minutes.items() if one > now - _FINE}
        last = (now - MINUTES[WHOLE]) // 60
        self._hours = {hour: count for hour, count in self._hours.items() if hour > last}


@dataclass(frozen=True, slots=True)
class Window:
    """One window. `burn` is how many times as fast as it may the budget goes: 1 spends it exactly in WINDOW_DAYS."""

    good: int
    bad: int
    adherence: float | None
    burn: float | None


@dataclass(frozen=True, slots=True)
class Standing:
    """How an objective stands. `budget` is the share of the error budget that is left, below 0 where overspent."""

    state: State
    adherence: float | None
    budget: float | None
    alert: Alert | None
    windows: Mapping[str, Window] = field(default_factory=dict)


def standing(objective: Objective, series: Series, now: int, broken: bool | None = None) -> Standing:
    """How `objective` stands at the minute `now`.

    `broken` is whether a state that is looked at keeps its promise at this moment; None where it could not be looked
    at, and of what is counted.
    """
    windows = {name: _window(objective, series.within(now, minutes)) for name, minutes in MINUTES.items()}
    whole = windows[WHOLE]
    enough = whole.good + whole.bad >= (1 if objective.is_state else ENOUGH)
    if whole.adherence is None or not enough:
        state: State = "breached" if broken else "no_data"
        return Standing(state, whole.adherence, None, None, windows)
    left = budget(objective, whole)
    alert = _alert(objective, windows)
    risky = alert == "page" or left < LITTLE
    state = "breached" if broken or left <= 0 else "at_risk" if risky else "ok"
    return Standing(state, whole.adherence, left, alert, windows)


def budget(objective: Objective, window: Window) -> float:
    """The share of the error budget of a window that is left: 1 of all of it, below 0 where more was spent."""
    allowed = _allowed(objective) * (window.good + window.bad)
    return 1 - window.bad / allowed if allowed else 1.0


def _allowed(objective: Objective) -> float:
    return max(1 - objective.share, _LEAST)


def _window(objective: Objective, count: Count) -> Window:
    share = count.adherence
    burn = None if share is None else (1 - share) / _allowed(objective)
    return Window(count.good, count.bad, share, burn)


def _alert(objective: Objective, windows: Mapping[str, Window]) -> Alert | None:
    least = 1 if objective.is_state else ENOUGH
    for long, short, rate, worth in ALERTS:
        both = (windows[long], windows[short])
        if both[0].good + both[0].bad >= least and all(one.burn is not None and one.burn >= rate for one in both):
            return worth
    return None
