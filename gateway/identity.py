"""Who asks: credentials to a Principal, or Unauthenticated. Touches the file of principals only.

An unknown subject costs the same work and gets the same words as a wrong password, so nothing tells who exists.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import os
import secrets
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from joserfc import jwt
from joserfc.jwk import OctKey

from gateway import jose, principals
from gateway.errors import NotFound, Unauthenticated, Unavailable
from gateway.issuers import OWN
from gateway.jose import BadToken, Token
from gateway.keys import Keys
from gateway.oidc import Issuers
from gateway.principal import NEVER, Claim, Kind, Principal
from gateway.principals import ApiKey, Entries, Entry, PrincipalsError
from gateway.scram import ITERATIONS, Verifier

ISSUER = AUDIENCE = OWN
ALGORITHM = "HS256"
CACHE_S = 60.0
_CACHED = 10_000
_NARROWING = ("role", "purpose")
_log = logging.getLogger("outport.identity")


@dataclass(frozen=True)
class Password:
    """A subject and its password in the clear, as Basic authentication brings it."""

    subject: str
    secret: str = field(repr=False)


@dataclass(frozen=True)
class Bearer:
    """A token: a JWT of `outport token` or of an issuer that is known, or an API key `id.secret`."""

    token: str = field(repr=False)


Credentials = Password | Bearer

PERSONAS: tuple[tuple[str, Kind, Mapping[str, Claim]], ...] = (
    ("steward", "person", {"role": ("steward",)}),
    ("analyst", "person", {"role": ("analyst",)}),
    ("shop-app", "application", {"role": ("shop",), "store": 367}),
    ("ml-pipeline", "application", {"role": ("ml",)}),
    ("stranger", "person", {}),
)


class Directory:
    """The principals of one deployment, reloaded when their file changes. Safe to use from several threads.

    `issuers` are those whose tokens are taken beside our own; None takes no other.
    """

    def __init__(self, path: Path, keys: Keys, issuers: Issuers | None = None) -> None:
        self._path, self._issuers = path, issuers
        self._token_key = OctKey.import_key(keys.derive("token"))
        self._cache_key = os.urandom(32)
        self._unknown = keys.derive("unknown subject")
        self._lock = threading.Lock()
        self._stamp: tuple[int, int, int] | None = None
        self._entries: Entries = {}
        self._accepted: dict[bytes, tuple[Verifier, float]] = {}
        self._demo: tuple[object, bool] | None = None

    def authenticate(self, credentials: Credentials | None) -> Principal:
        """The principal of `credentials`. Raises Unauthenticated; Unavailable if the directory cannot be read."""
        match credentials:
            case Password(subject, secret):
                return self._by_password(subject, secret)
            case Bearer(token):
                return self._by_token(token) if token.count(".") == 2 else self._by_key(token)
            case None:
                raise Unauthenticated("credentials are required", reason="missing")

    def familiar(self, password: Password) -> bool:
        """Whether this process has accepted this password, and it still stands."""
        known = self._accepted.get(self._mark(password.subject, password.secret))
        entry = self._current().get(password.subject) if known is not None else None
        return known is not None and entry is not None and known[0] == entry.verifier

    def principal(self, subject: str) -> Principal:
        """The principal that is named, without credentials: for commands and the demo. Raises NotFound."""
        entry = self._current().get(subject)
        if entry is None:
            raise NotFound(f"there is no principal {subject:.128}", reason="principal")
        return _principal(entry, NEVER)

    def stands(self, principal: Principal, token: Bearer | None) -> None:
        """Raises Unauthenticated once what proved a principal (a password if no token) would not prove it any more."""
        try:
            now = self._renewed(principal, token) if time.time() <= principal.valid_until else None
        except (NotFound, Unauthenticated):
            now = None
        if now is None or (now.kind, now.attributes) != (principal.kind, principal.attributes):
            raise Unauthenticated("the credentials have expired or have been changed", reason="expired")

    def verifier(self, subject: str) -> Verifier:
        """What a SCRAM exchange checks against; for an unknown subject one that no password fits (RFC 5802, 5.1)."""
        entry = self._current().get(subject)
        return entry.verifier if entry is not None and entry.verifier is not None else self._nobody(subject)

    def subjects(self) -> tuple[str, ...]:
        """Every subject, in order."""
        return tuple(sorted(self._current()))

    def entries(self) -> tuple[Entry, ...]:
        """Every principal as it stands in the file, by subject: for commands."""
        return tuple(entry for _, entry in sorted(self._current().items()))

    def holds_demo_credentials(self) -> bool:
        """Whether some password is a demo one: each verifier is tried with NAME-demo of its own and of each persona."""
        entries = self._current()
        if self._demo is None or self._demo[0] is not entries:
            self._demo = (entries, any(_is_demo(entry) for entry in entries.values()))
        return self._demo[1]

    def add(self, subject: str, kind: str, attributes: Mapping[str, object], password: str | None = None) -> None:
        """Add a principal, or replace its kind, attributes and password; its API keys stay. Raises PrincipalsError."""
        name = principals.checked_subject(subject)
        made = Entry(
            name,
            principals.checked_kind(kind),
            principals.claims(attributes),
            None if password is None else Verifier.of(password),
            (),
        )
        with self._changing() as entries:
            known = entries.get(name)
            entries[name] = made if known is None else replace(made, keys=known.keys)

    def remove(self, subject: str) -> None:
        """Remove a principal with its keys; its tokens end with it. Raises NotFound."""
        with self._changing() as entries:
            if entries.pop(subject, None) is None:
                raise NotFound(f"there is no principal {subject:.128}", reason="principal")

    def add_key(self, subject: str, lifetime_s: float) -> str:
        """A new API key `id.secret` of `subject`: shown once, stored as a digest. Raises NotFound."""
        identifier, secret = secrets.token_hex(8), secrets.token_urlsafe(32)
        key = ApiKey(identifier, hashlib.sha256(secret.encode()).hexdigest(), float(int(time.time() + lifetime_s)))
        with self._changing() as entries:
            if subject not in entries:
                raise NotFound(f"there is no principal {subject:.128}", reason="principal")
            entries[subject] = replace(entries[subject], keys=(*entries[subject].keys, key))
        return f"{identifier}.{secret}"

    def remove_key(self, subject: str, identifier: str) -> None:
        """End one API key of `subject`. Raises NotFound."""
        with self._changing() as entries:
            held = entries[subject].keys if subject in entries else ()
            kept = tuple(key for key in held if key.id != identifier)
            if kept == held:
                raise NotFound(f"{subject:.128} has no API key {identifier:.64}", reason="key")
            entries[subject] = replace(entries[subject], keys=kept)

    def issue_token(self, subject: str, lifetime_s: float, narrow: Mapping[str, tuple[str, ...]] | None = None) -> str:
        """A JWT for `subject`; `narrow` leaves it only the roles or purposes named. Raises NotFound."""
        self.principal(subject)
        now = int(time.time())
        body: dict[str, object] = {"iss": ISSUER, "aud": AUDIENCE, "sub": subject, "iat": now}
        body |= {"exp": now + int(lifetime_s), **{name: list(values) for name, values in (narrow or {}).items()}}
        return jwt.encode({"alg": ALGORITHM}, body, self._token_key, algorithms=[ALGORITHM])

    def add_demo_personas(self) -> None:
        """Add the demo's personas with the password NAME-demo, where they are not there yet."""
        known = self._current()
        for subject, kind, attributes in PERSONAS:
            if subject not in known:
                self.add(subject, kind, attributes, f"{subject}-demo")

    def _by_password(self, subject: str, secret: str) -> Principal:
        entry = self._current().get(subject)
        verifier = entry.verifier if entry is not None else None
        tried = self._nobody(subject) if verifier is None else verifier
        mark = self._mark(subject, secret)
        if not self._recently(mark, tried):
            accepted = tried.accepts(secret)
            if entry is None or verifier is None or not accepted:
                raise _wrong()
            self._remember(mark, tried)
        assert entry is not None  # only a real verifier is ever remembered
        return _principal(entry, NEVER)

    def _renewed(self, principal: Principal, token: Bearer | None) -> Principal:
        return self.principal(principal.subject) if token is None else self.authenticate(token)

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

    def _by_token(self, text: str) -> Principal:
        try:
            token = jose.parse(text)
            return self._by_own(token) if token.issuer == ISSUER else self._by_issuer(token)
        except BadToken as error:
            raise _wrong() from error

    def _by_own(self, token: Token) -> Principal:
        """Roles and purposes are those that the directory *and* the token name; all else is read anew by `sub`."""
        if not token.signed_by(self._token_key, ALGORITHM):
            raise BadToken("not signed here")
        ends, body = token.live(time.time(), 0), token.claims
        entry = self._current().get(str(body.get("sub")))
        if entry is None or body.get("aud") != AUDIENCE:
            raise BadToken("of another audience, or of nobody")
        narrowed = {name: _narrowed(entry, name, body[name]) for name in _NARROWING if name in body}
        return _principal(replace(entry, attributes={**entry.attributes, **narrowed}), ends)

    def _by_issuer(self, token: Token) -> Principal:
        """What the issuer's token says, as far as it is mapped; of a listed principal what the directory says."""
        if self._issuers is None:
            raise BadToken("an issuer that is not known")
        found = self._issuers.identified(token)
        if found.kind is not None:
            return Principal(found.subject, found.kind, found.attributes, found.valid_until)
        entry = self._current().get(found.subject)
        if entry is None:
            raise BadToken("nobody of the directory")
        return _principal(entry, found.valid_until)

    def _by_key(self, token: str) -> Principal:
        identifier, _, secret = token.partition(".")
        digest = hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
        now = time.time()
        for entry in self._current().values():
            for key in entry.keys:
                if key.id == identifier and hmac.compare_digest(key.digest, digest) and key.expires > now:
                    return _principal(entry, key.expires)
        raise _wrong()

    def _nobody(self, subject: str) -> Verifier:
        """A verifier that nothing fits, the same at every try: its salt must not tell that the subject is unknown."""
        seed = hmac.digest(self._unknown, subject.encode("utf-8", "surrogatepass"), "sha256")
        return Verifier(ITERATIONS, seed[:16], bytes(32), bytes(32))

    def _current(self) -> Entries:
        """The principals of the file as it stands now: one stat a call. A file that cannot be read admits nobody."""
        stamp = _stamp(self._path)
        if stamp != self._stamp:
            with self._lock:
                try:
                    self._entries, self._stamp = principals.read(self._path), stamp
                except PrincipalsError as error:
                    _log.error("principals: %s", error)
                    raise Unavailable("the directory of principals cannot be read") from error
        return self._entries

    @contextmanager
    def _changing(self) -> Iterator[Entries]:
        """The principals to be changed, under the lock of the file; written when the block ends well."""
        with principals.exclusive(self._path):
            entries = principals.read(self._path)
            yield entries
            principals.write(self._path, entries)


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


def _stamp(path: Path) -> tuple[int, int, int] | None:
    """What changes when the file does; None where there is none."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise Unavailable("the directory of principals cannot be read") from error
    return found.st_mtime_ns, found.st_ino, found.st_size
