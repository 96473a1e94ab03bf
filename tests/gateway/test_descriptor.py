"""Descriptors are read strictly: what the standards do not know is refused, with file, line and path."""

from __future__ import annotations

import re
import time
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from gateway import document
from gateway.contracts import alignment, arrivals, descriptor, review, schedule, sources
from gateway.document import DocumentError, Documents, Finding, Report

PRODUCT = """\
apiVersion: v1.1.0
kind: DataProduct
id: mini
version: 1.0.0
outputPorts:
  - name: all
"""
CONTRACT = """\
apiVersion: v3.2.0
kind: DataContract
id: mini
version: 1.0.0
servers:
  - {server: files, type: local, path: data/mini.csv, format: csv}
schema:
  - name: mini
    properties:
      - {name: id, logicalType: integer}
"""
EXAMPLES = Path(__file__).parent.parent.parent / "products"


def findings(product: str = PRODUCT, contract: str = CONTRACT) -> list[Finding]:
    """What is wrong with a product of these two files."""
    values: dict[str, Any] = {}
    lines = {}
    for name, text in (("mini.odps.yaml", product), ("mini.odcs.yaml", contract)):
        values[name], lines[name] = document.read(name, text)
    report = Report(Documents(values, lines))
    descriptor.parse(Documents(values, lines), {}, report)
    return report.findings


def test_two_small_files_are_a_product() -> None:
    assert findings() == []


def test_an_unknown_key_is_told_with_its_file_line_and_path() -> None:
    [finding] = findings(contract=CONTRACT.replace("logicalType: integer", "logicaltype: integer"))

    assert (finding.file, finding.line, finding.path) == ("mini.odcs.yaml", 10, "schema[0].properties[0].logicaltype")
    assert finding.problem == "unknown key logicaltype"
    assert finding.remedy == "did you mean logicalType?"
    assert str(finding).startswith("mini.odcs.yaml:10:schema[0].properties[0].logicaltype: error: unknown key")


def test_an_unknown_key_without_a_near_one_is_answered_with_those_allowed_there() -> None:
    [finding] = findings(product=PRODUCT + "    xyzzy: 1\n")

    assert finding.line == 7
    assert "contractId" in finding.remedy
    assert "inputPorts" not in finding.remedy


def test_every_finding_of_both_files_is_told_at_once() -> None:
    found = findings(
        product=PRODUCT.replace("kind: DataProduct", "kind: Product") + "colour: red\n",
        contract=CONTRACT.replace("version: 1.0.0", "version: 1.0") + "    colour: red\n",
    )

    assert {(finding.file, finding.path) for finding in found} == {
        ("mini.odps.yaml", "kind"),
        ("mini.odps.yaml", "colour"),
        ("mini.odcs.yaml", "version"),
        ("mini.odcs.yaml", "schema[0].colour"),
    }
    assert "quote it" in next(finding.remedy for finding in found if finding.path == "version")


def test_a_missing_key_is_named() -> None:
    [finding] = findings(contract=CONTRACT.replace("id: mini\n", ""))

    assert finding.problem == "the key id is missing"


@pytest.mark.parametrize("version", ["v1.0.0", "v3.2.0"])
def test_another_version_of_the_standard_is_refused(version: str) -> None:
    [finding] = findings(product=PRODUCT.replace("v1.1.0", version))

    assert finding.path == "apiVersion"


def test_a_server_takes_the_keys_of_its_type_only() -> None:
    [finding] = findings(contract=CONTRACT.replace("format: csv", "bucket: x"))

    assert finding.path == "servers[0]"
    assert "unknown: bucket; missing: format" in finding.remedy


def test_of_a_part_in_two_shapes_the_right_shape_is_explained() -> None:
    [finding] = findings(
        contract=CONTRACT + "team: {members: [{user: x}], name: t}\n".replace("user", "username: a, user")
    )

    assert (finding.path, finding.problem) == ("team.members[0].user", "unknown key user")


def test_vendor_properties_are_kept_as_they_are() -> None:
    text = CONTRACT + "customProperties: [{property: colour, vendor: acme, value: {deep: [1, two, null]}}]\n"
    value, _ = document.read("mini.odcs.yaml", text)

    assert findings(contract=text) == []
    assert value["customProperties"][0]["value"] == {"deep": [1, "two", None]}


def test_a_product_folder_holds_exactly_one_product(tmp_path: Path) -> None:
    (tmp_path / "a.odps.yaml").write_text(PRODUCT)
    (tmp_path / "b.odps.yaml").write_text(PRODUCT)
    documents, models, unread = descriptor.read_folder(tmp_path)
    report = Report(documents)

    assert descriptor.parse(documents, models, report) is None
    assert "exactly one *.odps.yaml" in report.findings[0].remedy
    assert unread == []


def test_a_file_of_another_name_is_not_ignored_silently(tmp_path: Path) -> None:
    (tmp_path / "a.odps.yaml").write_text(PRODUCT)
    (tmp_path / "contract.yaml").write_text(CONTRACT)

    [finding] = descriptor.read_folder(tmp_path)[2]

    assert finding.file == "contract.yaml"


def test_dates_stay_text_and_lines_are_known() -> None:
    value, lines = document.read("x", "a: 2026-11-20\nb:\n  - c: 1\n")

    assert value == {"a": "2026-11-20", "b": [{"c": 1}]}
    assert lines["b", 0, "c"] == 3


def test_on_and_no_are_words_and_only_true_is_true() -> None:
    value, _ = document.read("x", "on: no\nb: [yes, true, False]\n")

    assert value == {"on": "no", "b": ["yes", True, False]}


def test_anchors_and_merge_keys_work_and_own_keys_win() -> None:
    text = dedent("""\
        base: &base {a: 1, b: {c: 2}}
        other: &other {a: 9, d: 4}
        one: {<<: *base, a: 3}
        two: {<<: [*base, *other]}
        """)
    value, _ = document.read("x", text)

    assert value["one"] == {"a": 3, "b": {"c": 2}}
    assert value["two"] == {"a": 1, "b": {"c": 2}, "d": 4}


def test_a_billion_laughs_are_refused_before_they_grow() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 12)]

    with pytest.raises(DocumentError, match="aliases expanded"):
        document.read("x", "\n".join(lines))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a: &a [*a]", "aliases expanded"),
        ("a: &a {<<: *a}", "holds itself|aliases expanded"),
        ("a: 1\na: 2", "stands twice"),
        ("1: x", "a key is not text"),
        ("a: !!python/object/apply:os.system [ls]", "tag"),
        ("a: .nan", "finite"),
        ("a: [", "not valid YAML"),
        ("a: 1\n---\nb: 2", "not valid YAML"),
        ("", "empty"),
        ("{a: " * 60 + "1" + "}" * 60, "levels"),
    ],
)
def test_what_is_no_plain_document_is_refused(text: str, problem: str) -> None:
    with pytest.raises(DocumentError, match=problem):
        document.read("x", text)


@pytest.mark.parametrize("name", sorted(path.name for path in EXAMPLES.iterdir() if path.is_dir()))
def test_the_demo_products_read_without_a_finding(name: str) -> None:
    documents, models, unread = descriptor.read_folder(EXAMPLES / name)
    report = Report(documents)

    parsed = descriptor.parse(documents, models, report)

    assert (unread, report.findings) == ([], [])
    assert parsed is not None
    assert parsed.product.id == name


def test_every_custom_property_that_is_read_is_known() -> None:
    rooms = Path(review.__file__).parent.parent.rglob("*.py")
    asked = re.compile(r"""\b(?:custom|money)\((?:\w+, )?"(\w+)"\)""")
    read = {name for room in rooms for name in asked.findall(room.read_text())}
    read |= {arrivals.LIMIT, arrivals.WATERMARK, sources.PUSH, sources.ADBC, schedule.REFRESH, alignment.CONSUMERS}
    assert {"percentile", "adherence", "stale", "value", "cost", "port"} <= read
    assert read | {"attestations", "user", "password"} <= set(review.KNOWN)


def test_a_text_of_brackets_alone_is_refused_at_once() -> None:
    begun = time.process_time()
    with pytest.raises(DocumentError, match="not valid YAML"):
        document.read("deep.yaml", "[" * 1_000_000)
    assert time.process_time() - begun < 120, "bounded: what was quadratic took hours"
