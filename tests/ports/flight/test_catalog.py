"""The metadata commands over the wire: what a principal may see, narrowed as the protocol says."""

from __future__ import annotations

import pyarrow as pa
import pytest

from ports.flight import messages as m
from tests.ports.flight.conftest import Flight

ALL = ["salaries", "customers", "orders"]
CUSTOMERS = m.CommandStatementQuery("SELECT * FROM shop.customers")


def test_metadata_is_what_the_principal_may_see(flight: Flight) -> None:
    steward, analyst, stranger = (flight.raw(one) for one in ("steward", "analyst", "stranger"))
    assert steward.ask(m.CommandGetDbSchemas())["db_schema_name"].to_pylist() == ["hr", "shop"]
    assert analyst.ask(m.CommandGetDbSchemas())["db_schema_name"].to_pylist() == ["shop"]
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
        (m.CommandGetTables(table_types=("VIEW", "TABLE"), table_name_filter_pattern="%r%s%"), ALL),
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
    everything = raw.ask(m.CommandGetSqlInfo())
    everything.validate(full=True)
    assert {*range(10), 100, 101, *range(500, 577)} == set(everything["info_name"].to_pylist())
