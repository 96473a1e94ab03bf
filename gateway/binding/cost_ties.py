"""Which relations of a FROM the conditions of a query tie together, and which they leave few rows of. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from gateway.sql.syntax import NESTED, Node, nodes

_EQUAL = frozenset({"COMPARE_EQUAL", "COMPARE_NOT_DISTINCT_FROM"})


@dataclass(frozen=True)
class Size:
    """How many rows a relation counts as, its columns (None: not known), and those that alone tell rows apart."""

    rows: float
    columns: frozenset[str] | None = None
    key: frozenset[str] = frozenset()
    alias: str = ""


def shallow(part: object) -> Iterator[Node]:
    """The nodes of an expression, subqueries among them and what is inside of those not."""
    stack = [part]
    while stack:
        value = stack.pop()
        if isinstance(value, dict):
            yield value
            if value.get("class") == "SUBQUERY":
                value = value["child"]
                stack += [value] if value else []
                continue
            stack += [child for child in value.values() if isinstance(child, NESTED)]
        elif isinstance(value, list):
            stack += value


def _terms(condition: Node, kind: str) -> Iterator[Node]:
    if condition.get("type") == kind:
        for child in condition["children"]:
            yield from _terms(child, kind)
    else:
        yield condition


def ties(conditions: Iterable[Node], leaves: list[Size], outer: tuple[Size, ...]) -> set[tuple[int, int]]:
    """The pairs of relations that some equality ties together, whichever branch of an OR holds."""
    found: set[tuple[int, int]] = set()
    for condition in conditions:
        for term in _terms(condition, "CONJUNCTION_AND"):
            if term.get("type") == "CONJUNCTION_OR":
                branches = [ties([one], leaves, outer) for one in _terms(term, "CONJUNCTION_OR")]
                found |= set.intersection(*branches)
            elif term.get("type") in _EQUAL:
                left, right = (_places(term[side], leaves) for side in ("left", "right"))
                if left and right and not left & right:
                    found |= {
                        (min(min(left), one), max(min(left), one)) for one in right if len(right) == 1 or len(left) == 1
                    }
    return found


def filters(conditions: Iterable[Node], leaves: list[Size]) -> Iterator[tuple[int, Callable[[float], float]]]:
    """The relations of which conditions leave some rows only, and how many."""
    for condition in conditions:
        for term in _terms(condition, "CONJUNCTION_AND"):
            places = _places(term, leaves)
            if len(places) != 1 or any(one.get("class") == "SUBQUERY" for one in shallow(term)):
                continue
            (place,) = places
            if term.get("type") in _EQUAL and not (_places(term["left"], leaves) and _places(term["right"], leaves)):
                named = {str(one["column_names"][-1]).lower() for one in shallow(term) if "column_names" in one}
                yield place, (lambda _: 1.0) if leaves[place].key and leaves[place].key <= named else math.sqrt
            elif term.get("class") == "COMPARISON" or term.get("type") == "COMPARE_IN":
                yield place, lambda rows: rows / 10


def _places(part: object, leaves: list[Size] | tuple[Size, ...]) -> set[int]:
    """Which of `leaves` the columns in an expression are of."""
    refs = (node["column_names"] for node in shallow(part) if node.get("class") == "COLUMN_REF")
    return {place for names in refs if (place := _place(names, leaves)) is not None}


def _place(names: list[str], leaves: list[Size] | tuple[Size, ...]) -> int | None:
    first = str(names[0]).lower()
    if len(names) > 1:
        named = [i for i, one in enumerate(leaves) if one.alias == first]
        if named:
            return named[0]
    holding = [i for i, one in enumerate(leaves) if one.columns is not None and first in one.columns]
    unknown = [i for i, one in enumerate(leaves) if one.columns is None]
    return holding[0] if holding else unknown[0] if len(unknown) == 1 and len(names) == 1 else None


def _own(body: Node) -> list[Size]:
    """The relations of a subquery's own FROMs, by alias only."""
    return [
        Size(1.0, alias=str(one["alias"]).lower())
        for one in nodes(body)
        if one.get("type") in {"BASE_TABLE", "SUBQUERY", "TABLE_FUNCTION"} and "alias" in one and one["alias"]
    ]


def correlated(body: Node, around: tuple[Size, ...]) -> bool:
    """Whether a subquery names columns of what is around it."""
    own = {one.alias for one in _own(body)}
    return any(
        len(node["column_names"]) > 1
        and str(node["column_names"][0]).lower() not in own
        and _place(node["column_names"], around) is not None
        for node in nodes(body)
        if node.get("class") == "COLUMN_REF"
    )


def tied(body: Node, around: tuple[Size, ...]) -> bool:
    """Whether an equality ties a subquery to what is around it."""
    own = {one.alias for one in _own(body)}

    def outside(side: Node) -> bool:
        refs = [node["column_names"] for node in shallow(side) if node.get("class") == "COLUMN_REF"]
        return bool(refs) and all(
            len(names) > 1 and str(names[0]).lower() not in own and _place(names, around) is not None for names in refs
        )

    return any(outside(node["left"]) != outside(node["right"]) for node in nodes(body) if node.get("type") in _EQUAL)
