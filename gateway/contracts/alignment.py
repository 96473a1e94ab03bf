"""What the type of a product asks of it: sourceAligned, aggregate, consumerAligned. Reads DuckDB's tree of its models.

Source-aligned products hand on what a source says; aggregates add products up; consumer-aligned ones answer somebody.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from gateway.contracts.descriptor import MODELS, Descriptor
from gateway.document import Path
from gateway.product import Product
from gateway.sql import duck
from gateway.sql.grammar import AGGREGATES
from gateway.sql.syntax import Node, nodes

CONSUMERS = "consumers"
_SLOS = (("freshness", frozenset({"latency", "freshness"})), ("availability", frozenset({"availability"})))


@dataclass(frozen=True, slots=True)
class Gap:
    """One thing that is missing: where, what, and what would be right."""

    file: str
    path: Path
    problem: str
    remedy: str


def gaps(product: Product, parsed: Descriptor) -> Iterator[Gap]:
    """All that the product's type asks for and the product has not."""
    match product.kind:
        case "sourceAligned":
            yield from _source(product, parsed)
        case "aggregate":
            yield from _aggregate(product, parsed)
        case "consumerAligned":
            yield from _consumer(product, parsed)


def aggregates(statement: Node) -> str | None:
    """What a statement adds rows up by: an aggregate's name, "GROUP BY" or "PIVOT"; None where each row stays one.

    A window leaves rows as they are, so its aggregates are none.
    """
    for node in nodes(statement):
        if node.get("class") == "FUNCTION" and str(node["function_name"]).lower() in AGGREGATES:
            return str(node["function_name"]).lower().replace("count_star", "count")
        grouped = node.get("group_expressions") or node.get("aggregate_handling") == "FORCE_AGGREGATES"
        if node.get("type") == "SELECT_NODE" and grouped:
            return "GROUP BY"
        if node.get("type") == "PIVOT":
            return "PIVOT"
    return None


def _source(product: Product, parsed: Descriptor) -> Iterator[Gap]:
    place = (parsed.file, ("type",))
    others = [entry.product for entry in product.inputs if entry.product is not None]
    if others:
        remedy = "an input contract of its own source, or type: aggregate"
        yield Gap(*place, f"a source-aligned product reads other products: {', '.join(others)}", remedy)
    if not product.inputs and not product.sources:
        yield Gap(*place, "a source-aligned product has no input contract", "inputPorts with a contract of this folder")
    for table in product.tables:
        found = aggregates(duck.parse(table.model)) if table.model is not None else None
        if found is not None:
            file = f"{MODELS}/{table.name}.sql"
            remedy = "rows as the source has them; sums belong into measures, or into a product of type aggregate"
            yield Gap(file, (), f"the model of a source-aligned product adds rows up ({found})", remedy)


def _aggregate(product: Product, parsed: Descriptor) -> Iterator[Gap]:
    place = (parsed.file, ("type",))
    if not any(one.kind == "measure" for table in product.tables for one in table.semantics):
        yield Gap(*place, "an aggregate product has no measure", "semanticType: measure in its contract")
    if _raw(product) or not product.inputs:
        remedy = "inputPorts that name other products, and models over them"
        yield Gap(*place, "an aggregate product is not made of other products' ports alone", remedy)


def _consumer(product: Product, parsed: Descriptor) -> Iterator[Gap]:
    place = (parsed.file, ("type",))
    named = parsed.product.custom(CONSUMERS)
    if not _names(named):
        remedy = f"customProperties: [{{property: {CONSUMERS}, vendor: outport, value: [{{name: ..., asks: ...}}]}}]"
        yield Gap(*place, "a consumer-aligned product names no consumer", remedy)
    promised = {sla.property for sla in product.sla}
    for promise, words in _SLOS:
        if not words & promised:
            yield Gap(*place, f"a consumer-aligned product promises no {promise}", f"slaProperties: {sorted(words)[0]}")
    if _raw(product):
        yield Gap(*place, "a consumer-aligned product reads raw files", "other products as inputs")


def _raw(product: Product) -> bool:
    """Whether files feed it, as tables or as inputs of its models."""
    return bool(product.sources) or any(entry.product is None for entry in product.inputs)


def _names(declared: object) -> bool:
    return (
        isinstance(declared, list)
        and bool(declared)
        and all(isinstance(one, dict) and isinstance(one.get("name"), str) and one["name"].strip() for one in declared)
    )
