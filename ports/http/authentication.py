"""Request headers to credentials and purpose. Pure: looks nobody up, so a refusal here tells nothing."""

from __future__ import annotations

import base64
import binascii

from starlette.datastructures import Headers

from gateway import Bearer, Credentials, Gateway, Password, Session, Unauthenticated

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


def session(gateway: Gateway, headers: Headers, port: str) -> Session:
    """The session of whoever sent `headers`. Raises Unauthenticated; Forbidden for a purpose that is not granted."""
    return gateway.open(credentials(headers), port, headers.get(PURPOSE_HEADER))
