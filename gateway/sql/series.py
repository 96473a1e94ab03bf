"""Series: how many items range and generate_series make, of numbers or of dates. Pure."""

from __future__ import annotations

import re

from gateway.errors import BadQuery
from gateway.sql.syntax import Node, constant, nodes, position

# Items of a list made by range or generate_series; one beyond SIZE_LIMIT may only be unnested.
SERIES_LIMIT = 1_000_000
# Rows that a series of constant numbers makes in FROM, where it streams and can be interrupted.
ROWS_LIMIT = 100_000_000
# How far the dates of data lie from today, in years.
NEAR = 50
_STEP_S = {
    "to_microseconds": 1e-6, "to_milliseconds": 1e-3, "to_seconds": 1.0, "to_minutes": 60.0, "to_hours": 3600.0,
    "to_days": 86400.0, "to_weeks": 604800.0, "to_months": 2.6e6, "to_quarters": 7.8e6, "to_years": 3.16e7,
}  # fmt: skip
DAY_S = 86400.0
YEAR_S = 3.16e7
THIS_YEAR = 2025


def items(node: Node, years: list[int]) -> int:
    """How many items range or generate_series puts into a list. Raises BadQuery (limit) if unknown or too many."""
    name = str(node["function_name"]).lower()
    arguments = [argument["expression"] for argument in node["arguments"]]
    step = step_s(arguments[2]) if len(arguments) == 3 else None
    size = _numbers(node) or SERIES_LIMIT + 1
    if step:
        size = int(_apart([constant(one) for one in arguments], years) * YEAR_S / abs(step)) + 1
    if size > SERIES_LIMIT:
        words = f"{name} makes a list of at most {SERIES_LIMIT} items, of constant numbers or of dates near those of "
        words += f"the data by a constant INTERVAL: write it in FROM instead, as in FROM {name}(...)"
        raise BadQuery(words, reason="limit", position=position(node))
    return size


def rows(node: Node) -> None:
    """Refuse a series of constant numbers in FROM that is too long. Raises BadQuery (limit)."""
    if (_numbers(node) or 0) > ROWS_LIMIT:
        words = f"{node['function_name']} makes at most {ROWS_LIMIT} rows"
        raise BadQuery(words, reason="limit", position=position(node))


def _numbers(node: Node) -> int | None:
    """How many items a series of constant numbers has, at least one; None for any other series."""
    numbers = [constant(argument["expression"]) for argument in node["arguments"]]
    given = [number for number in numbers if isinstance(number, int)]
    if not given or len(given) < len(numbers):
        return None
    start, stop, step = ([0, *given, 1] if len(given) == 1 else [*given, 1])[:3]
    return abs(stop - start) // max(1, abs(step)) + (str(node["function_name"]).lower() != "range") or 1


def _apart(dates: list[int | str | None], years: list[int]) -> int:
    """The years between two dates."""
    given = [re.match(r"-?\d{4,6}(?=-)", str(date)) for date in dates[:2]]
    if given[0] and given[1]:
        return abs(int(given[0][0]) - int(given[1][0])) + 1
    return years[0] + years[1]


def step_s(step: Node) -> float | None:
    """The seconds of a constant interval of one unit, None for any other expression."""
    if step.get("class") == "CAST" and str(step["type_expr"].get("type_name", "")).upper() == "INTERVAL":
        found = re.fullmatch(r"(-?\d{1,6}) ([a-z]+?)s?", str(constant(step["child"])).strip().lower())
        unit = _STEP_S.get(f"to_{found[2]}s") if found else None
        return unit * int(found[1]) if found and unit else None
    if step.get("class") != "FUNCTION" or str(step["function_name"]).lower() not in _STEP_S:
        return None
    inside = list(nodes(step))
    literals = [str(node["literal"]["text"]) for node in inside if node.get("class") == "CONSTANT"]
    classes = {node["class"] for node in inside if node.get("class")}
    calls = {str(node["function_name"]).lower() for node in inside if node.get("class") == "FUNCTION"}
    single = classes <= {"CONSTANT", "CAST", "TYPE", "FUNCTION"} and len(literals) == 1 and len(calls - {"trunc"}) == 1
    if not single or not re.fullmatch(r"-?\d{1,9}", literals[0]):
        return None
    return _STEP_S[str(step["function_name"]).lower()] * int(literals[0])
