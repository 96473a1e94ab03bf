"""What a product lacks before its status may be active: every item at once, each with its place. Pure.

Source: Open Data Product Standard 1.1.0 and Open Data Contract Standard 3.2.0, whose optional parts these are.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from gateway.contracts import alignment
from gateway.contracts.alignment import Gap
from gateway.contracts.columns import is_column
from gateway.contracts.descriptor import Descriptor
from gateway.contracts.odcs import DataContract, SchemaObject
from gateway.document import Path, Report
from gateway.product import Product

# What has not been promised yet, or is no longer: the gate only warns.
OPEN = frozenset({"proposed", "draft", "deprecated", "retired"})
NO_KEY = "noKey"
_CLASSES = "classification: public, internal, confidential or restricted; without one a column is restricted"
_EXECUTED = frozenset({"library", "sql"})


@dataclass(frozen=True, slots=True)
class _Served:
    """One contract that an output port serves, and its file."""

    file: str
    contract: DataContract


def judge(product: Product, parsed: Descriptor, report: Report) -> None:
    """Note what is missing: an error where the product says that it is active, else a warning."""
    tell = report.warning if (parsed.product.status or "draft") in OPEN else report.error
    for gap in gaps(product, parsed):
        tell(gap.file, gap.path, gap.problem, gap.remedy)


def gaps(product: Product, parsed: Descriptor) -> Iterator[Gap]:
    """All that is missing, in the order of the descriptor and its contracts; then what its type asks for."""
    yield from _product(parsed)
    served = {port.contract_id for port in product.ports}
    for file, contract in parsed.contracts.items():
        if contract.id in served:
            yield from _contract(_Served(file, contract))
    yield from alignment.gaps(product, parsed)


def _product(parsed: Descriptor) -> Iterator[Gap]:
    product, file = parsed.product, parsed.file
    said = product.description
    for name, value in (("name", product.name), ("domain", product.domain), ("type", product.type)):
        if not _told(value):
            remedy = "sourceAligned, aggregate or consumerAligned" if name == "type" else f"{name}: ..."
            yield Gap(file, (name,), f"the product's {name} is not said", remedy)
    for name, verb in (("purpose", "is"), ("usage", "is"), ("limitations", "are")):
        if not _told(getattr(said, name, None)):
            yield Gap(file, ("description",), f"the {name} {verb} not said", f"description.{name}")
    members = product.team.members if product.team is not None else ()
    if not any((member.role or "").lower() == "owner" for member in members):
        yield Gap(file, ("team",), "nobody is named as owner", "team.members with role: owner")
    if not product.support:
        yield Gap(file, ("support",), "no channel for questions is named", "support: [{channel: ..., url: ...}]")


def _contract(served: _Served) -> Iterator[Gap]:
    file, contract = served.file, served.contract
    for index, schema in enumerate(contract.tables):
        yield from _table(file, schema, ("schema", index))
    rules = [rule for schema in contract.tables for rule in schema.quality]
    rules += [rule for schema in contract.tables for item in schema.properties for rule in item.quality]
    if not any(rule.type in _EXECUTED for rule in rules):
        remedy = "quality on a table or a property, such as {metric: rowCount, mustBeGreaterThan: 0}"
        yield Gap(file, ("schema",), f"the contract {contract.id} has no quality rule", remedy)
    if not contract.slaProperties:
        remedy = "slaProperties, such as {property: availability, value: 99.9, unit: percent}"
        yield Gap(file, ("slaProperties",), f"the contract {contract.id} promises nothing", remedy)


def _table(file: str, schema: SchemaObject, place: Path) -> Iterator[Gap]:
    name = schema.name
    if not _told(schema.description):
        yield Gap(file, place, f"{name} is not described", "description: what a row is")
    if not _told(schema.dataGranularityDescription):
        yield Gap(
            file, place, f"{name} does not say what a row stands for", "dataGranularityDescription: one row per ..."
        )
    if not any(item.primaryKey for item in schema.properties) and not _told(schema.custom(NO_KEY)):
        remedy = (
            f"primaryKey: true on the columns that identify a row, or why there are none: {NO_KEY} (vendor outport)"
        )
        yield Gap(file, place, f"{name} has no key", remedy)
    bare = [item.name for item in schema.properties if not _told(item.description)]
    if bare:
        yield Gap(file, place, f"{name}: not described are {', '.join(bare)}", "description: of each of them")
    loose = [item.name for item in schema.properties if is_column(item) and item.classification is None]
    if loose:
        yield Gap(file, place, f"{name}: no class is declared for {', '.join(loose)}", _CLASSES)


def _told(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())
