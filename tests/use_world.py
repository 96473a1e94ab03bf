"""A world for columns that are used and not shown: people in households, their orders, stores and cards.

Person i lives in household i // 2 and earns 1000 + i; segments are of 20, 6 and 4 households, and one household is
alone in its own. Every second order is paid by a card.
"""

from __future__ import annotations

import itertools
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from gateway.publication.publish import publish
from gateway.settings import Settings
from tests.deployment import deployment
from tests.policy_world import MASKS

PEOPLE = 62
HOUSEHOLDS = {"large": 20, "medium": 6, "small": 4, "lone": 1}
SEGMENTS = list(itertools.chain.from_iterable([name] * number for name, number in HOUSEHOLDS.items()))
_ALL = {"columns": ["*"]}
RULES: list[dict[str, Any]] = [
    {"id": "all", "on": {"product": "survey"}, "to": {}, "grant": _ALL},
    {
        "id": "k5",
        "on": {"product": "survey", "table": "people"},
        "to": {"role": "partner"},
        "use": {
            "columns": ["income", "bonus"],
            "as": "aggregate",
            "k": 5,
            "entity": "household_id",
            "measures": ["mean_income", "total_income", "earners"],
        },
    },
    {
        "id": "k3",
        "on": {"product": "survey", "table": "orders"},
        "to": {"role": "partner"},
        "use": {"columns": ["amount"], "as": "aggregate", "k": 3, "entity": "person_id", "measures": ["revenue"]},
    },
    {
        "id": "cards",
        "on": {"product": "survey", "table": ["orders", "cards"]},
        "to": {"role": "partner"},
        "use": {"columns": ["card"], "as": "join"},
    },
]


def income(person: int) -> int:
    return 1000 + person


def _tables() -> dict[str, pa.Table]:
    ids, orders, stores, cards = range(PEOPLE), range(3 * PEOPLE), range(5), range(20)
    return {
        "people": pa.table(
            {
                "person_id": pa.array(ids, pa.int64()),
                "household_id": pa.array([i // 2 for i in ids], pa.int64()),
                "email": [f"p{i}@example.com" for i in ids],
                "segment": [SEGMENTS[i // 2] for i in ids],
                "city": ["A" if i % 2 else "B" for i in ids],
                "age": pa.array([20 + i for i in ids], pa.int32()),
                "income": pa.array([income(i) for i in ids], pa.int32()),
                # Of the large segment, only two households have one.
                "bonus": pa.array([Decimal(7) if i < 4 or i >= 40 else None for i in ids], pa.decimal128(18, 2)),
                "home_store": pa.array([i % 5 for i in ids], pa.int64()),
            }
        ),
        "orders": pa.table(
            {
                "order_id": pa.array(orders, pa.int64()),
                "person_id": pa.array([i // 3 for i in orders], pa.int64()),
                "amount": pa.array([Decimal(i) for i in orders], pa.decimal128(18, 2)),
                "card": [f"card-{i % 20}" if i % 2 else None for i in orders],
            }
        ),
        "stores": pa.table(
            {
                "store_id": pa.array(stores, pa.int64()),
                "name": [f"s{i}" for i in stores],
                "size": ["L", "S", "S", "L", "S"],
            }
        ),
        "cards": pa.table(
            {"card": [f"card-{i}" for i in cards], "issuer": ["red" if i % 4 else "blue" for i in cards]}
        ),
    }


_KEYS = {"people": "person_id", "orders": "order_id", "stores": "store_id", "cards": "card"}
_REFERENCES = {
    ("orders", "person_id"): "people.person_id",
    ("orders", "card"): "cards.card",
    ("people", "home_store"): "stores.store_id",
}
_MEASURES = {
    "people": {
        "mean_income": "avg(income)",
        "total_income": "sum(income)",
        "earners": "count(income)",
        "heads": "count(*)",
        "income_per_head": "total_income / nullif(heads, 0)",
        "top_income": "max(income)",
        "young_income": "sum(income) FILTER (WHERE age < 30)",
        "mean_bonus": "avg(bonus)",
        "oldest": "max(age)",
    },
    "orders": {"revenue": "sum(amount)", "largest": "max(amount)"},
}
_TYPES = {"int64": "BIGINT", "int32": "INTEGER", "string": "VARCHAR", "decimal128(18, 2)": "DECIMAL(18,2)"}


def _property(table: str, field: pa.Field) -> dict[str, Any]:
    key = {"primaryKey": True, "primaryKeyPosition": 1, "required": True, "unique": True}
    reference = _REFERENCES.get((table, field.name))
    return {
        "name": field.name,
        "logicalType": "string" if field.type == pa.string() else "number",
        "physicalType": _TYPES[str(field.type)],
        "classification": "internal",
        **(key if _KEYS[table] == field.name else {"unique": field.name == "email"}),
        **({"relationships": [{"to": reference}]} if reference else {}),
    }


def _documents(tables: dict[str, pa.Table]) -> tuple[dict[str, Any], dict[str, Any]]:
    common = {"name": "Survey", "version": "1.0.0", "status": "draft", "domain": "test", "tenant": "outport"}
    described = {"description": {"purpose": "Tests", "usage": "Tests", "limitations": "Synthetic"}}
    contract = {
        "apiVersion": "v3.2.0",
        "kind": "DataContract",
        "id": "survey",
        **common,
        **described,
        "servers": [{"server": "files", "type": "local", "path": "data/{model}.parquet", "format": "parquet"}],
        "schema": [
            {
                "name": name,
                "physicalName": name,
                "logicalType": "object",
                "physicalType": "table",
                "description": name,
                "dataGranularityDescription": "one row each",
                "properties": [_property(name, field) for field in table.schema]
                + [
                    {"name": measure, "semanticType": "measure", "transformLogic": logic}
                    for measure, logic in _MEASURES.get(name, {}).items()
                ],
            }
            for name, table in tables.items()
        ],
    }
    ports = [
        {"id": f"survey-{kind}", "name": f"survey-{kind}", "type": kind, "version": "1.0.0", "contractId": "survey"}
        for kind in ("rest", "graphql", "flightsql", "postgres")
    ]
    product = {
        "apiVersion": "v1.1.0",
        "kind": "DataProduct",
        "id": "survey",
        **common,
        **described,
        "type": "sourceAligned",
        "outputPorts": ports,
        "team": {"name": "T", "members": [{"username": "t@example.com", "role": "owner"}]},
    }
    return product, contract


def build(folder: Path) -> Settings:
    """Publish the survey in `folder`; principals partner and steward, of whom partner only uses some columns."""
    place = add(folder)
    settings = deployment(folder, {name: {"role": (name,)} for name in ("partner", "steward")})
    publish(settings, place)
    return settings


def add(folder: Path) -> Path:
    """Write the survey's product and policies beside what is in `folder`; the product's own folder."""
    tables = _tables()
    place = folder / "products" / "survey"
    (place / "data").mkdir(parents=True)
    (folder / "policies").mkdir(exist_ok=True)
    for name, table in tables.items():
        pq.write_table(table, place / "data" / f"{name}.parquet")
    product, contract = _documents(tables)
    (place / "survey.odps.yaml").write_text(yaml.safe_dump(product, sort_keys=False))
    (place / "survey.odcs.yaml").write_text(yaml.safe_dump(contract, sort_keys=False))
    (folder / "policies" / "survey.yaml").write_text(yaml.safe_dump(RULES, sort_keys=False))
    (folder / "policies" / "masks.yaml").write_text(MASKS.read_text())
    return place
