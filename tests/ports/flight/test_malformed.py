"""Bytes that no honest client sends, to every verb of the open door: refused as arguments, and the door goes on."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

import pyarrow as pa
import pyarrow.flight as fl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway import BadQuery
from ports.flight import flights, options, wire
from ports.flight import messages as m
from ports.flight.actions import ACTIONS
from tests.ports.flight.conftest import Flight, Raw

TABLE = pa.table({"a": [1]})
PREFIX = m._PREFIX
SAMPLES: dict[str, Any] = {
    "CommandGetSqlInfo": m.CommandGetSqlInfo((8, 300)),
    "CommandGetXdbcTypeInfo": m.CommandGetXdbcTypeInfo(12),
    "CommandGetCatalogs": m.CommandGetCatalogs(),
    "CommandGetDbSchemas": m.CommandGetDbSchemas("outport", "s%"),
    "CommandGetTables": m.CommandGetTables("outport", "s%", "c%", ("TABLE",), True),
    "CommandGetTableTypes": m.CommandGetTableTypes(),
    "CommandGetPrimaryKeys": m.CommandGetPrimaryKeys("outport", "shop", "orders"),
    "CommandGetExportedKeys": m.CommandGetExportedKeys("outport", "shop", "orders"),
    "CommandGetImportedKeys": m.CommandGetImportedKeys("outport", "shop", "orders"),
    "CommandGetCrossReference": m.CommandGetCrossReference("outport", "shop", "customers", "outport", "shop", "orders"),
    "CommandStatementQuery": m.CommandStatementQuery("SELECT 1"),
    "CommandPreparedStatementQuery": m.CommandPreparedStatementQuery(b"handle"),
    "TicketStatementQuery": m.TicketStatementQuery(b"ticket"),
    "CommandStatementUpdate": m.CommandStatementUpdate("DELETE FROM shop.orders"),
    "CommandPreparedStatementUpdate": m.CommandPreparedStatementUpdate(b"handle"),
    "CommandStatementIngest": m.CommandStatementIngest("orders"),
    "CommandStatementSubstraitPlan": m.CommandStatementSubstraitPlan(),
    "ActionCreatePreparedStatementRequest": m.ActionCreatePreparedStatementRequest("SELECT 1"),
    "ActionClosePreparedStatementRequest": m.ActionClosePreparedStatementRequest(b"handle"),
    "ActionCancelQueryRequest": m.ActionCancelQueryRequest(b"\x1a\x00"),
}
_TICKET = flights.FlightEndpoint(flights.Ticket(m.pack(m.TicketStatementQuery(b"t"))), (flights.Location("grpc://x"),))
_OPTION = options._Option("snapshot", options._Value(string_list_value=options._Texts(("a", "b"))))
BODIES: dict[str, Any] = {
    "CancelFlightInfo": flights.CancelFlightInfoRequest(flights.FlightInfo((_TICKET,))),
    "RenewFlightEndpoint": flights.RenewFlightEndpointRequest(_TICKET),
    "SetSessionOptions": options._Options((_OPTION, options._Option("endpoints", options._Value(int64_value=2)))),
}
# A number where bytes belong, bytes where a number belongs, a group, a length beyond the end.
BROKEN = st.sampled_from([b"\x08\x01", b"\x0a\x05ab", b"\x0b\x0c", b"\x0a\xff\xff\xff\xff\x0f", b"\x28", b"\x2a\x01x"])


def verbs(raw: Raw) -> dict[str, Callable[[bytes], object]]:
    """Every way in for bytes."""
    describe = fl.FlightDescriptor.for_command
    return {
        "GetFlightInfo": lambda data: raw.client.get_flight_info(describe(data), raw.options),
        "GetSchema": lambda data: raw.client.get_schema(describe(data), raw.options),
        "DoGet": lambda data: raw.get(data).read_all(),
        "DoPut": lambda data: put(raw, data),
        **{kind: (lambda data, kind=kind: raw.act(kind, data)) for kind in ACTIONS},
    }


def put(raw: Raw, data: bytes) -> None:
    writer, reader = raw.client.do_put(fl.FlightDescriptor.for_command(data), TABLE.schema, raw.options)
    with writer:
        writer.write_table(TABLE)
        writer.done_writing()
        reader.read()


@pytest.fixture
def raw(flight: Flight) -> Iterator[Raw]:
    """A client that is still answered at the end."""
    opened = flight.raw("analyst")
    yield opened
    assert opened.query("SELECT 1 AS n").to_pydict() == {"n": [1]}


def knock(call: Callable[[bytes], object], data: bytes) -> Exception | None:
    """How the door refuses `data`: as an argument, or as of no known kind. None where it is taken."""
    try:
        call(data)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        return error
    return None


VERBS = ["GetFlightInfo", "GetSchema", "DoGet", "DoPut", *ACTIONS]
FUZZ = settings(
    max_examples=25 * int(os.environ.get("FUZZ") or 1),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.mark.parametrize("verb", VERBS)
def test_any_bytes_are_answered_or_refused(raw: Raw, verb: str) -> None:
    call = verbs(raw)[verb]

    @FUZZ
    @given(st.binary(max_size=120))
    def fuzz(data: bytes) -> None:
        knock(call, data)

    fuzz()


@pytest.mark.parametrize("name", SAMPLES)
def test_a_message_that_is_cut_or_broken_is_an_invalid_argument(raw: Raw, name: str) -> None:
    kind, whole = type(SAMPLES[name]), wire.encode(SAMPLES[name])
    url = PREFIX + name
    ways = verbs(raw)
    targets = [ways[verb] for verb in ("GetFlightInfo", "DoGet", "DoPut", "CreatePreparedStatement", "CancelQuery")]

    @FUZZ
    @given(st.integers(0, max(0, len(whole) - 1)), BROKEN, st.sampled_from(targets))
    def fuzz(cut: int, tail: bytes, call: Callable[[bytes], object]) -> None:
        for body in (whole[:cut], whole[:cut] + tail, whole + tail):
            refusal = knock(call, wire.encode(m._Any(url, body)))
            if malformed(kind, body):
                assert isinstance(refusal, pa.ArrowInvalid)

    fuzz()


@pytest.mark.parametrize("action", BODIES)
def test_a_body_that_is_cut_or_broken_is_an_invalid_argument(raw: Raw, action: str) -> None:
    kind, whole = type(BODIES[action]), wire.encode(BODIES[action])
    call = verbs(raw)[action]

    @FUZZ
    @given(st.integers(0, len(whole) - 1), BROKEN)
    def fuzz(cut: int, tail: bytes) -> None:
        for body in (whole[:cut], whole[:cut] + tail):
            refusal = knock(call, body)
            assert isinstance(refusal, pa.ArrowInvalid) or not malformed(kind, body)

    fuzz()


def malformed(kind: type, body: bytes) -> bool:
    try:
        wire.decode(kind, body)
    except BadQuery:
        return True
    return False


def test_every_message_that_the_door_knows_is_among_the_samples() -> None:
    assert {f"{PREFIX}{name}" for name in SAMPLES} == {url for url in m._KINDS if not url.endswith("Result")}


@pytest.mark.parametrize(
    "action", ["BeginTransaction", "EndTransaction", "BeginSavepoint", "EndSavepoint", "CreatePreparedSubstraitPlan"]
)
def test_what_is_not_offered_is_not_implemented(raw: Raw, action: str) -> None:
    with pytest.raises(pa.ArrowNotImplementedError, match=r"no transactions|send SQL"):
        raw.act(action, b"")


@pytest.mark.parametrize(
    "command",
    [m.CommandStatementUpdate("DELETE FROM shop.orders"), m.CommandStatementIngest("t"),
     m.CommandPreparedStatementUpdate(b"x")],
)  # fmt: skip
def test_writing_is_refused_whatever_the_verb(raw: Raw, command: Any) -> None:
    for call in (raw.info, lambda one: raw.put(one, TABLE)):
        with pytest.raises(pa.ArrowInvalid, match="read-only"):
            call(command)


def test_a_substrait_plan_and_an_exchange_are_not_implemented(raw: Raw) -> None:
    for call in (raw.info, lambda one: raw.put(one, TABLE)):
        with pytest.raises(pa.ArrowNotImplementedError, match="send SQL"):
            call(m.CommandStatementSubstraitPlan())
    writer, reader = raw.client.do_exchange(fl.FlightDescriptor.for_command(b""), raw.options)
    with pytest.raises(pa.ArrowNotImplementedError, match="DoExchange"), writer:
        reader.read_chunk()
