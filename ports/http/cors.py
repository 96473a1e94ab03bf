"""Cross-origin requests of browsers from the origins that a setting names, and no other. Touches headers only.

There are no cookies here: a script states its credentials itself, so none are shared across origins.
"""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
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


class Cors(CORSMiddleware):
    """Starlette's, whose refusal of a preflight is a problem document too."""

    def preflight_response(self, request_headers: Headers) -> Response:
        """The answer to a preflight request."""
        response = super().preflight_response(request_headers)
        kept = {name: value for name, value in response.headers.items() if not name.startswith("content-")}
        if response.status_code == 200:
            return Response(status_code=204, headers=kept)
        return errors.http_problem(403, "this origin, method or header is not allowed across origins", kept)
