"""list_measures and query_measure: measures by name, as REST asks for them. Touches the gateway's front door only."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from gateway import Pin, VisibleTable
from ports.http import asking, measured
from ports.http.filters import Comparison, Filter, Membership
from ports.http.grouping import Of
from ports.mcp import wording
from ports.mcp.arguments import ListMeasures, QueryMeasure
from ports.mcp.budget import Answered, Json, Page
from ports.mcp.call import Call
from ports.mcp.sql import told

_BY = 60
# Where nothing is found: of how many conditions' columns the values are told, how many, how long.
_LOOKED, _SHOWN, _TEXT, _NOTE = 2, 20, 40, 600


def listed(call: Call, asked: ListMeasures) -> Answered:
    """Every measure of a product, by table, with what it can be grouped and filtered by. Raises NotFound."""
    schema, visible = call.product(asked.product)
    tables = visible.tables if asked.table is None else (visible.table(asked.table),)
    page = Page(call.tokens(asked.max_tokens), {"product": schema, "tables": []}, [f"measures of {schema}"])
    pin = call.pin()
    for table in tables:
        found = [one for one in table.semantics if one.kind == "measure"]
        if not found:
            continue
        name = table.table.name
        named = [asking.Named(table, one) for one in found]
        (of,) = asking.tables(call.gateway, call.session, pin, schema, named)
        by = [one for one in of.fields if not one.startswith(f"{name}.")]
        times = {one.name: list(one.grains) for one in table.semantics if one.kind == "dimension" and one.grains}
        value: Json = {"name": name, "measures": [], "by": by[:_BY], "grains": times}
        line = f"\ntable {name}; by: {', '.join(by[:_BY])}" + (", ..." if len(by) > _BY else "")
        line += "".join(f"\ngrains of {time}: {', '.join(grains)}" for time, grains in times.items())
        if page.add(line, page.content["tables"], value):
            _measures(page, table, page.content["tables"][-1]["measures"])
    if len(page.lines) == 1:
        page.add("there is no measure here that you may ask for; query_sql aggregates columns")
    return page.answered("Name one table, or raise max_tokens.")


def _measures(page: Page, table: VisibleTable, into: list[Any]) -> None:
    for one in table.semantics:
        if one.kind != "measure":
            continue
        value = {
            "name": one.name,
            "type": one.type,
            "unit": one.unit,
            "description": " ".join(one.description.split()),
            "synonyms": list(one.synonyms),
            "additive": one.additive,
        }
        line = f"- {one.name} {one.type}{f' in {one.unit}' if one.unit else ''}: {value['description']}"
        line += f" (also {', '.join(one.synonyms)})" if one.synonyms else ""
        line += "".join(f" [not {other.measure}: {other.reason}]" for other in one.alternatives)
        page.add(line, into, {name: each for name, each in value.items() if each not in ("", [])})


def query(call: Call, asked: QueryMeasure) -> Answered:
    """Values of measures by dimensions: the statement that REST asks for the same. Raises as the gateway does."""
    schema, visible = call.product(asked.product)
    pin = call.pin()
    found = asking.named(visible, ",".join(asked.measures))
    tables = asking.tables(call.gateway, call.session, pin, schema, found)
    given: dict[str, str | None] = {
        "by": ",".join(wording.path(one, tables) for one in asked.by) or None,
        "grain": asked.grain,
        "order": ",".join(wording.order(one) for one in asked.order) or None,
        "limit": None if asked.limit is None else str(asked.limit),
        "offset": str(asked.offset) if asked.offset else None,
        "compare": asked.compare,
    }
    where = list(wording.conditions(asked.where, tables))
    pairs = [(name, value) for name, value in given.items() if value is not None]
    understood = measured.understand(pairs, tables, [*where, *wording.of_measures(asked.having, tables)])
    answer = told(call, measured.compose(understood), asked.max_tokens, pin, offset=asked.offset)
    if answer.content["rows"] or not where:
        return answer
    note = "; ".join(["no rows", *_values(call, tables, where, pin)])[:_NOTE]
    return Answered(f"{answer.text}\n{note}", {**answer.content, "note": note})


def _values(call: Call, tables: Sequence[Of], where: Sequence[Filter], pin: Pin) -> Iterator[str]:
    """What texts there are where a condition asked for others, as a question without conditions tells them."""
    asked = dict.fromkeys(one.column for one in where if isinstance(one, Comparison | Membership))
    for name in [one for one in asked if tables[0].fields[one].type == "VARCHAR"][:_LOOKED]:
        pairs = [("by", name), ("order", f"{name.rpartition('.')[2]}.asc"), ("limit", str(_SHOWN + 1))]
        found = told(call, measured.compose(measured.understand(pairs, tables)), None, pin).content["rows"]
        values = [str(row[0])[:_TEXT] for row in found if row[0] is not None]
        yield f"{name} has {', '.join(values[:_SHOWN])}{', ...' if len(values) > _SHOWN else ''}"
