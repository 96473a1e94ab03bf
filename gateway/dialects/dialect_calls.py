"""PostgreSQL's functions that DuckDB names or gives otherwise: a closed table. Pure: changes a tree.

Source: PostgreSQL 15, chapter 9.
"""

from __future__ import annotations

from collections.abc import Mapping

from gateway.dialects import (
    dialect_formats,
    dialect_json,
    dialect_missing,
    dialect_numbers,
    dialect_regexps,
    dialect_texts,
    dialect_times,
)
from gateway.dialects.dialect_nodes import Source, cast, filled, named, operated, replaced, text_node
from gateway.errors import BadQuery
from gateway.sql import syntax, tree
from gateway.sql.tree import Node

# The same function under another name; filters, orders and windows stay as they are.
_NAMES: Mapping[str, str] = {
    "every": "bool_and",
    "json_agg": "json_group_array",
    "jsonb_agg": "json_group_array",
    "json_object_agg": "json_group_object",
    "jsonb_object_agg": "json_group_object",
    "json_build_object": "json_object",
    "jsonb_build_object": "json_object",
    "json_build_array": "json_array",
    "jsonb_build_array": "json_array",
    "jsonb_array_length": "json_array_length",
    "jsonb_pretty": "json_pretty",
    "statement_timestamp": "now",
    "clock_timestamp": "now",
    "btrim": "trim",
}
# With DISTINCT, PostgreSQL gathers values in their order, since it sorts them to find what is distinct.
_GATHERED = frozenset({"array_agg", "string_agg"})
# (name, number of arguments) -> an expression over $1, $2, ...
_EXPRESSIONS: Mapping[tuple[str, int], str] = {
    ("div", 2): "CAST(trunc($1 // $2) AS DECIMAL(38,0))",
    ("to_hex", 1): "lower(to_hex($1))",
    ("lpad", 2): "lpad($1, $2, ' ')",
    ("rpad", 2): "rpad($1, $2, ' ')",
    **dict.fromkeys((("array_upper", 2), ("array_length", 2)), "CAST(nullif(array_length($1, $2), 0) AS INTEGER)"),
    ("array_ndims", 1): "1",
    ("num_nulls", 2): "CAST($1 IS NULL AS INTEGER) + CAST($2 IS NULL AS INTEGER)",
    ("num_nonnulls", 2): "CAST($1 IS NOT NULL AS INTEGER) + CAST($2 IS NOT NULL AS INTEGER)",
    **dialect_json.EXPRESSIONS,
    **dialect_numbers.EXPRESSIONS,
    **dialect_texts.EXPRESSIONS,
    **dialect_times.EXPRESSIONS,
    ("date_bin", 3): "time_bucket(CAST($1 AS INTERVAL), $2, $3)",
}
# Fields whose fractions DuckDB leaves out.
_FRACTIONS: Mapping[str, str] = {
    "second": "CAST(date_part('microsecond', $1) AS DECIMAL(18,0)) * 0.000001",
    "milliseconds": "CAST(date_part('microsecond', $1) AS DECIMAL(18,0)) * 0.001",
}
_FRACTION_NAMES = {
    **dict.fromkeys(("second", "seconds", "sec", "s"), "second"),
    **dict.fromkeys(("milliseconds", "millisecond", "msec", "ms"), "milliseconds"),
}


def settle(item: Node, source: Source) -> None:
    """A column of a SELECT: what extract gives is numeric, what date_part gives a float."""
    if item.get("class") != "FUNCTION" or str(item["function_name"]).lower() not in {"date_part", "datepart"}:
        return
    field = str(syntax.constant(item["arguments"][0]["expression"])).lower()
    exact = "DECIMAL(20,6)" if field == "epoch" else "DECIMAL(18,0)"
    replaced(item, cast({**item}, exact if source.word(item) == "extract" else "DOUBLE"))


def rewrite(node: Node, name: str, arguments: list[Node], source: Source) -> None:
    """One call of a function, as PostgreSQL means it. Raises BadQuery (unsupported)."""
    if name.startswith("regexp_") and dialect_regexps.rewrite(node, name, arguments):
        return
    if name in _GATHERED and node["distinct"] and arguments and not node["order_bys"]["orders"]:
        source.spend(arguments[0], 1)
        order = {"type": "ORDER_DEFAULT", "null_order": "ORDER_DEFAULT", "expression": filled("$1", arguments[0])}
        node["order_bys"]["orders"] = [order]
    if dialect_times.moment(node, name, arguments):
        return
    if name in _NAMES:
        named(node, _NAMES[name])
    elif (name, len(arguments)) in _EXPRESSIONS:
        expression = _EXPRESSIONS[name, len(arguments)]
        for argument in arguments:
            source.spend(argument, 1 + len(expression) // 20)  # about the nodes of its own
        replaced(node, filled(expression, *arguments))
    elif name == "to_char":
        _to_char(node, arguments, source)
    elif name in _RULES:
        for argument in arguments:
            source.spend(argument, 1)
        _RULES[name](node, arguments)
    elif name in {"date_part", "datepart"}:
        _part(node, arguments, exact=source.word(node) == "extract")
    else:
        dialect_missing.function(node, name)


def _part(node: Node, arguments: list[Node], *, exact: bool) -> None:
    """extract and date_part: seconds have fractions."""
    field = syntax.constant(arguments[0]) if len(arguments) == 2 else None
    known = _FRACTION_NAMES.get(str(field).lower())
    if known is not None:
        found = filled(_FRACTIONS[known], arguments[1])
        replaced(node, found if exact else cast(found, "DOUBLE"))


def _substring(node: Node, arguments: list[Node]) -> None:
    """A place before the first letter counts as one; a text is a pattern."""
    if len(arguments) < 2:
        return
    start = syntax.constant(arguments[1])
    if isinstance(start, str):
        group = "1" if "(" in start.replace("(?:", "").replace("\\(", "") else "0"
        replaced(node, filled(f"nullif(regexp_extract($1, $2, {group}), '')", *arguments[:2]))
    elif isinstance(start, int) and start < 1:
        length = f"greatest($3 + ({start - 1}), 0)" if len(arguments) == 3 else ""
        replaced(node, filled(f"substring($1, 1, {length})" if length else "$1", *arguments))


def _encode(node: Node, arguments: list[Node]) -> None:
    """encode and decode between bytes and texts; with one argument they are DuckDB's own."""
    form = syntax.constant(arguments[1]) if len(arguments) == 2 else None
    expression = _FORMS.get((str(node["function_name"]).lower(), str(form).lower()))
    if len(arguments) != 2:
        return
    if expression is None:
        raise BadQuery("encode and decode take 'hex' or 'base64'", reason="value", position=tree.position(node))
    replaced(node, filled(expression, arguments[0]))


_FORMS: Mapping[tuple[str, str], str] = {
    ("encode", "hex"): "lower(hex($1))",
    ("encode", "base64"): "to_base64($1)",
    ("decode", "hex"): "unhex($1)",
    ("decode", "base64"): "from_base64($1)",
}


_PATTERN_LIMIT = 100


def _to_char(node: Node, arguments: list[Node], source: Source) -> None:
    pattern = syntax.constant(arguments[1]) if len(arguments) == 2 else None
    if not isinstance(pattern, str) or len(pattern) > _PATTERN_LIMIT:
        raise BadQuery("to_char takes a constant format", reason="unsupported", position=tree.position(node))
    if dialect_numbers.is_number(pattern):
        source.spend(arguments[0], 60)  # about the nodes of its own
        dialect_numbers.written(node, pattern, arguments[0])
        return
    span = dialect_times.is_interval(arguments[0])
    written = dialect_formats.of_interval(pattern) if span else dialect_formats.written(pattern)
    source.spend(arguments[0], 10 * len(written))  # each part has some nodes of its own
    parts = [filled(part, arguments[0]) for part in written]
    # A NULL stays one, as concat would not keep it.
    whole = parts[0] if parts else text_node("")
    for part in parts[1:]:
        whole = operated("||", whole, part)
    replaced(node, whole)


def _read(kind: str) -> str:
    return f"CAST(strptime($1, $2) AS {kind})"


def _to_date(node: Node, arguments: list[Node]) -> None:
    _parsed(node, arguments, "DATE")


def _to_timestamp(node: Node, arguments: list[Node]) -> None:
    if len(arguments) == 2:
        _parsed(node, arguments, "TIMESTAMPTZ")


def _parsed(node: Node, arguments: list[Node], kind: str) -> None:
    pattern = syntax.constant(arguments[1]) if len(arguments) == 2 else None
    if not isinstance(pattern, str):
        raise BadQuery("this function takes a constant format", reason="unsupported", position=tree.position(node))
    replaced(node, filled(_read(kind), arguments[0], text_node(dialect_formats.read(pattern))))


def _like_list(node: Node, arguments: list[Node]) -> None:
    """array_lower of any array is 1."""
    if len(arguments) == 2:
        replaced(node, filled("CASE WHEN array_length($1) > 0 THEN 1 END", arguments[0]))


def _path(node: Node, arguments: list[Node]) -> None:
    dialect_json.extracted(node, str(node["function_name"]).lower(), arguments)


_RULES = {
    "array_fill": dialect_texts.fill,
    "concat": dialect_texts.joined,
    "concat_ws": dialect_texts.joined,
    "convert_from": dialect_texts.converted,
    "convert_to": dialect_texts.converted,
    "date_trunc": dialect_times.truncated,
    "format": dialect_texts.formatted,
    "isfinite": dialect_times.finite,
    **dict.fromkeys((f"json{b}_extract_path{text}" for b in ("", "b") for text in ("", "_text")), _path),
    "make_interval": dialect_times.make_interval,
    "to_number": dialect_numbers.read,
    "substring": _substring,
    "substr": _substring,
    "encode": _encode,
    "decode": _encode,
    "to_date": _to_date,
    "to_timestamp": _to_timestamp,
    "array_lower": _like_list,
}
