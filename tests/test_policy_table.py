"""Each row of POLICY.md's truth table, asked of a real engine; policies/TRUTH_TABLE.md is written from these rows.

`python -m tests.test_policy_table` writes the file anew.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from gateway.policies.policy import PolicyError
from tests.policy_world import LAB, PEOPLE, PEOPLE_ROWS, Answer, World, at, load, principal, product, table

FILE = Path(__file__).parent.parent / "policies" / "TRUTH_TABLE.md"
Rule = dict[str, Any]
ALL = {"columns": ["*"]}


def rule(name: str, to: Mapping[str, Any] | None = None, **effect: Any) -> Rule:
    return {"id": name, "on": {"product": "lab", "table": "people"}, "to": dict(to or {}), "uses": ["visits"], **effect}


@dataclass(frozen=True)
class Case:
    """One row: the rules as the table writes them, the answer in words, the rules themselves and what must hold.

    It must hold of what the table's view shows, or of the answers to the queries `asks` where there are some.
    """

    rules: str
    answer: str
    policy: tuple[Rule, ...]
    holds: Callable[[Any], bool]
    claims: Mapping[str, Any]
    asks: tuple[str, ...]


def case(
    rules: str, answer: str, *policy: Rule, holds: Callable[[Any], bool], asks: tuple[str, ...] = (), **claims: Any
) -> Case:
    return Case(rules, answer, policy, holds, claims, asks)


def aggregate(name: str, least: int) -> Rule:
    return rule(name, use={"columns": ["salary"], "as": "aggregate", "k": least, "entity": "id"})


def raw(number: int, column: str) -> Any:
    return PEOPLE_ROWS[number][column]


def cell(answer: Answer | None, number: int, column: str) -> Any:
    assert answer is not None
    return answer.rows[number][answer.columns.index(column)]


def regions(answer: Answer | None) -> set[Any]:
    return {raw(number, "region") for number in (answer.rows if answer else {})}


def unknown(answer: Answer | None) -> bool:
    return answer is None


CLASSIFIED = tuple(column.name for column in PEOPLE.columns if column.classification is not None)
SUM = "SELECT sum(salary) FROM lab.people"
FOUR = f"{SUM} WHERE region IN ('N', 'W')"
N, S = "region = 'N'", "region = 'S'"
CASES = (
    case("none", "NotFound", holds=unknown),
    case("mask only", "NotFound", rule("m", mask={"columns": ["name"], "with": "partial"}), holds=unknown),
    case(
        "grant *",
        "classified columns raw",
        rule("g", grant=ALL),
        holds=lambda a: (
            a is not None
            and a.columns == CLASSIFIED
            and all(cell(a, i, name) == raw(i, name) for i in range(len(PEOPLE_ROWS)) for name in CLASSIFIED)
        ),
    ),
    case(
        "grant(rows N), grant(rows S)",
        "N and S",
        rule("n", grant={**ALL, "rows": N}),
        rule("s", grant={**ALL, "rows": S}),
        holds=lambda a: regions(a) == {"N", "S"},
    ),
    case(
        "grant(*, N), grant([id], S)",
        "S rows: id, the rest NULL",
        rule("n", grant={**ALL, "rows": N}),
        rule("s", grant={"columns": ["id"], "rows": S}),
        holds=lambda a: (
            regions(a) == {"N", "S"}
            and (cell(a, 2, "id"), cell(a, 2, "name"), cell(a, 2, "salary")) == (3, None, None)
            and (cell(a, 0, "id"), cell(a, 0, "name"), cell(a, 0, "salary")) == (1, "Ada", 50)
        ),
    ),
    case(
        "grant(*, N), grant([salary], S), hide salary",
        "N rows only: the other grant shows no column",
        rule("n", grant={**ALL, "rows": N}),
        rule("s", grant={"columns": ["salary"], "rows": S}),
        rule("h", hide={"columns": ["salary"]}),
        holds=lambda a: regions(a) == {"N"},
    ),
    case(
        "grant, restrict N",
        "N",
        rule("g", grant=ALL),
        rule("r", restrict={"rows": N}),
        holds=lambda a: regions(a) == {"N"},
    ),
    case(
        "grant, restrict q, q is NULL",
        "row absent",
        rule("g", grant=ALL),
        rule("r", restrict={"rows": "consent"}),
        holds=lambda a: set(a.rows if a else ()) == {i for i, row in enumerate(PEOPLE_ROWS) if row["consent"]},
    ),
    case(
        "grant, restrict $zone",
        "rows of the claim",
        rule("g", grant=ALL),
        rule("r", restrict={"rows": "region = $zone"}),
        holds=lambda a: regions(a) == {"S"},
        zone="S",
    ),
    case(
        "grant, restrict $zone, claim absent",
        "NotFound",
        rule("g", grant=ALL),
        rule("r", restrict={"rows": "region = $zone"}),
        holds=unknown,
    ),
    case(
        "grant, restrict $zone, claim empty or of another type",
        "NotFound",
        rule("g", grant=ALL),
        rule("r", restrict={"rows": "region = $zone"}),
        holds=unknown,
        zone=5,
    ),
    case("grant $zone, claim absent", "NotFound", rule("g", grant={**ALL, "rows": "region = $zone"}), holds=unknown),
    case(
        "grant, restrict $zone for others, claim absent",
        "as without the restriction",
        rule("g", grant=ALL),
        rule("r", {"role": "other"}, restrict={"rows": "region = $zone"}),
        holds=lambda a: a is not None and len(a.rows) == len(PEOPLE_ROWS),
    ),
    case("grant, deny", "NotFound", rule("g", grant=ALL), rule("d", deny={"reason": "HR-7"}), holds=unknown),
    case(
        "grant, deny for others",
        "as without the deny",
        rule("g", grant=ALL),
        rule("d", {"role": "leaver"}, deny={"reason": "HR-7"}),
        holds=lambda a: a is not None,
    ),
    case(
        "grant, hash, null on c",
        "null",
        rule("g", grant=ALL),
        rule("h", mask={"columns": ["name"], "with": "hash"}),
        rule("n", mask={"columns": ["name"], "with": "null"}),
        holds=lambda a: {cell(a, i, "name") for i in range(len(PEOPLE_ROWS))} == {None},
    ),
    case(
        "grant, partial, constant on c",
        "constant",
        rule("g", grant=ALL),
        rule("p", mask={"columns": ["name"], "with": "partial"}),
        rule("c", mask={"columns": ["name"], "with": "constant"}),
        holds=lambda a: cell(a, 0, "name") == "***",
    ),
    case(
        "grant, partial, email on c",
        "null: two of a rank that differ",
        rule("g", grant=ALL),
        rule("p", mask={"columns": ["email"], "with": "partial"}),
        rule("e", mask={"columns": ["email"], "with": "email"}),
        holds=lambda a: cell(a, 0, "email") is None,
    ),
    case(
        "grant, hash of link x, hash of link y on c",
        "null",
        rule("g", grant=ALL),
        rule("x", mask={"columns": ["name"], "with": "hash"}),
        rule("y", mask={"columns": ["name"], "with": "hash", "link": "other"}),
        holds=lambda a: cell(a, 0, "name") is None,
    ),
    case(
        "grant, hash not yet published",
        "null, pending",
        rule("g", grant=ALL),
        rule("h", mask={"columns": ["name"], "with": "hash", "link": "later"}),
        holds=lambda a: cell(a, 0, "name") is None,
    ),
    case(
        "grant, partial if q, q is NULL",
        "partial",
        rule("g", grant=ALL),
        rule("p", mask={"columns": ["name"], "with": "partial", "if": "NOT consent"}),
        holds=lambda a: (cell(a, 2, "name"), cell(a, 1, "name"), cell(a, 0, "name")) == ("C***", "B***", "Ada"),
    ),
    case(
        "grant, partial if $zone, claim absent",
        "partial",
        rule("g", grant=ALL),
        rule("p", mask={"columns": ["name"], "with": "partial", "if": "region = $zone"}),
        holds=lambda a: cell(a, 0, "name") == "A***",
    ),
    case(
        "grant, hide c, query names c",
        "as an unknown column",
        rule("g", grant=ALL),
        rule("h", hide={"columns": ["class:restricted"]}),
        holds=lambda a: a is not None and "salary" not in a.columns and "name" in a.columns,
    ),
    case(
        "grant *, new unclassified column",
        "absent",
        rule("g", grant=ALL),
        holds=lambda a: a is not None and "note" not in a.columns,
    ),
    case(
        "grant *, grant [note], note unclassified",
        "shown: it is granted by name",
        rule("g", grant=ALL),
        rule("n", grant={"columns": ["note"]}),
        holds=lambda a: cell(a, 0, "note") == "x",
    ),
    case(
        "grant [class:confidential]",
        "columns of that class only",
        rule("g", grant={"columns": ["class:confidential"]}),
        holds=lambda a: a is not None and a.columns == ("name", "email", "born"),
    ),
    case(
        "grant, mask class:confidential",
        "confidential and higher columns masked",
        rule("g", grant={"columns": ["*", "note"]}),
        rule("m", mask={"columns": ["class:confidential"], "with": "null"}),
        holds=lambda a: (cell(a, 0, "name"), cell(a, 0, "note"), cell(a, 0, "region")) == (None, None, "N"),
    ),
    case(
        "grant to one port or purpose, asked by another",
        "NotFound",
        rule("g", {"port": "postgres"}, grant=ALL),
        rule("b", {"purpose": "bi"}, grant=ALL),
        holds=unknown,
        purpose=("bi",),
    ),
    case(
        "grant(rows by EXISTS in another table)",
        "rows that have one",
        rule(
            "g",
            grant={**ALL, "rows": "EXISTS (SELECT 1 FROM visits v WHERE v.person_id = people.id AND v.store = 2)"},
        ),
        holds=lambda a: set(a.rows if a else ()) == {0, 1},
    ),
    case(
        "grant, aggregate k=5, a group of 4",
        "group absent",
        rule("g", grant=ALL),
        aggregate("a", 5),
        asks=(SUM, FOUR),
        holds=lambda a: a == [[(354,)], []],
    ),
    case(
        "grant, aggregate k=4, aggregate k=5, a group of 4",
        "group absent: the largest k",
        rule("g", grant=ALL),
        aggregate("a", 4),
        aggregate("b", 5),
        asks=(SUM, FOUR),
        holds=lambda a: a == [[(354,)], []],
    ),
    case(
        "grant, aggregate k=4, a group of 4",
        "its aggregate",
        rule("g", grant=ALL),
        aggregate("a", 4),
        asks=(FOUR,),
        holds=lambda a: a == [[(185,)]],
    ),
    case(
        "grant, aggregate k=7, 7 of whom one has no value",
        "group absent",
        rule("g", grant=ALL),
        aggregate("a", 7),
        asks=(SUM,),
        holds=lambda a: a == [[]],
    ),
    case(
        "grant, mask constant, aggregate k=5",
        "the mask's aggregate",
        rule("g", grant=ALL),
        rule("m", mask={"columns": ["salary"], "with": "constant"}),
        aggregate("a", 5),
        asks=(SUM, "SELECT salary FROM lab.people"),
        holds=lambda a: a == [[(0,)], "forbidden"],
    ),
    case(
        "grant, aggregate k=5, the column asked for",
        "Forbidden; * leaves it out",
        rule("g", grant=ALL),
        aggregate("a", 5),
        asks=("SELECT salary FROM lab.people", "SELECT count(*) FROM (SELECT * FROM lab.people)"),
        holds=lambda a: a == ["forbidden", [(7,)]],
    ),
    case(
        "grant, aggregate k=5, hide c, query names c",
        "as an unknown column",
        rule("g", grant=ALL),
        rule("h", hide={"columns": ["salary"]}),
        aggregate("a", 5),
        holds=lambda a: a is not None and "salary" not in a.columns,
    ),
    case(
        "grant, aggregate and join on c",
        "as aggregate",
        rule("g", grant=ALL),
        rule("j", use={"columns": ["salary"], "as": "join"}),
        aggregate("a", 5),
        asks=(SUM, "SELECT count(DISTINCT salary) FROM lab.people"),
        holds=lambda a: a == [[(354,)], "forbidden"],
    ),
    case(
        "grant, join on c",
        "count(DISTINCT c) and GROUP BY c; a comparison with a value Forbidden",
        rule("g", grant=ALL),
        rule("j", use={"columns": ["region"], "as": "join"}),
        asks=(
            "SELECT count(DISTINCT region) FROM lab.people",
            "SELECT count(*) AS n FROM lab.people GROUP BY region ORDER BY n",
            "SELECT count(*) FROM lab.people WHERE region = 'N'",
        ),
        holds=lambda a: a == [[(3,)], [(1,), (1,), (2,), (3,)], "forbidden"],
    ),
)
ELSEWHERE = (("agreement ends between Describe and Execute", "NotFound, no rows"),)  # tests/test_agreements.py


@pytest.fixture(scope="module")
def world() -> World:
    return World()


@pytest.mark.parametrize("one", CASES, ids=lambda one: one.rules)
def test_the_answer_is_what_the_truth_table_says(one: Case, world: World, tmp_path: Path) -> None:
    policies, who = load(tmp_path, one.policy), principal(**one.claims)
    assert one.holds([world.told(policies, who, text) for text in one.asks] if one.asks else world.ask(policies, who))


def test_an_agreement_is_no_part_of_a_rule(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="a product asks for agreements"):
        load(tmp_path, [rule("g", grant=ALL), rule("u", grant=ALL, agreement="a1")])


def test_a_new_column_of_a_product_is_absent_until_it_is_classified(tmp_path: Path) -> None:
    policies = load(tmp_path, [rule("g", grant=ALL)])
    grown = product("lab", table("people", *PEOPLE.columns), *LAB.tables[1:], version="1.3.0")
    decision = policies.decide(principal(), grown, grown.table("people"), at(), frozenset())
    assert decision.visible == CLASSIFIED


def text() -> str:
    """The table in Markdown."""
    lines = [
        "# Truth table of the policy language",
        "",
        "Written by tests/test_policy_table.py: each row is a test against a real engine.",
        "",
        "| active rules | answer |",
        "| --- | --- |",
        *(f"| {one.rules} | {one.answer} |" for one in CASES),
        *(f"| {rules} | {answer} |" for rules, answer in ELSEWHERE),
    ]
    return "\n".join(lines) + "\n"


def test_the_table_in_the_folder_is_the_one_that_is_tested() -> None:
    assert FILE.read_text() == text(), "run: python -m tests.test_policy_table"


if __name__ == "__main__":
    FILE.write_text(text())
