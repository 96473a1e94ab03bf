"""SCRAM at the server: the RFC's own example, a client's own arithmetic, and nothing but the right password gets in."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.access import sasl
from gateway.access.scram import Verifier, prepared
from gateway.errors import Unauthenticated


def answer(password: str, first: bytes, server: bytes, header: bytes = b"n,,") -> tuple[bytes, bytes]:
    """A client's final message, and the server signature that it expects (RFC 5802, 3)."""
    nonce, salt, rounds = (part[2:] for part in server.split(b","))
    salted = hashlib.pbkdf2_hmac("sha256", prepared(password), base64.b64decode(salt), int(rounds))
    key = hmac.digest(salted, b"Client Key", "sha256")
    bare = b"c=" + base64.b64encode(header) + b",r=" + nonce
    signed = first.removeprefix(header) + b"," + server + b"," + bare
    signature = hmac.digest(hashlib.sha256(key).digest(), signed, "sha256")
    proof = base64.b64encode(bytes(a ^ b for a, b in zip(key, signature, strict=True)))
    expected = hmac.digest(hmac.digest(salted, b"Server Key", "sha256"), signed, "sha256")
    return bare + b",p=" + proof, b"v=" + base64.b64encode(expected)


def test_the_example_of_rfc_7677() -> None:
    verifier = Verifier.of("pencil", salt=base64.b64decode("W22ZaJ0SNY7soEsUEjb6gQ=="))
    made = sasl.challenge(b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO", verifier, sasl.UNBOUND, "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0")
    assert made.message == b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
    final = (
        b"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
    )
    assert made.answered(final) == b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="


@given(st.text(min_size=1, max_size=30), st.sampled_from([b"n,,", b"y,,", b"n,a=other,"]))
def test_the_right_password_is_let_in(password: str, header: bytes) -> None:
    first = header + b"n=,r=abc"
    made = sasl.challenge(first, Verifier.of(password, salt=b"salt"), sasl.UNBOUND)
    final, expected = answer(password, first, made.message, header)
    assert made.answered(final) == expected


def test_a_wrong_password_or_an_altered_message_is_not() -> None:
    first = b"n,,n=,r=abc"
    made = sasl.challenge(first, Verifier.of("right", salt=b"salt"), sasl.UNBOUND)
    final, _ = answer("right", first, made.message)
    wrong, _ = answer("wrong", first, made.message)
    altered = [final.replace(b"r=abc", b"r=abd"), final.replace(b"c=biws", b"c=eSws"), final[:-4], b"", b"p=", b"x"]
    for message in (wrong, *altered):
        with pytest.raises(Unauthenticated):
            made.answered(message)


NO_MESSAGES = [b"p=tls-unique,,n=,r=a", b"", b"n", b"n,,", b"n,,n=", b"n,,n=\xff,r=a", b"n,,m=x,r=a"]


@pytest.mark.parametrize("first", [*NO_MESSAGES, b"n,,n=,r=a\x07", b"n,,n=,r=" + b"a" * 5000])
def test_a_first_message_that_is_none_is_refused(first: bytes) -> None:
    with pytest.raises(Unauthenticated):
        sasl.challenge(first, Verifier.of("right", salt=b"salt"), sasl.UNBOUND)


DIGEST = hashlib.sha256(b"a certificate").digest()
OFFERED, BOUND = sasl.Binding(DIGEST, False), sasl.Binding(DIGEST, True)
PLUS_HEADER = b"p=tls-server-end-point,,"


def exchanged(first: bytes, binding: sasl.Binding, told: bytes) -> None:
    """A whole exchange with the right password, in which the client repeats `told` of the channel."""
    made = sasl.challenge(first, Verifier.of("right", salt=b"salt"), binding)
    header = first.removesuffix(b"n=,r=abc")
    final, expected = bound(first, header, told, made.message)
    assert made.answered(final) == expected


def bound(first: bytes, header: bytes, told: bytes, server: bytes, password: bytes = b"right") -> tuple[bytes, bytes]:
    """The client's last message over a channel, and the server's that it expects."""
    nonce, salt, rounds = (part[2:] for part in server.split(b","))
    salted = hashlib.pbkdf2_hmac("sha256", password, base64.b64decode(salt), int(rounds))
    key = hmac.digest(salted, b"Client Key", "sha256")
    bare = b"c=" + base64.b64encode(header + told) + b",r=" + nonce
    signed = first.removeprefix(header) + b"," + server + b"," + bare
    signature = hmac.digest(hashlib.sha256(key).digest(), signed, "sha256")
    proof = base64.b64encode(bytes(a ^ b for a, b in zip(key, signature, strict=True)))
    last = base64.b64encode(hmac.digest(hmac.digest(salted, b"Server Key", "sha256"), signed, "sha256"))
    return bare + b",p=" + proof, b"v=" + last


def test_an_exchange_is_bound_to_the_certificate_that_the_server_shows() -> None:
    exchanged(PLUS_HEADER + b"n=,r=abc", BOUND, DIGEST)
    for other in (b"", DIGEST[:-1], hashlib.sha256(b"another's").digest()):
        with pytest.raises(Unauthenticated, match="wrong name or password"):
            exchanged(PLUS_HEADER + b"n=,r=abc", BOUND, other)


@pytest.mark.parametrize(
    ("header", "binding", "fits"),
    [
        (b"n,,", OFFERED, True),
        (b"y,,", sasl.UNBOUND, True),
        (b"y,,", OFFERED, False),
        (b"n,,", BOUND, False),
        (b"y,,", BOUND, False),
        (PLUS_HEADER, OFFERED, False),
        (b"p=tls-unique,,", BOUND, False),
        (b"p=tls-exporter,,", BOUND, False),
        (PLUS_HEADER, sasl.Binding(None, True), False),
    ],
)
def test_nobody_is_talked_out_of_binding(header: bytes, binding: sasl.Binding, fits: bool) -> None:
    with contextlib.nullcontext() if fits else pytest.raises(Unauthenticated, match=r"channel|mechanism"):
        exchanged(header + b"n=,r=abc", binding, b"")
