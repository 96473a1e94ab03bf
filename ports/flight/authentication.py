"""Headers of a call to a session: every call is authenticated anew. Touches no socket; gRPC calls it before each call.

A handshake with a password answers with a bearer token, so that clients need not keep the password: the password
itself, sealed (AES-GCM, under a key that only the server holds) with an end. It proves nothing by itself: `open`
checks it at each call, so a changed password or a removed principal ends it at once. While it is used it is renewed.
"""

from __future__ import annotations

import base64
import binascii
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pyarrow.flight as fl

from gateway import BadQuery, Bearer, Credentials, Gateway, Password, Session, Unauthenticated
from ports.flight import wire
from ports.flight.errors import translating
from ports.flight.wire import field

NAME = "authentication"
PORT = "flightsql"
PURPOSE_HEADER = "x-outport-purpose"
SCHEMA_HEADER = "x-outport-schema"
TOKEN_S = 3600
_KIND = "flight token"
_Headers = Mapping[str, Sequence[str | bytes]]


@dataclass(frozen=True)
class _Token:
    """What a bearer token of the handshake holds."""

    subject: str = field(1, "text")
    secret: str = field(2, "text")
    expires: int = field(3, "int64")


class Authenticated(fl.ServerMiddleware):  # type: ignore[misc]
    """One call's session; `token` is sent to the client where there is a new one."""

    def __init__(self, session: Session, token: str | None) -> None:
        self.session = session
        self._token = token

    def sending_headers(self) -> dict[str, str]:
        """The headers of the answer."""
        return {} if self._token is None else {"authorization": f"Bearer {self._token}"}


class Authentication(fl.ServerMiddlewareFactory):  # type: ignore[misc]
    """Opens the session of each call, or refuses it before it is read."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    def start_call(self, info: fl.CallInfo, headers: _Headers) -> Authenticated:
        """The call's session. Raises the statuses of Unauthenticated, and of Forbidden for a purpose not granted."""
        with translating():
            credentials = _credentials(headers)
            token = None
            if isinstance(credentials, Bearer):
                credentials, token = self._opened(credentials)
            session = self._gateway.open(credentials, PORT, _single(headers, PURPOSE_HEADER))
            if info.method == fl.FlightMethod.HANDSHAKE and isinstance(credentials, Password):
                token = self._sealed(credentials)
            schema = _single(headers, SCHEMA_HEADER)
            return Authenticated(session if schema is None else session.at(schema), token)

    def _sealed(self, password: Password) -> str:
        token = _Token(password.subject, password.secret, int(time.time()) + TOKEN_S)
        return self._gateway.seal(_KIND, wire.encode(token))

    def _opened(self, bearer: Bearer) -> tuple[Credentials, str | None]:
        """The credentials in a token of the handshake, and its successor once half its time is over.

        Any other token, and one that has ended, is left for `open` to judge.
        """
        try:
            token = wire.decode(_Token, self._gateway.unseal(_KIND, bearer.token))
        except BadQuery:
            return bearer, None
        left_s = token.expires - time.time()
        if left_s < 0:
            return bearer, None
        password = Password(token.subject, token.secret)
        return password, self._sealed(password) if left_s < TOKEN_S / 2 else None


class Handshake(fl.ServerAuthHandler):  # type: ignore[misc]
    """Lets the handshake pass: without a handler gRPC answers UNIMPLEMENTED. Authentication has checked its headers."""

    def authenticate(self, outgoing: object, incoming: object) -> None:
        """Nothing is said in the handshake itself."""

    def is_valid(self, token: bytes) -> bytes:
        """The peer's name, which nothing reads."""
        return b""


def session_of(context: fl.ServerCallContext) -> Session:
    """The session that `start_call` opened for this call."""
    authenticated: Authenticated = context.get_middleware(NAME)
    return authenticated.session


def _single(headers: _Headers, name: str) -> str | None:
    values = headers.get(name, ())
    if len(values) > 1:
        raise BadQuery(f"the header {name} was sent more than once", reason="value")
    return str(values[0]) if values else None


def _credentials(headers: _Headers) -> Credentials | None:
    """What the authorization header holds: Basic (RFC 7617, padded or not) or Bearer (RFC 6750).

    Raises Unauthenticated for another scheme, a malformed value or several headers.
    """
    values = headers.get("authorization", ())
    if not values:
        return None
    if len(values) > 1:
        raise Unauthenticated("several authorization headers were sent; send one", reason="malformed")
    scheme, _, value = str(values[0]).strip().partition(" ")
    match scheme.lower():
        case "basic":
            return _password(value.strip())
        case "bearer" if value.strip():
            return Bearer(value.strip())
    raise Unauthenticated("the authorization header takes Basic or Bearer", reason="scheme")


def _password(value: str) -> Password:
    bare = value.rstrip("=")
    try:
        decoded = base64.b64decode(bare + "=" * (-len(bare) % 4), validate=True).decode("utf-8")
    except (binascii.Error, ValueError) as error:
        raise Unauthenticated("Basic credentials are base64 of name:password in UTF-8", reason="malformed") from error
    subject, colon, secret = decoded.partition(":")
    if not colon:
        raise Unauthenticated("Basic credentials are base64 of name:password in UTF-8", reason="malformed")
    return Password(subject, secret)
