"""What a descriptor says of worth, and promises that nothing measures: told at check time, with their place."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import yaml

from gateway.contracts import contract, worth
from gateway.contracts.contract import ContractError
from tests.workshop import KEY, Workshop


def folder(shop: Workshop, **own: Any) -> Path:
    made = shop.declare("stock", {"moves": {"id": KEY}}, data={"moves": pa.table({"id": [1]})})
    file = next(made.glob("*.odps.yaml"))
    document = yaml.safe_load(file.read_text())
    document["customProperties"] = [
        {"property": key, "value": value, "vendor": "outport"} for key, value in own.items()
    ]
    file.write_text(yaml.safe_dump(document))
    return made


@pytest.mark.parametrize(
    ("own", "place", "right"),
    [
        ({"value": "a lot"}, "customProperties[0].value", "amount: 1000"),
        ({"value": True}, "customProperties[0].value", "amount: 1000"),
        ({"cost": {"amount": 5, "per": "week"}}, "customProperties[0].value", "per: month"),
        ({"cost": {"ammount": 5}}, "customProperties[0].value", "per: month"),
        ({"value": 3, "cost": -1}, "customProperties[1].value", "amount: 1000"),
        ({"attestations": {"name": "privacy"}}, "customProperties[0].value", "a list"),
        ({"attestations": [{"name": "privacy", "by": "dpo", "expires": "soon"}]}, "value[0]", "2031-01-31"),
        ({"attestations": [{"name": "privacy", "expires": "2031-01-31"}]}, "value[0]", "by: ..."),
    ],
)
def test_what_means_nothing_is_refused_with_its_place(tmp_path: Path, own: Any, place: str, right: str) -> None:
    with pytest.raises(ContractError) as refused:
        contract.load(folder(Workshop(tmp_path), **own))
    (finding,) = refused.value.findings
    assert place in finding.path
    assert right in str(finding)
    assert finding.line > 1


def test_what_is_well_formed_is_read(tmp_path: Path) -> None:
    vouched = [{"name": "privacy", "by": "dpo", "expires": "2031-01-31"}]
    contract.load(folder(Workshop(tmp_path), value=5, cost={"amount": 2, "per": "month"}, attestations=vouched))
    assert worth.yearly({"amount": 2, "per": "month"}) == 24
    assert worth.expires(vouched[0]) == date(2031, 1, 31)


def test_a_promise_that_nothing_measures_is_named(tmp_path: Path) -> None:
    made = folder(Workshop(tmp_path))
    file = next(made.glob("*.odcs.yaml"))
    promised = [{"property": "retention", "value": 3, "unit": "y", "element": "moves.id"}]
    file.write_text(yaml.safe_dump(yaml.safe_load(file.read_text()) | {"slaProperties": promised}))
    product = contract.load(made)
    told = [str(one) for one in contract.compile_product(product, {}, made)]
    assert any("retention of moves.id is promised, and not measured" in one for one in told)
