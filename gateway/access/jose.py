"""A signed token's text to its parts, read strictly, and its signature checked against one key. Pure.

The text is untrusted until `signed_by` has said yes: what stands in it chooses between keys that are known already, and
never brings one (RFC 8725, 3.1 and 3.10). The algorithm is the key's, the header must agree.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from joserfc.errors import JoseError
from joserfc.jwk import Key
from joserfc.jws import JWSRegistry

TOKEN_LIMIT = 16_384
_KID_LIMIT = 256
_SEGMENT = re.compile(r"[A-Za-z0-9_-]*", re.ASCII)
# RFC 7515, 4.1: what brings a key or says where to fetch one, and what changes how the rest is read (RFC 7797, 7516).
_REFUSED = frozenset({"jku", "jwk", "x5u", "x5c", "crit", "b64", "zip", "enc"})
# RFC 7519, 5.1 and RFC 9068, 2.1; what other kinds of tokens call themselves is no access token.
_TYPES = frozenset({"jwt", "at+jwt", "application/jwt", "application/at+jwt"})


class BadToken(Exception):
    """It is no token that may be believed; the message shows nothing of it."""


@dataclass(frozen=True, slots=True)
class Token:
    """A compact JWS in its parts; nothing of it is true before `signed_by`."""

    algorithm: str
    kid: str | None
    claims: Mapping[str, Any] = field(repr=False)
    signed: bytes = field(repr=False)
    signature: bytes = field(repr=False)

    @property
    def issuer(self) -> str:
        """Who it says has issued it."""
        said = self.claims.get("iss")
        if not isinstance(said, str):
            raise BadToken("no issuer")
        return said

    def signed_by(self, key: Key, algorithm: str) -> bool:
        """Whether `key` has signed it with `algorithm`, which is the key's own."""
        if algorithm != self.algorithm:
            return False
        try:
            model = JWSRegistry.algorithms[algorithm]
            model.check_key(key)
            return bool(model.verify(self.signed, self.signature, key))
        except (JoseError, ValueError, TypeError):
            return False

    def live(self, now: float, leeway_s: float) -> float:
        """The epoch second at which it ends, `leeway_s` included. Raises BadToken outside its time, or without an end.

        Source: RFC 7519, 4.1.4 to 4.1.6.
        """
        ends = _moment(self.claims, "exp")
        if ends is None:
            raise BadToken("no exp")
        begins, issued = _moment(self.claims, "nbf"), _moment(self.claims, "iat")
        if now >= ends + leeway_s or max(begins or 0.0, issued or 0.0) > now + leeway_s:
            raise BadToken("out of its time")
        return ends + leeway_s


def parse(text: str) -> Token:
    """The parts of a token. Raises BadToken for what is not exactly one compact JWS of JSON objects."""
    if len(text) > TOKEN_LIMIT:
        raise BadToken("too long")
    segments = text.split(".")
    if len(segments) != 3:
        raise BadToken("not three parts")
    head, body, signature = segments
    header, claims = _object(_bytes(head)), _object(_bytes(body))
    if _REFUSED & header.keys():
        raise BadToken("a header that is not taken")
    algorithm, kid, kind = header.get("alg"), header.get("kid"), header.get("typ", "JWT")
    if not isinstance(algorithm, str) or not isinstance(kind, str) or kind.lower() not in _TYPES:
        raise BadToken("no algorithm, or of another type")
    if kid is not None and (not isinstance(kid, str) or not 0 < len(kid) <= _KID_LIMIT):
        raise BadToken("no key id")
    return Token(algorithm, kid, claims, f"{head}.{body}".encode(), _bytes(signature))


def _bytes(segment: str) -> bytes:
    if not _SEGMENT.fullmatch(segment):
        raise BadToken("not base64url")
    try:
        data = base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4))
    except (binascii.Error, ValueError) as error:
        raise BadToken("not base64url") from error
    if base64.urlsafe_b64encode(data).rstrip(b"=") != segment.encode():
        raise BadToken("not the one text of these bytes")
    return data


def _object(data: bytes) -> dict[str, Any]:
    try:
        found = json.loads(data.decode("utf-8"), object_pairs_hook=_once, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise BadToken("not JSON") from error
    if not isinstance(found, dict):
        raise BadToken("not a JSON object")
    return cast(dict[str, Any], found)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object in which no name stands twice: of two, a proxy may have read the other."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands twice")
    return found


def _no_number(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


def _moment(claims: Mapping[str, Any], name: str) -> float | None:
    if name not in claims:
        return None
    value = claims[name]
    if (
        isinstance(value, bool)
        or not isinstance(value, int | float)
        or not abs(value) < 1e12
        or not math.isfinite(value)
    ):
        raise BadToken(f"{name} is no time")
    return float(value)
