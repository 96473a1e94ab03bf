"""What a principal may still ask for, as headers of its answers (draft-ietf-httpapi-ratelimit-headers-10). Pure."""

from __future__ import annotations

from collections.abc import MutableMapping
from math import ceil
from typing import Any

from gateway import Exhausted, Quota

_NOTED = "outport.quota"
_POLICY = "principal"


def note(scope: MutableMapping[str, Any], quota: Quota | None) -> None:
    """Keep `quota` with the request until its answer begins."""
    scope[_NOTED] = quota


def headers(scope: MutableMapping[str, Any]) -> dict[str, str]:
    """The headers of the answer to a request of which a quota was noted; none otherwise."""
    quota: Quota | None = scope.get(_NOTED)
    if quota is None:
        return {}
    return {
        "RateLimit-Policy": f'"{_POLICY}";q={quota.limit};w={quota.window_s}',
        "RateLimit": f'"{_POLICY}";r={quota.remaining};t={quota.reset_s}',
    }


def exceeded(error: Exhausted) -> dict[str, str]:
    """The headers of a refusal: when to come again."""
    retry_s = str(max(1, ceil(error.retry_s)))
    limits = {"RateLimit": f'"{_POLICY}";r=0;t={retry_s}'} if error.reason == "rate" else {}
    return {"Retry-After": retry_s, **limits}
