"""A client of the GraphQL door: documents over the web socket's own client, and what their answers say."""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterator
from typing import Any

from gateway.credentials import Login
from ports.command.attack.reply import CannotConnect, Reply
from ports.command.attack.rest import RestClient
from ports.command.doors import Reach

_OPEN = "{ __typename }"


class GraphQLClient:
    """Documents as one principal; what begins with a method is the request that `RestClient` sends."""

    def __init__(self, at: Reach, credentials: Login, patience_s: float, context: ssl.SSLContext | None) -> None:
        self._web = RestClient(at, credentials, patience_s, context)
        if self.ask(_OPEN).outcome != "answered":
            self.close()
            raise CannotConnect("the GraphQL door does not take the credentials")

    def ask(self, text: str) -> Reply:
        """One document, by POST."""
        if text.startswith(("GET /", "POST /")):
            return _understood(self._web.ask(text))
        return _understood(self._web.ask(f"POST /graphql\n\n{json.dumps({'query': text})}"))

    def close(self) -> None:
        """End it."""
        self._web.close()


def _understood(reply: Reply) -> Reply:
    """`reply` by its errors and its data, whatever the HTTP status."""
    if reply.outcome in {"gone", "failed"}:
        return reply
    try:
        body = json.loads(reply.data.partition(b"\n\n")[2])
        errors: list[dict[str, Any]] = body.get("errors") or []
        told = [f"{one['extensions']['code']} {one['message']}" for one in errors]
    except (ValueError, KeyError, TypeError, AttributeError):
        return reply
    if errors:
        defect = any(one.startswith("INTERNAL") for one in told)
        return Reply("failed" if defect else "refused", reply.data, "\n".join(told))
    fields = _fields(body.get("data"))
    found = next(fields, None)
    rows = len(found) if isinstance(found, list) else int(found is not None)
    return Reply("answered", reply.data, "", rows, next(_cells(found), None))


def _fields(data: Any) -> Iterator[Any]:
    """What stands below the products of an answer; the answer's own values where there is no product."""
    for value in (data or {}).values():
        if isinstance(value, dict) and all(isinstance(one, list | dict | None) for one in value.values()):
            yield from value.values()
        else:
            yield value


def _cells(value: Any) -> Iterator[str | None]:
    """The plain values within, as texts."""
    if isinstance(value, dict | list):
        for one in value.values() if isinstance(value, dict) else value:
            yield from _cells(one)
    else:
        yield None if value is None else str(value)
