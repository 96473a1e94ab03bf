"""What each Flight SQL message means: commands, handles and tickets to descriptions, tables and queries. No socket."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import pyarrow as pa

from gateway import (
    SEMANTIC_SCHEMA,
    BadQuery,
    Column,
    Description,
    Forbidden,
    Gateway,
    GatewayError,
    NotFound,
    Query,
    Session,
    VisibleProduct,
    VisibleTable,
)
from ports.flight import catalog, columns, messages, parameters, provenance
from ports.flight.bindings import Bindings
from ports.flight.tickets import Statement, Tickets, digest

_M = TypeVar("_M")
READ_ONLY = messages.CommandStatementUpdate | messages.CommandPreparedStatementUpdate | messages.CommandStatementIngest


@dataclass(frozen=True)
class Endpoint:
    """A ticket, and the epoch second until which it can be redeemed (None: at any time)."""

    ticket: bytes
    expires: int | None


@dataclass(frozen=True)
class Info:
    """A FlightInfo's contents: the answer's schema, the tickets that give it, and where it comes from.

    `ordered` says that the rows have the order of the endpoints; shares of a scan have none.
    """

    schema: pa.Schema
    endpoints: tuple[Endpoint, ...]
    ordered: bool
    app_metadata: bytes


@dataclass(frozen=True)
class Asked:
    """A redeemed ticket: the queries to answer, of the schema that `promise` is the digest of, and its flight's id."""

    session: Session
    queries: tuple[Query, ...]
    promise: bytes
    id: bytes
    expires: int


class Statements:
    """The verbs of Flight SQL. Raises GatewayErrors only."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._tickets = Tickets(gateway)
        self._bindings = Bindings()

    def info(self, session: Session, command: bytes, endpoints: int) -> Info:
        """The answer to the packed `command`: its schema, and tickets for its rows; `endpoints` of them for a scan."""
        message = messages.unpack(command)
        if isinstance(message, catalog.Metadata):
            return Info(catalog.schema(message), (Endpoint(command, None),), True, b"")
        statement = self._statement(session, message)
        described = self._described(session, statement)
        schema = _schema(described)
        pinned = replace(
            statement,
            promise=digest(schema),
            snapshots=tuple(one.snapshot for one in described.products),
            id=uuid.uuid4().bytes,
        )
        shares = self._shares(session, pinned, endpoints)
        tickets = tuple(self._ticket(session, share) for share in shares)
        return Info(schema, tickets, len(tickets) == 1, provenance.of_description(described.products))

    def _shares(self, session: Session, statement: Statement, endpoints: int) -> tuple[Statement, ...]:
        """The statement in as many shares as are asked for, whole where it has none: whatever rows there are."""
        if endpoints > 1 and len(statement.queries()) == 1:
            shares = tuple(replace(statement, part=place, parts=endpoints) for place in range(endpoints))
            try:
                self._gateway.describe(statement.at(session), shares[0].queries()[0])
            except BadQuery as error:
                if error.reason != "unsupported":
                    raise
            else:
                return shares
        return (statement,)

    def _ticket(self, session: Session, statement: Statement) -> Endpoint:
        expires = self._tickets.expires("ticket")
        sealed = self._tickets.seal("ticket", session, statement)
        return Endpoint(messages.pack(messages.TicketStatementQuery(sealed)), expires)

    def schema(self, session: Session, command: bytes) -> pa.Schema:
        """The schema of the answer to the packed `command`."""
        message = messages.unpack(command)
        if isinstance(message, catalog.Metadata):
            return catalog.schema(message)
        return _schema(self._described(session, self._statement(session, message)))

    def redeem(self, session: Session, ticket: bytes) -> pa.Table | Asked:
        """What `ticket` stands for: rows of metadata, or the queries to answer."""
        message = messages.unpack(ticket)
        if isinstance(message, catalog.Metadata):
            return catalog.table(
                message,
                lambda: self._gateway.products(session),
                lambda product, table: self._table_schema(session, product, table),
                lambda name: self._semantic_schema(session, name),
            )
        statement = self._opened(session, message)
        pinned = statement.at(session).pinned(statement.snapshots)
        return Asked(pinned, statement.queries(), statement.promise, statement.id, statement.expires)

    def flight(self, session: Session, ticket: bytes) -> Statement | None:
        """What a ticket of this principal asks; None for one of metadata. Raises BadQuery, Expired."""
        message = messages.unpack(ticket)
        return None if isinstance(message, catalog.Metadata) else self._opened(session, message)

    def renewed(self, session: Session, ticket: bytes) -> Endpoint:
        """`ticket` with its whole time before it. Raises Expired if a snapshot of it is no longer kept."""
        statement = self.flight(session, ticket)
        if statement is None:
            return Endpoint(ticket, None)
        self._gateway.pin(session.pinned(statement.snapshots))
        return self._ticket(session, statement)

    def _opened(self, session: Session, message: messages.Packed) -> Statement:
        if not isinstance(message, messages.TicketStatementQuery):
            raise BadQuery("this is no ticket", reason="value")
        return self._tickets.open("ticket", session, message.statement_handle)

    def prepare(self, session: Session, body: bytes) -> bytes:
        """CreatePreparedStatement: the packed result, with the schemas of the rows and of the parameters."""
        request = expected(messages.ActionCreatePreparedStatementRequest, body)
        _no_transaction(request.transaction_id)
        described = self._told(session, Query(request.query))
        named = not all(name.isdigit() for name in described.parameter_names)
        names = described.parameter_names if named else ()
        statement = Statement(text=request.query, search_path=session.search_path, names=names)
        result = messages.ActionCreatePreparedStatementResult(
            self._tickets.seal("handle", session, statement),
            _ipc(_schema(described)),
            _ipc(self._parameter_schema(session, described)),
            is_update=False,
        )
        return messages.pack(result)

    def close(self, body: bytes) -> None:
        """ClosePreparedStatement: a handle holds nothing here but what a client bound to it."""
        request = expected(messages.ActionClosePreparedStatementRequest, body)
        self._bindings.forget(request.prepared_statement_handle)

    def bind(self, session: Session, command: bytes, batches: Iterable[pa.RecordBatch]) -> bytes:
        """DoPut: the result's message, whose handle stands for the statement with its parameters."""
        message = messages.unpack(command)
        if not isinstance(message, messages.CommandPreparedStatementQuery):
            raise _unsupported(message)
        handle = message.prepared_statement_handle
        bound = replace(self._tickets.open("handle", session, handle), parameters=parameters.collected(batches))
        self._bindings.put(handle, bound.parameters)
        return messages.bare(messages.DoPutPreparedStatementResult(self._tickets.seal("handle", session, bound)))

    def _statement(self, session: Session, message: messages.Packed) -> Statement:
        match message:
            case messages.CommandStatementQuery():
                _no_transaction(message.transaction_id)
                return Statement(text=message.query, search_path=session.search_path)
            case messages.CommandPreparedStatementQuery():
                handle = message.prepared_statement_handle
                statement = self._tickets.open("handle", session, handle)
                return replace(statement, parameters=statement.parameters or self._bindings.get(handle))
            case _:
                raise _unsupported(message)

    def _described(self, session: Session, statement: Statement) -> Description:
        """The statement's description for its parameters. Raises BadQuery (parameter) if their number is wrong."""
        query, session = statement.queries()[0], statement.at(session)
        try:
            described = self._told(session, query)
        except BadQuery as error:
            if error.reason == "parameter":
                self._counted(self._gateway.describe(session, Query(query.text)), query)
            raise
        self._counted(described, query)
        return described

    def _told(self, session: Session, query: Query) -> Description:
        """As `describe`; a refusal is on record with the text."""
        try:
            return self._gateway.describe(session, query)
        except GatewayError as error:
            self._gateway.refusals.keep(session, query.text, error)
            raise

    @staticmethod
    def _counted(described: Description, query: Query) -> None:
        needed, given = len(described.parameter_types), len(query.parameters)
        if needed != given:
            raise BadQuery(f"the statement takes {needed} parameters, {given} were bound", reason="parameter")

    def _parameter_schema(self, session: Session, described: Description) -> pa.Schema:
        known = [kind for kind in described.parameter_types if kind is not None]
        found = iter(self._arrow_types(session, known))
        kinds = [pa.null() if kind is None else next(found) for kind in described.parameter_types]
        return parameters.schema(described.parameter_names, kinds)

    def _table_schema(self, session: Session, product: VisibleProduct, table: VisibleTable) -> pa.Schema:
        """The schema of all rows of `table`, as a query would give it, with what is known of each column."""
        name = f'"{product.product.name}"."{table.table.name}"'
        try:
            found = _schema(self._gateway.describe(session, Query(f"SELECT * FROM {name}")))
        except (NotFound, Forbidden):  # metadata may be granted where queries are not
            shown = pa.schema(self._fields(session, table.columns))
            found = columns.described(shown, table.origins, [product.state])
        return columns.with_used(found, self._fields(session, table.used), table)

    def _semantic_schema(self, session: Session, name: str) -> pa.Schema:
        return _schema(self._gateway.describe(session, Query(f'SELECT * FROM "{SEMANTIC_SCHEMA}"."{name}"')))

    def _fields(self, session: Session, declared: Sequence[Column]) -> list[pa.Field]:
        kinds = self._arrow_types(session, [column.type for column in declared])
        return [pa.field(column.name, kind) for column, kind in zip(declared, kinds, strict=True)]

    def _arrow_types(self, session: Session, kinds: list[str]) -> list[pa.DataType]:
        """The Arrow types that the engine gives to its own type names, in order."""
        if not kinds:
            return []
        items = ", ".join(f"CAST(NULL AS {kind})" for kind in kinds)
        return list(self._gateway.describe(session, Query(f"SELECT {items}")).schema.types)


def _schema(described: Description) -> pa.Schema:
    """The schema that clients are told: of a FlightInfo, a prepared statement, a table."""
    return columns.described(described.schema, described.origins, described.products)


def expected(kind: type[_M], body: bytes) -> _M:
    message = messages.unpack(body)
    if not isinstance(message, kind):
        raise BadQuery(f"the body is no {kind.__name__}", reason="value")
    return message


def _unsupported(message: messages.Packed) -> BadQuery:
    if isinstance(message, READ_ONLY):
        return BadQuery("products are read-only: nothing is inserted, updated or created", reason="read_only")
    if isinstance(message, messages.CommandStatementSubstraitPlan):
        return BadQuery("Substrait plans are not taken: send SQL", reason="protocol")
    return BadQuery(f"{type(message).__name__} is not supported here", reason="protocol")


def _no_transaction(transaction: bytes | None) -> None:
    if transaction:
        raise BadQuery("there are no transactions: each query sees one snapshot of each product", reason="protocol")


def _ipc(schema: pa.Schema) -> bytes:
    """A schema as an encapsulated IPC message."""
    return bytes(schema.serialize().to_pybytes())
