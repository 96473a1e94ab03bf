"""The certificate of every door, checked before a door opens. Reads the PEM files that the settings name.

One setting serves all doors: the same chain, key and client authorities. TLS 1.2 is the oldest that is spoken. Files
that are renewed while a door is open hold from its next handshake on.
"""

from __future__ import annotations

import ipaddress
import logging
import ssl
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from gateway.settings import PREFIX, Settings, SettingsError

_log = logging.getLogger("outport.tls")
# Of each file: inode, modification time (ns), size.
_Stamp = tuple[tuple[int, int, int], ...]


@dataclass(frozen=True)
class Certificate:
    """A server's certificate as its clients see it: the first of its file. `names` are host names, then addresses."""

    names: tuple[str, ...]
    expires: datetime
    self_signed: bool

    def covers(self, host: str) -> bool:
        """Whether a client that connects to `host` accepts it: wildcards stand for one label (RFC 9525)."""
        try:
            wanted = ipaddress.ip_address(host)
        except ValueError:
            _, _, parent = host.lower().partition(".")
            return host.lower() in self.names or f"*.{parent}" in self.names
        return str(wanted) in self.names


@dataclass(frozen=True)
class Tls:
    """What the doors show and check; `client_ca` is the file of authorities whose certificates clients must show.

    A client certificate opens the connection. Whom it names besides, the directory of principals says.
    """

    certificate: Certificate
    chain: bytes
    secret: bytes = field(repr=False)
    client_roots: bytes | None
    cert_file: Path
    key_file: Path
    settings: Settings = field(repr=False)

    @classmethod
    def of(cls, settings: Settings) -> Tls | None:
        """The doors' TLS as the settings say, None where they say nothing.

        Raises SettingsError: a file that cannot be used, a key that is another's, a certificate out of its time.
        """
        cert, key, client_ca = settings.tls_cert, settings.tls_key, settings.tls_client_ca
        if cert is None and key is None:
            if client_ca is not None:
                raise _wrong("tls_client_ca", "client certificates need TLS: set tls_cert and tls_key too")
            return None
        if cert is None or key is None:
            absent, given = ("tls_cert", "tls_key") if cert is None else ("tls_key", "tls_cert")
            raise _wrong(absent, f"{given} is set, and this is not: TLS takes both")
        first = _certificates("tls_cert", cert)[0]
        _in_time(first)
        secret = _bytes("tls_key", key)
        _match(first, secret, key)
        if client_ca is not None:
            _certificates("tls_client_ca", client_ca)
        roots = None if client_ca is None else _bytes("tls_client_ca", client_ca)
        made = cls(_told(first), _bytes("tls_cert", cert), secret, roots, cert, key, settings)
        made.fixed()
        return made

    @property
    def mutual(self) -> bool:
        """Whether clients must show a certificate."""
        return self.client_roots is not None

    def context(self, protocols: Sequence[str] = ()) -> ssl.SSLContext:
        """For a server's sockets: what the files hold at each handshake, while that can be used.

        `protocols` are those that it offers by ALPN (RFC 7301).
        """
        made = self.fixed(protocols)
        made.sni_callback = _Renewal(self.settings, made, protocols).handshake
        return made

    def fixed(self, protocols: Sequence[str] = ()) -> ssl.SSLContext:
        """A context of what the files hold now. Raises SettingsError for what OpenSSL does not take."""
        made = _Context(ssl.PROTOCOL_TLS_SERVER)
        made.minimum_version = ssl.TLSVersion.TLSv1_2
        if protocols:
            made.set_alpn_protocols(list(protocols))
        try:
            made.load_cert_chain(self.cert_file, self.key_file)
            made.end_point = _digest(_certificates("tls_cert", self.cert_file)[0])
        except ssl.SSLError as error:
            raise _wrong("tls_cert", f"OpenSSL does not take it ({error.reason or 'unknown'})") from error
        if self.client_roots is not None:
            made.verify_mode = ssl.CERT_REQUIRED
            made.num_tickets = 0  # whoever resumes (TLS 1.3) shows no certificate
            made.load_verify_locations(cadata=self.client_roots.decode("utf-8"))
        return made


class _Context(ssl.SSLContext):
    """A context that knows what it shows: the digest of its certificate, None where RFC 5929 defines none."""

    end_point: bytes | None = None


def end_point(connection: ssl.SSLSocket) -> bytes | None:
    """What tls-server-end-point binds to on an open connection of ours (RFC 5929, 4.1), None where nothing does."""
    shown = connection.context
    return shown.end_point if isinstance(shown, _Context) else None


def _digest(shown: x509.Certificate) -> bytes | None:
    """By the hash of its signature; SHA-256 in place of MD5 and SHA-1."""
    algorithm = shown.signature_hash_algorithm
    if algorithm is None:
        return None
    weak = isinstance(algorithm, hashes.MD5 | hashes.SHA1)
    return shown.fingerprint(hashes.SHA256() if weak else algorithm)


class _Renewal:
    """What the files of some settings hold, read again when they have changed. Thread-safe.

    Files that cannot be used (a certificate is there, its key not yet) are logged once, and what was good is shown on.
    """

    def __init__(self, settings: Settings, first: ssl.SSLContext, protocols: Sequence[str]) -> None:
        self._settings, self._protocols = settings, protocols
        self._lock = threading.Lock()
        self._seen = _stamp(settings)
        self._context = first
        self._since = 0.0

    def handshake(self, connection: ssl.SSLObject, _: str | None, shown: ssl.SSLContext) -> int | None:
        """Called by OpenSSL after each ClientHello, whether it names a host or not; the alert that refuses it, if any.

        A client that resumes (TLS 1.2) shows no certificate: authorities that are others by now may have let it in.
        """
        current = self._current()
        if current is not shown:
            begun = connection.session.time if connection.session_reused and connection.session else None
            if current.verify_mode is ssl.CERT_REQUIRED and begun is not None and begun <= self._since:
                return ssl.AlertDescription.ALERT_DESCRIPTION_HANDSHAKE_FAILURE
            connection.context = current
        return None

    def _current(self) -> ssl.SSLContext:
        with self._lock:
            stamp = _stamp(self._settings)
            if stamp == self._seen:
                return self._context
            self._seen = stamp
            try:
                renewed = Tls.of(self._settings)
            except SettingsError as error:
                _log.warning("TLS: renewed files cannot be used, those before are shown on: %s", error)
            else:
                assert renewed is not None
                self._context = renewed.fixed(self._protocols)
                self._since = time.time()
            return self._context


def _stamp(settings: Settings) -> _Stamp:
    files = (settings.tls_cert, settings.tls_key, settings.tls_client_ca)
    return tuple(_file_stamp(path) for path in files if path is not None)


def _file_stamp(path: Path) -> tuple[int, int, int]:
    try:
        found = path.stat()
    except OSError:
        return (0, 0, 0)
    return (found.st_ino, found.st_mtime_ns, found.st_size)


def certificate(path: Path) -> Certificate:
    """What clients are shown by the server's certificate file. Raises SettingsError."""
    return _told(_certificates("tls_cert", path)[0])


def _told(first: x509.Certificate) -> Certificate:
    try:
        alternatives = first.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        names: tuple[str, ...] = ()
    else:
        hosts = [name.lower() for name in alternatives.get_values_for_type(x509.DNSName)]
        names = (*hosts, *(str(one) for one in alternatives.get_values_for_type(x509.IPAddress)))
    return Certificate(names, first.not_valid_after_utc, first.issuer == first.subject)


def _certificates(setting: str, path: Path) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(_bytes(setting, path))
    except ValueError as error:
        raise _wrong(setting, f"{path} holds no certificate in PEM form") from error


def _in_time(first: x509.Certificate) -> None:
    now = datetime.now(UTC)
    if now >= first.not_valid_after_utc:
        raise _wrong("tls_cert", f"the certificate ended on {first.not_valid_after_utc:%Y-%m-%d}: renew it")
    if now < first.not_valid_before_utc:
        raise _wrong("tls_cert", f"the certificate begins on {first.not_valid_before_utc:%Y-%m-%d %H:%M} UTC only")


def _match(first: x509.Certificate, secret: bytes, path: Path) -> None:
    try:
        key = load_pem_private_key(secret, password=None)
    except TypeError as error:
        raise _wrong(
            "tls_key", f"{path} is encrypted: give a key without a passphrase, readable by its owner"
        ) from error
    except ValueError as error:
        raise _wrong("tls_key", f"{path} holds no private key in PEM form") from error
    form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if key.public_key().public_bytes(*form) != first.public_key().public_bytes(*form):
        raise _wrong("tls_key", "the key is not that of the first certificate in tls_cert")


def _bytes(setting: str, path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise _wrong(setting, f"{path} cannot be read ({error.strerror})") from error


def _wrong(setting: str, what: str) -> SettingsError:
    return SettingsError((f"{setting}: {what} ({PREFIX}{setting.upper()})",))
