"""What another would get: decisions for who may simulate it, rows only as far as both may see them, all on record."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from gateway.policies.policy import load as load_policies
from tests.policy_world import LAB, at, principal, write
from tests.test_delegation import ASK, CUSTOMERS, HEADER, NORTH, SHOP, Doors, deployed

PEOPLE: dict[str, dict[str, Any]] = {
    "auditor": {"role": ("auditor",)},
    "chief": {"role": ("auditor", "steward")},
    "alice": {"role": ("north",), "purpose": ("bi",)},
    "bob": {"role": ("south",)},
    "superset": {"role": ("bi",)},
}
RULES: list[dict[str, Any]] = [
    {"id": "auditors", "on": CUSTOMERS, "to": {"role": "auditor"}, "grant": {"columns": ["*"], "rows": "region = 'N'"}},
    {"id": "north", "on": SHOP, "to": {"role": "north"}, "grant": {"columns": ["*"]}},
    {"id": "south", "on": CUSTOMERS, "to": {"role": "south"}, "grant": {"columns": ["*"], "rows": "region = 'S'"}},
    {"id": "hr-north", "on": {"product": "hr"}, "to": {"role": "north"}, "grant": {"columns": ["*"]}},
    {
        "id": "watch",
        "to": {"role": "auditor"},
        "simulate": {"for": {"kind": ["person", "application"]}, "unless": {"role": "steward"}},
    },
    {"id": "bi-login", "to": {"role": "bi"}, "delegate": {"for": {"role": "south"}}},
]


@pytest.fixture(scope="module")
def doors(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Doors]:
    with deployed(tmp_path_factory.mktemp("simulation"), PEOPLE, RULES) as found:
        yield found


@pytest.fixture(params=list(ASK))
def ask(request: pytest.FixtureRequest) -> Any:
    return ASK[request.param]


def access(doors: Doors, login: str, product: str = "shop", **asked: str) -> httpx.Response:
    named = {"as" if name == "subject" else name: value for name, value in asked.items()}
    return httpx.get(
        f"{doors.rest}/products/{product}/-/access", params=named, auth=(login, f"{login}-secret"), timeout=60
    )


def test_a_steward_is_told_what_another_would_get_and_by_which_rule(doors: Doors) -> None:
    told = access(doors, "auditor", subject="bob")
    assert (told.status_code, told.headers["cache-control"]) == (200, "no-store")
    found = told.json()["data"]
    assert (found["subject"], found["product"], found["port"]) == ("bob", "shop", "rest")
    tables = {table["table"]: table for table in found["tables"]}
    assert (tables["customers"]["exists"], tables["orders"]["exists"]) == (True, False)
    assert tables["customers"]["words"] == "where (region = 'S') by south"
    reasons = {one["rule"]: one for one in tables["customers"]["reasons"]}
    assert (reasons["south"]["matches"], reasons["south"]["rows"]) == (True, "(region = 'S')")
    assert (reasons["north"]["matches"], reasons["north"]["why"]) == (False, "role is not north")


def test_decisions_are_told_also_of_what_the_steward_may_not_see(doors: Doors) -> None:
    assert ASK["python"](doors, "auditor", None, "SELECT count(*) AS n FROM hr.salaries") == "not_found"
    (table,) = access(doors, "auditor", "hr", subject="alice").json()["data"]["tables"]
    assert table["exists"]
    assert "raw" in {column["treatment"] for column in table["columns"]}


def test_rows_are_those_that_both_may_see(doors: Doors, ask: Any) -> None:
    assert ask(doors, "auditor", None, NORTH) == [(300, "N")]
    assert ask(doors, "auditor", "alice", NORTH) == [(300, "N")]
    assert ask(doors, "auditor", "bob", NORTH) == [(0, None)]
    assert ask(doors, "auditor", "alice", "SELECT count(*) AS n FROM hr.salaries") == "not_found"
    assert ask(doors, "auditor", "chief", NORTH) == "forbidden"
    assert ask(doors, "auditor", "nobody-at-all", NORTH) == "forbidden"
    assert ask(doors, "bob", "alice", NORTH) == "forbidden"


def test_who_may_not_simulate_is_told_nothing_at_all(doors: Doors) -> None:
    refused = [
        access(doors, *words, subject=subject)
        for words in (("bob",), ("bob", "hr"), ("bob", "nothing"), ("superset",))
        for subject in ("alice", "nobody-at-all")
    ]
    refused += [access(doors, "auditor", subject=one) for one in ("chief", "nobody-at-all", "steward")]
    assert {answer.status_code for answer in refused} == {403}
    told = {answer.json()["detail"].replace(one, "X") for answer, one in zip(refused, _subjects(refused), strict=True)}
    assert told == {'to see what "X" would get is not granted to you'}


def _subjects(answers: list[httpx.Response]) -> list[str]:
    return [str(answer.request.url.params["as"]) for answer in answers]


def test_a_question_on_another_s_behalf_is_simulated_with_its_delegation(doors: Doors) -> None:
    found = access(doors, "auditor", subject="superset", on_behalf_of="bob").json()["data"]
    assert found["permit"] == "delegate:bi-login"
    reasons = {(one["subject"], one["rule"]): one["matches"] for one in found["tables"][0]["reasons"]}
    assert (reasons["superset", "south"], reasons["bob", "south"]) == (False, True)
    assert access(doors, "auditor", subject="superset", on_behalf_of="alice").status_code == 403
    assert access(doors, "auditor", subject="superset", on_behalf_of="chief").status_code == 403


def test_the_words_of_the_question_are_checked(doors: Doors) -> None:
    assert access(doors, "auditor", subject="alice", purpose="bi").json()["data"]["purpose"] == "bi"
    assert access(doors, "auditor", subject="alice", purpose="ads").status_code == 403
    for wrong in ({}, {"subject": "alice", "port": "telnet"}, {"subject": "alice", "colour": "red"}, {"subject": ""}):
        assert access(doors, "auditor", **wrong).status_code == 400
    assert access(doors, "auditor", "nothing", subject="alice").status_code == 404
    behalf = httpx.get(
        f"{doors.rest}/products/shop/-/access?as=bob", auth=("auditor", "auditor-secret"), headers={HEADER: "alice"}
    )
    assert behalf.status_code == 403


def test_the_scope_of_a_key_narrows_what_is_told(doors: Doors) -> None:
    directory = doors.directory()
    from gateway.access.principals import checked_scope

    shop = directory.add_key("auditor", 60, checked_scope({"products": ["shop"]}))
    rows = directory.add_key("auditor", 60, checked_scope({"actions": ["query"]}))

    def asked(key: str, product: str) -> int:
        url = f"{doors.rest}/products/{product}/-/access?as=alice"
        return httpx.get(url, headers={"Authorization": f"Bearer {key}"}).status_code

    assert (asked(shop, "shop"), asked(shop, "hr"), asked(rows, "shop")) == (200, 404, 403)


def test_both_are_on_record_and_that_it_was_a_simulation(doors: Doors) -> None:
    before = len(doors.audited())
    access(doors, "auditor", subject="bob")
    access(doors, "bob", subject="alice")
    ASK["rest"](doors, "auditor", "alice", NORTH)
    told = doors.audited()[before:]
    (explained,) = (one for one in told if one["event"] == "access_explained")
    assert (explained["subject"], explained["on_behalf_of"], explained["products"]) == ("auditor", "bob", ["shop"])
    (refused,) = (one for one in told if one["event"] == "query_refused")
    assert (refused["subject"], refused["on_behalf_of"], refused["refused"]["reason"]) == ("bob", "alice", "simulation")
    (answered,) = (one for one in told if one["event"] == "query_answered")
    assert (answered["subject"], answered["on_behalf_of"]) == ("auditor", "alice")
    assert "simulate:watch" in answered["rules"]


RULES_OF_A_KIND: list[dict[str, Any]] = [
    {"id": "plain", "to": {"role": "a"}, "grant": {"columns": ["*"]}},
    {"id": "metadata", "to": {}, "grant": {"columns": ["*"], "actions": ["metadata"]}},
    {"id": "not-role", "to": {"role": {"not": "a"}}, "grant": {"columns": ["*"]}},
    {"id": "not-both", "to": {"not": {"role": "a", "status": "new"}}, "restrict": {"rows": "id > 0"}},
    {"id": "spares", "to": {}, "unless": {"role": "a"}, "mask": {"columns": ["name"], "with": "partial"}},
    {"id": "spares-many", "to": {}, "unless": {"role": "a", "port": ["rest"]}, "hide": {"columns": ["name"]}},
    {"id": "claim", "to": {"status": "vip"}, "grant": {"columns": ["id"], "rows": "id = $store"}},
    {"id": "hours", "to": {"hours": "08:00-11:00"}, "restrict": {"rows": "id < 9"}},
    {"id": "kind", "to": {"kind": "agent", "port": "postgres"}, "deny": {"reason": "no agents"}},
]


@pytest.mark.parametrize("port", ["rest", "postgres"])
@pytest.mark.parametrize("action", ["query", "metadata"])
@pytest.mark.parametrize(
    "who",
    [
        principal(),
        principal(role=("a",)),
        principal(role=("b", "a"), status="new"),
        principal(role=("b",), status="vip", store=1),
        principal(kind="agent", role=("a",), status="vip"),
    ],
    ids=range(5),
)
def test_the_reasons_are_those_by_which_casbin_has_decided(tmp_path: Any, who: Any, action: Any, port: Any) -> None:
    rules = [{**rule, "on": {"product": "lab", "table": "people"}} for rule in RULES_OF_A_KIND]
    policies = load_policies(write(tmp_path, rules, claims={"store": "integer", "status": "varchar"}), [LAB])
    table = LAB.table("people")
    environment = at(port=port, action=action)
    reasons = policies.reasons(who, LAB, table, environment)
    assert [one.rule for one in reasons] == [rule["id"] for rule in rules]
    matched = policies.verdict(who, LAB, table, environment, frozenset()).matched
    assert {one.rule for one in reasons if one.matches} == set(matched)
    assert all(one.why for one in reasons if not one.matches)
