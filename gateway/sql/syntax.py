"""The shared ground of the rooms that read a tree: its nodes, their positions, and its constants. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

Node = dict[str, Any]
NESTED = (dict, list)
_NOWHERE = 1 << 63


def nodes(tree: Any) -> Iterator[Node]:
    """Every dictionary of `tree`, parents before children, in no promised order between siblings."""
    stack = [tree]
    while stack:
        value = stack.pop()
        if isinstance(value, dict):
            yield value
            stack += [child for child in value.values() if isinstance(child, NESTED)]
        elif isinstance(value, list):
            stack += [child for child in value if isinstance(child, NESTED)]


def position(node: Node) -> int | None:
    """Where `node` stands in the client's text (byte offset), None for a node that the parser made itself."""
    location = node.get("query_location", _NOWHERE)
    return None if location >= _NOWHERE else int(location)


def constant(expression: Node) -> int | str | None:
    """The value of an integer or string constant (also one under casts or a minus), None for anything else."""
    while expression.get("class") == "CAST":
        expression = expression["child"]
    if (
        expression.get("class") == "FUNCTION"
        and expression["function_name"] == "-"
        and len(expression["arguments"]) == 1
    ):
        value = constant(expression["arguments"][0]["expression"])
        return -value if isinstance(value, int) else None
    if expression.get("class") != "CONSTANT":
        return None
    literal = expression["literal"]
    text = str(literal["text"])
    if literal["kind"] == "INTEGER" and re.fullmatch(r"-?\d{1,18}", text):
        return int(text)
    return text if literal["kind"] == "STRING" else None
