"""The grammar of select: columns, renames, casts to text, aggregates, embedded tables; and what is refused."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway import BadQuery
from ports.rest import select
from ports.rest.select import Field, Item, Nested


def field(name: str, alias: str = "", aggregate: str = "", inside: bool = False, outside: bool = False) -> Field:
    return Field(name, alias, aggregate, inside, outside)


@pytest.mark.parametrize(
    ("text", "items"),
    [
        ("*", (field("*"),)),
        ("a,b", (field("a"), field("b"))),
        (" a , b ", (field("a"), field("b"))),
        ("x:a", (field("a", "x"),)),
        ("a::text", (field("a", inside=True),)),
        ("x:a::VARCHAR", (field("a", "x", inside=True),)),
        ("count()", (field("", aggregate="count"),)),
        ("n:count()::text", (field("", "n", "count", outside=True),)),
        ("a.sum()", (field("a", aggregate="sum"),)),
        ("x:a.avg()::text", (field("a", "x", "avg", outside=True),)),
        ("a::text.max()", (field("a", aggregate="max", inside=True),)),
        ("a::text.max()::text", (field("a", "", "max", True, True),)),
        ("count", (field("count"),)),
        ("t(a,x:b)", (Nested("t", "", (), False, False, (field("a"), field("b", "x"))),)),
        ("t()", (Nested("t", "", (), False, False, ()),)),
        ("x:t!inner(*)", (Nested("t", "x", (), True, False, (field("*"),)),)),
        ("x:t!fk!inner(a)", (Nested("t", "x", ("fk",), True, False, (field("a"),)),)),
        ("t!left(a)", (Nested("t", "", (), False, False, (field("a"),)),)),
        ("p.t(a)", (Nested("p.t", "", (), False, False, (field("a"),)),)),
        ("...t(a),b", (Nested("t", "", (), False, True, (field("a"),)), field("b"))),
        ("t(count(),a.sum())", (Nested("t", "", (), False, False, (field("", "", "count"), field("a", "", "sum"))),)),
    ],
)
def test_select_is_read_as_postgrest_reads_it(text: str, items: tuple[Item, ...]) -> None:
    assert select.read(text) == items


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a,", "is not understood at character 2"),
        (",a", "is not understood at character 0"),
        ("a)", "is not understood at character 1"),
        ("t(a", 'expected "," or ")"'),
        ("a::int", "casts to text only"),
        ("a::", "casts to text only"),
        ("a.total()", "is not an aggregate"),
        ("a.sum", "is not an aggregate"),
        ("a b", "is not understood at character 2"),
        ("a b:c", "is not a name for a column"),
        (":c", "is not a name for a column"),
        ("t(u(a))", "embeds one level only"),
        ("...t", "expected (...)"),
        ("t!inner", "expected (...)"),
        ("a:*", "write [alias:]column"),
        (",".join(["a"] * 1001), "at most 1000 items"),
    ],
)
def test_what_is_no_select_is_refused_with_its_place_and_what_is_right(text: str, words: str) -> None:
    with pytest.raises(BadQuery) as refusal:
        select.read(text)
    assert words in f"{refusal.value.message} {refusal.value.hint}"


@given(st.text(st.sampled_from("ab:.!()*,\"'; $"), max_size=30))
def test_any_text_is_a_select_or_a_bad_query(text: str) -> None:
    with contextlib.suppress(BadQuery):
        select.read(text)
