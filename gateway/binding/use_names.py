"""The tables of one query block, and what its names mean among them, for blocks that name used columns. Pure.

Stricter than the engine: a name that is not looked up here with certainty is refused, since the view behind it holds
more than a client may name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gateway.decision import Use
from gateway.errors import BadQuery
from gateway.sql.tree import Node, position

if TYPE_CHECKING:
    from gateway.binding.views import Grant

Path = tuple[str, ...]
QUERIES = ("SELECT_NODE", "SET_OPERATION_NODE", "RECURSIVE_CTE_NODE")


@dataclass(frozen=True, eq=False)
class Relation:
    """One table in a FROM clause, under the name that its columns are known by there (`alias` in lower case)."""

    alias: str
    written: str
    node: Node
    grant: Grant

    @property
    def uses(self) -> Mapping[str, Use]:
        """The columns that are used and not shown."""
        return self.grant.decision.uses


@dataclass(frozen=True)
class Found:
    """The column that a reference means; `bare` where it means the whole of it."""

    relation: Relation
    name: str
    bare: bool

    @property
    def use(self) -> Use | None:
        """What the column may be used for, None where it is shown."""
        return self.relation.uses.get(self.name)


def leaves(source: Node) -> Iterator[Node]:
    """What a FROM clause joins, from left to right."""
    if source.get("type") == "JOIN":
        yield from leaves(source["left"])
        yield from leaves(source["right"])
    else:
        yield source


def tables(source: Node, granted: Mapping[Path, Grant]) -> tuple[tuple[Relation, ...], bool]:
    """The granted tables of a FROM clause under their own column names, and whether it holds nothing else."""
    found: list[Relation] = []
    others = False
    for leaf in leaves(source):
        grant = granted.get(_path(leaf))
        if grant is None or leaf["column_name_alias"] or leaf["sample"]:
            others = True
        else:
            found.append(Relation(str(leaf["alias"]).lower(), str(leaf["alias"]), leaf, grant))
    return tuple(found), not others


def _path(leaf: Node) -> Path:
    return tuple(leaf["qualified_name"]["path"]) if leaf.get("type") == "BASE_TABLE" else ()


def own(block: Node) -> Iterator[Node]:
    """Every node of a block that stands in none of the queries inside it."""
    stack: list[Any] = [value for key, value in block.items() if key != "cte_map"]
    while stack:
        value = stack.pop()
        if isinstance(value, list):
            stack.extend(value)
        elif isinstance(value, dict) and value.get("type") not in QUERIES:
            yield value
            stack.extend(value.values())


class Names:
    """What references in a block mean: columns of its `relations`, or names that its own columns have there."""

    def __init__(self, relations: tuple[Relation, ...], block: Node) -> None:
        self._relations = relations
        self._by_alias = {one.alias: one for one in relations}
        self.given = {str(item["alias"]).lower() for item in block["select_list"] if item["alias"]}
        self._merged = {str(name).lower() for node in own(block) for name in node.get("using_columns") or ()}

    def find(self, reference: Node) -> Found | None:
        """The column that `reference` means, None for a name that the block gives. Raises BadQuery."""
        first, *rest = (str(part).lower() for part in reference["column_names"])
        if any(part.startswith("$") for part in (first, *rest)):
            raise _unknown(reference)
        holders = [one for one in self._relations if first in one.grant.decision.known]
        if len(holders) > 1 and first in self._merged:
            del holders[1:]
        named = self._by_alias.get(first)
        if len(holders) + (named is not None and bool(rest)) > 1:
            words = f'"{first}" is ambiguous: write table.column'
            raise BadQuery(words, reason="ambiguous", position=position(reference))
        if holders:
            return Found(holders[0], first, not rest)
        if named is not None and rest and rest[0] in named.grant.decision.known:
            return Found(named, rest[0], len(rest) == 1)
        if named is None and not rest and first in self.given:
            return None
        raise _unknown(reference)


def _unknown(reference: Node) -> BadQuery:
    name = ".".join(str(part) for part in reference["column_names"])[:63]
    return BadQuery(f'column "{name}" does not exist', reason="column", position=position(reference))
