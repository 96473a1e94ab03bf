"""Queries as OpenTelemetry spans by OTLP over HTTP. Touches the collector that `OTEL_EXPORTER_OTLP_ENDPOINT` names.

A query is one SERVER span of its door; within it are bind, engine (until the first rows are there) and encode (until
the last are handed over, computing between them included). No span holds a value, a statement, a column or a subject.
Names: OpenTelemetry semantic conventions for databases; what those lack begins with `outport.`.
"""

from __future__ import annotations

import time

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.semconv.attributes.db_attributes import DB_NAMESPACE, DB_OPERATION_NAME, DB_SYSTEM_NAME
from opentelemetry.semconv.attributes.error_attributes import ERROR_TYPE
from opentelemetry.semconv.attributes.service_attributes import SERVICE_NAME
from opentelemetry.trace import SpanKind, Status, StatusCode, Tracer, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from gateway.errors import BadQuery, Forbidden, GatewayError, NotFound, Unauthenticated
from gateway.serving.stream import Provenance, Summary

_PROPAGATOR = TraceContextTextMapPropagator()
# Semantic conventions: what the client did wrong is no error of a server's span.
_CLIENTS_OWN = (BadQuery, Forbidden, NotFound, Unauthenticated)
_ROWS = "db.response.returned_rows"


def tracing() -> OpenTelemetry:
    """Spans in batches to the collector of the `OTEL_*` variables."""
    return OpenTelemetry(BatchSpanProcessor(OTLPSpanExporter()))


class OpenTelemetry:
    """A tracer of this gateway's own: what else in the process is traced is none of its business."""

    def __init__(self, processor: SpanProcessor) -> None:
        resource = Resource.create()
        if str(resource.attributes.get(SERVICE_NAME, "")).startswith("unknown_service"):
            resource = resource.merge(Resource({SERVICE_NAME: "outport"}))
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        self._provider.add_span_processor(processor)
        self._tracer = self._provider.get_tracer("outport")

    def begin(self, port: str, parent: str | None, query_id: str) -> QuerySpans:
        """The spans of a query; a malformed `parent` is none."""
        return QuerySpans(self._tracer, port, parent, query_id)

    def close(self) -> None:
        """Send what is not sent yet."""
        self._provider.shutdown()


class QuerySpans:
    """One query's."""

    def __init__(self, tracer: Tracer, port: str, parent: str | None, query_id: str) -> None:
        self._tracer = tracer
        context = _PROPAGATOR.extract({"traceparent": parent}) if parent is not None else None
        attributes = {
            DB_SYSTEM_NAME: "outport",
            DB_OPERATION_NAME: "SELECT",
            "outport.port": port,
            "outport.query.id": query_id,
        }
        self._began = self._bound = time.time_ns()
        self._span = tracer.start_span(f"outport {port}", context, SpanKind.SERVER, attributes, (), self._began)
        self._within = set_span_in_context(self._span)

    def bound(self, provenance: Provenance) -> None:
        """The query is bound: its products are known."""
        self._bound = time.time_ns()
        self._step("bind", self._began, self._bound)
        names = sorted({one.name for one in provenance.products})
        if names:
            self._span.set_attribute(DB_NAMESPACE, ",".join(names))
        self._span.set_attribute("outport.snapshots", [one.snapshot for one in provenance.products])

    def refused(self, error: GatewayError) -> None:
        """It is not run."""
        if self._bound == self._began:
            self._step("bind", self._began, time.time_ns())
        self._span.set_attribute("outport.outcome", "refused")
        self._failed(error)
        self._span.end()

    def ended(self, summary: Summary) -> None:
        """Its answer has ended."""
        now = time.time_ns()
        first = min(now, self._bound + int(summary.first_ms * 1e6))
        self._step("engine", self._bound, first, computed_ms=summary.computed_ms, cpu_ms=summary.cpu_ms)
        self._step("encode", first, now)
        self._span.set_attribute(_ROWS, summary.rows)
        self._span.set_attribute("outport.bytes", summary.bytes)
        self._span.set_attribute("outport.outcome", summary.outcome)
        if summary.error is not None:
            self._failed(summary.error)
        self._span.end(now)

    def _step(self, name: str, began: int, ended: int, **numbers: float) -> None:
        attributes = {f"outport.{key}": value for key, value in numbers.items()}
        self._tracer.start_span(name, self._within, attributes=attributes, start_time=began).end(ended)

    def _failed(self, error: GatewayError) -> None:
        self._span.set_attribute(ERROR_TYPE, error.code)
        if not isinstance(error, _CLIENTS_OWN):
            self._span.set_status(Status(StatusCode.ERROR))
