"""Pulls over the PostgreSQL wire, as fast as a socket gives them: bytes are counted and dropped, whoever serves.

psycopg signs in; then its socket is read directly, so that no client's decoding is measured.
"""

from __future__ import annotations

import os
import socket
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg

BUFFER_BYTES = 1 << 20
FORMS = ("SELECT, text", "SELECT, binary", "COPY, text", "COPY, binary")
_READY = b"Z\0\0\0\5I"


@dataclass(frozen=True)
class Pull:
    """Seconds to the first row and to the end, and bytes."""

    first_s: float
    all_s: float
    size: int


def pull(url: str, query: str, form: str, rows: int) -> Pull:
    """All rows of `query` in one of FORMS. Raises RuntimeError unless there are `rows` of them."""
    with _connected(url) as wire:
        start = time.perf_counter()
        wire.sendall(_asked(query, form))
        return _counted(wire, start, rows, form)


@contextmanager
def begun(url: str, query: str, form: str) -> Iterator[socket.socket]:
    """A connection that has asked and not read yet."""
    with _connected(url) as wire:
        wire.sendall(_asked(query, form))
        yield wire


@contextmanager
def _connected(url: str) -> Iterator[socket.socket]:
    with psycopg.connect(url, autocommit=True) as connection:
        wire = socket.socket(fileno=os.dup(connection.fileno()))
        wire.setblocking(True)
        with wire:
            yield wire
            # The rest of an answer that was not read belongs to nobody.
            wire.shutdown(socket.SHUT_RDWR)


def _asked(query: str, form: str) -> bytes:
    if form.startswith("COPY"):
        query = f"COPY ({query}) TO STDOUT (FORMAT {form.split()[-1]})"
    text = query.encode() + b"\0"
    if form != "SELECT, binary":
        return _message(b"Q", text)
    parse, bind = _message(b"P", b"\0" + text + b"\0\0"), _message(b"B", b"\0\0\0\0\0\0\0\1\0\1")
    return parse + bind + _message(b"D", b"P\0") + _message(b"E", b"\0\0\0\0\0") + _message(b"S", b"")


def _message(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("!i", len(body) + 4) + body


def _counted(wire: socket.socket, start: float, rows: int, form: str) -> Pull:
    tag = f"{form.partition(',')[0]} {rows}".encode() + b"\0"
    size, first_s, head, tail = 0, 0.0, b"", b""
    room = memoryview(bytearray(BUFFER_BYTES))
    while not tail.endswith(_READY):
        count = wire.recv_into(room)
        if not count:
            raise RuntimeError("the server has ended the connection")
        size += count
        if not first_s:
            head += room[:count]
            first_s = time.perf_counter() - start if _has_row(head) else 0.0
        tail = (tail + room[max(0, count - 64) : count].tobytes())[-64:]
    if not tail.endswith(_message(b"C", tag) + _READY):
        raise RuntimeError(f"{rows} rows were expected, the end is {tail!r}")
    return Pull(first_s, time.perf_counter() - start, size)


def _has_row(head: bytes) -> bool:
    """Whether a DataRow or CopyData message is whole."""
    place = 0
    while place + 5 <= len(head):
        end = place + 1 + int(struct.unpack_from("!i", head, place + 1)[0])
        if head[place : place + 1] in {b"D", b"d"} and end <= len(head):
            return True
        place = end
    return False
