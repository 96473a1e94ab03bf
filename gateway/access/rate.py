"""How often something may be asked for: buckets that fill again with time. Touches the clock only.

Own code: `limits` in memory costs 14 us a request for count and rest, starts a thread every 10 ms under load, and looks
at each known key in it; this costs 5 us (on two shared, busy cores), whatever is known.
"""

from __future__ import annotations

import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from math import ceil

from gateway.errors import Exhausted

WINDOW_S = 60
_KEYS = 50_000
_WORD = 128  # more of a claimed name is not kept


@dataclass(frozen=True)
class Quota:
    """What is left of `limit` requests in `window_s`, and the seconds until all of it is there again."""

    limit: int
    window_s: int
    remaining: int
    reset_s: int


def narrower(one: Quota | None, other: Quota | None) -> Quota | None:
    """Of two quotas that a request counts against the one that is over first; None where nothing limits it."""
    return min((each for each in (one, other) if each is not None), key=lambda each: each.remaining, default=None)


class Rate:
    """At most `limit` a key at once, and `refill` a WINDOW_S from then on: a token bucket for each key. Thread-safe.

    The keys that were used last are known; one that is forgotten begins with a full bucket. Where others take from the
    same buckets, `shared`, each tells the others its `news`.
    """

    def __init__(self, limit: int, refill: int, *, shared: bool = False) -> None:
        self._limit, self._per_s = limit, refill / WINDOW_S
        self._lock = threading.Lock()
        self._buckets: OrderedDict[tuple[str, str], tuple[float, float]] = OrderedDict()
        self._shared = shared
        self._news: Counter[tuple[str, str]] = Counter()

    def take(self, kind: str, name: str) -> Quota:
        """Take one of what `name` has. Raises Exhausted (rate) that says when to come again."""
        key, now = (kind, name[:_WORD]), time.monotonic()
        with self._lock:
            level, since = self._buckets.get(key, (float(self._limit), now))
            level = min(self._limit, level + (now - since) * self._per_s)
            taken = level >= 1
            self._keep(key, level - taken, now)
            if self._shared:
                self._news[key] += taken
        if not taken:
            raise Exhausted("too many requests in too short a time", reason="rate", retry_s=(1 - level) / self._per_s)
        left = level - 1
        return Quota(self._limit, WINDOW_S, int(left), ceil((self._limit - left) / self._per_s))

    def give(self, kind: str, name: str) -> None:
        """Give back one that was taken."""
        key = (kind, name[:_WORD])
        with self._lock:
            level, since = self._buckets.get(key, (float(self._limit), time.monotonic()))
            self._keep(key, min(self._limit, level + 1), since)
            if self._shared:
                self._news[key] -= 1

    def news(self) -> list[tuple[str, str, int]]:
        """What was taken here since it was asked last: kind, name, how many."""
        with self._lock:
            news, self._news = self._news, Counter()
        return [(*key, count) for key, count in news.items() if count]

    def spent(self, news: Iterable[tuple[str, str, int]]) -> None:
        """Take what was taken elsewhere, even where that is more than there is."""
        now = time.monotonic()
        with self._lock:
            for kind, name, count in news:
                level, since = self._buckets.get((kind, name), (float(self._limit), now))
                level = min(self._limit, level + (now - since) * self._per_s) - count
                self._keep((kind, name), max(-float(self._limit), min(self._limit, level)), now)

    def _keep(self, key: tuple[str, str], level: float, now: float) -> None:
        self._buckets[key] = (level, now)
        self._buckets.move_to_end(key)
        if len(self._buckets) > _KEYS:
            self._buckets.popitem(last=False)
