"""The process that holds the doors: makes the workers behind them, replaces one that has died, passes on what they say.

Touches processes and their connections; a request never comes here. A worker that is killed loses what it was serving,
and nobody else notices: what waits at a door waits for the others.
"""

from __future__ import annotations

import logging
import multiprocessing
import select
import time
from multiprocessing import connection as connections
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess

from gateway import GONE
from gateway.serving.siblings import Message
from gateway.settings import Settings, SettingsError
from ports.command.opening import Held
from ports.command.worker import work

START_S = 60.0
# So often a worker is asked whether it is there, in the time after which one that answers nothing is replaced.
PINGS = 6
# After drain_s: what a worker gets to end in.
CUT_S = 15.0
# One that dies sooner after its start is made anew only after a pause that doubles.
YOUNG_S = 10.0
PAUSE_S = (0.0, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
_log = logging.getLogger("outport.supervisor")


class _Worker:
    """One place: the process that is there now, and since when."""

    def __init__(self, index: int) -> None:
        self.index = index
        self.process: SpawnProcess | None = None
        self.connection: Connection[Message, Message] | None = None
        self.ready = False
        self.begun = self.heard = self.pinged = 0.0
        self.failures = 0
        self.due = 0.0


class Supervisor:
    """The workers of one deployment. Used by one thread."""

    def __init__(self, settings: Settings, held: Held) -> None:
        self._settings, self._held = settings, held
        self._context = multiprocessing.get_context("spawn")
        self._workers = [_Worker(index) for index in range(settings.workers)]

    def start(self) -> None:
        """Make every worker; returns when all serve. Raises SettingsError if one does not come up."""
        for one in self._workers:
            self._make(one)
        until = time.monotonic() + START_S
        while not all(one.ready for one in self._workers):
            if any(one.failures for one in self._workers) or time.monotonic() > until:
                raise SettingsError(("workers: a worker did not start; what it says stands above",))
            self.look(0.2)

    def look(self, patience_s: float) -> None:
        """Pass on what workers say, and replace those that have died or hang, for `patience_s` seconds."""
        until = time.monotonic() + patience_s
        while (left := until - time.monotonic()) > 0:
            open_ = {one.connection: one for one in self._workers if one.connection is not None}
            for ready in connections.wait(list(open_), min(left, 0.25)):
                self._hear(open_[ready])  # type: ignore[index]
            for one in self._workers:
                self._tend(one)

    def stop(self) -> None:
        """Let every worker end what runs, for drain_s, and end those that do not."""
        for one in self._workers:
            self._send(one, Message("stop", one.index))
        until = time.monotonic() + self._settings.drain_s + CUT_S
        for one in self._workers:
            if one.process is not None:
                one.process.join(max(0.0, until - time.monotonic()))
                if one.process.is_alive():
                    one.process.kill()
                    one.process.join()

    def _make(self, one: _Worker) -> None:
        ours, theirs = self._context.Pipe()
        made = self._context.Process(
            target=work, args=(self._settings, one.index, self._held, theirs), name=f"outport-{one.index}"
        )
        made.start()
        theirs.close()
        one.process, one.connection, one.ready = made, ours, False
        one.begun = one.heard = one.pinged = time.monotonic()

    def _hear(self, one: _Worker) -> None:
        assert one.connection is not None
        try:
            message = one.connection.recv()
        except (EOFError, OSError):
            self._died(one)
            return
        one.heard = time.monotonic()
        if message.kind == "ready":
            one.ready = True
        elif message.kind == "reply":
            self._send(self._workers[message.index], message)
        elif message.kind in {"tell", "ask"}:
            for other in self._workers:
                if other is not one:
                    self._send(other, message)

    def _tend(self, one: _Worker) -> None:
        now = time.monotonic()
        if one.process is None:
            if now >= one.due:
                self._make(one)
            return
        if not one.process.is_alive():
            self._died(one)
        elif now - one.heard > self._settings.worker_silent_s + (0.0 if one.ready else START_S):
            _log.error("worker %d answers nothing and is replaced", one.index)
            one.process.kill()
            self._died(one)
        elif now - one.pinged > self._settings.worker_silent_s / PINGS:
            one.pinged = now
            self._send(one, Message("ping", one.index))

    def _died(self, one: _Worker) -> None:
        assert one.process is not None
        assert one.connection is not None
        one.process.join(5)
        young = time.monotonic() - one.begun < YOUNG_S or not one.ready
        one.failures = one.failures + 1 if young else 1
        pause_s = PAUSE_S[min(one.failures - 1, len(PAUSE_S) - 1)] if young else 0.0
        _log.error("worker %d has ended (%s) and is made anew", one.index, one.process.exitcode)
        one.connection.close()
        one.process, one.connection, one.ready = None, None, False
        one.due = time.monotonic() + pause_s
        for other in self._workers:
            if other is not one:
                self._send(other, Message("tell", one.index, GONE, str(one.index).encode()))

    def _send(self, one: _Worker, message: Message) -> None:
        """Send, unless nobody takes it: a worker that hangs must not make the others wait."""
        if one.connection is None or not select.select([], [one.connection], [], 0)[1]:
            return
        try:
            one.connection.send(message)
        except OSError:
            _log.info("worker %d does not hear", one.index)
