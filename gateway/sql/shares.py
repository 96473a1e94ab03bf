"""Which statements can be answered in shares of one table's row groups, and which rows a share holds. Pure."""

from __future__ import annotations

from gateway.errors import BadQuery
from gateway.sql import grammar, tree
from gateway.sql.tree import Node

# Rows of one row group of a DuckDB file; ranges that begin elsewhere would read a group twice.
GROUP_ROWS = 122_880
PART_LIMIT = 1_000
_ROW_BY_ROW = frozenset({"COLUMN_REF", "CONSTANT", "PARAMETER", "COMPARISON", "CONJUNCTION", "BETWEEN", "CAST", "CASE"})
_OPERATORS = frozenset({"COMPARE_IN", "COMPARE_NOT_IN", "OPERATOR_IS_NULL", "OPERATOR_IS_NOT_NULL", "OPERATOR_NOT",
                        "OPERATOR_COALESCE"})  # fmt: skip


def require(statement: Node, index: int, of: int) -> None:
    """Raises BadQuery where `statement`, a checked tree, is not a plain scan of one table, row by row."""
    if not 0 <= index < of <= PART_LIMIT:
        raise BadQuery(f"a part is one of 1 to {PART_LIMIT}", reason="value")
    select = statement["node"]
    plain = select["type"] == "SELECT_NODE" and not any(
        (select["modifiers"], select["cte_map"]["map"], select["group_expressions"], select["group_sets"])
    )
    rest = [select.get(name) for name in ("having", "sample", "qualify")] if plain else []
    if not plain or any(rest) or select["from_table"]["type"] != "BASE_TABLE" or select["from_table"].get("sample"):
        raise _refused()
    for node in tree.nodes([select["select_list"], select["where_clause"]]):
        if "class" in node and not _row_by_row(node):
            raise _refused()


def _row_by_row(node: Node) -> bool:
    kind = node["class"]
    if kind == "FUNCTION":
        name = str(node["function_name"]).lower()
        return name in grammar.POLICY_FUNCTIONS or name in grammar.POLICY_OPERATORS
    if kind == "STAR":
        return True
    return kind in _ROW_BY_ROW or (kind == "OPERATOR" and node["type"] in _OPERATORS)


def rows(index: int, of: int, total: int) -> tuple[int, int]:
    """First row and end of share `index` of `of`: whole row groups of a table of `total` rows; the last has no end."""
    groups = -(-total // GROUP_ROWS)
    first, end = (groups * place // of * GROUP_ROWS for place in (index, index + 1))
    return first, end if index + 1 < of else 1 << 62


def _refused() -> BadQuery:
    return BadQuery(
        "only a plain scan of one table can be answered in parts",
        reason="unsupported",
        hint="columns and row-by-row expressions of one table, WHERE, and nothing else",
    )
