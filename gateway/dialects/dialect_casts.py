"""Casts and types of PostgreSQL: lengths, literals, `numeric` without a scale, and the types of what functions give.

Pure: changes the nodes that it is given. Source: PostgreSQL 15, chapters 8 and 9.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from gateway.dialects import dialect_missing, dialect_times, pg_intervals
from gateway.dialects.dialect_nodes import Source, array_node, call, cast, filled, number_node, replaced, text_node
from gateway.errors import BadQuery
from gateway.sql import syntax, tree
from gateway.sql.tree import Node

# Types that are spelled otherwise here. An oid is what its numbers are.
_SPELLED: Mapping[str, str] = {"NAME": "VARCHAR", "OID": "BIGINT", "JSONB": "JSON", "CITEXT": "VARCHAR"}
_TEXTS = frozenset({"VARCHAR", "CHAR", "BPCHAR", "TEXT", "STRING"})
_BOOLEANS = {
    **dict.fromkeys("t tr tru true y ye yes on 1".split(), "true"),
    **dict.fromkeys("f fa fal fals false n no of off 0".split(), "false"),
}
_NUMBER = re.compile(r"[+-]?(\d*)(?:\.(\d*))?")
# numeric without a precision holds any; so many digits behind the point are kept.
_FREE = "DECIMAL(38,10)"
# The alias of such a type until the type of what it is cast from is known.
FREE = "numeric"
_WIDEST = 38
# What PostgreSQL's functions give, where DuckDB's give integers of other widths or numbers of other kinds.
_GIVEN: Mapping[str, str] = {
    **dict.fromkeys(
        """
        length char_length character_length octet_length bit_length strlen strpos position ascii array_length
        cardinality
        array_upper array_lower array_position len json_array_length
        """.split(),
        "INTEGER",
    ),
    "factorial": "HUGEINT",
}


def rewrite(node: Node, source: Source) -> None:
    """One cast, as PostgreSQL means it. Raises BadQuery (value)."""
    kind, child = node["type_expr"], node["child"]
    written = source.word(kind)
    name = str(kind.get("type_name", "")).upper()
    if name in _SPELLED:
        _spell(kind, _SPELLED[name])
    elif name == "LIST":
        _spell_items(kind)
    elif name == "FLOAT" and written == "float":
        _spell(kind, "DOUBLE")
    elif name in _TEXTS and kind.get("children"):
        _cut(node, written)
        return
    elif name == "DECIMAL" and not kind.get("children"):
        _numeric(node)
    elif kind.get("class") == "TYPE" and len(kind["qualified_name"]["path"]) == 1:
        dialect_missing.type_(kind, name)
    text = syntax.constant(child) if child["class"] == "CONSTANT" else None
    if isinstance(text, str):
        _literal(node, name, written, text)
    dialect_times.kept(node, source)


def _spell(kind: Node, name: str) -> None:
    kind["type_name"], kind["qualified_name"] = name, {**kind["qualified_name"], "path": [name]}


def _spell_items(kind: Node) -> None:
    """The type of a list's items."""
    for item in kind.get("children") or ():
        inner = str(item.get("type_name", "")).upper()
        if inner == "LIST":
            _spell_items(item)
        elif inner in _SPELLED:
            _spell(item, _SPELLED[inner])
        elif inner == "DECIMAL" and not item.get("children"):
            item.update(cast(item, _FREE)["type_expr"])


def _literal(node: Node, name: str, written: str, text: str) -> None:
    """A constant text as a value of a type."""
    kind, child = node["type_expr"], node["child"]
    if name == "LIST" and text.lstrip().startswith("{"):
        replaced(child, array_node(text, kind["children"][0]))
    elif name in {"BOOL", "BOOLEAN"} and text.strip().lower() in _BOOLEANS:
        replaced(child, text_node(_BOOLEANS[text.strip().lower()]))
    elif written == "bytea" and text.startswith("\\x"):
        if not re.fullmatch(r"(?:[0-9a-fA-F]{2}|\s)*", text[2:]):
            raise BadQuery("invalid hexadecimal data", reason="value", position=tree.position(child))
        replaced(child, call("unhex", text_node(re.sub(r"\s", "", text[2:]))))
    elif name == "INTERVAL" and (whole := pg_intervals.read(text)) is not None:
        replaced(child, text_node(whole.text))
    elif name.startswith(("DATE", "TIMESTAMP")) and text.strip().lower() in dialect_times.SPECIAL:
        replaced(child, filled(dialect_times.SPECIAL[text.strip().lower()]))
    elif name == "DATE" and (before := re.fullmatch(r"\s*(\d{4,6}-\d\d-\d\d) BC\s*", text, re.IGNORECASE)):
        replaced(child, text_node(f"{before[1]} (BC)"))


def _cut(node: Node, written: str) -> None:
    """varchar(n) cuts, char(n) fills too."""
    kind = node["type_expr"]
    length = syntax.constant(kind["children"][0])
    kind["children"] = []
    if not isinstance(length, int) or not 1 <= length <= 10_485_760:
        raise BadQuery("a length is from 1 to 10485760", reason="value", position=tree.position(kind))
    whole = {**node}
    size = number_node(length)
    if written in {"char", "character", "bpchar"} and length <= tree.LIST_LIMIT:
        replaced(node, call("rpad", whole, size, text_node(" ")))
    else:
        replaced(node, call("left", whole, size))


def _numeric(node: Node) -> None:
    """numeric of a constant has the digits that are written; of anything else, a fixed number of them."""
    constant = node["child"] if node["child"]["class"] == "CONSTANT" else None
    parts = None
    if constant is not None and constant["literal"]["kind"] in {"STRING", "NUMERIC", "INTEGER"}:
        parts = _NUMBER.fullmatch(str(constant["literal"]["text"]).strip())
    if parts is None:
        node["type_expr"] = {**cast(node, _FREE)["type_expr"], "alias": FREE}
        return
    scale = min(len(parts[2] or ""), _WIDEST)
    width = min(_WIDEST, max(1, len(parts[1] or "") + scale))
    node["type_expr"] = cast(node, f"DECIMAL({width},{scale})")["type_expr"]


def settle(item: Node) -> None:
    """Give a column of a SELECT the type that PostgreSQL's function gives."""
    whole = item["type"] == "GROUPING_FUNCTION"
    if item["class"] in {"FUNCTION", "WINDOW"} and not item.get("is_operator"):
        kind = _GIVEN.get(str(item["function_name"]).lower())
    else:
        kind = "INTEGER" if whole else None
    if kind is not None:
        replaced(item, cast({**item}, kind))
