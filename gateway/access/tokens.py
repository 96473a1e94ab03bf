"""The tokens of this deployment itself (`outport token`): issued, and read again. Pure.

HS256 under a key that is derived from the secret; its id stands in the header, so that the secret can be rotated.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from joserfc import jwt
from joserfc.jwk import OctKey

from gateway.access.issuers import OWN
from gateway.access.jose import BadToken, Token
from gateway.access.keys import Keys

ALGORITHM = "HS256"
_PURPOSE = "token"


class Tokens:
    """Issues and reads the tokens of one deployment."""

    def __init__(self, keys: Keys) -> None:
        self._keys = {one: OctKey.import_key(keys.derive(_PURPOSE, one)) for one in keys.ids}
        self._current = keys.ids[0]

    def issued(self, subject: str, lifetime_s: float, narrow: Mapping[str, tuple[str, ...]]) -> str:
        """A token for `subject` that names, of what `narrow` holds, these values only."""
        now = int(time.time())
        body: dict[str, object] = {"iss": OWN, "aud": OWN, "sub": subject, "iat": now, "exp": now + int(lifetime_s)}
        body |= {name: list(values) for name, values in narrow.items()}
        header = {"alg": ALGORITHM, "kid": self._current}
        return jwt.encode(header, body, self._keys[self._current], algorithms=[ALGORITHM])

    def read(self, token: Token) -> tuple[Mapping[str, Any], float]:
        """The claims of one of ours, and the epoch second at which it ends. Raises BadToken."""
        key = self._keys.get(token.kid or "")
        if key is None or not token.signed_by(key, ALGORITHM):
            raise BadToken("not signed here")
        ends = token.live(time.time(), 0)
        if token.claims.get("aud") != OWN:
            raise BadToken("for another audience")
        return token.claims, ends
