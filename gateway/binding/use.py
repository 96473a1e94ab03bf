"""Columns that are used and not shown (POLICY 7): the query blocks that may name one, and how they read it. Pure.

A decision's view has no such column, so that nothing can reach one but a block that is recognised here. Such a block
reads a second view, in which the column stands under a name that no client can write: every name in the block was
looked up, and what is not understood is refused. An aggregate is guarded twice, where it stands and in HAVING, so that
no group of too few is computed with, whatever the order of evaluation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

from gateway.binding.use_block import Block
from gateway.binding.use_names import Path, Relation, own, tables
from gateway.binding.use_words import refusal
from gateway.decision import Use
from gateway.sql.tree import Node, nodes, position

if TYPE_CHECKING:
    from gateway.binding.views import Grant, View


def settle(statement: Node, granted: Mapping[Path, Grant], inner: Callable[[Grant], View]) -> tuple[View, ...]:
    """Rewrite the blocks of a resolved `statement` that name used columns, in place; the further views that they read.

    `granted` are the grants by the paths of their views, `inner` gives a grant's second view. Raises Forbidden,
    BadQuery.
    """
    grains = [one for node in nodes(statement) if (one := _grain(node, granted)) is not None]
    if len(grains) < 2 and not any(grant.decision.uses for grant in granted.values()):
        return ()
    selects = [node for node in nodes(statement) if node.get("type") == "SELECT_NODE"]
    blocks = [block for node in selects if (block := _block(node, granted)) is not None]
    aggregates = [block.aggregates[0] for block in blocks if block.aggregates]
    grains += [(one.found.name, one.found.relation.uses[one.found.name], one.node) for one in aggregates]
    if len(grains) > 1:
        name, use, node = grains[1]
        raise refusal(name, use, "one query block of a statement aggregates it", position(node))
    views: dict[Path, View] = {}
    for relation in (one for block in blocks for one in block.rewritten()):
        view = inner(relation.grant)
        views[view.path] = view
        catalog, schema, name = view.path
        relation.node.update({"catalog_name": catalog, "schema_name": schema, "table_name": name})
        relation.node["qualified_name"]["path"] = list(view.path)
    return tuple(views.values())


def _grain(node: Node, granted: Mapping[Path, Grant]) -> tuple[str, Use, Node] | None:
    """The used column that a projection aggregates where `node` reads it: it is such a block."""
    grant = granted.get(tuple(node["qualified_name"]["path"])) if node.get("type") == "BASE_TABLE" else None
    found = grant.projected.aggregate if grant is not None and grant.projected is not None else None
    return None if found is None else (*found, node)


def _block(node: Node, granted: Mapping[Path, Grant]) -> Block | None:
    """The block `node`, where a name in it can mean nothing but a used column of one of its tables."""
    relations, whole = tables(node["from_table"], granted)
    if not any(one.uses for one in relations):
        return None
    for part in own(node):
        for path in _named(part):
            meant = next((one for one in relations if _means(one, path, relations, whole=whole)), None)
            if meant is None:
                continue
            name = path[-1] if path[-1] in meant.uses else path[0] if path[0] in meant.uses else path[1]
            if not whole:
                why = "the query block that names it reads tables and nothing else"
                raise refusal(name, meant.uses[name], why, position(part))
            return Block(node, relations, name, meant.uses[name])
    return None


def _named(node: Node) -> Iterable[tuple[str, ...]]:
    """The names that a node looks up among columns, in lower case; `(None, name)` of USING has no table."""
    if node.get("class") == "COLUMN_REF":
        yield tuple(str(part).lower() for part in node["column_names"])
    for name in node.get("using_columns") or ():
        yield ("", str(name).lower())


def _means(one: Relation, path: tuple[str, ...], relations: Iterable[Relation], *, whole: bool) -> bool:
    """Whether `path` means a used column of `one`: no other source has, or may have, a column of that name."""
    if path[0] == "":
        return whole and path[1] in one.uses
    if len(path) > 1 and path[0] == one.alias:
        return path[1] in one.uses
    shown = any(path[0] in other.grant.decision.visible for other in relations)
    return whole and not shown and path[0] in one.uses
