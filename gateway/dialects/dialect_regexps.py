"""PostgreSQL's functions of regular expressions as DuckDB's. Pure: changes a tree.

DuckDB's engine is RE2: no look-around and no references back. Source: PostgreSQL 15, chapter 9.7.3.
"""

from __future__ import annotations

from gateway.dialects.dialect_nodes import call, filled, replaced, text_node
from gateway.errors import BadQuery
from gateway.sql import syntax, tree
from gateway.sql.tree import Node

_FLAGS = {"i": "i", "c": "c", "n": "m", "m": "m", "s": "s"}
_GROUP_LIMIT = 20


def flags(node: Node) -> str:
    """The flags of a call but `g`, as DuckDB's. Raises BadQuery (unsupported)."""
    text = syntax.constant(node)
    if not isinstance(text, str) or not set(text) <= {*_FLAGS, "g"}:
        raise BadQuery("flags of regular expressions are constant, of the letters c g i m n s", reason="unsupported",
                       position=tree.position(node))  # fmt: skip
    return "".join(dict.fromkeys(_FLAGS[one] for one in text if one != "g"))


def groups(pattern: Node) -> int:
    """How many groups a constant pattern has. Raises BadQuery (unsupported)."""
    text = syntax.constant(pattern)
    if not isinstance(text, str):
        raise BadQuery("a pattern whose groups are asked for is constant", reason="unsupported",
                       position=tree.position(pattern), hint="substring(x FROM pattern), or x ~ pattern")  # fmt: skip
    count = _opened(text)
    if count > _GROUP_LIMIT:
        raise BadQuery(f"a pattern has at most {_GROUP_LIMIT} groups here", reason="limit",
                       position=tree.position(pattern))  # fmt: skip
    return count


def _opened(pattern: str) -> int:
    """The groups that capture: brackets hold none, and `(?:` is none."""
    count, place, listed = 0, 0, False
    while place < len(pattern):
        letter = pattern[place]
        if letter == "\\":
            place += 1
        elif listed:
            listed = letter != "]"
        elif letter == "[":
            listed = True
            place += 1 + (pattern[place + 1 : place + 2] == "^")  # the first may be a ] itself
        elif letter == "(":
            count += pattern[place + 1 : place + 2] != "?" or pattern[place + 1 : place + 4] == "?P<"
        place += 1
    return count


def rewrite(node: Node, name: str, arguments: list[Node]) -> bool:
    """One call; False where it stays as it is. Raises BadQuery."""
    if name == "regexp_match" and len(arguments) in {2, 3}:
        replaced(node, _match(arguments))
    elif name == "regexp_replace" and len(arguments) == 4 and isinstance(syntax.constant(arguments[3]), str):
        letters = flags(arguments[3]) + ("g" if "g" in str(syntax.constant(arguments[3])) else "")
        replaced(arguments[3], text_node(letters))
    elif name == "regexp_count" and len(arguments) == 2:
        replaced(node, filled("len(regexp_extract_all($1, $2))", *arguments))
    elif name == "regexp_substr" and len(arguments) == 2:
        replaced(node, filled("CASE WHEN regexp_matches($1, $2) THEN regexp_extract($1, $2, 0) END", *arguments))
    elif name == "regexp_like" and len(arguments) in {2, 3}:
        options = [text_node(flags(arguments[2]))] if len(arguments) == 3 else []
        replaced(node, call("regexp_matches", *arguments[:2], *options))
    else:
        return False
    return True


def _match(arguments: list[Node]) -> Node:
    """The groups of the first match, or all of it; NULL where there is none."""
    count, letters = groups(arguments[1]), flags(arguments[2]) if len(arguments) == 3 else ""
    places = range(1, count + 1) if count else (0,)
    listed = ", ".join(f"regexp_extract($1, $2, {place}, '{letters}')" for place in places)
    return filled(f"CASE WHEN regexp_matches($1, $2, '{letters}') THEN [{listed}] END", *arguments[:2])


def every(item: Node, arguments: list[Node]) -> None:
    """regexp_matches among the columns: a row for the first match, for each one with the flag g."""
    if len(arguments) not in {2, 3}:
        return
    if len(arguments) == 2 or "g" not in str(syntax.constant(arguments[2])):
        one = filled("CASE WHEN $1 IS NOT NULL THEN [$1] ELSE [] END", _match(arguments))
        replaced(item, call("unnest", one))
        return
    count, letters = groups(arguments[1]), flags(arguments[2])
    lists = [f"regexp_extract_all($1, $2, {place}, '{letters}')" for place in range(1, count + 1) or (0,)]
    if len(lists) == 1:
        text = f"list_transform({lists[0]}, lambda part: [part])"
    else:
        parts = ", ".join(f"part[{place}]" for place in range(1, count + 1))
        text = f"list_transform(list_zip({', '.join(lists)}), lambda part: [{parts}])"
    replaced(item, call("unnest", filled(text, *arguments[:2])))
