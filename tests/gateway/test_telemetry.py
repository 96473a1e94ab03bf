"""Traces: each query a span of its door with its steps in it, in its client's trace; nothing of what is in the data."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from gateway import Gateway
from gateway.desks import telemetry, tracing
from gateway.serving.running import Asker
from gateway.settings import Settings, SettingsError
from tests.conftest import World
from tests.doors import DOORS, FlightDoor, Refusal, RestDoor

TRACE, PARENT = 0x0AF7651916CD43DD8448EB211C80319C, 0xB7AD6B7169203331
TRACEPARENT = f"00-{TRACE:032x}-{PARENT:016x}-01"
QUESTION = "SELECT email AS secret_alias FROM shop.customers WHERE full_name <> 'CANARY' LIMIT 3"


@pytest.fixture(scope="module")
def exported(world: World) -> Iterator[tuple[Gateway, InMemorySpanExporter]]:
    """A gateway on the world whose spans stay in memory."""
    exporter = InMemorySpanExporter()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(telemetry, "tracing", lambda: telemetry.OpenTelemetry(SimpleSpanProcessor(exporter)))
        gateway = Gateway(world.settings.model_copy(update={"telemetry": True}))
    yield gateway, exporter
    gateway.close()


@pytest.fixture
def spans(exported: tuple[Gateway, InMemorySpanExporter]) -> InMemorySpanExporter:
    exported[1].clear()
    return exported[1]


@pytest.fixture(scope="module")
def gateway(exported: tuple[Gateway, InMemorySpanExporter]) -> Gateway:
    return exported[0]


def of(spans: InMemorySpanExporter, name: str) -> ReadableSpan:
    """The last span of that name."""
    return [span for span in spans.get_finished_spans() if span.name == name][-1]


def attributes(span: ReadableSpan) -> dict[str, object]:
    assert span.attributes is not None
    return dict(span.attributes)


@pytest.mark.parametrize("port", ["rest", "flightsql", "postgres"])
def test_a_query_is_a_span_of_its_door_with_its_steps_in_it(
    gateway: Gateway, spans: InMemorySpanExporter, port: str
) -> None:
    opened = DOORS[port](gateway)
    try:
        assert opened.ask("analyst", QUESTION).num_rows == 3
    finally:
        opened.close()
    span = of(spans, f"outport {port}")
    told = attributes(span)
    assert span.kind is SpanKind.SERVER
    assert span.status.status_code is StatusCode.UNSET
    assert (told["db.system.name"], told["db.namespace"], told["outport.outcome"]) == ("outport", "shop", "answered")
    assert told["db.response.returned_rows"] == 3
    assert len(str(told["outport.query.id"])) == 32
    steps = [of(spans, name) for name in ("bind", "engine", "encode")]
    assert span.context is not None
    assert {step.parent and step.parent.span_id for step in steps} == {span.context.span_id}
    times = [moment for step in steps for moment in (step.start_time, step.end_time)]
    assert None not in times
    assert times == sorted(times)  # type: ignore[type-var]
    assert (span.start_time, span.end_time) == (times[0], times[-1])
    assert span.resource.attributes["service.name"] == "outport"


def test_no_span_holds_a_value_a_statement_a_column_or_a_subject(gateway: Gateway, spans: InMemorySpanExporter) -> None:
    door = DOORS["python"](gateway)
    door.ask("steward", QUESTION)
    with pytest.raises(Refusal):
        door.ask("steward", "SELECT CAST(full_name AS INTEGER) FROM shop.customers")
    text = "".join(span.to_json() for span in spans.get_finished_spans())
    assert "outport python" in text
    words = ("CANARY", "secret_alias", "email", "full_name", "SELECT email", "steward", "name-")
    assert [word for word in words if word in text] == []


@pytest.mark.parametrize(
    ("header", "trace", "parent"),
    [(TRACEPARENT, TRACE, PARENT), ("00-malformed", None, None), ("", None, None)],
    ids=["good", "malformed", "empty"],
)
def test_a_trace_goes_on_from_the_clients_header(
    gateway: Gateway, spans: InMemorySpanExporter, header: str, trace: int | None, parent: int | None
) -> None:
    rest = RestDoor(gateway)
    rest._client.headers["traceparent"] = header
    flight = FlightDoor(gateway)
    flight._connection("analyst").adbc_connection.set_options(**{"adbc.flight.sql.rpc.call_header.traceparent": header})
    for door in (rest, flight):
        try:
            door.ask("analyst", QUESTION)
        finally:
            door.close()
        span = of(spans, f"outport {door.name}")
        assert span.context is not None
        assert (span.parent.span_id if span.parent is not None else None) == parent
        assert (span.context.trace_id == TRACE) == (trace == TRACE)


def test_a_refusal_is_told_and_only_a_fault_of_ours_is_an_error(gateway: Gateway, spans: InMemorySpanExporter) -> None:
    door = DOORS["python"](gateway)
    for text, code in (("SELECT * FROM hr.salaries", "not_found"), ("SELEC", "bad_query")):
        with pytest.raises(Refusal):
            door.ask("analyst", text)
        span = of(spans, "outport python")
        assert (attributes(span)["error.type"], attributes(span)["outport.outcome"]) == (code, "refused")
        assert span.status.status_code is StatusCode.UNSET
    slots = gateway._engine._slots
    slots.queue_s, queue_s = 0.0, slots.queue_s
    others = [Asker(str(number)) for number in range(2 * slots.limit)]
    for other in others:
        slots.take(None, other)
    with pytest.raises(Refusal):
        door.ask("analyst", "SELECT count(*) FROM shop.customers")
    for other in others:
        slots.give(other)
    slots.queue_s = queue_s
    assert of(spans, "outport python").status.status_code is StatusCode.ERROR


def test_a_look_at_the_catalog_is_a_span_too(gateway: Gateway, spans: InMemorySpanExporter) -> None:
    door = DOORS["postgres"](gateway)
    try:
        door.ask("analyst", "SELECT relname FROM pg_catalog.pg_class LIMIT 1")
    finally:
        door.close()
    assert attributes(of(spans, "outport postgres"))["outport.outcome"] == "answered"


def test_off_it_is_not_even_imported() -> None:
    code = "import sys, gateway, ports.command.main; print([one for one in sys.modules if 'opentelemetry.sdk' in one])"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said == "[]\n"


def test_without_its_libraries_the_setting_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gateway.desks.telemetry", None)
    assert isinstance(tracing.load(Settings()), tracing.Untraced)
    with pytest.raises(SettingsError, match=r"outport\[telemetry\]"):
        tracing.load(Settings(telemetry=True))
