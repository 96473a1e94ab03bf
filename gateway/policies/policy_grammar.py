"""What a policy's expression may hold: nodes, functions and names, stricter than a client's. Pure but for the binder.

What is accepted cannot throw on any row and depends on no clock, time zone, collation or session. The walk makes column
references canonical and notes which values must be of one type.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gateway.access.claims import ClaimType
from gateway.errors import BadQuery
from gateway.policies.policy_types import Meeting, castable
from gateway.sql import duck, duck_check, scope, tree
from gateway.sql.tree import Node

Columns = Mapping[str, str]

_SAFE = frozenset(
    """
    concat contains starts_with ends_with prefix suffix lower upper lcase ucase left right length char_length
    character_length len strlen strpos instr position substr substring trim ltrim rtrim replace reverse split_part
    list_contains list_has list_has_any list_has_all array_contains array_has array_has_any array_has_all list_value
    list_position nullif ifnull if greatest least sign year month day quarter hour struct_extract
    regexp_matches regexp_full_match || ~~ !~~ ~~* !~~* ^@ && @> <@ %
    """.split()
)
# Throw on some values (measured at the ends of each type): TRY(...) makes them NULL there.
_THROWING = frozenset("+ - * / // abs trunc floor ceil round date_trunc date_part make_date regexp_extract".split())
ALLOWANCE = tree.Allowance(_SAFE | _THROWING, _SAFE | _THROWING, frozenset())
_OPERATORS = frozenset(
    """
    COMPARE_IN COMPARE_NOT_IN OPERATOR_IS_NULL OPERATOR_IS_NOT_NULL OPERATOR_NOT OPERATOR_COALESCE OPERATOR_TRY
    ARRAY_EXTRACT STRUCT_EXTRACT
    """.split()
)
_CLASSES = frozenset("COLUMN_REF CONSTANT PARAMETER COMPARISON CONJUNCTION BETWEEN OPERATOR CASE CAST TYPE".split())
# Functions whose arguments must be constants: a count out of range throws, and so does a pattern that is none.
_CONSTANT_ARGUMENTS = {
    "left": (1,), "right": (1,), "substr": (1, 2), "substring": (1, 2), "regexp_matches": (1, 2),
    "regexp_full_match": (1, 2), "regexp_extract": (1, 2, 3), "struct_extract": (1,), "date_trunc": (0,),
    "date_part": (0,),
}  # fmt: skip
_COUNT_LIMIT = 10_000
_ONE_TYPE = frozenset("nullif ifnull greatest least list_value %".split())
_ITEM_OF = frozenset("list_contains list_has array_contains array_has list_position".split())
_ITEMS_OF = frozenset("list_has_any list_has_all array_has_any array_has_all && @> <@".split())
_TRUE: Node = {
    "class": "CONSTANT",
    "type": "VALUE_CONSTANT",
    "alias": "",
    "literal": {"kind": "BOOLEAN", "text": "true"},
}


@dataclass(frozen=True)
class Scope:
    """What an expression may name: the table's columns (name -> type), tables for EXISTS, and declared claims."""

    table: str
    columns: Columns
    others: Mapping[str, Columns]
    claims: Mapping[str, ClaimType]


@dataclass(frozen=True)
class Inner:
    """The table that an EXISTS reads, under the alias by which its columns are named."""

    table: str
    alias: str


@dataclass
class Walk:
    """One pass over a tree: refuses, makes column references canonical in place, and notes what must be of one type."""

    names: Scope
    claims: set[str] = field(default_factory=set)
    meetings: list[tuple[Inner | None, list[Meeting]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._outer: list[Meeting] = []
        self._noted = self._outer
        self.meetings.append((None, self._outer))

    def visit(self, node: Any, inner: Inner | None, *, guarded: bool) -> None:
        """Check `node` and what is below it. `guarded` is whether a TRY stands above."""
        if isinstance(node, list):
            for child in node:
                self.visit(child, inner, guarded=guarded)
            return
        if not isinstance(node, dict):
            return
        kind = node.get("class")
        if kind == "SUBQUERY":
            self._exists(node, inner, guarded)
            return
        if kind is not None:
            self._check(node, str(kind), inner, guarded)
            guarded = guarded or node["type"] == "OPERATOR_TRY"
        for child in list(node.values()):
            self.visit(child, inner, guarded=guarded)

    def _check(self, node: Node, kind: str, inner: Inner | None, guarded: bool) -> None:
        if kind == "FUNCTION":
            self._function(node, guarded)
        elif kind not in _CLASSES or (kind == "OPERATOR" and node["type"] not in _OPERATORS):
            raise BadQuery(
                f"{str(node['type']).lower().replace('_', ' ')} is not allowed in a policy", reason="unsupported"
            )
        elif kind == "COLUMN_REF":
            self._column(node, inner)
        elif kind == "PARAMETER":
            self._claim(str(node["identifier"]))
        elif kind == "TYPE" and _zoned(str(node["type_name"])):
            raise BadQuery("a type with a time zone depends on the session", reason="type")
        elif kind == "CAST":
            self._cast(node, guarded)
        elif node["type"] == "ARRAY_EXTRACT":
            _constant_count(node["children"][1], "an index")
        if not guarded:
            self._noted.extend(_meetings(node))

    def _function(self, node: Node, guarded: bool) -> None:
        name = tree.called(node)
        arguments = [argument["expression"] for argument in node["arguments"]]
        for place in _CONSTANT_ARGUMENTS.get(name, ()):
            if place < len(arguments):
                _constant_count(arguments[place], f"argument {place + 1} of {name}")
        if node["distinct"] or node.get("filter") or node.get("order_bys", {}).get("orders"):
            raise BadQuery(f"{name} is no aggregate", reason="function")
        if name == "%" and not (_positive(arguments[-1]) or guarded):
            raise BadQuery("% takes a positive constant, or stands inside TRY(...)", reason="function")
        if name in _THROWING and not guarded and not _never_throws(name, arguments):
            raise BadQuery(f"{name} throws on some values: write TRY(...) around it", reason="function")

    def _cast(self, node: Node, guarded: bool) -> None:
        if guarded or node["try_cast"]:
            return
        target = _target(node)
        if node["child"]["class"] == "CONSTANT":
            if not castable(node["child"], target):
                raise BadQuery(f"the constant is no {target}", reason="type")
        elif target not in {"VARCHAR", "BOOLEAN"}:
            raise BadQuery("CAST throws on some values: write TRY_CAST", reason="type")

    def _claim(self, name: str) -> None:
        if name not in self.names.claims:
            raise BadQuery(f"${name} is not declared in claims.yaml", reason="parameter")
        self.claims.add(name)

    def _column(self, node: Node, inner: Inner | None) -> None:
        parts = [str(part).lower() for part in node["column_names"]]
        if inner is not None:
            columns = {inner.alias: self.names.others[inner.table], self.names.table: self.names.columns}.get(parts[0])
            if columns is None or len(parts) < 2:
                raise BadQuery(
                    f"{'.'.join(parts)}: inside EXISTS name a column with its table, as in {inner.alias}.{parts[-1]}",
                    reason="column",
                )
            self._known(parts[1], columns)
            node["column_names"] = [*parts[:2], *node["column_names"][2:]]
            return
        if parts[0] == self.names.table and len(parts) > 1 and parts[1] in self.names.columns:
            parts, fields = parts[1:], node["column_names"][2:]
        else:
            fields = node["column_names"][1:]
        self._known(parts[0], self.names.columns)
        node["column_names"] = [parts[0], *fields]

    def _known(self, name: str, columns: Columns) -> None:
        if name not in columns:
            raise BadQuery(f'there is no column "{name}": {", ".join(sorted(columns))}', reason="column")
        if _zoned(columns[name]):
            raise BadQuery(f'"{name}" has a time zone, which depends on the session', reason="type")

    def _exists(self, node: Node, inner: Inner | None, guarded: bool) -> None:
        query = node["subquery"]["node"]
        relation = query.get("from_table") or {}
        if node["subquery_type"] != "EXISTS" or inner is not None or guarded:
            raise BadQuery(
                "the only subquery in a policy is EXISTS (SELECT 1 FROM table WHERE ...)", reason="unsupported"
            )
        plain = {key: query.get(key) for key in ("group_expressions", "group_sets", "having", "qualify", "sample")}
        if any(plain.values()) or query["where_clause"] is None or relation.get("type") != "BASE_TABLE":
            raise BadQuery("EXISTS reads one table with a WHERE, and nothing else", reason="unsupported")
        path = [str(part).lower() for part in relation["qualified_name"]["path"]]
        if len(path) != 1 or path[0] not in self.names.others or relation["column_name_alias"] or relation["sample"]:
            raise BadQuery(f"{'.'.join(path)} is not a table of this product listed under uses:", reason="unsupported")
        alias = str(relation["alias"] or path[0]).lower()
        if alias == self.names.table or not scope.IDENTIFIER.fullmatch(alias):
            raise BadQuery(f"give {path[0]} another alias: {alias} is the filtered table itself", reason="ambiguous")
        query["select_list"] = [_TRUE]
        relation.update({"alias": alias, "table_name": path[0], "qualified_name": {"path": [path[0]]}})
        within: list[Meeting] = [Meeting("WHERE", (query["where_clause"], _TRUE), (False, False))]
        self.meetings.append((Inner(path[0], alias), within))
        self._noted = within
        self.visit(query["where_clause"], Inner(path[0], alias), guarded=False)
        self._noted = self._outer


def _meetings(node: Node) -> list[Meeting]:
    """What of `node` must be of one type."""
    kind = node["class"]
    if kind == "COMPARISON":
        return [_meeting("a comparison", [node["left"], node["right"]])]
    if kind == "BETWEEN":
        return [_meeting("BETWEEN", [node["input"], node["lower"], node["upper"]])]
    if kind == "CONJUNCTION" or node["type"] == "OPERATOR_NOT":
        return [_meeting("a condition", [child, _TRUE]) for child in node["children"]]
    if node["type"] in {"COMPARE_IN", "COMPARE_NOT_IN", "OPERATOR_COALESCE"}:
        return [_meeting("COALESCE" if node["type"] == "OPERATOR_COALESCE" else "IN", node["children"])]
    if kind == "CASE":
        branches = [check["then_expr"] for check in node["case_checks"]] + [node["else_expr"]]
        return [_meeting("CASE", branches)] + [
            _meeting("WHEN", [check["when_expr"], _TRUE]) for check in node["case_checks"]
        ]
    if kind == "CAST" and node["type_expr"]["type_name"] == "BOOLEAN" and not node["try_cast"]:
        return [_meeting("a condition", [node["child"], _TRUE])]
    return _function_meetings(node) if kind == "FUNCTION" else []


def _function_meetings(node: Node) -> list[Meeting]:
    name = str(node["function_name"]).lower()
    arguments = [argument["expression"] for argument in node["arguments"]]
    if name == "if" and len(arguments) == 3:
        return [_meeting("if", arguments[1:]), _meeting("if", [arguments[0], _TRUE])]
    if name in _ONE_TYPE:
        return [_meeting(name, arguments)]
    if name in _ITEM_OF and len(arguments) == 2:
        return [Meeting(name, tuple(arguments), (True, False))]
    if name in _ITEMS_OF and len(arguments) == 2:
        return [Meeting(name, tuple(arguments), (True, True))]
    return []


def _meeting(what: str, nodes: list[Node]) -> Meeting:
    return Meeting(what, tuple(nodes), (False,) * len(nodes))


def _target(cast: Node) -> str:
    """The canonical text of the type that `cast` converts to."""
    null = {"class": "CONSTANT", "type": "VALUE_CONSTANT", "alias": "", "literal": {"kind": "NULL_LITERAL", "text": ""}}
    return duck_check.check(f"SELECT {duck.write_expression({**cast, 'child': null})}", {}).types[0]


def _zoned(kind: str) -> bool:
    return "TIME ZONE" in kind.upper() or "TZ" in kind.upper()


def _constant_count(node: Node, what: str) -> None:
    if node["class"] != "CONSTANT":
        raise BadQuery(f"{what} must be a constant", reason="unsupported")
    literal = node["literal"]
    if literal["kind"] == "INTEGER" and abs(int(literal["text"])) > _COUNT_LIMIT:
        raise BadQuery(f"{what} is at most {_COUNT_LIMIT}", reason="limit")


def _positive(node: Node) -> bool:
    return node["class"] == "CONSTANT" and node["literal"]["kind"] == "INTEGER" and int(node["literal"]["text"]) > 0


def _never_throws(name: str, arguments: list[Node]) -> bool:
    """Whether this is `x - x % constant`, which rounds towards zero and so cannot overflow."""
    if name != "-" or len(arguments) != 2 or arguments[1]["class"] != "FUNCTION":
        return False
    rest = arguments[1]
    operands = [argument["expression"] for argument in rest["arguments"]]
    same = duck.write_expression(operands[0]) == duck.write_expression(arguments[0])
    return rest["function_name"] == "%" and same and _positive(operands[1])
