"""Plan -> Result: the serving engine behind the second wall. Takes nothing but Plans.

One locked in-memory instance; snapshots attached read-only; one cursor for each running query; two clocks. A stream
computes only while its consumer pulls, so memory is bounded whatever the result's size.
"""

from __future__ import annotations

import logging
import os
import shutil
import threading
from collections import OrderedDict
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path

import pyarrow as pa

from gateway import duck, forms, parameters
from gateway.bind import Parameters, Plan, View, given
from gateway.duck import quote
from gateway.errors import BadQuery, Expired, GatewayError, Unavailable
from gateway.forms import Form
from gateway.lineage import Origin
from gateway.stream import Limits, Load, ProductProvenance, Provenance, Result, Slots, Source, Summary, Watchdog

VIEW_LIMIT = 10_000
_log = logging.getLogger("outport.engine")


@dataclass(frozen=True)
class Description:
    """What a query gives and takes, without running it. Parameter types are DuckDB's, None where unknown.

    `products` are the states that it would read now; `parameter_names` are "1", "2", ... or what the text names;
    `origins` the tables' columns among those of the schema, () where none is certain.
    """

    schema: pa.Schema
    parameter_types: tuple[str | None, ...]
    products: tuple[ProductProvenance, ...] = ()
    parameter_names: tuple[str, ...] = ()
    origins: tuple[Origin | None, ...] = ()


@dataclass(frozen=True)
class _Typed:
    """Names and types of a bound text in one form, and the text that gives that form."""

    text: str
    names: tuple[str, ...]


class Engine:
    """The serving instance. Thread-safe; `run` and `describe` are the only ways in."""

    def __init__(
        self, *, snapshots: Path, spill: Path, threads: int, memory_limit: str, running_limit: int, queue_s: float
    ) -> None:
        snapshots.mkdir(parents=True, exist_ok=True)
        spill.mkdir(parents=True, exist_ok=True)
        self._instance = duck.serving(threads=threads, memory_limit=memory_limit, snapshots=snapshots, spill=spill)
        self._spill = spill
        self._lock = threading.Lock()
        self._attached: set[str] = set()
        self._stale: set[str] = set()
        self._leases: dict[str, int] = {}
        self._views: OrderedDict[tuple[str, str], int] = OrderedDict()
        self._schemas: OrderedDict[tuple[object, ...], tuple[_Typed, pa.Schema]] = OrderedDict()
        self._slots = Slots(running_limit, queue_s)
        self._watchdog = Watchdog()

    def run(
        self,
        plan: Plan,
        form: Form,
        limits: Limits,
        batch_rows: int,
        valid_until: float,
        provenance: Provenance,
        finish: Callable[[Summary], None],
    ) -> Result:
        """Start `plan`; nothing is computed before the first batch is pulled.

        `finish` is called once, when the stream has ended in whatever way. Raises BadQuery for what only the engine
        can see (types, parameters), Unavailable.
        """
        self._lease(plan.views)
        try:
            typed, schema = self._typed(plan, form)
            source = Source(self._instance.cursor(), typed.text, plan.parameters, batch_rows)
            return Result(
                schema=schema,
                provenance=provenance,
                source=source,
                limits=limits,
                valid_until=valid_until,
                slots=self._slots,
                watchdog=self._watchdog,
                free=lambda: self._release(plan.views),
                finish=finish,
                explain=lambda error: located(_translated(error, plan), plan),
            )
        except BaseException:
            self._release(plan.views)
            raise

    def describe(self, plan: Plan) -> Description:
        """The Arrow schema for the parameters given (NULLs if none are) and the parameters' types; never runs."""
        self._lease(plan.views)
        try:
            valued = plan if plan.parameters else replace(plan, parameters=parameters.untyped(plan))
            _, schema = self._typed(valued, "arrow")
            names, kinds = parameters.identifiers(plan), parameters.types(plan)
            return Description(schema, kinds, parameter_names=names)
        finally:
            self._release(plan.views)

    def keep(self, snapshot_ids: Collection[str]) -> None:
        """Detach every snapshot that is not in `snapshot_ids`, now or when its last lease ends."""
        with self._lock:
            self._stale = self._attached - set(snapshot_ids)
            for snapshot_id in list(self._stale):
                self._detach(snapshot_id)

    def load(self) -> Load:
        """How busy it is now."""
        return Load(len(self._watchdog), self._slots.running, self._slots.waiting, self._slots.limit)

    def close(self) -> None:
        """Stop every query and the instance."""
        self._watchdog.stop()
        self._instance.close()
        shutil.rmtree(self._spill, ignore_errors=True)

    def _typed(self, plan: Plan, form: Form) -> tuple[_Typed, pa.Schema]:
        key = (plan.text, form, _kinds(plan.parameters))
        with self._lock:
            found = self._schemas.get(key)
            if found is not None:
                self._schemas.move_to_end(key)
                return found
        found = self._described(plan, form, plan.parameters)
        with self._lock:
            self._schemas[key] = found
            if len(self._schemas) > 5_000:
                self._schemas.popitem(last=False)
        return found

    def _described(self, plan: Plan, form: Form, values: Parameters) -> tuple[_Typed, pa.Schema]:
        cursor = self._instance.cursor()
        try:
            relation = cursor.sql(plan.text, params=given(values))
            names, kinds = relation.columns, [str(kind) for kind in relation.types]
            text = forms.project(plan.text, names, kinds, form)
            if text != plan.text:
                relation = cursor.sql(text, params=given(values))
                names = relation.columns
            schema = relation.limit(0).to_arrow_reader().schema
            fields = [field.with_name(name) for field, name in zip(schema, names, strict=True)]
            return _Typed(text, tuple(names)), pa.schema(fields)
        except (duck.Error, pa.ArrowException, OSError, TypeError, ValueError, OverflowError) as error:
            raise located(_translated(error, plan), plan) from error
        finally:
            cursor.close()

    def _lease(self, views: Collection[View]) -> None:
        with self._lock:
            for view in views:
                self._attach(view)
                key = (view.schema, view.name)
                if key not in self._views:
                    self._create(view)
                    self._views[key] = 0
                self._views[key] += 1
                self._views.move_to_end(key)
                self._leases[view.snapshot.id] = self._leases.get(view.snapshot.id, 0) + 1
            self._evict()

    def _release(self, views: Collection[View]) -> None:
        with self._lock:
            for view in views:
                self._views[(view.schema, view.name)] -= 1
                self._leases[view.snapshot.id] -= 1
                if view.snapshot.id in self._stale:
                    self._detach(view.snapshot.id)

    def _attach(self, view: View) -> None:
        snapshot = view.snapshot
        if snapshot.id in self._attached:
            return
        path = str(snapshot.path).replace("'", "''")
        try:
            self._instance.execute(f"ATTACH '{path}' AS {quote('snap_' + snapshot.id)} (READ_ONLY)")
            self._instance.execute(f"CREATE SCHEMA IF NOT EXISTS {quote(view.schema)}")
        except duck.Error as error:
            if not snapshot.path.exists():
                raise Expired("this snapshot is no longer kept: ask again for the present one") from error
            raise duck.logged(Unavailable("a snapshot cannot be read", reason="snapshot"), error) from error
        self._attached.add(snapshot.id)

    def _create(self, view: View) -> None:
        kind = "SECURE VIEW" if view.secure else "VIEW"
        name = ".".join(quote(part) for part in view.path)
        try:
            self._instance.execute(f"CREATE {kind} {name} AS {view.create}")
        except duck.Error as error:
            raise duck.logged(Unavailable("a table cannot be served", reason="view"), error) from error

    def _evict(self) -> None:
        surplus = len(self._views) - VIEW_LIMIT
        for key in [key for key, leases in self._views.items() if leases == 0][: max(0, surplus)]:
            self._instance.execute(f"DROP VIEW memory.{quote(key[0])}.{quote(key[1])}")
            del self._views[key]

    def _detach(self, snapshot_id: str) -> None:
        if self._leases.get(snapshot_id, 0) > 0:
            return
        schema = f"gov_{snapshot_id}"
        with suppress(duck.Error):
            self._instance.execute(f"DROP SCHEMA IF EXISTS memory.{quote(schema)} CASCADE")
            self._instance.execute(f"DETACH {quote('snap_' + snapshot_id)}")
        self._attached.discard(snapshot_id)
        self._stale.discard(snapshot_id)
        for key in [key for key in self._views if key[0] == schema]:
            del self._views[key]
        self._leases.pop(snapshot_id, None)


def _translated(error: BaseException, plan: Plan) -> GatewayError:
    if isinstance(error, TypeError | ValueError | OverflowError) and not isinstance(error, pa.ArrowException):
        return duck.logged(BadQuery("a parameter's value is not supported", reason="parameter"), error)
    return duck.translate(error, plan.client_text)


def located(error: GatewayError, plan: Plan) -> GatewayError:
    """`error` with the nearest visible names, in the client's own terms."""
    if isinstance(error, BadQuery) and error.reason == "column" and not error.hint:
        visible = sorted({name for grant in plan.grants for name in grant.decision.visible})
        if visible:
            error.hint = "columns: " + ", ".join(visible[:40])
    return error


def _kinds(values: Parameters) -> tuple[object, ...]:
    items = values.items() if not isinstance(values, tuple) else enumerate(values)
    return tuple((name, _kind(value)) for name, value in items)


def _kind(value: object) -> object:
    """What of a value decides the type that the engine gives it."""
    if isinstance(value, list):
        return ("list", frozenset(_kind(item) for item in value))
    if isinstance(value, int) and not isinstance(value, bool):
        return ("int", (value.bit_length() + 32) // 32)
    if isinstance(value, Decimal):
        parts = value.as_tuple()
        return ("decimal", len(parts.digits), parts.exponent)
    return type(value)


def default_threads() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
