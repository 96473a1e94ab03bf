"""Policy files: read strictly, refused as a whole, with every reason and its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.document import Finding
from gateway.policies.policy import PolicyError, PolicySet
from gateway.policies.policy import load as load_folder
from gateway.policies.policy_file import read_folder
from tests.policy_world import LAB, MASKS

RULE = '- {id: g, on: {product: lab, table: people}, to: {}, grant: {columns: ["*"]}}\n'


def load(folder: Path, **files: str) -> PolicySet:
    for name, text in {"masks": MASKS.read_text(), "claims": "zone: varchar\n", **files}.items():
        (folder / f"{name}.yaml").write_text(text)
    return load_folder(folder, [LAB])


def refusals(folder: Path, **files: str) -> tuple[Finding, ...]:
    with pytest.raises(PolicyError) as refused:
        load(folder, **files)
    return refused.value.findings


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("rules: []", "a list of rules"),
        ("- 5", "a rule is a mapping"),
        ("- {on: {product: lab}, to: {}, grant: {columns: ['*']}}", "needs an id"),
        ("- {id: 'a b', on: {product: lab}, to: {}, grant: {columns: ['*']}}", "needs an id"),
        ("- {id: x, to: {}, grant: {columns: ['*']}}", "names no product"),
        ("- {id: x, on: {products: lab}, to: {}, grant: {columns: ['*']}}", "names no product"),
        ("- {id: x, on: {product: []}, to: {}, grant: {columns: ['*']}}", "a name or a list of names"),
        ("- {id: x, on: {product: lab, version: 1.2}, to: {}, grant: {columns: ['*']}}", "quote numbers"),
        ("- {id: x, on: {product: lab, version: new}, to: {}, grant: {columns: ['*']}}", "is no version"),
        ("- {id: x, on: {product: lab}, grant: {columns: ['*']}}", "to: is missing"),
        ("- {id: x, on: {product: lab}, to: {rolle: a}, grant: {columns: ['*']}}", "neither a known key"),
        ("- {id: x, on: {product: lab}, to: {role: []}, grant: {columns: ['*']}}", "matches nobody"),
        ("- {id: x, on: {product: lab}, to: {role: 5}, grant: {columns: ['*']}}", "role is a text"),
        ("- {id: x, on: {product: lab}, to: {kind: robot}, grant: {columns: ['*']}}", "kind is one of"),
        ("- {id: x, on: {product: lab}, to: {port: rset}, deny: {reason: r}}", "port is one of"),
        ("- {id: x, on: {product: lab}, to: {hours: 8-18}, grant: {columns: ['*']}}", "hours are UTC"),
        ("- {id: x, on: {product: lab}, to: {hours: '08:00-08:00'}, grant: {columns: ['*']}}", "hours are UTC"),
        ("- {id: x, on: {product: lab}, to: {zone: 1.5}, grant: {columns: ['*']}}", "is compared with"),
        ("- {id: x, on: {product: lab}, to: {zone: 1}, deny: {reason: r}}", "is compared with a varchar"),
        ("- {id: x, on: {product: lab}, to: {zone: true}, deny: {reason: r}}", "is compared with a varchar"),
        ("- {id: x, on: {product: lab}, to: {not: {not: {role: a}}}, grant: {columns: ['*']}}", "plain keys"),
        ("- {id: x, on: {product: lab}, to: {}, unless: {}, hide: {columns: [name]}}", "switch the rule off"),
        ("- {id: x, on: {product: lab}, to: {}}", "one effect"),
        ("- {id: x, on: {product: lab}, to: {}, grant: {columns: ['*']}, deny: {reason: r}}", "one effect"),
        ("- {id: x, on: {product: lab}, to: {}, allow: {columns: ['*']}}", "unknown key allow"),
        ("- {id: x, on: {product: lab}, to: {}, grant: {rows: 'true'}}", "needed: columns"),
        ("- {id: x, on: {product: lab}, to: {}, grant: {columns: ['*'], row: 'true'}}", "possible: actions, rows"),
        ("- {id: x, on: {product: lab}, to: {}, grant: {columns: ['*'], actions: [write]}}", "unknown action"),
        (
            "- {id: x, on: {product: lab}, to: {}, grant: {columns: ['*'], measures: [m]}}",
            "measures are granted by use",
        ),
        ("- {id: x, on: {product: lab}, to: {}, restrict: {rows: ''}}", "rows is a text"),
        ("- {id: x, on: {product: lab}, to: {}, restrict: {rows: true}}", "rows is a text"),
        ("- {id: x, on: {product: lab}, to: {}, mask: {columns: [name], with: blur}}", "there is no mask blur"),
        ("- {id: x, on: {product: lab}, to: {}, mask: {columns: [name], with: partial, link: a}}", "link:"),
        ("- {id: x, on: {product: lab}, to: {}, hide: {columns: ['class:secret']}}", "is no class"),
        ("- {id: x, on: {product: lab}, to: {}, use: {columns: [name], as: output}}", "use is not understood"),
        ("- {id: x, on: {product: lab}, to: {}, use: {columns: [name], as: join, k: 5}}", "use is not understood"),
        ("- {id: x, on: {product: lab}, to: {}, use: {columns: [name], as: aggregate}}", "use is not understood"),
        ("- {id: x, on: {product: lab}, to: {}, use: {columns: [name], as: aggregate, k: 1, entity: id}}", "k from 2"),
        (
            "- {id: x, on: {product: lab}, to: {}, use: {columns: [name], as: aggregate, k: true, entity: id}}",
            "k from 2",
        ),
        (
            "- {id: x, on: {product: lab}, to: {}, use: {columns: [name], as: aggregate, k: 5, entity: ix}}",
            "no column ix",
        ),
        ("- {id: x, on: {product: lab}, to: {}, use: {columns: [nam], as: join}}", "no column nam"),
        (
            "- {id: x, on: {product: lab}, to: {kind: person}, delegate: {for: {role: a}}}",
            "on is no part of a delegation",
        ),
        ("- {id: x, to: {}, delegate: {for: {role: a}}}", "everybody"),
        ("- {id: x, to: {role: b}, delegate: {for: {}}}", "everybody"),
        ("- {id: x, to: {role: b}, delegate: {role: a}}", "for whom"),
        ("- {id: x, to: {role: b, action: query}, delegate: {for: {role: a}}}", "for every action"),
        ("- {id: x, to: {rank: b}, delegate: {for: {role: a}, unless: {kind: robot}}}", "neither a known key"),
        ("- {id: x, to: {role: b}, delegate: {for: {role: a}, unless: {kind: robot}}}", "kind is one of"),
        ("- {to: {role: b}, delegate: {for: {role: a}}}", "needs an id"),
        ("- {id: x, on: {product: lab}, to: {}, agreement: a1, grant: {columns: ['*']}}", "asks for agreements"),
        ("- {id: x, on: {product: lab, table: peple}, to: {}, grant: {columns: ['*']}}", "no table peple"),
        ("- {id: x, on: {product: '*', table: peple}, to: {}, deny: {reason: r}}", "no table peple"),
        ("- {id: x, on: {product: lab, table: people}, to: {}, hide: {columns: [emial]}}", "no column emial"),
        ("- {id: x, on: {product: lab}, to: {}, hide: {columns: [emial]}}", "no column emial"),
        ("- {id: x, on: {product: lab}, to: {}, uses: [clinics], restrict: {rows: 'true'}}", "no table clinics"),
        ("- {id: x, on: {product: lab}, to: {}, restrict: {rows: 'region = 1'}}", "mixes"),
        ("- {id: x, on: {product: lab}, to: {}, restrict: {rows: \"region = 'N'\"}}", "lab.visits"),
        ("- {id: x, on: {product: lab}, to: {}, mask: {columns: [born], with: partial}}", "no template for DATE"),
        ("- {id: x, on: {product: lab}, to: {}, mask: {columns: [born], with: hash}}", "keeps the type"),
        ("- {id: x, on: {product: lab}, to: {}, id: y}", "stands twice"),
        ("- {id: x, on: &a {product: *a}}", "."),
        ("- !!python/object/apply:os.system [true]", "not accepted"),
    ],
)
def test_what_is_not_understood_is_refused(body: str, words: str, tmp_path: Path) -> None:
    findings = refusals(tmp_path, rules=RULE, more=body + "\n")
    assert any(words in str(finding) for finding in findings), [str(finding) for finding in findings]
    assert all(finding.file == "more.yaml" for finding in findings)


def test_every_reason_is_told_at_once_with_its_line(tmp_path: Path) -> None:
    findings = refusals(
        tmp_path,
        rules="\n".join(
            [
                "- id: one",
                "  on: {product: lab, table: people}",
                "  to: {rolle: a}",
                "  grant: {columns: [nme]}",
                "- id: two",
                "  on: {product: lab, table: people}",
                "  to: {}",
                "  restrict:",
                "    rows: salary + 1 > 5",
            ]
        ),
        masks="partial: {kind: blurred, sql: x}\n",
        roles="a: [b]\nb: [a]\n",
    )
    places = {(finding.file, finding.line) for finding in findings}
    assert {("rules.yaml", 3), ("rules.yaml", 9), ("masks.yaml", 1), ("roles.yaml", 1), ("roles.yaml", 2)} <= places


@pytest.mark.parametrize(
    ("file", "text", "words"),
    [
        ("claims", "- a", "claims by name"),
        ("claims", "Store: integer", "declares no claim"),
        ("claims", "store: int8)", "declares no claim"),
        ("roles", "- a", "roles by name"),
        ("roles", "a: [5]", "no role"),
        ("roles", "a: a", "includes itself"),
        ("roles", "\n".join(f"r{i}: r{i + 1}" for i in range(9)), "levels"),
        ("masks", "- a", "masks by name"),
        ("masks", "hash: {kind: partial, sql: x}", "built in"),
        ("masks", "m: {kind: partial}", "not understood"),
        ("masks", "m: {kind: partial, sql: [x]}", "one SQL text"),
        ("masks", "m: {kind: partial, sql: x, extra: y}", "not understood"),
        ("rules", "", "empty"),
        ("rules", "a: [", "not valid YAML"),
    ],
)
def test_a_declaration_that_is_none_refuses_the_whole(file: str, text: str, words: str, tmp_path: Path) -> None:
    findings = refusals(tmp_path, **{"rules": RULE, file: text + "\n"})
    assert any(words in str(finding) for finding in findings), [str(finding) for finding in findings]


def test_an_id_stands_once_in_all_files(tmp_path: Path) -> None:
    assert "stands twice" in str(refusals(tmp_path, rules=RULE, other=RULE)[0])


def test_a_file_with_the_short_suffix_is_read_too(tmp_path: Path) -> None:
    (tmp_path / "deny.yml").write_text("- {id: d, on: {product: lab}, to: {rolle: x}, deny: {reason: r}}\n")
    assert refusals(tmp_path, rules=RULE)[0].file == "deny.yml"


def test_a_product_that_is_not_there_yet_is_a_warning(tmp_path: Path) -> None:
    policies = load(tmp_path, rules=RULE.replace("lab, table: people", "soon, table: any"))
    assert [finding.severity for finding in policies.warnings] == ["warning"]
    assert "no product soon" in str(policies.warnings[0])


def test_a_tag_that_nothing_has_is_a_warning(tmp_path: Path) -> None:
    hide = '- {id: h, on: {product: lab}, to: {}, hide: {columns: ["tag:pi"]}}\n'
    assert "tag:pi" in str(load(tmp_path, rules=RULE + hide).warnings[0])


def test_a_folder_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="cannot be read"):
        load_folder(tmp_path / "nowhere", [LAB])


def test_the_version_tells_every_change(tmp_path: Path) -> None:
    before = load(tmp_path, rules=RULE).version
    assert load(tmp_path, rules=RULE).version == before
    assert load(tmp_path, rules=RULE + "# a comment\n").version != before


def test_one_value_says_what_a_list_of_it_says(tmp_path: Path) -> None:
    one = "- {id: x, on: {product: lab, table: people, version: 1}, to: {role: a}, grant: {columns: name}}\n"
    many = one.replace("people", "[people]").replace("1}", "['1']}").replace("role: a", "role: [a]")
    read = []
    for text in (one, many.replace("columns: name", "columns: [name]")):
        (tmp_path / "rules.yaml").write_text(text)
        read.append(read_folder(tmp_path)[0].rules)
    assert read[0] == read[1]
