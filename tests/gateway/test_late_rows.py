"""A page is the same whether its rows are kept or not, and kept rows are asked for by their keys alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.binding.bind import Page, Query, Scan
from gateway.decision import Treatment
from gateway.errors import BadQuery
from gateway.serving import late_rows
from tests.gateway.bench import LIMITS, NOWHERE, USERS, grant
from tests.gateway.test_coalesce import FORMS, queries
from tests.gateway.test_kept_rows import NUMBERS, Kept

__all__ = ["queries"]

PAGE = "SELECT * FROM shop.people WHERE name >= $1 ORDER BY price DESC, id LIMIT $2"
CONDITIONS = ["", "WHERE sold", "WHERE price > 20 OR id < 9", "WHERE id IN (SELECT id + 1 FROM shop.people)"]
ORDERS = ["ORDER BY id", "ORDER BY 2 DESC, id", "ORDER BY price NULLS FIRST, id DESC", "ORDER BY id % 7, id"]
COLUMNS = ["*", "name, id", "id AS x, x AS id, tags", "* EXCLUDE (sold), price AS again", "people.tags"]


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Kept]:
    made = Kept(tmp_path, f"p{next(NUMBERS)}")
    yield made
    made.engine.close()


def keep(shop: Kept, text: str, values: tuple[Any, ...], form: Any = "arrow") -> None:
    """Ask `text` until its rows are kept: the first time it is only noticed."""
    shop.answered(text, values, form)
    shop.keep(text, values, form)


def same(found: pa.Table | Exception, other: pa.Table | Exception) -> bool:
    assert isinstance(found, pa.Table), found
    assert isinstance(other, pa.Table), other
    return found.schema.equals(other.schema, check_metadata=True) and found.to_pylist() == other.to_pylist()


@pytest.mark.parametrize("form", FORMS)
def test_a_page_does_not_tell_whether_its_rows_are_kept(shop: Kept, form: Any, queries: list[str]) -> None:
    pages = [("CANARY", 10), ("CANARY2", 3), ("CANARY", 0), ("D", 5), ("CANARY3", 2048)]
    before = [shop.answered(PAGE, values, form) for values in pages]
    keep(shop, PAGE, ("CANARY", 10), form)
    queries.clear()
    assert all(same(shop.answered(PAGE, values, form), one) for values, one in zip(pages, before, strict=True))
    assert len(queries) == len(pages)
    assert all("FROM (SELECT" in text and text.index('"$k0"') < text.index("FROM (SELECT") for text in queries)


@settings(max_examples=30, deadline=None, suppress_health_check=[*HealthCheck])
@given(
    columns=st.sampled_from(COLUMNS),
    condition=st.sampled_from(CONDITIONS),
    order=st.sampled_from(ORDERS),
    limit=st.integers(0, 420),
    offset=st.integers(0, 50),
)
def test_any_page_is_the_same(shop: Kept, columns: str, condition: str, order: str, limit: int, offset: int) -> None:
    text = f"SELECT {columns} FROM shop.people {condition} {order} LIMIT {limit} OFFSET {offset}"
    before = shop.answered(text, (), "json")
    keep(shop, text, (), "json")
    assert same(shop.answered(text, (), "json"), before)


def test_what_stands_beside_a_row_is_not_kept_with_it(shop: Kept, queries: list[str]) -> None:
    text = "SELECT name, {'k': CAST(id AS VARCHAR), 'p': $2 || name} AS \"$\" FROM shop.people ORDER BY id LIMIT $1"

    def page(limit: int, mark: str) -> pa.Table:
        plan = shop.binder.bind(Query(text, (limit, mark), beside=1), USERS, (), shop.resolve)
        heard = shop.summaries.append
        with shop.engine.run(plan, "json", LIMITS, 2048, float("inf"), NOWHERE, heard, lambda: None) as result:
            return pa.Table.from_batches(list(result.batches()), result.schema)

    before = page(3, "a").to_pylist()
    assert before[0] == {"row": '{"name":"CANARY1"}', "$": {"k": "1", "p": "aCANARY1"}}
    for _ in range(40):
        page(3, "a")
    shop.engine._kept._threads.submit(lambda: None).result(60)
    queries.clear()
    assert page(3, "a").to_pylist() == before
    assert page(1, "b").to_pylist() == [{"row": '{"name":"CANARY1"}', "$": {"k": "1", "p": "bCANARY1"}}]
    assert len(queries) == 2
    assert not any("json" in text for text in queries)


def test_pages_and_lookups_keep_the_same_rows(shop: Kept) -> None:
    shop.keep("SELECT name, price FROM shop.people WHERE id = $1", 1, "json")
    keep(shop, "SELECT name, price FROM shop.people ORDER BY price LIMIT 7", (), "json")
    assert len(shop.texts) == 1


def test_a_page_of_many_rows_is_left_to_the_engine(
    shop: Kept, queries: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(late_rows, "ROWS", 5)
    keep(shop, PAGE, ("CANARY", 5))
    queries.clear()
    shop.answered(PAGE, ("CANARY", 5))
    shop.answered(PAGE, ("CANARY", 6))
    assert ['"$k0"' in text for text in queries] == [True, False]


@pytest.mark.parametrize("limit", [-1, "x", "7", None, 3.0])
def test_a_limit_that_is_no_small_number_means_what_it_means_to_the_engine(shop: Kept, limit: Any) -> None:
    before = shop.answered(PAGE, ("CANARY", limit))
    keep(shop, PAGE, ("CANARY", 5))
    after = shop.answered(PAGE, ("CANARY", limit))
    if isinstance(before, pa.Table):
        assert same(after, before)
    else:
        assert (type(after), str(after)) == (type(before), str(before))


def test_who_may_see_other_rows_or_masks_has_pages_of_his_own(shop: Kept) -> None:
    keep(shop, PAGE, ("", 3))
    other = Kept.__new__(Kept)
    other.__dict__.update(shop.__dict__)
    hidden = Treatment("hidden", "", "hidden", ())
    other.names = {("shop", "people"): grant(shop.names[("shop", "people")].snapshot, '"id" % 5 = 0', price=hidden)}
    text = "SELECT * FROM shop.people ORDER BY id LIMIT 3"
    first = shop.answered(text, ())
    keep(shop, text, ())
    for _ in range(2):
        answer = other.answered(text, ())
        assert isinstance(answer, pa.Table)
        assert (answer.column("id").to_pylist(), "price" in answer.column_names) == ([0, 5, 10], False)
        keep(other, text, ())
    assert same(shop.answered(text, ()), first)
    assert isinstance(other.answered(PAGE, ("", 3)), BadQuery)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("SELECT * FROM shop.people LIMIT 3", Page),
        ("SELECT id, name FROM shop.people WHERE sold ORDER BY price LIMIT $1 OFFSET $2", Page),
        ("SELECT name FROM shop.people WHERE id = $1 LIMIT 1", Page),
        ("SELECT * FROM shop.people", Scan),
        ("SELECT DISTINCT name FROM shop.people LIMIT 3", Scan),
        ("SELECT upper(name) FROM shop.people LIMIT 3", Scan),
        ("SELECT count(*) FROM shop.people LIMIT 3", Scan),
        ("SELECT name FROM shop.people GROUP BY name LIMIT 3", Scan),
        ("SELECT name FROM shop.people LIMIT 10%", Scan),
        ("SELECT name FROM shop.people QUALIFY true LIMIT 3", Scan),
        ("SELECT name FROM shop.people USING SAMPLE 10 LIMIT 3", Scan),
        ("SELECT p.name FROM shop.people AS p, shop.people AS q LIMIT 3", Scan),
        ("SELECT name FROM shop.people UNION ALL SELECT name FROM shop.people LIMIT 3", Scan),
        ("WITH c AS (SELECT 1) SELECT name FROM shop.people LIMIT 3", Scan),
        ("SELECT name FROM (SELECT * FROM shop.people) LIMIT 3", Scan),
        ("SELECT name FROM shop.people LIMIT 1 + 1", Scan),
    ],
)
def test_rows_of_one_table_up_to_a_number_are_a_page(shop: Kept, text: str, kind: type) -> None:
    assert type(shop.binder.bind(Query(text), USERS, (), shop.resolve)) is kind


def test_a_table_without_its_key_in_sight_has_no_pages(shop: Kept) -> None:
    masked = Treatment("partial", "0", "partial", ("m",))
    shop.names[("shop", "people")] = grant(shop.names[("shop", "people")].snapshot, None, id=masked)
    assert type(shop.binder.bind(Query("SELECT name FROM shop.people LIMIT 3"), USERS, (), shop.resolve)) is Scan


def test_each_page_is_recorded_and_frees_its_lease(shop: Kept) -> None:
    keep(shop, PAGE, ("CANARY", 3))
    before = len(shop.summaries)
    shop.answered(PAGE, ("CANARY", 3))
    assert [(one.rows, one.outcome) for one in shop.summaries[before:]] == [(3, "answered")]
    assert not any(shop.engine._serving._leases.values())
