"""Who may manage which products over the web: rules with `manage: true`, read strictly. Pure.

Such a rule opens no data. Who may manage what it does not see manages nothing: it must be granted something of it too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from gateway.document import Path
from gateway.policy_rules import ALL, Management, Target
from gateway.policy_who import Asker, HoldsRole, Vocabulary, matches, who
from gateway.product import Product

KEY = "manage"
_KEYS = {"id", "description", "on", "to", "unless", KEY}


def read(
    identifier: str, body: Mapping[str, Any], target: Target | None, vocabulary: Vocabulary, file: str, path: Path
) -> Management | None:
    """The right that `body` gives on `target`; None, and every reason as a finding, where it gives none."""
    report = vocabulary.report
    before = len(report.errors)
    for key in sorted(set(body) - _KEYS):
        report.error(file, (*path, key), f"{key} is no part of managing: it opens no data", ", ".join(sorted(_KEYS)))
    if body[KEY] is not True:
        report.error(file, (*path, KEY), "manage is true", "manage: true, or remove the rule")
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
    return Management(identifier, target, to, unless, file, path)


def allowed(every: Iterable[Management], asker: Asker, product: Product, holds_role: HoldsRole) -> Management | None:
    """The rule that lets `asker` manage `product` now, None where none does."""
    for rule in every:
        spared = rule.unless is not None and matches(rule.unless, asker, holds_role, widens=False)
        if rule.target.covers(product) and matches(rule.to, asker, holds_role, widens=True) and not spared:
            return rule
    return None
