"""Credentials at a door: who they prove, how often they may be tried, how often whoever they prove may ask.

Touches the directory and the audit by asking them. Passwords are guessed slowly: one door refuses a name after GUESSES
wrong ones and takes GUESSES_MINUTE a minute from then on. A password that this process has accepted before is always
tried, so that a guesser does not lock out who signs in already; tokens and keys are too long to guess.
"""

from __future__ import annotations

import uuid

from gateway import identity
from gateway.errors import Exhausted, Unauthenticated
from gateway.evidence import refused
from gateway.identity import Credentials, Directory, Password
from gateway.observe import Observer, QueryRefused, SignInFailed
from gateway.principal import Principal
from gateway.rate import Quota, Rate

GUESSES = 20
GUESSES_MINUTE = 10


class SignIn:
    """Who comes through the doors of one process. Thread-safe. `limit` is of requests a minute, 0 for none."""

    def __init__(self, directory: Directory, audit: Observer, limit: int) -> None:
        self._directory, self._audit = directory, audit
        self._rate = Rate(limit, limit) if limit else None
        self._guesses = Rate(GUESSES, GUESSES_MINUTE)

    def admit(self, credentials: Credentials | None, port: str, purpose: str | None) -> tuple[Principal, Quota | None]:
        """The principal, and what it may still ask for. Raises Unauthenticated, Exhausted (rate)."""
        try:
            principal = self._proved(credentials, port)
        except (Unauthenticated, Exhausted) as error:
            self._audit.record(SignInFailed(port=port, reason=error.reason, error_id=error.error_id))
            if self._rate is not None:
                self._rate.take("refused at", port)
            raise
        try:
            return principal, None if self._rate is None else self._rate.take("subject", principal.subject)
        except Exhausted as error:
            self._audit.record(
                QueryRefused(
                    query_id=uuid.uuid4().hex,
                    subject=principal.subject,
                    port=port,
                    purpose=purpose,
                    refused=refused(error),
                )
            )
            raise

    def _proved(self, credentials: identity.Credentials | None, port: str) -> Principal:
        if not isinstance(credentials, Password) or self._directory.familiar(credentials):
            return self._directory.authenticate(credentials)
        self._guesses.take(port, credentials.subject)
        principal = self._directory.authenticate(credentials)
        self._guesses.give(port, credentials.subject)
        return principal
