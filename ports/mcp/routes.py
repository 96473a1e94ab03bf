"""The MCP port's addresses: the door, and where clients learn whose tokens it takes. Touches the front door only."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from starlette.routing import Route

from gateway import Gateway
from ports.http import errors
from ports.mcp.door import METADATA, PATH, Door, resource


def routes(gateway: Gateway) -> APIRouter:
    """The routes of the MCP port."""
    router = APIRouter()
    router.routes.append(Route(PATH, endpoint=Door(gateway), methods=["POST"]))

    @router.get(METADATA)
    @router.get(f"{METADATA}{PATH}")
    async def metadata(request: Request) -> Response:
        """Protected resource metadata (RFC 9728), for the authorization of MCP clients."""
        if gateway.issuers is None:
            return errors.http_problem(404, "no issuer's tokens are taken here: passwords, API keys and own tokens are")
        told = {
            "resource": resource(gateway, request),
            "authorization_servers": list(gateway.issuers.names),
            "bearer_methods_supported": ["header"],
            "resource_name": "Outport",
        }
        return JSONResponse(told, headers={"Cache-Control": "no-store"})

    return router
