"""A key that an input's contract declares holds for the rows that arrive, whatever way they come."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gateway.contracts.contract import ContractError
from gateway.inputs import arriving, compaction, feeds, segments
from gateway.inputs.duck_writer import Writer
from gateway.product import Arrival, Column, KeyRule, PushSource, Table
from gateway.serving.shelf import PREFIX
from gateway.snapshot import Snapshot
from tests.gateway.test_arriving import declare
from tests.workshop import KEY, Workshop, column, stored

TWO = {
    "id": KEY,
    "state": column("VARCHAR", primaryKey=True, primaryKeyPosition=2),
    "amount": column("INTEGER", unique=True),
}
ONE = {"id": KEY, "state": column("VARCHAR"), "amount": column("INTEGER")}


@pytest.fixture
def shop(tmp_path: Path) -> Workshop:
    return Workshop(tmp_path)


def came(shop: Workshop, columns: Mapping[str, Any], *rows: tuple[Any, ...], limit: Any = "100%") -> Snapshot:
    """What is published of these rows, with what else `sales` needs to pass them on without a key of its own."""
    held = dict(zip(("id", "state", "amount"), map(list, zip(*rows, strict=True)), strict=True))
    declare(shop, limit=limit, data=pa.table(held), columns=columns)
    file = shop.settings.products / "sales" / "sales.odcs.yaml"
    file.write_text(file.read_text().replace("primaryKey: true", "primaryKey: false"))
    model = "SELECT id, CAST(state AS VARCHAR) AS state, amount FROM raw.orders"
    (shop.settings.products / "sales" / "models" / "kept.sql").write_text(model)
    return shop.publish("sales")


def aside(snapshot: Snapshot) -> dict[str, list[str | None]]:
    """By rule the amounts of the rows that were set aside."""
    found: dict[str, list[str | None]] = {}
    for file in snapshot.path.parent.glob(f"{PREFIX}*"):
        for row in pq.read_table(file).to_pylist():
            found.setdefault(str(row["$rules"]), []).append(row["amount"])
    return {rule: sorted(amounts, key=str) for rule, amounts in found.items()}


def kept(snapshot: Snapshot) -> list[tuple[Any, ...]]:
    return stored(snapshot, "SELECT id, state, amount FROM kept ORDER BY ALL")


def test_of_equal_rows_one_is_taken_and_of_others_with_the_same_key_none(shop: Workshop) -> None:
    rows = [(1, "a", 1), (2, "a", 2), (2, "a", 2), (2, "a", 2), (3, "a", 3), (3, "a", 4), (3, "a", 4), (None, "a", 5)]
    snapshot = came(shop, ONE, *rows)
    assert kept(snapshot) == [(1, "a", 1), (2, "a", 2)]
    assert aside(snapshot) == {"id.primaryKey": ["2", "2", "3", "4", "4"], "id.required": ["5"]}
    (arrived,) = snapshot.arrived
    assert (arrived.rows, arrived.aside, dict(arrived.broken)) == (8, 6, {"id.required": 1, "id.primaryKey": 5})
    found = {one.rule: (one.table, one.dimension, one.holds, one.value) for one in snapshot.checked}
    assert found == {"id.primaryKey": ("raw.orders", "uniqueness", False, 5.0)}
    assert shop.publish("sales") == snapshot


def test_a_key_of_several_columns_and_what_else_is_unique_hold_one_after_the_other(shop: Workshop) -> None:
    rows = [
        (1, "a", 1), (1, "b", 2), (2, "a", None), (2, "b", None),  # NULLs are no values, and collide with none
        (3, "a", 7), (3, "a", 8),  # these take nothing: 8 is free
        (4, "a", 8), (5, "a", 9), (5, "b", 9),
    ]  # fmt: skip
    snapshot = came(shop, TWO, *rows)
    assert kept(snapshot) == [(1, "a", 1), (1, "b", 2), (2, "a", None), (2, "b", None), (4, "a", 8)]
    assert aside(snapshot) == {"id+state.primaryKey": ["7", "8"], "amount.unique": ["9", "9"]}


def test_a_row_that_breaks_another_rule_takes_no_key(shop: Workshop) -> None:
    states = ONE | {"state": column("VARCHAR", enum=[{"value": "open"}])}
    snapshot = came(shop, states, (1, "open", 1), (1, "SECRET", 2))
    assert kept(snapshot) == [(1, "open", 1)]
    assert aside(snapshot) == {"state.enum": ["2"]}


@pytest.mark.parametrize(
    ("kind", "given", "left"),
    [
        ("DOUBLE", [float("nan"), float("nan"), 0.0, -0.0, 1.0], 1),
        ("VARCHAR", ["a", "A", "a ", "\u00e9", "e\u0301"], 5),
        ("DECIMAL(9,2)", ["1.0", "1.00", "1.01"], 1),
        ("BIGINT", ["01", "1", "2"], 1),
    ],
)
def test_keys_are_equal_as_the_engine_has_it_once_they_have_their_type(
    shop: Workshop, kind: str, given: list[Any], left: int
) -> None:
    snapshot = came(shop, ONE | {"state": column(kind, unique=True)}, *((n, one, n) for n, one in enumerate(given)))
    assert snapshot.row_counts == {"kept": left}


@pytest.mark.parametrize("given", [(0.0, -0.0), (-0.0, 0.0)])
def test_of_equal_rows_that_are_told_in_two_ways_it_is_always_the_same_one(
    shop: Workshop, given: tuple[float, ...]
) -> None:
    snapshot = came(shop, ONE | {"state": column("DOUBLE")}, *((1, one, 1) for one in given))
    assert kept(snapshot) == [(1, "-0.0", 1)]


def test_without_a_limit_a_repeated_key_stops_the_publication_at_its_place(shop: Workshop) -> None:
    with pytest.raises(ContractError) as refusal:
        came(shop, TWO, (1, "a", 1), (1, "a", 2), (2, "a", 5), (3, "a", 5), limit=None)
    assert {one.problem: one.path for one in refusal.value.findings} == {
        "2 of 4 rows of raw.orders break id+state.primaryKey": "schema[0]",
        "2 of 4 rows of raw.orders break amount.unique": "schema[0].properties[2]",
    }


def test_a_rule_of_the_same_columns_may_say_that_a_repeat_is_a_warning(shop: Workshop) -> None:
    warned = {"metric": "duplicateValues", "mustBe": 0, "severity": "warning"}
    both = warned | {"arguments": {"properties": ["state", "id"]}, "id": "key"}
    loose = TWO | {"amount": column("INTEGER", unique=True, quality=[warned | {"id": "amounts"}])}
    rows = {"id": [1, 1, 2], "state": ["a", "a", "b"], "amount": [1, 1, 2]}
    declare(shop, data=pa.table(rows), columns=loose, quality=[both])
    file = shop.settings.products / "sales" / "sales.odcs.yaml"
    file.write_text(file.read_text().replace("primaryKey: true", "primaryKey: false"))
    snapshot = shop.publish("sales")
    assert snapshot.row_counts == {"kept": 3}
    assert {(one.rule, one.severity, one.holds, one.value) for one in snapshot.checked} == {
        ("key", "warning", False, 1.0), ("amounts", "warning", False, 1.0),
    }  # fmt: skip


COLUMNS = tuple(
    Column(name, "BIGINT", required=False, unique=False, classification=None, tags=frozenset(), description="",
           business_name="")
    for name in ("id", "other", "value")
)  # fmt: skip
ORDERS = Table("orders", "", "", COLUMNS, ("id",), (), (), (), None)
KEYS = (KeyRule("id.primaryKey", ("id",), ""), KeyRule("other.unique", ("other",), ""))
ARRIVAL = Arrival((), (), 100, "percent", "", tuple((one.name, one.name, "") for one in COLUMNS), KEYS)
Row = tuple[int, int | None, int]
ROW = st.tuples(st.integers(1, 5), st.none() | st.integers(1, 4), st.integers(1, 2))


def judged(before: Sequence[Row], rows: Sequence[Row]) -> list[Row]:
    """The rows of one push that stand beside those of before: in plain words."""
    left = list(rows)
    for place in (0, 1):
        taken = {row[place] for row in before}
        stands: list[Row] = []
        for row in left:
            alike = [one for one in left if one[place] == row[place]]
            free = row[place] not in taken and set(alike) == {row} and row not in stands
            stands += [row] if row[place] is None or free else []
        left = stands
    return left


class Till:
    """A shelf that is pushed to, and read, as by a gateway and a publication."""

    def __init__(self, folder: Path, arrival: Arrival, source: PushSource) -> None:
        self._folder, self._arrival, self._source, self._count = folder, arrival, source, 0
        self.shelf = segments.Shelf(folder / "shelf")

    def push(self, rows: Sequence[Row], arrival: Arrival | None = None) -> list[Row]:
        """What of a push is kept."""
        self._count += 1
        work = self.shelf.begin()
        pq.write_table(pa.table(dict(zip(("id", "other", "value"), self._lists(rows), strict=True))), work / "came")
        held = arrival or self._arrival
        relation = feeds.of_incoming("till", ORDERS, self._source, work / "came", "parquet", held)
        files = self.shelf.pushed() if held.keys else ()
        earlier = feeds.of_pushes("till", ORDERS, self._source, files, held) if files else None
        found = self._arrived(relation, earlier, [work / "came", *files], work / "good")
        with self.shelf.turn():
            self.shelf.add(f"{self._count:032x}", "e" * 32, work / "good", None, segments.Answer(len(found), 0, ()))
        shutil.rmtree(work)
        return found

    def read(self) -> list[Row]:
        """What a publication reads."""
        files = self.shelf.pushed()
        relation = feeds.of_pushes("till", ORDERS, self._source, files, self._arrival)
        return sorted(self._arrived(relation, None, files, self._folder / "read"), key=str)

    def merge(self) -> None:
        with mock.patch.object(compaction, "MANY", 2):
            compaction.merge(self.shelf)

    def _arrived(self, relation: Any, earlier: Any, files: Sequence[Path], good: Path) -> list[Row]:
        with tempfile.TemporaryDirectory(dir=self._folder) as work:
            writer = Writer(
                Path(work),
                threads=1,
                memory_limit="200MB",
                files=[*map(str, files), str(good)],
                attached=[],
                outputs=[arriving.file_of("till", "orders")],
            )
            found, _, _ = arriving.arrive(writer, relation, Path(work), None, earlier=earlier)
            writer.export(found.select, good)
            writer.close()
        return [tuple(row.values()) for row in pq.read_table(good).to_pylist()]  # type: ignore[misc]

    @staticmethod
    def _lists(rows: Sequence[Row]) -> list[pa.Array]:
        return [pa.array([row[place] for row in rows], pa.int64()) for place in range(3)]


@given(st.lists(st.lists(ROW, max_size=5), min_size=1, max_size=4), st.integers(0, 4))
@settings(max_examples=8, deadline=None)
def test_pushes_give_the_same_rows_whenever_they_are_judged_and_merged(pushes: list[list[Row]], merged: int) -> None:
    """Pushed where the key is declared, or declared after they were pushed, and merged in between: one outcome."""
    with tempfile.TemporaryDirectory() as home:
        (Path(home) / "a").mkdir()
        (Path(home) / "b").mkdir()
        at_once, later = (Till(Path(home) / name, ARRIVAL, PushSource("append")) for name in "ab")
        truth: list[Row] = []
        for number, rows in enumerate(pushes):
            stands = judged(truth, rows)
            assert sorted(at_once.push(rows), key=str) == sorted(stands, key=str)
            truth += stands
            later.push(rows, arrival=Arrival((), (), 100, "percent", "", ARRIVAL.places))
            if number + 1 == merged:
                at_once.merge()
                later.merge()
        assert at_once.read() == sorted(truth, key=str)
        before = later.read()
        later.merge()
        assert later.read() == before


KEYS_BESIDE = tuple(KeyRule(f"{name}.unique", (name,), "") for name in ("other", "value"))
CHAIN = [[(key, key, key + 10) for key in range(1, 9)], [(key, key + 1, key + 20) for key in range(1, 8)] + [(9, 1, 9)]]


@given(st.lists(st.lists(st.tuples(*[st.integers(1, 5)] * 3), max_size=6), min_size=2, max_size=3))
@example([[(1, 1, 1), (2, 2, 2)], [(1, 2, 3), (3, 1, 4)]])
@example(CHAIN)
@settings(max_examples=3, deadline=None)
def test_what_a_push_by_upsert_lets_in_stands_also_where_rows_beside_it_are_set_aside(pushes: list[list[Row]]) -> None:
    """A row that is set aside replaces nothing, so what it would have replaced keeps its keys."""
    arrival = replace(ARRIVAL, keys=KEYS_BESIDE)
    with tempfile.TemporaryDirectory() as home:
        till, stands = Till(Path(home), arrival, PushSource("upsert")), dict[int, Row]()
        for rows in pushes:
            stands |= {row[0]: row for row in till.push(rows)}
            assert till.read() == sorted(stands.values(), key=str)
