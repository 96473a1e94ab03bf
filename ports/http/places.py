"""A row's place in a total order, as texts that a cursor keeps, and the condition that a row is behind it. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from ports.http.sql import Columns, OrderTerm, Parameters, quoted

# The trailing column of a page: where the next one begins. `$` keeps it apart from every contract name and alias.
PLACE = "$"


def place(order: Sequence[OrderTerm], columns: Columns) -> str:
    """SQL for a row's place: a struct of the engine's own text of each value, which casts back to the same value."""
    members = (f"'k{i}': {_as_text(quoted(t.column), columns[t.column].type)}" for i, t in enumerate(order))
    return f"{{{', '.join(members)}}}"


def behind(order: Sequence[OrderTerm], columns: Columns, place: Sequence[str | None], parameters: Parameters) -> str:
    """Behind `place` in `order`: for some n, equal in the first n columns and behind in the next; NULLs have a place.

    A place comes as the values' own texts, cast back: it holds for every type that has an order.
    """
    marks = [
        None if text is None else _cast(parameters.add(text), columns[term.column].type)
        for term, text in zip(order, place, strict=True)
    ]
    equal: list[str] = []
    branches: list[str] = []
    for term, mark in zip(order, marks, strict=True):
        branches.append(" AND ".join([*equal, _behind(term, mark)]))
        equal.append(f"{quoted(term.column)} IS NULL" if mark is None else f"{quoted(term.column)} = {mark}")
    return "(" + " OR ".join(f"({branch})" for branch in branches) + ")"


def reversed_order(order: Sequence[OrderTerm]) -> tuple[OrderTerm, ...]:
    """The same order from its end."""
    return tuple(OrderTerm(one.column, not one.descending, not one.nulls_first) for one in order)


def _behind(term: OrderTerm, mark: str | None) -> str:
    name = quoted(term.column)
    if mark is None:
        return f"{name} IS NOT NULL" if term.nulls_first else "FALSE"
    behind = f"{name} {'<' if term.descending else '>'} {mark}"
    return behind if term.nulls_first else f"({behind} OR {name} IS NULL)"


def _as_text(value: str, kind: str) -> str:
    if kind == "BLOB":
        return f"to_base64({value})"
    return value if kind == "VARCHAR" else f"CAST({value} AS VARCHAR)"


def _cast(placeholder: str, kind: str) -> str:
    if kind == "BLOB":
        return f"from_base64({placeholder})"
    return placeholder if kind == "VARCHAR" else f"CAST({placeholder} AS {kind})"
