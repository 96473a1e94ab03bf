"""A table of an input and where it comes from -> the Relation that models read. Opens text files' heads only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

from gateway.inputs import reading, repeats, replica, segments
from gateway.inputs.job import STAGE_CATALOG, Fetch, Relation, Replica
from gateway.inputs.lakes import Listing
from gateway.inputs.segments import Shelf
from gateway.product import Arrival, Column, DatabaseSource, FileSource, PushSource, Table
from gateway.sql import duck

# No column of a contract has such a name.
_FILE = "$file"


def of_file(schema: str, table: Table, source: FileSource, path: Path, arrival: Arrival) -> Relation:
    """The file at `path`, each row to be held to what its contract says."""
    scan = reading.scan(path, source.format, table.columns)
    columns = tuple((column.name, column.type) for column in table.columns)
    select = f"{reading.named(table.columns)} {scan}"
    parquet = str(path) if source.format == "parquet" else ""
    return Relation(schema, table.name, select, columns, arrival, f"SELECT * {scan}", parquet)


def of_pushes(schema: str, table: Table, source: PushSource, files: Sequence[Path], arrival: Arrival) -> Relation:
    """What clients have pushed, in segments that have the contract's names; by upsert the last row of each key.

    Each row has its turn: the place of its push, which a merged segment tells and any other is called by.
    """
    columns = tuple(replace(column, physical_name="") for column in table.columns)
    places = tuple((name, name, where) for name, _, where in arrival.places)
    turn = f"CAST(NULL AS BIGINT) AS {duck.quote(segments.TURN)}"
    scan = f"SELECT *, {turn} FROM ({_nothing(columns)}) AS nothing"
    if files:
        paths = ", ".join(_text(str(path)) for path in files)
        read = f"FROM read_parquet([{paths}], union_by_name = true, filename = '{_FILE}', file_row_number = true)"
        held = f"SELECT {turn} WHERE false UNION ALL BY NAME SELECT * {read}"
        rows = f"SELECT {segments.with_turn(_FILE)} FROM ({held}) AS held"
        if source.mode == "upsert":
            key = ", ".join(duck.quote(name) for name in table.key)
            latest = f'"{_FILE}" DESC, file_row_number DESC'
            rows += f" QUALIFY row_number() OVER (PARTITION BY {key} ORDER BY {latest}) = 1"
        scan += f" UNION ALL BY NAME {rows}"
    kinds = tuple((column.name, column.type) for column in columns)
    told = f"SELECT * EXCLUDE ({duck.quote(segments.TURN)}) FROM ({scan}) AS came"
    select = f"{reading.named(columns)}, {duck.quote(segments.TURN)} FROM ({scan}) AS came"
    return Relation(schema, table.name, select, kinds, replace(arrival, places=places), told)


def of_incoming(
    schema: str, table: Table, source: PushSource, path: Path, form: Literal["parquet", "json"], arrival: Arrival
) -> Relation:
    """One push as it came, by the source's names; a column that it leaves out is NULL.

    Where rows replace each other and something else is unique, each tells which of the push it is.
    """
    if form == "parquet":
        rows = f"SELECT * FROM read_parquet({_text(str(path))})"
    else:
        kinds = {one.physical_name or one.name: reading.loose(one.type, "json") for one in table.columns}
        given = ", ".join(f"{_text(name)}: '{kind}'" for name, kind in kinds.items())
        rows = f"SELECT * FROM read_json({_text(str(path))}, columns = {{{given}}})"
    scan = f"{_nothing(table.columns)} UNION ALL BY NAME {rows}"
    relation = _relation(schema, table, table.columns, scan, arrival)
    if source.mode != "upsert" or not arrival.keys:
        return relation
    numbered = f"SELECT *, row_number() OVER () AS {duck.quote(repeats.ROW)} FROM ({scan}) AS came"
    select = f"{reading.named(table.columns)}, {duck.quote(repeats.ROW)} FROM ({numbered}) AS came"
    return replace(relation, select=select, replaces=table.key)


def of_lake(schema: str, table: Table, listing: Listing, arrival: Arrival) -> Relation:
    """The files of one version of a table: columns by their fields where these are told, else by their names."""
    paths = ", ".join(map(_text, listing.files))
    read = [one for one in listing.columns if not one.odd]
    if listing.columns and not listing.files:
        nothing = ", ".join(f"CAST(NULL AS {one.type}) AS {duck.quote(one.name)}" for one in read)
        scan = f"SELECT {nothing} WHERE false"
    elif listing.columns:
        told = ", ".join(
            f"{one.field}: {{name: {_text(one.name)}, type: {_text(one.type)}, default_value: NULL}}" for one in read
        )
        scan = f"SELECT * FROM read_parquet([{paths}], schema = MAP {{{told}}})"
    elif listing.files:
        partitioned = "true, hive_types_autocast = false" if listing.partitioned else "false"
        options = f"union_by_name = true, hive_partitioning = {partitioned}"
        scan = f"SELECT * FROM read_parquet([{paths}], {options})"
    else:
        scan = _nothing(table.columns)
    return replace(_relation(schema, table, table.columns, scan, arrival), version=listing.version)


def of_database(
    schema: str, table: Table, source: DatabaseSource, path: Path | None, shelf: Shelf, arrival: Arrival
) -> Relation:
    """A table of another database, which the build copies into its stage first; `path` is an embedded one's file."""
    fetch = Fetch(source.driver, str(path) if path else source.uri, source.schema, source.table, source.where)
    fetch = replace(fetch, replica=_replica(table, source, fetch, shelf))
    scan = f"SELECT * FROM {STAGE_CATALOG}.main.{duck.quote(staged(schema, table.name))}"
    return replace(_relation(schema, table, table.columns, scan, arrival), fetch=fetch)


def _replica(table: Table, source: DatabaseSource, fetch: Fetch, shelf: Shelf) -> Replica | None:
    """What is kept of a source with a watermark, by the source's own names; another contract begins another one."""
    if source.watermark is None:
        return None
    physical = {column.name: column.physical_name or column.name for column in table.columns}
    key, column = tuple(physical[name] for name in table.key), table.column(source.watermark.column)
    kinds = [(physical[one.name], one.type) for one in table.columns]
    mark = replica.mark([fetch.driver, fetch.uri, fetch.schema, fetch.table, kinds, key, column.name])
    kept = shelf.replica(mark)
    files, stale = (tuple(str(one) for one in some) for some in (kept.files, kept.stale))
    lookback, targets = source.watermark.lookback, (str(kept.target), str(kept.whole))
    return Replica(physical[column.name], column.type, lookback, key, files, stale, *targets)


def staged(schema: str, table: str) -> str:
    """The name under which the build keeps what it fetched."""
    return f"{schema}.{table}"


def of_python(table: Table) -> str:
    """The SELECT of what a model in Python gave, which the build stages first."""
    names = ", ".join(duck.quote(column.name) for column in table.columns)
    return f"SELECT {names} FROM {STAGE_CATALOG}.main.{duck.quote(made(table.name))}"


def made(table: str) -> str:
    """The name under which the build keeps what a model in Python gave."""
    return f"{table}$python"


def _relation(schema: str, table: Table, columns: Sequence[Column], scan: str, arrival: Arrival) -> Relation:
    kinds = tuple((column.name, column.type) for column in columns)
    return Relation(
        schema, table.name, f"{reading.named(tuple(columns))} FROM ({scan}) AS came", kinds, arrival, scan, ""
    )


def _nothing(columns: Sequence[Column]) -> str:
    """No row of every column: what no source has is NULL."""
    names = ", ".join(f"NULL AS {duck.quote(one.physical_name or one.name)}" for one in columns)
    return f"SELECT {names} WHERE false"


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
