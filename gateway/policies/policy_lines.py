"""What stands in casbin's policy lines, and the functions that its matcher calls. Pure.

Every value stands in a field of its own, as canonical JSON: casbin rewrites `p.`, `r.`, `&&`, `||` and `!` in matcher
text even inside literals, so that a value there could turn a deny into nothing.
"""

from __future__ import annotations

import functools
import json
from typing import Any

from gateway.policies.policy_rules import Deny, Grant, Rule, Who, tables_of
from gateway.policies.policy_who import Asker, HoldsRole, matches
from gateway.product import Product

Line = tuple[str, str, str, str]


def line(rule: Rule, product: Product) -> Line:
    """`rule` as the fields id, role, attrs and eft of casbin's `p`."""
    effect = "allow" if isinstance(rule.effect, Grant) else "deny" if isinstance(rule.effect, Deny) else "oblige"
    roles = next((values for key, values in rule.to.every if key == "role"), ())
    attributes = {
        "tables": [table.name for table in tables_of(rule, product)],
        "actions": list(rule.effect.actions) if isinstance(rule.effect, Grant) else None,
        "to": [rule.to.every, rule.to.none_of],
        "unless": [rule.unless.every, rule.unless.none_of] if rule.unless is not None else None,
        "widens": effect == "allow",
    }
    return rule.id, json.dumps(roles), json.dumps(attributes, sort_keys=True), effect


@functools.lru_cache(maxsize=10_000)
def _field(text: str) -> Any:
    return json.loads(text)


def has_role(holds_role: HoldsRole, asker: Asker, role: str) -> bool:
    """Whether the asker has a role of the line's field, directly or by inclusion; an empty field asks for none."""
    wanted = _field(role)
    return not wanted or any(holds_role(asker.roles, one) for one in wanted)


def holds(holds_role: HoldsRole, asker: Asker, table: str, attrs: str) -> bool:
    """Whether the line's rule bears on `table` and speaks of the asker."""
    said = _field(attrs)
    if table not in said["tables"]:
        return False
    if said["actions"] is not None and asker.environment.action not in said["actions"]:
        return False
    if not matches(_who(said["to"]), asker, holds_role, widens=said["widens"]):
        return False
    return said["unless"] is None or not matches(_who(said["unless"]), asker, holds_role, widens=not said["widens"])


def _who(said: Any) -> Who:
    every, none_of = said
    return Who(
        tuple((key, tuple(values)) for key, values in every),
        tuple(tuple((key, tuple(values)) for key, values in group) for group in none_of),
    )


def note(log: list[str], rule: str) -> bool:
    """Remember that the line matched; always true."""
    log.append(rule)
    return True
