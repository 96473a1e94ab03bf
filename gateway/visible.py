"""Products and tables as a principal may see them: what a Decision leaves of a contract. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from gateway.bind import Grant
from gateway.catalog import Snapshot
from gateway.decision import Decision, unknown_relation
from gateway.lineage import Origin, origin
from gateway.policy import visible_key, visible_relationships, visible_semantics
from gateway.product import Column, Product, Relationship, Semantic, Table
from gateway.snapshot import LASTING, Lifespan


@dataclass(frozen=True)
class VisibleTable:
    """One table as a principal may see it: hidden columns are absent, keys and references only where they hold."""

    table: Table
    decision: Decision
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    relationships: tuple[Relationship, ...]

    @property
    def origins(self) -> tuple[Origin, ...]:
        """The columns as those of an answer that holds them all."""
        decision = self.decision
        return tuple(origin(decision.product, self.table, decision, column.name) for column in self.columns)

    @cached_property
    def semantics(self) -> tuple[Semantic, ...]:
        """The measures and dimensions that exist for the principal."""
        return visible_semantics(self.decision, self.table)


@dataclass(frozen=True)
class VisibleProduct:
    """One product at one snapshot as a principal may see it; it has at least one table."""

    product: Product
    snapshot: Snapshot
    tables: tuple[VisibleTable, ...]
    lifespan: Lifespan = LASTING

    def table(self, name: str) -> VisibleTable:
        """The visible table of that name. Raises NotFound."""
        for table in self.tables:
            if table.table.name == name.lower():
                return table
        raise unknown_relation(f"{self.product.name}.{name}")


def shown(grant: Grant, decisions: Mapping[str, Decision]) -> VisibleTable:
    """A granted table as it may be described; `decisions` are those on the tables that its references may name."""
    columns = tuple(column for column in grant.table.columns if column.name in grant.decision.visible)
    key = visible_key(grant.decision, grant.table)
    relationships = visible_relationships(grant.decision, grant.table, decisions) if decisions else ()
    return VisibleTable(grant.table, grant.decision, columns, key, relationships)
