"""The Flight door against a client that speaks the messages itself: tickets, handles, metadata, hostile bytes."""

from __future__ import annotations

import json
from typing import Any

import pyarrow as pa
import pyarrow.flight as fl
import pytest

from ports.flight import bindings, parameters, streams
from ports.flight import messages as m
from tests.ports.flight.conftest import Flight, eventually

CUSTOMERS = m.CommandStatementQuery("SELECT * FROM shop.customers")
ERRORS = (fl.FlightError, pa.ArrowException, OSError)


def test_what_flight_info_promises_is_what_comes(flight: Flight) -> None:
    for text in (
        "SELECT * FROM shop.customers",
        "SELECT 1 AS a, 'x' AS a, NULL AS b",
        "SELECT tags, {'a': 1, 'b': [1.5]} AS s, now() AS t FROM shop.customers",
        "SELECT * FROM shop.orders WHERE false",
    ):
        flight.raw("steward").query(text)


def test_get_schema_agrees_with_flight_info(flight: Flight) -> None:
    raw = flight.raw("analyst")
    for command in (CUSTOMERS, m.CommandGetTables(include_schema=True), m.CommandGetSqlInfo()):
        schema = raw.client.get_schema(fl.FlightDescriptor.for_command(m.pack(command)), raw.options).schema
        assert schema.equals(raw.info(command).schema, check_metadata=True)


def test_provenance_comes_with_flight_info_and_with_the_first_batch(flight: Flight) -> None:
    raw = flight.raw("analyst")
    info = raw.info(CUSTOMERS)
    (promised,) = json.loads(info.app_metadata)["products"]
    chunks = list(raw.get(info.endpoints[0].ticket))
    origin = json.loads(chunks[0].app_metadata.to_pybytes())
    assert origin["products"] == [promised]
    assert (promised["name"], promised["version"], promised["quality"]) == ("shop", "1.2.0", 1.0)
    assert origin["query_id"] == flight.gateway.results[0].provenance.query_id
    assert origin["policy"] == flight.gateway.results[0].provenance.policy
    assert [chunk.app_metadata for chunk in chunks[1:]] == [None] * len(chunks[1:])


def test_an_answer_without_rows_has_its_provenance_too(flight: Flight) -> None:
    raw = flight.raw("steward")
    info = raw.info(m.CommandStatementQuery("SELECT * FROM shop.orders WHERE false"))
    (chunk,) = raw.get(info.endpoints[0].ticket)
    assert chunk.data.num_rows == 0
    assert json.loads(chunk.app_metadata.to_pybytes())["products"][0]["name"] == "shop"


def test_a_prepared_statement_is_bound_and_answered_by_its_handle(flight: Flight) -> None:
    raw = flight.raw("steward")
    made = raw.prepare("SELECT customer_id FROM shop.customers WHERE customer_id = $1")
    dataset = pa.ipc.read_schema(pa.py_buffer(made.dataset_schema))
    assert dataset.equals(raw.query("SELECT customer_id FROM shop.customers").schema, check_metadata=True)
    assert made.is_update is False
    assert pa.ipc.read_schema(pa.py_buffer(made.parameter_schema)) == pa.schema({"$1": pa.int64()})
    command = m.CommandPreparedStatementQuery(made.prepared_statement_handle)
    with pytest.raises(pa.ArrowInvalid, match="takes 1 parameters, 0 were bound"):
        raw.info(command)
    bound = raw.put(command, pa.table({"x": [7]}))
    assert bound[:1] == b"\x0a"
    handle = m.wire.decode(m.DoPutPreparedStatementResult, bound).prepared_statement_handle
    assert handle is not None
    assert raw.ask(m.CommandPreparedStatementQuery(handle)).to_pydict() == {"customer_id": [7]}
    raw.act("ClosePreparedStatement", m.pack(m.ActionClosePreparedStatementRequest(handle)))


CALLS: list[Any] = [
    lambda raw: raw.info(b""),
    lambda raw: raw.info(b"\xff\xff\xff"),
    lambda raw: raw.info(b"\x0a\x05abc"),
    lambda raw: raw.info(m.wire.encode(m._Any("type.googleapis.com/x.Y", b""))),
    lambda raw: raw.info(m.wire.encode(m._Any(m._PREFIX + "CommandStatementQuery", b"\x08\x01"))),
    lambda raw: raw.info(m.CommandStatementSubstraitPlan()),
    lambda raw: raw.info(m.CommandStatementUpdate("DELETE FROM shop.orders")),
    lambda raw: raw.info(m.CommandStatementQuery("SELECT 1", b"transaction")),
    lambda raw: raw.info(m.CommandPreparedStatementQuery(b"forged")),
    lambda raw: raw.query("SELECT CAST(email AS INT) FROM shop.customers"),
    lambda raw: raw.query("SELECT * FROM pg_settings()"),
    lambda raw: raw.query("SELECT * FROM read_csv('/etc/passwd')"),
    lambda raw: raw.query("SELECT nothing FROM shop.customers"),
    lambda raw: raw.ask(m.CommandGetTables(table_name_filter_pattern="%" * 1000)),
    lambda raw: raw.client.get_flight_info(fl.FlightDescriptor.for_path("a", "b"), raw.options),
    lambda raw: raw.client.get_schema(fl.FlightDescriptor.for_path("a"), raw.options),
    lambda raw: raw.get(b"\x00"),
    lambda raw: raw.act("BeginTransaction", b""),
    lambda raw: raw.act("CancelQuery", b""),
    lambda raw: raw.act("x" * 10_000, b""),
    lambda raw: raw.act("CreatePreparedStatement", b"\xff"),
    lambda raw: raw.act("CreatePreparedStatement", m.pack(m.ActionClosePreparedStatementRequest(b"h"))),
    lambda raw: raw.act("ClosePreparedStatement", b"\xff"),
    lambda raw: raw.put(m.CommandStatementIngest("t"), pa.table({"a": [1]})),
    lambda raw: raw.put(m.CommandStatementQuery("SELECT 1"), pa.table({"a": [1]})),
    lambda raw: raw.client.do_exchange(fl.FlightDescriptor.for_command(b""), raw.options)[1].read_chunk(),
]


@pytest.mark.parametrize("call", CALLS)
def test_no_refusal_shows_more_than_its_own_words(flight: Flight, call: Any) -> None:
    with pytest.raises(ERRORS) as caught:
        call(flight.raw("analyst"))
    told = str(caught.value)
    assert not isinstance(caught.value, fl.FlightInternalError)
    for secret in ("Traceback", "File ", ".py", "site-packages", "duckdb", "gov_", "snap_", "CANARY", "Nora"):
        assert secret not in told


def test_a_defect_shows_an_id_and_nothing_else(flight: Flight, monkeypatch: pytest.MonkeyPatch) -> None:
    raw = flight.raw("steward")
    info = raw.info(CUSTOMERS)
    secret = "secret at /srv/data"
    defect = ZeroDivisionError(secret)

    def broken(*_: Any, **__: Any) -> Any:
        raise defect

    monkeypatch.setattr("ports.flight.catalog.schema", broken)
    monkeypatch.setattr(streams.provenance, "of_answer", broken)
    for call in (
        lambda: raw.info(m.CommandGetCatalogs()),
        lambda: raw.get(info.endpoints[0].ticket).read_all(),
    ):
        with pytest.raises(fl.FlightInternalError, match=r"an unexpected error; the server's log has it \[") as caught:
            call()
        assert secret not in str(caught.value)
        assert "Traceback" not in str(caught.value)
    assert all(result.summary is not None for result in flight.gateway.results)


def test_a_client_that_goes_on_with_its_first_handle_is_answered(flight: Flight) -> None:
    raw = flight.raw("steward")
    made = raw.prepare("SELECT $1 AS a, $2 AS b")
    command = m.CommandPreparedStatementQuery(made.prepared_statement_handle)
    union = pa.UnionArray.from_dense(
        pa.array([1], pa.int8()), pa.array([0], pa.int32()), [pa.array([7]), pa.array(["x"])]
    )
    raw.put(command, pa.table({"a": [1], "b": union}))
    assert raw.ask(command).to_pydict() == {"a": [1], "b": ["x"]}
    raw.put(command, pa.table({"a": [2], "b": ["y"]}))
    assert raw.ask(command).to_pydict() == {"a": [2], "b": ["y"]}
    raw.act("ClosePreparedStatement", m.pack(m.ActionClosePreparedStatementRequest(made.prepared_statement_handle)))
    with pytest.raises(pa.ArrowInvalid, match="takes 2 parameters, 0 were bound"):
        raw.info(command)


def test_what_is_remembered_of_handles_is_bounded() -> None:
    known = bindings.Bindings()
    for number in range(100):
        known.put(str(number).encode(), bytes(1 << 20))
    assert sum(len(known.get(str(number).encode())) for number in range(100)) == bindings.LIMIT_BYTES
    assert known.get(b"0") == b""
    known.put(b"99", b"x")
    assert known.get(b"99") == b"x"


def test_parameters_go_by_their_names_or_by_their_places(flight: Flight) -> None:
    raw = flight.raw("steward")
    made = raw.prepare("SELECT customer_id FROM shop.customers WHERE customer_id = $who AND region = $area")
    told = pa.ipc.read_schema(pa.py_buffer(made.parameter_schema))
    assert told == pa.schema({"$area": pa.string(), "$who": pa.int64()})
    command = m.CommandPreparedStatementQuery(made.prepared_statement_handle)
    for bound in ({"$who": [8], "$area": ["N"]}, {"area": ["N"], "who": [8]}, {"0": ["N"], "1": [8]}):
        raw.put(command, pa.table(bound))
        assert raw.ask(command).to_pydict() == {"customer_id": [8]}
    raw.put(command, pa.table({"who": [8, 7, 8], "area": ["N", "N", "N"]}))
    assert raw.ask(command).to_pydict() == {"customer_id": [8, 8]}
    for bound in ({"who": [8], "where": ["N"]}, {"who": [8]}, {"a": [1], "b": [2], "c": [3]}):
        raw.put(command, pa.table(bound))
        with pytest.raises(pa.ArrowInvalid, match=r"takes the parameters \$area, \$who"):
            raw.info(command)


def test_parameters_are_bounded_and_checked(flight: Flight) -> None:
    raw = flight.raw("steward")
    handle = m.CommandPreparedStatementQuery(raw.prepare("SELECT $1").prepared_statement_handle)
    broken = pa.Array.from_buffers(pa.string(), 1, [None, pa.py_buffer(b"\0\0\0\0\2\0\0\0"), pa.py_buffer(b"\xc3\x28")])
    for column, words in (
        (pa.array(["x" * (parameters.LIMIT_BYTES + 1)]), "at most"),
        (pa.array(range(parameters.LIMIT_ROWS + 1)), "at most"),
        (pa.array([], pa.int64()), "at least one row"),
        (pa.array([{"a": 1}]), "cannot be of type struct"),
        (broken, "not valid Arrow data"),
    ):
        with pytest.raises(pa.ArrowInvalid, match=words):
            raw.put(handle, pa.table({"a": column}))
    late = raw.put(handle, pa.table({"a": pa.array([2**60], pa.timestamp("s"))}))
    bound = m.wire.decode(m.DoPutPreparedStatementResult, late).prepared_statement_handle or b""
    with pytest.raises(pa.ArrowInvalid, match="out of range"):
        raw.info(m.CommandPreparedStatementQuery(bound))


def test_a_client_that_vanishes_frees_its_query(flight: Flight) -> None:
    raw = flight.raw("steward")
    text = "SELECT a.order_id, b.remark FROM shop.orders a, shop.orders b, range(50)"
    reader = raw.get(raw.info(m.CommandStatementQuery(text)).endpoints[0].ticket)
    reader.read_chunk()
    reader.cancel()
    del reader
    flight.close()
    eventually(lambda: flight.gateway.results[0].summary is not None)
    summary = flight.gateway.results[0].summary
    assert summary is not None
    assert summary.rows < 1800 * 1800 * 50
