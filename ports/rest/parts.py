"""The parts that every composed SQL text is made of: expressions, orders, the shape of a page. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gateway import client_text
from ports.http import values
from ports.http.sql import OrderTerm, literal, quoted
from ports.rest.selection import Selected


@dataclass(frozen=True)
class Page:
    """The rows of one answer: FROM, WHERE, order, and the text from ORDER BY on; `place` is the SQL of PLACE or "".

    `bounded`: they may be few of the table's rows, so that what belongs to them is worth looking up alone.
    """

    source: str
    where: tuple[str, ...]
    order: tuple[OrderTerm, ...]
    end: str
    place: str
    bounded: bool


def expression(one: Selected, *, named: bool = True) -> str:
    """`one` over a table's columns, in one text with every door's: casts to text are the gateway's own."""
    text, kind = quoted(one.column) if one.column else "*", one.source
    if one.text_inside:
        text, kind = _text(text, kind), "VARCHAR"
    if one.aggregate:
        text, kind = f"{one.aggregate}({text})", _result(one, kind)
    if one.text_outside:
        text = _text(text, kind)
    plain = not (one.aggregate or one.text_inside) and one.alias == one.column
    return text if plain or not named else f"{text} AS {quoted(one.alias)}"


def struct(select: Sequence[Selected]) -> str:
    """An object of what is selected."""
    return "{" + ", ".join(f"{literal(one.alias)}: {expression(one, named=False)}" for one in select) + "}"


def _text(value: str, kind: str) -> str:
    return value if kind == "VARCHAR" else client_text(value, kind)


def _result(one: Selected, kind: str) -> str:
    return {"sum": values.total(kind), "avg": "DOUBLE", "count": "BIGINT"}.get(one.aggregate, kind)
