"""The messages of Arrow Flight SQL as frozen dataclasses, and the Any that wraps them. Pure: bytes to values and back.

Source: apache/arrow, format/FlightSql.proto and format/Flight.proto (session options). Field names are the protocol's.
"""

from __future__ import annotations

from dataclasses import dataclass

from gateway import BadQuery
from ports.flight import wire
from ports.flight.wire import field

_PREFIX = "type.googleapis.com/arrow.flight.protocol.sql."


@dataclass(frozen=True)
class CommandGetSqlInfo:
    """What the server is and can do; all of it where `info` names nothing."""

    info: tuple[int, ...] = field(1, "uint32", repeated=True)


@dataclass(frozen=True)
class CommandGetXdbcTypeInfo:
    """The data types of the server."""

    data_type: int | None = field(1, "int32", optional=True)


@dataclass(frozen=True)
class CommandGetCatalogs:
    """Every catalog."""


@dataclass(frozen=True)
class CommandGetDbSchemas:
    """Schemas: an absent filter does not narrow, "" means those without one."""

    catalog: str | None = field(1, "text", optional=True)
    db_schema_filter_pattern: str | None = field(2, "text", optional=True)


@dataclass(frozen=True)
class CommandGetTables:
    """Tables, with their Arrow schemas if asked."""

    catalog: str | None = field(1, "text", optional=True)
    db_schema_filter_pattern: str | None = field(2, "text", optional=True)
    table_name_filter_pattern: str | None = field(3, "text", optional=True)
    table_types: tuple[str, ...] = field(4, "text", repeated=True)
    include_schema: bool = field(5, "bool")


@dataclass(frozen=True)
class CommandGetTableTypes:
    """Every type of table."""


@dataclass(frozen=True)
class CommandGetPrimaryKeys:
    """The key of one table."""

    catalog: str | None = field(1, "text", optional=True)
    db_schema: str | None = field(2, "text", optional=True)
    table: str = field(3, "text")


@dataclass(frozen=True)
class CommandGetExportedKeys:
    """The foreign keys that refer to one table."""

    catalog: str | None = field(1, "text", optional=True)
    db_schema: str | None = field(2, "text", optional=True)
    table: str = field(3, "text")


@dataclass(frozen=True)
class CommandGetImportedKeys:
    """The foreign keys of one table."""

    catalog: str | None = field(1, "text", optional=True)
    db_schema: str | None = field(2, "text", optional=True)
    table: str = field(3, "text")


@dataclass(frozen=True)
class CommandGetCrossReference:
    """The foreign keys of one table that refer to another."""

    pk_catalog: str | None = field(1, "text", optional=True)
    pk_db_schema: str | None = field(2, "text", optional=True)
    pk_table: str = field(3, "text")
    fk_catalog: str | None = field(4, "text", optional=True)
    fk_db_schema: str | None = field(5, "text", optional=True)
    fk_table: str = field(6, "text")


@dataclass(frozen=True)
class CommandStatementQuery:
    """A SELECT to be answered."""

    query: str = field(1, "text")
    transaction_id: bytes | None = field(2, "bytes", optional=True)


@dataclass(frozen=True)
class CommandPreparedStatementQuery:
    """A prepared SELECT to be answered, or (DoPut) to be given its parameters."""

    prepared_statement_handle: bytes = field(1, "bytes")


@dataclass(frozen=True)
class TicketStatementQuery:
    """What DoGet redeems."""

    statement_handle: bytes = field(1, "bytes")


@dataclass(frozen=True)
class CommandStatementUpdate:
    """A statement that would write: refused."""

    query: str = field(1, "text")


@dataclass(frozen=True)
class CommandPreparedStatementUpdate:
    """A prepared statement that would write: refused."""

    prepared_statement_handle: bytes = field(1, "bytes")


@dataclass(frozen=True)
class CommandStatementIngest:
    """Rows to be written: refused."""

    table: str = field(2, "text")


@dataclass(frozen=True)
class CommandStatementSubstraitPlan:
    """A Substrait plan: refused."""


@dataclass(frozen=True)
class ActionCreatePreparedStatementRequest:
    """A SELECT to be prepared."""

    query: str = field(1, "text")
    transaction_id: bytes | None = field(2, "bytes", optional=True)


@dataclass(frozen=True)
class ActionCreatePreparedStatementResult:
    """A prepared SELECT: both schemas are encapsulated Arrow IPC messages."""

    prepared_statement_handle: bytes = field(1, "bytes")
    dataset_schema: bytes = field(2, "bytes")
    parameter_schema: bytes = field(3, "bytes")
    is_update: bool | None = field(4, "bool", optional=True)


@dataclass(frozen=True)
class ActionClosePreparedStatementRequest:
    """A handle that is needed no longer."""

    prepared_statement_handle: bytes = field(1, "bytes")


@dataclass(frozen=True)
class ActionCancelQueryRequest:
    """A serialized FlightInfo that is read no further."""

    info: bytes = field(1, "bytes")


@dataclass(frozen=True)
class ActionCancelQueryResult:
    """One of CancelResult."""

    result: int = field(1, "int32")


@dataclass(frozen=True)
class DoPutPreparedStatementResult:
    """The handle that stands for the statement with its parameters; sent bare, not in an Any."""

    prepared_statement_handle: bytes | None = field(1, "bytes", optional=True)


@dataclass(frozen=True)
class _Any:
    """google.protobuf.Any."""

    type_url: str = field(1, "text")
    value: bytes = field(2, "bytes")


Command = (
    CommandGetSqlInfo
    | CommandGetXdbcTypeInfo
    | CommandGetCatalogs
    | CommandGetDbSchemas
    | CommandGetTables
    | CommandGetTableTypes
    | CommandGetPrimaryKeys
    | CommandGetExportedKeys
    | CommandGetImportedKeys
    | CommandGetCrossReference
    | CommandStatementQuery
    | CommandPreparedStatementQuery
    | TicketStatementQuery
    | CommandStatementUpdate
    | CommandPreparedStatementUpdate
    | CommandStatementIngest
    | CommandStatementSubstraitPlan
)
Action = ActionCreatePreparedStatementRequest | ActionClosePreparedStatementRequest | ActionCancelQueryRequest
Answer = ActionCreatePreparedStatementResult | ActionCancelQueryResult
Packed = Command | Action | Answer

_KINDS: dict[str, type[Packed]] = {
    f"{_PREFIX}{kind.__name__}": kind for kind in (*Command.__args__, *Action.__args__, *Answer.__args__)
}


def bare(message: DoPutPreparedStatementResult) -> bytes:
    """`message` as it is, without an Any."""
    return wire.encode(message)


def pack(message: Packed) -> bytes:
    """`message` in an Any."""
    return wire.encode(_Any(_PREFIX + type(message).__name__, wire.encode(message)))


def unpack(data: bytes) -> Packed:
    """The Flight SQL message in the Any `data`. Raises BadQuery: value if malformed, protocol if of no known type."""
    wrapped = wire.decode(_Any, data)
    kind = _KINDS.get(wrapped.type_url)
    if kind is None:
        raise BadQuery("this is no Flight SQL message that the server knows", reason="protocol")
    return wire.decode(kind, wrapped.value)
