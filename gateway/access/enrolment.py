"""The directory's file as it stands, and every change to it. Touches the file of principals only.

What is changed here holds at once in every process that serves: each looks at the file's stamp before it believes.
"""

from __future__ import annotations

import hashlib
import logging
import secrets
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from gateway.access import principals
from gateway.access.principals import ApiKey, Entry, PrincipalsError, Register
from gateway.access.scram import Verifier
from gateway.errors import NotFound, Unavailable
from gateway.principal import WHOLE, Scope

_log = logging.getLogger("outport.identity")


class Enrolment:
    """The principals of one deployment, reloaded when their file changes. Safe to use from several threads."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._loading = threading.Lock()
        self._stamp: tuple[int, int, int] | None = None
        self._register = Register({}, set())

    def current(self) -> Register:
        """The register of the file as it stands now: one stat a call. A file that cannot be read admits nobody.

        Nor does one that was there and is gone: with it is gone who is barred.
        """
        stamp = _stamp(self._path)
        if stamp != self._stamp:
            with self._loading:
                if stamp is None:
                    _log.error("principals: %s is gone", self._path.name)
                    raise Unavailable("the directory of principals cannot be read")
                try:
                    self._register, self._stamp = principals.read(self._path), stamp
                except PrincipalsError as error:
                    _log.error("principals: %s", error)
                    raise Unavailable("the directory of principals cannot be read") from error
        return self._register

    def subjects(self) -> tuple[str, ...]:
        """Every subject, in order."""
        return tuple(sorted(self.current().entries))

    def entries(self) -> tuple[Entry, ...]:
        """Every principal as it stands in the file, by subject: for commands."""
        return tuple(entry for _, entry in sorted(self.current().entries.items()))

    def barred(self) -> tuple[str, ...]:
        """Who is barred, in order."""
        return tuple(sorted(self.current().barred))

    def add(self, subject: str, kind: str, attributes: Mapping[str, object], password: str | None = None) -> None:
        """Add a principal, or replace its kind, attributes and password; its keys stay. Raises PrincipalsError."""
        name = principals.checked_subject(subject)
        verifier = None if password is None else Verifier.of(password)
        made = Entry(name, principals.checked_kind(kind), principals.claims(attributes), verifier, ())
        with self._changing() as register:
            known = register.entries.get(name, made)
            register.entries[name] = replace(made, keys=known.keys, certificates=known.certificates)

    def remove(self, subject: str) -> None:
        """Remove a principal with its keys; its tokens end with it. Raises NotFound."""
        with self._changing() as register:
            _known(register, subject)
            del register.entries[subject]

    def add_key(self, subject: str, lifetime_s: float, scope: Scope = WHOLE) -> str:
        """A new API key `id.secret` of `subject`: shown once, stored as a digest. Raises NotFound."""
        identifier, secret = secrets.token_hex(8), secrets.token_urlsafe(32)
        digest = hashlib.sha256(secret.encode()).hexdigest()
        key = ApiKey(identifier, digest, float(int(time.time() + lifetime_s)), scope)
        with self._changing() as register:
            entry = _known(register, subject)
            register.entries[subject] = replace(entry, keys=(*entry.keys, key))
        return f"{identifier}.{secret}"

    def remove_key(self, subject: str, identifier: str) -> None:
        """End one API key of `subject`. Raises NotFound."""
        with self._changing() as register:
            entry = _known(register, subject)
            kept = tuple(key for key in entry.keys if key.id != identifier)
            if kept == entry.keys:
                raise NotFound(f"{subject:.128} has no API key {identifier:.64}", reason="key")
            register.entries[subject] = replace(entry, keys=kept)

    def add_certificate(self, subject: str, name: str) -> None:
        """Let client certificates of this name prove `subject`. Raises NotFound; PrincipalsError for another's name."""
        checked = principals.checked_name(name)
        with self._changing() as register:
            entry = _known(register, subject)
            if register.certified.get(checked, subject) != subject:
                raise PrincipalsError(f"{checked} proves {register.certified[checked]} already")
            register.entries[subject] = replace(entry, certificates=tuple(sorted({*entry.certificates, checked})))

    def remove_certificate(self, subject: str, name: str) -> None:
        """Let them prove it no longer. Raises NotFound."""
        with self._changing() as register:
            entry = _known(register, subject)
            if name not in entry.certificates:
                raise NotFound(f"{subject:.128} is not proved by {name:.128}", reason="certificate")
            kept = tuple(one for one in entry.certificates if one != name)
            register.entries[subject] = replace(entry, certificates=kept)

    def bar(self, named: str) -> None:
        """Refuse a subject, an issuer's too, or a certificate by its fingerprint. Raises PrincipalsError."""
        with self._changing() as register:
            register.barred.add(principals.checked_bar(named))

    def unbar(self, named: str) -> None:
        """Refuse it no longer. Raises NotFound."""
        with self._changing() as register:
            if named not in register.barred:
                raise NotFound(f"{named:.128} is not barred", reason="principal")
            register.barred.remove(named)

    @contextmanager
    def _changing(self) -> Iterator[Register]:
        """The register to be changed, under the lock of the file; written when the block ends well."""
        with principals.exclusive(self._path):
            register = principals.read(self._path)
            yield register
            principals.write(self._path, register)


def _known(register: Register, subject: str) -> Entry:
    entry = register.entries.get(subject)
    if entry is None:
        raise NotFound(f"there is no principal {subject:.128}", reason="principal")
    return entry


def _stamp(path: Path) -> tuple[int, int, int] | None:
    """What changes when the file does; None where there is none."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise Unavailable("the directory of principals cannot be read") from error
    return found.st_mtime_ns, found.st_ino, found.st_size
