"""What conditions can be at all: where "never" or "always" is said, no row says otherwise."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.policies.policy_outcomes import implies, outcome
from gateway.sql import duck

COLUMNS = {"a": "INTEGER", "m": "DECIMAL(10,2)", "r": "VARCHAR", "d": "DATE", "f": "DOUBLE", "x": "BOOLEAN"}
ATOMS = (
    *(f"a {sign} {value}" for sign in ("=", "<>", "<", "<=", ">", ">=") for value in (0, 1, 2, 5)),
    *("a IS NULL", "a IS NOT NULL", "a IN (1, 5)", "a NOT IN (0, 2)", "a BETWEEN 1 AND 2", "x", "NOT x", "x IS NULL"),
    *(
        "r = 'N'",
        "r <> 'N'",
        "r > 'A'",
        "r < 'Z'",
        "r IN ('S', 'X')",
        "a % 2 = 0",
        "length(r) = 1",
        "m > 1.01",
        "m < 1.02",
    ),
)
ROWS = (
    "(VALUES (-1), (0), (1), (2), (3), (5), (9), (NULL)) AS a(a), "
    "(VALUES ('N'), ('S'), ('X'), ('A'), ('zz'), (NULL)) AS r(r), (VALUES (true), (false), (NULL)) AS x(x), "
    "(VALUES (1.01::DECIMAL(10,2)), (1.02), (7), (NULL)) AS m(m)"
)
CONDITIONS = st.recursive(
    st.sampled_from(ATOMS),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(("AND", "OR")), inner).map(lambda one: f"({one[0]} {one[1]} {one[2]})"),
        inner.map(lambda one: f"(NOT {one})"),
    ),
    max_leaves=4,
)


def told(*texts: str) -> list[dict[str, object]]:
    return [duck.expression(text) for text in texts]


@settings(max_examples=120, deadline=None)
@given(one=CONDITIONS, other=CONDITIONS)
def test_what_is_certain_holds_for_every_row(one: str, other: str) -> None:
    both = f"({one}) AND ({other})"
    (found,) = duck.constants(f"SELECT list(DISTINCT coalesce(CAST(({both}) AS VARCHAR), 'null')) FROM {ROWS}")
    seen = {{"true": True, "false": False, "null": None}[text] for text in found[0]}
    assert seen <= outcome(told(one, other), COLUMNS).values
    (beside,) = duck.constants(f"SELECT count(*) FROM {ROWS} WHERE ({one}) AND ({other}) IS NOT TRUE")
    if implies(told(one), told(other)[0], COLUMNS):
        assert beside[0] == 0


@pytest.mark.parametrize(
    ("conditions", "never", "always"),
    [
        (("a > 1", "a < 2"), True, False),
        (("f > 1", "f < 2"), False, False),
        (("m > 1", "m < 1.01"), True, False),
        (("m > 1", "m < 1.02"), False, False),
        (("r > 'N'", "r < 'O'"), False, False),
        (("d >= DATE '2020-01-01'", "d < DATE '2020-01-01'"), True, False),
        (("a > 2147483647",), True, False),
        (("a IS NULL OR a = 1 OR a <> 1",), False, True),
        (("a = 1 OR a <> 1",), False, False),
        (("lower(r) = 'x'", "NOT (lower(r) = 'x')"), True, False),
        (("lower(r) = 'x'", "lower(r) <> 'x'"), False, False),
        (("1 = 0",), True, False),
        (("true",), False, True),
        (tuple(f"length(r) = {n}" for n in range(12)), False, False),
    ],
)
def test_what_can_be_told_is_told(conditions: tuple[str, ...], never: bool, always: bool) -> None:
    found = outcome(told(*conditions), COLUMNS)
    assert (found.never, found.always) == (never, always)
