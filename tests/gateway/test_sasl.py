"""SCRAM at the server: the RFC's own example, a client's own arithmetic, and nothing but the right password gets in."""

from __future__ import annotations

import base64
import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway import sasl
from gateway.errors import Unauthenticated
from gateway.scram import Verifier, prepared


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
    made = sasl.challenge(b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO", verifier, "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0")
    assert made.message == b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
    final = (
        b"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
    )
    assert made.answered(final) == b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="


@given(st.text(min_size=1, max_size=30), st.sampled_from([b"n,,", b"y,,", b"n,a=other,"]))
def test_the_right_password_is_let_in(password: str, header: bytes) -> None:
    first = header + b"n=,r=abc"
    made = sasl.challenge(first, Verifier.of(password, salt=b"salt"))
    final, expected = answer(password, first, made.message, header)
    assert made.answered(final) == expected


def test_a_wrong_password_or_an_altered_message_is_not() -> None:
    first = b"n,,n=,r=abc"
    made = sasl.challenge(first, Verifier.of("right", salt=b"salt"))
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
        sasl.challenge(first, Verifier.of("right", salt=b"salt"))
