"""What principals and workspaces have spent in the present window of time, told among the processes of a deployment.

A budget of queries and of computing slows whoever compares many answers, or asks for much all day. Touches the clock
and the other processes.
"""

from __future__ import annotations

import json
import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Collection, Iterable, Mapping
from types import MappingProxyType

from gateway.errors import Exhausted
from gateway.limits import Limits
from gateway.serving.siblings import Siblings

SHARE_S = 0.5
_KEYS = 50_000
_TOPIC = "spending"
# Before a workspace's name: no subject begins so.
_MARK = "\0"
NOWHERE: Mapping[str, Limits] = MappingProxyType({})


class Spending:
    """Queries and microseconds of computing of each, in the window of `window_s` that is now. Thread-safe."""

    def __init__(self, window_s: float, siblings: Siblings) -> None:
        self._window_s, self._siblings = window_s, siblings
        self._lock = threading.Lock()
        self._spent: OrderedDict[str, tuple[int, int, int]] = OrderedDict()
        self._news: Counter[tuple[str, str]] = Counter()
        self._shared = siblings.count > 1
        self._closed = threading.Event()
        siblings.on(_TOPIC, self._heard)
        if self._shared:
            threading.Thread(target=self._share, name="outport-spending", daemon=True).start()

    def take(self, subjects: Collection[str], limits: Limits, workspaces: Mapping[str, Limits] = NOWHERE) -> None:
        """Count a query of each of `subjects`, and of each of the workspaces, which have limits of their own.

        Raises Exhausted (budget) where one has spent what it is left, and counts none then.
        """
        now = time.time()
        with self._lock:
            for subject in subjects:
                self._check(subject, limits, now, "")
            for name, its in workspaces.items():
                self._check(_MARK + name, its, now, f" of the workspace {name}")
            for one in (*subjects, *(_MARK + name for name in workspaces)):
                self._add(one, 1, 0, now)

    def computed(self, subjects: Collection[str], spent_ms: float, workspaces: Iterable[str] = ()) -> None:
        """Count the computing of a query that `take` has counted."""
        with self._lock:
            for one in (*subjects, *(_MARK + name for name in workspaces)):
                self._add(one, 0, round(spent_ms * 1000), time.time())

    def of_workspace(self, name: str) -> tuple[int, float]:
        """The queries of the workspace in the present window, and the seconds that they computed."""
        with self._lock:
            queries, spent_us = self._present(_MARK + name, time.time())
        return queries, spent_us / 1_000_000

    def close(self) -> None:
        """Tell the others nothing more."""
        self._closed.set()

    def _check(self, one: str, limits: Limits, now: float, whose: str) -> None:
        queries, spent_us = self._present(one, now)
        over = limits.queries is not None and queries >= limits.queries
        if over or (limits.budget_s is not None and spent_us >= limits.budget_s * 1_000_000):
            kind = f"{limits.queries} queries" if over else f"{limits.budget_s:g} s of computing"
            raise Exhausted(
                f"the budget of {kind}{whose} in {self._window_s:g} s is spent",
                reason="budget",
                retry_s=self._window_s - now % self._window_s,
            )

    def _present(self, subject: str, now: float) -> tuple[int, int]:
        window, queries, spent_us = self._spent.get(subject, (-1, 0, 0))
        return (queries, spent_us) if window == int(now // self._window_s) else (0, 0)

    def _add(self, subject: str, queries: int, spent_us: int, now: float, *, here: bool = True) -> None:
        had, had_us = self._present(subject, now)
        self._spent[subject] = (int(now // self._window_s), had + queries, had_us + spent_us)
        self._spent.move_to_end(subject)
        if len(self._spent) > _KEYS:
            self._spent.popitem(last=False)
        if here and self._shared:
            self._news["queries", subject] += queries
            self._news["us", subject] += spent_us

    def _share(self) -> None:
        while not self._closed.wait(SHARE_S):
            with self._lock:
                news, self._news = self._news, Counter()
            told = [[kind, subject, count] for (kind, subject), count in news.items() if count]
            if told:
                self._siblings.tell(_TOPIC, json.dumps(told).encode())

    def _heard(self, body: bytes) -> bytes:
        with self._lock:
            for kind, subject, count in json.loads(body):
                queries, spent_us = (count, 0) if kind == "queries" else (0, count)
                self._add(subject, queries, spent_us, time.time(), here=False)
        return b""
