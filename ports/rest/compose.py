"""A question to SQL over product names. Pure.

The text is made of names from the contract, of the client's names for its columns, and of this module's own words;
every value of a client is a parameter, so that one text serves all values (and one bound plan, in the gateway's cache).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gateway import BadQuery, Query, Value
from ports.http import places, values
from ports.http.conditions import condition
from ports.http.places import PLACE
from ports.http.sql import Columns, OrderTerm, Parameters, order_by, quoted, total
from ports.rest import embedding, selection
from ports.rest.parts import Page, expression
from ports.rest.question import Question

__all__ = ["Relation", "by_key", "count", "key_values", "rows", "sample", "source", "total_order"]


@dataclass(frozen=True)
class Relation:
    """One visible table by its path in SQL (schema and table), with its columns and its visible key."""

    schema: str
    table: str
    columns: Columns
    key: tuple[str, ...]

    @property
    def text(self) -> str:
        """The table's name in SQL."""
        return f"{quoted(self.schema)}.{quoted(self.table)}"


@dataclass(frozen=True)
class Source:
    """What the rows of an answer come from: the table, or its groups; `key` tells them apart, () where nothing does."""

    columns: Columns
    key: tuple[str, ...]


def source(question: Question, relation: Relation) -> Source:
    """The rows that the question's order and cursor are about."""
    if not question.aggregated:
        return Source(relation.columns, relation.key)
    columns = selection.outputs(question.fields)
    key = tuple(one.alias for one in selection.groups(question.fields))
    comparable = all(values.comparable(columns[name].type) for name in key)
    # A sum of doubles has other last digits in another run: no place can be found by it.
    shaky = {one.alias for one in question.fields if _inexact(one)}
    return Source(columns, () if not comparable or any(term.column in shaky for term in question.order) else key)


def total_order(question: Question, relation: Relation) -> tuple[OrderTerm, ...]:
    """The question's order, made total: by the key, or by every comparable column where no key is visible."""
    of = source(question, relation)
    return total(question.order, of.columns, of.key)


def rows(
    question: Question, relation: Relation, limit: int | None, after: Sequence[str | None] | None, placed: bool
) -> Query:
    """The rows of the question, at most `limit` of them, from `after` on.

    Where only a part of them is asked for, they come in total order. `after` is the place of the last row seen: the
    text of each column of that order. If `placed`, PLACE stands beside the answer's columns: a struct of these texts.
    """
    parameters = Parameters()
    of = source(question, relation)
    part = placed or limit is not None or question.offset > 0 or after is not None
    order = total(question.order, of.columns, of.key) if part else question.order
    text, where = _base(question, relation, parameters)
    if after is not None:
        where.append(places.behind(order, of.columns, after, parameters))
    place = places.place(order, of.columns) if placed else ""
    end = order_by(order, _shadowed(question, relation, text, order))
    if limit is not None:
        end += f" LIMIT {parameters.add(limit)}"
    if question.offset:
        end += f" OFFSET {parameters.add(question.offset)}"
    bounded = limit is not None or bool(where)
    page = Page(text, tuple(where), order, end, place, bounded)
    return Query(_text(question, relation, page, parameters), parameters.all(), beside=int(placed))


def key_values(relation: Relation, key: Sequence[str]) -> tuple[Value, ...]:
    """The values that `key` is the text of. Raises BadQuery if it has another number of values, or wrong ones."""
    if len(key) != len(relation.key):
        raise BadQuery(
            f"the key of {relation.table} has {len(relation.key)} values: {','.join(relation.key)}",
            reason="value",
            hint="separate them by commas; a comma inside a value is written %2C",
        )
    return tuple(
        values.read(text, relation.columns[name].type, name) for name, text in zip(relation.key, key, strict=True)
    )


def by_key(question: Question, relation: Relation, key: Sequence[Value]) -> Query:
    """The row of that key. Without embedded tables the text is the same for every key, which is all its parameters."""
    parameters = Parameters()
    where = [f"{quoted(name)} = {parameters.add(value)}" for name, value in zip(relation.key, key, strict=True)]
    text, inner = _base(question, relation, parameters)
    page = Page(text, (*where, *inner), (), "", "", bounded=True)
    return Query(_text(question, relation, page, parameters), parameters.all())


def count(question: Question, relation: Relation) -> Query:
    """How many rows the question has, whatever its limit and offset: one number."""
    parameters = Parameters()
    text, where = _base(question, relation, parameters)
    return Query(f'SELECT count(*) AS "n" FROM {text}{_where(where)}', parameters.all())


def sample(question: Question, relation: Relation, share: int) -> Query | None:
    """How many rows the question has among one in `share` of the visible keys; None where no key tells rows apart.

    Which keys these are follows from the keys alone, so that the number depends on no row that is not visible: a sample
    of the engine's own is one of stored blocks, hidden rows included. CASE has conditions tested on the sample only.
    """
    key = relation.key
    if question.aggregated or not key:
        return None
    parameters = Parameters()
    text, where = _base(question, relation, parameters)
    conditions = " AND ".join(where) or "TRUE"
    chosen = f"hash({', '.join(map(quoted, key))}) % {share} = 0"
    return Query(f'SELECT count(*) AS "n" FROM {text} WHERE CASE WHEN {chosen} THEN {conditions} END', parameters.all())


def _text(question: Question, relation: Relation, page: Page, parameters: Parameters) -> str:
    if any(one.select for one in question.embeds):
        return embedding.joined(question.select, page, parameters)
    if question.aggregated:
        items = ", ".join(quoted(one.alias) for one in question.fields)
    else:
        items = ", ".join(expression(one) for one in question.fields)
    place = f", {page.place} AS {quoted(PLACE)}" if page.place else ""
    return f"SELECT {items}{place} FROM {page.source}{_where(page.where)}{page.end}"


def _base(question: Question, relation: Relation, parameters: Parameters) -> tuple[str, list[str]]:
    """What stands in FROM, and the conditions on it: for groups these are inside."""
    exists = embedding.exists(question.embeds, parameters)
    where = [condition(one, relation.columns, parameters, exists) for one in question.filters]
    where += [exists[one.alias]() for one in question.embeds if one.inner]
    related = any("EXISTS" in one for one in where)
    text = f"{relation.text} AS {quoted(embedding.NEAR)}" if related else relation.text
    if not question.aggregated:
        return text, where
    items = ", ".join(expression(one) for one in question.fields)
    groups = ", ".join(expression(one, named=False) for one in selection.groups(question.fields))
    grouping = f" GROUP BY {groups}" if groups else ""
    return f'(SELECT {items} FROM {text}{_where(where)}{grouping}) AS "groups"', []


def _inexact(one: selection.Selected) -> bool:
    return one.aggregate in {"sum", "avg"} and one.source in {"DOUBLE", "FLOAT", "UHUGEINT"}


def _shadowed(question: Question, relation: Relation, text: str, order: Sequence[OrderTerm]) -> str:
    """What the order's columns are qualified by: nothing, but where an output has the name of one and is another."""
    names = {term.column for term in order}
    others = (one.alias.lower() for one in question.fields if one.text_inside or one.alias != one.column)
    if question.aggregated or names.isdisjoint(others):
        return ""
    return quoted(relation.table) if text == relation.text else quoted(embedding.NEAR)


def _where(conditions: Sequence[str]) -> str:
    return " WHERE " + " AND ".join(conditions) if conditions else ""
