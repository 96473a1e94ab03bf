"""The thread of `outport serve` that sends alerts. Sends by the gateway's own rooms; no question waits for it."""

from __future__ import annotations

import logging
import threading

from gateway.service_levels.alert_sender import Sender
from gateway.settings import Settings

EVERY_S = 1.0
_log = logging.getLogger("outport.alerts")


class AlertThread:
    """Looks every EVERY_S seconds, until `stop` is set. Raises SettingsError where alerts cannot be signed."""

    def __init__(self, settings: Settings, stop: threading.Event) -> None:
        self._sender = Sender(settings) if settings.alert_addresses else None
        self._stop = stop
        self._thread = threading.Thread(target=self._run, name="outport-alerts", daemon=True)

    def start(self) -> None:
        """Begin; returns at once. Without an address there is nothing to do."""
        if self._sender is not None:
            self._thread.start()

    def _run(self) -> None:
        assert self._sender is not None
        while not self._stop.wait(EVERY_S):
            try:
                self._sender.begin()
            except OSError as error:
                _log.error("alerts wait: %s", error.strerror)
            except Exception:
                _log.exception("alerts wait")  # the next look may fare better
