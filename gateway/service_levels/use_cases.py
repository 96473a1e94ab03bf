"""Which of the use cases that a product declares were seen, and as what. Pure.

A use case is a name of the custom property `consumers`. It is seen where it is the purpose of a question, the subject
that asks, or a product that reads this one. Whoever is told of it may know what its words name.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from gateway.product import Product

# What a person uses is that person's, and who manages the product may know it.
PERSON = "person"
_PURPOSE, _PRODUCT = "purpose", "product"


@dataclass(frozen=True, slots=True)
class UseCase:
    """One that is declared. `seen_as` are kinds of subjects, `purpose`, `product`; () where it was not seen.

    `reads` are the tables and columns (`table.column`) of its product that its words name.
    """

    name: str
    seen_as: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()

    @property
    def document(self) -> dict[str, Any]:
        """As JSON that may be told to who sees all of `reads`."""
        return {"name": self.name, "seen": bool(self.seen_as), "seen_as": list(self.seen_as)}

    @staticmethod
    def of(document: Mapping[str, Any]) -> UseCase:
        """What was kept as a document of its fields. Raises KeyError, TypeError."""
        return UseCase(str(document["name"]), tuple(document["seen_as"]), tuple(document["reads"]))


def cases(
    product: Product, declared: object, kinds: Mapping[str, Container[str]], purposes: Container[str]
) -> tuple[UseCase, ...]:
    """Those that `declared` names, by who has asked (subjects by kind) and what for."""
    found = dict[str, UseCase]()
    for one in declared if isinstance(declared, list | tuple) else ():
        if isinstance(one, Mapping) and one.get("name"):
            name = str(one["name"])
            seen = [kind for kind, subjects in sorted(kinds.items()) if name in subjects]
            seen += [_PURPOSE] if name in purposes else []
            reads = _named(product, f"{name} {one.get('asks') or ''}")
            found.setdefault(name, UseCase(name, tuple(seen), reads))
    return tuple(found.values())


def read_by(given: Iterable[UseCase], readers: Container[str]) -> tuple[UseCase, ...]:
    """`given`, with those that are products which read this one."""
    return tuple(replace(one, seen_as=(*one.seen_as, _PRODUCT)) if one.name in readers else one for one in given)


def told(given: Iterable[UseCase]) -> tuple[UseCase, ...]:
    """`given` for who does not manage the product: as if no person had asked by such a name."""
    return tuple(replace(one, seen_as=tuple(kind for kind in one.seen_as if kind != PERSON)) for one in given)


def seen(given: Iterable[UseCase]) -> int:
    """How many were seen."""
    return sum(bool(one.seen_as) for one in given)


def _named(product: Product, text: str) -> tuple[str, ...]:
    """The tables and columns whose names stand in a text, as words: rather too many than too few."""
    words = set(re.findall(r"[a-z_][a-z0-9_]*", text.lower()))
    tables = [one.name for one in product.tables if one.name in words]
    columns = [f"{one.name}.{column.name}" for one in product.tables for column in one.columns if column.name in words]
    return (*tables, *columns)
