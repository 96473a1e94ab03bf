"""The web door: one socket, one event loop in a thread of its own, the routes of every web port on it."""

from __future__ import annotations

import ipaddress
import math
import socket
import threading

import uvicorn
from fastapi import APIRouter

from gateway import Gateway, Settings, Tls, Unavailable
from ports.graphql.asking import asker
from ports.graphql.routes import routes as graphql_routes
from ports.http.application import application
from ports.http.protocol import BoundedProtocol
from ports.hub.routes import routes as hub_routes
from ports.mcp.routes import routes as mcp_routes
from ports.rest.access import routes as access_routes
from ports.rest.docs import routes as docs_routes
from ports.rest.feedback import routes as feedback_routes
from ports.rest.lifecycle import routes as lifecycle_routes
from ports.rest.measures import routes as measure_routes
from ports.rest.objectives import routes as objective_routes
from ports.rest.projections import routes as projection_routes
from ports.rest.pushes import routes as push_routes
from ports.rest.quality import routes as quality_routes
from ports.rest.quarantine import routes as quarantine_routes
from ports.rest.refreshes import routes as refresh_routes
from ports.rest.routes import routes as rest_routes
from ports.rest.service import routes as service_routes
from ports.rest.snapshots import routes as snapshot_routes
from ports.rest.suggest import routes as suggest_routes
from ports.rest.workspaces import routes as workspace_routes


def _hub(gateway: Gateway) -> APIRouter:
    """The hub, whose playground asks GraphQL as well: ports do not know each other."""
    return hub_routes(gateway, asker(gateway))


# In the order in which an address is looked for.
ROUTES = (
    snapshot_routes,
    access_routes,
    feedback_routes,
    push_routes,
    lifecycle_routes,
    quarantine_routes,
    objective_routes,
    suggest_routes,
    workspace_routes,
    projection_routes,
    refresh_routes,
    quality_routes,
    measure_routes,
    service_routes,
    docs_routes,
    rest_routes,
    graphql_routes,
    mcp_routes,
    _hub,
)
BACKLOG = 512
SOCKET_MESSAGE_BYTES = 1 << 20
KEEP_ALIVE_S = 75
# Beside drain_s: a stream that is cut off ends its query before the thread ends.
CUT_S = 5.0
START_S = 10


class HttpPort:
    """REST and the page. `start` binds, so that `address` is known when it returns."""

    name = "http"

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._socket: socket.socket | None = None
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None

    @property
    def address(self) -> tuple[str, int]:
        """Host and port that it listens on. Raises Unavailable before `start`."""
        if self._socket is None:
            raise Unavailable("the web door is not open", reason="startup")
        host, port = self._socket.getsockname()[:2]
        return str(host), int(port)

    @staticmethod
    def bind(settings: Settings) -> socket.socket:
        """The address that the settings name, not listening yet. Raises OSError."""
        return _bind(settings.host, settings.http_port)

    def start(self, bound: socket.socket | None = None) -> None:
        """Bind and serve; `bound` is bound already. Raises OSError if the address is taken, Unavailable if it fails.

        In the demo, whose page needs no login, nothing but loopback is bound. Raises SettingsError for a wrong TLS.
        """
        settings = self._gateway.settings
        tls = Tls.of(settings)
        bound = bound or self.bind(settings)
        if settings.demo and not ipaddress.ip_address(bound.getsockname()[0]).is_loopback:
            bound.close()
            raise Unavailable("the demo listens on loopback only: set host to 127.0.0.1", reason="startup")
        self._socket = bound
        app = application(self._gateway, [made(self._gateway) for made in ROUTES])
        config = uvicorn.Config(
            app,
            loop="uvloop",
            http=BoundedProtocol,
            ws="wsproto",
            ws_max_size=SOCKET_MESSAGE_BYTES,
            ws_per_message_deflate=False,
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            backlog=BACKLOG,
            timeout_keep_alive=KEEP_ALIVE_S,
            timeout_graceful_shutdown=math.ceil(settings.drain_s),
            ssl_context_factory=None if tls is None else lambda *_: tls.context(),
        )
        self._server = _Server(config)
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [bound]}, name="outport-http", daemon=True
        )
        self._thread.start()
        if not self._server.listening.wait(START_S):
            raise Unavailable("the web door did not open", reason="startup")

    def stop(self) -> None:
        """Take no more requests, give open ones `drain_s` seconds, end the thread. Idempotent."""
        if self._server is None or self._thread is None:
            return
        self._server.should_exit = True
        self._thread.join(self._gateway.settings.drain_s + CUT_S)
        self._server.config.app.state.lane.close()  # type: ignore[union-attr]
        self._server = self._thread = self._socket = None


class _Server(uvicorn.Server):
    """uvicorn's server, telling another thread that it listens."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listening.set()


def _bind(host: str, port: int) -> socket.socket:
    """A listening address, IPv4 or IPv6, whatever `host` resolves to first."""
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    bound = socket.socket(family, kind, protocol)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind(address)
    except OSError:
        bound.close()
        raise
    return bound
