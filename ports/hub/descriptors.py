"""A product's descriptors as its reader may see them: ODPS 1.1.0 and ODCS 3.2.0, made of what is visible. Pure.

They are written anew, never cut out of the product's own: what is not put in cannot be left in.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from gateway import Semantic, VisibleProduct, VisibleTable
from ports.http import projection
from ports.hub import lineage

Json = dict[str, Any]


def odps(visible: VisibleProduct, known: Mapping[str, VisibleProduct]) -> Json:
    """The product. `known` are all visible products: others are no inputs."""
    product = visible.product
    inputs = [one for one in product.inputs if one.product in known]
    return _said(
        {
            "apiVersion": "v1.1.0",
            "kind": "DataProduct",
            **_common(visible),
            "type": product.kind,
            "inputPorts": [_input(known[one.product or ""], one.version) for one in inputs],
            "outputPorts": [
                _said({"name": one.name, "type": one.type, "version": one.version, "contractId": one.contract_id,
                       "description": one.description, "deprecated": one.deprecated})
                for one in product.ports
            ],
            "team": {"members": [{"username": product.owner, "role": "owner"}]} if product.owner else None,
        }
    )  # fmt: skip


def odcs(visible: VisibleProduct) -> Json:
    """The contract: visible tables and columns, with what the reader gets of each."""
    promised = [one for one in visible.product.sla if projection.names_only(one.element, visible)]
    return _said(
        {
            "apiVersion": "v3.2.0",
            "kind": "DataContract",
            **_common(visible),
            "schema": [_table(visible, one) for one in visible.tables],
            "slaProperties": [
                _said({"property": one.property, "value": one.value, "unit": one.unit, "element": one.element,
                       "description": one.description})
                for one in promised
            ],
        }
    )  # fmt: skip


def _common(visible: VisibleProduct) -> Json:
    product = visible.product
    about = {"purpose": product.purpose, "usage": product.usage, "limitations": product.limitations}
    return {
        "id": product.name,
        "name": product.title or product.name,
        "version": product.version,
        "status": product.status,
        "domain": product.domain,
        "tags": list(product.tags),
        "description": _said(about),
    }


def _input(of: VisibleProduct, version: str) -> Json:
    return {"name": of.product.name, "version": version, "contractId": of.product.name}


def _table(visible: VisibleProduct, one: VisibleTable) -> Json:
    columns = {column.name for column in one.known}
    extra = [item for item in one.semantics if item.name not in columns]
    return _said(
        {
            "name": one.table.name,
            "physicalName": one.table.name,
            "logicalType": "object",
            "physicalType": "table",
            "description": one.table.description,
            "dataGranularityDescription": one.table.granularity,
            "properties": [*(_column(visible, one, name) for name in _ordered(one)), *map(_semantic, extra)],
        }
    )


def _ordered(one: VisibleTable) -> Iterable[str]:
    return (column.name for column in one.known)


def _column(visible: VisibleProduct, one: VisibleTable, name: str) -> Json:
    column, treatment = one.table.column(name), one.decision.treatments[name]
    whole = projection.raw(one, name) and name not in one.decision.uses
    kept = {item.name: item for item in one.semantics if item.kind == "dimension"}
    links = [link for link in one.relationships if link.columns == (name,)]
    return _said(
        {
            "name": name,
            "physicalType": column.type,
            "businessName": column.business_name,
            "description": column.description,
            "classification": column.effective_class,
            "tags": sorted(column.tags),
            "required": column.required and whole,
            "unique": column.unique and whole,
            "primaryKey": name in one.key,
            "primaryKeyPosition": one.key.index(name) + 1 if name in one.key else None,
            "semanticType": "dimension" if name in kept else None,
            "relationships": [
                {"to": _end(visible, link.to_product, link.to_table, link.to_columns[0])} for link in links
            ],
            "customProperties": []
            if whole
            else [{"property": "treatment", "vendor": "outport", "value": treatment.mask or treatment.kind}],
        }
    )


def _end(visible: VisibleProduct, product: str, table: str, column: str) -> str:
    return f"{table}.{column}" if product in {"", visible.product.name} else f"{product}.{table}.{column}"


def _semantic(one: Semantic) -> Json:
    return _said(
        {
            "name": one.name,
            "semanticType": one.kind,
            "physicalType": one.type,
            "transformLogic": one.expression,
            "businessName": one.title,
            "description": one.description,
            "synonyms": [{"synonym": word} for word in one.synonyms],
            "customProperties": [{"property": "unit", "vendor": "outport", "value": one.unit}] if one.unit else [],
        }
    )


def _said(members: Json) -> Json:
    """Without members that say nothing."""
    return {name: value for name, value in members.items() if value not in (None, "", [], {}, False)}


def upstream(visible: VisibleProduct, known: Mapping[str, VisibleProduct]) -> list[VisibleProduct]:
    """The visible products that a product reads."""
    return [known[name] for name in lineage.reads(visible) if name in known]
