"""Answers as streams that end with their client. Touches the gateway's results and the calls' contexts, no socket."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import pyarrow as pa
import pyarrow.flight as fl

from gateway import Expired, Gateway, Result
from ports.flight import columns, provenance
from ports.flight.authentication import PORT
from ports.flight.errors import translating
from ports.flight.running import Running
from ports.flight.statements import Asked
from ports.flight.tickets import digest

# Rows a batch: 20.9 M rows of 5 columns took a quarter less time than with 8192; see benchmarks/flight_pull.py.
BATCH_ROWS = 32_768
# Clients bound a message (ADBC: 16 MiB): batches of wide rows are cut, without copying, well below that.
MESSAGE_BYTES = 4 << 20


class Streams:
    """Answers queries as Flight streams."""

    def __init__(self, gateway: Gateway, running: Running) -> None:
        self._gateway = gateway
        self._running = running

    def open(self, context: fl.ServerCallContext, asked: Asked) -> fl.GeneratorStream:
        """The answers to the queries that are `asked`, one after the other, of the schema that was promised.

        Raises as `answer` does, Cancelled if the flight was cancelled, Expired if the schema is another one by now.
        """
        flow = self._flow(context, asked)
        # Started here: a generator that never ran would not free what it holds when it is dropped.
        schema = next(flow)
        return fl.GeneratorStream(schema, flow)

    def _flow(self, context: fl.ServerCallContext, asked: Asked) -> Iterator[Any]:
        """The schema, then the batches; the first batch of each answer carries its provenance."""
        schema = None
        told = partial(self._gateway.refusals.told, PORT, asked.session, "")
        with translating(told), self._running.over(context, asked.id) as call:
            for query in asked.queries:
                with self._gateway.answer(asked.session, query, batch_rows=BATCH_ROWS) as result:
                    call.reads(result)
                    origin = result.provenance
                    told = columns.described(result.schema, origin.origins, origin.products)
                    if digest(told) != asked.promise:
                        raise Expired("the schema of this answer has changed; ask again", reason="schema")
                    if schema is None:
                        schema = told
                        yield schema
                    yield from _chunks(result, schema)


def _chunks(result: Result, schema: pa.Schema) -> Iterator[pa.RecordBatch | tuple[pa.RecordBatch, bytes]]:
    """The batches of `result` under `schema`; at least one, of no rows if need be, to carry the provenance."""
    origin: bytes | None = provenance.of_answer(result.provenance)
    for batch in result.batches():
        # The engine numbers the names of equal columns; the schema has them as the client wrote them, and more.
        named = batch if batch.schema.equals(schema) else pa.RecordBatch.from_arrays(batch.columns, schema=schema)
        for piece in _cut(named):
            yield piece if origin is None else (piece, origin)
            # Once it has left: writing it is the same thread's work.
            result.sent(pa.ipc.get_record_batch_size(piece))
            origin = None
    if origin is not None:
        empty = [pa.array([], field.type) for field in schema]
        yield pa.RecordBatch.from_arrays(empty, schema=schema), origin


def _cut(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    """`batch` in pieces of about MESSAGE_BYTES at most, of one row at least."""
    rows = max(1, batch.num_rows * MESSAGE_BYTES // max(1, batch.nbytes))
    if rows >= batch.num_rows:
        yield batch
        return
    for start in range(0, batch.num_rows, rows):
        yield batch.slice(start, rows)
