"""A table of another database, by its ADBC driver: columns as it has them, rows as Arrow batches. In the build only.

Runs one SELECT of columns of one table, quoted by ourselves. What a driver says may quote credentials: it is dropped,
and the log has its class and state.
"""

from __future__ import annotations

import importlib
import logging
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

import pyarrow as pa

from gateway.contracts.input_secrets import filled
from gateway.contracts.sources import POSTGRES
from gateway.inputs.duck_writer import WriteError
from gateway.inputs.job import Fetch
from gateway.snapshot import SourceColumn

# After the source was told to stop; a driver that does not is ended with the build.
_STUBBORN_S = 10.0
SLOW = "the source took longer than it may (source_s)"
Late = Callable[[], None]
_NULLABLE = (
    "SELECT column_name, is_nullable = 'YES' FROM information_schema.columns"
    " WHERE table_schema = $1 AND table_name = $2"
)
_log = logging.getLogger("outport.publish")


class SourceError(Exception):
    """A source that cannot be read; the message is ours."""


class Source:
    """One table of an open connection."""

    def __init__(self, connection: Any, fetch: Fetch, timeout_s: float, late: Late) -> None:
        self._connection, self._fetch, self._timeout_s, self._late = connection, fetch, timeout_s, late
        self.stopped = False

    def columns(self) -> tuple[SourceColumn, ...]:
        """Every column that the table has."""
        with _within(self._timeout_s, self._late):
            return self._columns()

    def _columns(self) -> tuple[SourceColumn, ...]:
        filters = {"db_schema_filter": self._fetch.schema} if self._fetch.schema else {}
        schema = self._connection.adbc_get_table_schema(self._fetch.table, **filters)
        nullable: dict[str, bool] = {}
        if self._fetch.driver == POSTGRES:
            with self._connection.cursor() as cursor:
                cursor.execute(_NULLABLE, parameters=(self._fetch.schema, self._fetch.table))
                nullable = dict(cursor.fetchall())
        return tuple(SourceColumn(field.name, str(field.type), nullable.get(field.name)) for field in schema)

    @contextmanager
    def rows(self, names: list[str], since: tuple[str, str] | None) -> Iterator[pa.RecordBatchReader]:
        """The rows of these columns, as they come; with `since`, those whose column is that value or a later one."""
        table = ".".join(_quoted(part) for part in (self._fetch.schema, self._fetch.table) if part)
        # A text without a type: each database reads it as its column's.
        newer = "" if since is None else f" WHERE {_quoted(since[0])} >= '{since[1].replace(chr(39), chr(39) * 2)}'"
        with self._connection.cursor() as cursor:
            late = threading.Timer(self._timeout_s, self._stop, (cursor,))
            late.daemon = True
            late.start()
            try:
                cursor.execute(f"SELECT {', '.join(map(_quoted, names))} FROM {table}{newer}")
                yield cursor.fetch_record_batch()
            finally:
                late.cancel()

    def _stop(self, cursor: Any) -> None:
        self.stopped = True
        stubborn = threading.Timer(_STUBBORN_S, _end, (self._late,))
        stubborn.daemon = True
        stubborn.start()
        _log.error("a source took longer than it may")
        cursor.adbc_cancel()


@contextmanager
def source(fetch: Fetch, secrets: Mapping[str, str], timeout_s: float, late: Late = lambda: None) -> Iterator[Source]:
    """The table that `fetch` names. Raises SourceError, here and while it is read.

    Where nothing else can stop it in time the process ends: `late` is called before.
    """
    try:
        dbapi = importlib.import_module(f"{fetch.driver}.dbapi")
    except ImportError as error:
        raise SourceError(f"the driver {fetch.driver} is not installed") from error
    found = None
    try:
        quoted = {name: quote(value, safe="") for name, value in secrets.items()}
        with _within(timeout_s, late):
            connection = dbapi.connect(filled(fetch.uri, quoted))
        with connection:
            found = Source(connection, fetch, timeout_s, late)
            yield found
    except (dbapi.Error, pa.ArrowException, OSError, WriteError) as error:
        stopped = found is not None and found.stopped
        if not stopped and not isinstance(error, (dbapi.Error, pa.ArrowException)):
            raise
        _log.error("%s %s: %s %s", fetch.driver, fetch.table, type(error).__name__, getattr(error, "sqlstate", None))
        if stopped:
            raise SourceError(SLOW) from None
        raise SourceError("the source cannot be read: the build's log has the driver's code") from None


@contextmanager
def _within(timeout_s: float, said: Late) -> Iterator[None]:
    """Ends the build where this takes longer: there is no statement yet that could be told to stop."""
    late = threading.Timer(timeout_s, _end, (said,))
    late.daemon = True
    late.start()
    try:
        yield
    finally:
        late.cancel()


def _end(late: Late) -> None:
    _log.error("a source took longer than it may to answer at all")
    late()
    os._exit(4)


def _quoted(name: str) -> str:
    """An identifier of standard SQL."""
    return '"' + name.replace('"', '""') + '"'
