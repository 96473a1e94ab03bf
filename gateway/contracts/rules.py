"""Quality rules of one table, compiled to single SELECTs of one number each. Pure but for DuckDB's binder.

What the contract declares (ODCS library metrics and SQL), and what it implies: keys, required, unique, enum and
relationships become rules by themselves. `promises.py` holds the implied ones.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gateway.contracts import clock
from gateway.contracts.odcs import OPERATORS, Quality, SchemaObject
from gateway.document import Path, Report, show
from gateway.errors import BadQuery
from gateway.product import Column, QualityRule
from gateway.sql import duck, duck_check
from gateway.sql.scope import relations

_NUMERIC = re.compile(r"(U?(TINY|SMALL|BIG|HUGE)INT|U?INTEGER|DECIMAL\(.*\)|DOUBLE|FLOAT|BOOLEAN)")
_PLACEHOLDER = re.compile(r"\$?\{(object|schema|table|model|property|column|field)\}")
_DIMENSIONS = {
    "rowCount": "coverage",
    "nullValues": "completeness",
    "missingValues": "completeness",
    "invalidValues": "conformity",
    "duplicateValues": "uniqueness",
}


@dataclass(frozen=True, slots=True)
class Scope:
    """What a rule of one table may name: every table of the product, and the data clock."""

    product: str
    table: str
    columns: Mapping[str, Sequence[Column]]
    data_clock: str | None

    def column(self, name: str) -> Column | None:
        """The column of the rule's own table."""
        return next((column for column in self.columns[self.table] if column.name == name), None)

    def bind(self, query: str) -> duck_check.Bound:
        """Bind a rule's SELECT against the product's empty tables. Raises BadQuery."""
        tables = {name: [(column.name, column.type) for column in columns] for name, columns in self.columns.items()}
        return duck_check.check(query, {"": tables})


def counting(table: str, condition: str, unit: str) -> str:
    """How many rows of `table` meet `condition`, or 100 times their share."""
    if unit == "percent":
        share = f"100.0 * count(*) FILTER (WHERE {condition}) / nullif(count(*), 0)"
        return f"SELECT CAST(coalesce({share}, 0) AS DOUBLE) AS v FROM {duck.quote(table)}"
    return f"SELECT count(*) AS v FROM {duck.quote(table)} WHERE {condition}"


def repeated(table: str, columns: Sequence[str], unit: str) -> str:
    """How many rows repeat the values of `columns` of an earlier one; rows with a NULL among them do not count."""
    names = ", ".join(duck.quote(column) for column in columns)
    present = " AND ".join(f"{duck.quote(column)} IS NOT NULL" for column in columns)
    groups = f"SELECT count(*) AS n FROM {duck.quote(table)} WHERE {present} GROUP BY {names}"
    value = "100.0 * sum(n - 1) / nullif(sum(n), 0)" if unit == "percent" else "sum(n - 1)"
    kind = "DOUBLE" if unit == "percent" else "BIGINT"
    return f"SELECT CAST(coalesce({value}, 0) AS {kind}) AS v FROM ({groups}) AS g"


def invalid(column: Column, arguments: Mapping[str, Any]) -> str:
    """The condition under which a value breaks validValues or pattern. Raises BadQuery for other arguments."""
    name = duck.quote(column.name)
    broken = []
    if arguments.get("validValues"):
        valid = ", ".join(f"CAST({duck.literal(value)} AS {column.type})" for value in arguments["validValues"])
        broken.append(f"{name} NOT IN ({valid})")
    if isinstance(arguments.get("pattern"), str):
        broken.append(f"NOT regexp_matches(CAST({name} AS VARCHAR), {duck.literal(arguments['pattern'])})")
    if not broken or set(arguments) - {"validValues", "pattern"}:
        raise BadQuery("invalidValues takes the arguments validValues (a list) and pattern", reason="value")
    return f"{name} IS NOT NULL AND ({' OR '.join(broken)})"


def declared(schema: SchemaObject, scope: Scope, file: str, path: Path, report: Report) -> list[QualityRule]:
    """The rules under `quality`, of the table and of each property."""
    found = []
    places: list[tuple[Path, str | None, Quality]] = [
        ((*path, "quality", index), None, rule) for index, rule in enumerate(schema.quality)
    ]
    for number, item in enumerate(schema.properties):
        places += [
            ((*path, "properties", number, "quality", index), item.name, rule)
            for index, rule in enumerate(item.quality)
        ]
    for place, name, rule in places:
        if rule.type in {"text", "custom"} and rule.metric is None:
            if rule.type == "custom":
                report.warning(
                    file, place, f"the engine {rule.engine} is not run here", "a library metric, or type: sql"
                )
            continue
        compiled = _rule(rule, name, scope, file, place, report)
        if compiled is not None:
            found.append(compiled)
    return found


def _rule(rule: Quality, name: str | None, scope: Scope, file: str, path: Path, report: Report) -> QualityRule | None:
    comparisons = rule.comparisons
    if len(comparisons) != 1:
        report.error(file, path, "the rule needs exactly one comparison", f"one of {', '.join(OPERATORS)}")
        return None
    try:
        condition = _condition(rule, name, scope)
        query = counting(scope.table, condition, rule.unit or "rows") if condition else _query(rule, name, scope)
        bound = scope.bind(query)
    except BadQuery as error:
        report.error(file, path, error.message, error.hint or "an ODCS library metric, or one SELECT of one number")
        return None
    if len(bound.types) != 1 or not _NUMERIC.fullmatch(bound.types[0]):
        report.error(file, path, f"the query gives {', '.join(bound.types)}", "one number")
        return None
    subject = f"{scope.table}.{name}" if name else scope.table
    what = rule.metric or "sql"
    return QualityRule(
        id=rule.id or f"{subject}.{rule.name or what}".replace(" ", "-"),
        name=rule.name or rule.description or f"{what} of {subject}",
        dimension=rule.dimension or _DIMENSIONS.get(what, "accuracy"),
        severity=rule.severity or "error",
        query=query,
        comparison=comparisons[0],
        unit=rule.unit or "rows",
        where=f"{file} {show(path)}",
        condition=condition,
        column=name or "" if condition else "",
    )


def _condition(rule: Quality, name: str | None, scope: Scope) -> str:
    """The condition of the rows that a rule counts one by one, "" where it is another rule. Raises BadQuery."""
    if rule.metric not in {"nullValues", "missingValues", "invalidValues"}:
        return ""
    if name is None:
        raise BadQuery(f"{rule.metric} stands at a property", reason="value")
    column, arguments = _existing(name, scope), rule.arguments or {}
    if rule.metric == "nullValues":
        return f"{duck.quote(name)} IS NULL"
    return _missing(column, arguments) if rule.metric == "missingValues" else invalid(column, arguments)


def refuses(rule: QualityRule) -> bool:
    """Whether no row may break the rule, so that each one that does is known to be bad."""
    none = {("mustBe", (0,)), ("mustBeLessOrEqualTo", (0,))} | (
        {("mustBeLessThan", (1,))} if rule.unit == "rows" else set()
    )
    return bool(rule.condition) and rule.severity == "error" and rule.comparison in none


def _query(rule: Quality, name: str | None, scope: Scope) -> str:
    if rule.type == "sql" and rule.metric is None:
        if not rule.query:
            raise BadQuery("an sql rule has a query", reason="value")
        return _own(rule.query, name, scope)
    unit = rule.unit or "rows"
    arguments = rule.arguments or {}
    if rule.metric == "rowCount":
        return f"SELECT count(*) AS v FROM {duck.quote(scope.table)}"
    if rule.metric == "duplicateValues":
        columns = [name] if name else [str(one) for one in arguments.get("properties") or []]
        for one in columns:
            _existing(one, scope)
        if not columns:
            raise BadQuery("duplicateValues of a table takes arguments: {properties: [...]}", reason="value")
        return repeated(scope.table, columns, unit)
    raise BadQuery("a library rule names a metric", reason="value")


def _existing(name: str, scope: Scope) -> Column:
    column = scope.column(name)
    if column is None:
        known = ", ".join(one.name for one in scope.columns[scope.table])
        raise BadQuery(f"{scope.table} has no column {name}", reason="column", hint=f"one of {known}")
    return column


def _missing(column: Column, arguments: Mapping[str, Any]) -> str:
    given = arguments.get("missingValues")
    values = given if isinstance(given, list) else [None, ""]
    name = duck.quote(column.name)
    texts = ", ".join(duck.literal(str(value)) for value in values if value is not None)
    return f"{name} IS NULL" + (f" OR CAST({name} AS VARCHAR) IN ({texts})" if texts else "")


def _own(text: str, name: str | None, scope: Scope) -> str:
    """A rule's own SQL, ODCS placeholders filled, wrapped so that more than one row is an error of the engine."""

    def fill(match: re.Match[str]) -> str:
        wants_column = match.group(1) in {"property", "column", "field"}
        if wants_column and name is None:
            raise BadQuery(f"{match.group(0)} stands only in a property's rule", reason="value")
        return duck.quote(name if wants_column and name else scope.table)

    text = _PLACEHOLDER.sub(fill, text)
    if clock.PARAMETER in text and clock.needs_input(scope.data_clock):
        hint = "a timestamp as dataClock: one computed from the inputs is unknown to the tables"
        raise BadQuery("the rule cannot use $data_clock", reason="parameter", hint=hint)
    query = clock.resolved(text, scope.data_clock)
    for path in relations(duck.parse(query)):
        if len(path) != 1 or path[0].lower() not in scope.columns:
            hint = f"the product's own tables by their names: {', '.join(scope.columns)}"
            raise BadQuery(f"the rule reads {'.'.join(path)}", reason="table", hint=hint)
    if len(scope.bind(query).names) != 1:
        raise BadQuery("the query gives several columns", reason="value", hint="one SELECT of one number")
    return f"SELECT ({query}) AS v"
