"""Request headers to credentials and purpose. Pure: looks nobody up, so a refusal here tells nothing."""

from __future__ import annotations

import base64
import binascii

from starlette.datastructures import Headers
from starlette.requests import HTTPConnection

from gateway import BadQuery, Bearer, ClientCertificate, Credentials, Gateway, Password, Session, Unauthenticated
from ports.http import asked, quota
from ports.http.protocol import CERTIFICATE

PURPOSE_HEADER = "x-outport-purpose"
TRACE_HEADER = "traceparent"
BEHALF_HEADER = "x-outport-on-behalf-of"


def credentials(headers: Headers) -> Credentials | None:
    """What the Authorization header holds: Basic (RFC 7617) or Bearer (RFC 6750); None where there is none.

    Raises Unauthenticated for another scheme, a malformed value or several headers.
    """
    given = headers.getlist("authorization")
    if not given:
        return None
    if len(given) > 1:
        raise Unauthenticated("several Authorization headers were sent; send one", reason="malformed")
    scheme, _, value = given[0].strip().partition(" ")
    match scheme.lower():
        case "basic":
            return _password(value.strip())
        case "bearer" if value.strip():
            return Bearer(value.strip())
    raise Unauthenticated("the Authorization header takes Basic or Bearer", reason="scheme")


def _certificate(request: HTTPConnection) -> ClientCertificate | None:
    """What the client has shown in its TLS handshake; a header, where there is one, stands before it."""
    shown = request.scope.get("state", {}).get(CERTIFICATE)
    return ClientCertificate(shown) if isinstance(shown, bytes) else None


def _password(value: str) -> Password:
    try:
        # Some clients leave the padding out; the rest stays strict.
        decoded = base64.b64decode(value + "=" * (-len(value) % 4), validate=True).decode("utf-8")
    except (binascii.Error, ValueError) as error:
        raise Unauthenticated("Basic credentials are base64 of name:password in UTF-8", reason="malformed") from error
    subject, colon, secret = decoded.partition(":")
    if not colon:
        raise Unauthenticated("Basic credentials are base64 of name:password in UTF-8", reason="malformed")
    return Password(subject, secret)


def on_behalf_of(headers: Headers) -> str | None:
    """On whose behalf is asked, None where no header says so; an empty one is a name that nobody has.

    Raises BadQuery for several: a proxy that adds one must not be overruled by its client.
    """
    given = headers.getlist(BEHALF_HEADER)
    if len(given) > 1:
        raise BadQuery("several X-Outport-On-Behalf-Of headers were sent; send one", reason="value")
    return given[0].strip() if given else None


def session(gateway: Gateway, request: HTTPConnection, port: str) -> Session:
    """The session of whoever sent `request`, whose answer will say what may still be asked for.

    Raises Unauthenticated; Exhausted (rate); Forbidden for a purpose or a delegation that is not granted; BadQuery.
    """
    return session_of(gateway, request, port, None)


def session_of(gateway: Gateway, request: HTTPConnection, port: str, kept: Credentials | None) -> Session:
    """The same where a page has `kept` credentials: a header stands before these, they before a certificate."""
    asked.note(request.scope, port, None)
    headers = request.headers
    proof = credentials(headers) or kept or _certificate(request)
    opened = gateway.open(proof, port, headers.get(PURPOSE_HEADER), on_behalf_of(headers))
    asked.note(request.scope, port, opened)
    quota.note(request.scope, opened.quota)
    return opened.traced(headers.get(TRACE_HEADER))
