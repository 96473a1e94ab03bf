"""Who may ask on behalf of whom: rules with `delegate:`, read strictly, and whether one holds for two principals. Pure.

Such a rule opens nothing by itself: who asks on behalf of another may do what both of them may.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from gateway.document import Path
from gateway.policy_rules import Delegation, Who
from gateway.policy_who import Asker, HoldsRole, Vocabulary, matches, next_boundary, who
from gateway.principal import NEVER

KEY = "delegate"
_KEYS = {"id", "description", "to", "unless", KEY}
_FOR = {"for", "unless"}
_NEEDED = "delegate: {for: {role: analyst}}"


def permits(rule: Delegation, asker: Asker, behalf: Asker, holds_role: HoldsRole) -> bool:
    """Whether `rule` lets `asker` ask on behalf of `behalf` now."""
    pairs = ((rule.to, rule.unless, asker), (rule.behalf, rule.spared, behalf))
    return all(
        matches(said, one, holds_role, widens=True)
        and (spared is None or not matches(spared, one, holds_role, widens=False))
        for said, spared, one in pairs
    )


def read(identifier: str, body: Mapping[str, Any], vocabulary: Vocabulary, file: str, path: Path) -> Delegation | None:
    """The delegation that `body` declares; None, and every reason as a finding, where it is none."""
    report = vocabulary.report
    before = len(report.errors)
    for key in sorted(set(body) - _KEYS):
        report.error(
            file, (*path, key), f"{key} is no part of a delegation: it is of no table", ", ".join(sorted(_KEYS))
        )
    said = body[KEY]
    if not isinstance(said, dict) or "for" not in said or set(said) - _FOR:
        report.error(file, (*path, KEY), "delegate says for whom one may ask, and may spare some", _NEEDED)
        said = {}
    to = _who(body.get("to"), vocabulary, file, (*path, "to"))
    unless = _who(body["unless"], vocabulary, file, (*path, "unless")) if "unless" in body else None
    behalf = _who(said["for"], vocabulary, file, (*path, KEY, "for")) if "for" in said else None
    spared = _who(said["unless"], vocabulary, file, (*path, KEY, "unless")) if "unless" in said else None
    if len(report.errors) > before or to is None or behalf is None:
        return None
    return Delegation(identifier, to, unless, behalf, spared)


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
    """Every delegation of a set of policies, and the hierarchy of its roles."""

    def __init__(self, every: Iterable[Delegation], roles: Mapping[str, tuple[str, ...]]) -> None:
        self._every = tuple(every)
        self._holds = hierarchy(roles)
        self._hours = tuple(span for one in self._every for span in one.hours)

    def until(self, asker: Asker, behalf: Asker) -> float | None:
        """Until which epoch second that `asker` asks on behalf of `behalf` is settled; None where it may not."""
        if not any(permits(one, asker, behalf, self._holds) for one in self._every):
            return None
        return next_boundary(self._hours, asker.environment.now) if self._hours else NEVER


def hierarchy(roles: Mapping[str, tuple[str, ...]]) -> HoldsRole:
    """Whether roles that are held include one that is wanted; the file's reader has refused a circle of them."""
    included = {role: _included(role, roles) for role in roles}

    def holds(held: tuple[str, ...], wanted: str) -> bool:
        return any(role == wanted or wanted in included.get(role, ()) for role in held)

    return holds


def _included(role: str, roles: Mapping[str, tuple[str, ...]]) -> frozenset[str]:
    direct = roles.get(role, ())
    return frozenset(direct).union(*(_included(one, roles) for one in direct))
