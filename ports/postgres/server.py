"""The Postgres door: the only socket. A thread for each connection; TLS, limits and cancel requests live here.

buenavista's threading server is the shell; the conversation over each socket is ours.
"""

from __future__ import annotations

import contextlib
import ipaddress
import itertools
import logging
import secrets
import socket
import socketserver
import ssl
import threading
import time
from collections.abc import Iterable
from typing import Any

from buenavista.core import Connection as Connections
from buenavista.postgres import BuenaVistaServer

from gateway import Gateway, GatewayError, Tls, Unavailable
from ports.postgres import authentication, backend, decode, errors, frontend
from ports.postgres.authentication import SignIn
from ports.postgres.conversation import Conversation
from ports.postgres.decode import BadEncoding, Frames
from ports.postgres.errors import WireError
from ports.postgres.frontend import ProtocolViolation

STARTUP_BYTES = 10_000
STARTUP_S = 10.0
SIGN_IN_BYTES = 65_536
MESSAGE_BYTES = 64 << 20
CONNECTION_LIMIT = 200
READ_BYTES = 65_536
WRITE_BYTES = 1 << 16
DATABASE = "outport"
_log = logging.getLogger("outport.postgres")


class _Gone(Exception):
    """The client has gone, or has taken too long."""


class Registry(Connections):  # type: ignore[misc]
    """The open conversations by their cancel keys. Thread-safe."""

    def __init__(self, gateway: Gateway) -> None:
        super().__init__()
        self.gateway = gateway
        self._lock = threading.Lock()
        self._open: dict[int, tuple[int, Conversation]] = {}
        self._numbers = itertools.count(secrets.randbelow(1 << 20) + 1)
        self.sockets: set[socket.socket] = set()

    def add(self, signed: SignIn, options: dict[str, str]) -> tuple[int, int, Conversation]:
        """A conversation for who has signed in, with its process number and cancel key."""
        assert signed.session is not None
        process, key = next(self._numbers) & 0x7FFFFFFF, secrets.randbits(32)
        made = Conversation(self.gateway, signed.session, process, options)
        with self._lock:
            self._open[process] = (key, made)
        return process, key, made

    def remove(self, process: int) -> None:
        """It has ended."""
        with self._lock:
            self._open.pop(process, None)

    def cancel(self, process: int, key: int) -> None:
        """Stop what a connection runs, if the key is its own."""
        with self._lock:
            known, conversation = self._open.get(process, (None, None))
        if (
            conversation is not None
            and known is not None
            and secrets.compare_digest(known.to_bytes(4, "big"), key.to_bytes(4, "big"))
        ):
            conversation.cancel()


class _Server(BuenaVistaServer):  # type: ignore[misc]
    """buenavista's threading server with our handler, and no connection beyond the limit."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], registry: Registry, tls: ssl.SSLContext | None) -> None:
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        super().__init__(address, registry)
        self.RequestHandlerClass = Connected
        self.registry = registry
        self.tls = tls
        self.places = threading.BoundedSemaphore(CONNECTION_LIMIT)

    def verify_request(self, request: Any, client_address: Any) -> bool:
        """Everyone may knock; who they are is asked inside."""
        return True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A defect in a connection's thread: logged, and no one else's."""
        _log.exception("a connection failed")


class Connected(socketserver.BaseRequestHandler):
    """One connection, from its first byte to its last."""

    server: _Server

    def handle(self) -> None:
        """Talk until either side ends it."""
        self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._frames = Frames(STARTUP_BYTES)
        self._deadline: float | None = time.monotonic() + STARTUP_S
        if not self.server.places.acquire(blocking=False):
            self._fatal(WireError("53300", "sorry, too many clients already"))
            return
        self.server.registry.sockets.add(self.request)
        try:
            with contextlib.suppress(_Gone, OSError):
                self._talk()
        finally:
            self.server.registry.sockets.discard(self.request)
            if isinstance(self.request, ssl.SSLSocket):
                # Another socket than the one that the server closes.
                self.request.close()
            self.server.places.release()

    def _talk(self) -> None:
        try:
            started = self._started()
            if started is not None:
                self._served(started)
        except ProtocolViolation as error:
            self._fatal(WireError("08P01", str(error)))
        except (WireError, GatewayError) as error:
            self._fatal(error)
        except OSError:
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
                    self.server.registry.cancel(process, key)
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
        self.server.registry.sockets.discard(self.request)
        self.request = self.server.tls.wrap_socket(self.request, server_side=True)
        self.server.registry.sockets.add(self.request)

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
        process, key, conversation = self.server.registry.add(signed, authentication.options(started.parameters))
        try:
            self._frames.limit = MESSAGE_BYTES
            self._deadline = None
            self._send([conversation.greeting(process, key)])
            self._conversed(conversation)
        finally:
            self.server.registry.remove(process)
            conversation.close()

    def _conversed(self, conversation: Conversation) -> None:
        while True:
            kind, body = self._message()
            message: frontend.Message | BadEncoding
            try:
                message = decode.message(kind, body)
            except BadEncoding as error:
                message = error
            if isinstance(message, frontend.Terminate):
                return
            self._send(conversation.receive(message))

    def _first(self) -> frontend.First:
        while (found := self._frames.first()) is None:
            self._read()
        return found

    def _message(self) -> tuple[int, bytes]:
        while (found := next(self._frames.messages(), None)) is None:
            self._read()
        return found

    def _read(self) -> None:
        """More bytes, before the deadline. Raises _Gone."""
        self.request.settimeout(None if self._deadline is None else max(0.001, self._deadline - time.monotonic()))
        try:
            data = self.request.recv(READ_BYTES)
        except (TimeoutError, OSError) as error:
            raise _Gone from error
        if not data:
            raise _Gone
        self._frames.feed(data)

    def _send(self, parts: Iterable[bytes | memoryview]) -> None:
        """Send what comes, small parts together. A client that reads nothing for idle_s has gone."""
        self.request.settimeout(self.server.registry.gateway.settings.idle_s)
        held = bytearray()
        for part in parts:
            if len(part) < WRITE_BYTES:
                held += part
                if len(held) < WRITE_BYTES:
                    continue
            if held:
                self.request.sendall(held)
                held = bytearray()
            if len(part) >= WRITE_BYTES:
                self.request.sendall(part)
        if held:
            self.request.sendall(held)

    def _fatal(self, error: BaseException) -> None:
        with contextlib.suppress(OSError):
            self._send([backend.error(errors.fields(error, "FATAL"))])


class PostgresPort:
    """Products over the PostgreSQL wire. `start` binds, so that `address` is known when it returns."""

    name = "postgres"

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None

    @property
    def address(self) -> tuple[str, int]:
        """Host and port that it listens on. Raises Unavailable before `start`."""
        if self._server is None:
            raise Unavailable("the Postgres door is not open", reason="startup")
        host, port = self._server.server_address[:2]
        return str(host), int(port)

    def start(self) -> None:
        """Bind and serve. Raises OSError if the address is taken, SettingsError for a wrong TLS."""
        settings = self._gateway.settings
        tls = Tls.of(settings)
        registry = Registry(self._gateway)
        context = None if tls is None else tls.context()
        self._server = _Server((settings.host, settings.postgres_port), registry, context)
        self._thread = threading.Thread(target=self._server.serve_forever, name="outport-postgres", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Take no more connections and end those that there are. Idempotent."""
        if self._server is None or self._thread is None:
            return
        self._server.shutdown()
        for one in list(self._server.registry.sockets):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        self._server.server_close()
        self._thread.join()
        self._server = self._thread = None
