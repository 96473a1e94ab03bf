"""A client of the MCP door: calls of tools as plain requests, and what their answers say."""

from __future__ import annotations

import json
from typing import Any

from ports.command.attack.reply import Reply
from ports.command.attack.web import WebClient

_ACCEPT = "Accept: application/json, text/event-stream"


class McpClient(WebClient):
    """Calls as one principal."""

    name = "MCP"
    opening = '{"name": "search_products"}'

    def request(self, text: str) -> str:
        """One call, `{"name": ..., "arguments": ...}`; one statement by query_sql, where it is no object."""
        try:
            call = json.loads(text)
        except ValueError:
            call = {"name": "query_sql", "arguments": {"sql": text}}
        message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": call}
        return f"POST /mcp\n{_ACCEPT}\n\n{json.dumps(message)}"

    def understood(self, reply: Reply) -> Reply:
        """`reply` by what the message in it says, whatever the HTTP status."""
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
