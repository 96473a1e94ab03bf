"""The SELECT that reads a product's file by its declared types. Looks at the head of text files for their columns."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from gateway.product import Column
from gateway.sql import duck, duck_check

Format = Literal["parquet", "csv", "json"]
_READERS: Mapping[Format, str] = {"parquet": "read_parquet", "csv": "read_csv", "json": "read_json"}
# Types that DuckDB's CSV reader recognises in more spellings than a cast does.
_SNIFFED = ("DATE", "TIME")
# A text's 2.5 would become the integer 3 without a word: the writer sees fractions, and refuses them.
_WHOLE = {"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT"}
_READ_AS = "DECIMAL(38,10)"


def select(path: Path, file_format: Format, columns: tuple[Column, ...]) -> str:
    """`columns` by their names in the contract, not yet cast to their types: the writer casts, and tells of losses."""
    declared = {column.name: _READ_AS if column.type in _WHOLE else column.type for column in columns}
    options = "" if file_format == "parquet" else _typed(path, file_format, columns, declared)
    return f"{named(columns)} FROM {_READERS[file_format]}({_text(str(path))}{options})"


def scan(path: Path, file_format: Format, columns: tuple[Column, ...]) -> str:
    """All of a file, `columns` of a text file as they stand in it: what does not fit is told row by row.

    Dates and times of CSV are read where all of a column are some, as they have many spellings; lists and structures
    of JSON stay JSON.
    """
    declared = {column.name: loose(column.type, file_format) for column in columns}
    options = "" if file_format == "parquet" else _typed(path, file_format, columns, declared)
    return f"FROM {_READERS[file_format]}({_text(str(path))}{options})"


def named(columns: tuple[Column, ...]) -> str:
    """The SELECT list that gives a source's columns their names in the contract."""
    names = (f"{duck.quote(one.physical_name or one.name)} AS {duck.quote(one.name)}" for one in columns)
    return f"SELECT {', '.join(names)}"


def loose(kind: str, file_format: Format) -> str:
    """The type that a text file's column of type `kind` is read as, so that any value can be."""
    if file_format == "csv":
        return kind if kind.startswith(_SNIFFED) else "VARCHAR"
    return "JSON" if kind.endswith(("]", ")")) and not kind.startswith("DECIMAL") else "VARCHAR"


def _typed(path: Path, file_format: Format, columns: tuple[Column, ...], kinds_of: Mapping[str, str]) -> str:
    """Options that make a text file's reader take declared types: a postcode read as a number has lost its zeros."""
    declared = {(column.physical_name or column.name).lower(): kinds_of[column.name] for column in columns}
    held = [name for name, _ in duck_check.infer(path, file_format) if name.lower() in declared]
    kinds = {name: declared[name.lower()] for name in held}
    if file_format == "json":
        return f", columns = {_struct(kinds)}"
    plain = {name: kind for name, kind in kinds.items() if not kind.startswith(_SNIFFED)}
    sniffed = ", sample_size = -1" if plain != kinds else ""
    return sniffed + (f", types = {_struct(plain)}" if plain else "")


def _struct(kinds: Mapping[str, str]) -> str:
    return "{" + ", ".join(f"{_text(name)}: {_text(kind)}" for name, kind in kinds.items()) + "}"


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
