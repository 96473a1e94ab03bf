"""What a query's parameters are: the types that the text gives them. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, time
from decimal import Decimal

from gateway.binding.bind import Parameters, Plan
from gateway.cache import BytesLru
from gateway.sql import duck, tree
from gateway.sql.tree import Node

_Told = tuple[tuple[str, ...], tuple[str | None, ...]]
_known: BytesLru[tuple[object, ...], _Told] = BytesLru(16 << 20)


def identifiers(plan: Plan) -> tuple[str, ...]:
    """The parameters that `plan` names: "1", "2", ... or names, in order."""
    return _told(plan)[0]


def named(statement: Node) -> tuple[str, ...]:
    """The parameters that a tree names, in order."""
    found = {str(node["identifier"]) for node in tree.nodes(statement) if node.get("class") == "PARAMETER"}
    return tuple(sorted(found, key=lambda name: (0, int(name), "") if name.isdigit() else (1, 0, name)))


def untyped(plan: Plan) -> Parameters:
    """A NULL for each parameter, by name where the text has names."""
    names = identifiers(plan)
    if all(name.isdigit() for name in names):
        return (None,) * len(names)
    return dict.fromkeys(names)


def types(plan: Plan) -> tuple[str | None, ...]:
    """A DuckDB type text for each parameter, in order; None where the text does not tell.

    A parameter compared with a column has the column's type, one under a cast that type, a LIMIT is a BIGINT.
    """
    return _told(plan)[1]


def _told(plan: Plan) -> _Told:
    """Names and types, kept by all that they depend on: a walk through the tree takes a millisecond or two."""
    key = (
        plan.client_text,
        plan.text,
        tuple((grant.snapshot.id, grant.table.name, grant.decision.fingerprint) for grant in plan.grants),
    )
    known = _known.get(key)
    if known is None:
        columns: dict[str, set[str]] = {}
        for grant in plan.grants:
            for column in grant.table.columns:
                if column.name in grant.decision.visible:
                    columns.setdefault(column.name, set()).add(column.type)
        known = named(plan.tree), inferred(plan.tree, columns)
        _known.put(key, known, len(plan.client_text) + len(plan.text) + 500)
    return known


def inferred(statement: Node, columns: Mapping[str, set[str]]) -> tuple[str | None, ...]:
    """The same of a tree, where `columns` are the types of the columns by name."""
    found: dict[str, str] = {}
    for node in tree.nodes(statement):
        for name, kind in _typed(node, columns):
            found.setdefault(name, kind)
    return tuple(found.get(name) for name in named(statement))


def kinds(values: Parameters) -> tuple[object, ...]:
    """What of `values` decides the types that the engine gives them: equal kinds, equal types."""
    items = values.items() if not isinstance(values, tuple) else enumerate(values)
    return tuple((name, _kind(value)) for name, value in items)


def _kind(value: object) -> object:
    if isinstance(value, list):
        return ("list", frozenset(_kind(item) for item in value))
    if isinstance(value, int) and not isinstance(value, bool):
        return ("int", (value.bit_length() + 32) // 32)
    if isinstance(value, Decimal):
        parts = value.as_tuple()
        return ("decimal", len(parts.digits), parts.exponent)
    if isinstance(value, datetime | time):
        return (type(value), value.tzinfo is not None)
    return type(value)


def _typed(node: Node, columns: Mapping[str, set[str]]) -> list[tuple[str, str]]:
    if node.get("type") == "LIMIT_MODIFIER":
        bounds = [node[key] for key in ("limit", "offset") if node[key] and node[key]["class"] == "PARAMETER"]
        return [(str(bound["identifier"]), "BIGINT") for bound in bounds]
    if node.get("class") == "CAST" and node["child"]["class"] == "PARAMETER":
        kind = duck.write_expression(node).removeprefix(f"CAST(${node['child']['identifier']} AS ").removesuffix(")")
        return [(str(node["child"]["identifier"]), duck.canonical_type(kind))]
    if node.get("class") == "SUBQUERY" and node["subquery_type"] == "ANY":
        return _any(node, columns)
    operands = _operands(node)
    kinds = {kind for side in operands for kind in _kinds(side, columns)}
    if len(kinds) > 1:
        # A constant takes the type of what it stands beside.
        kinds = {kind for side in operands if side["class"] != "CONSTANT" for kind in _kinds(side, columns)}
    moving = node.get("class") == "FUNCTION" and any(kind.startswith(_NO_NUMBERS) for kind in kinds)
    if len(kinds) != 1 or moving:  # what moves a date is no date
        return []
    return [(str(side["identifier"]), next(iter(kinds))) for side in operands if side["class"] == "PARAMETER"]


def _operands(node: Node) -> list[Node]:
    """The sides of `node` that have one type together, if it is of that kind."""
    match node.get("class"), node.get("type"):
        case "COMPARISON", _:
            return [node["left"], node["right"]]
        case "BETWEEN", _:
            return [node["input"], node["lower"], node["upper"]]
        case "OPERATOR", "COMPARE_IN" | "COMPARE_NOT_IN" | "OPERATOR_COALESCE":
            return list(node["children"])
        case "FUNCTION", _ if node["is_operator"] and node["function_name"] in _ARITHMETIC:
            return [one["expression"] for one in node["arguments"]]
    return []


_ARITHMETIC = frozenset({"+", "-", "*", "/", "//", "%"})
_COUNTS = frozenset({"count", "count_star", "row_number", "rank", "dense_rank"})
_NO_NUMBERS = ("DATE", "TIME", "INTERVAL")


def _kinds(side: Node, columns: Mapping[str, set[str]]) -> set[str]:
    """The types that an operand may have, none where that is not told."""
    match side["class"]:
        case "COLUMN_REF":
            return columns.get(_bare(side), set())
        case "CONSTANT" if side["literal"]["kind"] == "INTEGER":
            short = -(1 << 31) <= int(side["literal"]["text"]) < 1 << 31
            return {"INTEGER" if short else "BIGINT"}
        case "CAST" if side["child"]["class"] != "PARAMETER":
            kind = duck.write_expression({**side, "child": _null()}).removeprefix("CAST(NULL AS ").removesuffix(")")
            return {duck.canonical_type(kind)}
        case "FUNCTION" | "WINDOW" if side["function_name"] in _COUNTS:
            return {"BIGINT"}
        case "FUNCTION" if side["is_operator"] and side["function_name"] in _ARITHMETIC:
            found = {kind for one in side["arguments"] for kind in _kinds(one["expression"], columns)}
            return found if not any(kind.startswith(_NO_NUMBERS) for kind in found) else set()
    return set()


def _null() -> Node:
    return duck.expression("NULL")


def _any(node: Node, columns: Mapping[str, set[str]]) -> list[tuple[str, str]]:
    """`x = ANY($1)`: the parameter is a list of what `x` is."""
    items = node["subquery"]["node"].get("select_list") or []
    if len(items) != 1 or items[0].get("class") != "FUNCTION" or items[0]["function_name"] != "unnest":
        return []
    (argument,) = (one["expression"] for one in items[0]["arguments"])
    kinds = _kinds(node["child"], columns)
    if argument["class"] != "PARAMETER" or len(kinds) != 1:
        return []
    return [(str(argument["identifier"]), f"{next(iter(kinds))}[]")]


def _bare(side: Node) -> str:
    return str(side["column_names"][-1]).lower() if side["class"] == "COLUMN_REF" else ""
