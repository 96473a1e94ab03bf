"""Who may ask on behalf of whom, or see what another would get: rules with `delegate:` or `simulate:`. Pure.

Such a rule opens nothing by itself: who asks on behalf of another, or simulates it, is shown what both of them may see.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, get_args

from gateway.document import Path
from gateway.policies.policy_rules import Delegation, Standin, Who
from gateway.policies.policy_who import Asker, HoldsRole, Vocabulary, matches, next_boundary, who
from gateway.principal import NEVER

KINDS: tuple[Standin, ...] = get_args(Standin)
_KEYS = {"id", "description", "to", "unless"}
_FOR = {"for", "unless"}


@dataclass(frozen=True, slots=True)
class Permit:
    """What lets one ask for another: the rule, as `kind:id` ("" where none is needed), settled until that second."""

    rule: str
    until: float


FOR_ITSELF = Permit("", NEVER)


def permits(rule: Delegation, asker: Asker, behalf: Asker, holds_role: HoldsRole) -> bool:
    """Whether `rule` lets `asker` ask on behalf of `behalf` now."""
    return _speaks(rule.to, rule.unless, asker, holds_role) and _speaks(rule.behalf, rule.spared, behalf, holds_role)


def _speaks(said: Who, spared: Who | None, one: Asker, holds_role: HoldsRole) -> bool:
    return matches(said, one, holds_role, widens=True) and (
        spared is None or not matches(spared, one, holds_role, widens=False)
    )


def kind_of(body: Mapping[str, Any]) -> Standin | None:
    """Which of these rules `body` is, None for one of tables."""
    return next((kind for kind in KINDS if kind in body), None)


def read(identifier: str, body: Mapping[str, Any], vocabulary: Vocabulary, file: str, path: Path) -> Delegation | None:
    """The delegation that `body` declares; None, and every reason as a finding, where it is none."""
    report = vocabulary.report
    before = len(report.errors)
    kind = kind_of(body)
    assert kind is not None
    known = {*_KEYS, kind}
    for key in sorted(set(body) - known):
        report.error(
            file, (*path, key), f"{key} is no part of a delegation: it is of no table", ", ".join(sorted(known))
        )
    said = body[kind]
    if not isinstance(said, dict) or "for" not in said or set(said) - _FOR:
        needed = f"{kind}: {{for: {{role: analyst}}}}"
        report.error(file, (*path, kind), f"{kind} says for whom one may ask, and may spare some", needed)
        said = {}
    to = _who(body.get("to"), vocabulary, file, (*path, "to"))
    unless = _who(body["unless"], vocabulary, file, (*path, "unless")) if "unless" in body else None
    behalf = _who(said["for"], vocabulary, file, (*path, kind, "for")) if "for" in said else None
    spared = _who(said["unless"], vocabulary, file, (*path, kind, "unless")) if "unless" in said else None
    if len(report.errors) > before or to is None or behalf is None:
        return None
    return Delegation(identifier, kind, to, unless, behalf, spared)


def _who(body: Any, vocabulary: Vocabulary, file: str, path: Path) -> Who | None:
    """As `who`; it must name somebody, and no action, of which a delegation knows nothing."""
    found = who(body, vocabulary, file, path)
    if found is None:
        return None
    if not (found.every or found.none_of):
        vocabulary.report.error(file, path, f"{path[-1]}: names nobody, which would be everybody", "{kind: person}")
    if found.values("action"):
        vocabulary.report.error(file, (*path, "action"), "a delegation is for every action", "leave it out")
    return found


class Delegations:
    """Every delegation and simulation of a set of policies, and the hierarchy of its roles."""

    def __init__(self, every: Iterable[Delegation], roles: Mapping[str, tuple[str, ...]]) -> None:
        self._every = tuple(every)
        self._holds = hierarchy(roles)
        self._hours = tuple(span for one in self._every for span in one.hours)

    def permit(self, kind: Standin, asker: Asker, behalf: Asker) -> Permit | None:
        """By what `asker` may do so for `behalf`, and until when that is settled; None where it may not."""
        for one in self._every:
            if one.kind == kind and permits(one, asker, behalf, self._holds):
                until = next_boundary(self._hours, asker.environment.now) if self._hours else NEVER
                return Permit(f"{kind}:{one.id}", until)
        return None

    def speaks(self, kind: Standin, asker: Asker) -> bool:
        """Whether any of them says something of `asker`, be it that it may do so for nobody that there is."""
        return any(one.kind == kind and _speaks(one.to, one.unless, asker, self._holds) for one in self._every)


def hierarchy(roles: Mapping[str, tuple[str, ...]]) -> HoldsRole:
    """Whether roles that are held include one that is wanted; the file's reader has refused a circle of them."""
    included = {role: _included(role, roles) for role in roles}

    def holds(held: tuple[str, ...], wanted: str) -> bool:
        return any(role == wanted or wanted in included.get(role, ()) for role in held)

    return holds


def _included(role: str, roles: Mapping[str, tuple[str, ...]]) -> frozenset[str]:
    direct = roles.get(role, ())
    return frozenset(direct).union(*(_included(one, roles) for one in direct))
