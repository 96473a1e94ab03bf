"""The metric trees of a product with their values now, as its reader gets them. Touches the front door only."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from gateway import Gateway, GatewayError, Semantic, VisibleProduct, VisibleTable
from ports.http import asking, measured
from ports.http.asking import Named
from ports.http.exchange import Lifeline
from ports.http.pages import Reader
from ports.hub import drawings, words
from ports.hub.drawings import Node


@dataclass(frozen=True)
class Branch:
    """One measure of a tree in words: what it is now, and what drives it."""

    name: str
    value: str
    north_star: bool
    drivers: tuple[str, ...]
    formula: str


@dataclass(frozen=True)
class Tree:
    """The tree of one table: a drawing, and the same in words."""

    table: str
    drawing: Markup
    branches: tuple[Branch, ...]


def of(gateway: Gateway, reader: Reader, visible: VisibleProduct, lifeline: Lifeline) -> dict[str, Tree]:
    """Table -> its tree, for those that have one."""
    found: dict[str, Tree] = {}
    for table in visible.tables:
        measures = [one for one in table.semantics if one.kind == "measure"]
        linked = [one for one in measures if one.tree is not None]
        if linked:
            names = {one.name for one in linked} | {name for one in linked for name in _drivers(one)}
            shown = [one for one in measures if one.name in names]
            row = _values(gateway, reader, visible, table, shown, lifeline)
            found[table.table.name] = _tree(table.table.name, shown, row)
    return found


def _values(
    gateway: Gateway,
    reader: Reader,
    visible: VisibleProduct,
    table: VisibleTable,
    measures: list[Semantic],
    lifeline: Lifeline,
) -> Mapping[str, Any]:
    """The measures over all rows of the reader; none where a limit or a rule leaves the question without an answer."""
    with suppress(GatewayError):
        pin = gateway.pin(reader.session)
        named = [Named(table, one) for one in measures]
        tables = asking.tables(gateway, reader.session, pin, visible.product.name, named)
        query = measured.compose(measured.understand((), tables))
        with lifeline.hold(gateway.answer(reader.session, query, pin=pin)) as result:
            rows = [row for batch in result.batches() for row in batch.to_pylist()]
        return rows[0] if rows else {}
    return {}


def _tree(table: str, measures: list[Semantic], row: Mapping[str, Any]) -> Tree:
    values = {one.name: words.amount(row.get(one.name), one.unit) for one in measures}
    nodes = [Node(one.name, one.title or one.name, values[one.name], "star" * _star(one)) for one in measures]
    edges = [(one.name, driver) for one in measures for driver in _drivers(one)]
    stars = {one.name for one in measures if _star(one)}
    below = drawings.reached(stars, edges) | stars or {one.name for one in measures}
    nodes = [one for one in nodes if one.id in below]
    branches = tuple(
        Branch(one.name, values[one.name], _star(one), _drivers(one), one.tree.formula if one.tree else "")
        for one in measures
    )
    return Tree(table, drawings.graph(nodes, edges, f"Metric tree of {table}"), branches)


def _star(one: Semantic) -> bool:
    return one.tree is not None and one.tree.north_star


def _drivers(one: Semantic) -> tuple[str, ...]:
    return one.tree.drivers if one.tree is not None else ()
