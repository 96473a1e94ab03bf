"""Bytes of a client to messages: framing and decoding. Pure; knows no socket and no state.

Source: PostgreSQL 15 documentation, chapter 55 "Frontend/Backend Protocol"; the type bytes are buenavista's.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator

from buenavista.postgres import ClientCommand

from ports.postgres.frontend import (
    Bind,
    CancelRequest,
    Close,
    CopyInput,
    Describe,
    Execute,
    First,
    Flush,
    FunctionCall,
    GssEncRequest,
    Message,
    Parse,
    Password,
    ProtocolViolation,
    Query,
    SslRequest,
    Startup,
    Sync,
    Target,
    Terminate,
)

CANCEL_CODE, SSL_CODE, GSSENC_CODE = 80877102, 80877103, 80877104


class _Reader:
    """A cursor over one message's body. Raises ProtocolViolation where the body is too short."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self._place = 0

    def _take(self, form: struct.Struct) -> int:
        try:
            (value,) = form.unpack_from(self._body, self._place)
        except struct.error:
            raise ProtocolViolation("insufficient data left in message") from None
        self._place += form.size
        return int(value)

    def int16(self) -> int:
        return self._take(_INT16)

    def int32(self) -> int:
        return self._take(_INT32)

    def uint32(self) -> int:
        return self._take(_UINT32)

    def count(self) -> int:
        """A number of items, which cannot be negative nor larger than the body."""
        number = self._take(_UINT16)
        if number > len(self._body):
            raise ProtocolViolation("insufficient data left in message")
        return number

    def raw(self, size: int) -> bytes:
        if size < 0 or self._place + size > len(self._body):
            raise ProtocolViolation("insufficient data left in message")
        self._place += size
        return self._body[self._place - size : self._place]

    def text(self) -> str:
        end = self._body.find(b"\0", self._place)
        if end < 0:
            raise ProtocolViolation("invalid string in message")
        taken, self._place = self._body[self._place : end], end + 1
        return _decoded(taken)

    def rest(self) -> bytes:
        return self.raw(len(self._body) - self._place)

    def end(self) -> None:
        if self._place != len(self._body):
            raise ProtocolViolation("invalid message format")


_INT16, _UINT16, _INT32, _UINT32 = (struct.Struct(form) for form in ("!h", "!H", "!i", "!I"))


class BadEncoding(Exception):
    """A text that is not UTF-8: an error of the statement, after which the connection goes on.

    `simple`: it came in a Query, after whose error the client waits for ReadyForQuery.
    """

    def __init__(self, message: str, *, simple: bool = False) -> None:
        super().__init__(message)
        self.simple = simple


def _decoded(data: bytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise BadEncoding('invalid byte sequence for encoding "UTF8"') from None


def first(body: bytes) -> First:
    """The message that opens a connection; `body` is without its length."""
    reader = _Reader(body)
    code = reader.uint32()
    if code == CANCEL_CODE:
        process, key = reader.uint32(), reader.uint32()
        reader.end()
        return CancelRequest(process, key)
    if code in {SSL_CODE, GSSENC_CODE}:
        reader.end()
        return SslRequest() if code == SSL_CODE else GssEncRequest()
    parameters: dict[str, str] = {}
    try:
        while name := reader.text():
            parameters[name] = reader.text()
    except BadEncoding as error:
        raise ProtocolViolation(str(error)) from None
    reader.end()
    return Startup(code >> 16, code & 0xFFFF, parameters)


def message(kind: int, body: bytes) -> Message:
    """A message by its type byte and body. Raises ProtocolViolation, BadEncoding."""
    read = _READ.get(kind)
    if read is None:
        raise ProtocolViolation(f"invalid frontend message type {kind}")
    reader = _Reader(body)
    try:
        found = read(reader)
    except BadEncoding as error:
        raise BadEncoding(str(error), simple=kind == ClientCommand.QUERY[0]) from None
    reader.end()
    return found


def _parse(reader: _Reader) -> Parse:
    name, text = reader.text(), reader.text()
    return Parse(name, text, tuple(reader.uint32() for _ in range(reader.count())))


def _bind(reader: _Reader) -> Bind:
    portal, statement = reader.text(), reader.text()
    formats = tuple(reader.int16() for _ in range(reader.count()))
    values = tuple(_value(reader) for _ in range(reader.count()))
    results = tuple(reader.int16() for _ in range(reader.count()))
    if any(one not in (0, 1) for one in (*formats, *results)):
        raise ProtocolViolation("unsupported format code")
    return Bind(portal, statement, formats, values, results)


def _value(reader: _Reader) -> bytes | None:
    size = reader.int32()
    return None if size == -1 else reader.raw(size)


def _target(reader: _Reader) -> Target:
    kind = reader.raw(1)
    if kind not in {b"S", b"P"}:
        raise ProtocolViolation("invalid message format")
    return "S" if kind == b"S" else "P"


def _dropped(reader: _Reader) -> CopyInput:
    reader.rest()
    return CopyInput()


def _function_call(reader: _Reader) -> FunctionCall:
    reader.rest()
    return FunctionCall()


_READ: dict[int, Callable[[_Reader], Message]] = {
    ClientCommand.QUERY[0]: lambda reader: Query(reader.text()),
    ClientCommand.PARSE[0]: _parse,
    ClientCommand.BIND[0]: _bind,
    ClientCommand.DESCRIBE[0]: lambda reader: Describe(_target(reader), reader.text()),
    ClientCommand.EXECUTE[0]: lambda reader: Execute(reader.text(), max(0, reader.int32())),
    ClientCommand.CLOSE[0]: lambda reader: Close(_target(reader), reader.text()),
    ClientCommand.SYNC[0]: lambda _: Sync(),
    ClientCommand.FLUSH[0]: lambda _: Flush(),
    ClientCommand.TERMINATE[0]: lambda _: Terminate(),
    ClientCommand.PASSWORD_MESSAGE[0]: lambda reader: Password(reader.rest()),
    ord("d"): _dropped,
    ord("c"): _dropped,
    ord("f"): _dropped,
    ord("F"): _function_call,
}


def sasl_initial(body: bytes) -> tuple[str, bytes]:
    """Mechanism and first message of a SASLInitialResponse."""
    reader = _Reader(body)
    try:
        mechanism = reader.text()
    except BadEncoding as error:
        raise ProtocolViolation(str(error)) from None
    size = reader.int32()
    answer = reader.raw(max(0, size))
    reader.end()
    return mechanism, answer


def cleartext(body: bytes) -> str:
    """The password of a plain password message."""
    reader = _Reader(body)
    try:
        password = reader.text()
    except BadEncoding as error:
        raise ProtocolViolation(str(error)) from None
    reader.end()
    return password


class Frames:
    """Cuts a stream of bytes into messages: feed it what came, read what is whole. Holds one message at most.

    `limit` bounds a message's length; a longer one raises ProtocolViolation before its body is read.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._held = bytearray()

    def feed(self, data: bytes) -> None:
        """Bytes from the client."""
        self._held += data

    @property
    def pending(self) -> bool:
        """Whether bytes have come that no message was made of yet."""
        return bool(self._held)

    @property
    def wanted(self) -> int:
        """The length of the message that is not whole yet, 0 where none is known."""
        return int(_INT32.unpack_from(self._held, 1)[0]) if len(self._held) >= 5 else 0

    def first(self) -> First | None:
        """The opening message, None until all of it is there."""
        if len(self._held) < 4:
            return None
        body = self._body(0, 8)
        return None if body is None else first(body)

    def messages(self) -> Iterator[tuple[int, bytes]]:
        """Type byte and body of each whole message."""
        while len(self._held) >= 5:
            kind = self._held[0]
            body = self._body(1, 4)
            if body is None:
                return
            yield kind, body

    def _body(self, start: int, least: int) -> bytes | None:
        (size,) = _INT32.unpack_from(self._held, start)
        if not least <= size <= self.limit:
            raise ProtocolViolation("invalid message length")
        end = start + size
        if len(self._held) < end:
            return None
        body = bytes(self._held[start + 4 : end])
        del self._held[:end]
        return body
