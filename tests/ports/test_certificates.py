"""Client certificates that prove a principal, and sign-in bound to the server's certificate, over real TLS."""

from __future__ import annotations

import hashlib
import os
import socket
import ssl
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from gateway.identity import Directory
from gateway.keys import load
from ports.http.server import HttpPort
from ports.postgres.server import PostgresPort
from tests.certificates import Authority, Pair, Resettled
from tests.conftest import World
from tests.gateway.test_sasl import bound as proved
from tests.ports.postgres.conftest import Raw, error, eventually

COUNT = "SELECT count(*) AS n FROM shop.customers"
NAME = "uri:spiffe://corp.example/analyst"


@dataclass
class Secured:
    """The web's and the Postgres door behind TLS; `mutual` ones ask for client certificates."""

    authority: Authority
    server: Pair
    http: tuple[str, int]
    postgres: tuple[str, int]

    def web(self, own: Pair | None = None, **given: Any) -> httpx.Client:
        trust = self.authority.trusted()
        if own is not None:
            trust.load_cert_chain(own.cert, own.key)
        return httpx.Client(base_url=f"https://{self.http[0]}:{self.http[1]}", verify=trust, **given)

    def connect(self, own: Pair | None = None, **given: str) -> psycopg.Connection[Any]:
        files = {} if own is None else {"sslcert": str(own.cert), "sslkey": str(own.key)}
        named = {"sslmode": "verify-full", "sslrootcert": str(self.authority.cert), "dbname": "outport"} | files | given
        return psycopg.connect(host=self.postgres[0], port=self.postgres[1], **named)  # type: ignore[arg-type]

    def raw(self) -> Raw:
        """A connection as bytes, behind TLS, that has not begun to sign in."""
        made = Raw(self.postgres)
        made.socket.sendall(struct.pack("!ii", 8, 80877103))
        assert made.socket.recv(1) == b"S"
        made.socket = self.authority.trusted().wrap_socket(made.socket, server_hostname=self.postgres[0])
        return made


def opened(world: World, folder: Path, mutual: bool) -> Iterator[Secured]:
    authority = Authority(folder)
    server = authority.server("127.0.0.1")
    asked = authority.cert if mutual else None
    given: Any = Resettled(world.gateway, tls_cert=server.cert, tls_key=server.key, tls_client_ca=asked)
    http, postgres = HttpPort(given), PostgresPort(given)
    http.start()
    postgres.start()
    yield Secured(authority, server, http.address, postgres.address)
    http.stop()
    postgres.stop()


@pytest.fixture(scope="module")
def plain(world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    yield from opened(world, tmp_path_factory.mktemp("plain"), False)


@pytest.fixture(scope="module")
def mutual(world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    yield from opened(world, tmp_path_factory.mktemp("mutual"), True)


@pytest.fixture
def people(world: World) -> Iterator[Directory]:
    """The directory, in which one name proves the analyst."""
    directory = Directory(world.settings.principals, load(world.settings))
    directory.add_certificate("analyst", NAME)
    yield directory
    if NAME in {name for entry in directory.entries() for name in entry.certificates}:
        directory.remove_certificate("analyst", NAME)


def test_libpq_binds_to_the_channel_where_it_is_told_to(plain: Secured) -> None:
    for wish in ("require", "prefer", "disable"):
        with plain.connect(user="analyst", password="analyst-secret", channel_binding=wish) as connection:
            assert connection.execute(COUNT).fetchone() == (300,)
    with pytest.raises(psycopg.OperationalError, match="wrong name or password"):
        plain.connect(user="analyst", password="wrong", channel_binding="require")


def test_without_tls_no_channel_is_offered(world: World) -> None:
    port = PostgresPort(world.gateway)
    port.start()
    try:
        host, number = port.address
        asked = {"user": "analyst", "password": "analyst-secret", "dbname": "outport", "channel_binding": "require"}
        with pytest.raises(psycopg.OperationalError, match="channel binding"):
            psycopg.connect(host=host, port=number, **asked)  # type: ignore[arg-type]
    finally:
        port.stop()


def begun(client: Raw) -> tuple[bytes, bytes]:
    """Send the startup message; what the server asks for."""
    body = struct.pack("!i", 196608) + b"user\0analyst\0database\0outport\0\0"
    client.socket.sendall(struct.pack("!i", len(body) + 4) + body)
    return client.read()


@pytest.mark.parametrize(
    ("mechanism", "header", "state"),
    [
        (b"SCRAM-SHA-256", b"n,,", None),
        (b"SCRAM-SHA-256-PLUS", b"p=tls-server-end-point,,", None),
        (b"SCRAM-SHA-256", b"y,,", "28P01"),
        (b"SCRAM-SHA-256", b"p=tls-server-end-point,,", "28P01"),
        (b"SCRAM-SHA-256-PLUS", b"n,,", "28P01"),
        (b"SCRAM-SHA-256-PLUS", b"p=tls-unique,,", "28P01"),
    ],
)
def test_binding_is_offered_first_and_a_downgrade_is_refused(
    plain: Secured, mechanism: bytes, header: bytes, state: str | None
) -> None:
    with plain.raw() as client:
        assert begun(client) == (b"R", struct.pack("!i", 10) + b"SCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0\0")
        first = header + b"n=,r=nonce"
        client.send(b"p", mechanism + b"\0" + struct.pack("!i", len(first)) + first)
        answer = client.read()
        if state is None:
            assert answer[0] == b"R"
            assert answer[1][:4] == struct.pack("!i", 11)
        else:
            assert error([answer])["C"] in {state, "28000"}


def test_a_proof_over_another_certificate_is_refused(plain: Secured) -> None:
    shown = hashlib.sha256(ssl.PEM_cert_to_DER_cert(plain.server.cert.read_text())).digest()
    for digest, kind in ((shown, b"R"), (hashlib.sha256(b"in the middle").digest(), b"E")):
        with plain.raw() as client:
            begun(client)
            header = b"p=tls-server-end-point,,"
            first = header + b"n=,r=nonce"
            client.send(b"p", b"SCRAM-SHA-256-PLUS\0" + struct.pack("!i", len(first)) + first)
            _, told = client.read()
            final, _ = proved(first, header, digest, told[4:], b"analyst-secret")
            client.send(b"p", final)
            assert client.read()[0] == kind


def test_a_certificate_proves_its_principal_at_both_doors(mutual: Secured, people: Directory) -> None:
    own = mutual.authority.client("analyst", NAME)
    with mutual.web(own) as client:
        assert client.post("/sql", json={"sql": COUNT}).json()["data"] == [{"n": 300}]
    with mutual.connect(own, user="analyst") as connection:
        assert connection.execute(COUNT).fetchone() == (300,)
        assert connection.execute("SELECT current_user").fetchone() == ("analyst",)


def test_a_certificate_proves_no_one_else(mutual: Secured, people: Directory) -> None:
    own, unnamed = mutual.authority.client("analyst", NAME), mutual.authority.client("other", f"{NAME}2")
    with mutual.web(unnamed) as client:
        assert client.post("/sql", json={"sql": COUNT}).status_code == 401
        assert client.post("/sql", json={"sql": COUNT}, auth=("steward", "steward-secret")).json()["data"] == [
            {"n": 600}
        ]
    with mutual.web(own) as client:
        assert client.post("/sql", json={"sql": COUNT}, auth=("steward", "steward-secret")).json()["data"] == [
            {"n": 600}
        ]
        assert client.post("/sql", json={"sql": COUNT}, auth=("steward", "wrong")).status_code == 401
    for pair, user in ((own, "steward"), (unnamed, "analyst")):
        with pytest.raises(psycopg.OperationalError, match=r"password|wrong"):
            mutual.connect(pair, user=user, password="wrong")
        with mutual.connect(pair, user=user, password=f"{user}-secret") as connection:
            assert connection.execute("SELECT current_user").fetchone() == (user,)


@pytest.mark.parametrize("how", ["name", "bar"])
def test_a_connection_ends_within_seconds_of_its_certificate(mutual: Secured, people: Directory, how: str) -> None:
    own = mutual.authority.client("analyst", NAME)
    der = ssl.PEM_cert_to_DER_cert(own.cert.read_text())
    barred = f"sha256:{hashlib.sha256(der).hexdigest()}"
    with mutual.connect(own, user="analyst", password="wrong") as connection:
        if how == "name":
            people.remove_certificate("analyst", NAME)
        else:
            people.bar(barred)
        try:
            eventually(lambda: connection.pgconn.socket >= 0 and closed(connection.pgconn.socket))
            with mutual.web(own) as client:
                assert client.post("/sql", json={"sql": COUNT}).status_code == 401
        finally:
            if how == "bar":
                people.unbar(barred)


def closed(number: int) -> bool:
    """Whether the server has said its last word on a socket."""
    looked = socket.socket(fileno=os.dup(number))
    try:
        looked.setblocking(False)
        looked.recv(1, socket.MSG_PEEK)
    except BlockingIOError:
        return False
    finally:
        looked.close()
    return True
