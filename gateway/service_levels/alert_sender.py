"""Sends the alerts that wait: each to its address, again and ever later until it is taken or its time is over.

Touches the outbox and, by webhook.py, the network. One process of a deployment has one. What is for one address is sent
one after the other; no address waits for another.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta
from urllib.parse import urlsplit

from gateway import ticking
from gateway.service_levels import webhook
from gateway.service_levels.alerts import Message, Outbox, epoch_s
from gateway.settings import Settings, SettingsError
from gateway.ticking import Clock

SECRET_BYTES = 24
ATTEMPTS = 12
_FIRST_S = 5.0
_LONGEST_S = 3600.0
# Addresses that are sent to at once.
_AT_ONCE = 16
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
        self._pool = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="outport-alert")
        self._sending: dict[str, Future[int]] = {}

    def begin(self) -> None:
        """Begin to send what is due to addresses that nothing is being sent to; returns at once."""
        self._sending = {url: one for url, one in self._sending.items() if not self._ended(one)}
        due: dict[str, list[Message]] = {}
        for one in self._outbox.due(ticking.text(self._clock.now())):
            due.setdefault(one.url, []).append(one)
        for url, messages in due.items():
            if url not in self._sending:
                self._sending[url] = self._pool.submit(self._in_order, messages)

    def tick(self) -> int:
        """Send what is due, and wait for that; how many were taken."""
        self.begin()
        return sum(one.result() for one in self._sending.values())

    def close(self) -> None:
        """Send nothing more; what is being sent is not waited for."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _in_order(self, messages: Sequence[Message]) -> int:
        """How many an address has taken: the first that it does not take lets the others wait for the next time."""
        for count, message in enumerate(messages):
            if not self._sent(message):
                return count
        return len(messages)

    @staticmethod
    def _ended(one: Future[int]) -> bool:
        if not one.done():
            return False
        if not one.cancelled() and (error := one.exception()) is not None:
            _log.error("alerts wait", exc_info=error)
        return True

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
