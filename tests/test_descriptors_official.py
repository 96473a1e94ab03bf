"""The official judges: the JSON Schemas that Bitol's own command line tools ship accept every descriptor we have.

They pin an older DuckDB, so they live in an environment of their own, `.venv-judges/`, made on the first run.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gateway import document
from gateway.contracts.descriptor import CONTRACT_SUFFIX, PRODUCT_SUFFIX
from gateway.operations import scaffold

ROOT = Path(__file__).parent.parent
HOME = ROOT / ".venv-judges"
# Without their dependencies: only the JSON Schemas that they ship are asked.
SHIPPED = ("dataproduct-cli==0.3.2", "datacontract-cli==1.2.8")
JUDGE = """
import importlib.util, json, pathlib, sys
from jsonschema import Draft201909Validator

def schema(package, name):
    root = pathlib.Path(next(iter(importlib.util.find_spec(package).submodule_search_locations)))
    return Draft201909Validator(json.loads((root / "schemas" / name).read_text()))

judges = {
    "DataProduct": schema("dataproduct", "odps-1.1.0.schema.json"),
    "DataContract": schema("datacontract", "odcs-3.2.0.schema.json"),
}
answers = {}
for name, value in json.load(sys.stdin).items():
    answers[name] = [f"{error.json_path}: {error.message[:200]}" for error in judges[value["kind"]].iter_errors(value)]
json.dump(answers, sys.stdout)
"""


@pytest.fixture(scope="session")
def judge_python() -> Path:
    """The interpreter of the judges' environment; `installed` marks one that was completed."""
    python, mark = HOME / "bin" / "python", HOME / "installed"
    wanted = "\n".join((*SHIPPED, "jsonschema", f"{sys.version_info[:2]}"))
    if not mark.exists() or mark.read_text() != wanted:
        shutil.rmtree(HOME, ignore_errors=True)
        venv.create(HOME, with_pip=True)
        (HOME / ".gitignore").write_text("*\n")
        pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, "--no-deps", *SHIPPED], check=True, timeout=300)
        subprocess.run([*pip, "jsonschema"], check=True, timeout=300)
        mark.write_text(wanted)
    return python


def judged(python: Path, descriptors: dict[str, object]) -> dict[str, list[str]]:
    """File -> what the official schema has against it."""
    answer = subprocess.run(
        [python, "-c", JUDGE], input=json.dumps(descriptors), capture_output=True, text=True, check=True, timeout=120
    )
    findings: dict[str, list[str]] = json.loads(answer.stdout)
    return findings


def descriptors(folder: Path) -> dict[str, object]:
    """Every descriptor below `folder`, by its path."""
    files = [path for path in folder.rglob("*.yaml") if path.name.endswith((PRODUCT_SUFFIX, CONTRACT_SUFFIX))]
    return {str(path.relative_to(folder)): document.read(path.name, path.read_text())[0] for path in files}


def test_every_descriptor_of_the_repository_passes_the_official_schemas(judge_python: Path) -> None:
    found = descriptors(ROOT / "products") | descriptors(ROOT / "tests")

    assert {"retail/retail.odps.yaml", "customer_360/customer_360.odcs.yaml", "promotions/promotions.odcs.yaml"} <= set(
        found
    )
    assert judged(judge_python, found) == {name: [] for name in found}


def test_a_scaffolded_product_passes_the_official_schemas(judge_python: Path, tmp_path: Path) -> None:
    odd = pa.table(
        {
            "Order No": [1, 2, 3],
            "on": ["x", "y", "z"],
            "price": [1.25, 2.5, 3.0],
            "e-mail": ["a@b.org", "c@d.org", "e@f.org"],
            "tags": [["a"], [], ["b", "c"]],
            "place": [{"lat": 1.0, "lon": 2.0}] * 3,
        }
    )
    pq.write_table(odd, tmp_path / "Order Lines.parquet")
    scaffold.new("orders", tmp_path / "Order Lines.parquet", tmp_path / "products", tmp_path / "policies")

    found = descriptors(tmp_path / "products")

    assert len(found) == 2
    assert judged(judge_python, found) == {name: [] for name in found}


def test_the_official_schemas_do_refuse_a_wrong_descriptor(judge_python: Path) -> None:
    wrong = {"apiVersion": "v3.2.0", "kind": "DataContract", "id": "x", "version": "1.0.0", "sceham": []}

    assert judged(judge_python, {"wrong": wrong})["wrong"] != []
