"""A client of the MCP door: calls of tools as plain requests, and what their answers say."""

from __future__ import annotations

import json
import ssl
from typing import Any

from gateway.credentials import Login
from ports.command.attack.reply import CannotConnect, Reply
from ports.command.attack.rest import RestClient
from ports.command.doors import Reach

_OPEN = '{"name": "search_products"}'
_ACCEPT = "Accept: application/json, text/event-stream"


class McpClient:
    """Calls as one principal; what begins with a method is the request that `RestClient` sends."""

    def __init__(self, at: Reach, credentials: Login, patience_s: float, context: ssl.SSLContext | None) -> None:
        self._web = RestClient(at, credentials, patience_s, context)
        if self.ask(_OPEN).outcome != "answered":
            self.close()
            raise CannotConnect("the MCP door does not take the credentials")

    def ask(self, text: str) -> Reply:
        """One call, `{"name": ..., "arguments": ...}`; one statement by query_sql, where it is no object."""
        if text.startswith(("GET /", "POST /")):
            return _understood(self._web.ask(text))
        try:
            call = json.loads(text)
        except ValueError:
            call = {"name": "query_sql", "arguments": {"sql": text}}
        message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": call}
        return _understood(self._web.ask(f"POST /mcp\n{_ACCEPT}\n\n{json.dumps(message)}"))

    def close(self) -> None:
        """End it."""
        self._web.close()


def _understood(reply: Reply) -> Reply:
    """`reply` by what the message in it says, whatever the HTTP status."""
    if reply.outcome in {"gone", "failed"}:
        return reply
    try:
        body = json.loads(reply.data.partition(b"\n\n")[2])
        if "error" in body:
            return Reply("refused", reply.data, f"{body['error']['code']} {body['error']['message']}")
        result: dict[str, Any] = body["result"]
        if result.get("isError"):
            words = str(result["content"][0]["text"]).partition("\n")[0]
            return Reply("failed" if words.startswith("error internal") else "refused", reply.data, words)
    except (ValueError, KeyError, TypeError, IndexError):
        return reply
    document = result.get("structuredContent") or {}
    rows = next((document[name] for name in ("rows", "products", "tables") if name in document), None)
    if not isinstance(rows, list):
        return Reply("answered", reply.data, "", 1)
    first = rows[0][0] if rows and isinstance(rows[0], list) and rows[0] else None
    return Reply("answered", reply.data, "", len(rows), None if first is None else str(first))
