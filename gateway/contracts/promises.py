"""Quality rules that a contract implies: keys, required, unique, enum, value ranges, relationships, freshness. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from gateway.contracts import clock
from gateway.contracts.columns import is_column
from gateway.contracts.objectives import UNIT_S
from gateway.contracts.odcs import DataContract, Property, SchemaObject
from gateway.contracts.relationships import Declared
from gateway.contracts.rules import Scope, counting, invalid, repeated
from gateway.document import Path, Report, show
from gateway.errors import BadQuery
from gateway.product import Column, QualityRule, Severity
from gateway.sql import duck, duck_check

NONE: tuple[str, tuple[float, ...]] = ("mustBe", (0,))
# Answered for the age of an empty table, which has none: older than any promise, still a plain number.
_NO_AGE = 1_000_000_000
_RANGES = {"minimum": "<", "exclusiveMinimum": "<=", "maximum": ">", "exclusiveMaximum": ">="}


def implied(
    schema: SchemaObject, key: Sequence[str], foreign: Sequence[Declared], scope: Scope, file: str, path: Path,
    report: Report,
) -> list[QualityRule]:  # fmt: skip
    """The rules that one schema object implies."""
    table = scope.table

    def rule(
        name: str, what: str, dimension: str, query: str, place: Path, severity: Severity = "error"
    ) -> QualityRule:
        return QualityRule(f"{table}.{name}", what, dimension, severity, query, NONE, "rows", f"{file} {show(place)}")

    found = []
    if key:
        what = f"the key ({', '.join(key)}) is unique"
        found.append(rule("key", what, "uniqueness", repeated(table, key, "rows"), path))
    for index, item in enumerate(schema.properties):
        place = (*path, "properties", index)
        column = scope.column(item.name) if is_column(item) else None
        if column is None:
            continue
        if column.required:
            query = counting(table, f"{duck.quote(column.name)} IS NULL", "rows")
            found.append(rule(f"{item.name}.required", f"no {item.name} is missing", "completeness", query, place))
        if item.unique and tuple(key) != (item.name,):
            query = repeated(table, [item.name], "rows")
            found.append(rule(f"{item.name}.unique", f"{item.name} is unique", "uniqueness", query, place))
        for name, condition in limits(item, column, file, place, report):
            query = counting(table, condition, "rows")
            found.append(rule(f"{item.name}.{name}", f"{item.name} keeps to its {name}", "conformity", query, place))
    for link in foreign:
        relationship = link.relationship
        if relationship.to_table in scope.columns and relationship.to_product == scope.product:
            label = f"{'_'.join(relationship.columns)}.{relationship.to_table}"
            what = f"each {', '.join(relationship.columns)} is known in {relationship.to_table}"
            found.append(rule(label, what, "consistency", _orphans(table, link), link.path, link.severity))
    return found


def limits(item: Property, column: Column, file: str, path: Path, report: Report) -> Iterator[tuple[str, str]]:
    """(name, condition that breaks it) of enum, pattern, lengths and ranges."""
    name = duck.quote(column.name)
    options = item.logicalTypeOptions or {}
    checks: list[tuple[str, Any]] = []
    if item.enum:
        checks.append(("enum", lambda: invalid(column, {"validValues": [value.value for value in item.enum]})))
    if "pattern" in options:
        checks.append(("pattern", lambda: invalid(column, {"pattern": options["pattern"]})))
    for option, operator in _RANGES.items():
        if option in options:
            bound = duck.literal(options[option])
            checks.append((option, lambda o=operator, b=bound: f"{name} {o} CAST({b} AS {column.type})"))
    for option, operator in (("minLength", "<"), ("maxLength", ">")):
        if option in options:
            checks.append((option, lambda o=operator, n=int(options[option]): f"length({name}) {o} {n}"))
    for option, condition in checks:
        try:
            text = condition()
            duck_check.check(f"SELECT 1 FROM t WHERE {text}", {"": {"t": [(column.name, column.type)]}})
        except BadQuery as error:
            remedy = f"values of the type {column.type}"
            report.error(file, path, f"{option} of {item.name} does not fit: {error.message}", remedy)
            continue
        yield option, text


def _orphans(table: str, link: Declared) -> str:
    relationship = link.relationship
    pairs = list(zip(relationship.columns, relationship.to_columns, strict=True))
    present = " AND ".join(f"a.{duck.quote(column)} IS NOT NULL" for column, _ in pairs)
    match = " AND ".join(f"b.{duck.quote(to)} = a.{duck.quote(column)}" for column, to in pairs)
    other = f"SELECT 1 FROM {duck.quote(relationship.to_table)} AS b WHERE {match}"
    return f"SELECT count(*) AS v FROM {duck.quote(table)} AS a WHERE {present} AND NOT EXISTS ({other})"


def freshness(
    contract: DataContract, scopes: Mapping[str, Scope], file: str, report: Report
) -> list[tuple[str, QualityRule]]:
    """(table, rule) of each SLA `latency` or `freshness`: the newest value's age by the data clock."""
    found: list[tuple[str, QualityRule]] = []
    for index, sla in enumerate(contract.slaProperties):
        place: Path = ("slaProperties", index)
        if sla.property not in {"latency", "freshness"} or not sla.element:
            continue
        table, _, name = sla.element.partition(".")
        column = scopes[table].column(name) if table in scopes else None
        seconds = UNIT_S.get((sla.unit or "").lower())
        if column is None or not column.type.startswith(("DATE", "TIMESTAMP")):
            report.error(file, (*place, "element"), f"{sla.element} is no time", "table.column of a DATE or TIMESTAMP")
        elif seconds is None or isinstance(sla.value, bool) or not isinstance(sla.value, int | float):
            report.error(file, place, "the promise is no duration", "a number, with unit s, m, h or d")
        else:
            newest = f"CAST(max({duck.quote(name)}) AS TIMESTAMP)"
            age = f"date_diff('second', {newest}, {clock.measured(scopes[table].data_clock)}) / {seconds}.0"
            query = f"SELECT CAST(coalesce({age}, {_NO_AGE}) AS DOUBLE) AS v FROM {duck.quote(table)}"
            comparison = ("mustBeLessOrEqualTo", (sla.value,))
            what = f"the newest {name} is at most {sla.value} {sla.unit} old"
            rule = QualityRule(
                f"{table}.{name}.{sla.property}", what, "timeliness", "warning", query, comparison, "rows",
                f"{file} {show(place)}",
            )  # fmt: skip
            found.append((table, rule))
    return found
