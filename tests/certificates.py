"""An authority of the tests' own: server and client certificates, made when they are needed, never kept."""

from __future__ import annotations

import ipaddress
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from gateway import Gateway
from gateway.settings import Settings

Key = ec.EllipticCurvePrivateKey
DAY = timedelta(days=1)


@dataclass(frozen=True)
class Pair:
    """The PEM files of one certificate and its key."""

    cert: Path
    key: Path


class Authority:
    """Signs certificates; `cert` is the file by which its clients and servers trust them."""

    def __init__(self, folder: Path, name: str = "an authority of the tests") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, self._key = folder, ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        made = self._builder(self._name, self._key, 365 * DAY)
        made = made.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        usage = x509.KeyUsage(True, False, False, False, False, True, True, False, False)
        signed = made.add_extension(usage, critical=True).sign(self._key, hashes.SHA256())
        self.cert = folder / "ca.pem"
        self.cert.write_bytes(signed.public_bytes(Encoding.PEM))

    def trusted(self) -> ssl.SSLContext:
        """What a client that trusts this authority takes."""
        return ssl.create_default_context(cafile=str(self.cert))

    def server(
        self,
        *names: str,
        ends: timedelta = 90 * DAY,
        begins: timedelta = -DAY,
        file: str = "server",
        passphrase: str = "",
    ) -> Pair:
        """A server's certificate for `names`: host names and addresses."""
        return self._pair(file, ExtendedKeyUsageOID.SERVER_AUTH, names, ends, begins, passphrase)

    def client(self, file: str = "client", *names: str, ends: timedelta = 90 * DAY) -> Pair:
        """A client's certificate for `names`, each as `uri:`, `dns:` or `email:` and the name."""
        return self._pair(file, ExtendedKeyUsageOID.CLIENT_AUTH, names, ends, -DAY, "")

    def _pair(
        self, file: str, usage: Any, names: tuple[str, ...], ends: timedelta, begins: timedelta, passphrase: str
    ) -> Pair:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, file)])
        made = self._builder(subject, key, ends, begins)
        made = made.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        if names:
            made = made.add_extension(x509.SubjectAlternativeName([_name(one) for one in names]), critical=False)
        pair = Pair(self._folder / f"{file}.pem", self._folder / f"{file}.key")
        pair.cert.write_bytes(made.sign(self._key, hashes.SHA256()).public_bytes(Encoding.PEM))
        kept = BestAvailableEncryption(passphrase.encode()) if passphrase else NoEncryption()
        pair.key.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, kept))
        pair.key.chmod(0o600)
        return pair

    def _builder(
        self, subject: x509.Name, key: Key, ends: timedelta, begins: timedelta = -DAY
    ) -> x509.CertificateBuilder:
        now = datetime.now(UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now + begins)
            .not_valid_after(now + ends)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
        )


def _name(text: str) -> x509.GeneralName:
    for kind, made in _KINDS.items():
        if text.startswith(kind):
            return made(text.removeprefix(kind))
    try:
        return x509.IPAddress(ipaddress.ip_address(text))
    except ValueError:
        return x509.DNSName(text)


_KINDS: dict[str, Any] = {"uri:": x509.UniformResourceIdentifier, "dns:": x509.DNSName, "email:": x509.RFC822Name}


class Resettled:
    """A gateway whose doors open by other settings than its own."""

    def __init__(self, gateway: Gateway, **settings: Any) -> None:
        self._gateway = gateway
        self.settings: Settings = gateway.settings.model_copy(update=settings)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._gateway, name)
