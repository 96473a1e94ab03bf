"""Policies -> Decision: which rules match, by casbin, and what they oblige to. The only room that imports casbin.

Casbin decides roles, allow and deny; `obligations` makes rows, cells and masks of the matched rules. A Decision is
always a grant: whatever is refused raises, and reads like a name that does not exist.
"""

from __future__ import annotations

import functools
import logging
import threading
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import casbin
from casbin.model import Model

from gateway.access import claims
from gateway.contracts.visibility import visible_key, visible_relationships, visible_semantics
from gateway.decision import Decision, unknown_relation
from gateway.document import Finding, Report
from gateway.errors import Forbidden, Unauthenticated
from gateway.limits import Limits
from gateway.policies import agreements, obligations, policy_limit, policy_lines, policy_manage, policy_reasons
from gateway.policies.agreements import Agreement, Covered
from gateway.policies.policy_compile import Applied, ProductRules, check_names, compile_rules
from gateway.policies.policy_delegate import FOR_ITSELF, Delegations, Permit, hierarchy
from gateway.policies.policy_file import read_folder
from gateway.policies.policy_reasons import Reason
from gateway.policies.policy_rules import Deny, Policies, PolicyError, Right
from gateway.policies.policy_who import Asker, next_boundary
from gateway.principal import NEVER, Action, Environment, Principal
from gateway.product import Product, Pseudonym, Table

__all__ = [
    "PolicyError",
    "PolicySet",
    "Verdict",
    "load",
    "visible_key",
    "visible_relationships",
    "visible_semantics",
]

MODEL = """
[request_definition]
r = sub, env, log
[policy_definition]
p = id, role, attrs, eft
[role_definition]
g = _, _
[policy_effect]
e = some(where (p.eft == allow)) && !some(where (p.eft == deny))
[matchers]
m = has_role(r.sub, p.role) && holds(r.sub, r.env, p.attrs) && note(r.log, p.id)
"""
CACHED_DECISIONS = 4096
CACHED_PRODUCTS = 256
_log = logging.getLogger("outport.policy")


def _silence(_: logging.LogRecord) -> bool:
    return False


# Casbin logs requests, attributes included. A filter stays through a dictConfig that enables loggers again.
for _name in ("casbin", "casbin.enforcer", "casbin.policy", "casbin.role"):
    logging.getLogger(_name).addFilter(_silence)


@dataclass(frozen=True, slots=True)
class Verdict:
    """The outcome for one table: a Decision, or why there is none. `refusal` is for governance, never for a client."""

    decision: Decision | None
    refusal: str
    matched: tuple[str, ...]
    valid_until: float


class _Enforcer:
    """Casbin's enforcer of one product. Thread-safe: its role manager adds the roles that it is asked about."""

    def __init__(self, compiled: ProductRules, roles: dict[str, tuple[str, ...]]) -> None:
        model = Model()
        model.load_model_from_text(MODEL)
        self._enforcer = casbin.Enforcer(model)
        self._lock = threading.Lock()
        self._empty = not compiled.rules
        for senior, included in roles.items():
            for junior in included:
                self._enforcer.add_role_for_user(senior, junior)
        # Denies stand last: enforcement stops at the first, and every other match must have been noted.
        for rule in sorted(compiled.rules, key=lambda rule: isinstance(rule.effect, Deny)):
            self._enforcer.add_policy(*policy_lines.line(rule, compiled.product))
        linked = self._enforcer.get_role_manager().has_link

        def holds_role(held: tuple[str, ...], wanted: str) -> bool:
            return any(role == wanted or linked(role, wanted) for role in held)

        self._enforcer.add_function("has_role", functools.partial(policy_lines.has_role, holds_role))
        self._enforcer.add_function("holds", functools.partial(policy_lines.holds, holds_role))
        self._enforcer.add_function("note", policy_lines.note)

    def matched(self, asker: Asker, table: str) -> tuple[bool, tuple[str, ...]]:
        """Whether casbin allows, and the ids of the rules that match on `table`; an empty policy allows nothing."""
        if self._empty:
            return False, ()
        log: list[str] = []
        with self._lock:
            allowed = bool(self._enforcer.enforce(asker, table, log))
        return allowed, tuple(dict.fromkeys(log))


class _ProductPolicy:
    """The rules that bear on one compiled product, and its enforcer."""

    def __init__(self, policies: Policies, compiled: ProductRules) -> None:
        self.compiled = compiled
        self._policies = policies
        self._enforcer = _Enforcer(compiled, dict(policies.roles))

    def verdict(
        self, principal: Principal, table: Table, environment: Environment, pseudonyms: frozenset[Pseudonym]
    ) -> Verdict:
        """One enforcement for each of those who ask, and the Decision that the matched rules give, if any."""
        rules = self.compiled.tables.get(table.name, {})
        valid_until = min(principal.valid_until, _boundary(rules.values(), environment.now))
        sides: list[obligations.Side] = []
        noted: tuple[str, ...] = ()
        for one in principal.both:
            allowed, matched = self._enforcer.matched(Asker(one, environment, self._policies.claims), table.name)
            noted = tuple(dict.fromkeys([*noted, *matched]))
            denied = [name for name in matched if isinstance(rules[name].rule.effect, Deny)]
            if denied or not allowed:
                why = f"denied by {denied[0]}" if denied else "no grant matches"
                refusal = why if principal.behalf is None else f"{why} for {one.subject}"
                return Verdict(None, refusal, noted, valid_until)
            held = claims.accepted(one.attributes, self._policies.claims)
            sides.append(obligations.Side(tuple(rules[name] for name in matched), held))
        asked = obligations.Asked(self.compiled.product.name, table, pseudonyms, self._policies.masks)
        try:
            decision = obligations.decide(asked, sides, valid_until)
        except obligations.Refused as refused:
            return Verdict(None, str(refused), noted, valid_until)
        return Verdict(decision, "", noted, valid_until)


def _boundary(rules: Iterable[Applied], now: float) -> float:
    spans: set[str] = set()
    for one in rules:
        for said in (one.rule.to, one.rule.unless):
            spans.update(str(value) for value in (said.values("hours") if said is not None else ()))
    return next_boundary(tuple(spans), now) if spans else NEVER


class PolicySet:
    """One immutable set of policies over known products. Thread-safe; decisions are cached.

    `version` is the hash of the files, `warnings` what is doubtful in them.
    """

    def __init__(self, policies: Policies, warnings: tuple[Finding, ...], compiled: Iterable[ProductRules]) -> None:
        self.version = policies.version
        self.warnings = warnings
        self._policies = policies
        self._lock = threading.Lock()
        self._products: OrderedDict[tuple[str, str], _ProductPolicy | None] = OrderedDict()
        self._asking: set[tuple[str, int]] = set()
        for one in compiled:
            if one.product.agreement_required:
                self._asking.add((one.product.name, one.product.major))
            self._products[(one.product.name, one.product.identity)] = _ProductPolicy(policies, one)
        self._decisions: OrderedDict[tuple[object, ...], tuple[float, Verdict]] = OrderedDict()
        self._delegations = Delegations(policies.delegations, policies.roles)
        self._holds_role = hierarchy(policies.roles)

    def permit(self, principal: Principal, environment: Environment) -> Permit | None:
        """By what `principal` may ask as it does, and until when that is settled; None where it may not.

        It may for itself; on behalf of another where a rule delegates that to it, or lets it simulate the other.
        """
        if principal.behalf is None:
            return FOR_ITSELF
        asker, behalf = (Asker(one, environment, self._policies.claims) for one in principal.both)
        return self._delegations.permit(principal.standin, asker, behalf)

    def simulates(self, principal: Principal, environment: Environment) -> bool:
        """Whether a rule speaks of `principal` as who may see what others would get; whose access, `permit` tells."""
        return self._delegations.speaks("simulate", Asker(principal.alone, environment, self._policies.claims))

    def limits(self, principal: Principal, environment: Environment) -> Limits | None:
        """What rules leave `principal` to use now, with whom it asks on behalf of; None where none speaks of limits."""
        if not self._policies.limits:
            return None
        askers = [Asker(one, environment, self._policies.claims) for one in principal.both]
        return policy_limit.of(self._policies.limits, askers, self._holds_role)

    def holds(self, principal: Principal, role: str) -> bool:
        """Whether a principal has a role, be it by one that includes it."""
        held = principal.attributes["role"]
        return isinstance(held, tuple) and self._holds_role(tuple(str(one) for one in held), role)

    def manager(self, right: Right, principal: Principal, product: Product, environment: Environment) -> str | None:
        """The id of the rule that gives `principal` the right on `product` now, for itself; None where none does."""
        if principal.behalf is not None or environment.now >= principal.valid_until:
            return None
        asker = Asker(principal, environment, self._policies.claims)
        found = policy_manage.allowed(self._policies.managements, right, asker, product, self._holds_role)
        return found.id if found is not None else None

    def decide(
        self,
        principal: Principal,
        product: Product,
        table: Table | None,
        environment: Environment,
        pseudonyms: frozenset[Pseudonym],
    ) -> Decision:
        """What `principal` may do with `table`. Raises NotFound as for an unknown name; Forbidden where another action
        on the table is granted, but not this one; Unauthenticated once the credential has expired.

        None is an unknown table: another one of the product is looked up in its place, so that it costs as much as one
        that is not granted.
        """
        asked = table or product.tables[0]
        verdict = self.verdict(principal, product, asked, environment, pseudonyms)
        if verdict.decision is not None and table is not None:
            return verdict.decision
        name = f"{product.name}.{asked.name}"
        other: Action = "metadata" if environment.action == "query" else "query"
        elsewhere = Environment(environment.port, environment.purpose, other, environment.now)
        granted = self.verdict(principal, product, asked, elsewhere, pseudonyms).decision
        if granted is not None and table is not None:
            raise Forbidden(f'{environment.action} on "{name}" is not granted to you', reason="action")
        raise unknown_relation(name)

    def verdict(
        self,
        principal: Principal,
        product: Product,
        table: Table,
        environment: Environment,
        pseudonyms: frozenset[Pseudonym],
    ) -> Verdict:
        """As `decide`, with the reason of a refusal instead of raising it: for governance only."""
        if environment.now >= principal.valid_until:
            raise Unauthenticated("the credentials have expired", reason="expired")
        key = (
            _identity(principal),
            (product.name, product.identity, table.name),
            (environment.port, environment.purpose, environment.action),
            pseudonyms,
        )
        with self._lock:
            since, known = self._decisions.get(key, (0.0, None))
            if known is not None and since <= environment.now < known.valid_until:
                self._decisions.move_to_end(key)
                return known
        policy = self._product(product)
        if policy is None:
            return Verdict(None, "the policies do not fit this version of the product", (), NEVER)
        permit = self.permit(principal, environment)
        if permit is None:
            return Verdict(None, "no rule delegates this", (), environment.now)
        agreed = self._agreed(principal, product, environment)
        if agreed is None:
            return Verdict(None, "no agreement is in force", (), environment.now)
        bounded = replace(principal, valid_until=min(principal.valid_until, permit.until, agreed.until))
        verdict = _under(agreed, permit, policy.verdict(bounded, table, environment, pseudonyms))
        with self._lock:
            self._decisions[key] = (environment.now, verdict)
            if len(self._decisions) > CACHED_DECISIONS:
                self._decisions.popitem(last=False)
        return verdict

    @property
    def agreements(self) -> tuple[Agreement, ...]:
        """Every agreement, in force or not."""
        return self._policies.agreements

    def agreements_about(
        self, product: Product, asker: Principal | None, environment: Environment
    ) -> tuple[Agreement, ...]:
        """Those about `product`; of an asker those that name it or a role of it, whatever else they ask for."""
        about = [one for one in self._policies.agreements if one.target.covers(product)]
        if asker is None:
            return tuple(about)
        askers = [Asker(one, environment, self._policies.claims) for one in asker.both]
        return tuple(
            one
            for one in about
            if all(replace(one, ports=(), purposes=()).covers(who, product, self._holds_role) for who in askers)
        )

    def _agreed(self, principal: Principal, product: Product, environment: Environment) -> Covered | None:
        """The agreements by which `principal` may ask of `product` now; None where one is asked for and missing."""
        # A snapshot that is still kept does not go round what the product asks for by now.
        if not product.agreement_required and (product.name, product.major) not in self._asking:
            return Covered((), NEVER)
        every, known = self._policies.agreements, self._policies.claims
        return agreements.covered(every, principal, product, environment, known, self._holds_role)

    def reasons(
        self, principal: Principal, product: Product, table: Table, environment: Environment
    ) -> tuple[Reason, ...]:
        """Why each rule of `table` matches each of those who ask, or does not: for governance only."""
        policy = self._product(product)
        rules = policy.compiled.tables.get(table.name, {}).values() if policy is not None else ()
        askers = [Asker(one, environment, self._policies.claims) for one in principal.both]
        return tuple(one for asker in askers for one in policy_reasons.of_rules(rules, asker, self._holds_role))

    def agreement_reasons(self, principal: Principal, product: Product, environment: Environment) -> tuple[Reason, ...]:
        """The same of the agreements about `product`."""
        askers = [Asker(one, environment, self._policies.claims) for one in principal.both]
        every, holds_role = self._policies.agreements, self._holds_role
        return tuple(one for a in askers for one in policy_reasons.of_agreements(every, product, a, holds_role))

    def pseudonyms(self, product: Product) -> tuple[Pseudonym, ...]:
        """The keyed hashes that rules ask for on `product`: publication adds them to the next snapshot."""
        policy = self._product(product)
        return policy.compiled.pseudonyms if policy is not None else ()

    def _product(self, product: Product) -> _ProductPolicy | None:
        """The policy of exactly this version of `product`, None where the rules do not fit its contract.

        A version that the set was not loaded with is one that a caller has pinned, or that was published just now.
        """
        key = (product.name, product.identity)
        with self._lock:
            if key in self._products:
                self._products.move_to_end(key)
                return self._products[key]
        report = Report(self._policies.documents)
        compiled = compile_rules(self._policies, product, report)
        for finding in report.errors:
            _log.error("%s", finding)
        policy = None if report.errors else _ProductPolicy(self._policies, compiled)
        with self._lock:
            self._products[key] = policy
            if len(self._products) > CACHED_PRODUCTS:
                self._products.popitem(last=False)
        return policy


def load(folder: Path, products: Iterable[Product]) -> PolicySet:
    """The policies in `folder`, bound against `products`. Raises PolicyError with all findings: all or nothing."""
    policies, report = read_folder(folder)
    known = tuple(products)
    check_names(policies, known, report)
    agreements.check(policies.agreements, known, report)
    compiled = [compile_rules(policies, product, report) for product in known]
    if report.errors:
        raise PolicyError(tuple(report.findings))
    return PolicySet(policies, report.warnings, compiled)


def _under(agreed: Covered, permit: Permit, verdict: Verdict) -> Verdict:
    """`verdict` with the agreements and the delegation that it is given under among its rules: all are on record."""
    named = (*(f"agreement:{one}" for one in agreed.ids), *([permit.rule] if permit.rule else []))
    if verdict.decision is None or not named:
        return verdict
    return replace(verdict, decision=replace(verdict.decision, rules=(*verdict.decision.rules, *named)))


def _identity(principal: Principal) -> str:
    """What of a principal decides, types included: 1, '1', True and Decimal('1') are four claims."""
    told = [(one.subject, one.kind, sorted(one.attributes.items()), one.valid_until) for one in principal.both]
    return repr((told, principal.standin))
