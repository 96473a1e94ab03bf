"""What each Flight SQL message means: commands, handles and tickets to descriptions, tables and queries. No socket."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TypeVar

import pyarrow as pa

from gateway import BadQuery, Description, Forbidden, Gateway, NotFound, Query, Session, VisibleProduct, VisibleTable
from ports.flight import catalog, messages, parameters, provenance
from ports.flight.tickets import Statement, Tickets, digest

_M = TypeVar("_M")
READ_ONLY = messages.CommandStatementUpdate | messages.CommandPreparedStatementUpdate | messages.CommandStatementIngest


@dataclass(frozen=True)
class Info:
    """A FlightInfo's contents: the answer's schema, the ticket that gives it, and where it comes from."""

    schema: pa.Schema
    ticket: bytes
    app_metadata: bytes


@dataclass(frozen=True)
class Asked:
    """A redeemed ticket: the queries to answer, of the schema that `promise` is the digest of."""

    session: Session
    queries: tuple[Query, ...]
    promise: bytes


class Statements:
    """The verbs of Flight SQL. Raises GatewayErrors only."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._tickets = Tickets(gateway)

    def info(self, session: Session, command: bytes) -> Info:
        """The answer to the packed `command`: its schema, and a ticket for its rows."""
        message = messages.unpack(command)
        if isinstance(message, catalog.Metadata):
            return Info(catalog.schema(message), command, b"")
        statement = self._statement(session, message)
        described = self._described(session, statement)
        sealed = self._tickets.seal("ticket", session, replace(statement, promise=digest(described.schema)))
        ticket = messages.pack(messages.TicketStatementQuery(sealed))
        return Info(described.schema, ticket, provenance.of_description(described.products))

    def schema(self, session: Session, command: bytes) -> pa.Schema:
        """The schema of the answer to the packed `command`."""
        message = messages.unpack(command)
        if isinstance(message, catalog.Metadata):
            return catalog.schema(message)
        return self._described(session, self._statement(session, message)).schema

    def redeem(self, session: Session, ticket: bytes) -> pa.Table | Asked:
        """What `ticket` stands for: rows of metadata, or the queries to answer."""
        message = messages.unpack(ticket)
        if isinstance(message, catalog.Metadata):
            return catalog.table(
                message,
                lambda: self._gateway.products(session),
                lambda product, table: self._table_schema(session, product, table),
            )
        if not isinstance(message, messages.TicketStatementQuery):
            raise BadQuery("this is no ticket", reason="value")
        statement = self._tickets.open("ticket", session, message.statement_handle)
        return Asked(statement.at(session), statement.queries(), statement.promise)

    def prepare(self, session: Session, body: bytes) -> bytes:
        """CreatePreparedStatement: the packed result, with the schemas of the rows and of the parameters."""
        request = _expected(messages.ActionCreatePreparedStatementRequest, body)
        _no_transaction(request.transaction_id)
        statement = Statement(text=request.query, search_path=session.search_path)
        described = self._gateway.describe(session, Query(request.query))
        result = messages.ActionCreatePreparedStatementResult(
            self._tickets.seal("handle", session, statement),
            _ipc(described.schema),
            _ipc(self._parameter_schema(session, described)),
        )
        return messages.pack(result)

    def close(self, body: bytes) -> None:
        """ClosePreparedStatement: a handle holds nothing here, so there is nothing to free."""
        _expected(messages.ActionClosePreparedStatementRequest, body)

    def bind(self, session: Session, command: bytes, batches: Iterable[pa.RecordBatch]) -> bytes:
        """DoPut: the result's message, whose handle stands for the statement with its parameters."""
        message = messages.unpack(command)
        if isinstance(message, READ_ONLY):
            raise BadQuery("products are read-only: nothing is inserted, updated or created", reason="read_only")
        if not isinstance(message, messages.CommandPreparedStatementQuery):
            raise BadQuery("only a prepared statement takes data", reason="protocol")
        statement = self._tickets.open("handle", session, message.prepared_statement_handle)
        bound = replace(statement, parameters=parameters.collected(batches))
        return messages.bare(messages.DoPutPreparedStatementResult(self._tickets.seal("handle", session, bound)))

    def _statement(self, session: Session, message: messages.Packed) -> Statement:
        match message:
            case messages.CommandStatementQuery():
                _no_transaction(message.transaction_id)
                return Statement(text=message.query, search_path=session.search_path)
            case messages.CommandPreparedStatementQuery():
                return self._tickets.open("handle", session, message.prepared_statement_handle)
            case _:
                raise BadQuery(f"{type(message).__name__} is not supported here", reason="protocol")

    def _described(self, session: Session, statement: Statement) -> Description:
        """The statement's description for its parameters. Raises BadQuery (parameter) if their number is wrong."""
        query, session = statement.queries()[0], statement.at(session)
        try:
            described = self._gateway.describe(session, query)
        except BadQuery as error:
            if error.reason == "parameter":
                self._counted(self._gateway.describe(session, Query(query.text)), query)
            raise
        self._counted(described, query)
        return described

    @staticmethod
    def _counted(described: Description, query: Query) -> None:
        needed, given = len(described.parameter_types), len(query.parameters)
        if needed != given:
            raise BadQuery(f"the statement takes {needed} parameters, {given} were bound", reason="parameter")

    def _parameter_schema(self, session: Session, described: Description) -> pa.Schema:
        known = [kind for kind in described.parameter_types if kind is not None]
        found = iter(self._arrow_types(session, known))
        return parameters.schema([pa.null() if kind is None else next(found) for kind in described.parameter_types])

    def _table_schema(self, session: Session, product: VisibleProduct, table: VisibleTable) -> pa.Schema:
        """The schema of all rows of `table`, as a query would give it, with what is known of each column."""
        name = f'"{product.product.name}"."{table.table.name}"'
        try:
            columns = self._gateway.describe(session, Query(f"SELECT * FROM {name}")).schema
        except (NotFound, Forbidden):  # metadata may be granted where queries are not
            kinds = self._arrow_types(session, [column.type for column in table.columns])
            names = [column.name for column in table.columns]
            columns = pa.schema([pa.field(name, kind) for name, kind in zip(names, kinds, strict=True)])
        return catalog.described(product, table, columns)

    def _arrow_types(self, session: Session, kinds: list[str]) -> list[pa.DataType]:
        """The Arrow types that the engine gives to its own type names, in order."""
        if not kinds:
            return []
        items = ", ".join(f"CAST(NULL AS {kind})" for kind in kinds)
        return list(self._gateway.describe(session, Query(f"SELECT {items}")).schema.types)


def _expected(kind: type[_M], body: bytes) -> _M:
    message = messages.unpack(body)
    if not isinstance(message, kind):
        raise BadQuery(f"the body is no {kind.__name__}", reason="value")
    return message


def _no_transaction(transaction: bytes | None) -> None:
    if transaction:
        raise BadQuery("there are no transactions: each query sees one snapshot of each product", reason="protocol")


def _ipc(schema: pa.Schema) -> bytes:
    """A schema as an encapsulated IPC message."""
    return bytes(schema.serialize().to_pybytes())
