"""Whether the joins of a query block leave each row of one table as it is: at most once, and never made of NULLs. Pure.

What is known of cardinality is the keys of the contracts, which publication verifies, as far as they are keys for the
principal. Whatever is not recognised counts as repeating rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from gateway.binding.measure_sides import Side, identified, kind, named
from gateway.binding.use_joins import joins
from gateway.binding.use_names import leaves
from gateway.sql.tree import Node

# A column of one table that is equal to one of another, in every row that is left.
Pair = tuple[tuple[Side, str], tuple[Side, str]]


@dataclass(frozen=True)
class Joins:
    """The FROM clause of one block; `sides` are its tables, and the subqueries of which something is known."""

    source: Node
    sides: Sequence[Side]

    def repeating(self, root: Side, where: Node | None) -> tuple[Side, ...] | None:
        """The tables whose joins may repeat rows of `root`; () if none does, None where that cannot be said by name."""
        loose, known = self._loose(self.source, root, self._pairs(where))
        return tuple(one for one in self.sides if one in loose) if known else None

    def meeting(self, root: Side, where: Node | None) -> list[str]:
        """The columns of `root` by which it is joined."""
        nodes = [join["condition"] for join in joins(self.source)]
        pairs = [pair for node in [*nodes, where] for pair in self._pairs(node)]
        pairs += [pair for join in joins(self.source) for pair in self._using(join)]
        return list(dict.fromkeys(column for pair in pairs for one, column in pair if one is root))

    def _loose(self, source: Node, root: Side, more: Sequence[Pair]) -> tuple[set[Side], bool]:
        """The relations that may repeat `root`'s rows, and whether these are the whole reason."""
        items, pairs = self._cluster(source)
        pairs = [*pairs, *more]
        home = next(item for item in items if root in self._within(item))
        if home.get("type") == "JOIN":
            loose, known = self._outer(home, root)
            if loose or not known:
                return loose, known
        determined = set(self._within(home))
        waiting = [item for item in items if item is not home]
        while step := [item for item in waiting if self._attached(item, pairs, determined)]:
            determined |= {one for item in step for one in self._within(item)}
            waiting = [item for item in waiting if item not in step]
        loose = {one for item in waiting for one in self._within(item)}
        return loose, all(self._within(item) for item in waiting)

    def _outer(self, join: Node, root: Side) -> tuple[set[Side], bool]:
        """The same for a join that keeps rows without a match, or only asks whether there is one."""
        kind = join["join_type"] if join["ref_type"] == "REGULAR" else ""
        kept, other = join["left"], join["right"]
        if kind == "RIGHT":
            kept, other = other, kept
        if kind not in {"LEFT", "RIGHT", "SEMI", "ANTI"}:
            return set(), False
        if root not in self._within(kept):
            return set(self._within(kept)), True
        loose, known = self._loose(kept, root, ())
        if loose or not known or kind in {"SEMI", "ANTI"}:
            return loose, known
        pairs = [*self._pairs(join["condition"]), *self._using(join)]
        if self._attached(other, pairs, set(self._within(kept))):
            return set(), True
        return set(self._within(other)), bool(self._within(other))

    def _cluster(self, source: Node) -> tuple[list[Node], list[Pair]]:
        """What inner joins put side by side, and what they ask to be equal."""
        inner = source.get("type") == "JOIN" and source["join_type"] == "INNER"
        if not inner or source["ref_type"] not in {"REGULAR", "CROSS"}:
            return [source], []
        first, pairs = self._cluster(source["left"])
        second, more = self._cluster(source["right"])
        return [*first, *second], [*pairs, *more, *self._pairs(source["condition"]), *self._using(source)]

    def _attached(self, item: Node, pairs: Iterable[Pair], determined: set[Side]) -> bool:
        """Whether at most one row of `item` meets given rows of the `determined` tables: by the whole key of one."""
        given = [(near, far) for pair in pairs for near, far in (pair, pair[::-1]) if near[0] in determined]
        for one in self._within(item):
            met = {column for _, (relation, column) in given if relation is one}
            if identified(one, met) and (item is one.node or self._loose(item, one, ()) == (set(), True)):
                return True
        return False

    def _within(self, source: Node) -> list[Side]:
        places = [id(leaf) for leaf in leaves(source)]
        return [one for one in self.sides if id(one.node) in places]

    def _pairs(self, condition: Node | None) -> list[Pair]:
        """The columns that `condition` asks to be equal, where they have one type and need no change for it."""
        if condition is None:
            return []
        if condition["type"] == "CONJUNCTION_AND":
            return [pair for term in condition["children"] for pair in self._pairs(term)]
        if condition["type"] != "COMPARE_EQUAL":
            return []
        return self._alike(self._column(condition["left"]), self._column(condition["right"]))

    def _using(self, join: Node) -> list[Pair]:
        found: list[Pair] = []
        for name in (str(one).lower() for one in join["using_columns"]):
            sides = [[one for one in self._within(join[side]) if name in named(one)] for side in ("left", "right")]
            if sides[0] and len(sides[1]) == 1:
                found += self._alike((sides[0][0], name), (sides[1][0], name))
        return found

    def _alike(self, first: tuple[Side, str] | None, second: tuple[Side, str] | None) -> list[Pair]:
        if first is None or second is None or first[0] is second[0]:
            return []
        types = {kind(*first), kind(*second)}
        return [(first, second)] if len(types) == 1 and None not in types else []

    def _column(self, node: Node) -> tuple[Side, str] | None:
        if node["class"] != "COLUMN_REF" or len(node["column_names"]) > 2:
            return None
        *table, name = (str(part).lower() for part in node["column_names"])
        having = [one for one in self.sides if name in named(one)]
        meant = [one for one in having if not table or one.alias == table[0]]
        if not table and len(list(leaves(self.source))) > len(self.sides):
            return None  # a name of a query's own may be meant
        return (meant[0], name) if len(meant) == 1 else None
