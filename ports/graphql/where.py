"""A `where` and an `orderBy`, as they were coerced by the schema, to SQL conditions and terms. Pure.

Every value is a parameter, read by its column's own type; a condition on what belongs to a row is one relation more of
the statement, bound by a decision of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from gateway import BadQuery, Column, Value
from ports.graphql import errors, scalars
from ports.graphql.shape import Link, Shape, TableShape
from ports.http import sql, values
from ports.http.sql import OrderTerm, Parameters, quoted

CONDITION_LIMIT = 200
DEPTH_LIMIT = 20
LIST_LIMIT = 10_000
_COMPARISONS = {"_eq": "=", "_neq": "<>", "_gt": ">", "_gte": ">=", "_lt": "<", "_lte": "<="}
_JOINTS = {"_and": " AND ", "_or": " OR "}
_NOTHING = {"_and": "TRUE", "_or": "FALSE"}


class Where:
    """The conditions of one statement; `parameters` are its values."""

    def __init__(self, shape: Shape, parameters: Parameters) -> None:
        self._shape, self._parameters = shape, parameters
        self._count = self._aliases = 0

    def conditions(self, given: Mapping[str, Any] | None, table: TableShape, alias: str, depth: int = 0) -> list[str]:
        """Conditions on the rows of `table`, which is called `alias`; all hold. Raises BadQuery."""
        if depth > DEPTH_LIMIT:
            raise errors.over("conditions are nested too deeply", DEPTH_LIMIT)
        return [one for name, value in (given or {}).items() for one in self._one(name, value, table, alias, depth)]

    def _one(self, name: str, value: Any, table: TableShape, alias: str, depth: int) -> Iterator[str]:
        self._count += 1
        if self._count > CONDITION_LIMIT:
            raise errors.over("there are too many conditions", CONDITION_LIMIT)
        if value is None:
            raise BadQuery(f"{name} is null: leave it out, or ask by _isNull", reason="value")
        if name in table.known:
            yield from self.of_column(table.known[name], value, f"{quoted(alias)}.{quoted(name)}")
        elif name in _JOINTS:
            parts = [self._all(one, table, alias, depth) for one in value]
            yield f"({_JOINTS[name].join(parts)})" if parts else _NOTHING[name]
        elif name == "_not":
            yield f"NOT {self._all(value, table, alias, depth)}"
        else:
            yield self._related(next(one for one in table.links if one.name == name), value, alias, depth)

    def _all(self, given: Mapping[str, Any], table: TableShape, alias: str, depth: int) -> str:
        parts = self.conditions(given, table, alias, depth + 1)
        return f"({' AND '.join(parts)})" if parts else "TRUE"

    def _related(self, link: Link, given: Mapping[str, Any], alias: str, depth: int) -> str:
        """Some row over the reference meets the conditions."""
        self._aliases += 1
        far, table = f"w{self._aliases}", self._shape.tables[link.schema, link.table]
        pairs = zip(link.to_columns, link.columns, strict=True)
        on = [f"{quoted(far)}.{quoted(there)} = {quoted(alias)}.{quoted(here)}" for there, here in pairs]
        met = " AND ".join([*on, *self.conditions(given, table, far, depth + 1)])
        return f"EXISTS (SELECT 1 FROM {table.path} AS {quoted(far)} WHERE {met})"

    def of_column(self, column: Column, given: Mapping[str, Any], name: str) -> Iterator[str]:
        """Conditions on one column, whose SQL is `name`. Raises BadQuery."""
        for operator, value in given.items():
            if value is None:
                raise BadQuery(f"{operator} of {column.name} is null: ask by _isNull", reason="value")
            if operator == "_isNull":
                yield f"{name} IS {'' if value else 'NOT '}NULL"
            elif operator == "_in":
                yield self._among(column, value, name)
            elif operator in _COMPARISONS:
                yield f"{name} {_COMPARISONS[operator]} {self._parameters.add(read(column, value))}"
            else:
                yield f"{name} {operator[1:].upper()} {self._pattern(column, value)}"

    def _among(self, column: Column, given: Sequence[Any], name: str) -> str:
        if len(given) > LIST_LIMIT:
            raise errors.over(f"_in of {column.name} has {len(given)} values", LIST_LIMIT)
        if not given:
            return "FALSE"
        wanted: Value = [read(column, one) for one in given]
        return f"{name} IN (SELECT unnest({self._parameters.add(wanted)}))"

    def _pattern(self, column: Column, given: str) -> str:
        try:
            return sql.pattern(plain(given, column.name), self._parameters)
        except ValueError as error:
            raise BadQuery(f'the pattern for "{column.name}" ends with a single backslash', reason="value") from error


def read(column: Column, given: Any) -> values.Scalar:
    """A value of `column`. Raises BadQuery (value)."""
    return values.read(plain(scalars.text(given), column.name), column.type, column.name)


def order(given: Sequence[Mapping[str, str]] | None) -> tuple[OrderTerm, ...]:
    """The terms of an `orderBy`; a second mention of a column decides nothing."""
    found: dict[str, OrderTerm] = {}
    for one in given or ():
        for name, direction in one.items():
            descending = direction.startswith("DESC")
            # PostgreSQL's rule: NULL counts as larger than everything.
            first = direction.endswith("_FIRST") or (descending and not direction.endswith("_LAST"))
            found.setdefault(name, OrderTerm(name, descending, first))
    return tuple(found.values())


def plain(text: str, where: str) -> str:
    """`text` if it can be text in SQL. Raises BadQuery for a NUL or half a surrogate pair."""
    if "\x00" in text or any("\ud800" <= letter <= "\udfff" for letter in text):
        raise BadQuery(f"{where} holds a NUL or half a character", reason="value")
    return text
