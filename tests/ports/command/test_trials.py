"""Policy tests: what a file in policies/tests says about somebody is tried on the policies in force."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from gateway.contracts import contract
from gateway.policies import policy
from gateway.publication import bundle
from ports.command import trials
from tests.conftest import World
from tests.ports.command.conftest import Outport

ROOT = Path(__file__).parents[3]


def failures(world: World, folder: Path, text: str) -> list[str]:
    """What fails of the tests in `text`, tried on the world's policies."""
    policies = folder / "policies"
    shutil.copytree(world.settings.policies, policies)
    (policies / "tests").mkdir()
    (policies / "tests" / "shop.yaml").write_text(text)
    products = [contract.load(world.settings.products / name) for name in ("shop", "hr")]
    loaded = policy.load(policies, products)
    return [outcome.failure for outcome in trials.tried(policies, loaded, products)]


@pytest.mark.parametrize(
    ("entry", "failure"),
    [
        ("{as: {role: [steward]}, on: {product: hr, table: salaries}, expect: {columns: raw, rows: all}}", ""),
        ("{as: {role: [analyst]}, on: {product: hr, table: salaries}, expect: nothing}", ""),
        ("{as: {role: clerk, store: 3}, on: {product: shop, table: orders}, expect: {rows: some}}", ""),
        ("{as: {role: clerk}, on: {product: shop, table: orders}, expect: nothing}", ""),
        (
            "{as: {role: analyst}, on: {product: shop, table: customers},"
            " expect: {columns: {email: email, phone: null, birth_date: year, salary: hidden, region: raw}}}",
            "",
        ),
        ("{as: {}, on: {product: hr, table: salaries}, expect: {rows: all}}", "nothing is granted"),
        ("{as: {role: steward}, on: {product: hr, table: salaries}, expect: nothing}", "granted by hr-steward"),
        ("{as: {role: steward}, on: {product: hr, table: salaries}, expect: {rows: some}}", "all rows are granted"),
        (
            "{as: {role: analyst}, on: {product: shop, table: customers}, expect: {columns: {email: raw}}}",
            "email is email by mail, not raw",
        ),
        ("{as: {}, on: {product: hrr, table: salaries}, expect: nothing}", "hrr is not known"),
        ("{as: {}, on: {product: hr, table: salary}, expect: nothing}", "has no table salary"),
        ("{as: {Role: x}, on: {product: hr, table: salaries}, expect: nothing}", "attribute Role"),
        ("{as: {}, on: {product: hr, table: salaries}, expects: nothing}", "expect: Field required"),
    ],
)
def test_a_policy_test_holds_or_says_in_what_it_fails(world: World, tmp_path: Path, entry: str, failure: str) -> None:
    (found,) = failures(world, tmp_path, f"- {entry}\n")
    assert (failure in found) if failure else (found == "")


def test_a_file_that_is_no_yaml_fails(world: World, tmp_path: Path) -> None:
    (found,) = failures(world, tmp_path, "- [")
    assert "cannot be read" in found


def test_the_doctor_tries_them(world: World, outport: Outport) -> None:
    assert "policy tests" not in outport("doctor").stdout


def test_the_tests_of_this_repositorys_policies_hold() -> None:
    products = [one.product for one in bundle.read(bundle.folders([ROOT / "products"])).products]
    loaded = policy.load(ROOT / "policies", products)
    assert [outcome for outcome in trials.tried(ROOT / "policies", loaded, products) if outcome.failure] == []
