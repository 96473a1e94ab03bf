"""Matched rules to one Decision: which rows, which cells, and what is done to each. Pure: values in, SQL text out.

POLICY.md, "Meaning", 2 to 7 and 9, in that order.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from gateway import duck
from gateway.decision import STRICTNESS, Decision, Treatment, TreatmentKind, Use
from gateway.masks import HASH, Mask
from gateway.policy_compile import Applied
from gateway.policy_expression import typed_null
from gateway.policy_rules import Grant, Hide, Masked, Restrict, Used
from gateway.principal import Claim
from gateway.product import Column, Pseudonym, Table

Claims = Mapping[str, Claim]


class Refused(Exception):
    """The matched rules show nothing; the text says why, for governance."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a decision is about: table, accepted claims, the snapshot's pseudonyms, and the masks by name."""

    product: str
    table: Table
    claims: Claims
    pseudonyms: frozenset[Pseudonym]
    masks: Mapping[str, Mask]


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


def decide(asked: Asked, matched: Iterable[Applied], valid_until: float) -> Decision:
    """The Decision that `matched`, none of them a deny, give together. Raises Refused."""
    rules = tuple(matched)
    hidden = _hidden(rules)
    grants = _grants(rules, asked, frozenset(hidden))
    if not grants:
        raise Refused("no grant that matches shows a column")
    restrictions = [_restriction(rule, asked) for rule in rules if isinstance(rule.rule.effect, Restrict)]
    pending: list[str] = []
    treatments = {
        column.name: _treatment(column, rules, grants, hidden.get(column.name, ()), asked, pending)
        for column in asked.table.columns
    }
    granted = {grant.rule for grant in grants}
    named = [one.rule.id for one in rules if not isinstance(one.rule.effect, Grant) or one.rule.id in granted]
    return Decision(
        product=asked.product,
        table=asked.table.name,
        rules=tuple(named),
        rows=_rows(grants, restrictions),
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
                found[name] = (*found.get(name, ()), one.rule.id)
    return found


def _grants(rules: Iterable[Applied], asked: Asked, hidden: frozenset[str]) -> list[_Shown]:
    """The grants whose claims are there and that show a column: only their rows are rows (POLICY 3, 9)."""
    found: list[_Shown] = []
    for one in rules:
        columns = frozenset(one.columns) - hidden
        if not isinstance(one.rule.effect, Grant) or not columns:
            continue
        if one.rows is None:
            found.append(_Shown(one.rule.id, columns, None))
        elif _has_claims(one, asked.claims):
            found.append(_Shown(one.rule.id, columns, one.rows.text(asked.claims)))
    return found


def _has_claims(one: Applied, claims: Claims) -> bool:
    return one.rows is None or all(name in claims for name, _ in one.rows.claims)


def _restriction(one: Applied, asked: Asked) -> str:
    if one.rows is None or not _has_claims(one, asked.claims):
        raise Refused(f"the restriction {one.rule.id} needs a claim that is absent, empty or of another type")
    return one.rows.text(asked.claims)


def _rows(grants: list[_Shown], restrictions: list[str]) -> str | None:
    granted = _any_of(grants)
    terms = [*([granted] if granted is not None else []), *dict.fromkeys(restrictions)]
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
    rules: Iterable[Applied],
    grants: list[_Shown],
    hidden_by: tuple[str, ...],
    asked: Asked,
    pending: list[str],
) -> Treatment:
    covering = [grant for grant in grants if column.name in grant.columns]
    if hidden_by or not covering:
        return Treatment("hidden", "", "", hidden_by)
    layers = [_layer(one, column, asked, pending) for one in rules if _masks(one, column)]
    plain = _laid(layers, duck.quote(column.name), column.type)
    # A cell is there only in rows of a grant that covers its column (POLICY 3).
    nulled = _filters(covering) != _filters(grants)
    expression = f"CASE WHEN {_any_of(covering)} THEN {plain} ELSE NULL END" if nulled else plain
    if not layers:
        return Treatment("raw", expression, "", tuple(grant.rule for grant in covering))
    kind, shown = _strictest(layers)
    names = " and ".join(sorted({layer.mask for layer in shown}))
    return Treatment(kind, expression, names, tuple(dict.fromkeys(layer.rule for layer in layers)))


def _uses(rules: Iterable[Applied], visible: Iterable[str]) -> dict[str, Use]:
    """Visible column -> its strictest use: an aggregate before a join, of each entity the most that a rule asks for."""
    found: dict[str, Use] = {}
    for name in visible:
        bearing = [(one.rule.id, one.rule.effect) for one in rules if name in one.columns]
        said = [(rule, effect) for rule, effect in bearing if isinstance(effect, Used)]
        floors: dict[str, int] = {}
        for _, effect in said:
            if effect.kind == "aggregate":
                floors[effect.entity] = max(effect.least, floors.get(effect.entity, 0))
        if said:
            named = tuple(rule for rule, _ in said)
            found[name] = Use("aggregate" if floors else "join", tuple(sorted(floors.items())), named)
    return found


def _masks(one: Applied, column: Column) -> bool:
    return isinstance(one.rule.effect, Masked) and column.name in one.columns


def _layer(one: Applied, column: Column, asked: Asked, pending: list[str]) -> _Layer:
    effect = one.rule.effect
    assert isinstance(effect, Masked)
    # A condition whose claim is absent is unknown, and what is unknown masks.
    told = one.rows is not None and _has_claims(one, asked.claims)
    condition = one.rows.text(asked.claims) if one.rows is not None and told else None
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
