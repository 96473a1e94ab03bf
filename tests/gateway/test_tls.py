"""A certificate is checked before a door opens; what is wrong with it is one line that names the setting."""

from __future__ import annotations

import socket
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from gateway import Tls, end_point
from gateway.settings import Settings, SettingsError
from tests.certificates import DAY, Authority


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


def refused(**given: Any) -> str:
    with pytest.raises(SettingsError) as refusal:
        Tls.of(Settings(**given))
    (finding,) = refusal.value.findings
    return finding


def test_without_settings_there_is_no_tls() -> None:
    assert Tls.of(Settings()) is None


def test_a_certificate_tells_its_names_and_its_end(authority: Authority) -> None:
    pair = authority.server("Data.Example.org", "*.example.net", "127.0.0.1", "::1", ends=20 * DAY)
    tls = Tls.of(Settings(tls_cert=pair.cert, tls_key=pair.key))
    assert tls is not None
    assert not tls.mutual
    assert tls.certificate.names == ("data.example.org", "*.example.net", "127.0.0.1", "::1")
    assert not tls.certificate.self_signed
    covered = ["data.example.org", "DATA.example.org", "a.example.net", "127.0.0.1", "::1", "0:0::1"]
    assert [host for host in covered if not tls.certificate.covers(host)] == []
    others = ["example.net", "a.b.example.net", "example.org", "127.0.0.2", "localhost"]
    assert [host for host in others if tls.certificate.covers(host)] == []
    assert pair.key.read_text() not in repr(tls)


def test_one_file_without_the_other_is_named(authority: Authority) -> None:
    pair = authority.server("localhost")
    assert refused(tls_cert=pair.cert) == "tls_key: tls_cert is set, and this is not: TLS takes both (OUTPORT_TLS_KEY)"
    assert refused(tls_key=pair.key).startswith("tls_cert: tls_key is set, and this is not")
    assert refused(tls_client_ca=authority.cert).startswith("tls_client_ca: client certificates need TLS")


def test_a_certificate_out_of_its_time_is_refused(authority: Authority) -> None:
    over = authority.server("localhost", ends=-timedelta(seconds=1), begins=-2 * DAY, file="over")
    early = authority.server("localhost", begins=DAY, file="early")
    assert refused(tls_cert=over.cert, tls_key=over.key).startswith("tls_cert: the certificate ended on ")
    assert refused(tls_cert=early.cert, tls_key=early.key).startswith("tls_cert: the certificate begins on ")


def test_a_key_of_another_certificate_is_refused(authority: Authority) -> None:
    pair, other = authority.server("localhost"), authority.server("localhost", file="other")
    assert "not that of the first certificate" in refused(tls_cert=pair.cert, tls_key=other.key)


def test_files_that_cannot_be_used_are_named_with_their_setting(authority: Authority, tmp_path: Path) -> None:
    pair = authority.server("localhost")
    locked = authority.server("localhost", file="locked", passphrase="open sesame")
    absent, empty = tmp_path / "absent.pem", tmp_path / "empty.pem"
    empty.touch()
    assert "tls_cert" in refused(tls_cert=absent, tls_key=pair.key)
    assert "holds no certificate" in refused(tls_cert=empty, tls_key=pair.key)
    assert "holds no certificate" in refused(tls_cert=pair.key, tls_key=pair.key)
    assert "holds no private key" in refused(tls_cert=pair.cert, tls_key=pair.cert)
    assert "tls_key" in refused(tls_cert=pair.cert, tls_key=absent)
    assert "is encrypted" in refused(tls_cert=locked.cert, tls_key=locked.key)
    given = {"tls_cert": pair.cert, "tls_key": pair.key}
    assert refused(**given, tls_client_ca=empty).startswith("tls_client_ca: ")
    assert refused(**given, tls_client_ca=absent).startswith("tls_client_ca: ")


@pytest.mark.parametrize(
    ("key", "signed", "bound"),
    [
        (ec.generate_private_key(ec.SECP256R1()), hashes.SHA256(), hashes.SHA256()),
        (ec.generate_private_key(ec.SECP384R1()), hashes.SHA384(), hashes.SHA384()),
        (rsa.generate_private_key(65537, 2048), hashes.SHA512(), hashes.SHA512()),
        (ed25519.Ed25519PrivateKey.generate(), None, None),
    ],
    ids=["SHA-256", "SHA-384", "SHA-512", "Ed25519"],
)
def test_a_channel_is_bound_by_the_hash_of_the_certificates_signature(
    tmp_path: Path, key: Any, signed: Any, bound: Any
) -> None:
    """RFC 5929, 4.1; for a signature without a hash it defines nothing, so that no binding is offered."""
    name, now = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "own")]), datetime.now(UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(7).not_valid_before(now - DAY).not_valid_after(now + DAY)
    made = builder.sign(key, signed)
    cert, secret = tmp_path / "cert.pem", tmp_path / "cert.key"
    cert.write_bytes(made.public_bytes(Encoding.PEM))
    secret.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    tls = Tls.of(Settings(tls_cert=cert, tls_key=secret))
    assert tls is not None
    left, right = socket.socketpair()
    with left, tls.context().wrap_socket(right, server_side=True, do_handshake_on_connect=False) as shown:
        assert end_point(shown) == (None if bound is None else made.fingerprint(bound))
