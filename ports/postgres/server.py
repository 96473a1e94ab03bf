"""The Postgres door: the socket that listens, with a thread for the sign-in of each connection that it takes.

buenavista's threading server is the shell; each connection's own socket is in connection.py.
"""

from __future__ import annotations

import logging
import socket
import ssl
import threading
from typing import Any

from buenavista.postgres import BuenaVistaServer

from gateway import Gateway, Settings, Tls, Unavailable
from ports.postgres.connection import Connected
from ports.postgres.errors import WireError
from ports.postgres.registry import Registry
from ports.postgres.turns import Turns

BACKLOG = 512
# Beside drain_s: a query that is stopped ends before its thread does.
CUT_S = 5.0
_log = logging.getLogger("outport.postgres")


class _Server(BuenaVistaServer):  # type: ignore[misc]
    """buenavista's threading server with our connections."""

    daemon_threads = True
    request_queue_size = BACKLOG

    def __init__(self, bound: socket.socket, registry: Registry, tls: ssl.SSLContext | None) -> None:
        self.socket: socket.socket
        self._bound = bound
        super().__init__(bound.getsockname()[:2], registry)
        self.RequestHandlerClass = Connected
        self.registry = registry
        self.turns = Turns()
        self.tls = tls

    def server_bind(self) -> None:
        """Take the socket that is bound already. Where others accept from it too, none may wait for what they took."""
        self.socket.close()
        self.socket = self._bound
        self.socket.setblocking(False)
        self.server_address = self.socket.getsockname()

    def verify_request(self, request: Any, client_address: Any) -> bool:
        """Everyone may knock; who they are is asked inside."""
        return True

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """The sign-in of one connection, which outlives its thread and closes its socket itself."""
        try:
            self.finish_request(request, client_address)
        except Exception:
            self.handle_error(request, client_address)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A defect in a connection's thread: logged, and no one else's."""
        _log.exception("a connection failed")


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

    @staticmethod
    def bind(settings: Settings) -> socket.socket:
        """The address that the settings name, not listening yet. Raises OSError."""
        host = settings.host
        bound = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            bound.bind((host, settings.postgres_port))
        except OSError:
            bound.close()
            raise
        return bound

    def start(self, bound: socket.socket | None = None) -> None:
        """Bind and serve; `bound` is bound already. Raises OSError if the address is taken, SettingsError for TLS."""
        settings = self._gateway.settings
        tls = Tls.of(settings)
        registry = Registry(self._gateway)
        registry.places.learn()
        self._gateway.metrics.watch(self.name, registry.count)
        context = None if tls is None else tls.context()
        self._server = _Server(bound or self.bind(settings), registry, context)
        self._thread = threading.Thread(target=self._server.serve_forever, name="outport-postgres", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Take no more connections, give running statements `drain_s` seconds, then stop them. Idempotent."""
        if self._server is None or self._thread is None:
            return
        server, self._server = self._server, None
        server.shutdown()
        server.server_close()
        self._thread.join()
        why = WireError("57P01", "terminating connection due to administrator command")
        server.registry.close(why, self._gateway.settings.drain_s, CUT_S)
        server.turns.close()
