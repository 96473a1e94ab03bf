"""`/metrics` for Prometheus: this machine's, and that of one role. Touches the gateway's metrics only."""

from __future__ import annotations

import ipaddress

from fastapi import APIRouter, Request
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from gateway import Gateway, GatewayError
from ports.http.authentication import credentials, on_behalf_of

_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
# What proxies add. It is believed in one direction only: whoever sends it does not count as this machine.
_PASSED_ON = ("forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip")


def routes(gateway: Gateway) -> APIRouter:
    """The one route; for whom it is not it is a 404 like that of an address that does not exist."""
    router = APIRouter()

    @router.api_route("/metrics", methods=list(_METHODS), include_in_schema=False)
    def metrics(request: Request) -> Response:
        """Every metric of this process."""
        if not (_local(request) or _granted(gateway, request)):
            raise HTTPException(404)
        if request.method not in ("GET", "HEAD"):
            raise HTTPException(405, headers={"Allow": "GET, HEAD"})
        made = gateway.metrics.exposition(request.headers.get("accept", ""))
        return Response(made.body, media_type=made.media_type)

    return router


def _local(request: Request) -> bool:
    """Whether the peer of this connection is on this machine, and asks for itself."""
    if request.client is None or any(name in request.headers for name in _PASSED_ON):
        return False
    peer = ipaddress.ip_address(request.client.host.partition("%")[0])
    mapped = peer.ipv4_mapped if isinstance(peer, ipaddress.IPv6Address) else None
    return (mapped or peer).is_loopback


def _granted(gateway: Gateway, request: Request) -> bool:
    if "authorization" not in request.headers:
        return False
    try:
        named = on_behalf_of(request.headers)
        principal = gateway.open(credentials(request.headers), "metrics", None, named).principal
    except GatewayError:
        return False
    roles = [one.attributes["role"] for one in principal.both]
    return all(isinstance(one, tuple) and gateway.settings.metrics_role in one for one in roles)
