"""The relations of PostgreSQL 15's two catalogs with their columns, and the rows that every database has. Read once.

Reads its own folder `pg_seed` and nothing else: lists of facts (names, oids, types) as a PostgreSQL 15 states them.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).with_name("pg_seed")
CATALOG, INFORMATION = "pg_catalog", "information_schema"
DOMAINS: Mapping[str, str] = {
    "sql_identifier": "name", "character_data": "varchar", "cardinal_number": "int4", "yes_or_no": "varchar",
    "time_stamp": "timestamptz",
}  # fmt: skip
Place = tuple[str, str]
Row = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class PgColumn:
    """A column of a catalog: its type is a name of pg_type, such as `oid` or `_text`.

    `domain` is the domain that it was declared as, "" where it is none: information_schema has its own.
    """

    name: str
    type: str
    required: bool
    domain: str = ""


@dataclass(frozen=True, slots=True)
class Relation:
    """A table (`r`) or view (`v`) of a catalog. `row_type` is the oid of the type of its rows."""

    schema: str
    name: str
    oid: int
    kind: str
    row_type: int
    indexed: bool
    columns: tuple[PgColumn, ...]

    @property
    def place(self) -> Place:
        """Its schema and its name."""
        return (self.schema, self.name)


@functools.cache
def relations() -> Mapping[Place, Relation]:
    """Every relation of pg_catalog and information_schema."""
    found = {}
    for line in (FOLDER / "relations.tsv").read_text().splitlines():
        schema, name, oid, kind, row_type, indexed, columns = line.split("\t")
        one = Relation(schema, name, int(oid), kind, int(row_type), indexed == "t", tuple(_columns(columns)))
        found[one.place] = one
    return found


def _columns(text: str) -> list[PgColumn]:
    found = []
    for name, written in (part.split(" ") for part in text.split(",")):
        kind = written.removesuffix("!")
        found.append(PgColumn(name, DOMAINS.get(kind, kind), written.endswith("!"), kind if kind in DOMAINS else ""))
    return found


@functools.cache
def seed(name: str) -> tuple[Row, ...]:
    """The rows of pg_catalog's relation `name` that every database has: none where no file says so."""
    path = FOLDER / f"{name}.tsv"
    relation = relations().get((CATALOG, name))
    if relation is None or not path.exists():
        return ()
    types = {column.name: column.type for column in relation.columns}
    return tuple({key: _value(text, types[key]) for key, text in row.items()} for row in _lines(path))


@functools.cache
def keywords() -> tuple[Mapping[str, str], ...]:
    """SQL's key words: `word`, `catcode` (U, C, T, R) and `barelabel` (t, f)."""
    return tuple(_lines(FOLDER / "keywords.tsv"))


def _lines(path: Path) -> list[dict[str, str]]:
    """The lines of a COPY in text format with a header; nothing in these files needs an escape but NULL."""
    header, *lines = path.read_text().splitlines()
    names = header.split("\t")
    return [dict(zip(names, line.split("\t"), strict=True)) for line in lines]


def _value(text: str, kind: str) -> object:
    if text == "\\N":
        return None
    if kind == "bool":
        return text == "t"
    if kind in {"oidvector", "int2vector"}:
        return [int(part) for part in text.split()]
    if kind.startswith("_"):
        items = text[1:-1].split(",") if text != "{}" else []
        return [int(item) for item in items] if kind in {"_oid", "_int2"} else items
    if kind in {"float4", "float8"}:
        return float(text)
    return int(text) if kind in {"oid", "int2", "int4", "int8", "regproc", "regtype", "xid"} else text
