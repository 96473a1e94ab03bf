"""The Flight SQL door: the only socket of this port. Each call: session, meaning, answer or status, and no more."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator

import pyarrow as pa
import pyarrow.flight as fl

from gateway import BadQuery, Gateway, Tls, Unavailable
from ports.flight import locations
from ports.flight.actions import ACTIONS, Actions
from ports.flight.authentication import NAME, Authentication, Handshake, authenticated, session_of, translated
from ports.flight.front import Front
from ports.flight.running import Running
from ports.flight.statements import Asked, Endpoint, Statements
from ports.flight.streams import Streams

# After drain_s: the seconds that clients get to hear that their queries were stopped.
CUT_S = 5.0
# What a stream has written last leaves after it has ended: gRPC's shutdown may cut it off.
LEAVING_S = 0.5


class FlightPort:
    """Arrow Flight SQL over gRPC. `start` binds and serves in gRPC's own threads."""

    name = "flight"

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._server: _Server | None = None
        self._front: Front | None = None

    @property
    def address(self) -> tuple[str, int]:
        """Host and port that it listens on. Raises Unavailable before `start`."""
        if self._server is None:
            raise Unavailable("the Flight door is not open", reason="startup")
        return self._gateway.settings.host, self._server.port if self._front is None else self._front.port

    def start(self) -> None:
        """Bind and serve. Raises OSError if the address cannot be bound, SettingsError for a wrong TLS."""
        settings = self._gateway.settings
        host, port = settings.host, settings.flight_port
        tls = Tls.of(settings)
        front = None if tls is None else Front(host, port, tls, settings.flight_connections)
        # Tried first: gRPC says only that it did not start, and pyarrow keeps what it was given for ever.
        if front is None:
            socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET).close()
        try:
            self._server = _Server(self._gateway, locations.written(host, port, None), tls, front)
        except pa.ArrowException as error:
            if front is not None:
                front.close()
            raise OSError(f"cannot listen on {host} port {port}") from error
        if front is not None:
            front.start()
        self._front = front

    def stop(self) -> None:
        """Take no more calls, give running ones `drain_s` seconds, then stop their queries. Idempotent."""
        if self._server is None:
            return
        server, self._server = self._server, None
        front, self._front = self._front, None
        server.closing.set()
        if front is not None:
            front.refuse()
        if server.running.ended(self._gateway.settings.drain_s):
            time.sleep(LEAVING_S)
        # gRPC waits for every call to end, and a client that reads no more ends none: it must not hold up the process.
        ending = threading.Thread(target=server.shutdown, name="outport-flight-stop", daemon=True)
        ending.start()
        server.running.stop()
        ending.join(CUT_S)
        if front is not None:
            front.close()


class _Server(fl.FlightServerBase):  # type: ignore[misc]
    """gRPC's side: whatever is raised leaves as a status of the errors' table."""

    def __init__(self, gateway: Gateway, location: str, tls: Tls | None, front: Front | None) -> None:
        self.running = Running()
        self.closing = threading.Event()
        self._statements = Statements(gateway)
        self._streams = Streams(gateway, self.running)
        self._locations = locations.every(gateway, tls)
        self._actions = Actions(gateway, self._statements, self.running)
        self.running.shared(gateway.siblings)
        super().__init__(
            location if front is None else front.location,
            auth_handler=Handshake(),
            middleware={NAME: Authentication(gateway, self.closing, front)},
        )

    @translated
    def get_flight_info(self, context: fl.ServerCallContext, descriptor: fl.FlightDescriptor) -> fl.FlightInfo:
        """The schema of an answer and the tickets for it; nothing is computed."""
        call = authenticated(context)
        info = self._statements.info(call.session, _command(descriptor), call.options.endpoints)
        return fl.FlightInfo(
            info.schema,
            descriptor,
            [self._endpoint(one, place) for place, one in enumerate(info.endpoints)],
            ordered=info.ordered,
            app_metadata=info.app_metadata,
        )

    def _endpoint(self, one: Endpoint, place: int) -> fl.FlightEndpoint:
        """An endpoint; without a location the client redeems the ticket on the connection that it has."""
        expires = None if one.expires is None else pa.scalar(one.expires * 1000, pa.timestamp("ms", "UTC"))
        first = place % max(1, len(self._locations))
        return fl.FlightEndpoint(one.ticket, [*self._locations[first:], *self._locations[:first]], expires)

    @translated
    def get_schema(self, context: fl.ServerCallContext, descriptor: fl.FlightDescriptor) -> fl.SchemaResult:
        """The schema of an answer."""
        return fl.SchemaResult(self._statements.schema(session_of(context), _command(descriptor)))

    @translated
    def do_get(self, context: fl.ServerCallContext, ticket: fl.Ticket) -> fl.FlightDataStream:
        """The rows of a ticket, decided upon now."""
        asked = self._statements.redeem(session_of(context), ticket.ticket)
        if isinstance(asked, Asked):
            return self._streams.open(context, asked)
        return fl.RecordBatchStream(asked)

    @translated
    def do_put(
        self,
        context: fl.ServerCallContext,
        descriptor: fl.FlightDescriptor,
        reader: fl.MetadataRecordBatchReader,
        writer: fl.FlightMetadataWriter,
    ) -> None:
        """The parameters of a prepared statement; the answer is the handle that holds them."""
        handle = self._statements.bind(session_of(context), _command(descriptor), _batches(reader))
        writer.write(pa.py_buffer(handle))

    @translated
    def do_action(self, context: fl.ServerCallContext, action: fl.Action) -> Iterator[bytes]:
        """One of ACTIONS."""
        return self._actions.run(context, action.type, action.body.to_pybytes())

    @translated
    def list_actions(self, context: fl.ServerCallContext) -> list[tuple[str, str]]:
        """The actions that there are."""
        authenticated(context)
        return list(ACTIONS.items())

    @translated
    def list_flights(self, context: fl.ServerCallContext, criteria: bytes) -> Iterator[fl.FlightInfo]:
        """None: tables are listed by Flight SQL's own commands."""
        authenticated(context)
        return iter(())

    @translated
    def do_exchange(self, context: fl.ServerCallContext, *_: object) -> None:
        """Not offered."""
        authenticated(context)
        raise BadQuery("DoExchange is not part of Flight SQL", reason="protocol")


def _command(descriptor: fl.FlightDescriptor) -> bytes:
    """The packed command of `descriptor`. Raises BadQuery if it is a path."""
    if descriptor.descriptor_type != fl.DescriptorType.CMD:
        raise BadQuery("a Flight SQL command is expected, not a path", reason="protocol")
    command: bytes = descriptor.command
    return command


def _batches(reader: fl.MetadataRecordBatchReader) -> Iterator[pa.RecordBatch]:
    """The batches that a client sends. Raises BadQuery if they are no Arrow data."""
    try:
        for chunk in reader:
            if chunk.data is not None:
                yield chunk.data
    except (pa.ArrowException, OSError) as error:
        raise BadQuery("the parameters are not valid Arrow data", reason="parameter") from error
