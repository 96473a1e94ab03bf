"""What is doubtful about a product that can be served: told as warnings, never refused. Pure."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from typing import Any

from gateway.bitol import VENDOR
from gateway.descriptor import Descriptor
from gateway.document import Path, Report
from gateway.product import Product

# Our own custom properties, wherever they stand in a descriptor.
KNOWN = (
    "agreementRequired",
    "alternatives",
    "barrier",
    "dataClock",
    "declassified",
    "format",
    "grains",
    "metricTree",
    "mock",
    "mockRows",
    "package",
    "path",
    "port",
    "protocol",
    "purpose",
    "severity",
    "slo",
    "snapshotRetention",
    "timeZone",
    "unit",
    "workspace",
)


def review(product: Product, parsed: Descriptor, report: Report) -> None:
    """Note what an owner should look at: owner, purpose, classes, keys, the rules of the product's type."""
    file = parsed.file
    if not product.owner:
        report.warning(file, ("team",), "nobody is named as owner", "team.members with role: owner")
    if not product.purpose:
        report.warning(file, ("description",), "the purpose is not said", "description.purpose")
    for place, schema in _schemas(product, parsed):
        name, path = place
        table = product.table(schema)
        bare = [column.name for column in table.columns if column.classification is None]
        if bare:
            remedy = "classification: public, internal, confidential or restricted; without one a column is restricted"
            report.warning(name, path, f"{schema}: no class is declared for {', '.join(bare)}", remedy)
        if product.kind == "sourceAligned" and not table.key:
            report.warning(name, path, f"{schema} has no key", "primaryKey: true on the columns that identify a row")
    if product.kind == "aggregate" and not any(s.kind == "measure" for t in product.tables for s in t.semantics):
        report.warning(file, ("type",), "an aggregate product has no measure", "semanticType: measure in its contract")
    if product.kind == "consumerAligned" and (product.sources or any(i.product is None for i in product.inputs)):
        report.warning(file, ("type",), "a consumer-aligned product reads raw files", "other products as inputs")
    for name, value in parsed.documents.items():
        for path, extension in _extensions(value, ()):
            if extension not in KNOWN:
                near = difflib.get_close_matches(extension, KNOWN, 1)
                remedy = f"did you mean {near[0]}?" if near else f"known are {', '.join(KNOWN)}"
                report.warning(name, path, f"{extension} is no property of ours", remedy)


def _schemas(product: Product, parsed: Descriptor) -> Iterator[tuple[tuple[str, Path], str]]:
    served = {port.contract_id for port in product.ports}
    for file, contract in parsed.contracts.items():
        if contract.id in served:
            for index, schema in enumerate(contract.tables):
                yield (file, ("schema", index)), schema.name


def _extensions(value: Any, path: Path) -> Iterator[tuple[Path, str]]:
    """Where a custom property of the vendor outport stands, and what it is called."""
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from _extensions(item, (*path, index))
    elif isinstance(value, dict):
        if value.get("vendor") == VENDOR and isinstance(value.get("property"), str):
            yield path, value["property"]
        for key, child in value.items():
            if key != "value":
                yield from _extensions(child, (*path, key))
