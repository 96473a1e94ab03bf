"""A small document from a URL that an operator has named: bounded in time and size, https beyond this machine.

Touches the network, and nothing of the gateway. No redirect is followed: what answers is who was named.
"""

from __future__ import annotations

import ipaddress
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from http.client import HTTPException, HTTPMessage
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlencode, urlsplit

LIMIT_BYTES = 256 << 10
# For one step (connect, one read), and for all of them together.
STEP_S = 3.0
WHOLE_S = 6.0
_PIECE = 16 << 10


class FetchError(Exception):
    """It could not be had; the message names the reason, not what came."""


def fit(url: str) -> bool:
    """Whether `url` may be asked: https, or http on this machine; no name and password in it, no fragment."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return False
    if not host or parts.username is not None or parts.password is not None or parts.fragment:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and loopback(url))


def loopback(url: str) -> bool:
    """Whether the host of `url` is this machine, by what stands there: no name is looked up."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def fetch(url: str, authorities: Path | None) -> bytes:
    """The body of a 200 answer to GET `url`; `authorities` are trusted in place of the system's. Raises FetchError."""
    status, body = _answer(url, authorities, None, {"Accept": "application/json"})
    if status != 200:
        raise FetchError(f"it answers {status}")
    return body


def post_form(url: str, fields: Mapping[str, str], authorities: Path | None, login: str | None) -> tuple[int, bytes]:
    """Status and body of the answer to a form; `login` is an Authorization header. Raises FetchError."""
    headers = {"Accept": "application/json", "Content-Type": "application/x-www-form-urlencoded"}
    if login is not None:
        headers["Authorization"] = login
    return _answer(url, authorities, urlencode(fields).encode(), headers)


def _answer(url: str, authorities: Path | None, sent: bytes | None, headers: Mapping[str, str]) -> tuple[int, bytes]:
    if not fit(url):
        raise FetchError("only https is asked, and http on this machine")
    asked = urllib.request.Request(url, sent, dict(headers))  # noqa: S310 - fit() says which
    until = time.monotonic() + WHOLE_S
    try:
        with _opener(url, authorities).open(asked, timeout=STEP_S) as answer:
            return answer.status, _body(answer, until)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, _refusal(error, until)
    except (OSError, HTTPException, ValueError) as error:
        raise FetchError(f"it cannot be read ({type(error).__name__})") from error


def _refusal(error: urllib.error.HTTPError, until: float) -> bytes:
    """What stands in an answer that is no success; b"" where that cannot be read."""
    try:
        return b"" if error.fp is None else _body(error.fp, until)
    except (OSError, HTTPException, ValueError, FetchError):
        return b""


def _body(answer: Any, until: float) -> bytes:
    held = bytearray()
    while piece := answer.read1(_PIECE):
        held += piece
        if len(held) > LIMIT_BYTES:
            raise FetchError(f"it is longer than {LIMIT_BYTES} bytes")
        if time.monotonic() > until:
            raise FetchError(f"it took longer than {WHOLE_S:g} s")
    return bytes(held)


class _Straight(urllib.request.HTTPRedirectHandler):
    """Follows no redirect."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> None:
        return None


def _opener(url: str, authorities: Path | None) -> urllib.request.OpenerDirector:
    trust = ssl.create_default_context(cafile=None if authorities is None else str(authorities))
    trust.minimum_version = ssl.TLSVersion.TLSv1_2
    # A proxy of the environment is for other machines.
    proxies = [urllib.request.ProxyHandler({})] if loopback(url) else []
    return urllib.request.build_opener(_Straight, urllib.request.HTTPSHandler(context=trust), *proxies)
