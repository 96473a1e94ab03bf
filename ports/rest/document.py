"""Products as a principal may see them, as JSON values. Pure.

What is hidden is absent, and what would speak of it too: a measure, a quality rule or an SLA that names a hidden
column, a count of rows where some are filtered away.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from gateway import Session, Table, VisibleProduct, VisibleTable
from ports.http.provenance import timestamp

Json = dict[str, Any]


def summary(visible: VisibleProduct, path: str) -> Json:
    """One line of the list of products; `path` is where its page is."""
    product = visible.product
    return {
        "name": product.name,
        "title": product.title,
        "version": product.version,
        "status": product.status,
        "kind": product.kind,
        "domain": product.domain,
        "owner": product.owner,
        "purpose": product.purpose,
        "tags": list(product.tags),
        **_state(visible),
        "tables": [table.table.name for table in visible.tables],
        "href": path,
    }


def product(visible: VisibleProduct, session: Session, path: str) -> Json:
    """The descriptor of one product, projected for the session's principal."""
    declared = visible.product
    shown = {table.table.name: {column.name for column in table.columns} for table in visible.tables}
    return {
        **summary(visible, path),
        "usage": declared.usage,
        "limitations": declared.limitations,
        "digest": declared.digest,
        "ports": [{"name": one.name, "type": one.type, "version": one.version} for one in declared.ports],
        "sla": [
            {"property": one.property, "value": one.value, "unit": one.unit, "element": one.element}
            for one in declared.sla
            if _element_shown(one.element, shown)
        ],
        "access": {
            "subject": session.principal.subject,
            "kind": session.principal.kind,
            "purpose": session.purpose,
            "purposes": list(_texts(session.principal.attributes.get("purpose"))),
        },
        "tables": [_table(visible, table, path) for table in visible.tables],
    }


def untouched(visible: VisibleTable) -> bool:
    """Whether every row and every cell of the table is as it was published: only then may it be counted."""
    return visible.decision.rows is None and all(_raw(visible, column.name) for column in visible.table.columns)


def _state(visible: VisibleProduct) -> Json:
    snapshot = visible.snapshot
    return {
        "snapshot": snapshot.id,
        "published_at": timestamp(snapshot.published_at),
        "data_time": None if snapshot.data_time is None else timestamp(snapshot.data_time),
        "quality": round(snapshot.quality, 4),
    }


def _table(visible: VisibleProduct, table: VisibleTable, path: str) -> Json:
    declared, decision = table.table, table.decision
    hidden = {column.name for column in declared.columns} - {column.name for column in table.columns}
    body: Json = {
        "name": declared.name,
        "description": declared.description,
        "granularity": declared.granularity,
        "href": f"{path}/{declared.name}",
        "key": list(table.key),
        "rows": "all" if decision.rows is None else "filtered",
        "columns": [_column(table, column.name) for column in table.columns],
        "relationships": [
            {"columns": list(one.columns), "to": f"{one.to_product or visible.product.name}.{one.to_table}",
             "to_columns": list(one.to_columns)}
            for one in table.relationships
        ],
        "semantics": _semantics(table),
        "quality": _outcomes(visible, table, hidden),
    }  # fmt: skip
    if untouched(table) and declared.name in visible.snapshot.row_counts:
        body["row_count"] = visible.snapshot.row_counts[declared.name]
    return body


def _column(table: VisibleTable, name: str) -> Json:
    column, treatment = table.table.column(name), table.decision.treatments[name]
    raw = _raw(table, name)
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
    }


def _raw(table: VisibleTable, name: str) -> bool:
    """Whether a column is shown as it is in every row: a cell rule keeps the kind raw but not the expression."""
    treatment = table.decision.treatments[name]
    return treatment.kind == "raw" and treatment.expression.strip('"') == name


def _semantics(table: VisibleTable) -> list[Json]:
    """Measures and dimensions that are made of raw columns alone, whatever other measures they pass through."""
    declared = table.table
    closed = {column.name for column in declared.columns if not (_shown(table, column.name))}
    by_name = {one.name: one for one in declared.semantics}
    open_names: dict[str, bool] = {}

    def is_open(name: str) -> bool:
        if name not in open_names:
            open_names[name] = False  # a circle of measures is not open
            words = _words(by_name[name].expression) - {name}
            nested = words & set(by_name)
            open_names[name] = not words & closed and all(is_open(one) for one in nested)
        return open_names[name]

    return [
        {"name": one.name, "kind": one.kind, "type": one.type, "expression": one.expression,
         "description": one.description, "synonyms": list(one.synonyms)}
        for one in declared.semantics
        if is_open(one.name)
    ]  # fmt: skip


def _shown(table: VisibleTable, name: str) -> bool:
    return name in {column.name for column in table.columns} and _raw(table, name)


def _outcomes(visible: VisibleProduct, table: VisibleTable, hidden: set[str]) -> list[Json]:
    rules = {rule.id: rule for rule in table.table.quality}
    found: list[Json] = []
    for outcome in visible.snapshot.outcomes:
        if outcome.table != table.table.name:
            continue
        rule = rules.get(outcome.rule)
        said = f"{outcome.rule} {rule.name} {rule.query} {rule.where}" if rule is not None else outcome.rule
        if rule is None or _words(said) & hidden or _other_hidden(said, visible, table.table):
            continue
        body: Json = {"rule": outcome.rule, "name": rule.name, "dimension": outcome.dimension}
        body |= {"severity": outcome.severity, "holds": outcome.holds}
        if untouched(table):
            body |= {"value": outcome.value, "expected": outcome.expected}
        found.append(body)
    return found


def _other_hidden(said: str, visible: VisibleProduct, own: Table) -> bool:
    """Whether a rule's words name another table of the product that the principal cannot see."""
    seen = {table.table.name for table in visible.tables} | {own.name}
    return bool(_words(said) & ({table.name for table in visible.product.tables} - seen))


def _element_shown(element: str, shown: Mapping[str, set[str]]) -> bool:
    """Whether an SLA's element (`table`, `table.column`, several by commas, or nothing) names only what is visible."""
    for item in (part.strip() for part in element.split(",") if part.strip()):
        table, _, column = item.partition(".")
        if table not in shown or (column and column not in shown[table]):
            return False
    return True


def _words(text: str) -> set[str]:
    return set(re.findall(r"[a-z_][a-z0-9_]*", text.lower()))


def _texts(claim: object) -> tuple[str, ...]:
    return tuple(str(item) for item in claim) if isinstance(claim, tuple) else ()
