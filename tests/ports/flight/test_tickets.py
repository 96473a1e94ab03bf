"""Tickets and handles: for one principal, of one state, decided upon when they are redeemed."""

from __future__ import annotations

import time
from collections.abc import Callable

import pyarrow as pa
import pytest

from gateway import Password
from ports.flight import messages as m
from ports.flight import tickets
from tests.ports.flight.conftest import Flight

CUSTOMERS = m.CommandStatementQuery("SELECT * FROM shop.customers")
FOREIGN = "this ticket was not given out to you by this server"


def refused(use: Callable[[], object]) -> str:
    """The words with which an argument was refused."""
    with pytest.raises(pa.ArrowInvalid) as caught:
        use()
    return str(caught.value).split(" [")[0]


def test_a_ticket_is_for_the_principal_that_asked_for_it(flight: Flight) -> None:
    ticket = flight.raw("steward").info(CUSTOMERS).endpoints[0].ticket
    assert refused(lambda: flight.raw("analyst").get(ticket).read_all()) == FOREIGN
    assert flight.raw("steward").get(ticket).read_all().num_rows == 600


def test_a_handle_is_for_the_principal_that_prepared_it(flight: Flight) -> None:
    handle = flight.raw("steward").prepare("SELECT $1::INT").prepared_statement_handle
    analyst = flight.raw("analyst")
    for use in (
        lambda: analyst.info(m.CommandPreparedStatementQuery(handle)),
        lambda: analyst.put(m.CommandPreparedStatementQuery(handle), pa.table({"a": [1]})),
    ):
        assert refused(use) == FOREIGN.replace("ticket", "handle")


def test_a_forged_ticket_is_refused(flight: Flight) -> None:
    raw = flight.raw("steward")
    good = m.unpack(raw.info(CUSTOMERS).endpoints[0].ticket.ticket)
    assert isinstance(good, m.TicketStatementQuery)
    sealed = good.statement_handle
    handle = raw.prepare("SELECT 1").prepared_statement_handle
    swapped = sealed[:-1] + (b"A" if sealed[-1:] != b"A" else b"B")
    for forged in (b"", b"x", b"\xff\xfe", sealed[:-4], sealed[4:], handle, sealed[:40] + b"AAAA" + sealed[44:]):
        assert refused(lambda forged=forged: raw.get(m.pack(m.TicketStatementQuery(forged)))) == FOREIGN
    with pytest.raises(pa.ArrowInvalid):
        raw.get(m.pack(m.TicketStatementQuery(swapped + b"!")))
    with pytest.raises(pa.ArrowInvalid, match="this is no ticket"):
        raw.get(m.pack(CUSTOMERS))


def test_a_ticket_that_has_expired_is_refused(flight: Flight, monkeypatch: pytest.MonkeyPatch) -> None:
    raw = flight.raw("steward")
    ticket = raw.info(CUSTOMERS).endpoints[0].ticket
    later = time.time() + flight.gateway.settings.retain_s + 2
    monkeypatch.setattr(tickets.time, "time", lambda: later)
    with pytest.raises(KeyError, match="has expired"):
        raw.get(ticket)


def test_a_ticket_is_decided_upon_when_it_is_redeemed(flight: Flight) -> None:
    raw = flight.raw("analyst")
    ticket = raw.info(CUSTOMERS).endpoints[0].ticket
    message = m.unpack(ticket.ticket)
    assert isinstance(message, m.TicketStatementQuery)
    # What an earlier, wider policy would have promised: the analyst's ticket with the steward's schema.
    session = flight.gateway.open(Password("analyst", "analyst-secret"), "flightsql")
    known = tickets.Tickets(flight.gateway)  # type: ignore[arg-type]
    statement = known.open("ticket", session, message.statement_handle)
    wider = tickets.replace(statement, promise=tickets.digest(flight.raw("steward").info(CUSTOMERS).schema))
    with pytest.raises(KeyError, match="schema of this answer has changed"):
        raw.get(m.pack(m.TicketStatementQuery(known.seal("ticket", session, wider))))
    assert "salary" not in raw.get(ticket).read_all().column_names
