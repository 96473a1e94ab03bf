"""The server's side of a SCRAM-SHA-256 sign-in: two messages in, two out. Pure; whose verifier it is, the caller says.

Source: RFC 5802 sections 5 to 7, RFC 7677, RFC 5929 section 4 (tls-server-end-point). A client that would bind to the
channel, and believes that this server cannot although it has said so, is refused: somebody between them took it away.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
from dataclasses import dataclass

from gateway.access.scram import MECHANISM, Verifier
from gateway.errors import Unauthenticated

__all__ = ["MECHANISM", "PLUS", "UNBOUND", "Binding", "Challenge", "challenge"]
PLUS = f"{MECHANISM}-PLUS"
MESSAGE_LIMIT = 4096
_END_POINT = b"p=tls-server-end-point"


@dataclass(frozen=True)
class Binding:
    """What an exchange may be bound to: the digest of the server's certificate, None where binding is not on offer.

    `bound` says that the client has chosen to.
    """

    end_point: bytes | None
    bound: bool


UNBOUND = Binding(None, False)


@dataclass(frozen=True)
class Challenge:
    """The server's first message, and what it takes to check the answer."""

    message: bytes
    verifier: Verifier
    _nonce: str
    _signed: bytes
    _header: bytes

    def answered(self, final: bytes) -> bytes:
        """The server's final message to the client's. Raises Unauthenticated: wrong password, or not an answer."""
        attributes = _attributes(final)
        proof = _decoded(attributes.get("p", ""))
        unsigned = final[: final.rfind(b",p=")]
        same = attributes.get("r") == self._nonce and _decoded(attributes.get("c", "")) == self._header
        signed = self._signed + unsigned
        signature = hmac.digest(self.verifier.stored_key, signed, "sha256")
        key = bytes(a ^ b for a, b in zip(proof.ljust(32, b"\0"), signature, strict=False))
        fits = hmac.compare_digest(hashlib.sha256(key).digest(), self.verifier.stored_key)
        if not (fits and same and len(proof) == 32):
            raise Unauthenticated("wrong name or password", reason="password")
        return b"v=" + base64.b64encode(hmac.digest(self.verifier.server_key, signed, "sha256"))


def challenge(first: bytes, verifier: Verifier, binding: Binding, nonce: str | None = None) -> Challenge:
    """The answer to a client's first message. Raises Unauthenticated: malformed, or bound otherwise."""
    if len(first) > MESSAGE_LIMIT:
        raise _malformed()
    header, comma, bare = _split(first)
    if not comma:
        raise _malformed()
    data = _bound(header.partition(b",")[0], binding)
    theirs = _attributes(bare).get("r", "")
    if not theirs or not theirs.isascii() or not theirs.isprintable():
        raise _malformed()
    whole = theirs + (nonce or secrets.token_urlsafe(18))
    salt = base64.b64encode(verifier.salt).decode()
    message = f"r={whole},s={salt},i={verifier.iterations}".encode()
    return Challenge(message, verifier, whole, bare + b"," + message + b",", header + b"," + data)


def _bound(flag: bytes, binding: Binding) -> bytes:
    """What the client's last message repeats of the channel, for the flag of its first one (RFC 5802, 6)."""
    if binding.bound:
        if flag != _END_POINT or binding.end_point is None:
            raise Unauthenticated("of channel bindings, tls-server-end-point is offered here", reason="scheme")
        return binding.end_point
    if flag == b"y" and binding.end_point is not None:
        raise Unauthenticated("channel binding is offered here, and somebody has hidden that", reason="downgrade")
    if flag not in {b"n", b"y"}:
        raise Unauthenticated("channel binding is not part of this mechanism", reason="scheme")
    return b""


def _split(first: bytes) -> tuple[bytes, bytes, bytes]:
    """The GS2 header (flag and authorization identity, with the comma between them), and the bare message."""
    flag, comma, rest = first.partition(b",")
    identity, second, bare = rest.partition(b",")
    return flag + comma + identity, second, bare


def _attributes(message: bytes) -> dict[str, str]:
    try:
        parts = message.decode("utf-8").split(",")
    except UnicodeDecodeError:
        raise _malformed() from None
    found = {part[0]: part[2:] for part in parts if part[1:2] == "="}
    if len(found) != len(parts) or "m" in found:
        raise _malformed()
    return found


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""


def _malformed() -> Unauthenticated:
    return Unauthenticated("this is no message of SCRAM-SHA-256", reason="malformed")
