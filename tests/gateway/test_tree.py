"""The checked tree: what DuckDB's parser writes is pinned, what is not listed is refused, what is large is bounded."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gateway.errors import BadQuery
from gateway.sql import duck, grammar, tree

GOLDEN = Path(__file__).parent / "golden"
STATEMENTS = (GOLDEN / "statements.sql").read_text().splitlines()
REFUSED = (GOLDEN / "refused.sql").read_text().splitlines()


def outline(value: object) -> object:
    """A tree without positions: what the allow-lists were read from."""
    if isinstance(value, dict):
        return {key: outline(child) for key, child in value.items() if not key.startswith("query_location")}
    return [outline(child) for child in value] if isinstance(value, list) else value


def test_the_parser_writes_the_trees_that_the_lists_were_read_from() -> None:
    golden = json.loads((GOLDEN / "trees.json").read_text())
    assert {text: outline(duck.parse(text)) for text in STATEMENTS} == golden


@pytest.mark.parametrize("text", STATEMENTS)
def test_a_listed_statement_passes_and_passes_again_as_it_is_written(text: str) -> None:
    statement = duck.parse(text)
    tree.check(statement)
    tree.check(duck.parse(duck.deparse(statement)))


@pytest.mark.parametrize("text", REFUSED)
def test_an_unlisted_statement_is_refused(text: str) -> None:
    with pytest.raises(BadQuery):
        tree.check(duck.parse(text))


@pytest.mark.parametrize(
    "change",
    [
        lambda node: node.update(type="UNKNOWN_NODE"),
        lambda node: node.update(extra=1),
        lambda node: node.update({"class": "UNKNOWN"}),
    ],
)
def test_an_unknown_node_key_or_class_is_refused_wherever_it_stands(change: object) -> None:
    text = "SELECT sum(a) FILTER (WHERE b > 1) FROM t WHERE a IN (SELECT 1) ORDER BY a LIMIT 1"
    typed = [i for i, node in enumerate(tree.nodes(duck.parse(text))) if isinstance(node.get("type"), str)]
    assert len(typed) > 10
    for index in typed:
        statement = duck.parse(text)
        change(list(tree.nodes(statement))[index])  # type: ignore[operator]
        with pytest.raises(BadQuery):
            tree.check(statement)


@pytest.mark.parametrize("strange", [{"columns": [], "condition": None}, {"file_path": "x"}, {}])
def test_an_unknown_clause_is_refused_wherever_it_stands(strange: dict[str, object]) -> None:
    statement = duck.parse("SELECT a FROM t")
    statement["node"]["select_list"].append(strange)
    with pytest.raises(BadQuery):
        tree.check(statement)


@pytest.mark.parametrize(
    "text", ["SELECT upper.current_setting('x')", "SELECT main.upper(a) FROM t", "SELECT a.upper()"]
)
def test_a_qualified_function_is_refused_whatever_its_schema_is_called(text: str) -> None:
    with pytest.raises(BadQuery, match="without a schema"):
        tree.check(duck.parse(text))


def test_a_scalar_function_is_no_table_function() -> None:
    tree.check(duck.parse("SELECT * FROM json_each('[1, 2]')"))
    with pytest.raises(BadQuery, match="table function repeat"):
        tree.check(duck.parse("SELECT * FROM repeat('x', 3)"))


def test_time_travel_is_refused_by_name() -> None:
    with pytest.raises(BadQuery, match="AT is not supported"):
        tree.check(duck.parse("SELECT * FROM t AT (VERSION => 1)"))


@pytest.mark.parametrize("name", ["stats", "error", "query", "getvariable", "list_reduce", "printf", "current_setting"])
def test_a_dangerous_function_is_on_no_list(name: str) -> None:
    assert name not in grammar.FUNCTIONS | grammar.AGGREGATES | grammar.TABLE_FUNCTIONS | grammar.POLICY_FUNCTIONS


def test_every_listed_function_exists_in_this_duckdb() -> None:
    known = duck.function_names()
    listed = grammar.FUNCTIONS | grammar.AGGREGATES | grammar.TABLE_FUNCTIONS | grammar.POLICY_FUNCTIONS
    syntax = {"coalesce", "grouping", "grouping_id", "unnest", "overlay", "percentile_cont"}
    assert {name for name in listed if name.lower() not in known} - syntax == set()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "syntax"),
        ("SELECT 1; SELECT 2", "syntax"),
        ("SELEC 1", "syntax"),
        ("SELECT 'a", "syntax"),
        ("SELECT \x00", "syntax"),
        ("DROP TABLE t", "read_only"),
        ("WITH c AS (DELETE FROM t RETURNING *) SELECT * FROM c", "read_only"),
        ("EXPLAIN SELECT 1", "unsupported"),
        ("DESCRIBE t", "unsupported"),
        ("SELECT $1, $name", "parameter"),
        ("SELECT nextval('s')", "function"),
        ("SELECT x::ENUM('a')", "type"),
        ("SELECT '" + "x" * 100_001 + "'", "limit"),
        ("SELECT " + "(" * 300 + "1" + ")" * 300, "limit"),
        ("SELECT " + "NOT " * 2000 + "a", "limit"),
        ("SELECT 1 IN (" + "1," * 10_001 + "1)", "limit"),
        ("SELECT repeat('x', 10001)", "limit"),
        ("SELECT repeat('x', a) FROM t", "limit"),
        ("SELECT unnest(range(10000000))", "limit"),
        ("SELECT len(range(1, 100000000))", "limit"),
        ("SELECT * FROM range(a) FROM t", "syntax"),
    ],
)
def test_a_refusal_says_why(text: str, reason: str) -> None:
    with pytest.raises(BadQuery) as refusal:
        tree.check(duck.parse(text))
    assert refusal.value.reason == reason


def test_a_syntax_error_says_where() -> None:
    with pytest.raises(BadQuery) as refusal:
        duck.parse("SELECT a FRM t")
    assert refusal.value.position == 13
    assert '"t"' in refusal.value.message


def test_growth_multiplies_through_nesting_without_being_evaluated() -> None:
    tree.check(duck.parse("SELECT repeat(repeat('x', 100), 100)"))
    with pytest.raises(BadQuery):
        tree.check(duck.parse("SELECT repeat(repeat('x', 10000), 10000)"))
    nested = "'aaaaaaaaaa'"
    for _ in range(40):
        nested = f"replace({nested}, 'a', 'aaaaaaaaaa')"
    with pytest.raises(BadQuery):
        tree.check(duck.parse(f"SELECT {nested}"))


def test_dates_may_be_generated_day_by_day() -> None:
    tree.check(duck.parse("SELECT unnest(generate_series(DATE '2020-01-01', DATE '2024-01-01', INTERVAL 1 DAY))"))
    with pytest.raises(BadQuery, match="write it in FROM"):
        tree.check(
            duck.parse("SELECT len(generate_series(DATE '1000-01-01', DATE '9999-01-01', INTERVAL 1 MICROSECOND))")
        )


LONGER = "replace(s, 'a', 'aaaaaaaaaaaaaaaaaaaa')"


@pytest.mark.parametrize(
    "text",
    [
        "WITH RECURSIVE r AS (SELECT 'a' AS s UNION ALL SELECT replace(s, 'a', 'aa') FROM r) SELECT max(s) FROM r",
        "WITH RECURSIVE r AS (SELECT 'a' AS s UNION ALL SELECT repeat(s, 2) FROM r) SELECT max(s) FROM r",
        "WITH RECURSIVE r AS (SELECT 'a' AS s UNION ALL SELECT x FROM (SELECT repeat(s, 9) AS x FROM r)) FROM r",
        "WITH " + ", ".join(f"c{i} AS (SELECT {LONGER} AS s FROM c{i - 1})" for i in range(1, 8)) + " SELECT s FROM c7",
        f"SELECT {LONGER} AS s FROM " + f"(SELECT {LONGER} AS s FROM " * 6 + "t" + ") q" * 6,
        "SELECT replace(s, 'a', s) FROM (SELECT replace(s, 'a', s) AS s FROM t) q",
        "SELECT regexp_replace(s, 'a', t, 'g') FROM (SELECT repeat(s, 1000) AS s, t FROM t) q",
    ],
)
def test_text_cannot_be_made_longer_level_by_level(text: str) -> None:
    with pytest.raises(BadQuery) as refusal:
        tree.check(duck.parse(text))
    assert refusal.value.reason == "limit"


@pytest.mark.parametrize(
    "text",
    [
        "SELECT replace(a, 'x', b), regexp_replace(a, '[^0-9]', '', 'g'), repeat('*', 50), array_to_string(l, ',')",
        "SELECT replace(s, ' ', '_') FROM (SELECT replace(replace(s, '-', ''), '.', '') AS s FROM t) q",
        "WITH RECURSIVE r AS (SELECT 'a' AS p UNION ALL SELECT replace(p, 'b', 'a') || n FROM r, t WHERE u = p) FROM r",
    ],
)
def test_honest_work_on_text_passes(text: str) -> None:
    tree.check(duck.parse(text))
