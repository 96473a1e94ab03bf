"""The metadata commands over the wire: what a principal may see, narrowed as the protocol says."""

from __future__ import annotations

import json

import pyarrow as pa
import pytest

from ports.flight import messages as m
from tests.ports.flight.conftest import Flight, Raw

SEMANTIC = ["alternatives", "dimensions", "measures", "metric_tree", "synonyms"]
RS = ["salaries", "alternatives", "measures", "customers", "orders"]
ALL = ["salaries", *SEMANTIC, "customers", "orders"]
CUSTOMERS = m.CommandStatementQuery("SELECT * FROM shop.customers")


def test_metadata_is_what_the_principal_may_see(flight: Flight) -> None:
    steward, analyst, stranger = (flight.raw(one) for one in ("steward", "analyst", "stranger"))
    assert steward.ask(m.CommandGetDbSchemas())["db_schema_name"].to_pylist() == ["hr", "semantic", "shop"]
    assert analyst.ask(m.CommandGetDbSchemas())["db_schema_name"].to_pylist() == ["semantic", "shop"]
    assert stranger.ask(m.CommandGetDbSchemas()).num_rows == 0
    assert stranger.ask(m.CommandGetTables(include_schema=True)).num_rows == 0
    assert stranger.ask(m.CommandGetCatalogs()).to_pydict() == {"catalog_name": ["outport"]}
    tables = analyst.ask(m.CommandGetTables(include_schema=True)).to_pylist()
    schemas = {row["table_name"]: pa.ipc.read_schema(pa.py_buffer(row["table_schema"])) for row in tables}
    assert schemas["customers"].equals(analyst.info(CUSTOMERS).schema)
    assert "salary" not in schemas["customers"].names


@pytest.mark.parametrize(
    ("command", "names"),
    [
        (m.CommandGetTables(), ALL),
        (m.CommandGetTables(catalog="outport", db_schema_filter_pattern="SH%"), ["customers", "orders"]),
        (m.CommandGetTables(table_name_filter_pattern="_rders"), ["orders"]),
        (m.CommandGetTables(table_name_filter_pattern="\\_rders"), []),
        (m.CommandGetTables(catalog=""), []),
        (m.CommandGetTables(db_schema_filter_pattern=""), []),
        (m.CommandGetTables(table_types=("VIEW",)), []),
        (m.CommandGetTables(table_types=("VIEW", "TABLE"), table_name_filter_pattern="%r%s%"), RS),
        (m.CommandGetTables(db_schema_filter_pattern="semantic"), SEMANTIC),
    ],
)
def test_tables_are_narrowed_by_patterns(flight: Flight, command: m.CommandGetTables, names: list[str]) -> None:
    assert flight.raw("steward").ask(command)["table_name"].to_pylist() == names


def test_keys_and_references(flight: Flight) -> None:
    raw = flight.raw("steward")
    key = raw.ask(m.CommandGetPrimaryKeys(None, "shop", "orders")).to_pylist()
    assert [(row["table_name"], row["column_name"], row["key_sequence"]) for row in key] == [("orders", "order_id", 1)]
    imported = raw.ask(m.CommandGetImportedKeys("outport", "shop", "orders")).to_pylist()
    assert [(row["pk_table_name"], row["fk_table_name"], row["fk_column_name"]) for row in imported] == [
        ("customers", "orders", "customer_id")
    ]
    assert raw.ask(m.CommandGetExportedKeys(None, "shop", "customers")).to_pylist() == imported
    cross = m.CommandGetCrossReference(None, "shop", "customers", None, "shop", "orders")
    assert raw.ask(cross).to_pylist() == imported
    assert raw.ask(m.CommandGetImportedKeys(None, "shop", "customers")).num_rows == 0
    assert flight.raw("stranger").ask(m.CommandGetPrimaryKeys(None, "shop", "orders")).num_rows == 0


def test_sql_info_answers_what_is_asked(flight: Flight) -> None:
    raw = flight.raw("analyst")
    assert raw.ask(m.CommandGetSqlInfo((8, 3, 0, 99_999))).to_pylist() == [
        {"info_name": 0, "value": "Outport"},
        {"info_name": 3, "value": True},
        {"info_name": 8, "value": 0},
    ]


# FlightSql.proto, enum SqlInfo: each id in the member of the union that the comment on it names.
MEMBERS = {
    "string_value": {0, 1, 2, 6, 7, 504, 513, 514, 529, 530, 531},
    "bool_value": {3, 4, 5, 9, 10, 11, 500, 501, 502, 506, 515, 516, 518, 519, 520, 521, 523, 524, 527, 532, 536}
    | {537, 539, 556, 563, 565, 566, 572, 573, 574, 575, 576},
    "bigint_value": {*range(541, 556), *range(557, 562)},
    "int32_bitmask": {8, 100, 101, 503, 505, 507, 522, 525, 526, 528, 533, 534, 535, 538, 540, 562, 564}
    | {567, 568, 569, 570, 571},
    "string_list": {508, 509, 510, 511, 512},
    "int32_to_int32_list_map": {517},
}


def test_every_sql_info_of_the_protocol_is_in_its_member_of_the_union(flight: Flight) -> None:
    everything = flight.raw("analyst").ask(m.CommandGetSqlInfo())
    everything.validate(full=True)
    (values,) = everything["value"].chunks
    found: dict[str, set[int]] = {}
    for name, code in zip(everything["info_name"].to_pylist(), values.type_codes.to_pylist(), strict=True):
        found.setdefault(values.type[code].name, set()).add(name)
    assert found == MEMBERS
    assert len(set(everything["info_name"].to_pylist())) == everything.num_rows


def test_what_cannot_be_done_is_said_so(flight: Flight) -> None:
    rows = flight.raw("analyst").ask(m.CommandGetSqlInfo((3, 5, 8, 9, 10, 563, 562, 573))).to_pylist()
    assert {row["info_name"]: row["value"] for row in rows} == {
        3: True, 5: False, 8: 0, 9: True, 10: False, 562: 0, 563: False, 573: False,
    }  # fmt: skip


def test_types_are_told_in_order_with_the_schema_of_the_protocol(flight: Flight) -> None:
    raw = flight.raw("stranger")
    types = raw.ask(m.CommandGetXdbcTypeInfo())
    rows = types.to_pylist()
    assert [field.name for field in types.schema if not field.nullable] == [
        "type_name", "data_type", "nullable", "case_sensitive", "searchable", "fixed_prec_scale", "sql_data_type",
    ]  # fmt: skip
    assert not types.schema.field("create_params").type.value_field.nullable
    assert [(row["data_type"], row["type_name"]) for row in rows] == sorted(
        (row["data_type"], row["type_name"]) for row in rows
    )
    (decimal,) = raw.ask(m.CommandGetXdbcTypeInfo(3)).to_pylist()
    assert decimal["type_name"] == "DECIMAL"
    assert decimal["create_params"] == ["precision", "scale"]
    assert (decimal["column_size"], decimal["maximum_scale"], decimal["num_prec_radix"]) == (38, 38, 10)
    times = {row["type_name"]: row for row in raw.ask(m.CommandGetXdbcTypeInfo(93)).to_pylist()}
    assert (times["TIMESTAMP"]["sql_data_type"], times["TIMESTAMP"]["datetime_subcode"]) == (9, 3)
    assert raw.ask(m.CommandGetXdbcTypeInfo(12345)).num_rows == 0


@pytest.mark.parametrize("subject", ["steward", "analyst", "ml", "clerk"])
def test_the_type_of_every_column_is_one_of_those_told(flight: Flight, subject: str) -> None:
    raw = flight.raw(subject)
    known = set(raw.ask(m.CommandGetXdbcTypeInfo())["type_name"].to_pylist())
    for _, schema in tables(raw):
        kinds = [field.metadata[b"ARROW:FLIGHT:SQL:TYPE_NAME"].decode() for field in schema if field.metadata]
        assert {"LIST" if kind.endswith("[]") else kind.split("(")[0] for kind in kinds} <= known


def tables(raw: Raw) -> list[tuple[str, pa.Schema]]:
    rows = raw.ask(m.CommandGetTables(include_schema=True)).to_pylist()
    return [
        (f"{row['db_schema_name']}.{row['table_name']}", pa.ipc.read_schema(pa.py_buffer(row["table_schema"])))
        for row in rows
    ]


@pytest.mark.parametrize("subject", ["steward", "analyst", "ml", "clerk"])
def test_a_tables_schema_is_that_of_its_stream_to_the_last_word(flight: Flight, subject: str) -> None:
    raw = flight.raw(subject)
    told = tables(raw)
    assert told
    for name, schema in told:
        answer = raw.query(f"SELECT * FROM {name}")
        assert answer.schema.equals(schema, check_metadata=True)
        assert all(field.nullable or answer[field.name].null_count == 0 for field in schema)


def test_a_column_tells_what_it_is_and_what_was_done_to_it(flight: Flight) -> None:
    shown = flight.raw("analyst").query("SELECT customer_id, email, lifetime + 1 AS more FROM shop.customers").schema
    key, mail, more = shown
    assert (key.nullable, mail.nullable, more.nullable, more.metadata) == (False, True, True, None)
    assert mail.metadata == {
        b"ARROW:FLIGHT:SQL:CATALOG_NAME": b"outport",
        b"ARROW:FLIGHT:SQL:DB_SCHEMA_NAME": b"shop",
        b"ARROW:FLIGHT:SQL:TABLE_NAME": b"customers",
        b"ARROW:FLIGHT:SQL:TYPE_NAME": b"VARCHAR",
        b"ARROW:FLIGHT:SQL:REMARKS": b"Address",
        b"ARROW:FLIGHT:SQL:IS_AUTO_INCREMENT": b"0",
        b"ARROW:FLIGHT:SQL:IS_CASE_SENSITIVE": b"1",
        b"ARROW:FLIGHT:SQL:IS_READ_ONLY": b"1",
        b"ARROW:FLIGHT:SQL:IS_SEARCHABLE": b"1",
        b"outport:classification": b"confidential",
        b"outport:tags": b"pii",
        b"outport:mask": b"partial",
    }
    assert b"outport:mask" not in key.metadata
    steward = flight.raw("steward").query("SELECT email FROM shop.customers").schema
    assert b"outport:mask" not in steward.field("email").metadata


def test_a_schema_tells_the_states_that_were_read(flight: Flight) -> None:
    raw = flight.raw("steward")
    schema = raw.query("SELECT c.region, person FROM shop.customers c, hr.salaries s").schema
    states = json.loads(schema.metadata[b"outport:products"])
    assert [one["name"] for one in states] == ["shop", "hr"]
    assert all(set(one) == {"name", "version", "snapshot", "digest", "data_time", "quality"} for one in states)
    assert raw.query("SELECT 1").schema.metadata is None
