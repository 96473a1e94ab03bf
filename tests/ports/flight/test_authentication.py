"""Who may call the Flight door: Basic and Bearer, on every call, and the token of the handshake."""

from __future__ import annotations

import threading
import time

import pyarrow.flight as fl
import pytest

from ports.flight import messages as m
from ports.flight.authentication import TOKEN_S, Authentication
from tests.ports.flight.conftest import Flight

CUSTOMERS = m.CommandStatementQuery("SELECT * FROM shop.customers")


def test_without_good_credentials_every_call_is_refused_alike(flight: Flight) -> None:
    known, unknown = (
        m.CommandStatementQuery("SELECT * FROM shop.orders"),
        m.CommandStatementQuery("SELECT * FROM no.no"),
    )
    for headers in (
        [],
        [(b"authorization", b"Basic c3Rld2FyZDp3cm9uZw==")],
        [(b"authorization", b"Basic !!!")],
        [(b"authorization", b"Basic c3Rld2FyZA")],
        [(b"authorization", b"Bearer nonsense")],
        [(b"authorization", b"Bearer a.b.c")],
        [(b"authorization", b"Negotiate x")],
        [(b"authorization", b"Basic c3Rld2FyZDpzdGV3YXJkLXNlY3JldA")] * 2,
    ):
        words = set()
        for command in (known, unknown, m.CommandGetTables()):
            with fl.connect(flight.url) as client, pytest.raises(fl.FlightUnauthenticatedError) as caught:
                client.get_flight_info(
                    fl.FlightDescriptor.for_command(m.pack(command)), fl.FlightCallOptions(headers=headers)
                )
            words.add(str(caught.value).split(" [")[0])
        assert len(words) == 1


@pytest.mark.parametrize("value", [b"Basic c3Rld2FyZDpzdGV3YXJkLXNlY3JldA==", b"basic c3Rld2FyZDpzdGV3YXJkLXNlY3JldA"])
def test_basic_credentials_are_taken_on_every_call_padded_or_not(flight: Flight, value: bytes) -> None:
    with fl.connect(flight.url) as client:
        options = fl.FlightCallOptions(headers=[(b"authorization", value)])
        assert client.get_flight_info(fl.FlightDescriptor.for_command(m.pack(CUSTOMERS)), options).schema


def test_the_bearer_of_a_handshake_hides_the_password_and_ends(flight: Flight, monkeypatch: pytest.MonkeyPatch) -> None:
    with fl.connect(flight.url) as client:
        name, value = client.authenticate_basic_token("steward", "steward-secret")
        assert name == b"authorization"
        assert b"steward" not in value
        assert client.authenticate_basic_token("steward", "steward-secret")[1] != value
        options = fl.FlightCallOptions(headers=[(name, value)])
        descriptor = fl.FlightDescriptor.for_command(m.pack(CUSTOMERS))
        assert client.get_flight_info(descriptor, options).schema
        later = time.time() + TOKEN_S + 2
        monkeypatch.setattr("ports.flight.authentication.time.time", lambda: later)
        with pytest.raises(fl.FlightUnauthenticatedError, match="expired"):
            client.get_flight_info(descriptor, options)


def test_a_bearer_is_renewed_while_it_is_used(flight: Flight, monkeypatch: pytest.MonkeyPatch) -> None:
    door = Authentication(flight.gateway, threading.Event(), None)  # type: ignore[arg-type]
    shake, ask = (fl.CallInfo(method=one) for one in (fl.FlightMethod.HANDSHAKE, fl.FlightMethod.DO_GET))
    basic = {"authorization": ["Basic c3Rld2FyZDpzdGV3YXJkLXNlY3JldA"]}
    token = door.start_call(shake, basic).sending_headers()["authorization"]
    assert door.start_call(ask, {"authorization": [token]}).sending_headers() == {}
    start = time.time()
    monkeypatch.setattr("ports.flight.authentication.time.time", lambda: start + TOKEN_S * 0.75)
    renewed = door.start_call(ask, {"authorization": [token]}).sending_headers()["authorization"]
    monkeypatch.setattr("ports.flight.authentication.time.time", lambda: start + TOKEN_S * 1.5)
    assert door.start_call(ask, {"authorization": [renewed]}).session.principal.subject == "steward"
    with pytest.raises(fl.FlightUnauthenticatedError):
        door.start_call(ask, {"authorization": [token]})
