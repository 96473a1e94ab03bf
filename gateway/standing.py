"""Answers that are being read while what proved their reader may end: one thread asks, and ends them. Touches threads.

A question is decided when it is asked; a long answer outlives that. So each is asked after again every LOOK_S.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from contextlib import suppress
from weakref import WeakKeyDictionary

from gateway.errors import Unauthenticated, Unavailable
from gateway.session import Session
from gateway.stream import Result

LOOK_S = 1.0
_log = logging.getLogger("outport.identity")


class Standing:
    """The open answers of one process. Thread-safe. `stands` raises Unauthenticated once a session has ended."""

    def __init__(self, stands: Callable[[Session], None]) -> None:
        self._stands = stands
        self._open: WeakKeyDictionary[Result, Session] = WeakKeyDictionary()
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None

    def watch(self, session: Session, result: Result) -> None:
        """End `result` soon after `session` does."""
        if session.proof is None:
            return
        with self._lock:
            self._open[result] = session
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
                known = list(self._open.items())
                for result, _ in known:
                    if result.summary is not None:
                        del self._open[result]
            for result, session in known:
                self._look(result, session)
            known.clear()

    def _look(self, result: Result, session: Session) -> None:
        if result.summary is not None:
            return
        try:
            # A directory that cannot be read for a moment admits nobody, and sends nobody away.
            with suppress(Unavailable):
                self._stands(session)
        except Unauthenticated as error:
            result.end(error)
        except Exception:
            _log.exception("a session could not be asked after")
            result.end(Unauthenticated("the credentials could not be asked after", reason="expired"))
