"""Whose a product is: who its descriptor names as owner, and who has the role of its team."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gateway.policies.owners import owners
from tests.policy_world import LAB, principal

TEAM = {
    "name": "floor",
    "members": [
        {"username": "ann@example.com", "name": "Ann", "role": "Owner"},
        {"username": "bob@example.com", "role": "owner", "dateOut": "2020-01-01"},
        {"username": "cid@example.com", "role": "steward"},
    ],
}


@pytest.mark.parametrize(
    ("subject", "roles", "owns"),
    [
        ("ann@example.com", (), True),
        ("Ann", (), False),  # a name is no subject
        ("bob@example.com", (), False),  # who has left
        ("cid@example.com", ("steward",), False),
        ("dan", ("floor",), True),
        ("dan", ("Floor",), False),
    ],
)
def test_who_owns_a_product(subject: str, roles: tuple[str, ...], owns: bool) -> None:
    product = replace(LAB, documents={"a": {"kind": "DataProduct", "team": TEAM}, "b": {"kind": "DataContract"}})
    assert owners(product).of(principal(subject, role=roles)) is owns


def test_a_product_of_nobody_is_nobodys() -> None:
    product: Any = replace(LAB, documents={"a": {"kind": "DataProduct"}})
    assert not owners(product).of(principal("ann", role=("",)))
    assert owners(product).told == "nobody, as it stands there"
