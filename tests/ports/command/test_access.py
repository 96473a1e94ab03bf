"""`outport try` and `outport explain-access`: what each principal gets and by which rule, side by side."""

from __future__ import annotations

import json
from typing import Any

from gateway.publication.breaks import Permit
from gateway.publication.publish import publish
from gateway.settings import Settings
from ports.command import account
from tests.ports.command.conftest import Outport, invoke

QUERY = "SELECT customer_id, full_name, email FROM shop.customers ORDER BY customer_id LIMIT 2"


def test_answers_treatments_and_rules_stand_side_by_side(outport: Outport) -> None:
    answer = outport("try", QUERY, "--as", "steward,analyst,stranger")
    assert answer.exit_code == 0
    head = next(line for line in answer.stdout.splitlines() if "steward" in line)
    assert head.index("steward") < head.index("analyst") < head.index("stranger")
    assert "CANARY-name-1" in answer.stdout
    assert "shop.customers" in answer.stdout
    masked = [line for line in answer.stdout.splitlines() if "customers.full_name" in line]
    assert len(masked) == 1
    assert "raw" in masked[0]
    assert "partial" in masked[0]
    assert "name" in masked[0].split()
    assert "not_found" in answer.stdout


def test_only_columns_that_the_query_names_are_explained(outport: Outport) -> None:
    assert "customers.phone" not in outport("try", QUERY, "--as", "analyst").stdout
    assert "customers.phone" in outport("try", "SELECT * FROM shop.customers LIMIT 1", "--as", "analyst").stdout


def test_a_refusal_is_an_answer_beside_the_others(outport: Outport) -> None:
    answer = outport("try", "SELECT min(salary) FROM shop.customers", "--as", "steward,analyst")
    assert answer.exit_code == 0
    assert "bad_query" in answer.stdout
    assert "70000000" in answer.stdout
    assert answer.stderr == ""


def test_a_principal_that_does_not_exist_is_said_in_its_place(outport: Outport) -> None:
    answer = outport("try", QUERY, "--as", "nobody,steward")
    assert "there is no principal nobody" in answer.stdout


def test_access_is_explained_for_each_column(outport: Outport) -> None:
    answer = outport("explain-access", "analyst", "shop")
    assert answer.exit_code == 0
    assert "rows: " in answer.stdout
    for column, treatment, rule in (
        ("email", "email", "mail"),
        ("phone", "null", "phone"),
        ("salary", "hidden", "secret"),
        ("region", "raw", "analyst-customers"),
    ):
        (line,) = [line for line in answer.stdout.splitlines() if line.startswith(f"│ {column} ")]
        assert treatment in line
        assert rule in line


def test_every_rule_is_told_with_why_it_matches_or_does_not(outport: Outport) -> None:
    told = outport("explain-access", "analyst", "shop").stdout
    assert "analyst at rest, no purpose stated" in told
    customers, _ = sorted(
        json.loads(outport("explain-access", "analyst", "shop", "--json").stdout)["tables"],
        key=lambda table: str(table["table"]),
    )
    reasons = {one["rule"]: one for one in customers["reasons"]}
    assert reasons["analyst-customers"]["matches"]
    assert "by analyst-customers" in customers["words"]
    others = [one["why"] for one in reasons.values() if not one["matches"]]
    assert others
    assert all(others)


def test_who_used_the_command_is_on_record_beside_whom_it_asked_for(world: Any, outport: Outport) -> None:
    before = audited(world)
    outport("explain-access", "analyst", "shop")
    outport("try", "SELECT count(*) FROM shop.customers", "--as", "analyst")
    told = [one for one in audited(world) if one not in before and one.get("on_behalf_of") == "analyst"]
    assert {one["event"] for one in told} == {"access_explained", "query_begun", "query_answered"}
    assert {one["subject"] for one in told} == {f"account:{account.name()}"}


def audited(world: Any) -> list[dict[str, Any]]:
    files = (world.settings.state / "audit").glob("*.jsonl")
    return [json.loads(line) for file in files for line in file.read_text().splitlines()]


def test_access_is_explained_to_machines(outport: Outport) -> None:
    document = json.loads(outport("explain-access", "analyst", "shop", "--json").stdout)
    customers, _ = sorted(document["tables"], key=lambda table: table["table"])
    assert customers["exists"]
    assert "region" in customers["rows"]
    columns = {column["column"]: column for column in customers["columns"]}
    assert columns["salary"]["treatment"] == "hidden"
    assert columns["full_name"]["rules"] == ["name"]


def test_no_access_is_an_answer_and_not_an_error(outport: Outport) -> None:
    answer = outport("explain-access", "stranger", "shop")
    assert answer.exit_code == 0
    assert "shop.customers does not exist for stranger at rest: " in answer.stdout
    tables = json.loads(outport("explain-access", "stranger", "shop", "--json").stdout)["tables"]
    assert [(table["exists"], table["columns"]) for table in tables] == [(False, []), (False, [])]


def test_a_door_that_a_product_does_not_declare_is_said(own_world: Settings) -> None:
    descriptor = own_world.products / "shop" / "shop.odps.yaml"
    lines = [line for line in descriptor.read_text().splitlines() if "shop-mcp" not in line]
    descriptor.write_text("\n".join(lines))
    publish(own_world, own_world.products / "shop", permit=Permit("tester", "no agents"))
    assert "shop is not served at mcp" in invoke("explain-access", "steward", "shop", "--port", "mcp").stdout


def test_an_unknown_product_or_principal_is_one_line(outport: Outport) -> None:
    for words in (("explain-access", "analyst", "shoop"), ("explain-access", "nobody", "shop")):
        answer = outport(*words)
        assert answer.exit_code == 1
        assert answer.stderr.startswith("error: ")
        assert answer.stderr.count("\n") == 1


def test_a_purpose_that_is_not_granted_is_refused(outport: Outport) -> None:
    assert outport("explain-access", "steward", "shop", "--purpose", "audit").exit_code == 0
    assert "not granted" in outport("explain-access", "steward", "shop", "--purpose", "ads").stderr
