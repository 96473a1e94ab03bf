"""Clients of a running server's doors that tell a refusal from a connection that has ended."""

from __future__ import annotations

import base64
import http.client
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

import psycopg
import pyarrow as pa
import pyarrow.flight as fl

from ports.flight import messages

PATIENCE_S = 60.0


@dataclass(frozen=True)
class Place:
    """Where the doors are, what is asked there, and as whom; `honest` and `hostile` are a subject and its password."""

    http: tuple[str, int]
    flights: tuple[str, ...]
    postgres: tuple[str, int]
    honest: tuple[str, str]
    hostile: tuple[str, str]
    path: str
    text: str
    pull: str
    document: str
    names: Mapping[str, str]


class Broken(Exception):
    """A connection has ended: its worker has."""


class Refused(Exception):
    """The server refused, as it should a hostile query and never an honest one."""


class Rest:
    """A connection to the web door."""

    def __init__(self, place: Place, who: tuple[str, str]) -> None:
        self._place, proof = place, base64.b64encode(":".join(who).encode()).decode()
        self._headers = {"Authorization": f"Basic {proof}", "Content-Type": "application/json"}
        self._connection: http.client.HTTPConnection | None = None

    def sql(self, text: str) -> object:
        """The answer to a statement."""
        return self._asked("POST", "/sql", json.dumps({"sql": text}))

    def get(self, path: str) -> object:
        """The rows that answer a GET; where they go on is sealed anew each time."""
        return json.loads(self._asked("GET", path, None))["data"]

    def close(self) -> None:
        """End it."""
        if self._connection is not None:
            self._connection.close()
        self._connection = None

    def _asked(self, method: str, path: str, body: str | None) -> bytes:
        if self._connection is None:
            self._connection = http.client.HTTPConnection(*self._place.http, timeout=PATIENCE_S)
        try:
            self._connection.request(method, path, body, self._headers)
            answer = self._connection.getresponse()
            content = answer.read(1 << 20)
            if answer.isclosed() is False:
                self.close()
        except http.client.IncompleteRead as error:
            self.close()
            raise Refused("the answer was cut off") from error
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise Broken(repr(error)) from error
        if answer.status != 200:
            words = f"{answer.status} {json.loads(content or b'{}').get('detail', '')}"
            raise Refused(words) if answer.status < 500 or answer.status == 504 else Broken(words)
        return content


class GraphQL(Rest):
    """A connection to the web door that asks documents."""

    def sql(self, text: str) -> object:
        """The data that answers a document; what is longer than 1 MB as it came."""
        content = self._asked("POST", "/graphql", json.dumps({"query": text}))
        if content.startswith(b'{"errors"'):
            error = json.loads(content)["errors"][0]
            words = f"{error['extensions']['code']} {error['message']}"
            raise Broken(words) if error["extensions"]["code"].startswith("INTERNAL") else Refused(words)
        return json.loads(content)["data"] if len(content) < 1 << 20 else content


class Flight:
    """A connection to one worker's Flight door, to the next one's where that has gone."""

    def __init__(self, place: Place, who: tuple[str, str]) -> None:
        self._place, self._who, self._turn = place, who, 0
        self._client: fl.FlightClient | None = None
        self._options: fl.FlightCallOptions | None = None

    def sql(self, text: str) -> object:
        """The answer to a statement, its first 2 MB."""
        try:
            if self._client is None:
                self._turn += 1
                self._client = fl.connect(self._place.flights[self._turn % len(self._place.flights)])
                proof = self._client.authenticate_basic_token(*self._who)
                self._options = fl.FlightCallOptions(headers=[proof], timeout=PATIENCE_S)
            command = messages.pack(messages.CommandStatementQuery(text))
            info = self._client.get_flight_info(fl.FlightDescriptor.for_command(command), self._options)
            reader = self._client.do_get(info.endpoints[0].ticket, self._options)
            found, size = list[pa.RecordBatch](), 0
            for chunk in reader:
                found.append(chunk.data)
                size += chunk.data.nbytes
                if size > 1 << 21:
                    reader.cancel()
                    break
            return pa.Table.from_batches(found, reader.schema).to_pydict()
        except (fl.FlightError, pa.ArrowException) as error:
            words = str(error)
            if "[" in words and not isinstance(error, fl.FlightInternalError):
                raise Refused(words) from error
            self.close()
            raise Broken(words) from error

    def close(self) -> None:
        """End it."""
        if self._client is not None:
            self._client.close()
        self._client = None


class Postgres:
    """A connection to the PostgreSQL wire."""

    def __init__(self, place: Place, who: tuple[str, str]) -> None:
        self._place, self._who = place, who
        self._connection: psycopg.Connection[tuple[object, ...]] | None = None

    def sql(self, text: str) -> object:
        """The answer to a statement, its first 1,000 rows."""
        try:
            if self._connection is None:
                host, port = self._place.postgres
                user, password = self._who
                self._connection = psycopg.connect(
                    host=host, port=port, dbname="outport", user=user, password=password, autocommit=True
                )
            self._connection.execute("BEGIN")
            self._connection.execute(f"DECLARE c CURSOR FOR {text}".encode())
            rows = self._connection.execute("FETCH 1000 FROM c").fetchall()
            self._connection.execute("COMMIT")
            return rows
        except psycopg.Error as error:
            if self._connection is not None and not self._connection.broken:
                with suppress(psycopg.Error):
                    self._connection.execute("ROLLBACK")
            if error.sqlstate is not None and error.sqlstate not in {"57P01", "57P02", "57P03", "XX000"}:
                raise Refused(f"{error.sqlstate} {error}") from error
            self.close()
            raise Broken(f"{error.sqlstate} {error}") from error

    def close(self) -> None:
        """End it."""
        if self._connection is not None:
            self._connection.close()
        self._connection = None


Client = Rest | Flight | Postgres
CLIENTS: Mapping[str, type[Client]] = {"rest": Rest, "graphql": GraphQL, "flight": Flight, "postgres": Postgres}
