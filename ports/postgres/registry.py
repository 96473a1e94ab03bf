"""The connections that are open: who has a place, who may cancel what, and what ends them. Knows no socket.

buenavista keeps its sessions in a `Connection`; this one keeps ours.
"""

from __future__ import annotations

import contextlib
import itertools
import secrets
import struct
import threading
import time
from typing import Protocol

from buenavista.core import Connection as Connections

from gateway import Gateway, OpenThere, Unauthenticated, Unavailable
from ports.postgres.authentication import SignIn
from ports.postgres.conversation import Conversation
from ports.postgres.errors import WireError
from ports.postgres.places import Places, Space

# Connections that have not signed in yet; one more ends the oldest of them, so that waiting takes no one's place.
KNOCKING = 100
# All messages that are under way together: so many of the longest, which one connection may send.
LONG_MESSAGES = 8
TICK_S = 0.25
STANDS_S = 1.0
_TOPIC = "postgres cancel"


class Ended(Protocol):
    """A connection, as what ends it sees it."""

    def end(self, why: WireError) -> None:
        """Say why, once what runs has ended, and close."""

    def stop(self) -> None:
        """Stop what runs."""

    def cut(self) -> None:
        """Close now."""

    def watch(self) -> None:
        """Stop what runs for a client that has gone. Comes every TICK_S."""


class Registry(Connections):  # type: ignore[misc]
    """The open connections of one door. Thread-safe."""

    def __init__(self, gateway: Gateway) -> None:
        super().__init__()
        settings = gateway.settings
        self.gateway = gateway
        self.places = Places(settings.postgres_connections, settings.postgres_principal_connections, gateway.siblings)
        gateway.siblings.on(_TOPIC, self._heard)
        self.space = Space(LONG_MESSAGES * settings.postgres_message_bytes)
        self._lock = threading.Condition()
        self._knocking: dict[Ended, None] = {}
        self._signed: dict[Ended, Conversation] = {}
        self._keys: dict[int, tuple[int, Conversation]] = {}
        self._numbers = itertools.count(secrets.randbelow(1 << 20) + 1)
        self._closing: WireError | None = None
        self._watching: threading.Thread | None = None

    def knocked(self, connection: Ended) -> None:
        """Someone has connected. Raises WireError once the door is closing."""
        with self._lock:
            if self._closing is not None:
                raise self._closing
            self._knocking[connection] = None
            oldest = next(iter(self._knocking)) if len(self._knocking) > KNOCKING else None
            if oldest is not None:
                del self._knocking[oldest]
        if oldest is not None:
            oldest.end(WireError("53300", "too many connections wait to sign in"))

    def signed(self, connection: Ended, proof: SignIn, options: dict[str, str]) -> tuple[int, int, Conversation]:
        """A conversation for who has signed in, with its process number and cancel key. Raises WireError (53300)."""
        session = proof.session
        assert session is not None
        made = Conversation(self.gateway, session, self._number(), options)
        self.places.take(made.subject)
        key = secrets.randbits(32)
        with self._lock:
            self._knocking.pop(connection, None)
            self._signed[connection] = made
            self._keys[made.process] = (key, made)
            if self._watching is None:
                self._watching = threading.Thread(target=self._watch, name="outport-postgres-watch", daemon=True)
                self._watching.start()
        return made.process, key, made

    def left(self, connection: Ended, process: int | None) -> None:
        """It has ended."""
        with self._lock:
            self._knocking.pop(connection, None)
            signed = self._signed.pop(connection, None)
            if process is not None:
                del self._keys[process]
            self._lock.notify_all()
        if signed is not None:
            self.places.give(signed.subject)

    def cancel(self, process: int, key: int) -> bool:
        """Stop what a connection runs, if the key is its own; whether it is. Another process may know it."""
        if self._cancelled(process, key):
            return True
        self.gateway.siblings.tell(_TOPIC, struct.pack("!II", process, key))
        return False

    def _heard(self, body: bytes) -> bytes:
        self._cancelled(*struct.unpack("!II", body))
        return b""

    def _number(self) -> int:
        """The next connection's, which no other process of the deployment gives."""
        siblings = self.gateway.siblings
        return (next(self._numbers) * siblings.count + siblings.index) & 0x7FFFFFFF

    def _cancelled(self, process: int, key: int) -> bool:
        with self._lock:
            known, conversation = self._keys.get(process, (secrets.randbits(32), None))
        right = secrets.compare_digest(known.to_bytes(4, "big"), key.to_bytes(4, "big"))
        if conversation is None or not right:
            return False
        conversation.cancel()
        return True

    def count(self) -> OpenThere:
        """What is open now."""
        with self._lock:
            signed, knocking = list(self._signed.values()), len(self._knocking)
        return OpenThere(len(signed), knocking, sum(one.portals for one in signed))

    def close(self, why: WireError, drain_s: float, cut_s: float) -> None:
        """Let what runs end for `drain_s` seconds, then stop it; return when all have left, or after `cut_s` more."""
        with self._lock:
            self._closing = why
        for one in self._every():
            one.end(why)
        if not self._empty(drain_s):
            for one in self._every():
                one.cut()
            self._empty(cut_s)

    def _every(self) -> list[Ended]:
        with self._lock:
            return [*self._knocking, *self._signed]

    def _empty(self, patience_s: float) -> bool:
        with self._lock:
            return self._lock.wait_for(lambda: not self._knocking and not self._signed, patience_s)

    def _watch(self) -> None:
        """Look after the connections while there are any; the first that comes after that starts another thread."""
        asked = time.monotonic()
        while True:
            with self._lock:
                if not self._signed:
                    self._watching = None
                    return
                signed = list(self._signed.items())
                self._lock.wait_for(lambda: not self._signed, TICK_S)
            for connection, _ in signed:
                connection.watch()
            if time.monotonic() - asked < STANDS_S:
                continue
            asked = time.monotonic()
            for connection, conversation in signed:
                self._ask(connection, conversation)

    def _ask(self, connection: Ended, conversation: Conversation) -> None:
        try:
            # A directory that cannot be read for a moment admits nobody, and sends nobody away.
            with contextlib.suppress(Unavailable):
                self.gateway.stands(conversation.transaction.standing)
        except Unauthenticated as error:
            connection.end(WireError("57P01", f"terminating connection: {error.message}"))
            connection.stop()
