"""Output forms: one text per type whichever form carries it, and nothing left in memory under a NULL."""

from __future__ import annotations

import csv
import io
import json
import math
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.serving import forms
from tests.gateway.bench import Bench


def quoted(text: str) -> tuple[str, str]:
    """A text, and the same as JSON."""
    return text, json.dumps(text)


SAMPLES: dict[str, tuple[Any, str, str]] = {
    # type -> (SQL value, its text, its JSON)
    "BOOLEAN": ("true", "true", "true"),
    "TINYINT": ("(-128)", "-128", "-128"),
    "BIGINT": ("9223372036854775807", "9223372036854775807", "9223372036854775807"),
    "UBIGINT": ("18446744073709551615", "18446744073709551615", "18446744073709551615"),
    "HUGEINT": ("'170141183460469231731687303715884105727'", *(["170141183460469231731687303715884105727"] * 2)),
    "DECIMAL(18,2)": ("'1.10'", "1.10", "1.10"),
    "DECIMAL(4,4)": ("'-0.05'", "-0.0500", "-0.0500"),
    "DECIMAL(4,4)[]": ("'[0, -0.05]'", *["[0.0000,-0.0500]"] * 2),
    "TIMESTAMP[]": ("'[2018-01-01 00:00:00, infinity]'", *['["2018-01-01T00:00:00","infinity"]'] * 2),
    "DOUBLE": ("'1e300'", "1e+300", "1e+300"),
    "FLOAT": ("'0.5'", "0.5", "0.5"),
    "VARCHAR": ("'it''s \"x\" \U0001f600'", 'it\'s "x" \U0001f600', '"it\'s \\"x\\" \U0001f600"'),
    "DATE": ("'2018-01-01'", "2018-01-01", '"2018-01-01"'),
    "TIME": ("'10:11:12.5'", "10:11:12.5", '"10:11:12.5"'),
    "TIMESTAMP": ("'2018-01-01 10:11:12.5'", "2018-01-01T10:11:12.5", '"2018-01-01T10:11:12.5"'),
    "TIMESTAMP WITH TIME ZONE": ("'2018-01-01 10:00:00+02'", "2018-01-01T08:00:00Z", '"2018-01-01T08:00:00Z"'),
    "UUID": (
        "'00000000-0000-0000-0000-000000000001'",
        *quoted("00000000-0000-0000-0000-000000000001"),
    ),
    "BLOB": ("'\\xAB\\x00'", "qwA=", '"qwA="'),
    "INTERVAL": ("'1 day'", "P1D", '"P1D"'),
    "TIMESTAMP_NS": ("'2018-01-01 10:00:00.123456789'", *quoted("2018-01-01T10:00:00.123456789")),
    "TIMESTAMP_MS": ("'1969-12-31 23:59:59.999'", *quoted("1969-12-31T23:59:59.999")),
    "TIMESTAMP_S": ("'2018-01-01 10:00:00'", *quoted("2018-01-01T10:00:00")),
    "TIMESTAMPTZ_NS": ("'2018-01-01 10:00:00.000000001+02'", *quoted("2018-01-01T08:00:00.000000001Z")),
    "TIME WITH TIME ZONE": ("'10:11:12-05'", *quoted("10:11:12-05:00")),
    "TIME_NS": ("'10:11:12.123456789'", *quoted("10:11:12.123456789")),
    "UHUGEINT": ("'340282366920938463463374607431768211455'", *["340282366920938463463374607431768211455"] * 2),
    "BIGNUM": ("'1' || repeat('0', 50)", *["1" + "0" * 50] * 2),
    "BIT": ("'0101'", *quoted("0101")),
    "JSON": ("'{\"a\": [1]}'", '{"a": [1]}', '{"a": [1]}'),
    "DECIMAL(4,2)[]": ("'[1.10, NULL]'", "[1.10,null]", "[1.10,null]"),
    "INTEGER[2]": ("[1, 2]", "[1,2]", "[1,2]"),
    'STRUCT("a b" INTEGER, c DATE)': ("{'a b': 1, 'c': DATE '2018-01-01'}", *['{"a b":1,"c":"2018-01-01"}'] * 2),
    "MAP(VARCHAR, INTEGER)": ("MAP {'k': 1}", *['[{"key":"k","value":1}]'] * 2),
    "STRUCT(x VARCHAR[])[]": ("[{'x': ['q', NULL]}, NULL]", *['[{"x":["q",null]},null]'] * 2),
}


@pytest.mark.parametrize("kind", list(SAMPLES))
def test_a_type_has_one_text_and_one_json(bench: Bench, kind: str) -> None:
    value, text, shown = SAMPLES[kind]
    query = f"SELECT CAST({value} AS {kind}) AS v, CAST(NULL AS {kind}) AS n"
    assert bench.rows(query, form="text") == [{"v": text, "n": None}]
    row = bench.rows(query, form="json")[0]["row"]
    assert row == f'{{"v":{shown},"n":null}}'
    json.loads(row)


@pytest.mark.parametrize(
    ("value", "text", "shown"),
    [
        ("'nan'::DOUBLE", *quoted("NaN")),
        ("'-inf'::DOUBLE", *quoted("-Infinity")),
        ("'infinity'::FLOAT", *quoted("Infinity")),
        ("'infinity'::TIMESTAMP_NS", *quoted("infinity")),
        ("'-infinity'::TIMESTAMPTZ", *quoted("-infinity")),
        ("'0044-03-15 (BC)'::DATE", *quoted("-000043-03-15")),
        ("'12345-01-01 10:00:00.5'::TIMESTAMP", *quoted("+012345-01-01T10:00:00.500000")),
        ("'12345-01-01 10:00:00.5'::TIMESTAMP_MS", *quoted("+012345-01-01T10:00:00.500000")),
        ("'0044-03-15 (BC)'::TIMESTAMP_S", *quoted("-000043-03-15T00:00:00.000000")),
        ("'0001-01-01 (BC) 00:00:00+00'::TIMESTAMPTZ", *quoted("+000000-01-01T00:00:00.000000Z")),
        ("INTERVAL '0 days'", *quoted("PT0S")),
        ("INTERVAL '-14 months' + INTERVAL '3 days -00:00:01.5'", *quoted("P-1Y-2M3DT-1.5S")),
        ("'infinity'::TIMESTAMP", "infinity", '"infinity"'),
        ("'-infinity'::DATE", "-infinity", '"-infinity"'),
        ("''::VARCHAR", "", '""'),
        ("chr(10) || chr(9) || chr(1)", "\n\t\x01", '"\\n\\t\\u0001"'),
    ],
)
def test_what_json_cannot_say_is_a_string(bench: Bench, value: str, text: str, shown: str) -> None:
    assert bench.rows(f"SELECT {value} AS v", form="text") == [{"v": text}]
    assert bench.rows(f"SELECT {value} AS v", form="json")[0]["row"] == f'{{"v":{shown}}}'


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ('\'{"a": 1.10, "b": "nan, "}\'', '{"a": 1.10, "b": "nan, "}'),
        ("'[1.10,' || chr(10) || '2]'", "[1.10, 2]"),
        ("'[1, ]'", "[1]"),
        ("'{\"a\": NaN}'", '"{\\"a\\": NaN}"'),
        ("'-Infinity'", '"-Infinity"'),
    ],
)
def test_what_only_duckdb_takes_for_json_leaves_as_json_of_one_line(bench: Bench, value: str, shown: str) -> None:
    assert bench.rows(f"SELECT CAST({value} AS JSON) AS v", form="ndjson") == [{"row": f'{{"v":{shown}}}\n'}]


def test_numbers_that_a_double_cannot_hold_are_strings_where_asked(bench: Bench) -> None:
    columns = "1::BIGINT AS a, 2::INTEGER AS b, 1.10 AS c, [3::UBIGINT] AS d, {'e': 4::HUGEINT} AS f, 0.5::DOUBLE AS g"
    row = '{"a":"1","b":2,"c":"1.10","d":["3"],"f":{"e":"4"},"g":0.5}'
    assert bench.rows(f"SELECT {columns}", form="json_strings") == [{"row": row}]
    assert bench.rows(f"SELECT {columns}", form="ndjson_strings") == [{"row": row + "\n"}]


def test_csv_is_a_line_a_row_under_a_header(bench: Bench) -> None:
    values = """(1, NULL, 'a,b', 1.10), (2, '', 'say "hi"', 2), (3, ' x', 'two' || chr(10) || 'lines', NULL)"""
    table = bench.table(f'SELECT * FROM (VALUES {values}) v(a, "b,c", d, e)', form="csv")
    assert table.schema.names == ['a,"b,c",d,e']
    lines = ['1,,"a,b",1.10\n', '2,"","say ""hi""",2.00\n', '3, x,"two\nlines",\n']
    assert table.column(0).to_pylist() == lines


@pytest.mark.parametrize("kind", list(SAMPLES))
def test_a_csv_line_is_never_empty(bench: Bench, kind: str) -> None:
    value, text, _ = SAMPLES[kind]
    lines = "".join(bench.table(f"SELECT unnest([CAST({value} AS {kind}), NULL]) AS v", form="csv")["v"].to_pylist())
    assert lines.endswith('\n""\n')
    assert [row[0] for row in csv.reader(io.StringIO(lines, newline=""))] == [text, ""]


def test_a_tuple_is_a_list(bench: Bench) -> None:
    row = bench.rows("SELECT row(1, 'x', row(1.10)) AS t, CASE WHEN false THEN row(1) END AS n", form="json")[0]["row"]
    assert row == '{"t":[1,"x",[1.10]],"n":null}'


def test_a_union_is_an_object_of_its_tag() -> None:
    kind = 'UNION(a INTEGER, "b b" DECIMAL(4,2))'
    text = f'SELECT unnest([union_value(a := 1)::{kind}, union_value("b b" := 1.10)::{kind}, NULL]) AS u'
    with duckdb.connect() as connection:
        shown = connection.execute(forms.project(text, ["u"], [kind], "json")).fetchall()
    assert shown == [('{"u":{"a":1}}',), ('{"u":{"b b":1.10}}',), ('{"u":null}',)]


INEXACT = ["UHUGEINT", "BIT", "BIGNUM", "TIME WITH TIME ZONE"]


@pytest.mark.parametrize("form", ["arrow", "parquet"])
@pytest.mark.parametrize("kind", INEXACT)
def test_what_arrow_cannot_hold_is_its_text_there(bench: Bench, kind: str, form: forms.Form) -> None:
    value, text, _ = SAMPLES[kind]
    query = f'SELECT CAST({value} AS {kind}) AS v, [CAST({value} AS {kind})] AS l, 1 AS "BIT"'
    row = bench.rows(query, form=form)[0]
    assert (row["v"], row["BIT"]) == (text, 1)
    assert json.loads(row["l"], parse_int=str) == [text]


def test_intervals_and_unions_are_texts_in_parquet_only(bench: Bench) -> None:
    table = bench.table("SELECT INTERVAL '1 month' AS i, {'BIT': 1} AS s", form="parquet")
    assert table.to_pylist() == [{"i": "P1M", "s": {"BIT": 1}}]
    assert bench.table("SELECT INTERVAL '1 month' AS i").schema.field("i").type == pa.month_day_nano_interval()


@settings(max_examples=60, deadline=None)
@given(
    st.tuples(
        st.integers(-(2**63), 2**63 - 1),
        st.decimals(-(10**15), 10**15, places=2),
        st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=20),
        st.floats(allow_nan=False, allow_infinity=False),
        st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31)),
        st.dates(),
    )
)
def test_json_gives_back_what_arrow_gives(bench: Bench, row: tuple[int, Decimal, str, float, datetime, date]) -> None:
    text = "SELECT $1::BIGINT AS i, $2::DECIMAL(18,2) AS d, $3 AS s, $4::DOUBLE AS f, $5::TIMESTAMP AS t, $6::DATE AS y"
    arrow = bench.rows(text, row)[0]
    shown = json.loads(bench.rows(text, row, form="json")[0]["row"], parse_float=str)
    assert shown["i"] == arrow["i"]
    assert Decimal(shown["d"]) == arrow["d"]
    assert shown["s"] == arrow["s"]
    assert math.isclose(float(shown["f"]), arrow["f"], rel_tol=0, abs_tol=0)
    assert datetime.fromisoformat(shown["t"]) == arrow["t"]
    assert date.fromisoformat(shown["y"]) == arrow["y"]
    assert arrow["t"].replace(tzinfo=UTC).year == int(shown["t"][:4])


def test_column_names_are_kept_even_twice_and_with_quotes(bench: Bench) -> None:
    table = bench.table('SELECT 1 AS "a""b", 2 AS x, 3 AS x', form="text")
    assert table.schema.names == ['a"b', "x", "x"]


NESTED = [
    "s",
    "[s]",
    "[[s], NULL]",
    "{'a': s, 'b': [s]}",
    "MAP {s: s}",
    "[s, s]::VARCHAR[2]",
    "[{'x': MAP {'k': [s]}}]",
    "s::BLOB",
    "{'a': {'b': CASE WHEN secret THEN NULL ELSE s END}}",
    "[CASE WHEN secret THEN NULL ELSE s END]",
]


@pytest.mark.parametrize("value", NESTED)
def test_no_byte_of_a_hidden_value_stays_under_a_null(bench: Bench, value: str) -> None:
    shown = "(CASE WHEN i % 3 = 0 THEN 'CANARY' ELSE 'plain' END) || i"
    rows = f"SELECT i % 3 = 0 AS secret, {shown} AS s FROM range(5000) r(i)"
    bench.table(f"SELECT {value} AS v FROM ({rows}) ORDER BY s DESC")
    for batch in bench.batches(f"SELECT CASE WHEN secret THEN NULL ELSE {value} END AS v FROM ({rows})"):
        assert b"CANARY" not in raw(batch)
        batch.validate(full=True)


@pytest.mark.parametrize("kind", ["BIGINT", "DOUBLE", "DECIMAL(18,2)", "TIMESTAMP", "HUGEINT", "INTEGER", "DATE"])
def test_numbers_under_a_null_are_zero(bench: Bench, kind: str) -> None:
    make = "DATE '2000-01-01' + i::INT" if kind == "DATE" else f"(i + 77)::{kind}"
    make = "TIMESTAMP '2000-01-01' + to_days(i::INT)" if kind == "TIMESTAMP" else make
    for batch in bench.batches(f"SELECT CASE WHEN i % 2 = 1 THEN {make} END AS v FROM range(5000) r(i)"):
        array = batch.column(0)
        data = array.buffers()[1].to_pybytes()
        width = len(data) // max(1, len(array))
        cells = [data[width * i : width * (i + 1)] for i in range(len(array)) if not array[i].is_valid]
        assert cells
        assert not any(any(cell) for cell in cells if len(cell) == width)


def test_a_batch_without_nulls_is_passed_as_it_is() -> None:
    batch = pa.record_batch({"a": [1, 2], "b": ["x", "y"]})
    assert forms.zero_nulls(batch) is batch


def raw(batch: pa.RecordBatch) -> bytes:
    """Every byte that an IPC stream of `batch` would carry."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    return bytes(sink.getvalue())
