"""What the schema of an answer says beside names and types: where columns come from, and the states read. Pure.

The same for FlightInfo, the stream, a prepared statement and GetTables. Names that begin with ARROW:FLIGHT:SQL are the
protocol's own (apache/arrow, format/FlightSql.proto, CommandGetTables), those with outport ours.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import pyarrow as pa

from gateway import Decision, Origin, ProductProvenance, Semantic, Table, VisibleTable, visible_semantics
from ports.flight import provenance

CATALOG = "outport"
PRODUCTS = "outport:products"
MEASURES = "outport:measures"
_Origins = Sequence[Origin | None]


def described(columns: pa.Schema, origins: _Origins, products: Iterable[ProductProvenance]) -> pa.Schema:
    """`columns` with what is known of each, and of the whole; NULLs are excluded only where none can be."""
    if len(origins) != len(columns):
        origins = (None,) * len(columns)
    fields = [one if origin is None else _field(one, origin) for one, origin in zip(columns, origins, strict=True)]
    read = provenance.states(products)
    known = {PRODUCTS: json.dumps(read, separators=(",", ":"))} if read else {}
    return pa.schema(fields, metadata={**known, **_table(origins)} or None)


def with_used(shown: pa.Schema, used: Sequence[pa.Field], table: VisibleTable) -> pa.Schema:
    """The schema of a table's rows, and behind it the columns that are used and not shown, each with its use."""
    uses, origins = table.decision.uses, table.used_origins
    told = [_field(one, origin) for one, origin in zip(used, origins, strict=True)]
    fields = [one.with_metadata({**one.metadata, "outport:use": uses[one.name].words}) for one in told]
    return pa.schema([*shown, *fields], metadata=shown.metadata)


def _field(plain: pa.Field, origin: Origin) -> pa.Field:
    column = origin.column
    semantic = _semantics(origin.table, origin.decision).get(column.name)
    told = {
        "ARROW:FLIGHT:SQL:CATALOG_NAME": CATALOG,
        "ARROW:FLIGHT:SQL:DB_SCHEMA_NAME": origin.product,
        "ARROW:FLIGHT:SQL:TABLE_NAME": origin.table.name,
        "ARROW:FLIGHT:SQL:TYPE_NAME": column.type,
        "ARROW:FLIGHT:SQL:REMARKS": column.description or (semantic.description if semantic else ""),
        "ARROW:FLIGHT:SQL:IS_AUTO_INCREMENT": "0",
        "ARROW:FLIGHT:SQL:IS_CASE_SENSITIVE": "1" if column.type == "VARCHAR" else "0",
        "ARROW:FLIGHT:SQL:IS_READ_ONLY": "1",
        "ARROW:FLIGHT:SQL:IS_SEARCHABLE": "1",
        "outport:name": column.business_name,
        "outport:classification": column.effective_class,
        "outport:tags": ",".join(sorted(column.tags)),
        "outport:mask": "" if origin.treatment.kind == "raw" else origin.treatment.kind,
        "outport:semantic": semantic.kind if semantic else "",
    }
    if pa.types.is_decimal(plain.type):
        told |= {
            "ARROW:FLIGHT:SQL:PRECISION": str(plain.type.precision),
            "ARROW:FLIGHT:SQL:SCALE": str(plain.type.scale),
        }
    metadata = {name: value for name, value in told.items() if value}
    return pa.field(plain.name, plain.type, origin.nullable, metadata)


def _table(origins: _Origins) -> Mapping[str, str]:
    """The measures that exist for the principal, where the answer has every visible column of one table."""
    first = origins[0] if origins else None
    if first is None:
        return {}
    whole = [(first.product, first.table.name, name) for name in first.decision.visible]
    if [None if one is None else (one.product, one.table.name, one.column.name) for one in origins] != whole:
        return {}
    measures = [
        {"name": one.name, "type": one.type, "description": one.description}
        for one in _semantics(first.table, first.decision).values()
        if one.kind == "measure"
    ]
    return {MEASURES: json.dumps(measures, separators=(",", ":"))} if measures else {}


@dataclass(frozen=True)
class _Source:
    """A table under a decision as a cache's argument: the fingerprint says what the decision is."""

    table: Table
    fingerprint: str
    decision: Decision = field(compare=False)


def _semantics(table: Table, decision: Decision) -> Mapping[str, Semantic]:
    return _known(_Source(table, decision.fingerprint, decision)) if table.semantics else {}


@functools.lru_cache(maxsize=1_000)
def _known(source: _Source) -> Mapping[str, Semantic]:
    return {one.name: one for one in visible_semantics(source.decision, source.table)}
