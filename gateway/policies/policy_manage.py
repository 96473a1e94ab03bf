"""Who may manage which products over the web, push rows to their inputs, or accept them: `manage: true` and its like.

Pure. Such a rule opens no data. Who may manage what it does not see manages nothing: it must be granted something of
it too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, get_args

from gateway.document import Path
from gateway.policies.policy_rules import ALL, Management, Right, Target
from gateway.policies.policy_who import Asker, HoldsRole, Vocabulary, matches, who
from gateway.product import Product

KEYS: tuple[Right, ...] = get_args(Right)
_COMMON = {"id", "description", "on", "to", "unless"}


def read(
    identifier: str, body: Mapping[str, Any], target: Target | None, vocabulary: Vocabulary, file: str, path: Path
) -> Management | None:
    """The right that `body` gives on `target`; None, and every reason as a finding, where it gives none."""
    report = vocabulary.report
    before = len(report.errors)
    right = right_of(body)
    assert right is not None
    known = {*_COMMON, right}
    for key in sorted(set(body) - known):
        report.error(file, (*path, key), f"{key} is no part of managing: it opens no data", ", ".join(sorted(known)))
    if body[right] is not True:
        report.error(file, (*path, right), f"{right} is true", f"{right}: true, or remove the rule")
    if target is not None and target.tables != (ALL,):
        report.error(file, (*path, "on", "table"), "a product is managed as a whole", "leave table out")
    to = who(body.get("to"), vocabulary, file, (*path, "to"))
    unless = who(body["unless"], vocabulary, file, (*path, "unless")) if "unless" in body else None
    for name, said in (("to", to), ("unless", unless)):
        if said is not None and not (said.every or said.none_of):
            problem = f"{name}: names nobody, which would be everybody"
            report.error(file, (*path, name), problem, "{role: steward}")
        if said is not None and said.values("action"):
            report.error(file, (*path, name, "action"), "managing is neither query nor metadata", "leave it out")
    if len(report.errors) > before or to is None or target is None:
        return None
    return Management(identifier, right, target, to, unless, file, path)


def right_of(body: Mapping[str, Any]) -> Right | None:
    """Which of these rights `body` gives, None for a rule of tables."""
    return next((right for right in KEYS if right in body), None)


def allowed(
    every: Iterable[Management], right: Right, asker: Asker, product: Product, holds_role: HoldsRole
) -> Management | None:
    """The rule that gives `asker` the right on `product` now, None where none does."""
    for rule in every:
        if rule.right != right:
            continue
        spared = rule.unless is not None and matches(rule.unless, asker, holds_role, widens=False)
        if rule.target.covers(product) and matches(rule.to, asker, holds_role, widens=True) and not spared:
            return rule
    return None
