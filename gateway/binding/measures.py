"""Measures by name: MEASURE(m) wherever an aggregate may stand, and dimensions as columns. Pure: tree to tree.

The names are looked up in a resolved statement, so what is written for them reads the views of its Decisions, as all
else does. A measure is computed over each row of its table once, or refused. Between `mark` and `settle` a call with
a number stands for each: what a contract says is not the client's dialect.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from gateway.binding.measure_joins import Joins
from gateway.binding.measure_names import Budget, Meant, Names, aggregate, semantics, written
from gateway.binding.measure_sources import Sources
from gateway.binding.use_joins import joins
from gateway.binding.use_names import QUERIES, Path, Relation, own, tables
from gateway.dialects.dialect_nodes import call, cast, filled, number_node, replaced
from gateway.errors import BadQuery
from gateway.sql import duck
from gateway.sql.grammar import AGGREGATES
from gateway.sql.syntax import constant
from gateway.sql.tree import MEASURE, Node, nodes, position

if TYPE_CHECKING:
    from gateway.binding.views import Grant

_HINTED = frozenset({"avg", "min", "max", "count"})
# Each is a few hundred nodes at worst, and a text to name its column by.
ASKED_LIMIT = 500
_PLACES = "the select list, HAVING, ORDER BY or QUALIFY of a query block that reads its table"


@dataclass
class Marks:
    """What the numbered calls of a marked statement stand for; `asked` is how many there are."""

    meant: list[Meant] = field(default_factory=list)
    asked: int = 0

    def count(self, more: int = 1) -> None:
        """Count names that mean measures or dimensions. Raises BadQuery (limit)."""
        self.asked += more
        if self.asked > ASKED_LIMIT:
            words = f"the query is too large: at most {ASKED_LIMIT} measures and dimensions by name"
            raise BadQuery(words, reason="limit")

    def number(self, meant: Meant) -> int:
        """The number of what is meant: one for each. Raises BadQuery (limit)."""
        self.count()
        for place, one in enumerate(self.meant):
            if one.relation is meant.relation and one.semantic is meant.semantic:
                return place
        self.meant.append(meant)
        return len(self.meant) - 1


def mark(statement: Node, granted: Mapping[Path, Grant], *, listed: bool) -> Marks:
    """Put a numbered call, cast to its type, for every measure and dimension that a resolved `statement` names.

    `granted` are the grants by the paths of their views. `listed` is whether clients know measures as columns: a list
    of all columns of a table then has NULL for them, as a row has none. Raises BadQuery.
    """
    marks, made = Marks(), set[int]()
    asked = sum(_is_measure(node) for node in nodes(statement))
    Marks().count(asked)
    if asked or any(semantics(grant) for grant in granted.values()):
        sources = Sources(statement, granted)
        for node in [one for one in nodes(statement) if one.get("type") == "SELECT_NODE"]:
            _Block(node, granted, sources, marks, made, listed=listed).read()
    for node in nodes(statement):
        if _is_measure(node) and id(node) not in made:
            raise BadQuery(f"MEASURE stands in {_PLACES}", reason="grouping", position=position(node))
    return marks


def settle(statement: Node, marks: Marks) -> None:
    """Write what each numbered call stands for in its place. Raises BadQuery (limit)."""
    budget = Budget()
    # What stands inside a call is written before it: it may be a filter that goes to several places.
    for node in reversed(list(nodes(statement))) if marks.meant else ():
        if _is_measure(node):
            number = constant(node["arguments"][0]["expression"])
            assert isinstance(number, int)
            replaced(node, written(marks.meant[number], node["filter"], budget))


def _is_measure(node: Node) -> bool:
    return node.get("class") in {"FUNCTION", "WINDOW"} and str(node["function_name"]).lower() == MEASURE


@dataclass(frozen=True)
class _Place:
    """Where an expression stands: what is wrong with a measure there, and the names that the block has given before."""

    refusal: str = ""
    given: frozenset[str] = frozenset()
    inside: str = ""


class _Block:
    """One query block, in which names mean measures and dimensions of the tables that it reads."""

    def __init__(
        self,
        node: Node,
        granted: Mapping[Path, Grant],
        sources: Sources,
        marks: Marks,
        made: set[int],
        *,
        listed: bool,
    ) -> None:
        self._node, self._marks, self._made, self._listed = node, marks, made, listed
        self._relations, self._whole = tables(node["from_table"], granted)
        self._sides = sources.sides(node["from_table"], self._relations)
        self._names = Names(self._relations, whole=self._whole)
        self._fit: set[Relation] = set()
        self._own: set[str] = set()

    def read(self) -> None:
        """Mark every name of the block."""
        node = self._node
        self._rows()
        items: Sequence[Node] = node["select_list"]
        self._call(items)
        self._own = {str(one["alias"]).lower() for one in items if one["alias"] and self._asked(one) is not None}
        given = frozenset[str]()
        aliases = [str(one["alias"]).lower() for one in items]
        named = [one["class"] == "COLUMN_REF" and str(one["column_names"][-1]).lower() for one in items]
        for item, alias, name in zip(items, aliases, named, strict=True):
            self._visit(item, _Place(given=given))
            given |= {alias} if alias and alias != name else frozenset()
        for clause, refusal in _CLAUSES.items():
            self._visit(node[clause], _Place(refusal, given))
        for join in joins(node["from_table"]):
            self._visit(join["condition"], _Place("a join's condition compares columns", frozenset()))

    def _call(self, items: Sequence[Node]) -> None:
        """Name unnamed columns as what they ask for, or as they are written, before they change."""
        for item in items:
            if item["alias"] or item["class"] == "STAR":
                continue
            if _is_measure(item) and len(item["arguments"]) == 1:
                argument = item["arguments"][0]["expression"]
                item["alias"] = str(argument["column_names"][-1]) if argument["class"] == "COLUMN_REF" else ""
            elif item["class"] == "COLUMN_REF":
                if self._names.implied(item, ()) is not None:
                    item["alias"] = str(item["column_names"][-1])
            elif any(_is_measure(node) or self._asked(node) is not None for node in (item, *own(item))):
                item["alias"] = duck.write_expression(item)

    def _visit(self, node: Any, place: _Place) -> None:
        if isinstance(node, list):
            for child in node:
                self._visit(child, place)
        if not isinstance(node, dict) or node.get("type") in QUERIES:
            return
        match node.get("class"):
            case "COLUMN_REF":
                self._reference(node, place)
                return
            case "FUNCTION" if self._function(node, place):
                return
            case "WINDOW":
                self._window(node)
            case "LAMBDA":
                # Its parameters hide the names outside.
                return
        name = str(node.get("function_name", "")).lower()
        if node.get("class") == "FUNCTION" and name in AGGREGATES:
            place = _Place(f"{name}() aggregates rows, and a measure has no value in a row", place.given, name)
        for child in node.values():
            self._visit(child, place)

    def _reference(self, node: Node, place: _Place) -> None:
        meant = self._names.implied(node, place.given | self._own)
        if meant is None:
            return
        name = meant.semantic.name
        if meant.semantic.kind == "measure":
            words = f'"{name}" is a measure: it has a value for a group of rows, not for a row'
            hint = f"write MEASURE({name})" + (" in HAVING" if place.refusal == _CLAUSES["where_clause"] else "")
            if place.inside:
                hint = f"write MEASURE({name}), which is an aggregate by itself"
            raise BadQuery(words, reason="grouping", hint=hint, position=position(node))
        self._put(node, meant, None)

    def _function(self, node: Node, place: _Place) -> bool:
        """Whether `node` asks for a measure, and is marked."""
        name = str(node["function_name"]).lower()
        if name == MEASURE:
            arguments = [one["expression"] for one in node["arguments"]]
            if len(arguments) != 1 or arguments[0]["class"] != "COLUMN_REF":
                words = "MEASURE takes the name of one measure, as in MEASURE(revenue)"
                raise BadQuery(words, reason="function", position=position(node))
            meant = self._names.measure(arguments[0])
        else:
            implied = self._asked(node)
            if implied is None:
                return False
            meant = implied
            self._same(node, name, meant, place)
        if place.refusal:
            words = f"{place.refusal}: MEASURE stands in {_PLACES}"
            raise BadQuery(words, reason="grouping", position=position(node))
        if (node["distinct"] and name in {MEASURE, "sum"}) or node["order_bys"]["orders"]:
            words = f"MEASURE({meant.semantic.name}) takes no DISTINCT and no ORDER BY"
            raise BadQuery(words, reason="unsupported", position=position(node))
        self._visit(node["filter"], _Place("a filter chooses rows, and a measure has no value in a row", place.given))
        self._once(meant, node)
        self._put(node, meant, node["filter"])
        return True

    def _asked(self, node: Node) -> Meant | None:
        """The measure that an aggregate of a bare name means, as tools write it that know measures as columns."""
        if node.get("class") != "FUNCTION" or str(node["function_name"]).lower() not in {*_HINTED, "sum", MEASURE}:
            return None
        arguments = [one["expression"] for one in node["arguments"]]
        if len(arguments) != 1 or arguments[0]["class"] != "COLUMN_REF":
            return None
        meant = self._names.implied(arguments[0], ())
        return meant if meant is not None and meant.semantic.kind == "measure" else None

    def _same(self, node: Node, name: str, meant: Meant, place: _Place) -> None:
        """Refuse another aggregate than the measure's own, and a name that means something else as well."""
        measure = meant.semantic.name
        if len(node["arguments"][0]["expression"]["column_names"]) == 1 and measure in place.given - self._own:
            words = f'"{measure}" is a measure and a name that this query gives'
            raise BadQuery(words, reason="ambiguous", hint=f"write MEASURE({measure})", position=position(node))
        if name != "sum" and aggregate(meant.semantic) != (name, bool(node["distinct"])):
            words = f"{name}({measure}) is not what the measure {measure} is"
            raise BadQuery(words, reason="grouping", hint=f"write MEASURE({measure})", position=position(node))

    def _window(self, node: Node) -> None:
        arguments = [one["expression"] for one in node["arguments"]]
        bare = len(arguments) == 1 and arguments[0]["class"] == "COLUMN_REF"
        meant = self._names.implied(arguments[0], ()) if bare else None
        if _is_measure(node) or (meant is not None and meant.semantic.kind == "measure"):
            words = "a measure is computed for groups of rows, and OVER goes around it"
            hint = "write sum(MEASURE(m)) OVER (...)"
            raise BadQuery(words, reason="unsupported", hint=hint, position=position(node))

    def _put(self, node: Node, meant: Meant, only: Node | None) -> None:
        if meant.relation.alias == "alias" or sum(one.alias == meant.relation.alias for one in self._relations) > 1:
            words = f'give the table of "{meant.semantic.name}" a name of its own'
            raise BadQuery(words, reason="ambiguous", position=position(node))
        marked = {**call(MEASURE, number_node(self._marks.number(meant))), "filter": only}
        replaced(node, cast(marked, meant.semantic.type))
        self._made.add(id(node["child"]))

    def _once(self, meant: Meant, node: Node) -> None:
        """Raise BadQuery unless the block has every row of the measure's table at most once, and no row beside them."""
        root, block, name = meant.relation, self._node, meant.semantic.name
        if root in self._fit:
            return
        if block["sample"] is not None:
            raise BadQuery("a measure takes all rows, and no sample", reason="unsupported", position=position(node))
        if block["group_expressions"] and any(str(one.get("function_name")).lower() == "unnest" for one in own(block)):
            words = "a measure takes each row once, and groups by unnest may repeat one: aggregate in a subquery"
            raise BadQuery(words, reason="grouping", position=position(node))
        met = Joins(block["from_table"], self._sides)
        repeating = met.repeating(root, block["where_clause"])
        if repeating == ():
            self._fit.add(root)
            return
        others = ", ".join(f'"{one.written}"' for one in repeating or ()) or "what it is joined with"
        words = f'MEASURE({name}) takes each row of "{root.written}" once: a join with {others} may repeat or add some'
        table = f"{root.grant.snapshot.product.name}.{root.grant.table.name}"
        keys = ", ".join(met.meeting(root, block["where_clause"])) or "..."
        inner = f"SELECT {keys}, MEASURE({name}) AS {name} FROM {table} GROUP BY ALL"
        hint = f"aggregate before the join: WITH m AS ({inner}) SELECT ... FROM m JOIN ... USING ({keys})"
        raise BadQuery(words, reason="grouping", hint=hint, position=position(node))

    def _rows(self) -> None:
        """Give NULL for measures in a list of all that catalogs tell of one table: tools show samples of rows so."""
        node, items = self._node, self._node["select_list"]
        if not self._listed or not self._whole or len(self._relations) != 1:
            return
        if node["group_expressions"] or node["group_sets"] or node["having"] or node["aggregate_handling"] != _PLAIN:
            return
        (relation,) = self._relations
        measures = {one.name: one for one in semantics(relation.grant).values() if one.kind == "measure"}
        bare = [item for item in items if item["class"] == "COLUMN_REF"]
        names = {str(item["column_names"][-1]).lower() for item in bare}
        if not measures or len(bare) < len(items) or not {*measures, *relation.grant.decision.visible} <= names:
            return
        for item in bare:
            meant = self._names.implied(item, ())
            if meant is not None and meant.semantic.kind == "measure":
                item["alias"] = item["alias"] or str(item["column_names"][-1])
                replaced(item, filled(f"CAST(NULL AS {meant.semantic.type})"))


_PLAIN = "STANDARD_HANDLING"
# The clauses beside the select list, and what is wrong with a measure in one of them.
_CLAUSES: Mapping[str, str] = {
    "where_clause": "WHERE chooses rows, and HAVING groups",
    "group_expressions": "groups are made by columns and dimensions",
    "having": "",
    "qualify": "",
    "modifiers": "",
}
