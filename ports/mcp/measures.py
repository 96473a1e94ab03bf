"""list_measures and query_measure: measures by name, as REST asks for them. Touches the gateway's front door only."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from gateway import BadQuery, VisibleTable
from ports.http import asking, measured
from ports.http.filters import COMPARISONS, PATTERNS, Comparison, Filter, Is, Membership
from ports.http.grouping import Of
from ports.mcp.arguments import Conditions, ListMeasures, QueryMeasure, Scalar
from ports.mcp.budget import Answered, Json, Page
from ports.mcp.call import Call
from ports.mcp.sql import told

_OPERATORS = ("eq", "neq", "gt", "gte", "lt", "lte", "like", "ilike", "in", "not_in", "is_null")
_ORDER = re.compile(r"(-)?([A-Za-z0-9_.]+?)(?:[ .](asc|desc))?", re.IGNORECASE)
_BY = 60


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
        "by": ",".join(asked.by) or None,
        "grain": asked.grain,
        "order": ",".join(_order(one) for one in asked.order) or None,
        "limit": None if asked.limit is None else str(asked.limit),
        "offset": str(asked.offset) if asked.offset else None,
        "compare": asked.compare,
    }
    more = [*_conditions(asked.where), *_of_measures(asked.having, tables)]
    pairs = [(name, value) for name, value in given.items() if value is not None]
    understood = measured.understand(pairs, tables, more)
    answer = told(call, measured.compose(understood), asked.max_tokens, pin, offset=asked.offset)
    if not answer.content["rows"] and asked.where:
        columns = ", ".join(asked.where)
        note = f"no rows: look at the values of {columns} (describe_product with table and column)"
        return Answered(f"{answer.text}\n{note}", {**answer.content, "note": note})
    return answer


def _order(text: str) -> str:
    written = _ORDER.fullmatch(text.strip())
    if written is None:
        raise BadQuery(f'order does not understand "{text[:63]}"', reason="syntax", hint='write ["revenue desc"]')
    return f"{written[2]}.{'desc' if written[1] or (written[3] or '').lower() == 'desc' else 'asc'}"


def _conditions(given: Conditions) -> Iterator[Filter]:
    for name, value in given.items():
        column = name.strip().lower()
        if isinstance(value, Mapping):
            for operator, operand in value.items():
                yield _condition(column, operator, operand)
        elif isinstance(value, list):
            yield _condition(column, "in", value)
        else:
            yield _condition(column, "eq", value)


def _of_measures(given: Conditions, tables: Iterable[Of]) -> Iterator[Filter]:
    known = [one.name for table in tables for one in table.measures]
    for one in _conditions(given):
        assert not hasattr(one, "terms")
        if one.column not in known:
            hint = f"having takes the measures that are asked for: {', '.join(known)}; where takes columns"
            raise BadQuery("having names what is no measure here", reason="column", hint=hint)
        yield one


def _condition(column: str, operator: str, operand: Scalar | list[Scalar]) -> Filter:
    if isinstance(operand, list) != (operator in {"in", "not_in"}):
        raise BadQuery(
            f'"{column[:63]}": {operator[:20]} takes {"a list" if operator in {"in", "not_in"} else "one value"}',
            reason="value",
            hint='a list of values stands alone, as in {"brand": ["a", "b"]}, or behind in and not_in',
        )
    if isinstance(operand, list):
        return Membership(column, tuple(_text(column, one) for one in operand), operator == "not_in")
    if operator == "is_null":
        if not isinstance(operand, bool):
            raise BadQuery(f'"{column[:63]}": is_null takes true or false', reason="value")
        return Is(column, "null", not operand)
    if operand is None and operator in {"eq", "neq"}:
        return Is(column, "null", operator == "neq")
    if operator not in COMPARISONS and operator not in PATTERNS[:2]:
        raise BadQuery(
            f'"{operator[:20]}" is not an operator for column "{column[:63]}"',
            reason="syntax",
            hint=f"there are {', '.join(_OPERATORS)}",
        )
    return Comparison(column, operator, _text(column, operand), False)


def _text(column: str, value: Scalar) -> str:
    if value is None:
        raise BadQuery(f'"{column[:63]}": null is asked for by is_null', reason="value")
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
