"""The web application: the routes of every web port, one guard around them, health and readiness.

Touches the gateway only to ask whether it is ready.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable
from http import HTTPStatus
from urllib.parse import unquote_to_bytes

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from starlette.applications import Starlette
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway import Gateway
from ports.http import asked, caching, errors, methods, metrics, quota
from ports.http.cors import EXPOSED, METHODS, SENT, Cors
from ports.http.hosts import Hosts
from ports.http.lane import Lane
from ports.http.methods import Methods
from ports.http.routing import direct

# A thread waits in the engine's queue with its query, so there are more threads than queries that run at once.
WORK_THREADS = 64
_log = logging.getLogger("outport.http")


def application(gateway: Gateway, routers: Iterable[APIRouter]) -> Starlette:
    """The application that serves `routers`; its state holds the lane that their work runs on.

    Nothing of it is injected or validated by FastAPI, whose own layers would take a tenth of a lookup's time.
    """
    told = [_probes(gateway), *routers]
    app = Starlette(routes=direct((*told, metrics.routes(gateway))))
    app.middleware_stack = Guard(app.router, gateway)
    if origins := gateway.settings.origins:
        app.middleware_stack = Cors(
            app.middleware_stack,
            allow_origins=origins,
            allow_methods=METHODS,
            allow_headers=SENT,
            expose_headers=EXPOSED,
        )
    app.router.redirect_slashes = False
    app.state.lane = Lane(WORK_THREADS)
    app.state.methods = Methods(told)
    return app


def _probes(gateway: Gateway) -> APIRouter:
    router = APIRouter()

    @router.get("/health")
    async def health(_: Request) -> Response:
        """The process answers."""
        return JSONResponse({"status": "ok"})

    @router.get("/ready")
    def ready(_: Request) -> Response:
        """Whether every declared product is served; counts only, since no one has signed in."""
        readiness = gateway.ready()
        counts = {
            "ready": readiness.ready,
            "served": len(readiness.served),
            "missing": len(readiness.missing),
            "problems": len(readiness.problems),
        }
        return JSONResponse(counts, HTTPStatus.OK if readiness.ready else HTTPStatus.SERVICE_UNAVAILABLE)

    return router


class Guard:
    """Around every route: what is no text is refused, an error becomes a problem document, each request is logged.

    It stands in for Starlette's own layers, which would pass every message on three times more.
    The log line has the route's template and never the address itself: addresses hold filter values and keys.
    """

    def __init__(self, app: ASGIApp, gateway: Gateway) -> None:
        self._app, self._gateway, self._hosts = app, gateway, Hosts(gateway.settings)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            taken = scope["type"] != "websocket" or self._hosts.takes(scope["headers"])
            await (self._app(scope, receive, send) if taken else send({"type": "websocket.close", "code": 1008}))
            return
        method, scope = scope["method"], methods.as_get(scope)
        started, sent = time.perf_counter(), 0

        async def sending(message: Message) -> None:
            nonlocal sent
            if message["type"] == "http.response.start":
                sent = message["status"]
                caching.guard(message, quota.headers(scope))
            await send(message)

        try:
            refusal = _unreadable(scope) if self._hosts.takes(scope["headers"]) else _misdirected()
            await (refusal or self._app)(scope, receive, sending)
        except Exception as error:
            response = errors.refused(Request(scope), asked.told(self._gateway, scope, error))
            if not sent:
                await response(scope, receive, sending)
        finally:
            route = getattr(scope.get("route"), "path", "-")
            elapsed_ms = (time.perf_counter() - started) * 1000
            self._gateway.metrics.request(method, route, sent)
            _log.info("%s %s %d %.1f ms", method, route, sent, elapsed_ms)


def _misdirected() -> Response:
    """The refusal of a request for another server (RFC 9110, 15.5.20)."""
    return errors.http_problem(421, "this server does not answer to that name; the setting http_hosts lists its names")


def _unreadable(scope: Scope) -> Response | None:
    """The refusal of an address that is not UTF-8 text, None for one that is."""
    raw = scope["raw_path"] + b"?" + scope["query_string"].replace(b"+", b" ")
    try:
        text = unquote_to_bytes(raw).decode("utf-8")
    except UnicodeDecodeError:
        return errors.http_problem(400, "the address is not UTF-8 after percent-decoding")
    if "\x00" in text:
        return errors.http_problem(400, "the address holds a NUL byte")
    return None
