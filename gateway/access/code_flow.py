"""Signing in at an issuer's own pages: the authorization-code flow with PKCE. Touches the network by fetch.py.

What a browser brings back is believed only beside what it was sent away with (`Pending`, which a port seals for it),
and who it is says the issuer's token alone, fetched from the issuer. Nothing that came is shown or logged but the
codes of errors that a standard lists.
Source: OpenID Connect Core 1.0, 3.1; RFC 7636 (PKCE); RFC 9207 (issuer identification); RFC 9700, 2.1 and 4.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import logging
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from gateway.access import jose
from gateway.access.credentials import IdToken
from gateway.access.discovery import address, discovered, document
from gateway.access.fetch import FetchError, post_form
from gateway.access.issuers import Client, Issuer, IssuersError, client_secret
from gateway.access.jose import BadToken
from gateway.access.oidc import LEEWAY_S, Issuers
from gateway.errors import NotFound, Unauthenticated, Unavailable
from gateway.settings import Settings

# Where issuers send browsers back to, each to an address of its own (RFC 9700, 4.4.2.2).
RETURN = "/hub/-/signed-in"
FRESH_S = 300.0
RETRY_S = 10.0
# So many ask an issuer at once: others are told to try again, and hold no thread.
ASKING = 4
_CODE_LIMIT = 4096
# RFC 6749, 4.1.2.1 and 5.2; OpenID Connect Core 1.0, 3.1.2.6.
_ERRORS = frozenset(
    """
    access_denied invalid_client invalid_grant invalid_request invalid_scope server_error temporarily_unavailable
    unauthorized_client unsupported_grant_type unsupported_response_type interaction_required login_required
    account_selection_required consent_required
    """.split()
)
_BROKEN_OFF = frozenset({"access_denied", "consent_required", "login_required", "interaction_required"})
_log = logging.getLogger("outport.identity")


@dataclass(frozen=True)
class Offer:
    """An issuer at which people sign in: its name in addresses, and what people call it."""

    name: str
    title: str


@dataclass(frozen=True)
class Pending:
    """What a browser keeps, sealed, while it is away at an issuer; each is a secret of that browser's."""

    name: str
    state: str = field(repr=False)
    nonce: str = field(repr=False)
    verifier: str = field(repr=False)


@dataclass(frozen=True)
class SignedIn:
    """Who has come back: what proves it, until the epoch second at which that ends."""

    proof: IdToken
    ends: float


class CodeFlow:
    """The sign-ins of one deployment. Thread-safe. `issuers` is None where no tokens but our own are taken."""

    def __init__(
        self, settings: Settings, issuers: Issuers | None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._issuers, self._clock, self._base = issuers, clock, base(settings)
        self._lock = threading.Lock()
        self._known: dict[str, tuple[Mapping[str, Any], float]] = {}
        self._tried: dict[str, float] = {}
        self._asking = threading.BoundedSemaphore(ASKING)

    def offers(self) -> tuple[Offer, ...]:
        """The issuers at which people sign in. Raises Unavailable."""
        clients = () if self._issuers is None else self._issuers.clients()
        return tuple(Offer(one.name, _title(one)) for one in clients)

    def begin(self, name: str) -> tuple[str, Pending]:
        """Where a browser is sent, and what it keeps until it comes back. Raises NotFound, Unavailable."""
        issuer, client = self._client(name)
        pending = Pending(name, *(secrets.token_urlsafe(32) for _ in range(3)))
        asked = {
            "response_type": "code",
            "client_id": client.client_id,
            "redirect_uri": self._return(name),
            "scope": " ".join(client.scopes),
            "state": pending.state,
            "nonce": pending.nonce,
            "code_challenge": _challenge(pending.verifier),
            "code_challenge_method": "S256",
        }
        at = self._address(issuer, "authorization_endpoint")
        return f"{at}{'&' if urlsplit(at).query else '?'}{urlencode(asked)}", pending

    def finish(self, pending: Pending | None, name: str, given: Mapping[str, str]) -> SignedIn:
        """Who has come back with the parameters `given` to the address of issuer `name`.

        Raises Unauthenticated for what this browser was not sent away with, and where the issuer refuses or proves
        nobody; NotFound, Unavailable.
        """
        if pending is None or pending.name != name or not hmac.compare_digest(pending.state, _text(given, "state")):
            raise _refused("this sign-in was not begun in this browser, or is too old: begin it again", "state")
        issuer, client = self._client(name)
        if ("iss" in given or self._says_issuer(issuer)) and given.get("iss") != issuer.issuer:
            raise _refused(f"this answer is not one of {_title(issuer)}: begin the sign-in again", "issuer")
        if "error" in given:
            raise _told(issuer, _text(given, "error"))
        code = _text(given, "code")
        if not 0 < len(code) <= _CODE_LIMIT:
            raise _refused(f"{_title(issuer)} has sent you back without an answer: begin again", "code")
        return self._proved(issuer, pending, self._exchanged(issuer, client, code, pending.verifier))

    def end(self, name: str) -> str:
        """Where a browser may end its login at the issuer too, "" where that tells of no such address."""
        try:
            issuer, client = self._client(name)
            at = self._address(issuer, "end_session_endpoint")
        except (NotFound, Unavailable):
            return ""
        # OpenID Connect RP-Initiated Logout 1.0, 2: our id serves where a token would stand in an address.
        return f"{at}{'&' if urlsplit(at).query else '?'}{urlencode({'client_id': client.client_id})}"

    def _client(self, name: str) -> tuple[Issuer, Client]:
        for one in () if self._issuers is None else self._issuers.clients():
            if one.name == name and one.sign_in is not None:
                return one, one.sign_in
        raise NotFound("nobody signs in at this address", reason="issuer")

    def _return(self, name: str) -> str:
        return f"{self._base}{RETURN}/{name}"

    def _exchanged(self, issuer: Issuer, client: Client, code: str, verifier: str) -> str:
        """The ID token that `code` is good for, once."""
        url = self._address(issuer, "token_endpoint")
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._return(issuer.name),
            "client_id": client.client_id,
            "code_verifier": verifier,
        }
        try:
            secret = client_secret(client)
        except IssuersError as error:
            _log.error("the issuer %s: %s", issuer.name, error)
            raise _unavailable(issuer) from error
        login = None
        if secret is not None and self._takes_basic(issuer):
            pair = f"{quote(client.client_id, safe='')}:{quote(secret, safe='')}"
            login = f"Basic {base64.b64encode(pair.encode()).decode()}"
        elif secret is not None:
            form["client_secret"] = secret
        with self._turn(issuer):
            try:
                status, body = post_form(url, form, issuer.ca, login)
                said = document(body)
            except FetchError as error:
                _log.warning("the token endpoint of %s: %s", issuer.name, error)
                raise _unavailable(issuer) from error
        if status != 200:
            raise _told(issuer, _text(said, "error"))
        token = said.get("id_token")
        if not isinstance(token, str):
            raise _unproved(issuer, "no ID token")
        return token

    def _proved(self, issuer: Issuer, pending: Pending, text: str) -> SignedIn:
        assert self._issuers is not None  # whose client was found
        try:
            token = jose.parse(text)
            found, told = self._issuers.signed_in(token)
            nonce = token.claims.get("nonce")
            if token.issuer != issuer.issuer:
                raise BadToken("of another issuer")
            if not isinstance(nonce, str) or not hmac.compare_digest(nonce.encode(), pending.nonce.encode()):
                raise BadToken("made for another sign-in")
        except BadToken as error:
            raise _unproved(issuer, str(error)) from error
        return SignedIn(IdToken(told), found.valid_until - LEEWAY_S)

    def _address(self, issuer: Issuer, name: str) -> str:
        try:
            return address(self._discovered(issuer), name, issuer.issuer)
        except FetchError as error:
            _log.warning("the issuer %s: %s", issuer.name, error)
            raise _unavailable(issuer) from error

    def _says_issuer(self, issuer: Issuer) -> bool:
        return self._discovered(issuer).get("authorization_response_iss_parameter_supported") is True

    def _takes_basic(self, issuer: Issuer) -> bool:
        """OpenID Connect Discovery 1.0, 3: where nothing is said, it does."""
        said = self._discovered(issuer).get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
        return isinstance(said, list) and "client_secret_basic" in said

    def _discovered(self, issuer: Issuer) -> Mapping[str, Any]:
        """What the issuer tells of itself, kept for FRESH_S; asked for again RETRY_S after a failure at the soonest.

        What is known still serves while it cannot be asked.
        """
        known = self._known.get(issuer.issuer)
        if known is not None and self._clock() - known[1] <= FRESH_S:
            return known[0]
        with self._turn(issuer), self._lock:
            return self._asked(issuer)

    def _asked(self, issuer: Issuer) -> Mapping[str, Any]:
        """The same by one at a time: who has waited finds what the one before has brought, or why not."""
        tried = self._tried.get(issuer.issuer, float("-inf"))
        if self._clock() - tried < RETRY_S:
            return self._last(issuer)
        self._tried[issuer.issuer] = self._clock()
        try:
            said = discovered(issuer.issuer, issuer.ca)
        except FetchError as error:
            _log.warning("the issuer %s: %s", issuer.name, error)
            return self._last(issuer)
        self._known[issuer.issuer] = (said, self._clock())
        return said

    def _last(self, issuer: Issuer) -> Mapping[str, Any]:
        known = self._known.get(issuer.issuer)
        if known is None:
            raise _unavailable(issuer)
        return known[0]

    def _turn(self, issuer: Issuer) -> _Turn:
        return _Turn(self._asking, issuer)


class _Turn:
    """One of ASKING at once. Raises Unavailable where there are so many."""

    def __init__(self, asking: threading.BoundedSemaphore, issuer: Issuer) -> None:
        self._asking, self._issuer = asking, issuer

    def __enter__(self) -> None:
        if not self._asking.acquire(blocking=False):
            raise _unavailable(self._issuer)

    def __exit__(self, *_: object) -> None:
        self._asking.release()


def base(settings: Settings) -> str:
    """This deployment's address in browsers: what is set, never what a request says."""
    if settings.hub_url is not None:
        return settings.hub_url.rstrip("/")
    scheme = "http" if settings.tls_cert is None else "https"
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return f"{scheme}://{host}:{settings.http_port}"


def _challenge(verifier: str) -> str:
    """RFC 7636, 4.2: S256."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def _title(issuer: Issuer) -> str:
    return (issuer.sign_in and issuer.sign_in.title) or issuer.name


def _text(given: Mapping[str, Any], name: str) -> str:
    """One ASCII text of what came, "" where there is none."""
    found = given.get(name)
    return found if isinstance(found, str) and found.isascii() else ""


def _told(issuer: Issuer, code: str) -> Unauthenticated:
    """What the issuer's error means to a person."""
    known = code if code in _ERRORS else "another"
    _log.info("the issuer %s has refused a sign-in: %s", issuer.name, known)
    if known in _BROKEN_OFF:
        return _refused(f"the sign-in at {_title(issuer)} was broken off, or it did not let you in", known)
    if known == "invalid_grant":
        return _refused(f"{_title(issuer)} takes this answer no more: begin the sign-in again", known)
    return _refused(f"{_title(issuer)} could not sign you in ({known.replace('_', ' ')})", known)


def _refused(words: str, reason: str) -> Unauthenticated:
    return Unauthenticated(words, reason=reason)


def _unproved(issuer: Issuer, why: str) -> Unauthenticated:
    _log.warning("the issuer %s has sent a token that proves nobody: %s", issuer.name, why)
    return _refused(f"what {_title(issuer)} has sent does not prove who you are", "token")


def _unavailable(issuer: Issuer) -> Unavailable:
    return Unavailable(f"{_title(issuer)} cannot be asked now: try again in a moment", reason="issuer")
