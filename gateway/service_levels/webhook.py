"""One signed POST to an address that the operator has named. Touches the network, and nothing of the gateway.

https beyond this machine; no redirect, no proxy; the address that was looked at is the one that is connected to. What
is answered is a status and nothing else. Signed as Standard Webhooks 1.0 has it: HMAC-SHA256 of id, moment and body.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import ipaddress
import re
import socket
import ssl
import time
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from gateway.access.fetch import fit, loopback

STEP_S = 5.0
_SHORTEST_S = 0.001
_LINE_BYTES = 1024
_STATUS = re.compile(rb"HTTP/1\.[01] ([1-5][0-9]{2})[ \r\n]")
_PORTS = {"https": 443, "http": 80}


class UndeliveredError(Exception):
    """It was not taken; the message names the reason, and nothing that was answered."""


def signature(secret: bytes, name: str, moment_s: int, body: bytes) -> str:
    """What proves who has sent `body` as message `name`, at an epoch second."""
    signed = f"{name}.{moment_s}.".encode() + body
    return "v1," + base64.b64encode(hmac.digest(secret, signed, hashlib.sha256)).decode()


def post(url: str, body: bytes, name: str, moment_s: int, secret: bytes, authorities: Path | None = None) -> None:
    """Send `body`; returns where a status of 2xx answers. Raises UndeliveredError."""
    if not fit(url):
        raise UndeliveredError("only https is asked, and http on this machine")
    parts = urlsplit(url)
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "outport",
        "webhook-id": name,
        "webhook-timestamp": str(moment_s),
        "webhook-signature": signature(secret, name, moment_s, body),
    }
    try:
        connection = _connected(parts, url, authorities)
        try:
            connection.request("POST", (parts.path or "/") + (f"?{parts.query}" if parts.query else ""), body, headers)
            status = _status(connection.sock, time.monotonic() + STEP_S)
        finally:
            connection.close()
    except (OSError, HTTPException, ValueError) as error:
        raise UndeliveredError(f"it cannot be reached ({type(error).__name__})") from error
    if not 200 <= status < 300:
        raise UndeliveredError(f"it answers {status}")


def _status(answer: socket.socket, until: float) -> int:
    """The status of what answers by `until`, of whose answer no more is read: one that drips keeps no other waiting.

    Raises OSError, ValueError for what is no answer of HTTP.
    """
    line = b""
    while b"\n" not in line:
        answer.settimeout(max(until - time.monotonic(), _SHORTEST_S))
        piece = answer.recv(_LINE_BYTES - len(line))
        if not piece:
            raise ConnectionError("it has ended without a status")
        line += piece
    found = _STATUS.match(line)
    if found is None:
        raise ValueError("no answer of HTTP")
    return int(found[1])


def _connected(parts: SplitResult, url: str, authorities: Path | None) -> HTTPConnection:
    """A connection to an address of the host that may be asked. Raises OSError."""
    host, port = parts.hostname or "", parts.port or _PORTS[parts.scheme]
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    address = next((str(one[4][0]) for one in found if _may(str(one[4][0]), here=loopback(url))), None)
    if address is None:
        raise OSError("no address of this host may be asked")
    plain = socket.create_connection((address, port), timeout=STEP_S)
    connection = HTTPConnection(host, port, timeout=STEP_S)
    if parts.scheme == "http":
        connection.sock = plain
        return connection
    trust = ssl.create_default_context(cafile=None if authorities is None else str(authorities))
    trust.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        connection.sock = trust.wrap_socket(plain, server_hostname=host)
    except BaseException:
        plain.close()
        raise
    return connection


def _may(address: str, *, here: bool) -> bool:
    """Whether an address may be asked: this machine where its own name stands in the URL, else none of its own.

    Addresses of the link hold what clouds tell their machines (169.254.169.254), and no receiver.
    """
    one = ipaddress.ip_address(address.partition("%")[0])
    mapped = getattr(one, "ipv4_mapped", None) or one
    if mapped.is_loopback:
        return here
    return not (mapped.is_link_local or mapped.is_multicast or mapped.is_unspecified or mapped.is_reserved)
