"""Iceberg's types as DuckDB has them, and the fields of a Parquet file by their Iceberg ids. Pure."""

from __future__ import annotations

import pyarrow as pa
from pyiceberg.types import DecimalType, FixedType, IcebergType, ListType, MapType, NestedField, StructType

from gateway.inputs.lakes import LakeError
from gateway.sql.duck import quote

_ID = b"PARQUET:field_id"
# Times of nanoseconds with a zone would lose digits, others have no type here.
_KINDS = {
    "boolean": "BOOLEAN", "int": "INTEGER", "long": "BIGINT", "float": "FLOAT", "double": "DOUBLE", "date": "DATE",
    "time": "TIME", "timestamp": "TIMESTAMP", "timestamptz": "TIMESTAMP WITH TIME ZONE",
    "timestamp_ns": "TIMESTAMP_NS", "string": "VARCHAR", "uuid": "UUID", "binary": "BLOB",
}  # fmt: skip


def kind(given: IcebergType) -> str | None:
    """DuckDB's type, None where there is none."""
    match given:
        case DecimalType():
            return f"DECIMAL({given.precision},{given.scale})"
        case FixedType():
            return "BLOB"
        case ListType():
            inner = kind(given.element_type)
            return f"{inner}[]" if inner else None
        case MapType():
            key, value = kind(given.key_type), kind(given.value_type)
            return f"MAP({key}, {value})" if key and value else None
        case StructType():
            parts = {one.name: kind(one.field_type) for one in given.fields}
            told = ", ".join(f"{quote(name)} {inner}" for name, inner in parts.items())
            return f"STRUCT({told})" if parts and all(parts.values()) else None
    return _KINDS.get(str(given))


def unread(field: NestedField) -> str:
    """Why no column of that type is read here, "" where it is."""
    return "" if kind(field.field_type) else f"its type {field.field_type} is not read here"


def fields(held: pa.Schema) -> dict[int, pa.Field]:
    """The columns of a Parquet file by their ids. Raises LakeError where one has none, or two have the same."""
    found = {_id(one): one for one in held}
    if -1 in found or len(found) < len(held):
        raise LakeError("a file of the table has columns without field ids: rewrite it")
    return found


def same(now: IcebergType, held: pa.DataType) -> bool:
    """Whether the parts of a nested column are called what they are called now, each with its id."""
    match now:
        case StructType():
            if not pa.types.is_struct(held):
                return False
            parts = {one.name: one for one in held}
            return len(parts) == held.num_fields == len(now.fields) and all(
                one.name in parts and _part(one.field_id, one.field_type, parts[one.name]) for one in now.fields
            )
        case ListType():
            return _is_list(held) and _part(now.element_id, now.element_type, held.value_field)
        case MapType():
            return (
                pa.types.is_map(held)
                and _part(now.key_id, now.key_type, held.key_field)
                and _part(now.value_id, now.value_type, held.item_field)
            )
    return not pa.types.is_nested(held)


def _part(number: int, now: IcebergType, held: pa.Field) -> bool:
    return _id(held) == number and same(now, held.type)


def _is_list(held: pa.DataType) -> bool:
    return bool(pa.types.is_list(held) or pa.types.is_large_list(held))


def _id(field: pa.Field) -> int:
    """Its field id, -1 where it has none."""
    told = (field.metadata or {}).get(_ID, b"")
    return int(told) if told.isdigit() else -1
