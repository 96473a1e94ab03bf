"""Every door behind TLS by one setting: who is let in, who is not, over real sockets and with real clients."""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import adbc_driver_flightsql.dbapi as adbc
import adbc_driver_manager
import httpx
import pyarrow.flight as fl
import pytest

from gateway import Password
from gateway.settings import SettingsError
from ports.flight.server import FlightPort
from ports.http.server import HttpPort
from ports.postgres.server import PostgresPort
from tests.certificates import Authority, Pair, Resettled
from tests.conftest import World

QUESTION = "SELECT count(*) AS n FROM shop.orders"
OPTION = "adbc.flight.sql.client_option"


@dataclass(frozen=True)
class Secured:
    """Both doors open behind one certificate, and how their clients trust it."""

    authority: Authority
    http: tuple[str, int]
    flight: tuple[str, int]
    trust: bytes = b""

    @property
    def roots(self) -> str:
        """What Flight's clients trust."""
        return (self.trust or self.authority.cert.read_bytes()).decode()

    def web(self, own: Pair | None = None) -> httpx.Client:
        """A web client of the steward's, with a certificate of its own where one is given."""
        trust = self.authority.trusted()
        if own is not None:
            trust.load_cert_chain(own.cert, own.key)
        base = f"https://{self.http[0]}:{self.http[1]}"
        return httpx.Client(base_url=base, auth=("steward", "steward-secret"), verify=trust, timeout=60)

    def count(self, own: Pair | None = None) -> Any:
        """The answer to QUESTION over Flight SQL by ADBC."""
        options = {f"{OPTION}.tls_root_certs": self.roots}
        if own is not None:
            options |= {f"{OPTION}.mtls_cert_chain": own.cert.read_text()}
            options |= {f"{OPTION}.mtls_private_key": own.key.read_text()}
        proof = {"username": "steward", "password": "steward-secret", **options}
        with adbc.connect(self.url("grpc+tls"), db_kwargs=proof, autocommit=True) as door, door.cursor() as cursor:
            cursor.execute(QUESTION)
            return cursor.fetchone()[0]

    def raw(self, own: Pair | None = None) -> fl.FlightClient:
        """A pyarrow client, not signed in."""
        shown = {} if own is None else {"cert_chain": own.cert.read_text(), "private_key": own.key.read_text()}
        return fl.connect(self.url("grpc+tls"), tls_root_certs=self.roots, **shown)

    def url(self, scheme: str) -> str:
        return f"{scheme}://{self.flight[0]}:{self.flight[1]}"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module", params=["server certificate", "both certificates"])
def secured(
    request: pytest.FixtureRequest, world: World, authority: Authority
) -> Iterator[tuple[Secured, Pair | None]]:
    """Open doors, and the certificate that a client shows there."""
    pair, mutual = authority.server("127.0.0.1", "localhost"), request.param == "both certificates"
    given: Any = Resettled(
        world.gateway, tls_cert=pair.cert, tls_key=pair.key, tls_client_ca=authority.cert if mutual else None
    )
    http, flight = HttpPort(given), FlightPort(given)
    http.start()
    flight.start()
    yield Secured(authority, http.address, flight.address), authority.client() if mutual else None
    http.stop()
    flight.stop()


def test_both_doors_answer_behind_one_certificate(secured: tuple[Secured, Pair | None]) -> None:
    doors, own = secured
    with doors.web(own) as client:
        assert client.post("/sql", json={"sql": QUESTION}).json()["data"] == [{"n": 1800}]
    assert doors.count(own) == 1800
    with doors.raw(own) as client:
        name, value = client.authenticate_basic_token("steward", "steward-secret")
        assert (name, value.startswith(b"Bearer ")) == (b"authorization", True)


def test_a_certificate_is_no_credential(secured: tuple[Secured, Pair | None]) -> None:
    doors, own = secured
    with doors.web(own) as client:
        assert client.get("/products", auth=None).status_code == 401  # type: ignore[arg-type]
    with doors.raw(own) as client, pytest.raises(fl.FlightUnauthenticatedError):
        client.get_flight_info(fl.FlightDescriptor.for_command(b""))


def test_a_client_of_another_authority_is_not_reached(secured: tuple[Secured, Pair | None], tmp_path: Any) -> None:
    doors, own = secured
    astray = Secured(Authority(tmp_path, "another"), doors.http, doors.flight)
    with astray.web(own) as client, pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
        client.get("/health")
    with pytest.raises(adbc_driver_manager.Error):
        astray.count(own)


def test_plain_text_on_the_tls_ports_gets_no_answer(secured: tuple[Secured, Pair | None]) -> None:
    doors, _ = secured
    with pytest.raises(httpx.TransportError):
        httpx.get(f"http://{doors.http[0]}:{doors.http[1]}/health")
    with fl.connect(doors.url("grpc")) as client, pytest.raises(fl.FlightError):
        client.authenticate_basic_token("steward", "steward-secret")


@pytest.mark.parametrize("stranger", [False, True], ids=["no certificate", "one of another authority"])
def test_where_certificates_are_asked_for_nobody_gets_in_without_a_right_one(
    secured: tuple[Secured, Pair | None], tmp_path: Any, stranger: bool
) -> None:
    doors, own = secured
    if own is None:
        assert doors.count() == 1800
        return
    wrong = Authority(tmp_path, "another").client() if stranger else None
    with doors.web(wrong) as client, pytest.raises(httpx.TransportError):
        client.get("/health")
    with doors.raw(wrong) as client, pytest.raises(fl.FlightError):
        client.authenticate_basic_token("steward", "steward-secret")
    with pytest.raises(adbc_driver_manager.Error):
        doors.count(wrong)


def client_hello(version: bytes) -> bytes:
    """A ClientHello of TLS up to 1.2 (RFC 5246, 7.4.1.2) that offers `version` and nothing newer."""
    suites = bytes.fromhex("c009c00ac013c014c02bc02fc02cc030002f0035009c009d")
    curves = bytes.fromhex("000a000400020017" + "000b00020100" + "000d00080006040304010201")
    extensions = len(curves).to_bytes(2, "big") + curves
    body = version + bytes(32) + b"\x00" + len(suites).to_bytes(2, "big") + suites + b"\x01\x00" + extensions
    message = b"\x01" + len(body).to_bytes(3, "big") + body
    return b"\x16\x03\x01" + len(message).to_bytes(2, "big") + message


@pytest.mark.parametrize("door", ["http", "flight"])
def test_tls_below_1_2_is_refused(secured: tuple[Secured, Pair | None], door: str) -> None:
    doors, _ = secured
    at: tuple[str, int] = getattr(doors, door)
    assert begins(at, b"\x03\x03")
    assert not begins(at, b"\x03\x02")
    assert not begins(at, b"\x03\x01")


def begins(at: tuple[str, int], version: bytes) -> bool:
    """Whether the server answers a ClientHello of `version` with a handshake record of its own."""
    with socket.create_connection(at, timeout=60) as connection:
        connection.sendall(client_hello(version))
        with contextlib.suppress(ConnectionResetError):
            return connection.recv(64)[:1] == b"\x16"
    return False


def test_a_door_does_not_open_with_a_wrong_certificate(world: World, authority: Authority) -> None:
    pair, other = authority.server("127.0.0.1"), authority.server("127.0.0.1", file="other")
    given: Any = Resettled(world.gateway, tls_cert=pair.cert, tls_key=other.key)
    for port in (HttpPort(given), FlightPort(given)):
        with pytest.raises(SettingsError, match="tls_key"):
            port.start()


@pytest.fixture
def renewable(world: World, tmp_path: Path) -> Iterator[tuple[Authority, Pair, dict[str, tuple[str, int]]]]:
    """An authority, a server's files, and the doors that show them and let in that authority's clients only."""
    authority = Authority(tmp_path)
    pair = authority.server("127.0.0.1")
    given: Any = Resettled(world.gateway, tls_cert=pair.cert, tls_key=pair.key, tls_client_ca=authority.cert)
    ports = HttpPort(given), PostgresPort(given), FlightPort(given)
    for port in ports:
        port.start()
    yield authority, pair, {port.name: port.address for port in ports}
    for port in ports:
        port.stop()


@pytest.mark.parametrize("door", ["http", "postgres", "flight"])
def test_a_renewed_certificate_is_shown_at_the_next_handshake(
    renewable: tuple[Authority, Pair, dict[str, tuple[str, int]]], door: str, caplog: pytest.LogCaptureFixture
) -> None:
    authority, pair, at = renewable
    own, trust = authority.client(), authority.trusted()
    trust.load_cert_chain(own.cert, own.key)
    with shaken(door, at[door], trust) as first:
        before = first.getpeercert(True)
        key = pair.key.read_bytes()
        authority.server("127.0.0.1")
        renewed = pair.key.read_bytes()
        pair.key.write_bytes(key)
        with shaken(door, at[door], trust) as half:
            assert half.getpeercert(True) == before
        assert "tls_key: the key is not that of the first certificate" in caplog.text
        pair.key.write_bytes(renewed)
        with shaken(door, at[door], trust) as second:
            assert second.getpeercert(True) not in {before, None}
            assert second.getpeercert(True) == ssl.PEM_cert_to_DER_cert(pair.cert.read_text())
        assert first.fileno() >= 0
    if door == "flight":
        assert Secured(authority, at["http"], at["flight"]).count(own) == 1800
    if door == "http":
        base = f"https://{at[door][0]}:{at[door][1]}"
        assert httpx.get(f"{base}/health", verify=trust).status_code == 200


def test_renewed_authorities_decide_who_is_let_in(
    renewable: tuple[Authority, Pair, dict[str, tuple[str, int]]], tmp_path: Path
) -> None:
    authority, _, at = renewable
    own = authority.client()
    mine, theirs = authority.trusted(), authority.trusted()
    mine.load_cert_chain(own.cert, own.key)
    another = Authority(tmp_path / "another", "another")
    other = another.client()
    theirs.load_cert_chain(other.cert, other.key)
    url = f"https://{at['http'][0]}:{at['http'][1]}/health"
    assert httpx.get(url, verify=mine).status_code == 200
    with pytest.raises(httpx.TransportError):
        httpx.get(url, verify=theirs)
    flight = Secured(authority, at["http"], at["flight"])
    with pytest.raises(adbc_driver_manager.Error):
        flight.count(other)
    trust = authority.cert.read_bytes()
    authority.cert.write_bytes(another.cert.read_bytes())
    assert httpx.get(url, verify=theirs).status_code == 200
    with pytest.raises(httpx.TransportError):
        httpx.get(url, verify=mine)
    trusting = replace(flight, trust=trust)
    assert trusting.count(other) == 1800
    with pytest.raises(adbc_driver_manager.Error):
        trusting.count(own)


@pytest.mark.parametrize("door", ["http", "postgres", "flight"])
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_authorities_that_were_taken_out_let_nobody_resume(
    renewable: tuple[Authority, Pair, dict[str, tuple[str, int]]], tmp_path: Path, door: str, version: ssl.TLSVersion
) -> None:
    authority, _, at = renewable
    own, trust = authority.client(), authority.trusted()
    trust.load_cert_chain(own.cert, own.key)
    trust.maximum_version = version
    with shaken(door, at[door], trust) as first:
        assert answered(door, first)
        session = first.session
    with shaken(door, at[door], trust, session) as second:
        assert answered(door, second)
        assert second.session_reused == (version is ssl.TLSVersion.TLSv1_2)
    authority.cert.write_bytes(Authority(tmp_path / "another", "another").cert.read_bytes())
    with contextlib.suppress(ssl.SSLError), shaken(door, at[door], trust, session) as third:
        assert not answered(door, third)


def answered(door: str, secure: ssl.SSLSocket) -> bytes:
    """Say something that the door answers; the first of what it says."""
    startup = struct.pack("!ii", 39, 196608) + b"user\0analyst\0database\0outport\0\0"
    preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(3) + b"\x04" + bytes(5)
    web = b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n"
    secure.sendall({"http": web, "postgres": startup, "flight": preface}[door])
    return secure.recv(1)


@contextlib.contextmanager
def shaken(
    door: str, at: tuple[str, int], trust: ssl.SSLContext, session: ssl.SSLSession | None = None
) -> Iterator[ssl.SSLSocket]:
    """A connection after its handshake, which at the Postgres door is asked for (SSLRequest)."""
    with socket.create_connection(at, timeout=60) as plain:
        if door == "postgres":
            plain.sendall(struct.pack("!ii", 8, 80877103))
            assert plain.recv(1) == b"S"
        with trust.wrap_socket(plain, server_hostname=at[0], session=session) as secure:
            yield secure


def test_an_idle_connection_does_not_hold_up_the_end(world: World, authority: Authority) -> None:
    pair = authority.server("127.0.0.1")
    given: Any = Resettled(world.gateway, tls_cert=pair.cert, tls_key=pair.key, drain_s=120)
    http = HttpPort(given)
    http.start()
    with Secured(authority, http.address, http.address).web() as client:
        assert client.get("/health").status_code == 200
        started = time.monotonic()
        http.stop()
        assert time.monotonic() - started < 60


def test_tls_takes_nothing_from_who_may_see_what(secured: tuple[Secured, Pair | None], world: World) -> None:
    doors, own = secured
    with doors.web(own) as client:
        answer = client.get("/products/hr/salaries", auth=("analyst", "analyst-secret"))
    assert answer.status_code == 404
    assert world.gateway.open(Password("steward", "steward-secret"), "rest").principal.subject == "steward"
