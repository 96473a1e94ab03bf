"""What a consumer's projection is for an asker: a table whose columns are those of the origin that he is shown. Pure.

All of it is derived of his own grant on the origin, whose view is what a projection reads: it can be narrower than the
origin, and never wider. What he does not see there has no name here.
"""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache

from gateway.binding import measures, use
from gateway.binding.measure_names import named, semantics
from gateway.binding.views import Grant, Projected, inner_view_of, view_of
from gateway.contracts.visibility import referenced, sameness
from gateway.decision import ColumnUse, Decision, Treatment, Use
from gateway.errors import BadQuery, Forbidden
from gateway.objective import Objective
from gateway.policies.policy import PolicySet
from gateway.principal import Principal
from gateway.product import CLASSES, Column, Product, Relationship, Semantic, Table
from gateway.serving.projection import EVERYBODY, ROLE, RULE, ProjectedTable, Projection, Renamed
from gateway.snapshot import Deployment, Ended, Snapshot
from gateway.sql import duck, scope, tree

_REMEMBERED = 4096


@dataclass(frozen=True)
class ProjectedSnapshot(Snapshot):
    """A projection over one snapshot of its product, as if it were a product: `origin` is what holds the rows."""

    origin: Snapshot | None = field(default=None, kw_only=True)
    projection: Projection | None = field(default=None, kw_only=True)

    @property
    def source(self) -> Snapshot:
        """The product's own snapshot."""
        assert self.origin is not None
        return self.origin

    @property
    def declared(self) -> Projection:
        """What the consumer has declared."""
        assert self.projection is not None
        return self.projection

    @cached_property
    def quality(self) -> float:
        """That of the origin."""
        return self.source.quality

    @cached_property
    def ages(self) -> tuple[tuple[Objective, float], ...]:
        """Those of the origin."""
        return self.source.ages


@dataclass(frozen=True)
class ProjectedDecision(Decision):
    """The origin's decision under other names. `read` are the origin's columns that are read, as the audit has them."""

    origin: Decision
    version: str
    read: tuple[ColumnUse, ...]

    @cached_property
    def audited(self) -> tuple[ColumnUse, ...]:
        """The origin's columns: what is on record is what was read."""
        return self.read

    @cached_property
    def fingerprint(self) -> str:
        """Hash of the origin's decision, of what is declared, and of what of it there is."""
        told = "\0".join((self.origin.fingerprint, self.product, self.table, self.version, *self.known))
        return hashlib.sha256(told.encode()).hexdigest()[:24]


def over(deployment: Deployment, declared: Iterable[Projection]) -> Deployment:
    """The deployment with what is declared over it; a name that a product has is the product's."""
    served: list[Snapshot] = []
    ended: list[Ended] = []
    for one in declared:
        if deployment.find(one.name) is not None or deployment.ended(one.name) is not None:
            continue
        origin, gone = deployment.find(one.origin), deployment.ended(one.origin)
        if origin is not None:
            current = deployment.find(origin.product.name) is origin
            served.append(_snapshot(one.digest, origin.id, current, _Over(one, origin)))
        elif gone is not None:
            snapshot = _snapshot(one.digest, gone.snapshot.id, False, _Over(one, gone.snapshot))
            ended.append(Ended(snapshot, gone.at, gone.successor))
    return replace(deployment, projected=tuple(served), projected_ended=tuple(ended))


@dataclass(frozen=True)
class _Over:
    """A cache's argument that is equal whatever it holds: the arguments beside it say it all."""

    projection: Projection = field(compare=False)
    origin: Snapshot = field(compare=False)


@lru_cache(maxsize=4_000)
def _snapshot(digest: str, origin_id: str, current: bool, asked: _Over) -> ProjectedSnapshot:
    projection, origin = asked.projection, asked.origin
    tables = {one.name: _table(origin.product, one, current=current) for one in projection.tables}
    there = {name: table for name, table in tables.items() if table is not None}
    whole = {one.name: one.of for one in projection.tables if one.columns}
    counts = {name: origin.row_counts[of] for name, of in whole.items() if name in there and of in origin.row_counts}
    product = replace(
        origin.product, name=projection.name, title=projection.title or projection.name, owner=projection.owner,
        purpose=projection.description, usage="", limitations="", tags=(), kind=None, tables=tuple(there.values()),
        inputs=(), sources=(), sla=(), objectives=(), documents={}, digest=digest, lineage="", schedule=None,
    )  # fmt: skip
    return ProjectedSnapshot(
        id=origin.id, product=product, path=origin.path, published_at=origin.published_at, data_time=origin.data_time,
        row_counts=counts, outcomes=(), pseudonyms=origin.pseudonyms, mock=origin.mock, generated=origin.generated,
        origin=origin, projection=projection,
    )  # fmt: skip


def lost(product: Product, declared: ProjectedTable) -> tuple[str, ...]:
    """What a projection names that its origin does not have: the table, or columns, dimensions and measures of it."""
    origin = next((one for one in product.tables if one.name == declared.of), None)
    if origin is None:
        return (declared.of,)
    columns, known = {one.name for one in origin.columns}, named(origin.semantics)
    dimensions = columns | {name for name, one in known.items() if one.kind == "dimension"}
    counted = {name for name, one in known.items() if one.kind == "measure"}
    parts = ((declared.columns, columns), (declared.grain, dimensions), (declared.measures, counted))
    return tuple(f"{declared.of}.{one.name}" for every, there in parts for one in every if one.name not in there)


def _table(product: Product, declared: ProjectedTable, *, current: bool) -> Table | None:
    """The table as a contract would declare it, None where the origin has too little of it.

    A grain without one of its dimensions would be another one; a row without one of its columns is still the row.
    """
    gone = set(lost(product, declared))
    if declared.of in gone or any(f"{declared.of}.{one.name}" in gone for one in declared.grain):
        return None
    origin = product.table(declared.of)
    known, stored = named(origin.semantics), {one.name: one for one in origin.columns}
    columns: list[Column] = []
    for one in declared.names:
        if f"{declared.of}.{one.name}" in gone:
            continue
        if one in declared.measures or one.name not in stored:
            columns.append(_computed(origin, known[one.name], one))
        else:
            unique = stored[one.name].unique and not declared.grain
            columns.append(replace(stored[one.name], name=one.shown, unique=unique, physical_name="", declassified=""))
    if not columns or (declared.grain and len(columns) == len(declared.grain)):
        return None
    relationships = () if declared.grain else tuple(_relationships(product, origin, declared, current=current))
    described = declared.description or ("" if declared.grain else origin.description)
    granularity = "" if declared.grain else origin.granularity
    key = _key(origin, declared)
    return Table(declared.name, described, granularity, tuple(columns), key, relationships, (), (), None)


def _computed(origin: Table, one: Semantic, shown: Renamed) -> Column:
    classes = [column.effective_class for column in origin.columns if column.name in _reads(origin, one.name)]
    highest = max(classes, key=CLASSES.index, default=CLASSES[0])
    return Column(shown.shown, one.type, False, False, highest, frozenset(), one.description, one.title)


def _reads(table: Table, name: str, before: frozenset[str] = frozenset()) -> frozenset[str]:
    """The columns of which a column, dimension or measure is computed."""
    stored = frozenset(one.name for one in table.columns)
    if name in stored and not before:
        return frozenset({name})
    one = named(table.semantics).get(name)
    if one is None or name in before:
        return frozenset({name}) & stored
    try:
        names = referenced(one.expression)
    except BadQuery:
        return stored
    more = (_reads(table, each, before | {name}) for each in names - stored)
    return frozenset(names & stored).union(*more)


def _key(origin: Table, declared: ProjectedTable) -> tuple[str, ...]:
    """What tells rows apart: the origin's key where it is kept whole, the dimensions where none of them may be NULL."""
    if declared.grain:
        required = {one.name for one in origin.columns if one.required}
        certain = all(one.name in required for one in declared.grain)
        return tuple(one.shown for one in declared.grain) if certain else ()
    shown = {one.name: one.shown for one in declared.columns}
    return tuple(shown[name] for name in origin.key) if shown.keys() >= set(origin.key) else ()


def _relationships(
    product: Product, origin: Table, declared: ProjectedTable, *, current: bool
) -> Iterator[Relationship]:
    """The origin's references whose columns are kept; those inside an older major could not be named from outside."""
    shown = {one.name: one.shown for one in declared.columns}
    for one in origin.relationships:
        within = one.to_product in {"", product.name}
        if shown.keys() >= set(one.columns) and (current or not within):
            to = product.name if within else one.to_product
            yield replace(one, columns=tuple(shown[name] for name in one.columns), to_product=to)


def shown_to(declared: Projection, principal: Principal, policies: PolicySet) -> bool:
    """Whether everybody who asks is the owner or one of the consumers."""
    return all(any(speaks_of(name, one, policies) for name in (declared.owner, *declared.consumers))
               for one in principal.both)  # fmt: skip


def speaks_of(name: str, principal: Principal, policies: PolicySet) -> bool:
    """Whether the name of an owner or consumer is the principal's, his role's, or everybody's."""
    if name.startswith(ROLE):
        return policies.holds(principal, name.removeprefix(ROLE))
    return name in {EVERYBODY, principal.subject}


class Projecting:
    """Grants on projections, the same one for the same decision on the origin. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: OrderedDict[tuple[str, str, str, int], tuple[Snapshot, Decision, Grant | None]] = OrderedDict()

    def granted(self, snapshot: ProjectedSnapshot, table: Table, origin: Grant) -> Grant | None:
        """The grant on a projection's table under that on its origin, None where nothing of it is left."""
        # A decision that is held here keeps its id, so no other one can have it.
        key = (snapshot.declared.digest, table.name, snapshot.id, id(origin.decision))
        with self._lock:
            known = self._known.get(key)
            if known is not None and known[0] is snapshot and known[1] is origin.decision:
                return known[2]
        declared = snapshot.declared.table(table.name)
        assert declared is not None
        made = _grain(snapshot, table, declared, origin) if declared.grain else _rows(snapshot, table, declared, origin)
        with self._lock:
            self._known[key] = (snapshot, origin.decision, made)
            if len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)
        return made


def _rows(snapshot: ProjectedSnapshot, table: Table, declared: ProjectedTable, origin: Grant) -> Grant | None:
    decision = origin.decision
    names = {one.shown: one.name for one in declared.columns if one.name in decision.known}
    if not names:
        return None
    shown = {name: here for here, name in names.items()}
    treatments = {here: _renamed(decision, name, here) for here, name in names.items()}
    uses = {shown[name]: _use(one, shown, declared.of) for name, one in decision.uses.items() if name in shown}
    made = _decision(snapshot, table, origin, _whole(table, treatments), uses, frozenset(names.values()))
    return Grant(snapshot, table, made, Projected(origin, names))


def _use(one: Use, shown: Mapping[str, str], of: str) -> Use:
    """The use with its entities as they are called here; one that is not kept is called by the origin's table too."""
    return replace(one, floors=tuple((shown.get(name, f"{of}.{name}"), least) for name, least in one.floors))


def _renamed(decision: Decision, name: str, here: str) -> Treatment:
    """The treatment of a column under its new name: raw is what is raw under it."""
    found = decision.treatments[name]
    return replace(found, expression=duck.quote(here)) if sameness(decision, name) == "raw" else found


def _whole(table: Table, treatments: Mapping[str, Treatment]) -> Mapping[str, Treatment]:
    hidden = Treatment("hidden", "", "", ())
    return {one.name: treatments.get(one.name, hidden) for one in table.columns}


def _decision(
    snapshot: ProjectedSnapshot,
    table: Table,
    origin: Grant,
    treatments: Mapping[str, Treatment],
    uses: Mapping[str, Use],
    read: frozenset[str],
) -> ProjectedDecision:
    decision, name = origin.decision, f"{snapshot.product.name}.{table.name}"
    places = {f"{decision.product}.{decision.table}.{column}" for column in read}
    told = tuple(one for one in decision.audited if one.column in places)
    rules = (*decision.rules, f"{RULE}{name}")
    return ProjectedDecision(
        snapshot.product.name, table.name, rules, decision.rows, treatments, decision.valid_until, decision.pending,
        uses, decision, snapshot.declared.digest, told,
    )  # fmt: skip


def _grain(snapshot: ProjectedSnapshot, table: Table, declared: ProjectedTable, origin: Grant) -> Grant | None:
    """A dimension that the asker does not see is not there, and measures are of what is left: as if it had one value.

    A measure that does not exist for him, or may not be asked by these dimensions, is not there either.
    """
    decision, known = origin.decision, semantics(origin)
    stored = {one.name for one in origin.table.columns}
    seen = [
        one
        for one in declared.grain
        if (one.name in decision.visible if one.name in stored else _is(known, one.name, "dimension"))
    ]
    offered = [one for one in declared.measures if _is(known, one.name, "measure")]
    counted = [one for one in offered if seen and _asked(origin, seen, [one]) is not None]
    text = _asked(origin, seen, counted) if counted else None
    if text is None:
        return None
    treatments = {one.shown: _dimension(decision, one, stored) for one in seen}
    treatments |= {one.shown: Treatment("raw", duck.quote(one.shown), "", ()) for one in counted}
    read = frozenset[str]().union(*(_reads(origin.table, one.name) for one in seen))
    read = read.union(*(_reads(origin.table, one.name, frozenset({""})) for one in counted))
    made = _decision(snapshot, table, origin, _whole(table, treatments), {}, read)
    names = {one.shown: one.name for one in (*seen, *counted)}
    held = (*seen, *counted)
    columns = ", ".join(f'"${place}" AS {duck.quote(one.shown)}' for place, one in enumerate(held))
    whole = f'SELECT {columns} FROM ({text}) AS "rows" WHERE true'
    found = _aggregated(decision, counted, origin.table)
    return Grant(snapshot, table, made, Projected(origin, names, whole, view_of(origin).secure, found))


def _is(known: Mapping[str, Semantic], name: str, kind: str) -> bool:
    return name in known and known[name].kind == kind


def _dimension(decision: Decision, one: Renamed, stored: set[str]) -> Treatment:
    return (
        _renamed(decision, one.name, one.shown)
        if one.name in stored
        else Treatment("raw", duck.quote(one.shown), "", ())
    )


def _aggregated(decision: Decision, counted: list[Renamed], table: Table) -> tuple[str, Use] | None:
    """A used column that the measures aggregate, of which a statement takes one block."""
    read = frozenset[str]().union(*(_reads(table, one.name, frozenset({""})) for one in counted))
    return next(((n, one) for n, one in decision.uses.items() if n in read and one.kind == "aggregate"), None)


def _asked(origin: Grant, grain: list[Renamed], counted: list[Renamed]) -> str | None:
    """The SELECT of a grain over the origin's own view, as a client would ask it; None where he may not.

    Its columns are called by their places, since a name of the one may be another's name there.
    """
    dimensions = [duck.quote(one.name) for one in grain]
    items = [*dimensions, *(f"MEASURE({duck.quote(one.name)})" for one in counted)]
    listed = ", ".join(f'{item} AS "${place}"' for place, item in enumerate(items))
    statement = duck.parse(f"SELECT {listed} FROM {duck.quote(origin.table.name)} GROUP BY {', '.join(dimensions)}")
    view = view_of(origin)
    granted = {view.path: origin}
    scope.resolve(statement, lambda *_: view.path)
    with suppress(BadQuery, Forbidden):
        measures.settle(statement, measures.mark(statement, granted, listed=False))
        found = {view.path: view} | {one.path: one for one in use.settle(statement, granted, inner_view_of)}
        tree.check(statement)
        for node in [one for one in tree.nodes(statement) if one.get("type") == "BASE_TABLE"]:
            path = tuple(str(part) for part in node["qualified_name"]["path"])
            inner = duck.parse(f"SELECT 1 FROM ({found[path].create}) AS {duck.quote(str(node['alias']))}")
            node.clear()
            node.update(inner["node"]["from_table"])
        return duck.deparse(statement)
    return None
