"""DuckDB as writer: fills one core.duckdb in a folder of its own. With duck.py the only room that imports duckdb.

Its instance is locked before it runs any model: it reads the job's files and the attached snapshots, and writes
inside the folder. Engine texts quote values: they go to the build's log, never into an error.
"""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import duckdb
import pyarrow as pa

from gateway.files import durable
from gateway.inputs.job import CORE_CATALOG, CORE_SCHEMA, STAGE_CATALOG, Attachment, Relation
from gateway.sql.duck import literal, quote

Columns = Sequence[tuple[str, str]]
_INTEGER = re.compile(r"U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?")
_FRACTIONAL = re.compile(r"FLOAT|DOUBLE|DECIMAL\(\d+,[1-9]")
_log = logging.getLogger("outport.publish")


class WriteError(Exception):
    """A statement of the build failed; the message is ours. `columns` are those that DuckDB blamed, if any.

    `lacking`: the machine lacks memory or disk for it, whatever it was.
    """

    def __init__(self, message: str, columns: tuple[str, ...] = (), *, lacking: bool = False) -> None:
        super().__init__(message)
        self.columns, self.lacking = columns, lacking


class Writer:
    """One build's instance; beside the core it writes the files `outputs`. Not thread-safe but for `progress`."""

    def __init__(
        self,
        folder: Path,
        *,
        threads: int,
        memory_limit: str,
        files: Sequence[str],
        attached: Sequence[Attachment],
        outputs: Sequence[str] = (),
    ) -> None:
        self._core = folder / "core.duckdb"
        self._stage = folder / "stage.duckdb"
        self._relations: list[Relation] = []
        spill = folder / "spill"
        config: dict[str, str | bool | int | float | list[str]] = {
            "threads": threads,
            "memory_limit": memory_limit,
            "temp_directory": str(spill),
        }
        self._instance = duckdb.connect(":memory:", config=config)
        self._run("LOAD icu")
        self._run("SET GLOBAL TimeZone = 'UTC'")
        self._run("SET enable_progress_bar = true")
        self._run("SET enable_progress_bar_print = false")
        self._run(f"ATTACH {_text(str(self._core))} AS {CORE_CATALOG}")
        self._run(f"ATTACH {_text(str(self._stage))} AS {STAGE_CATALOG}")
        for one in attached:
            self._run(f"ATTACH {_text(one.path)} AS {quote(one.alias)} (READ_ONLY)")
        self._run(f"CREATE SCHEMA {CORE_CATALOG}.{CORE_SCHEMA}")
        paths = [*files, *(str(folder / name) for name in outputs)]
        self._lock(paths, [str(self._core), str(self._stage), *(one.path for one in attached)], spill)

    def _lock(self, files: Sequence[str], databases: Sequence[str], spill: Path) -> None:
        for name in ("python_enable_replacements", "autoinstall_known_extensions", "autoload_known_extensions"):
            self._run(f"SET {name} = false")
        paths = [path + suffix for path in databases for suffix in ("", ".wal")]
        self._run(f"SET allowed_paths = {_texts([*files, *paths])}")
        self._run(f"SET allowed_directories = {_texts([str(spill)])}")
        self._run("SET enable_external_access = false")
        self._run("SET lock_configuration = true")

    def view(self, relation: Relation) -> None:
        """Create the view of one relation that models read. Raises WriteError."""
        schema, name = quote(relation.schema), quote(relation.name)
        self._run(f"CREATE SCHEMA IF NOT EXISTS memory.{schema}")
        self._refuse_fractions(relation.columns, relation.select)
        select = _cast(relation.columns, relation.select) if relation.columns else relation.select
        self._run(f"CREATE VIEW memory.{schema}.{name} AS {select}")
        self._relations.append(relation)

    def create(
        self, table: str, columns: Columns, select: str, order: Sequence[str] | None, *, staged: bool = False
    ) -> None:
        """Store `select` as `table`, each column cast to its declared type, its rows in `order`. Raises WriteError.

        `staged` tables are set aside, to be stored by `store_with`.
        """
        self._refuse_fractions(columns, select)
        target = f"{STAGE_CATALOG}.main.{quote(table)}" if staged else stored(table)
        try:
            self._run(f"CREATE TABLE {target} AS {_cast(columns, select)}{'' if staged else _ordered(order)}")
        except WriteError as error:
            unfit = [name for name, _ in columns if name in error.columns] or self._unfit(columns, select)
            for one in self._relations:
                unfit += [f"{one.schema}.{one.name}.{name}" for name in self._unfit(one.columns, one.select)]
            raise WriteError(str(error), tuple(unfit)) from error

    def _refuse_fractions(self, columns: Columns, select: str) -> None:
        """Raise WriteError where a cast to a declared integer would round a number without a word."""
        declared = {name: kind for name, kind in columns if _INTEGER.fullmatch(kind)}
        for name, kind in self.described(select):
            if name in declared and _FRACTIONAL.match(kind):
                column = f"given.{quote(name)}"
                lost = f"{column} <> trunc({column})"
                if self.number(f"SELECT count(*) FROM ({select}) AS given WHERE {lost}"):
                    raise WriteError("a number has a fraction, and its declared type has none", (name,))

    def _unfit(self, columns: Columns, select: str) -> list[str]:
        """The columns that hold a value which does not fit their declared type, as far as they can be read at all."""
        found = []
        for name, kind in columns:
            column = f"given.{quote(name)}"
            unfit = f"{column} IS NOT NULL AND TRY_CAST({column} AS {kind}) IS NULL"
            try:
                if self.number(f"SELECT count(*) FROM ({select}) AS given WHERE {unfit}"):
                    found.append(name)
            except WriteError:
                return []
        return found

    def distinct_texts(self, table: str, column: str, batch_rows: int) -> Iterator[list[str]]:
        """The distinct values of a staged table's column as texts, NULL left out. Raises WriteError."""
        text = f"SELECT DISTINCT CAST({quote(column)} AS VARCHAR) AS v FROM {STAGE_CATALOG}.main.{quote(table)}"
        cursor = self._instance.cursor()
        try:
            reader = cursor.sql(f"{text} WHERE {quote(column)} IS NOT NULL").to_arrow_reader(batch_rows)
            for batch in reader:
                yield batch.column(0).to_pylist()
        except (duckdb.Error, OSError) as error:
            raise _failure(error) from error
        finally:
            cursor.close()

    def map_texts(self, name: str, texts: Sequence[str], mapped: Sequence[str]) -> None:
        """Append pairs of texts to the staged mapping `name`. Raises WriteError."""
        target = f"{STAGE_CATALOG}.main.{quote(name)}"
        pairs = pa.table({"v": pa.array(texts, pa.string()), "p": pa.array(mapped, pa.string())})
        self._run(f"CREATE TABLE IF NOT EXISTS {target} (v VARCHAR, p VARCHAR)")
        self._instance.register("pairs", pairs)
        try:
            self._run(f"INSERT INTO {target} SELECT v, p FROM pairs")
        finally:
            self._instance.unregister("pairs")

    def collisions(self, name: str) -> int:
        """How many values of a staged mapping share another one's image. Raises WriteError."""
        return int(self.number(f"SELECT count(*) - count(DISTINCT p) FROM {STAGE_CATALOG}.main.{quote(name)}") or 0)

    def store_with(self, table: str, mapped: Sequence[tuple[str, str, str, str]], order: Sequence[str] | None) -> None:
        """Store a staged table with a column for each (column, its type, mapping, new column). Raises WriteError."""
        added, joins = "", ""
        for number, (column, kind, mapping, physical) in enumerate(mapped):
            added += f", CAST(m{number}.p AS {kind}) AS {quote(physical)}"
            text = f"CAST(given.{quote(column)} AS VARCHAR)"
            joins += f" LEFT JOIN {STAGE_CATALOG}.main.{quote(mapping)} AS m{number} ON m{number}.v = {text}"
        source = f"{STAGE_CATALOG}.main.{quote(table)} AS given"
        self._run(f"CREATE TABLE {stored(table)} AS SELECT given.*{added} FROM {source}{joins}{_ordered(order)}")

    def stage(self, name: str, rows: pa.RecordBatchReader) -> None:
        """Set the rows of a reader aside as a table of the stage. Raises WriteError, and what the reader raises."""
        self._instance.register("rows", rows)
        try:
            self._run(f"CREATE TABLE {STAGE_CATALOG}.main.{quote(name)} AS SELECT * FROM rows")
        finally:
            self._instance.unregister("rows")

    def stage_select(self, name: str, select: str) -> None:
        """Set what a SELECT gives aside as a table of the stage. Raises WriteError."""
        self._run(f"CREATE TABLE {STAGE_CATALOG}.main.{quote(name)} AS {select}")

    def stage_more(self, name: str, rows: pa.RecordBatch) -> None:
        """Append a batch to a table of the stage. Raises WriteError."""
        self._instance.register("rows", pa.Table.from_batches([rows]))
        try:
            self._run(f"INSERT INTO {STAGE_CATALOG}.main.{quote(name)} SELECT * FROM rows")
        finally:
            self._instance.unregister("rows")

    def read(self, schema: str, name: str, batch_rows: int) -> pa.RecordBatchReader:
        """The rows of a relation that models read, as they come. Raises WriteError."""
        try:
            relation = self._instance.cursor().sql(f"FROM memory.{quote(schema)}.{quote(name)}")
            return relation.to_arrow_reader(batch_rows)
        except duckdb.Error as error:
            raise _failure(error) from error

    def columns(self, table: str) -> tuple[tuple[str, str], ...]:
        """Names and types of a stored table, in order. Raises WriteError."""
        return self.described(f"FROM {stored(table)}")

    def described(self, query: str) -> tuple[tuple[str, str], ...]:
        """Names and types of what a query gives, in order. Raises WriteError."""
        try:
            relation = self._instance.cursor().sql(query)
            return tuple(zip(relation.columns, (str(kind) for kind in relation.types), strict=True))
        except duckdb.Error as error:
            raise _failure(error) from error

    def rows(self, table: str) -> int:
        """The row count of a stored table. Raises WriteError."""
        return int(self.number(f"SELECT count(*) FROM {stored(table)}") or 0)

    def tell_time(self, clock: str, moment: datetime) -> None:
        """What a clock gives, for the rules (`getvariable`). Raises WriteError."""
        self._run(f"SET VARIABLE {clock} = {literal(moment)}")

    def rule(self, query: str, source: str = "") -> int | float | Decimal | None:
        """What a rule's SELECT over the stored tables' bare names, or those of an input, gives. Raises WriteError."""
        self._run(f"USE memory.{quote(source)}" if source else f"USE {CORE_CATALOG}.{CORE_SCHEMA}")
        return self.number(query)

    def number(self, query: str) -> int | float | Decimal | None:
        """The one number that `query` gives, None for NULL or no row. Raises WriteError."""
        row = self._row(query)
        if row is None or row[0] is None:
            return None
        if not isinstance(row[0], int | float | Decimal):
            raise WriteError("the query gives no number")
        return row[0]

    def numbers(self, query: str) -> dict[str, float | None]:
        """The numbers of the one row of a SELECT over the stored tables' bare names, by their names. Raises WriteError.

        What is no finite number is None.
        """
        self._run(f"USE {CORE_CATALOG}.{CORE_SCHEMA}")
        row = self._row(query) or ()
        names = [column[0] for column in self._instance.description or ()]
        return {name: _finite(value) for name, value in zip(names, row, strict=True)}

    def integers(self, query: str) -> tuple[int, ...]:
        """The counts of the one row that `query` gives. Raises WriteError."""
        row = self._row(query) or ()
        return tuple(int(str(value)) for value in row)

    def export(self, query: str, path: Path) -> None:
        """Write what `query` gives to a Parquet file. Raises WriteError."""
        self._run(f"COPY ({query}) TO {_text(str(path))} (FORMAT parquet, USE_TMP_FILE false)")

    def text(self, query: str) -> str | None:
        """The one value that `query` gives, as text. Raises WriteError."""
        row = self._row(f"SELECT CAST(({query}) AS VARCHAR)")
        return None if row is None or row[0] is None else str(row[0])

    def progress(self) -> float | None:
        """How far the running statement is, 0..1; None where DuckDB does not know. From any thread."""
        percent = self._instance.query_progress()
        return percent / 100 if 0 <= percent <= 100 else None

    def close(self) -> None:
        """Checkpoint, close and make the core durable; nothing else is left in the folder. Raises WriteError."""
        self._run("USE memory.main")
        self._run(f"CHECKPOINT {CORE_CATALOG}")
        self._run(f"DETACH {CORE_CATALOG}")
        self._run(f"DETACH {STAGE_CATALOG}")
        self._instance.close()
        for path in (self._stage, self._stage.with_suffix(".duckdb.wal")):
            path.unlink(missing_ok=True)
        durable.sync_file(self._core)

    def _row(self, query: str) -> tuple[object, ...] | None:
        try:
            found = self._instance.execute(query)
            row: tuple[object, ...] | None = found.fetchone()
            # Until it is read to its end, the instance registers nothing.
            while row is not None and found.fetchone() is not None:
                pass
        except duckdb.Error as error:
            raise _failure(error) from error
        return row

    def _run(self, statement: str) -> None:
        try:
            self._instance.execute(statement)
        except duckdb.Error as error:
            raise _failure(error) from error


def _finite(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return None
    return float(value) if math.isfinite(value) else None


def _cast(columns: Columns, select: str) -> str:
    casts = ", ".join(f"CAST(given.{quote(name)} AS {kind}) AS {quote(name)}" for name, kind in columns)
    return f"SELECT {casts} FROM ({select}) AS given"


def _ordered(order: Sequence[str] | None) -> str:
    if order is None:
        return ""
    return f" ORDER BY {', '.join(f'given.{quote(name)}' for name in order) or 'random()'}"


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _texts(values: Sequence[str]) -> str:
    return f"[{', '.join(_text(value) for value in values)}]"


def stored(table: str) -> str:
    """The three-part name of a table of the core."""
    return f"{CORE_CATALOG}.{CORE_SCHEMA}.{quote(table)}"


_FAILURES: tuple[tuple[type[Exception], str], ...] = (
    (duckdb.ConversionException, "a value does not fit its declared type"),
    (duckdb.OutOfRangeException, "a value is out of the range of its type"),
    (duckdb.InvalidInputException, "a file or a function holds a value that cannot be read"),
    (duckdb.OutOfMemoryException, "the memory or the disk that the build may use is not enough (memory_limit)"),
    (duckdb.IOException, "a file cannot be read or written"),
    (duckdb.PermissionException, "it reads what it may not"),
    (duckdb.BinderException, "it does not fit the columns of what it reads"),
    (duckdb.CatalogException, "it does not fit the columns of what it reads"),
)


def _failure(error: Exception) -> WriteError:
    _log.error("%s: %s", type(error).__name__, error)
    words = next((words for kind, words in _FAILURES if isinstance(error, kind)), "the engine could not run it")
    blamed = re.findall(r'converting column "([a-z][a-z0-9_]{0,62})"', str(error))
    lacking = isinstance(error, (duckdb.OutOfMemoryException, duckdb.IOException, OSError))
    return WriteError(words, tuple(dict.fromkeys(blamed)), lacking=lacking)
