"""Joins in blocks that name used columns: only along the contracts' relationships, and which end is which. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from gateway.binding.use_names import Found, Names, Relation, leaves
from gateway.contracts.visibility import alike
from gateway.sql.tree import Node


@dataclass(frozen=True, eq=False)
class Edge:
    """A join along a relationship: each row of `many` meets at most one of `one`, by equal `pairs` (many's, one's)."""

    many: Relation
    one: Relation
    pairs: tuple[tuple[str, str], ...]


@dataclass(frozen=True, eq=False)
class Equality:
    """What a join asks to be equal: references, a column of the left side first."""

    join: Node
    pairs: tuple[tuple[Found, Found], ...]

    def along(self) -> Edge | None:
        """The relationship that the join follows, None where it follows none, or more than it asks."""
        left, right = ({pair[side].relation for pair in self.pairs} for side in (0, 1))
        if len(left) != 1 or len(right) != 1:
            return None
        near, far = left.pop(), right.pop()
        names = frozenset((one.name, other.name) for one, other in self.pairs)
        if _declared(near, far, names):
            return Edge(near, far, tuple(names))
        turned = frozenset((other, one) for one, other in names)
        return Edge(far, near, tuple(turned)) if _declared(far, near, turned) else None


def joins(source: Node) -> Iterator[Node]:
    """Every join of a FROM clause."""
    if source.get("type") == "JOIN":
        yield source
        yield from joins(source["left"])
        yield from joins(source["right"])


def equality(join: Node, names: Names, relations: Sequence[Relation]) -> Equality | None:
    """What `join` asks, where that is that bare columns of its two sides are equal, and nothing else.

    Raises BadQuery for a name that means nothing.
    """
    if join["ref_type"] != "REGULAR":
        return None
    left = _within(join["left"], relations)
    if join["using_columns"]:
        pairs = [_using(str(name).lower(), left, _within(join["right"], relations)) for name in join["using_columns"]]
    else:
        condition = join["condition"]
        terms = condition["children"] if condition["type"] == "CONJUNCTION_AND" else [condition]
        pairs = [_equal(term, names, left) for term in terms]
    found = tuple(pair for pair in pairs if pair is not None)
    return Equality(join, found) if len(found) == len(pairs) else None


def reached(root: Relation, edges: Iterable[Edge]) -> set[Relation]:
    """The relations of which each row of `root` meets at most one row."""
    known, waiting = {root}, list(edges)
    while step := [edge for edge in waiting if edge.many in known]:
        known |= {edge.one for edge in step}
        waiting = [edge for edge in waiting if edge not in step]
    return known


def _within(side: Node, relations: Sequence[Relation]) -> list[Relation]:
    nodes = [id(leaf) for leaf in leaves(side)]
    return [one for one in relations if id(one.node) in nodes]


def _using(name: str, left: list[Relation], right: list[Relation]) -> tuple[Found, Found] | None:
    here, there = ([one for one in side if name in one.grant.decision.known] for side in (left, right))
    return (Found(here[0], name, True), Found(there[0], name, True)) if len(here) == len(there) == 1 else None


def _equal(term: Node, names: Names, left: list[Relation]) -> tuple[Found, Found] | None:
    if term["type"] != "COMPARE_EQUAL" or {term["left"]["class"], term["right"]["class"]} != {"COLUMN_REF"}:
        return None
    first, second = names.find(term["left"]), names.find(term["right"])
    if first is None or second is None or not (first.bare and second.bare):
        return None
    if (first.relation in left) == (second.relation in left):
        return None
    return (first, second) if first.relation in left else (second, first)


def _declared(many: Relation, one: Relation, names: frozenset[tuple[str, str]]) -> bool:
    """Whether a contract declares that `many` refers to `one` by these columns, both ends treated alike."""
    product, to = many.grant.snapshot.product.name, one.grant
    for declared in many.grant.table.relationships:
        same = declared.to_product in {"", product}
        meant = to.snapshot is many.grant.snapshot if same else to.snapshot.product.name == declared.to_product
        if not meant or declared.to_table != to.table.name or not to.table.identified_by(declared.to_columns):
            continue
        if frozenset(zip(declared.columns, declared.to_columns, strict=True)) == names:
            return all(alike(many.grant.decision, here, to.decision, there) for here, there in names)
    return False
