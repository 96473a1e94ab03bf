"""Bytes of each format, golden; and the choice among them."""

from __future__ import annotations

import io
from collections.abc import Iterator

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from starlette.exceptions import HTTPException

from gateway import BadQuery
from ports.rest import encode, formats


def rows(*texts: str, places: list[dict[str, str | None]] | None = None) -> pa.RecordBatch:
    return pa.record_batch({"row": list(texts)} | ({"$": places} if places is not None else {}))


def page(limit: int | None, *batches: pa.RecordBatch) -> bytes:
    def following(sent: int, last: encode.Place) -> str:
        return f"{sent}:{last}"

    return b"".join(encode.json_rows(batches, limit, following))


def test_a_page_has_its_rows_and_the_place_of_the_next() -> None:
    first = rows('{"a":1}', '{"a":2}', places=[{"k0": "1", "k1": None}, {"k0": "2", "k1": None}])
    batches = first, rows('{"a":3}', places=[{"k0": "3", "k1": "x"}])
    assert page(2, *batches) == b'{"data":[{"a":1},{"a":2}],"next":"2:(\'2\', None)"}'
    assert page(3, *batches) == b'{"data":[{"a":1},{"a":2},{"a":3}],"next":null}'
    assert page(1, *batches) == b'{"data":[{"a":1}],"next":"1:(\'1\', None)"}'
    assert page(0, *batches) == b'{"data":[],"next":null}'
    assert page(5) == b'{"data":[],"next":null}'


def test_rows_without_a_place_go_on_by_their_number() -> None:
    assert page(1, rows('{"a":1}', '{"a":2}')) == b'{"data":[{"a":1}],"next":"1:()"}'


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string()])
def test_lines_leave_as_they_stand(kind: pa.DataType) -> None:
    whole = pa.record_batch({"row": pa.array(['{"a":1}\n', '{"a":2}\n', '{"a":3}\n'], kind)})
    assert b"".join(encode.lines([whole.slice(1, 2), whole.slice(0, 1)])) == b'{"a":2}\n{"a":3}\n{"a":1}\n'


def test_csv_has_its_header_even_without_rows() -> None:
    header = pa.schema([('a,"b,c"', pa.string())])
    assert b"".join(encode.csv(header, [])) == b'a,"b,c"\n'
    assert b"".join(encode.csv(header, [pa.record_batch([["1,2\n"]], schema=header)])) == b'a,"b,c"\n1,2\n'


def test_arrow_is_a_stream_that_says_its_end() -> None:
    batch = pa.record_batch({"a": [1, None], "b": ["x", ""], "c": [[1], None]})
    stream = b"".join(encode.arrow(batch.schema, [batch, batch]))
    assert pa.ipc.open_stream(stream).read_all() == pa.Table.from_batches([batch, batch])
    empty = b"".join(encode.arrow(batch.schema, []))
    assert pa.ipc.open_stream(empty).read_all().schema == batch.schema


def test_nothing_is_pulled_before_it_is_read() -> None:
    pulled: list[int] = []

    def batches() -> Iterator[pa.RecordBatch]:
        for number in range(3):
            pulled.append(number)
            yield rows("{}")

    stream = encode.lines(batches())
    next(stream)
    assert pulled == [0]


@pytest.mark.parametrize(
    ("accept", "asked", "name"),
    [
        (None, None, "json"),
        ("*/*", None, "json"),
        ("text/html,application/xhtml+xml,*/*;q=0.8", None, "json"),
        ("text/csv", None, "csv"),
        ("text/*", None, "csv"),
        ("application/json;q=0.5, text/csv", None, "csv"),
        ("application/json;q=0, */*", None, "ndjson"),
        ("application/vnd.apache.arrow.stream", None, "arrow"),
        ("APPLICATION/X-NDJSON", None, "ndjson"),
        ("text/csv", "arrow", "arrow"),
        ("application/vnd.apache.parquet", None, "parquet"),
        ("text/*;q=0.5, application/json;q=0.4", None, "csv"),
        ("*/*;q=0.1, application/json;q=0, application/x-ndjson;q=0", None, "csv"),
        ("application/*, application/json;q=0, application/x-ndjson;q=0", None, "arrow"),
        ("application/json ; Q=0.2 , text/csv ; q=0.3", None, "csv"),
        ("text/csv;q=0.1, text/csv;header=present", None, "csv"),
        (" , ", None, "json"),
        ("*/*;q=0", "csv", "csv"),
    ],
)
def test_the_format_is_chosen_by_weight(accept: str | None, asked: str | None, name: str) -> None:
    assert formats.choose(accept, asked).name == name


def test_what_is_not_offered_is_refused_with_what_is() -> None:
    with pytest.raises(HTTPException, match="application/json") as refusal:
        formats.choose("image/png", None)
    assert refusal.value.status_code == 406
    assert "application/vnd.apache.parquet" in refusal.value.detail
    for refused in ("text/csv;q=0", "*/*;q=0", "text/csv;q=many", "*/*, application/*;q=0, text/*;q=0"):
        with pytest.raises(HTTPException):
            formats.choose(refused, None)
    with pytest.raises(BadQuery, match="json, ndjson, csv, arrow, parquet"):
        formats.choose(None, "xml")
    with pytest.raises(BadQuery, match="number, string"):
        formats.choose(None, None, "text")


@pytest.mark.parametrize(
    ("accept", "asked", "int64", "form"),
    [
        ("application/json;int64=string", None, None, "json_strings"),
        ('application/json; int64="string"; q=0.9, text/csv;q=0.5', None, None, "json_strings"),
        ("application/json, application/json;int64=string;q=0.5", None, None, "json"),
        ("application/x-ndjson;int64=string", None, None, "ndjson_strings"),
        ("application/json;int64=string", None, "number", "json"),
        (None, None, "string", "json_strings"),
        (None, "ndjson", "string", "ndjson_strings"),
        ("text/csv", None, "string", "csv"),
        ("*/*", None, None, "json"),
    ],
)
def test_long_numbers_become_strings_where_asked(
    accept: str | None, asked: str | None, int64: str | None, form: str
) -> None:
    assert formats.choose(accept, asked, int64).form == form


def test_parquet_leaves_group_by_group_and_its_footer_last() -> None:
    batch = pa.record_batch({"a": pa.array(range(50_000), pa.int64()), "b": [None, "x"] * 25_000})
    pulled: list[int] = []

    def batches() -> Iterator[pa.RecordBatch]:
        for number in range(5):
            pulled.append(number)
            yield batch

    chunks: list[bytes] = []
    for chunk in encode.parquet(batch.schema, batches()):
        chunks.append(chunk)
        if len(chunks) == 1:
            assert pulled == [0, 1]
    assert [len(chunk) > 0 for chunk in chunks] == [True] * 4
    read = pq.ParquetFile(io.BytesIO(b"".join(chunks)))
    assert [read.metadata.row_group(i).num_rows for i in range(3)] == [100_000, 100_000, 50_000]
    assert read.read() == pa.Table.from_batches([batch] * 5)
    with pytest.raises(pa.ArrowInvalid):
        pq.read_table(io.BytesIO(b"".join(chunks[:-1])))


def test_parquet_without_rows_has_its_schema() -> None:
    schema = pa.schema([("a", pa.int64()), ("t", pa.timestamp("us", tz="UTC")), ("l", pa.list_(pa.string()))])
    assert pq.read_table(io.BytesIO(b"".join(encode.parquet(schema, [])))).schema.equals(schema)
