"""Rules with `delegate:`: who may ask on behalf of whom, and until when that is settled."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gateway.errors import NotFound
from gateway.principal import NEVER, Principal
from tests.policy_world import LAB, NOON, PEOPLE, at, load, principal

GRANT = {"id": "g", "on": {"product": "lab"}, "to": {}, "grant": {"columns": ["*"]}}
ALLOWED: list[tuple[dict[str, Any], bool]] = [
    ({"to": {"subject": "bi"}, "delegate": {"for": {"subject": "ann"}}}, True),
    ({"to": {"role": "tool"}, "delegate": {"for": {"role": "reader"}}}, True),
    ({"to": {"role": "base"}, "delegate": {"for": {"role": "base"}}}, True),  # by inclusion
    ({"to": {"kind": "application"}, "delegate": {"for": {"kind": "person"}}}, True),
    ({"to": {"subject": "bi", "port": "rest"}, "delegate": {"for": {"subject": "ann"}}}, True),
    ({"to": {"subject": "bi", "port": "postgres"}, "delegate": {"for": {"subject": "ann"}}}, False),
    ({"to": {"subject": "bi"}, "delegate": {"for": {"subject": "bob"}}}, False),
    ({"to": {"subject": "ann"}, "delegate": {"for": {"subject": "bi"}}}, False),
    ({"to": {"subject": "bi"}, "unless": {"role": "tool"}, "delegate": {"for": {"subject": "ann"}}}, False),
    ({"to": {"subject": "bi"}, "delegate": {"for": {"subject": "ann"}, "unless": {"role": "base"}}}, False),
    ({"to": {"subject": "bi"}, "delegate": {"for": {"zone": "N"}}}, True),
    ({"to": {"subject": "bi"}, "delegate": {"for": {"zone": {"not": "S"}}}}, True),
    ({"to": {"subject": "bi"}, "delegate": {"for": {"status": {"not": "leaver"}}}}, False),  # absent means no
    ({"to": {"subject": "bi", "hours": "08:00-18:00"}, "delegate": {"for": {"subject": "ann"}}}, True),
    ({"to": {"subject": "bi", "hours": "18:00-08:00"}, "delegate": {"for": {"subject": "ann"}}}, False),
]


def pair() -> Principal:
    """An application that asks on behalf of a person."""
    behalf = principal("ann", role=("reader",), zone="N")
    return replace(principal("bi", "application", role=("tool",)), behalf=behalf)


@pytest.mark.parametrize(("rule", "allowed"), ALLOWED, ids=str)
def test_whom_one_may_ask_for(tmp_path: Path, rule: dict[str, Any], allowed: bool) -> None:
    roles = {"tool": ["base"], "reader": ["base"]}
    policies = load(tmp_path, [GRANT, {"id": "d", **rule}], roles=roles)
    assert (policies.permit(pair(), at()) is not None) is allowed
    # A decision asks for it again: no session that was made otherwise goes round it.
    if allowed:
        assert policies.decide(pair(), LAB, PEOPLE, at(), frozenset()).visible
    else:
        with pytest.raises(NotFound):
            policies.decide(pair(), LAB, PEOPLE, at(), frozenset())


def test_what_is_delegated_for_some_hours_ends_with_them(tmp_path: Path) -> None:
    rule = {"id": "d", "to": {"subject": "bi", "hours": "08:00-18:00"}, "delegate": {"for": {"subject": "ann"}}}
    policies = load(tmp_path, [GRANT, rule])
    evening = NOON + 6 * 3600
    assert policies.decide(pair(), LAB, PEOPLE, at(), frozenset()).valid_until == evening
    with pytest.raises(NotFound):
        policies.decide(pair(), LAB, PEOPLE, at(now=evening), frozenset())
    assert policies.decide(replace(pair(), behalf=None), LAB, PEOPLE, at(), frozenset()).valid_until == NEVER


def test_what_the_two_see_is_decided_by_the_rules_of_both(tmp_path: Path) -> None:
    rules = [
        {
            "id": "tool",
            "on": {"product": "lab"},
            "to": {"role": "tool"},
            "grant": {"columns": ["id", "name", "region"]},
        },
        {
            "id": "reader",
            "on": {"product": "lab"},
            "to": {"role": "reader"},
            "grant": {"columns": ["id", "name", "salary"], "rows": "region = $zone"},
        },
        {
            "id": "names",
            "on": {"product": "lab"},
            "to": {"role": "reader"},
            "mask": {"columns": ["name"], "with": "partial"},
        },
        {"id": "ids", "on": {"product": "lab"}, "to": {"role": "tool"}, "use": {"columns": ["id"], "as": "join"}},
        {"id": "d", "to": {"role": "tool"}, "delegate": {"for": {"role": "reader"}}},
    ]
    for rule in rules[:4]:
        rule["on"] = {"product": "lab", "table": "people"}
    decision = load(tmp_path, rules).decide(pair(), LAB, PEOPLE, at(), frozenset())
    assert decision.known == ("id", "name")
    assert decision.treatments["name"].kind == "partial"
    assert decision.uses["id"].kind == "join"
    assert decision.rows is not None
    assert "'N'" in decision.rows
    assert set(decision.rules) == {"tool", "reader", "names", "ids", "delegate:d"}


def test_nobody_is_asked_for_by_one_who_is_asked_for() -> None:
    with pytest.raises(ValueError, match="nobody else"):
        replace(principal("x"), behalf=pair())


def test_a_principal_and_a_pair_are_never_told_apart_as_one(tmp_path: Path) -> None:
    both, asks = pair(), replace(pair(), behalf=None)
    assert both.behalf is not None
    assert len({one.fingerprint for one in (both, asks, both.behalf)}) == 3
    assert replace(asks, behalf=asks).fingerprint != asks.fingerprint
