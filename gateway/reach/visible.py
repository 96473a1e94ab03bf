"""Products and tables as a principal may see them: what a Decision leaves of a contract. Pure."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from gateway.binding.lineage import Origin, origin
from gateway.binding.views import Grant
from gateway.decision import Decision, unknown_relation
from gateway.policies.policy import visible_key, visible_relationships, visible_semantics
from gateway.product import Column, Product, Relationship, Semantic, Table
from gateway.serving.catalog import Snapshot
from gateway.serving.stream import ProductProvenance
from gateway.snapshot import Lifespan

REMEMBERED = 1_000


@dataclass(frozen=True, eq=False)
class VisibleTable:
    """One table as a principal may see it: hidden columns are absent, keys and references only where they hold.

    `columns` are those that rows have; `used` exist too, and are not shown (`decision.uses` says what they are for).
    Equal to itself only, so that what was worked out for one can be remembered.
    """

    table: Table
    decision: Decision
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    relationships: tuple[Relationship, ...]

    @cached_property
    def used(self) -> tuple[Column, ...]:
        """The columns that are used and not shown."""
        return tuple(column for column in self.table.columns if column.name in self.decision.uses)

    @cached_property
    def known(self) -> tuple[Column, ...]:
        """Every column that exists for the principal, in the contract's order."""
        return tuple(column for column in self.table.columns if column.name in self.decision.known)

    @property
    def origins(self) -> tuple[Origin, ...]:
        """The columns as those of an answer that holds them all."""
        return self._origins(self.columns)

    @property
    def used_origins(self) -> tuple[Origin, ...]:
        """The used columns as if they were columns of an answer."""
        return self._origins(self.used)

    def _origins(self, columns: Iterable[Column]) -> tuple[Origin, ...]:
        return tuple(origin(self.decision.product, self.table, self.decision, column.name) for column in columns)

    @cached_property
    def semantics(self) -> tuple[Semantic, ...]:
        """The measures and dimensions that exist for the principal."""
        return visible_semantics(self.decision, self.table)


@dataclass(frozen=True)
class VisibleProduct:
    """One product at one snapshot as a principal may see it, with a table at least; `state` is what answers tell."""

    product: Product
    snapshot: Snapshot
    tables: tuple[VisibleTable, ...]
    lifespan: Lifespan
    state: ProductProvenance

    @property
    def over(self) -> str:
        """The product that it is a consumer's projection of, "" for a product itself."""
        source = self.snapshot.source
        return "" if source is self.snapshot else source.product.name

    def table(self, name: str) -> VisibleTable:
        """The visible table of that name. Raises NotFound."""
        for table in self.tables:
            if table.table.name == name.lower():
                return table
        raise unknown_relation(f"{self.product.name}.{name}")


class Tables:
    """What was shown of granted tables without their relationships, remembered. Thread-safe."""

    def __init__(self) -> None:
        self._shown: OrderedDict[tuple[str, str, int], VisibleTable] = OrderedDict()

    def shown(self, grant: Grant) -> VisibleTable:
        """The table, the same object for the same decision."""
        # A decision that is held here keeps its id, so no other one can have it.
        key = (grant.snapshot.id, grant.table.name, id(grant.decision))
        found = self._shown.get(key)
        if found is None or found.decision is not grant.decision:
            found = self._shown[key] = shown(grant, {})
            if len(self._shown) > REMEMBERED:
                self._shown.popitem(last=False)
        return found


def shown(grant: Grant, decisions: Mapping[str, Decision]) -> VisibleTable:
    """A granted table as it may be described; `decisions` are those on the tables that its references may name."""
    columns = tuple(column for column in grant.table.columns if column.name in grant.decision.visible)
    key = visible_key(grant.decision, grant.table)
    relationships = visible_relationships(grant.decision, grant.table, decisions) if decisions else ()
    return VisibleTable(grant.table, grant.decision, columns, key, relationships)
