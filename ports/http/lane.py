"""Work of requests on few threads: one does it all, piece by piece, and others come where a piece blocks.

Threads that all want Python's lock wait for each other more than they work: with one for each request, 64 lookups at
once took twice the CPU. Touches nothing but threads and the event loop.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

# A piece that takes longer blocks whoever waits behind it: another thread goes on with those.
LONG_S = 0.005
T = TypeVar("T")
Piece = Callable[[], None]


class _Turn:
    """A thread at work: since when its piece runs, and whether it keeps others waiting."""

    def __init__(self) -> None:
        self.since = time.monotonic()
        self.blocks = False


class Lane:
    """Runs pieces of work in the order they come, on `limit` threads at most. Thread-safe; `run` on the loop only."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._threads = ThreadPoolExecutor(limit, "outport-web")
        self._lock = threading.Lock()
        self._waiting: deque[Piece] = deque()
        self._turn: _Turn | None = None  # the one thread that goes on with what waits
        self._blocked = 0
        self._watched = False
        self._local = threading.local()
        self._told: list[Piece] = []

    async def run(self, work: Callable[[], T]) -> T:
        """What `work` gives, made on a thread. Raises what it raises."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self.put(loop, lambda: settle(loop, future, work))
        return await future

    def put(self, loop: asyncio.AbstractEventLoop, piece: Piece) -> None:
        """Run `piece`, which raises nothing, on a thread. From any thread."""
        with self._lock:
            self._waiting.append(piece)
            self._begin()
            watch = bool(self._waiting) and not self._watched
            self._watched |= watch
        if watch:
            call(loop, self._watch, loop)

    def tell(self, loop: asyncio.AbstractEventLoop, piece: Piece) -> None:
        """Run `piece` on the loop: what is told before it comes to that wakes it once. From any thread."""
        with self._lock:
            self._told.append(piece)
            first = len(self._told) == 1
        if first:
            call(loop, self._hear)

    def blocks(self) -> None:
        """Said by a piece: from now on it waits for something else than Python's lock, so others go on."""
        with self._lock:
            if self._turn is not None and self._turn is self._local.turn:
                self._step_aside(self._turn)

    def close(self) -> None:
        """Take nothing more."""
        self._threads.shutdown(wait=False)

    def _hear(self) -> None:
        with self._lock:
            told, self._told = self._told, []
        for piece in told:
            piece()

    def _step_aside(self, turn: _Turn) -> None:
        self._turn, turn.blocks = None, True
        self._blocked += 1
        self._begin()

    def _begin(self) -> None:
        """A thread for what waits, if there is none and may be one. Under the lock."""
        if self._turn is None and self._waiting and self._blocked < self._limit:
            self._turn = _Turn()
            self._threads.submit(self._work, self._turn)

    def _work(self, turn: _Turn) -> None:
        self._local.turn = turn
        while (piece := self._next(turn)) is not None:
            piece()

    def _next(self, turn: _Turn) -> Piece | None:
        """The next piece for this thread; None where another has taken its place, or nothing waits."""
        with self._lock:
            if turn.blocks:
                turn.blocks = False
                self._blocked -= 1
                if self._turn is not None:
                    return None
                self._turn = turn
            if not self._waiting:
                self._turn = None
                return None
            turn.since = time.monotonic()
            return self._waiting.popleft()

    def _watch(self, loop: asyncio.AbstractEventLoop) -> None:
        """On the loop, as long as pieces wait: those behind a long one get a thread."""
        with self._lock:
            if self._turn is not None and time.monotonic() - self._turn.since > LONG_S:
                self._step_aside(self._turn)
            self._watched = bool(self._waiting)
        if self._watched:
            loop.call_later(LONG_S, self._watch, loop)


def settle(loop: asyncio.AbstractEventLoop, future: asyncio.Future[T], work: Callable[[], T]) -> None:
    """Run `work` for who awaits `future` on the loop. From any thread."""
    try:
        given = work()
    except BaseException as error:
        call(loop, fail, future, error)
    else:
        call(loop, _give, future, given)


def call(loop: asyncio.AbstractEventLoop, function: Callable[..., object], *arguments: object) -> None:
    """Call `function` on the loop; nothing where the loop has ended."""
    try:
        loop.call_soon_threadsafe(function, *arguments)
    except RuntimeError:
        if not loop.is_closed():
            raise


def _give(future: asyncio.Future[T], given: T) -> None:
    if not future.done():
        future.set_result(given)


def fail(future: asyncio.Future[T], error: BaseException) -> None:
    """Tell who awaits `future`. On the loop. No future takes a StopIteration, and who awaits it would wait for ever."""
    if isinstance(error, StopIteration):
        error = RuntimeError("the work ended by StopIteration")
    if not future.done():
        future.set_exception(error)
