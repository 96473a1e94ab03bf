"""The casts that follow from the types of a resolved tree: numerics, means, and functions that go by a type. Pure.

Source: PostgreSQL 15, chapters 8.1, 9.3 and 9.21.
"""

from __future__ import annotations

from collections.abc import Mapping

from gateway.dialects.dialect_casts import FREE
from gateway.dialects.dialect_nodes import cast, filled, replaced
from gateway.dialects.dialect_types import INTEGERS, Types
from gateway.sql import tree
from gateway.sql.tree import Node

_WRITTEN: Mapping[str, str] = {"int2": "SMALLINT", "int4": "INTEGER", "int8": "BIGINT", "float8": "DOUBLE",
                               "timestamptz": "TIMESTAMPTZ"}  # fmt: skip
_EXACT_SCALE = 6
_AVERAGE = 16
# How many columns of a statement are such means: each has some forty nodes.
_AVERAGES = 200


def exact(statement: Node, types: Types) -> None:
    """numeric without a precision keeps the digits of exact numbers."""
    for node in tree.nodes(statement):
        if node.get("class") != "CAST" or node["type_expr"].get("alias") != FREE:
            continue
        node["type_expr"]["alias"] = ""
        kind = types.of(node["child"])
        if kind is not None and kind.name in {*INTEGERS, "numeric"} and 0 <= kind.scale <= _EXACT_SCALE:
            width = {"int2": 5, "int4": 10, "int8": 19}.get(kind.name, 38)
            node["type_expr"] = cast(node, f"DECIMAL({width},{kind.scale})")["type_expr"]


def named(statement: Node, types: Types) -> None:
    """Functions that have another name for arguments of some types."""
    for node in tree.nodes(statement):
        if node.get("function_name") not in {"octet_length", "round"} or len(node["arguments"]) != 1:
            continue
        kind = types.of(node["arguments"][0]["expression"])
        if node["function_name"] == "octet_length" and kind is not None and kind.name == "text":
            node["function_name"], node["qualified_name"] = "strlen", {**node["qualified_name"], "path": ["strlen"]}
        elif node["function_name"] == "round" and kind is not None and kind.name in {"float4", "float8"}:
            replaced(node, filled("round_even($1, 0)", node["arguments"][0]["expression"]))


def settle(item: Node, types: Types, *, shown: bool) -> bool:
    """Cast a column of a SELECT to PostgreSQL's type; False where that is not known, or DuckDB's.

    `shown` is whether nothing is computed from it any more: only there do numerics have their digits.
    """
    if item["class"] in {"CONSTANT", "STAR"} or (kind := types.of(item)) is None or not kind.other:
        return False
    if item["class"] == "COLUMN_REF":
        item["alias"] = item["alias"] or str(item["column_names"][-1])
    if kind.name in INTEGERS or (shown and kind.name in _WRITTEN):
        replaced(item, cast({**item}, _WRITTEN[kind.name]))
    elif shown and kind.name == "numeric" and kind.scale >= 0:
        replaced(item, cast({**item}, f"DECIMAL(38,{min(kind.scale, 18)})"))
    elif shown and kind.name == "numeric" and item["class"] == "FUNCTION" and item["function_name"] == "avg":
        return _average(item, types)
    else:
        return False
    return True


def _average(item: Node, types: Types) -> bool:
    """The mean of exact numbers is exact: quotient and rest of two whole numbers, rounded half away from zero.

    The rest has one digit more, cut off there, by which the last cast rounds. Without rows all is NULL, as the sum is.
    """
    (argument,) = (one["expression"] for one in item["arguments"])
    kind = types.of(argument)
    types.averages += 1
    whole = kind is not None and not (kind.other and kind.name == "numeric") and kind.scale <= _EXACT_SCALE
    if kind is None or not whole or types.averages > _AVERAGES:
        return False
    total, count = ({**item, "function_name": name, "qualified_name": {"path": [name]}} for name in ("sum", "count"))
    factor = 10**kind.scale
    units = filled(f"CAST($1 * {factor} AS HUGEINT)" if kind.name == "numeric" else "CAST($1 AS HUGEINT)", total)
    parts = filled(f"$1 * {factor}", count) if factor > 1 else count
    digits = _AVERAGE + 1
    rest = f"CAST(($1 % $2) * {10**digits} // $2 AS DECIMAL({digits + 1},0)) * 0.{'0' * _AVERAGE}1"
    text = f"CAST($1 // $2 AS DECIMAL({38 - digits},0)) + {rest}"
    replaced(item, cast(filled(text, units, parts), f"DECIMAL(38,{_AVERAGE})"))
    return True
