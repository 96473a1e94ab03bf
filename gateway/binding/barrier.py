"""Which row filters hold in a plain view: those that the engine applies while it scans a table. Pure.

Beside any other filter the optimiser may try a client's predicate first, on rows that the filter leaves out, and its
error would tell of them: such a view is a secure one, whose filter nothing passes, and which costs the order of joins.
"""

from __future__ import annotations

from gateway.product import Table
from gateway.sql import duck
from gateway.sql.tree import Node

_COMPARED = frozenset(
    f"COMPARE_{name}"
    for name in ("EQUAL", "NOTEQUAL", "LESSTHAN", "GREATERTHAN", "LESSTHANOREQUALTO", "GREATERTHANOREQUALTO")
)
# Bits of a number that is compared as what the column is: for another the column would be cast, row by row.
_BITS = {"TINYINT": 7, "SMALLINT": 15, "INTEGER": 31, "BIGINT": 31}
_SAME = frozenset({"DATE", "TIMESTAMP", "VARCHAR", "BOOLEAN"})


def scanned(rows: str | None, table: Table) -> bool:
    """Whether a filter of `table` is none, or columns compared with constants of their types, joined by AND."""
    kinds = {column.name: column.type for column in table.columns}
    return rows is None or _scanned(duck.expression(rows), kinds)


def _scanned(filtered: Node, kinds: dict[str, str]) -> bool:
    if filtered["type"] == "CONJUNCTION_AND":
        return all(_scanned(term, kinds) for term in filtered["children"])
    if filtered["type"] == "COMPARE_BETWEEN":
        kind = _kind(filtered["input"], kinds)
        return _constant(filtered["lower"], kind) and _constant(filtered["upper"], kind)
    if filtered["type"] not in _COMPARED:
        return False
    sides = filtered["left"], filtered["right"]
    return any(_constant(other, _kind(one, kinds)) for one, other in (sides, sides[::-1]))


def _kind(node: Node, kinds: dict[str, str]) -> str | None:
    """The type of a column of the table; None for anything else."""
    if node["class"] != "COLUMN_REF" or len(node["column_names"]) != 1:
        return None
    return kinds.get(str(node["column_names"][0]).lower())


def _constant(node: Node, kind: str | None) -> bool:
    """Whether `node` is a constant that is compared with a column of that type as the column is."""
    if node["class"] == "CAST" and not node["try_cast"] and node["child"]["class"] == "CONSTANT":
        named = node["type_expr"]["type_name"]
        return named == kind in _SAME or (named in _BITS and _whole(node["child"], kind))
    if node["class"] != "CONSTANT":
        return False
    given = node["literal"]["kind"]
    return (given, kind) in {("STRING", "VARCHAR"), ("BOOLEAN", "BOOLEAN")} or (
        given == "INTEGER" and _whole(node, kind)
    )


def _whole(constant: Node, kind: str | None) -> bool:
    """Whether a constant is a number of the column's type."""
    text = str(constant["literal"]["text"])
    digits = text.removeprefix("-")
    return digits.isascii() and digits.isdigit() and int(text).bit_length() <= _BITS.get(kind or "", -1)
