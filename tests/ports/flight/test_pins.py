"""Reproducible pulls: tickets of the state that was promised, sessions pinned to snapshots, `current` as one state."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import adbc_driver_flightsql
import adbc_driver_manager
import pyarrow as pa
import pytest

from ports.flight import flights, options, wire
from ports.flight import messages as m
from ports.flight.tickets import Statement
from tests.ports.flight.conftest import Raw, choose
from tests.ports.flight.shelf import ROWS, Shelf, opened

STAMP = "SELECT max(stamp) AS s FROM one.t"
BOTH = "SELECT a.stamp, b.stamp, count(*) AS n FROM one.t a JOIN two.t b USING (id) GROUP BY ALL"
HEADER = adbc_driver_flightsql.DatabaseOptions.RPC_CALL_HEADER_PREFIX.value
OPTION = "adbc.flight.sql.session.option."
LIST = "adbc.flight.sql.session.optionstringlist."


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shelf]:
    with opened(tmp_path_factory.mktemp("shelf")) as made:
        yield made


def snapshots(raw: Raw, text: str = STAMP) -> list[str]:
    """The ids that provenance tells."""
    schema = raw.query(text).schema
    return [one["snapshot"] for one in json.loads(schema.metadata[b"outport:products"])]


def fetched(connection: Any, text: str) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(text)
        return cursor.fetchall()


def test_a_ticket_gives_the_state_that_its_flight_info_told(shelf: Shelf) -> None:
    raw = shelf.flight.raw("steward")
    info = raw.info(m.CommandStatementQuery("SELECT * FROM one.t"))
    before = raw.get(info.endpoints[0].ticket).read_all()
    shelf.serve("one")
    after = raw.get(info.endpoints[0].ticket).read_all()
    assert after.equals(before, check_metadata=True)
    assert raw.query(STAMP)["s"].to_pylist() == [shelf.stamps["one"]]


def test_a_ticket_whose_snapshot_is_no_longer_kept_has_expired(tmp_path: Path) -> None:
    with opened(tmp_path, retain_s=0.001) as shelf:
        raw = shelf.flight.raw("steward")
        ticket = lasting(shelf, raw, raw.info(m.CommandStatementQuery(STAMP)).endpoints[0].ticket.ticket)
        shelf.serve("one")
        with pytest.raises(KeyError, match="no longer kept"):
            raw.get(ticket)
        with pytest.raises(KeyError, match="no longer kept"):
            raw.act("RenewFlightEndpoint", renewal(ticket))


def lasting(shelf: Shelf, raw: Raw, ticket: bytes) -> bytes:
    """`ticket` with an hour before it, as though its clock had stood still."""
    kind = "flight ticket"
    message = m.unpack(ticket)
    assert isinstance(message, m.TicketStatementQuery)
    statement = wire.decode(Statement, shelf.gateway.unseal(kind, message.statement_handle.decode()))
    later = replace(statement, expires=statement.expires + 3600)
    return m.pack(m.TicketStatementQuery(shelf.gateway.seal(kind, wire.encode(later)).encode()))


def renewal(ticket: bytes) -> bytes:
    return wire.encode(flights.RenewFlightEndpointRequest(flights.FlightEndpoint(flights.Ticket(ticket))))


def test_a_snapshot_is_handed_back_in_a_header(shelf: Shelf) -> None:
    (first,) = snapshots(shelf.flight.raw("steward"))
    stamp = shelf.stamps["one"]
    shelf.serve("one")
    pinned = shelf.flight.adbc("steward", **{f"{HEADER}x-outport-snapshot": first})
    assert fetched(pinned, STAMP) == [(stamp,)]
    assert fetched(shelf.flight.adbc("steward"), STAMP) == [(stamp + 1,)]


def test_a_snapshot_is_an_option_of_the_session(shelf: Shelf) -> None:
    ids, (one, two) = snapshots(shelf.flight.raw("steward"), BOTH), shelf.stamps.values()
    shelf.serve("one")
    shelf.serve("two")
    connection = shelf.flight.adbc("steward")
    assert fetched(connection, BOTH) == [(one + 1, two + 1, ROWS)]
    choose(connection, f"{OPTION}snapshot", ids[0], told=f"{LIST}snapshot")
    assert fetched(connection, BOTH) == [(one, two + 1, ROWS)]
    choose(connection, f"{LIST}snapshot", json.dumps(ids))
    assert fetched(connection, BOTH) == [(one, two, ROWS)]
    assert json.loads(connection.adbc_connection.get_option(f"{LIST}snapshot")) == ids


def test_two_pulls_of_one_pinned_session_see_one_state_of_all_products(shelf: Shelf) -> None:
    connection = shelf.flight.adbc("steward")
    choose(connection, f"{OPTION}snapshot", "current", told=f"{LIST}snapshot")
    one, two = shelf.stamps.values()
    assert fetched(connection, STAMP) == [(one,)]
    shelf.serve("one")
    shelf.serve("two")
    assert fetched(connection, "SELECT max(stamp) FROM two.t") == [(two,)]
    assert fetched(connection, BOTH) == [(one, two, ROWS)]
    assert fetched(shelf.flight.adbc("steward"), BOTH) == [(one + 1, two + 1, ROWS)]


def test_the_current_state_is_what_the_principal_sees_of_it(shelf: Shelf) -> None:
    for subject, known in (("steward", ["one", "two"]), ("analyst", ["one"]), ("stranger", [])):
        raw = shelf.flight.raw(subject)
        raw.act("SetSessionOptions", chosen("current"))
        shown = {
            one.key: one.value
            for one in wire.decode(options._Options, *raw.act("GetSessionOptions", b"")).session_options
        }
        ids = shown["snapshot"].string_list_value.values if known else ()
        assert [one.split("_")[-1] for one in ids] == known


def chosen(snapshot: str) -> bytes:
    """SetSessionOptions with a snapshot."""
    return wire.encode(options._Options((options._Option("snapshot", options._Value(string_value=snapshot)),)))


@pytest.mark.parametrize("option", ["snapshot", "purpose", "endpoints"])
def test_what_may_not_be_chosen_is_an_invalid_value(shelf: Shelf, option: str) -> None:
    (hidden,) = snapshots(shelf.flight.raw("steward"), "SELECT max(stamp) FROM two.t")
    values = {
        "snapshot": [hidden, "20200101t000000000000_abcd_two", "x;y", "current,current2", ",".join(["a"] * 70)],
        "purpose": ["research", "\u00e4"],
        "endpoints": ["0", "65", "-1", "two", "1e1"],
    }[option]
    connection = shelf.flight.adbc("analyst")
    for value in values:
        with pytest.raises(adbc_driver_manager.Error, match="invalid value"):
            connection.adbc_connection.set_options(**{f"{OPTION}{option}": value})
    assert fetched(connection, STAMP) == [(shelf.stamps["one"],)]


def test_the_word_current_says_nothing_in_a_header(shelf: Shelf) -> None:
    with pytest.raises(adbc_driver_manager.Error, match="session option"):
        fetched(shelf.flight.adbc("steward", **{f"{HEADER}x-outport-snapshot": "current"}), STAMP)


def test_a_session_that_is_closed_sees_what_is_served(shelf: Shelf) -> None:
    (first,) = snapshots(shelf.flight.raw("steward"))
    stamp = shelf.stamps["one"]
    shelf.serve("one")
    raw = shelf.flight.raw("steward")
    raw.act("SetSessionOptions", chosen(first))
    assert raw.query(STAMP)["s"].to_pylist() == [stamp]
    raw.act("CloseSession", b"")
    assert raw.query(STAMP)["s"].to_pylist() == [stamp + 1]


def test_a_session_that_this_server_did_not_give_is_refused(shelf: Shelf) -> None:
    with pytest.raises(pa.ArrowInvalid, match="connect anew"):
        shelf.flight.raw("steward", (b"cookie", b"arrow_flight_session_id=forged")).query("SELECT 1")
    assert shelf.flight.raw("steward", (b"cookie", b"other=1; arrow_flight_session_id=")).query(STAMP).num_rows == 1
