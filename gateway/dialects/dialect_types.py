"""The types that PostgreSQL gives to expressions, as far as a resolved tree tells them, and the casts that follow.

Pure: nothing is guessed, what is not known stays as DuckDB has it. Source: PostgreSQL 15, chapters 8, 9 and 10.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace

from gateway.dialects.dialect_nodes import Source
from gateway.sql import syntax, tree
from gateway.sql.tree import Node


@dataclass(frozen=True)
class Kind:
    """A type of PostgreSQL by its name; of a numeric the digits behind the point, -1 where they are many.

    `other` says that DuckDB gives another type.
    """

    name: str
    scale: int = 0
    other: bool = False


Columns = Mapping[str, Kind | None]
INTEGERS = ("int2", "int4", "int8")
_NUMBERS = (*INTEGERS, "numeric", "float4", "float8")
_TYPES: Mapping[str, str] = {
    **dict.fromkeys(("TINYINT", "UTINYINT", "SMALLINT", "INT2"), "int2"),
    **dict.fromkeys(("INTEGER", "INT", "INT4", "USMALLINT"), "int4"),
    **dict.fromkeys(("BIGINT", "INT8", "UINTEGER"), "int8"),
    **dict.fromkeys(("HUGEINT", "UBIGINT"), "numeric"),
    **dict.fromkeys(("DOUBLE", "FLOAT8"), "float8"),
    **dict.fromkeys(("FLOAT", "REAL", "FLOAT4"), "float4"),
    **dict.fromkeys(("TIMESTAMP WITH TIME ZONE", "TIMESTAMPTZ"), "timestamptz"),
    **dict.fromkeys(("BOOLEAN", "BOOL"), "bool"),
    **dict.fromkeys(("VARCHAR", "TEXT"), "text"),
    **{name.upper(): name for name in ("date", "time", "timestamp", "interval", "json")},
}
_NULL = Kind("null")
_SAME = frozenset("min max lag lead first_value last_value nth_value abs any_value mode nullif".split()) | {
    "quantile_disc", "greatest", "least", "round_even",
}  # fmt: skip
_FLOATS = frozenset("quantile_cont percent_rank cume_dist random pi degrees radians".split())
_COUNTS = frozenset("count count_star row_number rank dense_rank".split())
_LENGTHS = frozenset("ntile width_bucket".split())


def column(text: str) -> Kind | None:
    """The kind of one of DuckDB's types."""
    if text.startswith("DECIMAL("):
        return Kind("numeric", int(text.rstrip(")").rpartition(",")[2]))
    name = _TYPES.get(text)
    return Kind(name) if name is not None else None


class Types:
    """The types of the expressions of one statement; `columns` are those of what it reads, by name."""

    def __init__(self, statement: Node, columns: Mapping[str, Collection[str]], source: Source) -> None:
        self._source = source
        self.averages = 0
        self._relations = _relations(statement)
        self._shown = {id(query) for query in outermost(statement["node"])}
        read = {name: _agreed(column(kind) for kind in kinds) for name, kinds in columns.items()}
        self._columns: Columns = read
        named: Columns = {}
        if any(node.get("type") == "PIVOT" for node in tree.nodes(statement)):
            self._columns = {}  # its columns have names of their own making
            return
        for _ in range(_ROUNDS):
            before, named = named, self._given(statement, read)
            self._columns = {**read, **named}
            if named == before:
                break

    def _given(self, statement: Node, read: Columns) -> Columns:
        """The names that queries inside give to their columns; a name that stands for several kinds has none."""
        found: dict[str, list[Kind | None]] = {}
        for node in tree.nodes(statement):
            for name, kind in self._names(node):
                found.setdefault(name.lower(), [read[name.lower()]] if name.lower() in read else []).append(kind)
        return {name: _agreed(kinds) for name, kinds in found.items()}

    def _names(self, node: Node) -> Iterable[tuple[str, Kind | None]]:
        if node.get("type") == "SELECT_NODE":
            # What the statement itself gives is named for nothing inside it.
            for item in () if id(node) in self._shown else node["select_list"]:
                if item["alias"]:
                    yield str(item["alias"]), self.of(item)
            return
        kind = node.get("type")  # of a constant, say how many rows a sample has, it is no text
        if (isinstance(kind, str) and kind in _UNIONS) or "query_node" in node:
            yield from self._unsure(node)
            return
        names = [str(one) for one in node.get("column_name_alias") or node.get("expected_names") or ()]
        series = None
        if node.get("type") == "TABLE_FUNCTION":
            names = [*names, str(node["alias"] or node["function"].get("function_name", ""))]
            series = self.of(node["function"]) if node["function"].get("function_name") == "generate_series" else None
        rows: list[list[Node]] = []
        inner = node["subquery"]["node"] if node.get("type") == "SUBQUERY" and "column_name_alias" in node else node
        if inner.get("type") == "SELECT_NODE":
            values, whole = inner.get("from_table") or {}, _starred([inner["select_list"]])
            rows = [] if whole else [inner["select_list"]]
            if values.get("type") == "EXPRESSION_LIST" and whole and len(inner["select_list"]) == 1:
                rows = values["values"]
        elif inner.get("type") == "EXPRESSION_LIST":
            rows = inner["values"]
        for place, name in enumerate(names):
            yield name, self._combined([row[place] for row in rows if place < len(row)]) if rows else series

    def _unsure(self, node: Node) -> Iterable[tuple[str, None]]:
        """Names of columns that may have another kind than what stands beside their name: it is not known then."""
        if "query_node" in node:
            yield from ((str(name), None) for name in node["aliases"])
            return
        sides = outermost(node)
        if any(id(side) in self._shown for side in sides):
            return
        lists = [side["select_list"] for side in sides]
        unclear = _starred(lists) or len({len(items) for items in lists}) > 1
        for items in lists:
            for place, item in enumerate(items):
                kinds = set() if unclear else {self.of(other[place]) for other in lists}
                if len(kinds) != 1 or None in kinds:
                    yield str(item["alias"] or (item.get("column_names") or [""])[-1]), None

    def of(self, node: Node) -> Kind | None:
        """The kind of an expression, None where it is not known."""
        match node["class"]:
            case "CONSTANT":
                return _constant(node["literal"])
            case "COLUMN_REF":
                names = [str(one).lower() for one in node["column_names"]]
                known = len(names) == 1 or names[-2] in self._relations
                return self._columns.get(names[-1]) if known else None
            case "CAST":
                return _cast(node["type_expr"])
            case "COMPARISON" | "CONJUNCTION" | "BETWEEN":
                return Kind("bool")
            case "CASE":
                last = [node["else_expr"]] if node["else_expr"] else []
                return self._combined([check["then_expr"] for check in node["case_checks"]] + last)
            case "OPERATOR" if node["type"] == "OPERATOR_COALESCE":
                return self._combined(node["children"])
            case "FUNCTION" | "WINDOW":
                return self._called(node)
        return None

    def _combined(self, nodes: Iterable[Node]) -> Kind | None:
        return _common([self.of(node) for node in nodes])

    def _called(self, node: Node) -> Kind | None:
        name = str(node["function_name"]).lower()
        arguments = [one["expression"] for one in node["arguments"]]
        if node.get("is_operator"):
            return _operated(name, [self.of(one) for one in arguments])
        if name in _COUNTS:
            return Kind("int8")
        if name in _LENGTHS:
            return Kind("int4", other=True)
        if name in _FLOATS:
            return Kind("float8")
        if name in {"date_part", "datepart"}:
            field = str(syntax.constant(arguments[0])).lower()
            if field in {"julian", "none"}:
                return None
            extract = self._source.word(node) == "extract"
            return Kind("numeric", 6 if field == "epoch" else 0, other=True) if extract else Kind("float8", other=True)
        if name in _SAME and arguments:
            kinds = [self.of(one) for one in arguments]
            if name in {"min", "max"} and len(arguments) > 1:
                return None  # the first of them, as a list
            return _common(kinds) if name in {"greatest", "least"} else kinds[0]
        return self._computed(name, arguments)

    def _computed(self, name: str, arguments: list[Node]) -> Kind | None:
        kinds = [self.of(one) for one in arguments]
        first = kinds[0] if kinds else None
        if name == "date_trunc" and len(kinds) == 2 and kinds[1] is not None:
            return replace(kinds[1], name="timestamptz", other=True) if kinds[1].name == "date" else kinds[1]
        if first is None or first.name not in _NUMBERS:
            return None
        whole, exact = first.name in INTEGERS, first.name in {*INTEGERS, "numeric"}
        if name == "sum":
            return Kind("numeric" if first.name == "int8" else "int8", other=first.name != "int8") if whole else first
        if name == "avg":
            return Kind("numeric" if exact else "float8", -1, other=exact)
        if name in {"round", "trunc"} and len(arguments) == 2 and exact:
            digits = syntax.constant(arguments[1])
            return Kind("numeric", max(0, digits), other=True) if isinstance(digits, int) else None
        if name in {"round", "trunc", "ceil", "ceiling", "floor", "sign"} and len(arguments) == 1:
            return Kind("float8", other=True) if whole else replace(first, scale=0, other=first.other or name == "sign")
        if name in {"gcd", "lcm", "greatest_common_divisor", "least_common_multiple"}:
            found = _common(kinds)
            return replace(found, other=True) if found is not None else None
        if name == "unnest" or name == "generate_series":
            # Of a list of any other making the kind is not known.
            return replace(first, other=True) if whole else None
        return _operated("%", kinds) if name == "mod" and len(kinds) == 2 else None


_ROUNDS = 8
_UNIONS = frozenset({"SET_OPERATION_NODE", "RECURSIVE_CTE_NODE"})


def _starred(lists: Iterable[list[Node]]) -> bool:
    """Whether a place among the columns says nothing of which it is."""
    return any(item["class"] == "STAR" for items in lists for item in items)


def outermost(query: Node) -> list[Node]:
    """The queries whose columns are the statement's own."""
    found, waiting = list[Node](), [query]
    while waiting:
        one = waiting.pop()
        if one["type"] in _UNIONS:
            waiting += [side for side in (one["left"], one["right"], *(one.get("children") or ())) if side]
        elif one["type"] == "SELECT_NODE":
            found.append(one)
    return found


def _relations(statement: Node) -> set[str]:
    """The names under which relations stand in a statement."""
    found = set()
    for node in tree.nodes(statement):
        if node.get("class") is None and "alias" in node:
            found.add(str(node["alias"] or (node.get("qualified_name") or {"path": [""]})["path"][-1]).lower())
    return found


def _agreed(kinds: Iterable[Kind | None]) -> Kind | None:
    """The one kind of all."""
    given = set(kinds) - {_NULL}
    return given.pop() if len(given) == 1 else None


def _common(kinds: list[Kind | None]) -> Kind | None:
    """The kind of a value that is one of several."""
    given = [kind for kind in kinds if kind != _NULL]
    if not given or None in given:
        return None if None in given else _NULL
    known = [kind for kind in given if kind is not None]
    if len({kind.name for kind in known}) == 1 and known[0].name != "numeric":
        return replace(known[0], other=any(kind.other for kind in known))
    return _number(known, max(kind.scale for kind in known))


def _number(known: list[Kind], scale: int) -> Kind | None:
    """The wider of the numbers; integers of two widths are computed in DuckDB by what their values need."""
    names = {kind.name for kind in known}
    if not names <= {*_NUMBERS}:
        return None
    widest = max(names, key=_NUMBERS.index)
    if widest == "float4":
        widest = "float4" if len(names) == 1 else "float8"
    other = any(kind.other for kind in known) or (len(names) > 1 and names <= {*INTEGERS})
    many = widest == "numeric" and any(kind.scale < 0 for kind in known)
    return Kind(widest, (-1 if many else scale) if widest == "numeric" else 0, other)


def _constant(literal: Node) -> Kind | None:
    text = str(literal["text"])
    if literal["kind"] == "INTEGER" and text.removeprefix("-").isdecimal():
        return Kind("int4" if int(text) < 1 << 31 else "int8" if int(text) < 1 << 63 else "numeric")
    if literal["kind"] == "NUMERIC" and "e" not in text.lower():
        return Kind("numeric", len(text.partition(".")[2]))
    return {"NULL_LITERAL": _NULL, "BOOLEAN": Kind("bool"), "STRING": Kind("text")}.get(str(literal["kind"]))


def _cast(kind: Node) -> Kind | None:
    name = str(kind.get("type_name", "")).upper()
    if name in {"DECIMAL", "NUMERIC"}:
        digits = [syntax.constant(one) for one in kind.get("children") or ()]
        scale = digits[1] if len(digits) > 1 else 0
        return Kind("numeric", scale) if isinstance(scale, int) and digits else None
    return None if kind.get("children") else column(name)


def _operated(name: str, kinds: list[Kind | None]) -> Kind | None:
    if None in kinds:
        return None
    known = [kind for kind in kinds if kind is not None and kind != _NULL]
    if len(known) != len(kinds) or not known:
        return None
    names = tuple(kind.name for kind in known)
    if names == ("date", "date") and name == "-":
        return Kind("int4", other=True)
    if len(known) == 1:
        return known[0] if name == "-" and names[0] in _NUMBERS else None
    if name in {"+", "-", "%"}:
        return _number(known, max(kind.scale for kind in known))
    if name == "*":
        return _number(known, sum(kind.scale for kind in known))
    found = _number(known, -1) if name in {"/", "//"} else None
    if found is None or found.name in INTEGERS:
        return found
    return replace(found, scale=-1 if found.name == "numeric" else 0, other=True)
