"""Answers that are being read while what they rest on may end: one thread asks, and ends them. Touches threads.

A question is decided when it is asked; a long answer outlives that. So each is asked after again every LOOK_S: whether
what proved its reader still stands, and whether other policies than those it was decided by would give the same.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from weakref import WeakKeyDictionary

from gateway.errors import GatewayError, NotFound, Unauthenticated, Unavailable
from gateway.serving.stream import Result
from gateway.session import Pin, Session

LOOK_S = 1.0
_log = logging.getLogger("outport.identity")


@dataclass(frozen=True)
class _Watched:
    """Whose answer it is, the state that it was decided in, and what raises where another state refuses it."""

    session: Session
    pin: Pin
    confirm: Callable[[Pin], None]


class Standing:
    """The open answers of one process. Thread-safe.

    `stands` raises Unauthenticated once a session has ended; `present` is the state of now.
    """

    def __init__(self, stands: Callable[[Session], None], present: Callable[[], Pin]) -> None:
        self._stands, self._present = stands, present
        self._open: WeakKeyDictionary[Result, _Watched] = WeakKeyDictionary()
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None

    def watch(self, session: Session, result: Result, pin: Pin, confirm: Callable[[Pin], None]) -> None:
        """End `result` soon after `session` does, or after `confirm` raises for its snapshots and other policies."""
        with self._lock:
            self._open[result] = _Watched(session, pin, confirm)
            if self._thread is None and not self._closed.is_set():
                self._thread = threading.Thread(target=self._run, name="outport-standing", daemon=True)
                self._thread.start()

    def close(self) -> None:
        """Look no more."""
        self._closed.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        while not self._closed.wait(LOOK_S):
            with self._lock:
                known = [(result, watched) for result, watched in self._open.items() if result.summary is None]
                self._open = WeakKeyDictionary(known)
            # One at a time, and none is held while nothing is looked at: a result that nobody has is freed.
            while known:
                self._look(*known.pop())

    def _look(self, result: Result, watched: _Watched) -> None:
        if result.summary is not None:
            return
        try:
            # A directory that cannot be read for a moment admits nobody, and sends nobody away.
            with suppress(Unavailable):
                self._stands(watched.session)
            with suppress(Unavailable):
                if (policies := self._present().policies) is not watched.pin.policies:
                    watched.confirm(replace(watched.pin, policies=policies))
        except Unauthenticated as error:
            result.end(error)
        except GatewayError:
            result.end(NotFound("the permission for this answer has ended", reason="expired"))
        except Exception:
            _log.exception("a session could not be asked after")
            result.end(Unauthenticated("the credentials could not be asked after", reason="expired"))
