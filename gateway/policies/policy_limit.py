"""How much whom may ask for: rules with `limit:`, read strictly, and what they leave a principal. Pure.

Such a rule opens nothing. Of several that speak of one principal the least of each kind holds, and the deployment's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from gateway.document import Path
from gateway.limits import NOTHING, OF_PRINCIPAL, LimitError, Limits, declared
from gateway.policies.policy_rules import Limit
from gateway.policies.policy_who import Asker, HoldsRole, Vocabulary, matches, who

KEY = "limit"
_KEYS = {"id", "description", "to", "unless", KEY}


def read(identifier: str, body: Mapping[str, Any], vocabulary: Vocabulary, file: str, path: Path) -> Limit | None:
    """The limits that `body` sets; None, and every reason as a finding, where it sets none."""
    report = vocabulary.report
    before = len(report.errors)
    for key in sorted(set(body) - _KEYS):
        report.error(file, (*path, key), f"{key} is no part of a limit: it is of no table", ", ".join(sorted(_KEYS)))
    to = who(body.get("to"), vocabulary, file, (*path, "to"))
    unless = who(body["unless"], vocabulary, file, (*path, "unless")) if "unless" in body else None
    if unless is not None and not (unless.every or unless.none_of):
        report.error(file, (*path, "unless"), "unless: {} would switch the rule off", "name whom it spares")
    limits = NOTHING
    try:
        limits = declared(body[KEY], OF_PRINCIPAL)
    except LimitError as error:
        place = (*path, KEY) if error.key is None else (*path, KEY, error.key)
        report.error(file, place, error.problem, error.remedy)
    return None if len(report.errors) > before or to is None else Limit(identifier, to, unless, limits)


def of(every: Iterable[Limit], askers: Iterable[Asker], holds_role: HoldsRole) -> Limits:
    """What rules leave to all of `askers` together: who asks, and on whose behalf."""
    found = [
        rule.limits
        for asker in askers
        for rule in every
        if matches(rule.to, asker, holds_role, widens=False)
        and (rule.unless is None or not matches(rule.unless, asker, holds_role, widens=True))
    ]
    return NOTHING if not found else found[0].narrowed(*found[1:])
