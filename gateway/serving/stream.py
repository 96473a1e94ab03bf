"""A running query as its consumer sees it: batches on demand, two clocks, cancel from any thread, freed once.

Touches the engine only through the source that it was given.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Never

import pyarrow as pa

from gateway.binding.lineage import Origin
from gateway.errors import Cancelled, Exhausted, GatewayError, NotFound, Timeout, Unauthenticated, Unavailable
from gateway.limits import Limits
from gateway.serving import forms
from gateway.serving.cpu import Lap
from gateway.serving.running import Data, Encoded, Source
from gateway.snapshot import LASTING, Lifespan

TICK_S = 0.05
# A query that goes on computing for so long after it was interrupted is not going to end.
DEAF_S = 10.0
_ENDED = "the permission for this answer has ended"
Outcome = Literal["answered", "cancelled", "timeout", "failed", "closed", "unchanged"]


@dataclass(frozen=True)
class ProductProvenance:
    """Which state of one product an answer speaks of. `quality` is the share of its rules that hold.

    `mock`: its rows are made up from its contract; `generated`: they are as it says itself, or some that it is made of.
    `freshness` says what the age of its data, `age_s`, is to what is promised of the tables that were read: None where
    nothing is, or it could not be told. `digest` is the product's identity.
    """

    name: str
    version: str
    snapshot: str
    data_time: datetime | None
    quality: float
    lifespan: Lifespan = LASTING
    mock: bool = False
    freshness: Literal["fresh", "stale", "breached"] | None = None
    age_s: int | None = None
    generated: bool = False
    digest: str = ""


@dataclass(frozen=True)
class Provenance:
    """Where an answer comes from. `policy` is the decisions' fingerprint, keyed per principal.

    `origins` has the table's column that each column is, None where it is none, () where nothing is certain. `askers`
    are who asked and on whose behalf, () where that is one.
    """

    query_id: str
    products: tuple[ProductProvenance, ...]
    policy: str
    origins: tuple[Origin | None, ...] = ()
    askers: tuple[str, ...] = ()


@dataclass(frozen=True)
class Summary:
    """What an answer was, once it has ended: `first_ms` until it had rows, `computed_ms` of computing in all.

    `bytes` are those of its Arrow batches, `cpu_ms` the CPU of the threads that have computed it.
    """

    rows: int
    bytes: int
    elapsed_ms: float
    first_ms: float
    computed_ms: float
    cpu_ms: float
    outcome: Outcome
    error: GatewayError | None


# Takes bytes that a door has sent of an answer that has ended, and milliseconds of CPU that it took to make them.
Late = Callable[[int, float], None]


class Result:
    """The answer to one query: `schema`, `provenance`, and its batches as a stream.

    A context manager. `batches()` raises only GatewayErrors; `cancel` and `close` may come from any thread; `summary`
    is set when the stream has ended.
    """

    def __init__(
        self,
        schema: pa.Schema,
        provenance: Provenance,
        source: Source,
        limits: Limits,
        valid_until: float,
        watchdog: Watchdog,
        free: Callable[[], None],
        finish: Callable[[Summary], Late | None],
        explain: Callable[[BaseException], GatewayError],
        begin: Callable[[], None],
    ) -> None:
        self.schema = schema
        self.provenance = provenance
        self.summary: Summary | None = None
        self._source, self._limits, self._valid_until = source, limits, valid_until
        self._watchdog = watchdog
        self._free, self._begin, self._finish, self._explain = free, begin, finish, explain
        self._turn = threading.Lock()
        self._stop: GatewayError | None = None
        self._closed = False
        self._started = time.monotonic()
        # None while a batch is asked of the source: whoever waits then is not the consumer.
        self._waiting_since: float | None = self._started
        self._first: float | None = None
        self._interrupted_since: float | None = None
        self._rows = self._bytes = self._sent = 0
        self._lap = Lap()
        self._late: Late | None = None
        watchdog.add(self)

    def __enter__(self) -> Result:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def prefetch(self, ready: Callable[[], None]) -> bool:
        """Have the first batch computed while nobody reads: `ready` is called, once, from any thread, when it is there.

        False, and `ready` is never called, where an answer is computed only while it is read.
        """

        def arrived() -> None:
            self._waiting_since = time.monotonic()
            ready()

        self._waiting_since = None
        if self._source.prefetch(arrived):
            return True
        self._waiting_since = time.monotonic()
        return False

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Stream the answer; each batch has at least one row. Raises GatewayErrors only; frees the query at the end."""
        try:
            while (batch := self._pull()) is not None:
                if batch.num_rows:
                    yield batch
        finally:
            self.close()

    def row(self, form: Hashable) -> Data | None:
        """All of the answer as `keep` was given it in that form, where it is one row that the gateway keeps.

        The answer has ended then. Before the first batch only; raises as `batches` does.
        """
        with self._turn:
            self._require_open()
            row = self._source.encoded(form)
            if row is not None:
                self._counted(1, row.size)
                self._end("answered", None)
                self._lap.begin()
        return None if row is None else row.data

    @property
    def size_bytes(self) -> int:
        """The size of the Arrow batches that were handed over up to now."""
        return self._bytes

    def sent(self, size: int) -> None:
        """Said by a door: so many bytes of what it made of the answer leave now.

        What its thread does from here to the next batch is not the answer's.
        """
        self._lap.end()
        self._sent += size
        if self._closed:
            self._tell()

    def keep(self, form: Hashable, data: Data) -> None:
        """What a door has made of an answer of one row, for the next that asks for that row.

        `form` says all that it depends on but the row.
        """
        if self._rows == 1:
            self._source.keep(form, Encoded(data, self._bytes))

    def cancel(self) -> None:
        """Stop the query; its consumer sees Cancelled."""
        self._stop = self._stop or Cancelled("the query was cancelled")
        self._source.interrupt()

    def end(self, error: GatewayError) -> None:
        """Stop the query; its consumer sees `error`."""
        self._stop = self._stop or error
        self._source.interrupt()

    def permitted(self) -> None:
        """For who keeps rows that were read before: raises NotFound, Unauthenticated once nobody may have them."""
        if isinstance(self._stop, (NotFound, Unauthenticated)):
            raise self._stop
        if time.time() > self._valid_until:
            raise NotFound(_ENDED, reason="expired")

    def close(self) -> None:
        """Free the query. Idempotent."""
        if not self._closed:
            self._stop = self._stop or Cancelled("the query was closed", reason="closed")
        while not self._turn.acquire(timeout=TICK_S):
            self._source.interrupt()
        try:
            self._end(self._outcome(), self._stop)
        finally:
            self._turn.release()

    def unchanged(self) -> None:
        """End an answer of which nothing was read, since its consumer has the same from before: nothing is run."""
        with self._turn:
            self._end("unchanged", None)

    def tick(self, now: float) -> None:
        """Called by the watchdog: enforce both clocks. `now` is monotonic seconds."""
        since, waiting = self._source.computing_since, self._waiting_since
        if since is not None:
            if self._source.computed_s + now - since > self._limits.compute_s:
                self._stop = self._stop or Timeout(
                    f"the query took more than its {self._limits.compute_s:g} s of computing", reason="compute"
                )
            if self._stop is not None:
                self._interrupted_since = self._interrupted_since or now
                self._source.interrupt()
        elif waiting is not None and now - waiting > self._limits.idle_s and not self._closed:
            self._stop = self._stop or Timeout(
                f"nothing was read for {self._limits.idle_s:g} s: the query was closed", reason="idle"
            )
            self.close()

    def deaf(self, now: float) -> bool:
        """Whether it computes on long after it was interrupted."""
        since = self._interrupted_since
        return since is not None and now - since > DEAF_S and self._source.computing_since is not None

    def _outcome(self) -> Outcome:
        if isinstance(self._stop, Cancelled):
            return "closed" if self._stop.reason == "closed" else "cancelled"
        return "timeout" if isinstance(self._stop, Timeout) else "failed"

    def _pull(self) -> pa.RecordBatch | None:
        with self._turn:
            self._require_open()
            batch = self._compute()
            if batch is None:
                self._end("answered", None)
                return None
            if self._first is None and batch.num_rows:
                self._on_record()
            self._counted(batch.num_rows, batch.get_total_buffer_size())  # nbytes costs 50 times as much
            return forms.zero_nulls(batch)

    def _require_open(self) -> None:
        if self._stop is not None or self._closed:
            raise self._stop or Cancelled("the answer has ended", reason="closed")
        if time.time() > self._valid_until:
            self._fail(NotFound(_ENDED, reason="expired"))

    def _on_record(self) -> None:
        """That rows are about to leave is on record before they do: its end may find the disk full, or never come."""
        try:
            self._begin()
        except GatewayError as error:
            self._fail(error)

    def _counted(self, rows: int, size: int) -> None:
        if self._first is None:
            self._first = time.monotonic()
        self._rows += rows
        self._bytes += size
        if self._limits.rows is not None and self._rows > self._limits.rows:
            self._fail(Exhausted(f"the answer has more than {self._limits.rows} rows", reason="rows"))
        if self._limits.bytes is not None and self._bytes > self._limits.bytes:
            self._fail(Exhausted(f"the answer has more than {self._limits.bytes} bytes", reason="bytes"))

    def _compute(self) -> pa.RecordBatch | None:
        self._lap.end()
        self._waiting_since = None
        try:
            batch = self._source.next(self._limits.compute_s if self._rows else None)
        except Exception as error:
            self._fail(self._stop or (error if isinstance(error, GatewayError) else self._explain(error)), error)
        finally:
            self._waiting_since = time.monotonic()
            self._lap.begin()
        if self._stop is not None:
            self._fail(self._stop)
        return batch

    def _fail(self, error: GatewayError, cause: BaseException | None = None) -> Never:
        self._stop = error
        self._end(self._outcome(), error)
        raise error from cause

    def _end(self, outcome: Outcome, error: GatewayError | None) -> None:
        if self._closed:
            return
        self._closed = True
        self._stop = error
        now = time.monotonic()
        first = now if self._first is None else self._first
        elapsed_ms, first_ms = (now - self._started) * 1000, (first - self._started) * 1000
        computed_ms, cpu_ms = self._source.computed_s * 1000, self._source.cpu_s * 1000
        self.summary = Summary(self._rows, self._bytes, elapsed_ms, first_ms, computed_ms, cpu_ms, outcome, error)
        self._watchdog.remove(self)
        try:
            self._source.close()
        finally:
            self._free()
            self._late = self._finish(self.summary)
            if self._sent:
                self._tell()

    def _tell(self) -> None:
        """Have counted what a door has sent and spent since the last time."""
        if self._late is not None:  # another thread may be ending it: then that one tells
            size, spent_s = self._sent, self._lap.spent_s
            self._sent, self._lap.spent_s = 0, 0.0
            self._late(size, spent_s * 1000)


class Watchdog:
    """One thread that keeps the clocks of every open result."""

    def __init__(self) -> None:
        self._results: set[Result] = set()
        self._lock = threading.Lock()
        self._wake, self._ended = threading.Event(), threading.Event()
        self._stopped = False
        self._thread: threading.Thread | None = None

    def add(self, result: Result) -> None:
        """Watch `result`. Raises Unavailable once stopped."""
        with self._lock:
            if self._stopped:
                raise Unavailable("the gateway is shutting down", reason="shutdown")
            self._results.add(result)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="outport-watchdog", daemon=True)
                self._thread.start()
        if not self._wake.is_set():
            self._wake.set()

    def __len__(self) -> int:
        """How many results are open."""
        return len(self._results)

    @property
    def deaf(self) -> bool:
        """Whether some query cannot be interrupted."""
        with self._lock:
            results = list(self._results)
        return any(result.deaf(time.monotonic()) for result in results)

    def remove(self, result: Result) -> None:
        """Watch `result` no longer."""
        with self._lock:
            self._results.discard(result)

    def stop(self) -> None:
        """Close every open result and end the thread."""
        with self._lock:
            self._stopped = True
            results = list(self._results)
        for result in results:
            result.cancel()
            result.close()
        self._ended.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join(timeout=5)

    def _run(self) -> None:
        # Clocks are looked at once in a TICK_S: woken by every answer, this thread would cost a lookup a tenth.
        while not self._ended.wait(TICK_S):
            self._wake.clear()
            with self._lock:
                results = list(self._results)
            if not results:
                self._wake.wait()
            for result in results:
                result.tick(time.monotonic())
