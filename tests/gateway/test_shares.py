"""A plain scan in shares of row groups: every row once, each share only what the decision shows, nothing else split."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.binding.bind import Query
from gateway.binding.views import Part
from gateway.errors import BadQuery
from gateway.sql import shares
from tests.gateway.bench import LIMITS, NOWHERE, USERS, Bench, grant, product, table

ROWS = 400_000


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    made = Bench(tmp_path_factory.mktemp("shares"))
    columns = {"id": "BIGINT", "region": "VARCHAR"}
    rows = f"SELECT i::BIGINT AS id, CASE WHEN i % 2 = 0 THEN 'N' ELSE 'S' END AS region FROM range({ROWS}) r(i)"
    snapshot = made.snapshot("s1", product("shop", table("people", columns)), rows)
    counted = replace(snapshot, row_counts={"people": ROWS})
    made.names[("shop", "people")] = grant(counted, "\"region\" = 'N'")
    yield made
    made.engine.close()


def share(shop: Bench, text: str, part: Part | None) -> list[int]:
    plan = shop.binder.bind(Query(text, (), part), USERS, (), shop.resolve)
    with shop.engine.run(
        plan, "arrow", LIMITS, 8192, float("inf"), NOWHERE, shop.summaries.append, lambda: None
    ) as result:
        return [*pa.Table.from_batches(result.batches(), result.schema).column(0).to_pylist()]


@pytest.mark.parametrize("of", [1, 2, 3, 7])
def test_the_shares_of_a_scan_are_its_rows_once_and_in_order(shop: Bench, of: int) -> None:
    text = "SELECT id FROM shop.people WHERE id % 3 = 0"
    whole = share(shop, text, None)
    assert [row for index in range(of) for row in share(shop, text, Part(index, of))] == whole
    assert set(whole) == {i for i in range(ROWS) if i % 2 == 0 and i % 3 == 0}


@given(total=st.integers(0, 30_000_000), of=st.integers(1, 40))
def test_ranges_of_rows_meet_without_a_gap(total: int, of: int) -> None:
    ranges = [shares.rows(index, of, total) for index in range(of)]
    assert ranges[0][0] == 0
    assert all(one[1] == following[0] for one, following in itertools.pairwise(ranges))
    assert ranges[-1][1] > total
    assert all(first % shares.GROUP_ROWS == 0 for first, _ in ranges)


@pytest.mark.parametrize(
    "text",
    [
        "SELECT count(*) FROM shop.people",
        "SELECT DISTINCT region FROM shop.people",
        "SELECT id FROM shop.people ORDER BY id",
        "SELECT id FROM shop.people LIMIT 5",
        "SELECT region, count(*) FROM shop.people GROUP BY region",
        "SELECT id, row_number() OVER () FROM shop.people",
        "SELECT id FROM shop.people WHERE id = (SELECT max(id) FROM shop.people)",
        "SELECT id FROM shop.people a JOIN shop.people b USING (id)",
        "SELECT id FROM shop.people QUALIFY row_number() OVER () = 1",
        "SELECT id FROM shop.people UNION ALL SELECT id FROM shop.people",
        "WITH x AS (SELECT * FROM shop.people) SELECT id FROM x",
        "SELECT sum(id) FROM shop.people HAVING count(*) > 1",
        "SELECT id FROM shop.people USING SAMPLE 5",
        "SELECT id FROM shop.people TABLESAMPLE 5%",
        "SELECT random() FROM shop.people",
        "SELECT 1",
    ],
)
def test_nothing_but_a_plain_scan_is_split(shop: Bench, text: str) -> None:
    with pytest.raises(BadQuery) as refusal:
        share(shop, text, Part(0, 2))
    assert refusal.value.reason == "unsupported"


@pytest.mark.parametrize(("index", "of"), [(2, 2), (-1, 2), (0, 0), (0, 100_000)])
def test_a_part_is_one_of_its_number(shop: Bench, index: int, of: int) -> None:
    with pytest.raises(BadQuery):
        share(shop, "SELECT id FROM shop.people", Part(index, of))


def test_a_column_called_rowid_is_not_taken_for_the_place_of_a_row(tmp_path: Path) -> None:
    made = Bench(tmp_path)
    snapshot = made.snapshot("s1", product("shop", table("people", {"rowid": "BIGINT"})), "SELECT 1::BIGINT AS rowid")
    made.names[("shop", "people")] = grant(replace(snapshot, row_counts={"people": 1}))
    with pytest.raises(BadQuery):
        share(made, "SELECT rowid FROM shop.people", Part(0, 2))
    made.engine.close()
