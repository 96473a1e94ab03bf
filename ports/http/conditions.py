"""Filters to SQL conditions. Pure: every value of a client is a parameter, so that one text serves all values."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from gateway import BadQuery, Column, Value
from ports.http import values
from ports.http.filters import Collection, Filter, Is, Logic, Membership, Quantified
from ports.http.sql import Columns, Parameters, quoted
from ports.http.sql import pattern as like

_COMPARISONS: Mapping[str, str] = {
    "eq": "=",
    "neq": "<>",
    "gt": ">",
    "gte": ">=",
    "lt": "<",
    "lte": "<=",
    "isdistinct": "IS DISTINCT FROM",
}
_COLLECTIONS: Mapping[str, str] = {"cs": "@>", "cd": "<@", "ov": "&&"}
_IS: Mapping[str, str] = {
    "null": "IS NULL",
    "not_null": "IS NOT NULL",
    "unknown": "IS NULL",
    "true": "IS TRUE",
    "false": "IS FALSE",
}
# The condition that some row of an embedded table belongs to ours, by the table's alias.
Exists = Mapping[str, Callable[[], str]]
NO_TABLES: Exists = {}


def condition(one: Filter, columns: Columns, parameters: Parameters, exists: Exists = NO_TABLES) -> str:
    """`one` as an SQL condition. Raises BadQuery (value) for a value that its column does not take."""
    if isinstance(one, Logic):
        terms = (condition(term, columns, parameters, exists) for term in one.terms)
        text = f"({f' {one.connective.upper()} '.join(terms)})"
    elif isinstance(one, Is):
        text = _is(one, columns, exists)
    elif isinstance(one, Membership):
        text = _membership(one.values, columns[one.column], parameters)
    elif isinstance(one, Quantified):
        text = _quantified(one, columns[one.column], parameters)
    elif isinstance(one, Collection):
        text = _collection(one, columns[one.column], parameters)
    else:
        text = _comparison(one.operator, one.value, columns[one.column], parameters)
    return f"NOT ({text})" if one.negated else text


def _is(one: Is, columns: Columns, exists: Exists) -> str:
    if one.column in columns:
        return f"{quoted(one.column)} {_IS[one.what]}"
    return f"NOT {exists[one.column]()}" if one.what == "null" else exists[one.column]()


def _membership(texts: tuple[str, ...], column: Column, parameters: Parameters) -> str:
    if not texts:
        return "FALSE"
    wanted: Value = [values.read(text, column.type, column.name) for text in texts]
    return f"{quoted(column.name)} IN (SELECT unnest({parameters.add(wanted)}))"


def _quantified(one: Quantified, column: Column, parameters: Parameters) -> str:
    """Any of no values is false and all of none true, as in SQL."""
    if one.operator == "eq" and one.quantifier == "any":
        return _membership(one.values, column, parameters)
    if not one.values:
        return "FALSE" if one.quantifier == "any" else "TRUE"
    joint = " OR " if one.quantifier == "any" else " AND "
    return f"({joint.join(_comparison(one.operator, text, column, parameters) for text in one.values)})"


def _collection(one: Collection, column: Column, parameters: Parameters) -> str:
    kind = values.item(column.type)
    assert kind is not None, "names.checked lets these operators through for lists only"
    wanted: Value = [values.read(text, kind, column.name) for text in one.values]
    return f"{quoted(column.name)} {_COLLECTIONS[one.operator]} CAST({parameters.add(wanted)} AS {column.type})"


def _comparison(operator: str, text: str, column: Column, parameters: Parameters) -> str:
    name = quoted(column.name)
    if operator in _COMPARISONS:
        value = values.read(text, column.type, column.name)
        return f"{name} {_COMPARISONS[operator]} {parameters.add(value)}"
    if operator in {"match", "imatch"}:
        options = ", 'i'" if operator == "imatch" else ""
        return f"regexp_matches({name}, {parameters.add(text)}{options})"
    return f"{name} {operator.upper()} {_pattern(text, column.name, parameters)}"


def _pattern(text: str, column: str, parameters: Parameters) -> str:
    """A LIKE pattern, `*` standing for `%`."""
    try:
        return like(text.replace("*", "%"), parameters)
    except ValueError as error:
        raise BadQuery(f'the pattern for column "{column}" ends with a single backslash', reason="value") from error
