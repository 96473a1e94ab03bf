"""What a product is made of and what is made of it, of what its reader may see and nothing else. Pure.

A product that is hidden is no box and no gap: the drawing is that of a world without it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from gateway import VisibleProduct
from ports.http.pages import Reader
from ports.hub import drawings
from ports.hub.drawings import Node


@dataclass(frozen=True)
class Made:
    """One column, and the columns that it is made of."""

    column: str
    sources: tuple[str, ...]


@dataclass(frozen=True)
class Lineage:
    """A drawing, the products beside this one, and where its columns come from."""

    drawing: Markup
    upstream: tuple[VisibleProduct, ...]
    downstream: tuple[VisibleProduct, ...]
    columns: tuple[Made, ...]


def of(visible: VisibleProduct, every: Sequence[VisibleProduct], reader: Reader) -> Lineage | None:
    """The lineage of a product, None where nothing of it is to be told. `every` are all visible products."""
    known = {one.product.name: one for one in every} | {visible.product.name: visible}
    edges = {(up, name) for name, one in known.items() for up in reads(one) if up in known}
    name = visible.product.name
    before, after = drawings.reached([name], ((b, a) for a, b in edges)), drawings.reached([name], edges)
    columns = tuple(made_of(visible, known))
    if not before and not after and not columns:
        return None
    shown = [one for one in known if one in {*before, *after, name}]
    nodes = [_node(known[one], reader, own=one == name) for one in shown]
    drawing = drawings.graph(nodes, sorted(edges), f"Lineage of {name}")
    return Lineage(
        drawing,
        tuple(known[up] for up, down in sorted(edges) if down == name),
        tuple(known[down] for up, down in sorted(edges) if up == name),
        columns,
    )


def reads(one: VisibleProduct) -> tuple[str, ...]:
    """The products that a product reads; the origin of a consumer's projection."""
    if one.over:
        return (one.over,)
    return tuple(dict.fromkeys(source.product for source in one.product.inputs if source.product is not None))


def made_of(visible: VisibleProduct, known: Mapping[str, VisibleProduct]) -> list[Made]:
    """What each visible column is made of, as far as that is visible too: `product.table.column`."""
    schemas = {one.name: one.product for one in visible.product.inputs if one.product is not None}
    schemas[visible.product.name] = visible.product.name
    shown = {
        (name, table.table.name, column.name)
        for name, one in known.items()
        for table in one.tables
        for column in table.known
    }
    found: list[Made] = []
    for one in visible.snapshot.inherited:
        if (visible.product.name, one.table, one.column) not in shown:
            continue
        parts = [tuple(source.split(".")) for source in one.sources]
        named = [(schemas.get(schema, ""), table, column) for schema, table, column in parts]
        sources = tuple(dict.fromkeys(".".join(name) for name in named if name in shown))
        if sources:
            found.append(Made(f"{one.table}.{one.column}", sources))
    return found


def _node(one: VisibleProduct, reader: Reader, *, own: bool) -> Node:
    product = one.product
    href = "" if own else reader.link(f"/hub/{product.name}")
    return Node(product.name, product.title or product.name, f"{product.name} v{product.version}", "self" * own, href)
