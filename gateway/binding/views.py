"""What a Decision leaves of a table, as a view: hidden columns absent, masks as expressions, the row filter inside.

Pure: makes texts. Every plan reads nothing but these views; equal decisions give equal ones.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field

from gateway.binding import barrier
from gateway.binding.use_rewrite import entity, used
from gateway.decision import Decision, Use
from gateway.errors import BadQuery
from gateway.product import Table
from gateway.snapshot import Snapshot
from gateway.sql import duck, scope, shares, tree

VIEW_CATALOG = "memory"
# The one column of a view that shows none: its rows can be counted.
_NO_COLUMN = {"$": "NULL"}


@dataclass(frozen=True)
class Part:
    """Share `index` (from 0) of `of` shares: ranges of whole row groups, whose union is every row once."""

    index: int
    of: int


@dataclass(frozen=True)
class Grant:
    """One granted table at one snapshot: what a relation's name was resolved to.

    `projected` says what a consumer's projection reads, None for a product's own table.
    """

    snapshot: Snapshot
    table: Table
    decision: Decision
    projected: Projected | None = None

    @property
    def source(self) -> Grant:
        """The grant on the product's table that is read: what is told of products is told of this."""
        return self if self.projected is None else self.projected.origin


@dataclass(frozen=True)
class Projected:
    """A projection under the grant on its `origin`, whose own view it reads and nothing else.

    `columns` are the origin's by the names that rows have. Of a grain `text` is its SELECT, "" of rows; `aggregate` is
    a used column with its use that the grain aggregates.
    """

    origin: Grant
    columns: Mapping[str, str]
    text: str = ""
    secure: bool = False
    aggregate: tuple[str, Use] | None = None


@dataclass(frozen=True)
class View:
    """One decision as a view over one snapshot's table, or over a share of its row groups.

    `create` is its SELECT; equal decisions give equal views.
    """

    snapshot: Snapshot
    name: str
    create: str
    secure: bool

    def share(self, part: Part | None) -> View:
        """A view of constants, whose first share is the whole of it."""
        return (
            self
            if part is None or part.index == 0
            else View(self.snapshot, f"{self.name}_0", f"{self.create} AND false", False)
        )

    @property
    def schema(self) -> str:
        """The schema of the engine that holds the snapshot's views."""
        return f"gov_{self.snapshot.id}"

    @property
    def path(self) -> scope.Path:
        """The view's three-part name in the serving instance."""
        return (VIEW_CATALOG, self.schema, self.name)


@functools.lru_cache(maxsize=20_000)
def _view(snapshot_id: str, fingerprint: str, grant: _ViewSource, part: Part | None, inner: bool) -> View:
    decision, table = grant.decision, grant.table
    shown = {name: decision.treatments[name].expression for name in decision.visible}
    shown = shown | _inner(decision) if inner else shown or _NO_COLUMN
    columns = ", ".join(f"{expression} AS {duck.quote(name)}" for name, expression in shown.items())
    conditions = [f"({decision.rows})"] if decision.rows is not None else []
    if part is not None:
        conditions.append(_share(grant, part))
    condition = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    name = duck.quote(table.name)
    statement = duck.parse(f"SELECT {columns} FROM {name} AS {name}{condition}")
    base = f"snap_{snapshot_id}"
    scope.resolve(statement, lambda path, _: (base, "core", path[-1]))
    joins = any(node.get("class") == "SUBQUERY" for node in tree.nodes(statement))
    secure = joins or not barrier.scanned(decision.rows, table) or grant.snapshot.product.barrier == "secure"
    share = f"_{part.index}of{part.of}" if part is not None else "_use" if inner else ""
    return View(grant.snapshot, f"{'s' if secure else 'v'}_{fingerprint}{share}", duck.deparse(statement), secure)


def _inner(decision: Decision) -> dict[str, str]:
    """What a second view has beside what is shown: the used columns, and raw what tells their entities apart."""
    found = {used(name): decision.treatments[name].expression for name in decision.uses}
    entities = {name for one in decision.uses.values() for name, _ in one.floors}
    return found | {entity(name): duck.quote(name) for name in sorted(entities)}


def _share(grant: _ViewSource, part: Part) -> str:
    if any(column.name == "rowid" for column in grant.table.columns):
        raise BadQuery("a table with a column rowid is not answered in parts", reason="unsupported")
    first, end = shares.rows(part.index, part.of, grant.snapshot.row_counts[grant.table.name])
    rowid = f"{duck.quote(grant.table.name)}.rowid"
    return f"{rowid} >= {first} AND {rowid} < {end}"


@dataclass(frozen=True)
class _ViewSource:
    """A Grant as a cache's argument: equal whatever it holds, since snapshot id and fingerprint say it all."""

    snapshot: Snapshot = field(compare=False)
    table: Table = field(compare=False)
    decision: Decision = field(compare=False)


def view_of(grant: Grant, part: Part | None = None) -> View:
    """The view that shows exactly what `grant` decides, or a share of it."""
    return _of(grant, part, inner=False)


def inner_view_of(grant: Grant) -> View:
    """The view for blocks that were found to use columns as `grant` decides: used columns by names of their own."""
    return _of(grant, None, inner=True)


def _of(grant: Grant, part: Part | None, *, inner: bool) -> View:
    if grant.projected is not None:
        return _projection(grant.snapshot.id, grant.decision.fingerprint, _Projection(grant), part, inner)
    source = _ViewSource(grant.snapshot, grant.table, grant.decision)
    return _view(grant.snapshot.id, grant.decision.fingerprint, source, part, inner)


@dataclass(frozen=True)
class _Projection:
    """A projection's Grant as a cache's argument: snapshot id and fingerprint say it all."""

    grant: Grant = field(compare=False)


@functools.lru_cache(maxsize=5_000)
def _projection(snapshot_id: str, fingerprint: str, asked: _Projection, part: Part | None, inner: bool) -> View:
    """A view of the rows of the origin's own view, which stands in it whole: its filter and masks are the origin's."""
    projected, decision = asked.grant.projected, asked.grant.decision
    assert projected is not None
    name, snapshot = f"p_{fingerprint}", projected.origin.snapshot
    if projected.text:
        return View(snapshot, name, projected.text, projected.secure).share(part)
    base = inner_view_of(projected.origin) if inner else view_of(projected.origin, part)
    shown = {name: duck.quote(projected.columns[name]) for name in decision.visible}
    if inner:
        shown |= {used(name): duck.quote(used(projected.columns[name])) for name in decision.uses}
        entities = {name for one in decision.uses.values() for name, _ in one.floors}
        known = {name: projected.columns.get(name, name.rpartition(".")[2]) for name in sorted(entities)}
        shown |= {entity(name): duck.quote(entity(known[name])) for name in known}
    columns = ", ".join(f"{said} AS {duck.quote(name)}" for name, said in (shown or _NO_COLUMN).items())
    share = f"_{part.index}of{part.of}" if part is not None else "_use" if inner else ""
    return View(snapshot, f"{name}{share}", f'SELECT {columns} FROM ({base.create}) AS "rows"', base.secure)
