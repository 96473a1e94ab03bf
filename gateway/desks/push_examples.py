"""The tables that rows may be pushed to, each with a row that its contract gives as an example. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from gateway.product import Product, PushSource, Table

_SCALAR = (str, int, float, bool)


@dataclass(frozen=True, slots=True)
class Pushable:
    """A table of an input that rows are pushed to. `alone`: its input has no other one, so that it need not be named.

    `row` has the first example of each column that its contract gives one for; every required column is among them.
    """

    source: str
    table: str
    alone: bool
    row: tuple[tuple[str, str | int | float | bool], ...]


def of(product: Product) -> tuple[Pushable, ...]:
    """What may be pushed to the product; a table without examples of all that it requires is left out."""
    return tuple(_found(product))


def _found(product: Product) -> Iterator[Pushable]:
    for source in product.inputs:
        pushed = {name for name, feed in source.feeds if isinstance(feed, PushSource)}
        for table in source.tables:
            row = dict(_row(product, source.name, table)) if table.name in pushed else {}
            if row and {one.name for one in table.columns if one.required} <= set(row):
                yield Pushable(source.name, table.name, len(source.feeds) == 1, tuple(row.items()))


def _row(product: Product, source: str, table: Table) -> Iterator[tuple[str, str | int | float | bool]]:
    known = {column.name for column in table.columns}
    for declared in _properties(product.documents, source, table.name):
        examples = declared.get("examples") or ()
        if declared.get("name") in known and examples and isinstance(examples[0], _SCALAR):
            yield str(declared["name"]), examples[0]


def _properties(documents: Mapping[str, Any], source: str, table: str) -> Iterator[Mapping[str, Any]]:
    """The columns of a table as the contract of the input port `source` declares them."""
    named = {
        port.get("contractId")
        for document in documents.values()
        for port in document.get("inputPorts") or ()
        if port.get("name") == source
    }
    for document in documents.values():
        if document.get("kind") == "DataContract" and document.get("id") in named:
            for schema in document.get("schema") or ():
                if schema.get("name") == table:
                    yield from schema.get("properties") or ()
