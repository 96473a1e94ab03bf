"""Client certificates that prove a principal at every door, and sign-in bound to the server's, over real TLS."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import socket
import ssl
import struct
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import adbc_driver_flightsql.dbapi as adbc
import httpx
import psycopg
import pyarrow.flight as fl
import pytest
import websockets.sync.client as websockets
from websockets.exceptions import ConnectionClosed

from gateway.access.identity import Directory
from gateway.access.keys import load
from ports.flight import messages as m
from ports.flight.server import FlightPort
from ports.http.server import HttpPort
from ports.postgres.server import PostgresPort
from tests.certificates import Authority, Pair, Resettled
from tests.conftest import World
from tests.gateway.test_sasl import bound as proved
from tests.ports.postgres.conftest import Raw, error, eventually

COUNT = "SELECT count(*) AS n FROM shop.customers"
# More than there is patience for: it ends because its right does.
LONG = "SELECT a.order_id FROM shop.orders a CROSS JOIN shop.orders b CROSS JOIN shop.orders c"
NAME = "uri:spiffe://corp.example/analyst"


@dataclass
class Flown:
    """A client of the Flight door."""

    client: fl.FlightClient
    options: fl.FlightCallOptions

    def __enter__(self) -> Flown:
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()

    def stream(self, text: str) -> fl.FlightStreamReader:
        command = fl.FlightDescriptor.for_command(m.pack(m.CommandStatementQuery(text)))
        info = self.client.get_flight_info(command, self.options)
        return self.client.do_get(info.endpoints[0].ticket, self.options)

    def count(self) -> int:
        """The answer to COUNT."""
        return int(self.stream(COUNT).read_all()["n"][0].as_py())


@dataclass
class Secured:
    """The doors behind TLS; `mutual` ones ask for client certificates."""

    authority: Authority
    server: Pair
    http: tuple[str, int]
    postgres: tuple[str, int]
    flight: tuple[str, int]

    def web(self, own: Pair | None = None, **given: Any) -> httpx.Client:
        trust = self.authority.trusted()
        if own is not None:
            trust.load_cert_chain(own.cert, own.key)
        return httpx.Client(base_url=f"https://{self.http[0]}:{self.http[1]}", verify=trust, **given)

    def connect(self, own: Pair | None = None, **given: str) -> psycopg.Connection[Any]:
        files = {} if own is None else {"sslcert": str(own.cert), "sslkey": str(own.key)}
        named = {"sslmode": "verify-full", "sslrootcert": str(self.authority.cert), "dbname": "outport"} | files | given
        return psycopg.connect(host=self.postgres[0], port=self.postgres[1], **named)  # type: ignore[arg-type]

    def flown(self, own: Pair | None = None, **headers: str) -> Flown:
        """A Flight SQL client that calls with these headers."""
        shown = {} if own is None else {"cert_chain": own.cert.read_text(), "private_key": own.key.read_text()}
        url = f"grpc+tls://{self.flight[0]}:{self.flight[1]}"
        client = fl.connect(url, tls_root_certs=self.authority.cert.read_text(), **shown)
        given = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
        return Flown(client, fl.FlightCallOptions(headers=given, timeout=60))

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
    http, postgres, flight = HttpPort(given), PostgresPort(given), FlightPort(given)
    for port in (http, postgres, flight):
        port.start()
    yield Secured(authority, server, http.address, postgres.address, flight.address)
    for port in (http, postgres, flight):
        port.stop()


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


def test_a_certificate_proves_its_principal_at_every_door(mutual: Secured, people: Directory) -> None:
    own = mutual.authority.client("analyst", NAME)
    with mutual.flown(own) as door:
        assert door.count() == 300
    option = "adbc.flight.sql.client_option"
    files = {"tls_root_certs": mutual.authority.cert, "mtls_cert_chain": own.cert, "mtls_private_key": own.key}
    options = {f"{option}.{name}": file.read_text() for name, file in files.items()}
    url = f"grpc+tls://{mutual.flight[0]}:{mutual.flight[1]}"
    with adbc.connect(url, db_kwargs=options, autocommit=True) as bulk, bulk.cursor() as cursor:
        cursor.execute(COUNT)
        assert cursor.fetchone() == (300,)
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
    with mutual.flown(unnamed) as door, pytest.raises(fl.FlightUnauthenticatedError, match="proves nobody"):
        door.count()
    with mutual.flown(own, authorization=basic("steward", "steward-secret")) as door:
        assert door.count() == 600
    with (
        mutual.flown(own, authorization=basic("steward", "wrong")) as door,
        pytest.raises(fl.FlightUnauthenticatedError, match="wrong"),
    ):
        door.count()
    for pair, user in ((own, "steward"), (unnamed, "analyst")):
        with pytest.raises(psycopg.OperationalError, match=r"password|wrong"):
            mutual.connect(pair, user=user, password="wrong")
        with mutual.connect(pair, user=user, password=f"{user}-secret") as connection:
            assert connection.execute("SELECT current_user").fetchone() == (user,)


def basic(subject: str, secret: str) -> str:
    return f"Basic {base64.b64encode(f'{subject}:{secret}'.encode()).decode()}"


@pytest.mark.parametrize(("shown", "told"), [((NAME,), "connection_ack"), ((f"{NAME}2",), None)])
def test_a_certificate_proves_its_principal_on_a_web_socket(
    mutual: Secured, people: Directory, shown: tuple[str, ...], told: str | None
) -> None:
    own, trust = mutual.authority.client("socket", *shown), mutual.authority.trusted()
    trust.load_cert_chain(own.cert, own.key)
    url = f"wss://{mutual.http[0]}:{mutual.http[1]}/graphql"
    with websockets.connect(url, ssl=trust, subprotocols=["graphql-transport-ws"]) as client:  # type: ignore[list-item]
        client.send(json.dumps({"type": "connection_init"}))
        if told is None:
            with pytest.raises(ConnectionClosed):
                client.recv(timeout=60)
            assert client.close_code == 4403
            return
        assert json.loads(client.recv(timeout=60))["type"] == told
        asked = {"query": "{ shop { customersConnection(first: 1) { totalCount } } }"}
        client.send(json.dumps({"id": "1", "type": "subscribe", "payload": asked}))
        answer = json.loads(client.recv(timeout=60))
        assert json.loads(client.recv(timeout=60))["type"] == "complete"
        assert answer["payload"]["data"]["shop"]["customersConnection"]["totalCount"] == 300
        people.remove_certificate("analyst", NAME)
        with pytest.raises(ConnectionClosed):
            client.recv(timeout=60)
        assert client.close_code == 4401


HOST = "analyst.corp.example"


@pytest.mark.parametrize(
    ("listed", "shown", "proved"),
    [
        (f"dns:{HOST}", (f"dns:{HOST}",), True),
        (f"dns:{HOST}", ("dns:Analyst.CORP.example",), True),
        (f"dns:{HOST}", (f"uri:{HOST}",), False),
        (f"dns:{HOST}", (f"email:{HOST}",), False),
        (f"dns:{HOST}", (f"dns:x.{HOST}",), False),
        (f"dns:{HOST}", ("dns:*.corp.example",), False),
        (f"dns:{HOST}", (), False),
        (f"email:a@{HOST}", (f"email:a@{HOST}",), True),
        (f"email:a@{HOST}", (f"uri:a@{HOST}",), False),
        (f"email:a@{HOST}", (f"email:A@{HOST}",), False),
        (f"uri:spiffe://{HOST}/a", (f"dns:{HOST}", f"uri:spiffe://{HOST}/a"), True),
        (f"uri:spiffe://{HOST}/a", (f"uri:spiffe://{HOST}/b",), False),
    ],
)
def test_a_name_counts_by_its_kind_and_as_it_stands_at_every_door(
    mutual: Secured, people: Directory, listed: str, shown: tuple[str, ...], proved: bool
) -> None:
    own = mutual.authority.client(HOST, *shown)  # which is its common name too
    people.add_certificate("analyst", listed)
    try:
        with mutual.web(own) as client:
            assert client.post("/sql", json={"sql": COUNT}).status_code == (200 if proved else 401)
            asked = {"query": "{ shop { customers(limit: 1) { customer_id } } }"}
            assert client.post("/graphql", json=asked).status_code == (200 if proved else 401)
        with mutual.flown(own) as door, nullcontext() if proved else pytest.raises(fl.FlightUnauthenticatedError):
            assert door.count() == 300
        with nullcontext() if proved else pytest.raises(psycopg.OperationalError):
            mutual.connect(own, user="analyst", password="wrong").close()
    finally:
        people.remove_certificate("analyst", listed)


def test_a_certificate_of_two_principals_proves_none(mutual: Secured, people: Directory) -> None:
    people.add_certificate("steward", f"dns:{HOST}")
    own = mutual.authority.client("both", NAME, f"dns:{HOST}")
    try:
        with mutual.web(own) as client:
            assert client.post("/sql", json={"sql": COUNT}).status_code == 401
        with mutual.flown(own) as door, pytest.raises(fl.FlightUnauthenticatedError):
            door.count()
    finally:
        people.remove_certificate("steward", f"dns:{HOST}")


@pytest.mark.parametrize("which", ["ended", "of another authority", "none"])
def test_who_shows_no_certificate_that_is_taken_reaches_no_door(mutual: Secured, tmp_path: Path, which: str) -> None:
    own = {
        "ended": lambda: mutual.authority.client("ended", NAME, ends=timedelta(hours=-1)),
        "of another authority": lambda: Authority(tmp_path, "another").client("analyst", NAME),
        "none": lambda: None,
    }[which]()
    with mutual.web(own) as client, pytest.raises(httpx.TransportError):
        client.get("/health")
    with mutual.flown(own, authorization=basic("steward", "steward-secret")) as door, pytest.raises(fl.FlightError):
        door.count()
    with pytest.raises(psycopg.OperationalError):
        mutual.connect(own, user="steward", password="steward-secret")


@pytest.mark.parametrize("how", ["name", "bar"])
def test_a_stream_breaks_off_within_seconds_of_its_certificate(mutual: Secured, people: Directory, how: str) -> None:
    own = mutual.authority.client("analyst", NAME)
    barred = f"sha256:{hashlib.sha256(ssl.PEM_cert_to_DER_cert(own.cert.read_text())).hexdigest()}"
    try:
        with mutual.flown(own) as door:
            stream = door.stream(LONG)
            stream.read_chunk()
            if how == "name":
                people.remove_certificate("analyst", NAME)
            else:
                people.bar(barred)
            with pytest.raises(fl.FlightUnauthenticatedError):
                stream.read_all()
            with pytest.raises(fl.FlightUnauthenticatedError, match="proves nobody"):
                door.count()
    finally:
        if how == "bar":
            people.unbar(barred)


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
