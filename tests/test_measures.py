"""Measures by name: one definition at every door, never over repeated rows, never over what is masked or hidden."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest

from gateway import BadQuery, Gateway, Password, Query
from tests.doors import DOORS, Door, PythonDoor, Refusal
from tests.measure_world import SUBJECTS, build


@pytest.fixture(scope="module")
def till(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    gateway = Gateway(build(tmp_path_factory.mktemp("till")))
    yield gateway
    gateway.close()


@pytest.fixture(scope="module", params=list(DOORS))
def door(request: pytest.FixtureRequest, till: Gateway) -> Iterator[Door]:
    opened: Door = DOORS[request.param](till)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def python(till: Gateway) -> Door:
    return PythonDoor(till)


def rows(door: Door, text: str, subject: str = "steward", *parameters: Any) -> list[dict[str, Any]]:
    return door.ask(subject, text, *parameters).to_pylist()


def refused(till: Gateway, text: str, subject: str = "steward") -> BadQuery:
    session = till.open(Password(subject, f"{subject}-secret"), "python")
    with pytest.raises(BadQuery) as error:
        till.answer(session, Query(text)).close()
    return error.value


def postgres(till: Gateway, text: str, subject: str = "steward") -> list[dict[str, Any]]:
    session = till.open(Password(subject, f"{subject}-secret"), "postgres")
    with till.answer(session, Query(text, dialect="postgres")) as result:
        return [row for batch in result.batches() for row in batch.to_pylist()]


# What is asked by name, and the same written out.
TWINS = [
    ("MEASURE(revenue) AS a", "sum(amount) AS a", ""),
    ("MEASURE(average_basket) AS a", "sum(amount) / nullif(count(DISTINCT basket_id), 0) AS a", ""),
    ("store, MEASURE(revenue) AS a", "store, sum(amount) AS a", "GROUP BY ALL ORDER BY 1"),
    ("store, 2 * MEASURE(lines.baskets) + 1 AS a", "store, 2 * count(DISTINCT basket_id) + 1 AS a",
     "GROUP BY store ORDER BY store"),
    ("month, MEASURE(large_share) AS a",
     "date_trunc('month', sold_at) AS month, sum(amount) FILTER (WHERE amount >= 50) / nullif(sum(amount), 0) AS a",
     "GROUP BY 1 ORDER BY 1"),
    ("MEASURE(large_share) FILTER (WHERE store = 1) AS a",
     "sum(amount) FILTER (WHERE amount >= 50 AND store = 1) / nullif(sum(amount) FILTER (WHERE store = 1), 0) AS a",
     ""),
    ("store, MEASURE(revenue) / sum(MEASURE(revenue)) OVER () AS a",
     "store, sum(amount) / sum(sum(amount)) OVER () AS a", "GROUP BY store ORDER BY a"),
    ("store, MEASURE(line_count) AS a", "store, count(*) AS a", "GROUP BY ROLLUP (store) ORDER BY 1"),
    ("CASE WHEN MEASURE(revenue) > 0 THEN 'some' END AS a", "CASE WHEN sum(amount) > 0 THEN 'some' END AS a", ""),
]  # fmt: skip


@pytest.mark.parametrize(("asked", "meant", "rest"), TWINS, ids=[twin[0] for twin in TWINS])
def test_a_measure_is_what_its_definition_says(door: Door, asked: str, meant: str, rest: str) -> None:
    asked_rows, meant_rows = (rows(door, f"SELECT {one} FROM till.lines {rest}") for one in (asked, meant))
    assert asked_rows == meant_rows
    assert asked_rows[-1]["a"] is not None


MEASURES = "revenue line_count baskets average_basket mean_amount largest large_share margin_rate".split()
DIMENSIONS = ("store", "month", "size", "p.department")


@pytest.mark.parametrize("subject", SUBJECTS)
@pytest.mark.parametrize("by", DIMENSIONS)
def test_every_door_gives_the_same_measure(door: Door, python: Door, by: str, subject: str) -> None:
    def told(one: Door, text: str) -> Any:
        try:
            return [tuple(row.values()) for row in rows(one, text, subject)]
        except Refusal as refusal:
            return refusal.code, refusal.message.partition(" (")[0].removeprefix("[FlightSQL] ")[:30]

    for name in MEASURES:
        text = f"SELECT {by}, MEASURE({name}) AS v FROM till.lines l LEFT JOIN till.products p USING (product_id)"
        text = f"{text} GROUP BY 1 ORDER BY 1"
        here, there = told(door, text), told(python, text)
        assert here[0] == there[0] if isinstance(there, tuple) else here == there, text


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("SELECT MEASURE(revenue) FROM till.lines", ["revenue"]),
        ("SELECT MEASURE(l.revenue), month FROM till.lines l GROUP BY month", ["revenue", "month"]),
        ("SELECT MEASURE(baskets) AS b, MEASURE(margin) FROM till.lines", ["b", "margin"]),
    ],
)
def test_a_column_is_called_as_its_measure(door: Door, text: str, names: list[str]) -> None:
    assert door.ask("steward", text).column_names == names


def test_a_measure_may_stand_in_having_order_by_and_qualify(door: Door) -> None:
    text = "SELECT store FROM till.lines GROUP BY store HAVING MEASURE(revenue) > 1900 ORDER BY MEASURE(revenue) DESC"
    assert [row["store"] for row in rows(door, text)] == [3, 4, 2]
    best = "SELECT store FROM till.lines GROUP BY store QUALIFY rank() OVER (ORDER BY MEASURE(revenue) DESC) = 1"
    assert rows(door, best) == [{"store": 3}]
    named = "SELECT store, MEASURE(revenue) FROM till.lines GROUP BY store ORDER BY revenue DESC LIMIT 1"
    assert rows(door, named) == [{"store": 3, "revenue": Decimal("2124.17")}]


def test_a_measure_takes_the_query_s_parameters(door: Door) -> None:
    text = "SELECT MEASURE(large_share) FILTER (WHERE store = $1) AS v FROM till.lines WHERE month >= $2"
    plain = (
        "SELECT sum(amount) FILTER (WHERE amount >= 50 AND store = $1) / sum(amount) FILTER (WHERE store = $1) AS v "
        "FROM till.lines WHERE date_trunc('month', sold_at) >= $2"
    )
    values = (1, datetime(2017, 2, 1)) if door.name != "rest" else (1, "2017-02-01")
    cast = text.replace("$2", "$2::TIMESTAMP"), plain.replace("$2", "$2::TIMESTAMP")
    first, second = (rows(door, one, "steward", *values) for one in cast)
    assert first == second
    assert 0 < first[0]["v"] < 1


def test_what_a_policy_takes_away_takes_the_measure_away(door: Door) -> None:
    assert rows(door, "SELECT MEASURE(margin) AS v FROM till.lines")[0]["v"] > 0
    told = {}
    for subject, name in [("analyst", "margin"), ("analyst", "margin_rate"), ("partner", "revenue"), ("analyst", "no")]:
        with pytest.raises(Refusal) as refusal:
            door.ask(subject, f"SELECT MEASURE({name}) FROM till.lines")
        told[subject, name] = refusal.value.message.replace(f'"{name}"', "NAME").partition("NAME")[0]
    assert len(set(told.values())) == 1, "hidden, masked and unknown read alike"
    assert rows(door, "SELECT MEASURE(baskets) AS v FROM till.lines", "partner") == [{"v": 60}]
    rows_of_three = "SELECT sum(amount) AS v FROM till.lines WHERE store < 3"
    assert rows(door, "SELECT MEASURE(revenue) AS v FROM till.lines", "analyst") == rows(door, rows_of_three)


def test_a_hint_names_only_measures_that_exist_for_the_principal(till: Gateway) -> None:
    assert refused(till, "SELECT MEASURE(margins) FROM till.lines").hint == "did you mean MEASURE(margin)?"
    assert "margin" not in refused(till, "SELECT MEASURE(margins) FROM till.lines", "analyst").hint
    assert refused(till, "SELECT MEASURE(revenu) FROM till.lines").position == 15


def test_a_dimension_is_a_column_wherever_one_may_stand(door: Door) -> None:
    text = "SELECT DISTINCT month FROM till.lines WHERE size = 'large' AND month < DATE '2017-03-01' ORDER BY month"
    plain = (
        "SELECT DISTINCT date_trunc('month', sold_at) AS month FROM till.lines "
        "WHERE amount >= 50 AND date_trunc('month', sold_at) < TIMESTAMP '2017-03-01' ORDER BY month"
    )
    assert rows(door, text) == rows(door, plain) != []
    assert "month" not in door.ask("steward", "SELECT * FROM till.lines LIMIT 1").column_names
    masked = "SELECT DISTINCT size FROM till.lines"
    assert rows(door, masked, "partner") == [{"size": "small"}], "made of the mask"


CAPTURES = [
    "SELECT 5 AS amount, MEASURE(revenue) AS v FROM till.lines",
    "SELECT MEASURE(revenue) AS v FROM till.lines payload",
    "WITH amount AS (SELECT 7 AS amount) SELECT MEASURE(revenue) AS v FROM till.lines",
    "WITH lines AS (SELECT 7 AS amount) SELECT MEASURE(revenue) AS v FROM till.lines",
    "SELECT (SELECT MEASURE(revenue) FROM till.lines p) AS v FROM till.products p LIMIT 1",
    "SELECT MEASURE(revenue) AS v FROM till.lines l LEFT JOIN till.products p USING (product_id)",
    "SELECT MEASURE(l.revenue) AS v FROM till.lines l LEFT JOIN till.products AS amount USING (product_id)",
    "SELECT sum(1) AS amount, MEASURE(revenue) AS v FROM till.lines HAVING MEASURE(revenue) > amount",
    'SELECT MEASURE("REVENUE") AS v FROM till.lines "L"',
]


@pytest.mark.parametrize("text", CAPTURES)
def test_no_other_name_is_taken_for_a_measure_s_column(python: Door, text: str) -> None:
    assert rows(python, text)[0]["v"] == Decimal("9951.15")


OWN_NAMES = [
    ("SELECT sum(amount) AS revenue, revenue / 2 AS v FROM till.lines", 4975.575),
    ("SELECT max(v) AS v FROM (SELECT amount AS revenue, revenue + 1 AS v FROM till.lines)", Decimal("89.43")),
    ("SELECT sum(revenue) AS v FROM (SELECT store AS revenue FROM till.lines)", 480),
    ("WITH lines AS (SELECT 2 AS revenue) SELECT sum(revenue) AS v FROM lines", 2),
    ("SELECT count(*) AS v FROM (SELECT date_trunc('year', sold_at) AS month FROM till.lines GROUP BY month)", 1),
    ("SELECT list_sum(list_transform([1, 2], lambda month: month + 1)) AS v FROM till.lines LIMIT 1", 5),
    ("SELECT count(*) AS v FROM till.lines l JOIN (SELECT 1 AS month) m ON month = store", 48),
]


@pytest.mark.parametrize(("text", "value"), OWN_NAMES)
def test_a_query_s_own_names_stay_its_own(python: Door, text: str, value: Any) -> None:
    assert rows(python, text)[0]["v"] == value


def test_an_aggregate_of_a_measure_s_name_is_the_measure_or_refused(till: Gateway) -> None:
    for tool, meant in {
        'SUM("lines"."revenue")': "MEASURE(revenue)", "sum(average_basket)": "MEASURE(average_basket)",
        "AVG(mean_amount)": "MEASURE(mean_amount)", "max(largest)": "MEASURE(largest)",
        "COUNT(line_count)": "MEASURE(line_count)", "count(DISTINCT baskets)": "MEASURE(baskets)",
        "SUM(revenue) FILTER (WHERE store = 2)": "MEASURE(revenue) FILTER (WHERE store = 2)",
    }.items():  # fmt: skip
        ask = "SELECT store, {} AS v FROM till.lines GROUP BY store ORDER BY store"
        assert postgres(till, ask.format(tool)) == postgres(till, ask.format(meant)), tool
    for wrong in (
        "avg(revenue)", "min(largest)", "count(revenue)", "count(baskets)", "count(DISTINCT line_count)",
        "sum(DISTINCT revenue)", "sum(revenue * 2)", "sum(coalesce(revenue, 0))", "median(revenue)", "revenue",
        "sum(revenue) OVER ()", "MEASURE(revenue) OVER ()", "sum(MEASURE(revenue))", "MEASURE(DISTINCT revenue)",
        "count(*) FILTER (WHERE MEASURE(revenue) > 1)", "list_transform([1], lambda x: MEASURE(revenue))",
    ):  # fmt: skip
        error = refused(till, f"SELECT {wrong} FROM till.lines")
        assert "MEASURE" in error.hint + error.message, wrong
    for where in ("WHERE MEASURE(revenue) > 1", "WHERE revenue > 1", "GROUP BY revenue", "GROUP BY MEASURE(revenue)"):
        assert refused(till, f"SELECT count(*) FROM till.lines {where}").reason == "grouping"
    given = refused(till, "SELECT amount AS revenue, sum(revenue) FROM till.lines GROUP BY 1")
    assert given.reason == "ambiguous"


def test_a_tool_that_lists_all_columns_of_a_table_sees_no_value_for_a_measure(till: Gateway) -> None:
    every = "line_id basket_id product_id store amount cost sold_at revenue line_count baskets average_basket"
    names = f"{every} mean_amount largest large_revenue large_share margin margin_rate".split()
    (row,) = postgres(till, f"SELECT {', '.join(names)} FROM till.lines WHERE line_id = 5 LIMIT 200")
    assert list(row) == names
    assert (row["store"], row["revenue"], row["margin_rate"]) == (1, None, None)
    with pytest.raises(BadQuery):
        postgres(till, "SELECT store, revenue FROM till.lines")
    with pytest.raises(BadQuery):
        postgres(till, f"SELECT {', '.join(names)}, count(*) OVER () FROM till.lines")
    assert refused(till, f"SELECT {', '.join(names)} FROM till.lines").hint == "write MEASURE(revenue)"


def test_a_statement_is_described_as_it_is_answered(till: Gateway) -> None:
    session = till.open(Password("steward", "steward-secret"), "python")
    query = Query("SELECT month, MEASURE(revenue), MEASURE(average_basket) AS a FROM till.lines GROUP BY month")
    described = till.describe(session, query)
    with till.answer(session, query) as result:
        assert described.schema == result.schema
    assert [str(field.type) for field in described.schema] == ["timestamp[us]", "decimal128(38, 2)", "double"]


def test_what_measures_write_into_a_query_is_bounded(till: Gateway) -> None:
    for name, times in (("MEASURE(margin_rate)", 501), ("sum(margin_rate)", 501), ("max(month)", 501)):
        many = ", ".join(f"{name} AS c{place}" for place in range(times))
        assert refused(till, f"SELECT {many} FROM till.lines").reason == "limit"


def test_a_measure_does_not_count_a_row_for_each_item_of_a_list(till: Gateway) -> None:
    for items in ("unnest([1, 1]) AS u, MEASURE(line_count)", "unnest([store, 1]) AS u, MEASURE(revenue)"):
        assert refused(till, f"SELECT {items} FROM till.lines GROUP BY u").reason == "grouping"
        assert refused(till, f"SELECT {items} FROM till.lines GROUP BY 1").reason == "grouping"
    assert refused(till, "SELECT MEASURE(line_count) FROM till.lines GROUP BY unnest([1, 1])").reason == "grouping"
    after = PythonDoor(till).ask("steward", "SELECT unnest([1, 1]) AS u, MEASURE(line_count) AS n FROM till.lines")
    assert after.column("n").to_pylist() == [240, 240]


def test_a_sample_has_no_measure(till: Gateway) -> None:
    error = refused(till, "SELECT MEASURE(revenue) FROM till.lines USING SAMPLE reservoir(10 ROWS)")
    assert error.reason == "unsupported"
    assert refused(till, "SELECT MEASURE(revenue) FROM till.lines TABLESAMPLE reservoir(10 ROWS)").reason == "column"


def test_a_call_that_the_gateway_makes_itself_cannot_be_written_by_a_client(till: Gateway) -> None:
    for text in ("SELECT measure(0)", "SELECT measure(0) FROM till.lines", "SELECT CAST(measure(1) AS INTEGER)"):
        assert refused(till, text).reason in {"function", "grouping"}
    assert refused(till, "SELECT 1 FROM range(MEASURE(revenue))").reason in {"grouping", "column", "limit"}


def test_the_schema_semantic_tells_each_principal_of_what_exists_for_it(door: Door) -> None:
    text = 'SELECT name, unit, additive FROM semantic.measures WHERE "table" = $1 ORDER BY name'
    seen = {subject: [row["name"] for row in rows(door, text, subject, "lines")] for subject in SUBJECTS}
    assert seen["partner"] == ["baskets", "line_count"]
    assert set(seen["steward"]) - set(seen["analyst"]) == {"margin", "margin_rate"}
    assert seen["analyst"] == seen["regional"]
    assert rows(door, text, "steward", "lines")[-1] == {"name": "revenue", "unit": "EUR", "additive": True}
    alternatives = "SELECT alternative FROM outport.semantic.alternatives WHERE measure = 'revenue' ORDER BY 1"
    assert [row["alternative"] for row in rows(door, alternatives)] == ["large_revenue", "margin"]
    assert [row["alternative"] for row in rows(door, alternatives, "analyst")] == ["large_revenue"]
    tree = (
        "SELECT driver, s.synonym FROM semantic.metric_tree t JOIN semantic.synonyms s ON s.name = t.measure ORDER BY 1"
    )
    assert rows(door, tree)[0] == {"driver": "average_basket", "synonym": "sales"}
    departments = "SELECT count(*) AS n FROM semantic.dimensions WHERE name = 'department'"
    assert rows(door, departments)[0]["n"] - rows(door, departments, "regional")[0]["n"] == 1
    with pytest.raises(Refusal) as refusal:
        door.ask("steward", "SELECT * FROM semantic.nothing")
    assert refusal.value.code == "not_found"


def test_what_a_shared_text_tells_of_semantics_is_not_kept_for_others(till: Gateway) -> None:
    text = "SELECT count(*) AS n FROM semantic.measures"
    told = []
    for subject in ("steward", "analyst", "steward", "partner", "analyst"):
        session = till.open(Password(subject, f"{subject}-secret"), "python")
        with till.answer(session, Query(text)) as result:
            told += [row["n"] for batch in result.batches() for row in batch.to_pylist()]
    assert told == [13, 11, 13, 5, 11]
