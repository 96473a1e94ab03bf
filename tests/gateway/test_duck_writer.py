"""The build's own wall: it reads the job's files, writes its own folder, and its configuration is locked."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gateway.inputs.duck_writer import WriteError, Writer
from gateway.inputs.job import Attachment, Relation

NUMBER = (("n", "BIGINT"),)


@pytest.fixture
def given(tmp_path: Path) -> Path:
    pq.write_table(pa.table({"n": [1, 2, 3]}), tmp_path / "given.parquet")
    pq.write_table(pa.table({"n": [9]}), tmp_path / "other.parquet")
    with duckdb.connect(str(tmp_path / "snapshot.duckdb")) as connection:
        connection.execute("CREATE TABLE t AS SELECT 7 AS n")
    return tmp_path


@pytest.fixture
def writer(given: Path) -> Iterator[Writer]:
    folder = given / "build"
    folder.mkdir()
    files = [str(given / "given.parquet")]
    attached = [Attachment("snap_a", str(given / "snapshot.duckdb"))]
    made = Writer(folder, threads=1, memory_limit="200MB", files=files, attached=attached)
    yield made
    made.close()


def test_the_jobs_files_and_snapshots_are_read(writer: Writer, given: Path) -> None:
    writer.view(Relation("raw", "t", f"SELECT n FROM read_parquet('{given}/given.parquet')", NUMBER))
    writer.create("t", NUMBER, "SELECT n FROM memory.raw.t UNION ALL SELECT n FROM snap_a.main.t", None)
    assert writer.rows("t") == 4


@pytest.mark.parametrize(
    "query",
    [
        "SELECT n FROM read_parquet('{given}/other.parquet')",
        "SELECT n FROM '{given}/other.parquet'",
        "SELECT length(content) AS n FROM read_text('/etc/hostname')",
        "SELECT count(*) AS n FROM glob('{given}/*')",
        "SELECT n FROM numbers",
    ],
)
def test_nothing_else_is_read(writer: Writer, given: Path, query: str) -> None:
    numbers = pa.table({"n": [1]})
    with pytest.raises(WriteError):
        writer.create("t", NUMBER, query.format(given=given), None)
    assert len(numbers) == 1


@pytest.mark.parametrize(
    "statement",
    [
        "COPY (SELECT 1 AS n) TO '{given}/stolen.csv'",
        "ATTACH '{given}/new.duckdb' AS x",
        "INSERT INTO snap_a.main.t VALUES (8)",
        "SET enable_external_access = true",
        "SET memory_limit = '100GB'",
        "LOAD httpfs",
    ],
)
def test_nothing_else_is_written_or_set(writer: Writer, given: Path, statement: str) -> None:
    before = sorted(given.iterdir())
    with pytest.raises(WriteError):
        writer.number(statement.format(given=given))
    assert sorted(given.iterdir()) == before


def test_an_error_says_nothing_of_the_values(writer: Writer) -> None:
    with pytest.raises(WriteError) as failure:
        writer.create("t", NUMBER, "SELECT 'SECRET' AS n", None)
    assert "SECRET" not in str(failure.value)
    assert failure.value.columns == ("n",)


def test_a_closed_core_stands_alone(given: Path) -> None:
    folder = given / "alone"
    folder.mkdir()
    writer = Writer(folder, threads=1, memory_limit="200MB", files=[], attached=[])
    writer.create("t", NUMBER, "SELECT range AS n FROM range(1000)", ())
    writer.close()
    assert [path.name for path in folder.iterdir()] == ["core.duckdb"]
    with duckdb.connect(str(folder / "core.duckdb"), read_only=True) as connection:
        assert connection.execute("SELECT count(*), typeof(any_value(n)) FROM core.core.t").fetchall() == [
            (1000, "BIGINT")
        ]
