"""Who asks: credentials to a Principal, or Unauthenticated. Touches the file of principals only.

An unknown subject costs the same work and gets the same words as a wrong password, so nothing tells who exists.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import threading
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from gateway.access import jose
from gateway.access.credentials import Bearer, ClientCertificate, Credentials, IdToken, Password, Proof, shown
from gateway.access.enrolment import Enrolment
from gateway.access.issuers import OWN
from gateway.access.jose import BadToken, Token
from gateway.access.key_use import KeyUse
from gateway.access.keys import Keys
from gateway.access.oidc import Identified, Issuers
from gateway.access.principals import SCOPES, Entry, PrincipalsError, Register, checked_scope, scope_words
from gateway.access.scram import ITERATIONS, Verifier
from gateway.access.tokens import Tokens
from gateway.errors import NotFound, Unauthenticated
from gateway.principal import NEVER, WHOLE, Claim, Kind, Principal, Scope

CACHE_S = 60.0
_CACHED = 10_000
_NARROWING = ("role", "purpose")

PERSONAS: tuple[tuple[str, Kind, Mapping[str, Claim]], ...] = (
    ("steward", "person", {"role": ("steward",)}),
    ("analyst", "person", {"role": ("analyst",)}),
    ("shop-app", "application", {"role": ("shop",), "store": 367}),
    ("ml-pipeline", "application", {"role": ("ml",)}),
    ("sales", "person", {"role": ("sales",), "stores": (343, 361, 367, 406, 429)}),
    ("marketing", "person", {"role": ("marketing",)}),
    ("finance", "person", {"role": ("finance",)}),
    ("planner", "person", {"role": ("planner",)}),
    ("supplier-app", "application", {"role": ("supplier",), "supplier": 103}),
    ("carrier-app", "application", {"role": ("carrier",), "carrier": "Harbour"}),
    ("stranger", "person", {}),
)


class Directory(Enrolment):
    """The principals of one deployment, reloaded when their file changes. Safe to use from several threads.

    `issuers` are those whose tokens are taken beside our own; None takes no other.
    """

    def __init__(self, path: Path, keys: Keys, issuers: Issuers | None = None) -> None:
        super().__init__(path)
        self._issuers = issuers
        self._tokens = Tokens(keys)
        self._key_use = KeyUse(path.parent)
        self._cache_key = os.urandom(32)
        # Known salts outlive a rotation of the secret: those of unknown names must too.
        self._unknown = keys.lasting("unknown subject")
        self._lock = threading.Lock()
        self._accepted: dict[bytes, tuple[Verifier, float]] = {}
        self._demo: tuple[object, bool] | None = None

    def authenticate(self, credentials: Credentials | None) -> Principal:
        """The principal of `credentials`. Raises Unauthenticated; Unavailable if the directory cannot be read."""
        return self._proves(credentials)[0]

    def prove(self, credentials: Credentials | None) -> tuple[Principal, Proof]:
        """The principal of `credentials`, and what `stands` asks again: no password. Raises as `authenticate`.

        That an API key was used is noted.
        """
        found = self._proves(credentials)
        if isinstance(credentials, Bearer) and credentials.token.count(".") == 1:
            self._key_use.used(credentials.token.partition(".")[0], self.current().keyed.keys())
        return found

    def close(self) -> None:
        """Write down when keys were last used."""
        self._key_use.close()

    def _proves(self, credentials: Credentials | None) -> tuple[Principal, Proof]:
        register = self.current()
        proof: Proof
        match credentials:
            case Password(subject, secret):
                found, proof = self._by_password(register, subject, secret)
            case Bearer(token):
                proof = credentials
                found = self._by_token(register, token) if token.count(".") == 2 else _by_key(register, token)
            case IdToken(told):
                proof = credentials
                found = self._by_id_token(register, told)
            case ClientCertificate():
                proof = credentials
                found = _by_certificate(register, credentials)
            case None:
                raise Unauthenticated("credentials are required", reason="missing")
        return _admitted(register, found), proof

    def proved(self, subject: str, verifier: Verifier) -> Principal:
        """The principal of a subject that has proved the password of `verifier`. Raises Unauthenticated."""
        register = self.current()
        entry = register.entries.get(subject)
        if entry is None or entry.verifier != verifier:
            raise Unauthenticated("wrong name or password", reason="password")
        return _admitted(register, _principal(entry, NEVER))

    def familiar(self, password: Password) -> bool:
        """Whether this process has accepted this password, and it still stands."""
        known = self._accepted.get(self._mark(password.subject, password.secret))
        entry = self.current().entries.get(password.subject) if known is not None else None
        return known is not None and entry is not None and known[0] == entry.verifier

    def principal(self, subject: str) -> Principal:
        """The principal that is named, without credentials: for commands and the demo. Raises NotFound."""
        entry = self.current().entries.get(subject)
        if entry is None:
            raise NotFound(f"there is no principal {subject:.128}", reason="principal")
        return _principal(entry, NEVER)

    def present(self, subject: str) -> Principal:
        """As `principal`, but for one that is barred: whom another may ask for. Raises NotFound."""
        found = self.principal(subject)
        if subject in self.current().barred:
            raise NotFound(f"there is no principal {subject:.128}", reason="principal")
        return found

    def stands(self, principal: Principal, proof: Proof) -> None:
        """Raises Unauthenticated once what proved a principal would not prove the same any more."""
        try:
            now = self._renewed(principal, proof) if time.time() < principal.valid_until else None
        except Unauthenticated:
            now = None
        if now is None or replace(now, valid_until=0.0) != replace(principal, valid_until=0.0):
            raise Unauthenticated("the credentials have expired or have been changed", reason="expired")

    def verifier(self, subject: str) -> Verifier:
        """What a SCRAM exchange checks against; for an unknown subject one that no password fits (RFC 5802, 5.1)."""
        entry = self.current().entries.get(subject)
        return entry.verifier if entry is not None and entry.verifier is not None else self._nobody(subject)

    def holds_demo_credentials(self) -> bool:
        """Whether some password is a demo one: each verifier is tried with NAME-demo of its own and of each persona."""
        entries = self.current().entries
        if self._demo is None or self._demo[0] is not entries:
            self._demo = (entries, any(_is_demo(entry) for entry in entries.values()))
        return self._demo[1]

    def issue_token(
        self, subject: str, lifetime_s: float, narrow: Mapping[str, tuple[str, ...]] | None = None, scope: Scope = WHOLE
    ) -> str:
        """A JWT for `subject`; `narrow` leaves it only the roles or purposes named, `scope` ports, products and
        actions. Raises NotFound."""
        self.principal(subject)
        return self._tokens.issued(subject, lifetime_s, {**(narrow or {}), **scope_words(scope)})

    def add_demo_personas(self) -> None:
        """Add the demo's personas with the password NAME-demo, where they are not there yet."""
        known = self.current().entries
        for subject, kind, attributes in PERSONAS:
            if subject not in known:
                self.add(subject, kind, attributes, f"{subject}-demo")

    def _by_password(self, register: Register, subject: str, secret: str) -> tuple[Principal, Verifier]:
        entry = register.entries.get(subject)
        verifier = entry.verifier if entry is not None else None
        tried = self._nobody(subject) if verifier is None else verifier
        mark = self._mark(subject, secret)
        if not self._recently(mark, tried):
            accepted = tried.accepts(secret)
            if entry is None or verifier is None or not accepted:
                raise _wrong()
            self._remember(mark, tried)
        assert entry is not None  # only a real verifier is ever remembered
        return _principal(entry, NEVER), tried

    def _renewed(self, principal: Principal, proof: Proof) -> Principal:
        return self.proved(principal.subject, proof) if isinstance(proof, Verifier) else self.authenticate(proof)

    def _mark(self, subject: str, secret: str) -> bytes:
        """What an accepted password is known by: nothing that it can be found out from."""
        return hmac.digest(
            self._cache_key, f"{len(subject)}:{subject}{secret}".encode("utf-8", "surrogatepass"), "sha256"
        )

    def _recently(self, mark: bytes, verifier: Verifier) -> bool:
        """Whether this password was accepted within CACHE_S by this very verifier: a changed password ends it."""
        known = self._accepted.get(mark)
        return known is not None and known[1] > time.monotonic() and known[0] == verifier

    def _remember(self, mark: bytes, verifier: Verifier) -> None:
        with self._lock:
            if len(self._accepted) >= _CACHED:
                self._accepted.clear()
            self._accepted[mark] = (verifier, time.monotonic() + CACHE_S)

    def _by_token(self, register: Register, text: str) -> Principal:
        try:
            token = jose.parse(text)
            return self._by_own(register, token) if token.issuer == OWN else self._by_issuer(register, token)
        except BadToken as error:
            raise _wrong() from error

    def _by_own(self, register: Register, token: Token) -> Principal:
        """Roles and purposes are those that the directory *and* the token name; all else is read anew by `sub`.

        Its scope is the token's own.
        """
        body, ends = self._tokens.read(token)
        entry = register.entries.get(str(body.get("sub")))
        if entry is None:
            raise BadToken("nobody of the directory")
        narrowed = {name: _narrowed(entry, name, body[name]) for name in _NARROWING if name in body}
        try:
            scope = checked_scope({name: body[name] for name in SCOPES if name in body})
        except PrincipalsError as error:
            raise BadToken("a scope that is none") from error
        return replace(_principal(replace(entry, attributes={**entry.attributes, **narrowed}), ends), scope=scope)

    def _by_issuer(self, register: Register, token: Token) -> Principal:
        """What the issuer's token says, as far as it is mapped; of a listed principal what the directory says."""
        if self._issuers is None:
            raise BadToken("an issuer that is not known")
        return _identified(register, self._issuers.identified(token))

    def _by_id_token(self, register: Register, told: str) -> Principal:
        """The same who would be by a token for us: what its issuer has said, as far as it is mapped."""
        try:
            if self._issuers is None:
                raise BadToken("an issuer that is not known")
            return _identified(register, self._issuers.still(told))
        except BadToken as error:
            raise _wrong() from error

    def _nobody(self, subject: str) -> Verifier:
        """A verifier that nothing fits, the same at every try: its salt must not tell that the subject is unknown."""
        seed = hmac.digest(self._unknown, subject.encode("utf-8", "surrogatepass"), "sha256")
        return Verifier(ITERATIONS, seed[:16], bytes(32), bytes(32))


def _by_key(register: Register, token: str) -> Principal:
    identifier, _, secret = token.partition(".")
    digest = hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
    entry, key = register.keyed.get(identifier, (None, None))
    if entry is None or key is None or not hmac.compare_digest(key.digest, digest) or key.expires <= time.time():
        raise _wrong()
    return replace(_principal(entry, key.expires), scope=key.scope)


def _by_certificate(register: Register, certificate: ClientCertificate) -> Principal:
    """Whom its names prove: one principal, by exact names. A handshake has checked who signed it."""
    said = shown(certificate)
    proved = {register.certified[name] for name in said.names if name in register.certified}
    if len(proved) != 1 or said.fingerprint in register.barred or said.ends < time.time():
        raise Unauthenticated("this client certificate proves nobody here", reason="certificate")
    return _principal(register.entries[proved.pop()], said.ends)


def _admitted(register: Register, principal: Principal) -> Principal:
    if principal.subject in register.barred:
        raise _wrong()
    return principal


def _identified(register: Register, found: Identified) -> Principal:
    if found.kind is not None:
        return Principal(found.subject, found.kind, found.attributes, found.valid_until)
    entry = register.entries.get(found.subject)
    if entry is None:
        raise BadToken("nobody of the directory")
    return _principal(entry, found.valid_until)


def _wrong() -> Unauthenticated:
    return Unauthenticated("the credentials are wrong or have expired", reason="wrong")


def _principal(entry: Entry, valid_until: float) -> Principal:
    return Principal(entry.subject, entry.kind, entry.attributes, valid_until)


def _narrowed(entry: Entry, name: str, asked: object) -> tuple[str, ...]:
    """What the directory grants of what the token asks for: a token can take away, never add."""
    granted = entry.attributes.get(name, ())
    wanted = asked if isinstance(asked, list) else [asked]
    return tuple(str(item) for item in granted if item in wanted) if isinstance(granted, tuple) else ()


def _is_demo(entry: Entry) -> bool:
    if entry.verifier is None:
        return False
    names = {entry.subject, *(subject for subject, _, _ in PERSONAS)}
    return any(entry.verifier.accepts(f"{name}-demo") for name in names)
