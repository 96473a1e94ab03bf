"""Who asks what in a request, as its refusals are kept on record: noted in the request's scope, and nowhere else."""

from __future__ import annotations

import re
from collections.abc import MutableMapping
from typing import Any

from starlette.exceptions import HTTPException

from gateway import BadQuery, Gateway, GatewayError, Session

_NOTED = "outport.asked"
_NAMES = frozenset({"product", "table"})
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}(@[0-9]{1,6})?", re.ASCII)


def note(scope: MutableMapping[str, Any], port: str, session: Session | None) -> None:
    """Keep with the request at which port it asks, and as whom, once that is known."""
    scope[_NOTED] = (port, session)


def told(gateway: Gateway, scope: MutableMapping[str, Any], error: Exception) -> GatewayError | HTTPException:
    """`error` as the client may be told it, on record. What is no question to the gateway (an address that there is
    not, a method) is none of its refusals."""
    port, session = scope.get(_NOTED, ("http", None))
    if not isinstance(error, HTTPException):
        return gateway.refusals.told(port, session, _text(scope), error)
    if session is not None:
        kept = gateway.refusals.told(port, session, _text(scope), BadQuery("", reason=f"http {error.status_code}"))
        return error if isinstance(kept, BadQuery) else kept
    return error


def _text(scope: MutableMapping[str, Any]) -> str:
    """What was asked, without its values: the route, with the names of product and table where they can be names."""
    route = str(getattr(scope.get("route"), "path", ""))
    for name, value in scope.get("path_params", {}).items():
        if name in _NAMES and _NAME.fullmatch(str(value)):
            route = route.replace(f"{{{name}}}", str(value))
    return f"{scope['method']} {route}" if route else ""
