"""Headers of a call to a session: every call is authenticated anew. Touches no socket; gRPC calls it before each call.

A handshake with a password answers with a bearer token, so that clients need not keep the password: the password
itself, sealed (AES-GCM, under a key that only the server holds) with an end. It proves nothing by itself: `open`
checks it at each call, so a changed password or a removed principal ends it at once. While it is used it is renewed.
"""

from __future__ import annotations

import base64
import binascii
import functools
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Concatenate, ParamSpec, TypeVar

import pyarrow.flight as fl

from gateway import (
    BadQuery,
    Bearer,
    Credentials,
    Gateway,
    GatewayError,
    Password,
    Session,
    Unauthenticated,
    Unavailable,
)
from ports.flight import choices, options, wire
from ports.flight.errors import translating
from ports.flight.front import Front
from ports.flight.options import Options
from ports.flight.wire import field

NAME = "authentication"
PORT = "flightsql"
HEADERS = {
    name: f"x-outport-{name.replace('_', '-')}"
    for name in ("schema", "purpose", "snapshot", "endpoints", "on_behalf_of")
}
TOKEN_S = 3600
_KIND = "flight token"
_P = ParamSpec("_P")
_R = TypeVar("_R")
_S = TypeVar("_S")
_Headers = Mapping[str, Sequence[str | bytes]]


@dataclass(frozen=True)
class _Token:
    """What a bearer token of the handshake holds."""

    subject: str = field(1, "text")
    secret: str = field(2, "text")
    expires: int = field(3, "int64")
    options: Options | None = field(5, "message", message=Options)  # noqa: RUF009


@dataclass(frozen=True)
class Caller:
    """What a call says of itself: its credentials, whose trace it goes on with, what it has chosen.

    `kept` is what the client keeps from call to call; `chosen` by this one's headers stands over it.
    """

    credentials: Credentials | None
    trace: str | bytes | None
    chosen: Options
    kept: Options


class Authenticated(fl.ServerMiddleware):  # type: ignore[misc]
    """One call's session, opened before it is read; where only a certificate can prove who calls, when it arrives.

    `token` is sent to the client where there is a new one.
    """

    def __init__(
        self,
        gateway: Gateway,
        front: Front | None,
        caller: Caller,
        token: str | None,
        sealed: Callable[[Options], str] | None,
    ) -> None:
        self._gateway, self._front, self._caller = gateway, front, caller
        self._proof = caller.credentials
        self.kept = caller.kept
        self.options = caller.chosen.over(caller.kept)
        by_certificate = caller.credentials is None and front is not None and front.mutual
        self._session = None if by_certificate else self._opened(self.options)
        self._arrived = front is None
        self._sealed = sealed
        self._token = token

    @property
    def session(self) -> Session:
        """Whose call it is, once it has arrived."""
        assert self._arrived, "a call is asked who it is by `authenticated`"
        assert self._session is not None
        return self._session

    def told(self, error: Exception) -> GatewayError:
        """What the caller may be told, on record."""
        return self._gateway.refusals.told(PORT, self._session, "", error)

    def arrive(self, peer: str) -> None:
        """The call comes from `peer`. Raises Unauthenticated where no client of this door is there, and as `open`."""
        if self._arrived or self._front is None:
            return
        shown = self._front.certificate(peer)
        if self._session is None:
            self._proof = shown
            self._session = self._opened(self.options)
        self._front.signed_in(peer)
        self._arrived = True

    def sending_headers(self) -> dict[str, str]:
        """The headers of the answer."""
        return {} if self._token is None else {"authorization": f"Bearer {self._token}"}

    def checked(self, wished: Options) -> Options:
        """`wished` as this caller may choose them. Raises NotFound, Forbidden, Expired, BadQuery."""
        return choices.checked(self._gateway, self._opened, wished)

    def _opened(self, chosen: Options) -> Session:
        session = self._gateway.open(self._proof, PORT, chosen.purpose or None, chosen.on_behalf_of or None)
        parent = self._caller.trace if isinstance(self._caller.trace, str) else None
        return session.at(*filter(None, [chosen.schema])).pinned(chosen.snapshots).traced(parent)

    def keep(self, context: fl.ServerCallContext, chosen: Options) -> None:
        """Have the client send `chosen` with its next calls: in a cookie, and in its token where it has one."""
        context.add_header("set-cookie", choices.cookie(self._gateway, chosen))
        if self._sealed is not None:
            context.add_header("authorization", f"Bearer {self._sealed(chosen)}")


class Authentication(fl.ServerMiddlewareFactory):  # type: ignore[misc]
    """Opens the session of each call, or refuses it before it is read; refuses every one once `closing` is set."""

    def __init__(self, gateway: Gateway, closing: threading.Event, front: Front | None) -> None:
        self._gateway, self._closing, self._front = gateway, closing, front

    def start_call(self, info: fl.CallInfo, headers: _Headers) -> Authenticated:
        """The call's session. Raises the statuses of Unauthenticated, and of Forbidden for a purpose not granted."""
        with translating(partial(self._gateway.refusals.told, PORT, None, "")):
            if self._closing.is_set():
                raise Unavailable("the gateway is shutting down", reason="shutdown")
            credentials, held = _credentials(headers), None
            if isinstance(credentials, Bearer) and (held := self._held(credentials)) is not None:
                credentials = Password(held.subject, held.secret)
            in_token = None if held is None else held.options
            kept = choices.of_cookies(self._gateway, headers.get("cookie", ())) or in_token or Options()
            news = self._news(info.method, credentials, held)
            sealed = None if held is None else partial(self._with_options, held)
            trace = next(iter(headers.get("traceparent", ())), None)
            caller = Caller(credentials, trace, _chosen(headers), kept)
            return Authenticated(self._gateway, self._front, caller, news, sealed)

    def _news(self, method: fl.FlightMethod, credentials: Credentials | None, held: _Token | None) -> str | None:
        """The token to send: a first one after a handshake, a successor once half the time is over."""
        if method == fl.FlightMethod.HANDSHAKE and isinstance(credentials, Password):
            return self._sealed(_Token(credentials.subject, credentials.secret))
        # An action may send a token of its own, and clients take the first that they see.
        late = held is not None and held.expires - time.time() < TOKEN_S / 2 and method != fl.FlightMethod.DO_ACTION
        return self._sealed(held) if held is not None and late else None

    def _with_options(self, held: _Token, chosen: Options) -> str:
        return self._sealed(replace(held, options=chosen))

    def _sealed(self, token: _Token) -> str:
        """`token` sealed, with its whole time before it."""
        return self._gateway.seal(_KIND, wire.encode(replace(token, expires=int(time.time()) + TOKEN_S)))

    def _held(self, bearer: Bearer) -> _Token | None:
        """What a token of the handshake holds; None for any other and for one that has ended: `open` judges those."""
        try:
            token = wire.decode(_Token, self._gateway.unseal(_KIND, bearer.token))
        except BadQuery:
            return None
        return token if token.expires > time.time() else None


class Handshake(fl.ServerAuthHandler):  # type: ignore[misc]
    """Lets the handshake pass: without a handler gRPC answers UNIMPLEMENTED. Authentication has checked its headers."""

    def authenticate(self, outgoing: object, incoming: object) -> None:
        """Nothing is said in the handshake itself."""

    def is_valid(self, token: bytes) -> bytes:
        """The peer's name, which nothing reads."""
        return b""


def translated(call: Callable[Concatenate[_S, fl.ServerCallContext, _P], _R]) -> Callable[..., _R]:
    """`call`, of which whatever is raised leaves as a status, and is on record."""

    @functools.wraps(call)
    def guarded(server: _S, context: fl.ServerCallContext, *args: _P.args, **kwargs: _P.kwargs) -> _R:
        found: Authenticated = context.get_middleware(NAME)
        with translating(found.told):
            return call(server, context, *args, **kwargs)

    return guarded


def authenticated(context: fl.ServerCallContext) -> Authenticated:
    """What `start_call` made for this call, which has arrived. Raises as `Authenticated.arrive` does."""
    found: Authenticated = context.get_middleware(NAME)
    found.arrive(context.peer())
    return found


def session_of(context: fl.ServerCallContext) -> Session:
    """The session of this call. Raises as `authenticated` does."""
    return authenticated(context).session


def _chosen(headers: _Headers) -> Options:
    """The options that the headers of this call name. Raises BadQuery."""
    named = {name: _single(headers, header) for name, header in HEADERS.items()}
    if named["on_behalf_of"] == "":
        raise BadQuery("on whose behalf? The name is empty", reason="value")
    given = {name: value or "" for name, value in named.items()}
    ids = options.snapshots(given["snapshot"].split(",") if given["snapshot"] else ())
    if options.CURRENT in ids:
        raise BadQuery("`current` would be another state at each call: set it as a session option", reason="value")
    count = options.endpoints(given["endpoints"]) if given["endpoints"] else 0
    return Options(options.schema(given["schema"]), given["purpose"], ids, count, given["on_behalf_of"])


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
