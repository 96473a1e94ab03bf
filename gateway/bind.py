"""Query + Decisions -> Plan: the one place where a client's SQL becomes text that runs.

Pure: a tree in, a text out; no engine, no clock. Only `bind` makes a Plan, and a Plan names nothing but views that are
made of Decisions. Results are cached on everything they depend on.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Self
from uuid import UUID

from gateway import barrier, cost, dialect, duck, lookup, measures, paging, scope, shares, tree, use
from gateway.cache import BytesLru
from gateway.catalog import Snapshot
from gateway.decision import Decision
from gateway.dialect import Dialect
from gateway.errors import BadQuery, GatewayError
from gateway.product import Column, Table
from gateway.tree import Node
from gateway.use_rewrite import entity, used

Scalar = str | int | float | bool | Decimal | date | datetime | time | timedelta | bytes | UUID | None
Value = Scalar | list[Scalar]
Parameters = tuple[Value, ...] | Mapping[str, Value]
VIEW_CATALOG = "memory"
# The one column of a view that shows none: its rows can be counted.
_NO_COLUMN = {"$": "NULL"}


@dataclass(frozen=True)
class Part:
    """Share `index` (from 0) of `of` shares: ranges of whole row groups, whose union is every row once."""

    index: int
    of: int


@dataclass(frozen=True)
class Query:
    """A client's SELECT over product names, its values apart from its text (`$1`, `?` or `$name`).

    `part` asks for one share of a plain scan's rows; any other statement is refused with it. `dialect` says whose SQL
    the text is: what it means is settled before anything is checked. The last `beside` columns stay what they are
    whatever the answer's form makes of the others.
    """

    text: str
    parameters: Parameters = ()
    part: Part | None = None
    dialect: Dialect = "duckdb"
    beside: int = 0


def given(parameters: Parameters) -> dict[str, Value] | list[Value]:
    """`parameters` as the engine's API takes them."""
    return list(parameters) if isinstance(parameters, tuple) else dict(parameters)


@dataclass(frozen=True)
class Grant:
    """One granted table at one snapshot: what a relation's name was resolved to."""

    snapshot: Snapshot
    table: Table
    decision: Decision


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


@dataclass(frozen=True)
class Scan:
    """A checked text over views; `client_text` and `tree` are what the client wrote."""

    text: str
    parameters: Parameters
    views: tuple[View, ...]
    grants: tuple[Grant, ...]
    client_text: str
    tree: Node = field(repr=False, hash=False, compare=False)
    beside: int = field(default=0, kw_only=True)
    estimate: cost.Estimate = field(default=cost.NONE, kw_only=True)

    def asked(self, parameters: Parameters, grants: tuple[Grant, ...]) -> Self:
        """The same for other values, under grants that decide the same; `replace` takes eight times as long."""
        made = object.__new__(type(self))
        made.__dict__.update(self.__dict__, parameters=parameters, grants=grants)
        return made


@dataclass(frozen=True)
class Batch:
    """A lookup for many keys: `text` takes a list for each of the columns `key`, and one of places (see lookup.py).

    `every` gives the rows of all keys, with the columns `key` behind its own. `parameters` are the identifiers of the
    one lookup's values for `key`.
    """

    text: str
    every: str
    key: tuple[Column, ...]
    parameters: tuple[str, ...]


@dataclass(frozen=True)
class Lookup(Scan):
    """A Scan that is one table, bare columns, and its whole verified key equal to parameters.

    `batch` answers several such at once; None where that cannot be written.
    """

    batch: Batch | None


@dataclass(frozen=True)
class PageTexts:
    """What a page is asked by, where its rows are kept: its text with the `key` behind its columns, and `every` row.

    `every` has the page's columns without those beside them, and the `key` behind them.
    """

    keys: str
    every: str
    key: tuple[Column, ...]


@dataclass(frozen=True)
class Page(Scan):
    """A Scan that is rows of one table, bare columns, at most `limit` of them (a number, or a parameter's identifier).

    `texts` makes its other texts, once, when they are wanted; None where they cannot be written.
    """

    limit: int | str
    texts: Callable[[], PageTexts | None] = field(repr=False, hash=False, compare=False)


Plan = Scan | Lookup | Page
Resolver = Callable[[scope.Path], Grant | View]


@dataclass(frozen=True)
class _Shape:
    """What a text asks for, whoever asks: the relations' paths, and whether it speaks of the session."""

    paths: tuple[scope.Path, ...]
    session: bool


class Binder:
    """`bind` and its caches, bounded by the bytes of the texts they hold. Thread-safe."""

    def __init__(self, cache_limit_bytes: int = 64 << 20) -> None:
        self._shapes: BytesLru[tuple[str, Dialect], _Shape] = BytesLru(cache_limit_bytes // 4)
        self._plans: BytesLru[tuple[object, ...], Plan] = BytesLru(cache_limit_bytes)

    def bind(self, query: Query, users: scope.Users, search_path: tuple[str, ...], resolve: Resolver) -> Plan:
        """The Plan of `query` for a principal. `resolve` grants a relation's path or raises NotFound.

        Raises BadQuery, NotFound, Forbidden; positions refer to the client's text.
        """
        shape = self._shapes.get((query.text, query.dialect))
        if shape is not None:
            try:
                found = [resolve(path) for path in shape.paths]
            except GatewayError:
                return self._bind_cold(query, users, search_path, resolve)
            grants = tuple(one for one in found if isinstance(one, Grant))
            plan = self._plans.get(_key(query, shape, users, search_path, grants))
            if plan is not None:
                return plan.asked(query.parameters, grants)
        return self._bind_cold(query, users, search_path, resolve)

    def _bind_cold(self, query: Query, users: scope.Users, search_path: tuple[str, ...], resolve: Resolver) -> Plan:
        source = dialect.source(query.text) if query.dialect == "postgres" else None
        statement = duck.parse(query.text if source is None else source.spelling.text)
        session = scope.substitute_session(statement, query.text, users, search_path)
        if source is not None:
            dialect.spoken(statement, source)
        tree.check(statement, tree.ASKED)
        client = scope.copied(statement)
        if query.part is not None:
            shares.require(client, query.part.index, query.part.of)
        grants: dict[scope.Path, Grant] = {}
        views: dict[scope.Path, View] = {}
        granted: dict[scope.Path, Grant] = {}
        told: dict[scope.Path, View] = {}

        def target(path: scope.Path, position: int | None) -> scope.Path:
            if path not in grants:
                found = _at(position, resolve, path)
                if isinstance(found, View):
                    found = found.share(query.part)
                    told[found.path] = found
                    return found.path
                grants[path] = found
            view = view_of(grants[path], query.part)
            views[view.path], granted[view.path] = view, grants[path]
            return view.path

        names = scope.resolve(statement, target)
        scope.name_counts(statement)
        marks = measures.mark(statement, granted, listed=source is not None)
        if source is not None:
            dialect.typed(statement, _types(grants.values()), source)
        measures.settle(statement, marks)
        views |= told | {view.path: view for view in use.settle(statement, granted, inner_view_of)}
        made, text = cost.of_grants(statement, granted), _verified(statement, frozenset(views), frozenset(names.ctes))
        shown = tuple(views.values()), tuple(grants.values())
        plan: Plan = Scan(text, (), *shown, query.text, client, beside=query.beside, estimate=made)
        plan = _lookup(plan, statement) or _page(plan, statement, frozenset(names.ctes)) or plan
        if told:  # no decision says what these hold
            return plan.asked(query.parameters, plan.grants)
        shape = _Shape(tuple(grants), session)
        self._shapes.put((query.text, query.dialect), shape, len(query.text))
        # A tree weighs about twenty times its text, and a page has two.
        weight = 44 if isinstance(plan, Page) else 22
        self._plans.put(_key(query, shape, users, search_path, plan.grants), plan, weight * len(text) + 1000)
        return plan.asked(query.parameters, plan.grants)


def _at(position: int | None, resolve: Resolver, path: scope.Path) -> Grant | View:
    try:
        return resolve(path)
    except GatewayError as error:
        error.position = position
        raise


def _key(
    query: Query, shape: _Shape, users: scope.Users, search_path: tuple[str, ...], grants: tuple[Grant, ...]
) -> tuple[object, ...]:
    decisions = tuple((grant.snapshot.id, grant.decision.fingerprint) for grant in grants)
    asker = (users, search_path) if shape.session else None
    return (query.text, query.part, query.dialect, query.beside, asker, decisions)


def _types(grants: Iterable[Grant]) -> dict[str, set[str]]:
    """The types that the columns of a name have."""
    found: dict[str, set[str]] = {}
    for grant in grants:
        for column in grant.table.columns:
            if column.name in grant.decision.known:
                found.setdefault(column.name, set()).add(column.type)
    return found


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
    source = _ViewSource(grant.snapshot, grant.table, grant.decision)
    return _view(grant.snapshot.id, grant.decision.fingerprint, source, part, inner=False)


def inner_view_of(grant: Grant) -> View:
    """The view for blocks that were found to use columns as `grant` decides: used columns by names of their own."""
    source = _ViewSource(grant.snapshot, grant.table, grant.decision)
    return _view(grant.snapshot.id, grant.decision.fingerprint, source, None, inner=True)


def _verified(statement: Node, views: frozenset[scope.Path], ctes: frozenset[str]) -> str:
    """The text of `statement`, parsed again: it names views of this plan and its own CTEs, and nothing else."""
    text = duck.deparse(statement)
    again = duck.parse(text)
    tree.check(again)
    for node in tree.nodes(again):
        if node.get("type") != "BASE_TABLE":
            continue
        path = tuple(node["qualified_name"]["path"])
        if path not in views and not (len(path) == 1 and path[0] in ctes):
            raise BadQuery("this query cannot be bound", reason="unsupported")
    return text


def _key_shown(plan: Scan) -> tuple[Column, ...]:
    """The key of the one table of `plan`, if there is one and it is shown as it is."""
    if len(plan.grants) != 1:
        return ()
    (grant,) = plan.grants
    key = grant.table.key
    if any(grant.decision.treatments[name].kind != "raw" or name in grant.decision.uses for name in key):
        return ()
    return tuple(grant.table.column(name) for name in key)


def _lookup(plan: Scan, statement: Node) -> Lookup | None:
    """`plan` as a Lookup, if its resolved `statement` is one: its key must be shown as it is."""
    columns = _key_shown(plan)
    key = [column.name for column in columns]
    if not key or plan.beside:
        return None
    values = lookup.parameters(statement, key)
    if values is None:
        return None
    many = lookup.together(statement, key)
    batch = None
    if many is not None:
        with suppress(BadQuery):  # a text at its limits has no room for more
            paths = frozenset(view.path for view in plan.views)
            text, every = (_verified(one, paths, frozenset()) for one in (many, lookup.whole(statement, key)))
            batch = Batch(text, every, columns, values)
    shared = (plan.text, (), plan.views, plan.grants, plan.client_text, plan.tree)
    return Lookup(*shared, batch, estimate=plan.estimate)


def _page(plan: Scan, statement: Node, ctes: frozenset[str]) -> Page | None:
    """`plan` as a Page, if its resolved `statement` is one: its key must be shown as it is."""
    columns = _key_shown(plan)
    limit = paging.limit(statement, plan.beside) if columns else None
    if limit is None:
        return None
    texts = functools.cache(functools.partial(_page_texts, plan, statement, ctes, columns))
    shared = (plan.text, (), plan.views, plan.grants, plan.client_text, plan.tree)
    return Page(*shared, limit, texts, beside=plan.beside, estimate=plan.estimate)


def _page_texts(plan: Scan, statement: Node, ctes: frozenset[str], columns: tuple[Column, ...]) -> PageTexts | None:
    key = [column.name for column in columns]
    paths = frozenset(view.path for view in plan.views)
    with suppress(BadQuery):  # a text at its limits has no room for more
        keys = _verified(paging.keyed(statement, key), paths, ctes)
        return PageTexts(keys, _verified(paging.whole(statement, key, plan.beside), paths, frozenset()), columns)
    return None
