"""A deployment of the demo's products as their contracts declare them, with their policies and personas and no rows."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import duckdb
import yaml

from gateway.access.identity import Directory
from gateway.access.keys import load
from gateway.publication.publish import publish
from gateway.settings import Settings

ROOT = Path(__file__).parent.parent.parent.parent
PRODUCTS = ("retail", "promotions", "customer_360")
SUBJECT = "analyst"


def deployed(folder: Path) -> Settings:
    """The demo's products published without rows in `folder`: a catalog is made of contracts and decisions alone."""
    settings = Settings(
        products=folder / "products",
        policies=folder / "policies",
        state=folder / "state",
        http_port=0,
        flight_port=0,
        postgres_port=0,
        secret_key="a secret of the tests, 32 bytes or more",
        threads=2,
        memory_limit="512MB",
        drain_s=1,
    )
    shutil.copytree(ROOT / "policies", settings.policies)
    settings.state.mkdir()
    Directory(settings.principals, load(settings)).add_demo_personas()
    for product in PRODUCTS:
        publish(settings, _emptied(ROOT / "products" / product, settings.products / product))
    return settings


def _emptied(source: Path, target: Path) -> Path:
    """The product's documents, reading an empty file for each table in place of their inputs."""
    (target / "data").mkdir(parents=True)
    name = source.name
    product = yaml.safe_load((source / f"{name}.odps.yaml").read_text())
    product.pop("inputPorts", None)
    for port in product["outputPorts"]:
        port.pop("inputContracts", None)
    product["customProperties"] = []
    contract = yaml.safe_load((source / f"{name}.odcs.yaml").read_text())
    product["status"] = contract["status"] = "draft"  # an active product may not lack what is taken out here
    contract.pop("slaProperties", None)
    contract["servers"] = []
    for table in contract["schema"]:
        table.pop("quality", None)
        _write(target / "data" / f"{table['name']}.parquet", table["properties"])
        place = f"data/{table['name']}.parquet"
        contract["servers"].append({"server": table["name"], "type": "local", "path": place, "format": "parquet"})
    (target / f"{name}.odps.yaml").write_text(yaml.safe_dump(product))
    (target / f"{name}.odcs.yaml").write_text(yaml.safe_dump(contract))
    return target


def _write(path: Path, properties: list[dict[str, Any]]) -> None:
    stored = [one for one in properties if "physicalType" in one]
    columns = ", ".join(f'NULL::{one["physicalType"]} AS "{one["name"]}"' for one in stored)
    with duckdb.connect() as door:
        door.execute(f"COPY (SELECT {columns} WHERE false) TO '{path}' (FORMAT parquet)")
