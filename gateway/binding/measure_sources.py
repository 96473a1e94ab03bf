"""What stands beside tables in a FROM clause, subqueries and CTEs: by which columns no two rows are alike. Pure.

Proven from how they are written: by what they group, what is DISTINCT in them, that they have one row, or that they
hold a table's rows once, with its key. Whatever is not recognised has no key.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gateway.binding.measure_joins import Joins
from gateway.binding.measure_names import semantics
from gateway.binding.measure_sides import Derived, Side, identified, kind, named
from gateway.binding.use_joins import joins
from gateway.binding.use_names import Path, Relation, leaves, own, tables
from gateway.sql.grammar import AGGREGATES, TABLE_FUNCTIONS
from gateway.sql.syntax import constant
from gateway.sql.tree import MEASURE, Node, nodes

if TYPE_CHECKING:
    from gateway.binding.views import Grant

_LOOSE = ("DOUBLE", "FLOAT", "INTERVAL", "TIME WITH", "STRUCT", "TUPLE", "MAP", "UNION", "VARIANT", "JSON")
_SELECTION = ("columns", "expr", "exclude_list", "replace_list", "rename_list", "qualified_exclude_list")


@dataclass(frozen=True)
class _Output:
    """A column of a block: `source` is the column that it is, where it is one as it stands."""

    name: str
    item: Node
    source: tuple[Side, str] | None

    @property
    def type(self) -> str | None:
        """Its type, where equal values of it are told apart by nothing: groups of it then meet one value each."""
        found = kind(*self.source) if self.source is not None else None
        return None if found is None or found.startswith(_LOOSE) or found.endswith("]") else found


class Sources:
    """The sides of every block of a resolved statement, found before anything in it changes."""

    def __init__(self, statement: Node, granted: Mapping[Path, Grant]) -> None:
        self._granted = granted
        maps = [node["cte_map"]["map"] for node in nodes(statement) if isinstance(node.get("cte_map"), dict)]
        # Names of CTEs are unique by now.
        self._ctes = {str(one["key"]): one["value"] for found in maps for one in found}
        self._columns: dict[int, tuple[tuple[str, str | None], ...]] = {}
        self._keys: dict[int, tuple[frozenset[str], ...]] = {}
        self._leaves: dict[int, Derived] = {}
        for node in nodes(statement):
            if node.get("type") == "SELECT_NODE":
                for leaf in leaves(node["from_table"]):
                    derived = self._derived(leaf)
                    if derived is not None:
                        self._leaves[id(leaf)] = derived

    def sides(self, source: Node, relations: Sequence[Relation]) -> tuple[Side, ...]:
        """The `relations` of a FROM clause with what else is known of it, from left to right."""
        by_node: dict[int, Side] = {id(one.node): one for one in relations}
        found = (by_node.get(id(leaf)) or self._leaves.get(id(leaf)) for leaf in leaves(source))
        return tuple(one for one in found if one is not None)

    def _derived(self, leaf: Node) -> Derived | None:
        query: Node | None = None
        if leaf.get("type") == "SUBQUERY":
            query = leaf["subquery"]["node"]
        elif leaf.get("type") == "BASE_TABLE" and len(leaf["qualified_name"]["path"]) == 1:
            table = self._ctes.get(str(leaf["qualified_name"]["path"][0]))
            query = table["query_node"] if table is not None and not table.get("aliases") else None
        if query is None or query.get("type") != "SELECT_NODE" or leaf["sample"]:
            return None
        self._shape(query)
        columns, keys = self._columns[id(query)], self._keys[id(query)]
        given = [str(one).lower() for one in leaf["column_name_alias"]]
        names = [*given, *(name for name, _ in columns[len(given) :])]
        if len(given) > len(columns) or len(set(names)) < len(names):
            # Which column a name means is not known; that there is one row at most still is.
            return Derived(_alias(leaf), str(leaf["alias"]), leaf, {}, keys) if frozenset() in keys else None
        renamed = {old: new for (old, _), new in zip(columns, names, strict=True)}
        types = {new: kind for (_, kind), new in zip(columns, names, strict=True)}
        found = tuple(frozenset(renamed[name] for name in key) for key in keys)
        return Derived(_alias(leaf), str(leaf["alias"]), leaf, types, found)

    def _shape(self, block: Node) -> None:
        """Remember the columns of a block and its keys."""
        if id(block) in self._columns:
            return
        self._columns[id(block)], self._keys[id(block)] = (), ()  # for one that reads itself
        relations, _ = tables(block["from_table"], self._granted)
        inner: dict[int, Side] = {id(one.node): one for one in relations}
        sides: list[Side] = []
        for leaf in leaves(block["from_table"]):
            side = inner.get(id(leaf)) or self._derived(leaf)
            if side is not None:
                sides.append(side)
        outputs = _outputs(block, sides)
        names = [one.name for one in outputs or ()]
        known = outputs if outputs and len(set(names)) == len(names) else []
        self._columns[id(block)] = tuple((one.name, one.type) for one in known)
        self._keys[id(block)] = tuple(_keys(block, sides, known))


def _alias(leaf: Node) -> str:
    return str(leaf["alias"]).lower()


def _outputs(block: Node, sides: Sequence[Side]) -> list[_Output] | None:
    """The columns of a block, None where a list of all is not of one source."""
    whole = _whole(block, sides)
    found: list[_Output] = []
    for item in block["select_list"]:
        if item["class"] == "STAR":
            if len(sides) != 1 or not whole or any(item[key] for key in _SELECTION):
                return None
            (side,) = sides
            names = side.grant.decision.visible if isinstance(side, Relation) else tuple(side.types)
            found += [_Output(name, item, (side, name)) for name in names]
            continue
        bare = item["class"] == "COLUMN_REF"
        # What has no name of its own is called as nothing can be called.
        name = str(item["alias"] or (item["column_names"][-1] if bare else f"\0{len(found)}")).lower()
        found.append(_Output(name, item, _meant(item, block, sides) if bare else None))
    return found


def _meant(reference: Node, block: Node, sides: Sequence[Side]) -> tuple[Side, str] | None:
    """The column that a name means in a block, None where that is not certain."""
    *table, name = (str(part).lower() for part in reference["column_names"])
    if len(table) > 1 or not (table or _whole(block, sides)):
        return None
    found = [one for one in sides if name in named(one) and (not table or one.alias == table[0])]
    if len(found) > 1 and not table and _merged(block["from_table"], name, len(found)):
        found = found[: len({kind(one, name) for one in found})]
    return (found[0], name) if len(found) == 1 else None


def _merged(source: Node, name: str, count: int) -> bool:
    """Whether USING makes one column of those of that name: that of the first table, which keeps its rows."""
    using = [one for one in joins(source) if name in {str(column).lower() for column in one["using_columns"]}]
    kinds = {(one["ref_type"], one["join_type"]) for one in using}
    return len(using) == count - 1 and kinds <= {("REGULAR", "INNER"), ("REGULAR", "LEFT")}


def _whole(block: Node, sides: Sequence[Side]) -> bool:
    """Whether all that a block reads is known."""
    return len(list(leaves(block["from_table"]))) == len(sides)


def _keys(block: Node, sides: Sequence[Side], outputs: Sequence[_Output]) -> Iterator[frozenset[str]]:
    limits = [one for one in block["modifiers"] if one["type"] == "LIMIT_MODIFIER"]
    if any(one["limit_type"] == "ROW_COUNT" and _few(one["limit"]) for one in limits):
        yield frozenset()
    told = {str(one.get("function_name")).lower() for one in own(block) if one.get("class") == "FUNCTION"}
    if any(name in TABLE_FUNCTIONS or "unnest" in name or "_to_table" in name or "_elements" in name for name in told):
        return
    for one in block["modifiers"]:
        if one["type"] == "DISTINCT_MODIFIER" and outputs:
            targets = [_of(target, block, sides, outputs) for target in one["distinct_on_targets"]]
            if None not in targets:
                yield frozenset(name for name in targets if name) or frozenset(one.name for one in outputs)
    source = block["from_table"]
    single = source["type"] == "EMPTY" or (source["type"] == "EXPRESSION_LIST" and len(source["values"]) == 1)
    if single and not block["group_sets"]:
        yield frozenset()
    aggregates = any(_aggregates(item) for item in (*block["select_list"], block["having"]))
    if block["group_expressions"]:
        groups = [_of(one, block, sides, outputs) for one in block["group_expressions"]]
        if None not in groups and block["group_sets"] == [list(range(len(groups)))]:
            yield frozenset(name for name in groups if name)
            yield from _kept(block, sides, outputs)
    elif block["aggregate_handling"] == "FORCE_AGGREGATES":
        if outputs:
            yield frozenset(one.name for one in outputs if not _aggregates(one.item))
            yield from _kept(block, sides, outputs)
    elif aggregates:
        if _aggregated_here(block, sides) and block["group_sets"] in ([], [[]]):
            yield frozenset()
    elif not block["group_sets"]:
        yield from _kept(block, sides, outputs)


def _few(limit: Node | None) -> bool:
    number = constant(limit) if limit is not None else None
    return isinstance(number, int) and number <= 1


def _of(expression: Node, block: Node, sides: Sequence[Side], outputs: Sequence[_Output]) -> str | None:
    """The column of a block that is an expression which it groups by: by its place, the same column, or its name."""
    place = constant(expression) if expression["class"] == "CONSTANT" else None
    if isinstance(place, int) and 0 < place <= len(outputs):
        return outputs[place - 1].name if all(one.item["class"] != "STAR" for one in outputs) else None
    if expression["class"] != "COLUMN_REF":
        return None
    meant = _meant(expression, block, sides)
    if meant is not None:
        return next((one.name for one in outputs if one.source == meant), None)
    parts = [str(part).lower() for part in expression["column_names"]]
    if len(parts) > 1 or not _whole(block, sides) or any(parts[0] in _every(one) for one in sides):
        return None
    return next((one.name for one in outputs if one.name == parts[0] and not _aggregates(one.item)), None)


def _every(side: Side) -> Collection[str]:
    """The names of a side's columns, and of what it is asked for by name."""
    return {*named(side), *semantics(side.grant)} if isinstance(side, Relation) else named(side)


def _aggregates(item: Node | None) -> bool:
    if item is None:
        return False
    functions = (one for one in nodes(item) if one.get("class") == "FUNCTION")
    return any(str(one["function_name"]).lower() in {*AGGREGATES, MEASURE} for one in functions)


def _aggregated_here(block: Node, sides: Sequence[Side]) -> bool:
    """Whether the block itself is what aggregates: an aggregate of outer columns alone is the outer query's."""
    if not _whole(block, sides):
        return False
    for one in own({"select_list": block["select_list"]}):
        if one.get("class") == "FUNCTION" and _aggregates(one):
            references = [part for part in nodes(one) if part.get("class") == "COLUMN_REF"]
            if str(one["function_name"]).lower() in {"count_star", MEASURE} or any(
                _meant(part, block, sides) is not None for part in references
            ):
                return True
    return False


def _kept(block: Node, sides: Sequence[Side], outputs: Sequence[_Output]) -> Iterator[frozenset[str]]:
    """The keys of a source whose rows the block has once each."""
    met = Joins(block["from_table"], sides)
    for side in sides:
        shown = {one.source[1]: one.name for one in outputs if one.source is not None and one.source[0] is side}
        for key in side.keys if isinstance(side, Derived) else (frozenset(side.grant.table.key),):
            there = key <= shown.keys() and identified(side, key)
            if there and met.repeating(side, block["where_clause"]) == ():
                yield frozenset(shown[name] for name in key)
