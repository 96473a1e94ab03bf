"""Keys: everything derives from one secret, and what was sealed for one use opens for no other."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import BadQuery
from gateway.keys import Keys, load
from gateway.settings import Settings, SettingsError

KEYS = Keys(b"a secret of the tests, 32 bytes long")


@given(st.binary(max_size=200))
def test_what_is_sealed_opens_again(payload: bytes) -> None:
    sealed = KEYS.seal("cursor", payload)
    assert KEYS.unseal("cursor", sealed) == payload
    assert set(sealed) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


def test_what_is_sealed_shows_nothing_and_differs_each_time() -> None:
    assert KEYS.seal("cursor", b"a" * 50) != KEYS.seal("cursor", b"a" * 50)


@pytest.mark.parametrize(
    "text", ["", "x", "é", "a b", "A" * 43, KEYS.seal("ticket", b"x"), KEYS.seal("cursor", b"x")[2:]]
)
def test_what_was_not_sealed_for_this_use_is_refused(text: str) -> None:
    with pytest.raises(BadQuery) as refusal:
        KEYS.unseal("cursor", text)
    assert refusal.value.reason == "value"


def test_another_deployment_opens_nothing() -> None:
    with pytest.raises(BadQuery):
        Keys(b"another secret of thirty-two bytes").unseal("cursor", KEYS.seal("cursor", b"x"))


def test_a_flipped_bit_is_refused() -> None:
    sealed = KEYS.seal("cursor", b"payload")
    changed = ("B" if sealed[20] == "A" else "A").join((sealed[:20], sealed[21:]))
    with pytest.raises(BadQuery):
        KEYS.unseal("cursor", changed)


def test_keys_of_two_purposes_are_unrelated_and_stable() -> None:
    assert KEYS.derive("token") == Keys(b"a secret of the tests, 32 bytes long").derive("token")
    assert len(KEYS.derive("token")) == 32
    assert KEYS.derive("token") != KEYS.derive("hash")


def test_a_short_secret_is_refused() -> None:
    with pytest.raises(SettingsError, match="32 bytes"):
        Keys(b"short")


def test_outside_the_demo_a_secret_must_be_given(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="OUTPORT_SECRET_KEY"):
        load(Settings(state=tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_the_secret_may_stand_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"a secret of the tests, 32 bytes long\n")
    given_in_file = load(Settings(secret_key_file=tmp_path / "secret"))
    assert given_in_file.derive("x") == KEYS.derive("x")
    with pytest.raises(SettingsError, match="cannot be read"):
        load(Settings(secret_key_file=tmp_path / "none"))
    with pytest.raises(SettingsError, match="not both"):
        load(Settings(secret_key_file=tmp_path / "secret", secret_key="x" * 32))


def test_the_demo_makes_one_secret_and_keeps_it_to_itself(tmp_path: Path) -> None:
    settings = Settings(demo=True, state=tmp_path / "state")
    assert load(settings).derive("x") == load(settings).derive("x")
    assert stat.S_IMODE(settings.demo_key.stat().st_mode) == 0o600
    assert list(settings.state.iterdir()) == [settings.demo_key]
    assert load(Settings(demo=True, state=tmp_path / "other")).derive("x") != load(settings).derive("x")
