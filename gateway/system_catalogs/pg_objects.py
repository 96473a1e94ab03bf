"""What a principal may see, as PostgreSQL has objects: schemas, tables, columns, keys, references, with stable oids.

Pure. Two principals who may see the same get equal values, whatever their rows are.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from gateway.binding.lineage import origin
from gateway.binding.views import Grant
from gateway.contracts.visibility import visible_key, visible_relationships, visible_semantics
from gateway.decision import Decision
from gateway.product import Column, Relationship, Table
from gateway.reach import grants, schemas, semantic_views
from gateway.serving.catalog import Snapshot
from gateway.session import Pin, Session
from gateway.system_catalogs.pg_types import PG_TYPES, PgType, pg_type

FIRST_OID = 16384  # smaller ones are PostgreSQL's own: access/transam.h
_SPAN = (1 << 31) - FIRST_OID  # some clients read an oid as a signed integer


@dataclass(frozen=True, slots=True)
class PgAttribute:
    """A column of a table, or a measure of it: a numeric column that tools can aggregate."""

    name: str
    type: PgType
    required: bool
    description: str


@dataclass(frozen=True, slots=True)
class PgReference:
    """A foreign key to the primary key of another table that is visible."""

    columns: tuple[str, ...]
    schema: str
    table: str
    to_columns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PgTable:
    """A table of a product."""

    name: str
    description: str
    columns: tuple[PgAttribute, ...]
    key: tuple[str, ...]
    references: tuple[PgReference, ...]

    def number(self, name: str) -> int:
        """The place of a column, from 1."""
        return next(place for place, one in enumerate(self.columns, 1) if one.name == name)


@dataclass(frozen=True, slots=True)
class PgSchema:
    """A product at one major version, with at least one table."""

    name: str
    description: str
    tables: tuple[PgTable, ...]


Visible = tuple[PgSchema, ...]


@dataclass
class Oids:
    """Oids of qualified names: the same in every database and after every start, each once in a database."""

    _taken: dict[int, str] = field(default_factory=dict)

    def of(self, *path: str) -> int:
        """The oid of what `path` names: its kind first, as in ("table", "shop", "orders")."""
        name, salt = "\0".join(path), 0
        while True:
            found = _hashed(f"{name}\0{salt}" if salt else name)
            if self._taken.setdefault(found, name) == name:
                return found
            salt += 1


@functools.lru_cache(maxsize=50_000)
def _hashed(name: str) -> int:
    return FIRST_OID + int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big") % _SPAN


def visible(session: Session, pin: Pin) -> Visible:
    """The schemas of which the principal may see a table, by name, and of these what it may see."""
    granted: dict[str, tuple[Snapshot, dict[str, Grant]]] = {}
    for schema, snapshot in schemas.named(pin):
        tables = {
            table.name: found
            for table in snapshot.product.tables
            if (found := grants.grant(session, pin, "metadata", snapshot, table.name)) is not None
        }
        if tables:
            granted[schema] = (snapshot, tables)
    across = {
        f"{schema}.{name}": grant.decision for schema, (_, tables) in granted.items() for name, grant in tables.items()
    }
    keys = {
        (schema, name): visible_key(grant.decision, grant.table)
        for schema, (_, tables) in granted.items()
        for name, grant in tables.items()
    }
    listed = [
        PgSchema(
            schema,
            snapshot.product.purpose,
            tuple(_table(schema, snapshot, grant, {**across, **_decisions(tables)}, keys) for grant in tables.values()),
        )
        for schema, (snapshot, tables) in granted.items()
    ]
    if granted and semantic_views.SCHEMA not in granted:
        listed.append(_SEMANTIC)
    return tuple(sorted(listed, key=lambda one: one.name))


def _semantic() -> PgSchema:
    """The schema that tells of measures: its columns are the same for everybody."""
    tables = [
        PgTable(
            name,
            semantic_views.DESCRIPTIONS[name],
            tuple(PgAttribute(column, pg_type(semantic_views.kind(column)), False, "") for column in columns),
            (),
            (),
        )
        for name, columns in semantic_views.RELATIONS.items()
    ]
    return PgSchema(semantic_views.SCHEMA, "Measures, dimensions and metric trees by name", tuple(tables))


_SEMANTIC = _semantic()


def _decisions(tables: Mapping[str, Grant]) -> dict[str, Decision]:
    return {name: grant.decision for name, grant in tables.items()}


def _table(
    schema: str,
    snapshot: Snapshot,
    grant: Grant,
    decisions: Mapping[str, Decision],
    keys: Mapping[tuple[str, str], tuple[str, ...]],
) -> PgTable:
    product, table = snapshot.product.name, grant.table
    references = []
    for one in visible_relationships(grant.decision, table, decisions):
        there = schema if one.to_product in {"", product} else one.to_product
        if keys.get((there, one.to_table)) == one.to_columns:
            references.append(_reference(one, there))
    source = _Source(table, grant.decision)
    columns = _columns(snapshot.id, table.name, grant.decision.fingerprint, source)
    return PgTable(table.name, table.description, columns, keys[schema, table.name], tuple(references))


def _reference(one: Relationship, schema: str) -> PgReference:
    return PgReference(one.columns, schema, one.to_table, one.to_columns)


@dataclass(frozen=True)
class _Source:
    """A cache's argument that is equal whatever it holds: the arguments beside it say it all."""

    table: Table = field(compare=False)
    decision: Decision = field(compare=False)


def _described(column: Column, decision: Decision) -> str:
    """What the contract says of a column; of one that is not shown, what it is for as well."""
    use = decision.uses.get(column.name)
    return column.description if use is None else f"{column.description} (only for {use.words})".lstrip()


def _nullable(source: _Source, name: str) -> bool:
    """Whether a NULL may stand in the column as it is shown: a mask may put one where the contract has none."""
    return origin(source.decision.product, source.table, source.decision, name).nullable


@functools.lru_cache(maxsize=5_000)
def _columns(_: str, __: str, ___: str, source: _Source) -> tuple[PgAttribute, ...]:
    table, decision = source.table, source.decision
    shown = [
        PgAttribute(one.name, pg_type(one.type), not _nullable(source, one.name), _described(one, decision))
        for one in table.columns
        if one.name in decision.known
    ]
    names = {one.name for one in shown}
    shown += [
        PgAttribute(one.name, PG_TYPES["numeric"], False, one.description)
        for one in visible_semantics(decision, table)
        if one.kind == "measure" and one.name not in names
    ]
    return tuple(shown)
