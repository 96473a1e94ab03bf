"""Which values may meet in a policy's expression without an implicit cast that could throw. Pure but for the binder.

An engine error is an answer too: whether a cast fails depends on rows that the principal may not see.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from gateway.errors import BadQuery
from gateway.sql import duck, duck_check
from gateway.sql.tree import Node

_INTEGERS = {
    "TINYINT": 3, "SMALLINT": 5, "INTEGER": 10, "BIGINT": 19, "HUGEINT": 39,
    "UTINYINT": 3, "USMALLINT": 5, "UINTEGER": 10, "UBIGINT": 20, "UHUGEINT": 39,
}  # fmt: skip
_FLOATS = {"FLOAT", "DOUBLE"}
_DECIMAL = re.compile(r"DECIMAL\((\d+),(\d+)\)")
_DECIMAL_DIGITS = 38
UNTYPED = '"NULL"'


@dataclass(frozen=True, slots=True)
class Meeting:
    """Values that must be of one type: operands of a comparison, branches of a CASE. `element` marks a list whose items
    are meant."""

    what: str
    nodes: tuple[Node, ...]
    element: tuple[bool, ...]


def text_constant(node: Node) -> bool:
    """Whether `node` is a bare 'text', which takes the type of what it meets."""
    return node.get("class") == "CONSTANT" and node["literal"]["kind"] == "STRING"


def castable(node: Node, kind: str) -> bool:
    """Whether the constant `node` converts to `kind`.

    date_trunc's binder computes its first argument: the one place where DuckDB evaluates without running.
    """
    cast = duck.expression(f"CAST('' AS {kind})")
    probe = duck.expression("date_trunc(CASE WHEN $value IS NULL THEN 'year' ELSE 'day' END, DATE '2000-01-01')")
    text = duck.write_expression(probe).replace("$value", duck.write_expression({**cast, "child": node}))
    try:
        duck_check.check(f"SELECT {text}", {})
    except BadQuery:
        return False
    return True


def refuse_mixture(meeting: Meeting, kinds: Sequence[str]) -> None:
    """Raise BadQuery (type) where the values of `meeting`, of types `kinds`, meet only by a cast that may throw."""
    typed: list[str] = []
    for node, kind, element in zip(meeting.nodes, kinds, meeting.element, strict=True):
        if element and not kind.endswith("[]") and kind != UNTYPED:
            raise BadQuery(f"{meeting.what} takes a list, not {kind}", reason="type")
        if not text_constant(node) and kind != UNTYPED:
            typed.append(kind.removesuffix("[]") if element else kind)
    distinct = sorted(set(typed) - {UNTYPED})
    if len(distinct) > 1 and not _numbers_meet(distinct):
        raise BadQuery(f"{meeting.what} mixes {' and '.join(distinct)}: convert one side with TRY_CAST", reason="type")
    target = distinct[0] if distinct else "VARCHAR"
    for node in meeting.nodes:
        if text_constant(node) and target != "VARCHAR" and not castable(node, target):
            raise BadQuery(f"{meeting.what}: '{node['literal']['text']:.40}' is no {target}", reason="type")


def _numbers_meet(kinds: Sequence[str]) -> bool:
    """Whether DuckDB compares numbers of these types without a cast that can overflow."""
    if any(kind in _FLOATS for kind in kinds):
        return all(kind in _FLOATS or kind in _INTEGERS or _DECIMAL.fullmatch(kind) for kind in kinds)
    whole = scale = 0
    for kind in kinds:
        decimal = _DECIMAL.fullmatch(kind)
        if decimal:
            whole = max(whole, int(decimal.group(1)) - int(decimal.group(2)))
            scale = max(scale, int(decimal.group(2)))
        elif kind in _INTEGERS:
            whole = max(whole, _INTEGERS[kind])
        else:
            return False
    return scale == 0 or whole + scale <= _DECIMAL_DIGITS
