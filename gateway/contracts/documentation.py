"""How a product is looked after on paper: what its descriptors lack, describe, and have vouched for. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from typing import Any, Literal

from gateway.contracts import completeness, descriptor, worth
from gateway.contracts.contract import models_of
from gateway.document import Documents, Report
from gateway.product import Product

EXPIRING_DAYS = 30
# What the gate (completeness.py) asks of a product, of each contract that a port serves, and of each table.
_OF_PRODUCT, _OF_CONTRACT, _OF_TABLE = 9, 2, 5


@dataclass(frozen=True, slots=True)
class Attestation:
    """Somebody vouches for something until a day: the custom property `attestations` has each."""

    name: str
    by: str
    expires: str
    state: Literal["valid", "expiring", "expired"]


@dataclass(frozen=True, slots=True)
class Care:
    """`compliance` is the share of what the gate asks for that is there, `documentation` of what could be described.

    Both are of all tables and columns: None for who does not see all of them.
    """

    compliance: float | None
    missing: tuple[str, ...]
    documentation: float | None
    attestations: tuple[Attestation, ...]


def care(product: Product, today: date) -> Care:
    """How a product is looked after, as of a day."""
    missing = _missing(_Identified(product))
    asked = (
        _OF_PRODUCT + _OF_CONTRACT * len({port.contract_id for port in product.ports}) + _OF_TABLE * len(product.tables)
    )
    described = [bool(text.strip()) for text in _texts(product)]
    return Care(
        compliance=round(max(0.0, 1 - len(missing) / asked), 4),
        missing=missing,
        documentation=round(sum(described) / len(described), 4),
        attestations=tuple(_attestations(product, today)),
    )


class _Identified:
    """A product that is the same as another one of its digest: what is found of it is found once."""

    def __init__(self, product: Product) -> None:
        self.product = product

    def __hash__(self) -> int:
        return hash(self.product.digest)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Identified) and self.product.digest == other.product.digest


@lru_cache(maxsize=256)
def _missing(of: _Identified) -> tuple[str, ...]:
    documents = Documents(of.product.documents)
    parsed = descriptor.parse(documents, models_of(of.product), Report(documents))
    if parsed is None:
        return ()
    return tuple(gap.problem for gap in completeness.gaps(of.product, parsed))


def _texts(product: Product) -> Iterator[str]:
    yield from (product.purpose, product.usage, product.limitations)
    for table in product.tables:
        yield table.description
        yield table.granularity
        yield from (column.description for column in table.columns)
        yield from (semantic.description for semantic in table.semantics)


def _attestations(product: Product, today: date) -> Iterator[Attestation]:
    for one in _declared(product):
        expires = worth.expires(one)
        if expires is None:
            continue
        state: Literal["valid", "expiring", "expired"] = "valid"
        if expires < today:
            state = "expired"
        elif expires - today <= timedelta(EXPIRING_DAYS):
            state = "expiring"
        yield Attestation(str(one.get("name", "")), str(one.get("by", "")), expires.isoformat(), state)


def _declared(product: Product) -> Iterator[dict[str, Any]]:
    for document in product.documents.values():
        if isinstance(document, dict) and document.get("kind") == "DataProduct":
            for one in document.get("customProperties") or ():
                if (one.get("vendor"), one.get("property")) == ("outport", "attestations"):
                    value = one.get("value")
                    yield from (each for each in (value if isinstance(value, list) else ()) if isinstance(each, dict))
