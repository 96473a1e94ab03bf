"""The filter grammar: what PostgREST's users write, and nothing of it ever in SQL's own text."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway import BadQuery
from ports.http import conditions, filters
from ports.http.filters import Collection, Comparison, Filter, Is, Logic, Membership, Quantified
from tests.ports.rest.shelf import COLUMNS


@pytest.mark.parametrize(
    ("column", "text", "meant"),
    [
        ("a", "eq.1", Comparison("a", "eq", "1", False)),
        ("a", "not.eq.1", Comparison("a", "eq", "1", True)),
        ("a", "eq.", Comparison("a", "eq", "", False)),
        ("a", 'eq."x"', Comparison("a", "eq", '"x"', False)),
        ("a", "eq.x,y)(.", Comparison("a", "eq", "x,y)(.", False)),
        ("a", "like.*x*", Comparison("a", "like", "*x*", False)),
        ("a", 'in.(1,"b,c","d\\"e",f)', Membership("a", ("1", "b,c", 'd"e', "f"), False)),
        ("a", "not.in.(1)", Membership("a", ("1",), True)),
        ("a", "in.()", Membership("a", (), False)),
        ("a", 'in.("")', Membership("a", (), False)),
        ("a", 'in.("a"b,c)', Membership("a", ('"a"b', "c"), False)),
        ("a", "eq(any).{1,2}", Quantified("a", "eq", "any", ("1", "2"), False)),
        ("a", 'not.like(all).{a*,"b,*",c d}', Quantified("a", "like", "all", ("a*", "b,*", "c d"), True)),
        ("a", "gt(any).{}", Quantified("a", "gt", "any", (), False)),
        ("a", "cs.{x,y}", Collection("a", "cs", ("x", "y"), False)),
        ("a", 'ov.{"x}",""}', Collection("a", "ov", ("x}", ""), False)),
        ("a", "not.cd.{}", Collection("a", "cd", (), True)),
        ("a", "is.null", Is("a", "null", False)),
        ("a", "is.NULL", Is("a", "null", False)),
        ("a", "not.is.true", Is("a", "true", True)),
        ("a", "is.not_null", Is("a", "not_null", False)),
    ],
)
def test_a_condition_beside_its_column_is_read_as_postgrest_reads_it(column: str, text: str, meant: Filter) -> None:
    assert filters.condition(column, text) == meant


def test_conditions_nest_under_or_and_and() -> None:
    meant = Logic(
        "or",
        (
            Comparison("a", "eq", "1", False),
            Logic("and", (Comparison("b", "gt", "2", False), Comparison("c", "like", "x, y", True)), True),
            Membership("d", ("1", "2"), False),
            Is("e", "null", True),
        ),
        False,
    )
    text = '(a.eq.1, not.and(b.gt.2,c.not.like."x, y"),d.in.(1,2),e.not.is.null)'
    assert filters.logic("or", text, False) == meant


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("1", "is not an operator"),
        ("eqq.1", "did you mean eq"),
        ("eq(some).{1}", "(any) and (all) stand behind eq, gt"),
        ("neq(any).{1}", "(any) and (all) stand behind eq, gt"),
        ("in(any).(1)", "(any) and (all) stand behind eq, gt"),
        ("eq(any).1", 'expected "{"'),
        ("eq(any).{1", 'expected "}"'),
        ("cs.(1)", 'expected "{"'),
        ("fts.cat", "ilike.*word* or imatch.word"),
        ("wfts(english).cat", "ilike.*word* or imatch.word"),
        ("sl.(1,2)", "compare both ends by gt, gte, lt, lte"),
        ("like(any).{" + ",".join("x" * 101) + "}", "at most 100 values"),
        ("in.1", 'expected "("'),
        ("in.(1", 'expected ")"'),
        ("in.(1)x", "expected the end"),
        ("is.nothing", "is takes null, not_null"),
        ("not.1", "is not an operator"),
    ],
)
def test_a_condition_that_is_not_understood_is_refused_with_what_is_allowed(text: str, words: str) -> None:
    with pytest.raises(BadQuery) as refusal:
        filters.condition("a", text)
    assert words in f"{refusal.value.message} {refusal.value.hint}"


@pytest.mark.parametrize("text", ["", "(", "()", "(a)", "(a.eq.1", "(a.eq.1))", "(a.eq.1,)", "(.eq.1)", "a.eq.1"])
def test_a_broken_nesting_is_refused_at_its_place(text: str) -> None:
    with pytest.raises(BadQuery) as refusal:
        filters.logic("or", text, False)
    assert refusal.value.reason == "syntax"
    assert refusal.value.position is not None


def test_a_filter_without_bounds_is_refused() -> None:
    with pytest.raises(BadQuery, match="nests at most"):
        filters.logic("or", "(and" * 500 + "(a.eq.1)" + ")" * 500, False)
    with pytest.raises(BadQuery, match="at most 200 conditions"):
        filters.logic("or", "(" + ",".join(["a.eq.1"] * 201) + ")", False)
    with pytest.raises(BadQuery, match="at most 10000 values"):
        filters.condition("a", "in.(" + ",".join("1" * 10_001) + ")")


# Any text but NUL and halves of characters, which the door refuses before.
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=20)
NAMES = st.sampled_from(sorted(COLUMNS))
LEAVES = st.one_of(
    st.builds(Comparison, NAMES, st.sampled_from([*filters.COMPARISONS, *filters.PATTERNS]), TEXTS, st.booleans()),
    st.builds(Membership, NAMES, st.lists(TEXTS, min_size=2, max_size=4).map(tuple), st.booleans()),
    st.builds(
        Quantified,
        NAMES,
        st.sampled_from(filters.QUANTIFIED),
        st.sampled_from(["any", "all"]),
        st.lists(TEXTS, max_size=4).map(tuple),
        st.booleans(),
    ),
    st.builds(
        Collection, NAMES, st.sampled_from(filters.COLLECTIONS), st.lists(TEXTS, max_size=4).map(tuple), st.booleans()
    ),
    st.builds(Is, NAMES, st.sampled_from(filters.IS_VALUES), st.booleans()),
)
TREES = st.recursive(
    LEAVES,
    lambda inner: st.builds(
        Logic, st.sampled_from(["and", "or"]), st.lists(inner, min_size=1, max_size=3).map(tuple), st.booleans()
    ),
    max_leaves=8,
)


def written(one: Filter) -> str:
    """`one` as a term of or=(...), every value quoted."""
    sign = "not." if one.negated else ""
    if isinstance(one, Logic):
        return f"{sign}{one.connective}({','.join(written(term) for term in one.terms)})"
    if isinstance(one, Membership):
        return f"{one.column}.{sign}in.({','.join(quoted(value) for value in one.values)})"
    if isinstance(one, Quantified):
        return f"{one.column}.{sign}{one.operator}({one.quantifier}).{braced(one.values)}"
    if isinstance(one, Collection):
        return f"{one.column}.{sign}{one.operator}.{braced(one.values)}"
    if isinstance(one, Is):
        return f"{one.column}.{sign}is.{one.what}"
    return f"{one.column}.{sign}{one.operator}.{quoted(one.value)}"


def braced(texts: tuple[str, ...]) -> str:
    return "{" + ",".join(quoted(text) for text in texts) + "}"


def quoted(value: str) -> str:
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


@given(TREES)
def test_every_filter_comes_back_from_its_text(one: Filter) -> None:
    assert filters.logic("and", f"({written(one)})", False).terms == (one,)


@given(NAMES, st.text(max_size=40))
def test_any_text_is_understood_or_refused_as_a_bad_query(column: str, text: str) -> None:
    for read in (lambda: filters.condition(column, text), lambda: filters.logic("or", text, False)):
        with contextlib.suppress(BadQuery):
            read()


ATTACKS = [
    "'; DROP TABLE t; --", '" OR 1=1 --', "$1", "1) OR (1=1", "\\", "%' ESCAPE '\\", "*/ SELECT /*", "read_csv('x')",
]  # fmt: skip


@pytest.mark.parametrize("attack", ATTACKS)
@pytest.mark.parametrize("operator", ["eq", "neq", "like", "ilike", "match", "in", "eq(any)", "like(all)"])
def test_what_a_client_writes_never_stands_in_the_text(operator: str, attack: str) -> None:
    listed = {"in": f"in.({quoted(attack)},x)", "eq(any)": f"eq(any).{braced((attack, 'x'))}"}
    listed["like(all)"] = f"like(all).{braced((attack,))}"
    text = listed.get(operator, f"{operator}.{attack}")
    parameters = conditions.Parameters()
    try:
        sql = conditions.condition(filters.condition("name", text), COLUMNS, parameters)
    except BadQuery:
        return
    plain = {"in": "in.(x,y)", "eq(any)": "eq(any).{x,y}", "like(all)": "like(all).{x}"}
    harmless = filters.condition("name", plain.get(operator, f"{operator}.x"))
    same = conditions.condition(harmless, COLUMNS, conditions.Parameters())
    assert sql.replace(" ESCAPE '\\'", "") == same
    (value,) = parameters.all()
    assert attack.replace("*", "%") in str(value) or attack in str(value) or isinstance(value, list)
