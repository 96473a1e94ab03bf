"""What POLICY.md means, row by row and cell by cell, in plain Python: an independent judge of the compiled SQL.

Nothing of the gateway is used here. Rules are the YAML's dictionaries, but for expressions, which are pairs of SQL text
and a Python function of (row, claims) that gives True, False or None.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

Row = Mapping[str, Any]
Truth = bool | None
CLASSES = ("public", "internal", "confidential", "restricted")
LADDER = ("raw", "partial", "bucket", "hash", "constant", "null")
RANKS = {"partial": "partial", "email": "partial", "year": "bucket", "month": "bucket", "bucket": "bucket",
         "hash": "hash", "constant": "constant", "null": "null"}  # fmt: skip


@dataclass(frozen=True)
class Expression:
    """One condition in two languages. `claims` are those that it names."""

    text: str
    holds: Callable[[Row, Mapping[str, Any]], Truth]
    claims: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Shape:
    """A column of the contract, as far as rules look at it."""

    name: str
    classification: str | None
    tags: frozenset[str]


def both(left: Truth, right: Truth) -> Truth:
    if left is False or right is False:
        return False
    return None if left is None or right is None else True


def either(left: Truth, right: Truth) -> Truth:
    return negated(both(negated(left), negated(right)))


def negated(value: Truth) -> Truth:
    return None if value is None else not value


def covers(rule: Mapping[str, Any], shape: Shape) -> bool:
    """Whether the rule's columns name `shape`; what is unclear is read the strict way for its effect."""
    body = next(rule[key] for key in ("grant", "mask", "hide") if key in rule)
    grants = "grant" in rule
    rank = CLASSES.index(shape.classification or "restricted")
    for selector in body["columns"]:
        if selector == "*" and (shape.classification is not None or not grants):
            return True
        if selector.startswith("class:"):
            wanted = CLASSES.index(selector[6:])
            if rank == wanted or (rank > wanted and not grants):
                return True
        elif selector == shape.name or (selector.startswith("tag:") and selector[4:] in shape.tags):
            return True
    return False


def speaks_of(rule: Mapping[str, Any], roles: frozenset[str]) -> bool:
    """`to` and `unless` by role alone: the reference's principals have nothing else to match."""

    def said(body: Mapping[str, Any], gives: bool) -> bool:
        if "role" not in body:
            return True
        wanted = body["role"]
        if isinstance(wanted, dict):
            return not roles & {wanted["not"]} and (bool(roles) or not gives)
        return bool(roles & set(wanted if isinstance(wanted, list) else [wanted]))

    gives = "grant" in rule
    return said(rule["to"], gives) and not ("unless" in rule and said(rule["unless"], not gives))


def masked(name: str, column: str, row: Row, link: str, pseudonym: Callable[[Any, str], Any]) -> Any:
    """The mask `name` over one value; a constant does not look at the value, all else leaves NULL as it is."""
    value = row[column]
    if name == "constant":
        return {str: "***", bool: False, int: 0, date: date(1900, 1, 1)}[CONSTANTS[column]]
    if value is None or name == "null":
        return None
    if name == "partial":
        return value[:1] + "***"
    if name == "email":
        domain = value.split("@")[1] if "@" in value else ""
        return f"{value[:1]}***@{domain}"
    if name == "year":
        return value.replace(month=1, day=1)
    if name == "month":
        return value.replace(day=1)
    if name == "bucket":
        return abs(value) // 10 * 10 * (1 if value >= 0 else -1)
    return pseudonym(value, link)


CONSTANTS: Mapping[str, type] = {
    "id": int, "name": str, "email": str, "born": date, "region": str, "salary": int, "consent": bool, "note": str
}  # fmt: skip


def evaluate(
    rules: Sequence[Mapping[str, Any]],
    roles: frozenset[str],
    claims: Mapping[str, Any],
    shapes: Sequence[Shape],
    rows: Sequence[Row],
    pseudonym: Callable[[Any, str], Any],
) -> tuple[tuple[str, ...], dict[int, tuple[Any, ...]]] | None:
    """Visible columns, and by row number the visible rows' cells; None where the table does not exist."""
    active = [rule for rule in rules if speaks_of(rule, roles)]
    if any("deny" in rule for rule in active):
        return None
    hidden = {shape.name for rule in active if "hide" in rule for shape in shapes if covers(rule, shape)}
    grants = []
    for rule in active:
        if "grant" in rule:
            shown = {shape.name for shape in shapes if covers(rule, shape)} - hidden
            filter_ = rule["grant"].get("rows")
            if shown and (filter_ is None or filter_.claims <= set(claims)):
                grants.append((shown, filter_))
    restrictions = [rule["restrict"]["rows"] for rule in active if "restrict" in rule]
    if not grants or any(not filter_.claims <= set(claims) for filter_ in restrictions):
        return None
    columns = tuple(shape.name for shape in shapes if any(shape.name in shown for shown, _ in grants))
    answer: dict[int, tuple[Any, ...]] = {}
    for number, row in enumerate(rows):
        if any(filter_.holds(row, claims) is not True for filter_ in restrictions):
            continue
        mine = [shown for shown, filter_ in grants if filter_ is None or filter_.holds(row, claims) is True]
        if mine:
            visible = set().union(*mine)
            cells = {name: treated(name, row, active, claims, shapes, pseudonym) for name in columns}
            answer[number] = tuple(cells[name] if name in visible else None for name in columns)
    return columns, answer


def treated(
    name: str,
    row: Row,
    active: Sequence[Mapping[str, Any]],
    claims: Mapping[str, Any],
    shapes: Sequence[Shape],
    pseudonym: Callable[[Any, str], Any],
) -> Any:
    """One visible cell: the strictest mask that applies to this row; NULL if two of a rank differ."""
    shape = next(one for one in shapes if one.name == name)
    applying: dict[str, set[tuple[str, str]]] = {}
    for rule in active:
        if "mask" not in rule or not covers(rule, shape):
            continue
        body = rule["mask"]
        condition = body.get("if")
        if condition is not None and condition.claims <= set(claims) and condition.holds(row, claims) is False:
            continue
        link = body.get("link", "lab") if body["with"] == "hash" else ""
        applying.setdefault(RANKS[body["with"]], set()).add((body["with"], link))
    if any(len(masks) > 1 for masks in applying.values()):
        return None
    if not applying:
        return row[name]
    ((mask, link),) = applying[max(applying, key=LADDER.index)]
    return masked(mask, name, row, link, pseudonym)
