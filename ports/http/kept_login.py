"""Who has signed in to the pages: its credentials in a sealed cookie, and what proves a form to be ours. Sealing aside
pure.

The cookie is read by pages alone, so that no other site's form or script reaches a door with it. It holds what was
proved, encrypted with a key of the deployment: every request proves it anew, and who is barred is out at once.
"""

from __future__ import annotations

import time
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

import orjson
from starlette.requests import HTTPConnection

from gateway import BadQuery, Bearer, Forbidden, Gateway, Password, Session, Unauthenticated

LOGIN_S = 3600
FORM_S = 8 * 3600
# What browsers keep of one cookie with its name (RFC 6265, 6.1), less its attributes.
COOKIE_BYTES = 3800
_LOGIN, _FORM = "page login", "page form"


def name(request: HTTPConnection) -> str:
    """The cookie's name: under TLS one that no other host and no plain connection can set (RFC 6265bis, 4.1.3)."""
    return "__Host-outport" if request.url.scheme == "https" else "outport"


def login(gateway: Gateway, request: HTTPConnection) -> Password | Bearer | None:
    """The credentials that the request's cookie keeps, None where it has none that still holds."""
    text = request.cookies.get(name(request))
    told = _opened(gateway, _LOGIN, text) if text else None
    if told is None:
        return None
    return Bearer(told["secret"]) if told["subject"] is None else Password(told["subject"], told["secret"])


def keeping(gateway: Gateway, request: HTTPConnection, proof: Password | Bearer) -> str:
    """The Set-Cookie header that keeps `proof`. Raises Unauthenticated for a token that no cookie can hold."""
    subject, secret = (proof.subject, proof.secret) if isinstance(proof, Password) else (None, proof.token)
    sealed = _sealed(gateway, _LOGIN, {"subject": subject, "secret": secret}, LOGIN_S)
    if len(sealed) > COOKIE_BYTES:
        raise Unauthenticated("this token is too long for a page to keep; send it as a header", reason="malformed")
    return _cookie(request, sealed, LOGIN_S)


def forgetting(request: HTTPConnection) -> str:
    """The Set-Cookie header that ends it."""
    return _cookie(request, "", 0)


def token(gateway: Gateway, subject: str) -> str:
    """What a form that was made for `subject` sends along."""
    return _sealed(gateway, _FORM, {"subject": subject}, FORM_S)


def check(gateway: Gateway, request: HTTPConnection, session: Session | None, given: str) -> None:
    """Raises Forbidden unless a form of ours, made for the session's subject ("" for nobody), sent the request."""
    subject = "" if session is None else session.principal.subject
    told = _opened(gateway, _FORM, given)
    if not _own(request) or told is None or told["subject"] != subject:
        raise Forbidden("this form is not one of this page, or too old: load the page again", reason="form")


def _own(request: HTTPConnection) -> bool:
    """Whether a page of this server sent it, as far as the browser says (Fetch Metadata; RFC 6454, 7)."""
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    if site is not None:
        return site == "same-origin"
    return origin is None or urlsplit(origin).netloc == request.headers.get("host")


def _cookie(request: HTTPConnection, value: str, age_s: int) -> str:
    secure = "; Secure" if request.url.scheme == "https" else ""
    return f"{name(request)}={value}; Path=/; Max-Age={age_s}; HttpOnly; SameSite=Strict{secure}"


def _sealed(gateway: Gateway, kind: str, told: dict[str, Any], age_s: int) -> str:
    return gateway.seal(kind, orjson.dumps({**told, "until": time.time() + age_s}))


def _opened(gateway: Gateway, kind: str, text: str) -> dict[str, Any] | None:
    """What was sealed, None where it was not, or not lately."""
    with suppress(BadQuery):
        told: dict[str, Any] = orjson.loads(gateway.unseal(kind, text))
        return told if told["until"] > time.time() else None
    return None
