"""Columns that are used and not shown: attacks through every door, each category with an honest twin that is answered.

The survey's people are in `large`, `medium`, `small` (four households) and `lone`; a group needs five households.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pyarrow as pa
import pytest
import yaml

from gateway import BadQuery, Forbidden, Gateway, Password, Query
from gateway.contracts.visibility import visible_semantics
from gateway.policies import policy
from gateway.policies.policy import PolicyError
from gateway.principal import NEVER, Environment, Principal
from gateway.serving.catalog import Catalog
from ports.http.server import HttpPort
from tests.doors import DOORS, Door, GraphQLDoor, Refusal
from tests.use_world import PEOPLE, RULES, build, income

# category -> (attacks, honest twins). What an attack asks is refused, or leaves out every group of too few.
TWINS: dict[str, tuple[list[str], list[str]]] = {
    "reading the column": (
        [
            "SELECT income FROM survey.people",
            "SELECT p.income AS i FROM survey.people p ORDER BY 1",
            "SELECT survey.people.income FROM survey.people",
            'SELECT "$use$income" FROM survey.people',
            "SELECT DISTINCT income FROM survey.people",
            "SELECT {'i': income} FROM survey.people",
            "SELECT COLUMNS('income') FROM survey.people",
            "SELECT age FROM survey.people ORDER BY income",
            "SELECT age FROM survey.people LIMIT (SELECT max(income) FROM survey.people)",
        ],
        ["SELECT age FROM survey.people", "SELECT * FROM survey.people", "SELECT p FROM survey.people p"],
    ),
    "other aggregates": (
        [
            f"SELECT {call} FROM survey.people"
            for call in (
                "min(income)", "max(income)", "any_value(income)", "list(income)", "median(income)", "mode(income)",
                "string_agg(income, ',')", "arg_max(email, income)", "arg_min(income, age)", "stddev(income)",
                "histogram(income)", "first(income)", "count_if(income > 3)", "bool_or(income > 3)", "mean(income)",
                "list(email ORDER BY income)", "sum(age) FILTER (WHERE income > 1030)", "quantile_cont(income, 0.5)",
            )
        ],
        ["SELECT max(age), count(*), median(age) FROM survey.people"],
    ),
    "expressions in the aggregate": (
        [
            "SELECT sum(income * (person_id = 7)::int) FROM survey.people",
            "SELECT sum(income + 0) FROM survey.people",
            "SELECT sum(-income) FROM survey.people",
            "SELECT sum(CASE WHEN age = 27 THEN income END) FROM survey.people",
            "SELECT sum(if(age = 27, income, 0)) FROM survey.people",
            "SELECT sum(coalesce(income, 0)) FROM survey.people",
            "SELECT sum(income::BIGINT) FROM survey.people",
            "SELECT sum(nullif(age, income)) FROM survey.people",
            "SELECT sum(income) FILTER (WHERE age = 27) FROM survey.people",
            "SELECT sum(DISTINCT income) FROM survey.people",
            "SELECT count(DISTINCT income) FROM survey.people",
            "SELECT count(income > 1030) FROM survey.people",
            "SELECT sum(income ORDER BY age) FROM survey.people",
        ],
        [
            "SELECT sum(income), count(income), avg(income) FROM survey.people",
            "SELECT round(avg(p.income) / 12, 2) AS monthly FROM survey.people p WHERE age > 30",
        ],
    ),
    "windows": (
        [
            "SELECT sum(income) OVER (PARTITION BY email) FROM survey.people",
            "SELECT row_number() OVER (ORDER BY income), email FROM survey.people",
            "SELECT avg(income) - lag(avg(income)) OVER (ORDER BY segment) FROM survey.people GROUP BY segment",
            "SELECT email FROM survey.people QUALIFY income = max(income) OVER ()",
        ],
        ["SELECT row_number() OVER (ORDER BY age), email FROM survey.people"],
    ),
    "filters on the column": (
        [
            "SELECT count(*) FROM survey.people WHERE income > 1030",
            "SELECT count(*) FROM survey.people WHERE income = $1",
            "SELECT email FROM survey.people WHERE income BETWEEN 1030 AND 1031",
            "SELECT count(*) FROM survey.people WHERE income IN (1030, 1031)",
            "SELECT count(*) FROM survey.people WHERE income IS NULL",
            "SELECT count(*) FROM survey.people HAVING income > 3",
            "SELECT avg(income) FROM survey.people WHERE 1030 < income",
            "SELECT age FROM survey.people WHERE (age, income) = (50, 1030)",
        ],
        ["SELECT count(*) FROM survey.people WHERE age > 30"],
    ),
    "filters on what tells entities apart": (
        [
            f"SELECT sum(income) FROM survey.people {clause}"
            for clause in (
                "WHERE household_id <> 7", "WHERE person_id <> 7", "WHERE email <> 'p7@example.com'",
                "WHERE household_id NOT IN (1, 2)", "GROUP BY household_id = 7", "GROUP BY household_id % 2",
                "GROUP BY email LIKE 'p7@%'", "HAVING min(household_id) = 0", "WHERE age > 0 AND NOT person_id = 7",
            )
        ]
        + [
            "SELECT sum(income), household_id FROM survey.people GROUP BY ALL",
            "SELECT household_id AS h, sum(income) FROM survey.people WHERE h <> 7 GROUP BY segment",
            "SELECT sum(o.amount) FROM survey.orders o JOIN survey.people p USING (person_id) WHERE p.email <> 'x'",
            "SELECT sum(o.amount) FROM survey.orders o JOIN survey.people p USING (person_id) GROUP BY p.person_id = 7",
        ],
        [
            "SELECT segment, avg(income), count(DISTINCT household_id) FROM survey.people GROUP BY segment",
            "SELECT p.city, sum(o.amount) FROM survey.orders o JOIN survey.people p USING (person_id) "
            "WHERE p.age > 30 GROUP BY p.city",
            "SELECT sum(p.income) FROM survey.people p JOIN survey.stores s ON p.home_store = s.store_id "
            "WHERE s.name <> 's1'",
        ],
    ),
    "joins that weigh": (
        [
            "SELECT sum(income) FROM survey.people p JOIN (VALUES (7, 1000000)) v(id, w) ON p.person_id = v.id",
            "SELECT sum(p.income) FROM survey.people p, (VALUES (1), (2)) v(w)",
            "SELECT sum(p.income) FROM survey.people p JOIN survey.orders o ON o.person_id = p.person_id",
            "SELECT sum(p.income) FROM survey.people p JOIN survey.orders o USING (person_id)",
            "SELECT sum(p.income) FROM survey.people p CROSS JOIN survey.stores s",
            "SELECT sum(p.income) FROM survey.people p JOIN survey.stores s ON home_store = store_id AND p.age = 27",
            "SELECT sum(p.income) FROM survey.people p JOIN survey.stores s ON p.home_store >= s.store_id",
            "SELECT sum(p.income) FROM survey.people p JOIN survey.stores s ON p.age = s.store_id",
            "SELECT sum(p.income) FROM survey.people p SEMI JOIN survey.orders o ON o.person_id = p.person_id",
            "SELECT sum(p.income) FROM survey.people p NATURAL JOIN survey.orders o",
            "SELECT sum(p.income) FROM survey.people p JOIN survey.people q ON p.household_id = q.household_id",
            "SELECT sum(p.income) FROM survey.people p FULL JOIN survey.stores s ON p.home_store = s.store_id",
            "SELECT sum(p.income) FROM survey.people p POSITIONAL JOIN survey.stores s",
            "SELECT sum(p.income) FROM survey.people p JOIN LATERAL (SELECT p.age = 27 AS w) s ON s.w",
            "SELECT sum(p.income), sum(o.amount) FROM survey.orders o JOIN survey.people p USING (person_id)",
        ],
        [
            "SELECT s.size, avg(p.income) FROM survey.people p JOIN survey.stores s ON p.home_store = s.store_id "
            "GROUP BY s.size",
            "SELECT avg(income) FROM survey.stores s JOIN survey.people p ON s.store_id = p.home_store",
            "SELECT s.size, sum(o.amount) FROM survey.orders o LEFT JOIN survey.people p USING (person_id) "
            "LEFT JOIN survey.stores s ON p.home_store = s.store_id GROUP BY s.size",
        ],
    ),
    "small groups": (
        [
            "SELECT segment, avg(income) AS m FROM survey.people WHERE segment IN ('small', 'lone') GROUP BY segment",
            "SELECT avg(income) AS m FROM survey.people WHERE segment = 'small'",
            "SELECT sum(income) AS m FROM survey.people WHERE age = 27",
            "SELECT age, city, segment, avg(income) AS m FROM survey.people GROUP BY ALL",
            "SELECT segment, count(*) AS m FROM survey.people WHERE age > 71 GROUP BY 1 HAVING sum(income) > 0",
            "SELECT segment AS m FROM survey.people WHERE segment = 'lone' GROUP BY segment ORDER BY avg(income)",
            "SELECT sum(bonus) AS m FROM survey.people WHERE segment = 'large'",
            "SELECT 1 // (sum(income) - sum(income)) AS m FROM survey.people WHERE segment = 'small'",
            "SELECT count(income) AS m FROM survey.people WHERE false",
        ],
        ["SELECT segment, avg(income) FROM survey.people WHERE age > 20 GROUP BY segment"],
    ),
    "other blocks": (
        [
            "SELECT avg(x) FROM (SELECT income AS x FROM survey.people) t",
            "WITH t(x) AS (SELECT income FROM survey.people) SELECT sum(x) FROM t",
            "WITH t AS (SELECT * FROM survey.people) SELECT avg(income) FROM t",
            "SELECT sum(income) FROM survey.people UNION ALL SELECT sum(income) FROM survey.people WHERE age <> 27",
            "SELECT (SELECT sum(income) FROM survey.people) - (SELECT sum(income) FROM survey.people WHERE age <> 27)",
            "SELECT (SELECT sum(p.income) FROM survey.people p WHERE p.age = q.age) FROM survey.people q",
            "SELECT s FROM range(9) t(i), LATERAL (SELECT sum(income) AS s FROM survey.people WHERE age > i) u",
            "SELECT count(*) FROM survey.stores s WHERE EXISTS (SELECT 1 FROM survey.people p WHERE p.income > 3)",
            "SELECT count(*) FROM survey.people p WHERE EXISTS (SELECT 1 FROM survey.stores WHERE p.income > store_id)",
            "SELECT sum(income) FROM survey.people WHERE age IN (SELECT 27)",
            "SELECT sum(income) FROM survey.people WHERE (SELECT age <> 27)",
            "SELECT email FROM survey.people WHERE 1030 = (SELECT income)",
            "FROM survey.people SELECT avg(income) USING SAMPLE 3 ROWS",
            "SELECT avg(income) FROM survey.people TABLESAMPLE reservoir(3 ROWS)",
            "SELECT avg(income) FROM survey.people AS p(a, b, c, d, e, f, income, g)",
            "SELECT avg(#7) FROM survey.people HAVING avg(income) > 0",
            "SELECT avg(income), p FROM survey.people p GROUP BY ALL",
            "SELECT avg(income), to_json(p) FROM survey.people p GROUP BY ALL",
            'SELECT 5 AS "$use$income", avg(income) FROM survey.people HAVING min("$use$income") > 5',
            'SELECT avg(income), min("$entity$household_id") FROM survey.people',
            "SELECT avg(income), COLUMNS(*) FROM survey.people",
            "SELECT avg(income), min(COLUMNS(*)) FROM survey.people",
            "SELECT * FROM (PIVOT survey.people ON city IN ('A', 'B') USING avg(income))",
            "SELECT * FROM (UNPIVOT survey.people ON income INTO NAME n VALUE v)",
        ],
        [
            "SELECT segment, m FROM (SELECT segment, avg(income) AS m FROM survey.people GROUP BY 1) t WHERE m > 5",
            "WITH t AS (SELECT city, sum(income) AS s FROM survey.people GROUP BY city) SELECT max(s) FROM t",
            "SELECT avg(income) AS income FROM survey.people GROUP BY city ORDER BY income DESC LIMIT 1",
        ],
    ),
    "groups": (
        [
            "SELECT income, count(*) FROM survey.people GROUP BY income",
            "SELECT count(*) FROM survey.people GROUP BY income",
            "SELECT count(*) FROM survey.people GROUP BY income // 10",
            "SELECT income // 10 AS g, avg(income) FROM survey.people GROUP BY g",
            "SELECT segment, avg(income) FROM survey.people GROUP BY ROLLUP (segment)",
            "SELECT segment, city, avg(income) FROM survey.people GROUP BY CUBE (segment, city)",
            "SELECT segment, avg(income) FROM survey.people GROUP BY GROUPING SETS ((segment), ())",
            "SELECT DISTINCT ON (income) email FROM survey.people",
        ],
        [
            "SELECT age // 30 AS g, avg(income) FROM survey.people GROUP BY g",
            "SELECT segment, city, sum(income) FROM survey.people GROUP BY ALL ORDER BY sum(income)",
            "SELECT city FROM survey.people GROUP BY city HAVING avg(income) > 1000 AND count(*) > 3",
        ],
    ),
    "join-only columns": (
        [
            "SELECT card FROM survey.orders",
            "SELECT count(*) FROM survey.orders WHERE card = 'card-1'",
            "SELECT count(*) FROM survey.orders WHERE card = $1",
            "SELECT count(*) FROM survey.orders WHERE card LIKE 'card-1%'",
            "SELECT count(*) FROM survey.orders o JOIN (VALUES ('card-1')) v(card) ON o.card = v.card",
            "SELECT count(*) FROM survey.orders o JOIN (SELECT 'card-1' AS card) v USING (card)",
            "SELECT count(*) FROM survey.orders o JOIN survey.cards c ON o.card = c.card AND c.card = 'card-1'",
            "SELECT count(*) FROM survey.orders o JOIN survey.cards c ON o.card = 'card-1'",
            "SELECT count(*) FROM survey.orders o JOIN survey.people p ON o.card = p.email",
            "SELECT count(*) FROM survey.orders o JOIN survey.orders p ON o.card = p.card",
            "SELECT count(*) FROM survey.orders o JOIN survey.cards c ON o.card < c.card",
            "SELECT count(*) FROM survey.orders o JOIN survey.cards c ON o.card || '' = c.card",
            "SELECT card, count(*) FROM survey.orders GROUP BY card",
            "SELECT min(card), max(card) FROM survey.orders",
            "SELECT count(card) FROM survey.orders",
            "SELECT count(DISTINCT card) FILTER (WHERE card > 'card-1') FROM survey.orders",
            "SELECT order_id FROM survey.orders ORDER BY card",
            "SELECT count(DISTINCT card), min(COLUMNS(*)) FROM survey.orders",
            "SELECT count(*) FROM survey.orders GROUP BY card > 'card-1'",
            "SELECT count(*) FROM survey.orders GROUP BY card HAVING card = 'card-1'",
            "SELECT issuer FROM survey.cards WHERE card = 'card-1'",
            "SELECT count(DISTINCT a.card), count(DISTINCT b.card) FROM survey.orders a NATURAL JOIN survey.cards b",
            "SELECT count(*) FROM survey.orders o WHERE EXISTS (SELECT 1 FROM survey.cards c WHERE o.card = c.card)",
            "SELECT order_id FROM survey.orders o WHERE 'card-1' IN (SELECT o.card)",
            "SELECT count(*), o FROM survey.orders o JOIN survey.cards c ON o.card = c.card GROUP BY ALL",
            "SELECT count(*), (SELECT o) FROM survey.orders o JOIN survey.cards c ON o.card = c.card GROUP BY ALL",
        ],
        [
            "SELECT c.issuer, count(*) FROM survey.orders o JOIN survey.cards c ON o.card = c.card GROUP BY c.issuer",
            "SELECT c.issuer, count(DISTINCT o.card) FROM survey.orders o JOIN survey.cards c USING (card) GROUP BY 1",
            "SELECT o.order_id, c.issuer FROM survey.cards c JOIN survey.orders o ON o.card = c.card ORDER BY 1",
            "SELECT o.*, c.* FROM survey.orders o JOIN survey.cards c ON o.card = c.card",
            "SELECT count(DISTINCT card) FROM survey.orders",
            "SELECT count(*) FROM survey.orders GROUP BY card",
            "SELECT n FROM (SELECT count(*) AS n FROM survey.orders GROUP BY card) t WHERE n > 1",
            "SELECT c.issuer, sum(o.amount) FROM survey.orders o JOIN survey.cards c USING (card) GROUP BY c.issuer",
        ],
    ),
    "measures by name": (
        [
            "SELECT MEASURE(top_income) FROM survey.people",
            "SELECT MEASURE(young_income) FROM survey.people",
            "SELECT MEASURE(mean_bonus) FROM survey.people",
            "SELECT MEASURE(largest) FROM survey.orders",
            "SELECT MEASURE(total_income) FILTER (WHERE age = 27) FROM survey.people",
            "SELECT MEASURE(total_income) FILTER (WHERE income > 1030) FROM survey.people",
            "SELECT MEASURE(mean_income) AS m FROM survey.people WHERE segment = 'small'",
            "SELECT household_id, MEASURE(mean_income) FROM survey.people GROUP BY 1",
            "SELECT person_id, MEASURE(total_income) FROM survey.people GROUP BY 1",
            "SELECT MEASURE(total_income) AS m FROM survey.people WHERE household_id = 3",
            "SELECT age, city, segment, MEASURE(mean_income) AS m FROM survey.people GROUP BY 1, 2, 3",
            "SELECT segment, home_store, city, MEASURE(income_per_head) AS m FROM survey.people "
            "WHERE segment <> 'large' GROUP BY 1, 2, 3",
            "SELECT segment, MEASURE(mean_income) FROM survey.people GROUP BY ROLLUP (segment)",
            "SELECT a.t - b.t AS m FROM (SELECT MEASURE(total_income) AS t FROM survey.people) a, "
            "(SELECT MEASURE(total_income) AS t FROM survey.people WHERE age <> 27) b",
            "SELECT MEASURE(total_income) AS m FROM survey.people WHERE age < 28",
            "SELECT p.email, MEASURE(o.revenue) FROM survey.orders o JOIN survey.people p USING (person_id) GROUP BY 1",
            "SELECT p.age, MEASURE(o.revenue) AS m FROM survey.orders o JOIN survey.people p USING (person_id) "
            "GROUP BY 1",
            "SELECT s.name, MEASURE(p.mean_income) FROM survey.people p JOIN survey.stores s "
            "ON s.store_id > p.home_store GROUP BY 1",
        ],
        [
            "SELECT segment, MEASURE(mean_income) AS m FROM survey.people GROUP BY 1",
            "SELECT MEASURE(total_income) / MEASURE(earners) AS m FROM survey.people",
            "SELECT segment, MEASURE(income_per_head) AS m, MEASURE(oldest) AS o FROM survey.people GROUP BY 1 "
            "HAVING MEASURE(heads) > 1 ORDER BY MEASURE(mean_income)",
            "SELECT s.size, MEASURE(p.mean_income) AS m FROM survey.people p JOIN survey.stores s "
            "ON s.store_id = p.home_store GROUP BY 1",
            "SELECT p.segment, MEASURE(o.revenue) AS m FROM survey.orders o JOIN survey.people p USING (person_id) "
            "WHERE p.segment = 'large' GROUP BY 1",
            "SELECT MEASURE(mean_income) AS m FROM survey.people WHERE city = 'A'",
            "SELECT SUM(total_income) AS m FROM survey.people WHERE age > 30",
        ],
    ),
}  # fmt: skip
ATTACKS = [pytest.param(text, id=f"{name}: {text[:70]}") for name, (found, _) in TWINS.items() for text in found]
HONEST = [pytest.param(text, id=f"{name}: {text[:70]}") for name, (_, found) in TWINS.items() for text in found]


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    found = Gateway(build(tmp_path_factory.mktemp("survey")))
    yield found
    found.close()


@pytest.mark.parametrize(
    ("condition", "answered"),
    [
        ("order_id IN (SELECT unnest($1))", True),
        ("card IN (SELECT unnest($1))", False),
        ("order_id IN (SELECT unnest([card]))", False),
        ("order_id IN (SELECT unnest($1) WHERE card > 'a')", False),
        ("order_id IN (SELECT unnest($1) UNION SELECT 1)", False),
        ("order_id IN (SELECT unnest($1) FROM survey.cards)", False),
        ("order_id = (SELECT unnest($1) LIMIT 1)", False),
    ],
)
def test_a_list_that_is_given_may_choose_rows_beside_a_used_column(
    gateway: Gateway, condition: str, answered: bool
) -> None:
    session = gateway.open(Password("partner", "partner-secret"), "python")
    query = Query(f"SELECT count(DISTINCT card) AS n FROM survey.orders WHERE {condition}", ([1, 2, 3],))
    if answered:
        with gateway.answer(session, query) as result:
            assert [row for batch in result.batches() for row in batch.to_pylist()] == [{"n": 2}]
        return
    with pytest.raises((Forbidden, BadQuery)):
        gateway.answer(session, query).close()


@pytest.fixture(scope="module", params=list(DOORS))
def door(request: pytest.FixtureRequest, gateway: Gateway) -> Iterator[Door]:
    opened: Door = DOORS[request.param](gateway)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def inside(gateway: Gateway) -> Door:
    opened: Door = DOORS["python"](gateway)
    return opened


def asked(door: Door, text: str) -> pa.Table | Refusal:
    """What partner is told."""
    try:
        return door.ask("partner", text, *([1030] if "$1" in text else []))
    except Refusal as refusal:
        return refusal


@pytest.mark.parametrize("text", ATTACKS)
def test_an_attack_on_a_used_column_is_refused_or_finds_no_group(inside: Door, text: str) -> None:
    answer = asked(inside, text)
    if isinstance(answer, Refusal):
        assert answer.code in {"forbidden", "bad_query"}
    else:
        assert answer.num_rows == 0
        assert answer.schema.names[-1] == "m"


def test_every_door_holds_them_all(door: Door) -> None:
    """Statement by statement, bound by its own protocol: simple and extended messages, texts and binary, Arrow."""
    got = []
    for found, _ in TWINS.values():
        for text in found:
            answer = asked(door, text)
            if answer.code not in {"forbidden", "bad_query"} if isinstance(answer, Refusal) else answer.num_rows:
                got.append(text)
    assert got == []


@pytest.mark.parametrize("text", HONEST)
def test_its_honest_twin_is_answered_as_one_who_sees_the_column_is(inside: Door, text: str) -> None:
    shown = inside.ask("partner", text)
    whole = inside.ask("steward", text)
    assert shown.num_rows > 0
    if "*" in text.split(" FROM ")[0].replace("count(*)", "") or "SELECT p " in text:
        return
    assert shown.schema == whole.schema
    assert all(row in whole.to_pylist() for row in shown.to_pylist())


def test_a_group_of_too_few_entities_is_absent_and_the_others_are_right(door: Door) -> None:
    text = "SELECT segment, avg(income) AS mean, count(*) AS n FROM survey.people GROUP BY segment ORDER BY segment"
    assert door.ask("partner", text).to_pylist() == [
        {"segment": "large", "mean": 1019.5, "n": 40},
        {"segment": "medium", "mean": 1045.5, "n": 12},
    ]
    assert door.ask("steward", text).num_rows == 4


def test_a_measure_over_a_used_column_exists_by_name_and_keeps_its_floor(door: Door) -> None:
    items = "segment, city, MEASURE(mean_income) AS mean, MEASURE(income_per_head) AS per"
    text = f"SELECT {items} FROM survey.people GROUP BY ALL"
    whole, shown = (door.ask(subject, text).to_pylist() for subject in ("steward", "partner"))
    # Each household has one person in each city.
    large = [row for row in whole if row["segment"] in {"large", "medium"}]
    assert sorted(shown, key=str) == sorted(large, key=str)
    assert len(whole) == 8
    listed = "SELECT name FROM semantic.measures WHERE \"table\" = 'people' ORDER BY name"
    names = [row["name"] for row in door.ask("partner", listed).to_pylist()]
    assert names == ["earners", "heads", "income_per_head", "mean_income", "oldest", "total_income"]


@pytest.mark.parametrize(
    ("measure", "words"),
    [
        ("top_income", "top_income does more with income than count, sum, avg of it"),
        ("young_income", "young_income does more with income"),
        ("income_per_head", "is over none of these columns: grant heads, total_income, which it is made of"),
        ("oldest", "oldest is over none of these columns"),
        ("nothing", "there is no measure nothing"),
    ],
)
def test_a_measure_that_tells_more_is_not_granted(gateway: Gateway, tmp_path: Path, measure: str, words: str) -> None:
    rules = [*RULES]
    use = {"columns": ["income"], "as": "aggregate", "k": 5, "entity": "household_id", "measures": [measure]}
    rules[1] = {**rules[1], "use": use}
    (tmp_path / "masks.yaml").write_text((gateway.settings.policies / "masks.yaml").read_text())
    (tmp_path / "survey.yaml").write_text(yaml.safe_dump(rules))
    served = [one.product for one in Catalog(gateway.settings.state).current().snapshots]
    with pytest.raises(PolicyError, match=words):
        policy.load(tmp_path, served)


def test_a_measure_that_not_every_use_names_does_not_exist(gateway: Gateway, tmp_path: Path) -> None:
    also = {**RULES[1], "id": "k9", "use": {"columns": ["income"], "as": "aggregate", "k": 9, "entity": "household_id"}}
    (tmp_path / "masks.yaml").write_text((gateway.settings.policies / "masks.yaml").read_text())
    (tmp_path / "survey.yaml").write_text(yaml.safe_dump([*RULES, also]))
    (product,) = [one.product for one in Catalog(gateway.settings.state).current().snapshots]
    table = product.table("people")
    principal = Principal("p", "person", {"role": ("partner",)}, NEVER)
    environment = Environment("rest", None, "query", time.time())
    decision = policy.load(tmp_path, [product]).decide(principal, product, table, environment, frozenset())
    assert [one.name for one in visible_semantics(decision, table)] == ["heads", "oldest"]


def test_the_whole_is_a_group_too(door: Door) -> None:
    (row,) = door.ask("partner", "SELECT sum(income) AS s FROM survey.people").to_pylist()
    assert row["s"] == sum(map(income, range(PEOPLE)))
    assert door.ask("partner", "SELECT sum(income) AS s FROM survey.people WHERE segment = 'small'").num_rows == 0


def test_a_star_leaves_used_columns_out(door: Door) -> None:
    answer = door.ask("partner", "SELECT * FROM survey.people")
    assert answer.num_rows == PEOPLE
    assert not {"income", "bonus"} & set(answer.schema.names)
    assert {"income", "bonus"} <= set(door.ask("steward", "SELECT * FROM survey.people").schema.names)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("SELECT income FROM survey.people", "only for aggregates over at least 5 household_id: it is not shown"),
        ("SELECT max(income) FROM survey.people", "max is not one of count, sum, avg"),
        ("SELECT sum(income) FROM survey.people WHERE household_id = 7", '"household_id" tells rows apart'),
        ("SELECT order_id FROM survey.orders WHERE card = 'card-1'", "only for joins: no filter compares it"),
        ("SELECT x.income FROM (SELECT * FROM survey.people) x", "only for aggregates over at least 5 household_id"),
    ],
)
def test_a_refusal_says_what_the_column_is_for(door: Door, text: str, words: str) -> None:
    with pytest.raises(Refusal) as refusal:
        door.ask("partner", text)
    assert refusal.value.code == "forbidden"
    assert words in refusal.value.message


def test_a_join_only_column_joins_along_its_relationship(door: Door) -> None:
    text = (
        "SELECT c.issuer, count(*) AS n, count(DISTINCT o.card) AS cards "
        "FROM survey.orders o JOIN survey.cards c ON o.card = c.card GROUP BY c.issuer ORDER BY 1"
    )
    assert door.ask("partner", text).to_pylist() == door.ask("steward", text).to_pylist() != []


def test_entities_without_a_value_do_not_count(inside: Door) -> None:
    text = "SELECT segment, count(bonus) AS n FROM survey.people GROUP BY segment"
    assert [row["segment"] for row in inside.ask("partner", text).to_pylist()] == ["medium"]
    assert inside.ask("steward", text).num_rows == 4


def test_what_rests_on_a_used_column_is_no_part_of_a_lookup(gateway: Gateway) -> None:
    session = gateway.open(Password("partner", "partner-secret"), "python")
    with (
        pytest.raises(Exception, match="only for joins"),
        gateway.answer(session, Query("SELECT issuer FROM survey.cards WHERE card = $1", ("card-1",))) as result,
    ):
        list(result.batches())


class Rest:
    """The survey's addresses as partner asks them."""

    def __init__(self, gateway: Gateway) -> None:
        self._port = HttpPort(gateway)
        self._port.start()
        host, number = self._port.address
        self._client = httpx.Client(base_url=f"http://{host}:{number}", timeout=60, auth=("partner", "partner-secret"))

    def get(self, address: str, **headers: str) -> httpx.Response:
        return self._client.get(address, headers=headers)

    def close(self) -> None:
        self._client.close()
        self._port.stop()


@pytest.fixture(scope="module")
def rest(gateway: Gateway) -> Iterator[Rest]:
    opened = Rest(gateway)
    yield opened
    opened.close()


def test_an_address_aggregates_a_used_column(rest: Rest) -> None:
    answer = rest.get("/products/survey/people?select=segment,income.avg(),n:count()&order=segment")
    assert answer.json()["data"] == [
        {"segment": "large", "avg": 1019.5, "n": 40},
        {"segment": "medium", "avg": 1045.5, "n": 12},
    ]
    assert rest.get("/products/survey/people?select=income.sum()&segment=eq.small").json()["data"] == []


def test_a_page_leaves_used_columns_out_and_counts_as_ever(rest: Rest) -> None:
    answer = rest.get("/products/survey/people?limit=1", Prefer="count=exact")
    assert "income" not in answer.json()["data"][0]
    assert answer.headers["Content-Range"].endswith(f"/{PEOPLE}")
    assert "income" not in rest.get("/products/survey/people/7").json()["data"]


@pytest.mark.parametrize(
    "address",
    [
        "people?select=income",
        "people?select=income::text",
        "people?select=segment,income.max()",
        "people?select=income::text.count()",
        "people?income=gt.1030",
        "people?order=income",
        "people?or=(income.gt.3,age.gt.3)",
        "people?select=income.sum()&household_id=neq.7",
        "people?select=household_id,income.sum()",
        "people/7?select=income",
        "cards/card-1",
        "cards?card=eq.card-1",
        "orders?select=order_id,cards(issuer)",
        "people?select=email,orders(amount.sum())",
    ],
)
def test_an_address_does_nothing_else_with_it(rest: Rest, address: str) -> None:
    answer = rest.get(f"/products/survey/{address}")
    assert answer.status_code in {400, 403, 404}, answer.text


def test_what_a_used_column_may_do_stands_in_the_catalogs(rest: Rest, gateway: Gateway) -> None:
    described = rest.get("/products/survey").json()["data"]
    (people,) = [one for one in described["tables"] if one["name"] == "people"]
    told = {one["name"]: one["use"] for one in people["columns"]}
    assert told["income"] == {"as": "aggregate", "of": {"household_id": 5}}
    assert told["age"] is None
    assert people["key"] == ["person_id"]
    (cards,) = [one for one in described["tables"] if one["name"] == "cards"]
    assert (cards["key"], cards["columns"][0]["use"]) == ([], {"as": "join"})


DOCUMENTS = [
    "people { income }",
    "people { age x: bonus }",
    "people(where: {income: {_gt: 1030}}) { age }",
    "people(where: {_not: {income: {_isNull: true}}}) { age }",
    "people(orderBy: [{income: DESC}]) { age }",
    "people(where: {orders: {amount: {_gt: 3}}}) { age }",
    "peopleConnection(orderBy: [{bonus: ASC}]) { edges { cursor } }",
    "peopleMeasures { income }",
    "orders { card }",
    "orders { cards { issuer } }",
    'orders(where: {cards: {issuer: {_eq: "red"}}}) { order_id }',
    'cards(where: {card: {_eq: "card-1"}}) { issuer }',
    'cardsByKey(card: "card-1") { issuer }',
    "cardsConnection { nodes { card } }",
    "cards { orders { order_id } }",
]


def test_graphql_has_no_name_for_a_used_column(gateway: Gateway) -> None:
    door = GraphQLDoor(gateway)
    told = {}
    try:
        for selection in DOCUMENTS:
            with pytest.raises(Refusal) as refusal:
                door.ask("partner", f"{{ survey {{ {selection} }} }}")
            told[selection] = refusal.value.code
        pages = "cardsConnection(first: 1) { edges { cursor node { issuer } } }"
        asked = f"people(limit: 1) {{ age }} cards(limit: 1) {{ issuer }} {pages}"
        honest = door.ask("partner", f"{{ survey {{ {asked} }} }}")["survey"]
        schema = door.answer("partner", "{ __schema { types { name fields { name } inputFields { name } } } }").text
    finally:
        door.close()
    assert set(told.values()) == {"GRAPHQL_VALIDATION_FAILED"}, told
    assert honest["people"] == [{"age": 20}]
    assert honest["cards"] == [one["node"] for one in honest["cardsConnection"]["edges"]]
    assert not re.search(r'"(income|bonus|amount|card)"', schema)


class _Demo:
    """The survey as the demo has it: the page may look as its two principals."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self.settings = gateway.settings.model_copy(update={"demo": True})

    def __getattr__(self, name: str) -> Any:
        return getattr(self._gateway, name)

    def personas(self) -> tuple[str, ...]:
        return ("partner", "steward")


def test_the_page_shows_no_value_of_a_used_column(gateway: Gateway) -> None:
    port = HttpPort(_Demo(gateway))  # type: ignore[arg-type]
    port.start()
    host, number = port.address
    pages = {}
    for persona in ("partner", "steward"):
        address = f"http://{host}:{number}/hub/survey?as={persona}"
        pages[persona] = httpx.get(address, timeout=60).text
    port.stop()
    values = re.compile(r"\b10[0-6]\d\b|\bcard-\d")
    assert not values.search(pages["partner"])
    assert values.search(pages["steward"])
    assert "income" in pages["partner"]
