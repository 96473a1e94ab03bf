"""Addresses to SQL: every name a visible one, every value a parameter of its column's type."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from gateway import BadQuery, Query
from ports.http import values
from ports.http.sql import OrderTerm
from ports.rest import compose, question
from ports.rest.compose import Relation
from ports.rest.question import Question
from tests.ports.rest import shelf

TABLE = shelf.table()
RELATION = Relation("shop", "shelf", shelf.COLUMNS, ("id",))


def asked(address: str) -> Question:
    return question.understand(question.pairs(address), TABLE, tuple)


def sql(address: str, limit: int | None = None, placed: bool = False) -> Query:
    one = asked(address)
    return compose.rows(one, RELATION, one.limit if limit is None else limit, None, placed)


def test_a_question_becomes_sql_over_product_names() -> None:
    query = sql(
        "select=id,label:name&price=gte.9.50&name=ilike.*oak*&order=price.desc,name.nullsfirst&limit=10&offset=5"
    )
    assert query.text == (
        'SELECT "id", "name" AS "label" FROM "shop"."shelf" WHERE "price" >= $1 AND "name" ILIKE $2 '
        'ORDER BY "price" DESC NULLS FIRST, "name" ASC NULLS FIRST, "id" ASC NULLS LAST LIMIT $3 OFFSET $4'
    )
    assert query.parameters == (Decimal("9.50"), "%oak%", 10, 5)


def test_a_nested_filter_becomes_one_condition() -> None:
    query = sql("select=id&or=(id.in.(1,2),not.and(sold.is.true,name.match.^a),made.is.null)")
    assert query.text == (
        'SELECT "id" FROM "shop"."shelf" WHERE ("id" IN (SELECT unnest($1)) OR '
        'NOT (("sold" IS TRUE AND regexp_matches("name", $2))) OR "made" IS NULL)'
    )
    assert query.parameters == ([1, 2], "^a")


@pytest.mark.parametrize(
    ("address", "where", "values"),
    [
        ("id=eq(any).{1,2}", '"id" IN (SELECT unnest($1))', ([1, 2],)),
        ("id=not.eq(any).{1,2}", 'NOT ("id" IN (SELECT unnest($1)))', ([1, 2],)),
        ("id=eq(all).{1,2}", '("id" = $1 AND "id" = $2)', (1, 2)),
        ("name=like(any).{a*,*b}", '("name" LIKE $1 OR "name" LIKE $2)', ("a%", "%b")),
        ("name=imatch(all).{^a}", "(regexp_matches(\"name\", $1, 'i'))", ("^a",)),
        ("id=gt(any).{}", "FALSE", ()),
        ("id=gt(all).{}", "TRUE", ()),
        ("labels=cs.{a,b}", '"labels" @> CAST($1 AS VARCHAR[])', (["a", "b"],)),
        ("sizes=cd.{1,2}", '"sizes" <@ CAST($1 AS BIGINT[])', ([1, 2],)),
        ("sizes=not.ov.{}", 'NOT ("sizes" && CAST($1 AS BIGINT[]))', ([],)),
    ],
)
def test_quantified_and_collected_values_are_parameters(address: str, where: str, values: tuple[Any, ...]) -> None:
    query = sql(f"select=id&{address}")
    assert query.text == f'SELECT "id" FROM "shop"."shelf" WHERE {where}'
    assert query.parameters == values


def test_a_stream_of_everything_is_not_ordered() -> None:
    assert sql("select=id").text == 'SELECT "id" FROM "shop"."shelf"'


def test_a_table_without_a_visible_key_is_ordered_by_all_that_has_an_order() -> None:
    order = compose.total_order(asked("order=price.desc"), replace(RELATION, key=()))
    assert [term.column for term in order] == [
        "price",
        *(name for name in shelf.TYPES if name not in {"price", "labels", "sizes"}),
    ]


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("BIGINT", "-9223372036854775808", -(2**63)),
        ("HUGEINT", "170141183460469231731687303715884105727", 2**127 - 1),
        ("UTINYINT", "255", 255),
        ("DECIMAL(18,2)", "-1.50", Decimal("-1.50")),
        ("DECIMAL(18,2)", ".5", Decimal("0.5")),
        ("DOUBLE", "-1e-3", -0.001),
        ("DOUBLE", "Infinity", float("inf")),
        ("BOOLEAN", "TRUE", True),
        ("DATE", "2018-01-31", date(2018, 1, 31)),
        ("TIMESTAMP", "2018-01-31", datetime(2018, 1, 31)),
        ("TIMESTAMP", "2018-01-31 12:00:00.5", datetime(2018, 1, 31, 12, 0, 0, 500000)),
        ("TIMESTAMP WITH TIME ZONE", "2018-01-31T12:00:00Z", datetime(2018, 1, 31, 12, tzinfo=UTC)),
        ("TIMESTAMP WITH TIME ZONE", "2018-01-31T12:00:00+00:00", datetime(2018, 1, 31, 12, tzinfo=UTC)),
        ("UUID", "6F1C2F7E-0000-4000-8000-000000000000", UUID("6f1c2f7e-0000-4000-8000-000000000000")),
        ("BLOB", "AAE=", b"\x00\x01"),
        ("VARCHAR", " a'b\"", " a'b\""),
    ],
)
def test_a_value_is_read_by_its_column_s_type(kind: str, text: str, value: Any) -> None:
    found = values.read(text, kind, "c")
    assert (type(found), found) == (type(value), value)


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("BIGINT", "9223372036854775808"), ("BIGINT", "1.0"), ("BIGINT", ""), ("BIGINT", "\u0661"), ("BIGINT", "1_000"),
        ("UTINYINT", "-1"), ("DECIMAL(18,2)", "1e3"), ("DECIMAL(18,2)", "1." + "0" * 30), ("DECIMAL(18,2)", "."),
        ("DECIMAL(18,2)", "NaN"), ("DOUBLE", "0x1"), ("DOUBLE", "nan"), ("BOOLEAN", "1"), ("DATE", "2018-02-30"),
        ("DATE", "20180131"), ("TIMESTAMP", "2018-01-31T12:00:00Z"),
        ("TIMESTAMP WITH TIME ZONE", "2018-01-31T12:00:00"),
        ("TIMESTAMP WITH TIME ZONE", "2018-01-31T12:00:00 01:00"), ("TIME", "25:00"), ("UUID", "1"), ("BLOB", "a"),
    ],
)  # fmt: skip
def test_a_wrong_value_is_refused_with_its_column_and_what_that_takes(kind: str, text: str) -> None:
    with pytest.raises(BadQuery) as refusal:
        values.read(text, kind, "price")
    assert 'column "price"' in refusal.value.message
    assert f"{kind} takes" in refusal.value.message


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("prise=eq.1", ['unknown parameter "prise"', "did you mean price"]),
        ("select=nome", ['column "nome" does not exist', "did you mean name"]),
        ("select=id,id:name", ["twice"]),
        ("select=a b:id", ["is not a name for a column"]),
        ("select=price::int", ["price::text", "POST /sql"]),
        ("order=nome", ['column "nome" does not exist']),
        ("order=price.up", ["column[.asc|.desc]"]),
        ("order=labels", ["has no order"]),
        ("limit=-1", ["limit", "whole numbers"]),
        ("limit=1&limit=2", ["given twice"]),
        ("limit=x", ["limit"]),
        ("offset=1.5", ["offset"]),
        ("offset=1&cursor=x", ["exclude each other"]),
        ("price=like.1", ["operator like does not apply", "allowed: eq"]),
        ("name=cs.{x}", ["operator cs does not apply", "allowed: eq"]),
        ("sizes=cs.{x}", ['column "sizes"', "BIGINT takes whole numbers"]),
        ("price=like(any).{1}", ["operator like does not apply"]),
        ("labels=eq.x", ["operator eq does not apply", "allowed: cs, cd, ov, is"]),
        ("name=is.true", ["operator is.true does not apply"]),
        ("name=like.x\\", ["single backslash"]),
        ("or=(nome.eq.1)", ['column "nome" does not exist']),
        ("id=eq.x", ['column "id"', "BIGINT takes whole numbers"]),
    ],
)
def test_a_wrong_question_is_refused_with_what_is_allowed(address: str, words: list[str]) -> None:
    with pytest.raises(BadQuery) as refusal:
        sql(address)
    told = f"{refusal.value.message} {refusal.value.hint}"
    assert all(word in told for word in words), told


@pytest.mark.parametrize("address", ["quux=eq.1", "select=quux", "order=quux", "or=(quux.eq.1)"])
def test_a_hidden_column_is_as_unknown_as_any_other(address: str) -> None:
    with pytest.raises(BadQuery) as refusal:
        sql(address)
    with pytest.raises(BadQuery) as unknown:
        sql(address.replace("quux", "zzzz"))
    told, meant = (f"{one.value.message} {one.value.hint}" for one in (refusal, unknown))
    assert told.replace("quux", "zzzz") == meant


def test_a_page_goes_on_behind_its_last_row_and_nulls_have_a_place() -> None:
    one = asked("select=id&order=price.desc,made.nullsfirst")
    query = compose.rows(one, RELATION, 3, ("1.50", None, "7"), placed=True)
    assert query.text == (
        'SELECT "id", {\'k0\': CAST("price" AS VARCHAR), \'k1\': CAST("made" AS VARCHAR), '
        '\'k2\': CAST("id" AS VARCHAR)} AS "$" FROM "shop"."shelf" WHERE '
        '(("price" < CAST($1 AS DECIMAL(18,2))) OR ("price" = CAST($1 AS DECIMAL(18,2)) AND "made" IS NOT NULL) OR '
        '("price" = CAST($1 AS DECIMAL(18,2)) AND "made" IS NULL AND ("id" > CAST($2 AS BIGINT) OR "id" IS NULL))) '
        'ORDER BY "price" DESC NULLS FIRST, "made" ASC NULLS FIRST, "id" ASC NULLS LAST LIMIT $3'
    )
    assert (query.parameters, query.beside) == (("1.50", "7", 3), 1)


def test_a_row_is_found_by_its_key() -> None:
    relation = replace(RELATION, key=("id", "name"))
    values = compose.key_values(relation, ("7", "a,b"))
    query = compose.by_key(asked("select=price"), relation, values)
    assert query == Query('SELECT "price" FROM "shop"."shelf" WHERE "id" = $1 AND "name" = $2', (7, "a,b"))
    with pytest.raises(BadQuery, match="2 values: id,name"):
        compose.key_values(relation, ("7",))


def test_an_order_of_the_client_s_comes_before_the_key() -> None:
    assert compose.total_order(asked("order=name"), RELATION) == (
        OrderTerm("name", False, False),
        OrderTerm("id", False, False),
    )
