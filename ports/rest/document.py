"""Products as a principal may see them, as JSON values. Pure; ports/http/projection.py says what may be said."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Any

from gateway import Session, Use, VisibleProduct, VisibleTable
from ports.http import projection
from ports.http.provenance import timestamp

Json = dict[str, Any]


def summary(visible: VisibleProduct, path: str) -> Json:
    """One line of the list of products; `path` is where its page is."""
    product, snapshot = visible.product, visible.snapshot
    return {
        "name": product.name,
        "title": product.title,
        "version": product.version,
        "status": product.status,
        "deprecated": _moment(visible.lifespan.deprecated),
        "sunset": _moment(visible.lifespan.sunset),
        "kind": product.kind,
        "domain": product.domain,
        "owner": product.owner,
        "workspace": product.workspace or None,
        "purpose": product.purpose,
        "tags": list(product.tags),
        "snapshot": snapshot.id,
        "published_at": timestamp(snapshot.published_at),
        "data_time": _moment(snapshot.data_time),
        "quality": round(visible.state.quality, 4),
        "mock": snapshot.mock is not None,
        "generated": snapshot.generated,
        **({"projection_of": visible.over} if visible.over else {}),
        "tables": [table.table.name for table in visible.tables],
        "href": path,
    }


def product(visible: VisibleProduct, session: Session, path: str) -> Json:
    """The descriptor of one product, projected for the session's principal; `tables` are whole here."""
    declared, principal = visible.product, session.principal
    purposes = principal.attributes.get("purpose")
    return {
        **summary(visible, path),
        "usage": declared.usage,
        "limitations": declared.limitations,
        "digest": declared.digest,
        "ports": [
            {"name": one.name, "type": one.type, "version": one.version, "deprecated": one.deprecated}
            for one in declared.ports
        ],
        "sla": [
            {"property": one.property, "value": one.value, "unit": one.unit, "element": one.element}
            for one in declared.sla
            if projection.names_only(one.element, visible)
        ],
        "access": {
            "subject": principal.subject,
            "on_behalf_of": session.on_behalf_of,
            "kind": principal.kind,
            "purpose": session.purpose,
            "purposes": list(purposes) if isinstance(purposes, tuple) else [],
        },
        "tables": [_table(visible, table, path) for table in visible.tables],
    }


def _table(visible: VisibleProduct, table: VisibleTable, path: str) -> Json:
    declared = table.table
    return {
        "name": declared.name,
        "description": declared.description,
        "granularity": declared.granularity,
        "href": f"{path}/{declared.name}",
        "key": list(table.key),
        "rows": "all" if table.decision.rows is None else "filtered",
        "row_count": projection.row_count(visible, table),
        "columns": [_column(table, column.name) for column in table.known],
        "relationships": [
            {
                "columns": list(one.columns),
                "to": f"{one.to_product or visible.product.name}.{one.to_table}",
                "to_columns": list(one.to_columns),
            }
            for one in table.relationships
        ],
        "semantics": [
            {
                "name": one.name,
                "kind": one.kind,
                "type": one.type,
                "expression": one.expression,
                "description": one.description,
                "synonyms": list(one.synonyms),
            }
            for one in table.semantics
        ],
        "quality": [asdict(one) for one in projection.outcomes(visible, table)],
    }


def _column(table: VisibleTable, name: str) -> Json:
    column, treatment = table.table.column(name), table.decision.treatments[name]
    raw = projection.raw(table, name)
    return {
        "name": column.name,
        "type": column.type,
        "business_name": column.business_name,
        "description": column.description,
        "classification": column.effective_class,
        "tags": sorted(column.tags),
        "required": column.required and raw,
        "unique": column.unique and raw,
        "treatment": treatment.kind,
        "mask": treatment.mask,
        "use": _use(table.decision.uses.get(name)),
    }


def _use(use: Use | None) -> Json | None:
    """What a column that rows do not have is for: aggregates over so many of each entity, or joins."""
    return None if use is None else {"as": use.kind, **({"of": dict(use.floors)} if use.floors else {})}


def _moment(moment: datetime | None) -> str | None:
    return None if moment is None else timestamp(moment)
