"""A table of an input and where it comes from -> the Relation that models read. Opens text files' heads only."""

from __future__ import annotations

from pathlib import Path

from gateway import reading
from gateway.job import Relation
from gateway.product import Arrival, FileSource, Table


def of_file(schema: str, table: Table, source: FileSource, path: Path, arrival: Arrival) -> Relation:
    """The file at `path`, each row to be held to what its contract says."""
    scan = reading.scan(path, source.format, table.columns)
    columns = tuple((column.name, column.type) for column in table.columns)
    select = f"{reading.named(table.columns)} {scan}"
    parquet = str(path) if source.format == "parquet" else ""
    return Relation(schema, table.name, select, columns, arrival, f"SELECT * {scan}", parquet)
