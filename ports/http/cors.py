"""Cross-origin requests of browsers from the origins that a setting names, and no other. Touches headers only.

There are no cookies at these doors: a script states its credentials itself, so none are shared across origins. Logins
by Basic and certificates are added by browsers, though, whoever's page it is: what changes something asks `foreign`.
"""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import HTTPConnection
from starlette.responses import Response

from ports.http import errors

METHODS = ("GET", "HEAD", "POST", "OPTIONS")
# What a script may send beside the headers that any may (Fetch standard, "CORS-safelisted request-header").
SENT = (
    *("Authorization", "Content-Type", "If-None-Match", "Prefer"),
    *("X-Outport-On-Behalf-Of", "X-Outport-Purpose", "X-Outport-Snapshot"),
    *("Mcp-Method", "Mcp-Name", "Mcp-Protocol-Version", "Mcp-Session-Id"),
)
# What a script may read of an answer.
EXPOSED = (
    "Allow",
    "Content-Encoding",
    "Content-Range",
    "Deprecation",
    "ETag",
    "Link",
    "Mcp-Session-Id",
    "Preference-Applied",
    "RateLimit",
    "RateLimit-Policy",
    "Retry-After",
    "Sunset",
    "WWW-Authenticate",
    "X-Outport-On-Behalf-Of",
    "X-Outport-Policy",
    "X-Outport-Products",
    "X-Outport-Query-Id",
)


def foreign(request: HTTPConnection, origins: Sequence[str]) -> bool:
    """Whether a browser says that another site's page sent the request (Fetch Metadata; RFC 6454, 7), of no origin
    that is named."""
    origin, site = request.headers.get("origin"), request.headers.get("sec-fetch-site")
    if origin in origins:
        return False
    if site is not None:
        return site not in {"same-origin", "none"}
    return origin is not None and urlsplit(origin).netloc != request.headers.get("host")


class Cors(CORSMiddleware):
    """Starlette's, whose refusal of a preflight is a problem document too."""

    def preflight_response(self, request_headers: Headers) -> Response:
        """The answer to a preflight request."""
        response = super().preflight_response(request_headers)
        kept = {name: value for name, value in response.headers.items() if not name.startswith("content-")}
        if response.status_code == 200:
            return Response(status_code=204, headers=kept)
        return errors.http_problem(403, "this origin, method or header is not allowed across origins", kept)
