"""The checked tree: every node of a statement against the allow-lists, its size bounded before anything is planned.

Pure: takes and gives plain JSON values, as DuckDB's parser writes them. Knows no name of a product and no policy.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from gateway import grammar
from gateway.errors import BadQuery

Node = dict[str, Any]

TEXT_LIMIT = 100_000
DEPTH_LIMIT = 400
NODE_LIMIT = 60_000
LIST_LIMIT = 10_000
RELATION_LIMIT = 100
GROWTH_LIMIT = 1_000_000
SERIES_LIMIT = 10_000_000
UNKNOWN_FACTOR = 10_000
_NOWHERE = 1 << 63


@dataclass(frozen=True)
class Allowance:
    """Which functions an expression may call: a client's query has all, a policy's expression few."""

    functions: frozenset[str]
    operators: frozenset[str]
    table_functions: frozenset[str]


CLIENT = Allowance(
    grammar.FUNCTIONS | grammar.AGGREGATES | grammar.WINDOW_FUNCTIONS | grammar.TABLE_FUNCTIONS,
    grammar.OPERATORS,
    grammar.TABLE_FUNCTIONS,
)
POLICY = Allowance(grammar.POLICY_FUNCTIONS, grammar.POLICY_OPERATORS, frozenset())


def nodes(tree: Any) -> Iterator[Node]:
    """Every dictionary of `tree`, parents before children, in no promised order between siblings."""
    stack = [tree]
    while stack:
        value = stack.pop()
        if isinstance(value, dict):
            yield value
            stack.extend(child for child in value.values() if isinstance(child, dict | list))
        elif isinstance(value, list):
            stack.extend(child for child in value if isinstance(child, dict | list))


def depth(tree: Any) -> int:
    """The deepest nesting of dictionaries and lists in `tree`."""
    deepest, stack = 0, [(tree, 1)]
    while stack:
        value, level = stack.pop()
        deepest = max(deepest, level)
        children = value.values() if isinstance(value, dict) else value
        stack.extend((child, level + 1) for child in children if isinstance(child, dict | list))
    return deepest


def position(node: Node) -> int | None:
    """Where `node` stands in the client's text (byte offset), None for a node that the parser made itself."""
    location = node.get("query_location", _NOWHERE)
    return None if location >= _NOWHERE else int(location)


def check(statement: Node, allowance: Allowance = CLIENT) -> None:
    """Refuse whatever is not on the allow-lists, and whatever is too large to plan.

    `statement` is one element of the parser's `statements`. Raises BadQuery (unsupported, read_only, function, type,
    limit).
    """
    relations = 0
    for count, node in enumerate(nodes(statement), 1):
        kind = node.get("type")
        if isinstance(kind, str):
            _check_shape(node, kind)
            relations += kind in {"BASE_TABLE", "TABLE_FUNCTION"}
            inspect = _INSPECT.get((node.get("class", ""), kind))
            if inspect is not None:
                inspect(node, allowance)
        elif frozenset(node) not in grammar.PARTS:
            raise BadQuery("this clause is not supported", reason="unsupported")
        if count > NODE_LIMIT or relations > RELATION_LIMIT:
            raise BadQuery(
                f"the query is too large: at most {NODE_LIMIT} syntax nodes and {RELATION_LIMIT} relations",
                reason="limit",
            )
    if depth(statement) > DEPTH_LIMIT:
        raise BadQuery("the query is nested too deeply", reason="limit")
    _growth(statement)
    if _amplification(statement) > GROWTH_LIMIT:
        raise BadQuery(
            "text is made longer by replace or repeat at too many levels of this query: "
            f"more than {GROWTH_LIMIT} times in all",
            reason="limit",
        )


def _check_shape(node: Node, kind: str) -> None:
    shape = grammar.SHAPES.get((node.get("class", ""), kind))
    if shape is not None and shape >= set(node):
        return
    message, reason = grammar.REFUSED.get(kind, ("this syntax is not supported", "unsupported"))
    raise BadQuery(message, reason=reason, position=position(node))


def called(node: Node) -> str:
    """The lower-case name of a function or window call. Raises BadQuery for a qualified name."""
    path = node["qualified_name"]["path"]
    if len(path) != 1 or node["schema"] or node["catalog"] or path[0] != node["function_name"]:
        raise BadQuery(
            f'"{".".join(path)}" is not a function here: name built-in functions without a schema, as in upper(x)',
            reason="function",
            position=position(node),
        )
    return str(path[0]).lower()


def _check_function(node: Node, allowance: Allowance) -> None:
    name = called(node)
    allowed = allowance.operators if node.get("is_operator") and not name[0].isalpha() else allowance.functions
    if name not in allowed and not (name in grammar.ESCAPES and allowance is CLIENT):
        raise BadQuery(f"function {name} is not available", reason="function", position=position(node))
    if node.get("export_state"):
        raise BadQuery("EXPORT_STATE is not supported", reason="unsupported", position=position(node))
    if name in grammar.ESCAPES:
        _check_escape(node)
    if name in grammar.GROWING or name in {"list_value", "struct_pack", "row", "concat"}:
        _check_arguments(node, name)


def _check_escape(node: Node) -> None:
    arguments = node["arguments"]
    escape = _constant(arguments[2]["expression"]) if len(arguments) == 3 else None
    if not isinstance(escape, str) or len(escape) > 1:
        raise BadQuery("ESCAPE takes one constant character", reason="unsupported", position=position(node))


def _check_arguments(node: Node, name: str) -> None:
    arguments = node["arguments"]
    if len(arguments) > LIST_LIMIT:
        raise BadQuery(
            f"a list literal holds at most {LIST_LIMIT} items: pass one list parameter instead",
            reason="limit",
            position=position(node),
        )
    if name in grammar.GROWING:
        place = grammar.GROWING[name]
        size = _constant(arguments[place]["expression"]) if len(arguments) > place else None
        if not isinstance(size, int) or size > LIST_LIMIT:
            raise BadQuery(
                f"{name} takes a constant count of at most {LIST_LIMIT}", reason="limit", position=position(node)
            )


def _check_children(node: Node, _: Allowance) -> None:
    if len(node["children"]) > LIST_LIMIT:
        raise BadQuery(
            f"a list holds at most {LIST_LIMIT} items: pass one list parameter instead",
            reason="limit",
            position=position(node),
        )


def _check_table_function(node: Node, allowance: Allowance) -> None:
    function = node["function"]
    if (function.get("class"), function.get("type")) != ("FUNCTION", "FUNCTION"):
        raise BadQuery("this table function is not supported", reason="unsupported", position=position(node))
    name = called(function)
    if name not in allowance.table_functions:
        raise BadQuery(f"table function {name} is not available", reason="function", position=position(node))
    _refuse_sample(node, allowance)


def _check_type(node: Node, _: Allowance) -> None:
    path = node["qualified_name"]["path"]
    name = str(path[-1]).upper() if path else ""
    if len(path) != 1 or node["schema"] or node["catalog"] or name not in grammar.TYPES:
        raise BadQuery(f"type {name} is not available", reason="type", position=position(node))


def _check_collation(node: Node, allowance: Allowance) -> None:
    if allowance is not CLIENT or not set(str(node["collation"]).lower().split(".")) <= grammar.COLLATIONS:
        raise BadQuery("this collation is not available", reason="unsupported", position=position(node))


def _check_base_table(node: Node, allowance: Allowance) -> None:
    if node["at_clause"] is not None:
        raise BadQuery("AT is not supported", reason="unsupported", position=position(node))
    _refuse_sample(node, allowance)


def _refuse_sample(node: Node, _: Allowance) -> None:
    sample = node.get("sample")
    if sample is not None and str(sample["method"]).lower() not in grammar.SAMPLE_METHODS:
        raise BadQuery("sample by system blocks is not available: use reservoir or bernoulli", reason="unsupported")


def _check_recursive(node: Node, _: Allowance) -> None:
    if node["key_targets"]:
        raise BadQuery("USING KEY is not supported", reason="unsupported")


def _check_window(node: Node, allowance: Allowance) -> None:
    name = called(node)
    if name not in allowance.functions or allowance is not CLIENT:
        raise BadQuery(f"function {name} is not available", reason="function", position=position(node))


def _check_query(node: Node, allowance: Allowance) -> None:
    if allowance is CLIENT:
        _refuse_sample(node, allowance)
    elif node["modifiers"] or node["cte_map"]["map"]:
        raise BadQuery("only a plain EXISTS may stand in a policy", reason="unsupported")


_INSPECT = {
    ("FUNCTION", "FUNCTION"): _check_function,
    ("TYPE", "TYPE"): _check_type,
    ("COLLATE", "COLLATE"): _check_collation,
    ("", "BASE_TABLE"): _check_base_table,
    ("", "TABLE_FUNCTION"): _check_table_function,
    ("", "RECURSIVE_CTE_NODE"): _check_recursive,
    ("", "SELECT_NODE"): _check_query,
    ("OPERATOR", "COMPARE_IN"): _check_children,
    ("OPERATOR", "COMPARE_NOT_IN"): _check_children,
    **{key: _check_window for key in grammar.SHAPES if key[0] == "WINDOW"},
}


def _constant(expression: Node) -> int | str | None:
    """The value of an integer or string constant (also one under casts), None for anything else."""
    while expression.get("class") == "CAST":
        expression = expression["child"]
    if expression.get("class") != "CONSTANT":
        return None
    literal = expression["literal"]
    text = str(literal["text"])
    if literal["kind"] == "INTEGER" and re.fullmatch(r"-?\d{1,18}", text):
        return int(text)
    return text if literal["kind"] == "STRING" else None


def _growth(expression: Any) -> int:
    """An upper bound of how large (characters or items) `expression` makes its answer out of constants.

    Nested growth multiplies. Raises BadQuery (limit) above GROWTH_LIMIT: the planner folds constants whatever the time
    limit says.
    """
    if isinstance(expression, list):
        return max((_growth(item) for item in expression), default=1)
    if not isinstance(expression, dict):
        return 1
    if expression.get("class") == "CONSTANT":
        return max(1, len(str(expression["literal"]["text"])))
    if expression.get("type") == "TABLE_FUNCTION":
        return _table_function_growth(expression)
    if expression.get("class") == "FUNCTION":
        size = _function_growth(expression)
    else:
        size = max((_growth(child) for child in expression.values() if isinstance(child, dict | list)), default=1)
    if size > GROWTH_LIMIT:
        raise BadQuery(
            f"this expression could build more than {GROWTH_LIMIT} items or characters for each row",
            reason="limit",
            position=position(expression),
        )
    return size


def _function_growth(function: Node) -> int:
    name = str(function["function_name"]).lower()
    arguments = [argument["expression"] for argument in function["arguments"]]
    if name in grammar.SERIES:
        return _series(arguments, function, GROWTH_LIMIT)
    sizes = [_growth(argument) for argument in arguments]
    _growth([function.get("filter"), function.get("order_bys")])
    if name in grammar.MULTIPLYING:
        return math.prod(sizes)
    if name in grammar.GROWING:
        count = _constant(arguments[1])
        assert isinstance(count, int)
        return max(1, count) * sizes[0]
    return max(sizes, default=1)


def _amplification(statement: Node) -> int:
    """How many times longer text can become through all levels of a statement, subqueries and CTEs included.

    The levels multiply, since each may read the one below; within one the largest counts. Recursion has no bound.
    """
    total = 1
    for query in nodes(statement):
        if query.get("type") == "RECURSIVE_CTE_NODE" and _amplified(query["right"], inner=True) > 1:
            raise BadQuery("a recursive query cannot make text longer by replace or repeat", reason="limit")
        if query.get("type") == "SELECT_NODE":
            total *= _amplified(query, inner=False)
    return total


def _amplified(value: Any, *, inner: bool) -> int:
    """The largest product of factors along one branch of `value`; queries within it count only where `inner`."""
    if isinstance(value, list):
        return max((_amplified(item, inner=inner) for item in value), default=1)
    if not isinstance(value, dict):
        return 1
    below = [
        _amplified(child, inner=inner)
        for child in value.values()
        if isinstance(child, dict | list) and (inner or not (isinstance(child, dict) and _is_query(child)))
    ]
    return _factor(value) * max(below, default=1)


def _is_query(node: Node) -> bool:
    return "cte_map" in node


def _factor(node: Node) -> int:
    name = str(node["function_name"]).lower() if node.get("class") == "FUNCTION" else ""
    place = grammar.AMPLIFYING.get(name)
    if place is None or len(node["arguments"]) <= place:
        return 1
    inserted = _constant(node["arguments"][place]["expression"])
    if isinstance(inserted, int):
        return max(1, inserted)
    if inserted is None:
        return UNKNOWN_FACTOR
    replaced = _constant(node["arguments"][1]["expression"]) if name == "replace" else None
    return max(1, len(inserted) // max(1, len(replaced) if isinstance(replaced, str) else 1))


def _table_function_growth(reference: Node) -> int:
    function = reference["function"]
    arguments = [argument["expression"] for argument in function["arguments"]]
    if str(function["function_name"]).lower() in grammar.SERIES:
        _series(arguments, function, SERIES_LIMIT)
    else:
        _growth(arguments)
    return 1


_STEP_S = {
    "to_microseconds": 1e-6, "to_milliseconds": 1e-3, "to_seconds": 1.0, "to_minutes": 60.0, "to_hours": 3600.0,
    "to_days": 86400.0, "to_weeks": 604800.0, "to_months": 2.4e6, "to_quarters": 7.7e6, "to_years": 3.1e7,
}  # fmt: skip
_CENTURY_S = 3.2e9


def _series(arguments: list[Node], function: Node, limit: int) -> int:
    """How many items range or generate_series makes. Raises BadQuery (limit) if unknown or above `limit`."""
    numbers = [_constant(argument) for argument in arguments]
    if numbers and all(isinstance(number, int) for number in numbers):
        bounds = [int(number) for number in numbers if number is not None]
        start, stop = (0, bounds[0]) if len(bounds) == 1 else (bounds[0], bounds[1])
        step = bounds[2] if len(bounds) > 2 else 1
        size = abs(stop - start) // max(1, abs(step)) + 1
    elif len(arguments) == 3 and _step_s(arguments[2]) is not None:
        size = int(_CENTURY_S / (_step_s(arguments[2]) or 1.0))
    else:
        size = limit + 1
    if size > limit:
        raise BadQuery(
            f"{function['function_name']} takes constant bounds and makes at most {limit} items "
            "(dates: a constant INTERVAL step of at least an hour)",
            reason="limit",
            position=position(function),
        )
    return max(1, size)


def _step_s(step: Node) -> float | None:
    """The seconds of a constant interval that names one unit, None for any other expression."""
    if step.get("class") != "FUNCTION":
        return None
    unit = _STEP_S.get(str(step["function_name"]).lower())
    for node in nodes(step):
        if node.get("class") in {"COLUMN_REF", "PARAMETER", "SUBQUERY"}:
            return None
        if node.get("class") == "CONSTANT":
            text = str(node["literal"]["text"])
            return unit * int(text) if unit and re.fullmatch(r"\d{1,9}", text) and int(text) > 0 else None
    return None
