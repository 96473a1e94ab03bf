"""The demo's supply chain as a small deployment that is fed while it runs: the demo's contracts, models and policies.

In place of what the demo generates, orders lie in files, and shipments and counts are pushed; totals that only the
generated rows have are no rules here, and the data clock is the real one.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import yaml

from gateway.settings import Settings
from tests.demo import ROOT
from tests.workshop import KEY, Workshop, column

SOURCES = {"suppliers": "suppliers", "orders": "lines", "shipments": "deliveries", "inventory": "positions"}
PUSHED = ("shipments", "inventory")
# The day has a clock of its own; sources are made anew by pushes alone.
TIMED = {name: {"dataClock", "refresh"} for name in SOURCES}
FEED = "feed"
Rows = Sequence[Mapping[str, Any]]


def declared(folder: Path, now: datetime, **settings: Any) -> Settings:
    """The deployment's folders, before anything is published; orders are such as are due by `now`."""
    workshop = Workshop(folder, **settings)
    for name in ("claims.yaml", "supply.yaml"):
        shutil.copy(ROOT / "policies" / name, workshop.settings.policies)
    reader = {"subject": "product:supply_chain", "kind": "product"}
    workshop.allow(
        {"id": "retail", "on": {"product": "retail"}, "to": reader, "grant": {"columns": ["*"]}},
        {"id": "feeds", "on": {"product": [*PUSHED]}, "to": {"role": "steward"}, "push": True},
        {"id": "manage", "on": {"product": "*"}, "to": {"role": "steward"}, "manage": True},
    )
    catalog = {"product_id": KEY, "department": column("VARCHAR")}
    rows = "product_id,department\n1,GROCERY\n2,PRODUCE\n"
    workshop.declare("retail", {"products": catalog}, data={"products": rows}, file_format="csv")
    for name in (*SOURCES, "supply_chain"):
        _declare(workshop.settings.products, name)
    for name, given in (("suppliers", suppliers()), ("orders", orders(now))):
        data = workshop.settings.products / name / "data"
        data.mkdir()
        (data / f"{SOURCES[name]}.json").write_text(json.dumps(given), encoding="utf-8")
    return workshop.settings


def _declare(products: Path, name: str) -> None:
    home = products / name
    shutil.copytree(ROOT / "products" / name, home)
    product, contract = (_read(home / f"{name}.{kind}.yaml") for kind in ("odps", "odcs"))
    product["customProperties"] = [
        one for one in product["customProperties"] if one["property"] not in TIMED.get(name, {"dataClock"})
    ]
    for table in contract["schema"]:
        table["quality"] = [_loosened(rule) for rule in table["quality"]]
    if name in SOURCES:
        product["inputPorts"] = [{"name": FEED, "version": "1.0.0", "contractId": FEED}]
        for port in product["outputPorts"]:
            port["inputContracts"] = [{"id": FEED, "version": "1.0.0"}]
        for file in (*home.glob("completejourney*"), *home.glob("scans*"), *home.glob("models/*")):
            file.unlink()
        _feed(home, SOURCES[name], contract)
    _write(home / f"{name}.odps.yaml", product)
    _write(home / f"{name}.odcs.yaml", contract)


def _feed(home: Path, table: str, contract: Mapping[str, Any]) -> None:
    """The input contract is the product's own, for rows that come; the model hands them on."""
    properties = contract["schema"][0]["properties"]
    pushed = {"type": "custom", "customProperties": [{"property": "push", "value": "upsert", "vendor": "outport"}]}
    filed = {"type": "local", "path": f"data/{table}.json", "format": "json"}
    _write(home / f"{FEED}.odcs.yaml", {
        "apiVersion": "v3.2.0", "kind": "DataContract", "id": FEED, "version": "1.0.0", "status": "active",
        "servers": [{"server": FEED, **(pushed if home.name in PUSHED else filed)}],
        "schema": [{"name": table, "logicalType": "object", "properties": properties}],
    })  # fmt: skip
    names = ", ".join(one["name"] for one in properties)
    (home / "models" / f"{table}.sql").write_text(f"SELECT {names} FROM {FEED}.{table}\n")


def _loosened(rule: Mapping[str, Any]) -> Mapping[str, Any]:
    """A rule on the number of rows holds for any; none is looked at by the machine's clock."""
    if rule.get("metric") == "rowCount":
        return {"metric": "rowCount", "mustBeGreaterOrEqualTo": 0}
    return {name: value for name, value in rule.items() if name not in {"scheduler", "schedule"}}


def _read(file: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))
    return found


def _write(file: Path, document: Mapping[str, Any]) -> None:
    file.write_text(yaml.safe_dump(dict(document)), encoding="utf-8")


def suppliers() -> Rows:
    """Two of them."""
    return [
        {"supplier_id": number, "name": f"Supplier {number:04d}", "tier": "approved", "category": "GROCERY",
         "products": 1, "lead_days": 2, "contact_email": f"orders.{number}@example.com"}
        for number in (69, 103)
    ]  # fmt: skip


def orders(now: datetime) -> Rows:
    """Ten orders of two lines each, placed three days ago and due since midnight."""
    ordered = now.replace(hour=6, minute=0, second=0, microsecond=0) - timedelta(days=3)
    promised = ordered.replace(hour=0) + timedelta(days=3)
    return [
        {"order_id": order, "product_id": product, "supplier_id": 103 if product == 1 else 69, "store_id": 367,
         "carrier": "Harbour", "week": 1, "quantity": 4, "ordered_at": _text(ordered), "promised_at": _text(promised)}
        for order in range(1, 11) for product in (1, 2)
    ]  # fmt: skip


def shipments(order: int, came: datetime) -> Rows:
    """All that was ordered, in one shipment that came at a time."""
    return [
        {"shipment_id": 10 * order + 1, "product_id": product, "order_id": order, "part": 1,
         "supplier_id": 103 if product == 1 else 69, "store_id": 367, "carrier": "Harbour", "quantity": 4,
         "shipped_at": _text(came - timedelta(hours=9)), "delivered_at": _text(came), "scanned_at": _text(came)}
        for product in (1, 2)
    ]  # fmt: skip


def counts(counted: datetime, *, on_hand: int = 8) -> Rows:
    """What one store has of the two products at a time."""
    return [
        {"store_id": 367, "product_id": product, "week": 1, "supplier_id": 103 if product == 1 else 69,
         "counted_at": _text(counted), "checked_at": _text(counted), "received": 0, "sold": 4, "on_hand": on_hand}
        for product in (1, 2)
    ]  # fmt: skip


def _text(moment: datetime) -> str:
    return moment.replace(tzinfo=None).isoformat(sep=" ", timespec="seconds")
