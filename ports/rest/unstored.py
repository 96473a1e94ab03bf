"""An answer in JSON that no cache may keep: what is told of a product at this moment, and no rows of it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from ports.http.exchange import Answer
from ports.rest import formats


def unstored(content: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Answer:
    """`content` whole, with `headers` beside it."""
    told = {**(headers or {}), "Cache-Control": "no-store"}
    return Answer(formats.JSON.media_type, iter([orjson.dumps(content)]), told, status)
