"""The doors as a test knocks on them: real servers, real clients, one way to ask and one way to be refused."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import adbc_driver_flightsql.dbapi
import adbc_driver_manager
import httpx
import psycopg
import pyarrow as pa

from gateway import Gateway, GatewayError, Password, Query
from gateway.settings import Settings
from ports.flight.server import FlightPort
from ports.http.server import HttpPort
from ports.postgres.server import PostgresPort

ARROW = "application/vnd.apache.arrow.stream"


class Refusal(Exception):
    """What a client was told: the error's class as the gateway names it, and the words."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


class Door(Protocol):
    """One way in. `ask` gives the whole answer as Arrow, or raises Refusal."""

    name: str

    def ask(self, subject: str, text: str, *parameters: Any) -> pa.Table: ...

    def close(self) -> None: ...


@dataclass
class PythonDoor:
    """The front door itself."""

    gateway: Gateway
    name: str = "python"

    def ask(self, subject: str, text: str, *parameters: Any) -> pa.Table:
        try:
            session = self.gateway.open(Password(subject, f"{subject}-secret"), "python")
            with self.gateway.answer(session, Query(text, parameters)) as result:
                return pa.Table.from_batches(list(result.batches()), result.schema)
        except GatewayError as error:
            raise Refusal(error.code, error.message) from None

    def close(self) -> None:
        """Nothing is open."""


class RestDoor:
    """POST /sql over HTTP."""

    name = "rest"

    def __init__(self, gateway: Gateway) -> None:
        self._port = HttpPort(gateway)
        self._port.start()
        host, number = self._port.address
        self._client = httpx.Client(base_url=f"http://{host}:{number}", timeout=60)

    def ask(self, subject: str, text: str, *parameters: Any) -> pa.Table:
        answer = self._client.post(
            "/sql",
            json={"sql": text, "parameters": list(parameters)},
            auth=(subject, f"{subject}-secret"),
            headers={"Accept": ARROW},
        )
        if answer.status_code != 200:
            problem = answer.json()
            raise Refusal(problem["code"], problem["detail"])
        return pa.ipc.open_stream(answer.content).read_all()

    def close(self) -> None:
        self._client.close()
        self._port.stop()


FLIGHT_CODES = {
    "UNAUTHENTICATED": "unauthenticated",
    "UNAUTHORIZED": "forbidden",
    "NOT_FOUND": "not_found",
    "INVALID_ARGUMENT": "bad_query",
    "TIMEOUT": "timeout",
    "CANCELLED": "cancelled",
    "IO": "unavailable",
}


class FlightDoor:
    """Arrow Flight SQL by ADBC."""

    name = "flightsql"

    def __init__(self, gateway: Gateway) -> None:
        self._port = FlightPort(gateway)
        self._port.start()
        self._connections: dict[str, adbc_driver_flightsql.dbapi.Connection] = {}

    def _connection(self, subject: str) -> adbc_driver_flightsql.dbapi.Connection:
        if subject not in self._connections:
            host, number = self._port.address
            self._connections[subject] = adbc_driver_flightsql.dbapi.connect(
                f"grpc://{host}:{number}",
                db_kwargs={"username": subject, "password": f"{subject}-secret"},
                autocommit=True,
            )
        return self._connections[subject]

    def ask(self, subject: str, text: str, *parameters: Any) -> pa.Table:
        try:
            with self._connection(subject).cursor() as cursor:
                cursor.execute(text, parameters or None)
                return cursor.fetch_arrow_table()
        except adbc_driver_manager.Error as error:
            code = FLIGHT_CODES.get(error.status_code.name, error.status_code.name)
            raise Refusal(code, str(error)) from None

    def close(self) -> None:
        for connection in self._connections.values():
            connection.close()
        self._port.stop()


SQLSTATES = {
    "28P01": "unauthenticated",
    "28000": "unauthenticated",
    "42501": "forbidden",
    "42P01": "not_found",
    "57014": "timeout",
    "53400": "exhausted",
    "55000": "expired",
    "57P03": "unavailable",
}
# PostgreSQL's types as Arrow has them; numeric's precision and scale stand in its modifier.
_ARROW = {
    16: pa.bool_(), 17: pa.binary(), 20: pa.int64(), 21: pa.int16(), 23: pa.int32(), 25: pa.string(),
    700: pa.float32(), 701: pa.float64(), 1009: pa.list_(pa.field("l", pa.string())), 1082: pa.date32(),
    1114: pa.timestamp("us"), 1184: pa.timestamp("us", "UTC"),
}  # fmt: skip


class PostgresDoor:
    """The PostgreSQL wire by psycopg: simple queries and texts."""

    name = "postgres"
    binary = False
    prepared = False

    def __init__(self, gateway: Gateway) -> None:
        self._port = PostgresPort(gateway)
        self._port.start()
        self._connections: dict[str, psycopg.Connection[Any]] = {}

    def _connection(self, subject: str) -> psycopg.Connection[Any]:
        if subject not in self._connections:
            host, number = self._port.address
            self._connections[subject] = psycopg.connect(
                host=host,
                port=number,
                user=subject,
                password=f"{subject}-secret",
                dbname="outport",
                autocommit=True,
                cursor_factory=psycopg.RawCursor,
            )
        return self._connections[subject]

    def ask(self, subject: str, text: str, *parameters: Any) -> pa.Table:
        try:
            with self._connection(subject).cursor(binary=self.binary) as cursor:
                text = text.replace("?", "$1") if parameters else text
                cursor.execute(text, parameters or None, prepare=self.prepared)
                columns = cursor.description or []
                rows = cursor.fetchall()
        except psycopg.OperationalError as error:
            told = str(error)
            state = error.sqlstate or ("28P01" if "wrong name or password" in told else "")
            raise Refusal(SQLSTATES.get(state, "bad_query"), told) from None
        except psycopg.Error as error:
            raise Refusal(SQLSTATES.get(error.sqlstate or "", "bad_query"), _words(error)) from None
        values = list(zip(*rows, strict=True)) or [()] * len(columns)
        arrays = [pa.array(held, _arrow(column)) for held, column in zip(values, columns, strict=True)]
        return pa.Table.from_arrays(arrays, names=[column.name for column in columns])

    def close(self) -> None:
        for connection in self._connections.values():
            connection.close()
        self._port.stop()


class BinaryPostgresDoor(PostgresDoor):
    """The same with the extended protocol and binary formats."""

    name = "postgres-binary"
    binary = True


class PreparedPostgresDoor(PostgresDoor):
    """The same with named prepared statements of the extended protocol, and texts."""

    name = "postgres-prepared"
    prepared = True


def _arrow(column: psycopg.Column) -> pa.DataType | None:
    """The Arrow type of a column; None for json and a catalog's own types, whose values say it."""
    if column.type_code == 1700:
        return pa.decimal128(column.precision or 38, column.scale or 0)
    return _ARROW.get(column.type_code)


def _words(error: psycopg.Error) -> str:
    told = error.diag
    parts = (told.message_primary, told.message_hint and f"({told.message_hint})")
    return " ".join(part for part in parts if part)


@contextmanager
def web(settings: Settings) -> Iterator[httpx.Client]:
    """A client of the web port of a deployment of its own."""
    gateway = Gateway(settings)
    port = HttpPort(gateway)
    port.start()
    try:
        with httpx.Client(base_url=f"http://{port.address[0]}:{port.address[1]}", timeout=60) as opened:
            yield opened
    finally:
        port.stop()
        gateway.close()


class GraphQLDoor:
    """GraphQL over HTTP. It speaks no SQL, so its sentences are documents: see `SAID` of the parity suite."""

    name = "graphql"

    def __init__(self, gateway: Gateway) -> None:
        self._port = HttpPort(gateway)
        self._port.start()
        host, number = self._port.address
        self._client = httpx.Client(base_url=f"http://{host}:{number}", timeout=60)

    def ask(self, subject: str, document: str, **variables: Any) -> Any:
        """The data of the answer, or raises Refusal with the code and the words of its first error."""
        answer = self.answer(subject, document, **variables).json()
        if "errors" in answer:
            first = answer["errors"][0]
            raise Refusal(first["extensions"]["code"], first["message"])
        return answer["data"]

    def answer(self, subject: str, document: str, **variables: Any) -> httpx.Response:
        """The answer as it came."""
        asked = {"query": document, "variables": variables}
        return self._client.post("/graphql", json=asked, auth=(subject, f"{subject}-secret"))

    def close(self) -> None:
        self._client.close()
        self._port.stop()


DOORS: dict[str, Any] = {
    "python": PythonDoor,
    "rest": RestDoor,
    "flightsql": FlightDoor,
    "postgres": PostgresDoor,
    "postgres-binary": BinaryPostgresDoor,
    "postgres-prepared": PreparedPostgresDoor,
}
