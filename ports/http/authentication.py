"""Request headers to credentials and purpose. Pure: looks nobody up, so a refusal here tells nothing."""

from __future__ import annotations

import base64
import binascii

from starlette.datastructures import Headers
from starlette.requests import HTTPConnection

from gateway import Bearer, ClientCertificate, Credentials, Gateway, Password, Session, Unauthenticated
from ports.http import quota
from ports.http.protocol import CERTIFICATE

PURPOSE_HEADER = "x-outport-purpose"


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


def session(gateway: Gateway, request: HTTPConnection, port: str) -> Session:
    """The session of whoever sent `request`, whose answer will say what may still be asked for.

    Raises Unauthenticated; Exhausted (rate); Forbidden for a purpose that is not granted.
    """
    headers = request.headers
    opened = gateway.open(credentials(headers) or _certificate(request), port, headers.get(PURPOSE_HEADER))
    quota.note(request.scope, opened.quota)
    return opened
