"""How much a statement can make out of little, bounded before it is planned: parts to plan, values, steps, columns.

Pure: reads a checked tree, knows no table. DuckDB's planner, and its functions within one vector of rows, are deaf to
any time limit: what nothing else could stop is refused here. What an interrupt or the memory limit stops is not.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from gateway.errors import BadQuery
from gateway.sql import budget, grammar, growth, recursion, series
from gateway.sql.budget import Budget
from gateway.sql.extent import TABLE_WIDTH, Relation, Scope, alias, lambda_names, merged, selected, star_width
from gateway.sql.growth import FAR, GATHERED, ONE, Bound, checked, together, widest
from gateway.sql.syntax import NESTED, Node

_QUERIES = frozenset({"SELECT_NODE", "SET_OPERATION_NODE", "RECURSIVE_CTE_NODE"})
_TRUTHS = frozenset({"COMPARE_IN", "COMPARE_NOT_IN", "OPERATOR_NOT", "OPERATOR_IS_NULL", "OPERATOR_IS_NOT_NULL"})


def check(statement: Node) -> None:
    """Refuse a statement that would grow too large before it reads a row. Raises BadQuery (limit)."""
    try:
        _Walk().expression(statement, Scope({}))
    except RecursionError as error:
        raise BadQuery("the query is nested too deeply", reason="limit") from error


class _Walk:
    """One walk over one statement; `_star`: the columns that the stars of the item being read stand for."""

    def __init__(self) -> None:
        self._budget = Budget()
        self._star = 0

    def expression(self, value: Any, scope: Scope) -> Bound:
        """The bound of any part of a tree; whatever has no rule of its own is as large as its largest part."""
        if isinstance(value, list):
            return together([self.expression(item, scope) for item in value if isinstance(item, NESTED)])
        self._budget.step()
        kind = value.get("class")
        rule = _EXPRESSIONS.get(kind) if kind else None
        if rule is not None:
            return rule(self, value, scope)
        if "cte_map" in value:
            relation = self.query(value, scope)
            return relation.largest._replace(parts=relation.parts, work=1)
        return self._parts(value, scope)

    def _parts(self, node: Node, scope: Scope) -> Bound:
        found = [self.expression(child, scope) for child in node.values() if child and isinstance(child, NESTED)]
        return together(found) if found else ONE

    def _truth(self, node: Node, scope: Scope) -> Bound:
        return self._parts(node, scope)._replace(size=1, item=1, items=1)

    def _chain(self, node: Node, scope: Scope) -> Bound:
        return self._budget.charge(
            self._truth(node, scope), len(node["children"]) ** 2 // budget.CHAIN_PARTS, budget.CHAINS
        )

    def _operator(self, node: Node, scope: Scope) -> Bound:
        if node["type"] == "ARRAY_CONSTRUCTOR":
            items = [self.expression(child, scope) for child in node["children"]]
            return together(items)._replace(size=growth.packed([one.size for one in items]), items=max(1, len(items)))
        bound = self._truth(node, scope) if node["type"] in _TRUTHS else self._parts(node, scope)
        return bound._replace(size=bound.item) if node["type"] == "ARRAY_EXTRACT" else bound

    def _position(self, node: Node, scope: Scope) -> Bound:
        return scope.source.largest

    def _constant(self, node: Node, _: Scope) -> Bound:
        return growth.literal(node)

    def _column(self, node: Node, scope: Scope) -> Bound:
        bound = scope.column(node["column_names"])
        self._budget.note(bound.parts - 1, budget.ALIASES)
        self._budget.plannable(bound.parts)
        return bound

    def _wild(self, node: Node, scope: Scope) -> Bound:
        inside = self._parts(node, scope)
        bound = widest([scope.source.largest, inside])._replace(parts=inside.parts)
        self._star = max(self._star, star_width(node, scope))
        return self._budget.charge(bound, inside.parts * star_width(node, scope), budget.STARS)

    def _case(self, node: Node, scope: Scope) -> Bound:
        tests = [self.expression(check["when_expr"], scope) for check in node["case_checks"]]
        results = [self.expression(check["then_expr"], scope) for check in node["case_checks"]]
        results += [self.expression(node["else_expr"], scope)] if node["else_expr"] else []
        chosen = widest(results)
        return together(tests + results)._replace(
            size=chosen.size, item=chosen.item, years=chosen.years, items=chosen.items
        )

    def _subquery(self, node: Node, scope: Scope) -> Bound:
        beside = self.expression([node["child"]] if node["child"] else [], scope)
        relation = self.query(node["subquery"]["node"], scope)
        value = relation.largest if node["subquery_type"] == "SCALAR" else ONE
        bound = value._replace(parts=relation.parts + beside.parts, work=1 + beside.work)
        return (
            self._budget.charge(bound, budget.SUBQUERY_PARTS, budget.SUBQUERIES)
            if relation.parts >= budget.RELATION_PARTS
            else bound
        )

    def _call(self, node: Node, scope: Scope) -> Bound:
        name = str(node["function_name"]).lower()
        arguments = [argument["expression"] for argument in node["arguments"]]
        plain = [self.expression(one, scope) for one in arguments if one.get("class") != "LAMBDA"]
        if name in grammar.SERIES:
            return together(plain)._replace(
                size=budget.ITEM_SIZE * series.items(node, [one.years for one in plain]), item=1
            )
        bodies = [self._body(one, plain, scope) for one in arguments if one.get("class") == "LAMBDA"]
        others = [node[key] for key in _CLAUSES if node.get(key)]
        bound = checked(growth.call(name, node, plain, bodies, self.expression(others, scope)), node)
        return self._budget.charge(bound, budget.DISTINCT_PARTS, budget.DISTINCT) if node.get("distinct") else bound

    def _body(self, function: Node, lists: list[Bound], scope: Scope) -> Bound:
        """The body of a lambda for one item."""
        each = max((one.item for one in lists), default=1)
        variables = {name: Bound(1, each, each, items=0) for name in lambda_names(function["lhs"])}
        inner = Scope(scope.ctes, Relation(), variables, scope, frozenset(variables))
        return self.expression(function["expr"], inner)

    def query(self, node: Node, outer: Scope) -> Relation:
        """The bounds of a query's answer. Raises BadQuery (limit)."""
        if node["type"] not in _QUERIES - {"RECURSIVE_CTE_NODE"}:
            raise BadQuery("this syntax is not supported", reason="unsupported")
        self._budget.step(budget.QUERY_STEPS)
        star = self._star
        scope, parts = self._with(node, outer)
        answer = self._select(node, scope) if node["type"] == "SELECT_NODE" else self._set_operation(node, scope)
        answer = replace(answer, parts=answer.parts + parts)
        self._budget.plannable(answer.parts)
        self._star = star
        return answer

    def _with(self, node: Node, outer: Scope) -> tuple[Scope, int]:
        """The scope of a query's body, and the parts of its WITH list."""
        scope, parts = Scope(dict(outer.ctes), outer=outer), 0
        for entry in node["cte_map"]["map"]:
            name, value = str(entry["key"]), entry["value"]
            if value["query_node"]["type"] == "RECURSIVE_CTE_NODE":
                relation = self._recursive(value["query_node"], name, value["aliases"], scope)
            else:
                relation = self.query(value["query_node"], scope).called(name, value["aliases"])
            parts += relation.parts
            if value["materialized"] == "CTE_MATERIALIZE_NEVER":
                self._budget.note(relation.parts, budget.COPIES)
            else:
                relation = replace(relation, parts=budget.RELATION_PARTS)
            scope = replace(scope, ctes={**scope.ctes, name.lower(): relation})
        return scope, parts

    def _recursive(self, body: Node, name: str, aliases: list[str], outer: Scope) -> Relation:
        """The bounds after some rounds. Refuses rows that nothing keeps from multiplying, and values that grow by more
        in later rounds than in the first ones.

        Columns that hand values on to each other come round within as many rounds as there are columns.
        """
        scope, parts = self._with(body, outer)
        answer = self.query(body["left"], scope).called(name, aliases)
        parts += answer.parts
        known = frozenset(name.lower() for name in answer.names if name) if answer.whole else None
        if recursion.endless(name, known, body["right"]):
            raise BadQuery(
                "a recursive query may not join all of its rows with all of another relation's in each round: join "
                "them by an equality, or end it by a condition on its own columns soon, as in WHERE depth < 10",
                reason="limit",
            )
        half, sizes = max(1, len(answer.outputs)), [answer.total]
        for _ in range(2 * half):
            inside = replace(scope, ctes={**scope.ctes, name.lower(): replace(answer, parts=budget.RELATION_PARTS)})
            again = self.query(body["right"], inside)
            answer = replace(merged([answer, again]).called(name, aliases), parts=again.parts)
            sizes.append(answer.total)
            self._budget.step(3 * len(answer.outputs))
        if sizes[-1] - sizes[half] > sizes[half] - sizes[0]:
            raise BadQuery(
                "a recursive query may add to its values in each round, but not multiply them: "
                "make texts and lists longer by constants and columns of other tables only",
                reason="limit",
            )
        outputs = tuple(bound._replace(years=FAR) for bound in answer.outputs)
        return replace(answer, outputs=outputs, parts=answer.parts + parts)

    def _set_operation(self, node: Node, scope: Scope) -> Relation:
        given = (node["left"], node["right"], *(node.get("children") or ()))
        sides = [self.query(side, scope) for side in given if side]
        answer = merged(sides)
        if node["setop_type"] == "UNION_BY_NAME":
            width = sum(side.width for side in sides)
            answer = Relation(width, other=answer.largest, parts=answer.parts + len(sides) * width, whole=False)
            self._budget.note(len(sides) * width, budget.BY_NAME)
        ordered = self.expression(node["modifiers"], replace(scope, source=answer))
        return replace(answer, parts=answer.parts + ordered.parts)

    def _select(self, node: Node, outer: Scope) -> Relation:
        source = self.source(node["from_table"], outer)
        scope = replace(outer, source=source, aliases={})
        items, stars = list[Bound](), list[int]()
        for item in node["select_list"]:
            self._star = 0
            items.append(self.expression(item, scope))
            stars.append(self._star)
            if item["alias"]:
                scope.aliases[str(item["alias"]).lower()] = items[-1]
        rest = [node[key] for key in ("where_clause", "group_expressions", "having", "qualify", "modifiers", "sample")]
        every = together([*items, self.expression([part for part in rest if part], scope)])
        # What an aggregate gathers is in the engine's memory accounting.
        made = sum(bound.size for bound in items if bound.size != GATHERED)
        checked(every._replace(size=max(every.size, made)))
        cells = sum(len(columns) + 1 for columns in node["group_sets"]) if len(node["group_sets"]) > 1 else 0
        every = self._budget.charge(every, budget.GROUPING_PARTS * cells, budget.SETS)
        return selected(node["select_list"], items, stars, scope, source.parts + every.parts)

    def source(self, node: Node, outer: Scope) -> Relation:
        """One relation of FROM. Raises BadQuery (limit)."""
        found = _SOURCES[node["type"]](self, node, outer)
        names = node.get("column_name_alias") or []
        return found if node["type"] in {"JOIN", "EMPTY"} else found.called(alias(node), names)

    def _table(self, node: Node, outer: Scope) -> Relation:
        path = node["qualified_name"]["path"]
        found = outer.ctes.get(str(path[0]).lower()) if len(path) == 1 else None
        return found or Relation(TABLE_WIDTH, parts=budget.RELATION_PARTS, whole=False)

    def _derived(self, node: Node, outer: Scope) -> Relation:
        return self.query(node["subquery"]["node"], outer)

    def _join(self, node: Node, outer: Scope) -> Relation:
        left = self.source(node["left"], outer)
        joined = left.beside(self.source(node["right"], Scope(outer.ctes, left, {}, outer)))
        scope = replace(outer, source=joined, aliases={})
        bound = checked(self.expression([node["condition"]] if node["condition"] else [], scope))
        if node["ref_type"] == "NATURAL":
            bound = self._budget.charge(bound, budget.NATURAL_PARTS, budget.NATURAL)
        return replace(joined, parts=joined.parts + bound.parts)

    def _table_function(self, node: Node, outer: Scope) -> Relation:
        function = node["function"]
        arguments = [argument["expression"] for argument in function["arguments"]]
        bound, name = self.expression(arguments, outer), str(function["function_name"]).lower()
        if name in grammar.SERIES:
            series.rows(function)
            return Relation(2, parts=budget.RELATION_PARTS + bound.parts, whole=False)
        each = bound.item if name == "unnest" else checked(bound, function).size
        width = 1 + (bound.item if name == "unnest" else 8)
        other = Bound(1, each, each, 1, bound.years, 0)
        return Relation(width, other=other, parts=budget.RELATION_PARTS + bound.parts + width, whole=False)

    def _values(self, node: Node, outer: Scope) -> Relation:
        rows = [[self.expression(cell, outer) for cell in row] for row in node["values"]]
        outputs = tuple(widest(cells) for cells in zip(*rows, strict=False))
        parts = sum(cell.parts for row in rows for cell in row)
        return Relation(len(outputs), ("",) * len(outputs), outputs, parts=budget.RELATION_PARTS + parts)

    def _pivot(self, node: Node, outer: Scope) -> Relation:
        source = self.source(node["source"], outer)
        inside = self.expression([node["aggregates"], node["pivots"], node["groups"]], replace(outer, source=source))
        made = math.prod(max(1, len(pivot["entries"])) for pivot in node["pivots"])
        added = made * max(1, len(node["aggregates"])) if node["aggregates"] else len(node["unpivot_names"]) + 1
        width = source.width + added
        self._budget.note(added, budget.STARS)
        other = widest([source.largest, inside])
        return Relation(
            width, other=other._replace(parts=1, work=1), parts=source.parts + inside.parts + width, whole=False
        )


_CLAUSES = (
    "filter filter_expr order_bys orders arg_orders partitions start_expr end_expr offset_expr default_expr".split()
)
_EXPRESSIONS: dict[str, Callable[[_Walk, Node, Scope], Bound]] = {
    "BETWEEN": _Walk._truth,
    "CASE": _Walk._case,
    "COLUMN_REF": _Walk._column,
    "COMPARISON": _Walk._truth,
    "CONJUNCTION": _Walk._chain,
    "CONSTANT": _Walk._constant,
    "FUNCTION": _Walk._call,
    "OPERATOR": _Walk._operator,
    "POSITIONAL_REFERENCE": _Walk._position,
    "STAR": _Walk._wild,
    "SUBQUERY": _Walk._subquery,
    "WINDOW": _Walk._call,
}
_SOURCES: dict[str, Callable[[_Walk, Node, Scope], Relation]] = {
    "BASE_TABLE": _Walk._table,
    "SUBQUERY": _Walk._derived,
    "JOIN": _Walk._join,
    "TABLE_FUNCTION": _Walk._table_function,
    "EXPRESSION_LIST": _Walk._values,
    "EMPTY": lambda _walk, _node, _outer: Relation(),
    "PIVOT": _Walk._pivot,
}
