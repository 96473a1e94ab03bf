"""Who has used a product lately, and which of its tables, columns and measures: from the audit. Reads that folder only.

The audit keeps the columns that an asker could have read, and the text without its literals: a column or measure counts
as used where the text names it, or asks for every column. So nobody who uses one is missed; a namesake may be added.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from gateway.accounting.audit_chain import Seal
from gateway.accounting.audit_find import Search, find
from gateway.product import Product
from gateway.serving.projection import RULE, Projection
from gateway.snapshot import Deployment

DAYS = 30
_WORD = re.compile(r"\w+", re.ASCII)
_STAR = re.compile(r"(?:\bselect(?:\s+distinct)?|,|\.|\bcolumns\s*\()\s*\*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Consumer:
    """Whoever has asked: as what `kind` ("" where it is not known), how often, when last (ISO), through which ports.

    A product that reads another by its models is a consumer too: of kind product, with no queries of its own. So is a
    projection over it, of kind projection: its queries are its askers'.
    """

    subject: str
    kind: str
    queries: int
    last: str
    ports: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Asked:
    """One text that one has asked through one port: of which tables, naming which words; `every`: each column.

    `projected`: through a projection, which has names of its own: its columns are among the words then.
    """

    subject: str
    port: str
    tables: frozenset[str]
    words: frozenset[str]
    every: bool
    projected: bool


class Usage:
    """All that was asked of one product at one major."""

    def __init__(self, product: Product, asked: Mapping[_Asked, tuple[int, str]], kinds: Mapping[str, str]) -> None:
        self._product, self._asked, self._kinds = product, asked, kinds
        self._columns = {column.name for table in product.tables for column in table.columns}

    def consumers(self, place: str = "") -> tuple[Consumer, ...]:
        """Who has used `place`: a table, table.column, table.measure or port of the product; "" is all of it.

        The busiest first.
        """
        counts: dict[str, tuple[int, str, set[str]]] = {}
        for one, (queries, last) in self._asked.items():
            if not self._uses(one, place):
                continue
            known, before, ports = counts.get(one.subject, (0, "", set()))
            counts[one.subject] = (known + queries, max(last, before), ports | {one.port})
        found = [
            Consumer(subject, self._kinds.get(subject.partition(" for ")[0], ""), queries, last, tuple(sorted(ports)))
            for subject, (queries, last, ports) in counts.items()
        ]
        return tuple(sorted(found, key=lambda one: (-one.queries, one.subject)))

    def _uses(self, asked: _Asked, place: str) -> bool:
        table, dot, name = place.partition(".")
        if not place or place == self._product.name:
            return True
        ports = {one.name: one.type for one in self._product.ports}
        if not dot and table in ports:
            return ports[table] is None or ports[table] == asked.port
        if table not in asked.tables:
            return False
        return not dot or asked.every or name in asked.words or (asked.projected and name not in self._columns)


def usage(folder: Path, seals: Iterable[Seal], product: Product, since: datetime, kinds: Mapping[str, str]) -> Usage:
    """What was answered of `product` since then; `kinds` tells of principals what they are.

    The operator's own questions are left out.
    """
    found: dict[_Asked, tuple[int, str]] = {}
    search = Search(event="query_answered", product=product.name, since=since)
    for hit in find(folder, search, seals):
        fields = hit.fields
        majors = {_major(str(one), product.name) for one in fields.get("products", ())}
        subject = str(fields.get("subject"))
        if product.major not in majors or subject.startswith("account:"):
            continue
        behalf = fields.get("on_behalf_of")
        statement = str(fields.get("statement", "")).lower()
        projected = any(str(rule).startswith(RULE) for rule in fields.get("rules", ()))
        read = {str(one.get("column")).rpartition(".")[2] for one in fields.get("columns", ())} if projected else set()
        asked = _Asked(
            f"{subject} for {behalf}" if behalf else subject,
            str(fields.get("port")),
            frozenset(_tables(fields.get("columns", ()), product.name)),
            frozenset(_WORD.findall(statement)) | read,
            (bool(_STAR.search(statement)) or "select" not in statement) and not projected,
            projected,
        )
        queries, last = found.get(asked, (0, ""))
        found[asked] = (queries + 1, max(last, str(fields.get("time"))))
    return Usage(product, found, kinds)


def readers(deployment: Deployment, product: Product) -> tuple[Consumer, ...]:
    """The served products that are made of this major of `product`."""
    names = {
        one.product.name
        for one in deployment.snapshots
        for source in one.product.inputs
        if source.product == product.name and source.version.split(".")[0] == str(product.major)
    }
    return tuple(Consumer(f"product:{name}", "product", 0, "", ("publish",)) for name in sorted(names))


def projected(declared: Iterable[Projection], product: Product, place: str, *, current: bool) -> tuple[Consumer, ...]:
    """The projections over this major of `product` that name `place`: a table, or a column or measure of one.

    `current` says whether this major is what the product's bare name means.
    """
    names = {
        one.name
        for one in declared
        if one.product == product.name and (one.major == product.major or (one.major is None and current))
        for table in one.tables
        if place in {product.name, table.of} or place in {f"{table.of}.{named.name}" for named in table.names}
    }
    return named(names)


def named(projections: Iterable[str]) -> tuple[Consumer, ...]:
    """These projections as consumers."""
    return tuple(Consumer(f"projection:{name}", "projection", 0, "", ()) for name in sorted(projections))


def _major(told: str, name: str) -> int | None:
    product, _, rest = told.partition("@")
    number = rest.partition("/")[0].partition(".")[0]
    return int(number) if product == name and number.isdecimal() else None


def _tables(columns: Sequence[Mapping[str, object]], name: str) -> Iterable[str]:
    for one in columns:
        product, _, rest = str(one.get("column")).partition(".")
        if product == name:
            yield rest.partition(".")[0]
