"""A client of the GraphQL door: documents over the web socket's own client, and what their answers say."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from ports.command.attack.reply import Reply
from ports.command.attack.web import WebClient


class GraphQLClient(WebClient):
    """Documents as one principal."""

    name = "GraphQL"
    opening = "{ __typename }"

    def request(self, text: str) -> str:
        """One document, by POST."""
        return f"POST /graphql\n\n{json.dumps({'query': text})}"

    def understood(self, reply: Reply) -> Reply:
        """`reply` by its errors and its data, whatever the HTTP status."""
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
