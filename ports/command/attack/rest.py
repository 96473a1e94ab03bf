"""A client of the REST door with the standard library alone: one connection, requests as the corpus writes them."""

from __future__ import annotations

import base64
import http.client
import json
import ssl
from typing import Any, cast
from urllib.parse import quote

from gateway.access.credentials import Bearer, Login, Password
from ports.command.attack.reply import CannotConnect, Reply
from ports.command.doors import Reach

_BODY_LIMIT = 1 << 20
# Headers of which each answer has others, and no value of a product is in them.
_SKIPPED = frozenset({"date", "server", "content-length", "ratelimit", "x-outport-query-id"})


class RestClient:
    """Requests as one principal. `pair` is a client certificate and its key, where the doors ask for one."""

    def __init__(self, at: Reach, credentials: Login, patience_s: float, context: ssl.SSLContext | None) -> None:
        self._at, self._patience_s, self._context = at, patience_s, context
        match credentials:
            case Password(subject, secret):
                self._proof = "Basic " + base64.b64encode(f"{subject}:{secret}".encode()).decode()
            case Bearer(token):
                self._proof = f"Bearer {token}"
        self._connection = self._connect()
        if self.request("GET", "/products").outcome != "answered":
            self.close()
            raise CannotConnect("the REST door does not take the credentials")

    def ask(self, text: str) -> Reply:
        """One statement, by POST /sql; or, where it begins with a method and an address, that request.

        A request is `METHOD /address`, then lines `Name: value`, then after an empty line its body.
        """
        method, _, rest = text.partition(" ")
        if method not in {"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"} or not rest.startswith("/"):
            return self.ask(f"POST /sql\n\n{json.dumps({'sql': text})}")
        head, _, body = rest.partition("\n\n")
        target, *lines = head.split("\n")
        headers = http.client.HTTPMessage()  # in which a name may stand twice
        for name, _, value in (line.partition(":") for line in lines):
            headers[name] = value.strip()
        if body and "Content-Type" not in headers:
            headers["Content-Type"] = "application/json"
        return self.request(
            method, quote(target.strip(), safe="/?&=%:,.()*!{}<>@;'\"$+-_~|"), body.encode() or None, headers
        )

    def request(
        self, method: str, target: str, body: bytes | None = None, headers: http.client.HTTPMessage | None = None
    ) -> Reply:
        """One request's answer."""
        given = http.client.HTTPMessage() if headers is None else headers
        given["Authorization"] = self._proof
        try:
            self._connection.request(method, target, body, cast(Any, given))
            answer = self._connection.getresponse()
            content = answer.read(_BODY_LIMIT)
            if not answer.isclosed():
                self._reconnect()
        except (OSError, http.client.HTTPException, ValueError):
            self._reconnect()
            return Reply("gone")
        told = {name.lower(): value for name, value in answer.getheaders()}
        shown = "\n".join(f"{name}: {value}" for name, value in told.items() if name not in _SKIPPED).encode()
        if answer.status >= 400:
            return _refusal(answer.status, shown + b"\n\n" + content, content)
        first, rows = _first(content)
        return Reply("answered", shown + b"\n\n" + content, str(answer.status), rows, first)

    def close(self) -> None:
        """End it."""
        self._connection.close()

    def _connect(self) -> http.client.HTTPConnection:
        host, number = self._at.address
        if self._context is None:
            return http.client.HTTPConnection(host, number, timeout=self._patience_s)
        return http.client.HTTPSConnection(host, number, timeout=self._patience_s, context=self._context)

    def _reconnect(self) -> None:
        self._connection.close()
        self._connection = self._connect()


def _refusal(status: int, data: bytes, content: bytes) -> Reply:
    try:
        problem = json.loads(content)
        words = f"{status} {problem.get('code')} {problem.get('detail')}"
    except (ValueError, AttributeError):
        words = str(status)
    return Reply("failed" if status == 500 else "refused", data, words)


def _first(content: bytes) -> tuple[str | None, int]:
    """The first value of the first row, as text, and the number of rows; of what is no list of rows one."""
    try:
        body = json.loads(content)
    except ValueError:
        return None, 1 if content else 0
    rows = body.get("data") if isinstance(body, dict) else body
    if not isinstance(rows, list):
        return None, 1
    first = next(iter(rows[0].values()), None) if rows and isinstance(rows[0], dict) else None
    return None if first is None else str(first), len(rows)
