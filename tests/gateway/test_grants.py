"""Names to grants: what is not there and what is not granted cost the same, and read the same."""

from __future__ import annotations

from typing import Any

import pytest

from gateway import NotFound
from gateway.policies.policy import PolicySet
from gateway.reach import grants
from tests.conftest import World, password


def test_an_unknown_name_is_looked_up_as_often_as_one_that_is_not_granted(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []
    verdict = PolicySet.verdict

    def counted(policies: PolicySet, *given: Any) -> Any:
        asked.append(given)
        return verdict(policies, *given)

    session = world.gateway.open(password("analyst"), "rest")
    pin = world.gateway.pin(session)
    monkeypatch.setattr(PolicySet, "verdict", counted)
    told = []
    for name in (("hr", "salaries"), ("hr", "nothing"), ("nothing", "salaries"), ("shop", "nothing")):
        asked.clear()
        with pytest.raises(NotFound) as caught:
            grants.resolve(session, pin, "query", name)
        told.append((len(asked), caught.value.message.replace(".".join(name), "NAME")))
    assert told == [(2, 'relation "NAME" does not exist')] * 4
