"""What doors that compose SQL have in common: quoted names, parameters, orders. Pure.

Every value of a client is a parameter, so that one text serves all values.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gateway import Column, Value
from ports.http import values

Columns = Mapping[str, Column]


@dataclass(frozen=True)
class OrderTerm:
    """One column of the order, with its direction and the place of NULLs."""

    column: str
    descending: bool
    nulls_first: bool


class Parameters:
    """The values of one query, in the order of their `$1`, `$2`, ..."""

    def __init__(self) -> None:
        self._values: list[Value] = []

    def add(self, value: Value) -> str:
        """The placeholder of `value`."""
        self._values.append(value)
        return f"${len(self._values)}"

    def all(self) -> tuple[Value, ...]:
        """Every value so far."""
        return tuple(self._values)


def quoted(identifier: str) -> str:
    """`identifier` as SQL, always double-quoted."""
    return '"' + identifier.replace('"', '""') + '"'


def literal(text: str) -> str:
    """`text` as an SQL string."""
    return "'" + text.replace("'", "''") + "'"


def pattern(text: str, parameters: Parameters) -> str:
    """A LIKE pattern; a backslash escapes, as in PostgreSQL. Raises ValueError where one at the end escapes nothing.

    Without a backslash the clause is left out: with it DuckDB loses its fast paths for prefixes and substrings.
    """
    if "\\" not in text:
        return parameters.add(text)
    if (len(text) - len(text.rstrip("\\"))) % 2:
        raise ValueError("the pattern ends with a single backslash")
    return parameters.add(text) + " ESCAPE '\\'"


def total(order: Sequence[OrderTerm], columns: Columns, key: Sequence[str]) -> tuple[OrderTerm, ...]:
    """`order` made total: by the key, or by every comparable column where there is none."""
    named = {term.column for term in order}
    rest = key or tuple(name for name, column in columns.items() if values.comparable(column.type))
    return (*order, *(OrderTerm(name, False, False) for name in rest if name not in named))


def order_by(order: Sequence[OrderTerm], of: str = "") -> str:
    """ORDER BY over columns of their own names, of the relation `of` (quoted) where an output might have their name."""
    prefix = f"{of}." if of else ""
    return " ORDER BY " + terms(order, [prefix + quoted(term.column) for term in order]) if order else ""


def terms(order: Sequence[OrderTerm], expressions: Sequence[str]) -> str:
    """The terms of an ORDER BY over these expressions."""
    return ", ".join(
        f"{text}{' DESC' if term.descending else ' ASC'} NULLS {'FIRST' if term.nulls_first else 'LAST'}"
        for term, text in zip(order, expressions, strict=True)
    )
