"""Where a server may listen: what is for the demo stays on this machine, however the address is spelled."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.access.identity import Directory
from gateway.access.keys import Keys
from gateway.settings import Settings, SettingsError
from ports.command import doors
from ports.command.doors import Reach
from ports.command.serve import Guard
from tests.certificates import Authority

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
    Guard(people, demo=False, tls=True).check(("127.0.0.1", host))
    with pytest.raises(SettingsError, match="loopback"):
        Guard(people, demo=True, tls=True).check(("127.0.0.1", host))
    people.add("alice", "person", {}, "alice-demo")
    Guard(people, demo=False, tls=False).check(("127.0.0.1", "localhost"))
    with pytest.raises(SettingsError, match="loopback"):
        Guard(people, demo=False, tls=True).check(("127.0.0.1", host))


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1"])
def test_no_credentials_go_to_other_machines_without_tls(people: Directory, host: str) -> None:
    Guard(people, demo=False, tls=False).check(("127.0.0.1",))
    with pytest.raises(SettingsError, match="tls_cert and tls_key"):
        Guard(people, demo=False, tls=False).check(("127.0.0.1", host))


def test_where_a_server_listens_is_noted_and_forgotten(tmp_path: Path) -> None:
    settings = Settings(state=tmp_path, host="0.0.0.0")
    assert doors.reach(settings, "http") == Reach(("127.0.0.1", 8080))
    doors.note(settings, {"http": ("127.0.0.1", 1234)})
    assert doors.noted(settings) == doors.Doors(os.getpid(), {"http": ("127.0.0.1", 1234)}, {})
    assert doors.reach(settings, "http") == Reach(("127.0.0.1", 1234))
    assert doors.reach(settings, "flight") == Reach(("127.0.0.1", 8815))
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
    assert Reach(("::1", 80)).http == "http://[::1]:80"
    assert Reach(("127.0.0.1", 80)).flight == "grpc://127.0.0.1:80"
    trust = doors.Trust(None, mutual=False)
    assert Reach(("::1", 80), trust).http == "https://[::1]:80"
    assert Reach(("127.0.0.1", 80), trust).flight == "grpc+tls://127.0.0.1:80"


@pytest.mark.parametrize(
    ("names", "host", "reached"),
    [
        (("data.example.org", "127.0.0.1"), "127.0.0.1", "127.0.0.1"),
        (("data.example.org", "127.0.0.1"), "0.0.0.0", "data.example.org"),
        (("*.example.org",), "data.example.org", "data.example.org"),
        (("*.example.org", "data.example.org"), "192.0.2.1", "data.example.org"),
        ((), "::", "::1"),
    ],
)
def test_clients_are_told_a_name_that_the_certificate_has(
    tmp_path: Path, names: tuple[str, ...], host: str, reached: str
) -> None:
    authority = Authority(tmp_path)
    pair = authority.server(*names)
    settings = Settings(state=tmp_path, host=host, tls_cert=pair.cert, tls_key=pair.key)
    assert doors.reach(settings, "http") == Reach((reached, 8080), doors.Trust(None, mutual=False))
    both = settings.model_copy(update={"tls_ca": authority.cert, "tls_client_ca": authority.cert})
    assert doors.reach(both, "http").trust == doors.Trust(authority.cert, mutual=True)
    doors.note(both, {"http": ("127.0.0.1", 1)})
    assert doors.reach(settings, "http").trust == doors.Trust(authority.cert, mutual=True)


def test_a_certificate_that_signed_itself_is_its_own_authority(tmp_path: Path) -> None:
    own = Authority(tmp_path).cert
    assert doors.reach(Settings(state=tmp_path, tls_cert=own), "http").trust == doors.Trust(own, mutual=False)
