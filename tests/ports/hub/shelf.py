"""A world for the hub: `source`, `report` made of it with a metric tree, and `inner` made of it, which analysts do not
see. Whatever is in words tries to be markup.
"""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from gateway.publication.publish import publish
from gateway.settings import Settings
from tests.deployment import deployment
from tests.policy_world import MASKS

XSS = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>{{7*7}}"
_HEAD = """
version: 1.0.0
status: draft
domain: test
tenant: outport
"""
_SAID = XSS.replace("'", "''")
_PORTS = "\n".join(
    f"  - {{id: NAME-{kind}, name: NAME-{kind}, type: {kind}, version: 1.0.0, contractId: NAME}}"
    for kind in ("rest", "graphql", "flightsql", "postgres", "mcp")
)
_PRODUCT = f"""
apiVersion: v1.1.0
kind: DataProduct
id: NAME
name: 'The NAME {_SAID}'
{_HEAD.strip()}
type: KIND
tags: [found, 'a "tag"']
description: {{purpose: 'Purpose {_SAID}', usage: 'Usage {_SAID}', limitations: 'Limits {_SAID}'}}
INPUTS
outputPorts:
{_PORTS}
team: {{name: T, members: [{{username: '{_SAID}', role: owner}}]}}
customProperties:
  - property: consumers
    vendor: outport
    value: [{{name: 'planners {_SAID}', asks: 'what sells?'}}, {{name: insiders, asks: 'what is the secret?'}}]
"""
_KEY = "primaryKey: true, primaryKeyPosition: 1, required: true, unique: true, classification: internal"
_CONTRACT = f"""
apiVersion: v3.2.0
kind: DataContract
id: NAME
name: NAME
{_HEAD.strip()}
description: {{purpose: Tests, usage: Tests, limitations: Synthetic}}
SERVERS
schema:
  - name: TABLE
    physicalName: TABLE
    logicalType: object
    physicalType: table
    description: 'Table {_SAID}'
    dataGranularityDescription: 'one row {_SAID}'
    properties:
      - {{name: item_id, physicalType: BIGINT, {_KEY}}}
      - {{name: kind, physicalType: VARCHAR, classification: internal, semanticType: dimension,
         description: 'Column {_SAID}'}}
      - {{name: price, physicalType: "DECIMAL(18,2)", classification: internal}}
      - {{name: secret, physicalType: VARCHAR, classification: restricted}}
MEASURES
"""
_MEASURES = f"""
      - name: takings
        semanticType: measure
        transformLogic: sum(price)
        businessName: 'Takings {_SAID}'
        description: 'Measure {_SAID}'
        synonyms: [{{synonym: turnover}}]
        customProperties:
          - {{property: unit, value: EUR, vendor: outport}}
          - property: metricTree
            value: {{northStar: true, drivers: [things, mean_price], formula: things * mean_price}}
            vendor: outport
      - {{name: things, semanticType: measure, transformLogic: count(*)}}
      - {{name: mean_price, semanticType: measure, transformLogic: "takings / nullif(things, 0)"}}
      - {{name: secrets, semanticType: measure, transformLogic: count(DISTINCT secret)}}
"""
_SERVERS = 'servers:\n  - {server: files, type: local, path: "data/{model}.parquet", format: parquet}'
_POLICY = """
- {id: all, on: {product: source}, to: {}, grant: {columns: ["*"]}}
- {id: reports, on: {product: report}, to: {}, grant: {columns: ["*"]}}
- {id: inside, on: {product: inner}, to: {role: steward}, grant: {columns: ["*"]}}
- {id: secrets, on: {product: [source, report]}, to: {role: analyst}, hide: {columns: [secret]}}
- {id: first, on: {product: [source, report]}, to: {role: analyst}, mask: {columns: [kind], with: partial}}
- {id: stewards, to: {role: steward}, simulate: {for: {kind: person}}}
- {id: managers, on: {product: ["*"]}, to: {role: steward}, manage: true}
"""


def build(folder: Path, secret: str = "CANARY", rows: int = 12) -> Settings:  # noqa: S107
    """The world in `folder`, published. `secret` stands in the hidden column, and in the hidden product."""
    ids = range(rows)
    _declare(folder, "source", "items", "sourceAligned", "", _SERVERS, "")
    data = folder / "products" / "source" / "data"
    data.mkdir()
    table = {
        "item_id": pa.array(ids, pa.int64()),
        "kind": [XSS if i == 1 else f"kind {i % 3}" for i in ids],
        "price": pa.array(list(ids), pa.decimal128(18, 2)),
        "secret": [f"{secret}-{i}" for i in ids],
    }
    pq.write_table(pa.table(table), data / "items.parquet")
    inputs = "inputPorts:\n  - {name: source, version: 1.0.0, contractId: source}"
    for name, measures in (("report", _MEASURES), ("inner", "")):
        _declare(folder, name, f"{name}s", "aggregate", inputs, "", measures)
        models = folder / "products" / name / "models"
        models.mkdir()
        (models / f"{name}s.sql").write_text("SELECT item_id, kind, price, secret FROM source.items")
    policies = folder / "policies"
    policies.mkdir()
    (policies / "hub.yaml").write_text(_POLICY)
    (policies / "masks.yaml").write_text(MASKS.read_text())
    settings = deployment(folder, {"steward": {"role": ("steward",)}, "analyst": {"role": ("analyst",)}})
    for name in ("source", "report", "inner"):
        publish(settings, settings.products / name)
    return settings


def _declare(folder: Path, name: str, table: str, kind: str, inputs: str, servers: str, measures: str) -> None:
    place = folder / "products" / name
    place.mkdir(parents=True)
    product = _PRODUCT.replace("INPUTS", inputs).replace("KIND", kind).replace("NAME", name)
    contract = _CONTRACT.replace("SERVERS", servers).replace("MEASURES", measures.strip("\n"))
    if name == "inner":
        product, contract = (one.replace("domain: test", "domain: inside") for one in (product, contract))
    (place / f"{name}.odps.yaml").write_text(product)
    (place / f"{name}.odcs.yaml").write_text(contract.replace("TABLE", table).replace("NAME", name))
