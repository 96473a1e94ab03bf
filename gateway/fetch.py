"""A small document from a URL that an operator has named: bounded in time and size, https beyond this machine.

Touches the network, and nothing of the gateway. No redirect is followed: what answers is who was named.
"""

from __future__ import annotations

import ipaddress
import ssl
import time
import urllib.error
import urllib.request
from http.client import HTTPException, HTTPMessage
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

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
    if not fit(url):
        raise FetchError("only https is asked, and http on this machine")
    asked = urllib.request.Request(url, headers={"Accept": "application/json"})  # noqa: S310 - fit() says which
    until = time.monotonic() + WHOLE_S
    try:
        with _opener(url, authorities).open(asked, timeout=STEP_S) as answer:
            if answer.status != 200:
                raise FetchError(f"it answers {answer.status}")
            return _body(answer, until)
    except urllib.error.HTTPError as error:
        error.close()
        raise FetchError(f"it answers {error.code}") from None
    except (OSError, HTTPException, ValueError) as error:
        raise FetchError(f"it cannot be read ({type(error).__name__})") from error


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
