"""What a connection has chosen, sealed for the client to keep: this server remembers nothing. Asks the gateway only."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable
from dataclasses import replace
from http.cookies import CookieError, SimpleCookie

from gateway import BadQuery, Gateway, NotFound, Session
from ports.flight import wire
from ports.flight.options import CURRENT, SNAPSHOT_LIMIT, Options

COOKIE = "arrow_flight_session_id"  # Flight.proto, SetSessionOptionsRequest
# gRPC takes 8 KiB of headers, and a client may send the options twice, in a cookie and in its token.
LIMIT_BYTES = 2048
_KIND = "flight session"


def checked(gateway: Gateway, opened: Callable[[Options], Session], wished: Options) -> Options:
    """`wished` with the ids that `current` means, all of them such as the caller of `opened` may use.

    Raises Forbidden for a purpose, NotFound, Expired or BadQuery for a snapshot, BadQuery for too much.
    """
    if CURRENT in wished.snapshots:
        if len(wished.snapshots) > 1:
            raise BadQuery("`current` stands alone", reason="value")
        wished = replace(wished, snapshots=_current(gateway, opened(replace(wished, snapshots=()))))
    gateway.pin(opened(wished))
    if len(_packed(wished)) > LIMIT_BYTES:
        raise BadQuery("these options are too long to be kept by a client", reason="limit")
    return wished


def _current(gateway: Gateway, session: Session) -> tuple[str, ...]:
    """The ids of every snapshot that is served now and that the session sees."""
    found = tuple(one.id for one in gateway.pin(session).deployment.snapshots if _sees(gateway, session, one.id))
    if len(found) > SNAPSHOT_LIMIT:
        raise BadQuery(f"more than {SNAPSHOT_LIMIT} products are visible: name the snapshots", reason="limit")
    return found


def _sees(gateway: Gateway, session: Session, snapshot: str) -> bool:
    try:
        gateway.pin(session.pinned([snapshot]))
    except NotFound:
        return False
    return True


def _packed(chosen: Options) -> bytes:
    return zlib.compress(wire.encode(chosen), 9)


def cookie(gateway: Gateway, chosen: Options) -> str:
    """The Set-Cookie header that keeps `chosen`, nothing too.

    A cookie that was forgotten would leave the word to a token of before, which clients replace late.
    """
    return f"{COOKIE}={gateway.seal(_KIND, _packed(chosen))}; Path=/"


def of_cookies(gateway: Gateway, headers: Iterable[str | bytes]) -> Options | None:
    """The options in the Cookie headers, None where there are none.

    Raises BadQuery for a cookie that this server did not give: to go on without would lose a snapshot or a purpose.
    """
    for header in headers:
        try:
            found = SimpleCookie(header if isinstance(header, str) else header.decode("latin-1"))
        except CookieError:
            continue
        if COOKIE in found and found[COOKIE].value:
            try:
                return wire.decode(Options, zlib.decompress(gateway.unseal(_KIND, found[COOKIE].value)))
            except BadQuery as error:
                words = f"the cookie {COOKIE} was not given out by this server: connect anew"
                raise BadQuery(words, reason="value") from error
    return None
