"""Models in Python: run by the build, cast and audited as any other, and as secret as the strictest of their inputs."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from gateway.contracts import contract
from gateway.contracts.contract import ContractError
from gateway.contracts.python_models import Inputs, ModelError, batches
from gateway.publication.publish import Progress, Warned
from tests.workshop import KEY, STEWARD, Workshop, column, stored

NAME = {"physicalType": "VARCHAR", "classification": "confidential", "tags": ["pii"]}
RAW = {"staff": {"id": KEY, "name": NAME, "pay": column("BIGINT")}}
ROWS = pa.table({"id": [1, 2, 3], "name": ["ann", "SECRET", None], "pay": [10, 20, 30]})
DOUBLED = """
import pyarrow as pa
import pyarrow.compute as pc

def model(inputs):
    print('{"event": "built"}', flush=True)
    reader = inputs["raw.staff"]
    schema = pa.schema([("pay", pa.int64()), ("id", pa.int32()), ("more", pa.string())])

    def batches():
        for batch in reader:
            more = pa.nulls(batch.num_rows, pa.string())
            yield pa.record_batch([pc.multiply(batch["pay"], 2), batch["id"].cast(pa.int32()), more], schema)

    return pa.RecordBatchReader.from_batches(schema, batches())
"""
BROKEN = {
    "def model(inputs:": (1, "this is no Python"),
    "x = 1": (0, "it defines no function model(inputs)"),
}
FAILING = {
    "def model(inputs):\n    raise ValueError('SECRET')": (2, "it ended with ValueError"),
    "def model(inputs):\n    return inputs['raw.other']": (2, "it ended with KeyError"),
    "def model(inputs):\n    return 1": (0, "model gives no pyarrow.RecordBatchReader"),
    "model = 1": (0, "it defines no function model(inputs)"),
}


@pytest.fixture
def shop(tmp_path: Path) -> Workshop:
    made = Workshop(tmp_path)
    made.allow(STEWARD, {"id": "r", "on": {"product": "raw"}, "to": {"kind": "product"}, "grant": {"columns": ["*"]}})
    raw = {
        "id": RAW["staff"]["id"],
        "name": {**RAW["staff"]["name"], "classification": "confidential"},
        "pay": RAW["staff"]["pay"],
    }
    made.declare("raw", {"staff": raw}, data={"staff": ROWS})
    return made


def declare(shop: Workshop, text: str, name: str = "doubled") -> Path:
    columns = {"id": KEY, name: column("DECIMAL(18,2)", classification="public")}
    folder = shop.declare("pay", {"made": columns}, models={"made": ""}, inputs=["raw"])
    (folder / "models" / "made.sql").unlink()
    (folder / "models" / "made.py").write_text(text)
    return folder


def test_a_model_in_python_is_cast_and_as_secret_as_its_inputs(shop: Workshop) -> None:
    shop.publish("raw")
    declare(shop, DOUBLED, "pay")
    heard: list[Progress] = []
    snapshot = shop.publish("pay", progress=heard.append)
    assert stored(snapshot, "SELECT id, pay::VARCHAR FROM made ORDER BY id") == [
        (1, "20.00"),
        (2, "40.00"),
        (3, "60.00"),
    ]
    told = [one.finding for one in heard if isinstance(one, Warned)]
    assert [(one.file, one.problem) for one in told if one.file.endswith(".py")] == [
        ("models/made.py", "this model is Python, which the publication runs")
    ]
    for kept in snapshot.product.table("made").columns:
        assert (kept.classification, kept.tags) == ("confidential", {"pii"})
    assert shop.publish("pay") == snapshot
    declare(shop, DOUBLED.replace(", 2)", ", 3)"), "pay")
    assert stored(shop.publish("pay"), "SELECT max(pay)::VARCHAR FROM made") == [("90.00",)]


@pytest.mark.parametrize(("text", "told"), BROKEN.items(), ids=str)
def test_what_is_no_model_is_told_before_anything_runs(shop: Workshop, text: str, told: tuple[int, str]) -> None:
    with pytest.raises(ContractError) as refusal:
        contract.load(declare(shop, text))
    (finding,) = refusal.value.findings
    assert (finding.file, finding.line, finding.problem) == ("models/made.py", *told)


def test_a_model_that_fails_is_told_by_its_line_and_no_value() -> None:
    for text, told in FAILING.items():
        with pytest.raises(ModelError) as refusal:
            list(batches(text, "models/made.py", Inputs(("raw.staff",), lambda _: ROWS.to_reader())))
        assert (refusal.value.line, str(refusal.value)) == told


def test_a_model_that_lacks_a_column_stops_the_publication(shop: Workshop) -> None:
    shop.publish("raw")
    declare(shop, "def model(inputs):\n    return inputs['raw.staff']")
    with pytest.raises(ContractError) as refusal:
        shop.publish("pay")
    (finding,) = refusal.value.findings
    assert (finding.file, finding.problem) == ("models/made.py", "it gives no column doubled")


def test_two_models_of_a_table_are_refused(shop: Workshop) -> None:
    folder = declare(shop, DOUBLED)
    (folder / "models" / "made.sql").write_text("SELECT id, pay AS doubled FROM raw.staff")
    with pytest.raises(ContractError, match="another model or a file fills made as well"):
        contract.load(folder)
