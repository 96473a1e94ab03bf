"""The compiled SQL says what POLICY.md means: it agrees with a row-by-row evaluator, and more rules never show more."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests import policy_reference as reference
from tests.policy_reference import Expression
from tests.policy_world import PEOPLE, PEOPLE_ROWS, VISIT_ROWS, Answer, World, load, principal, pseudonym

SHAPES = [reference.Shape(one.name, one.classification, one.tags) for one in PEOPLE.columns]
Rule = dict[str, Any]


@cache
def world() -> World:
    return World()


def compared(column: str, value: Any) -> Expression:
    text = f"{column} = {value!r}"
    return Expression(text, lambda row, _: None if row[column] is None else row[column] == value)


def visited(row: Mapping[str, Any], store: Any) -> bool:
    return any(visit["person_id"] == row["id"] and visit["store"] == store for visit in VISIT_ROWS)


LEAVES = [
    compared("region", "N"),
    compared("region", "S"),
    Expression("consent", lambda row, _: row["consent"]),
    Expression("salary > 60", lambda row, _: None if row["salary"] is None else row["salary"] > 60),
    Expression("note IS NULL", lambda row, _: row["note"] is None),
    Expression("region = $zone", lambda row, c: None if row["region"] is None else row["region"] == c["zone"],
               frozenset({"zone"})),
    Expression("list_contains($zones, region)",
               lambda row, c: None if row["region"] is None else row["region"] in c["zones"], frozenset({"zones"})),
    Expression("EXISTS (SELECT 1 FROM visits v WHERE v.person_id = people.id AND v.store = 2)",
               lambda row, _: visited(row, 2)),
    Expression("EXISTS (SELECT 1 FROM visits v WHERE v.person_id = people.id AND v.store = $store)",
               lambda row, c: visited(row, c["store"]), frozenset({"store"})),
]  # fmt: skip


def joined(parts: tuple[str, Expression, Expression]) -> Expression:
    word, left, right = parts
    join = reference.both if word == "AND" else reference.either
    return Expression(
        f"({left.text}) {word} ({right.text})",
        lambda row, c: join(left.holds(row, c), right.holds(row, c)),
        left.claims | right.claims,
    )


def inverted(inner: Expression) -> Expression:
    return Expression(f"NOT ({inner.text})", lambda row, c: reference.negated(inner.holds(row, c)), inner.claims)


expressions = st.recursive(
    st.sampled_from(LEAVES),
    lambda inner: st.one_of(
        st.builds(inverted, inner), st.tuples(st.sampled_from(["AND", "OR"]), inner, inner).map(joined)
    ),
    max_leaves=3,
)
COLUMN_SETS = [["*"], ["id"], ["id", "region"], ["tag:pii"], ["class:internal"], ["class:restricted"], ["name", "note"]]
MASKS = [
    *((["name"], with_) for with_ in ("partial", "email", "constant", "null", "hash")),
    *((["region"], with_) for with_ in ("partial", "constant", "hash")),
    *((["id"], with_) for with_ in ("hash", "bucket", "constant")),
    *((["born"], with_) for with_ in ("year", "month", "null")),
    *((["salary"], with_) for with_ in ("bucket", "constant")),
    (["tag:pii"], "null"), (["tag:pii"], "constant"), (["class:confidential"], "null"), (["*"], "null"),
]  # fmt: skip
ROLES = ["a", "b"]
to_grant = st.sampled_from([{}, {"role": "a"}, {"role": "b"}, {"role": ["a", "b"]}, {"role": {"not": "a"}}])
spared = st.sampled_from([{}, {"unless": {"role": "a"}}, {"unless": {"role": ["a", "b"]}}])


def grant(to: Rule, columns: list[str], rows: Expression | None) -> Rule:
    return {"to": to, "grant": {"columns": columns, **({"rows": rows} if rows else {})}}


def mask(unless: Rule, what: tuple[list[str], str], condition: Expression | None, link: str | None) -> Rule:
    body: Rule = {"columns": what[0], "with": what[1], **({"if": condition} if condition else {})}
    return {"to": {}, **unless, "mask": {**body, **({"link": link} if link and what[1] == "hash" else {})}}


grants = st.builds(grant, to_grant, st.sampled_from(COLUMN_SETS), st.none() | expressions)
masks = st.builds(mask, spared, st.sampled_from(MASKS), st.none() | expressions, st.sampled_from([None, "other"]))
restricts = st.builds(lambda unless, rows: {"to": {}, **unless, "restrict": {"rows": rows}}, spared, expressions)
hides = st.builds(lambda unless, columns: {"to": {}, **unless, "hide": {"columns": columns}},
                  spared, st.sampled_from(COLUMN_SETS[1:]))  # fmt: skip
denies = st.builds(lambda role: {"to": {"role": role}, "deny": {"reason": "HR-7"}}, st.sampled_from(ROLES))
obligations = st.one_of(masks, masks, restricts, hides, denies)
rule_lists = st.builds(lambda first, rest: first + rest, st.lists(grants, min_size=1, max_size=3),
                       st.lists(obligations, max_size=4))  # fmt: skip
roles = st.frozensets(st.sampled_from(ROLES))
zones = st.sampled_from([("N",), ("S", "W")])
claims = st.fixed_dictionaries(
    {}, optional={"zone": st.sampled_from(["N", "S", "x'||'"]), "zones": zones, "store": st.integers(1, 3)}
)
RUNS = settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
FEWER = settings(RUNS, max_examples=60)


def written(rules: list[Rule]) -> Iterator[Rule]:
    """The rules as they stand in a file: expressions as text, each with an id."""
    for number, rule in enumerate(rules):
        effect = next(key for key in ("grant", "restrict", "mask", "hide", "deny") if key in rule)
        body = {key: value.text if isinstance(value, Expression) else value for key, value in rule[effect].items()}
        on = {"product": "lab", "table": "people"}
        yield {"id": f"r{number}", "on": on, "uses": ["visits"], **rule, effect: body}


def seen(rules: list[Rule], roles: frozenset[str], claims: Mapping[str, Any]) -> Answer | None:
    """What a principal of `roles` and `claims` sees through the compiled SQL."""
    with tempfile.TemporaryDirectory() as folder:
        policies = load(Path(folder), list(written(rules)))
    return world().ask(policies, principal(role=tuple(sorted(roles)), **claims))


@RUNS
@given(rule_lists, roles, claims)
@example([grant({}, ["*"], LEAVES[0]), grant({}, ["id"], LEAVES[1])], frozenset(), {})
@example([grant({}, ["*"], None), mask({}, (["name"], "partial"), LEAVES[2], None)], frozenset(), {})
@example(
    [grant({}, ["*"], None), *(mask({}, (["name"], one), None, None) for one in ("partial", "email", "hash"))],
    frozenset(),
    {},
)
def test_compiled_policies_agree_with_the_row_by_row_evaluator(
    rules: list[Rule], roles: frozenset[str], claims: Mapping[str, Any]
) -> None:
    meant = reference.evaluate(rules, roles, claims, SHAPES, PEOPLE_ROWS, pseudonym)
    answer = seen(rules, roles, claims)
    assert (answer and (answer.columns, answer.rows)) == meant


def reveals(before: Answer | None, after: Answer | None) -> list[str]:
    """The cells that `after` shows and `before` did not: rows, columns, raw values, anything where NULL stood."""
    if after is None:
        return []
    if before is None:
        return ["the table"]
    found = [f"column {name}" for name in after.columns if name not in before.columns]
    for number, cells in after.rows.items():
        if number not in before.rows:
            found.append(f"row {number}")
            continue
        was = dict(zip(before.columns, before.rows[number], strict=True))
        for name, value in zip(after.columns, cells, strict=True):
            raw = PEOPLE_ROWS[number][name]
            constant = value == reference.masked("constant", name, PEOPLE_ROWS[number], "", pseudonym)
            if value != was[name] and value is not None and (value == raw or was[name] is None) and not constant:
                found.append(f"cell {number}.{name}")
    return found


@FEWER
@given(rule_lists, obligations, roles, claims)
def test_a_further_restriction_mask_hide_or_deny_never_reveals(
    rules: list[Rule], more: Rule, roles: frozenset[str], claims: Mapping[str, Any]
) -> None:
    assert reveals(seen(rules, roles, claims), seen([*rules, more], roles, claims)) == []


delegated: Rule = {"id": "d", "to": {"subject": "p"}, "delegate": {"for": {"subject": "q"}}}


@FEWER
@given(rule_lists, roles, claims, roles, claims)
@example([grant({}, ["*"], LEAVES[0]), grant({}, ["id"], None)], frozenset(), {}, frozenset(), {})
def test_who_asks_on_behalf_of_another_sees_nothing_that_either_does_not(
    rules: list[Rule],
    roles: frozenset[str],
    claims: Mapping[str, Any],
    others: frozenset[str],
    held: Mapping[str, Any],
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        policies = load(Path(folder), [*written(rules), delegated])
    asks = principal("p", role=tuple(sorted(roles)), **claims)
    behalf = principal("q", role=tuple(sorted(others)), **held)
    both = world().ask(policies, replace(asks, behalf=behalf))
    alone = [world().ask(policies, one) for one in (asks, behalf)]
    assert [reveals(one, both) for one in alone] == [[], []]
    # Each cell is what one of the two sees, or nothing; and what is the same to both stays.
    same = world().ask(policies, replace(asks, behalf=replace(asks, subject="q")))
    assert same == alone[0]


def turns(rule: Rule) -> bool:
    """Whether holding an attribute takes something away."""
    return "deny" in rule or rule["to"] == {"role": {"not": "a"}}


lost = st.sampled_from(["zone", "zones", "store", "a", "b"])


@FEWER
@given(rule_lists.filter(lambda rules: not any(turns(rule) for rule in rules)), roles, claims, lost)
def test_an_attribute_less_never_reveals(
    rules: list[Rule], roles: frozenset[str], claims: Mapping[str, Any], lost: str
) -> None:
    """Where rules speak of attributes as they should: grants and exemptions by holding one, obligations without."""
    fewer = {name: value for name, value in claims.items() if name != lost}
    assert reveals(seen(rules, roles, claims), seen(rules, roles - {lost}, fewer)) == []


@pytest.mark.parametrize("value", [None, "", (), 5, ("N",), "N\x00", "\ud800"], ids=repr)
def test_a_claim_that_is_absent_empty_or_of_another_type_grants_nothing(value: Any) -> None:
    rules = [grant({}, ["*"], LEAVES[5])]
    assert seen(rules, frozenset(), {} if value is None else {"zone": value}) is None
