"""What the server says in the PostgreSQL protocol 3.0: values to bytes. Pure; knows no socket and no state.

Source: PostgreSQL 15 documentation, chapter 55 "Frontend/Backend Protocol"; the type bytes are buenavista's.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from buenavista.postgres import ServerResponse

_INT16, _INT32, _UINT32 = (struct.Struct(form) for form in ("!h", "!i", "!I"))


@dataclass(frozen=True, slots=True)
class Field:
    """One column of a RowDescription; `table` and `attribute` are 0 for a column that stands in no table."""

    name: str
    oid: int
    size: int
    modifier: int = -1
    format: int = 0
    table: int = 0
    attribute: int = 0


def column_name(name: str) -> str:
    """A column's name as it can be sent."""
    return name.replace("\0", "")


def framed(kind: bytes, body: bytes) -> bytes:
    """A message of that type byte."""
    return kind + _INT32.pack(len(body) + 4) + body


def _text(value: str) -> bytes:
    return value.replace("\0", "").encode("utf-8", "replace") + b"\0"


AUTHENTICATION_OK = framed(ServerResponse.AUTHENTICATION_REQUEST, _INT32.pack(0))
AUTHENTICATION_CLEARTEXT = framed(ServerResponse.AUTHENTICATION_REQUEST, _INT32.pack(3))
PARSE_COMPLETE = framed(ServerResponse.PARSE_COMPLETE, b"")
BIND_COMPLETE = framed(ServerResponse.BIND_COMPLETE, b"")
CLOSE_COMPLETE = framed(ServerResponse.CLOSE_COMPLETE, b"")
NO_DATA = framed(ServerResponse.NO_DATA, b"")
EMPTY_QUERY = framed(ServerResponse.EMPTY_QUERY_RESPONSE, b"")
PORTAL_SUSPENDED = framed(ServerResponse.PORTAL_SUSPENDED, b"")
COPY_DONE = framed(b"c", b"")


def sasl(mechanisms: Sequence[str]) -> bytes:
    """AuthenticationSASL: the mechanisms on offer, the preferred first."""
    body = _INT32.pack(10) + b"".join(_text(one) for one in mechanisms) + b"\0"
    return framed(ServerResponse.AUTHENTICATION_REQUEST, body)


def sasl_continue(data: bytes) -> bytes:
    """AuthenticationSASLContinue."""
    return framed(ServerResponse.AUTHENTICATION_REQUEST, _INT32.pack(11) + data)


def sasl_final(data: bytes) -> bytes:
    """AuthenticationSASLFinal."""
    return framed(ServerResponse.AUTHENTICATION_REQUEST, _INT32.pack(12) + data)


def negotiate(unknown_options: Sequence[str]) -> bytes:
    """NegotiateProtocolVersion: 3.0 is the newest, and these options are not known."""
    body = _INT32.pack(0) + _INT32.pack(len(unknown_options)) + b"".join(_text(one) for one in unknown_options)
    return framed(b"v", body)


def parameter_status(name: str, value: str) -> bytes:
    """A setting that the client is told of."""
    return framed(ServerResponse.PARAMETER_STATUS, _text(name) + _text(value))


def key_data(process: int, key: int) -> bytes:
    """What a CancelRequest must name."""
    return framed(ServerResponse.BACKEND_KEY_DATA, _UINT32.pack(process) + _UINT32.pack(key))


def ready(status: bytes) -> bytes:
    """ReadyForQuery: I (idle), T (in a transaction) or E (in a failed one)."""
    return framed(ServerResponse.READY_FOR_QUERY, status)


def command_complete(tag: str) -> bytes:
    """The end of a statement."""
    return framed(ServerResponse.COMMAND_COMPLETE, _text(tag))


def row_description(fields: Sequence[Field]) -> bytes:
    """The columns of the rows that follow."""
    parts = [_INT16.pack(len(fields))]
    for one in fields:
        fixed = struct.pack("!IhIhih", one.table, one.attribute, one.oid, one.size, one.modifier, one.format)
        parts += [_text(one.name), fixed]
    return framed(ServerResponse.ROW_DESCRIPTION, b"".join(parts))


def parameter_description(types: Sequence[int]) -> bytes:
    """The parameters' types."""
    body = _INT16.pack(len(types)) + b"".join(_UINT32.pack(one) for one in types)
    return framed(ServerResponse.PARAMETER_DESCRIPTION, body)


def copy_out(binary: bool, columns: int) -> bytes:
    """CopyOutResponse."""
    code = int(binary)
    return framed(b"H", struct.pack("!bh", code, columns) + _INT16.pack(code) * columns)


def error(fields: Mapping[str, str]) -> bytes:
    """ErrorResponse of fields by their letter (S, V, C, M, D, H, P)."""
    return framed(ServerResponse.ERROR_RESPONSE, _report(fields))


def notice(fields: Mapping[str, str]) -> bytes:
    """NoticeResponse of fields by their letter."""
    return framed(ServerResponse.NOTICE_RESPONSE, _report(fields))


def _report(fields: Mapping[str, str]) -> bytes:
    return b"".join(letter.encode() + _text(value) for letter, value in fields.items()) + b"\0"
