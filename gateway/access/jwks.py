"""The public keys of one issuer, as it publishes them: fetched, kept, fetched again. Touches the network by fetch.py.

Keys are fresh for FRESH_S. Older ones still serve while they are fetched anew, until STALE_S after the last success: an
issuer that is down for a while locks nobody out, and one that is down for long admits nobody. A key id that is not
known fetches too, but never sooner than RETRY_S after the last try, whatever anybody sends.
"""

from __future__ import annotations

import base64
import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, Key, OKPKey, RSAKey

from gateway.access.discovery import address, discovered, document
from gateway.access.fetch import FetchError, fetch
from gateway.errors import Unavailable

FRESH_S = 300.0
STALE_S = 3600.0
RETRY_S = 10.0
# A question waits that long for keys that are being fetched, and so many questions at once.
WAIT_S = 4.0
WAITING = 8
_KEYS = 100
_RSA_BITS = range(2048, 8193)
# Which algorithms a key of a kind is for, and the members that make its public part (RFC 7518, 6; RFC 8037, 2).
_ALGORITHMS = {"RSA": ("RS256", "PS256"), "EC": ("ES256",), "OKP": ("EdDSA", "Ed25519")}
_PUBLIC = {"RSA": ("n", "e"), "EC": ("crv", "x", "y"), "OKP": ("crv", "x")}
_CURVES = {"EC": "P-256", "OKP": "Ed25519"}
_KIND: dict[str, type[RSAKey] | type[ECKey] | type[OKPKey]] = {"RSA": RSAKey, "EC": ECKey, "OKP": OKPKey}
ALGORITHMS = tuple(name for names in _ALGORITHMS.values() for name in names)
_log = logging.getLogger("outport.identity")


@dataclass(frozen=True, slots=True)
class PublicKey:
    """One key with the algorithms that it is for: those of its kind, or the one that its issuer has bound it to."""

    kid: str | None
    algorithms: tuple[str, ...]
    key: Key = field(repr=False)


@dataclass(frozen=True, slots=True)
class Source:
    """Where an issuer's keys are: at `url`, or at what its discovery document names. `authorities` trust its host."""

    issuer: str
    url: str | None
    authorities: Path | None


@dataclass(frozen=True, slots=True)
class _State:
    keys: tuple[PublicKey, ...]
    fetched: float


class KeySet:
    """The keys of one issuer. Thread-safe. Nothing is fetched before the first question."""

    def __init__(self, source: Source, clock: Callable[[], float] = time.monotonic) -> None:
        self.source, self._clock = source, clock
        self._lock = threading.Lock()
        self._state: _State | None = None
        self._tried = float("-inf")
        self._running: threading.Event | None = None
        self._waiting = threading.BoundedSemaphore(WAITING)

    def fitting(self, kid: str | None, algorithm: str) -> tuple[PublicKey, ...]:
        """The keys that a token of this key id and algorithm may be signed by; none if the issuer has none such.

        Raises Unavailable while its keys cannot be had, or only such as are too old.
        """
        found = self._known(kid, algorithm)
        state = self._state
        if found and state is not None and self._clock() - state.fetched <= FRESH_S:
            return found
        running = self._begun()
        if not found and running is not None:
            self._await(running)
            found = self._known(kid, algorithm)
        if self._state is None or self._clock() - self._state.fetched > STALE_S:
            raise _unavailable()
        return found

    def _known(self, kid: str | None, algorithm: str) -> tuple[PublicKey, ...]:
        state = self._state
        if state is None or self._clock() - state.fetched > STALE_S:
            return ()
        fitting = tuple(key for key in state.keys if algorithm in key.algorithms)
        if kid is None:
            return fitting if len(fitting) == 1 else ()
        return tuple(key for key in fitting if key.kid == kid)

    def _await(self, running: threading.Event) -> None:
        if not self._waiting.acquire(blocking=False):
            raise _unavailable()
        try:
            running.wait(WAIT_S)
        finally:
            self._waiting.release()

    def _begun(self) -> threading.Event | None:
        """The end of the fetch that runs or may begin now; None where it is too soon for another.

        Raises Unavailable where there is no thread to be had: the next question tries again.
        """
        with self._lock:
            if self._running is None and self._clock() - self._tried >= RETRY_S:
                over = threading.Event()
                try:
                    threading.Thread(target=self._fetch, args=(over,), name="outport-jwks", daemon=True).start()
                except RuntimeError as error:
                    raise _unavailable() from error
                self._tried, self._running = self._clock(), over
            return self._running

    def _fetch(self, over: threading.Event) -> None:
        try:
            made = _State(fetched(self.source), self._clock())
        except FetchError as error:
            _log.warning("the keys of the issuer %s: %s", self.source.issuer, error)
        except Exception:
            _log.exception("the keys of the issuer %s", self.source.issuer)
        else:
            self._state = made
        finally:
            with self._lock:
                self._running = None
            over.set()


def _unavailable() -> Unavailable:
    return Unavailable("the issuer of this token cannot be asked for its keys now", reason="issuer")


def fetched(source: Source) -> tuple[PublicKey, ...]:
    """The keys that an issuer publishes now. Raises FetchError."""
    url = source.url
    if url is None:
        url = address(discovered(source.issuer, source.authorities), "jwks_uri", source.issuer)
    listed = document(fetch(url, source.authorities)).get("keys")
    if not isinstance(listed, list):
        raise FetchError("it is no JSON Web Key Set")
    read = [_public(one) for one in listed[:_KEYS] if isinstance(one, dict)]
    keys = tuple(key for key in read if key is not None)
    if not keys:
        raise FetchError("it holds no key that is taken here")
    return keys


def _public(body: Mapping[str, Any]) -> PublicKey | None:
    """A key of the set; None for one that signs nothing here: other kinds, secrets, encryption, too weak."""
    kind, kid, bound = body.get("kty"), body.get("kid"), body.get("alg")
    if not isinstance(kind, str) or kind not in _KIND or not isinstance(kid, str | None):
        return None
    operations = body.get("key_ops", ["verify"])
    if body.get("use", "sig") != "sig" or not isinstance(operations, list) or "verify" not in operations:
        return None
    if _CURVES.get(kind) != body.get("crv") or "d" in body or (kind == "RSA" and _bits(body.get("n")) not in _RSA_BITS):
        return None
    algorithms = tuple(name for name in _ALGORITHMS[kind] if bound is None or name == bound)
    members = {name: body[name] for name in ("kty", *_PUBLIC[kind]) if isinstance(body.get(name), str)}
    try:
        key = _KIND[kind].import_key(members)
    except (JoseError, ValueError, TypeError, KeyError):
        return None
    return PublicKey(kid, algorithms, key) if algorithms else None


def _bits(modulus: object) -> int:
    """The length of a number in base64url; 0 for none."""
    try:
        text = str(modulus)
        return int.from_bytes(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))).bit_length()
    except ValueError:
        return 0
