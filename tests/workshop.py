"""A place to declare small products and publish them: descriptors, policies and data files in a temporary folder."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from gateway.contracts import completeness
from gateway.publication.breaks import Permit
from gateway.publication.publish import Progress, publish
from gateway.settings import Settings
from gateway.snapshot import Snapshot

ROOT = Path(__file__).parent.parent
Columns = Mapping[str, Mapping[str, Any]]
STEWARD = {"id": "steward", "on": {"product": "*"}, "to": {"role": "steward"}, "grant": {"columns": ["*"]}}


def column(kind: str = "BIGINT", **more: Any) -> dict[str, Any]:
    """One ODCS property of a DuckDB type, classified internal."""
    return {"physicalType": kind, "classification": "internal", **more}


KEY = column(primaryKey=True, primaryKeyPosition=1)


class Workshop:
    """One deployment's folders."""

    secret = "a secret of the workshop, 32 bytes or more"

    def __init__(self, folder: Path, **settings: Any) -> None:
        ports = dict.fromkeys(("http_port", "flight_port", "postgres_port"), 0)
        given = {**ports, "retain_s": 600.0, "threads": 2, "memory_limit": "512MB"} | settings
        self.settings = Settings(
            products=folder / "products",
            policies=folder / "policies",
            state=folder / "state",
            secret_key=self.secret,
            **given,
        )
        self.settings.policies.mkdir()
        shutil.copy(ROOT / "policies" / "masks.yaml", self.settings.policies)
        self.allow(STEWARD)

    @property
    def snapshots(self) -> Path:
        """The folder of snapshots."""
        return self.settings.state / "snapshots"

    def allow(self, *rules: Mapping[str, Any]) -> None:
        """Make `rules` the deployment's policies."""
        (self.settings.policies / "rules.yaml").write_text(yaml.safe_dump(list(rules)))

    def declare(
        self,
        name: str,
        tables: Mapping[str, Columns],
        *,
        data: Mapping[str, pa.Table | str] | None = None,
        models: Mapping[str, str] | None = None,
        inputs: Sequence[str] = (),
        quality: Mapping[str, Sequence[Mapping[str, Any]]] | None = None,
        version: str = "1.0.0",
        status: str = "draft",
        custom: Mapping[str, Any] | None = None,
        file_format: str = "parquet",
    ) -> Path:
        """Write a product's folder: `data` are the files of its tables, `models` the SQL of those that have no file."""
        folder = self.settings.products / name
        (folder / "models").mkdir(parents=True, exist_ok=True)
        (folder / "data").mkdir(exist_ok=True)
        product = {
            "apiVersion": "v1.1.0",
            "kind": "DataProduct",
            "id": name,
            "version": version,
            "status": "" if status == "draft" else status,
            "inputPorts": [{"name": one, "version": "1.0.0"} for one in inputs],
            "outputPorts": [
                {"name": "all" if kind is None else f"{name}-{kind}", "version": version, "contractId": name}
                | ({"type": kind} if kind is not None else {})
                for kind in ((None,) if status == "draft" else ("rest", "postgres"))
            ],
            "customProperties": [{"property": k, "vendor": "outport", "value": v} for k, v in (custom or {}).items()],
        }
        servers = [
            {"server": one, "type": "local", "path": f"data/{one}.{file_format}", "format": file_format}
            for one in data or {}
        ]
        contract = {
            "apiVersion": "v3.2.0",
            "kind": "DataContract",
            "id": name,
            "version": version,
            "servers": servers,
            "schema": [
                {
                    "name": table,
                    "properties": [{"name": column, **told} for column, told in columns.items()],
                    "quality": [dict(rule) for rule in (quality or {}).get(table, ())],
                }
                for table, columns in tables.items()
            ],
        }
        if status not in completeness.OPEN:
            product, contract = _completed(product, contract)
        (folder / f"{name}.odps.yaml").write_text(yaml.safe_dump({k: v for k, v in product.items() if v}))
        (folder / f"{name}.odcs.yaml").write_text(yaml.safe_dump({k: v for k, v in contract.items() if v}))
        for table, text in (models or {}).items():
            (folder / "models" / f"{table}.sql").write_text(text)
        for table, held in (data or {}).items():
            self.fill(name, table, held)
        return folder

    def fill(self, product: str, table: str, held: pa.Table | str) -> None:
        """Write the data file of a table: an Arrow table as parquet, a text as it is (CSV or JSON)."""
        home = self.settings.products / product / "data"
        if isinstance(held, str):
            (home / f"{table}.{'json' if held.startswith(('{', '[')) else 'csv'}").write_text(held)
        else:
            pq.write_table(held, home / f"{table}.parquet")

    def publish(
        self,
        name: str,
        *,
        force: bool = False,
        progress: Callable[[Progress], None] = lambda _: None,
        permit: Permit | None = None,
    ) -> Snapshot:
        """Publish one product."""
        return publish(self.settings, self.settings.products / name, force=force, progress=progress, permit=permit)


def _completed(product: dict[str, Any], contract: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Both with what an active product may not lack."""
    product = product | {
        "name": "Workshop",
        "domain": "test",
        "type": "sourceAligned",
        "description": dict.fromkeys(("purpose", "usage", "limitations"), "Tests"),
        "team": {"members": [{"username": "owner@example.com", "role": "owner"}]},
        "support": [{"channel": "#tests", "url": "https://chat.example.com/tests"}],
    }
    rule = {"id": "some", "metric": "rowCount", "mustBeGreaterThan": 0}
    for table in contract["schema"]:
        table |= {"description": "Tests", "dataGranularityDescription": "one row each"}
        table["quality"] = [*table["quality"], rule | {"id": f"{table['name']}-some"}]
        table["properties"] = [{"description": "Tests", **one} for one in table["properties"]]
    return product, contract | {"slaProperties": [{"property": "availability", "value": 99, "unit": "percent"}]}


def stored(snapshot: Snapshot, query: str) -> list[tuple[Any, ...]]:
    """What `query` over core's tables finds in a snapshot's file."""
    with duckdb.connect(str(snapshot.path), read_only=True) as connection:
        connection.execute("SET schema = 'core'")
        return connection.execute(query).fetchall()
