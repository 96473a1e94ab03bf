"""Lookups by key: which statements are one, and the statement that answers many of them at once.

Pure: trees to trees. What it makes is checked and verified by `bind` like any other statement.
"""

from __future__ import annotations

from collections.abc import Sequence

from gateway.sql import duck, scope
from gateway.sql.duck import quote
from gateway.sql.tree import Node

# `$` keeps these apart from every contract name; an alias of a client's that begins with it is not answered together.
PLACE = "$place"
_KEYS = "$keys"


def parameters(statement: Node, key: Sequence[str]) -> tuple[str, ...] | None:
    """The parameter that each column of `key` must equal, in the key's order; None if `statement` is no lookup.

    It is one where it reads bare columns of one relation and asks for its whole key, and for nothing else.
    """
    select = statement["node"]
    if select["type"] != "SELECT_NODE" or not key or not one_table(select) or not all(map(bare, select["select_list"])):
        return None
    where = select["where_clause"]
    if where is None or select["modifiers"]:
        return None
    terms = where["children"] if where["type"] == "CONJUNCTION_AND" else [where]
    equal = [_equal(term, select["from_table"]["alias"].lower()) for term in terms]
    found = dict(one for one in equal if one is not None)
    return tuple(found[name] for name in key) if len(terms) == len(key) and found.keys() == set(key) else None


def together(statement: Node, key: Sequence[str]) -> Node | None:
    """`statement`, a lookup, for lists of keys: a list parameter for each column of `key`, then one of places.

    Its rows have the columns of `statement` and, last, PLACE: the place that was given with the row's key.
    """
    alias = statement["node"]["from_table"]["alias"]
    if alias.startswith("$"):
        return None
    lists = ", ".join(f"unnest(${i}) AS {quote(f'$k{i}')}" for i in range(1, len(key) + 1))
    equal = " AND ".join(
        f"{quote(alias)}.{quote(name)} = {quote(_KEYS)}.{quote(f'$k{i}')}" for i, name in enumerate(key, 1)
    )
    places = f"unnest(${len(key) + 1}) AS {quote(PLACE)}"
    made = duck.parse(
        f"SELECT {quote(_KEYS)}.{quote(PLACE)} FROM x JOIN (SELECT {lists}, {places}) AS {quote(_KEYS)} ON {equal}"
    )
    asked = scope.copied(statement["node"])
    for item in asked["select_list"]:
        if item["class"] == "STAR" and not item["relation_name"]:
            item["relation_name"] = alias
    made["node"]["select_list"] = [*asked["select_list"], *made["node"]["select_list"]]
    made["node"]["from_table"]["left"] = asked["from_table"]
    return made


def whole(statement: Node, key: Sequence[str]) -> Node:
    """`statement`, a lookup, for every key: its columns, then those of `key` under their places."""
    made = duck.parse("SELECT 1 FROM x")
    asked = scope.copied(statement["node"])
    made["node"]["select_list"] = [*asked["select_list"], *keys(statement, key)]
    made["node"]["from_table"] = asked["from_table"]
    return made


def keys(statement: Node, key: Sequence[str]) -> list[Node]:
    """The columns `key` of the one relation of `statement`, under the names of `name_of`."""
    alias = statement["node"]["from_table"]["alias"]
    columns = ", ".join(f"{quote(alias)}.{quote(name)} AS {quote(name_of(i))}" for i, name in enumerate(key))
    made: list[Node] = duck.parse(f"SELECT {columns} FROM x")["node"]["select_list"]
    return made


def name_of(place: int) -> str:
    """The column of `keys` that has the key's column of that place."""
    return f"$k{place}"


def one_table(select: Node) -> bool:
    """Whether there is one relation, under its own column names, and nothing that makes other rows of its rows."""
    source = select["from_table"]
    others = ("group_expressions", "group_sets", "having", "sample", "qualify")
    return (
        source["type"] == "BASE_TABLE"
        and not any((source["sample"], source["column_name_alias"], source["at_clause"]))
        and not select["cte_map"]["map"]
        and not any(select[clause] for clause in others)
    )


def bare(item: Node) -> bool:
    """Whether an item of a select list is columns of the relation as they are."""
    return item["class"] == "COLUMN_REF" or (
        item["class"] == "STAR" and not any((item["columns"], item["expr"], item["replace_list"]))
    )


def _equal(term: Node, alias: str) -> tuple[str, str] | None:
    """Column and parameter of `column = parameter` or `column IN (parameter)`."""
    if term["type"] == "COMPARE_EQUAL":
        sides = [term["left"], term["right"]]
    elif term["type"] == "COMPARE_IN" and len(term["children"]) == 2:
        sides = term["children"]
    else:
        return None
    columns = [side for side in sides if side["class"] == "COLUMN_REF"]
    given = [side for side in sides if side["class"] == "PARAMETER"]
    if len(columns) != 1 or len(given) != 1:
        return None
    # Any other qualified name is a member of a struct.
    *qualifier, name = (str(part).lower() for part in columns[0]["column_names"])
    return (name, str(given[0]["identifier"])) if qualifier in ([], [alias]) else None
