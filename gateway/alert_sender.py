"""Sends the alerts that wait: each to its address, again and ever later until it is taken or its time is over.

Touches the outbox and, by webhook.py, the network. One process of a deployment has one, in a thread of its own.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable
from datetime import timedelta
from urllib.parse import urlsplit

from gateway import ticking, webhook
from gateway.alerts import Message, Outbox, epoch_s
from gateway.settings import Settings, SettingsError
from gateway.ticking import Clock

SECRET_BYTES = 24
ATTEMPTS = 12
_FIRST_S = 5.0
_LONGEST_S = 3600.0
_log = logging.getLogger("outport.alerts")


def secret(settings: Settings) -> bytes:
    """What alerts are signed with. Raises SettingsError where there are addresses, and it cannot be read."""
    path = settings.alert_secret_file
    finding = f"alert_secret_file: a file of at least {SECRET_BYTES} bytes signs what is sent to alert_urls"
    if path is None:
        raise SettingsError((finding,))
    try:
        found = path.read_bytes().strip()
    except OSError as error:
        raise SettingsError((f"{finding} ({error.strerror})",)) from error
    if len(found) < SECRET_BYTES:
        raise SettingsError((finding,))
    return found


class Sender:
    """Used by one thread. Raises SettingsError where it cannot sign. `chance` gives 0..1, for the jitter."""

    def __init__(
        self, settings: Settings, clock: Clock = ticking.MACHINE, chance: Callable[[], float] = random.random
    ) -> None:
        self._secret = secret(settings)
        self._outbox, self._clock, self._chance = Outbox(settings.state), clock, chance

    def tick(self) -> int:
        """Send what is due; how many were taken."""
        due = self._outbox.due(ticking.text(self._clock.now()))
        return sum(self._sent(one) for one in due)

    def _sent(self, message: Message) -> bool:
        try:
            webhook.post(message.url, message.body.encode(), message.id, epoch_s(), self._secret)
        except webhook.UndeliveredError as error:
            self._later(message, error)
            return False
        self._outbox.done(message)
        return True

    def _later(self, message: Message, error: webhook.UndeliveredError) -> None:
        host = urlsplit(message.url).hostname
        if message.attempt >= ATTEMPTS:
            _log.error("an alert is given up after %d attempts: %s: %s", message.attempt, host, error)
            self._outbox.done(message)
            return
        longest = min(_LONGEST_S, _FIRST_S * 2.0 ** (message.attempt - 1))
        pause = timedelta(seconds=longest * (1 - self._chance() / 2))
        _log.info("an alert waits: %s: %s", host, error)
        self._outbox.put(message.again(ticking.text(self._clock.now() + pause)))
