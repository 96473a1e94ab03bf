"""What a contract promises of columns and rows, as far as a mock has to keep it. Pure but for DuckDB's parser.

Ranges, enums, patterns and the like are read from the contract's own words; a rule in SQL that counts bad rows becomes
a condition that no row of the mock may meet.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gateway.contracts import descriptor
from gateway.contracts.odcs import DataContract, Property, Quality, SchemaObject
from gateway.document import Documents, Finding, Path, Report, show
from gateway.product import Column, Product, QualityRule, Table
from gateway.publication.mock_draws import Draw, DrawError, parse
from gateway.service_levels import quality
from gateway.sql import duck, tree

HINT = "mock"
ROWS = "mockRows"
_ABSENT = frozenset({"nullValues", "missingValues"})


@dataclass(frozen=True, slots=True)
class ColumnShape:
    """What the values of one column must be. `options` are ODCS logicalTypeOptions, `values` the only ones that may be.

    `newest`: the first row has the data clock's value, so that promises of freshness hold. `draw` is the hint of the
    contract or of the command, None where there is none; `several`: the column is made for grouping; `required`: no
    rule lets it be NULL.
    """

    column: Column
    required: bool
    options: Mapping[str, Any]
    values: tuple[Any, ...]
    examples: tuple[Any, ...]
    draw: Draw | None
    newest: bool
    several: bool


@dataclass(frozen=True, slots=True)
class TableShape:
    """One table: its columns by name, conditions that no row meets, and how many rows there may be."""

    table: Table
    columns: Mapping[str, ColumnShape]
    never: tuple[str, ...]
    rows: int | None
    least: int
    most: int | None


def shapes(
    product: Product, draws: Mapping[tuple[str, str], Draw]
) -> tuple[tuple[TableShape, ...], tuple[Finding, ...]]:
    """The shape of every table of `product`, `draws` in place of the contract's; and hints that are wrong."""
    documents = product.documents if isinstance(product.documents, Documents) else Documents(product.documents)
    report = Report(documents)
    parsed = descriptor.parse(documents, {}, report)
    assert parsed is not None
    served = {port.contract_id for port in product.ports}
    found = []
    for file, contract in parsed.contracts.items():
        for index, schema in enumerate(contract.tables):
            if contract.id in served and schema.name in {table.name for table in product.tables}:
                table = product.table(schema.name)
                found.append(_table(table, schema, contract, file, index, draws, report))
    for name, column in sorted(draws.keys() - {(one.table.name, name) for one in found for name in one.columns}):
        report.error("", (), f"there is no column {name}.{column}", "a table.column of the contract")
    return tuple(found), report.errors


def _table(
    table: Table, schema: SchemaObject, contract: DataContract, file: str, index: int,
    draws: Mapping[tuple[str, str], Draw], report: Report,
) -> TableShape:  # fmt: skip
    fresh = {str(sla.element) for sla in contract.slaProperties if sla.property in {"latency", "freshness"}}
    items = {item.name: (number, item) for number, item in enumerate(schema.properties)}
    columns = {}
    for column in table.columns:
        number, item = items[column.name]
        draw = draws.get((table.name, column.name))
        declared = item.custom(HINT)
        if draw is None and declared is not None:
            try:
                draw = parse(str(declared))
            except DrawError as error:
                place = ("schema", index, "properties", number, "customProperties")
                report.error(file, place, str(error), "a distribution, such as normal(20, 5)")
        columns[column.name] = _column(column, item, draw, newest=f"{table.name}.{column.name}" in fresh)
    rows = schema.custom(ROWS)
    if rows is not None and (isinstance(rows, bool) or not isinstance(rows, int) or rows < 0):
        report.error(file, ("schema", index, "customProperties"), f"{ROWS} is no number of rows", "such as 1000")
        rows = None
    least, most = _counts(table)
    never = tuple(_never(table, schema, file, index))
    return TableShape(table, columns, never, rows, least, most)


def _column(column: Column, item: Property, draw: Draw | None, *, newest: bool) -> ColumnShape:
    options = dict(item.logicalTypeOptions or {})
    values = tuple(value.value for value in item.enum)
    for rule in item.quality:
        arguments = rule.arguments or {}
        if rule.metric == "invalidValues" and not values and isinstance(arguments.get("validValues"), list):
            values = tuple(arguments["validValues"])
        if rule.metric == "invalidValues" and isinstance(arguments.get("pattern"), str):
            options.setdefault("pattern", arguments["pattern"])
    required = column.required or any(rule.metric in _ABSENT and _none(rule) for rule in item.quality)
    several = item.semanticType == "dimension"
    return ColumnShape(column, required, options, values, item.examples, draw, newest, several)


def _none(rule: Quality) -> bool:
    """Whether a rule that counts is content with nothing at all."""
    return any(quality.holds(0, comparison) for comparison in rule.comparisons)


def _never(table: Table, schema: SchemaObject, file: str, index: int) -> Iterator[str]:
    """The conditions whose rows the table's own SQL counts as bad, over the table by its name."""
    start: Path = ("schema", index)
    places = [((*start, "quality", number), rule) for number, rule in enumerate(schema.quality)]
    for number, item in enumerate(schema.properties):
        inside = (*start, "properties", number, "quality")
        places += [((*inside, place), rule) for place, rule in enumerate(item.quality)]
    written = {f"{file} {show(place)}" for place, rule in places if rule.type == "sql" and rule.metric is None}
    for rule in table.quality:
        if rule.where in written and quality.holds(0, rule.comparison):
            condition = _counted(rule, table.name)
            if condition is not None:
                yield condition


def _counts(table: Table) -> tuple[int, int | None]:
    """The fewest and the most rows that the rules on the number of rows allow."""
    least, most = 0, None
    for rule in table.quality:
        if not _counts_rows(rule, table.name):
            continue
        operator, operands = rule.comparison
        low, high = operands[0], operands[-1]
        match operator:
            case "mustBe":
                least, most = int(low), int(low)
            case "mustBeGreaterThan":
                least = max(least, int(low) + 1)
            case "mustBeGreaterOrEqualTo":
                least = max(least, int(low))
            case "mustBeLessThan":
                most = int(low) - 1 if most is None else min(most, int(low) - 1)
            case "mustBeLessOrEqualTo":
                most = int(low) if most is None else min(most, int(low))
            case "mustBeBetween":
                least, most = max(least, int(low)), int(high) if most is None else min(most, int(high))
    return least, most


def _counts_rows(rule: QualityRule, table: str) -> bool:
    block = _block(rule.query, table)
    plain = block is not None and block["where_clause"] is None
    return plain and block is not None and block["select_list"][0].get("function_name") == "count_star"


def _counted(rule: QualityRule, table: str) -> str | None:
    """The condition of the rows that a rule counts, or takes the share of; None where it counts nothing so simple."""
    block = _block(rule.query, table)
    if block is None:
        return None
    filters = [one["filter"] for one in tree.nodes(block["select_list"]) if one.get("filter")]
    where, alone = block["where_clause"], block["select_list"][0].get("function_name") == "count_star"
    condition = filters[0] if len(filters) == 1 and where is None else where if alone else None
    if condition is None or any(node.get("class") == "SUBQUERY" for node in tree.nodes(condition)):
        return None
    return duck.write_expression(condition)


def _block(query: str, table: str) -> tree.Node | None:
    """The one SELECT over `table` alone that counts rows, within any number of scalar wrappings."""
    node: tree.Node = duck.parse(query)["node"]
    while _wraps(node):
        node = node["select_list"][0]["subquery"]["node"]
    plain = node["type"] == "SELECT_NODE" and not any(
        (node["group_expressions"], node["having"], node["qualify"], node["modifiers"], node["cte_map"]["map"])
    )
    source = node.get("from_table") or {}
    own = source.get("type") == "BASE_TABLE" and source["table_name"].lower() == table and not source["alias"]
    items = node.get("select_list") or []
    counts = any(one.get("function_name") == "count_star" for one in tree.nodes(items))
    return node if plain and own and counts and len(items) == 1 else None


def _wraps(node: tree.Node) -> bool:
    items: Sequence[tree.Node] = node.get("select_list") or []
    empty = (node.get("from_table") or {}).get("type") == "EMPTY"
    return empty and len(items) == 1 and items[0].get("class") == "SUBQUERY"
