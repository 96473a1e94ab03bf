"""Bytes of each format, golden; and the choice among them."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.exceptions import HTTPException

from gateway import BadQuery
from ports.rest import encode, formats


def rows(*texts: str) -> pa.RecordBatch:
    return pa.record_batch({"row": list(texts)})


def page(limit: int | None, *batches: pa.RecordBatch, place: str | None = "$") -> bytes:
    def following(sent: int, last: str) -> str:
        return f"{sent}:{last}"

    return b"".join(encode.json_rows(batches, limit, following, place))


def test_a_page_has_its_rows_and_the_place_of_the_next() -> None:
    batches = rows('{"a":1,"$":{"k0":1}}', '{"a":2,"$":{"k0":2}}'), rows('{"a":3,"$":{"k0":3}}')
    assert page(2, *batches) == b'{"data":[{"a":1},{"a":2}],"next":"2:{\\"k0\\":2}"}'
    assert page(3, *batches) == b'{"data":[{"a":1},{"a":2},{"a":3}],"next":null}'
    assert page(1, *batches) == b'{"data":[{"a":1}],"next":"1:{\\"k0\\":1}"}'
    assert page(0, *batches) == b'{"data":[],"next":null}'
    assert page(5) == b'{"data":[],"next":null}'


def test_a_value_that_looks_like_a_place_is_left_alone() -> None:
    text = json.dumps({"a": ',"$":{"k0":9}}', "$": {"k0": ',"$":{'}}, separators=(",", ":"))
    answer = json.loads(page(1, rows(text, text)))
    assert answer["data"] == [{"a": ',"$":{"k0":9}}'}]
    assert answer["next"] == '1:{"k0":",\\"$\\":{"}'


def test_a_line_each() -> None:
    assert b"".join(encode.ndjson([rows('{"a":1}', '{"a":2}'), rows('{"a":3}')])) == b'{"a":1}\n{"a":2}\n{"a":3}\n'


def test_csv_tells_null_from_an_empty_text() -> None:
    batch = pa.record_batch({"a": [None, "", "x"], "b,c": ['say "hi"', "two\nlines", " spaced"]})
    assert b"".join(encode.csv(batch.schema, [batch])) == (b'a,"b,c"\n,"say ""hi"""\n"","two\nlines"\nx, spaced\n')
    assert b"".join(encode.csv(pa.schema([("a", pa.string())]), [])) == b"a\n"


CELLS = st.one_of(st.none(), st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=8))


@given(st.lists(st.tuples(CELLS, CELLS), min_size=1, max_size=5))
def test_csv_is_read_back_as_it_was(cells: list[tuple[str | None, str | None]]) -> None:
    batch = pa.record_batch({name: pa.array([row[i] for row in cells], pa.string()) for i, name in enumerate("ab")})
    text = b"".join(encode.csv(batch.schema, [batch])).decode()
    read = list(csv.reader(io.StringIO(text, newline="")))
    assert read == [["a", "b"], *([cell or "" for cell in row] for row in cells)]


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

    stream = encode.ndjson(batches())
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
    ],
)
def test_the_format_is_chosen_by_weight(accept: str | None, asked: str | None, name: str) -> None:
    assert formats.choose(accept, asked).name == name


def test_what_is_not_offered_is_refused_with_what_is() -> None:
    with pytest.raises(HTTPException, match="application/json") as refusal:
        formats.choose("image/png", None)
    assert refusal.value.status_code == 406
    with pytest.raises(BadQuery, match="json, ndjson, csv, arrow"):
        formats.choose(None, "xml")
