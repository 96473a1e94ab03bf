"""DoAction: prepared statements, session options, cancelling and renewing. Bodies in, bodies out; no socket."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pyarrow.flight as fl

from gateway import BadQuery, Cancelled, Gateway
from ports.flight import flights, messages, options, wire
from ports.flight.authentication import authenticated
from ports.flight.flights import CANCELLED, NOT_CANCELLABLE
from ports.flight.running import Running
from ports.flight.statements import Statements, expected

ACTIONS: Mapping[str, str] = {
    "CreatePreparedStatement": "prepare a SELECT",
    "ClosePreparedStatement": "forget a prepared SELECT",
    "CancelFlightInfo": "stop the queries of a FlightInfo and refuse its tickets",
    "CancelQuery": "CancelFlightInfo as it was called before",
    "RenewFlightEndpoint": "a ticket that can be redeemed for longer, while its snapshots are kept",
    "SetSessionOptions": "choose schema, purpose, snapshot, endpoints and on_behalf_of",
    "GetSessionOptions": "tell catalog, schema, purpose, snapshot, endpoints and on_behalf_of",
    "CloseSession": "forget the options",
}
_NO_TRANSACTIONS = "there are no transactions: each query sees one snapshot of each product"
_REFUSED: Mapping[str, str] = {
    **dict.fromkeys(("BeginTransaction", "EndTransaction", "BeginSavepoint", "EndSavepoint"), _NO_TRANSACTIONS),
    "CreatePreparedSubstraitPlan": "Substrait plans are not taken: send SQL",
}


class Actions:
    """The verbs of DoAction. Raises GatewayErrors only."""

    def __init__(self, gateway: Gateway, statements: Statements, running: Running) -> None:
        self._gateway = gateway
        self._statements = statements
        self._running = running

    def run(self, context: fl.ServerCallContext, kind: str, body: bytes) -> Iterator[bytes]:
        """The results of one of ACTIONS."""
        session = authenticated(context).session
        match kind:
            case "CreatePreparedStatement":
                return iter([self._statements.prepare(session, body)])
            case "ClosePreparedStatement":
                self._statements.close(body)
                return iter(())
            case "CancelFlightInfo":
                info = wire.decode(flights.CancelFlightInfoRequest, body).info
                status = self._cancel(context, info or flights.FlightInfo())
                return iter([wire.encode(flights.CancelFlightInfoResult(status))])
            case "CancelQuery":
                request = expected(messages.ActionCancelQueryRequest, body)
                status = self._cancel(context, wire.decode(flights.FlightInfo, request.info))
                return iter([messages.pack(messages.ActionCancelQueryResult(status))])
            case "RenewFlightEndpoint":
                return iter([self._renewed(context, body)])
            case "SetSessionOptions" | "GetSessionOptions" | "CloseSession":
                return iter([self._options(context, kind, body)])
        known = ", ".join(ACTIONS)
        words = _REFUSED.get(kind, f"there is no action {kind[:64]}; there are {known}")
        raise BadQuery(words, reason="protocol")

    def _cancel(self, context: fl.ServerCallContext, info: flights.FlightInfo) -> int:
        """The status of cancelling every flight of `info`; nothing is cancelled where one ticket is not good."""
        if not info.tickets:
            raise BadQuery("a FlightInfo with its endpoints is expected", reason="value")
        session = authenticated(context).session
        found = [self._statements.flight(session, ticket) for ticket in dict.fromkeys(info.tickets)]
        for flight in found:
            if flight is not None:
                self._running.cancel(flight.id, flight.expires)
        return CANCELLED if any(found) else NOT_CANCELLABLE

    def _renewed(self, context: fl.ServerCallContext, body: bytes) -> bytes:
        endpoint = wire.decode(flights.RenewFlightEndpointRequest, body).endpoint
        if endpoint is None or endpoint.ticket is None:
            raise BadQuery("an endpoint with its ticket is expected", reason="value")
        session, ticket = authenticated(context).session, endpoint.ticket.ticket
        flight = self._statements.flight(session, ticket)
        if flight is not None and self._running.cancelled(flight.id):
            raise Cancelled("this query was cancelled by its client")
        fresh = self._statements.renewed(session, ticket)
        until = None if fresh.expires is None else flights.Timestamp(fresh.expires)
        return wire.encode(
            flights.FlightEndpoint(flights.Ticket(fresh.ticket), endpoint.location, until, endpoint.app_metadata)
        )

    def _options(self, context: fl.ServerCallContext, kind: str, body: bytes) -> bytes:
        call = authenticated(context)
        if kind == "SetSessionOptions":
            change = options.change(body, call.kept, call.checked)
            call.keep(context, change.options)
            return change.answer
        options.expect_nothing(body)
        if kind == "GetSessionOptions":
            return options.shown(call.options)
        call.keep(context, options.Options())
        return options.closed()
