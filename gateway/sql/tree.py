"""The checked tree: every node of a statement against the allow-lists, its size bounded before anything is planned.

Pure: takes and gives plain JSON values, as DuckDB's parser writes them. Knows no name of a product and no policy.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from gateway.errors import BadQuery
from gateway.sql import grammar, weight
from gateway.sql.syntax import NESTED as NESTED
from gateway.sql.syntax import Node as Node
from gateway.sql.syntax import constant
from gateway.sql.syntax import nodes as nodes
from gateway.sql.syntax import position as position

TEXT_LIMIT = 100_000
DEPTH_LIMIT = 400
NODE_LIMIT = 60_000
LIST_LIMIT = 10_000
RELATION_LIMIT = 100


@dataclass(frozen=True)
class Allowance:
    """Which functions an expression may call: a client's query has all, a policy's expression few.

    `queries` is whether it may be a whole query, with windows, clauses and collations.
    """

    functions: frozenset[str]
    operators: frozenset[str]
    table_functions: frozenset[str]
    queries: bool = False


CLIENT = Allowance(
    grammar.FUNCTIONS | grammar.AGGREGATES | grammar.WINDOW_FUNCTIONS | grammar.TABLE_FUNCTIONS,
    grammar.OPERATORS,
    grammar.TABLE_FUNCTIONS,
    queries=True,
)
# The call that stands for a measure until it is written out, in a client's text and in no text that runs.
MEASURE = "measure"
ASKED = replace(CLIENT, functions=CLIENT.functions | {MEASURE})
POLICY = Allowance(grammar.POLICY_FUNCTIONS, grammar.POLICY_OPERATORS, frozenset())


def depth(tree: Any) -> int:
    """The deepest nesting of dictionaries and lists in `tree`."""
    found, level = 0, [tree]
    while level:
        found += 1
        parts = [value.values() if isinstance(value, dict) else value for value in level]
        level = [child for part in parts for child in part if isinstance(child, NESTED)]
    return found


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
    weight.check(statement)


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
    if name not in allowed and not (name in grammar.ESCAPES and allowance.queries):
        raise BadQuery(f"function {name} is not available", reason="function", position=position(node))
    if node.get("export_state"):
        raise BadQuery("EXPORT_STATE is not supported", reason="unsupported", position=position(node))
    if name in grammar.ESCAPES:
        _check_escape(node)
    if name in grammar.GROWING or name in {"list_value", "struct_pack", "row", "concat"}:
        _check_arguments(node, name)


def _check_escape(node: Node) -> None:
    arguments = node["arguments"]
    escape = constant(arguments[2]["expression"]) if len(arguments) == 3 else None
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
        size = constant(arguments[place]["expression"]) if len(arguments) > place else None
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
    if not allowance.queries or not set(str(node["collation"]).lower().split(".")) <= grammar.COLLATIONS:
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
    if name not in allowance.functions or not allowance.queries:
        raise BadQuery(f"function {name} is not available", reason="function", position=position(node))


def _check_query(node: Node, allowance: Allowance) -> None:
    if allowance.queries:
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
