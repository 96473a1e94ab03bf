"""Who has signed in to the pages: its credentials in a sealed cookie, and what proves a form to be ours. Sealing aside
pure.

The cookie is read by pages alone, so that no other site's form or script reaches a door with it. It holds what was
proved, encrypted with a key of the deployment: every request proves it anew, and who is barred is out at once. Who
signs out ends it in every process, whoever has a copy.
"""

from __future__ import annotations

import secrets
import time
import zlib
from contextlib import suppress
from dataclasses import asdict
from typing import Any
from urllib.parse import urlsplit

import orjson
from starlette.requests import HTTPConnection

from gateway import BadQuery, Bearer, Forbidden, Gateway, IdToken, Password, Pending, Session, Unauthenticated

Kept = Password | Bearer | IdToken
LOGIN_S = 3600
FORM_S = 8 * 3600
# To sign in at an issuer, with whatever it asks for.
AWAY_S = 600
# What browsers keep of one cookie with its name (RFC 6265, 6.1), less its attributes.
COOKIE_BYTES = 3800
_LOGIN, _FORM, _AWAY = "page login", "page form", "page away"


def name(gateway: Gateway, request: HTTPConnection, suffix: str = "") -> str:
    """The cookie's name: under TLS one that no other host and no plain connection can set (RFC 6265bis, 4.1.3)."""
    return f"__Host-outport{suffix}" if _secured(gateway, request) else f"outport{suffix}"


def login(gateway: Gateway, request: HTTPConnection) -> Kept | None:
    """The credentials that the request's cookie keeps, None where it has none that still holds."""
    told = _kept(gateway, request)
    if told is None:
        return None
    if told["at"]:
        return IdToken(told["secret"])
    return Bearer(told["secret"]) if told["subject"] is None else Password(told["subject"], told["secret"])


def issuer(gateway: Gateway, request: HTTPConnection) -> str:
    """The issuer at which its reader has signed in, "" for none."""
    told = _kept(gateway, request)
    return str(told["at"]) if told is not None else ""


def keeping(gateway: Gateway, request: HTTPConnection, proof: Kept, ends: float = float("inf"), at: str = "") -> str:
    """The Set-Cookie header that keeps `proof`, until the epoch second `ends` at most; `at` is an issuer's name.

    Raises Unauthenticated for what no cookie can hold: of an issuer's token it is only what is read here.
    """
    age_s = int(min(LOGIN_S, ends - time.time()))
    subject = proof.subject if isinstance(proof, Password) else None
    kept = {"subject": subject, "secret": _secret(proof), "at": at, "id": secrets.token_urlsafe(12)}
    sealed = _sealed(gateway, _LOGIN, kept, age_s)
    if len(sealed) > COOKIE_BYTES:
        raise Unauthenticated("this token is too long for a page to keep; send it as a header", reason="malformed")
    return _cookie(gateway, request, "", sealed, age_s)


def ended(gateway: Gateway, request: HTTPConnection) -> None:
    """End the session that the request's cookie keeps: a copy of it is no login any more, in no process."""
    told = _kept(gateway, request)
    if told is not None:
        gateway.signed_out.end(told["id"], told["until"])


def forgetting(gateway: Gateway, request: HTTPConnection) -> str:
    """The Set-Cookie header that ends it."""
    return _cookie(gateway, request, "", "", 0)


def sending(gateway: Gateway, request: HTTPConnection, pending: Pending, to: str) -> str:
    """The Set-Cookie header of who goes to an issuer, and then on `to` a page.

    It comes along when the issuer sends the browser back, which a strict one would not (RFC 6265bis, 5.2).
    """
    return _cookie(gateway, request, "-away", _sealed(gateway, _AWAY, {**asdict(pending), "to": to}, AWAY_S), AWAY_S)


def away(gateway: Gateway, request: HTTPConnection) -> tuple[Pending | None, str]:
    """What this browser was sent away with, and where it goes on to; None where it was not, or too long ago."""
    text = request.cookies.get(name(gateway, request, "-away"))
    told = _opened(gateway, _AWAY, text) if text else None
    if told is None:
        return None, "/"
    return Pending(told["name"], told["state"], told["nonce"], told["verifier"]), told["to"]


def returned(gateway: Gateway, request: HTTPConnection) -> str:
    """The Set-Cookie header that ends that: nobody comes back twice."""
    return _cookie(gateway, request, "-away", "", 0)


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


def _secured(gateway: Gateway, request: HTTPConnection) -> bool:
    """Whether browsers come by TLS: to this server, or to what stands before it."""
    return request.url.scheme == "https" or (gateway.settings.hub_url or "").startswith("https:")


def _cookie(gateway: Gateway, request: HTTPConnection, suffix: str, value: str, age_s: int) -> str:
    secure = "; Secure" if _secured(gateway, request) else ""
    same = "Lax" if suffix else "Strict"
    called = name(gateway, request, suffix)
    return f"{called}={value}; Path=/; Max-Age={age_s}; HttpOnly; SameSite={same}{secure}"


def _kept(gateway: Gateway, request: HTTPConnection) -> dict[str, Any] | None:
    text = request.cookies.get(name(gateway, request))
    told = _opened(gateway, _LOGIN, text) if text else None
    return None if told is None or "id" not in told or gateway.signed_out.ended(told["id"]) else told


def _secret(proof: Kept) -> str:
    match proof:
        case Password(_, secret):
            return secret
        case Bearer(token):
            return token
        case IdToken(told):
            return told


def _sealed(gateway: Gateway, kind: str, told: dict[str, Any], age_s: int) -> str:
    # A token's text is base64: packed, a third more of it fits in.
    return gateway.seal(kind, zlib.compress(orjson.dumps({**told, "until": time.time() + age_s})))


def _opened(gateway: Gateway, kind: str, text: str) -> dict[str, Any] | None:
    """What was sealed, None where it was not, not lately, or by a version that sealed otherwise."""
    with suppress(BadQuery, zlib.error):
        told: dict[str, Any] = orjson.loads(zlib.decompress(gateway.unseal(kind, text)))
        return told if told["until"] > time.time() else None
    return None
