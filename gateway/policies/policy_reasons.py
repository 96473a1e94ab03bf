"""Why each rule of a table matches somebody or does not, in words for governance. Pure; never for a client's request.

Casbin decides; this tells the same again clause by clause, and a test holds the two together.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from gateway.access import claims
from gateway.policies.agreements import Agreement
from gateway.policies.policy_compile import Applied
from gateway.policies.policy_rules import Clause, Declassified, Deny, Grant, Hide, Masked, Restrict, Rule, Used, Who
from gateway.policies.policy_who import Asker, HoldsRole, matches
from gateway.principal import Claim
from gateway.product import Product

_WORDS = {
    Grant: "grant",
    Restrict: "restrict",
    Masked: "mask",
    Hide: "hide",
    Used: "use",
    Declassified: "declassify",
    Deny: "deny",
}


@dataclass(frozen=True, slots=True)
class Reason:
    """One rule, or agreement, for one of those who ask: whether it matches, and why not ("" where it does).

    A rule that matches may still do nothing: `why` says so. `rows` is its filter or condition with the claims' values,
    "" where it has none.
    """

    subject: str
    rule: str
    effect: str
    matches: bool
    why: str
    rows: str


def of_rules(rules: Iterable[Applied], asker: Asker, holds_role: HoldsRole) -> tuple[Reason, ...]:
    """A reason for each of `rules`, which bear on one table, in their order."""
    held = claims.accepted(asker.principal.attributes, asker.claims)
    return tuple(_of_rule(one, asker, holds_role, held) for one in rules)


def of_agreements(
    every: Iterable[Agreement], product: Product, asker: Asker, holds_role: HoldsRole
) -> tuple[Reason, ...]:
    """A reason for each agreement about `product`."""
    found = []
    for one in every:
        if one.target.covers(product):
            why = _missing(one, asker, holds_role)
            found.append(Reason(asker.principal.subject, f"agreement:{one.id}", "agreement", not why, why, ""))
    return tuple(found)


def _of_rule(one: Applied, asker: Asker, holds_role: HoldsRole, held: Mapping[str, Claim]) -> Reason:
    rule = one.rule
    why = _unmet(rule, asker, holds_role)
    absent = [name for name, _ in one.rows.claims if name not in held] if one.rows is not None else []
    rows = one.rows.text(held) if one.rows is not None and not absent else ""
    idle = _idle(rule, one.columns, absent) if not why else ""
    return Reason(asker.principal.subject, rule.id, _WORDS[type(rule.effect)], not why, why or idle, rows)


def _unmet(rule: Rule, asker: Asker, holds_role: HoldsRole) -> str:
    """Why `rule` does not speak of `asker`, "" where it does: as `policy_lines.holds` decides it."""
    effect, action = rule.effect, asker.environment.action
    widens = isinstance(effect, Grant)
    if isinstance(effect, Grant) and action not in effect.actions:
        return f"it grants {_listed(effect.actions)}, not {action}"
    if not matches(rule.to, asker, holds_role, widens=widens):
        return _first(rule.to, asker, holds_role) or "what it excludes cannot be told of whoever lacks the attribute"
    if rule.unless is not None and matches(rule.unless, asker, holds_role, widens=not widens):
        said = [_clause(one) for one in rule.unless.every]
        return f"spared, since {' and '.join(said)}" if said else "spared by its unless"
    return ""


def _first(said: Who, asker: Asker, holds_role: HoldsRole) -> str:
    """The first clause that does not hold."""
    for clause in said.every:
        if not matches(Who((clause,), ()), asker, holds_role, widens=True):
            return _clause(clause, "is not")
    for group in said.none_of:
        if matches(Who(group, ()), asker, holds_role, widens=True):
            return f"excluded, since {' and '.join(_clause(one) for one in group)}"
    return ""


def _clause(clause: Clause, verb: str = "is") -> str:
    name, values = clause
    return f"{name} {verb} {_listed(values)}"


def _listed(values: Iterable[object]) -> str:
    return " or ".join(str(one) for one in values)


def _idle(rule: Rule, columns: tuple[str, ...], absent: list[str]) -> str:
    """Why a rule that matches does nothing, or more than its words; "" where it does what it says."""
    if absent and isinstance(rule.effect, Grant):
        return f"it grants nothing: the claim {absent[0]} is absent, empty or of another type"
    if absent and isinstance(rule.effect, Restrict):
        return f"it leaves nothing: the claim {absent[0]} is absent, empty or of another type"
    if absent:
        return f"it masks every row: the claim {absent[0]} is absent, empty or of another type"
    return "it is about no column of this table" if rule.columns and not columns else ""


def _missing(one: Agreement, asker: Asker, holds_role: HoldsRole) -> str:
    """Why an agreement does not cover `asker`, "" where it does."""
    state = one.state(asker.environment.now)
    if state != "in force":
        return "its time has not come" if state == "not yet" else "it has ended"
    if one.consumers and asker.principal.subject not in one.consumers:
        return f"its consumer is {_listed(one.consumers)}"
    if one.roles and not any(holds_role(asker.roles, role) for role in one.roles):
        return f"role is not {_listed(one.roles)}"
    if one.ports and asker.environment.port not in one.ports:
        return f"port is not {_listed(one.ports)}"
    if one.purposes and not any(purpose in one.purposes for purpose in asker.values("purpose")):
        return f"the purpose that is stated is not {_listed(one.purposes)}"
    return ""


def rows_in_words(reasons: Iterable[Reason], rules: Collection[str]) -> str:
    """Which rows are left, of the decision that names `rules`: who grants which, and what is taken of them."""
    by: dict[str, list[Reason]] = {}
    for one in reasons:
        if one.matches and one.rule in rules and not one.why:
            by.setdefault(one.subject, []).append(one)
    words = [_of_one(own) for own in by.values()]
    return (
        words[0]
        if len(set(words)) == 1
        else "; and ".join(f"for {name}: {w}" for name, w in zip(by, words, strict=True))
    )


def _of_one(reasons: list[Reason]) -> str:
    grants = [one for one in reasons if one.effect == "grant"]
    left = [f"{one.rows} by {one.rule}" for one in reasons if one.effect == "restrict"]
    whole = [one.rule for one in grants if not one.rows]
    granted = (
        f"every row, by {', '.join(whole)}"
        if whole
        else "where " + ", or ".join(f"{one.rows} by {one.rule}" for one in grants)
    )
    return granted + (f"; of these only where {', and '.join(left)}" if left else "")
