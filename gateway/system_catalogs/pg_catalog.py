"""The governed catalog: what PostgreSQL's clients ask pg_catalog and information_schema, for what a principal may see.

Runs checked statements on catalog engines; touches no product. The clocks and the turns are as for a query.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import pyarrow as pa

from gateway.binding import parameters
from gateway.binding.bind import Parameters, Query, given
from gateway.decision import unknown_relation
from gateway.errors import BadQuery, GatewayError
from gateway.limits import Limits
from gateway.serving import forms
from gateway.serving.engine import Description
from gateway.serving.forms import Form
from gateway.serving.running import Alone, Slots
from gateway.serving.stream import Late, Provenance, Result, Summary, Watchdog
from gateway.serving.wire_forms import Wire
from gateway.session import Session
from gateway.sql import duck, duck_errors
from gateway.system_catalogs import pg_statement
from gateway.system_catalogs.pg_engine import CatalogEngine, CatalogEngines, Described, asks_settings
from gateway.system_catalogs.pg_objects import Oids, Visible
from gateway.system_catalogs.pg_statement import CatalogStatement
from gateway.system_catalogs.pg_types import catalog_kind, held_in

_MARKED = re.compile(r"outport:(relation|type|function|schema|role|setting|limit):([^\n]*)")


@dataclass(frozen=True)
class Backend:
    """What a connection knows of itself: the number of its process, its version, and its settings by name."""

    process: int
    version: str
    settings: Mapping[str, str]


class PgCatalog:
    """Statements about the catalogs, run. Thread-safe."""

    def __init__(self, running_limit: int, queue_s: float) -> None:
        self._engines = CatalogEngines()
        self._slots = Slots(running_limit, queue_s)
        self._watchdog = Watchdog()

    def run(
        self,
        session: Session,
        query: Query,
        backend: Backend,
        visible: Visible,
        form: Form,
        limits: Limits,
        batch_rows: int,
        provenance: Provenance,
        finish: Callable[[Summary], Late | None],
        begin: Callable[[], None],
    ) -> Result:
        """The answer for whoever may see `visible`, as a stream. Raises BadQuery, NotFound, Forbidden."""
        statement = pg_statement.bound(query.text)
        engine = self._engines.lease(visible)
        try:
            cursor = _cursors(engine, session, backend, statement.text)
            found = self._described(engine, cursor, statement, query, form)
            return Result(
                schema=found.schema,
                provenance=provenance,
                source=Alone(cursor, found.text, query.parameters, batch_rows, self._slots),
                limits=limits,
                valid_until=session.principal.valid_until,
                watchdog=self._watchdog,
                free=lambda: self._engines.release(engine),
                finish=finish,
                explain=lambda error: self._explained(engine, error, query.text),
                begin=begin,
            )
        except BaseException:
            self._engines.release(engine)
            raise

    def describe(self, session: Session, query: Query, backend: Backend, visible: Visible) -> Description:
        """The columns and the parameters' types; nothing runs. Raises as `run` does."""
        statement = pg_statement.bound(query.text)
        names = parameters.named(statement.tree)
        held = {name: {held_in(kind)} for name, kind in statement.columns.items()}
        types = tuple(
            None if kind is None else catalog_kind(None, kind) for kind in parameters.inferred(statement.tree, held)
        )
        values: Parameters = query.parameters or (None,) * len(names)
        with self._engines.using(visible) as engine:
            cursor = _cursors(engine, session, backend, statement.text)
            found = self._described(engine, cursor, statement, Query(query.text, values), "arrow")
        return Description(found.schema, types, parameter_names=names, types=found.kinds)

    def close(self) -> None:
        """Stop what runs, and free every engine."""
        self._watchdog.stop()
        self._engines.close()

    def _described(
        self,
        engine: CatalogEngine,
        cursor: Callable[[], duck.Connection],
        statement: CatalogStatement,
        query: Query,
        form: Form,
    ) -> Described:
        """What a statement gives in a form. Raises as `run` does."""
        key = (statement.text, form, parameters.kinds(query.parameters))
        found = engine.described.get(key)
        if found is None:
            try:
                found = _planned(engine, cursor, statement, query, form)
            except (duck.Error, pa.ArrowException, OSError, TypeError, ValueError, OverflowError) as error:
                raise self._explained(engine, error, query.text) from error
            engine.described.put(key, found, 3 * len(found.text) + 2000)
        return found

    def _explained(self, engine: CatalogEngine, error: BaseException, text: str) -> GatewayError:
        """The error of a statement on `engine`, which is used no more where it has broken down."""
        if duck_errors.fatal(error):
            self._engines.discard(engine)
        return _translated(error, text)


def _cursors(engine: CatalogEngine, session: Session, backend: Backend, text: str) -> Callable[[], duck.Connection]:
    """What opens a cursor that knows of the connection what `text` asks."""
    users = session.users
    settings = backend.settings if asks_settings(text) else {}
    told = {
        **settings,
        **{f" {name.lower()}": value for name, value in settings.items()},
        "session_authorization": users.session,
        "  path": "\x1f".join(session.search_path),
        "  pid": str(backend.process),
        "  subject": str(Oids().of("role", users.current)),
        "  user": users.current,
        "  version": backend.version,
    }
    return lambda: duck.told(engine.instance.cursor(), "outport", told)


def _planned(
    engine: CatalogEngine, cursor: Callable[[], duck.Connection], statement: CatalogStatement, query: Query, form: Form
) -> Described:
    opened = cursor()
    try:
        engine.need(statement.text)
        relation = opened.sql(statement.text, params=given(query.parameters))
        names, held = relation.columns, [str(kind) for kind in relation.types]
        known = statement.kinds
        if len(known) != len(names):
            known = tuple(statement.columns.get(name.lower()) for name in names)
        kinds = tuple(catalog_kind(name, kind) for name, kind in zip(known, held, strict=True))
        text = forms.project(statement.text, names, kinds, form)
        engine.need(text)
        types = [
            _shape(engine, opened, *column) for column in zip(kinds, held, _columnwise(form, len(names)), strict=True)
        ]
        return Described(text, pa.schema(list(zip(names, types, strict=True))), kinds)
    finally:
        opened.close()


def _columnwise(form: Form, columns: int) -> list[Form]:
    """What a form is for each of so many columns."""
    return [Wire((code,), form.zone) for code in form.of(columns)] if isinstance(form, Wire) else [form] * columns


def _shape(engine: CatalogEngine, cursor: duck.Connection, kind: str, held: str, form: Form) -> pa.DataType:
    """The Arrow type of a column: asked of DuckDB once, since to ask it of a whole statement is to plan that again."""
    found = engine.shapes.get((kind, held, form))
    if found is None:
        text = forms.project(f"SELECT CAST(NULL AS {held}) AS c", ["c"], [kind], form)
        engine.need(text)
        found = cursor.sql(text).limit(0).to_arrow_reader().schema.field(0).type
        engine.shapes.put((kind, held, form), found, len(held) + 200)
    return found


def _translated(error: BaseException, text: str) -> GatewayError:
    marked = _MARKED.search(str(error))
    if marked is not None:
        what, name = marked[1], marked[2].strip()[:200]
        if what == "relation":
            return unknown_relation(name)
        if what == "limit":
            return BadQuery("a series has too many values", reason="limit")
        if what == "setting":
            return BadQuery(f'unrecognized configuration parameter "{name}"', reason="name")
        return BadQuery(f'{what} "{name}" does not exist', reason="function" if what == "function" else "name")
    if isinstance(error, TypeError | ValueError | OverflowError) and not isinstance(error, pa.ArrowException):
        return duck_errors.logged(BadQuery("a parameter's value is not supported", reason="parameter"), error)
    return duck_errors.translate(error, text)
