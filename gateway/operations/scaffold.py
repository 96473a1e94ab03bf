"""A first product from one data file: descriptors, the file itself, a policy and its test. Writes new files only.

What it proposes loads, compiles and can be published without an edit; what only a person knows is marked `# confirm`.
"""

from __future__ import annotations

import json
import re
import shutil
import tempfile
from pathlib import Path

from gateway.contracts import contract, profile
from gateway.contracts.columns import PRODUCT_NAME, suggestion
from gateway.contracts.contract import ContractError
from gateway.contracts.profile import Field, Profile, ProfileError
from gateway.document import Finding
from gateway.errors import BadQuery

DATA = "data"
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_ ]*")
_WORDS = {"true", "false", "yes", "no", "on", "off", "null", "y", "n"}
_LOGICAL = (
    (re.compile(r"U?(TINY|SMALL|BIG|HUGE)INT|U?INTEGER"), "integer"),
    (re.compile(r"DOUBLE|FLOAT|DECIMAL\(.*\)"), "number"),
    (re.compile(r"VARCHAR|UUID"), "string"),
    (re.compile(r"DATE"), "date"),
    (re.compile(r"TIMESTAMP.*"), "timestamp"),
    (re.compile(r"TIME"), "time"),
    (re.compile(r"BOOLEAN"), "boolean"),
)


def new(name: str, file: Path, products: Path, policies: Path) -> list[Path]:
    """Write the product `name` over `file` and tell the files written.

    `products` and `policies` are the deployment's folders. Raises ContractError: a name that is none, a product or
    policy that exists already, a file that cannot be read.
    """
    folder = products / name
    rules, trial = policies / f"{name}.yaml", policies / "tests" / f"{name}.yaml"
    if not PRODUCT_NAME.fullmatch(name):
        raise _refusal(name, "is no product name", f"such as {suggestion(name)}: [a-z][a-z0-9_]*, not ending in _v1")
    for path in (folder, rules, trial):
        if path.exists():
            raise _refusal(path.name, "exists already", "another name, or remove it first")
    try:
        found = profile.profile(file)
    except (ProfileError, BadQuery) as error:
        raise _refusal(file.name, str(error), "a parquet, CSV or JSON file with a column at least") from error
    table = suggestion(file.stem)
    with tempfile.TemporaryDirectory() as workshop:
        draft = Path(workshop) / name
        (draft / DATA).mkdir(parents=True)
        data = f"{table}{file.suffix.lower()}"
        shutil.copyfile(file, draft / DATA / data)
        (draft / f"{name}.odps.yaml").write_text(_product(name, file.name), encoding="utf-8")
        (draft / f"{name}.odcs.yaml").write_text(_contract(name, table, data, found), encoding="utf-8")
        contract.compile_product(contract.load(draft), {}, draft)
        shutil.copytree(draft, folder)
    trial.parent.mkdir(parents=True, exist_ok=True)
    rules.write_text(_policy(name), encoding="utf-8")
    trial.write_text(_policy_test(name, table), encoding="utf-8")
    return [*(path for path in sorted(folder.rglob("*")) if path.is_file()), rules, trial]


def _refusal(subject: str, problem: str, remedy: str) -> ContractError:
    return ContractError([Finding(subject, 0, "", problem, remedy)])


def _scalar(text: str) -> str:
    """`text` as a YAML scalar: plain where that cannot be misread, else quoted as JSON, which YAML contains."""
    return text if _PLAIN.fullmatch(text) and text.lower() not in _WORDS else json.dumps(text, ensure_ascii=False)


def _title(name: str) -> str:
    return name.replace("_", " ").capitalize()


def _product(name: str, file: str) -> str:
    return f"""apiVersion: v1.1.0
kind: DataProduct
id: {_scalar(name)}
name: {_scalar(_title(name))}
version: 0.1.0
status: draft
type: sourceAligned
description:
  purpose: {json.dumps(f"The rows of {file}, as they arrived.", ensure_ascii=False)} # confirm: what is it for?
outputPorts:
  - {{name: {_scalar(name)}, contractId: {_scalar(name)}}} # a draft may leave the type out: every door serves it
team:
  members:
    - {{username: owner@example.com, role: owner}} # confirm
"""


def _contract(name: str, table: str, data: str, found: Profile) -> str:
    doubt = "" if found.key else "    # no column, and no two, tell every row apart: there is no key\n"
    head = f"""apiVersion: v3.2.0
kind: DataContract
id: {_scalar(name)}
version: 0.1.0
servers:
  - {{server: {_scalar(table)}, type: local, path: {DATA}/{data}, format: {found.format}}}
schema:
  - name: {_scalar(table)}
    logicalType: object
{doubt}    properties:
"""
    return head + "".join(_property(field, found.key) for field in found.fields)


def _property(field: Field, key: tuple[str, ...]) -> str:
    lines = [f"- name: {_scalar(field.name)}"]
    if field.physical_name != field.name:
        lines.append(f"  physicalName: {json.dumps(field.physical_name, ensure_ascii=False)}")
    kind = "DECIMAL(18,2)" if field.is_money else field.type
    logical = next((name for pattern, name in _LOGICAL if pattern.fullmatch(kind)), None)
    if logical is not None:
        lines.append(f"  logicalType: {logical}")
    note = " # confirm: money? the file has DOUBLE, with at most two decimals" if field.is_money else ""
    lines.append(f"  physicalType: {json.dumps(kind)}{note}")
    if field.name in key:
        position = key.index(field.name) + 1
        lines += ["  primaryKey: true # proven on this file", f"  primaryKeyPosition: {position}"]
    if field.name in key or field.complete:
        lines.append("  required: true")
    if field.personal:
        lines.append(f"  classification: restricted # confirm: {field.personal} may identify a person")
        lines.append("  tags: [pii] # confirm")
    else:
        lines.append("  classification: internal # confirm")
    return "".join(f"      {line}\n" for line in lines)


def _policy(name: str) -> str:
    return f"""# The owner sees everything; nobody else sees that the product exists.
- id: {name}-owner
  on: {{product: {_scalar(name)}}}
  to: {{role: {name}_owner}}
  grant: {{columns: ["*"]}}
"""


def _policy_test(name: str, table: str) -> str:
    return f"""- as: {{role: [{name}_owner]}}
  on: {{product: {_scalar(name)}, table: {_scalar(table)}}}
  expect: {{columns: raw, rows: all}}
- as: {{role: [somebody_else]}}
  on: {{product: {_scalar(name)}, table: {_scalar(table)}}}
  expect: nothing
"""
