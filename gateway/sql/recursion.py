"""Whether a recursive query makes more rows in each round, and nothing ends it. Pure: reads a checked tree.

Rounds of a hierarchy, a walk or a counter end where the data ends, or by a condition on their own rows. One that joins
its rows with all of another relation, or adds them up twice, doubles them until time or memory is spent.
"""

from __future__ import annotations

from collections.abc import Iterator

from gateway.sql.grammar import AGGREGATES
from gateway.sql.syntax import NESTED, Node, constant, nodes

# Two rows for each one become 4,000 million in so many rounds.
DOUBLINGS = 32

_UNFOLDS = frozenset({"unnest", "generate_series", "range"})
_LISTS = frozenset({"list_value", "list_pack", "array_value"})
_CONDITIONS = ("where_clause", "having", "qualify")


def endless(name: str, columns: frozenset[str] | None, body: Node) -> bool:
    """Whether `body`, the recursive side of `name`, multiplies its rows and no condition speaks of them.

    `columns` are the names of the recursion's columns, None where they are not known.
    """
    recursion = _Recursion(name, columns, body)
    return recursion.multiplies(body) and not recursion.bounded(body)


class _Recursion:
    """The names under which the rows of one recursion stand in its recursive side."""

    def __init__(self, name: str, columns: frozenset[str] | None, body: Node) -> None:
        self._columns = columns
        self._carriers = {name.lower()}
        for node in nodes(body):
            for entry in (node.get("cte_map") or {}).get("map", ()):
                if self._carries(entry["value"]):
                    self._carriers.add(str(entry["key"]).lower())
        self._aliases = {str(leaf["alias"] or _name(leaf)).lower() for leaf in self._leaves(body)}

    def multiplies(self, body: Node) -> bool:
        """Whether a round may give more rows for each row of the round before, not by an equality."""
        return any(
            self._joined(node) if node.get("type") == "SELECT_NODE" else self._united(node)
            for node in nodes(body)
            if node.get("type") in {"SELECT_NODE", "SET_OPERATION_NODE"}
        )

    def bounded(self, body: Node) -> bool:
        """Whether any condition, or a LIMIT, speaks of the recursion's rows."""
        for node in nodes(body):
            if node.get("type") in {"LIMIT_MODIFIER", "LIMIT_PERCENT_MODIFIER"}:
                return True
            conditions = [node[key] for key in _CONDITIONS if node.get(key)]
            if node.get("type") == "JOIN":
                if node["ref_type"] == "NATURAL" or node.get("using_columns"):
                    return True
                conditions += [node["condition"]] if node["condition"] else []
            if any(self._speaks(one) and not _far(one) for each in conditions for one in _terms(each)):
                return True
        return False

    def _speaks(self, condition: Node) -> bool:
        return any(self._own(node["column_names"]) for node in nodes(condition) if node.get("class") == "COLUMN_REF")

    def _own(self, path: list[str]) -> bool:
        first = str(path[0]).lower()
        return (len(path) > 1 and first in self._aliases) or self._columns is None or first in self._columns

    def _joined(self, select: Node) -> bool:
        relations = list(_relations(select["from_table"]))
        ours = [one for one in relations if self._carries(one)]
        others = [one for one in relations if one not in ours and not _single(one)]
        unfolds = any(self._unfolds(one) for one in _calls(select["select_list"]))
        return bool(ours) and (unfolds or len(ours) > 1 or any(map(self._beside, others)))

    def _beside(self, other: Node) -> bool:
        """Whether a relation stands beside the recursion's rows without being made of them."""
        return other["type"] != "TABLE_FUNCTION" or not self._speaks(other) or self._unfolds(other["function"])

    def _unfolds(self, call: Node) -> bool:
        """Whether a call makes rows, and not of lists that came with the recursion's rows and are spent some day."""
        if str(call["function_name"]).lower() not in _UNFOLDS:
            return False
        series = str(call["function_name"]).lower() != "unnest"
        made = any(
            node.get("type") == "ARRAY_CONSTRUCTOR" or str(node.get("function_name", "")).lower() in _LISTS
            for node in nodes(call)
        )
        return series or made or not self._speaks(call)

    def _united(self, union: Node) -> bool:
        sides = (union.get("left"), union.get("right"), *(union.get("children") or ()))
        return union["setop_type"].startswith("UNION") and sum(bool(one) and self._carries(one) for one in sides) > 1

    def _carries(self, part: Node | None) -> bool:
        return any(node.get("type") == "BASE_TABLE" and _name(node) in self._carriers for node in nodes(part))

    def _leaves(self, body: Node) -> Iterator[Node]:
        for node in nodes(body):
            if node.get("type") in {"BASE_TABLE", "SUBQUERY"} and "alias" in node and self._carries(node):
                yield node


def _terms(condition: Node) -> Iterator[Node]:
    """The conditions that AND joins."""
    if condition.get("type") == "CONJUNCTION_AND":
        for child in condition["children"]:
            yield from _terms(child)
    else:
        yield condition


def _far(condition: Node) -> bool:
    """Whether it is an end that comes only after more than DOUBLINGS rounds, if it comes."""
    if condition.get("class") != "COMPARISON" or condition["type"] == "COMPARE_EQUAL":
        return False
    ends = [constant(condition[side]) for side in ("left", "right")]
    return any(isinstance(end, int) and abs(end) > DOUBLINGS for end in ends)


def _relations(source: Node) -> Iterator[Node]:
    """The relations that a FROM joins."""
    if source["type"] == "JOIN":
        yield from _relations(source["left"])
        yield from _relations(source["right"])
    elif source["type"] != "EMPTY":
        yield source


def _name(leaf: Node) -> str:
    path = (leaf.get("qualified_name") or {}).get("path") or [""]
    return str(path[-1]).lower() if len(path) == 1 else ""


def _single(relation: Node) -> bool:
    """Whether a relation certainly has one row at most."""
    if relation["type"] == "EXPRESSION_LIST":
        return len(relation["values"]) == 1
    if relation["type"] != "SUBQUERY":
        return False
    query = relation["subquery"]["node"]
    if query["type"] != "SELECT_NODE" or query["group_expressions"]:
        return False
    calls = {str(node["function_name"]).lower() for node in _calls(query["select_list"])}
    return not calls & _UNFOLDS and (query["from_table"]["type"] == "EMPTY" or bool(calls & AGGREGATES))


def _calls(items: list[Node]) -> Iterator[Node]:
    """The calls of a select list, those of subqueries left out."""
    stack: list[object] = list(items)
    while stack:
        value = stack.pop()
        if isinstance(value, dict):
            if value.get("class") == "FUNCTION":
                yield value
            if value.get("class") in {"SUBQUERY", "WINDOW"}:
                continue
            stack += [child for child in value.values() if isinstance(child, NESTED)]
        elif isinstance(value, list):
            stack += [child for child in value if isinstance(child, NESTED)]
