"""Arrow streams from clients: rows as they were sent, and nothing that a few bytes blow up."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.ipc as ipc
import pyarrow.parquet as pq
import pytest

from gateway.inputs.arrow_bodies import BodyError, to_parquet

MANY = 2**31 - 1
LONG = "x" * 100_000


def through(folder: Path, *batches: pa.RecordBatch) -> pa.Table:
    source, target = folder / "body", folder / "rows"
    with source.open("wb") as file, ipc.new_stream(file, batches[0].schema) as writer:
        for batch in batches:
            writer.write_batch(batch)
    to_parquet(source, target)
    return pq.read_table(target)


def of(**columns: Any) -> pa.RecordBatch:
    return pa.RecordBatch.from_pydict(columns)


def test_rows_come_through_as_they_were_sent(tmp_path: Path) -> None:
    rows = {
        "a": pa.array(["one", None, "two"]),
        "b": pa.array(["x", "y", "x"]).dictionary_encode(),
        "c": pa.array(["short", None, LONG], pa.string_view()),
        "d": pa.array([[1], [], None]),
        "e": pa.array([{"x": 1, "y": "z"}, None, {"x": None, "y": "w"}]),
        "f": pa.array([Decimal("1.50"), None, Decimal("2.25")]),
        "g": pa.nulls(3),
        "h": pa.array([[("k", 1)], None, []], pa.map_(pa.string(), pa.int32())),
        "i": pa.array([b"ab", b"cd", None], pa.binary(2)),
        "j": pa.array([True, None, False]),
    }
    batch = of(**rows)
    found = through(tmp_path, batch, batch.slice(1))
    assert found.to_pylist() == [*batch.to_pylist(), *batch.to_pylist()[1:]]


NULLS = pa.array([0, MANY], pa.int32())
SHARED = pa.DictionaryArray.from_arrays(pa.array([0] * 5_000, pa.int32()), pa.array([LONG]))
VIEW = pa.array([LONG], pa.string_view()).buffers()[1].to_pybytes()
VIEWS = [None, pa.py_buffer(VIEW * 5_000), pa.py_buffer(LONG.encode())]
TYPE, BYTES = "of a type", "share too many bytes"
BLOWN_UP = {
    "nulls in a list": (pa.ListArray.from_arrays(NULLS, pa.nulls(MANY)), TYPE),
    "nothing in a list": (
        pa.ListArray.from_arrays(NULLS, pa.StructArray.from_buffers(pa.struct([]), MANY, [None])),
        TYPE,
    ),
    "a long value that rows share": (SHARED, BYTES),
    "views of one text": (pa.StringViewArray.from_buffers(pa.string_view(), 5_000, VIEWS), BYTES),
    "a run": (pa.RunEndEncodedArray.from_arrays(pa.array([MANY], pa.int32()), pa.array([1])), TYPE),
    "views of one list": (pa.ListViewArray.from_arrays([0] * 100, [100] * 100, pa.array(range(100))), TYPE),
    "a union": (pa.UnionArray.from_sparse(pa.array([0], pa.int8()), [pa.array([1])]), TYPE),
}


@pytest.mark.parametrize(("column", "words"), BLOWN_UP.values(), ids=BLOWN_UP)
def test_what_a_few_bytes_blow_up_is_refused(tmp_path: Path, column: pa.Array, words: str) -> None:
    with pytest.raises(BodyError, match=words):
        through(tmp_path, pa.RecordBatch.from_arrays([column], ["a"]))


def test_columns_of_the_same_bytes_count_as_often_as_they_are_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = of(**{f"c{number}": pa.array(range(1_000)) for number in range(10)})
    assert through(tmp_path, batch).num_rows == 1_000
    monkeypatch.setattr("gateway.inputs.arrow_bodies._COME_TO_BYTES", 0)
    monkeypatch.setattr("gateway.inputs.arrow_bodies._TIMES", 0.5)
    with pytest.raises(BodyError, match="share too many bytes"):
        through(tmp_path, batch)


def test_a_schema_has_an_end(tmp_path: Path) -> None:
    with pytest.raises(BodyError, match="fields"):
        through(tmp_path, of(**{f"c{number}": pa.array([1]) for number in range(5_000)}))


def test_many_rows_of_columns_without_bytes_are_refused(tmp_path: Path) -> None:
    columns = {f"c{number}": pa.nulls(10_000) for number in range(100)}
    few = of(id=pa.array(range(10_000)), **columns)
    assert through(tmp_path, few).num_rows == 10_000
    with pytest.raises(BodyError, match="more rows than bytes"):
        through(tmp_path, of(id=pa.array([False] * 1_000_000), **{name: pa.nulls(1_000_000) for name in columns}))


def test_a_stream_that_was_cut_between_its_batches_or_is_two_is_refused(tmp_path: Path) -> None:
    source = tmp_path / "body"
    with source.open("wb") as file:
        writer = ipc.new_stream(file, of(a=[1]).schema)
        writer.write_batch(of(a=[-1, 0]))
        cut = file.tell()
        writer.write_batch(of(a=[1]))
        writer.close()
    whole = source.read_bytes()
    for body, told in ((whole[:cut], "has no end"), (whole + whole, "more follows"), (whole + b"x", "more follows")):
        source.write_bytes(body)
        with pytest.raises(BodyError, match=told):
            to_parquet(source, tmp_path / "rows")
