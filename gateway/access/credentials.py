"""What may prove a principal: passwords, tokens and keys, client certificates. Pure; nothing here is checked yet."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import lru_cache

from cryptography import x509

from gateway.access.scram import Verifier
from gateway.errors import Unauthenticated

# The kinds of names of a certificate that a directory may list (RFC 5280, 4.2.1.6), as `kind:value`.
NAME_KINDS = ("uri", "dns", "email")


@dataclass(frozen=True)
class Password:
    """A subject and its password in the clear, as Basic authentication brings it."""

    subject: str
    secret: str = field(repr=False)


@dataclass(frozen=True)
class Bearer:
    """A token: a JWT of `outport token` or of an issuer that is known, or an API key `id.secret`."""

    token: str = field(repr=False)


@dataclass(frozen=True)
class IdToken:
    """What an issuer's verified ID token has told our own client of who signed in there (`Issuers.signed_in`).

    No door takes it from a client.
    """

    told: str = field(repr=False)


@dataclass(frozen=True)
class ClientCertificate:
    """The certificate (DER) that a client has shown, and whose key it has proved, in a TLS handshake of ours."""

    der: bytes = field(repr=False)


# What somebody can type or paste.
Login = Password | Bearer
Credentials = Login | IdToken | ClientCertificate
# What is asked again while a connection lasts: it must still prove the same.
Proof = Verifier | Bearer | IdToken | ClientCertificate


@dataclass(frozen=True)
class Shown:
    """What a certificate says: its names as `kind:value`, its fingerprint as `sha256:hex`, the epoch second it ends."""

    names: tuple[str, ...]
    fingerprint: str
    ends: float


@lru_cache(maxsize=1000)
def shown(certificate: ClientCertificate) -> Shown:
    """What `certificate` says. Raises Unauthenticated where it cannot be read."""
    try:
        read = x509.load_der_x509_certificate(certificate.der)
        names = _names(read)
    except (ValueError, x509.DuplicateExtension, x509.UnsupportedGeneralNameType) as error:
        raise Unauthenticated("the client certificate cannot be read", reason="malformed") from error
    fingerprint = hashlib.sha256(certificate.der).hexdigest()
    return Shown(names, f"sha256:{fingerprint}", read.not_valid_after_utc.timestamp())


def _names(read: x509.Certificate) -> tuple[str, ...]:
    """URIs, host names in lower case, and addresses, exactly as they stand: none is decoded, none is a pattern."""
    try:
        found = read.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    hosts = [name.lower() for name in found.get_values_for_type(x509.DNSName)]
    return (
        *(f"uri:{name}" for name in found.get_values_for_type(x509.UniformResourceIdentifier)),
        *(f"dns:{name}" for name in hosts),
        *(f"email:{name}" for name in found.get_values_for_type(x509.RFC822Name)),
    )
