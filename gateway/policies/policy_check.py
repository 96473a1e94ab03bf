"""What is doubtful in policies that load: rules that change nothing, contradict each other, or spare somebody. Pure.

A rule is looked at beside each other one: by whom they speak of, which columns they are about, and which rows
(`policy_check_rows`). What depends on an hour, on who has which attributes, or on what the rows hold is not decided.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from gateway.decision import TreatmentKind
from gateway.document import Finding, Report
from gateway.policies.masks import HASH
from gateway.policies.policy_check_rows import row_doubts
from gateway.policies.policy_compile import compile_rules
from gateway.policies.policy_delegate import hierarchy
from gateway.policies.policy_rules import (
    Declassified,
    Deny,
    Grant,
    Hide,
    Masked,
    Policies,
    Restrict,
    Rule,
    Used,
    Value,
    Who,
    tables_of,
)
from gateway.policies.policy_who import HoldsRole
from gateway.product import Product

Place = tuple[str, str, str]


@dataclass(frozen=True)
class _Bearing:
    """A rule with the tables and the columns that it is about."""

    rule: Rule
    tables: frozenset[tuple[str, str]]
    columns: frozenset[Place]


@dataclass(frozen=True)
class Checked:
    """Every doubt, and by rule what its condition holds that could not be looked into: claims, functions, tables."""

    doubts: tuple[Finding, ...]
    undecided: Mapping[str, tuple[str, ...]]


def checked(policies: Policies, products: Iterable[Product]) -> Checked:
    """Every doubt about `policies` over `products`, each a warning at its rule, in the order of the rules."""
    report = Report(policies.documents)
    known = tuple(products)
    bearings = [_bearing(rule, known) for rule in policies.rules]
    holds = hierarchy(policies.roles)
    compiled = [(product, compile_rules(policies, product, Report(policies.documents)).tables) for product in known]
    rows = row_doubts(compiled, lambda one, other: not other.unless and _implies(one.to, other.to, holds))
    for one in bearings:
        for problem, remedy in (*_doubts(one, bearings, policies, holds), *rows.by_rule.get(one.rule.id, ())):
            report.warning(one.rule.file, one.rule.path, f"rule {one.rule.id}: {problem}", remedy)
    return Checked(tuple(report.warnings), rows.undecided)


def _bearing(rule: Rule, products: Iterable[Product]) -> _Bearing:
    pairs = [(one, table) for one in products if rule.target.covers(one) for table in tables_of(rule, one)]
    return _Bearing(
        rule,
        frozenset((product.name, table.name) for product, table in pairs),
        frozenset(
            (product.name, table.name, column.name)
            for product, table in pairs
            for column in table.columns
            if rule.selects(column)
        ),
    )


def _doubts(
    one: _Bearing, others: Sequence[_Bearing], policies: Policies, holds: HoldsRole
) -> Iterable[tuple[str, str]]:
    effect = one.rule.effect
    if one.rule.columns and one.tables and not one.columns:
        yield "it selects no column of any table", "name a column, a class or a tag that there is"
        return
    if not isinstance(effect, Grant | Declassified) and one.tables and not _granted(one, others):
        yield "it changes nothing: no rule grants anybody what it is about", "a grant, or remove it"
        return
    for other in others:
        if other.rule is one.rule:
            continue
        if isinstance(other.rule.effect, Deny) and not isinstance(effect, Deny) and _always(one, other, holds):
            yield f"it changes nothing: {other.rule.id} denies whomever it speaks of", "remove one of the two"
        elif isinstance(other.rule.effect, Hide) and _covers(one, other) and _always(one, other, holds):
            yield f"it changes nothing: {other.rule.id} hides its columns", "remove one of the two"
    if isinstance(effect, Masked):
        yield from _conflicts(one, others, policies, holds)
    if isinstance(effect, Grant):
        yield from _spared(one, others, holds)


def _granted(one: _Bearing, others: Iterable[_Bearing]) -> bool:
    """Whether some grant shows any of its columns, or of its tables where it is about no columns."""
    grants = [other for other in others if isinstance(other.rule.effect, Grant)]
    if one.rule.columns:
        return any(one.columns & other.columns for other in grants)
    return any(one.tables & other.tables for other in grants)


def _conflicts(
    one: _Bearing, others: Iterable[_Bearing], policies: Policies, holds: HoldsRole
) -> Iterable[tuple[str, str]]:
    """Masks of one rank that differ give NULL; each pair is told once, at its later rule."""
    for other in itertools.takewhile(lambda other: other.rule is not one.rule, others):
        mine, theirs = one.rule.effect, other.rule.effect
        if not isinstance(mine, Masked) or not isinstance(theirs, Masked):
            continue
        both = one.columns & other.columns
        differ = (mine.mask, mine.link) != (theirs.mask, theirs.link)
        meet = _implies(one.rule.to, other.rule.to, holds) or _implies(other.rule.to, one.rule.to, holds)
        if both and differ and meet and _kind(mine, policies) == _kind(theirs, policies) != "null":
            names = ", ".join(sorted({name for _, _, name in both}))
            yield f"with {other.rule.id} it gives NULL: two masks of one rank over {names}", "one mask for each column"


def _spared(one: _Bearing, others: Iterable[_Bearing], holds: HoldsRole) -> Iterable[tuple[str, str]]:
    """Grants to those whom a mask, a hiding, a use or a restriction spares."""
    for other in others:
        effect, unless = other.rule.effect, other.rule.unless
        if (
            unless is None
            or not isinstance(effect, Masked | Hide | Used | Restrict)
            or not _implies(one.rule.to, unless, holds)
        ):
            continue
        both = {name for _, _, name in one.columns & other.columns}
        if both:
            yield f"it shows what {other.rule.id} keeps from others: {', '.join(sorted(both))}", "is that meant?"
        elif isinstance(effect, Restrict) and one.tables & other.tables:
            yield f"it shows rows that {other.rule.id} keeps from others", "is that meant?"


def _always(one: _Bearing, other: _Bearing, holds: HoldsRole) -> bool:
    """Whether `other` matches wherever `one` does."""
    return (
        bool(one.tables)
        and one.tables <= other.tables
        and not other.rule.unless
        and _implies(one.rule.to, other.rule.to, holds)
    )


def _covers(one: _Bearing, other: _Bearing) -> bool:
    return bool(one.columns) and one.columns <= other.columns


def _implies(narrow: Who, wide: Who, holds: HoldsRole) -> bool:
    """Whether everybody of whom `narrow` speaks is one of whom `wide` does, as far as their clauses tell."""
    said = dict(narrow.every)
    return set(wide.none_of) <= set(narrow.none_of) and all(
        name in said and all(_among(name, value, values, holds) for value in said[name]) for name, values in wide.every
    )


def _among(name: str, value: Value, values: Collection[Value], holds: HoldsRole) -> bool:
    """Whether who has `value` has one of `values`: a role includes others."""
    return value in values or (name == "role" and any(holds((str(value),), str(one)) for one in values))


def _kind(effect: Masked, policies: Policies) -> TreatmentKind:
    return "hash" if effect.mask == HASH else policies.masks[effect.mask].kind
