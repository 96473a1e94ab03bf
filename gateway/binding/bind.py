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

from gateway.binding import cost, measures, use
from gateway.binding.views import Grant, Part, View, inner_view_of, view_of
from gateway.cache import BytesLru
from gateway.dialects import dialect
from gateway.dialects.dialect import Dialect
from gateway.errors import BadQuery, GatewayError
from gateway.product import Column
from gateway.sql import duck, lookup, paging, scope, shares, tree
from gateway.sql.tree import Node

Scalar = str | int | float | bool | Decimal | date | datetime | time | timedelta | bytes | UUID | None
Value = Scalar | list[Scalar]
Parameters = tuple[Value, ...] | Mapping[str, Value]


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
