"""A question to SQL over product names. Pure.

The text is made of names from the contract and of this module's own words; every value of a client is a parameter, so
that one text serves all values (and one bound plan, in the gateway's cache).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gateway import BadQuery, Column, Query, Value
from ports.rest import values
from ports.rest.filters import Comparison, Filter, Is, Logic, Membership
from ports.rest.question import OrderTerm, Question, Selected

# The trailing column of a page: where the next one begins. `$` keeps it apart from every contract name and alias.
PLACE = "$"
_COMPARISONS: Mapping[str, str] = {
    "eq": "=",
    "neq": "<>",
    "gt": ">",
    "gte": ">=",
    "lt": "<",
    "lte": "<=",
    "isdistinct": "IS DISTINCT FROM",
}
_IS: Mapping[str, str] = {
    "null": "IS NULL",
    "not_null": "IS NOT NULL",
    "unknown": "IS NULL",
    "true": "IS TRUE",
    "false": "IS FALSE",
}


@dataclass(frozen=True)
class Relation:
    """One visible table by its path in SQL (schema and table), with its columns and its visible key."""

    schema: str
    table: str
    columns: Mapping[str, Column]
    key: tuple[str, ...]

    @property
    def text(self) -> str:
        """The table's name in SQL."""
        return f"{quoted(self.schema)}.{quoted(self.table)}"


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


def total_order(question: Question, relation: Relation) -> tuple[OrderTerm, ...]:
    """The question's order, made total: by the key, or by every comparable column where no key is visible."""
    named = {term.column for term in question.order}
    comparable = (name for name, column in relation.columns.items() if values.comparable(column.type))
    rest = relation.key or tuple(comparable)
    return (*question.order, *(OrderTerm(name, False, False) for name in rest if name not in named))


def rows(
    question: Question, relation: Relation, limit: int | None, after: Sequence[str | None] | None, placed: bool
) -> Query:
    """The rows of the question, at most `limit` of them, from `after` on.

    Where only a part of them is asked for, they come in total order. `after` is the place of the last row seen: the
    text of each column of that order. If `placed`, the answer's last column, PLACE, is a struct of these columns.
    """
    parameters = Parameters()
    part = placed or limit is not None or question.offset > 0 or after is not None
    order = total_order(question, relation) if part else question.order
    where = [condition(one, relation.columns, parameters) for one in question.filters]
    if after is not None:
        where.append(_after(order, relation.columns, after, parameters))
    place = ""
    if placed:
        members = ", ".join(f"'k{i}': {quoted(term.column)}" for i, term in enumerate(order))
        place = f", {{{members}}} AS {quoted(PLACE)}"
    text = f"SELECT {_items(question.select)}{place} FROM {relation.text}{_where(where)}{_order_by(order)}"
    if limit is not None:
        text += f" LIMIT {parameters.add(limit)}"
    if question.offset:
        text += f" OFFSET {parameters.add(question.offset)}"
    return Query(text, parameters.all())


def by_key(select: Sequence[Selected], relation: Relation, key: Sequence[str]) -> Query:
    """The row of that key. Raises BadQuery if `key` has another number of values, or wrong ones."""
    if len(key) != len(relation.key):
        raise BadQuery(
            f"the key of {relation.table} has {len(relation.key)} values: {','.join(relation.key)}",
            reason="value",
            hint="separate them by commas; a comma inside a value is written %2C",
        )
    parameters = Parameters()
    where = [
        f"{quoted(name)} = {parameters.add(values.read(text, relation.columns[name].type, name))}"
        for name, text in zip(relation.key, key, strict=True)
    ]
    return Query(f"SELECT {_items(select)} FROM {relation.text}{_where(where)}", parameters.all())


def condition(one: Filter, columns: Mapping[str, Column], parameters: Parameters) -> str:
    """`one` as an SQL condition. Raises BadQuery (value) for a value that its column does not take."""
    if isinstance(one, Logic):
        joined = f" {one.connective.upper()} ".join(condition(term, columns, parameters) for term in one.terms)
        text = f"({joined})"
    elif isinstance(one, Is):
        text = f"{quoted(one.column)} {_IS[one.what]}"
    elif isinstance(one, Membership):
        text = _membership(one, columns[one.column], parameters)
    else:
        text = _comparison(one, columns[one.column], parameters)
    return f"NOT ({text})" if one.negated else text


def _membership(one: Membership, column: Column, parameters: Parameters) -> str:
    if not one.values:
        return "FALSE"
    wanted: Value = [values.read(text, column.type, column.name) for text in one.values]
    return f"{quoted(column.name)} IN (SELECT unnest({parameters.add(wanted)}))"


def _comparison(one: Comparison, column: Column, parameters: Parameters) -> str:
    name = quoted(column.name)
    if one.operator in _COMPARISONS:
        value = values.read(one.value, column.type, column.name)
        return f"{name} {_COMPARISONS[one.operator]} {parameters.add(value)}"
    if one.operator in {"match", "imatch"}:
        options = ", 'i'" if one.operator == "imatch" else ""
        return f"regexp_matches({name}, {parameters.add(one.value)}{options})"
    return f"{name} {one.operator.upper()} {_pattern(one.value, column.name, parameters)}"


def _pattern(text: str, column: str, parameters: Parameters) -> str:
    """A LIKE pattern, `*` standing for `%`; a backslash escapes, as in PostgreSQL.

    Without a backslash the clause is left out: with it DuckDB loses its fast paths for prefixes and substrings.
    """
    pattern = text.replace("*", "%")
    if "\\" not in pattern:
        return parameters.add(pattern)
    if (len(pattern) - len(pattern.rstrip("\\"))) % 2:
        raise BadQuery(f'the pattern for column "{column}" ends with a single backslash', reason="value")
    return parameters.add(pattern) + " ESCAPE '\\'"


def _items(select: Sequence[Selected]) -> str:
    return ", ".join(
        quoted(one.column) + ("" if one.alias == one.column else f" AS {quoted(one.alias)}") for one in select
    )


def _where(conditions: Sequence[str]) -> str:
    return " WHERE " + " AND ".join(conditions) if conditions else ""


def _order_by(order: Sequence[OrderTerm]) -> str:
    terms = (
        f"{quoted(term.column)}{' DESC' if term.descending else ' ASC'} NULLS {'FIRST' if term.nulls_first else 'LAST'}"
        for term in order
    )
    return " ORDER BY " + ", ".join(terms) if order else ""


def _after(
    order: Sequence[OrderTerm], columns: Mapping[str, Column], place: Sequence[str | None], parameters: Parameters
) -> str:
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


def _behind(term: OrderTerm, mark: str | None) -> str:
    name = quoted(term.column)
    if mark is None:
        return f"{name} IS NOT NULL" if term.nulls_first else "FALSE"
    behind = f"{name} {'<' if term.descending else '>'} {mark}"
    return behind if term.nulls_first else f"({behind} OR {name} IS NULL)"


def _cast(placeholder: str, kind: str) -> str:
    if kind == "BLOB":
        return f"from_base64({placeholder})"
    return placeholder if kind == "VARCHAR" else f"CAST({placeholder} AS {kind})"
