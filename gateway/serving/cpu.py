"""CPU seconds of queries: of the threads that compute them, and of those that make of their rows what a door sends.

Touches the clocks of threads only. An instance's own threads work for whoever computes: what they have spent is shared
by the time that each has computed meanwhile, so that all of it is somebody's. Where the clocks of other threads cannot
be read (anywhere but on Linux), only the thread that asks is counted.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

# An instance of many threads has many clocks: they are read so often while one query computes on.
LOOK_S = 0.002
_TASKS = "/proc/self/task"


class Account:
    """What one query has spent. Used by one thread at a time, under the meter's lock but for the thread's own."""

    __slots__ = ("_mark", "since", "spent_s")

    def __init__(self) -> None:
        self.spent_s = self._mark = 0.0
        self.since = 0.0

    def begin(self) -> None:
        """The calling thread works for it from now on."""
        self._mark, self.since = time.thread_time(), time.monotonic()

    def end(self) -> None:
        """No more."""
        self.spent_s += time.thread_time() - self._mark


class Meter:
    """What an instance's threads spend, and on whom. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._read: dict[int, float] = {}
        self._running: set[Account] = set()
        self._ran: dict[Account, float] = {}
        self._looked = 0.0

    @property
    def read_s(self) -> float:
        """What the instance's threads had spent when they were looked at last."""
        return sum(self._read.values())

    @contextmanager
    def workers(self) -> Iterator[None]:
        """The threads that begin within are the instance's own."""
        before = _threads()
        yield
        with self._lock:
            self._read |= {_clock(one): 0.0 for one in _threads() - before}

    @contextmanager
    def counting(self, account: Account) -> Iterator[None]:
        """The calling thread, and the instance for it, computes for `account` within."""
        account.begin()
        with self._lock:
            self._running.add(account)
        try:
            yield
        finally:
            with self._lock:
                # Read under the lock: whoever held it may have looked at this account's time since.
                now = time.monotonic()
                account.end()
                self._running.discard(account)
                if self._read:
                    self._ran[account] = self._ran.get(account, 0.0) + now - account.since
                    if now - self._looked > LOOK_S:
                        self._look(now)

    def spent_s(self, account: Account) -> float:
        """All that it has spent up to now."""
        if self._read and account in self._ran:
            with self._lock:
                self._look(time.monotonic())
        return account.spent_s

    def _look(self, now: float) -> None:
        """Share among those who have computed since the last look what the instance's threads have spent since."""
        self._looked = now
        for one in self._running:
            self._ran[one] = self._ran.get(one, 0.0) + now - one.since
            one.since = now
        ran, self._ran = self._ran, {}
        computed, spent = sum(ran.values()), sum(self._since(clock) for clock in tuple(self._read))
        if spent and computed:
            for one, its in ran.items():
                one.spent_s += spent * its / computed

    def _since(self, clock: int) -> float:
        """What a thread has spent since this was asked; it is forgotten once it has ended."""
        try:
            now = time.clock_gettime(clock)
        except OSError:
            del self._read[clock]
            return 0.0
        spent, self._read[clock] = now - self._read[clock], now
        return max(0.0, spent)


class Lap:
    """What one thread spends between that it is handed rows and that it comes for more, or says that it is done."""

    __slots__ = ("_began", "_thread", "spent_s")

    def __init__(self) -> None:
        self.spent_s = self._began = 0.0
        self._thread = 0

    def begin(self) -> None:
        """The calling thread has rows."""
        self._thread, self._began = threading.get_ident(), time.thread_time()

    def end(self) -> None:
        """It is done with them; another thread's end is none."""
        if self._thread == threading.get_ident():
            # A thread that has ended leaves its number to another, whose clock began later.
            self.spent_s += max(0.0, time.thread_time() - self._began)
        self._thread = 0


def _threads() -> frozenset[int]:
    """The threads of this process but Python's own."""
    if sys.platform != "linux" or not os.path.isdir(_TASKS):
        return frozenset()
    python = {one.native_id for one in threading.enumerate()}
    return frozenset(number for number in map(int, os.listdir(_TASKS)) if number not in python)


def _clock(thread: int) -> int:
    """The clock of the CPU that a thread has spent. Source: linux/posix-timers.h, MAKE_THREAD_CPUCLOCK."""
    return (~thread << 3) | 6
