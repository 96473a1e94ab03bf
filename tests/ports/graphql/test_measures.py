"""Measures in GraphQL: each value as SQL has it, grouped by what is selected, absent where they do not exist."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from gateway import Gateway
from tests.doors import Door, GraphQLDoor, PythonDoor, Refusal
from tests.measure_world import SUBJECTS, build

MEASURES = "revenue line_count baskets average_basket mean_amount largest large_share margin_rate".split()
DIMENSIONS = {
    "store": "store",
    "month": "month",
    "size": "size",
    "products { department }": "p.department",
    "sold_at(grain: QUARTER)": "date_trunc('quarter', sold_at)",
}
JOINED = "till.lines l LEFT JOIN till.products p USING (product_id)"


@pytest.fixture(scope="module")
def till(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    gateway = Gateway(build(tmp_path_factory.mktemp("till")))
    yield gateway
    gateway.close()


@pytest.fixture(scope="module")
def door(till: Gateway) -> Iterator[GraphQLDoor]:
    opened = GraphQLDoor(till)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def python(till: Gateway) -> Door:
    return PythonDoor(till)


def groups(door: GraphQLDoor, selection: str, subject: str = "steward", arguments: str = "") -> list[tuple[Any, ...]]:
    """The values of each group; of a related table's, the one inside."""
    told = door.ask(subject, f"{{ till {{ linesMeasures{arguments} {{ {selection} }} }} }}")["till"]["linesMeasures"]
    return [tuple(map(_plain, one.values())) for one in told]


def _plain(value: Any) -> Any:
    """Numbers as such, so that a text of digits and a number are one; what stands inside an object by itself."""
    if isinstance(value, dict):
        (value,) = value.values()
    try:
        return Decimal(str(value)) if value is not None else None
    except ArithmeticError:
        return value


def asked(door: Door, text: str, subject: str = "steward") -> list[tuple[Any, ...]]:
    rows = door.ask(subject, text).to_pylist()
    return [tuple(_plain(v.isoformat() if hasattr(v, "isoformat") else v) for v in row.values()) for row in rows]


@pytest.mark.parametrize("subject", SUBJECTS)
@pytest.mark.parametrize(("selection", "text"), DIMENSIONS.items())
def test_every_measure_is_what_sql_says(
    door: GraphQLDoor, python: Door, selection: str, text: str, subject: str
) -> None:
    for name in MEASURES:
        try:
            there = asked(python, f"SELECT {text}, MEASURE({name}) FROM {JOINED} GROUP BY 1 ORDER BY 1", subject)
        except Refusal:
            with pytest.raises(Refusal) as refusal:
                groups(door, f"{selection} {name}", subject)
            assert refusal.value.code == "GRAPHQL_VALIDATION_FAILED"
            continue
        assert groups(door, f"{selection} {name}", subject) == there


@pytest.mark.parametrize(
    ("arguments", "selection", "text"),
    [
        ("", "revenue baskets", "SELECT MEASURE(revenue), MEASURE(baskets) FROM till.lines"),
        ("(orderBy: [{revenue: DESC}], limit: 2, offset: 1)", "store revenue",
         "SELECT store, MEASURE(revenue) FROM till.lines GROUP BY 1 ORDER BY 2 DESC LIMIT 2 OFFSET 1"),
        ("(having: {revenue: {_gt: 2000}, line_count: {_gte: 1}})", "store baskets",
         "SELECT store, MEASURE(baskets) FROM till.lines GROUP BY 1 HAVING MEASURE(revenue) > 2000 ORDER BY 1"),
        ('(where: {products: {department: {_eq: "food"}}, store: {_eq: 1}})', "size line_count",
         f"SELECT size, MEASURE(line_count) FROM {JOINED} WHERE department = 'food' AND store = 1 "
         "GROUP BY 1 ORDER BY 1"),
        ("(orderBy: [{month: DESC}], limit: 3)", "size month largest",
         "SELECT size, month, MEASURE(largest) FROM till.lines GROUP BY 1, 2 ORDER BY 2 DESC, 1 LIMIT 3"),
        ("", "store", "SELECT DISTINCT store FROM till.lines ORDER BY 1"),
        ('(where: {month: {_eq: "2017-02-01T00:00:00"}, size: {_like: "l%"}})', "store line_count",
         "SELECT store, MEASURE(line_count) FROM till.lines WHERE month = DATE '2017-02-01' AND size LIKE 'l%' "
         "GROUP BY 1 ORDER BY 1"),
    ],
)  # fmt: skip
def test_groups_are_filtered_ordered_and_cut(
    door: GraphQLDoor, python: Door, arguments: str, selection: str, text: str
) -> None:
    assert groups(door, selection, arguments=arguments) == asked(python, text)


def test_names_stand_where_they_are_asked_for(door: GraphQLDoor) -> None:
    asked_for = "a: revenue again: revenue kind: __typename p: products { d: department t: __typename } store"
    told = door.ask("steward", f"{{ till {{ linesMeasures(limit: 1) {{ {asked_for} }} }} }}")
    (row,) = told["till"]["linesMeasures"]
    assert list(row) == ["a", "again", "kind", "p", "store"]
    assert row["a"] == row["again"]
    assert row["kind"] == "Till_LinesMeasures"
    assert row["p"]["t"] == "Till_ProductsDimensions"
    assert door.ask("steward", "{ till { linesMeasures { __typename } } }")["till"]["linesMeasures"] == [
        {"__typename": "Till_LinesMeasures"}
    ]


@pytest.mark.parametrize(
    ("subject", "asked_for"),
    [
        ("analyst", "linesMeasures { margin }"),
        ("partner", "linesMeasures { revenue }"),
        ("steward", "linesMeasures { nothing }"),
        ("regional", "linesMeasures { products { department } line_count }"),
        ("analyst", "linesMeasures(having: {margin: {_gt: 1}}) { line_count }"),
        ("analyst", "linesMeasures(orderBy: [{margin: DESC}]) { line_count }"),
        ("analyst", "linesMeasures(where: {cost: {_gt: 1}}) { line_count }"),
    ],
)
def test_a_measure_that_is_not_there_is_an_unknown_field(door: GraphQLDoor, subject: str, asked_for: str) -> None:
    with pytest.raises(Refusal) as refusal:
        door.ask(subject, f"{{ till {{ {asked_for} }} }}")
    assert refusal.value.code == "GRAPHQL_VALIDATION_FAILED"
    assert "mean" not in refusal.value.message


def test_groups_are_ordered_by_what_is_selected(door: GraphQLDoor) -> None:
    with pytest.raises(Refusal) as refusal:
        groups(door, "revenue", arguments="(orderBy: [{store: ASC}])")
    assert "store is not" in refusal.value.message


def test_rows_are_chosen_and_ordered_by_dimensions(door: GraphQLDoor, python: Door) -> None:
    arguments = '(where: {month: {_gte: "2017-02-01T00:00:00"}}, orderBy: [{month: DESC}, {size: ASC}], limit: 5)'
    rows = door.ask("steward", f"{{ till {{ lines{arguments} {{ line_id }} }} }}")["till"]["lines"]
    text = "SELECT line_id FROM till.lines WHERE month >= DATE '2017-02-01' ORDER BY month DESC, size, line_id LIMIT 5"
    assert [(Decimal(one["line_id"]),) for one in rows] == asked(python, text)
    page = "{ nodes { line_id } pageInfo { endCursor } }"
    first = door.ask("steward", f"{{ till {{ linesConnection(first: 2, orderBy: [{{size: DESC}}]) {page} }} }}")
    after = first["till"]["linesConnection"]["pageInfo"]["endCursor"]
    behind = f'(first: 2, after: "{after}", orderBy: [{{size: DESC}}])'
    second = door.ask("steward", f"{{ till {{ linesConnection{behind} {page} }} }}")
    found = [one for page in (first, second) for one in page["till"]["linesConnection"]["nodes"]]
    text = "SELECT line_id FROM till.lines ORDER BY size DESC, line_id LIMIT 4"
    assert [(Decimal(one["line_id"]),) for one in found] == asked(python, text)


@pytest.mark.parametrize("arguments", ["", "(having: {revenue: {_gt: 1200}}, orderBy: [{revenue: DESC}])"])
def test_a_measure_beside_that_of_the_period_before(door: GraphQLDoor, till: Gateway, arguments: str) -> None:
    fields = "sold_at(grain: MONTH) store revenue was: revenue(compare: PREVIOUS) by: revenue(compare: CHANGE)"
    rows = groups(door, fields, arguments=arguments)
    known = {row[:2]: row[2] for row in groups(door, "sold_at(grain: MONTH) store revenue")}
    months = sorted({month for month, _ in known})
    assert rows
    for month, store, revenue, was, change in rows:
        place = months.index(month)
        before = known.get((months[place - 1], store)) if place else None
        assert was == before
        assert change == (None if before is None else revenue - before)


@pytest.mark.parametrize(
    ("selection", "words"),
    [
        ("revenue(compare: CHANGE)", "a grain"),
        ("month store revenue(compare: PREVIOUS)", "a grain"),
        ("a: sold_at(grain: WEEK) b: sold_at(grain: DAY) revenue(compare: PREVIOUS)", "one time"),
        ("sold_at(grain: YEAR) revenue", "no grain YEAR"),
    ],
)
def test_a_comparison_or_a_step_that_means_nothing_is_refused(door: GraphQLDoor, selection: str, words: str) -> None:
    with pytest.raises(Refusal) as refusal:
        groups(door, selection)
    assert words in refusal.value.message
