"""Flight SQL as real clients speak it: ADBC by its DB-API, polars and pandas."""

from __future__ import annotations

import datetime
import json
import threading
from decimal import Decimal
from typing import Any

import adbc_driver_flightsql
import adbc_driver_manager
import duckdb
import pandas
import polars
import pyarrow as pa
import pytest

from tests.ports.flight.conftest import Flight, choose, eventually

SLOW = "SELECT count(*) FROM shop.orders a, shop.orders b, shop.orders c WHERE a.remark || b.remark < c.remark"
LONG = "SELECT a.order_id, b.remark FROM shop.orders a, shop.orders b, range(20)"


def test_a_query_gives_its_rows_with_their_types(flight: Flight) -> None:
    with flight.adbc("steward").cursor() as cursor:
        cursor.execute("SELECT customer_id, lifetime, birth_date, tags FROM shop.customers WHERE customer_id = 1")
        assert cursor.fetchall() == [(1, Decimal("1.25"), datetime.date(1960, 1, 21), ["CANARY-tag-1"])]


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("BIGINT", 2**62),
        ("INTEGER", -7),
        ("DOUBLE", 0.1),
        ("VARCHAR", "é ' \" \x01"),
        ("BOOLEAN", True),
        ("DATE", datetime.date(1969, 12, 31)),
        ("TIMESTAMP", datetime.datetime(2018, 1, 1, 12, 0, 0, 123456)),
        ("TIME", datetime.time(23, 59, 59, 999999)),
        ("DECIMAL(18,2)", Decimal("-12345678.90")),
        ("BLOB", b"\x00\xff"),
        ("BIGINT[]", [1, None, 3]),
        ("VARCHAR", None),
    ],
)
def test_a_parameter_comes_back_as_it_was_given(flight: Flight, kind: str, value: Any) -> None:
    with flight.adbc("steward").cursor() as cursor:
        cursor.execute(f"SELECT CAST($1 AS {kind}) AS v", (value,))
        assert cursor.fetchall() == [(value,)]


def test_parameters_are_values_and_never_text(flight: Flight) -> None:
    with flight.adbc("analyst").cursor() as cursor:
        cursor.execute("SELECT count(*) FROM shop.customers WHERE region = ? OR region = ?", ("' OR 1=1 --", "N"))
        assert cursor.fetchone() == (300,)


def test_each_row_of_parameters_is_one_execution(flight: Flight) -> None:
    with flight.adbc("steward").cursor() as cursor:
        cursor.execute(
            "SELECT order_id FROM shop.orders WHERE customer_id = $1 AND store < $2 ORDER BY order_id",
            pa.record_batch({"a": [2, 0], "b": pa.array([10, 2], pa.int32())}),
        )
        assert [row[0] for row in cursor.fetchall()] == [6, 7, 8, 0, 1]


def test_a_prepared_statement_tells_its_parameters(flight: Flight) -> None:
    with flight.adbc("steward").cursor() as cursor:
        schema = cursor.adbc_prepare(
            "SELECT email FROM shop.customers WHERE customer_id = ? AND birth_date > ? AND lifetime < ? LIMIT ?"
        )
    assert schema.types == [pa.int64(), pa.date32(), pa.decimal128(18, 2), pa.int64()]


def test_batches_stream(flight: Flight) -> None:
    with flight.adbc("steward").cursor() as cursor:
        cursor.execute("SELECT a.order_id FROM shop.orders a, shop.orders b")
        reader = cursor.fetch_record_batch()
        first = reader.read_next_batch()
        assert 0 < first.num_rows < 1800 * 1800
        assert first.num_rows + sum(batch.num_rows for batch in reader) == 1800 * 1800


def test_rows_wider_than_a_client_takes_at_once_arrive(flight: Flight) -> None:
    wide = "SELECT " + ", ".join(f"repeat(c.email, 50) AS c{i}" for i in range(4)) + " FROM shop.customers c, range(40)"
    with flight.adbc("steward").cursor() as cursor:
        cursor.execute(wide)
        answer = cursor.fetch_arrow_table()
    assert answer.num_rows == 24_000
    assert answer.nbytes > 64 << 20


def test_objects_are_those_that_the_principal_may_see(flight: Flight) -> None:
    told = {f"semantic.{name}" for name in ("alternatives", "dimensions", "measures", "metric_tree", "synonyms")}
    assert _objects(flight, "steward").keys() == {"hr.salaries", "shop.customers", "shop.orders", *told}
    seen = _objects(flight, "analyst")
    assert seen.keys() == {"shop.customers", "shop.orders", *told}
    columns = {column["column_name"]: column for column in seen["shop.customers"]["table_columns"]}
    assert {"salary", "unsorted"} & columns.keys() == set()
    assert columns["lifetime"]["xdbc_type_name"] == "DECIMAL(18,2)"
    assert _objects(flight, "stranger") == {}


def _objects(flight: Flight, subject: str) -> dict[str, Any]:
    catalogs = flight.adbc(subject).adbc_get_objects(depth="all").read_all().to_pylist()
    assert [catalog["catalog_name"] for catalog in catalogs] == ["outport"]
    return {
        f"{schema['db_schema_name']}.{table['table_name']}": table
        for schema in catalogs[0]["catalog_db_schemas"] or ()
        for table in schema["db_schema_tables"]
    }


@pytest.mark.parametrize("subject", ["steward", "analyst", "ml"])
def test_a_tables_schema_is_that_of_its_rows(flight: Flight, subject: str) -> None:
    connection = flight.adbc(subject)
    schema = connection.adbc_get_table_schema("customers", db_schema_filter="shop")
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM shop.customers")
        assert cursor.fetch_arrow_table().schema.equals(schema)
    assert schema.field("email").metadata[b"ARROW:FLIGHT:SQL:REMARKS"] == b"Address"


def test_what_the_server_says_of_itself(flight: Flight) -> None:
    connection = flight.adbc("analyst")
    assert connection.adbc_get_info()["vendor_name"] == "Outport"
    assert connection.adbc_get_table_types() == ["TABLE"]


def test_writing_is_refused_in_clear_words(flight: Flight) -> None:
    with flight.adbc("steward").cursor() as cursor:
        for write in (
            lambda: cursor.adbc_ingest("mine", pa.table({"a": [1]})),
            lambda: cursor.executemany("SELECT 1 WHERE 1 = $1", [(1,)]),
            lambda: cursor.execute("DELETE FROM shop.orders"),
        ):
            with pytest.raises(adbc_driver_manager.Error, match="read-only") as caught:
                write()
            assert caught.value.status_code.name == "INVALID_ARGUMENT"


def test_a_wrong_number_of_parameters_is_refused_before_anything_runs(flight: Flight) -> None:
    with flight.adbc("steward").cursor() as cursor, pytest.raises(adbc_driver_manager.Error) as caught:
        cursor.execute("SELECT $1::INT, $2::INT", (1,))
    assert "takes 2 parameters, 1 were bound" in str(caught.value)
    assert flight.gateway.results == []


def test_a_client_that_cancels_before_the_first_batch_frees_its_query(flight: Flight) -> None:
    with flight.adbc("steward").cursor() as cursor:
        cursor.execute(SLOW)
        reader = cursor.fetch_record_batch()
        eventually(lambda: len(flight.gateway.results) == 1)
        threading.Timer(0.05, cursor.adbc_cancel).start()
        with pytest.raises(OSError, match="cancel"):
            reader.read_all()
    eventually(lambda: flight.gateway.results[0].summary is not None)
    summary = flight.gateway.results[0].summary
    assert summary is not None
    assert (summary.outcome, summary.rows) == ("cancelled", 0)


def test_a_client_that_cancels_amid_the_stream_frees_its_query(flight: Flight) -> None:
    with flight.adbc("steward").cursor() as cursor:
        cursor.execute(LONG)
        reader = cursor.fetch_record_batch()
        reader.read_next_batch()
        cursor.adbc_cancel()
        with pytest.raises(OSError, match="cancel"):
            reader.read_all()
    eventually(lambda: flight.gateway.results[0].summary is not None)
    summary = flight.gateway.results[0].summary
    assert summary is not None
    assert 0 < summary.rows < 1800 * 1800 * 20


def test_schema_and_purpose_are_options_of_the_connection(flight: Flight) -> None:
    header = adbc_driver_flightsql.DatabaseOptions.RPC_CALL_HEADER_PREFIX.value
    with flight.adbc("steward", **{f"{header}x-outport-schema": "shop"}).cursor() as cursor:
        cursor.execute("SELECT count(*) FROM customers")
        assert cursor.fetchone() == (600,)
    with flight.adbc("steward", **{f"{header}x-outport-purpose": "audit"}).cursor() as cursor:
        cursor.execute("SELECT 1")
        assert cursor.fetchone() == (1,)
    with pytest.raises(adbc_driver_manager.Error, match="not granted") as caught:
        flight.adbc("analyst", **{f"{header}x-outport-purpose": "audit"})
    assert caught.value.status_code.name == "UNAUTHORIZED"


def test_polars_reads_by_adbc(flight: Flight) -> None:
    frame = polars.read_database(
        "SELECT region, count(*) AS n FROM shop.customers GROUP BY region ORDER BY region", flight.adbc("steward")
    )
    assert frame.rows() == [("N", 300), ("S", 300)]


def test_pandas_reads_by_adbc(flight: Flight) -> None:
    frame = pandas.read_sql(
        "SELECT customer_id, phone FROM shop.customers WHERE customer_id < 3 ORDER BY customer_id",
        flight.adbc("analyst"),
    )
    assert frame["customer_id"].tolist() == [0, 2]
    assert frame["phone"].isna().all()


def test_duckdb_reads_a_pull_as_a_table(flight: Flight) -> None:
    """DuckDB has no Flight SQL client of its own: it reads the Arrow stream of one."""
    sums = "count(*), count(DISTINCT customer_id), sum(amount)"
    with flight.adbc("analyst").cursor() as cursor, duckdb.connect() as memory:
        cursor.execute("SELECT customer_id, amount FROM shop.orders")
        found = memory.from_arrow(cursor.fetch_record_batch()).aggregate(sums).fetchall()
        cursor.execute(f"SELECT {sums} FROM shop.orders")
        assert found == cursor.fetchall()


def test_adbc_shows_what_a_schema_tells(flight: Flight) -> None:
    with flight.adbc("analyst").cursor() as cursor:
        schema = cursor.adbc_execute_schema("SELECT * FROM shop.customers")
        cursor.execute("SELECT * FROM shop.customers")
        answer = cursor.fetch_arrow_table()
    assert answer.schema.equals(schema, check_metadata=True)
    assert not answer.schema.field("customer_id").nullable
    assert answer.schema.field("full_name").metadata[b"outport:mask"] == b"partial"
    assert json.loads(answer.schema.metadata[b"outport:products"])[0]["version"] == "1.2.0"


def test_a_purpose_is_an_option_of_the_session(flight: Flight) -> None:
    name = "adbc.flight.sql.session.option.purpose"
    steward, analyst = flight.adbc("steward"), flight.adbc("analyst")
    choose(steward, name, "audit")
    assert steward.adbc_connection.get_option(name) == "audit"
    with steward.cursor() as cursor:
        cursor.execute("SELECT 1")
        assert cursor.fetchone() == (1,)
    with pytest.raises(adbc_driver_manager.Error, match="invalid value"):
        analyst.adbc_connection.set_options(**{name: "audit"})
