"""ODCS relationships to foreign keys between real columns of equal type. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from gateway.contracts import odcs
from gateway.document import Path, Report
from gateway.product import Column, Relationship, Severity

Columns = Mapping[str, tuple[Column, ...]]


@dataclass(frozen=True, slots=True)
class Declared:
    """A foreign key with the place where it was declared, and how much an orphan matters."""

    relationship: Relationship
    path: Path
    severity: Severity


def relationships(
    schema: odcs.SchemaObject, product: str, tables: Columns, file: str, path: Path, report: Report
) -> tuple[Declared, ...]:
    """The foreign keys of one schema object, its properties' included. `tables` are the product's own."""
    found = []
    for place, columns, declared in _declared(schema, path):
        target = _targets(declared.to)
        if columns is None or target is None or len(columns) != len(target[2]):
            remedy = "to: table.column (or product.table.column); from: table.column, as many as in to"
            report.error(file, place, "the relationship is not understood", remedy)
            continue
        to_product, to_table, to_columns = target
        relationship = Relationship(columns, to_product or product, to_table, to_columns)
        if _holds(relationship, schema.name, product, tables, file, place, report):
            severity: Severity = "error" if declared.custom("severity") == "error" else "warning"
            found.append(Declared(relationship, place, severity))
    return tuple(found)


def _declared(
    schema: odcs.SchemaObject, path: Path
) -> Iterator[tuple[Path, tuple[str, ...] | None, odcs.Relationship]]:
    for index, declared in enumerate(schema.relationships):
        start = _targets(declared.source) if declared.source else None
        own = start is not None and start[0] == "" and start[1] == schema.name
        yield (*path, "relationships", index), start[2] if start and own else None, declared
    for number, item in enumerate(schema.properties):
        for index, declared in enumerate(item.relationships):
            yield (*path, "properties", number, "relationships", index), (item.name,), declared


def _targets(reference: str | tuple[str, ...]) -> tuple[str, str, tuple[str, ...]] | None:
    """(product or "", table, columns) of `table.column`, or of several columns of one table."""
    parts = [one.split(".") for one in ([reference] if isinstance(reference, str) else reference)]
    if not parts or any(len(one) not in {2, 3} for one in parts) or len({tuple(one[:-1]) for one in parts}) != 1:
        return None
    owner = parts[0][:-1]
    return (owner[0] if len(owner) == 2 else "", owner[-1], tuple(one[-1] for one in parts))


def _holds(
    relationship: Relationship, table: str, product: str, tables: Columns, file: str, path: Path, report: Report
) -> bool:
    own = {column.name: column for column in tables[table]}
    missing = [name for name in relationship.columns if name not in own]
    if missing:
        report.error(file, path, f"{table} has no column {missing[0]}", f"one of {', '.join(own)}")
        return False
    if relationship.to_product != product:
        return True
    if relationship.to_table not in tables:
        remedy = f"one of {', '.join(tables)}"
        report.error(file, path, f"the relationship names no table of this product: {relationship.to_table}", remedy)
        return False
    other = {column.name: column for column in tables[relationship.to_table]}
    for name, to_name in zip(relationship.columns, relationship.to_columns, strict=True):
        if to_name not in other:
            remedy = f"one of {', '.join(other)}"
            report.error(file, path, f"{relationship.to_table} has no column {to_name}", remedy)
            return False
        if own[name].type != other[to_name].type:
            problem = f"{table}.{name} is {own[name].type}, {relationship.to_table}.{to_name} is {other[to_name].type}"
            report.error(file, path, problem, "one type on both ends")
            return False
    return True
