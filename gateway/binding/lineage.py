"""Which table's column each column of an answer is, where it is one as it stands. Pure: a checked tree and its grants.

What is not certain is None: a computed column, a name that two relations have, a subquery.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gateway.cache import BytesLru
from gateway.contracts.visibility import sameness
from gateway.decision import Decision, Treatment
from gateway.product import Column, Table
from gateway.sql.scope import CATALOG
from gateway.sql.tree import Node

if TYPE_CHECKING:
    from gateway.binding.bind import Plan
    from gateway.binding.views import Grant

# Join type -> whether it adds NULLs to its left and to its right side; any other join is not followed.
_NULLS = {"INNER": (False, False), "LEFT": (False, True), "RIGHT": (True, False), "FULL": (True, True)}


@dataclass(frozen=True)
class Origin:
    """A column of a granted table, as a column of an answer. `nullable` is whether a NULL may stand in it there."""

    product: str
    table: Table
    column: Column
    decision: Decision
    nullable: bool

    @property
    def treatment(self) -> Treatment:
        """What the decision does to the column."""
        return self.decision.treatments[self.column.name]


@dataclass(frozen=True)
class _Relation:
    """One table of a FROM clause: the name that its columns are known by, and whether its join adds NULLs."""

    name: str
    path: tuple[str, ...]
    grant: Grant
    nulls: bool


_known: BytesLru[tuple[object, ...], tuple[Origin | None, ...]] = BytesLru(8 << 20)


def origins(plan: Plan) -> tuple[Origin | None, ...]:
    """One origin for each column of the answer, () where nothing is certain, not even their number."""
    key = (plan.client_text, tuple((grant.snapshot.id, grant.decision.fingerprint) for grant in plan.grants))
    known = _known.get(key)
    if known is None:
        known = _found(plan.tree["node"], plan.grants)
        _known.put(key, known, len(plan.client_text) + 100 * len(known) + 200)
    return known


def _found(select: Node, grants: tuple[Grant, ...]) -> tuple[Origin | None, ...]:
    if select["type"] != "SELECT_NODE" or select["cte_map"]["map"] or _sets(select):
        return ()
    relations = _relations(select["from_table"], grants, nulls=False)
    if relations is None:
        return ()
    found: list[Origin | None] = []
    for item in select["select_list"]:
        if item["class"] != "STAR":
            found.append(_named(item, relations) if item["class"] == "COLUMN_REF" else None)
            continue
        expanded = _expanded(item, relations, merged=_merges(select["from_table"]))
        if expanded is None:
            return ()
        found += expanded
    return tuple(found)


def _sets(select: Node) -> bool:
    """Whether some rows are grouped by fewer columns than others: the rest is NULL there."""
    return select["group_sets"] not in ([], [list(range(len(select["group_expressions"])))])


def _relations(node: Node, grants: tuple[Grant, ...], *, nulls: bool) -> tuple[_Relation, ...] | None:
    """The tables of a FROM clause in order, None where it holds anything but tables and plain joins."""
    if node["type"] == "BASE_TABLE" and not node["column_name_alias"]:
        path = tuple(str(part).lower() for part in node["qualified_name"]["path"])
        named = [grant for grant in grants if _means(path, grant)]
        meant = list({(grant.snapshot.id, grant.decision.product): grant for grant in named}.values())
        name = str(node["alias"]).lower()
        return (_Relation(name or path[-1], () if name else path, meant[0], nulls),) if len(meant) == 1 else None
    if node["type"] != "JOIN" or node["ref_type"] not in {"REGULAR", "CROSS"} or node["join_type"] not in _NULLS:
        return None
    left, right = _NULLS[node["join_type"]]
    first = _relations(node["left"], grants, nulls=nulls or left)
    second = _relations(node["right"], grants, nulls=nulls or right)
    return None if first is None or second is None else first + second


def _means(path: tuple[str, ...], grant: Grant) -> bool:
    product = grant.snapshot.product
    schemas = {product.name, f"{product.name}_v{product.major}"}
    return path[-1] == grant.table.name and (len(path) == 1 or path[-2] in schemas)


def _merges(node: Node) -> bool:
    """Whether a join shows columns of two tables as one."""
    return node["type"] == "JOIN" and (bool(node["using_columns"]) or _merges(node["left"]) or _merges(node["right"]))


def _expanded(star: Node, relations: tuple[_Relation, ...], *, merged: bool) -> list[Origin | None] | None:
    """The columns of `*` or `name.*`; None where it chooses among them, or joins merge them."""
    lists = ("exclude_list", "replace_list", "rename_list", "qualified_exclude_list")
    if star["columns"] or star["expr"] or any(star[name] for name in lists):
        return None
    name = str(star["relation_name"]).lower()
    meant = [one for one in relations if name in {"", one.name}]
    if (not name and merged) or (name and len(meant) != 1):
        return None
    return [_origin(one, column) for one in meant for column in one.grant.decision.visible]


def _named(reference: Node, relations: tuple[_Relation, ...]) -> Origin | None:
    """The column that a reference means, if it can mean no other and no member of a structure."""
    *path, column = (str(name).lower() for name in reference["column_names"])
    having = [one for one in relations if column in one.grant.decision.visible]
    meant = [one for one in having if not path or tuple(path) in _spellings(one)]
    members = path and any(path[0] in one.grant.decision.visible for one in relations)
    return _origin(meant[0], column) if len(meant) == 1 and not members else None


def _spellings(relation: _Relation) -> Iterator[tuple[str, ...]]:
    yield (relation.name,)
    if len(relation.path) > 1:
        yield relation.path[-2:]
        yield (CATALOG, *relation.path[-2:])


def _origin(relation: _Relation, name: str) -> Origin:
    grant = relation.grant
    return origin(grant.snapshot.product.name, grant.table, grant.decision, name, nulls=relation.nulls)


def origin(product: str, table: Table, decision: Decision, name: str, *, nulls: bool = False) -> Origin:
    """The visible column `name` of a table; `nulls` says that a join adds some."""
    column = table.column(name)
    certain = column.required and sameness(decision, name) == "raw" and not nulls
    return Origin(product, table, column, decision, not certain)
