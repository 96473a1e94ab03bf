"""What a running server does about snapshots whose time is over. Publishes nothing; removes by the gateway's own room.

Where the serving user may not write snapshots, they go with the next `outport apply`.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable

from gateway import Gateway
from gateway.errors import GatewayError
from gateway.publication.publish import collect, overdue
from gateway.serving.shelf import SNAPSHOTS

EVERY_S = 30.0
_log = logging.getLogger("outport.retention")


class Collector:
    """Looks every EVERY_S seconds, in a thread of its own, until `stop` is set."""

    def __init__(self, gateway: Gateway, stop: threading.Event, clock: Callable[[], float] = time.time) -> None:
        self._gateway, self._stop, self._clock = gateway, stop, clock
        self._thread = threading.Thread(target=self._run, name="outport-retention", daemon=True)

    def start(self) -> None:
        """Begin; returns at once."""
        self._thread.start()

    def tick(self) -> None:
        """Remove what is over, and let the engine detach what is gone, whoever removed it."""
        settings, now = self._gateway.settings, self._clock()
        try:
            if overdue(settings, now) and os.access(settings.state / SNAPSHOTS, os.W_OK):
                collect(settings, now)
            self._gateway.pin()
        except GatewayError as error:
            _log.info("kept snapshots were not looked after: %s", error.message)  # a publication runs: later, then

    def _run(self) -> None:
        while not self._stop.wait(EVERY_S):
            self.tick()
