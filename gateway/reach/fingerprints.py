"""What tells one principal's decisions from another's, or from what they were: a keyed hash, and nothing else. Pure."""

from __future__ import annotations

import hmac
from functools import lru_cache

from gateway.access.keys import Keys
from gateway.binding.bind import Plan
from gateway.session import Session


class Fingerprints:
    """The fingerprints of one deployment: the same in each of its processes, under its key."""

    def __init__(self, keys: Keys) -> None:
        key = keys.lasting("policy fingerprint")
        self._keyed = lru_cache(maxsize=4096)(lambda body: hmac.digest(key, body.encode(), "sha256").hex()[:16])

    def of(self, session: Session, plan: Plan) -> str:
        """The fingerprint of the decisions that `plan` was bound under, for the session's principal."""
        subjects = "\0".join(one.subject for one in session.principal.both)
        return self._keyed("\n".join([subjects, *(grant.decision.fingerprint for grant in plan.grants)]))
