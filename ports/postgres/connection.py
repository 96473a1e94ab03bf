"""One connection's socket: its bytes in and out, TLS, and how long it may take over anything.

What is said over it is the conversation's; who may be connected is the registry's.
"""

from __future__ import annotations

import contextlib
import ipaddress
import select
import socket
import socketserver
import ssl
import threading
import time
from collections.abc import Generator, Iterable, Iterator
from typing import Protocol

from gateway import GatewayError
from ports.postgres import authentication, backend, decode, errors, frontend
from ports.postgres.authentication import SignIn
from ports.postgres.conversation import Conversation
from ports.postgres.decode import BadEncoding, Frames
from ports.postgres.errors import WireError
from ports.postgres.frontend import ProtocolViolation
from ports.postgres.registry import Registry

STARTUP_BYTES = 10_000  # as PostgreSQL's MAX_STARTUP_PACKET_LENGTH
SIGN_IN_BYTES = 65_536
READ_BYTES = 65_536
WRITE_BYTES = 1 << 16
# A client that is sent this much has idle_s to read it.
PIECE_BYTES = 1 << 20
DATABASE = "outport"
# How soon a connection that waits notices that it is to end.
TICK_S = 0.25
# A wrong cancel key holds its connection that long: 32 bits are not to be guessed.
WRONG_KEY_S = 0.2
_HUNG_UP = getattr(select, "POLLRDHUP", select.POLLHUP)


class _Gone(Exception):
    """The client has gone, or has taken too long."""


class Door(Protocol):
    """What a connection needs of the server that took it."""

    registry: Registry
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
        self._busy = False
        self._set_aside = 0
        self._held = bytearray()
        self._patience_s = self._settings.idle_s

    def handle(self) -> None:
        """Talk until either side ends it."""
        try:
            with contextlib.suppress(_Gone, OSError):
                self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self.request.settimeout(TICK_S)
                self._talk()
        finally:
            if self._conversation is not None:
                self._conversation.close()
            self._free()
            self.server.registry.left(self, self._process)
            if isinstance(self.request, ssl.SSLSocket):
                # Another socket than the one that the server closes.
                self.request.close()

    def end(self, why: WireError) -> None:
        """Say why, once what runs has ended, and close."""
        self._ending = self._ending or why
        self._over.set()

    def cut(self) -> None:
        """Close now."""
        self._over.set()
        self.stop()
        with contextlib.suppress(OSError):
            # Not SSLSocket's own: that would let the other thread go on in the clear.
            socket.socket.shutdown(self.request, socket.SHUT_RDWR)

    def watch(self) -> None:
        """Stop what runs for a client that has gone: while it computes, nobody reads the socket."""
        if not self._busy:
            return
        looked = select.poll()
        with contextlib.suppress(OSError, ValueError):
            looked.register(self.request, _HUNG_UP)
            if looked.poll(0):
                self.stop()

    def stop(self) -> None:
        """Stop what runs."""
        if self._conversation is not None:
            self._conversation.cancel()

    def _talk(self) -> None:
        try:
            self.server.registry.knocked(self)
            started = self._started()
            if started is not None:
                self._served(started)
        except ProtocolViolation as error:
            self._fatal(WireError("08P01", str(error)))
        except (WireError, GatewayError) as error:
            self._fatal(error)
        except (OSError, _Gone):
            raise
        except Exception as error:
            self._fatal(error)

    def _started(self) -> frontend.Startup | None:
        """The startup message, behind TLS where the client asks for it; None where there is nothing more to say."""
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
                    return None
                case frontend.Startup():
                    return self._negotiated(first)
        raise ProtocolViolation("too many requests before the startup message")

    def _negotiated(self, first: frontend.Startup) -> frontend.Startup:
        if first.major != 3:
            raise WireError("0A000", f"unsupported frontend protocol {first.major}.{first.minor}: server supports 3.0")
        unknown = [name for name in first.parameters if name.startswith("_pq_.")]
        if first.minor or unknown:
            self._send([backend.negotiate(unknown)])
        if self.server.tls is not None and not isinstance(self.request, ssl.SSLSocket):
            raise WireError("28000", "this server takes connections over TLS only", "connect with sslmode=require")
        if not first.parameters.get("user"):
            raise WireError("28000", "no PostgreSQL user name specified in startup packet")
        if first.parameters.get("replication", "false").lower() not in {"false", "off", "no", "0"}:
            raise WireError("0A000", "replication is not supported")
        return first

    def _secure(self) -> None:
        if self.server.tls is None or isinstance(self.request, ssl.SSLSocket):
            self._send([b"N"])
            return
        if self._frames.pending:
            raise ProtocolViolation("received unencrypted data after SSL request")
        self._send([b"S"])
        self._flush()
        self.request = secured = self.server.tls.wrap_socket(
            self.request, server_side=True, do_handshake_on_connect=False
        )
        while True:
            try:
                secured.do_handshake()
                return
            except TimeoutError:
                self._wait()

    def _served(self, started: frontend.Startup) -> None:
        private = isinstance(self.request, ssl.SSLSocket) or ipaddress.ip_address(self.client_address[0]).is_loopback
        signed = SignIn(self.server.registry.gateway, started.parameters["user"], private=private)
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
        self._conversed(self._conversation)

    def _conversed(self, conversation: Conversation) -> None:
        while True:
            idle_s, self._late = conversation.patience()
            self._deadline = time.monotonic() + idle_s
            kind, body = self._message()
            message: frontend.Message | BadEncoding
            try:
                message = decode.message(kind, body)
            except BadEncoding as error:
                message = error
            if isinstance(message, frontend.Terminate):
                return
            self._busy = True
            answer = conversation.receive(message)
            try:
                self._send(answer)
            finally:
                self._busy = False
                _close(answer)

    def _first(self) -> frontend.First:
        while (found := self._frames.first()) is None:
            self._read()
        return found

    def _message(self) -> tuple[int, bytes]:
        self._free()
        begun = False
        while True:
            if self._ending is not None:
                raise self._ending
            if (found := next(self._frames.messages(), None)) is not None:
                return found
            if self._frames.wanted > SIGN_IN_BYTES and not self._set_aside:
                self.server.registry.space.take(self._frames.wanted)
                self._set_aside = self._frames.wanted
            if self._frames.pending and self._conversation is not None and not begun:
                # What is begun is to be ended, however long the client might have been idle.
                begun, self._deadline = True, time.monotonic() + self._settings.idle_s
                self._late = WireError("08P01", "a message was begun and not ended in time")
            self._read()

    def _free(self) -> None:
        if self._set_aside:
            self.server.registry.space.give(self._set_aside)
            self._set_aside = 0

    def _read(self) -> None:
        """More bytes, before the deadline. Raises _Gone, or why the connection ends."""
        self._flush()
        while True:
            try:
                data = self.request.recv(READ_BYTES)
                break
            except TimeoutError:
                self._wait()
            except OSError as error:
                raise _Gone from error
        if not data:
            raise _Gone
        self._frames.feed(data)

    def _wait(self) -> None:
        """Go on waiting. Raises why the connection ends, or _Gone."""
        if self._ending is not None:
            raise self._ending
        if time.monotonic() > self._deadline:
            raise self._late or _Gone

    def _send(self, parts: Iterable[bytes | memoryview]) -> None:
        """Send what comes, small parts together: what is held leaves before the client is waited for."""
        for part in parts:
            if len(part) >= WRITE_BYTES:
                self._flush()
                self._write(part)
                continue
            self._held += part
            if len(self._held) >= WRITE_BYTES:
                self._flush()

    def _flush(self) -> None:
        if self._held:
            held, self._held = self._held, bytearray()
            self._write(held)

    def _write(self, data: bytes | bytearray | memoryview) -> None:
        """A client that reads nothing for idle_s has gone; one that is told to go has a moment."""
        for piece in _pieces(memoryview(data)):
            left, patience = piece, time.monotonic() + self._patience_s
            while left:
                try:
                    left = left[self.request.send(left) :]
                except TimeoutError:
                    if time.monotonic() > patience:
                        raise _Gone from None

    def _fatal(self, error: BaseException) -> None:
        self._patience_s = TICK_S
        with contextlib.suppress(OSError, _Gone):
            self._send([backend.error(errors.fields(error, "FATAL"))])
            self._flush()


def _pieces(data: memoryview) -> Iterator[memoryview]:
    for start in range(0, len(data), PIECE_BYTES):
        yield data[start : start + PIECE_BYTES]


def _close(answer: Iterable[bytes | memoryview]) -> None:
    """Free what an answer holds that was not read to its end."""
    if isinstance(answer, Generator):
        answer.close()
