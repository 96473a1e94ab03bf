"""Puts on file, while a process serves, what it has counted: each process for itself. Touches the gateway's tally."""

from __future__ import annotations

import logging
import threading

from gateway import Gateway
from gateway.errors import Unavailable

_log = logging.getLogger("outport.filing")


class Filing:
    """Files every `slo_s` seconds, in a thread of its own, until `stop` is set; what is left then, the gateway does."""

    def __init__(self, gateway: Gateway, stop: threading.Event) -> None:
        self._gateway, self._stop = gateway, stop
        self._thread = threading.Thread(target=self._run, name="outport-filing", daemon=True)

    def start(self) -> None:
        """Begin; returns at once."""
        self._thread.start()

    def _run(self) -> None:
        while not self._stop.wait(self._gateway.settings.slo_s):
            try:
                self._gateway.tally.flush()
            except Unavailable as error:
                _log.warning("what was asked is not on file yet: %s", error.message)
