"""ODCS properties to typed columns: identifiers, DuckDB types, keys. Pure but for DuckDB's own reading of a type."""

from __future__ import annotations

import re
import unicodedata

from gateway.contracts.odcs import Item, Property, SchemaObject
from gateway.document import Path, Report
from gateway.errors import BadQuery
from gateway.product import Column
from gateway.sql import duck

IDENTIFIER = re.compile(r"[a-z][a-z0-9_]{0,62}")
PRODUCT_NAME = re.compile(r"(?!.*_v\d+$)[a-z][a-z0-9_]{0,62}")
_LOGICAL = {
    "string": "VARCHAR",
    "date": "DATE",
    "timestamp": "TIMESTAMP",
    "time": "TIME",
    "number": "DOUBLE",
    "integer": "BIGINT",
    "boolean": "BOOLEAN",
}
_FORMATS = {
    "i8": "TINYINT", "i16": "SMALLINT", "i32": "INTEGER", "i64": "BIGINT", "i128": "HUGEINT", "u8": "UTINYINT",
    "u16": "USMALLINT", "u32": "UINTEGER", "u64": "UBIGINT", "u128": "UHUGEINT", "f32": "FLOAT", "f64": "DOUBLE",
}  # fmt: skip


def suggestion(name: str) -> str:
    """The nearest identifier to `name`: `Customer ID` -> `customer_id`."""
    text = "".join(mark for mark in unicodedata.normalize("NFKD", name) if not unicodedata.combining(mark))
    text = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", text)
    text = re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")[:63].rstrip("_")
    return text if IDENTIFIER.fullmatch(text) else f"c_{text}"[:63].rstrip("_")


def check_identifier(name: str, what: str, file: str, path: Path, report: Report) -> None:
    """Note an error where `name` is no identifier of ours."""
    if not IDENTIFIER.fullmatch(name):
        remedy = f"match [a-z][a-z0-9_]{{0,62}}, as {suggestion(name)} does; a file's own name goes into physicalName"
        report.error(file, path, f"{what} {name} is no identifier", remedy)


def is_column(item: Property) -> bool:
    """Whether a property is stored: a dimension without logic, or whose logic is its own name, is a column as well."""
    if item.semanticType == "column":
        return True
    return item.semanticType == "dimension" and (item.transformLogic or item.name).strip().strip('"') == item.name


def type_of(item: Item, file: str, path: Path, report: Report) -> str:
    """DuckDB's canonical type of one property: `physicalType`, or what `logicalType` means. VARCHAR after an error."""
    try:
        text = duck.canonical_type(item.physicalType or _derived(item))
    except BadQuery:
        what = item.physicalType or item.logicalType or "no type at all"
        remedy = "a DuckDB type in physicalType, such as BIGINT or DECIMAL(18,2), or an ODCS logicalType"
        report.error(file, path, f"{what} is not a type", remedy)
        return "VARCHAR"
    if "ENUM" in text:
        report.error(file, path, "an ENUM tells its values to whoever may see the type", "VARCHAR, with an enum list")
    return text


def _derived(item: Item) -> str:
    options = item.logicalTypeOptions or {}
    kind = item.logicalType
    if kind == "array":
        return f"{_derived_or_physical(item.items or Item(logicalType='string'))}[]"
    if kind == "object" and item.properties:
        members = (f"{duck.quote(member.name)} {_derived_or_physical(member)}" for member in item.properties)
        return f"STRUCT({', '.join(members)})"
    if kind == "map" and item.map is not None:
        return f"MAP({_derived_or_physical(item.map.key)}, {_derived_or_physical(item.map.value)})"
    if kind == "vector":
        return f"FLOAT[{int(options.get('dimensions', 0))}]"
    if kind == "timestamp" and options.get("timezone"):
        return "TIMESTAMPTZ"
    if kind in {"integer", "number"} and options.get("format") in _FORMATS:
        return _FORMATS[options["format"]]
    return _LOGICAL.get(kind or "", "")


def _derived_or_physical(item: Item) -> str:
    return item.physicalType or _derived(item)


def columns(schema: SchemaObject, key: tuple[str, ...], file: str, path: Path, report: Report) -> tuple[Column, ...]:
    """The stored columns of one schema object, in the contract's order."""
    found = []
    seen: set[str] = set()
    for index, item in enumerate(schema.properties):
        place = (*path, "properties", index)
        check_identifier(item.name, "column", file, (*place, "name"), report)
        if item.name in seen:
            report.error(file, (*place, "name"), f"{item.name} stands twice", "one property of each name")
        seen.add(item.name)
        if is_column(item):
            found.append(_column(item, key, file, place, report))
    return tuple(found)


def _column(item: Property, key: tuple[str, ...], file: str, path: Path, report: Report) -> Column:
    is_key = item.name in key
    if is_key and not item.required and "required" in item.model_fields_set:
        report.error(file, (*path, "required"), f"{item.name} is part of the key", "required: true, or leave it out")
    physical = item.physicalName or item.name
    return Column(
        name=item.name,
        type=type_of(item, file, path, report),
        required=item.required or is_key,
        unique=item.unique or key == (item.name,),
        classification=item.classification,
        tags=frozenset(item.tags),
        description=item.description or "",
        business_name=item.businessName or "",
        physical_name="" if physical == item.name else physical,
        declassified=str(item.custom("declassified") or ""),
    )


def key_of(schema: SchemaObject, file: str, path: Path, report: Report) -> tuple[str, ...]:
    """The primary key's columns in the order of their positions."""
    members = [(index, item) for index, item in enumerate(schema.properties) if item.primaryKey]
    for index, item in members:
        if not is_column(item):
            place = (*path, "properties", index, "primaryKey")
            report.error(file, place, f"{item.name} is no stored column", "a key is made of columns")
    positions = [item.primaryKeyPosition for _, item in members]
    if len(members) > 1 and len(set(positions)) not in {1, len(members)}:
        report.error(file, path, "primaryKeyPosition is not clear", "a position of its own for each key column, from 1")
    return tuple(item.name for _, item in sorted(members, key=lambda member: member[1].primaryKeyPosition))
