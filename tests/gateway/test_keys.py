"""Keys: everything derives from one secret, and what was sealed for one use opens for no other."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.access.keys import Keys, load
from gateway.errors import BadQuery
from gateway.policies import pseudonym
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
    "text",
    ["", "x", "é", "a b", "A" * 43, KEYS.seal("ticket", b"x"), KEYS.seal("cursor", b"x")[2:]],
    ids=["nothing", "a letter", "no letter of it", "two words", "as long", "another use", "cut off"],
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


OLD, NEW = b"the secret of last year, 32 bytes long", b"the secret of this year, 32 bytes long"


def test_the_first_secret_signs_and_what_any_of_them_made_is_taken() -> None:
    before, during, after = Keys(OLD), Keys(NEW, OLD), Keys(NEW)
    sealed = before.seal("cursor", b"x")
    assert during.unseal("cursor", sealed) == b"x"
    assert after.unseal("cursor", during.seal("cursor", b"y")) == b"y"
    for keys, text in ((after, sealed), (before, during.seal("cursor", b"y"))):
        with pytest.raises(BadQuery):
            keys.unseal("cursor", text)
    assert during.ids == (*after.ids, *before.ids)
    assert during.derive("x") == after.derive("x")
    assert during.derive("x", before.ids[0]) == before.derive("x")


def test_what_lasts_derives_from_the_mask_key_whatever_the_secrets_are() -> None:
    before, after = Keys(OLD), Keys(NEW, mask=OLD)
    assert before.lasting("x") == Keys(NEW, OLD).lasting("x") == after.lasting("x")
    assert Keys(NEW).lasting("x") != after.lasting("x")
    with pytest.raises(SettingsError, match="mask_key"):
        Keys(NEW, mask=b"short")


def test_secrets_stand_one_a_line_in_a_file_or_the_setting(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(NEW + b"\n\n" + OLD + b"\n")
    ids = Keys(NEW, OLD).ids
    assert load(Settings(secret_key_file=tmp_path / "secret")).ids == ids
    assert load(Settings(secret_key=f"{NEW.decode()}\n{OLD.decode()}")).ids == ids
    (tmp_path / "secret").write_bytes(bytes(range(128, 160)) + b"\n" + bytes(range(200, 232)))
    assert len(load(Settings(secret_key_file=tmp_path / "secret")).ids) == 1
    (tmp_path / "mask").write_bytes(OLD + b"\n")
    masked = load(Settings(secret_key=NEW.decode(), mask_key_file=tmp_path / "mask", mask_key_version=3))
    assert (masked.lasting("x"), masked.mask_version) == (Keys(OLD).lasting("x"), 3)
    with pytest.raises(SettingsError, match="not both"):
        load(Settings(secret_key=NEW.decode(), mask_key_file=tmp_path / "mask", mask_key="x" * 32))


def test_keys_show_nothing_but_their_ids() -> None:
    keys = Keys(NEW, OLD)
    assert repr(keys) == f"Keys({', '.join(keys.ids)})"


def test_pseudonyms_change_by_the_version_of_their_key_and_by_nothing_else(tmp_path: Path) -> None:
    noted = tmp_path / "mask_keys.json"
    made = pseudonym.key(Keys(OLD), "people")
    pseudonym.pin(noted, Keys(OLD))
    for rotated in (Keys(NEW, OLD), Keys(NEW, mask=OLD)):
        pseudonym.pin(noted, rotated)
        assert pseudonym.key(rotated, "people") == made
    with pytest.raises(SettingsError, match="mask_key_version"):
        pseudonym.pin(noted, Keys(NEW))
    meant = Keys(NEW, mask_version=2)
    pseudonym.pin(noted, meant)
    assert pseudonym.key(meant, "people") != made
    pseudonym.pin(noted, Keys(OLD))
    assert OLD.decode() not in noted.read_text()
