"""One connection: sign-in on a thread of its own, then message by message, on whichever thread has its turn.

Its bytes are the channel's, what is said over it the conversation's; who may be connected is the registry's.
"""

from __future__ import annotations

import contextlib
import ipaddress
import logging
import socket
import socketserver
import ssl
import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from enum import Enum
from typing import Protocol

from ports.postgres import authentication, backend, decode, errors, frontend
from ports.postgres.authentication import Line, SignIn
from ports.postgres.channel import TICK_S, Channel, Gone
from ports.postgres.conversation import Conversation
from ports.postgres.decode import BadEncoding, Frames
from ports.postgres.errors import WireError
from ports.postgres.frontend import ProtocolViolation
from ports.postgres.portals import Bytes, Wait
from ports.postgres.registry import Registry
from ports.postgres.turns import Turns

STARTUP_BYTES = 10_000  # as PostgreSQL's MAX_STARTUP_PACKET_LENGTH
SIGN_IN_BYTES = 65_536
DATABASE = "outport"
# A wrong cancel key holds its connection that long: 32 bits are not to be guessed.
WRONG_KEY_S = 0.2
_log = logging.getLogger("outport.postgres")


class _Then(Enum):
    """What becomes of a connection: it rests until its client speaks, waits for an answer's row, or ends."""

    REST = "rest"
    WAIT = "wait"
    END = "end"


class Door(Protocol):
    """What a connection needs of the server that took it."""

    registry: Registry
    turns: Turns
    tls: ssl.SSLContext | None


class Connected(socketserver.BaseRequestHandler):
    """One connection, from its first byte to its last. `end`, `stop`, `cut` and `watch` may come from any thread."""

    server: Door  # type: ignore[assignment]
    request: socket.socket

    def setup(self) -> None:
        """Nothing has been said yet."""
        self._settings = self.server.registry.gateway.settings
        self._frames = Frames(STARTUP_BYTES)
        self._deadline = time.monotonic() + self._settings.postgres_sign_in_s
        self._late: WireError | None = None
        self._ending: WireError | None = None
        self._over = threading.Event()
        self._conversation: Conversation | None = None
        self._process: int | None = None
        self._answer: Iterator[Bytes | Wait] | None = None
        self._begun = False
        self._set_aside = 0
        self._channel = Channel(self.request, self._settings.idle_s, self.server.turns.step_aside)

    def handle(self) -> None:
        """Sign in, on a thread of its own: a stranger takes no one's turn."""
        self._go_on(self._started)

    def serve(self) -> None:
        """Go on, once the client has said something, or what an answer waited for has come, or it is to end."""
        self._go_on(self._heard)

    def fileno(self) -> int:
        """The socket's descriptor."""
        return self._channel.fileno()

    def end(self, why: WireError) -> None:
        """Say why, once what runs has ended, and close."""
        self._ending = self._ending or why
        self._over.set()
        self.server.turns.wake(self)

    def cut(self) -> None:
        """Close now."""
        self._over.set()
        self.stop()
        self._channel.cut()

    def watch(self) -> None:
        """Stop what runs for a client that has gone: while it computes, nobody reads the socket. End who is late."""
        if self._answer is not None:
            if self._channel.hung_up():
                self.stop()
        elif self._ending is not None or time.monotonic() > self._deadline:
            self.server.turns.wake(self)

    def stop(self) -> None:
        """Stop what runs."""
        if self._conversation is not None:
            self._conversation.cancel()

    def _go_on(self, work: Callable[[], _Then]) -> None:
        """`work`, and what becomes of the connection then. Raises nothing."""
        then = _Then.END
        try:
            then = self._rested(work())
        except (OSError, Gone):
            pass
        except ProtocolViolation as error:
            self._fatal(WireError("08P01", str(error)))
        except Exception as error:
            self._fatal(error)
        if then is _Then.END:
            self._leave()
        elif then is _Then.REST and self._ending is not None:
            # It came before the connection rested.
            self.server.turns.wake(self)

    def _rested(self, then: _Then) -> _Then:
        if then is _Then.REST:
            self._set_deadline()
            self.server.turns.rest(self)
        return then

    def _leave(self) -> None:
        try:
            if isinstance(self._answer, Generator):
                self._answer.close()
            if self._conversation is not None:
                self._conversation.close()
        except Exception:
            _log.exception("a connection failed")
        finally:
            self._free()
            self._channel.close()
            self.server.registry.left(self, self._process)

    def _started(self) -> _Then:
        """The startup message, behind TLS where the client asks for it, and what follows it."""
        self.server.registry.knocked(self)
        for _ in range(4):
            first = self._first()
            match first:
                case frontend.SslRequest():
                    self._secure()
                case frontend.GssEncRequest():
                    self._send([b"N"])
                case frontend.CancelRequest(process=process, key=key):
                    if not self.server.registry.cancel(process, key):
                        self._over.wait(WRONG_KEY_S)
                    return _Then.END
                case frontend.Startup():
                    self._sign_in(self._negotiated(first))
                    return self._talked()
        raise ProtocolViolation("too many requests before the startup message")

    def _negotiated(self, first: frontend.Startup) -> frontend.Startup:
        if first.major != 3:
            raise WireError("0A000", f"unsupported frontend protocol {first.major}.{first.minor}: server supports 3.0")
        unknown = [name for name in first.parameters if name.startswith("_pq_.")]
        if first.minor or unknown:
            self._send([backend.negotiate(unknown)])
        if self.server.tls is not None and not self._channel.private:
            raise WireError("28000", "this server takes connections over TLS only", "connect with sslmode=require")
        if not first.parameters.get("user"):
            raise WireError("28000", "no PostgreSQL user name specified in startup packet")
        if first.parameters.get("replication", "false").lower() not in {"false", "off", "no", "0"}:
            raise WireError("0A000", "replication is not supported")
        return first

    def _secure(self) -> None:
        if self.server.tls is None or self._channel.private:
            self._send([b"N"])
            return
        if self._frames.pending:
            raise ProtocolViolation("received unencrypted data after SSL request")
        self._send([b"S"])
        self._channel.flush()
        self._channel.secure(self.server.tls, self._require_time)

    def _sign_in(self, started: frontend.Startup) -> None:
        signed = SignIn(self.server.registry.gateway, started.parameters["user"], self._line())
        self._frames.limit = SIGN_IN_BYTES
        self._send([signed.ask()])
        while signed.session is None:
            kind, body = self._message()
            message = decode.message(kind, body)
            if not isinstance(message, frontend.Password):
                raise ProtocolViolation("expected password response")
            self._send(signed.answer(message.body))
        if started.parameters.get("database", DATABASE) != DATABASE:
            raise WireError("3D000", "the database is called outport")
        options = authentication.options(started.parameters)
        self._process, key, self._conversation = self.server.registry.signed(self, signed, options)
        self._frames.limit = self._settings.postgres_message_bytes
        self._send([self._conversation.greeting(self._process, key)])

    def _line(self) -> Line:
        channel, address = self._channel, str(self.client_address[0])
        if channel.private:
            return Line(address, True, channel.end_point, channel.certificate)
        return Line(address, ipaddress.ip_address(address).is_loopback, None, None)

    def _heard(self) -> _Then:
        if self._answer is None:
            data = self._channel.take()
            if data is not None:
                self._frames.feed(data)
            else:
                self._require_time()
        return self._talked()

    def _talked(self) -> _Then:
        """Every whole message that has come, answered one after the other."""
        conversation = self._conversation
        assert conversation is not None
        while True:
            if self._answer is not None and not self._answered(self._answer):
                return _Then.WAIT
            self._free()
            if self._ending is not None:
                raise self._ending
            found = next(self._frames.messages(), None)
            if found is None:
                if self._channel.more:
                    self._frames.feed(self._channel.take() or b"")
                    continue
                self._reserve()
                self._channel.flush()
                return _Then.REST
            message: frontend.Message | BadEncoding
            try:
                message = decode.message(*found)
            except BadEncoding as error:
                message = error
            if isinstance(message, frontend.Terminate):
                return _Then.END
            self._begun = False
            self._answer = conversation.receive(message)

    def _answered(self, answer: Iterator[Bytes | Wait]) -> bool:
        """Send an answer as far as it goes; whether that was its end. If not, nothing more may be touched here."""
        for part in answer:
            if not isinstance(part, Wait):
                self._channel.send(part)
            elif part.result is not None and part.result.prefetch(self._resume):
                return False
            else:
                self.server.turns.step_aside()
        self._answer = None
        return True

    def _resume(self) -> None:
        self.server.turns.resume(self)

    def _set_deadline(self) -> None:
        """Until when the client may say nothing; what it has begun is to be ended, however long it might be idle."""
        assert self._conversation is not None
        if not self._frames.pending:
            idle_s, self._late = self._conversation.patience()
            self._deadline = time.monotonic() + idle_s
        elif not self._begun:
            self._begun, self._deadline = True, time.monotonic() + self._settings.idle_s
            self._late = WireError("08P01", "a message was begun and not ended in time")

    def _first(self) -> frontend.First:
        while (found := self._frames.first()) is None:
            self._read()
        return found

    def _message(self) -> tuple[int, bytes]:
        while (found := next(self._frames.messages(), None)) is None:
            self._read()
        return found

    def _reserve(self) -> None:
        """Space for a long message that has begun. Raises WireError (53200)."""
        if self._frames.wanted > SIGN_IN_BYTES and not self._set_aside:
            self.server.registry.space.take(self._frames.wanted)
            self._set_aside = self._frames.wanted

    def _free(self) -> None:
        if self._set_aside:
            self.server.registry.space.give(self._set_aside)
            self._set_aside = 0

    def _read(self) -> None:
        """Wait for more bytes, before the deadline. Raises Gone, or why the connection ends."""
        self._channel.flush()
        if self._ending is not None:
            raise self._ending
        while (data := self._channel.take()) is None:
            if not self._channel.await_bytes():
                self._require_time()
        self._frames.feed(data)

    def _require_time(self) -> None:
        """Raises why the connection ends, or Gone, if it is to end."""
        if self._ending is not None:
            raise self._ending
        if time.monotonic() > self._deadline:
            raise self._late or Gone

    def _send(self, parts: Iterable[Bytes]) -> None:
        for part in parts:
            self._channel.send(part)

    def _fatal(self, error: Exception) -> None:
        """The last word. Of one who has signed in, the end of a connection is no answer to a question."""
        self._channel.patience_s = TICK_S
        said, gateway = self._conversation, self.server.registry.gateway
        if said is None or not isinstance(error, WireError):
            error = errors.told(gateway, None if said is None else said.transaction.standing, "", error)
        with contextlib.suppress(OSError, Gone):
            self._channel.send(backend.error(errors.fields(error, "FATAL")))
            self._channel.flush()
