"""A measure is never computed over repeated or invented rows: random joins, each against the rows that are there."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway import BadQuery, Gateway, Password, Query, Session
from tests.measure_world import build

KEYS = {
    "lines": ("line_count", ("line_id",)),
    "products": ("product_count", ("product_id",)),
    "promotions": ("promotion_count", ("promotion_id",)),
    "prices": ("price_count", ("product_id", "store")),
}
COLUMNS = {
    "lines": ("line_id", "basket_id", "product_id", "store", "amount"),
    "products": ("product_id", "amount"),
    "promotions": ("promotion_id", "product_id"),
    "prices": ("product_id", "store", "price"),
}
TABLES = sorted(KEYS)


@pytest.fixture(scope="module")
def till(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Gateway, Session]]:
    gateway = Gateway(build(tmp_path_factory.mktemp("till")))
    yield gateway, gateway.open(Password("steward", "steward-secret"), "python")
    gateway.close()


def first(till: tuple[Gateway, Session], text: str) -> dict[str, int]:
    gateway, session = till
    with gateway.answer(session, Query(text)) as result:
        (row,) = [row for batch in result.batches() for row in batch.to_pylist()]
    return dict(row)


@st.composite
def sources(draw: st.DrawFn) -> tuple[list[tuple[str, str]], str]:
    """Tables under aliases, and a FROM clause with a WHERE that joins them somehow, often by a key."""
    chosen = draw(st.lists(st.sampled_from(TABLES), min_size=2, max_size=3))
    known = [(table, f"t{place}") for place, table in enumerate(chosen)]

    def condition(near: list[tuple[str, str]], far: tuple[str, str]) -> str:
        terms = []
        for column in draw(st.sampled_from([KEYS[far[0]][1], KEYS[far[0]][1], COLUMNS[far[0]][-2:]])):
            table, alias = draw(st.sampled_from(near))
            same = column if column in COLUMNS[table] and draw(st.integers(0, 4)) else None
            other = same or draw(st.sampled_from(COLUMNS[table]))
            operator = draw(st.sampled_from(["=", "=", "=", "=", "=", "<"]))
            terms.append(f"{alias}.{other} {operator} {far[1]}.{column}")
        if not draw(st.integers(0, 5)):
            terms.append(f"{far[1]}.{COLUMNS[far[0]][0]} > 2")
        return (" AND " if draw(st.integers(0, 7)) else " OR ").join(terms)

    kinds = st.sampled_from(["JOIN", "JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN", "SEMI JOIN", "ANTI JOIN", ","])
    text, where, shown = f"till.{known[0][0]} t0", [], [known[0]]
    for place in range(1, len(known)):
        kind, far = draw(kinds), known[place]
        if kind == ",":
            text = f"{text}, till.{far[0]} {far[1]}"
            where.append(condition(shown, far))
        elif place == 1 and len(known) == 3 and not draw(st.integers(0, 3)):
            inner = draw(st.sampled_from(["JOIN", "LEFT JOIN"]))
            last = known[2]
            nested = f"(till.{far[0]} t1 {inner} till.{last[0]} t2 ON {condition([far], last)})"
            outer = draw(st.sampled_from(["JOIN", "LEFT JOIN"]))
            return known, f"{text} {outer} {nested} ON {condition([known[0]], draw(st.sampled_from([far, last])))}"
        else:
            text = f"{text} {kind} till.{far[0]} {far[1]} ON {condition(shown, far)}"
        if kind not in {"SEMI JOIN", "ANTI JOIN"}:
            shown.append(far)
    return shown, f"{text} WHERE {' AND '.join(f'({one})' for one in where)}" if where else text


accepted: list[str] = []


@settings(
    max_examples=150,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(sources())
def test_a_measure_takes_each_row_once_or_is_refused(
    till: tuple[Gateway, Session], source: tuple[list[tuple[str, str]], str]
) -> None:
    known, text = source
    for table, alias in known:
        measure, key = KEYS[table]
        try:
            answer = first(till, f"SELECT MEASURE({alias}.{measure}) AS n FROM {text}")
        except BadQuery:
            continue
        accepted.append(text)
        names = ", ".join(f"{alias}.{one}" for one in key)
        assert answer == first(till, f"SELECT count(DISTINCT ({names})) AS n FROM {text}"), text
        assert answer == first(till, f"SELECT count({alias}.{key[0]}) AS n FROM {text}"), text


def test_the_joins_that_were_tried_are_not_all_refused() -> None:
    assert len(accepted) > 40
    assert any("LEFT" in text for text in accepted)
    assert any("WHERE" in text for text in accepted)


RIGHT = [
    "till.lines t JOIN till.products p USING (product_id)",
    "till.lines t, till.products p WHERE p.product_id = t.product_id",
    "till.products p RIGHT JOIN till.lines t ON t.product_id = p.product_id",
    "till.lines t LEFT JOIN till.prices p ON p.product_id = t.product_id AND p.store = t.store AND p.price > 1",
    "till.lines t JOIN till.prices USING (product_id, store) JOIN till.products p ON p.product_id = t.product_id",
    "till.lines t LEFT JOIN (till.prices x LEFT JOIN till.products p ON p.product_id = x.product_id) "
    "ON x.product_id = t.product_id AND x.store = t.store",
    "till.products p JOIN till.prices x ON p.product_id = x.product_id JOIN till.lines t "
    "ON t.product_id = x.product_id AND t.store = x.store",
    "till.lines t SEMI JOIN till.promotions p ON p.product_id = t.product_id",
]
WRONG = [
    "till.lines t JOIN till.promotions p USING (product_id)",
    "till.lines t JOIN till.prices p USING (product_id)",
    "till.lines t JOIN till.products p ON p.product_id = t.store",
    "till.lines t CROSS JOIN till.products p",
    "till.products p LEFT JOIN till.lines t USING (product_id)",
    "till.lines t FULL JOIN till.products p USING (product_id)",
    "till.lines t NATURAL JOIN till.products p",
    "till.lines t JOIN (SELECT product_id FROM till.promotions) p USING (product_id)",
    "till.lines t, unnest([1, 2]) u",
    "till.lines t POSITIONAL JOIN till.products p",
    "till.lines t ASOF JOIN till.products p ON t.product_id >= p.product_id",
    "till.lines t JOIN till.products p ON p.product_id = t.product_id OR true",
    "till.lines t LEFT JOIN till.products p ON true WHERE p.product_id = t.product_id",
]


@pytest.mark.parametrize("text", RIGHT)
def test_a_join_to_one_row_by_its_whole_key_is_followed(till: tuple[Gateway, Session], text: str) -> None:
    there = first(till, f"SELECT count(*) AS n FROM {text}")
    assert first(till, f"SELECT MEASURE(t.line_count) AS n FROM {text}") == there


@pytest.mark.parametrize("text", WRONG)
def test_a_join_that_may_repeat_or_add_rows_is_refused_with_the_right_query(
    till: tuple[Gateway, Session], text: str
) -> None:
    with pytest.raises(BadQuery) as error:
        first(till, f"SELECT MEASURE(t.line_count) AS n FROM {text}")
    assert "takes each row" in error.value.message
    assert "WITH m AS (SELECT" in error.value.hint
