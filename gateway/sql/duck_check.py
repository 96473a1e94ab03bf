"""DuckDB as checker: what a SELECT over declared tables gives, and what a local file holds. Serves nothing.

Statements are checked on empty, locked instances. Engine texts never leave: duck_errors.py translates them.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import duckdb

from gateway.errors import BadQuery
from gateway.sql.duck import Connection, canonical_type, locked, quote
from gateway.sql.duck_errors import logged, translate

Tables = Mapping[str, Mapping[str, Sequence[tuple[str, str]]]]


@dataclass(frozen=True)
class Bound:
    """What a SELECT gives: output names and DuckDB type texts, in order."""

    names: tuple[str, ...]
    types: tuple[str, ...]


class Shadow:
    """An empty, locked database with the given tables, on which statements are bound but have nothing to read.

    `tables` is schema -> table -> [(column, type)]; schema "" means names without a schema.
    """

    def __init__(self, tables: Tables) -> None:
        self._instance = duckdb.connect(":memory:", config={"threads": 1})
        for schema, members in tables.items():
            prefix = f"{quote(schema)}." if schema else ""
            if schema:
                self._instance.execute(f"CREATE SCHEMA {quote(schema)}")
            for name, columns in members.items():
                body = ", ".join(f"{quote(column)} {canonical_type(kind)}" for column, kind in columns)
                self._instance.execute(f"CREATE TABLE {prefix}{quote(name)} ({body})")
        locked(self._instance)

    def check(self, text: str) -> Bound:
        """Output names and types of one SELECT. Raises BadQuery: column, type, function, table, grouping, value."""
        try:
            relation = self._instance.cursor().sql(text)
            return Bound(tuple(relation.columns), tuple(str(kind) for kind in relation.types))
        except duckdb.Error as error:
            raise translate(error, text) from error


@functools.lru_cache(maxsize=256)
def _shadow(key: tuple[tuple[str, tuple[tuple[str, tuple[tuple[str, str], ...]], ...]], ...]) -> Shadow:
    return Shadow({schema: {name: list(columns) for name, columns in members} for schema, members in key})


def check(text: str, tables: Tables) -> Bound:
    """Bind the SELECT `text` against empty `tables`. Raises BadQuery; see Shadow."""
    key = tuple(
        (schema, tuple((name, tuple((c, t) for c, t in columns)) for name, columns in members.items()))
        for schema, members in tables.items()
    )
    return _shadow(key).check(text)


def infer(path: Path, file_format: Literal["parquet", "csv", "json"]) -> tuple[tuple[str, str], ...]:
    """Column names and types of a local file, as DuckDB reads it. Raises BadQuery (value) if it cannot."""
    reader = {"parquet": "read_parquet", "csv": "read_csv", "json": "read_json"}[file_format]
    try:
        relation = _inferring().cursor().sql(f"SELECT * FROM {reader}($1) LIMIT 0", params=[str(path)])
        return tuple(zip(relation.columns, (str(kind) for kind in relation.types), strict=True))
    except duckdb.Error as error:
        raise logged(BadQuery(f"{path.name} cannot be read as {file_format}", reason="value"), error) from error


@functools.cache
def _inferring() -> Connection:
    """The instance that looks at files, one for all: a new one costs 20 ms. What it saw of a file it does not keep."""
    return duckdb.connect(":memory:", config={"threads": 1, "enable_external_file_cache": "false"})
