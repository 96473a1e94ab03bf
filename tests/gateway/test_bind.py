"""Binding: every name is a granted table or one of the query's own, and what runs is what was checked."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.binding import bind
from gateway.binding.bind import Lookup, Page, Query, Scan
from gateway.decision import Treatment
from gateway.errors import BadQuery, NotFound
from gateway.sql import duck, scope, tree
from tests.gateway.bench import USERS, Bench, grant, product, table

COLUMNS = {"id": "BIGINT", "name": "VARCHAR", "region": "VARCHAR", "born": "DATE", "info": "STRUCT(a INTEGER)"}
ROWS = (
    "SELECT i::BIGINT AS id, 'name' || i AS name, CASE WHEN i % 2 = 0 THEN 'N' ELSE 'S' END AS region, "
    "DATE '2020-01-01' + i::INT AS born, {'a': i::INT} AS info FROM range(10) r(i)"
)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    made = Bench(tmp_path_factory.mktemp("bind"))
    snapshot = made.snapshot("a1", product("shop", table("people", COLUMNS, ("id",))), ROWS)
    masked = grant(
        snapshot,
        "\"region\" = 'N'",
        name=Treatment("partial", "left(\"name\", 1) || '***'", "partial", ("m",)),
        born=Treatment("hidden", "", "", ("h",)),
    )
    for path in [("shop", "people"), ("outport", "shop", "people")]:
        made.names[path] = masked
    yield made
    made.engine.close()


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("SELECT count(*) FROM shop.people", [{"count(*)": 5}]),
        ("SELECT COUNT(*) AS n FROM outport.shop.people", [{"n": 5}]),
        ("SELECT max(name) AS m FROM (SELECT * FROM shop.people) x", [{"m": "n***"}]),
        ("SELECT name FROM shop.people WHERE name = 'name2'", []),
        ("SELECT count(*) AS n FROM shop.people WHERE name LIKE 'name%'", [{"n": 0}]),
        ("SELECT name, count(*) AS n FROM shop.people GROUP BY name", [{"name": "n***", "n": 5}]),
        ("SELECT shop.people.id FROM shop.people WHERE shop.people.id = 2", [{"id": 2}]),
        ("SELECT outport.shop.people.id FROM outport.shop.people ORDER BY shop.people.id LIMIT 1", [{"id": 0}]),
        ("SELECT people.id FROM SHOP.People ORDER BY 1 LIMIT 1", [{"id": 0}]),
        ("SELECT p.info.a FROM shop.people p WHERE p.id = 4", [{"a": 4}]),
        ("SELECT people.info.a FROM shop.people WHERE id = 4", [{"a": 4}]),
        ("WITH people AS (SELECT 1 AS a) SELECT * FROM people", [{"a": 1}]),
        ("WITH people AS (SELECT id FROM shop.people) SELECT count(*) AS n FROM people", [{"n": 5}]),
        ("WITH a AS (SELECT 1 AS x), b AS (SELECT x + 1 AS y FROM a) SELECT y FROM b", [{"y": 2}]),
        ("WITH a AS (WITH a AS (SELECT 1 AS x) SELECT x + 1 AS x FROM a) SELECT x FROM a", [{"x": 2}]),
        ("WITH A AS (SELECT 1 AS x) SELECT a.x FROM a", [{"x": 1}]),
        ('WITH "w x" AS (SELECT 1 AS x) SELECT "w x".x FROM "w x"', [{"x": 1}]),
        ("WITH r AS (SELECT 1 AS i) SELECT * FROM r UNION ALL SELECT 2 FROM r ORDER BY i", [{"i": 1}, {"i": 2}]),
        (
            "WITH RECURSIVE r AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM r WHERE i < 4) "
            "SELECT sum(i)::INT AS s FROM r",
            [{"s": 10}],
        ),
        (
            "WITH RECURSIVE a AS (SELECT 1 AS i), b AS (SELECT i FROM a UNION ALL SELECT i + 1 FROM b WHERE i < 3) "
            "SELECT max(i) AS m FROM b",
            [{"m": 3}],
        ),
        ("SELECT (SELECT max(id) FROM shop.people) AS m", [{"m": 8}]),
        (
            "SELECT id FROM shop.people p WHERE EXISTS (SELECT 1 FROM shop.people q WHERE q.id = p.id + 6)",
            [{"id": 0}, {"id": 2}],
        ),
        ("SELECT l.a FROM shop.people p, LATERAL (SELECT p.id + 1 AS a) l WHERE p.id = 2", [{"a": 3}]),
        ("SELECT count(*) AS n FROM shop.people JOIN shop.people q USING (id)", [{"n": 5}]),
        ("SELECT * EXCLUDE (info) FROM shop.people WHERE id = 2", [{"id": 2, "name": "n***", "region": "N"}]),
        (
            "SELECT n, v FROM shop.people UNPIVOT (v FOR n IN (name, region)) WHERE id = 2 ORDER BY n",
            [{"n": "name", "v": "n***"}, {"n": "region", "v": "N"}],
        ),
        ("SELECT current_user, current_schema", [{"current_user": "tester", "current_schema": "main"}]),
        ('SELECT "user" FROM (SELECT 7 AS "user")', [{"user": 7}]),
        ("SELECT id FROM shop.people WHERE id IN (SELECT unnest($1)) ORDER BY id", [{"id": 2}, {"id": 4}]),
    ],
)  # fmt: skip
def test_a_query_means_what_it_says_over_what_is_granted(shop: Bench, text: str, rows: list[dict[str, object]]) -> None:
    assert shop.rows(text, ([2, 4, 5],) if "$1" in text else ()) == rows


@pytest.mark.parametrize(
    "text",
    [
        "SELECT * FROM people",
        "SELECT * FROM hr.people",
        "SELECT * FROM memory.gov_a1.people",
        "SELECT * FROM snap_a1.core.people",
        "SELECT * FROM duckdb_views",
        "SELECT * FROM pg_catalog.pg_class",
        "WITH x AS (SELECT * FROM x) SELECT * FROM x",
        "WITH x AS (SELECT * FROM y), y AS (SELECT 1) SELECT * FROM x",
        "WITH RECURSIVE x AS (SELECT * FROM x UNION ALL SELECT 1) SELECT * FROM x",
        "SELECT * FROM (WITH x AS (SELECT 1) SELECT * FROM x), x",
        'WITH x AS (SELECT 1 AS a) SELECT * FROM "x$0"',
    ],
)
def test_any_other_name_is_not_found(shop: Bench, text: str) -> None:
    with pytest.raises(NotFound) as refusal:
        shop.rows(text)
    assert refusal.value.position is not None


def test_a_hidden_column_is_unknown_and_no_hint_names_it(shop: Bench) -> None:
    for text in ("SELECT born FROM shop.people", "SELECT p.born FROM shop.people p", "SELECT bor FROM shop.people"):
        with pytest.raises(BadQuery) as refusal:
            shop.rows(text)
        assert refusal.value.reason == "column"
        assert "born" not in refusal.value.hint.replace(",", "").split()


def test_the_text_that_runs_names_only_views_of_its_plan(shop: Bench) -> None:
    plan = shop.binder.bind(Query("WITH c AS (FROM shop.people) SELECT * FROM c, shop.people"), USERS, (), shop.resolve)
    named = {
        tuple(node["qualified_name"]["path"])
        for node in tree.nodes(duck.parse(plan.text))
        if node.get("type") == "BASE_TABLE"
    }
    assert named == {plan.views[0].path, ("c$0",)}


def test_a_deparser_that_writes_another_name_is_caught(shop: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    honest = duck.deparse
    monkeypatch.setattr(duck, "deparse", lambda statement: honest(statement).replace("gov_a1", "core"))
    with pytest.raises(BadQuery, match="cannot be bound"):
        bind.Binder().bind(Query("SELECT id FROM shop.people"), USERS, (), shop.resolve)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("SELECT * FROM shop.people WHERE id = $1", Lookup),
        ("SELECT name FROM shop.people WHERE $1 = people.id", Lookup),
        ("SELECT id FROM shop.people WHERE id IN ($1)", Lookup),
        ("SELECT upper(name) FROM shop.people WHERE id = $1", Scan),
        ("SELECT id FROM shop.people WHERE id = 1", Scan),
        ("SELECT id FROM shop.people WHERE id = $1 AND name = $2", Scan),
        ("SELECT id FROM shop.people WHERE name = $1", Scan),
        ("SELECT id FROM shop.people WHERE id = $1 LIMIT 1", Page),
        ("SELECT id FROM shop.people", Scan),
        ("SELECT * FROM shop.people AS p(name, id) WHERE id = $1", Scan),
        ("SELECT id FROM shop.people WHERE info.id = $1", Scan),
        ("SELECT * REPLACE (upper(name) AS name) FROM shop.people WHERE id = $1", Scan),
        ("SELECT id FROM shop.people TABLESAMPLE RESERVOIR(10) WHERE id = $1", Scan),
        ("SELECT id FROM shop.people WHERE id = $1 QUALIFY true", Scan),
        ("SELECT id FROM shop.people WHERE id = $1 AND id = $2", Scan),
        ("SELECT id FROM shop.people, shop.people AS q WHERE people.id = $1", Scan),
    ],
)
def test_a_whole_key_equal_to_parameters_is_a_lookup(shop: Bench, text: str, kind: type) -> None:
    assert type(shop.binder.bind(Query(text), USERS, (), shop.resolve)) is kind


def test_a_bound_plan_is_reused_whatever_the_values(shop: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "SELECT id FROM shop.people WHERE id = $1 OR id = 77"
    shop.rows(text, (2,))
    monkeypatch.setattr(duck, "parse", None)
    assert shop.rows(text, (4,)) == [{"id": 4}]


def test_a_plan_is_not_shared_by_those_who_may_see_different_things(shop: Bench) -> None:
    other = Bench.__new__(Bench)
    other.__dict__.update(shop.__dict__)
    source = shop.names[("shop", "people")]
    other.names = {("shop", "people"): grant(source.snapshot, "\"region\" = 'S'")}
    text = "SELECT min(id) AS m FROM shop.people"
    assert [one.rows(text) for one in (shop, other, shop)] == [[{"m": 0}], [{"m": 1}], [{"m": 0}]]


def test_describe_tells_types_without_running(shop: Bench) -> None:
    text = "SELECT id, name FROM shop.people WHERE id = $1 AND name LIKE $2 AND at2 = 1 LIMIT $3"
    plan = shop.binder.bind(Query(text.replace(" AND at2 = 1", "")), USERS, (), shop.resolve)
    described = shop.engine.describe(plan)
    assert described.schema.names == ["id", "name"]
    assert described.parameter_types == ("BIGINT", None, "BIGINT")
    plan = shop.binder.bind(Query("SELECT $b::DATE AS d, $a BETWEEN 1 AND 2 AS x"), USERS, (), shop.resolve)
    assert shop.engine.describe(plan).parameter_types == ("INTEGER", "DATE")


def test_relations_lists_what_a_model_reads() -> None:
    statement = duck.parse("WITH c AS (SELECT * FROM a.b) SELECT * FROM c, a.d, e WHERE x IN (SELECT 1 FROM a.b)")
    assert set(scope.relations(statement)) == {("a", "b"), ("a", "d"), ("e",)}


@pytest.mark.parametrize(
    ("rows", "secure"),
    [
        (None, False),
        ("\"region\" = 'N'", False),
        ('"id" BETWEEN 1 AND 9 AND "region" <> \'S\'', False),
        ("\"id\" = CAST('3' AS INTEGER)", False),
        ('"id" < 99999999999', True),
        ('"id" < 1.5', True),
        ('"region" = "name"', True),
        ("lower(\"region\") = 'n'", True),
        ("\"region\" IN ('N', 'S')", True),
        ('"region" = \'N\' OR "id" = 1', True),
        ("\"region\" = 'N' AND \"name\" ILIKE 'a'", True),
        ("EXISTS (SELECT 1 FROM people p WHERE p.id = people.id)", True),
    ],
)
def test_a_row_filter_that_a_scan_does_not_apply_makes_a_secure_view(
    tmp_path: Path, rows: str | None, secure: bool
) -> None:
    made = Bench(tmp_path)
    snapshot = made.snapshot(f"filter{len(rows or '')}", product("shop", table("people", COLUMNS)), ROWS)
    made.names[("shop", "people")] = grant(snapshot, rows) if rows is not None else grant(snapshot)
    (view,) = made.binder.bind(Query("FROM shop.people"), USERS, (), made.resolve).views
    assert view.secure is secure
    made.engine.close()


def test_a_secure_barrier_makes_a_secure_view(tmp_path: Path) -> None:
    made = Bench(tmp_path)
    snapshot = made.snapshot("s1", product("shop", table("people", COLUMNS), "secure"), ROWS)
    made.names[("shop", "people")] = grant(snapshot, "\"region\" = 'N'")
    assert made.rows("SELECT count(*) AS n FROM shop.people") == [{"n": 5}]
    assert [view.secure for view in made.binder.bind(Query("FROM shop.people"), USERS, (), made.resolve).views] == [
        True
    ]
    made.engine.close()
