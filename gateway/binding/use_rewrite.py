"""A checked block over second views: references renamed, aggregates guarded, HAVING composed. Pure: changes a tree."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from gateway.binding.use_joins import Equality
from gateway.binding.use_names import Found, Relation
from gateway.dialects.dialect_nodes import filled, replaced
from gateway.sql import duck
from gateway.sql.tree import Node, nodes

if TYPE_CHECKING:
    from gateway.binding.use_block import Block


def used(name: str) -> str:
    """The name of a used column in a second view: no contract has it, and no client may write it."""
    return f"$use${name}"


def entity(name: str) -> str:
    """The name of a column that tells entities apart, raw, in a second view."""
    return f"$entity${name}"


def rewritten(node: Node, block: Block) -> frozenset[Relation]:
    """Change `node` as `block` was found to be; the relations that it now reads by their second views."""
    _name(node, [one.node for one in (*block.aggregates, *block.renamed)])
    following = [one for one in block.followed if any(found.use is not None for pair in one.pairs for found in pair)]
    merged = {str(name).lower() for one in following for name in one.join["using_columns"]}
    for one in block.plain:
        if len(one.node["column_names"]) == 1 and one.found.name in merged:
            one.node["column_names"] = [one.found.relation.written, *one.node["column_names"]]
    for one in block.renamed:
        one.node["column_names"] = _path(one.found)
    for asked in following:
        _on(asked)
    _expand(node, block.relations)
    conditions: dict[str, None] = {}
    for one in block.aggregates:
        one.node["arguments"][0]["expression"]["column_names"] = _path(one.found)
        guard = _enough(one.found)
        conditions[guard] = None
        replaced(one.node, filled("CASE WHEN $1 THEN $2 END", duck.expression(guard), {**one.node}))
    for guard in conditions:
        having = node["having"]
        node["having"] = filled("$1 AND $2", having, duck.expression(guard)) if having else duck.expression(guard)
    touched = [one.found for one in (*block.aggregates, *block.renamed)]
    touched += [found for one in following for pair in one.pairs for found in pair if found.use is not None]
    return frozenset(found.relation for found in touched)


def _name(node: Node, changed: Iterable[Node]) -> None:
    """Name the columns that are about to change as they are called now."""
    marks = {id(one) for one in changed}
    for item in node["select_list"]:
        if not item["alias"] and any(id(one) in marks for one in nodes(item)):
            item["alias"] = duck.write_expression(item)


def _path(found: Found) -> list[str]:
    return [found.relation.written, used(found.name) if found.use is not None else found.name]


def _on(asked: Equality) -> None:
    """The join's columns by their names in the views."""
    terms = [" = ".join(".".join(duck.quote(part) for part in _path(found)) for found in pair) for pair in asked.pairs]
    asked.join["using_columns"] = []
    asked.join["condition"] = duck.expression(" AND ".join(terms))


def _expand(node: Node, relations: Iterable[Relation]) -> None:
    """Write out what `*` and `table.*` stand for: a second view has more columns than that."""
    items: list[Node] = []
    for item in node["select_list"]:
        if item["class"] != "STAR":
            items.append(item)
            continue
        name = str(item["relation_name"]).lower()
        for one in relations:
            if name in {"", one.alias}:
                columns = one.grant.decision.visible
                items += [duck.expression(f"{duck.quote(one.written)}.{duck.quote(column)}") for column in columns]
    node["select_list"] = items


def _enough(found: Found) -> str:
    """Whether a group has enough entities of which the column says something."""
    assert found.use is not None
    table, column = duck.quote(found.relation.written), duck.quote(used(found.name))
    return " AND ".join(
        f"count(DISTINCT {table}.{duck.quote(entity(name))}) FILTER (WHERE {table}.{column} IS NOT NULL) >= {least}"
        for name, least in found.use.floors
    )
