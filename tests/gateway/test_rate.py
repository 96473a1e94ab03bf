"""How often a principal may ask and a password may be guessed: refused above, admitted again with time."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from gateway import Bearer, Credentials, Exhausted, Gateway, Password, Session, Unauthenticated
from gateway.access.guesses import GUESSES, TOGETHER, Guesses
from gateway.access.identity import Directory
from gateway.access.keys import load
from gateway.access.rate import Rate
from tests.conftest import World, password


class Clock:
    """Stands in for `time.monotonic`."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("gateway.access.rate.time.monotonic", clock)
    return clock


def refusal(rate: Rate, name: str) -> Exhausted:
    with pytest.raises(Exhausted) as caught:
        rate.take("subject", name)
    return caught.value


def test_a_bucket_is_empty_after_its_limit_and_fills_again_evenly(clock: Clock) -> None:
    rate = Rate(60, 60)
    left = [rate.take("subject", "ann") for _ in range(60)]
    assert [one.remaining for one in left] == list(range(59, -1, -1))
    assert (left[0].limit, left[0].reset_s, left[-1].reset_s) == (60, 1, 60)
    refused = refusal(rate, "ann")
    assert (refused.reason, refused.retry_s) == ("rate", pytest.approx(1))
    clock.now += 0.5
    assert refusal(rate, "ann").retry_s == pytest.approx(0.5)
    clock.now += 0.5
    assert rate.take("subject", "ann").remaining == 0
    refusal(rate, "ann")
    clock.now += 3600
    assert rate.take("subject", "ann").remaining == 59


def test_one_name_uses_up_nothing_of_another_s(clock: Clock) -> None:
    rate = Rate(1, 1)
    rate.take("subject", "ann")
    refusal(rate, "ann")
    rate.take("subject", "bob")
    rate.take("rest", "ann")


def test_what_is_given_back_may_be_taken_again(clock: Clock) -> None:
    rate = Rate(1, 1)
    for _ in range(3):
        rate.take("rest", "ann")
        rate.give("rest", "ann")
    rate.take("rest", "ann")


def test_threads_get_no_more_than_there_is(clock: Clock) -> None:
    rate = Rate(500, 500)

    def ask(_: int) -> int:
        try:
            rate.take("subject", "ann")
        except Exhausted:
            return 0
        return 1

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(ask, range(2000))) == 500


def test_it_costs_microseconds_however_often_it_is_asked() -> None:
    rate = Rate(1_000_000, 60)
    started = time.perf_counter()
    for _ in range(10_000):
        rate.take("subject", "ann")
    assert time.perf_counter() - started < 30, "0.02 s where nothing else runs"


@pytest.fixture
def limited(world: World) -> Iterator[Gateway]:
    """The world's gateway, with five requests a minute for each principal."""
    gateway = Gateway(world.settings.model_copy(update={"rate_limit": 5}))
    yield gateway
    gateway.close()


def test_every_door_takes_from_one_bucket(limited: Gateway) -> None:
    opened = [limited.open(password("analyst"), port) for port in ("rest", "flightsql", "rest", "hub", "rest")]
    assert [one.quota.remaining for one in opened if one.quota] == [4, 3, 2, 1, 0]
    with pytest.raises(Exhausted) as caught:
        limited.open(password("analyst"), "flightsql")
    assert caught.value.reason == "rate"
    assert limited.open(password("steward"), "rest").quota is not None


def test_a_refusal_for_its_rate_is_on_record(limited: Gateway, world: World) -> None:
    for _ in range(5):
        limited.open(password("clerk"), "rest")
    with pytest.raises(Exhausted) as caught:
        limited.open(password("clerk"), "rest")
    lines = [line for file in world.settings.audit.iterdir() for line in file.read_text().splitlines()]
    (line,) = [line for line in lines if caught.value.error_id in line]
    assert '"event":"query_refused"' in line
    assert '"subject":"clerk"' in line
    assert '"reason":"rate"' in line


def guess(gateway: Gateway, port: str, credentials: Credentials | None) -> str:
    try:
        gateway.open(credentials, port)
    except (Unauthenticated, Exhausted) as error:
        return error.reason
    return "admitted"


@pytest.fixture
def guarded(tmp_path: Path, world: World) -> Iterator[Gateway]:
    """A gateway of its own, with one principal."""
    settings = world.settings.model_copy(update={"state": tmp_path})
    Directory(settings.principals, load(settings)).add("ann", "person", {}, "open sesame")
    gateway = Gateway(settings)
    yield gateway
    gateway.close()


@pytest.mark.parametrize("subject", ["ann", "nobody"])
def test_guessing_a_password_becomes_slow_whether_the_name_is_known_or_not(guarded: Gateway, subject: str) -> None:
    told = [guess(guarded, "rest", Password(subject, f"guess {i}")) for i in range(GUESSES + 5)]
    assert told[:GUESSES] == ["wrong"] * GUESSES
    assert set(told[GUESSES + 1 :]) == {"rate"}
    assert guess(guarded, "rest", Password("somebody else", "x")) == "wrong"
    assert guess(guarded, "flightsql", Password(subject, "x")) == "wrong"


def test_who_signs_in_already_is_not_locked_out_by_a_guesser(guarded: Gateway) -> None:
    assert guess(guarded, "rest", Password("ann", "open sesame")) == "admitted"
    for i in range(GUESSES + 5):
        guess(guarded, "rest", Password("ann", f"guess {i}"))
    assert guess(guarded, "rest", Password("ann", "another guess")) == "rate"
    assert guess(guarded, "rest", Password("ann", "open sesame")) == "admitted"


def test_tokens_and_keys_pass_whatever_is_guessed(guarded: Gateway) -> None:
    directory = Directory(guarded.settings.principals, load(guarded.settings))
    key, token = directory.add_key("ann", 60), directory.issue_token("ann", 60)
    for i in range(GUESSES + 5):
        guess(guarded, "rest", Password("ann", f"guess {i}"))
    assert guess(guarded, "rest", Bearer(key)) == "admitted"
    assert guess(guarded, "rest", Bearer(token)) == "admitted"


def test_the_right_password_uses_up_no_guess(guarded: Gateway) -> None:
    sessions: list[Session] = [guarded.open(Password("ann", "open sesame"), "rest") for _ in range(3 * GUESSES)]
    assert {one.principal.subject for one in sessions} == {"ann"}


class Wrong(Exception):
    pass


def wrong(guesses: Guesses, subject: str, address: str, times: int = 1) -> None:
    for _ in range(times):
        with pytest.raises(Wrong), guesses.guessed("postgres", subject, address):
            raise Wrong


def taken(guesses: Guesses, subject: str, address: str) -> bool:
    """Whether the right password is taken now."""
    try:
        with guesses.guessed("postgres", subject, address):
            return True
    except Exhausted:
        return False


def test_who_guesses_at_one_address_keeps_nobody_out_at_another(clock: Clock) -> None:
    guesses = Guesses(shared=False)
    wrong(guesses, "ann", "192.0.2.1", GUESSES)
    assert not taken(guesses, "ann", "192.0.2.1")
    assert taken(guesses, "ben", "192.0.2.1")
    assert taken(guesses, "ann", "192.0.2.2")


def test_many_addresses_keep_nobody_out_where_the_name_has_signed_in_from(clock: Clock) -> None:
    guesses = Guesses(shared=False)
    assert taken(guesses, "ann", "198.51.100.7")
    for i in range(TOGETHER):
        wrong(guesses, "ann", f"192.0.2.{i}", GUESSES)
    assert not taken(guesses, "ann", "192.0.2.200")
    assert taken(guesses, "ann", "198.51.100.7")
    wrong(guesses, "ann", "198.51.100.7", GUESSES)
    assert not taken(guesses, "ann", "198.51.100.7")


def test_a_network_of_its_own_is_one_address(clock: Clock) -> None:
    guesses = Guesses(shared=False)
    for i in range(GUESSES):
        wrong(guesses, "ann", f"2001:db8::{i:x}")
    assert not taken(guesses, "ann", "2001:db8::ffff")
    assert taken(guesses, "ann", "2001:db8:0:1::1")
    wrong(guesses, "ann", "::ffff:192.0.2.1", GUESSES)
    assert not taken(guesses, "ann", "192.0.2.1")


def test_failed_sign_ins_at_a_door_have_a_limit_too(limited: Gateway) -> None:
    told = [guess(limited, "rest", None) for _ in range(7)]
    assert told[:5] == ["missing"] * 5
    assert told[-1] == "rate"
    assert guess(limited, "rest", password("analyst")) == "admitted"


def test_what_others_have_taken_is_taken_here_too() -> None:
    here, there = Rate(10, 1, shared=True), Rate(10, 1, shared=True)
    for _ in range(6):
        here.take("subject", "ann")
    here.take("subject", "ben")
    here.give("subject", "ben")
    there.spent(here.news())
    assert here.news() == []
    assert [there.take("subject", "ann").remaining for _ in range(4)] == [3, 2, 1, 0]
    with pytest.raises(Exhausted):
        there.take("subject", "ann")
    assert there.take("subject", "ben").remaining == 9
    here.spent(there.news())
    with pytest.raises(Exhausted):
        here.take("subject", "ann")
