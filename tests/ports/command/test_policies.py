"""`outport policy`: doubts about rules, what an edit changes for whom, and the scenarios beside the policies."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from gateway.document import read
from gateway.policies.policy_check import checked
from gateway.policies.policy_file import read_folder
from gateway.settings import Settings
from tests.policy_world import LAB, write
from tests.ports.command.conftest import Outport, invoke

ON = {"product": "lab", "table": "people"}
GRANT = {"id": "g", "on": ON, "to": {"role": "a"}, "grant": {"columns": ["*"]}}


def rule(name: str, to: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"id": name, "on": ON, "to": to, **more}


def some(rows: str) -> dict[str, Any]:
    return rule("s", {"role": "a"}, grant={"columns": ["id", "region"], "rows": rows})


def mask_if(condition: str) -> dict[str, Any]:
    return rule("m", {}, mask={"columns": ["email"], "with": "email", "if": condition})


@pytest.mark.parametrize(
    ("rules", "doubt"),
    [
        ([GRANT], ""),
        ([GRANT, rule("m", {}, mask={"columns": ["tag:none"], "with": "null"})], "m: it selects no column"),
        ([GRANT, rule("d", {}, deny={"reason": "x"})], "g: it changes nothing: d denies"),
        ([GRANT, rule("d", {"role": ["a", "b"]}, deny={"reason": "x"})], "g: it changes nothing: d denies"),
        ([GRANT, rule("d", {"role": "b"}, deny={"reason": "x"})], ""),
        ([GRANT, rule("d", {}, unless={"role": "a"}, deny={"reason": "x"})], ""),
        (
            [
                GRANT,
                rule("h", {}, hide={"columns": ["name"]}),
                rule("m", {}, mask={"columns": ["name"], "with": "null"}),
            ],
            "m: it changes nothing: h hides",
        ),
        (
            [GRANT, *(rule(i, {}, mask={"columns": ["email"], "with": i}) for i in ("partial", "email"))],
            "email: with partial it gives NULL",
        ),
        (
            [GRANT, *(rule(i, {"role": i}, mask={"columns": ["email"], "with": i}) for i in ("partial", "email"))],
            "",
        ),
        (
            [GRANT, rule("m", {}, unless={"role": "a"}, mask={"columns": ["email"], "with": "email"})],
            "g: it shows what m keeps from others: email",
        ),
        ([GRANT, rule("m", {}, unless={"role": "b"}, mask={"columns": ["email"], "with": "email"})], ""),
        ([GRANT, rule("r", {}, unless={"role": "a"}, restrict={"rows": "region = 'N'"})], "g: it shows rows that r"),
        ([rule("d", {}, deny={"reason": "x"})], "d: it changes nothing: no rule grants"),
        ([some("id > 1"), rule("h", {}, hide={"columns": ["name"]})], "h: it changes nothing: no rule grants"),
        ([some("1 = 0")], "s: it shows no row of people: its rows are never true"),
        ([some("id > 3 AND id < 4")], "s: it shows no row of people"),
        ([some("id > 3 AND id <= 4")], ""),
        (
            [some("region = 'N'"), rule("r", {}, restrict={"rows": "NOT (region = 'N')"})],
            "s: it shows no row of people: r",
        ),
        ([some("region = 'N'"), rule("r", {}, restrict={"rows": "region IN ('S', 'X')"})], "r leaves none of them"),
        ([some("region = 'N'"), rule("r", {}, restrict={"rows": "region <> 'S'"})], ""),
        ([some("region = 'N'"), rule("r", {"role": "b"}, restrict={"rows": "region = 'S'"})], ""),
        (
            [
                some("id = 5"),
                *(rule(f"r{n}", {}, restrict={"rows": f"id {sign} 5"}) for n, sign in enumerate(("<=", "<>"))),
            ],
            "s: it shows no row of people: r1 leaves none",
        ),
        (
            [some("id > 0"), rule("lo", {}, restrict={"rows": "id < 5"}), rule("hi", {}, restrict={"rows": "id > 6"})],
            "lo and hi leave none of them together",
        ),
        ([some("lower(region) = 'n'"), rule("r", {}, restrict={"rows": "lower(region) <> 'n'"})], ""),
        (
            [some("lower(region) = 'n'"), rule("r", {}, restrict={"rows": "NOT (lower(region) = 'n')"})],
            "r leaves none of them",
        ),
        ([GRANT, rule("r", {}, restrict={"rows": "1 = 0"})], "r: it leaves no row of people to anybody"),
        (
            [GRANT, rule("r", {}, restrict={"rows": "id > 5 OR id <= 5 OR id IS NULL"})],
            "r: it changes nothing on people",
        ),
        ([GRANT, rule("r", {}, restrict={"rows": "id > 5 OR id <= 5"})], ""),
        ([GRANT, some("id = 1")], "s: it adds nothing on people: g shows all of that"),
        ([some("id = 1"), GRANT], "s: it adds nothing on people: g shows all of that"),
        (
            [some("id = 1"), {**some("id IN (1, 2)"), "id": "w", "grant": {"columns": ["*"], "rows": "id < 3"}}],
            "s: it adds",
        ),
        ([some("id = 1"), {**some("id = 1"), "id": "twin"}], "twin: it adds nothing on people: s"),
        ([{**GRANT, "to": {"role": "b"}}, some("id = 1")], ""),
        ([GRANT, mask_if("1 = 0")], "m: it masks nothing of people: its condition is always false"),
        ([GRANT, mask_if("id > 3")], ""),
    ],
)
def test_a_doubt_names_the_rule_and_why(rules: list[dict[str, Any]], doubt: str, tmp_path: Path) -> None:
    policies, report = read_folder(write(tmp_path / "p", rules))
    assert not report.errors
    told = [str(one) for one in checked(policies, [LAB]).doubts]
    assert (len(told) == 1 and doubt in told[0]) if doubt else told == []


def test_a_role_that_includes_another_is_doubted_with_it(tmp_path: Path) -> None:
    rules = [GRANT, rule("j", {"role": "junior"}, deny={"reason": "x"})]
    policies, _ = read_folder(write(tmp_path / "p", rules, roles={"a": ["junior"]}))
    assert ["g: it changes nothing: j denies" in str(one) for one in checked(policies, [LAB]).doubts] == [True]


def test_what_cannot_be_told_is_listed(tmp_path: Path) -> None:
    rules = [some("id = $store AND lower(region) = 'n' AND id > 3")]
    policies, _ = read_folder(write(tmp_path / "p", rules))
    assert checked(policies, [LAB]).undecided == {"s": ("(id = $store)", "(lower(region) = 'n')")}


def test_checking_tells_errors_with_their_places_and_exits_so(own_world: Settings) -> None:
    assert invoke("policy", "check").exit_code == 0
    (own_world.policies / "more.yaml").write_text("- {id: x, on: {product: shop}, to: {}, hide: {columns: [nam]}}\n")
    answer = invoke("policy", "check")
    assert answer.exit_code == 1
    assert "error  more.yaml:1" in answer.stdout
    assert "there is no column nam" in answer.stdout


def test_the_scenarios_beside_the_policies_are_tried(own_world: Settings) -> None:
    folder = own_world.policies / "tests"
    folder.mkdir()
    (folder / "hr.yaml").write_text(
        "- {as: {role: [steward]}, on: {product: hr, table: salaries}, expect: {rows: all}}\n"
    )
    assert invoke("policy", "test").exit_code == 0
    (folder / "hr.yaml").write_text("- {as: {}, on: {product: hr, table: salaries}, expect: {rows: all}}\n")
    answer = invoke("policy", "test")
    assert (answer.exit_code, answer.stdout.startswith("FAILS  tests/hr.yaml[0]: nothing is granted")) == (1, True)


def test_a_difference_tells_who_gains_and_loses_what(outport: Outport, world: Any, tmp_path: Path) -> None:
    old, new = world.settings.policies, tmp_path / "new"
    shutil.copytree(old, new)
    rules, _ = read("shop.yaml", (new / "shop.yaml").read_text())
    kept = [one for one in rules if one["id"] not in {"clerk", "phone"}]
    limited = [one | {"grant": {"columns": ["*"], "rows": "store = 1"}} if one["id"] == "ml" else one for one in kept]
    limited = [one | {"on": {"product": "shop", "table": "orders"}} if one["id"] == "ml" else one for one in limited]
    (new / "shop.yaml").write_text(yaml.safe_dump(limited))
    answer = outport("policy", "diff", str(old), str(new), "--json")
    assert answer.exit_code == 0, answer.output
    found = {(one["subject"], one["table"]): one for one in json.loads(answer.stdout)}
    assert set(found) == {
        ("analyst", "shop.customers"), ("clerk", "shop.orders"), ("ml", "shop.customers"), ("ml", "shop.orders")
    }  # fmt: skip
    assert found["analyst", "shop.customers"]["changes"] == ["phone: null -> raw"]
    assert "amount" in found["clerk", "shop.orders"]["loses"]
    assert (found["ml", "shop.orders"]["rows_before"], found["ml", "shop.orders"]["rows_after"]) == (1800, 180)
    assert outport("policy", "diff", str(old), str(old)).stdout == "0 changes\n"
