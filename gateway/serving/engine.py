"""Plan -> Result: the serving engine behind the second wall. Takes nothing but Plans.

One locked in-memory instance; snapshots attached read-only; one cursor for each running query; two clocks. A stream
computes only while its consumer pulls, so memory is bounded whatever the result's size.
"""

from __future__ import annotations

import itertools
import logging
import os
import shutil
import threading
from collections import OrderedDict
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa

from gateway.binding import parameters
from gateway.binding.bind import Lookup, Page, Parameters, Plan, given
from gateway.binding.lineage import Origin
from gateway.binding.use_words import explained
from gateway.errors import BadQuery, GatewayError
from gateway.limits import Limits
from gateway.product import Column
from gateway.serving import coalesce, forms, late_rows, lookup_keys
from gateway.serving.attached import Attached
from gateway.serving.coalesce import Shared
from gateway.serving.forms import Form
from gateway.serving.kept_rows import Every, KeptRows
from gateway.serving.late_rows import Paged
from gateway.serving.running import ANYBODY, Alone, Asker, Load, Slots, Source
from gateway.serving.stream import Late, ProductProvenance, Provenance, Result, Summary, Watchdog
from gateway.serving.wire_forms import UTC, Wire
from gateway.settings import Settings, shared_memory
from gateway.sql import duck, duck_errors
from gateway.sql.lookup import PLACE, name_of

# How many lookups by key one query answers at most; 1 asks each by itself. See benchmarks/rest_lookup.py.
LOOKUPS_PER_QUERY = 256
_TEXTS = 5_000  # that are known, by form

_log = logging.getLogger("outport.engine")


@dataclass(frozen=True)
class Description:
    """What a query gives and takes, without running it. Types are DuckDB's, a parameter's None where unknown.

    `products` are the states that it would read now; `parameter_names` are "1", "2", ... or what the text names;
    `origins` the tables' columns among those of the schema, () where none is certain.
    """

    schema: pa.Schema
    parameter_types: tuple[str | None, ...]
    products: tuple[ProductProvenance, ...] = ()
    parameter_names: tuple[str, ...] = ()
    origins: tuple[Origin | None, ...] = ()
    types: tuple[str, ...] = ()


_Named = tuple[object, ...]


@dataclass(frozen=True)
class _Typed:
    """A bound text in one form, its schema there, and its columns' names and types before.

    `shared` answers many lookups at once, and `every` tells all rows; None where it is no lookup.
    """

    text: str
    schema: pa.Schema
    shared: Shared | None
    every: Every | None
    names: tuple[str, ...]
    kinds: tuple[str, ...]


class Engine:
    """The serving instance. Thread-safe; `run` and `describe` are the only ways in."""

    def __init__(
        self,
        *,
        snapshots: Path,
        spill: Path,
        threads: int,
        memory_limit: str,
        running_limit: int,
        queue_s: float,
        temp_limit: str | None = None,
    ) -> None:
        snapshots.mkdir(parents=True, exist_ok=True)
        spill.mkdir(parents=True, exist_ok=True)
        made = itertools.count()

        def make() -> Attached:
            own = spill / str(next(made))
            return Attached(
                duck.serving(
                    threads=threads,
                    memory_limit=memory_limit,
                    snapshots=snapshots,
                    spill=own,
                    temp_limit=temp_limit,
                    workers=self._slots.cpu.workers(),
                )
            )

        self._make = make
        self._slots = Slots(running_limit, queue_s)
        self._spill = spill
        self._serving = self._make()
        self._lock, self._renewing = threading.Lock(), threading.Lock()
        self._schemas: OrderedDict[_Named, _Typed] = OrderedDict()
        self._pages: OrderedDict[_Named, Paged | None] = OrderedDict()
        self._coalescer = coalesce.Coalescer(self._slots, LOOKUPS_PER_QUERY)
        self._kept = KeptRows(self._slots)
        self._watchdog = Watchdog()
        self._closed = False

    def run(
        self,
        plan: Plan,
        form: Form,
        limits: Limits,
        batch_rows: int,
        valid_until: float,
        provenance: Provenance,
        finish: Callable[[Summary], Late | None],
        begin: Callable[[], None],
        asker: Asker = ANYBODY,
    ) -> Result:
        """Start `plan` for `asker`; nothing is computed before the first batch is pulled.

        `begin` is called before the first rows are handed over, unless all of the answer is at once: `finish` comes
        before that. It is called once, when the stream has ended in whatever way. Raises BadQuery for what only the
        engine can see (types, parameters), Unavailable.
        """
        serving = self._leased(plan)
        try:
            typed = self._typed(serving, plan, form)
            return Result(
                schema=typed.schema,
                provenance=provenance,
                source=self._source(serving, plan, typed, form, batch_rows, limits.memory_bytes, asker),
                limits=limits,
                valid_until=valid_until,
                watchdog=self._watchdog,
                free=lambda: serving.release(plan.views),
                finish=finish,
                explain=lambda error: self._explained(serving, error, plan),
                begin=begin,
            )
        except BaseException:
            serving.release(plan.views)
            raise

    def describe(self, plan: Plan) -> Description:
        """The Arrow schema for the parameters given (NULLs if none are) and the parameters' types; never runs."""
        serving = self._leased(plan)
        try:
            valued = plan if plan.parameters else replace(plan, parameters=parameters.untyped(plan))
            typed = self._typed(serving, valued, "arrow")
            names, kinds = parameters.identifiers(plan), parameters.types(plan)
            return Description(typed.schema, kinds, parameter_names=names, types=typed.kinds)
        finally:
            serving.release(plan.views)

    def keep(self, snapshot_ids: Collection[str]) -> None:
        """Detach every snapshot that is not in `snapshot_ids`, now or when its last lease ends."""
        self._serving.keep(snapshot_ids)
        self._kept.keep(snapshot_ids)

    def load(self) -> Load:
        """How busy it is now."""
        waiting = self._slots.waiting + self._coalescer.followers
        return Load(len(self._watchdog), self._slots.running, waiting, self._slots.limit, self._slots.shares())

    @property
    def deaf(self) -> bool:
        """Whether a query goes on that cannot be interrupted: only the end of the process ends it."""
        return self._watchdog.deaf

    def close(self) -> None:
        """Stop every query and the instance."""
        with self._renewing:
            self._closed = True
        self._watchdog.stop()
        self._coalescer.close()
        self._kept.close()
        self._serving.close()
        shutil.rmtree(self._spill, ignore_errors=True)

    def _leased(self, plan: Plan) -> Attached:
        """The instance, holding what `plan` reads until it is released there."""
        serving = self._serving
        try:
            serving.lease(plan.views)
        except GatewayError as error:
            if error.__cause__ is not None and duck_errors.fatal(error.__cause__):
                self._renew(serving)
            raise
        return serving

    def _source(
        self,
        serving: Attached,
        plan: Plan,
        typed: _Typed,
        form: Form,
        batch_rows: int,
        memory_bytes: int | None,
        asker: Asker,
    ) -> Source:
        zone = _zone(form)

        def cursor() -> duck.Connection:
            return duck.bounded(duck.zoned(serving.cursor(), zone), memory_bytes)

        alone = Alone(cursor, typed.text, plan.parameters, batch_rows, self._slots, asker)
        if isinstance(plan, Page):
            return self._page(serving, plan, typed, form, alone) if late_rows.short(plan) else alone
        if typed.shared is None or typed.every is None or not isinstance(plan, Lookup) or plan.batch is None:
            return alone
        key = lookup_keys.key_of(plan.batch, plan.parameters)
        if key is None:
            return alone
        found = self._kept.find(typed.every, key, alone.open, serving, plan.views)
        return coalesce.Together(self._coalescer, typed.shared, key, alone, found)

    def _page(self, serving: Attached, plan: Page, typed: _Typed, form: Form, alone: Alone) -> Source:
        """A page whose rows are kept asks for their keys; one that is asked for the first time is left as it is."""
        paged = self._paged(plan, typed, form)
        rows = None if paged is None else self._kept.rows(paged.every, alone.open, serving, plan.views)
        if paged is None or rows is None or rows.batch is None:
            return alone
        return late_rows.LateRows(alone, paged, rows, typed.schema)

    def _paged(self, plan: Page, typed: _Typed, form: Form) -> Paged | None:
        name = (plan.text, plan.beside, form)
        with self._lock:
            known = name in self._pages
            found = self._pages.setdefault(name, None)
            self._pages.move_to_end(name)
            if len(self._pages) > _TEXTS:
                self._pages.popitem(last=False)
        if found is None and known and (texts := plan.texts()) is not None:
            first = len(typed.names) - plan.beside
            every = _every(texts.every, texts.key, typed.names[:first], typed.kinds[:first], form)
            found = Paged(late_rows.keys(texts.keys, typed.names, plan.beside, len(texts.key)), every, plan.beside)
            with self._lock:
                self._pages[name] = found
        return found

    def _typed(self, serving: Attached, plan: Plan, form: Form) -> _Typed:
        key = (plan.text, plan.beside, form, parameters.kinds(plan.parameters))
        with self._lock:
            found = self._schemas.get(key)
            if found is not None:
                self._schemas.move_to_end(key)
                return found
        found = self._described(serving, plan, form, plan.parameters)
        with self._lock:
            self._schemas[key] = found
            if len(self._schemas) > _TEXTS:
                self._schemas.popitem(last=False)
        return found

    def _described(self, serving: Attached, plan: Plan, form: Form, values: Parameters) -> _Typed:
        try:
            cursor = serving.cursor()
        except duck.Error as error:
            raise self._explained(serving, error, plan) from error
        try:
            relation = cursor.sql(plan.text, params=given(values))
            names = columns = relation.columns
            kinds = [str(kind) for kind in relation.types]
            end = len(columns) - plan.beside
            text = forms.project(plan.text, columns[:end], kinds[:end], form, columns[end:])
            if text != plan.text:
                relation = cursor.sql(text, params=given(values))
                names = relation.columns
            schema = relation.limit(0).to_arrow_reader().schema
            fields = [field.with_name(name) for field, name in zip(schema, names, strict=True)]
            shared = every = None
            if isinstance(plan, Lookup) and plan.batch is not None and LOOKUPS_PER_QUERY > 1:
                together = forms.project(plan.batch.text, columns, kinds, form, [PLACE])
                shared = Shared(together, pa.schema(fields), _zone(form))
                every = _every(plan.batch.every, plan.batch.key, columns, kinds, form)
            return _Typed(text, pa.schema(fields), shared, every, tuple(columns), tuple(kinds))
        except (duck.Error, pa.ArrowException, OSError, TypeError, ValueError, OverflowError) as error:
            raise self._explained(serving, error, plan) from error
        finally:
            cursor.close()

    def _explained(self, serving: Attached, error: BaseException, plan: Plan) -> GatewayError:
        """The error of a query on `serving`; where that has broken down, the next query has a new instance."""
        if duck_errors.fatal(error):
            self._renew(serving)
        return located(_translated(error, plan), plan)

    def _renew(self, broken: Attached) -> None:
        """Put a new instance in the place of `broken`, on which what runs will fail; once for each."""
        with self._renewing:
            if self._serving is broken and not self._closed:
                _log.error("the serving instance has broken down and is made anew")
                self._serving = self._make()
                broken.close()


def _zone(form: Form) -> str:
    return form.zone if isinstance(form, Wire) else UTC


def _every(text: str, key: tuple[Column, ...], names: Sequence[str], kinds: Sequence[str], form: Form) -> Every:
    last = [name_of(place) for place in range(len(key))]
    return Every(forms.project(text, names, kinds, form, last), key, _zone(form))


def _translated(error: BaseException, plan: Plan) -> GatewayError:
    if isinstance(error, TypeError | ValueError | OverflowError) and not isinstance(error, pa.ArrowException):
        return duck_errors.logged(BadQuery("a parameter's value is not supported", reason="parameter"), error)
    return duck_errors.translate(error, plan.client_text)


def located(error: GatewayError, plan: Plan) -> GatewayError:
    """`error` with the nearest visible names, or the use of a column that is not shown, in the client's own terms."""
    error = explained(error, (grant.decision for grant in plan.grants))
    if isinstance(error, BadQuery) and error.reason == "column" and not error.hint:
        visible = sorted({name for grant in plan.grants for name in grant.decision.visible})
        if visible:
            error.hint = "columns: " + ", ".join(visible[:40])
    return error


def default_threads() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def running_limit(settings: Settings) -> int:
    """The queries that all processes of a deployment run at once."""
    return settings.concurrency or 2 * (settings.threads or default_threads())


def of(settings: Settings, processes: int) -> Engine:
    """The engine of one of so many processes."""
    return Engine(
        snapshots=settings.state / "snapshots",
        spill=settings.state / "spill" / str(os.getpid()),
        threads=settings.threads or default_threads(),
        memory_limit=shared_memory(settings.memory_limit or "4GB", processes),
        running_limit=-(-running_limit(settings) // processes),
        queue_s=settings.queue_s,
        temp_limit=settings.temp_limit and shared_memory(settings.temp_limit, processes),
    )
