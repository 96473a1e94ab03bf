"""MEASURE wherever an aggregate may stand: each shape answered as the query that spells the measure out."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from gateway import Gateway
from tests.doors import DOORS, Door, Refusal
from tests.measure_world import build

L = "till.lines"
# What stands for a measure in the query that spells it out.
SPELLED = {
    "MEASURE(revenue)": "sum(l.amount)",
    "MEASURE(baskets)": "count(DISTINCT l.basket_id)",
    "MEASURE(line_count)": "count(*)",
    "MEASURE(average_basket)": "(sum(l.amount) / nullif(count(DISTINCT l.basket_id), 0))",
    "MEASURE(large_revenue)": "(sum(l.amount) FILTER (WHERE l.amount >= 50))",
    "MEASURE(mean_amount)": "avg(l.amount)",
}
SHAPES = {
    "alone": f"SELECT MEASURE(revenue) FROM {L} l",
    "grouped": f"SELECT store, MEASURE(revenue) FROM {L} l GROUP BY store ORDER BY store",
    "having": f"SELECT store FROM {L} l GROUP BY store HAVING MEASURE(average_basket) > 170 ORDER BY 1",
    "order": f"SELECT store FROM {L} l GROUP BY store ORDER BY MEASURE(baskets) DESC, MEASURE(revenue) DESC",
    "order by alias": f"SELECT store, MEASURE(revenue) AS r FROM {L} l GROUP BY 1 ORDER BY r DESC LIMIT 2",
    "qualify": f"SELECT store, MEASURE(revenue) AS r FROM {L} l GROUP BY 1 QUALIFY rank() OVER (ORDER BY "
    "MEASURE(revenue) "
    "DESC) <= 2 ORDER BY 2",
    "share of all": f"SELECT store, MEASURE(revenue) / sum(MEASURE(revenue)) OVER () FROM {L} l GROUP BY 1 ORDER BY 1",
    "running": f"SELECT store, sum(MEASURE(revenue)) OVER (ORDER BY store) FROM {L} l GROUP BY 1 ORDER BY 1",
    "lag": f"SELECT store, MEASURE(revenue) - lag(MEASURE(revenue)) OVER (ORDER BY store) FROM {L} l GROUP BY 1 "
    "ORDER BY 1",
    "rank by": f"SELECT store, row_number() OVER (ORDER BY MEASURE(average_basket)) FROM {L} l GROUP BY 1 ORDER BY 1",
    "partition": f"SELECT store, l.amount > 50 AS big, sum(MEASURE(revenue)) OVER (PARTITION BY store) FROM {L} l "
    "GROUP BY 1, 2 ORDER BY ALL",
    "filter": f"SELECT MEASURE(revenue) FILTER (WHERE store = 1) AS one, MEASURE(revenue) FROM {L} l",
    "filter of a filter": f"SELECT MEASURE(large_revenue) FILTER (WHERE store < 3) FROM {L} l",
    "filter of a ratio": f"SELECT store, MEASURE(average_basket) FILTER (WHERE l.amount > 20) FROM {L} l GROUP BY "
    "1 ORDER BY 1",
    "case": f"SELECT store, CASE WHEN MEASURE(revenue) > 2000 THEN 'high' ELSE 'low' END FROM {L} l GROUP BY 1 "
    "ORDER BY 1",
    "coalesce": f"SELECT store, coalesce(MEASURE(large_revenue), 0) + 1 FROM {L} l GROUP BY 1 ORDER BY 1",
    "round and cast": f"SELECT round(MEASURE(average_basket), 2)::VARCHAR FROM {L} l",
    "arithmetic": f"SELECT 100 * MEASURE(large_revenue) / nullif(MEASURE(revenue), 0) - 1 FROM {L} l",
    "in a struct": f"SELECT struct_pack(r := MEASURE(revenue), b := MEASURE(baskets)) FROM {L} l",
    "in a list": f"SELECT [MEASURE(revenue), MEASURE(mean_amount)] FROM {L} l",
    "subquery": f"SELECT max(r) FROM (SELECT store, MEASURE(revenue) AS r FROM {L} l GROUP BY 1)",
    "superset": f'SELECT store AS store, r AS r FROM (SELECT store, MEASURE(revenue) AS r FROM {L} l GROUP BY '
    'store) AS '
    '"virtual_table" GROUP BY store, r ORDER BY r DESC LIMIT 3',
    "cte": f"WITH s AS (SELECT store, MEASURE(revenue) AS r FROM {L} l GROUP BY 1) SELECT store FROM s WHERE r > "
    "(SELECT avg(r) FROM s) ORDER BY 1",
    "cte read twice": f"WITH s AS (SELECT store, MEASURE(baskets) AS b FROM {L} l GROUP BY 1) SELECT a.store, b.b "
    "FROM s a "
    "JOIN s b ON a.store = b.store + 1 ORDER BY 1",
    "union": f"SELECT 'all' AS what, MEASURE(revenue) FROM {L} l UNION ALL SELECT 'some', MEASURE(revenue) FROM {L} l "
    "WHERE store = 1 ORDER BY 1",
    "except": f"SELECT MEASURE(revenue) FROM {L} l EXCEPT SELECT MEASURE(revenue) FROM {L} l WHERE store = 2",
    "scalar subquery": f"SELECT store, (SELECT MEASURE(revenue) FROM {L} l) FROM {L} GROUP BY 1 ORDER BY 1",
    "correlated": f"SELECT DISTINCT o.store, (SELECT MEASURE(revenue) FROM {L} l WHERE l.store = o.store) FROM {L} o "
    "ORDER BY 1",
    "correlated in where": f"SELECT o.line_id FROM {L} o WHERE o.amount * 40 > (SELECT MEASURE(revenue) FROM {L} l "
    "WHERE l.store = o.store) ORDER BY 1",
    "exists": f"SELECT count(*) FROM till.products p WHERE EXISTS (SELECT MEASURE(revenue) FROM {L} l "
    "WHERE l.product_id = p.product_id HAVING MEASURE(revenue) > 500)",
    "in": f"SELECT count(*) FROM {L} WHERE store IN (SELECT store FROM {L} l GROUP BY 1 HAVING MEASURE(baskets) > 11)",
    "lateral": f"SELECT p.product_id, x.r FROM till.products p, LATERAL (SELECT MEASURE(revenue) AS r FROM {L} l WHERE "
    "l.product_id = p.product_id) x ORDER BY 1",
    "rollup": f"SELECT store, l.amount > 50 AS big, MEASURE(average_basket) FROM {L} l GROUP BY ROLLUP (1, 2) "
    "ORDER BY ALL",
    "cube": f"SELECT store, size, MEASURE(revenue) FROM (SELECT 1) z, {L} l GROUP BY CUBE (store, l.basket_id % "
    "2), size "
    "ORDER BY ALL".replace("size", "l.basket_id % 2"),
    "grouping sets": f"SELECT store, MEASURE(baskets), grouping(store) FROM {L} l GROUP BY GROUPING SETS ((store), ()) "
    "ORDER BY ALL",
    "distinct": f"SELECT DISTINCT MEASURE(baskets) FROM {L} l GROUP BY store ORDER BY 1",
    "distinct on": f"SELECT DISTINCT ON (store) store, l.amount > 50 AS big, MEASURE(revenue) FROM {L} l GROUP BY 1, 2 "
    "ORDER BY 1, 3 DESC",
    "group by all": f"SELECT store, MEASURE(revenue), MEASURE(baskets) FROM {L} l GROUP BY ALL ORDER BY ALL",
    "join": f"SELECT p.department, MEASURE(revenue) FROM {L} l JOIN till.products p USING (product_id) GROUP BY 1 "
    "ORDER BY 1",
    "derived beside": f"SELECT store, MEASURE(revenue) AS r, MEASURE(baskets) AS b, r / b FROM {L} l GROUP BY 1 "
    "ORDER BY 1",
    "tableau": f'SELECT "l"."store" AS "store", MEASURE(revenue) AS "sum:revenue:ok" FROM {L} "l" GROUP BY 1 HAVING '
    "(COUNT(1) > 0) ORDER BY 1",
    "time": f"SELECT date_trunc('month', sold_at) AS __timestamp, MEASURE(revenue) FROM {L} l WHERE sold_at >= "
    "TIMESTAMP '2017-02-01' GROUP BY 1 ORDER BY 1",
    "empty": f"SELECT MEASURE(revenue), MEASURE(line_count), MEASURE(average_basket) FROM {L} l WHERE store = 99",
    "no rows grouped": f"SELECT store, MEASURE(revenue) FROM {L} l WHERE store = 99 GROUP BY 1",
    "between": f"SELECT store FROM {L} l GROUP BY 1 HAVING MEASURE(revenue) BETWEEN 1900 AND 2100 ORDER BY 1",
    "compared": f"SELECT store FROM {L} l GROUP BY 1 HAVING MEASURE(large_revenue) > MEASURE(revenue) / 2 ORDER BY 1",
    "values beside": f"SELECT v.n, MEASURE(revenue) FROM {L} l JOIN (VALUES (2)) v(n) ON l.store < v.n GROUP BY 1",
    "window frame": f"SELECT store, avg(MEASURE(revenue)) OVER (ORDER BY store ROWS BETWEEN 1 PRECEDING AND "
    "CURRENT ROW) "
    f"FROM {L} l GROUP BY 1 ORDER BY 1",
    "nested twice": f"SELECT sum(m) FROM (SELECT big, max(r) AS m FROM (SELECT store, l.amount > 50 AS big, "
    "MEASURE(revenue) "
    f"AS r FROM {L} l GROUP BY ALL) GROUP BY big)",
}  # fmt: skip


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    found = Gateway(build(tmp_path_factory.mktemp("till")))
    yield found
    found.close()


@pytest.fixture(scope="module")
def inside(gateway: Gateway) -> Door:
    opened: Door = DOORS["python"](gateway)
    return opened


def spelled(text: str) -> str:
    """The query with its measures written out; a FILTER goes into each of their aggregates."""
    text = text.replace(
        "MEASURE(large_revenue) FILTER (WHERE store < 3)", "sum(l.amount) FILTER (WHERE l.amount >= 50 AND store < 3)"
    ).replace(
        "MEASURE(average_basket) FILTER (WHERE l.amount > 20)",
        "(sum(l.amount) FILTER (WHERE l.amount > 20) / "
        "nullif(count(DISTINCT l.basket_id) FILTER (WHERE l.amount > 20), 0))",
    )
    for measure, meaning in SPELLED.items():
        text = text.replace(measure, meaning)
    return text


@pytest.mark.parametrize("text", [pytest.param(text, id=name) for name, text in SHAPES.items()])
@pytest.mark.parametrize("subject", ["steward", "analyst"])
def test_a_measure_stands_wherever_an_aggregate_may(inside: Door, text: str, subject: str) -> None:
    told, there = inside.ask(subject, text), inside.ask(subject, spelled(text))
    assert [list(row.values()) for row in told.to_pylist()] == [list(row.values()) for row in there.to_pylist()]


@pytest.mark.parametrize("name", ["postgres", "postgres-prepared", "postgres-binary", "flightsql"])
def test_the_shapes_are_the_same_at_doors_with_a_dialect(gateway: Gateway, name: str) -> None:
    door: Door = DOORS[name](gateway)
    differ = []
    for shape, text in SHAPES.items():
        told, there = (
            [list(row.values()) for row in door.ask("steward", one).to_pylist()] for one in (text, spelled(text))
        )
        if told != there:
            differ.append(shape)
    door.close()
    assert differ == []


@pytest.mark.parametrize("name", ["python", "rest", "flightsql", "postgres-prepared", "postgres-binary"])
@pytest.mark.parametrize(
    "text",
    [
        f"SELECT store, MEASURE(revenue) FILTER (WHERE store > ?) FROM {L} l GROUP BY 1 ORDER BY 1",
        f"SELECT store FROM {L} l GROUP BY 1 HAVING MEASURE(line_count) > ? * 20 ORDER BY 1",
        f"SELECT MEASURE(revenue) * ? AS r FROM {L} l",
        f"SELECT CASE WHEN MEASURE(baskets) > ? THEN MEASURE(revenue) END AS r FROM {L} l",
    ],
)
def test_parameters_stand_beside_measures(gateway: Gateway, name: str, text: str) -> None:
    door: Door = DOORS[name](gateway)
    text = text.replace("?", "$1") if name.startswith("postgres") else text
    told, there = (door.ask("steward", one, 2).to_pylist() for one in (text, spelled(text)))
    door.close()
    assert [list(row.values()) for row in told] == [list(row.values()) for row in there]


REFUSED = {
    f"SELECT store FROM {L} WHERE MEASURE(revenue) > 3": "WHERE chooses rows, and HAVING groups",
    f"SELECT MEASURE(revenue) FROM {L} GROUP BY MEASURE(revenue)": "groups are made by columns",
    f"SELECT sum(MEASURE(revenue)) FROM {L}": "sum\\(\\) aggregates rows",
    f"SELECT MEASURE(revenue) OVER () FROM {L}": "OVER goes around it",
    f"SELECT MEASURE(DISTINCT revenue) FROM {L}": "takes no DISTINCT",
    f"SELECT MEASURE(revenue ORDER BY store) FROM {L}": "takes no DISTINCT and no ORDER BY",
    f"SELECT MEASURE(revenue, store) FROM {L}": "takes the name of one measure",
    f"SELECT MEASURE(revenue + 1) FROM {L}": "takes the name of one measure",
    f"SELECT MEASURE('revenue') FROM {L}": "takes the name of one measure",
    f"SELECT MEASURE(amount) FROM {L}": "is a column, and MEASURE takes a measure",
    f"SELECT MEASURE(month) FROM {L}": "is a dimension, and MEASURE takes a measure",
    f"SELECT MEASURE(revenu) FROM {L}": "does not exist",
    f"SELECT revenue FROM {L} GROUP BY store": "is a measure: it has a value for a group",
    f"SELECT AVG(revenue) FROM {L}": "is not what the measure revenue is",
    f"SELECT MAX(average_basket) FROM {L}": "is not what the measure",
    "SELECT MEASURE(revenue)": "does not exist",
    f"SELECT MEASURE(revenue) FROM (SELECT * FROM {L}) x": "does not exist",
    f"SELECT MEASURE(revenue) FROM {L} USING SAMPLE 10%": "sample by system blocks",
    f"SELECT * FROM {L} a JOIN {L} b ON a.store = MEASURE(b.revenue)": "a join's condition compares columns",
    f"SELECT MEASURE(revenue) FILTER (WHERE MEASURE(revenue) > 1) FROM {L}": "a filter chooses rows",
    f"SELECT list_transform([1], x -> MEASURE(revenue)) FROM {L}": "MEASURE stands in the select list",
}


@pytest.mark.parametrize(("text", "words"), REFUSED.items(), ids=list(REFUSED))
def test_what_means_nothing_is_refused_in_words(inside: Door, text: str, words: str) -> None:
    with pytest.raises(Refusal, match=words) as refusal:
        inside.ask("steward", text)
    assert refusal.value.code == "bad_query"
    assert "internal" not in refusal.value.message.lower()
