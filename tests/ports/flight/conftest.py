"""One Flight door for all tests of this folder, and the ways to knock on it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from typing import Any

import adbc_driver_flightsql.dbapi as adbc
import pyarrow as pa
import pyarrow.flight as fl
import pytest

from gateway import Gateway, Result
from ports.flight import messages as m
from ports.flight.server import FlightPort
from tests.conftest import World


class Spied:
    """The gateway itself, remembering each Result that it gave."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self.results: list[Result] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._gateway, name)

    def answer(self, *arguments: Any, **named: Any) -> Result:
        result = self._gateway.answer(*arguments, **named)
        self.results.append(result)
        return result


@dataclass
class Flight:
    """An open door."""

    gateway: Spied
    port: FlightPort
    _connections: list[Any] = field(default_factory=list)

    @property
    def url(self) -> str:
        host, number = self.port.address
        return f"grpc://{host}:{number}"

    def adbc(self, subject: str, **options: str) -> adbc.Connection:
        """A DB-API connection by password."""
        named = {"username": subject, "password": f"{subject}-secret", **options}
        connection = adbc.connect(self.url, db_kwargs=named, autocommit=True)
        self._connections.append(connection)
        return connection

    def raw(self, subject: str, *headers: tuple[bytes, bytes]) -> Raw:
        """A pyarrow client by password, which keeps cookies."""
        client = fl.connect(self.url, middleware=[Cookies()])
        self._connections.append(client)
        token = client.authenticate_basic_token(subject, f"{subject}-secret")
        return Raw(client, fl.FlightCallOptions(headers=[token, *headers]))

    def close(self) -> None:
        while self._connections:
            self._connections.pop().close()


class Cookies(fl.ClientMiddlewareFactory):
    """Sends the cookies that were set, as the protocol asks of its clients."""

    def __init__(self) -> None:
        self._jar: SimpleCookie = SimpleCookie()

    def start_call(self, info: fl.CallInfo) -> Cookies.Call:
        return Cookies.Call(self._jar)

    class Call(fl.ClientMiddleware):
        def __init__(self, jar: SimpleCookie) -> None:
            self._jar = jar

        def sending_headers(self) -> dict[str, str]:
            kept = "; ".join(f"{one.key}={one.value}" for one in self._jar.values() if one.value)
            return {"cookie": kept} if kept else {}

        def received_headers(self, headers: dict[str, list[str]]) -> None:
            for one in headers.get("set-cookie", ()):
                self._jar.load(one)


@dataclass
class Raw:
    """A client that speaks the messages itself."""

    client: fl.FlightClient
    options: fl.FlightCallOptions

    def info(self, command: Any) -> fl.FlightInfo:
        packed = command if isinstance(command, bytes) else m.pack(command)
        return self.client.get_flight_info(fl.FlightDescriptor.for_command(packed), self.options)

    def get(self, ticket: fl.Ticket | bytes) -> fl.FlightStreamReader:
        return self.client.do_get(ticket if isinstance(ticket, fl.Ticket) else fl.Ticket(ticket), self.options)

    def ask(self, command: Any) -> pa.Table:
        """The whole answer, which has the schema that its FlightInfo said, metadata included."""
        info = self.info(command)
        answer = self.get(info.endpoints[0].ticket).read_all()
        assert answer.schema.equals(info.schema, check_metadata=True)
        return answer

    def query(self, text: str) -> pa.Table:
        return self.ask(m.CommandStatementQuery(text))

    def act(self, kind: str, body: bytes) -> list[bytes]:
        return [one.body.to_pybytes() for one in self.client.do_action(fl.Action(kind, body), self.options)]

    def prepare(self, text: str) -> m.ActionCreatePreparedStatementResult:
        (body,) = self.act("CreatePreparedStatement", m.pack(m.ActionCreatePreparedStatementRequest(text)))
        made = m.unpack(body)
        assert isinstance(made, m.ActionCreatePreparedStatementResult)
        return made

    def put(self, command: Any, table: pa.Table) -> bytes:
        descriptor = fl.FlightDescriptor.for_command(m.pack(command))
        writer, reader = self.client.do_put(descriptor, table.schema, self.options)
        writer.write_table(table)
        writer.done_writing()
        answer = reader.read()
        writer.close()
        return answer.to_pybytes()


def eventually(holds: Callable[[], bool], patience_s: float = 60) -> None:
    """Wait until `holds`; fail after `patience_s`."""
    end, pause = time.monotonic() + patience_s, threading.Event()
    while not holds():
        assert time.monotonic() < end, "it never came true"
        pause.wait(0.01)


def choose(connection: Any, name: str, value: str, *, told: str = "") -> None:
    """Set an option of an ADBC connection's session; `told` names the one that tells of it, if that is another.

    Its driver reads the header that keeps it in a thread of its own, and may ask the next question before.
    """
    before = chosen(connection, told or name)
    connection.adbc_connection.set_options(**{name: value})
    eventually(lambda: chosen(connection, told or name) != before)


def chosen(connection: Any, name: str) -> str:
    """What an option of an ADBC connection's session is, "" for none."""
    try:
        found: str = connection.adbc_connection.get_option(name)
    except adbc.Error:
        return ""
    return found


@pytest.fixture(scope="session")
def flight(world: World) -> Iterator[Flight]:
    spied = Spied(world.gateway)
    port = FlightPort(spied)  # type: ignore[arg-type]
    port.start()
    door = Flight(spied, port)
    yield door
    door.close()
    port.stop()


@pytest.fixture(autouse=True)
def _closed_after_each_test(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    if "flight" in request.fixturenames:
        door: Flight = request.getfixturevalue("flight")
        door.close()
        door.gateway.results.clear()
