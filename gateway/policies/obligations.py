"""Matched rules to one Decision: which rows, which cells, and what is done to each. Pure: values in, SQL text out.

POLICY.md, "Meaning", 2 to 7 and 9, in that order.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from gateway.decision import STRICTNESS, Decision, Treatment, TreatmentKind, Use
from gateway.policies.masks import HASH, Mask
from gateway.policies.policy_compile import Applied
from gateway.policies.policy_expression import typed_null
from gateway.policies.policy_rules import Grant, Hide, Masked, Restrict, Used
from gateway.principal import Claim
from gateway.product import Column, Pseudonym, Table
from gateway.sql import duck

Claims = Mapping[str, Claim]


class Refused(Exception):
    """The matched rules show nothing; the text says why, for governance."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a decision is about: table, the snapshot's pseudonyms, and the masks by name."""

    product: str
    table: Table
    pseudonyms: frozenset[Pseudonym]
    masks: Mapping[str, Mask]


@dataclass(frozen=True, slots=True)
class Side:
    """One of those who ask: the rules that match, none of them a deny, and its accepted claims."""

    rules: tuple[Applied, ...]
    claims: Claims


@dataclass(frozen=True, slots=True)
class _Shown:
    """A grant that shows something: its columns, and its row filter's text (None: every row)."""

    rule: str
    columns: frozenset[str]
    rows: str | None


@dataclass(frozen=True, slots=True)
class _Layer:
    """One mask over one column: `expression` where `condition` is not false (None: always)."""

    rule: str
    mask: str
    kind: TreatmentKind
    expression: str
    condition: str | None


@dataclass(frozen=True, slots=True)
class _Given:
    """A side with its grants, as far as they show a column that is shown at all."""

    side: Side
    grants: list[_Shown]


def decide(asked: Asked, sides: Sequence[Side], valid_until: float) -> Decision:
    """The Decision that the rules of every side give together: what each of them is shown. Raises Refused.

    Of several sides a row is there for all or for none, a cell shown to all, and the strictest mask of any applies.
    """
    rules = tuple(one for side in sides for one in side.rules)
    hidden = _hidden(rules)
    shown = _visible(sides, frozenset(hidden))
    given = [_Given(side, _grants(side, shown)) for side in sides]
    restrictions = [[_restriction(one, side) for one in side.rules if _restricts(one)] for side in sides]
    pending: list[str] = []
    treatments = {
        column.name: _treatment(column, given, column.name in shown, hidden.get(column.name, ()), asked, pending)
        for column in asked.table.columns
    }
    granted = {grant.rule for one in given for grant in one.grants}
    named = [one.rule.id for one in rules if not isinstance(one.rule.effect, Grant) or one.rule.id in granted]
    return Decision(
        product=asked.product,
        table=asked.table.name,
        rules=tuple(dict.fromkeys(named)),
        rows=_rows([(one.grants, terms) for one, terms in zip(given, restrictions, strict=True)]),
        treatments=treatments,
        valid_until=valid_until,
        pending=tuple(dict.fromkeys(pending)),
        uses=_uses(rules, [name for name, treatment in treatments.items() if treatment.kind != "hidden"]),
    )


def _hidden(rules: Iterable[Applied]) -> dict[str, tuple[str, ...]]:
    """Column -> the ids of the rules that hide it."""
    found: dict[str, tuple[str, ...]] = {}
    for one in rules:
        if isinstance(one.rule.effect, Hide):
            for name in one.columns:
                found[name] = tuple(dict.fromkeys([*found.get(name, ()), one.rule.id]))
    return found


def _visible(sides: Iterable[Side], hidden: frozenset[str]) -> frozenset[str]:
    """The columns that every side is granted and that no rule hides. Raises Refused where there are none."""
    each = [
        frozenset(name for one in side.rules if _grants_now(one, side) for name in one.columns) - hidden
        for side in sides
    ]
    if not all(each):
        raise Refused("no grant that matches shows a column")
    shown = frozenset.intersection(*each)
    if not shown:
        raise Refused("no column is shown to both")
    return shown


def _grants_now(one: Applied, side: Side) -> bool:
    """Whether this is a grant whose claims are there (POLICY 9)."""
    return isinstance(one.rule.effect, Grant) and _has_claims(one, side.claims)


def _restricts(one: Applied) -> bool:
    return isinstance(one.rule.effect, Restrict)


def _grants(side: Side, shown: frozenset[str]) -> list[_Shown]:
    """The grants that show a column: only their rows are rows (POLICY 3, 9)."""
    found: list[_Shown] = []
    for one in side.rules:
        columns = frozenset(one.columns) & shown
        if columns and _grants_now(one, side):
            found.append(_Shown(one.rule.id, columns, one.rows.text(side.claims) if one.rows is not None else None))
    return found


def _has_claims(one: Applied, claims: Claims) -> bool:
    return one.rows is None or all(name in claims for name, _ in one.rows.claims)


def _restriction(one: Applied, side: Side) -> str:
    if one.rows is None or not _has_claims(one, side.claims):
        raise Refused(f"the restriction {one.rule.id} needs a claim that is absent, empty or of another type")
    return one.rows.text(side.claims)


def _rows(sides: Iterable[tuple[list[_Shown], list[str]]]) -> str | None:
    """True for a row that every side is granted and no restriction takes; a term of both sides stands once."""
    each = [(_any_of(grants), restrictions) for grants, restrictions in sides]
    found = [term for granted, restrictions in each for term in (granted, *restrictions) if term is not None]
    terms = list(dict.fromkeys(found))
    return " AND ".join(f"({term})" for term in terms) if terms else None


def _any_of(grants: Iterable[_Shown]) -> str | None:
    """True where one of the grants' filters is; None if one has no filter."""
    filters = _filters(grants)
    return " OR ".join(f"({text})" for text in sorted(filters)) if filters is not None else None


def _filters(grants: Iterable[_Shown]) -> frozenset[str] | None:
    """The distinct filters of `grants`, None if one of them shows every row."""
    texts = [grant.rows for grant in grants]
    return None if None in texts else frozenset(text for text in texts if text is not None)


def _treatment(
    column: Column,
    given: list[_Given],
    shown: bool,
    hidden_by: tuple[str, ...],
    asked: Asked,
    pending: list[str],
) -> Treatment:
    if not shown:
        return Treatment("hidden", "", "", hidden_by)
    covering = [[grant for grant in one.grants if column.name in grant.columns] for one in given]
    layers = [
        _layer(rule, column, asked, one.side.claims, pending)
        for one in given
        for rule in one.side.rules
        if _masks(rule, column)
    ]
    plain = _laid(layers, duck.quote(column.name), column.type)
    # A cell is there only in rows of a grant that covers its column (POLICY 3).
    nulled = [
        _any_of(cover) for one, cover in zip(given, covering, strict=True) if _filters(cover) != _filters(one.grants)
    ]
    conditions = list(dict.fromkeys(term for term in nulled if term is not None))
    there = " AND ".join(conditions if len(conditions) == 1 else [f"({term})" for term in conditions])
    expression = f"CASE WHEN {there} THEN {plain} ELSE NULL END" if there else plain
    if not layers:
        granted = dict.fromkeys(grant.rule for cover in covering for grant in cover)
        return Treatment("raw", expression, "", tuple(granted))
    kind, strictest = _strictest(layers)
    names = " and ".join(sorted({layer.mask for layer in strictest}))
    return Treatment(kind, expression, names, tuple(dict.fromkeys(layer.rule for layer in layers)))


def _uses(rules: Iterable[Applied], visible: Iterable[str]) -> dict[str, Use]:
    """Visible column -> its strictest use: an aggregate before a join, of each entity the most that a rule asks for.

    A measure over it exists where each of them names it.
    """
    found: dict[str, Use] = {}
    for name in visible:
        bearing = [(one.rule.id, one.rule.effect) for one in rules if name in one.columns]
        said = [(rule, effect) for rule, effect in bearing if isinstance(effect, Used)]
        floors: dict[str, int] = {}
        for _, effect in said:
            if effect.kind == "aggregate":
                floors[effect.entity] = max(effect.least, floors.get(effect.entity, 0))
        if said:
            named = tuple(dict.fromkeys(rule for rule, _ in said))
            measures = frozenset.intersection(*(frozenset(effect.measures) for _, effect in said))
            found[name] = Use("aggregate" if floors else "join", tuple(sorted(floors.items())), named, measures)
    return found


def _masks(one: Applied, column: Column) -> bool:
    return isinstance(one.rule.effect, Masked) and column.name in one.columns


def _layer(one: Applied, column: Column, asked: Asked, claims: Claims, pending: list[str]) -> _Layer:
    effect = one.rule.effect
    assert isinstance(effect, Masked)
    # A condition whose claim is absent is unknown, and what is unknown masks.
    told = one.rows is not None and _has_claims(one, claims)
    condition = one.rows.text(claims) if one.rows is not None and told else None
    if effect.mask != HASH:
        kind = asked.masks[effect.mask].kind
        return _Layer(one.rule.id, effect.mask, kind, one.masks[column.name].text({}), condition)
    pseudonym = one.pseudonyms[column.name]
    if pseudonym in asked.pseudonyms:
        return _Layer(one.rule.id, HASH, "hash", duck.quote(pseudonym.physical), condition)
    pending.append(pseudonym.physical)
    return _Layer(one.rule.id, HASH, "null", typed_null(column.type), condition)


def _levels(layers: list[_Layer]) -> list[dict[str, str | None]]:
    """For each rank that is used, mildest first: mask expression -> when a row is spared it (None: never)."""
    levels: list[dict[str, str | None]] = []
    for rank in STRICTNESS:
        conditions: dict[str, list[str | None]] = {}
        for layer in layers:
            if layer.kind == rank:
                conditions.setdefault(layer.expression, []).append(layer.condition)
        level: dict[str, str | None] = {}
        for expression, terms in conditions.items():
            # NULL masks: a row is spared only where every condition is FALSE (POLICY 4).
            spared = " AND ".join(f"(({term}) IS FALSE)" for term in dict.fromkeys(terms))
            level[expression] = None if None in terms else spared
        if level:
            levels.append(level)
    return levels


def _laid(layers: list[_Layer], raw: str, kind: str) -> str:
    """The expression that gives each row the strictest mask that applies to it, NULL where two of a rank differ.

    Masks that differ give NULL even below a stricter one: else adding a hash to them would show a pseudonym.
    """
    expression = raw
    conflicts: list[str] = []
    for level in _levels(layers):
        for mask, spared in level.items():
            expression = mask if spared is None else f"CASE WHEN {spared} THEN {expression} ELSE {mask} END"
        for first, second in itertools.combinations(level.values(), 2):
            both = [f"NOT ({spared})" for spared in (first, second) if spared is not None]
            conflicts.append(" AND ".join(both) or "true")
    if not conflicts:
        return expression
    null = typed_null(kind)
    always = "true" in conflicts
    return null if always else f"CASE WHEN ({') OR ('.join(conflicts)}) THEN {null} ELSE {expression} END"


def _strictest(layers: list[_Layer]) -> tuple[TreatmentKind, list[_Layer]]:
    """The strictest kind that some row gets for certain or on a condition, and the masks that give it."""
    for rank in STRICTNESS:
        always = {layer.expression for layer in layers if layer.kind == rank and layer.condition is None}
        if len(always) > 1:
            return "null", [layer for layer in layers if layer.kind == rank]
    kind = max((layer.kind for layer in layers), key=STRICTNESS.index)
    return kind, [layer for layer in layers if layer.kind == kind]
