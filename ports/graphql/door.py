"""One GraphQL request to its answer, under one pin: schema, document, plan, statements. Touches the front door only."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any
from weakref import WeakKeyDictionary

import orjson
from graphql import DocumentNode, FragmentDefinitionNode, OperationDefinitionNode, SelectionSetNode, execute_sync

from gateway import BadQuery, BytesLru, Gateway, GatewayError, Pin, Session, Settings, VisibleSchema, VisibleTable
from ports.graphql import errors, plan, schema, shape
from ports.graphql.documents import Bounds, Document, Documents, valueless
from ports.graphql.execution import Execution
from ports.graphql.pages import opened
from ports.graphql.plan import Group, Introspection, RowOf
from ports.graphql.publications import Watched
from ports.graphql.request import LEGACY, Asked
from ports.graphql.schema import Schema
from ports.graphql.selection import unmarked
from ports.graphql.shape import Shape
from ports.http.exchange import Answer, Awaited, Lifeline

SCHEMA_BYTES = 64 << 20
INTROSPECTION_BYTES = 4 << 20
PLAN_BYTES = 4 << 20
# What was seen of one set of decisions, to its shape.
SEEN = 1_000
_Seen = tuple[tuple[str, str, tuple[VisibleTable, ...]], ...]


@dataclass(frozen=True)
class _Planned:
    """A document's operation, and what it asks."""

    document: Document
    operation: OperationDefinitionNode
    asked: Group


@dataclass(frozen=True)
class _Understood:
    """A request, understood at a pin."""

    session: Session
    pin: Pin
    visible: Sequence[VisibleSchema]
    made: Schema
    planned: _Planned

    @property
    def asked(self) -> Group:
        """What is asked."""
        return self.planned.asked


def bounds(settings: Settings) -> Bounds:
    """What a document may ask for."""
    return Bounds(
        settings.graphql_depth,
        settings.graphql_aliases,
        settings.graphql_tokens,
        settings.graphql_cost,
        settings.graphql_rows,
    )


class Door:
    """Answers GraphQL requests. Thread-safe."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._bounds = bounds(gateway.settings)
        self._documents = Documents(self._bounds)
        self._seen: OrderedDict[_Seen, Shape] = OrderedDict()
        self._schemas: BytesLru[Shape, Schema] = BytesLru(SCHEMA_BYTES)
        # What a document asks with the same values: it follows from these and the schema alone.
        self._plans: WeakKeyDictionary[Schema, BytesLru[tuple[str, str | None, str], _Planned]] = WeakKeyDictionary()
        self._told: WeakKeyDictionary[Schema, BytesLru[tuple[str, str, str], bytes]] = WeakKeyDictionary()

    def answer(self, session: Session, asked: Asked, media_type: str, lifeline: Lifeline) -> Answer | Awaited:
        """The answer to one query. Raises Refused, and as the gateway does."""
        understood = self._understood(session.pinned((*session.snapshots, *asked.snapshots)), asked)
        refusals = partial(self._refusals, understood.session, asked)
        state = (understood.session, understood.pin, understood.made.shape)
        execution = Execution(self._gateway, *state, lifeline, refusals)
        finish = partial(self._finished, understood, execution, asked, media_type)
        row = _only_row(understood.asked)
        if row is None:
            return finish()
        keep = partial(self._gateway.refusals.told, shape.PORT, understood.session, valueless(asked.text))
        return Awaited(execution.begin(row), partial(refusing, media_type, keep, finish))

    def watched(self, session: Session, asked: Asked) -> Watched | None:
        """What a subscription waits for, None for a query. Raises Refused, and as the gateway does."""
        pin = self._gateway.pin(session)
        made = self.schema(session, self._gateway.schemas(session, pin), pin)
        with self._refusals(session, asked):
            document = self._documents.understood(made, asked.text)
            operation = document.operation(asked.operation)
            given = plan.variables(made, operation, asked.variables)
            return plan.watched(made, document, operation, given, self._bounds)

    def schema(self, session: Session, visible: Sequence[VisibleSchema], pin: Pin) -> Schema:
        """The schema of what is visible: the same one for whoever may see the same."""
        seen = tuple((one.name, one.snapshot.id, one.tables) for one in visible)
        found = self._seen.get(seen)
        if found is None:
            found = self._seen[seen] = shape.shape(visible, partial(self._references, session, pin))
            if len(self._seen) > SEEN:
                self._seen.popitem(last=False)
        made = self._schemas.get(found)
        if made is None:
            made = schema.build(found)
            self._schemas.put(found, made, found.weight)
        return made

    def _references(self, session: Session, pin: Pin, name: str, table: str) -> Sequence[Any]:
        try:
            return self._gateway.references(session, name, table, pin)
        except GatewayError:
            return ()

    def _understood(self, session: Session, asked: Asked) -> _Understood:
        understood = self._at(session, asked)
        pages = plan.places(understood.asked)
        ends = [(page, text) for page in pages for text in (page.after, page.before) if text]
        with self._refusals(session, asked):
            came = [opened(self._gateway, session, page, text) for page, text in ends]
        named = [one for each in came for one in each.snapshots if one not in session.snapshots]
        served = {one.snapshot.id for one in understood.visible}
        if all(one in served for one in named):
            return understood
        # A cursor goes on in the snapshots that its page came from, while these are kept.
        return self._at(session.pinned(dict.fromkeys((*session.snapshots, *named))), asked)

    def _at(self, session: Session, asked: Asked) -> _Understood:
        pin = self._gateway.pin(session)
        visible = self._gateway.schemas(session, pin)
        made = self.schema(session, visible, pin)
        key = (asked.text, asked.operation, repr(asked.variables))
        kept = self._plans.setdefault(made, BytesLru(PLAN_BYTES))
        planned = kept.get(key)
        if planned is None:
            with self._refusals(session, asked):
                document = self._documents.understood(made, asked.text)
                operation = document.operation(asked.operation)
                coerced = plan.variables(made, operation, asked.variables)
                planned = _Planned(document, operation, plan.plan(made, document, operation, coerced, self._bounds))
            kept.put(key, planned, 3_000 + 20 * len(asked.text) + 10 * len(key[2]))
        return _Understood(session, pin, visible, made, planned)

    @contextmanager
    def _refusals(self, session: Session, asked: Asked) -> Iterator[None]:
        """Keep in the audit what is refused before the gateway is asked: an unknown name most of all."""
        try:
            yield
        except errors.Refused as error:
            self._gateway.refusals.keep(session, valueless(asked.text), BadQuery("", reason=error.reason))
            error.on_record = True
            raise
        except GatewayError as error:
            self._gateway.refusals.keep(session, valueless(asked.text), error)
            raise

    def _finished(self, understood: _Understood, execution: Execution, asked: Asked, media_type: str) -> Answer:
        introspect = partial(self._introspected, understood, asked)
        told = partial(self._gateway.schemas, understood.session, understood.pin, metadata=True)
        data = unmarked(execution.data(understood.asked, told, introspect))
        extensions = execution.extensions()
        content = b'{"data":' + data
        if extensions["queries"]:
            content += b',"extensions":' + orjson.dumps(extensions)
        return Answer(f"{media_type}; charset=utf-8", iter([content + b"}"]), {})

    def _introspected(self, understood: _Understood, asked: Asked, item: Introspection) -> bytes:
        """What the library tells of the schema that the session may be told of."""
        visible = self._gateway.schemas(understood.session, understood.pin, metadata=True)
        made = self.schema(understood.session, visible, understood.pin)
        given = orjson.dumps(asked.variables, default=str, option=orjson.OPT_SORT_KEYS).decode()
        alias = (item.nodes[0].alias or item.nodes[0].name).value
        key = (f"{asked.text}\0{asked.operation}", given, alias)
        kept = self._told.setdefault(made, BytesLru(INTROSPECTION_BYTES))
        known = kept.get(key)
        if known is None:
            known = _introspect(made, understood.planned, item, asked, alias)
            kept.put(key, known, len(known) + len(asked.text) + len(given) + 500)
        return known


def refusing(
    media_type: str, keep: Callable[[GatewayError], GatewayError], work: Callable[[], Answer | Awaited]
) -> Any:
    """What `work` gives; its refusal, which `keep` has kept on record, as a GraphQL answer."""
    try:
        return work()
    except errors.Refused as error:
        kept = BadQuery("", reason=error.reason) if error.on_record else keep(BadQuery("", reason=error.reason))
        if not isinstance(kept, BadQuery):
            return refused(media_type, errors.refused(kept))
        return refused(media_type, error)
    except GatewayError as error:
        return refused(media_type, errors.refused(keep(error)))


def refused(media_type: str, error: errors.Refused) -> Answer:
    """The answer to a request that was not executed."""
    status = 200 if media_type == LEGACY and error.wellformed else error.status
    content = orjson.dumps({"errors": list(error.errors)})
    return Answer(f"{media_type}; charset=utf-8", iter([content]), error.headers, status)


def _only_row(asked: Group) -> RowOf | None:
    """The row that is all that is asked for, which others may ask for too at this moment."""
    if plan.statements(asked) != 1:
        return None
    for _, one in asked.members:
        found = _only_row(one) if isinstance(one, Group) else one
        if isinstance(found, RowOf) and not found.listed.nested:
            return found
    return None


def _introspect(
    made: Schema,
    planned: _Planned,
    item: Introspection,
    asked: Asked,
    alias: str,
) -> bytes:
    """Run the introspection part of an operation alone."""
    only = OperationDefinitionNode(
        operation=planned.operation.operation,
        variable_definitions=planned.operation.variable_definitions,
        selection_set=SelectionSetNode(selections=item.nodes),
    )
    fragments: list[FragmentDefinitionNode] = list(planned.document.fragments.values())
    tree = DocumentNode(definitions=(only, *fragments))
    result = execute_sync(made.graphql, tree, variable_values=dict(asked.variables))
    if result.errors:
        raise errors.invalid(result.errors, errors.VALIDATION)
    return orjson.dumps((result.data or {}).get(alias))
