"""What of a product's promises a principal may read: measures, quality, SLAs, counts of visible data only.

Pure. Names are looked for as words, in whatever text mentions them: that hides too much rather than too little.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from gateway import VisibleProduct, VisibleTable


@dataclass(frozen=True)
class Outcome:
    """One quality rule's result. `value` and `expected` are None where some rows or cells are not the principal's."""

    rule: str
    name: str
    dimension: str
    severity: str
    holds: bool
    value: float | None
    expected: str | None


def raw(table: VisibleTable, name: str) -> bool:
    """Whether a visible column is shown as it is in every row: a rule on cells leaves its kind but not its text."""
    treatment = table.decision.treatments[name]
    return treatment.kind == "raw" and treatment.expression.strip('"') == name


def row_count(visible: VisibleProduct, table: VisibleTable) -> int | None:
    """The table's rows, None where the principal does not see every one."""
    return visible.snapshot.row_counts.get(table.table.name) if table.decision.rows is None else None


def outcomes(visible: VisibleProduct, table: VisibleTable) -> tuple[Outcome, ...]:
    """The results of the quality rules that speak of visible columns and tables only."""
    hidden = {column.name for column in table.table.columns} - {column.name for column in table.columns}
    hidden |= {one.name for one in visible.product.tables} - {one.table.name for one in visible.tables}
    open_columns = {column.name for column in table.columns if raw(table, column.name)}
    altered = {column.name for column in table.table.columns} - open_columns
    rules = {rule.id: rule for rule in table.table.quality}
    found: list[Outcome] = []
    for one in visible.snapshot.outcomes:
        rule = rules.get(one.rule)
        if one.table != table.table.name or rule is None:
            continue
        said = words(f"{rule.id} {rule.name} {rule.query} {rule.where}")
        if said & hidden:
            continue
        counted = table.decision.rows is None and not said & altered
        value, expected = (one.value, one.expected) if counted else (None, None)
        found.append(Outcome(rule.id, rule.name, one.dimension, one.severity, one.holds, value, expected))
    return tuple(found)


def names_only(element: str, visible: VisibleProduct) -> bool:
    """Whether an SLA's element (`table`, `table.column`, several by commas, or nothing) names visible things only."""
    shown: Mapping[str, set[str]] = {one.table.name: {column.name for column in one.columns} for one in visible.tables}
    for item in (part.strip() for part in element.split(",") if part.strip()):
        table, _, column = item.partition(".")
        if table not in shown or (column and column not in shown[table]):
            return False
    return True


def tells_of_hidden(text: str, visible: VisibleProduct) -> bool:
    """Whether a text names a table or a column of the product that is not visible, and no visible one of that name."""
    shown = {one.table.name for one in visible.tables}
    shown |= {column.name for one in visible.tables for column in one.known}
    every = {one.name for one in visible.product.tables}
    every |= {column.name for one in visible.product.tables for column in one.columns}
    return bool(words(text) & (every - shown))


def words(text: str) -> set[str]:
    """The identifiers in any text, in lower case."""
    return set(re.findall(r"[a-z_][a-z0-9_]*", text.lower()))
