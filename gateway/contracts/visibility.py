"""What of a table's contract exists under a Decision: its key, references and semantics. Pure.

POLICY.md, "Meaning", 11 and 12.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

from gateway.decision import Decision
from gateway.errors import BadQuery
from gateway.product import Relationship, Semantic, Table
from gateway.sql import duck
from gateway.sql.tree import Node, nodes

_PSEUDONYM = re.compile(r'"[^"$]+\$([^"$]+)"')


def sameness(decision: Decision, column: str) -> str | None:
    """How the values of `column` are told apart: "raw", "hash:<link>", or None where different ones may look alike."""
    treatment = decision.treatments.get(column)
    if treatment is None:
        return None
    if treatment.kind == "raw" and treatment.expression == duck.quote(column):
        return "raw"
    pseudonym = _PSEUDONYM.fullmatch(treatment.expression)
    return f"hash:{pseudonym.group(1)}" if treatment.kind == "hash" and pseudonym else None


def visible_key(decision: Decision, table: Table) -> tuple[str, ...]:
    """The primary key's columns, or none: a key that is masked to fewer values, nulled in some rows, or not shown."""
    shown = set(table.key) <= set(decision.visible)
    return table.key if shown and all(sameness(decision, name) is not None for name in table.key) else ()


def visible_relationships(
    decision: Decision, table: Table, decisions: Mapping[str, Decision]
) -> tuple[Relationship, ...]:
    """The references of `table` whose both ends are visible and treated alike.

    `decisions` are those on the visible tables of the same product, by name; a reference into another product needs
    that one's under `product.table`.
    """
    found: list[Relationship] = []
    for relationship in table.relationships:
        same_product = relationship.to_product in {"", decision.product}
        name = relationship.to_table if same_product else f"{relationship.to_product}.{relationship.to_table}"
        target = decisions.get(name)
        if target is None:
            continue
        ends = zip(relationship.columns, relationship.to_columns, strict=True)
        if all(alike(decision, here, target, there) for here, there in ends):
            found.append(relationship)
    return tuple(found)


def alike(decision: Decision, here: str, target: Decision, there: str) -> bool:
    """Whether equal values of two columns look equal, and others not."""
    same = sameness(decision, here)
    return same is not None and same == sameness(target, there)


def visible_semantics(decision: Decision, table: Table) -> tuple[Semantic, ...]:
    """The measures whose columns are all raw, and the dimensions whose columns are all there; none of them only used.

    A measure made of others exists if they do, one over used columns if their uses name it. count(DISTINCT column)
    takes pseudonyms, and columns used for joins, as well: it is the same number over them, and one that a query may ask
    for.
    """
    raw = {column.name for column in table.columns if sameness(decision, column.name) == "raw"}
    shown = set(decision.visible)
    counted = {name for name in decision.known if _countable(decision, name)}
    found: dict[str, Semantic] = {}
    for semantic in table.semantics:
        needed = _names(semantic)
        unnamed = {name for name, use in decision.uses.items() if semantic.name not in use.measures}
        allowed = (raw - unnamed) | set(found) if semantic.kind == "measure" else shown
        if needed is not None and semantic.kind == "measure" and needed & counted:
            needed -= counted & only_counted(semantic.expression)
        if needed is not None and needed <= allowed:
            found[semantic.name] = semantic
    return tuple(_told(one, found) for one in found.values())


def _countable(decision: Decision, name: str) -> bool:
    use = decision.uses.get(name)
    return (use is None or use.kind == "join") and sameness(decision, name) is not None


def only_counted(expression: str) -> set[str]:
    """The names that stand in `count(DISTINCT name)` and nowhere else in an expression. Raises BadQuery."""
    whole = duck.expression(expression)
    counted = Counter(_name(one) for one in _distinct(whole))
    every = Counter(_name(node) for node in nodes(whole) if node.get("class") == "COLUMN_REF")
    return {name for name, count in counted.items() if every[name] == count}


def _distinct(whole: Node) -> list[Node]:
    """The bare columns of which an expression takes count(DISTINCT column), of all rows."""
    calls = [node for node in nodes(whole) if node.get("class") == "FUNCTION" and node["distinct"]]
    plain = [one for one in calls if one["filter"] is None and not one["order_bys"]["orders"]]
    named = [one["arguments"] for one in plain if str(one["function_name"]).lower() == "count"]
    bare = [arguments[0]["expression"] for arguments in named if len(arguments) == 1]
    return [one for one in bare if one["class"] == "COLUMN_REF" and len(one["column_names"]) == 1]


def _told(semantic: Semantic, visible: Mapping[str, Semantic]) -> Semantic:
    """What is said of a measure in words about other measures, where these exist."""
    if semantic.tree is None and not semantic.alternatives:
        return semantic
    tree = semantic.tree
    if tree is not None:
        named = {*tree.drivers, *(referenced(tree.formula) if tree.formula else ())}
        tree = tree if named <= visible.keys() else None
    return replace(semantic, tree=tree, alternatives=tuple(o for o in semantic.alternatives if o.measure in visible))


def _names(semantic: Semantic) -> set[str] | None:
    """The columns and measures that an expression names, None if it cannot be read."""
    try:
        return referenced(semantic.expression)
    except BadQuery:
        return None


def referenced(expression: str) -> set[str]:
    """The names that an expression looks up. Raises BadQuery if it cannot be read."""
    whole = duck.expression(expression)
    return {_name(node) for node in nodes(whole) if node.get("class") == "COLUMN_REF"}


def _name(reference: Node) -> str:
    return str(reference["column_names"][0]).lower()
