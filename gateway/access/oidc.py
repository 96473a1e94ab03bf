"""Tokens of OpenID Connect issuers, and of any that signs JWTs (RFC 9068), to principals. Touches the file of issuers.

An issuer's keys sign for that issuer only; a claim that is mapped and of another type refuses the token as a whole.
"""

from __future__ import annotations

import hashlib
import json
import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from gateway.access.claims import ClaimType
from gateway.access.issuers import SUBJECT, Issuer, IssuersError, Kinded, Told, read
from gateway.access.jose import BadToken, Token
from gateway.access.jwks import KeySet, PublicKey, Source
from gateway.access.principals import SUBJECT as LISTED
from gateway.errors import Unavailable
from gateway.principal import Claim, Kind, Scalar
from gateway.settings import Settings, SettingsError

LEEWAY_S = 30.0
# Claims that are looked at of every token that is kept.
_ALWAYS = ("iss", "exp", "nbf", "iat", "aud", "azp", "email_verified")
_log = logging.getLogger("outport.identity")


@dataclass(frozen=True, slots=True)
class Identified:
    """Who a verified token is about. `kind` is None where the directory lists the subject and knows the rest."""

    subject: str
    kind: Kind | None
    attributes: Mapping[str, Claim]
    valid_until: float


class Issuers:
    """The issuers of one deployment, read again when their file changes. Thread-safe. Raises IssuersError at first."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._stamp: object = None
        self._known: dict[str, tuple[Issuer, KeySet]] = {}
        self._read()

    def identified(self, token: Token) -> Identified:
        """Who `token` is about. Raises BadToken; Unavailable while the issuers or its keys cannot be read."""
        issuer, _ = self._verified(token)
        return self._about(issuer, token, _for)

    def signed_in(self, token: Token) -> tuple[Identified, str]:
        """Who an ID token is about that was made for our own client, and what `still` asks of it: the claims that are
        read here, and by which key they were signed. Raises as `identified`.
        """
        issuer, signer = self._verified(token)
        found = self._about(issuer, token, _for_client)
        key = signer.key.thumbprint()
        kept = {"alg": token.algorithm, "kid": token.kid, "key": key, "reads": _reading(issuer)}
        told = json.dumps({**kept, "claims": _read_here(issuer, token.claims)}, separators=(",", ":"))
        return found, told

    def still(self, told: str) -> Identified:
        """Who that is, as the file of issuers has it now, while its issuer has that key. Raises as `identified`.

        Once that file reads other claims, nobody: what was kept could lack one by which a rule refuses.
        """
        try:
            kept = json.loads(told)
            token = Token(kept["alg"], kept["kid"], kept["claims"], b"", b"")
            signer, reads = kept["key"], kept["reads"]
        except (ValueError, KeyError, TypeError) as error:
            raise BadToken("nothing that was kept here") from error
        issuer, keys = self._issuer(token.issuer)
        fitting = keys.fitting(token.kid, token.algorithm) if token.algorithm in issuer.algorithms else ()
        if signer not in {one.key.thumbprint() for one in fitting}:
            raise BadToken("signed by no key of its issuer")
        if reads != _reading(issuer):
            raise BadToken("kept when other claims were read")
        return self._about(issuer, token, _for_client)

    def clients(self) -> tuple[Issuer, ...]:
        """The issuers at which people sign in to the hub. Raises Unavailable."""
        self._fresh()
        return tuple(issuer for issuer, _ in self._known.values() if issuer.sign_in is not None)

    def _verified(self, token: Token) -> tuple[Issuer, PublicKey]:
        """Its issuer, and the key that has signed it."""
        issuer, keys = self._issuer(token.issuer)
        if token.algorithm not in issuer.algorithms:
            raise BadToken("an algorithm that is not taken of this issuer")
        fitting = keys.fitting(token.kid, token.algorithm)
        signer = next((one for one in fitting if token.signed_by(one.key, token.algorithm)), None)
        if signer is None:
            raise BadToken("signed by no key of its issuer")
        return issuer, signer

    def _about(self, issuer: Issuer, token: Token, made_for: Callable[[Issuer, Mapping[str, Any]], None]) -> Identified:
        valid_until = token.live(time.time(), LEEWAY_S)
        made_for(issuer, token.claims)
        subject = _subject(issuer, token.claims)
        if issuer.principals == "listed":
            return Identified(subject, None, {}, valid_until)
        return Identified(subject, _kind(issuer, token.claims), _attributes(issuer, token.claims), valid_until)

    @property
    def names(self) -> tuple[str, ...]:
        """The issuers themselves, as their tokens name them."""
        return tuple(self._known)

    def _fresh(self) -> None:
        if _stamp(self._path) != self._stamp:
            with self._lock:
                try:
                    self._read()
                except IssuersError as error:
                    _log.error("issuers: %s", error)
                    raise Unavailable("the issuers of tokens cannot be read") from error

    def _issuer(self, name: str) -> tuple[Issuer, KeySet]:
        self._fresh()
        known = self._known.get(name)
        if known is None:
            raise BadToken("an issuer that is not known")
        return known

    def _read(self) -> None:
        """The file as it stands; the keys of an issuer that is where it was are kept."""
        stamp = _stamp(self._path)
        kept = {keys.source: keys for _, keys in self._known.values()}
        found = {}
        for one in read(self._path):
            source = Source(one.issuer, one.jwks, one.ca)
            found[one.issuer] = (one, kept.get(source) or KeySet(source))
        self._known, self._stamp = found, stamp


def load(settings: Settings) -> Issuers | None:
    """The issuers that the settings name, None where they name no file. Raises SettingsError."""
    if settings.issuers is None:
        return None
    try:
        return Issuers(settings.issuers)
    except IssuersError as error:
        raise SettingsError((f"issuers: {error}",)) from error


def _stamp(path: Path) -> object:
    try:
        found = path.stat()
    except OSError:
        return ()
    return (found.st_mtime_ns, found.st_ino, found.st_size)


def _for(issuer: Issuer, claims: Mapping[str, Any]) -> None:
    """Raises BadToken unless it was issued for us, to a bearer."""
    audience = claims.get("aud")
    named = audience if isinstance(audience, list) else [audience]
    if not all(isinstance(one, str) for one in named) or not set(named) & set(issuer.audience):
        raise BadToken("for another audience")
    if "cnf" in claims:
        # RFC 7800: it is worth something only with a proof of a key, and none is asked for here.
        raise BadToken("bound to a key that is not asked for")


def _for_client(issuer: Issuer, claims: Mapping[str, Any]) -> None:
    """Raises BadToken unless it is an ID token for our client of `issuer`, and for nobody whom we do not know.

    Source: OpenID Connect Core 1.0, 3.1.3.7, 3 to 5.
    """
    audience = claims.get("aud")
    named = audience if isinstance(audience, list) else [audience]
    client = None if issuer.sign_in is None else issuer.sign_in.client_id
    if client is None or client not in named or not set(map(str, named)) <= {client, *issuer.audience}:
        raise BadToken("for another client")
    if (len(named) > 1 or "azp" in claims) and claims.get("azp") != client:
        raise BadToken("given to another client")


def _subject(issuer: Issuer, claims: Mapping[str, Any]) -> str:
    found = _found(claims, issuer.subject.claim)
    listed = issuer.principals == "listed"
    if not isinstance(found, str) or not (LISTED if listed else SUBJECT).fullmatch(found):
        raise BadToken("no subject")
    if issuer.subject.claim == ("email",) and claims.get("email_verified") is not True:
        raise BadToken("an address that its issuer has not verified")
    return found if listed else f"{issuer.name}:{found}"


def _kind(issuer: Issuer, claims: Mapping[str, Any]) -> Kind:
    if not isinstance(issuer.kind, Kinded):
        return issuer.kind
    found = _found(claims, issuer.kind.claim)
    if not isinstance(found, str) or found not in issuer.kind.values:
        raise BadToken("of no known kind")
    return issuer.kind.values[found]


def _attributes(issuer: Issuer, claims: Mapping[str, Any]) -> dict[str, Claim]:
    found: dict[str, Claim] = {"role": _told(issuer.roles, claims), "purpose": _told(issuer.purposes, claims)}
    for name, mapped in issuer.attributes.items():
        value = _found(claims, mapped.claim)
        if value is None or value == []:
            if mapped.required:
                raise BadToken("a claim is missing")
            continue
        typed = mapped.type.accepts(_typed(value, mapped.type))
        if typed is None:
            raise BadToken("a claim of another type")
        found[name] = typed
    return found


def _read_here(issuer: Issuer, claims: Mapping[str, Any]) -> dict[str, Any]:
    """The claims that are read of its tokens; of lists whose values mean something, those that do."""
    found = {name: claims[name] for name in _ALWAYS if name in claims}
    whole, meant = _reads(issuer)
    for path in whole:
        _put(found, path, _found(claims, path))
    for path, values in meant.items():
        value = _found(claims, path)
        if isinstance(value, list):
            value = [one for one in value if not isinstance(one, str) or one in values]
        _put(found, path, value)
    return found


def _reads(issuer: Issuer) -> tuple[list[tuple[str, ...]], dict[tuple[str, ...], set[str]]]:
    """Which claims of its tokens are read whole, beside those that always are, and of which others which values."""
    whole = {issuer.subject.claim}
    meant: dict[tuple[str, ...], set[str]] = {}
    if issuer.principals == "mapped":
        whole |= {one.claim for one in issuer.attributes.values()}
        whole |= {issuer.kind.claim} if isinstance(issuer.kind, Kinded) else set()
        for told in (issuer.roles, issuer.purposes):
            if told is not None and told.claim not in {*whole, *((name,) for name in _ALWAYS)}:
                meant.setdefault(told.claim, set()).update(told.values)
    return sorted(whole), meant


def _reading(issuer: Issuer) -> str:
    """A digest of that: a token of which more, or something else, is read now is asked for again."""
    whole, meant = _reads(issuer)
    told = [whole, sorted((path, sorted(values)) for path, values in meant.items())]
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()[:32]


def _put(claims: dict[str, Any], path: tuple[str, ...], value: Any) -> None:
    if value is None:
        return
    for name in path[:-1]:
        claims = claims.setdefault(name, {})
    claims[path[-1]] = value


def _told(told: Told | None, claims: Mapping[str, Any]) -> tuple[str, ...]:
    """What the values of a claim mean here, each once."""
    value = _found(claims, told.claim) if told is not None else None
    if told is None or value is None:
        return ()
    if isinstance(value, list) != (told.type == "list"):
        raise BadToken("a claim of another type")
    listed = value if isinstance(value, list) else [value]
    if not all(isinstance(one, str) for one in listed):
        raise BadToken("a claim of another type")
    return tuple(dict.fromkeys(told.values[one] for one in listed if one in told.values))


def _found(claims: Mapping[str, Any], path: tuple[str, ...]) -> Any:
    """What stands at `path`; None where nothing does. Raises BadToken where the way leads through another type."""
    found: Any = claims
    for name in path:
        if not isinstance(found, Mapping):
            raise BadToken("a claim of another type")
        found = found.get(name)
        if found is None:
            return None
    return found


def _typed(value: Any, kind: ClaimType) -> Claim | None:
    """A JSON value as the declared type has it, None where it does not."""
    if not kind.many:
        return _scalar(value, kind.scalar)
    if not isinstance(value, list):
        return None
    items = tuple(_scalar(one, kind.scalar) for one in value)
    return None if None in items else tuple(one for one in items if one is not None)


def _scalar(value: Any, kind: str) -> Scalar | None:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return value if isinstance(value, bool) and kind == "BOOLEAN" else None
    try:
        if isinstance(value, str):
            if kind == "DATE":
                return date.fromisoformat(value)
            if kind == "TIMESTAMP":
                return datetime.fromisoformat(value)
            if kind.startswith("DECIMAL"):
                return Decimal(value)
        if kind == "DOUBLE" and not isinstance(value, str):
            return float(value)
    except (ValueError, InvalidOperation, OverflowError):
        return None
    return value
