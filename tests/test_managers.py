"""Rules with `manage: true`: who may manage which product, and what does not widen it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from gateway import Bearer, Forbidden, Gateway, GatewayError, NotFound, Password, Session
from gateway.access.identity import Directory
from gateway.access.keys import load as load_keys
from gateway.access.principals import checked_scope
from gateway.policies.policy import PolicyError
from tests.conftest import build
from tests.policy_world import LAB, NOON, at, load, principal

GRANT = {"id": "g", "on": {"product": "lab"}, "to": {}, "grant": {"columns": ["*"]}}
ALLOWED: list[tuple[dict[str, Any], bool]] = [
    ({"on": {"product": "lab"}, "to": {"subject": "ann"}}, True),
    ({"on": {"product": "*"}, "to": {"role": "keeper"}}, True),  # by inclusion
    ({"on": {"product": "lab", "version": "1"}, "to": {"subject": "ann"}}, True),
    ({"on": {"product": "lab", "version": "2"}, "to": {"subject": "ann"}}, False),
    ({"on": {"product": ["lab", "other"]}, "to": {"subject": "bob"}}, False),
    ({"on": {"product": "other"}, "to": {"subject": "ann"}}, False),
    ({"on": {"product": "lab"}, "to": {"subject": "ann"}, "unless": {"role": "lead"}}, False),
    ({"on": {"product": "lab"}, "to": {"subject": "ann", "port": "hub"}}, False),
    ({"on": {"product": "lab"}, "to": {"status": {"not": "leaver"}}}, False),  # absent means no
    ({"on": {"product": "lab"}, "to": {"subject": "ann", "hours": "08:00-18:00"}}, True),
    ({"on": {"product": "lab"}, "to": {"subject": "ann", "hours": "18:00-08:00"}}, False),
]
REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"on": {"product": "lab"}, "to": {}, "manage": True}, "names nobody"),
    ({"on": {"product": "lab"}, "to": {"subject": "a"}, "manage": "yes"}, "manage is true"),
    ({"on": {"product": "lab"}, "to": {"subject": "a"}, "manage": False}, "manage is true"),
    ({"on": {"product": "lab", "table": "people"}, "to": {"subject": "a"}, "manage": True}, "as a whole"),
    ({"on": {"product": "lab"}, "to": {"action": "query"}, "manage": True}, "neither query nor metadata"),
    ({"on": {"product": "lab"}, "to": {"subject": "a"}, "unless": {}, "manage": True}, "names nobody"),
    ({"to": {"subject": "a"}, "manage": True}, "on: names no product"),
    (
        {"on": {"product": "lab"}, "to": {"subject": "a"}, "manage": True, "grant": {"columns": ["*"]}},
        "grant is no part of managing",
    ),
]


@pytest.mark.parametrize(("rule", "allowed"), ALLOWED, ids=str)
def test_who_manages_a_product(tmp_path: Path, rule: dict[str, Any], allowed: bool) -> None:
    policies = load(tmp_path, [GRANT, {"id": "m", **rule, "manage": True}], roles={"lead": ["keeper"]})
    found = policies.manager("manage", principal("ann", role=("lead",)), LAB, at())
    assert found == ("m" if allowed else None)


def test_who_stands_in_for_another_manages_nothing(tmp_path: Path) -> None:
    rule = {"id": "m", "on": {"product": "lab"}, "to": {"kind": "person"}, "manage": True}
    policies = load(tmp_path, [GRANT, rule])
    ann, bob = principal("ann"), principal("bob")
    assert policies.manager("manage", ann, LAB, at()) == "m"
    assert policies.manager("manage", replace(ann, behalf=bob), LAB, at()) is None
    assert policies.manager("manage", replace(ann, behalf=bob, standin="simulate"), LAB, at()) is None
    assert policies.manager("manage", replace(ann, valid_until=NOON), LAB, at()) is None


@pytest.mark.parametrize(("rule", "problem"), REFUSED, ids=lambda one: str(one)[:60])
def test_a_rule_that_says_more_or_less_is_refused(tmp_path: Path, rule: dict[str, Any], problem: str) -> None:
    with pytest.raises(PolicyError, match=problem):
        load(tmp_path, [GRANT, {"id": "m", **rule}])


def test_a_right_opens_no_data(tmp_path: Path) -> None:
    policies = load(tmp_path, [{"id": "m", "on": {"product": "lab"}, "to": {"subject": "ann"}, "manage": True}])
    with pytest.raises(NotFound):
        policies.decide(principal("ann"), LAB, LAB.tables[0], at(), frozenset())


PEOPLE: dict[str, dict[str, Any]] = {
    "keeper": {"role": ("keeper",), "purpose": ("bi",)},
    "reader": {"role": ("reader",)},
    "stranger": {},
    "login": {"role": ("keeper",)},
}
SHOP = {"product": "shop"}
RULES: list[dict[str, Any]] = [
    {"id": "seen", "on": SHOP, "to": {"role": ["keeper", "reader"]}, "grant": {"columns": ["*"]}},
    {"id": "kept", "on": {"product": "*"}, "to": {"role": "keeper"}, "manage": True},
    {"id": "for-others", "to": {"subject": "login"}, "delegate": {"for": {"role": ["keeper", "reader"]}}},
    {"id": "watch", "to": {"subject": "reader"}, "simulate": {"for": {"role": "keeper"}}},
]


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    settings = build(tmp_path_factory.mktemp("managers"))
    directory = Directory(settings.principals, load_keys(settings))
    for subject, attributes in PEOPLE.items():
        directory.add(subject, "person", attributes, f"{subject}-secret")
    (settings.policies / "managers.yaml").write_text(yaml.safe_dump(RULES, sort_keys=False))
    found = Gateway(settings)
    yield found
    found.close()


@pytest.fixture
def open_as(gateway: Gateway) -> Callable[..., Session]:
    def opened(subject: str, behalf: str | None = None, port: str = "rest") -> Session:
        return gateway.open(Password(subject, f"{subject}-secret"), port, None, behalf)

    return opened


@pytest.fixture
def key(gateway: Gateway) -> Callable[..., Session]:
    """A session of the keeper by a key within a scope."""
    directory = Directory(gateway.settings.principals, load_keys(gateway.settings))

    def opened(**scope: list[str]) -> Session:
        token = directory.add_key("keeper", 600, checked_scope(scope))
        deadline = time.monotonic() + 60
        while True:
            try:
                return gateway.open(Bearer(token), "rest")
            except GatewayError:
                assert time.monotonic() < deadline

    return opened


def told(gateway: Gateway, session: Session, name: str) -> str:
    try:
        return gateway.managers.check(session, name).product.name
    except GatewayError as error:
        return f"{error.code}: {error.message}" if error.on_record else "not on record"


def test_what_is_not_seen_is_not_there_to_be_managed(gateway: Gateway, open_as: Callable[..., Session]) -> None:
    assert told(gateway, open_as("keeper"), "shop") == "shop"
    assert told(gateway, open_as("reader"), "shop") == 'forbidden: to manage "shop" is not granted to you'
    # The rule speaks of every product, and the keeper is granted nothing of hr: as for one that there is not.
    unknown = 'not_found: product "{}" does not exist'
    for subject, name in (("keeper", "hr"), ("keeper", "nothing"), ("stranger", "shop"), ("stranger", "nothing")):
        assert told(gateway, open_as(subject), name) == unknown.format(name)


def test_nobody_manages_on_another_s_behalf(gateway: Gateway, open_as: Callable[..., Session]) -> None:
    refused = 'forbidden: to manage "shop" is not granted to you'
    assert told(gateway, open_as("login"), "shop") == "shop"
    assert told(gateway, open_as("login", "keeper"), "shop") == refused
    assert told(gateway, open_as("login", "reader"), "shop") == refused
    assert told(gateway, open_as("reader", "keeper"), "shop") == refused


def test_a_key_manages_within_its_scope_and_not_where_it_names_actions(
    gateway: Gateway, key: Callable[..., Session]
) -> None:
    assert told(gateway, key(), "shop") == "shop"
    assert told(gateway, key(products=["shop"]), "shop") == "shop"
    assert told(gateway, key(products=["hr"]), "shop") == 'not_found: product "shop" does not exist'
    refused = 'forbidden: to manage "shop" is not granted to you'
    assert told(gateway, key(actions=["query", "metadata"]), "shop") == refused
    assert told(gateway, key(actions=["metadata"]), "shop") == refused


def test_who_tried_and_what_was_done_are_on_record(gateway: Gateway, open_as: Callable[..., Session]) -> None:
    told(gateway, open_as("reader"), "shop")
    told(gateway, open_as("stranger"), "shop")
    with pytest.raises(Forbidden):
        gateway.managers.check(open_as("login", "keeper"), "shop")
    gateway.managers.record(open_as("keeper"), "shop", "deprecate", reason="nobody asks", what="sunset 2031-01-01")
    files = sorted(gateway.settings.audit.glob("*.jsonl"))
    lines = [json.loads(line) for file in files for line in file.read_text().splitlines()]
    refused = {
        (one["subject"], one["on_behalf_of"], one["refused"]["reason"])
        for one in lines
        if one["event"] == "query_refused"
    }
    assert {("reader", None, "manage"), ("stranger", None, "product"), ("login", "keeper", "manage")} <= refused
    (done,) = [one for one in lines if one["event"] == "product_managed"]
    assert (done["subject"], done["products"], done["action"]) == ("keeper", ["shop"], "deprecate")
    assert (done["reason"], done["what"]) == ("nobody asks", "sunset 2031-01-01")
