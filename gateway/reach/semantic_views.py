"""The schema `semantic`: what a session may know of measures, dimensions, trees and synonyms, as relations. Pure.

Each is a view of constants, named by what it holds, so that equal rights share one and others never meet it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from functools import partial

from gateway.binding.views import Grant, View
from gateway.errors import NotFound
from gateway.principal import Action
from gateway.product import Semantic
from gateway.reach import grants, schemas
from gateway.reach.schemas import VisibleSchema
from gateway.reach.visible import Tables
from gateway.session import Pin, Session
from gateway.sql.scope import CATALOG, Path

SCHEMA = "semantic"
_TEXTS = "product table name"
# The columns of each relation: texts, but for those of _TRUTHS.
RELATIONS: Mapping[str, tuple[str, ...]] = {
    "measures": tuple(f"{_TEXTS} title type definition description unit format additive north_star formula".split()),
    "dimensions": tuple(f"{_TEXTS} type definition description grains time_zone".split()),
    "metric_tree": ("product", "table", "measure", "driver"),
    "synonyms": tuple(f"{_TEXTS} kind synonym".split()),
    "alternatives": ("product", "table", "measure", "alternative", "proposed_by", "reason"),
}
DESCRIPTIONS: Mapping[str, str] = {
    "measures": "What can be asked for by MEASURE(name)",
    "dimensions": "What measures can be grouped by, beside columns",
    "metric_tree": "What drives a measure",
    "synonyms": "Other words for measures and dimensions",
    "alternatives": "Definitions that were proposed, and why another was chosen",
}
_TRUTHS = frozenset({"additive", "north_star"})
Row = tuple[str | bool, ...]


def kind(column: str) -> str:
    """The type of a column of these relations."""
    return "BOOLEAN" if column in _TRUTHS else "VARCHAR"


def resolve(session: Session, pin: Pin, tables: Tables, action: Action, path: Path) -> Grant | View:
    """The grant on the table that `path` names, or the relation of this schema. Raises NotFound, Forbidden."""
    try:
        return grants.resolve(session, pin, action, path)
    except NotFound:
        name = _named(session, path)
        seen = schemas.schemas(session, pin, "metadata", tables) if name is not None else ()
        if name is None or not seen:
            raise
        return _view(name, seen)


def resolver(session: Session, pin: Pin, tables: Tables) -> partial[Grant | View]:
    """What looks names up for a session's queries."""
    return partial(resolve, session, pin, tables, "query")


def _named(session: Session, path: Path) -> str | None:
    *schema, name = (part.lower() for part in path)
    inside = [one.lower() for one in session.search_path] if not schema else [schema[-1]]
    whole = len(schema) < 2 or (len(schema) == 2 and schema[0] == CATALOG)
    return name if whole and SCHEMA in inside and name in RELATIONS else None


def _view(name: str, seen: tuple[VisibleSchema, ...]) -> View:
    columns = RELATIONS[name]
    rows = [row for schema in seen for table in schema.tables for one in table.semantics
            for row in _ROWS[name]((schema.name, table.table.name), one)]  # fmt: skip
    blank = tuple(f"CAST(NULL AS {kind(column)})" for column in columns)
    texts = [f"({', '.join(blank)})", *(f"({', '.join(_literal(value) for value in row)})" for row in rows)]
    names = ", ".join(f'"{column}"' for column in columns)
    body = f'SELECT {names} FROM (VALUES {", ".join(texts)}) AS "rows"({names}) WHERE "product" IS NOT NULL'
    snapshot = min((schema.snapshot for schema in seen), key=lambda one: one.id)
    digest = hashlib.sha256(body.encode()).hexdigest()[:24]
    return View(snapshot, f"semantic_{digest}", body, secure=False)


def _literal(value: str | bool) -> str:
    return str(value).lower() if isinstance(value, bool) else "'" + value.replace("'", "''") + "'"


def _measures(place: tuple[str, str], one: Semantic) -> Iterator[Row]:
    if one.kind == "measure":
        star, formula = (one.tree.north_star, one.tree.formula) if one.tree is not None else (False, "")
        told = (one.title or one.name, one.type, one.expression, one.description, one.unit, one.format)
        yield (*place, one.name, *told, one.additive, star, formula)


def _dimensions(place: tuple[str, str], one: Semantic) -> Iterator[Row]:
    if one.kind == "dimension":
        yield (*place, one.name, one.type, one.expression, one.description, ",".join(one.grains), one.zone)


def _metric_tree(place: tuple[str, str], one: Semantic) -> Iterator[Row]:
    for driver in one.tree.drivers if one.tree is not None else ():
        yield (*place, one.name, driver)


def _synonyms(place: tuple[str, str], one: Semantic) -> Iterator[Row]:
    for synonym in one.synonyms:
        yield (*place, one.name, one.kind, synonym)


def _alternatives(place: tuple[str, str], one: Semantic) -> Iterator[Row]:
    for other in one.alternatives:
        yield (*place, one.name, other.measure, other.proposed_by, other.reason)


_ROWS = {
    "measures": _measures,
    "dimensions": _dimensions,
    "metric_tree": _metric_tree,
    "synonyms": _synonyms,
    "alternatives": _alternatives,
}
