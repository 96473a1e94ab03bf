"""The messages of Flight itself that travel in actions: infos to be cancelled, endpoints to be renewed. Pure.

Source: apache/arrow, format/Flight.proto. They come without an Any; field names are the protocol's.
"""

from __future__ import annotations

from dataclasses import dataclass

from ports.flight.wire import field

# CancelStatus, and ActionCancelQueryResult.CancelResult alike.
CANCELLED, NOT_CANCELLABLE = 1, 3


@dataclass(frozen=True)
class Ticket:
    """What DoGet takes."""

    ticket: bytes = field(1, "bytes")


@dataclass(frozen=True)
class Location:
    """Where a ticket is redeemed."""

    uri: str = field(1, "text")


@dataclass(frozen=True)
class Timestamp:
    """google.protobuf.Timestamp."""

    seconds: int = field(1, "int64")
    nanos: int = field(2, "int32")


@dataclass(frozen=True)
class FlightEndpoint:
    """One stream of a flight."""

    ticket: Ticket | None = field(1, "message", message=Ticket)  # noqa: RUF009
    location: tuple[Location, ...] = field(2, "message", repeated=True, message=Location)
    expiration_time: Timestamp | None = field(3, "message", message=Timestamp)  # noqa: RUF009
    app_metadata: bytes = field(4, "bytes")


@dataclass(frozen=True)
class FlightInfo:
    """A flight, of which only its endpoints matter here."""

    endpoint: tuple[FlightEndpoint, ...] = field(3, "message", repeated=True, message=FlightEndpoint)

    @property
    def tickets(self) -> tuple[bytes, ...]:
        """The tickets of its endpoints."""
        return tuple(one.ticket.ticket for one in self.endpoint if one.ticket is not None)


@dataclass(frozen=True)
class CancelFlightInfoRequest:
    """A flight that is read no further."""

    info: FlightInfo | None = field(1, "message", message=FlightInfo)  # noqa: RUF009


@dataclass(frozen=True)
class CancelFlightInfoResult:
    """One of CancelStatus."""

    status: int = field(1, "int32")


@dataclass(frozen=True)
class RenewFlightEndpointRequest:
    """An endpoint that shall be good for longer."""

    endpoint: FlightEndpoint | None = field(1, "message", message=FlightEndpoint)  # noqa: RUF009
