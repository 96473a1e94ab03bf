"""Erasure of a subject from what clients have pushed and what was read from other databases: segments and asides.

Touches <state>/inputs of one product, each table in its turn. A segment is replaced by one of the same name without the
subject's rows: those whose columns a model passes on as they are, by the key, or by what refers to it.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from gateway.contracts import passing
from gateway.files import durable
from gateway.inputs import segments, subject
from gateway.inputs.duck_writer import WriteError, Writer
from gateway.inputs.job import Attachment, Relation
from gateway.inputs.segments import Shelf
from gateway.product import Product, Table
from gateway.snapshot import Snapshot
from gateway.sql import duck, scope
from gateway.sql.duck import literal, quote

_SCHEMA = "held"
_BASE = f'"memory"."{_SCHEMA}"'
_CORE = "snap_erased"
_MEMORY_LIMIT = "1GB"


class _Unclear(Exception):
    """It cannot be told which rows of an input's table are the subject's."""


@dataclass(frozen=True)
class Cleared:
    """Of each `input.table` the rows that went, and each that still holds what it held."""

    rows: Mapping[str, int]
    left: tuple[str, ...]


@dataclass(frozen=True)
class _Fed:
    """A table that is served, the input's table that its model passes on, and the columns that pass as they are."""

    table: Table
    shelf: Shelf
    columns: tuple[str, ...]

    @property
    def files(self) -> tuple[Path, ...]:
        """All that is kept of it."""
        return (*self.shelf.files(), *self.shelf.aside())


def cleared(state: Path, held: Snapshot, table: str, key: Sequence[str]) -> Cleared:
    """Erase the subject from all inputs of the product of `held`, which is served with the subject's rows still."""
    home = state.resolve() / segments.INPUTS / held.product.name
    rows, left = dict[str, int](), list[str]()
    fed = tuple(_fed(state, held.product))
    found = subject.conditions(held.product, held.product.table(table), key, _BASE)
    order = list(found)
    # What refers to rows goes before these do: by them it is told.
    last = {one.shelf: max((order.index(one.table.name) for one in fed if _of(one, found)), default=-1) for one in fed}
    every = [Shelf(folder) for folder in sorted(home.glob("*/*"))]
    for shelf in sorted(every, key=lambda one: -last.get(one, -1)):
        name = f"{shelf.folder.parent.name}.{shelf.folder.name}"
        try:
            shelf.swept()
            if not shelf.files() and not shelf.aside():
                continue
            count = _cleared(held, found, fed, shelf)
        except (_Unclear, WriteError, OSError):
            left.append(name)
            continue
        if count:
            rows[name] = count
    return Cleared(rows, tuple(sorted(left)))


def _of(one: _Fed, found: Mapping[str, str]) -> bool:
    return one.table.name in found


def _fed(state: Path, product: Product) -> Iterator[_Fed]:
    for table in product.tables:
        passed = [one.split(".") for one in passing.as_they_are(table, every_row=False)]
        places = {(one[0], one[1]) for one in passed if len(one) == 3}
        for source, name in places:
            shelf = segments.shelf(state, product.name, source, name)
            columns = tuple(one[2] for one in passed if one[2] in {column.name for column in table.columns})
            yield _Fed(table, shelf, columns)


def _cleared(held: Snapshot, found: Mapping[str, str], fed: Sequence[_Fed], shelf: Shelf) -> int:
    """How many rows went. Raises _Unclear, WriteError, OSError."""
    mine = [one for one in fed if one.shelf == shelf and one.table.name in found]
    passed = {one.table.name for one in fed if one.shelf == shelf}
    read = set(_reading(held.product, shelf))
    # By another model's way the subject's rows cannot be told; who reads the input as it is, and has none, needs none.
    if (read & found.keys()) - passed or (not mine and (not read or read - passed)):
        raise _Unclear
    for one in mine:
        if not _needed(held.product, one.table, found).issubset(one.columns):
            raise _Unclear
    if not mine:
        return 0
    with shelf.turn():
        # What a merge has left still holds the rows.
        shelf.tidy()
        work = shelf.begin()
        try:
            return sum(_rewritten(held, found, fed, mine, path, work) for path in mine[0].files)
        finally:
            shutil.rmtree(work, ignore_errors=True)


def _reading(product: Product, shelf: Shelf) -> Iterator[str]:
    """The tables whose models read an input's table; one in Python may read all."""
    place = (shelf.folder.parent.name, shelf.folder.name)
    for table in product.tables:
        paths = scope.relations(duck.parse(table.model)) if table.model is not None else ()
        if table.python is not None or place in {tuple(part.lower() for part in path) for path in paths}:
            yield table.name


def _needed(product: Product, table: Table, found: Mapping[str, str]) -> set[str]:
    """The columns by which rows of the table are told, or such as refer to it."""
    links = [one for one in table.relationships if one.to_product == product.name and one.to_table in found]
    return set(table.key) | {name for link in links for name in link.columns}


def _rewritten(
    held: Snapshot, found: Mapping[str, str], fed: Sequence[_Fed], mine: Sequence[_Fed], path: Path, work: Path
) -> int:
    """Replace one file by one without the subject's rows; how many there were."""
    folder = work / path.name
    folder.mkdir()
    given = {file for one in fed if one.table.name in found for file in one.shelf.files()} | {path}
    writer = Writer(
        folder,
        threads=1,
        memory_limit=_MEMORY_LIMIT,
        files=[str(one) for one in given],
        attached=[Attachment(_CORE, str(held.path.resolve()))],
        outputs=["rows"],
    )
    try:
        for name in found:
            writer.view(Relation(_SCHEMA, name, _held(held.product.table(name), fed), ()))
        condition = " OR ".join(f"coalesce({found[one.table.name]}, false)" for one in mine)
        source = f"SELECT whole, {_typed(mine)} FROM read_parquet({literal(str(path))}) AS whole"
        count = writer.number(f"SELECT count(*) FROM ({source}) WHERE {condition}")
        if not count:
            return 0
        writer.export(f"SELECT unnest(whole) FROM ({source}) WHERE NOT ({condition})", folder / "rows")
    finally:
        writer.close()
    durable.place(folder / "rows", path)
    return int(count)


def _held(table: Table, fed: Sequence[_Fed]) -> str:
    """Every row of a table that is known: those that are served, and those that have arrived since."""
    parts = [f'SELECT * FROM "{_CORE}"."core".{quote(table.name)}']
    for one in fed:
        files = one.shelf.files()
        if one.table.name == table.name and files:
            names = ", ".join(quote(name) for name in one.columns)
            listed = ", ".join(literal(str(file)) for file in files)
            parts.append(f"SELECT {names} FROM read_parquet([{listed}])")
    return " UNION ALL BY NAME ".join(parts)


def _typed(mine: Sequence[_Fed]) -> str:
    """The columns that rows are told by, of their served types: what was set aside is text."""
    kinds = {column.name: column.type for one in mine for column in one.table.columns if column.name in one.columns}
    return ", ".join(f"TRY_CAST(whole.{quote(name)} AS {kind}) AS {quote(name)}" for name, kind in kinds.items())
