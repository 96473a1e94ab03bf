"""How often a password may be guessed: by name, and by address where a door knows it. Touches the clock only.

A guess is a wrong proof: a sign-in that was begun and never finished tells its maker nothing, so it counts for nothing,
else anybody could keep a name out. One address has GUESSES for a name and GUESSES_MINUTE a minute from then on, all of
them together TOGETHER times as many; addresses from which the name has signed in are not counted with the others. So
nobody keeps out somebody elsewhere, and many addresses only who comes from one that is new.
"""

from __future__ import annotations

import ipaddress
import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager

from gateway.access.rate import Rate
from gateway.errors import Exhausted

GUESSES = 20
GUESSES_MINUTE = 10
TOGETHER = 5
_FAMILIAR = 10_000
# Of an IPv6 address: who has one has all of these.
_NETWORK_BITS = 64


class Guesses:
    """The guesses at one deployment's passwords. Thread-safe. `rates` are what processes tell each other of."""

    def __init__(self, *, shared: bool) -> None:
        self._alone = Rate(GUESSES, GUESSES_MINUTE, shared=shared)
        self._together = Rate(TOGETHER * GUESSES, TOGETHER * GUESSES_MINUTE, shared=shared)
        self.rates = (self._alone, self._together)
        self._lock = threading.Lock()
        self._familiar: OrderedDict[tuple[str, str], None] = OrderedDict()

    @contextmanager
    def guessed(self, port: str, subject: str, address: str | None) -> Iterator[None]:
        """Inside, a password of `subject` is tried: it counts unless it is right. Raises Exhausted (rate) before."""
        if address is None:
            self._alone.take(port, subject)
            yield
            self._alone.give(port, subject)
            return
        place = _network(address)
        name = f"{place} {subject}"
        self._alone.take(port, name)
        familiar = (place, subject) in self._familiar
        if not familiar:
            self._counted_together(port, subject, name)
        yield
        self._alone.give(port, name)
        if not familiar:
            self._together.give(port, subject)
        self._remember((place, subject))

    def _counted_together(self, port: str, subject: str, name: str) -> None:
        try:
            self._together.take(port, subject)
        except Exhausted:
            self._alone.give(port, name)
            raise

    def _remember(self, known: tuple[str, str]) -> None:
        with self._lock:
            self._familiar[known] = None
            self._familiar.move_to_end(known)
            if len(self._familiar) > _FAMILIAR:
                self._familiar.popitem(last=False)


def _network(address: str) -> str:
    """What counts as one address."""
    try:
        known = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return "?"
    if isinstance(known, ipaddress.IPv4Address):
        return str(known)
    mapped = known.ipv4_mapped
    return str(mapped or ipaddress.ip_network((known, _NETWORK_BITS), strict=False).network_address)
