"""What a policy's expression may say: nothing that throws, nothing that depends on clock, zone, session or a client."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

import duckdb
import pytest

from gateway.access.claims import claim_type
from gateway.document import Documents, Report, read
from gateway.errors import BadQuery
from gateway.policies.masks import masks
from gateway.policies.policy_expression import condition, mask
from gateway.policies.policy_grammar import Scope
from gateway.sql import duck
from tests.policy_world import MASKS, column

COLUMNS = {
    "id": "BIGINT", "store": "INTEGER", "s": "VARCHAR", "l": "VARCHAR[]", "d": "DATE", "ts": "TIMESTAMP",
    "tz": "TIMESTAMP WITH TIME ZONE", "ok": "BOOLEAN", "m": "DECIMAL(18,2)", "h": "HUGEINT", "st": "STRUCT(f VARCHAR)",
}  # fmt: skip
STORE, ZONES = claim_type("integer"), claim_type(["varchar"])
assert STORE is not None
assert ZONES is not None
NAMES = Scope("t", COLUMNS, {"households": {"id": "BIGINT", "age": "VARCHAR"}}, {"store": STORE, "zones": ZONES})


@pytest.mark.parametrize(
    "text",
    [
        "store = $store",
        "t.store = 5",
        'STORE = 1 AND "store" < 9',
        "list_contains($zones, s)",
        "EXISTS (SELECT 1 FROM households h WHERE h.id = t.id AND h.age IN ('35-44', '45-54'))",
        "NOT EXISTS (SELECT * FROM Households WHERE households.id = t.id)",
        "d >= DATE '2020-01-01' AND d < '2021-01-01'",
        "ok IS TRUE OR NOT ok",
        "s LIKE 'a%' OR s ILIKE '%b' OR s SIMILAR TO 'a+'",
        "TRY(store + 1 > 5)",
        "TRY_CAST(s AS INTEGER) = 5",
        "store % 10 = 3",
        "st.f = 'x'",
        "CASE WHEN ok THEN s = 'a' ELSE false END",
        "m > 5.5 AND m <> 1",
        "l && ['a']",
        "coalesce(s, 'x') = 'y'",
        "true",
    ],
)
def test_an_honest_condition_is_accepted(text: str) -> None:
    assert condition(text, NAMES).text({"store": 3, "zones": ("N",)})


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("store + 1 > 5", "throws on some values"),
        ("-store > 5", "throws on some values"),
        ("store % id = 1", "positive constant"),
        ("s::INTEGER = 5", "TRY_CAST"),
        ("d + INTERVAL 1 DAY > '2020-01-01'", "not available|throws"),
        ("date_trunc('year', d) > '2020-01-01'", "throws"),
        ("store = 'abc'", "is no INTEGER"),
        ("d > 'abc'", "is no DATE"),
        ("DATE 'abc' < d", "is no DATE"),
        ("s = 5", "mixes"),
        ("d = ts", "mixes"),
        ("h = 1.5", "mixes"),
        ("coalesce(store, 'abc') = 1", "is no INTEGER"),
        ("list_contains(l, 5)", "mixes"),
        ("list_contains(s, 'a')", "takes a list"),
        ("s AND ok", "mixes"),
        ("ok OR 'foo'", "is no BOOLEAN"),
        ("regexp_matches(s, s)", "must be a constant"),
        ("left(s, store) = 'x'", "must be a constant"),
        ("left(s, 9223372036854775807) = 'x'", "at most"),
        ("s LIKE 'a' ESCAPE s", "not available"),
        ("tz > '2020-01-01'", "time zone"),
        ("ts > CAST('2020-01-01' AS TIMESTAMPTZ)", "time zone|no "),
        ("now() > ts", "not available"),
        ("current_date > d", "no column"),
        ("current_user = s", "no column"),
        ("random() > 0.5", "not available"),
        ("current_setting('x') = 'y'", "not available"),
        ("getenv('HOME') = s", "not available"),
        ("s COLLATE nocase = 'x'", "collation"),
        ("s", "gives VARCHAR"),
        ("NULL", "gives"),
        ("nope = 1", "no column"),
        ("rowid = 1", "no column"),
        ("$nope = 1", "not declared"),
        ("$1 = 1", "not declared"),
        ("? = 1", "not declared"),
        ("true) OR (true", "syntax"),
        ("true; SELECT 1", "syntax"),
        ("true -- x", "syntax"),
        ("true FROM t", "syntax"),
        ("true AS x", "syntax"),
        ("*", "not allowed|expected"),
        ("true, true", "expect|gives|not available"),
        ("count(*) > 1", "not available"),
        ("row_number() OVER () = 1", "not available"),
        ("list_transform(l, x -> x) = l", "not available"),
        ("s.upper() = 'A'", "not a function"),
        ("main.upper(s) = 'A'", "not a function"),
        ("store IN (SELECT 1)", "only subquery"),
        ("(SELECT true)", "only subquery"),
        ("s < ALL (SELECT 'x')", "only subquery"),
        ("TRY(EXISTS (SELECT 1 FROM households h WHERE h.id = t.id))", "only subquery"),
        ("EXISTS (SELECT 1 FROM households h WHERE EXISTS (SELECT 1 FROM households k WHERE k.id = h.id))", "only"),
        ("EXISTS (SELECT 1 FROM households WHERE id = id)", "inside EXISTS"),
        ("EXISTS (SELECT 1 FROM households h WHERE h)", "inside EXISTS"),
        ("EXISTS (SELECT 1 FROM products p WHERE p.id = t.id)", "uses:"),
        ("EXISTS (SELECT 1 FROM retail.households h WHERE h.id = t.id)", "uses:"),
        ("EXISTS (SELECT 1 FROM households t WHERE t.id = 1)", "another alias"),
        ("EXISTS (SELECT 1 FROM households h)", "WHERE"),
        ("EXISTS (SELECT 1 FROM households h WHERE h.id = t.id LIMIT 0)", "plain EXISTS"),
        ("EXISTS (SELECT 1 FROM households h, households k WHERE h.id = t.id)", "one table"),
        ("EXISTS (WITH x AS (SELECT 1) SELECT 1 FROM households h WHERE h.id = t.id)", "plain EXISTS"),
        ("EXISTS (SELECT 1 FROM households h TABLESAMPLE 1 WHERE h.id = t.id)", "uses:|sample"),
        ("EXISTS (SELECT 1 FROM read_csv('x') h WHERE h.id = t.id)", "not available"),
    ],
)
def test_whatever_throws_or_depends_on_more_than_the_row_is_refused(text: str, words: str) -> None:
    with pytest.raises(BadQuery, match=words):
        condition(text, NAMES)


@pytest.mark.parametrize(
    "value",
    [
        "O'Re\"illy",
        "'; DROP TABLE t; --",
        "x' || (SELECT 'y') || '",
        "$store",
        "False) || (True",
        "p.sub && !r.env",
        "\\",
        "é😀\n\t",
    ],
)
def test_a_claim_arrives_as_the_value_it_is_whatever_it_looks_like(value: str) -> None:
    kind = claim_type("varchar")
    assert kind is not None
    named = Scope("t", {"s": "VARCHAR"}, {}, {"name": kind})
    text = condition("s = $name", named).text({"name": value})
    found = duckdb.sql(f"SELECT count(*) FROM (VALUES ($1), ('other')) t(s) WHERE {text}", params=[value])
    assert found.fetchall() == [(1,)]


@pytest.mark.parametrize(
    ("declared", "value", "shown"),
    [
        ("integer", 367, 367),
        ("bigint", -(1 << 63), -(1 << 63)),
        ("boolean", True, True),
        ("double", 1e300, 1e300),
        ("decimal(18,2)", Decimal("-12.50"), Decimal("-12.50")),
        ("decimal(18,2)", Decimal("1E+3"), Decimal("1000.00")),
        ("date", date(2020, 2, 29), date(2020, 2, 29)),
        ("timestamp", datetime(2020, 2, 29, 1, 2, 3, 4), datetime(2020, 2, 29, 1, 2, 3, 4)),
        (["varchar"], ("a", "b'"), ["a", "b'"]),
        (["integer"], (3, -4), [3, -4]),
        (["date"], (date(2020, 2, 29),), [date(2020, 2, 29)]),
        (["varchar"], ("NULL", "[a, b]", "null"), ["NULL", "[a, b]", "null"]),
    ],
)
def test_a_claim_keeps_its_type_and_value(declared: Any, value: Any, shown: Any) -> None:
    kind = claim_type(declared)
    assert kind is not None
    assert kind.accepts(value) == value
    assert duckdb.sql(f"SELECT {duck.write_expression(kind.literal(value))}").fetchall() == [(shown,)]


@pytest.mark.parametrize(
    ("declared", "value"),
    [
        ("integer", "367"), ("integer", True), ("integer", 1 << 40), ("integer", 3.0), ("integer", (3,)),
        ("varchar", 5), ("varchar", ""), ("varchar", "a\x00b"), ("varchar", "\ud800"), ("varchar", "x" * 10_001),
        ("date", datetime(2020, 1, 1)), ("date", "2020-01-01"), ("double", float("nan")), ("double", 1),
        ("decimal(4,2)", Decimal("100.00")), ("decimal(4,2)", Decimal("1.001")), ("decimal(4,2)", Decimal("NaN")),
        (["varchar"], "a"), (["varchar"], ()), (["varchar"], ("a", 5)), (["integer"], tuple(range(1_001))),
    ],
)  # fmt: skip
def test_a_claim_of_another_type_is_as_absent(declared: Any, value: Any) -> None:
    kind = claim_type(declared)
    assert kind is not None
    assert kind.accepts(value) is None


@pytest.mark.parametrize("declared", ["timestamptz", "foo", [], ["varchar", "integer"], 5, "integer[]", "varchar) x"])
def test_no_other_type_of_claim_can_be_declared(declared: Any) -> None:
    assert claim_type(declared) is None


@pytest.mark.parametrize(
    ("template", "kind", "words"),
    [
        ("left($column, 1)", "BIGINT", "types|gives"),
        ("length($column)", "VARCHAR", "keeps the type"),
        ("date_trunc('year', $column)", "DATE", "throws"),
        ("TRY(date_trunc('year', $column))", "DATE", "keeps the type"),
        ("other", "VARCHAR", "names no column"),
        ("$other", "VARCHAR", "one parameter"),
        ("(SELECT $column)", "VARCHAR", "only subquery"),
        ("$column || current_user", "VARCHAR", "names no column"),
        ("'a') || ('b'", "VARCHAR", "syntax"),
        ("$column", "TIMESTAMP WITH TIME ZONE", "time zone"),
    ],
)
def test_a_mask_that_changes_the_type_or_says_more_than_its_column_is_refused(
    template: str, kind: str, words: str
) -> None:
    with pytest.raises(BadQuery, match=words):
        mask(template, "c", kind)


def test_a_mask_does_not_throw_at_the_ends_of_a_type() -> None:
    year = mask("TRY(CAST(date_trunc('year', $column) AS DATE))", "c", "DATE").text({})
    bucket = mask("$column - $column % 10", "n", "BIGINT").text({})
    ends = "SELECT unnest(['5877642-06-25 (BC)', '5881580-07-10', 'infinity', '2020-05-01', NULL]::DATE[]) AS c"
    assert duckdb.sql(f"SELECT count({year}) FROM ({ends})").fetchall() == [(2,)]
    numbers = "SELECT unnest([-9223372036854775808, 9223372036854775807, 17, -17, NULL]::BIGINT[]) AS n"
    found = duckdb.sql(f"SELECT {bucket} FROM ({numbers})").fetchall()
    assert [row[0] for row in found] == [-9223372036854775800, 9223372036854775800, 10, -10, None]


def test_every_shipped_mask_keeps_the_type_of_each_column_that_it_is_written_for() -> None:
    document, _ = read("masks.yaml", MASKS.read_text())
    shipped = masks(document, Report(Documents({})))
    assert set(shipped) == {"null", "constant", "partial", "email", "year", "month", "bucket"}
    for one in shipped.values():
        for kind in one.templates:
            text = one.over(column("c", "VARCHAR" if kind == "*" else kind, None)).text({})
            assert duckdb.sql(f"SELECT {text} FROM (SELECT NULL::{'VARCHAR' if kind == '*' else kind} AS c)").types == [
                "VARCHAR" if kind == "*" else kind
            ]
