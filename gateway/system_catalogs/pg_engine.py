"""Catalog engines: one locked DuckDB in memory for each set of what may be seen, few of them kept. Touches duck only.

An engine holds PostgreSQL's relations, the rows for its set, and the macros; no product, and nothing of a principal.
"""

from __future__ import annotations

import functools
import re
import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import pyarrow as pa

from gateway.cache import BytesLru
from gateway.sql import duck
from gateway.system_catalogs import pg_information, pg_macros, pg_rows, pg_views
from gateway.system_catalogs.pg_objects import Visible
from gateway.system_catalogs.pg_relations import (
    CATALOG,
    INFORMATION,
    PgColumn,
    Relation,
    Row,
    keywords,
    relations,
    seed,
)
from gateway.system_catalogs.pg_types import held_in

KEPT = 8
MEMORY_LIMIT = "256MB"
DESCRIBED_BYTES = 4 << 20
_SHAPES_BYTES = 1 << 20
_ARROW = {
    "BOOLEAN": pa.bool_(), "SMALLINT": pa.int16(), "INTEGER": pa.int32(), "BIGINT": pa.int64(),
    "UINTEGER": pa.uint32(), "FLOAT": pa.float32(), "DOUBLE": pa.float64(), "VARCHAR": pa.string(),
    "SMALLINT[]": pa.list_(pa.int16()), "UINTEGER[]": pa.list_(pa.uint32()), "VARCHAR[]": pa.list_(pa.string()),
}  # fmt: skip
_NOTHING: Mapping[str, object] = {"BOOLEAN": False, "VARCHAR": "", "FLOAT": 0.0, "DOUBLE": 0.0}
_SCHEMAS = "CREATE SCHEMA pg; CREATE SCHEMA info; CREATE SCHEMA x"
_OWN = """CREATE TABLE x.definitions (oid UINTEGER, place INTEGER, head VARCHAR, relation UINTEGER, rest VARCHAR);
CREATE TABLE x.functions (oid UINTEGER, result VARCHAR, arguments VARCHAR, signature VARCHAR);
CREATE TABLE x.formats (oid UINTEGER, base VARCHAR, suffix VARCHAR);
CREATE TABLE x.type_names (name VARCHAR, oid UINTEGER);
CREATE TABLE x.keywords (word VARCHAR, catcode VARCHAR, barelabel BOOLEAN, catdesc VARCHAR, baredesc VARCHAR)"""


@dataclass(frozen=True)
class Described:
    """A statement in one form, as it runs: its text, its schema there, and the kinds of its columns."""

    text: str
    schema: pa.Schema
    kinds: tuple[str, ...]


class CatalogEngine:
    """One engine. `used` counts who holds it; it is closed when it is evicted and nobody does.

    Its relations and macros are made when a statement first names them: few are ever asked for. `described` keeps what
    its statements of late give, by their text, form and kinds of parameters; `shapes` the Arrow types of columns, by
    their kind, DuckDB's type and form.
    """

    def __init__(self, visible: Visible) -> None:
        self.instance = duck.catalog(memory_limit=MEMORY_LIMIT)
        self.described: BytesLru[object, Described] = BytesLru(DESCRIBED_BYTES)
        self.shapes: BytesLru[object, pa.DataType] = BytesLru(_SHAPES_BYTES)
        self.used = 0
        self.evicted = False
        self._visible = visible
        self._made: set[str] = set()
        self._rows: dict[str, Mapping[str, pa.Table]] = {}
        self._lock = threading.Lock()
        with self._lock:
            duck.define(self.instance, [_SCHEMAS], {})

    def need(self, text: str) -> None:
        """Make whatever `text` names and is not made yet, with what that needs."""
        with self._lock:
            missing = [name for name in _needed(text) if name not in self._made]
            if missing:
                duck.define(self.instance, [_objects()[name] for name in missing], {n: self._of(n) for n in missing})
                self._made.update(missing)

    def _of(self, name: str) -> list[pa.Table]:
        """The rows of one relation: what every engine has, and what this one has."""
        schema = name.partition(".")[0]
        if schema not in {"pg", "info", "x"}:
            return []
        known = "info" if schema == "info" else "pg"
        if known not in self._rows:
            self._rows[known] = _informed(self._visible) if known == "info" else _cataloged(self._visible)
        return [part for part in (_static().get(name), self._rows[known].get(name)) if part is not None]


class CatalogEngines:
    """The engines of late, by what may be seen. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._making = threading.Lock()
        self._kept: OrderedDict[Visible, CatalogEngine] = OrderedDict()

    @contextmanager
    def using(self, visible: Visible) -> Iterator[CatalogEngine]:
        """The engine for `visible` while the block lasts."""
        engine = self.lease(visible)
        try:
            yield engine
        finally:
            self.release(engine)

    def lease(self, visible: Visible) -> CatalogEngine:
        """The engine for `visible`, made if it is not there; `release` must follow."""
        found = self._found(visible)
        if found is not None:
            return found
        with self._making:
            found = self._found(visible)
            if found is not None:
                return found
            made = CatalogEngine(visible)
            made.used = 1
            with self._lock:
                self._kept[visible] = made
                while len(self._kept) > KEPT:
                    self._evict(self._kept.popitem(last=False)[1])
            return made

    def release(self, engine: CatalogEngine) -> None:
        """Hold it no longer."""
        with self._lock:
            engine.used -= 1
            if engine.evicted and not engine.used:
                engine.instance.close()

    def discard(self, engine: CatalogEngine) -> None:
        """Keep `engine` no longer: the next who may see the same has a new one."""
        with self._lock:
            for visible in [one for one, kept in self._kept.items() if kept is engine]:
                self._evict(self._kept.pop(visible))

    def close(self) -> None:
        """Free every engine that nobody holds, the others when they are let go."""
        with self._lock:
            while self._kept:
                self._evict(self._kept.popitem()[1])

    def _found(self, visible: Visible) -> CatalogEngine | None:
        with self._lock:
            found = self._kept.get(visible)
            if found is not None:
                self._kept.move_to_end(visible)
                found.used += 1
            return found

    def _evict(self, engine: CatalogEngine) -> None:
        engine.evicted = True
        if not engine.used:
            engine.instance.close()


def _cataloged(visible: Visible) -> Mapping[str, pa.Table]:
    """The rows of pg_catalog for a set, and of what stands behind its functions."""
    made = pg_rows.made_of(visible)
    tables = {f"pg.{name}": _table(relations()[CATALOG, name], rows) for name, rows in made.rows.items()}
    found = made.definitions
    tables["x.definitions"] = pa.table(
        {
            "oid": pa.array([one.oid for one in found], pa.uint32()),
            "place": pa.array([one.column for one in found], pa.int32()),
            "head": pa.array([one.text for one in found], pa.string()),
            "relation": pa.array([one.relation for one in found], pa.uint32()),
            "rest": pa.array([one.rest for one in found], pa.string()),
        }
    )
    return tables


def _informed(visible: Visible) -> Mapping[str, pa.Table]:
    """The rows of information_schema for a set."""
    rows = pg_information.information(visible)
    return {f"info.{name}": _table(relations()[INFORMATION, name], found) for name, found in rows.items()}


_BY_NAME = re.compile(r"getvariable\('outport'\)(?!\['(?:  \w+|session_authorization)'\])")
_NAMED = re.compile(r"""\b(?:(pg|info|x)\."?(\w+)"?|(cat_\w+))""")


@functools.cache
def _objects() -> Mapping[str, str]:
    """What makes each relation and macro, by the name that texts have for it."""
    found = {f"{'pg' if one.schema == CATALOG else 'info'}.{one.name}": pg_views.statement(one)
             for one in relations().values()}  # fmt: skip
    for statement in (*_OWN.split(";\n"), *pg_views.granted(), *pg_macros.STATEMENTS):
        first = next(_NAMED.finditer(statement))
        found[_name(first)] = statement
    return found


def _name(found: re.Match[str]) -> str:
    return found[3] or f"{found[1]}.{found[2]}"


@functools.lru_cache(maxsize=5_000)
def _needed(text: str) -> tuple[str, ...]:
    """The relations and macros that `text` names, each behind those that it needs itself."""
    found: dict[str, None] = {}

    def add(name: str) -> None:
        if name in found or name not in _objects():
            return
        for other in _NAMED.finditer(_objects()[name]):
            if _name(other) != name:
                add(_name(other))
        found[name] = None

    for one in _NAMED.finditer(text):
        add(_name(one))
    return tuple(found)


@functools.lru_cache(maxsize=5_000)
def asks_settings(text: str) -> bool:
    """Whether `text` reads a connection's settings by name, and not only who and where it is."""
    return any(_BY_NAME.search(_objects()[name]) for name in _needed(text))


@functools.cache
def _static() -> Mapping[str, pa.Table]:
    """The rows of every engine."""
    found = {f"pg.{name}": _table(relations()[CATALOG, name], rows) for name, rows in pg_rows.static().items() if rows}
    names = {row["oid"]: str(row["typname"]) for row in seed("pg_type")}
    formats = [(row["oid"], *_format(row, names)) for row in seed("pg_type")]
    oids, bases, suffixes = zip(*formats, strict=True)
    found["x.formats"] = pa.table({"oid": pa.array(oids, pa.uint32()), "base": bases, "suffix": suffixes})
    spelled = {base + suffix: oid for oid, base, suffix in formats} | {
        "int": 23, "decimal": 1700, "float": 701, "timestamp": 1114, "time": 1083,
    } | {str(name): oid for oid, name in names.items()}  # fmt: skip
    found["x.type_names"] = pa.table({"name": [*spelled], "oid": pa.array([*spelled.values()], pa.uint32())})
    shown = {oid: base + suffix for oid, base, suffix in formats}
    functions = [_function(row, shown, names) for row in seed("pg_proc")]
    found["x.functions"] = pa.Table.from_pylist(
        functions, pa.schema({"oid": pa.uint32(), **dict.fromkeys(("result", "arguments", "signature"), pa.string())})
    )
    words = keywords()
    kinds = {"U": "unreserved", "C": "unreserved (cannot be function or type name)", "R": "reserved",
             "T": "reserved (can be function or type name)"}  # fmt: skip
    found["x.keywords"] = pa.table(
        {
            "word": [one["word"] for one in words],
            "catcode": [one["catcode"] for one in words],
            "barelabel": [one["barelabel"] == "t" for one in words],
            "catdesc": [kinds[one["catcode"]] for one in words],
            "baredesc": ["can be bare label" if one["barelabel"] == "t" else "requires AS" for one in words],
        }
    )
    return found


def _function(row: Row, shown: Mapping[object, str], names: Mapping[object, str]) -> Row:
    """What pg_get_function_result and its like say of a function; its signature has the names of pg_type."""
    given = row["proargtypes"]
    assert isinstance(given, list)
    several = "SETOF " if row["proretset"] else ""
    return {
        "oid": row["oid"],
        "result": several + shown[row["prorettype"]],
        "arguments": ", ".join(shown[one] for one in given),
        "signature": f"{row['proname']}({','.join(names[one] for one in given)})",
    }


def _format(row: Row, names: Mapping[object, str]) -> tuple[str, str]:
    """What format_type says of a type, and what follows its modifier."""
    array = row["typcategory"] == "A" and row["typelem"] != 0 and row["typlen"] == -1 and row["typname"][0] == "_"  # type: ignore[index]
    name = names[row["typelem"]] if array else str(row["typname"])
    base = pg_information.SQL_NAMES.get(name, name)
    within = row["typnamespace"] == pg_rows.SCHEMAS[INFORMATION]
    return f"{INFORMATION}.{name}" if within else base, "[]" if array else ""


def _table(relation: Relation, rows: Sequence[Row]) -> pa.Table:
    return pa.Table.from_arrays(
        [_array(column, rows) for column in relation.columns], names=[column.name for column in relation.columns]
    )


def _array(column: PgColumn, rows: Sequence[Row]) -> pa.Array:
    held = held_in(column.type)
    nothing = None
    if column.required:
        nothing = [] if held.endswith("]") else _NOTHING.get(held, 0)
    name = column.name
    return pa.array([row.get(name, nothing) for row in rows], _ARROW.get(held, pa.string()))
