"""PostgreSQL's functions and types of dates, times and intervals as DuckDB's. Pure: changes a tree.

Source: PostgreSQL 15, chapters 8.5 and 9.9.
"""

from __future__ import annotations

from collections.abc import Mapping

from gateway.dialects.dialect_nodes import Source, cast, filled, operated, replaced
from gateway.errors import BadQuery
from gateway.sql import syntax, tree
from gateway.sql.tree import Node

_MONTHS, _DAYS = "CAST(12 * date_part('year', $1) + date_part('month', $1) AS INTEGER)", "date_part('day', $1)"
_CLOCK = "$1 - to_months(" + _MONTHS + ") - to_days(CAST(" + _DAYS + " AS INTEGER))"
_MICROS = f"epoch_us({_CLOCK})"
_ALL = f"(({_MONTHS} * 30 + {_DAYS}) * 86400000000 + {_MICROS})"
EXPRESSIONS: Mapping[tuple[str, int], str] = {
    ("date_trunc", 3): "timezone($3, date_trunc($1, timezone($3, $2)))",
    ("justify_days", 1): f"to_months(CAST({_MONTHS} + {_DAYS} // 30 AS INTEGER)) "
    f"+ to_days(CAST({_DAYS} % 30 AS INTEGER)) + ({_CLOCK})",
    ("justify_hours", 1): f"to_months({_MONTHS}) + to_days(CAST({_DAYS} + {_MICROS} // 86400000000 AS INTEGER)) "
    f"+ to_microseconds({_MICROS} % 86400000000)",
    ("justify_interval", 1): f"to_months(CAST({_ALL} // 2592000000000 AS INTEGER)) "
    f"+ to_days(CAST({_ALL} % 2592000000000 // 86400000000 AS INTEGER)) + to_microseconds({_ALL} % 86400000000)",
    ("make_timestamptz", 6): "timezone('UTC', make_timestamp($1, $2, $3, $4, $5, $6))",
}
_PARTS = ("years", "months", "weeks", "days", "hours", "mins", "secs")
_UNITS: Mapping[str, str] = {
    "years": "to_years(CAST($1 AS INTEGER))",
    "months": "to_months(CAST($1 AS INTEGER))",
    "weeks": "to_days(7 * CAST($1 AS INTEGER))",
    "days": "to_days(CAST($1 AS INTEGER))",
    "hours": "to_hours(CAST($1 AS BIGINT))",
    "mins": "to_minutes(CAST($1 AS BIGINT))",
    "secs": "to_microseconds(CAST(round($1 * 1000000) AS BIGINT))",
}
_MOMENTS: Mapping[str, str] = {"current_timestamp": "now()", "localtimestamp": "CAST(now() AS TIMESTAMP)"}


def make_interval(node: Node, arguments: list[Node]) -> None:
    """make_interval(years, months, weeks, days, hours, mins, secs), by place or by name."""
    whole: Node | None = None
    names = [str(one["name"] or _PARTS[place]).lower() for place, one in enumerate(node["arguments"][: len(_PARTS)])]
    if len(arguments) > len(_PARTS) or len({*names}) < len(arguments) or not {*names} <= {*_PARTS}:
        raise BadQuery("make_interval takes years, months, weeks, days, hours, mins and secs", reason="function",
                       position=tree.position(node))  # fmt: skip
    for name, argument in zip(names, arguments, strict=True):
        part = filled(_UNITS[name], argument)
        whole = part if whole is None else operated("+", whole, part)
    replaced(node, whole or filled("to_days(0)"))


def truncated(node: Node, arguments: list[Node]) -> None:
    """date_trunc: centuries begin with their first year, not with the last one of the century before."""
    unit = str(syntax.constant(arguments[0])).lower() if len(arguments) == 2 else ""
    if unit in {"century", "millennium"}:
        replaced(node, filled(f"date_trunc('{unit}', $1 - to_years(1)) + to_years(1)", arguments[1]))


def moment(node: Node, name: str, arguments: list[Node]) -> bool:
    """current_timestamp(3) and its like; False where `node` is none of them."""
    digits = syntax.constant(arguments[0]) if name in _MOMENTS and len(arguments) == 1 else None
    if not isinstance(digits, int) or not 0 <= digits <= 6:
        return False
    replaced(node, _rounded(filled(_MOMENTS[name]), digits))
    return True


def _rounded(value: Node, digits: int) -> Node:
    unit = 10 ** (6 - digits)
    if unit == 1:
        return value
    moved = filled(f"$1 + to_microseconds({unit // 2})", value)
    return filled(f"time_bucket(to_microseconds({unit}), $1)", moved)


def kept(node: Node, source: Source) -> None:
    """timestamp(n) and time(n): so many digits of a second."""
    digits = source.spelling.digits.get(tree.position(node["type_expr"]) or -1)
    if digits is None:
        return
    name = str(node["type_expr"].get("type_name", "")).upper()
    value = {**node}
    if name.startswith("TIMESTAMP"):
        replaced(node, _rounded(value, digits))
    elif name == "TIME":
        replaced(node, cast(_rounded(filled("DATE '2000-01-01' + $1", value), digits), "TIME"))


# What PostgreSQL reads as a date or time: the clock of the statement, and days around it.
SPECIAL: Mapping[str, str] = {
    "now": "now()",
    "today": "date_trunc('day', now())",
    "yesterday": "date_trunc('day', now()) - to_days(1)",
    "tomorrow": "date_trunc('day', now()) + to_days(1)",
}


def difference(node: Node, arguments: list[Node]) -> bool:
    """A time less a time is an interval, where both are written as times."""
    if len(arguments) != 2 or not all(_is_time(one) for one in arguments):
        return False
    replaced(node, filled("to_microseconds(epoch_us($1) - epoch_us($2))", *arguments))
    return True


def _is_time(node: Node) -> bool:
    return node["class"] == "CAST" and str(node["type_expr"].get("type_name", "")).upper() == "TIME"


def finite(node: Node, arguments: list[Node]) -> None:
    """isfinite of an interval: every one is."""
    kind = arguments[0]["type_expr"] if len(arguments) == 1 and arguments[0]["class"] == "CAST" else {}
    if str(kind.get("type_name", "")).upper() == "INTERVAL":
        replaced(node, filled("$1 IS NOT NULL OR NULL", arguments[0]))


def is_interval(node: Node) -> bool:
    """Whether a dividend is an interval: only `/` divides one."""
    if node["class"] == "CAST":
        return str(node["type_expr"].get("type_name", "")).upper() == "INTERVAL"
    if node["class"] != "FUNCTION":
        return False
    name = str(node["function_name"]).lower()
    if name in {"+", "-", "*", "//", "/"}:
        return any(is_interval(one["expression"]) for one in node["arguments"])
    return name in {"age", "make_interval"} or (name.startswith("to_") and name in _SPANS)


_SPANS = frozenset(f"to_{unit}" for unit in "years months weeks days hours minutes seconds milliseconds".split())
