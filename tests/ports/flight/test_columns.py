"""What a schema tells of measures and dimensions: what exists under the decision, and where the whole table is."""

from __future__ import annotations

import json
from types import MappingProxyType

import pyarrow as pa
import pytest

from gateway import Column, Decision, Origin, Semantic, Table, Treatment
from ports.flight import columns

RAW = {name: Treatment("raw", f'"{name}"', "", ()) for name in ("id", "segment", "spent")}
MASKED = RAW | {"spent": Treatment("bucket", '"spent" - "spent" % 10', "bucket", ("r",))}
SCHEMA = pa.schema({"id": pa.int64(), "segment": pa.string(), "spent": pa.int64()})
TABLE = Table(
    name="people",
    description="",
    granularity="",
    columns=tuple(
        Column(name, kind, name == "id", False, None, frozenset(), "", name.title())
        for name, kind in (("id", "BIGINT"), ("segment", "VARCHAR"), ("spent", "BIGINT"))
    ),
    key=("id",),
    relationships=(),
    quality=(),
    semantics=(
        Semantic("revenue", "measure", 'sum("spent")', "HUGEINT", "All that was spent", ()),
        Semantic("segment", "dimension", '"segment"', "VARCHAR", "How they buy", ()),
    ),
    model=None,
)


def told(treatments: dict[str, Treatment], *names: str) -> pa.Schema:
    decision = Decision("crm", "people", (), None, MappingProxyType(treatments), float("inf"), (), {})
    origins = [Origin("crm", TABLE, TABLE.column(name), decision, name != "id") for name in names]
    return columns.described(pa.schema([SCHEMA.field(name) for name in names]), origins, [])


def test_a_whole_table_tells_its_measures() -> None:
    schema = told(RAW, "id", "segment", "spent")
    measure = {"name": "revenue", "type": "HUGEINT", "description": "All that was spent"}
    assert json.loads(schema.metadata[b"outport:measures"]) == [measure]
    assert [field.nullable for field in schema] == [False, True, True]


def test_a_measure_of_a_masked_column_does_not_exist() -> None:
    schema = told(MASKED, "id", "segment", "spent")
    assert schema.metadata is None
    assert schema.field("spent").metadata[b"outport:mask"] == b"bucket"


def test_a_dimension_says_that_it_is_one() -> None:
    told_of = told(RAW, "segment").field("segment").metadata
    assert told_of[b"outport:semantic"] == b"dimension"
    assert told_of[b"ARROW:FLIGHT:SQL:REMARKS"] == b"How they buy"
    assert (told_of[b"outport:classification"], told_of[b"outport:name"]) == (b"restricted", b"Segment")


@pytest.mark.parametrize("names", [("id",), ("segment", "id", "spent")])
def test_other_columns_than_the_tables_tell_no_measures(names: tuple[str, ...]) -> None:
    assert told(RAW, *names).metadata is None


def test_where_nothing_is_certain_nothing_is_told() -> None:
    assert columns.described(SCHEMA, (), []).equals(SCHEMA, check_metadata=True)
