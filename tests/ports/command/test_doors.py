"""Where a server may listen: what is for the demo stays on this machine, however the address is spelled."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.identity import Directory
from gateway.keys import Keys
from gateway.settings import Settings, SettingsError
from ports.command import doors
from ports.command.serve import Guard

KEYS = Keys(b"a secret of the tests, 32 bytes long")


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.8.7", "localhost", "::1", "::ffff:127.0.0.1"])
def test_loopback_is_known_under_all_its_names(host: str) -> None:
    assert doors.beyond_loopback(host) == ()


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "0", "::ffff:192.0.2.1", "2001:db8::1", "0x0"])
def test_every_other_address_is_known_as_open(host: str) -> None:
    assert doors.beyond_loopback(host) != ()


def test_a_name_counts_as_every_address_that_it_stands_for(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [(2, 1, 6, "", ("127.0.0.1", 0)), (2, 1, 6, "", ("192.0.2.7", 0))]
    monkeypatch.setattr(doors.socket, "getaddrinfo", lambda *_, **__: found)
    assert doors.beyond_loopback("both.example") == ("192.0.2.7",)


def test_a_name_that_stands_for_nothing_is_an_error_of_the_settings() -> None:
    with pytest.raises(SettingsError, match="no address"):
        doors.beyond_loopback("no such host")


@pytest.fixture
def people(tmp_path: Path) -> Directory:
    made = Directory(tmp_path / "principals.yaml", KEYS)
    made.add("ann", "person", {}, "open sesame")
    return made


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1"])
def test_demo_credentials_are_never_served_to_other_machines(people: Directory, host: str) -> None:
    Guard(people, demo=False).check(("127.0.0.1", host))
    with pytest.raises(SettingsError, match="loopback"):
        Guard(people, demo=True).check(("127.0.0.1", host))
    people.add("alice", "person", {}, "alice-demo")
    Guard(people, demo=False).check(("127.0.0.1", "localhost"))
    with pytest.raises(SettingsError, match="loopback"):
        Guard(people, demo=False).check(("127.0.0.1", host))


def test_where_a_server_listens_is_noted_and_forgotten(tmp_path: Path) -> None:
    settings = Settings(state=tmp_path, host="0.0.0.0")
    assert doors.address(settings, "http") == ("127.0.0.1", 8080)
    doors.note(settings, {"http": ("127.0.0.1", 1234)})
    assert doors.noted(settings) == doors.Doors(os.getpid(), {"http": ("127.0.0.1", 1234)})
    assert doors.address(settings, "http") == ("127.0.0.1", 1234)
    assert doors.address(settings, "flight") == ("127.0.0.1", 8815)
    doors.forget(settings)
    assert doors.noted(settings) is None


def test_the_note_of_a_process_that_died_counts_for_nothing(tmp_path: Path) -> None:
    settings = Settings(state=tmp_path)
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    doors.note(settings, {"http": ("127.0.0.1", 1)})
    file = tmp_path / "doors.json"
    file.write_text(file.read_text().replace(str(os.getpid()), str(ended.pid)))
    assert doors.noted(settings) is None
    for damaged in ("", "[]", "{}", '{"pid": 1, "addresses": 3}'):
        file.write_text(damaged)
        assert doors.noted(settings) is None


def test_an_ipv6_address_stands_in_brackets() -> None:
    assert doors.url("http", ("::1", 80)) == "http://[::1]:80"
    assert doors.url("grpc", ("127.0.0.1", 80)) == "grpc://127.0.0.1:80"
