"""Who serves the connections: one thread waits for all that are quiet, and serves whichever speaks; another takes its
place where it has to wait for something itself.

With a thread for each connection, those threads fought for Python's lock: the more connections, the fewer lookups.
Touches nothing but threads and the descriptors of connections. Linux's epoll and eventfd.
"""

from __future__ import annotations

import os
import select
import threading
import time
from collections import deque
from queue import Empty, SimpleQueue
from typing import Protocol

# A connection that is served for longer keeps others waiting: another thread goes on with those.
LONG_S = 0.02
# A thread without work ends after that.
SPARE_S = 10.0
_QUIET = select.EPOLLIN | select.EPOLLRDHUP | select.EPOLLONESHOT


class Served(Protocol):
    """A connection between two turns."""

    def fileno(self) -> int:
        """Its descriptor, on which the client speaks."""

    def serve(self) -> None:
        """Deal with what there is, and rest at the end, if it is to go on. Raises nothing."""


class _Turn:
    """A thread at work: since when its connection is served."""

    def __init__(self) -> None:
        self.since: float | None = None


class Turns:
    """Serves connections: at any time one thread leads, which waits and serves; those that stepped aside end theirs.

    Thread-safe.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._resting: dict[int, Served] = {}
        self._ready: deque[Served] = deque()
        self._leader: _Turn | None = None
        self._waits = False  # whether the leader waits for descriptors
        self._closed = False
        self._epoll, self._bell = select.epoll(), os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._epoll.register(self._bell, select.EPOLLIN)
        self._spare, self._calls = 0, SimpleQueue[_Turn | None]()
        self._serving, self._ended = threading.Event(), threading.Event()
        self._guard: threading.Thread | None = None
        self._local = threading.local()

    def rest(self, connection: Served) -> None:
        """Serve `connection` when its client says something: the last act of serving it. Raises OSError once closed."""
        with self._lock:
            if self._closed:
                raise OSError("the door is closed")
            descriptor = connection.fileno()
            self._resting[descriptor] = connection
            try:
                self._epoll.modify(descriptor, _QUIET)
            except FileNotFoundError:
                self._epoll.register(descriptor, _QUIET)
            own: _Turn | None = getattr(self._local, "turn", None)
            if self._leader is None and own is not None:
                # Its last act: this thread is free, and leads again.
                self._leader = own
            self._lead()

    def wake(self, connection: Served) -> None:
        """Serve `connection` now, if it rests."""
        with self._lock:
            descriptor = connection.fileno()
            if self._resting.get(descriptor) is connection:
                del self._resting[descriptor]
                self._add(connection)

    def resume(self, connection: Served) -> None:
        """Serve `connection` now: it does not rest, and no thread serves it."""
        with self._lock:
            self._add(connection)

    def step_aside(self) -> None:
        """Said while a connection is served: from now on this thread waits for something else, so another leads."""
        with self._lock:
            turn: _Turn | None = getattr(self._local, "turn", None)
            if turn is not None and self._leader is turn:
                self._depose()

    def close(self) -> None:
        """Serve nothing more: whoever rests has been ended before."""
        with self._lock:
            self._closed = True
            self._ended.set()
            self._serving.set()
            for _ in range(self._spare):
                self._calls.put(None)
            if self._leader is None:
                self._free()
            elif self._waits:
                os.eventfd_write(self._bell, 1)

    def _add(self, connection: Served) -> None:
        if self._closed:
            return
        self._ready.append(connection)
        if self._waits:
            os.eventfd_write(self._bell, 1)
        self._lead()

    def _depose(self) -> None:
        self._leader = None
        if self._resting or self._ready:
            self._lead()

    def _lead(self) -> None:
        """A thread that leads, if there is none. Under the lock."""
        if self._leader is not None or self._closed:
            return
        self._leader = turn = _Turn()
        if self._spare:
            self._spare -= 1
            self._calls.put(turn)
        else:
            threading.Thread(target=self._run, args=(turn,), name="outport-postgres-turn", daemon=True).start()
        if self._guard is None:
            self._guard = threading.Thread(target=self._watch, name="outport-postgres-guard", daemon=True)
            self._guard.start()

    def _run(self, turn: _Turn) -> None:
        """A thread: turn after turn, until none comes for SPARE_S."""
        while True:
            self._local.turn = turn
            while (connection := self._next(turn)) is not None:
                connection.serve()
            if (called := self._called()) is None:
                return
            turn = called

    def _called(self) -> _Turn | None:
        """The next turn of this thread; None where none comes for SPARE_S, or all has ended."""
        with self._lock:
            if self._closed:
                return None
            self._spare += 1
        try:
            return self._calls.get(timeout=SPARE_S)
        except Empty:
            with self._lock:
                if self._spare:
                    self._spare -= 1
                    return None
        return self._calls.get()

    def _next(self, turn: _Turn) -> Served | None:
        """The connection to be served next; None where another thread leads, or all has ended."""
        while True:
            with self._lock:
                turn.since = None
                if self._leader not in {turn, None}:
                    return None
                if self._closed:
                    self._free()
                    return None
                self._leader = turn
                if self._ready:
                    turn.since = time.monotonic()
                    if not self._serving.is_set():
                        self._serving.set()
                    return self._ready.popleft()
                self._waits = True
            spoken = self._epoll.poll()
            with self._lock:
                self._waits = False
                for descriptor, _ in spoken:
                    if descriptor == self._bell:
                        os.eventfd_read(self._bell)
                    elif (connection := self._resting.pop(descriptor, None)) is not None:
                        self._ready.append(connection)

    def _watch(self) -> None:
        """As long as connections are served: those behind one that takes long get a thread."""
        while not self._ended.is_set():
            self._serving.wait()
            self._ended.wait(LONG_S)
            with self._lock:
                turn = self._leader
                if turn is None or turn.since is None:
                    self._serving.clear()
                elif time.monotonic() - turn.since > LONG_S:
                    self._depose()

    def _free(self) -> None:
        if self._bell >= 0:
            self._epoll.close()
            os.close(self._bell)
            self._bell = -1
