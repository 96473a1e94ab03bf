"""Credentials at a door: who they prove, how often they may be tried, how often whoever they prove may ask.

Touches the directory and the audit by asking them. Passwords are guessed slowly, see `guesses`. One that this process
has accepted before is always tried, so that a guesser does not lock out who signs in already; tokens and keys are too
long to guess.
"""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from gateway.access import sasl
from gateway.access.credentials import Credentials, Password, Proof
from gateway.access.guesses import Guesses
from gateway.access.identity import Directory
from gateway.access.rate import Quota, Rate
from gateway.access.sasl import Binding, Challenge
from gateway.accounting.observe import Observer, QueryRefused, SignInFailed
from gateway.errors import Exhausted, Forbidden, GatewayError, Unauthenticated
from gateway.principal import Principal
from gateway.reach.evidence import refused
from gateway.serving.siblings import Siblings

# So late the processes of one deployment know of each other's requests and wrong passwords.
SHARE_S = 0.5
_TOPIC = "rates"


@dataclass(frozen=True)
class Admitted:
    """Who has come in, what it may still ask for, and what `Directory.stands` asks again."""

    principal: Principal
    quota: Quota | None
    proof: Proof | None


class SignIn:
    """Who comes through the doors of one process. Thread-safe. `limit` is of requests a minute, 0 for none."""

    def __init__(self, directory: Directory, audit: Observer, limit: int, siblings: Siblings) -> None:
        self._directory, self._audit, self._siblings = directory, audit, siblings
        shared = siblings.count > 1
        self._rate = Rate(limit, limit, shared=shared) if limit else None
        self._guesses = Guesses(shared=shared)
        self._closed = threading.Event()
        siblings.on(_TOPIC, self._heard)
        if shared:
            threading.Thread(target=self._share, name="outport-rates", daemon=True).start()

    def close(self) -> None:
        """Tell the others nothing more."""
        self._closed.set()

    def admit(self, credentials: Credentials | None, port: str, purpose: str | None) -> Admitted:
        """Who `credentials` prove. Raises Unauthenticated, Exhausted (rate); Forbidden for a key of other ports."""
        with self._noted(port):
            principal, proof = self._proved(credentials, port)
            _enters(principal, port)
        return Admitted(principal, self.counted(principal, port, purpose), proof)

    def challenge(self, subject: str, first: bytes, port: str, binding: Binding) -> Challenge:
        """The answer to the first message of a SCRAM sign-in. Raises Unauthenticated."""
        with self._noted(port):
            return sasl.challenge(first, self._directory.verifier(subject), binding)

    def answered(
        self, subject: str, challenge: Challenge, final: bytes, port: str, address: str
    ) -> tuple[Admitted, bytes]:
        """Who has answered its challenge from `address`, and the server's last message.

        The verifier decides: an unknown subject has one that no password fits. Raises as `admit` does.
        """
        with self._noted(port), self._guesses.guessed(port, subject, address):
            last = challenge.answered(final)
            principal = self._directory.proved(subject, challenge.verifier)
        return Admitted(principal, self.counted(principal, port, None), challenge.verifier), last

    def _share(self) -> None:
        while not self._closed.wait(SHARE_S):
            news = [rate.news() if rate is not None else [] for rate in (self._rate, *self._guesses.rates)]
            if any(news):
                self._siblings.tell(_TOPIC, json.dumps(news).encode())

    def _heard(self, body: bytes) -> bytes:
        for rate, news in zip((self._rate, *self._guesses.rates), json.loads(body), strict=True):
            if rate is not None:
                rate.spent(news)
        return b""

    @contextmanager
    def _noted(self, port: str) -> Iterator[None]:
        """Inside, a refusal is recorded, and counted against the door."""
        try:
            yield
        except (Unauthenticated, Exhausted, Forbidden) as error:
            self.turned_away(port, error)
            raise

    def turned_away(self, port: str, error: GatewayError) -> None:
        """Keep that somebody did not come in, unless that is on record. Raises Exhausted where that is too often."""
        if not error.on_record:
            self._audit.record(SignInFailed(port=port, reason=error.reason or error.code, error_id=error.error_id))
            error.on_record = True
            if self._rate is not None:
                self._rate.take("refused at", port)

    def counted(self, principal: Principal, port: str, purpose: str | None) -> Quota | None:
        """What `principal` may still ask for after this request. Raises Exhausted (rate)."""
        try:
            return None if self._rate is None else self._rate.take("subject", principal.subject)
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
            error.on_record = True
            raise

    def _proved(self, credentials: Credentials | None, port: str) -> tuple[Principal, Proof]:
        if not isinstance(credentials, Password) or self._directory.familiar(credentials):
            return self._directory.prove(credentials)
        with self._guesses.guessed(port, credentials.subject, None):
            return self._directory.prove(credentials)


def _enters(principal: Principal, port: str) -> None:
    if not principal.scope.enters(port):
        raise Forbidden("this key is not for this port", reason="scope")
