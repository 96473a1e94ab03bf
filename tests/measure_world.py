"""A world for measures: lines of baskets, the products in them, and promotions of which a product has several.

`steward` sees all; `analyst` the lines of stores 0 to 2, without their cost; `partner` amounts as steps of ten, so that
no measure over them exists; `regional` no product's department.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from gateway.publication.publish import publish
from gateway.settings import Settings
from tests.deployment import deployment
from tests.policy_world import MASKS

LINES = 240
SUBJECTS = ("steward", "analyst", "partner", "regional")
_HEAD = """
name: Till
version: 1.0.0
status: draft
domain: test
tenant: outport
description: {purpose: Tests, usage: Tests, limitations: Synthetic}
"""
PRODUCT = f"""
apiVersion: v1.1.0
kind: DataProduct
id: till
{_HEAD.strip()}
type: sourceAligned
outputPorts:
  - {{id: a, name: till-rest, type: rest, version: 1.0.0, contractId: till}}
  - {{id: b, name: till-flight, type: flightsql, version: 1.0.0, contractId: till}}
  - {{id: c, name: till-postgres, type: postgres, version: 1.0.0, contractId: till}}
  - {{id: d, name: till-graphql, type: graphql, version: 1.0.0, contractId: till}}
  - {{id: e, name: till-mcp, type: mcp, version: 1.0.0, contractId: till}}
team: {{name: T, members: [{{username: t@example.com, role: owner}}]}}
"""
_KEY = "primaryKey: true, primaryKeyPosition: 1, required: true, classification: internal"
CONTRACT = f"""
apiVersion: v3.2.0
kind: DataContract
id: till
{_HEAD.strip()}
servers:
  - {{server: files, type: local, path: "data/{{model}}.parquet", format: parquet}}
schema:
  - name: lines
    physicalName: lines
    logicalType: object
    physicalType: table
    description: What was bought.
    dataGranularityDescription: one row per line
    properties:
      - {{name: line_id, physicalType: BIGINT, {_KEY}, unique: true}}
      - {{name: basket_id, physicalType: BIGINT, required: true, classification: internal}}
      - {{name: product_id, physicalType: BIGINT, classification: internal,
         relationships: [{{to: products.product_id}}]}}
      - {{name: store, physicalType: INTEGER, required: true, classification: internal, semanticType: dimension}}
      - {{name: amount, physicalType: "DECIMAL(18,2)", classification: internal}}
      - {{name: cost, physicalType: "DECIMAL(18,2)", classification: restricted}}
      - {{name: sold_at, physicalType: TIMESTAMP, required: true, classification: internal, semanticType: dimension,
         customProperties: [{{property: grains, value: [day, week, month, quarter], vendor: outport}}]}}
      - {{name: month, semanticType: dimension, transformLogic: "date_trunc('month', sold_at)",
         description: First day of the month}}
      - {{name: size, semanticType: dimension, transformLogic: "CASE WHEN amount >= 50 THEN 'large' ELSE 'small' END"}}
      - name: revenue
        semanticType: measure
        transformLogic: sum(amount)
        description: What was paid
        synonyms: [{{synonym: sales}}]
        customProperties:
          - {{property: unit, value: EUR, vendor: outport}}
          - property: metricTree
            value: {{northStar: true, drivers: [baskets, average_basket], formula: baskets * average_basket}}
            vendor: outport
          - property: alternatives
            value:
              - {{measure: margin, proposedBy: finance, reason: it depends on costs that change later}}
              - {{measure: large_revenue, proposedBy: sales, reason: small lines are paid as well}}
            vendor: outport
      - {{name: line_count, semanticType: measure, transformLogic: count(*)}}
      - {{name: baskets, semanticType: measure, transformLogic: count(DISTINCT basket_id),
         businessName: 'Baskets "of" <b>all</b> #1'}}
      - {{name: average_basket, semanticType: measure, transformLogic: "revenue / nullif(baskets, 0)"}}
      - {{name: mean_amount, semanticType: measure, transformLogic: avg(amount)}}
      - {{name: largest, semanticType: measure, transformLogic: max(amount)}}
      - {{name: large_revenue, semanticType: measure, transformLogic: "sum(amount) FILTER (WHERE amount >= 50)"}}
      - {{name: large_share, semanticType: measure, transformLogic: "large_revenue / nullif(revenue, 0)",
         customProperties: [{{property: metricTree, value: {{formula: large_revenue / revenue}}, vendor: outport}}]}}
      - {{name: margin, semanticType: measure, transformLogic: sum(amount - cost)}}
      - {{name: margin_rate, semanticType: measure, transformLogic: "margin / nullif(revenue, 0)"}}
  - name: products
    physicalName: products
    logicalType: object
    physicalType: table
    description: What is sold.
    dataGranularityDescription: one row per product
    properties:
      - {{name: product_id, physicalType: BIGINT, {_KEY}, unique: true}}
      - {{name: department, physicalType: VARCHAR, classification: confidential, semanticType: dimension}}
      - {{name: amount, physicalType: "DECIMAL(18,2)", classification: internal, description: The list price}}
      - {{name: product_count, semanticType: measure, transformLogic: count(*)}}
  - name: promotions
    physicalName: promotions
    logicalType: object
    physicalType: table
    description: When a product was promoted.
    dataGranularityDescription: one row per promotion
    properties:
      - {{name: promotion_id, physicalType: BIGINT, {_KEY}, unique: true}}
      - {{name: product_id, physicalType: BIGINT, classification: internal,
         relationships: [{{to: products.product_id}}]}}
      - {{name: place, physicalType: VARCHAR, classification: internal}}
      - {{name: promotion_count, semanticType: measure, transformLogic: count(*)}}
  - name: prices
    physicalName: prices
    logicalType: object
    physicalType: table
    description: What a product costs in a store.
    dataGranularityDescription: one row per product and store
    properties:
      - {{name: product_id, physicalType: BIGINT, {_KEY}}}
      - {{name: store, physicalType: INTEGER, {_KEY.replace("1", "2")}}}
      - {{name: price, physicalType: "DECIMAL(18,2)", classification: internal}}
      - {{name: price_count, semanticType: measure, transformLogic: count(*)}}
"""
_POLICY = """
- {id: all, on: {product: till}, to: {}, grant: {columns: ["*"]}}
- {id: cost, on: {product: till, table: lines}, to: {}, unless: {role: [steward, partner]}, hide: {columns: [cost]}}
- {id: near, on: {product: till, table: lines}, to: {role: analyst}, restrict: {rows: store < 3}}
- {id: steps, on: {product: till, table: lines}, to: {role: partner}, mask: {columns: [amount], with: "null"}}
- {id: where, on: {product: till, table: products}, to: {role: regional}, hide: {columns: [department]}}
"""


def tables() -> dict[str, pa.Table]:
    """The rows: lines of 60 baskets in 5 stores over a year, some without a product; 12 products; 30 promotions."""
    ids, products, promotions = range(LINES), range(12), range(30)
    start = datetime(2017, 1, 2, 9)
    money = pa.decimal128(18, 2)
    return {
        "lines": pa.table(
            {
                "line_id": pa.array(ids, pa.int64()),
                "basket_id": pa.array([i // 4 for i in ids], pa.int64()),
                "product_id": pa.array([None if i % 31 == 0 else i * 7 % 14 for i in ids], pa.int64()),
                "store": pa.array([i // 4 % 5 for i in ids], pa.int32()),
                "amount": pa.array([None if i % 17 == 0 else Decimal(i * 37 % 9000) / 100 for i in ids], money),
                "cost": pa.array([Decimal(i * 11 % 3000) / 100 for i in ids], money),
                "sold_at": pa.array([start + timedelta(hours=36 * (i // 4)) for i in ids], pa.timestamp("us")),
            }
        ),
        "products": pa.table(
            {
                "product_id": pa.array(products, pa.int64()),
                "department": [("food", "drink", "home")[i % 3] for i in products],
                "amount": pa.array([Decimal(i // 2) + Decimal("0.99") for i in products], money),
            }
        ),
        "promotions": pa.table(
            {
                "promotion_id": pa.array(promotions, pa.int64()),
                "product_id": pa.array([i % 9 for i in promotions], pa.int64()),
                "place": [("front", "rear")[i % 2] for i in promotions],
            }
        ),
        "prices": pa.table(
            {
                "product_id": pa.array([i // 5 for i in range(60)], pa.int64()),
                "store": pa.array([i % 5 for i in range(60)], pa.int32()),
                "price": pa.array([Decimal(i % 7) for i in range(60)], money),
            }
        ),
    }


def build(folder: Path) -> Settings:
    """Publish the till in `folder`, with its principals."""
    place = folder / "products" / "till"
    (place / "data").mkdir(parents=True)
    (folder / "policies").mkdir()
    for name, table in tables().items():
        pq.write_table(table, place / "data" / f"{name}.parquet")
    (place / "till.odps.yaml").write_text(PRODUCT)
    (place / "till.odcs.yaml").write_text(CONTRACT)
    (folder / "policies" / "till.yaml").write_text(_POLICY)
    (folder / "policies" / "masks.yaml").write_text(MASKS.read_text())
    settings = deployment(folder, {name: {"role": (name,)} for name in SUBJECTS})
    publish(settings, place)
    return settings
