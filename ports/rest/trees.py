"""Measures, dimensions and metric trees as a principal may see them: JSON values and Mermaid. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Any

from gateway import Semantic, VisibleProduct, VisibleTable, formula
from ports.http import grouping
from ports.http.grouping import Of
from ports.rest.formats import Format

Json = dict[str, Any]
MERMAID = Format("json", "json", "text/vnd.mermaid; charset=utf-8", ("text/vnd.mermaid", "text/x-mermaid"))
# A formula over doubles holds to so much of its value.
NEAR = Fraction(1, 10**9)


def measures(visible: VisibleProduct) -> list[Json]:
    """Every measure of the visible tables."""
    return [_measure(table, one) for table in visible.tables for one in table.semantics if one.kind == "measure"]


def _measure(table: VisibleTable, one: Semantic) -> Json:
    return {
        "name": one.name,
        "title": one.title or one.name,
        "table": table.table.name,
        "type": one.type,
        "definition": one.expression,
        "description": one.description,
        "synonyms": list(one.synonyms),
        "unit": one.unit,
        "format": one.format,
        "additive": one.additive,
        "rows": "all" if table.decision.rows is None else "filtered",
        "grain": table.table.granularity,
        "alternatives": [
            {"measure": other.measure, "proposed_by": other.proposed_by, "reason": other.reason}
            for other in one.alternatives
        ],
    }


def dimensions(visible: VisibleProduct) -> list[Json]:
    """Every dimension of the visible tables."""
    return [
        {
            "name": one.name,
            "table": table.table.name,
            "type": one.type,
            "definition": one.expression,
            "description": one.description,
            "synonyms": list(one.synonyms),
            "grains": list(one.grains),
            "time_zone": one.zone,
        }
        for table in visible.tables
        for one in table.semantics
        if one.kind == "dimension"
    ]


def paths(of: Of) -> list[Json]:
    """The related tables by which a table's measures can be grouped, and the names that stand behind each path."""
    return [
        {
            "table": of.table.table.name,
            "path": hop.path,
            "to": f"{hop.schema}.{hop.table.table.name}",
            "names": list(grouping.names(hop.table)),
        }
        for hop in of.fields.paths()
    ]


def tree(table: VisibleTable, row: Mapping[str, Any]) -> Json:
    """The measures of one table with their drivers, and whether each formula holds on the values in `row`."""
    measures = [one for one in table.semantics if one.kind == "measure"]
    return {"table": table.table.name, "nodes": [_node(one, row) for one in measures]}


def _node(one: Semantic, row: Mapping[str, Any]) -> Json:
    found: Json = {"measure": one.name, "value": shown(row[one.name]), "unit": one.unit}
    if one.tree is None:
        return found
    north, drivers = one.tree.north_star, list(one.tree.drivers)
    return {**found, "north_star": north, "drivers": drivers, "formula": one.tree.formula, "holds": _holds(one, row)}


def _holds(one: Semantic, row: Mapping[str, Any]) -> bool | None:
    """Whether the formula gives the measure's value, None where there is nothing to compare."""
    if one.tree is None or not one.tree.formula:
        return None
    asked = formula(one.tree.formula)
    values = {name: exact(row.get(name)) for name in (*asked.names, one.name)}
    given = {name: value for name, value in values.items() if value is not None}
    found = asked.value(given) if len(given) == len(values) else None
    return None if found is None else abs(found - given[one.name]) <= abs(given[one.name]) * NEAR


def exact(value: Any) -> Fraction | None:
    """A number of the data as an exact one, None for what is none."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return None
    return Fraction(value) if not isinstance(value, float) or value - value == 0 else None


def shown(value: Any) -> Any:
    """A value of the data as JSON has it: a decimal keeps its digits."""
    return str(value) if isinstance(value, Decimal) else value if isinstance(value, int | float | None) else str(value)


def mermaid(visible: VisibleProduct) -> str:
    """A flowchart from each measure to its drivers, the north star in front and in a thicker frame."""
    lines = ["flowchart TD"]
    for table in visible.tables:
        found = {one.name: one for one in table.semantics if one.kind == "measure"}
        linked = [one for one in found.values() if one.tree is not None]
        names = dict.fromkeys([one.name for one in linked] + [name for one in linked for name in _drivers(one)])
        for name in names:
            one, place = found[name], f"{table.table.name}_{name}"
            star = one.tree is not None and one.tree.north_star
            title = _label(one.title.strip() or name)
            lines.append(f'  {place}(["{title}"])' if star else f'  {place}["{title}"]')
            lines += [f"  style {place} stroke-width:4px"] if star else []
        for one in linked:
            lines += [f"  {table.table.name}_{one.name} --> {table.table.name}_{name}" for name in _drivers(one)]
    return "\n".join(lines) + "\n"


def _label(text: str) -> str:
    """A text in quotes, with nothing in it that a flowchart or a browser would read as its own."""
    return text.replace("#", "#35;").translate({ord('"'): "#quot;", ord("<"): "#lt;", ord(">"): "#gt;", ord("`"): "'"})


def _drivers(one: Semantic) -> tuple[str, ...]:
    return one.tree.drivers if one.tree is not None else ()
